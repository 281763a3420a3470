"""The gRPC server: services, health and reflection on one port."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import ingest_pb2, lots_pb2, summary_pb2, trace_pb2
from grpc_health.v1 import _async as async_health
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from cotton_server.api.status import abort
from cotton_server.errors import Reason, ServiceError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message

    from cotton_server.api.ingest import IngestHandlers
    from cotton_server.api.lots import LotHandlers
    from cotton_server.api.summary import SummaryHandlers
    from cotton_server.api.trace import TraceHandlers

_LOG: Final = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]

_INGEST: Final = ingest_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name
_LOTS: Final = lots_pb2.DESCRIPTOR.services_by_name["LotService"].full_name
_SUMMARY: Final = summary_pb2.DESCRIPTOR.services_by_name["SummaryService"].full_name
_TRACE: Final = trace_pb2.DESCRIPTOR.services_by_name["TraceService"].full_name

SERVICES: Final = (_INGEST, _LOTS, _SUMMARY, _TRACE)


class InspectionServer:
    """A grpc.aio server with all services; messages reach the handlers as bytes."""

    def __init__(
        self,
        *,
        ingest: IngestHandlers,
        lots: LotHandlers,
        summary: SummaryHandlers,
        trace: TraceHandlers,
        message_bytes_max: int,
        concurrent_calls_max: int,
        reflect: bool,
    ) -> None:
        """Builds the server; `start` binds it."""
        self._ingest = ingest
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", message_bytes_max),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),
                ("grpc.max_metadata_size", 16 << 10),
            ],
            maximum_concurrent_rpcs=concurrent_calls_max,
        )
        self._health = async_health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    _INGEST,
                    {
                        "AppendReadings": grpc.stream_stream_rpc_method_handler(
                            ingest.append_readings, response_serializer=_serialised
                        ),
                        "SubmitReadings": _unary(ingest.submit_readings),
                    },
                ),
                grpc.method_handlers_generic_handler(
                    _LOTS,
                    {
                        "RegisterLots": _unary(lots.register_lots),
                        "RecordLotWeights": _unary(lots.record_lot_weights),
                    },
                ),
                grpc.method_handlers_generic_handler(
                    _SUMMARY,
                    {
                        "GetLotCertificate": _unary(summary.get_lot_certificate),
                        "SummariseGrades": _unary(summary.summarise_grades),
                    },
                ),
                grpc.method_handlers_generic_handler(_TRACE, {"GetBale": _unary(trace.get_bale)}),
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
        self._ingest.drain()
        await self._server.stop(grace_s)

    async def stop(self) -> None:
        """Stops at once."""
        await self._server.stop(None)

    async def _set_health(
        self, status: health_pb2.HealthCheckResponse.ServingStatus.ValueType
    ) -> None:
        for name in ("", *SERVICES):
            await self._health.set(name, status)


def _serialised(message: Message) -> bytes:
    return message.SerializeToString()


def _unary(
    handler: Callable[[bytes, Context], Awaitable[Message]],
) -> grpc.RpcMethodHandler[Any, Any]:
    async def call(payload: bytes, context: Context) -> Message:
        try:
            return await handler(payload, context)
        except ServiceError as error:
            await abort(context, error)
        except Exception as error:  # noqa: BLE001 - the last resort, logged in full
            _LOG.exception("a call failed", extra={"handler": handler.__qualname__})
            await abort(
                context, ServiceError(Reason.INTERNAL, f"{type(error).__name__} in the server.")
            )
        raise AssertionError("abort raises")

    return grpc.unary_unary_rpc_method_handler(call, response_serializer=_serialised)
