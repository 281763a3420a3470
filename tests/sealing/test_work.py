"""The process that seals says what the server has to know of it, and no more."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from cotton_server.ledger import LedgerReader
from cotton_server.sealing import follow, work
from cotton_server.sealing.follow import Follower
from cotton_server.sealing.process import ProcessFailedError, run

from tests.support.sealed_story import tell_more, tell_sealed
from tests.support.sealing import BALES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PARTS = ("sweep", "begin", "write_evidence", "write_readings", "write_image", "write_standing")
"""What takes long of sealing."""

OPTIONS = (
    *("--until", "1000"),
    *("--bales", "20"),
    *("--bales-max", str(BALES_MAX)),
    *("--resident-bales-max", "0"),
    *("--cold-bytes-max", str(1 << 20)),
)


@pytest.fixture
def unsealed(tmp_path: Path) -> Path:
    """A data directory whose last entry is not sealed."""
    tell_sealed(tmp_path)
    tell_more(tmp_path)
    return tmp_path


@pytest.mark.parametrize("part", ["begin", "write_standing"])
def test_a_process_that_seals_without_an_end_is_ended(unsealed: Path, part: str) -> None:
    """Wherever it goes round and round; the log of the server then has why."""
    program = f"""
import sys
from cotton_server.sealing import follow, pulse, work
pulse._BEAT_S, pulse._STEP_MAX_S = 0.05, 2.0
def {part}(*_, **__):
    while True:
        pass
follow.{part} = {part}
sys.exit(work.main({[str(unsealed), *OPTIONS]!r}))
"""
    with pytest.raises(ProcessFailedError, match=r"without getting anything done"):
        run(
            [sys.executable, "-c", program],
            lambda _: None,
            threading.Event(),
            silence_max_s=30,
            environment=os.environ,
        )


def test_every_part_of_sealing_is_a_step(unsealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that take long none follows the other without a word."""
    said: list[str] = []

    def telling(name: str, part: Callable[..., Any]) -> Callable[..., Any]:
        def told(*arguments: Any, **named: Any) -> Any:
            said.append(name)
            return part(*arguments, **named)

        return told

    for name in PARTS:
        monkeypatch.setattr(follow, name, telling(name, getattr(follow, name)))
    with (
        closing(LedgerReader(unsealed)) as ledger,
        closing(
            Follower(
                unsealed,
                ledger,
                bales_max=BALES_MAX,
                resident_bales_max=0,
                done=lambda: said.append(""),
            )
        ) as follower,
    ):
        follower.seal(ledger.position, bales=20, sealed=lambda _: None)
    assert set(said) == {"", *PARTS}
    assert said[-1] == ""
    assert all("" in pair for pair in pairwise(said)), said


def test_what_is_told_of_an_error_is_bounded() -> None:
    assert work._bounded("short") == "short"
    text = "the beginning" + "x" * 1_000_000 + "the remedy"
    said = work._bounded(text)
    assert len(said) < 5000
    assert said.startswith("the beginning")
    assert said.endswith("the remedy")
