"""The pulse of a process beats while there is work, and ends what works and gets nothing done."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cotton_server.sealing.pulse import EXIT_STUCK

WORK = "until = time.monotonic() + 1\nwhile time.monotonic() < until: pass"
WORK_IN_STEPS = f"{WORK.removesuffix('pass')}pulse.step()"


def ran(does: str, step_max_s: float) -> subprocess.CompletedProcess[str]:
    """A process that begins with a pulse, then does something for a second or two, has ended."""
    program = f"""
import threading, time
from cotton_server.sealing import pulse as module
module._BEAT_S = 0.01
pulse = module.Pulse(lambda: print(flush=True))
time.sleep(0.3)  # The time that starting took is told of first.
pulse.step()
module._STEP_MAX_S = {step_max_s}
print("begins", flush=True)
{does}
"""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("does", "beats"),
    [(WORK, True), ("time.sleep(2)", False), ("threading.Event().wait(2)", False)],
)
def test_it_beats_while_a_processor_is_used(does: str, beats: bool) -> None:
    """One that waits for what never comes says nothing, and is ended by who hears it."""
    found = ran(does, 600)
    assert found.returncode == 0
    assert (found.stdout.split("begins\n")[1].count("\n") > 3) is beats


@pytest.mark.parametrize(
    ("does", "ends"),
    [(WORK, True), (WORK_IN_STEPS, False), ("time.sleep(2)", False)],
)
def test_who_works_and_gets_nothing_done_is_ended(does: str, ends: bool) -> None:
    """Time counts in which a processor was used: another process may have it for hours."""
    found = ran(does, 0.3)
    assert found.returncode == (EXIT_STUCK if ends else 0)
    assert ("without getting anything done" in found.stderr) is ends
