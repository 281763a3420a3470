"""Old seasons are read from disk while nobody holds the registry: whoever appends goes on."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import ingest_pb2
from cotton_server.api.ingest import IngestHandlers
from cotton_server.api.requests import Admission
from cotton_server.domain.identifiers import BaleKey
from cotton_server.errors import Reason, ServiceError
from cotton_server.grading.standards import load_standards
from cotton_server.intake.decode import BatchLimits
from cotton_server.runs.portions import portions
from cotton_server.sealing.history import SealedReadings
from cotton_server.summary.adding import Names
from cotton_server.summary.at_revision import LotsAtRevision
from cotton_server.summary.bale_list import Cause, listed_bales
from cotton_server.summary.basis import Basis
from cotton_server.summary.gradings import Gradings
from cotton_server.summary.query import Query
from cotton_server.summary.status import AsOf, Deadlines
from cotton_server.summary.views import LotViews
from cotton_server.trace.conflicts import ConflictFilter, ConflictListing
from cotton_server.trace.history import bale_at

from tests.support.bales import LOT, OTHER_LOT, Bale, append_request, bale, code, key_of
from tests.support.committing import ANSWER_S_MAX, Committing, Notes, answer, committing, created
from tests.support.sealing import recovered, seal
from tests.support.streaming import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from cotton_server.registry.bales import BaleStore
    from cotton_server.registry.registry import Registry
    from cotton_server.summary.at_revision import LotsAt

WAIT_S = 5.0
MIDDLE = 3
"""A revision within the range that is sealed first."""

OLD, AMENDED = bale(1), bale(2)
NEW_LOT = "65140241001"
OLD_KEY, AMENDED_KEY = BaleKey(*key_of(OLD)), BaleKey(*key_of(AMENDED))


def new(number: int) -> Bale:
    """A bale of another season: whether it is there is known without the disk."""
    return Bale(code(number, baled="241114"), NEW_LOT, values={"length": 2800})


async def _fill(directory: Path) -> None:
    async with committing(directory) as running:
        await running.stored(1, [OLD, AMENDED, bale(3, OTHER_LOT)])
        await running.stored(2, [AMENDED.but(length=2999)])
        await running.stored(3, [AMENDED.but(length=3000).correcting(1)])
        await running.stored(4, [bale(4), bale(5, OTHER_LOT)])
        await running.stored(5, [bale(number) for number in range(10, 30)])


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A ledger all of which is sealed, so that all of its readings lie on disk."""
    asyncio.run(_fill(tmp_path))
    assert (seal(tmp_path, until=4), seal(tmp_path)) == (1, 2)
    return tmp_path


def forget(bales: BaleStore) -> None:
    """Lets go what was read back from disk."""
    for kept in (bales._cold._kept_keys, bales._cold._kept_rows):
        kept._kept.clear()
        kept.size_bytes = 0


class Disk:
    """A disk that gives nothing until it is let."""

    def __init__(self) -> None:
        """Nobody reads."""
        self.reads: SimpleQueue[threading.Event | None] = SimpleQueue()
        """What lets each read go on, when it has begun."""
        self._free = threading.Event()

    async def read(self) -> threading.Event | None:
        """The next read that has begun."""
        return await asyncio.to_thread(self.reads.get, timeout=ANSWER_S_MAX)

    @contextmanager
    def held(self, patch: pytest.MonkeyPatch) -> Iterator[None]:
        """Each read of a part waits, all of them until the end of it at the latest."""
        columns = SealedReadings._columns

        def wait(part: SealedReadings, **wanted: Any) -> Mapping[str, Any]:
            mine = threading.Event()
            self.reads.put(mine)
            while not (mine.wait(0.01) or self._free.is_set()):
                pass
            return columns(part, **wanted)

        with patch.context() as slow:
            slow.setattr(SealedReadings, "_columns", wait)
            try:
                yield
            finally:
                self._free.set()


@dataclass
class Asker:
    """What is asked of old seasons, each at the latest revision that all of it was sealed at."""

    running: Committing
    lots: LotsAtRevision
    views: LotViews

    @staticmethod
    def of(running: Committing) -> Asker:
        """Has the standing of lots made: afterwards only what is asked for is read."""
        registry = running.registry
        lots = LotsAtRevision(registry, Gradings(registry, load_standards()))
        lots.all_lots(None)
        return Asker(running, lots, LotViews(registry, Deadlines(10, 10), lambda at: at * 10**6))

    @property
    def registry(self) -> Registry:
        """What is asked."""
        return self.running.registry

    @property
    def old_lots(self) -> LotsAt:
        """All lots at the old revision, as if somebody had asked for them before."""
        return self.lots.all_lots(MIDDLE)

    def history(self) -> object:
        """One bale that was read once."""
        return str(bale_at(OLD_KEY, MIDDLE, self.registry, self.running.ledger))

    def history_of_amended(self) -> object:
        """One bale to which more happened."""
        return str(bale_at(AMENDED_KEY, MIDDLE, self.registry, self.running.ledger))

    def conflicts(self) -> object:
        """The conflicts of a bale."""
        wanted = ConflictFilter(bale=AMENDED_KEY)
        return str(ConflictListing(self.registry, self.running.ledger, wanted, MIDDLE).page())

    def certificate(self) -> object:
        """One lot."""
        return str(self.views.view(self._number(), AsOf(MIDDLE, 0)))

    def statuses(self) -> object:
        """The status of several lots."""
        return str(list(self.views.statuses(range(2), AsOf(MIDDLE, 0))))

    def all_lots(self) -> object:
        """The standing of all lots."""
        self.lots._older.clear()
        return self.lots.all_lots(MIDDLE).standing.lots.drop("part").rows()

    def listed(self) -> object:
        """Bales by a cause."""
        names = Names(self.lots.words, self.registry.texts)
        causes = frozenset({Cause.UNREGISTERED})
        found = listed_bales(
            self.old_lots, Query(), causes, names, self.registry, Basis.FIRST_INSPECTION
        )
        return list(found)

    def portions(self) -> object:
        """The bales of lots that are settled."""
        lots = self.old_lots
        standards = lots.grading.basis.standards
        sources: Any = SimpleNamespace(registry=self.registry, lots=lots, standards=standards)
        terms: Any = SimpleNamespace(revision=MIDDLE, basis=Basis.IN_FORCE)
        standard = standards["GB1103.1-2012"]
        frames = portions([self._number(), 1], standard, ["length"], sources, terms)
        return [frame.rows() for frame in frames]

    def _number(self) -> int:
        number = self.registry.lots.number_of(LOT, 2016)
        assert number is not None
        return number


QUESTIONS: list[Callable[[Asker], object]] = [
    Asker.history,
    Asker.history_of_amended,
    Asker.conflicts,
    Asker.certificate,
    Asker.statuses,
    Asker.all_lots,
    Asker.listed,
    Asker.portions,
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: each.__name__)
async def test_a_question_that_waits_for_the_disk_holds_up_no_commit(
    question: Callable[[Asker], object], old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with committing(old, resident=1000) as running:
        expected = question(Asker.of(running))
    async with committing(old) as running:
        asker = Asker.of(running)
        assert asker.old_lots.revision == MIDDLE
        forget(running.registry.bales)
        disk, number = Disk(), 6
        with disk.held(monkeypatch):
            asking = asyncio.create_task(asyncio.to_thread(question, asker))
            # What needs nothing of the disk has its answer at once.
            asking.add_done_callback(lambda _: disk.reads.put(None))
            while (read := await disk.read()) is not None:
                stored = asyncio.create_task(running.stored(number, [new(number)]))
                done, _ = await asyncio.wait({stored}, timeout=WAIT_S)
                assert done, "a commit waits for what somebody else reads"
                assert created(await stored) == 1
                number += 1
                read.set()
        assert await asking == expected


async def test_nothing_is_read_from_disk_for_what_is_stored_already(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read to decide may be gone from memory when it is applied."""
    async with committing(old) as running:
        steps = (
            [OLD.but(length=2500).correcting(1)],
            [bale(3, OTHER_LOT, length=2600)],
            [AMENDED.but(length=2700).correcting(3), new(200)],
        )
        for number, bales in enumerate(steps, 6):
            running.ledger.hold()
            sent = await running.send(number, bales)
            await running.held()
            forget(running.registry.bales)
            with monkeypatch.context() as gone_disk:
                gone_disk.setattr(SealedReadings, "_columns", _unreadable)
                running.ledger.release()
                assert (await answer(sent)).revision == number
        assert running.failures == []
        seen = str(bale_at(OLD_KEY, 0, running.registry, running.ledger))
    registry, _ = recovered(old, resident=1000)
    assert registry.revision == 8
    async with committing(old, resident=1000) as running:
        assert str(bale_at(OLD_KEY, 0, running.registry, running.ledger)) == seen


async def test_a_batch_that_waits_for_the_disk_holds_up_no_other(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repeat of an old bale is decided by what is on disk, which is read before its turn."""
    async with committing(old) as running:
        calls = ingest(running)
        forget(running.registry.bales)
        disk = Disk()
        with disk.held(monkeypatch):
            repeat = asyncio.create_task(asked(calls, "again", OLD))
            await disk.read()
            other = asyncio.create_task(asked(calls, "other", new(1)))
            done, _ = await asyncio.wait({other}, timeout=WAIT_S)
        assert done, "a batch waits for what another is compared with"
        assert (await other).result.outcome.created == 1
        assert (await repeat).result.outcome.existing == 1


async def test_whoever_goes_while_the_disk_is_read_leaves_the_room_to_others(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with committing(old) as running:
        calls = ingest(running)
        forget(running.registry.bales)
        disk = Disk()
        with disk.held(monkeypatch):
            gone = asyncio.create_task(asked(calls, "gone", OLD))
            await disk.read()
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
        assert (running.committer._in_flight, running.committer._in_flight_bytes) == (0, 0)
        assert (await running.stored("gone", [OLD])).repeated is False


def ingest(running: Committing) -> IngestHandlers:
    """Handlers in front of a committer."""
    return IngestHandlers(
        running.committer,
        running.registry,
        BatchLimits(1000),
        Admission(running.committer, Notes(), message_bytes_max=1 << 20),
        batches_in_flight_max=4,
    )


async def asked(
    calls: IngestHandlers, batch_id: str, each: Bale
) -> ingest_pb2.SubmitReadingsResponse:
    """The answer to a batch of one bale."""
    batch = append_request([each], identity=batch_id).batch
    request = ingest_pb2.SubmitReadingsRequest(producer_id="p", batch=batch)
    context: Any = Call()
    return await calls.submit_readings(request.SerializeToString(), context)


def _unreadable(_part: SealedReadings, **_wanted: Any) -> Mapping[str, Any]:
    raise AssertionError("it is read under the lock")


async def test_a_damaged_file_has_only_the_batches_refused_that_need_it(
    old: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever was committed with them is stored; the log names the file, the answer does not."""
    monkeypatch.setattr("logging.Logger.propagate", True, raising=False)
    (path,) = (old / "sealed" / "readings").glob("season=*/0000000001-*.parquet")
    content = path.read_bytes()
    async with committing(old) as running:
        path.write_bytes(content[:-1] + b"?")
        running.ledger.hold()
        first = await running.send(1, [new(300)], producer="first")
        await running.held()
        others = [
            await running.send(number, [new(300 + number)], producer="other")
            for number in range(1, 6)
        ]
        repeat = await running.send(6, [OLD, new(400)])
        after = await running.send(7, [new(401)])
        others += [
            await running.send(number, [new(300 + number)], producer="other")
            for number in range(6, 9)
        ]
        running.ledger.release()
        assert (await answer(first)).revision == 6
        assert [(await answer(each)).revision for each in others] == list(range(7, 15))
        error = await refusal(repeat)
        assert error.reason is Reason.STORAGE_DAMAGED
        assert path.name not in str(error)
        assert path.name in caplog.text
        assert (await refusal(after)).reason is Reason.SEQUENCE_GAP
        assert running.failures == []
        path.write_bytes(content)
        assert (await running.stored(6, [OLD, new(400)])).revision == 15
        assert (await running.stored(7, [new(401)])).revision == 16


async def refusal(future: asyncio.Future[Any]) -> ServiceError:
    """The error that a batch was refused with."""
    with pytest.raises(ServiceError) as caught:
        await answer(future)
    return caught.value
