"""The core in this process, driven step by step: submitted to, killed, started again, looked at."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from cotton.inspection.v1 import readings_pb2
from cotton_server.errors import ServiceError
from cotton_server.intake.committer import Receipt, Stored, Submission
from cotton_server.intake.content import APPEND, READINGS, REQUESTS
from cotton_server.intake.decode import BatchLimits, decode
from cotton_server.intake.replay import replay
from cotton_server.ledger import sealed_directory
from cotton_server.ledger.opening import FILE_NAME
from cotton_server.registry.records import Versions
from cotton_server.registry.registry import Registry

from tests.support.bales import Bale, append_request
from tests.support.committing import ANSWER_S_MAX, BOUNDS, Committing, committing
from tests.support.deciding import Deciding
from tests.support.oracle import Snapshot
from tests.support.sealing import seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cotton_server.ledger import Entry

PRODUCERS: Final = ("p", "q")

Answer = Stored | ServiceError


@dataclass(frozen=True)
class Message:
    """What a producer sends: readings under a sequence or an id, or records under an id.

    `kind` is that of the ledger entry, `parts` are bales or records.
    """

    kind: str
    producer: str
    identity: int | str
    parts: Sequence[Any]
    shape: str = "columns"

    def submission(self) -> Submission:
        """As a handler would hand it in; must be called on the running loop."""
        sequence = self.identity if isinstance(self.identity, int) else None
        batch_id = self.identity if isinstance(self.identity, str) else None
        if self.kind == READINGS:
            bales: Sequence[Bale] = self.parts
            append = append_request(bales, identity=self.identity, shape=self.shape)
            name, payload = APPEND, append.SerializeToString()
            content: Any = decode(append.batch, BatchLimits(1000))
        else:
            kind = REQUESTS[self.kind]
            named = {"producer_id": self.producer, "request_id": self.identity}
            content = kind.message(**named, **{kind.records: self.parts})  # type: ignore[arg-type]
            name, payload = kind.name, content.SerializeToString()
        return Submission(
            kind=self.kind,
            producer=self.producer,
            sequence=sequence,
            batch_id=batch_id,
            principal="anonymous",
            message=name,
            payload=payload,
            content=content,
            answer=asyncio.get_running_loop().create_future(),
            receipt=Receipt(),
        )


class Core:
    """A committer, its ledger and its registry, in a directory of its own."""

    def __init__(self) -> None:
        """Starts with an empty ledger."""
        self._home = Path(tempfile.mkdtemp(prefix="cotton-machine-"))
        self._lives = 0
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._running: Committing | None = None
        self._open(self._next_directory())

    @property
    def running(self) -> Committing:
        """What runs now."""
        assert self._running is not None
        return self._running

    @property
    def registry(self) -> Registry:
        """The registry of what runs now."""
        return self.running.registry

    def send(self, messages: Sequence[Message], *, together: bool = False) -> list[Answer]:
        """Submits messages and gives their answers; `together`: all but the first as one group."""
        return self._loop.run_until_complete(self._send(messages, together=together))

    def restart(self) -> None:
        """Ends in order and starts again from the ledger."""
        directory = self._directory
        self._end()
        self._open(directory)

    def seal(self, *, bales: int, free: bool, resident: int) -> None:
        """Ends in order, has everything sealed in ranges of so many bales, and starts from that.

        `free`: the payloads are freed in the ledger; `resident`: rows that are in memory then.
        """
        directory = self._directory
        self._end()
        if any(directory.iterdir()):
            seal(directory, bales=bales, free=free)
        self._open(directory, resident=resident)

    def kill(self, messages: Sequence[Message] = ()) -> None:
        """Starts again from the files as they are, with messages on their way to the disk."""
        following = self._next_directory()
        self._loop.run_until_complete(self._abandon(messages, following))
        self._end()
        self._open(following)

    def close(self) -> None:
        """Ends, and removes the directory."""
        try:
            self._end()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
            shutil.rmtree(self._home)

    def entries(self) -> list[Entry]:
        """All that is in the ledger."""
        return list(self.running.ledger.verified())

    async def _send(self, messages: Sequence[Message], *, together: bool) -> list[Answer]:
        running = self.running
        if together:
            running.ledger.hold()
        futures = []
        for place, message in enumerate(messages):
            submission = message.submission()
            await running.committer.reserve(len(submission.payload))
            running.committer.submit(submission)
            futures.append(submission.answer)
            if together and place == 0:
                # It is refused, or waits in its append; either way the others form a group.
                submission.answer.add_done_callback(lambda _: running.ledger.waiting.set())
                await running.held()
        running.ledger.release()
        return [await _settled(future) for future in futures]

    async def _abandon(self, messages: Sequence[Message], following: Path) -> None:
        running = self.running
        futures = []
        if messages:
            running.ledger.hold()
        for message in messages:
            submission = message.submission()
            await running.committer.reserve(len(submission.payload))
            running.committer.submit(submission)
            futures.append(submission.answer)
        # The file first: what is folded into it meanwhile is in the log still.
        for name in (FILE_NAME, FILE_NAME + "-wal"):
            if (self._directory / name).exists():
                shutil.copy(self._directory / name, following / name)
        if (sealed := sealed_directory(self._directory)).exists():
            shutil.copytree(sealed, sealed_directory(following))
        running.ledger.release()
        for future in futures:
            await _settled(future)

    def _next_directory(self) -> Path:
        self._lives += 1
        directory = self._home / str(self._lives)
        directory.mkdir()
        return directory

    def _open(self, directory: Path, *, resident: int = 0) -> None:
        self._directory = directory
        opening = self._stack.enter_async_context(committing(directory, resident=resident))
        self._running = self._loop.run_until_complete(opening)

    def _end(self) -> None:
        running, self._running = self._running, None
        self._loop.run_until_complete(self._stack.aclose())
        assert running is None or running.failures == []


async def _settled(future: asyncio.Future[Stored]) -> Answer:
    try:
        return await asyncio.wait_for(future, ANSWER_S_MAX)
    except ServiceError as error:
        return error


def told_at(registry: Registry, revision: int) -> Snapshot:
    """What a registry answers at a revision, in the words of the oracle."""
    reader = Deciding(bales_max=1)
    reader.registry = registry
    lots = {lot.lot_no: lot.course.step_at(revision) for lot in registry.lots}
    return Snapshot(
        in_force=sorted(reader.counted(revision)),
        first=sorted(reader.counted(revision, first=True)),
        lots={
            lot_no: (int(step[1].state), tuple(map(int, step[1].holds)))
            for lot_no, step in lots.items()
            if step is not None
        },
        conflicts={
            each.id: (
                int(each.state_at(revision)),
                (int(registry.bales.high[each.row]), int(registry.bales.low[each.row])),
                _differs(each.outcome),
                each.stored_revision,
                tuple(position for position in each.arrivals if position <= revision),
            )
            for each in registry.conflicts
            if each.place[0] <= revision
        },
        changes=sorted(
            (
                change.moment.position,
                registry.lots[change.lot].lot_no,
                int(change.kind),
                int(change.before),
                int(change.after),
            )
            for change in registry.changes
            if change.moment.position == revision
        ),
    )


def _differs(outcome: int) -> str:
    """The field in which a reading of a conflict differs first."""
    name = readings_pb2.Outcome.Name(cast("Any", outcome))
    return name.removeprefix("OUTCOME_EXISTS_WITH_DIFFERENT_").lower()


def replayed(entries: Iterable[Entry]) -> Registry:
    """The registry of some entries."""
    registry = Registry(bales_max=BOUNDS.bales_max)
    replay(entries, registry, of=0)
    return registry


def everything(registry: Registry) -> dict[str, Any]:
    """All that a registry holds, by what it is, so that what differs is named."""
    bales, held = registry.bales, registry.bales.count
    columns: dict[str, Any] = {"high": bales.high, "low": bales.low, "position": bales.position}
    columns |= {"batch_row": bales.batch_row, "inspected_at_s": bales.inspected_at_s}
    columns |= {"kind": bales.kind, "has_course": bales.has_course}
    columns |= {**bales.values, **bales.references}
    return {
        "revision": registry.revision,
        "received": [registry.received_by_us(each) for each in range(registry.revision + 1)],
        "producers": {name: registry.producers.get(name) for name in PRODUCERS},
        "columns": {name: column[:held].tolist() for name, column in columns.items()},
        "texts": {
            name: [book[n] for n in range(len(book))] for name, book in registry.texts.items()
        },
        "lots": [
            {each.name: _spelled_out(getattr(lot, each.name)) for each in fields(lot)}
            for lot in registry.lots
        ],
        "courses": {row: registry.course(row) for row in range(held) if bales.has_course[row]},
        "conflicts": list(registry.conflicts),
        "changes": registry.changes,
    }


def _spelled_out(value: Any) -> Any:
    if isinstance(value, Versions):
        return list(value.all)
    if isinstance(value, dict):
        return {name: _spelled_out(each) for name, each in value.items()}
    return value
