"""The benchmark of instruments: schedule, joined times, and when a rate is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.instruments.figures import figures
from benchmarks.instruments.generate import schedule
from benchmarks.instruments.loads import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.instruments.figures import Figures

MS = 1_000_000
PLAN = Plan(instruments=1, generators=1, warm_up_s=1, seconds=1, window=16)
READINGS = 2000


def joined(directory: Path, *, client_ms: np.ndarray, noted: int = READINGS) -> Figures:
    """The figures of a reading every ms, answered after `client_ms`, 2 ms of it in the server."""
    sequences = np.arange(1, READINGS + 1)
    due = (sequences - 1) * MS
    answered = due + (client_ms * MS).astype(np.int64)
    same = [np.zeros(READINGS, np.int64), sequences, sequences + 10]
    sent = np.stack([*same, due, due, answered], axis=1)
    answers = np.stack([*same, answered - 3 * MS, answered - MS], axis=1)[:noted]
    durable_s = np.stack([sequences + 10, np.full(READINGS, 0.0015)], axis=1)
    groups = np.array([[0.5, 4, 1, 1, 1, 1], [1.5, 5, 0.4, 0.3, 0.2, 0.1]])
    path = directory / "noted.npz"
    np.savez(path, answers=answers, durable_s=durable_s, groups=groups)
    return figures(sent, path, 0, PLAN)


def test_an_instrument_sends_once_in_every_period() -> None:
    """Readings are due one a period, at moments that are the same in every run."""
    due = schedule(7, 500, 40 * MS)
    assert [moment // (40 * MS) for moment in due] == list(range(500))
    assert due == schedule(7, 500, 40 * MS)
    assert due != schedule(8, 500, 40 * MS)


def test_warm_up_is_left_out_and_latencies_are_exact(tmp_path: Path) -> None:
    """What was due in the first second enters no figure; percentiles are those of real times."""
    client_ms = np.where(np.arange(READINGS) < 1000, 500.0, 4.0)
    client_ms[1990:] = 40.0
    found = joined(tmp_path, client_ms=client_ms)
    assert found.readings == 1000
    assert (found.server.ms(50), found.server.ms(99), found.durable.ms(99)) == (2.0, 2.0, 1.5)
    assert (found.client.ms(50), found.client.ms(99), found.client.ms(99.1)) == (4.0, 4.0, 40.0)
    assert (found.late.ms(100), found.inward.ms(50), found.outward.ms(50)) == (0.0, 1.0, 1.0)
    assert (found.groups, found.batches, found.commit_s) == (1, 5, 0.3)


def test_latency_that_stays_is_kept_up_with_and_latency_that_grows_is_not(tmp_path: Path) -> None:
    """A long but constant way is no overload; answers that come ever later are."""
    steady = joined(tmp_path, client_ms=np.full(READINGS, 300.0))
    assert steady.kept_up
    assert steady.backlog[-1] == pytest.approx(300, abs=2)
    growing = joined(tmp_path, client_ms=np.linspace(4, 104, READINGS))
    assert not growing.kept_up
    assert growing.growth == pytest.approx(0.05, abs=0.01)


def test_readings_that_the_server_did_not_note_are_no_result(tmp_path: Path) -> None:
    """A reading answered to a client and unknown to the server makes the run an error."""
    with pytest.raises(BenchmarkError, match="1999 readings"):
        joined(tmp_path, client_ms=np.full(READINGS, 4.0), noted=READINGS - 1)
