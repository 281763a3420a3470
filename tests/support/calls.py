"""Calls over real gRPC: stubs, a stream under control, and typed errors taken apart."""

from __future__ import annotations

import queue
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from cotton.inspection.v1 import (
    common_pb2,
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
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from tests.support.bales import LOT, Bale, append_request, batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CALL_S_MAX = 30
APPEND = "/cotton.inspection.v1.IngestService/AppendReadings"
SUBMIT = "/cotton.inspection.v1.IngestService/SubmitReadings"


class Error:
    """A typed error: reason, code, text, fields at fault, metadata."""

    def __init__(self, status: status_pb2.Status) -> None:
        """Takes a google.rpc.Status apart; it must carry ErrorInfo with a remedy in the text."""
        self.code, self.message = status.code, status.message
        self.fields: list[str] = []
        self.retry = False
        for detail in status.details:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                info = error_details_pb2.ErrorInfo()
                detail.Unpack(info)
                self.reason, self.metadata = info.reason, dict(info.metadata)
                assert info.domain == "inspection.cotton"
                assert info.metadata["remedy"] in status.message
            elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                request = error_details_pb2.BadRequest()
                detail.Unpack(request)
                self.fields = [each.field for each in request.field_violations]
            elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
                self.retry = True
        assert self.reason


def error_of(call: grpc.RpcError) -> Error:
    """The typed error that ended a call."""
    status = rpc_status.from_call(call)  # type: ignore[arg-type]  # the error is the call
    assert status is not None, call
    return Error(status)


class Calls:
    """All services on one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        """Makes the stubs."""
        self.channel = channel
        self.ingest = ingest_pb2_grpc.IngestServiceStub(channel)
        self.lots = lots_pb2_grpc.LotServiceStub(channel)
        self.summary = summary_pb2_grpc.SummaryServiceStub(channel)
        self.trace = trace_pb2_grpc.TraceServiceStub(channel)

    def submit(
        self, bales: Sequence[Bale], identity: int | str = 1, **named: str
    ) -> ingest_pb2.BatchResult:
        """Submits one batch; its result."""
        request = ingest_pb2.SubmitReadingsRequest(
            producer_id=named.pop("producer", "p"), batch=batch(bales, identity=identity, **named)
        )
        return self.ingest.SubmitReadings(request, timeout=CALL_S_MAX).result

    def register(self, request_id: str, lot_no: str = LOT, **fields: Any) -> lots_pb2.LotsOutcome:
        """Registers a lot."""
        lot = lots_pb2.Lot(
            lot_no=lot_no,
            cotton_type=fields.pop("cotton_type", common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND),
            declared_bales=fields.pop("declared_bales", 186),
            **fields,
        )
        request = lots_pb2.RegisterLotsRequest(producer_id="p", request_id=request_id, lots=[lot])
        return self.lots.RegisterLots(request, timeout=CALL_S_MAX).outcome

    def weigh(self, request_id: str, lot_no: str = LOT, **fields: int) -> lots_pb2.LotsOutcome:
        """Records the weight of a lot."""
        plain = {"gross": 4262000, "tare": 24600, "regain": 820, "trash": 230, "resolution": 100}
        weight = lots_pb2.LotWeight(lot_no=lot_no)
        for name, value in {**plain, **fields}.items():
            setattr(weight, name, value)
        request = lots_pb2.RecordLotWeightsRequest(
            producer_id="p", request_id=request_id, weights=[weight]
        )
        return self.lots.RecordLotWeights(request, timeout=CALL_S_MAX).outcome

    def certificate(
        self, lot_no: str = LOT, revision: int = 0
    ) -> summary_pb2.GetLotCertificateResponse:
        """The certificate of a lot."""
        return self.summary.GetLotCertificate(
            summary_pb2.GetLotCertificateRequest(lot_no=lot_no, revision=revision),
            timeout=CALL_S_MAX,
        )

    def summarise(self, *keys: int, revision: int = 0) -> summary_pb2.SummariseGradesResponse:
        """A grade summary by keys."""
        return self.summary.SummariseGrades(
            summary_pb2.SummariseGradesRequest(
                keys=keys,  # type: ignore[arg-type]  # any integer may be sent
                revision=revision,
            ),
            timeout=CALL_S_MAX,
        )

    def bale(self, bale: Bale, revision: int = 0) -> trace_pb2.GetBaleResponse:
        """One bale."""
        request = trace_pb2.GetBaleRequest(revision=revision)
        if bale.crop_year:
            request.usda_bale.CopyFrom(
                readings_pb2.UsdaBale(bale_id=bale.code, crop_year=bale.crop_year)
            )
        else:
            request.bale_code = bale.code
        return self.trace.GetBale(request, timeout=CALL_S_MAX)


def refused(call: Callable[..., object], *arguments: Any, **named: Any) -> Error:
    """The typed error of a call that must fail."""
    try:
        call(*arguments, **named)
    except grpc.RpcError as error:
        return error_of(error)
    raise AssertionError("the call did not fail")


class Stream:
    """An AppendReadings stream whose messages, sound or not, are sent one by one."""

    def __init__(self, channel: grpc.Channel) -> None:
        """Starts the call; nothing is sent yet."""
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.call: Any = channel.stream_stream(
            APPEND,
            request_serializer=None,
            response_deserializer=ingest_pb2.AppendReadingsResponse.FromString,
        )(iter(self._outgoing.get, None), timeout=CALL_S_MAX)

    def send(self, payload: bytes) -> None:
        """Sends bytes as one message."""
        self._outgoing.put(payload)

    def send_batch(
        self, bales: Sequence[Bale], identity: int | str, shape: str = "columns"
    ) -> None:
        """Sends a batch."""
        self.send(append_request(bales, identity=identity, shape=shape).SerializeToString())

    def receive(self) -> ingest_pb2.AppendReadingsResponse:
        """The next answer; raises grpc.RpcError when the stream ended with an error."""
        answer: ingest_pb2.AppendReadingsResponse = next(self.call)
        return answer

    def open(self, producer: str = "p") -> ingest_pb2.StreamOpened:
        """Says who sends."""
        request = ingest_pb2.AppendReadingsRequest(open=ingest_pb2.OpenStream(producer_id=producer))
        self.send(request.SerializeToString())
        return self.receive().opened

    def next_sequence(self) -> int:
        """The sequence that the server expects, asked by one that is far too high."""
        self.send_batch([Bale("0" * 32, LOT)], 2**62)
        return self.refusal()[1].next_sequence

    def append(
        self, bales: Sequence[Bale], identity: int | str, shape: str = "columns"
    ) -> ingest_pb2.BatchResult:
        """Sends a batch and waits for its result; AssertionError when it is refused."""
        self.send_batch(bales, identity, shape)
        answer = self.receive()
        assert answer.HasField("result"), answer
        return answer.result

    def refusal(self) -> tuple[Error, ingest_pb2.BatchRefused]:
        """The next answer, which must be a refusal."""
        answer = self.receive()
        assert answer.HasField("refused"), answer
        return Error(answer.refused.status), answer.refused

    def half_close(self) -> None:
        """Sends no more."""
        self._outgoing.put(None)


@contextmanager
def stream(channel: grpc.Channel, producer: str | None = "p") -> Iterator[Stream]:
    """A stream, opened for a producer unless that is None, and ended in the end."""
    made = Stream(channel)
    try:
        if producer is not None:
            made.open(producer)
        yield made
    finally:
        made.half_close()
        made.call.cancel()


class Context:
    """A call as a handler sees it in process; keeps the status that it was aborted with."""

    def __init__(self) -> None:
        """Not aborted."""
        self.code: grpc.StatusCode | None = None

    async def abort(self, code: grpc.StatusCode, details: str, trailing: object) -> None:
        """Ends the call as grpc.aio does."""
        self.code, self.details, self.trailing = code, details, trailing
        raise grpc.aio.AbortError

    def cancelled(self) -> bool:
        """The client is still there."""
        return False
