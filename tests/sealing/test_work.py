"""The process that seals says what the server has to know of it, and no more."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cotton_server.sealing import work


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("until = time.monotonic() + 1\nwhile time.monotonic() < until: pass", True),
        ("time.sleep(2)", False),
        ("threading.Event().wait(2)", False),
    ],
)
def test_a_process_that_seals_says_that_it_is_at_work_while_it_is(does: str, told: bool) -> None:
    """A processor was used: one that waits for what never comes says nothing."""
    program = f"""
import threading, time
from cotton_server.sealing import work
work._WORK_S = 0.01
work._tell_of_work()
time.sleep(0.3)  # The time that starting took is told of first.
print("begins", flush=True)
{does}
"""
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert (found.stdout.split("begins\n")[1].count("\n") > 3) is told


def test_what_is_told_of_an_error_is_bounded() -> None:
    assert work._bounded("short") == "short"
    text = "the beginning" + "x" * 1_000_000 + "the remedy"
    said = work._bounded(text)
    assert len(said) < 5000
    assert said.startswith("the beginning")
    assert said.endswith("the remedy")
