"""Group commit: applied once, answered in order, bounded, and never after a failure."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.verdict import judge
from cotton_server.ledger import LedgerFailedError, LedgerFullError
from cotton_server.ledger.opening import FILE_NAME

from tests.support.bales import LOT, OTHER_LOT, Bale, append_request, bale, usda_bale
from tests.support.committing import ANSWER_S_MAX, BOUNDS, answer, committing, created
from tests.support.entries import read
from tests.support.streaming import until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cotton_server.intake.committer import Stored

ONE = [bale(1), bale(2), usda_bale(3)]
TWO = [bale(1), bale(4), bale(5, length=9999), bale(2, length=2999)]


async def refusal(future: asyncio.Future[Stored]) -> ServiceError:
    """The error that answers a submission."""
    with pytest.raises(ServiceError) as caught:
        await answer(future)
    return caught.value


async def test_a_batch_is_in_the_ledger_byte_for_byte_when_it_is_acknowledged(
    tmp_path: Path,
) -> None:
    payload = append_request(ONE, identity=1, shape="rows").SerializeToString()
    async with committing(tmp_path) as running:
        stored = await answer(await running.send(1, ONE, payload=payload))
        entry = running.ledger.at(stored.revision)
        assert entry is not None
        content = entry.content
        assert content.payload == payload
        assert (content.kind, content.producer, content.sequence) == ("readings", "p", 1)
        assert (content.batch_id, content.principal) == (None, "anonymous")
        assert content.message == "cotton.inspection.v1.AppendReadingsRequest"
        assert (content.contract, content.rule_set) == ("cotton.inspection.v1", "intake-3")
        assert content.received_at_us == stored.received_at_us
        assert content.outcomes == stored.outcome.SerializeToString(deterministic=True)


@pytest.mark.parametrize("identity", [2, "a-file:7"])
@pytest.mark.parametrize("shape", ["rows", "columns"])
async def test_the_same_batch_again_gives_the_first_answer_and_changes_nothing(
    tmp_path: Path, identity: int | str, shape: str
) -> None:
    """Also in the other shape, in other bytes, and after a restart: not even the time changes."""
    async with committing(tmp_path) as running:
        await running.stored(1, ONE)
        first = await running.stored(identity, TWO)
        assert not first.repeated
        again = await answer(await running.send(identity, TWO, shape=shape))
        assert again == replace(first, repeated=True)
        assert running.ledger.position == 2
    async with committing(tmp_path) as restarted:
        again = await answer(await restarted.send(identity, TWO, shape=shape))
        assert again == replace(first, repeated=True)
        assert (restarted.ledger.position, len(restarted.registry.bales.index)) == (2, 4)
        notes = await restarted.closed()
        assert [each.result for each in notes.answered] == ["repeated"]


@pytest.mark.parametrize(
    "other",
    [
        TWO[:-1],
        [*TWO, bale(9)],
        [TWO[1], TWO[0], *TWO[2:]],
        [replace(TWO[0], inspected_at_s=1), *TWO[1:]],
        [replace(TWO[0], instrument="7"), *TWO[1:]],
        [TWO[0].but(rd=None), *TWO[1:]],
        [*TWO[:2], bale(5, length=9998), TWO[3]],
        [*TWO[:2], replace(TWO[2], lot_no=OTHER_LOT), TWO[3]],
        [Bale("12", LOT, values={"length": 2820}), *TWO[1:]],
    ],
)
@pytest.mark.parametrize("identity", [1, "b"])
async def test_an_identity_that_was_used_with_other_content_is_refused(
    tmp_path: Path, identity: int | str, other: list[Bale]
) -> None:
    async with committing(tmp_path) as running:
        first = await running.stored(identity, TWO)
        error = await refusal(await running.send(identity, other, shape="rows"))
        assert error.reason is Reason.BATCH_REUSED
        assert error.metadata == {"revision": str(first.revision)}
        assert running.ledger.position == 1


async def test_an_id_belongs_to_one_producer_and_one_kind(tmp_path: Path) -> None:
    async with committing(tmp_path) as running:
        await running.stored("b", ONE)
        theirs = await answer(await running.send("b", TWO, producer="q"))
        assert not theirs.repeated
        assert (await refusal(await running.register("b"))).reason is Reason.BATCH_REUSED
        assert not (await answer(await running.register("r"))).repeated
        assert (await answer(await running.register("r"))).repeated
        other = await refusal(await running.register("r", lot_no=OTHER_LOT))
        assert other.reason is Reason.BATCH_REUSED
        assert (await refusal(await running.send("r", ONE))).reason is Reason.BATCH_REUSED
        assert running.ledger.position == 3


@pytest.mark.parametrize("sequence", [2, 3, 2**63 - 1])
async def test_a_gap_is_refused_with_the_sequence_that_is_expected(
    tmp_path: Path, sequence: int
) -> None:
    async with committing(tmp_path) as running:
        error = await refusal(await running.send(sequence, ONE))
        assert (error.reason, error.metadata) == (Reason.SEQUENCE_GAP, {"next_sequence": "1"})
        await running.stored(1, ONE)
        error = await refusal(await running.send(sequence + 1 if sequence < 3 else sequence, TWO))
        assert error.metadata == {"next_sequence": "2"}
        assert running.ledger.position == 1


async def test_what_queues_behind_a_commit_is_committed_at_once_and_answered_in_order(
    tmp_path: Path,
) -> None:
    async with committing(tmp_path) as running:
        running.ledger.hold()
        first = await running.send(1, [bale(1)])
        await running.held()
        futures = [await running.send(number, [bale(number)]) for number in range(2, 8)]
        futures.append(await running.send("b", [bale(1), bale(7), bale(8)], producer="q"))
        assert not any(future.done() for future in (first, *futures))
        running.ledger.release()
        answers = [await answer(future) for future in (first, *futures)]
        assert [each.revision for each in answers] == list(range(1, 9))
        notes = await running.closed()
        assert [group.batches for group in notes.groups] == [1, 7]
        assert (created(answers[-1]), answers[-1].outcome.existing) == (1, 2)


async def test_identical_submissions_in_one_group_are_stored_once(tmp_path: Path) -> None:
    async with committing(tmp_path) as running:
        running.ledger.hold()
        await running.send("first", [bale(99)])
        await running.held()
        sent: list[tuple[int | str, list[Bale]]] = [(1, ONE), ("b", TWO), (1, ONE), ("b", TWO)]
        futures = [await running.send(identity, bales) for identity, bales in sent]
        after = await running.send(2, [bale(50)])
        other = await running.send("b", ONE)
        running.ledger.release()
        one, two, one_again, two_again = [await answer(future) for future in futures]
        assert (one_again, two_again) == (replace(one, repeated=True), replace(two, repeated=True))
        assert [one.repeated, two.repeated] == [False, False]
        assert not (await answer(after)).repeated
        assert (await refusal(other)).reason is Reason.BATCH_REUSED
        assert running.ledger.position == 4


async def test_a_group_holds_no_more_bytes_than_its_bound(tmp_path: Path) -> None:
    size = len(append_request([bale(1)], identity=1).SerializeToString())
    bounds = replace(BOUNDS, group_bytes_max=3 * size + 10)
    async with committing(tmp_path, bounds=bounds) as running:
        running.ledger.hold()
        await running.send(1, [bale(1)])
        await running.held()
        futures = [await running.send(number, [bale(number)]) for number in range(2, 9)]
        running.ledger.release()
        await asyncio.gather(*map(answer, futures))
        notes = await running.closed()
        assert [group.batches for group in notes.groups] == [1, 3, 3, 1]


async def test_a_batch_above_the_bound_of_a_group_is_committed_alone(tmp_path: Path) -> None:
    bounds = replace(BOUNDS, group_bytes_max=1, queued_bytes_max=1)
    async with committing(tmp_path, bounds=bounds) as running:
        assert (await running.stored(1, ONE)).revision == 1


async def test_lots_are_decided_alone_between_the_readings_around_them(tmp_path: Path) -> None:
    async with committing(tmp_path) as running:
        running.ledger.hold()
        await running.send(1, [bale(1)])
        await running.held()
        before = await running.send(2, [bale(2)])
        lot = await running.register("r")
        after = await running.send(3, [bale(3)])
        running.ledger.release()
        answers = [await answer(future) for future in (before, lot, after)]
        assert [each.revision for each in answers] == [2, 3, 4]
        unregistered = [answers[0].outcome, answers[2].outcome]
        assert [each.unregistered for each in unregistered] == [1, 0]  # type: ignore[union-attr]


async def test_bytes_in_flight_are_bounded_and_room_is_given_back(tmp_path: Path) -> None:
    size = len(append_request([bale(1)], identity=1).SerializeToString())
    bounds = replace(BOUNDS, queued_bytes_max=2 * size + 10)
    async with committing(tmp_path, bounds=bounds) as running:
        running.ledger.hold()
        sent = [asyncio.create_task(running.send(n, [bale(n)])) for n in range(1, 6)]
        await running.held()
        await asyncio.sleep(0.05)
        assert [task.done() for task in sent] == [True, True, False, False, False]
        running.ledger.release()
        for task in sent:
            await answer(await task)
        notes = await running.closed()
        assert max(size_bytes for _, size_bytes in notes.flights) <= 2 * size + 10
        assert notes.flights[-1] == (0, 0)


async def test_a_caller_that_went_away_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async with committing(tmp_path) as running:
        running.ledger.hold()
        gone = await running.send(1, [bale(1)])
        await running.held()  # from here on it is stored, whoever waits for it
        gone.cancel()
        stays = await running.send(2, [bale(2)])
        running.ledger.release()
        assert (await answer(stays)).revision == 2
        assert (await running.stored(1, [bale(1)])).repeated
        notes = await running.closed()
        assert notes.flights[-1] == (0, 0)


async def test_a_registry_that_is_full_refuses_and_goes_on(tmp_path: Path) -> None:
    bounds = replace(BOUNDS, bales_max=4, lots_max=2)
    async with committing(tmp_path, bounds=bounds) as running:
        await running.stored(1, ONE)
        error = await refusal(await running.send(2, [bale(5), bale(6)]))
        assert error.reason is Reason.REGISTRY_FULL
        assert created(await running.stored(2, [bale(5)])) == 1
        assert running.ledger.position == 2


async def test_readings_of_more_lots_than_are_held_are_refused(tmp_path: Path) -> None:
    """A producer that names a new lot a bale cannot fill the memory."""
    async with committing(tmp_path, bounds=replace(BOUNDS, lots_max=2)) as running:
        await running.stored(1, [bale(1)])
        many = [bale(number, f"651401610{number:02d}") for number in range(10, 14)]
        error = await refusal(await running.send(2, many))
        assert error.reason is Reason.REGISTRY_FULL
        again = await running.stored(2, [bale(number) for number in range(20, 30)])
        assert (again.revision, created(again)) == (2, 10)


def failing(error: Callable[[], Exception]) -> Callable[..., int]:
    """A step that raises."""

    def step(*_arguments: object) -> int:
        raise error()

    return step


async def test_after_a_failed_write_nothing_is_acknowledged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with committing(tmp_path) as running:
        await running.stored(1, ONE)
        with monkeypatch.context() as broken:
            broken.setattr(running.ledger, "append", failing(lambda: LedgerFailedError("sync")))
            error = await refusal(await running.send(2, TWO))
            assert error.reason is Reason.STORAGE_FAILED
        # The disk would take it again; what it did before is not known.
        for identity, bales in ((2, TWO), (3, TWO), (1, ONE)):
            error = await refusal(await running.send(identity, bales))
            assert error.reason is Reason.STORAGE_FAILED
        await asyncio.sleep(0)
        assert [str(failure) for failure in running.failures] == ["sync"]
        notes = await running.closed()
        assert notes.flights[-1] == (0, 0)
    assert len(read(tmp_path)) == 1


async def test_a_write_that_fails_for_a_part_of_a_group_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group that cannot be decided is committed in parts: none after the one that failed."""
    written: list[object] = []

    def judge_one(contents: Sequence[object], *others: Any) -> object:
        if len(contents) > 1:
            raise ZeroDivisionError("a bug")
        return judge(contents, *others)  # type: ignore[arg-type]  # passed on as they are

    def append(entries: object) -> int:
        written.append(entries)
        raise LedgerFailedError("sync")

    def checkpoint() -> None:
        if written:
            raise LedgerFailedError("failed before")

    async with committing(tmp_path) as running:
        running.ledger.hold()
        first = await running.send(1, ONE)
        await running.held()
        monkeypatch.setattr("cotton_server.intake.committer.judge", judge_one)
        monkeypatch.setattr(running.ledger, "append", append)
        monkeypatch.setattr(running.ledger, "checkpoint", checkpoint)
        others = [await running.send(number, [bale(number * 10)]) for number in range(2, 6)]
        running.ledger.release()
        assert (await answer(first)).revision == 1
        for each in others:
            assert (await refusal(each)).reason is Reason.STORAGE_FAILED
        assert len(written) == 1
        await running.closed()
        assert [str(failure) for failure in running.failures] == ["sync"]


async def test_whatever_goes_wrong_after_the_write_stops_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that may be half changed answers nothing more."""
    async with committing(tmp_path) as running:
        monkeypatch.setattr(running.registry, "keep", failing(lambda: ValueError("bug")))
        error = await refusal(await running.send(1, ONE))
        assert error.reason is Reason.STORAGE_FAILED
        await until(lambda: bool(running.failures))
        assert [str(failure) for failure in running.failures] == ["bug"]
    monkeypatch.undo()
    async with committing(tmp_path) as restarted:
        assert (await restarted.stored(1, ONE)).repeated


async def test_a_full_disk_keeps_nothing_and_says_so_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with committing(tmp_path) as running:
        await running.stored(1, ONE)
        with monkeypatch.context() as full:
            full.setattr(running.ledger, "append", failing(lambda: LedgerFullError("full")))
            assert (await refusal(await running.send(2, TWO))).reason is Reason.STORAGE_FULL
            assert (await refusal(await running.send("b", TWO))).reason is Reason.STORAGE_FULL
        stored = await running.stored(2, TWO)
        assert (stored.revision, stored.repeated, created(stored)) == (2, False, 1)
        assert running.failures == []
        notes = await running.closed()
        assert [each.result for each in notes.answered] == ["STORAGE_FULL"] * 2


async def test_a_batch_that_cannot_be_decided_is_refused_alone_and_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The remedy sends the reader to the log, so the log has it."""

    def judge(*_arguments: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("logging.Logger.propagate", True, raising=False)
    async with committing(tmp_path) as running:
        with monkeypatch.context() as broken:
            broken.setattr("cotton_server.intake.committer.judge", judge)
            error = await refusal(await running.send(1, ONE))
        assert error.reason is Reason.INTERNAL
        assert (await running.stored(1, ONE)).revision == 1
        notes = await running.closed()
        assert [each.result for each in notes.answered] == ["INTERNAL"]
    assert "a bug" in caplog.text


async def test_what_is_queued_at_the_end_is_committed_and_what_comes_later_refused(
    tmp_path: Path,
) -> None:
    async with committing(tmp_path) as running:
        running.ledger.hold()
        futures = [await running.send(number, [bale(number)]) for number in range(1, 5)]
        closing = asyncio.create_task(running.committer.close())
        await asyncio.sleep(0.02)
        late = await running.send(5, [bale(5)])
        assert (await refusal(late)).reason is Reason.DRAINING
        running.ledger.release()
        await closing
        assert [future.result().revision for future in futures] == [1, 2, 3, 4]
        notes = await running.closed()
        assert notes.flights[-1] == (0, 0)


async def test_groups_are_reported_with_sums_that_equal_the_answers(tmp_path: Path) -> None:
    async with committing(tmp_path) as running:
        answers = [await running.stored(1, ONE), await running.stored(2, TWO)]
        notes = await running.closed()
        names = "received", "created", "existing", "conflicting", "rejected", "warned"
        for name in names:
            told = sum(getattr(group, name) for group in notes.groups)
            assert told == sum(getattr(each.outcome, name) for each in answers)
        assert [group.revision for group in notes.groups] == [1, 2]
        assert all(len(group.ack_latencies_s) == group.batches for group in notes.groups)


async def test_a_large_message_has_its_turn_among_small_ones(tmp_path: Path) -> None:
    """Otherwise small ones that still fit would keep it waiting for ever."""
    bounds = replace(BOUNDS, queued_bytes_max=1000)
    async with committing(tmp_path, bounds=bounds) as running:
        committer = running.committer
        await committer.reserve(600)
        order: list[str] = []

        async def wait_for_room(name: str, size_bytes: int) -> None:
            await committer.reserve(size_bytes)
            order.append(name)

        large = asyncio.create_task(wait_for_room("large", 1000))
        await asyncio.sleep(0)
        small = [asyncio.create_task(wait_for_room(f"small-{n}", 100)) for n in range(3)]
        await asyncio.sleep(0)
        assert order == []
        committer.release(600)
        await asyncio.wait_for(large, ANSWER_S_MAX)
        committer.release(1000)
        await asyncio.wait_for(asyncio.gather(*small), ANSWER_S_MAX)
        assert order == ["large", "small-0", "small-1", "small-2"]
        for _ in small:
            committer.release(100)


async def test_the_log_is_folded_into_the_file_as_groups_go_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cotton_server.ledger.ledger._CHECKPOINT_PAGES", 1)
    (tmp_path / "live").mkdir()
    (tmp_path / "file").mkdir()
    async with committing(tmp_path / "live") as running:
        await running.stored(1, [bale(1)])
        await running.stored(2, [bale(2)])
        shutil.copy(tmp_path / "live" / FILE_NAME, tmp_path / "file")
    assert [each.content.sequence for each in read(tmp_path / "file")][:1] == [1]
