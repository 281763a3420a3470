"""The asyncio client: calls that may be repeated, and streams that resume where they broke."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import re
import secrets
from collections import deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

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

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )
    from types import TracebackType

    import polars as pl

TARGET_DEFAULT: Final = "127.0.0.1:7410"
"""Where a server listens unless it is told otherwise."""

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Largest message either side takes."""

BATCH_BYTES_MAX: Final = MESSAGE_BYTES_MAX - 64 * 1024
"""Largest encoded batch: the message less room for its envelope."""

BATCH_BALES_DEFAULT: Final = 4096
"""Bales a batch: some 250 KB as columns, where throughput has levelled off."""

WINDOW_DEFAULT: Final = 8
"""Batches in flight on a stream: hides a commit and a round trip; at most 32 MiB."""

LOTS_REQUEST_BYTES_MAX: Final = 1024 * 1024
"""Lots and weights are cut into requests of at most this, so that each commits quickly."""

LOTS_PER_REQUEST_MAX: Final = 5000
"""Most lots or weights in a request, as servers take them unless told otherwise."""

OUTCOMES_MAX: Final = 1000
"""Outcomes other than created that the totals of an upload list; all are counted."""

_CHANNEL_OPTIONS: Final[Sequence[tuple[str, int]]] = (
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    # A dead peer is noticed within 30 s; servers allow a ping every 10 s during a call.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # The pauses between attempts are RetryPolicy's; the channel's own only have to be shorter.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Repeats are made here, where it is known what was acknowledged.
    ("grpc.enable_retries", 0),
)

_RANDOM: Final = secrets.SystemRandom()
_PRODUCER_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)

_EOF: Final[object] = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs lack it

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a call is repeated while the server is unavailable.

    `patience_s` is the time without any progress after which the error is raised, and
    `patience_first_s` the same before the server has ever answered, when a wrong address
    is likelier than a restart. Pauses double from `delay_first_s` up to `delay_max_s`;
    each is drawn at random below that, so that clients do not come back in step.
    """

    patience_s: float = 60.0
    patience_first_s: float = 5.0
    delay_first_s: float = 0.1
    delay_max_s: float = 5.0

    def delay_s(self, attempt: int) -> float:
        """A pause before the attempt, counted from 1."""
        return _RANDOM.uniform(0, min(self.delay_max_s, self.delay_first_s * 2.0**attempt))


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


@dataclass(frozen=True, slots=True)
class LotsReceipt:
    """What became of every lot or weight record that was sent.

    `results` lists those that were not created, `row` counting from 0 over all that was
    sent. `repeated` is True when every request had been stored before.
    """

    revision: int
    repeated: bool
    received: int = 0
    created: int = 0
    existing: int = 0
    conflicting: int = 0
    rejected: int = 0
    results: tuple[lots_pb2.LotResult, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every record is stored as it was sent."""
        return not self.conflicting and not self.rejected


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
        _check_target(target)
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
        if self._credentials is None:
            self._channel = grpc.aio.insecure_channel(self.target, options=_CHANNEL_OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(
                self.target, self._credentials, options=_CHANNEL_OPTIONS
            )
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
            for chunk in _chunks(lots)
        ]
        return await self._send_lots(stub.RegisterLots, requests, request_id)

    async def record_lot_weights(
        self, weights: Sequence[lots_pb2.LotWeight], *, producer_id: str, request_id: str = ""
    ) -> LotsReceipt:
        """Records what was weighed and sampled of lots; otherwise as register_lots."""
        stub = lots_pb2_grpc.LotServiceStub(self.channel)
        requests = [
            lots_pb2.RecordLotWeightsRequest(producer_id=producer_id, weights=chunk)
            for chunk in _chunks(weights)
        ]
        return await self._send_lots(stub.RecordLotWeights, requests, request_id)

    async def submit_readings(
        self, producer_id: str, batch: readings_pb2.ReadingBatch
    ) -> ingest_pb2.BatchResult:
        """Stores one batch; without sequence and batch id, its id follows from its content."""
        check_producer_id(producer_id)
        if batch.WhichOneof("identity") is None:
            named = readings_pb2.ReadingBatch(batch_id=_content_id(batch, 0))
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
        # The stubs of grpc ask for an iterator of requests; a call is written to as well.
        append: Any = ingest_pb2_grpc.IngestServiceStub(self.channel).AppendReadings
        call = append()
        stream = ReadingStream(call, producer_id, self.target, window)
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
        source = _batches(frames, batch_bales, rows=rows)
        upload = _Upload(producer_id, source, sequenced, on_progress)
        patience = _Patience(self._retry, answered=self._answered)
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
            request.request_id = request_id or _content_id(request, index)
            response = await self._call(method, request)
            receipt = _merge(receipt, response)
        return receipt

    async def _call(self, method: Callable[..., Awaitable[_T]], request: object) -> _T:
        """The answer to a unary call, repeated while the server is unavailable."""
        patience = _Patience(self._retry, answered=self._answered)
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


class ReadingStream:
    """An open stream: batches go out without waiting, answers come back in order.

    `next_sequence` is the sequence that the producer's next batch must carry, as the
    server said when the stream was opened; `revision` the latest durable one heard of.
    """

    def __init__(
        self,
        call: Any,
        producer_id: str,
        target: str,
        window: int,
    ) -> None:
        if window < 1:
            raise errors.ConfigurationError(f"window is {window}; at least 1 batch must fly.")
        self.producer_id = producer_id
        self.next_sequence = 0
        self.revision = 0
        self._call = call
        self._target = target
        self._window = window
        self._slots = asyncio.Semaphore(window)
        self._writing = asyncio.Lock()
        self._waiting: deque[tuple[str | int, asyncio.Future[ingest_pb2.BatchResult]]] = deque()
        self._reader: asyncio.Task[None] | None = None
        self._failure: errors.CottonError | None = None
        self._closing = False

    async def open(self, timeout_s: float) -> None:
        """Says who sends and hears where the producer stands."""
        request = ingest_pb2.AppendReadingsRequest(
            open=ingest_pb2.OpenStream(producer_id=self.producer_id)
        )
        try:
            async with asyncio.timeout(timeout_s):
                await self._write(request)
                response = await self._call.read()
        except TimeoutError:
            raise errors.DeadlineExceeded(
                f"The server at {self._target} did not open a stream within {timeout_s:g} s."
            ) from None
        except grpc.aio.AioRpcError as failure:
            raise errors.from_rpc_error(failure, self._target) from None
        if response is _EOF or response.WhichOneof("response") != "opened":
            raise errors.ContractViolation("The server did not answer the opening of a stream.")
        self.revision = response.revision
        self.next_sequence = response.opened.next_sequence
        self._reader = asyncio.create_task(self._read())

    async def send(
        self, batch: readings_pb2.ReadingBatch
    ) -> asyncio.Future[ingest_pb2.BatchResult]:
        """Sends a batch once fewer than `window` are unanswered; the future is its answer.

        Futures are done in the order of sending. A refused batch's future raises the
        error of the refusal and the stream lives on; when the stream breaks, every
        unanswered future raises Unavailable, and so does this.
        """
        identity = _identity(batch)
        await self._slots.acquire()
        async with self._writing:
            if self._failure is not None:
                raise self._failure
            answer: asyncio.Future[ingest_pb2.BatchResult] = (
                asyncio.get_running_loop().create_future()
            )
            self._waiting.append((identity, answer))
            await self._write(ingest_pb2.AppendReadingsRequest(batch=batch))
        return answer

    async def close(self) -> None:
        """Waits for the answers to everything sent, then for the server to end the stream."""
        self._closing = True
        if self._failure is None:
            await self._call.done_writing()
        if self._reader is not None:
            await self._reader
        if self._failure is not None:
            raise self._failure

    async def abandon(self) -> None:
        """Ends the stream at once; a stream that was closed is left as it is."""
        self._call.cancel()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        self._fail(errors.Unavailable("The stream was abandoned."))

    async def _write(self, request: ingest_pb2.AppendReadingsRequest) -> None:
        """Sends a message; a call that is over raises what ended it."""
        try:
            await self._call.write(request)
        except (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError) as failure:
            # The reader hears why the call ended; the writer only that it did.
            if self._reader is not None:
                await self._reader
            if self._failure is not None:
                raise self._failure from None
            if isinstance(failure, grpc.aio.AioRpcError):
                raise
            raise errors.Unavailable(
                f"The connection to the server at {self._target} broke."
            ) from None

    async def _read(self) -> None:
        """Settles answers until the stream ends, and keeps why it ended."""
        failure: errors.CottonError | None = None
        try:
            while (response := await self._call.read()) is not _EOF:
                self._settle(response)
            if self._waiting or not self._closing:
                failure = errors.Unavailable(
                    f"The server at {self._target} ended the stream"
                    f" with {len(self._waiting)} batches unanswered."
                )
        except grpc.aio.AioRpcError as error:
            failure = errors.from_rpc_error(error, self._target)
        except errors.ContractViolation as error:
            failure = error
            self._call.cancel()
        if failure is not None:
            self._fail(failure)

    def _settle(self, response: ingest_pb2.AppendReadingsResponse) -> None:
        """Gives the oldest unanswered batch its answer."""
        self.revision = max(self.revision, response.revision)
        kind = response.WhichOneof("response")
        if kind not in {"result", "refused"} or not self._waiting:
            raise errors.ContractViolation("The server sent an answer that no batch asked for.")
        said = response.result if kind == "result" else response.refused
        identity, answer = self._waiting[0]
        # A refusal may lack the identity: it stands there "where it could be read".
        if _identity(said, required=kind == "result") not in {identity, ""}:
            raise errors.ContractViolation("The server's answers are not in the order of sending.")
        self._waiting.popleft()
        self._slots.release()
        if answer.done():
            return
        if kind == "result":
            answer.set_result(response.result)
        else:
            answer.set_exception(errors.from_refusal(response.refused))

    def _fail(self, failure: errors.CottonError) -> None:
        """Breaks the stream for whoever waits or comes later; the first reason stays."""
        if self._failure is not None:
            return
        self._failure = failure
        while self._waiting:
            _, answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(failure)
                # Whoever sent learns of it from the stream; the future need not be awaited.
                answer.exception()
        for _ in range(self._window):
            self._slots.release()


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
class _Upload:
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
            batch.batch_id = _content_id(batch, self.batches_read)
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


class _Patience:
    """When to try again and when to give up."""

    def __init__(self, policy: RetryPolicy, *, answered: bool) -> None:
        self.answered = answered
        self._policy = policy
        self._attempt = 0
        self._since = asyncio.get_running_loop().time()

    def renew(self) -> None:
        """Forgets past failures: there was progress."""
        self._attempt = 0
        self._since = asyncio.get_running_loop().time()

    async def pause(
        self,
        error: errors.CottonError,
        on_retry: Callable[[errors.CottonError, float], None] | None = None,
    ) -> None:
        """Sleeps before the next attempt; raises the error when patience has run out."""
        policy = self._policy
        self._attempt += 1
        waited_s = asyncio.get_running_loop().time() - self._since
        delay_s = max(policy.delay_s(self._attempt), error.retry_after_s or 0.0)
        if waited_s + delay_s > (policy.patience_s if self.answered else policy.patience_first_s):
            raise error
        if on_retry is not None:
            on_retry(error, delay_s)
        await asyncio.sleep(delay_s)


def is_loopback(target: str) -> bool:
    """Whether HOST:PORT is this machine."""
    host = target.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def check_producer_id(producer_id: str) -> None:
    """Raises InputError unless this can name a producer."""
    if not _PRODUCER_ID.fullmatch(producer_id):
        raise errors.InputError(
            f"{producer_id!r} cannot name a producer.",
            reason="INVALID_PRODUCER",
            remedy='Use 1 to 64 of the letters A-Z and a-z, digits, ".", "-", "_" and ":".',
        )


def _check_target(target: str) -> None:
    """Raises ConfigurationError unless this is HOST:PORT."""
    host, colon, port = target.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 2**16):
        raise errors.ConfigurationError(
            f"{target!r} is not the address of a server.",
            reason="INVALID_ADDRESS",
            remedy=f"Give it as HOST:PORT, such as {TARGET_DEFAULT}.",
        )


def _identity(
    message: readings_pb2.ReadingBatch | ingest_pb2.BatchResult | ingest_pb2.BatchRefused,
    *,
    required: bool = True,
) -> str | int:
    """Sequence or batch id; "" when there is neither and it is not required."""
    match message.WhichOneof("identity"):
        case "sequence":
            return message.sequence
        case "batch_id":
            return message.batch_id
    if required:
        raise errors.ContractViolation("A batch or its answer carries no sequence and no id.")
    return ""


def _content_id(message: Any, index: int) -> str:
    """64 digits that follow from the content of a message and its place among its kind."""
    digest = hashlib.sha256(index.to_bytes(8, "big"))
    digest.update(message.SerializeToString(deterministic=True))
    return digest.hexdigest()


def _batches(
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


def _chunks(records: Sequence[_T]) -> Iterator[list[_T]]:
    """The records in runs of at most LOTS_PER_REQUEST_MAX and LOTS_REQUEST_BYTES_MAX."""
    chunk: list[_T] = []
    size = 0
    for record in records:
        # Each record travels with a tag and its length, at most 6 bytes.
        record_size = record.ByteSize() + 6  # type: ignore[attr-defined]  # any message
        full = len(chunk) == LOTS_PER_REQUEST_MAX or size + record_size > LOTS_REQUEST_BYTES_MAX
        if chunk and full:
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += record_size
    if chunk:
        yield chunk


def _merge(
    receipt: LotsReceipt,
    response: lots_pb2.RegisterLotsResponse | lots_pb2.RecordLotWeightsResponse,
) -> LotsReceipt:
    """The receipt with one more answer in it; rows count on over the requests."""
    outcome = response.outcome
    results = []
    for result in outcome.results:
        shifted = lots_pb2.LotResult()
        shifted.CopyFrom(result)
        shifted.row += receipt.received
        results.append(shifted)
    return LotsReceipt(
        revision=max(receipt.revision, response.revision),
        repeated=receipt.repeated and response.repeated_request,
        received=receipt.received + outcome.received,
        created=receipt.created + outcome.created,
        existing=receipt.existing + outcome.existing,
        conflicting=receipt.conflicting + outcome.conflicting,
        rejected=receipt.rejected + outcome.rejected,
        results=(*receipt.results, *results),
    )


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
