"""Disks that fail and power that goes: what was acknowledged is there, and nothing twice."""

from __future__ import annotations

import random
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import apsw
import pytest
from cotton.inspection.v1 import readings_pb2
from cotton_server.errors import Reason, ServiceError
from cotton_server.ledger import Ledger, LedgerError, LedgerFailedError, LedgerFullError

from tests.support.bales import bale
from tests.support.broken import (
    acknowledging_before_commit,
    going_on_after_failure,
    without_sync,
)
from tests.support.committing import answer, committing
from tests.support.entries import entry, read
from tests.support.faulty_disk import faulty_disk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GROUPS = [[1], [2, 3], [4], [5, 6, 7], [8], [9]]
"""Sequences of the entries that are appended together."""


def payload(sequence: int) -> bytes:
    """More than a page of a known content."""
    return bytes([sequence]) * 3000


def append_all(ledger: Ledger) -> list[int]:
    """Appends all groups while the ledger takes them; the sequences acknowledged."""
    acknowledged: list[int] = []
    for group in GROUPS:
        try:
            ledger.append([entry(sequence, payload(sequence)) for sequence in group])
        except LedgerFullError:
            break
        except LedgerFailedError:
            with pytest.raises(LedgerFailedError):
                ledger.append([entry(99)])
            break
        acknowledged += group
    return acknowledged


def check_stored(directory: Path, acknowledged: list[int]) -> None:
    """All that was acknowledged is there in order, whole, and in whole groups."""
    stored = [(each.content.sequence, each.content.payload) for each in read(directory)]
    sequences = [sequence for sequence, _ in stored]
    assert sequences[: len(acknowledged)] == acknowledged
    ends = [sum(map(len, GROUPS[:count])) for count in range(len(GROUPS) + 1)]
    assert len(sequences) in ends
    assert sequences == list(range(1, len(sequences) + 1))
    assert all(content == payload(sequence or 0) for sequence, content in stored)


def check_power_failure(directory: Path, seed: int) -> None:
    """Power fails after every commit in turn, and leaves what it likes of what was not synced."""
    draw = random.Random(seed)  # noqa: S311 - reproducible faults
    with faulty_disk() as disk:
        live = directory / "live"
        live.mkdir()
        ledger = Ledger(live, page_bytes=512)
        acknowledged: list[int] = []
        for number, group in enumerate(GROUPS):
            ledger.append([entry(sequence, payload(sequence)) for sequence in group])
            acknowledged += group
            left = directory / f"after-{number}"
            left.mkdir()
            disk.after_power_failure(left, draw)
        ledger.close()
    acknowledged = []
    for number, group in enumerate(GROUPS):
        acknowledged += group
        check_stored(directory / f"after-{number}", acknowledged)


@pytest.mark.parametrize("seed", range(8))
def test_what_was_acknowledged_survives_a_power_failure(tmp_path: Path, seed: int) -> None:
    check_power_failure(tmp_path, seed)


@pytest.mark.parametrize("broken", [without_sync, acknowledging_before_commit])
def test_a_build_that_does_not_sync_before_it_acknowledges_is_caught(
    tmp_path: Path, broken: Callable[[], AbstractContextManager[None]]
) -> None:
    def check() -> None:
        for seed in range(8):
            (tmp_path / str(seed)).mkdir()
            check_power_failure(tmp_path / str(seed), seed)

    with broken(), pytest.raises((AssertionError, LedgerError)):
        check()


FAULTS: dict[str, Callable[[], apsw.Error]] = {
    "error": lambda: apsw.IOError("the disk failed"),
    "full": lambda: apsw.FullError("no space left"),
}


def check_every_call_failing(directory: Path, fault: str, *, lasting: bool) -> int:
    """Fails each write, sync and deletion of a healthy run in turn; how many there were."""
    fail_at = 0
    while True:
        fail_at += 1
        place = directory / f"{fail_at}"
        place.mkdir()
        acknowledged: list[int] = []
        with faulty_disk() as disk:
            disk.error, disk.lasting, disk.fail_at = FAULTS[fault], lasting, fail_at
            try:
                ledger = Ledger(place, page_bytes=512)
            except LedgerError:
                pass  # it says so, and nothing was acknowledged
            else:
                acknowledged = append_all(ledger)
                disk.fail_at, calls = None, disk.calls
                ledger.close()
                if calls < fail_at:
                    assert acknowledged == [each for group in GROUPS for each in group]
                    return fail_at - 1
        check_stored(place, acknowledged)


# SQLite goes on cleaning up after an error; what fails there reaches nobody but the log.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("fault", FAULTS)
def test_whichever_call_to_the_disk_fails_nothing_acknowledged_is_lost(
    tmp_path: Path, fault: str, lasting: bool
) -> None:
    assert check_every_call_failing(tmp_path, fault, lasting=lasting) > 50


@pytest.mark.parametrize(
    ("build", "caught"), [(nullcontext, False), (going_on_after_failure, True)]
)
def test_a_failed_sync_ends_all_acknowledgement(
    tmp_path: Path, build: Callable[[], AbstractContextManager[None]], caught: bool
) -> None:
    """The next sync would succeed, because the kernel has dropped what it could not write."""
    with faulty_disk() as disk, build():
        ledger = Ledger(tmp_path)
        ledger.append([entry(1)])
        disk.syncs, disk.fail_at = 0, disk.calls + 1
        while disk.syncs == 0:  # the first call of a commit that is a sync
            try:
                ledger.append([entry(2)])
            except LedgerFailedError:
                break
            disk.fail_at = disk.calls + 2
        disk.fail_at = None
        goes_on = True
        try:
            ledger.append([entry(3)])
        except LedgerFailedError:
            goes_on = False
        ledger.close()
    assert goes_on is caught


async def test_a_failing_disk_below_the_committer_stops_it_for_good(tmp_path: Path) -> None:
    with faulty_disk() as disk:
        async with committing(tmp_path) as running:
            await running.stored(1, [bale(1)])
            disk.fail_at, disk.lasting = disk.calls + 1, True
            for identity in (2, 1, "b"):
                with pytest.raises(ServiceError) as caught:
                    await answer(await running.send(identity, [bale(2)]))
                assert caught.value.reason is Reason.STORAGE_FAILED
                disk.fail_at = None
            await running.closed()
            assert len(running.failures) == 1
    async with committing(tmp_path) as restarted:
        assert (await restarted.stored(1, [bale(1)])).repeated


async def test_a_full_disk_below_the_committer_is_waited_out(tmp_path: Path) -> None:
    with faulty_disk() as disk:
        async with committing(tmp_path) as running:
            await running.stored(1, [bale(1)])
            disk.error = FAULTS["full"]
            for calls in range(1, 4):
                disk.fail_at, disk.lasting = disk.calls + calls, True
                with pytest.raises(ServiceError) as caught:
                    await answer(await running.send(2, [bale(2)]))
                assert caught.value.reason is Reason.STORAGE_FULL
                disk.fail_at = None
            stored = await running.stored(2, [bale(2)])
            assert isinstance(stored.outcome, readings_pb2.BatchOutcome)
            assert (stored.revision, stored.outcome.created) == (2, 1)


def test_a_checkpoint_that_fails_ends_all_acknowledgement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its error is heard, though the entries are in the log and will be found there."""
    monkeypatch.setattr("cotton_server.ledger.ledger._CHECKPOINT_PAGES", 1)
    with faulty_disk() as disk:
        ledger = Ledger(tmp_path, page_bytes=512)
        ledger.append([entry(1, payload(1))])
        ledger.checkpoint()
        ledger.append([entry(2, payload(2))])
        disk.lasting, disk.fail_at = True, disk.calls + 1
        with pytest.raises(LedgerFailedError):
            ledger.checkpoint()
        with pytest.raises(LedgerFailedError):
            ledger.append([entry(3, payload(3))])
        disk.fail_at = None
        ledger.close()
    assert [each.content.sequence for each in read(tmp_path)] == [1, 2]


def test_a_checkpoint_on_a_full_disk_is_left_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cotton_server.ledger.ledger._CHECKPOINT_PAGES", 1)
    with faulty_disk() as disk:
        ledger = Ledger(tmp_path, page_bytes=512)
        ledger.append([entry(1, payload(1))])
        disk.error, disk.fail_at = FAULTS["full"], disk.calls + 1
        ledger.checkpoint()
        disk.fail_at = None
        ledger.append([entry(2, payload(2))])
        ledger.checkpoint()
        ledger.close()
    assert [each.content.sequence for each in read(tmp_path)] == [1, 2]
