"""The client against a service in memory that breaks connections at the worst moments."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cotton_client
import grpc
import polars as pl
import pytest
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
from cotton_client import CottonClient, RetryPolicy, UploadTotals, errors, upload
from cotton_client import lots as lots_module
from cotton_client.channel import MESSAGE_BYTES_MAX
from cotton_client.frames import READINGS_SCHEMA, conform
from cotton_client.retry import Patience
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

QUICK = RetryPolicy(patience_s=5.0, patience_first_s=0.3, delay_first_s=0.001, delay_max_s=0.02)


def bales(first: int, count: int) -> pl.DataFrame:
    """A readings frame of `count` bales whose numbers start at `first`."""
    numbers = range(first, first + count)
    frame = pl.DataFrame(
        {
            "bale_code": [f"32651401611141221550000121{number:06d}" for number in numbers],
            "lot_no": ["65140161077"] * count,
            "length": [2820 + number % 7 for number in numbers],
        }
    )
    return conform(frame, READINGS_SCHEMA)


def status(
    code: grpc.StatusCode, message: str, reason: str, *details: Any, **metadata: str
) -> status_pb2.Status:
    """A google.rpc.Status as the service makes it."""
    answer = status_pb2.Status(code=code.value[0], message=message)
    answer.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, metadata=metadata))
    for detail in details:
        answer.details.add().Pack(detail)
    return answer


async def abort(context: Any, answer: status_pb2.Status) -> None:
    """Ends a call with the status in its trailing metadata, as grpc-status does."""
    code = next(code for code in grpc.StatusCode if code.value[0] == answer.code)
    trailing = (("grpc-status-details-bin", answer.SerializeToString()),)
    await context.abort(code, answer.message, trailing)


@dataclass
class Service(
    ingest_pb2_grpc.IngestServiceServicer,
    lots_pb2_grpc.LotServiceServicer,
    summary_pb2_grpc.SummaryServiceServicer,
    trace_pb2_grpc.TraceServiceServicer,
):
    """Stores batches by identity and bales once; breaks where it is told to.

    `lose_answers_after` holds numbers of stored batches after which the connection breaks
    before the answer; `break_before` numbers of batches that are not even stored;
    `refusals` answers by number of batch received. Each happens once.
    """

    lose_answers_after: set[int] = field(default_factory=set)
    break_before: set[int] = field(default_factory=set)
    refusals: dict[int, status_pb2.Status] = field(default_factory=dict)
    unavailable_first: int = 0
    miscount: bool = False
    shuffle: bool = False
    hold: asyncio.Event | None = None
    batches: dict[tuple[str, str | int], ingest_pb2.BatchResult] = field(default_factory=dict)
    stored: dict[str, int] = field(default_factory=dict)
    received: int = 0
    in_flight_max: int = 0
    streams: int = 0
    laboratory: str = ""
    requests: list[Any] = field(default_factory=list)

    def next_sequence(self, producer: str) -> int:
        """One more than the batches that the producer numbered."""
        return 1 + sum(who == producer and isinstance(number, int) for who, number in self.batches)

    def store(self, producer: str, batch: readings_pb2.ReadingBatch) -> ingest_pb2.BatchResult:
        """The first answer again, or the outcome of every bale."""
        which = batch.WhichOneof("identity")
        assert which is not None
        identity: str | int = getattr(batch, which)
        if (producer, identity) in self.batches:
            repeat = ingest_pb2.BatchResult()
            repeat.CopyFrom(self.batches[producer, identity])
            repeat.repeated_batch = True
            return repeat
        codes = [reading.bale_code for reading in batch.rows.readings] or [
            f"{high:016d}{low:016d}"
            for high, low in zip(
                batch.columns.bale_code_high, batch.columns.bale_code_low, strict=True
            )
        ]
        result = ingest_pb2.BatchResult(revision=len(self.batches) + 1, received_at_us=1)
        setattr(result, which, identity)
        result.outcome.received = len(codes)
        for row, code in enumerate(codes):
            if code.endswith("999"):
                result.outcome.rejected += 1
                result.outcome.outcomes.add(
                    row=row, outcome=readings_pb2.OUTCOME_REJECTED, bale=code
                )
            elif code in self.stored:
                result.outcome.existing += 1
                result.outcome.existing_rows.add(first=row, count=1)
            else:
                self.stored[code] = result.revision
                result.outcome.created += 1
        if self.miscount:
            result.outcome.created -= 1
        self.batches[producer, identity] = result
        return result

    async def AppendReadings(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802
        """A stream that breaks where it is told to."""
        self.streams += 1
        if self.streams <= self.unavailable_first:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        producer = ""
        async for request in request_iterator:
            if request.WhichOneof("request") == "open":
                producer = request.open.producer_id
                answer = ingest_pb2.AppendReadingsResponse(revision=len(self.batches))
                answer.opened.next_sequence = self.next_sequence(producer)
                yield answer
                continue
            if self.hold is not None:
                await self.hold.wait()
            self.received += 1
            if self.received in self.break_before:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "broken before storing")
            if self.received in self.refusals:
                answer = ingest_pb2.AppendReadingsResponse(revision=len(self.batches))
                answer.refused.status.CopyFrom(self.refusals[self.received])
                answer.refused.batch_id = request.batch.batch_id
                yield answer
                continue
            result = self.store(producer, request.batch)
            if self.received in self.lose_answers_after:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "broken after storing")
            answer = ingest_pb2.AppendReadingsResponse(revision=result.revision, result=result)
            if self.shuffle:
                answer.result.batch_id = "another"
            yield answer

    async def SubmitReadings(self, request: Any, context: Any) -> Any:  # noqa: N802
        """One batch; the first calls may find the service away."""
        self.received += 1
        if self.received <= self.unavailable_first:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        result = self.store(request.producer_id, request.batch)
        if self.received in self.lose_answers_after:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "broken after storing")
        return ingest_pb2.SubmitReadingsResponse(revision=result.revision, result=result)

    async def RegisterLots(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Creates every lot but the last of each request, which exists."""
        repeated = any(each.request_id == request.request_id for each in self.requests)
        self.requests.append(request)
        answer = lots_pb2.RegisterLotsResponse(
            revision=len(self.requests), repeated_request=repeated
        )
        last = len(request.lots) - 1
        answer.outcome.received = last + 1
        answer.outcome.created = last
        answer.outcome.existing = 1
        answer.outcome.results.add(row=last, outcome=lots_pb2.LOT_OUTCOME_EXISTS)
        return answer

    async def RecordLotWeights(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Is not there."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"no {len(request.weights)} weights")

    async def absent(self, request: Any, context: Any) -> Any:
        """A method that is not there."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"no {type(request).__name__}")

    CloseLots = RecordCertificates = RecordObjections = RecordUnitLots = GetProducer = absent

    async def GetLotCertificate(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Knows no lot."""
        await abort(
            context,
            status(
                grpc.StatusCode.NOT_FOUND,
                f"Lot {request.lot_no} is not known",
                "NOT_FOUND",
                remedy="Register it.",
            ),
        )

    def TabulateGrades(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Nobody asks here: tests/client/test_tabulate.py does."""
        raise NotImplementedError

    def TabulateCertificates(self, request: Any, context: Any) -> Any:  # noqa: N802
        """As TabulateGrades."""
        raise NotImplementedError

    def ListBales(self, request: Any, context: Any) -> Any:  # noqa: N802
        """As TabulateGrades."""
        raise NotImplementedError

    async def SummariseGrades(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuses the second key."""
        self.requests.append(request)
        violation = error_details_pb2.BadRequest.FieldViolation(
            field="keys[1]", description="is there twice."
        )
        await abort(
            context,
            status(
                grpc.StatusCode.INVALID_ARGUMENT,
                "The request is wrong.",
                "INVALID_FIELD",
                error_details_pb2.BadRequest(field_violations=[violation]),
            ),
        )

    async def GetBale(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Gives back what was asked for."""
        answer = trace_pb2.GetBaleResponse(revision=request.revision)
        answer.reading.usda_bale.CopyFrom(request.usda_bale)
        answer.reading.laboratory = self.laboratory
        return answer


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[str]:
    """The address at which the service listens."""
    server = grpc.aio.server()
    ingest_pb2_grpc.add_IngestServiceServicer_to_server(service, server)
    lots_pb2_grpc.add_LotServiceServicer_to_server(service, server)
    summary_pb2_grpc.add_SummaryServiceServicer_to_server(service, server)
    trace_pb2_grpc.add_TraceServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def connected(service: Service) -> AsyncIterator[CottonClient]:
    """A client of the service that is patient for a moment only."""
    async with serving(service) as target, CottonClient(target, retry=QUICK) as client:
        yield client


async def test_an_upload_is_cut_into_batches_and_counted_once() -> None:
    """Frames of any height become batches of batch_bales; every bale is counted."""
    service = Service()
    async with connected(service) as client:
        heard: list[UploadTotals] = []
        totals = await client.send_frames(
            "W01", [bales(0, 7), bales(7, 1), bales(8, 12)], batch_bales=6, on_progress=heard.append
        )
    sizes = [result.outcome.received for result in service.batches.values()]
    assert sizes == [6, 6, 6, 2]
    assert (totals.received, totals.created, totals.batches) == (20, 20, 4)
    assert totals.revision == 4
    assert totals.complete
    assert [each.received for each in heard] == [6, 12, 18, 20]


async def test_rows_and_columns_store_the_same_bales() -> None:
    """Either shape of message carries the same bale codes."""
    stored = []
    for rows in (True, False):
        service = Service()
        async with connected(service) as client:
            await client.send_frames("W01", [bales(0, 9)], batch_bales=4, rows=rows)
        stored.append(service.stored)
    assert stored[0] == stored[1]


@pytest.mark.parametrize("sequenced", [False, True])
async def test_a_lost_acknowledgement_counts_nothing_twice(sequenced: bool) -> None:
    """Stored, answer lost, sent again under the same identity: created once, in the totals too."""
    service = Service(lose_answers_after={2, 5}, break_before={4})
    async with connected(service) as client:
        totals = await client.send_frames("W01", [bales(0, 40)], batch_bales=4, sequenced=sequenced)
    assert service.streams == 4
    assert len(service.stored) == 40
    assert (totals.received, totals.created, totals.existing) == (40, 40, 0)
    assert totals.resent_batches > 0
    assert totals.repeated_batches == 0
    if sequenced:
        assert [number for _, number in service.batches] == list(range(1, 11))


async def test_the_same_content_sent_again_is_a_repeat() -> None:
    """Batch ids follow from the content, so a second upload is answered from the first."""
    service = Service()
    async with connected(service) as client:
        first = await client.send_frames("W01", [bales(0, 10)], batch_bales=4)
        again = await client.send_frames("W01", [bales(0, 10)], batch_bales=4)
    assert first.repeated_batches == 0
    assert again.repeated_batches == 3
    assert (again.created, again.existing) == (10, 0)
    assert len(service.batches) == 3


async def test_equal_batches_of_one_upload_are_two_batches() -> None:
    """The place in the upload is part of a batch's id."""
    service = Service()
    async with connected(service) as client:
        totals = await client.send_frames("W01", [bales(0, 4), bales(0, 4)], batch_bales=4)
    assert (totals.created, totals.existing, totals.repeated_batches) == (4, 4, 0)
    assert totals.existing_bales == (range(5, 6), range(6, 7), range(7, 8), range(8, 9))


async def test_issues_name_the_bale_by_its_place_in_the_upload() -> None:
    """Places count from 1 over all batches."""
    service = Service()
    async with connected(service) as client:
        totals = await client.send_frames("W01", [bales(990, 20)], batch_bales=4)
    assert (totals.created, totals.rejected) == (19, 1)
    assert [each.bale for each in totals.issues] == [10]
    assert not totals.complete


async def test_no_more_batches_fly_than_the_window_allows() -> None:
    """While the server answers nothing, window batches are sent and one more is held."""
    service = Service(hold=asyncio.Event())
    read = 0

    def frames() -> Iterator[pl.DataFrame]:
        nonlocal read
        for place in range(20):
            read += 1
            yield bales(place * 2, 2)

    async with connected(service) as client:
        upload = asyncio.create_task(client.send_frames("W01", frames(), batch_bales=2, window=3))
        await asyncio.sleep(0.3)
        held = read
        assert service.hold is not None
        service.hold.set()
        totals = await upload
    assert held == 4
    assert totals.created == 40


async def test_an_upload_waits_for_a_server_that_starts() -> None:
    """UNAVAILABLE is tried again; whoever watches hears of it."""
    service = Service(unavailable_first=3)
    heard: list[str] = []
    async with connected(service) as client:
        totals = await client.send_frames(
            "W01", [bales(0, 4)], on_retry=lambda error, _: heard.append(error.reason)
        )
    assert totals.created == 4
    assert heard == ["UNAVAILABLE"] * 3


async def test_a_refused_batch_names_its_bales_and_ends_the_upload() -> None:
    """What was stored before it stays; the error carries reason, remedy and place."""
    refusal = status(
        grpc.StatusCode.INVALID_ARGUMENT, "Bad batch", "EMPTY_BATCH", remedy="Fill it."
    )
    service = Service(refusals={2: refusal})
    async with connected(service) as client:
        with pytest.raises(errors.InvalidRequest) as caught:
            await client.send_frames("W01", [bales(0, 12)], batch_bales=4)
    assert caught.value.message == "Batch 2 (bales 5 to 8) was refused: Bad batch."
    assert (caught.value.reason, caught.value.remedy) == ("EMPTY_BATCH", "Fill it.")
    assert service.streams == 1


async def test_a_refusal_that_asks_to_come_back_is_tried_again() -> None:
    """RetryInfo makes a refusal transient: the batch is stored at the second attempt."""
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(5)
    refusal = status(grpc.StatusCode.RESOURCE_EXHAUSTED, "Busy.", "BUSY", retry)
    service = Service(refusals={2: refusal})
    async with connected(service) as client:
        totals = await client.send_frames("W01", [bales(0, 12)], batch_bales=4)
    assert (totals.created, service.streams) == (12, 2)


async def test_a_source_that_fails_leaves_what_was_read_before_it_acknowledged() -> None:
    """The reader's own error comes out, after the answers to all earlier batches."""
    service = Service(lose_answers_after={1})
    heard: list[int] = []

    def frames() -> Iterator[pl.DataFrame]:
        yield bales(0, 4)
        yield bales(4, 4)
        raise ValueError("line 9")

    async with connected(service) as client:
        with pytest.raises(ValueError, match="line 9"):
            await client.send_frames(
                "W01",
                frames(),
                batch_bales=4,
                on_progress=lambda totals: heard.append(totals.received),
            )
    assert heard == [4, 8]
    assert len(service.stored) == 8


async def test_somebody_else_sending_for_the_producer_is_noticed() -> None:
    """A sequence that moved by other hands is OutOfSequence, never a silent gap."""
    service = Service(break_before={1})
    async with connected(service) as client:

        def interfere(_: errors.CottonError, __: float) -> None:
            for number in range(1, 9):
                service.batches["W01", number] = ingest_pb2.BatchResult()

        with pytest.raises(errors.OutOfSequence) as caught:
            await client.send_frames(
                "W01", [bales(0, 4)], batch_bales=4, sequenced=True, on_retry=interfere
            )
    assert caught.value.next_sequence == 9


async def test_a_server_that_miscounts_is_not_believed() -> None:
    """Received must equal the sum of the outcomes and the bales sent."""
    async with connected(Service(miscount=True)) as client:
        with pytest.raises(errors.ContractViolation, match="accounts for 3 of 4"):
            await client.send_frames("W01", [bales(0, 4)])


async def test_answers_out_of_order_are_not_believed() -> None:
    """An answer must carry the identity of the oldest batch that waits; it is sent again."""
    service = Service(shuffle=True)
    impatient = RetryPolicy(patience_s=0.1, delay_first_s=0.001)
    async with serving(service) as target, CottonClient(target, retry=impatient) as client:
        with pytest.raises(errors.OutOfStep, match="not in the order"):
            await client.send_frames("W01", [bales(0, 4)])
    assert service.streams > 1


class Astray(Service):
    """Answers the opening of its first stream as if it were a batch, and then as it should."""

    async def AppendReadings(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802
        """An opening that was heard twice, with the first answer lost."""
        if self.streams:
            async for answer in super().AppendReadings(request_iterator, context):
                yield answer
            return
        self.streams += 1
        await anext(request_iterator)
        refused = ingest_pb2.BatchRefused(
            status=status(grpc.StatusCode.FAILED_PRECONDITION, "twice", "STREAM_NOT_OPENED")
        )
        yield ingest_pb2.AppendReadingsResponse(refused=refused)


@dataclass
class Unopening(Service):
    """Refuses the opening of its first streams."""

    openings: list[ingest_pb2.BatchRefused] = field(default_factory=list)

    async def AppendReadings(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802
        """Streams are opened once all refusals are used up."""
        if not self.openings:
            async for answer in super().AppendReadings(request_iterator, context):
                yield answer
            return
        self.streams += 1
        await anext(request_iterator)
        yield ingest_pb2.AppendReadingsResponse(refused=self.openings.pop(0))


@dataclass
class Nameless(Service):
    """Keeps back one answer, by number received, and its refusals name no batch.

    `repeated` gives the first refusal again in place of the next answer.
    """

    kept_back: int = 0
    repeated: bool = False

    async def AppendReadings(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802
        """What another service would answer, less what is lost on the way."""
        refused: ingest_pb2.AppendReadingsResponse | None = None
        async for answer in super().AppendReadings(request_iterator, context):
            given = answer
            if answer.HasField("refused"):
                answer.refused.ClearField("identity")
                refused = answer
            elif refused is not None and self.repeated:
                given, refused = refused, None
            if answer.HasField("opened") or self.received != self.kept_back:
                yield given


class Emptied(Service):
    """Leaves the id of the first result empty."""

    async def AppendReadings(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802
        """What another service would answer, but for that."""
        async for answer in super().AppendReadings(request_iterator, context):
            if answer.HasField("result") and self.streams == 1:
                emptied = ingest_pb2.AppendReadingsResponse(revision=answer.revision)
                emptied.result.CopyFrom(answer.result)
                emptied.result.batch_id = ""
                yield emptied
            else:
                yield answer


class Stray(Service):
    """Opens a stream, reads one batch, answers another, and reads no more."""

    async def AppendReadings(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Its answer comes while the client writes what is not read."""
        await anext(request_iterator)
        yield ingest_pb2.AppendReadingsResponse(opened=ingest_pb2.StreamOpened(next_sequence=1))
        await anext(request_iterator)
        await asyncio.sleep(0.2)
        yield ingest_pb2.AppendReadingsResponse(result=ingest_pb2.BatchResult(batch_id="another"))
        await asyncio.sleep(60)


async def test_an_opening_that_was_heard_twice_is_tried_again() -> None:
    """Its refusal is that of no batch."""
    service = Astray()
    async with connected(service) as client:
        totals = await client.send_frames("W01", [bales(0, 4)])
    assert (totals.created, service.streams) == (4, 2)


async def test_an_opening_that_is_refused_says_what_the_server_says() -> None:
    """A final refusal is raised at once, with the server's reason and remedy."""
    refused = ingest_pb2.BatchRefused(
        status=status(grpc.StatusCode.INVALID_ARGUMENT, "No.", "INVALID_FIELD", remedy="Fix it.")
    )
    service = Unopening(openings=[refused])
    async with connected(service) as client:
        with pytest.raises(errors.InvalidRequest) as caught:
            await client.send_frames("W01", [bales(0, 4)])
    assert (caught.value.reason, caught.value.remedy) == ("INVALID_FIELD", "Fix it.")
    assert service.streams == 1


async def test_an_opening_that_is_refused_for_now_is_tried_again() -> None:
    """RetryInfo says when; one that names a batch is no answer to an opening, and is too."""
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(5)
    busy = status(grpc.StatusCode.RESOURCE_EXHAUSTED, "Busy.", "BUSY", retry)
    final = status(grpc.StatusCode.INVALID_ARGUMENT, "No.", "INVALID_FIELD")
    service = Unopening(
        openings=[
            ingest_pb2.BatchRefused(status=busy),
            ingest_pb2.BatchRefused(status=final, batch_id="another"),
        ]
    )
    heard: list[str] = []
    async with connected(service) as client:
        totals = await client.send_frames(
            "W01", [bales(0, 4)], on_retry=lambda error, _: heard.append(error.reason)
        )
    assert (totals.created, heard) == (4, ["BUSY", "OUT_OF_STEP"])


NOT_READ = status(grpc.StatusCode.INVALID_ARGUMENT, "Bad batch", "UNREADABLE")


async def test_a_refusal_without_a_name_blames_none_of_several_batches() -> None:
    """The answer to the oldest was lost: it is stored, and another was refused."""
    service = Nameless(refusals={2: NOT_READ}, kept_back=1)
    async with connected(service) as client:
        opening = client.open_stream("W01")
        stream = await opening.__aenter__()
        answers = [
            await stream.send(readings_pb2.ReadingBatch(sequence=sequence)) for sequence in (1, 2)
        ]
        for answer in answers:
            with pytest.raises(errors.RefusedInDoubt) as caught:
                await answer
            assert caught.value.message == "One of batches 1 to 2 was refused: Bad batch."
            assert (caught.value.reason, caught.value.transient) == ("UNREADABLE", True)
        with pytest.raises(errors.RefusedInDoubt):
            await opening.__aexit__(None, None, None)


async def test_after_a_refusal_without_a_name_an_upload_finds_out_whose_it_is() -> None:
    """What waited is sent one at a time: the batch that is then named is the right one."""
    service = Nameless(refusals={2: NOT_READ, 4: NOT_READ}, kept_back=1)
    heard: list[type[errors.CottonError]] = []
    async with connected(service) as client:
        with pytest.raises(errors.InvalidRequest) as caught:
            await client.send_frames(
                "W01",
                [bales(0, 8)],
                batch_bales=4,
                on_retry=lambda error, _: heard.append(type(error)),
            )
    assert heard == [errors.RefusedInDoubt]
    assert caught.value.message == "Batch 2 (bales 5 to 8) was refused: Bad batch."
    assert (len(service.stored), service.received) == (4, 4)


async def test_a_refusal_without_a_name_that_is_repeated_is_not_taken_for_anothers() -> None:
    """The batch that waits when it comes again is stored."""
    service = Nameless(refusals={1: NOT_READ}, repeated=True)
    async with connected(service) as client:
        opening = client.open_stream("W01", window=1)
        stream = await opening.__aenter__()
        with pytest.raises(errors.InvalidRequest):
            await (await stream.send(readings_pb2.ReadingBatch(sequence=1)))
        with pytest.raises(errors.OutOfStep, match="a second time"):
            await (await stream.send(readings_pb2.ReadingBatch(sequence=1)))
        with pytest.raises(errors.OutOfStep):
            await opening.__aexit__(None, None, None)


async def test_a_result_whose_id_is_empty_is_that_of_no_batch() -> None:
    """An id that is there and empty differs from every other; the batch is sent again."""
    service = Emptied()
    async with connected(service) as client:
        totals = await client.send_frames("W01", [bales(0, 4)])
    assert (totals.created, service.streams) == (4, 2)


async def test_a_write_under_way_when_the_stream_is_given_up_raises_why() -> None:
    """grpc.aio tells the writer of a cancellation, which nobody asked of its task."""
    large = readings_pb2.ReadingBatch(batch_id="large")
    large.rows.readings.add(laboratory="x" * 3_000_000)
    async with serving(Stray()) as target, CottonClient(target, retry=QUICK) as client:

        async def send() -> None:
            async with client.open_stream("W01", window=100) as stream:
                await stream.send(readings_pb2.ReadingBatch(batch_id="small"))
                while True:
                    await stream.send(large)

        with pytest.raises(errors.OutOfStep):
            await send()


async def test_an_answer_that_does_not_come_is_not_waited_for_without_end() -> None:
    """The stream is taken up again after `answer_timeout_s`; an idle one is left alone."""
    service = Service(hold=asyncio.Event())
    async with (
        serving(service) as target,
        CottonClient(target, retry=QUICK, answer_timeout_s=0.1) as client,
    ):
        async with client.open_stream("W01") as stream:
            await asyncio.sleep(0.3)
            assert stream.next_sequence == 1

        def let_through(error: errors.CottonError, _delay_s: float) -> None:
            assert isinstance(error, errors.DeadlineExceeded)
            assert service.hold is not None
            service.hold.set()

        totals = await client.send_frames("W01", [bales(0, 4)], on_retry=let_through)
    assert (totals.created, service.streams) == (4, 3)


async def test_patience_counts_from_the_failure_not_from_the_silence_before_it() -> None:
    """An answer is taken for lost after longer than patience lasts, and yet sent again."""
    service = Service(hold=asyncio.Event())
    impatient = RetryPolicy(patience_s=0.2, delay_first_s=0.001, delay_max_s=0.002)
    heard: list[str] = []

    def let_through(error: errors.CottonError, _delay_s: float) -> None:
        assert service.hold is not None
        heard.append(error.reason)
        service.hold.set()

    async with (
        serving(service) as target,
        CottonClient(target, retry=impatient, answer_timeout_s=0.4) as client,
    ):
        totals = await client.send_frames("W01", [bales(0, 4)], on_retry=let_through)
    assert (totals.created, heard) == (4, ["DEADLINE_EXCEEDED"])


async def test_patience_runs_out_when_nothing_is_acknowledged_after_the_first_failure() -> None:
    """A stream that opens is no progress, and a second silence is the last."""
    service = Service(hold=asyncio.Event())
    impatient = RetryPolicy(patience_s=0.2, delay_first_s=0.001, delay_max_s=0.002)
    async with (
        serving(service) as target,
        CottonClient(target, retry=impatient, answer_timeout_s=0.4) as client,
    ):
        with pytest.raises(errors.DeadlineExceeded):
            await client.send_frames("W01", [bales(0, 4)])
    assert service.streams == 2


async def test_progress_renews_patience() -> None:
    """The time counts anew from the next failure; without progress it goes on."""
    patience = Patience(
        RetryPolicy(patience_s=0.1, delay_first_s=0.001, delay_max_s=0.002), answered=True
    )
    error = errors.Unavailable("Gone.")
    await patience.pause(error)
    await asyncio.sleep(0.15)
    patience.renew()
    await patience.pause(error)
    await asyncio.sleep(0.15)
    with pytest.raises(errors.Unavailable):
        await patience.pause(error)


async def test_a_batch_too_large_for_a_message_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of a message holds whatever batch_bales says."""
    monkeypatch.setattr(upload, "BATCH_BYTES_MAX", 500)
    service = Service()
    async with connected(service) as client:
        totals = await client.send_frames("W01", [bales(0, 100)], batch_bales=100)
    assert totals.created == 100
    assert [result.outcome.received for result in service.batches.values()] == [25] * 4


async def test_a_message_too_large_to_be_sent_is_refused_before_it_is_sent() -> None:
    """On a stream and in a call of its own: a typed error, and the stream lives on."""
    service = Service()
    large = readings_pb2.ReadingBatch(batch_id="large")
    large.rows.readings.add(lot_no="1" * MESSAGE_BYTES_MAX)
    small = readings_pb2.ReadingBatch(batch_id="small")
    small.rows.readings.add(bale_code="1" * 32)
    lot = lots_pb2.Lot(lot_no="1" * MESSAGE_BYTES_MAX)
    async with connected(service) as client, client.open_stream("W01", window=1) as stream:
        for sending in (
            stream.send(large),
            client.submit_readings("W01", large),
            client.register_lots([lot], producer_id="W01"),
        ):
            with pytest.raises(errors.InputError, match="the largest message is 4194304") as caught:
                await sending
            assert caught.value.reason == "MESSAGE_TOO_LARGE"
        assert (await (await stream.send(small))).outcome.created == 1
    assert (service.received, service.requests) == (1, [])


async def test_an_answer_larger_than_what_is_sent_is_taken() -> None:
    """A summary of many rows exceeds the largest request, and arrives whole."""
    name = "1" * 2 * MESSAGE_BYTES_MAX
    service = Service(laboratory=name)
    async with connected(service) as client:
        answer = await client.bale("1" * 32)
    assert answer.reading.laboratory == name


async def test_the_largest_message_is_sent() -> None:
    """The limit itself is allowed; what refuses there is the service, if it does."""
    service = Service()
    batch = readings_pb2.ReadingBatch(batch_id="large")
    reading = batch.rows.readings.add(bale_code="1" * 32)
    envelope = ingest_pb2.AppendReadingsRequest(batch=batch).ByteSize()
    reading.lot_no = "1" * (MESSAGE_BYTES_MAX - envelope - 64)
    missing = MESSAGE_BYTES_MAX - ingest_pb2.AppendReadingsRequest(batch=batch).ByteSize()
    reading.lot_no += "1" * missing
    size = ingest_pb2.AppendReadingsRequest(batch=batch).ByteSize()
    assert size == MESSAGE_BYTES_MAX
    async with connected(service) as client, client.open_stream("W01") as stream:
        assert (await (await stream.send(batch))).outcome.created == 1


def test_every_public_name_is_there() -> None:
    """Names are loaded when they are used; one that is not public is an AttributeError."""
    for name in cotton_client.__all__:
        assert getattr(cotton_client, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        cotton_client.Nothing  # noqa: B018 - the access is the point


async def test_a_stream_answers_in_order_and_lives_on_after_a_refusal() -> None:
    """A refused batch is an exception of its own future; the next one is stored."""
    refusal = status(grpc.StatusCode.FAILED_PRECONDITION, "Gap.", "SEQUENCE_GAP")
    service = Service(refusals={2: refusal})
    rows = readings_pb2.ReadingRows(readings=[readings_pb2.Reading(bale_code="1" * 32)])
    batches = [readings_pb2.ReadingBatch(batch_id=name, rows=rows) for name in "abc"]
    async with connected(service) as client, client.open_stream("W01") as stream:
        assert stream.next_sequence == 1
        answers = [await stream.send(batch) for batch in batches]
        assert (await answers[0]).outcome.created == 1
        with pytest.raises(errors.OutOfSequence):
            await answers[1]
        assert (await answers[2]).outcome.existing == 1


async def test_a_broken_stream_fails_every_unanswered_batch() -> None:
    """Nobody waits for an answer that cannot come any more."""
    service = Service(break_before={1})
    rows = readings_pb2.ReadingRows(readings=[readings_pb2.Reading(bale_code="1" * 32)])
    async with connected(service) as client:
        opening = client.open_stream("W01")
        stream = await opening.__aenter__()
        answer = await stream.send(readings_pb2.ReadingBatch(batch_id="a", rows=rows))
        with pytest.raises(errors.Unavailable):
            await answer
        with pytest.raises(errors.Unavailable):
            await stream.send(readings_pb2.ReadingBatch(batch_id="b", rows=rows))
        with pytest.raises(errors.Unavailable):
            await opening.__aexit__(None, None, None)


async def test_a_unary_batch_is_repeated_under_the_same_id() -> None:
    """The answer was lost; the second attempt gets the first answer again."""
    service = Service(lose_answers_after={1})
    rows = readings_pb2.ReadingRows(readings=[readings_pb2.Reading(bale_code="1" * 32)])
    async with connected(service) as client:
        result = await client.submit_readings("W01", readings_pb2.ReadingBatch(rows=rows))
    assert result.repeated_batch
    assert result.outcome.created == 1
    assert len(result.batch_id) == 64


async def test_lots_travel_in_several_requests_and_come_back_as_one_receipt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows count on over the requests; the same lots again are the same request ids."""
    monkeypatch.setattr(lots_module, "LOTS_PER_REQUEST_MAX", 2)
    service = Service()
    lots = [lots_pb2.Lot(lot_no=f"6514016{number:04d}") for number in range(5)]
    async with connected(service) as client:
        receipt = await client.register_lots(lots, producer_id="W01")
        again = await client.register_lots(lots, producer_id="W01")
        with pytest.raises(errors.InputError, match="one request id"):
            await client.register_lots(lots, producer_id="W01", request_id="mine")
    assert (receipt.received, receipt.created, receipt.existing) == (5, 2, 3)
    assert [each.row for each in receipt.results] == [1, 3, 4]
    assert (receipt.repeated, again.repeated) == (False, True)
    ids = Counter(request.request_id for request in service.requests)
    assert sorted(ids.values()) == [2, 2, 2]


async def test_details_of_a_status_become_the_error() -> None:
    """Reason, remedy, metadata and violations come from google.rpc details."""
    async with connected(Service()) as client:
        with pytest.raises(errors.NotFound) as missing:
            await client.lot_certificate("65140161077")
        with pytest.raises(errors.InvalidRequest) as invalid:
            await client.summarise_grades([summary_pb2.SUMMARY_KEY_GIN] * 2)
    assert missing.value.message == "Lot 65140161077 is not known."
    assert missing.value.remedy == "Register it."
    assert invalid.value.reason == "INVALID_FIELD"
    assert invalid.value.violations == (errors.FieldViolation("keys[1]", "is there twice"),)


async def test_a_method_that_is_not_there_is_not_supported() -> None:
    """The remedy points at versions and addresses."""
    async with connected(Service()) as client:
        with pytest.raises(errors.NotSupported, match="Upgrade the server"):
            await client.record_lot_weights([lots_pb2.LotWeight()], producer_id="W01")


async def test_filters_and_keys_are_sent_as_given() -> None:
    """The request holds every key, filter and value."""
    service = Service()
    async with connected(service) as client:
        with pytest.raises(errors.InvalidRequest):
            await client.summarise_grades(
                [summary_pb2.SUMMARY_KEY_GIN], {summary_pb2.SUMMARY_KEY_SEASON: ["2016", "2017"]}
            )
    (request,) = service.requests
    assert list(request.keys) == [summary_pb2.SUMMARY_KEY_GIN]
    assert list(request.filters[0].values) == ["2016", "2017"]


async def test_a_usda_bale_is_asked_for_with_its_crop_year() -> None:
    """A crop year makes the code a USDA bale id."""
    async with connected(Service()) as client:
        answer = await client.bale("960891871766", crop_year=2006, revision=3)
    assert answer.reading.usda_bale.crop_year == 2006
    assert answer.revision == 3


async def test_nothing_listens_is_said_plainly_and_soon() -> None:
    """A wrong address is not waited for as long as a server that restarts."""
    async with CottonClient("127.0.0.1:1", retry=QUICK) as client:
        with pytest.raises(errors.Unavailable, match=r"Nothing answers at 127\.0\.0\.1:1\."):
            await client.lot_certificate("65140161077")
        with pytest.raises(errors.Unavailable):
            await client.send_frames("W01", [bales(0, 1)])


@pytest.mark.parametrize("target", ["", "host", ":7410", "host:", "host:0", "host:70000", "h:x"])
def test_an_address_that_cannot_be_one_is_refused(target: str) -> None:
    """The text says in which form an address is given."""
    with pytest.raises(errors.ConfigurationError, match="HOST:PORT"):
        CottonClient(target)


def test_plain_text_leaves_the_machine_only_when_told() -> None:
    """Loopback needs no leave; another machine does."""
    for target in ("127.0.0.1:7410", "localhost:7410", "[::1]:7410", "127.8.8.8:1"):
        CottonClient(target)
    with pytest.raises(errors.ConfigurationError) as caught:
        CottonClient("10.0.0.5:7410")
    assert caught.value.reason == "PLAINTEXT_REFUSED"
    CottonClient("10.0.0.5:7410", allow_plaintext=True)
    CottonClient("10.0.0.5:7410", credentials=grpc.ssl_channel_credentials())


@pytest.mark.parametrize("producer", ["", "a b", "仓库", "x" * 65])
async def test_a_producer_that_cannot_be_named_so_is_refused(producer: str) -> None:
    """The service takes 1 to 64 letters, digits and four signs."""
    async with CottonClient("127.0.0.1:1", retry=QUICK) as client:
        with pytest.raises(errors.InputError) as caught:
            await client.send_frames(producer, [])
    assert caught.value.reason == "INVALID_PRODUCER"


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code.value[0]])
def test_every_status_has_an_error(code: grpc.StatusCode) -> None:
    """No status is unknown to the tree, and every error says what to do."""
    error = errors.from_status(status_pb2.Status(code=code.value[0], message="What happened"))
    assert error.message == "What happened."
    assert error.remedy
    assert error.transient == isinstance(error, errors.Unavailable)


def test_details_that_cannot_be_read_leave_the_status() -> None:
    """A damaged detail does not hide what is known."""
    answer = status_pb2.Status(code=5, message="Gone.")
    detail = answer.details.add()
    detail.type_url = "type.googleapis.com/google.rpc.ErrorInfo"
    detail.value = b"\xff\xff"
    assert isinstance(errors.from_status(answer), errors.NotFound)


def test_pauses_grow_to_their_limit_and_are_never_in_step() -> None:
    """Full jitter: each pause is drawn below a bound that doubles up to the largest."""
    policy = RetryPolicy(delay_first_s=0.1, delay_max_s=0.5)
    for attempt, bound in ((1, 0.2), (2, 0.4), (3, 0.5), (30, 0.5)):
        drawn = {policy.delay_s(attempt) for _ in range(50)}
        assert len(drawn) > 40
        assert 0 <= min(drawn) < max(drawn) <= bound
