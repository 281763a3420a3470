"""A committer in this process, with a ledger that can be held back: groups form when wanted."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from cotton.inspection.v1 import common_pb2, ingest_pb2, lots_pb2, readings_pb2
from cotton_server.intake.committer import Committer, Receipt, Stored, Submission
from cotton_server.intake.content import APPEND, LOTS, READINGS, REQUESTS
from cotton_server.intake.decode import BatchLimits, decode
from cotton_server.intake.room import Bounds
from cotton_server.ledger import Ledger, NewEntry
from cotton_server.registry.registry import Registry
from cotton_server.sealing.history import open_history, recover

from tests.support.bales import LOT, Bale, append_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from cotton_server.intake.records import BatchAnswered, GroupCommitted, ReplayProgress

ANSWER_S_MAX = 20


@dataclass
class Notes:
    """An observer that keeps what it is told."""

    groups: list[GroupCommitted] = field(default_factory=list)
    answered: list[BatchAnswered] = field(default_factory=list)
    flights: list[tuple[int, int]] = field(default_factory=list)

    def group_committed(self, record: GroupCommitted) -> None:
        """Keeps it."""
        self.groups.append(record)

    def batch_answered(self, record: BatchAnswered) -> None:
        """Keeps it."""
        self.answered.append(record)

    def in_flight(self, batches: int, size_bytes: int) -> None:
        """Keeps it."""
        self.flights.append((batches, size_bytes))

    def replay_progress(self, record: ReplayProgress) -> None:
        """Is of no interest here."""


class HeldLedger(Ledger):
    """A ledger whose appends wait while it is held, so that a queue builds up behind one."""

    def __init__(self, directory: Path) -> None:
        """Opens it, not held."""
        super().__init__(directory)
        self._free = threading.Event()
        self._free.set()
        self.waiting = threading.Event()

    def hold(self) -> None:
        """The next append waits."""
        self.waiting.clear()
        self._free.clear()

    def release(self) -> None:
        """Appends go on."""
        self._free.set()

    def append(self, entries: Sequence[NewEntry]) -> int:
        """Appends when it is not held."""
        self.waiting.set()
        self._free.wait(ANSWER_S_MAX)
        return super().append(entries)


@dataclass
class Committing:
    """A running committer and what it works on."""

    ledger: HeldLedger
    registry: Registry
    committer: Committer
    notes: Notes
    failures: list[Exception]

    async def send(
        self,
        identity: int | str,
        bales: Sequence[Bale],
        *,
        producer: str = "p",
        shape: str = "columns",
        payload: bytes | None = None,
    ) -> asyncio.Future[Stored]:
        """Submits a batch; its answer to come."""
        if payload is None:
            payload = append_request(bales, identity=identity, shape=shape).SerializeToString()
        request = ingest_pb2.AppendReadingsRequest.FromString(payload)
        return await self._submit(
            Submission(
                kind=READINGS,
                producer=producer,
                sequence=None if isinstance(identity, str) else identity,
                batch_id=identity if isinstance(identity, str) else None,
                principal="anonymous",
                message=APPEND,
                payload=payload,
                content=decode(request.batch, BatchLimits(10_000)),
                answer=asyncio.get_running_loop().create_future(),
                receipt=Receipt(),
            )
        )

    async def register(
        self, request_id: str, *, lot_no: str = LOT, producer: str = "p", gate_in_at_s: int = 0
    ) -> asyncio.Future[Stored]:
        """Submits the registration of a lot; its answer to come."""
        lot = lots_pb2.Lot(
            lot_no=lot_no,
            cotton_type=common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND,
            declared_bales=186,
            gate_in_at_s=gate_in_at_s,
        )
        request = lots_pb2.RegisterLotsRequest(
            producer_id=producer, request_id=request_id, lots=[lot]
        )
        return await self._submit(
            Submission(
                kind=LOTS,
                producer=producer,
                sequence=None,
                batch_id=request_id,
                principal="anonymous",
                message=REQUESTS[LOTS].name,
                payload=request.SerializeToString(),
                content=request,
                answer=asyncio.get_running_loop().create_future(),
                receipt=Receipt(),
            )
        )

    async def stored(self, identity: int | str, bales: Sequence[Bale]) -> Stored:
        """Submits a batch and waits for its answer."""
        return await answer(await self.send(identity, bales))

    async def held(self) -> None:
        """Returns when an append waits."""
        await asyncio.to_thread(self.ledger.waiting.wait, ANSWER_S_MAX)

    async def closed(self) -> Notes:
        """Drains, so that all there is to note was noted: records follow the answers."""
        self.ledger.release()
        await self.committer.close()
        return self.notes

    async def _submit(self, submission: Submission) -> asyncio.Future[Stored]:
        await self.committer.reserve(len(submission.payload))
        self.committer.submit(submission)
        return submission.answer


async def answer(future: asyncio.Future[Stored]) -> Stored:
    """The answer, when it comes."""
    return await asyncio.wait_for(future, ANSWER_S_MAX)


def created(stored: Stored) -> int:
    """Bales that a batch created."""
    outcome = stored.outcome
    assert isinstance(outcome, readings_pb2.BatchOutcome)
    return outcome.created


BOUNDS = Bounds(
    group_bytes_max=4 << 20,
    queued_bytes_max=64 << 20,
    bales_max=5000,
    lots_max=100,
    conflicts_max=1000,
    accounts_max=100,
)


@asynccontextmanager
async def committing(
    directory: Path, *, bounds: Bounds = BOUNDS, resident: int = 0
) -> AsyncIterator[Committing]:
    """A committer on the ledger of a directory, recovered first; drained in the end.

    Of what is sealed, as many rows are in memory as `resident` says.
    """
    ledger = HeldLedger(directory)
    registry = recover(
        ledger,
        open_history(directory, ledger),
        partial(Registry, bales_max=bounds.bales_max),
        resident_bales_max=resident,
    ).registry
    notes, failures = Notes(), list[Exception]()
    committer = Committer(ledger, registry, bounds, notes, failures.append)
    try:
        yield Committing(ledger, registry, committer, notes, failures)
    finally:
        ledger.release()
        await committer.close()
        ledger.close()
