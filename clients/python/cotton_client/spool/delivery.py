"""A delivery from a spool: sent in order, forgotten when stored, set aside when refused."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import readings_pb2

from cotton_client import errors
from cotton_client.delivery import Delivery, Unacknowledged
from cotton_client.upload import UploadTotals, added

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cotton.inspection.v1 import ingest_pb2

    from cotton_client.spool.feed import Feed
    from cotton_client.spool.store import Spool, SpooledBatch
    from cotton_client.stream import ReadingStream

_READ_BATCHES: Final = 4
"""Batches read from the disk at once: about a megabyte."""

_FORGET_BATCHES: Final = 16
"""Acknowledged batches deleted in one transaction: after a crash they are sent once more."""

_NOT_OF_THE_BATCH: Final = (errors.NotPermitted, errors.NotSupported, errors.StreamReplaced)
"""Refusals that every batch would meet: they end the delivery, and all stays in order."""

_UNTIL_THE_OPERATOR_ACTS_S: Final = {"STORAGE_FULL": 10.0, "REGISTRY_FULL": 10.0}
"""Seconds until a batch is sent again that was refused for want of room."""


@dataclass(frozen=True, slots=True)
class RefusedBatch:
    """A batch that was set aside: its number in the spool, its bales, and why."""

    id: int
    bale_first: int
    bales: int
    error: errors.Refused


@dataclass(frozen=True, slots=True)
class SentFile:
    """What became of the batches of one reading of a file, as far as they are answered."""

    source: int
    file: str
    totals: UploadTotals = field(default_factory=UploadTotals)
    refused: tuple[RefusedBatch, ...] = ()

    @property
    def answered(self) -> int:
        """Batches that were stored or set aside."""
        return self.totals.batches + len(self.refused)


@dataclass(slots=True, kw_only=True)
class _UnderWay(Unacknowledged):
    """A batch under way, and what the spool knows of it."""

    spooled: SpooledBatch


class SpoolDelivery(Delivery):
    """The state of send_spooled that outlives a connection."""

    def __init__(
        self,
        spool: Spool,
        feed: Feed | None = None,
        on_progress: Callable[[SentFile], None] | None = None,
    ) -> None:
        super().__init__()
        self._spool = spool
        self._feed = feed
        self._on_progress = on_progress
        self._files: dict[int, SentFile] = {}
        self._read: deque[SpooledBatch] = deque()
        self._last = 0
        self._stored: list[tuple[int, str]] = []
        self._sequence_known = 0
        self._sequence_next = 0

    @property
    def files(self) -> tuple[SentFile, ...]:
        """What became of every file, in the order in which they were read."""
        return tuple(self._files.values())

    async def run(self, stream: ReadingStream) -> None:
        """Sends everything; raises what the feed failed with once all before is answered."""
        await super().run(stream)
        await self.forget_stored()
        if self._feed is not None and self._feed.error is not None:
            raise self._feed.error

    async def opened(self, stream: ReadingStream) -> None:
        """Numbers what is to be sent again; what the server has under its number keeps it."""
        self._sequence_known = self._sequence_next = stream.next_sequence
        numbered = await self._numbered([each.spooled for each in self._under_way()])
        for each, spooled in zip(self._under_way(), numbered, strict=True):
            each.spooled = spooled
            _identify(each.batch, spooled)
        self._read = deque(await self._numbered(list(self._read)))

    async def next(self) -> Unacknowledged | None:
        """The next batch of the spool; None when there is none and no feed is under way."""
        while not self._read:
            # Looked at before the spool is: what was added until the end is then found.
            ended = self._feed is None or self._feed.ended
            found = await asyncio.to_thread(self._spool.waiting, self._last, _READ_BATCHES)
            if found:
                self._last = found[-1].id
                self._read.extend(await self._numbered(found))
            elif ended:
                return None
            elif self.pending:
                await self.settle()
            else:
                await self.forget_stored()
                if self._feed is not None:
                    await self._feed.news()
        spooled = self._read.popleft()
        batch = readings_pb2.ReadingBatch.FromString(spooled.readings)
        _identify(batch, spooled)
        return _UnderWay(batch, spooled.place, spooled.bale_first, spooled.bales, spooled=spooled)

    async def stored(self, each: Unacknowledged, result: ingest_pb2.BatchResult) -> None:
        """Adds the answer to the totals of its file, and lets the batch leave the spool."""
        spooled = _spooled(each)
        file = self._file(spooled)
        file = replace(file, totals=added(file.totals, result, each))
        self._stored.append((spooled.id, spooled.batch_id))
        if len(self._stored) >= _FORGET_BATCHES:
            await self.forget_stored()
        self._tell(file)

    async def refused(self, each: Unacknowledged, error: errors.Refused) -> None:
        """Sets the batch aside, unless the refusal is not the batch's own.

        A sequence that is not the next one follows from a batch before it that was
        refused: a new stream finds out where the producer stands.
        """
        if isinstance(error, errors.OutOfSequence):
            error.retry_after_s = error.retry_after_s or 0.0
        elif error.reason in _UNTIL_THE_OPERATOR_ACTS_S:
            error.retry_after_s = error.retry_after_s or _UNTIL_THE_OPERATOR_ACTS_S[error.reason]
        if error.transient or isinstance(error, _NOT_OF_THE_BATCH):
            raise error
        spooled = _spooled(each)
        await asyncio.to_thread(self._spool.set_aside, spooled.id, error)
        file = self._file(spooled)
        refused = RefusedBatch(spooled.id, each.bale_first, each.bales, error)
        self._tell(replace(file, refused=(*file.refused, refused)))

    async def forget_stored(self) -> None:
        """Deletes from the spool what was acknowledged."""
        if self._stored:
            stored, self._stored = self._stored, []
            await asyncio.to_thread(self._spool.forget, stored)

    def _under_way(self) -> Iterator[_UnderWay]:
        """What is sent and not answered."""
        return (each for each in self.pending if isinstance(each, _UnderWay))

    async def _numbered(self, batches: list[SpooledBatch]) -> list[SpooledBatch]:
        """The batches with the sequences that they are sent under, recorded before they are.

        One that the server has under its number keeps it, and is answered as a repeat; any
        other is certain not to be stored, and gets the next number that is free.
        """
        numbered: list[SpooledBatch] = []
        changed: dict[int, int] = {}
        for each in batches:
            sequence = each.sequence
            if each.sequenced and (sequence is None or sequence >= self._sequence_known):
                if sequence != self._sequence_next:
                    changed[each.id] = self._sequence_next
                sequence = self._sequence_next
                self._sequence_next += 1
            numbered.append(replace(each, sequence=sequence))
        if changed:
            await asyncio.to_thread(self._spool.number, changed)
        return numbered

    def _file(self, spooled: SpooledBatch) -> SentFile:
        """What is known of the file of a batch."""
        return self._files.get(spooled.source) or SentFile(spooled.source, spooled.file)

    def _tell(self, file: SentFile) -> None:
        """Keeps what is known of a file, and says it."""
        self._files[file.source] = file
        if self._on_progress is not None:
            self._on_progress(file)


def _spooled(each: Unacknowledged) -> SpooledBatch:
    """What the spool knows of a batch under way."""
    if not isinstance(each, _UnderWay):
        raise TypeError(f"{type(each).__name__} is of no spool")
    return each.spooled


def _identify(batch: readings_pb2.ReadingBatch, spooled: SpooledBatch) -> None:
    """Gives a batch the identity by which the server knows a repeat."""
    if spooled.sequence is None:
        batch.batch_id = spooled.batch_id
    else:
        batch.sequence = spooled.sequence
