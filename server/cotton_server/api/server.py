"""The gRPC server: services, health and reflection on one port."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import (
    accounts_pb2,
    amendments_pb2,
    grading_pb2,
    ingest_pb2,
    lifecycle_pb2,
    lots_pb2,
    reference_pb2,
    settlement_pb2,
    summary_pb2,
    trace_pb2,
)
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from cotton_server.api.naming import Naming, names_of_call
from cotton_server.api.status import abort, internal_error, refusal_fields
from cotton_server.api.timing import timed, timed_stream
from cotton_server.errors import Reason, ServiceError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from cotton_server.api.accounts import AccountHandlers
    from cotton_server.api.conflicts import ConflictHandlers
    from cotton_server.api.grading import GradingHandlers
    from cotton_server.api.ingest import IngestHandlers
    from cotton_server.api.lifecycle import LifecycleHandlers
    from cotton_server.api.records import RecordHandlers
    from cotton_server.api.references import ReferenceHandlers
    from cotton_server.api.settlement import SettlementHandlers
    from cotton_server.api.summary import SummaryHandlers
    from cotton_server.api.trace import TraceHandlers

_LOG: Final = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
StreamHandler = Callable[[AsyncIterator[bytes], Context], AsyncIterator[Message]]

KEEPALIVE: Final = (
    # A warehouse that loses its power or its line says no goodbye, and TCP does not miss a peer
    # to which nothing is sent: its stream would count against concurrent_calls_max for ever. So
    # who is silent for a minute is asked, and is gone when no answer comes within 20 s, time
    # enough for a line over satellite. The second of the two is what ends the wait: gRPC's own
    # is a minute.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
    # Connections without a call are asked too: each holds a file descriptor.
    ("grpc.keepalive_permit_without_calls", 1),
    # A stream may be idle for hours between two lots: it is asked as often as it takes.
    ("grpc.http2.max_pings_without_data", 0),
    # Clients may ask as well, ours every 20 s; by gRPC's own limit, once in five minutes, the
    # server would break their connections for it.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)
"""Options of gRPC by which both sides find out that the other is gone."""

FLOW: Final = (
    # What gRPC reads ahead of a handler that does not read. By itself it measures the line and
    # goes up to 5 MB a stream, which 500 streams behind a slow disk turn into 3 GB: fixed at
    # 512 KiB they hold a third of that, and as many bales a second get through. A line of 50 ms
    # to and fro still carries 10 MB/s, or 200 000 bales, on one stream.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 512 << 10),
)
"""Options of gRPC that bound what a stream holds before it is read."""

_OTHER_CALLS_MAX: Final = 100
_FEEDS_END_S: Final = 2.0
"""What feeds have to end in while the server drains: nothing is lost with one that does not."""

_FLUSH_S: Final = 0.25
"""What answers that were just given have to reach their callers."""

_INGEST: Final = ingest_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name
_LOTS: Final = lots_pb2.DESCRIPTOR.services_by_name["LotService"].full_name
_AMENDMENTS: Final = amendments_pb2.DESCRIPTOR.services_by_name["AmendmentService"].full_name
_ACCOUNTS: Final = accounts_pb2.DESCRIPTOR.services_by_name["AccountService"].full_name
_LIFECYCLE: Final = lifecycle_pb2.DESCRIPTOR.services_by_name["LifecycleService"].full_name
_SUMMARY: Final = summary_pb2.DESCRIPTOR.services_by_name["SummaryService"].full_name
_SETTLEMENT: Final = settlement_pb2.DESCRIPTOR.services_by_name["SettlementService"].full_name
_TRACE: Final = trace_pb2.DESCRIPTOR.services_by_name["TraceService"].full_name
_REFERENCE: Final = reference_pb2.DESCRIPTOR.services_by_name["ReferenceService"].full_name
_GRADING: Final = grading_pb2.DESCRIPTOR.services_by_name["GradingService"].full_name

SERVICES: Final = (
    _INGEST,
    _LOTS,
    _ACCOUNTS,
    _AMENDMENTS,
    _LIFECYCLE,
    _SUMMARY,
    _SETTLEMENT,
    _TRACE,
    _REFERENCE,
    _GRADING,
)


class InspectionServer:
    """A grpc.aio server with all services; messages reach the handlers as bytes."""

    def __init__(
        self,
        *,
        ingest: IngestHandlers,
        records: RecordHandlers,
        conflicts: ConflictHandlers,
        lifecycle: LifecycleHandlers,
        summary: SummaryHandlers,
        settlement: SettlementHandlers,
        trace: TraceHandlers,
        references: ReferenceHandlers,
        accounts: AccountHandlers,
        grading: GradingHandlers,
        message_bytes_max: int,
        concurrent_calls_max: int,
        reflect: bool,
        summary_answered: Callable[[str, float], None],
    ) -> None:
        """Builds the server; `start` binds it.

        `summary_answered` hears of each answer of SummaryService and SettlementService: its method
        and its seconds.
        """
        self._ingest = ingest
        self._lifecycle = lifecycle
        self._calls = _Calls(concurrent_calls_max)
        unary = self._calls.unary
        self._server = grpc.aio.server(
            interceptors=(Naming(),),
            options=[
                *KEEPALIVE,
                *FLOW,
                # Up to twice the limit a handler refuses with what to do; gRPC itself
                # refuses what is larger still, with its own words.
                ("grpc.max_receive_message_length", 2 * message_bytes_max),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),
                ("grpc.max_metadata_size", 16 << 10),
            ],
            # Calls of ours are counted and refused with what to do; gRPC's own limit leaves
            # room for those refusals, for health and for reflection.
            maximum_concurrent_rpcs=concurrent_calls_max + _OTHER_CALLS_MAX,
        )
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # chosen at run time by its module
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    _INGEST,
                    {
                        "AppendReadings": grpc.stream_stream_rpc_method_handler(
                            self._calls.counted(ingest.append_readings),
                            response_serializer=_serialised,
                        ),
                        "SubmitReadings": unary(ingest.submit_readings),
                        "GetProducer": unary(ingest.get_producer),
                    },
                ),
                grpc.method_handlers_generic_handler(
                    _LOTS,
                    {name: unary(handler) for name, handler in records.lots().items()},
                ),
                grpc.method_handlers_generic_handler(
                    _ACCOUNTS,
                    {
                        **{name: unary(handler) for name, handler in records.accounts().items()},
                        "ListAccounts": self._calls.unary_stream(accounts.list_accounts),
                    },
                ),
                grpc.method_handlers_generic_handler(
                    _AMENDMENTS,
                    {
                        **{name: unary(handler) for name, handler in records.amendments().items()},
                        "ListConflicts": self._calls.unary_stream(conflicts.list_conflicts),
                        "CountConflicts": unary(conflicts.count_conflicts),
                    },
                ),
                grpc.method_handlers_generic_handler(
                    _LIFECYCLE,
                    {
                        "ListLots": self._calls.unary_stream(lifecycle.list_lots),
                        "WatchChanges": self._calls.unary_stream(
                            lifecycle.watch_changes, endless=True
                        ),
                    },
                ),
                grpc.method_handlers_generic_handler(
                    _SUMMARY,
                    {
                        **{
                            name: unary(timed(handler, partial(summary_answered, name)))
                            for name, handler in (
                                ("GetLotCertificate", summary.get_lot_certificate),
                                ("SummariseGrades", summary.summarise_grades),
                            )
                        },
                        **{
                            name: self._calls.unary_stream(
                                timed_stream(handler, partial(summary_answered, name))
                            )
                            for name, handler in (
                                ("TabulateGrades", summary.tabulate_grades),
                                ("TabulateCertificates", summary.tabulate_certificates),
                                ("ListBales", summary.list_bales),
                            )
                        },
                    },
                ),
                grpc.method_handlers_generic_handler(
                    _SETTLEMENT,
                    {
                        "FreezeRun": unary(settlement.freeze_run),
                        "ListRuns": unary(settlement.list_runs),
                        **{
                            name: unary(timed(handler, partial(summary_answered, name)))
                            for name, handler in (
                                ("GetRun", settlement.get_run),
                                ("VerifyRun", settlement.verify_run),
                            )
                        },
                        **{
                            name: self._calls.unary_stream(
                                timed_stream(handler, partial(summary_answered, name))
                            )
                            for name, handler in (
                                ("PriceLots", settlement.price_lots),
                                ("TabulateRun", settlement.tabulate_run),
                                ("CompareRuns", settlement.compare_runs),
                            )
                        },
                    },
                ),
                grpc.method_handlers_generic_handler(
                    _REFERENCE,
                    {
                        **{name: unary(handler) for name, handler in records.references().items()},
                        "ListReferences": unary(references.list_references),
                        "GetReference": unary(references.get_reference),
                        "ListShipped": unary(references.list_shipped),
                        "DescribeReference": unary(references.describe_reference),
                    },
                ),
                grpc.method_handlers_generic_handler(_TRACE, {"GetBale": unary(trace.get_bale)}),
                grpc.method_handlers_generic_handler(
                    _GRADING,
                    {
                        "GradeReadings": unary(grading.grade_readings),
                        "ListStandards": unary(grading.list_standards),
                        "GetStandard": unary(grading.get_standard),
                    },
                ),
            )
        )
        if reflect:
            names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)

    async def start(self, listen: str) -> int:
        """Binds and serves; gives the port. Raises OSError when the address is not to be had."""
        try:
            port = self._server.add_insecure_port(listen)
        except RuntimeError as error:
            raise OSError(str(error)) from error
        await self._server.start()
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)
        return port

    async def drain(self, grace_s: float) -> None:
        """Says NOT_SERVING, answers what was received, ends the streams, stops."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._calls.refuse()
        self._ingest.drain()
        self._lifecycle.drain()
        # Calls of ours are waited for; a watch of the health service would last for ever.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._calls.none_open(), grace_s)
        # Feeds end by themselves now, but for those whose reader has stalled.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._calls.none_endless(), _FEEDS_END_S)
        await self._server.stop(_FLUSH_S)

    async def stop(self) -> None:
        """Says NOT_SERVING, and stops as soon as answers that were given can have been heard."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._calls.refuse()
        await self._server.stop(_FLUSH_S)

    async def _set_health(
        self, status: health_pb2.HealthCheckResponse.ServingStatus.ValueType
    ) -> None:
        for name in ("", *SERVICES):
            await self._health.set(name, status)


def _serialised(message: Message | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()


@contextmanager
def _told(handler: Callable[..., object], context: Context) -> Iterator[None]:
    """Tells the caller how its call is named, and the log, where it wants to know, of its end."""
    context.set_trailing_metadata(names_of_call())
    begun_s = time.perf_counter()
    yield
    if _LOG.isEnabledFor(logging.DEBUG):
        _LOG.debug(
            "a call was answered",
            extra={
                "handler": handler.__qualname__,
                "seconds": f"{time.perf_counter() - begun_s:.4f}",
            },
        )


def _tell_refusal(handler: Callable[..., object], error: ServiceError) -> None:
    _LOG.warning(
        "a call was refused", extra={"handler": handler.__qualname__, **refusal_fields(error)}
    )


class _Calls:
    """The calls that are open, and whether further ones are taken."""

    def __init__(self, open_max: int) -> None:
        self._open = 0
        self._endless = 0
        self._open_max = open_max
        self._refusing = False
        self._none_open = asyncio.Event()
        self._none_open.set()
        self._none_endless = asyncio.Event()
        self._none_endless.set()

    def refuse(self) -> None:
        """Takes no further calls."""
        self._refusing = True

    async def none_open(self) -> None:
        """Waits until every call has ended that ends by itself."""
        await self._none_open.wait()

    async def none_endless(self) -> None:
        """Waits until the others have ended too."""
        await self._none_endless.wait()

    def unary(
        self, handler: Callable[[bytes, Context], Awaitable[Message | bytes]]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """A unary call whose ServiceErrors become its status."""

        async def call(payload: bytes, context: Context) -> Message | bytes:
            with self._one(), _told(handler, context):
                try:
                    self._refuse_call()
                    return await handler(payload, context)
                except ServiceError as error:
                    _tell_refusal(handler, error)
                    await abort(context, error)
                except Exception as error:  # noqa: BLE001 - the last resort, logged in full
                    _LOG.exception("a call failed", extra={"handler": handler.__qualname__})
                    await abort(context, internal_error(error))

        return grpc.unary_unary_rpc_method_handler(call, response_serializer=_serialised)

    def counted(self, handler: StreamHandler) -> StreamHandler:
        """A stream that counts as open until it has ended."""

        async def call(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[Message]:
            with self._one(), _told(handler, context):
                try:
                    self._refuse_call()
                except ServiceError as error:
                    _tell_refusal(handler, error)
                    await abort(context, error)
                async for answer in handler(requests, context):
                    yield answer

        return call

    def unary_stream(
        self,
        handler: Callable[[bytes, Context], AsyncIterator[Message | bytes]],
        *,
        endless: bool = False,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """A call answered by a stream, whose ServiceErrors become its status.

        `endless`: it ends when the caller goes or the server drains, and not before.
        """

        async def call(payload: bytes, context: Context) -> AsyncIterator[Message | bytes]:
            with self._one(endless=endless), _told(handler, context):
                try:
                    self._refuse_call()
                    async for answer in handler(payload, context):
                        yield answer
                except ServiceError as error:
                    _tell_refusal(handler, error)
                    await abort(context, error)
                except Exception as error:  # noqa: BLE001 - the last resort, logged in full
                    _LOG.exception("a call failed", extra={"handler": handler.__qualname__})
                    await abort(context, internal_error(error))

        return grpc.unary_stream_rpc_method_handler(call, response_serializer=_serialised)

    @contextmanager
    def _one(self, *, endless: bool = False) -> Iterator[None]:
        self._count(1, endless=endless)
        try:
            yield
        finally:
            self._count(-1, endless=endless)

    def _count(self, calls: int, *, endless: bool) -> None:
        self._open += calls
        self._endless += calls if endless else 0
        for event, count in (
            (self._none_open, self._open - self._endless),
            (self._none_endless, self._endless),
        ):
            if count:
                event.clear()
            else:
                event.set()

    def _refuse_call(self) -> None:
        """Raises ServiceError when this call, which is counted already, is not taken."""
        if self._open > self._open_max:
            raise ServiceError(
                Reason.TOO_MANY_CALLS, f"{self._open_max} calls are open, as many as may be."
            )
        if self._refusing:
            raise ServiceError(Reason.DRAINING, "The server takes no more calls.")
