"""The log of a real server: calls found again by their names, floods cut off, nothing told away."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, cast

import grpc
import pytest
from cotton.inspection.v1 import grading_pb2, grading_pb2_grpc, ingest_pb2, summary_pb2
from cotton_client import errors
from cotton_client.sync import SyncCottonClient

from tests.support.bales import LOT, bale, batch
from tests.support.calls import CALL_S_MAX, Calls, refused, stream

if TYPE_CHECKING:
    from tests.support.server import Server, Servers

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LINES_MAX = 20


def told(server: Server, event: str) -> list[dict[str, Any]]:
    """The lines of an event."""
    lines = [json.loads(line) for line in server.log if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def wait_for(server: Server, event: str, lines: int) -> None:
    """Returns when as many lines of the event are there."""
    until_s = time.monotonic() + CALL_S_MAX
    while len(told(server, event)) < lines:
        assert time.monotonic() < until_s, event
        time.sleep(0.01)


def certificate(channel: grpc.Channel, **names: str) -> str:
    """Asks for a lot that is not there; the request id in the trailing metadata."""
    calls = Calls(channel)
    request = summary_pb2.GetLotCertificateRequest(lot_no=LOT)
    metadata = tuple((key.replace("_", "-"), value) for key, value in names.items())
    try:
        calls.summary.GetLotCertificate(request, timeout=CALL_S_MAX, metadata=metadata)
    except grpc.RpcError as error:
        trailing = dict(cast("Any", error).trailing_metadata())
        return str(trailing["x-request-id"])
    raise AssertionError("there is no such lot")


def test_a_call_is_found_again_by_its_names(servers: Servers) -> None:
    """Given ones come back and stand in the log; others are replaced, and stand nowhere."""
    server = servers.start()
    with server.channel() as channel:
        given = certificate(channel, x_request_id="mine-1", traceparent=TRACEPARENT)
        made = certificate(channel)
        replaced = certificate(channel, x_request_id="H" * 8_000, traceparent="00-forged")
        call = Calls(channel).ingest.SubmitReadings.with_call(
            ingest_pb2.SubmitReadingsRequest(producer_id="p", batch=batch([bale(1)], identity=1)),
            timeout=CALL_S_MAX,
            metadata=(("x-request-id", "mine-2"),),
        )[1]
        assert dict(call.trailing_metadata())["x-request-id"] == "mine-2"
    server.end()
    assert given == "mine-1"
    lines = told(server, "a call was refused")
    assert [line["request_id"] for line in lines] == ["mine-1", made, replaced]
    assert lines[0]["traceparent"] == TRACEPARENT
    assert len({line["traceparent"] for line in lines}) == 3
    assert {line["reason"] for line in lines} == {"NOT_FOUND"}
    assert "H" * 65 not in "".join(server.log)
    assert "forged" not in "".join(server.log)


def test_a_stream_is_told_of_with_what_came_of_it(servers: Servers) -> None:
    server = servers.start()
    with server.channel() as channel:
        with stream(channel) as readings:
            readings.append([bale(1), bale(2)], 1)
            readings.append([bale(1), bale(2)], 1)
            readings.send_batch([bale(3)], 7)
            readings.refusal()
            readings.half_close()
            assert list(readings.call) == []
        with stream(channel, "q") as readings:
            readings.append([bale(3)], 1)
            readings.call.cancel()
        wait_for(server, "a stream ended", 2)
    server.end()
    (opened, other) = told(server, "a stream was opened")
    assert (opened["producer"], opened["next_sequence"]) == ("p", 1)
    (ended, cancelled) = told(server, "a stream ended")
    fields = ("producer", "ended", "batches", "repeated", "refused", "bales")
    assert tuple(ended[name] for name in fields) == ("p", "complete", 2, 1, 1, 4)
    assert (cancelled["producer"], cancelled["batches"]) == ("q", 1)
    assert cancelled["ended"] in {"complete", "cancelled"}, "to a reader, going is an end too"
    (line,) = told(server, "a batch was refused")
    assert (line["producer"], line["reason"]) == ("p", "SEQUENCE_GAP")
    assert opened["request_id"] == ended["request_id"] == line["request_id"]
    assert opened["request_id"] != other["request_id"]


def test_a_flood_of_refusals_is_cut_off_and_counted(servers: Servers) -> None:
    server = servers.start()
    with server.channel() as channel, stream(channel) as readings:
        for _ in range(150):
            readings.send_batch([bale(1)], 9)
            readings.refusal()
        for _ in range(50):
            certificate(channel)
    server.end()
    assert len(told(server, "a batch was refused")) == LINES_MAX
    assert len(told(server, "a call was refused")) == LINES_MAX
    left_out = {
        (each["of"], each["reason"]): each["left_out"]
        for each in told(server, "lines were left out")
    }
    assert left_out == {
        ("a batch was refused", "SEQUENCE_GAP"): 130,
        ("a call was refused", "NOT_FOUND"): 30,
    }


def run_through(server: Server) -> None:
    """Readings, a lot, refusals that repeat what they were given, and secrets on the way."""
    secrets = (("authorization", "Bearer canary-1"), ("cookie", "canary-2"))
    with server.channel() as channel:
        calls = Calls(channel)
        calls.register("r1")
        with stream(channel) as readings:
            readings.append([bale(number, length=2777) for number in range(50)], 1)
            readings.append([bale(1, length=2778)], 2)
        grading = grading_pb2_grpc.GradingServiceStub(channel)
        request = grading_pb2.GetStandardRequest(id="Bearer canary-3")
        error = refused(grading.GetStandard, request, timeout=CALL_S_MAX, metadata=secrets)
        assert "canary-3" in error.message, "the caller is told what it asked for"
        bad = ingest_pb2.SubmitReadingsRequest(
            producer_id="https://me:canary-4@host", batch=batch([bale(2)], identity=1)
        )
        refused(calls.ingest.SubmitReadings, bad, timeout=CALL_S_MAX, metadata=secrets)
        calls.bale(bale(1))
        calls.summarise()
        certificate_of = summary_pb2.GetLotCertificateRequest(lot_no="65140161099")
        refused(calls.summary.GetLotCertificate, certificate_of, timeout=CALL_S_MAX)
    assert server.end() == 0


def test_no_secret_is_logged_at_any_level(servers: Servers) -> None:
    """Canaries in metadata and in values that refusals repeat, at the level that says most."""
    server = servers.start(log_level="debug")
    run_through(server)
    said = "".join(server.log)
    assert "a call was answered" in said
    assert '"says": "There is no standard' in said
    assert "canary" not in said


def test_no_value_of_a_bale_or_lot_is_logged_from_level_info_on(servers: Servers) -> None:
    server = servers.start(log_level="info")
    run_through(server)
    said = "".join(server.log)
    assert "a batch was refused" in said or "a call was refused" in said
    for value in (LOT, "65140161099", bale(1).code, bale(2).code, "2777", "27.77", "canary-3"):
        assert value not in said, value


def test_a_start_says_by_what_it_goes_and_one_that_fails_says_why(servers: Servers) -> None:
    server = servers.start(seal_bales=0, log_level="info")
    (starting,) = told(server, "starting")
    assert starting["settings"]["seal_bales"] == "0"
    assert starting["settings"]["data_dir"].strip('"') == str(servers.data_dir)
    assert "bales_max" not in starting["settings"]
    assert starting["pid"] > 0


def test_an_error_of_the_client_names_the_call(servers: Servers) -> None:
    server = servers.start()
    with (
        SyncCottonClient(server.address) as client,
        pytest.raises(errors.NotFound) as raised,
    ):
        client.lot_certificate("65140161099")
    server.end()
    (line,) = told(server, "a call was refused")
    assert raised.value.request_id == line["request_id"]
