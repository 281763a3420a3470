"""An upload: frames cut into batches, sent, acknowledged and added up, over any connections."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import readings_pb2

from cotton_client import errors
from cotton_client.channel import MESSAGE_BYTES_MAX
from cotton_client.identity import content_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import polars as pl
    from cotton.inspection.v1 import ingest_pb2

    from cotton_client.stream import ReadingStream

BATCH_BYTES_MAX: Final = MESSAGE_BYTES_MAX - 64 * 1024
"""Largest encoded batch: the message less room for its envelope."""

BATCH_BALES_DEFAULT: Final = 4096
"""Bales a batch: some 250 KB as columns, where throughput has levelled off."""

OUTCOMES_MAX: Final = 1000
"""Outcomes other than created that the totals of an upload list; all are counted."""


@dataclass(frozen=True, slots=True)
class BaleIssue:
    """A bale of an upload that conflicts or was rejected; `bale` counts from 1 over it all."""

    bale: int
    outcome: readings_pb2.BaleOutcome


@dataclass(frozen=True, slots=True)
class UploadTotals:
    """What became of every bale of an upload.

    created + existing + conflicting + rejected = received. `revision` is the latest at
    which a batch was stored, 0 when there was none. `repeated_batches` had been stored by
    an earlier upload of the same content, and are counted by their first answer;
    `resent_batches` were sent more than once because a connection broke. `issues` lists
    the first OUTCOMES_MAX bales that conflict or were rejected, `existing_bales` the
    first OUTCOMES_MAX ranges (counted from 1) of bales that were stored before.
    """

    batches: int = 0
    received: int = 0
    created: int = 0
    existing: int = 0
    conflicting: int = 0
    rejected: int = 0
    warned: int = 0
    unregistered: int = 0
    repeated_batches: int = 0
    resent_batches: int = 0
    revision: int = 0
    issues: tuple[BaleIssue, ...] = ()
    existing_bales: tuple[range, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every bale is stored as it was sent."""
        return not self.conflicting and not self.rejected


@dataclass(slots=True)
class _Unacknowledged:
    """A batch whose answer has not come: its place in the upload and how often it was sent."""

    batch: readings_pb2.ReadingBatch
    index: int
    bale_first: int
    bales: int
    sent: int = 0
    answer: asyncio.Future[ingest_pb2.BatchResult] | None = None


@dataclass(slots=True)
class Upload:
    """The state of send_frames that outlives a connection."""

    producer_id: str
    source: Iterator[readings_pb2.ReadingBatch]
    sequenced: bool
    on_progress: Callable[[UploadTotals], None] | None
    totals: UploadTotals = field(default_factory=UploadTotals)
    pending: deque[_Unacknowledged] = field(default_factory=deque)
    batches_read: int = 0
    bales_read: int = 0
    sequence_first: int = 0
    source_error: Exception | None = None

    async def run(self, stream: ReadingStream) -> None:
        """Sends what is unacknowledged, then the rest; returns when all is acknowledged."""
        self._agree_on_sequence(stream)
        for each in self.pending:
            each.answer = None
        for each in tuple(self.pending):
            await self._send(stream, each)
        while (batch := await self._next()) is not None:
            await self._send(stream, self._take(batch))
        while self.pending:
            await self._acknowledge(self.pending[0])
        if self.source_error is not None:
            raise self.source_error

    async def _next(self) -> readings_pb2.ReadingBatch | None:
        """The next batch; None at the end, or where the source fails.

        A failure is kept until what was sent before it is acknowledged.
        """
        if self.source_error is not None:
            return None
        try:
            return await asyncio.to_thread(next, self.source, None)
        except Exception as error:  # noqa: BLE001 - raised by run, whatever it is
            self.source_error = error
            return None

    def _agree_on_sequence(self, stream: ReadingStream) -> None:
        """Starts at the producer's sequence, or checks that nobody else moved it."""
        if not self.sequenced:
            return
        if not self.batches_read:
            self.sequence_first = stream.next_sequence
        acknowledged = self.sequence_first + self.totals.batches
        read = self.sequence_first + self.batches_read
        if not acknowledged <= stream.next_sequence <= read:
            raise errors.OutOfSequence(
                f"Producer {self.producer_id} stands at sequence {stream.next_sequence},"
                f" where {acknowledged} to {read} was expected.",
                metadata={"next_sequence": str(stream.next_sequence)},
            )

    def _take(self, batch: readings_pb2.ReadingBatch) -> _Unacknowledged:
        """The batch with its identity, held until it is acknowledged."""
        bales = batch.columns.count or len(batch.rows.readings)
        if self.sequenced:
            batch.sequence = self.sequence_first + self.batches_read
        else:
            batch.batch_id = content_id(batch, self.batches_read)
        unacknowledged = _Unacknowledged(batch, self.batches_read, self.bales_read + 1, bales)
        self.pending.append(unacknowledged)
        self.batches_read += 1
        self.bales_read += bales
        return unacknowledged

    async def _send(self, stream: ReadingStream, each: _Unacknowledged) -> None:
        """Sends a batch, then counts whatever was answered meanwhile."""
        each.sent += 1
        each.answer = await stream.send(each.batch)
        while self.pending and (answer := self.pending[0].answer) is not None and answer.done():
            await self._acknowledge(self.pending[0])

    async def _acknowledge(self, each: _Unacknowledged) -> None:
        """Counts the answer to the oldest batch; raises what refused it."""
        if each.answer is None:
            raise AssertionError("the oldest batch was not sent")
        try:
            result = await each.answer
        except errors.Refused as error:
            last = each.bale_first + each.bales - 1
            error.message = (
                f"Batch {each.index + 1} (bales {each.bale_first} to {last}) was refused:"
                f" {error.message}"
            )
            raise
        self.pending.popleft()
        self.totals = _add(self.totals, result, each)
        if self.on_progress is not None:
            self.on_progress(self.totals)


def batches(
    frames: Iterable[pl.DataFrame], bales_max: int, *, rows: bool
) -> Iterator[readings_pb2.ReadingBatch]:
    """Readings as batches of `bales_max` bales, fewer where a message would grow too large."""
    # polars takes half a second to import, and asking for a certificate needs none of it.
    from cotton_client import encode  # noqa: PLC0415 - loaded by uploads only
    from cotton_client.frames import rebatch  # noqa: PLC0415 - loaded by uploads only

    if bales_max < 1:
        raise errors.ConfigurationError(f"A batch of {bales_max} bales cannot be sent.")

    def encoded(frame: pl.DataFrame) -> readings_pb2.ReadingBatch:
        if rows:
            return readings_pb2.ReadingBatch(rows=encode.encode_rows(frame))
        return readings_pb2.ReadingBatch(columns=encode.encode_columns(frame))

    def fitted(frame: pl.DataFrame) -> Iterator[readings_pb2.ReadingBatch]:
        batch = encoded(frame)
        if batch.ByteSize() <= BATCH_BYTES_MAX:
            yield batch
            return
        if frame.height == 1:
            raise errors.InputError("One reading alone exceeds the largest message.")
        half = frame.height // 2
        yield from fitted(frame.head(half))
        yield from fitted(frame.tail(frame.height - half))

    for frame in rebatch(frames, bales_max):
        yield from fitted(frame)


def _add(
    totals: UploadTotals, result: ingest_pb2.BatchResult, each: _Unacknowledged
) -> UploadTotals:
    """The totals with one more answer in them."""
    outcome = result.outcome
    accounted = outcome.created + outcome.existing + outcome.conflicting + outcome.rejected
    if not each.bales == outcome.received == accounted:
        raise errors.ContractViolation(
            f"The server accounts for {accounted} of {outcome.received} bales received;"
            f" {each.bales} were sent."
        )
    room = OUTCOMES_MAX - len(totals.issues)
    issues = tuple(
        BaleIssue(each.bale_first + bale.row, bale) for bale in outcome.outcomes[: max(room, 0)]
    )
    room = OUTCOMES_MAX - len(totals.existing_bales)
    existing = tuple(
        range(each.bale_first + rows.first, each.bale_first + rows.first + rows.count)
        for rows in outcome.existing_rows[: max(room, 0)]
    )
    return replace(
        totals,
        batches=totals.batches + 1,
        received=totals.received + outcome.received,
        created=totals.created + outcome.created,
        existing=totals.existing + outcome.existing,
        conflicting=totals.conflicting + outcome.conflicting,
        rejected=totals.rejected + outcome.rejected,
        warned=totals.warned + outcome.warned,
        unregistered=totals.unregistered + outcome.unregistered,
        repeated_batches=totals.repeated_batches + (result.repeated_batch and each.sent == 1),
        resent_batches=totals.resent_batches + (each.sent > 1),
        revision=max(totals.revision, result.revision),
        issues=totals.issues + issues,
        existing_bales=totals.existing_bales + existing,
    )
