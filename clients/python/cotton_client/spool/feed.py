"""Files read into a spool in a thread of their own, ahead of what is sent from it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton_client.identity import content_id
from cotton_client.spool.store import NewBatch
from cotton_client.upload import BATCH_BALES_DEFAULT, bales_in, batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import polars as pl
    from cotton.inspection.v1 import readings_pb2

    from cotton_client.spool.store import Spool

GROUP_BYTES: Final = 1 << 20
"""Batches are committed together up to this: a sync for four of usual size."""


@dataclass(slots=True)
class Source:
    """A file to be read, and how far that has come.

    `frames` gives its readings; `number` stands for this reading of the file in the
    spool, `batches` for how many were spooled. `error` ended the reading early.
    """

    name: str
    frames: Callable[[], Iterator[pl.DataFrame]]
    number: int = 0
    batches: int = 0
    ended: bool = False
    error: Exception | None = None


class Feed:
    """Reads sources one after the other into a spool, while others send from it.

    It pauses while the spool is at its limit. A source that fails ends the feed, unless
    `keep_going`. It begins when it is made; `stop` ends it.
    """

    def __init__(
        self,
        spool: Spool,
        sources: Sequence[Source],
        *,
        batch_bales: int = BATCH_BALES_DEFAULT,
        rows: bool = False,
        sequenced: bool = False,
        keep_going: bool = False,
    ) -> None:
        self.sources = sources
        self.ended = False
        self.error: Exception | None = None
        self._spool = spool
        self._batch_bales = batch_bales
        self._rows = rows
        self._sequenced = sequenced
        self._keep_going = keep_going
        self._guard = threading.Lock()
        self._unheard = False
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cotton-spool-feed", daemon=True)
        self._thread.start()

    async def news(self) -> None:
        """Waits until more was spooled, or the feed has ended, since this returned last."""
        while True:
            told = asyncio.Event()
            with self._guard:
                if self._unheard:
                    self._unheard = False
                    return
                self._waiter = asyncio.get_running_loop(), told
            await told.wait()

    def stop(self) -> None:
        """Ends reading after the batch that is under way, and waits for that."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        """Reads every source; what fails that is no source's fault is kept in `error`."""
        try:
            for source in self.sources:
                source.number = self._spool.new_source()
                self._read(source)
                if self._stopped.is_set() or (source.error and not self._keep_going):
                    break
        except Exception as error:  # noqa: BLE001 - raised by whoever sends from the spool
            self.error = error
        self.ended = True
        self._tell()

    def _read(self, source: Source) -> None:
        """Spools a source in groups; what it fails with is its `error`."""
        group: list[NewBatch] = []
        place, bale_first, size = 0, 1, 0
        found: Iterator[readings_pb2.ReadingBatch] | None = None
        while True:
            try:
                if found is None:
                    found = batches(source.frames(), self._batch_bales, rows=self._rows)
                batch = next(found, None)
            except Exception as error:  # noqa: BLE001 - whatever a reader raises is the file's
                source.error = error
                break
            if batch is None or self._stopped.is_set():
                break
            readings = batch.SerializeToString()
            bales = bales_in(batch)
            group.append(
                NewBatch(
                    source=source.number,
                    file=source.name,
                    place=place,
                    bale_first=bale_first,
                    bales=bales,
                    batch_id=content_id(batch, place),
                    sequenced=self._sequenced,
                    readings=readings,
                )
            )
            place, bale_first, size = place + 1, bale_first + bales, size + len(readings)
            if size >= GROUP_BYTES:
                self._keep(source, group)
                group, size = [], 0
        self._keep(source, group)
        source.ended = not self._stopped.is_set()

    def _keep(self, source: Source, group: list[NewBatch]) -> None:
        """Commits a group once there is room, and tells who sends."""
        if not group or not self._spool.wait_for_room(self._stopped):
            return
        self._spool.append(group)
        source.batches += len(group)
        self._tell()

    def _tell(self) -> None:
        """Wakes whoever waits for news; a loop that is closed waits for none."""
        with self._guard:
            self._unheard = True
            waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter[0].is_closed():
            waiter[0].call_soon_threadsafe(waiter[1].set)
