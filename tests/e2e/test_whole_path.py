"""From the first reading to a certificate over real gRPC, with health, reflection and metrics."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import grpc
import pytest
from cotton.inspection.v1 import common_pb2, ingest_pb2, lots_pb2, summary_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.support.bales import LOT, OTHER_LOT, Bale, bale, usda_bale
from tests.support.calls import CALL_S_MAX, Calls, refused, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.server import Server

from tests.support.server import Servers

SERVICES = {
    f"cotton.inspection.v1.{name}"
    for name in (
        "IngestService",
        "LotService",
        "SummaryService",
        "TraceService",
        "ReferenceService",
    )
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of this module that do not disturb each other."""
    directory: Path = tmp_path_factory.mktemp("server")
    with Servers(directory) as servers:
        yield servers.start()


@pytest.fixture
def calls(server: Server) -> Iterator[Calls]:
    """All services."""
    with server.channel() as channel:
        yield Calls(channel)


def test_a_lot_goes_from_its_readings_to_its_certificate(servers: Servers) -> None:
    server = servers.start()
    with server.channel() as channel, stream(channel) as readings:
        calls = Calls(channel)
        bales = [bale(n, colour_grade=31 if n < 8 else 21, rd=8000 + n) for n in range(10)]
        first = readings.append(bales[:6], 1)
        assert (first.revision, first.outcome.unregistered) == (1, 6)
        assert calls.certificate().state == summary_pb2.LOT_STATE_UNREGISTERED
        outcome = calls.register("r1", division="第一师", declared_bales=10)
        assert outcome.created == 1
        rest = readings.append([*bales[6:], bales[0], bale(1, rd=1), bale(2, rd=8888)], 2, "rows")
        counts = rest.outcome
        assert (counts.created, counts.existing) == (4, 1)
        assert (counts.conflicting, counts.rejected) == (1, 1)
        assert counts.unregistered == 0
        assert calls.weigh("w1").created == 1
        certificate = calls.certificate()
        assert certificate.revision == 4
        assert certificate.state == summary_pb2.LOT_STATE_READ_AND_WEIGHED
        assert (certificate.figures.bales, certificate.main_colour) == (10, "31")
        shares = {each.name: (each.bales, each.share) for each in certificate.figures.colours}
        assert {name: share for name, share in shares.items() if share[0]} == {
            "31": (8, 8000),
            "21": (2, 2000),
        }
        assert (certificate.length_level, certificate.main_micronaire) == (28, "A")
        assert certificate.mark == "3128A"
        assert (certificate.weight.net, certificate.weight.conditioned) == (4237400, 4257900)
        summary = calls.summarise(summary_pb2.SUMMARY_KEY_DIVISION)
        assert [(row.keys[0].value, row.bales) for row in summary.rows] == [("第一师", 10)]
        assert (summary.total.bales, summary.total.conditioned) == (10, 4257900)
        trace = calls.bale(bales[7])
        assert (trace.stored_at_revision, trace.row, trace.producer_id) == (3, 1, "p")
        assert (trace.reading.rd, trace.lot_registered) == (8007, True)
        assert (trace.gin_code, trace.baled_on) == ("65140", "2016-11-14")
        assert trace.received_at_us == rest.received_at_us


def test_a_summary_covers_every_batch_that_was_acknowledged(calls: Calls) -> None:
    """Asked right after each acknowledgement, it never lags."""
    with stream(calls.channel, "reads-own-writes") as readings:
        before = calls.summarise().total.bales
        for number in range(1, 30):
            result = readings.append([bale(10_000 + number)], number)
            total = calls.summarise()
            assert total.revision >= result.revision
            assert total.total.bales == before + number


def test_imported_bales_go_from_reading_to_trace(calls: Calls) -> None:
    calls.submit([usda_bale(1), usda_bale(1, crop_year=2022, rd=7777)], "imported")
    trace = calls.bale(usda_bale(1, crop_year=2022))
    assert trace.reading.usda_bale.crop_year == 2022
    assert (trace.reading.rd, trace.gin_code, trace.reading.lot_no) == (7777, "", "")


def test_health_is_serving_for_every_service(server: Server) -> None:
    with server.channel() as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", *SERVICES):
            request = health_pb2.HealthCheckRequest(service=name)
            status = health.Check(request, timeout=CALL_S_MAX).status
            assert status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_every_service_and_describes_its_messages(server: Server) -> None:
    with server.channel() as channel:
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(
                file_containing_symbol="cotton.inspection.v1.Reading"
            ),
        ]
        listed, described = reflection.ServerReflectionInfo(iter(requests), timeout=CALL_S_MAX)
    names = {service.name for service in listed.list_services_response.service}
    assert names >= SERVICES | {"grpc.health.v1.Health"}
    assert described.file_descriptor_response.file_descriptor_proto


def test_reflection_can_be_closed(servers: Servers) -> None:
    server = servers.start(reflection=False)
    with server.channel() as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=CALL_S_MAX
        )
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_counters_equal_the_sums_of_the_answers(servers: Servers) -> None:
    server = servers.start()
    with server.channel() as channel, stream(channel) as readings:
        calls = Calls(channel)
        calls.register("r")
        calls.register("r")
        refused(calls.register, "two words")
        results = [
            readings.append([bale(1), bale(2, length=3500), bale(3, OTHER_LOT)], 1),
            readings.append([bale(1), bale(2, length=2999), bale(4, length=1)], 2),
            calls.submit([bale(5), bale(1)], "b", producer="q"),
        ]
        assert readings.append(
            [bale(1), bale(2, length=3500), bale(3, OTHER_LOT)], 1
        ).repeated_batch
        readings.send(b"\xff")
        assert readings.refusal()[0].reason == "MALFORMED_MESSAGE"
        readings.send_batch([bale(9)], 9)
        assert readings.refusal()[0].reason == "SEQUENCE_GAP"
        deadline = time.monotonic() + CALL_S_MAX
        # Counted after the answer, so that counting does not delay it.
        while (
            server.metrics()["cotton_batches_total", "readings", "SEQUENCE_GAP"] < 1
            and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        samples = server.metrics()
    for name in ("created", "existing", "conflicting", "rejected"):
        expected = sum(getattr(each.outcome, name) for each in results)
        assert samples["cotton_bales_total", name] == expected
    for name in ("received", "warned", "unregistered"):
        expected = sum(getattr(each.outcome, name) for each in results)
        assert samples[f"cotton_bales_{name}_total",] == expected
    batches = {
        (key[1], key[2]): value
        for key, value in samples.items()
        if key[0] == "cotton_batches_total" and value
    }
    assert batches == {
        ("readings", "stored"): 3,
        ("readings", "repeated"): 1,
        ("readings", "MALFORMED_MESSAGE"): 1,
        ("readings", "SEQUENCE_GAP"): 1,
        ("lots", "stored"): 1,
        ("lots", "repeated"): 1,
        ("lots", "INVALID_FIELD"): 1,
    }
    assert samples["cotton_lot_records_total", "lots", "created"] == 1
    assert samples["cotton_durable_revision",] == 4
    assert samples["cotton_registry_bales",] == 4
    assert samples["cotton_in_flight_batches",] == 0
    assert samples["cotton_in_flight_bytes",] == 0
    assert samples["cotton_serving",] == 1
    assert samples["cotton_ack_latency_seconds_count",] == 4
    assert samples["cotton_ledger_written_bytes_total",] > 0


def test_a_restart_gives_the_same_answers_and_knows_its_producers(servers: Servers) -> None:
    def answers(server: Server) -> list[bytes]:
        with server.channel() as channel:
            calls = Calls(channel)
            everything = [
                calls.certificate(revision=3),
                calls.summarise(summary_pb2.SUMMARY_KEY_LOT, revision=3),
                calls.bale(bale(2), 3),
            ]
            return [each.SerializeToString(deterministic=True) for each in everything]

    server = servers.start()
    with server.channel() as channel:
        calls = Calls(channel)
        calls.submit([bale(1), bale(2)], 1)
        calls.register("r")
        calls.weigh("w")
    before = answers(server)
    assert server.end() == 0
    server = servers.start()
    assert answers(server) == before
    assert server.events["replayed"]["revision"] == 3
    with server.channel() as channel, stream(channel, None) as readings:
        assert readings.open().next_sequence == 2
        assert readings.append([bale(1), bale(2)], 1).repeated_batch
        assert readings.append([bale(1)], 2).outcome.existing == 1


def test_streams_of_many_producers_share_one_ledger(calls: Calls) -> None:
    """Answers come in the order of each stream's batches, whatever the others do."""
    producers = [f"many-{number}" for number in range(8)]
    with ExitStack() as stack:
        streams = [stack.enter_context(stream(calls.channel, name)) for name in producers]
        for number in range(1, 11):
            for place, each in enumerate(streams):
                each.send_batch(
                    [bale(20_000 + place * 100 + number), bale(30_000 + number)], number
                )
        created = 0
        for each in streams:
            for number in range(1, 11):
                result = each.receive().result
                assert result.sequence == number
                created += result.outcome.created
        assert created == 8 * 10 + 10


def test_a_lot_can_be_known_without_the_number_of_its_bales(calls: Calls) -> None:
    outcome = calls.register("undeclared", "65140161999", declared_bales=0)
    assert (outcome.created, outcome.rejected) == (1, 0)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"lot_no": "12"}, common_pb2.FIELD_LOT_NO),
        ({"gin_code": "65141"}, common_pb2.FIELD_GIN_CODE),
        ({"cotton_type": 0}, common_pb2.FIELD_COTTON_TYPE),
        ({"cotton_type": 99}, common_pb2.FIELD_COTTON_TYPE),
        ({"picking_mode": 7}, common_pb2.FIELD_PICKING_MODE),
        ({"declared_bales": 10_001}, common_pb2.FIELD_DECLARED_BALES),
        ({"warehouse": "x" * 65}, common_pb2.FIELD_WAREHOUSE),
        ({"origin": "\x00"}, common_pb2.FIELD_ORIGIN),
        ({"gate_in_at_s": -1}, common_pb2.FIELD_GATE_IN_AT),
    ],
)
def test_a_lot_that_is_not_in_order_is_rejected_by_field(
    calls: Calls, fields: dict[str, object], field: int
) -> None:
    fields = dict(fields)
    lot_no = str(fields.pop("lot_no", LOT))
    request_id = f"bad-{field}-{'-'.join(fields)}-{len(str(fields))}"
    outcome = calls.register(request_id, lot_no, **fields)
    (result,) = outcome.results
    assert (result.outcome, result.field) == (lots_pb2.LOT_OUTCOME_REJECTED, field)
    assert result.message


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"gross": 0}, common_pb2.FIELD_GROSS),
        ({"gross": 100_000_001}, common_pb2.FIELD_GROSS),
        ({"tare": -1}, common_pb2.FIELD_TARE),
        ({"tare": 4262000}, common_pb2.FIELD_TARE),
        ({"regain": 2001}, common_pb2.FIELD_REGAIN),
        ({"trash": -1}, common_pb2.FIELD_TRASH),
        ({"resolution": 1}, common_pb2.FIELD_RESOLUTION),
        ({"truck_gross": -1}, common_pb2.FIELD_TRUCK_GROSS),
        ({"weighed_at_s": -1}, common_pb2.FIELD_WEIGHED_AT),
    ],
)
def test_a_weight_that_is_not_in_order_is_rejected_by_field(
    calls: Calls, fields: dict[str, int], field: int
) -> None:
    request_id = "-".join(f"bad-{name}-{value}" for name, value in fields.items())
    (result,) = calls.weigh(request_id, "65140161555", **fields).results
    assert (result.outcome, result.field) == (lots_pb2.LOT_OUTCOME_REJECTED, field)
    assert result.message


def test_a_lot_and_a_weight_that_say_otherwise_are_conflicts_and_change_nothing(
    calls: Calls,
) -> None:
    lot_no = "65140161444"
    calls.register("first", lot_no, warehouse="A")
    calls.weigh("first weight".replace(" ", "-"), lot_no)
    before = calls.certificate(lot_no)
    assert calls.register("same", lot_no, warehouse="A").existing == 1
    (conflict,) = calls.register("other", lot_no, warehouse="B").results
    assert (conflict.field, conflict.stored) == (common_pb2.FIELD_WAREHOUSE, "A")
    assert calls.weigh("same-weight", lot_no).existing == 1
    (conflict,) = calls.weigh("other-weight", lot_no, tare=24700).results
    assert (conflict.field, conflict.stored) == (common_pb2.FIELD_TARE, "246.00")
    after = calls.certificate(lot_no)
    after.revision = before.revision
    without_ages([before, after])
    assert after == before


def without_ages(answers: list[object]) -> list[object]:
    """Answers without what depends on the instant at which they are told."""
    for answer in answers:
        if isinstance(answer, summary_pb2.GetLotCertificateResponse):
            answer.status.ClearField("as_of_s")
            answer.status.ClearField("age_s")
    return answers


def test_answers_at_an_earlier_revision_are_those_that_were_given_then(servers: Servers) -> None:
    """A history in which lots appear, grow, are registered and weighed in every order."""
    lots = [LOT, OTHER_LOT, "65140161079"]
    bales = [bale(n, lots[n % 3], micronaire=350 + 10 * n) for n in range(12)]
    server = servers.start()
    with server.channel() as channel:
        calls = Calls(channel)

        def answers(revision: int) -> list[object]:
            found: list[object] = [
                calls.summarise(key, revision=revision)
                for key in (
                    summary_pb2.SUMMARY_KEY_LOT,
                    summary_pb2.SUMMARY_KEY_DIVISION,
                    summary_pb2.SUMMARY_KEY_GIN,
                )
            ]
            for lot_no in lots:
                try:
                    found.append(calls.certificate(lot_no, revision))
                except grpc.RpcError as error:
                    found.append(error.code())
            for each in bales:
                try:
                    found.append(calls.bale(each, revision))
                except grpc.RpcError as error:
                    found.append(error.code())
            return found

        steps: list[Callable[[], object]] = [
            lambda: calls.submit(bales[:2], 1),
            lambda: calls.weigh("w1", lots[2]),
            lambda: calls.register("r1", lots[0], division="1"),
            lambda: calls.submit(bales[1:7], 2),
            lambda: calls.submit([usda_bale(1), usda_bale(2, lot_no=LOT)], 3),
            lambda: calls.register("r2", lots[2], division="2"),
            lambda: calls.weigh("w2", lots[0]),
            lambda: calls.submit([bale(0, rd=1), *bales[7:]], 4),
            lambda: calls.register("r3", lots[1], division="1"),
        ]
        given = []
        for revision, step in enumerate(steps, 1):
            step()
            given.append(answers(revision))
            # The latest is told at the clock's instant, a revision at its own: no more differs.
            assert without_ages(answers(0)) == without_ages(answers(revision))
        for revision, then in reversed(list(enumerate(given, 1))):
            assert answers(revision) == then
        for call in (calls.summarise, lambda revision: calls.certificate(LOT, revision)):
            error = refused(call, revision=len(steps) + 1)
            assert error.reason == "FUTURE_REVISION"
        assert refused(calls.bale, bales[0], len(steps) + 1).reason == "FUTURE_REVISION"


def test_what_is_not_known_is_not_found(calls: Calls) -> None:
    assert refused(calls.certificate, "99999999999").reason == "NOT_FOUND"
    assert refused(calls.bale, Bale("9" * 32)).reason == "NOT_FOUND"
    assert refused(calls.certificate, "1").fields == ["lot_no"]
    assert refused(calls.bale, Bale("9")).fields == ["bale.bale_code"]
    assert refused(calls.bale, Bale("9", crop_year=2021)).fields == ["bale.usda_bale"]
    assert refused(calls.summarise, 99).reason == "INVALID_FIELD"


def test_an_identity_is_needed(calls: Calls) -> None:
    request = ingest_pb2.SubmitReadingsRequest(producer_id="p")
    error = refused(calls.ingest.SubmitReadings, request)
    assert (error.reason, error.fields) == ("MISSING_FIELD", ["batch.identity"])
