"""The asyncio client: calls that may be repeated, and streams that resume where they broke."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

import grpc
from cotton.inspection.v1 import (
    ingest_pb2,
    ingest_pb2_grpc,
    lots_pb2,
    lots_pb2_grpc,
    readings_pb2,
    summary_pb2,
    summary_pb2_grpc,
    trace_pb2,
    trace_pb2_grpc,
)

from cotton_client import errors
from cotton_client.channel import (
    TARGET_DEFAULT,
    check_size,
    check_target,
    is_loopback,
    open_channel,
)
from cotton_client.identity import check_producer_id, content_id
from cotton_client.lots import LotsReceipt, chunks, merged
from cotton_client.retry import Patience, RetryPolicy
from cotton_client.stream import WINDOW_DEFAULT, ReadingStream
from cotton_client.upload import BATCH_BALES_DEFAULT, Upload, UploadTotals, batches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    import polars as pl
    from google.protobuf.message import Message

_T = TypeVar("_T")


class CottonClient:
    """A connection to one service; use it as an async context manager.

    `target` is HOST:PORT. Without `credentials` the connection is plain text, which is
    refused to anything but this machine unless `allow_plaintext` says that the network is
    trusted. `timeout_s` bounds one attempt of a unary call. Every call raises a
    `CottonError`; while the server is unavailable calls are repeated as `retry` says,
    which never counts anything twice.
    """

    def __init__(
        self,
        target: str = TARGET_DEFAULT,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        allow_plaintext: bool = False,
        retry: RetryPolicy | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        check_target(target)
        if credentials is None and not allow_plaintext and not is_loopback(target):
            raise errors.ConfigurationError(
                f"{target} is another machine, and the connection would be plain text.",
                reason="PLAINTEXT_REFUSED",
                remedy="Give credentials, or allow plain text if the network is trusted.",
            )
        self.target = target
        self._credentials = credentials
        self._retry = retry or RetryPolicy()
        self._timeout_s = timeout_s
        self._channel: grpc.aio.Channel | None = None
        self._answered = False

    async def __aenter__(self) -> Self:
        """Makes the channel; it connects with the first call."""
        self._channel = open_channel(self.target, self._credentials)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the channel; calls under way are cancelled."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close(None)

    @property
    def channel(self) -> grpc.aio.Channel:
        """The open channel, for services beside the contract such as health."""
        if self._channel is None:
            raise errors.ConfigurationError(
                "The client is not open.", remedy="Use it in `async with CottonClient(…)`."
            )
        return self._channel

    async def register_lots(
        self, lots: Sequence[lots_pb2.Lot], *, producer_id: str, request_id: str = ""
    ) -> LotsReceipt:
        """Makes lots known with their gin, warehouse and organisation.

        Any number of lots: they travel in requests of at most LOTS_PER_REQUEST_MAX.
        Without `request_id` each request's id follows from its content, so that the same
        lots sent again are answered as a repeat; with one, all must fit in one request.
        """
        stub = lots_pb2_grpc.LotServiceStub(self.channel)
        requests = [
            lots_pb2.RegisterLotsRequest(producer_id=producer_id, lots=chunk)
            for chunk in chunks(lots)
        ]
        return await self._send_lots(stub.RegisterLots, requests, request_id)

    async def record_lot_weights(
        self, weights: Sequence[lots_pb2.LotWeight], *, producer_id: str, request_id: str = ""
    ) -> LotsReceipt:
        """Records what was weighed and sampled of lots; otherwise as register_lots."""
        stub = lots_pb2_grpc.LotServiceStub(self.channel)
        requests = [
            lots_pb2.RecordLotWeightsRequest(producer_id=producer_id, weights=chunk)
            for chunk in chunks(weights)
        ]
        return await self._send_lots(stub.RecordLotWeights, requests, request_id)

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

    async def lot_certificate(
        self, lot_no: str, *, revision: int = 0, share_decimals: int = 1
    ) -> summary_pb2.GetLotCertificateResponse:
        """The certificate of a lot at a revision, 0 for the latest; NotFound without trace."""
        stub = summary_pb2_grpc.SummaryServiceStub(self.channel)
        request = summary_pb2.GetLotCertificateRequest(
            lot_no=lot_no, revision=revision, share_decimals=share_decimals
        )
        return await self._call(stub.GetLotCertificate, request)

    async def summarise_grades(
        self,
        keys: Sequence[summary_pb2.SummaryKey.ValueType] = (),
        filters: Mapping[summary_pb2.SummaryKey.ValueType, Sequence[str]] | None = None,
        *,
        revision: int = 0,
        share_decimals: int = 2,
    ) -> summary_pb2.SummariseGradesResponse:
        """Grades of all lots that pass every filter, added up by the keys."""
        stub = summary_pb2_grpc.SummaryServiceStub(self.channel)
        request = summary_pb2.SummariseGradesRequest(
            keys=keys,
            filters=[
                summary_pb2.KeyFilter(key=key, values=values)
                for key, values in (filters or {}).items()
            ],
            revision=revision,
            share_decimals=share_decimals,
        )
        return await self._call(stub.SummariseGrades, request)

    async def bale(
        self, code: str, *, crop_year: int | None = None, revision: int = 0
    ) -> trace_pb2.GetBaleResponse:
        """One bale by its 32-digit code, or by crop year and 12-digit USDA bale id."""
        stub = trace_pb2_grpc.TraceServiceStub(self.channel)
        request = trace_pb2.GetBaleRequest(revision=revision)
        if crop_year is None:
            request.bale_code = code
        else:
            request.usda_bale.bale_id = code
            request.usda_bale.crop_year = crop_year
        return await self._call(stub.GetBale, request)

    @asynccontextmanager
    async def open_stream(
        self, producer_id: str, *, window: int = WINDOW_DEFAULT
    ) -> AsyncIterator[ReadingStream]:
        """A stream of one producer's batches; leaving the block waits for every answer.

        It is not repeated when it breaks: `send_frames` does that.
        """
        check_producer_id(producer_id)
        stream = ReadingStream(self.channel, producer_id, self.target, window)
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
        upload = Upload(producer_id, source, sequenced, on_progress)
        patience = Patience(self._retry, answered=self._answered)
        while True:
            done = upload.totals.batches
            try:
                async with self.open_stream(producer_id, window=window) as stream:
                    patience.answered = True
                    await upload.run(stream)
            except errors.CottonError as error:
                if not error.transient:
                    raise
                if upload.totals.batches > done:
                    patience.renew()
                await patience.pause(error, on_retry)
            else:
                return upload.totals

    async def _send_lots(
        self,
        method: Callable[..., Awaitable[Any]],
        requests: Sequence[lots_pb2.RegisterLotsRequest | lots_pb2.RecordLotWeightsRequest],
        request_id: str,
    ) -> LotsReceipt:
        """The receipts of all requests as one."""
        if request_id and len(requests) > 1:
            raise errors.InputError(
                f"{len(requests)} requests would be needed for one request id.",
                remedy="Leave request_id out, or send fewer records at a time.",
            )
        receipt = LotsReceipt(revision=0, repeated=bool(requests))
        for index, request in enumerate(requests):
            check_producer_id(request.producer_id)
            request.request_id = request_id or content_id(request, index)
            response = await self._call(method, request)
            receipt = merged(receipt, response)
        return receipt

    async def _call(self, method: Callable[..., Awaitable[_T]], request: Message) -> _T:
        """The answer to a unary call, repeated while the server is unavailable."""
        check_size(request.ByteSize(), "A request")
        patience = Patience(self._retry, answered=self._answered)
        while True:
            try:
                response = await method(request, timeout=self._timeout_s)
            except grpc.aio.AioRpcError as failure:
                error = errors.from_rpc_error(failure, self.target)
                if not error.transient:
                    self._answered = True
                    raise error from None
                await patience.pause(error)
            else:
                self._answered = True
                return response
