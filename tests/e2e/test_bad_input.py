"""Bad input over real gRPC: a typed error that says what to do, and the server goes on."""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING

import grpc
import pytest
from cotton.inspection.v1 import ingest_pb2, readings_pb2

from tests.support.bales import LOT, Bale, append_request, bale, batch, columns
from tests.support.calls import CALL_S_MAX, SUBMIT, Calls, Stream, error_of, refused, stream
from tests.support.server import Servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.server import Server

MIB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server that has to live through everything here."""
    with Servers(tmp_path_factory.mktemp("server")) as servers:
        yield servers.start()


@pytest.fixture
def channel(server: Server) -> Iterator[grpc.Channel]:
    """A channel; afterwards the server must still take a good batch on a new stream."""
    with server.channel() as opened:
        yield opened
    with server.channel() as opened, stream(opened, "afterwards") as again:
        following = again.next_sequence()
        assert again.append([bale(following)], following).outcome.received == 1


def unequal() -> bytes:
    """A batch one of whose columns lacks a value."""
    made = columns([bale(1), bale(2)])
    made.rd.values.pop()
    request = ingest_pb2.AppendReadingsRequest()
    request.batch.sequence = 1
    request.batch.columns.CopyFrom(made)
    return request.SerializeToString()


def request(**fields: object) -> bytes:
    """A batch message with these fields."""
    made = readings_pb2.ReadingBatch(**fields)  # type: ignore[arg-type]  # whatever a test says
    return ingest_pb2.AppendReadingsRequest(batch=made).SerializeToString()


WHOLE = append_request([bale(1), bale(2)], identity=1).SerializeToString()
ROWS = batch([bale(1)], shape="rows").rows

BAD = {
    "random bytes": (b"\xff" * 1000, "MALFORMED_MESSAGE", None),
    "truncated": (WHOLE[:-1], "MALFORMED_MESSAGE", None),
    "cut in the middle": (WHOLE[: len(WHOLE) // 2], "MALFORMED_MESSAGE", None),
    "invalid UTF-8": (
        WHOLE.replace(LOT.encode(), b"\xff" * 11),
        "MALFORMED_MESSAGE",
        None,
    ),
    "empty message": (b"", "MISSING_FIELD", "request"),
    "unequal columns": (unequal(), "UNEQUAL_COLUMNS", "batch.columns.rd"),
    "no identity": (request(rows=ROWS), "MISSING_FIELD", "batch.identity"),
    "no readings": (request(sequence=1), "MISSING_FIELD", "batch.readings"),
    "no rows": (request(sequence=1, rows=readings_pb2.ReadingRows()), "EMPTY_BATCH", None),
    "sequence 0": (request(sequence=0, rows=ROWS), "INVALID_FIELD", "batch.sequence"),
    "sequence 2**63": (request(sequence=2**63, rows=ROWS), "INVALID_FIELD", "batch.sequence"),
    "batch id": (request(batch_id="a b", rows=ROWS), "INVALID_FIELD", "batch.batch_id"),
    "empty batch id": (request(batch_id="", rows=ROWS), "INVALID_FIELD", "batch.batch_id"),
    "unknown field": (WHOLE + b"\xf8\x3f\x01", "UNKNOWN_FIELDS", None),
    "gap": (request(sequence=7, rows=ROWS), "SEQUENCE_GAP", "batch.sequence"),
    "too many bytes": (bytes(4 * MIB + 1), "MESSAGE_TOO_LARGE", None),
    "too many bales": (
        append_request([Bale(f"{n:032d}", LOT) for n in range(16_385)]).SerializeToString(),
        "BATCH_TOO_LARGE",
        "batch.columns",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_batch_is_an_answer_and_the_stream_lives_on(channel: grpc.Channel, name: str) -> None:
    payload, reason, field = BAD[name]
    producer = re.sub(r"[^a-z0-9]+", "-", name)
    with stream(channel, producer) as readings:
        readings.send(payload)
        error, refused_batch = readings.refusal()
        assert error.reason == reason
        assert error.fields == ([] if field is None else [field])
        assert refused_batch.next_sequence == 1
        assert readings.append([bale(500)], 1).revision > 0


@pytest.mark.parametrize(
    "reason", ["MALFORMED_MESSAGE", "UNEQUAL_COLUMNS", "MISSING_FIELD", "EMPTY_BATCH"]
)
def test_a_bad_batch_ends_a_unary_call_with_the_same_error(
    channel: grpc.Channel, reason: str
) -> None:
    """The details travel in the trailing metadata of the call."""
    made = {
        "MALFORMED_MESSAGE": b"\xff\xff",
        "UNEQUAL_COLUMNS": ingest_pb2.SubmitReadingsRequest(
            producer_id="p",
            batch=ingest_pb2.AppendReadingsRequest.FromString(unequal()).batch,
        ).SerializeToString(),
        "MISSING_FIELD": ingest_pb2.SubmitReadingsRequest(producer_id="p").SerializeToString(),
        "EMPTY_BATCH": ingest_pb2.SubmitReadingsRequest(
            producer_id="p", batch=batch([], shape="rows")
        ).SerializeToString(),
    }[reason]
    call = channel.unary_unary(SUBMIT, request_serializer=None, response_deserializer=None)
    error = refused(call, made, timeout=CALL_S_MAX)
    assert error.reason == reason
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


@pytest.mark.parametrize("producer", ["", "a b", "x" * 65, "é"])
def test_a_producer_has_to_name_itself_by_the_form(channel: grpc.Channel, producer: str) -> None:
    call = Calls(channel).ingest.SubmitReadings
    made = ingest_pb2.SubmitReadingsRequest(producer_id=producer, batch=batch([bale(1)]))
    error = refused(call, made)
    assert (error.reason, error.fields) == ("INVALID_FIELD", ["producer_id"])
    with stream(channel, None) as readings:
        opening = ingest_pb2.AppendReadingsRequest(open=ingest_pb2.OpenStream(producer_id=producer))
        readings.send(opening.SerializeToString())
        assert readings.refusal()[0].fields == ["producer_id"]
        assert readings.open("good-name").producer_id == "good-name"


def test_a_stream_is_opened_first_and_once(channel: grpc.Channel) -> None:
    with stream(channel, None) as readings:
        readings.send_batch([bale(1)], 1)
        error, refused_batch = readings.refusal()
        assert (error.reason, refused_batch.sequence) == ("STREAM_NOT_OPENED", 1)
        readings.open("opened-once")
        opening = ingest_pb2.AppendReadingsRequest(
            open=ingest_pb2.OpenStream(producer_id="opened-twice")
        )
        readings.send(opening.SerializeToString())
        assert readings.refusal()[0].reason == "STREAM_NOT_OPENED"
        assert readings.append([bale(1)], 1).revision > 0


def too_large_on_a_stream(channel: grpc.Channel, payload: bytes) -> None:
    """Sends bytes as a message of a stream and waits for the end."""
    with stream(channel, "large") as readings:
        readings.send(payload)
        readings.receive()


def too_large_in_a_call(channel: grpc.Channel, payload: bytes) -> None:
    """Sends bytes as the message of a unary call."""
    channel.unary_unary(SUBMIT, request_serializer=None, response_deserializer=None)(
        payload, timeout=CALL_S_MAX
    )


@pytest.mark.parametrize("send", [too_large_on_a_stream, too_large_in_a_call])
def test_a_message_of_100_mib_ends_the_call_and_nothing_else(
    server: Server, channel: grpc.Channel, send: Callable[[grpc.Channel, bytes], None]
) -> None:
    """What gRPC itself refuses is larger than what a handler would answer."""
    with stream(channel, "neighbour") as neighbour:
        following = neighbour.next_sequence()
        neighbour.append([bale(1)], following)
        with server.channel() as own, pytest.raises(grpc.RpcError) as caught:
            send(own, bytes(100 * MIB))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert str(8 * MIB) in str(caught.value.details())
        neighbour.append([bale(2)], following + 1)


@pytest.mark.parametrize("seed", range(3))
def test_garbage_in_any_number_leaves_the_stream_usable(channel: grpc.Channel, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - reproducible garbage
    with stream(channel, f"garbage-{seed}") as readings:
        for _ in range(60):
            damaged = bytearray(WHOLE)
            for _ in range(draw.randint(1, 5)):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
            readings.send(draw.choice([bytes(damaged), draw.randbytes(draw.randint(0, 200))]))
            answer = readings.receive()
            assert answer.WhichOneof("response") in {"opened", "result", "refused"}
        readings.send_batch([bale(700 + seed)], f"good-{seed}")
        assert readings.receive().result.outcome.received == 1


def test_wrong_identifiers_and_unknown_enum_values_reject_the_bale_not_the_batch(
    channel: grpc.Channel,
) -> None:
    strange = [
        Bale("", LOT, values={"length": 2820}),
        Bale("12", LOT, values={"length": 2820}),
        bale(601, lot_no=""),
        bale(602, lot_no="12"),
        bale(603).but(preparation=99),
        bale(604).but(colour_grade=61),
        Bale("1" * 32, LOT),
        bale(605),
    ]
    with stream(channel, "strange") as readings:
        outcome = readings.append(strange, "strange", "rows").outcome
    assert (outcome.rejected, outcome.created) == (7, 1)
    assert [(each.row, readings_pb2.Rule.Name(each.rule)) for each in outcome.outcomes] == [
        (0, "RULE_REQUIRED"),
        (1, "RULE_FORM"),
        (2, "RULE_REQUIRED"),
        (3, "RULE_FORM"),
        (4, "RULE_ABOVE"),
        (5, "RULE_UNKNOWN_CODE"),
        (6, "RULE_REQUIRED"),
    ]
    assert [each.received for each in outcome.outcomes] == ["", "", "", "12", "99", "61", ""]
    assert outcome.outcomes[4].limit == "3"


def test_a_client_that_goes_away_in_the_middle_disturbs_nobody(
    server: Server, channel: grpc.Channel
) -> None:
    for number in range(5):
        with server.channel() as own:
            gone = Stream(own)
            gone.open(f"gone-{number}")
            for sequence in range(1, 20):
                gone.send_batch([bale(800 + sequence)], sequence)
            gone.call.cancel()
    with stream(channel, "stays") as readings:
        assert readings.append([bale(900)], 1).outcome.received == 1


def test_a_stream_that_is_closed_in_order_ends_without_error(channel: grpc.Channel) -> None:
    readings = Stream(channel)
    readings.open("closes")
    readings.send_batch([bale(901)], 1)
    readings.half_close()
    assert readings.receive().result.revision > 0
    with pytest.raises(StopIteration):
        readings.receive()
    assert readings.call.code() is grpc.StatusCode.OK


def test_calls_beyond_the_limit_are_refused_and_room_is_given_back(servers: Servers) -> None:
    limited = servers.start(concurrent_calls_max=2)
    with limited.channel() as opened:
        with stream(opened, "one"), stream(opened, "two"):
            with pytest.raises(grpc.RpcError) as caught:
                Calls(opened).summarise()
            assert error_of(caught.value).reason == "TOO_MANY_CALLS"
            assert error_of(caught.value).retry
            with stream(opened, None) as third, pytest.raises(grpc.RpcError) as ended:
                third.open("three")
            assert error_of(ended.value).reason == "TOO_MANY_CALLS"
        deadline = time.monotonic() + CALL_S_MAX
        while True:
            try:
                assert Calls(opened).summarise().revision == 0
            except grpc.RpcError:
                assert time.monotonic() < deadline, "no room was given back"
                time.sleep(0.05)
            else:
                return
