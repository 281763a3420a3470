"""The asyncio client: calls that may be repeated, and streams that resume where they broke."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from cotton.inspection.v1 import (
    common_pb2,
    ingest_pb2,
    ingest_pb2_grpc,
    readings_pb2,
)

from cotton_client import amendments, errors
from cotton_client.asking import Asking
from cotton_client.identity import check_producer_id, content_id
from cotton_client.recording import Recording
from cotton_client.retry import Patience
from cotton_client.settling import Settling
from cotton_client.spool.delivery import SpoolDelivery
from cotton_client.stream import WINDOW_DEFAULT, ReadingStream
from cotton_client.upload import BATCH_BALES_DEFAULT, Upload, UploadTotals, batches, totals_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    import polars as pl

    from cotton_client.delivery import Delivery
    from cotton_client.spool.delivery import SentFile
    from cotton_client.spool.feed import Feed
    from cotton_client.spool.store import Spool


class CottonClient(Recording, Asking, Settling):
    """A connection to one service; use it as an async context manager.

    `target` is HOST:PORT. Without `credentials` the connection is plain text, which is
    refused to anything but this machine unless `allow_plaintext` says that the network is
    trusted. `timeout_s` bounds one attempt of a unary call, and `answer_timeout_s` the
    silence of a stream while batches wait to be answered: then they are sent again on
    another. Every call raises a `CottonError`; while the server is unavailable calls are
    repeated as `retry` says, which never counts anything twice.
    """

    async def correct(
        self,
        code: str,
        values: Mapping[str, int | str | None],
        amendment: common_pb2.Amendment,
        *,
        producer_id: str,
        crop_year: int | None = None,
    ) -> UploadTotals:
        """Corrects the reading in force of a bale, which the amendment names by its revision.

        `values` and errors: as `amendments.corrected_reading`. Attempts that a broken
        connection hid are counted once; called again after it was applied, it raises
        Refused (NOT_IN_FORCE), for what it names is superseded.
        """
        bale = await self.bale(code, crop_year=crop_year)
        reading = amendments.corrected_reading(bale, values, amendment)
        return await self.submit_correction(reading, producer_id=producer_id)

    async def submit_correction(
        self, reading: readings_pb2.Reading, *, producer_id: str
    ) -> UploadTotals:
        """Sends a correction that `amendments.corrected_reading` made."""
        batch = readings_pb2.ReadingBatch(rows=readings_pb2.ReadingRows(readings=[reading]))
        return totals_of(batch, await self.submit_readings(producer_id, batch))

    async def submit_readings(
        self, producer_id: str, batch: readings_pb2.ReadingBatch
    ) -> ingest_pb2.BatchResult:
        """Stores one batch; without sequence and batch id, its id follows from its content."""
        check_producer_id(producer_id)
        if batch.WhichOneof("identity") is None:
            named = readings_pb2.ReadingBatch(batch_id=content_id(batch, 0))
            named.MergeFrom(batch)
            batch = named
        stub = ingest_pb2_grpc.IngestServiceStub(self.channel)
        request = ingest_pb2.SubmitReadingsRequest(producer_id=producer_id, batch=batch)
        response = await self._call(stub.SubmitReadings, request)
        return response.result

    @asynccontextmanager
    async def open_stream(
        self, producer_id: str, *, window: int = WINDOW_DEFAULT
    ) -> AsyncIterator[ReadingStream]:
        """A stream of one producer's batches; leaving the block waits for every answer.

        It is not repeated when it breaks: `send_frames` does that.
        """
        check_producer_id(producer_id)
        stream = ReadingStream(
            self.channel, producer_id, self.target, window, self._answer_timeout_s
        )
        try:
            await stream.open(self._timeout_s)
            self._answered = True
            yield stream
            await stream.close()
        finally:
            await stream.abandon()

    async def send_frames(
        self,
        producer_id: str,
        frames: Iterable[pl.DataFrame],
        *,
        batch_bales: int = BATCH_BALES_DEFAULT,
        rows: bool = False,
        sequenced: bool = False,
        window: int = WINDOW_DEFAULT,
        on_progress: Callable[[UploadTotals], None] | None = None,
        on_retry: Callable[[errors.CottonError, float], None] | None = None,
    ) -> UploadTotals:
        """Stores readings, resuming as often as it takes, and says what became of each.

        `frames` are tables of readings as the file readers give them; they are read and
        encoded in a thread while earlier batches travel, and at most `window` + 1 batches
        are held. A batch's id follows from its content and place, so that the same
        content sent again is answered as a repeat; `sequenced` numbers batches by the
        producer's sequence instead, for which one process at a time may send. Whatever
        was not acknowledged when a connection broke is sent again under the same
        identity, and counted once. `rows` sends a message a bale instead of columns.

        `on_progress` hears the totals after every answer, `on_retry` the error and the
        pause in seconds before a repeat. Errors: a refused batch raises its error with
        the bales it held named in the message; batches before it are stored.
        """
        check_producer_id(producer_id)
        source = batches(frames, batch_bales, rows=rows)
        upload = Upload(producer_id, source, sequenced=sequenced, on_progress=on_progress)
        await self._deliver(producer_id, upload, window, on_retry)
        return upload.totals

    async def send_spooled(
        self,
        spool: Spool,
        *,
        feed: Feed | None = None,
        window: int = WINDOW_DEFAULT,
        on_progress: Callable[[SentFile], None] | None = None,
        on_retry: Callable[[errors.CottonError, float], None] | None = None,
    ) -> tuple[SentFile, ...]:
        """Stores what waits in a spool, in order, and says what became of each file of it.

        A batch leaves the spool when the service has answered that it is stored, now or
        before; one that is refused is set aside in the spool with its error, and the
        others go on. With a `feed` under way, whatever it adds is sent too, until it has
        ended. `on_progress` hears of a file after every answer, otherwise as send_frames.

        Errors: SpoolError for a spool of another server or one that cannot be written; as
        send_frames where a stream fails, when all that was not answered stays spooled.
        """
        spool.require_server(self.target)
        delivery = SpoolDelivery(spool, feed, on_progress)
        try:
            await self._deliver(spool.producer_id, delivery, window, on_retry)
        finally:
            await delivery.forget_stored()
        return delivery.files

    async def _deliver(
        self,
        producer_id: str,
        delivery: Delivery,
        window: int,
        on_retry: Callable[[errors.CottonError, float], None] | None,
    ) -> None:
        """Runs a delivery over as many streams as it takes."""
        patience = Patience(self._retry, answered=self._answered)
        while True:
            done = delivery.answered
            try:
                async with self.open_stream(producer_id, window=window) as stream:
                    patience.answered = True
                    await delivery.run(stream)
            except errors.CottonError as error:
                if not error.transient:
                    raise
                if delivery.answered > done:
                    patience.renew()
                await patience.pause(error, on_retry)
            else:
                return
