"""An upload: frames cut into batches, sent, acknowledged and added up, over any connections."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import readings_pb2

from cotton_client import errors
from cotton_client.channel import MESSAGE_BYTES_MAX
from cotton_client.delivery import Delivery, Unacknowledged
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

OUTCOME_COUNTS: Final = (
    "created",
    "existing",
    "conflicting",
    "rejected",
    "superseded",
    "corrected",
    "retested",
)
"""Counts of bales by outcome: together they are the bales received."""

AMENDED: Final = frozenset(
    {
        readings_pb2.OUTCOME_CREATED,
        readings_pb2.OUTCOME_SUPERSEDED_BY_CORRECTION,
        readings_pb2.OUTCOME_SUPERSEDED_BY_RETEST,
        readings_pb2.OUTCOME_SUPERSEDED_BY_WITHDRAWAL,
        readings_pb2.OUTCOME_CORRECTED,
        readings_pb2.OUTCOME_RETESTED,
        readings_pb2.OUTCOME_RETESTED_IN_FORCE,
    }
)
"""Outcomes that are listed though nothing is wrong; CREATED is, where a re-test came before."""


@dataclass(frozen=True, slots=True)
class BaleIssue:
    """A bale of an upload that the service lists; `bale` counts from 1 over it all."""

    bale: int
    outcome: readings_pb2.BaleOutcome


@dataclass(frozen=True, slots=True)
class WarnedBale:
    """A value of an upload that was accepted though it is unlikely.

    `bale` counts from 1 over it all, `name` is its bar code, or crop year/id of a USDA bale.
    """

    bale: int
    name: str
    warning: readings_pb2.BaleWarning


@dataclass(frozen=True, slots=True)
class UploadTotals:
    """What became of every bale of an upload.

    created + existing + conflicting + rejected + superseded + corrected + retested =
    received. `revision` is the latest at which a batch was stored, 0 when there was none.
    `repeated_batches` had been stored by an earlier upload of the same content, and are
    counted by their first answer; `resent_batches` were sent more than once because a
    connection broke. `issues` lists the first OUTCOMES_MAX bales that conflict or were
    rejected, `amended` the first OUTCOMES_MAX that were superseded, corrected, re-tested, or
    created after a re-test of theirs, `warnings` the first OUTCOMES_MAX unlikely values,
    `existing_bales` the first OUTCOMES_MAX ranges (counted from 1) of bales that were stored
    before.
    """

    batches: int = 0
    received: int = 0
    created: int = 0
    existing: int = 0
    conflicting: int = 0
    rejected: int = 0
    superseded: int = 0
    corrected: int = 0
    retested: int = 0
    warned: int = 0
    unregistered: int = 0
    repeated_batches: int = 0
    resent_batches: int = 0
    revision: int = 0
    issues: tuple[BaleIssue, ...] = ()
    amended: tuple[BaleIssue, ...] = ()
    warnings: tuple[WarnedBale, ...] = ()
    existing_bales: tuple[range, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every bale is stored as it was sent, or was until it was superseded."""
        return not self.conflicting and not self.rejected


class Upload(Delivery):
    """The state of send_frames that outlives a connection."""

    def __init__(
        self,
        producer_id: str,
        source: Iterator[readings_pb2.ReadingBatch],
        *,
        sequenced: bool = False,
        on_progress: Callable[[UploadTotals], None] | None = None,
    ) -> None:
        super().__init__()
        self.totals = UploadTotals()
        self._producer_id = producer_id
        self._source = source
        self._sequenced = sequenced
        self._on_progress = on_progress
        self._batches_read = 0
        self._bales_read = 0
        self._sequence_first = 0
        self._source_error: Exception | None = None

    async def run(self, stream: ReadingStream) -> None:
        """Sends everything; raises what the source failed with once all before is answered."""
        await super().run(stream)
        if self._source_error is not None:
            raise self._source_error

    async def opened(self, stream: ReadingStream) -> None:
        """Starts at the producer's sequence, or checks that nobody else moved it."""
        if not self._sequenced:
            return
        if not self._batches_read:
            self._sequence_first = stream.next_sequence
        acknowledged = self._sequence_first + self.totals.batches
        read = self._sequence_first + self._batches_read
        if not acknowledged <= stream.next_sequence <= read:
            raise errors.OutOfSequence(
                f"Producer {self._producer_id} stands at sequence {stream.next_sequence},"
                f" where {acknowledged} to {read} was expected.",
                metadata={"next_sequence": str(stream.next_sequence)},
            )

    async def next(self) -> Unacknowledged | None:
        """The next batch; None at the end, or where the source fails.

        A failure is kept until what was sent before it is acknowledged.
        """
        if self._source_error is not None:
            return None
        try:
            batch = await asyncio.to_thread(next, self._source, None)
        except Exception as error:  # noqa: BLE001 - raised by run, whatever it is
            self._source_error = error
            return None
        return None if batch is None else self._named(batch)

    def _named(self, batch: readings_pb2.ReadingBatch) -> Unacknowledged:
        """The batch with its identity and its place."""
        if self._sequenced:
            batch.sequence = self._sequence_first + self._batches_read
        else:
            batch.batch_id = content_id(batch, self._batches_read)
        each = Unacknowledged(batch, self._batches_read, self._bales_read + 1, bales_in(batch))
        self._batches_read += 1
        self._bales_read += each.bales
        return each

    async def stored(self, each: Unacknowledged, result: ingest_pb2.BatchResult) -> None:
        """Adds the answer to the totals."""
        self.totals = added(self.totals, result, each)
        if self._on_progress is not None:
            self._on_progress(self.totals)

    async def refused(self, each: Unacknowledged, error: errors.Refused) -> None:
        """Raises the refusal with the batch and its bales named."""
        error.message = f"{each.where} was refused: {error.message}"
        raise error


def bales_in(batch: readings_pb2.ReadingBatch) -> int:
    """Bales of a batch, whichever its shape."""
    return batch.columns.count or len(batch.rows.readings)


def bale_name(batch: readings_pb2.ReadingBatch, row: int) -> str:
    """The bar code of a bale of a batch, or crop year/id of a USDA bale; "" past its end."""
    if row >= bales_in(batch):
        return ""
    if not batch.HasField("columns"):
        reading = batch.rows.readings[row]
        usda = reading.usda_bale
        return reading.bale_code or f"{usda.crop_year}/{usda.bale_id}"
    columns = batch.columns
    low = columns.bale_code_low[row]
    if columns.usda_crop_year and columns.usda_crop_year[row]:
        return f"{columns.usda_crop_year[row]}/{low:012}"
    return f"{columns.bale_code_high[row]:016}{low:016}"


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


def totals_of(batch: readings_pb2.ReadingBatch, result: ingest_pb2.BatchResult) -> UploadTotals:
    """What became of the bales of one batch that travelled alone, in rows."""
    sent = Unacknowledged(batch, 0, 1, len(batch.rows.readings), sent=1)
    return added(UploadTotals(), result, sent)


def added(
    totals: UploadTotals, result: ingest_pb2.BatchResult, each: Unacknowledged
) -> UploadTotals:
    """The totals with one more answer in them."""
    outcome = result.outcome
    accounted = sum(getattr(outcome, name) for name in OUTCOME_COUNTS)
    if not each.bales == outcome.received == accounted:
        raise errors.ContractViolation(
            f"The server accounts for {accounted} of {outcome.received} bales received;"
            f" {each.bales} were sent."
        )
    listed = [BaleIssue(each.bale_first + bale.row, bale) for bale in outcome.outcomes]
    issues = [bale for bale in listed if bale.outcome.outcome not in AMENDED]
    amended = [bale for bale in listed if bale.outcome.outcome in AMENDED]
    room = OUTCOMES_MAX - len(totals.existing_bales)
    existing = tuple(
        range(each.bale_first + rows.first, each.bale_first + rows.first + rows.count)
        for rows in outcome.existing_rows[: max(room, 0)]
    )
    room = OUTCOMES_MAX - len(totals.warnings)
    warnings = tuple(
        WarnedBale(each.bale_first + warning.row, bale_name(each.batch, warning.row), warning)
        for warning in outcome.warnings[: max(room, 0)]
    )
    return replace(
        totals,
        batches=totals.batches + 1,
        received=totals.received + outcome.received,
        **{name: getattr(totals, name) + getattr(outcome, name) for name in OUTCOME_COUNTS},
        warned=totals.warned + outcome.warned,
        unregistered=totals.unregistered + outcome.unregistered,
        repeated_batches=totals.repeated_batches + (result.repeated_batch and each.sent == 1),
        resent_batches=totals.resent_batches + (each.sent > 1),
        revision=max(totals.revision, result.revision),
        issues=(*totals.issues, *issues)[:OUTCOMES_MAX],
        amended=(*totals.amended, *amended)[:OUTCOMES_MAX],
        warnings=totals.warnings + warnings,
        existing_bales=totals.existing_bales + existing,
    )
