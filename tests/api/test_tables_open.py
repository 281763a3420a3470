"""Tables that are being read at once: bounded, refused with what to do, and given back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cotton.inspection.v1 import summary_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tests.support.bales import bale
from tests.support.calls import CALL_S_MAX, Calls

if TYPE_CHECKING:
    from tests.support.server import Servers

BALES = summary_pb2.ListBalesRequest(causes=[summary_pb2.BALE_CAUSE_UNREGISTERED])
BY_LOT = summary_pb2.TabulateGradesRequest(
    query=summary_pb2.SummariseGradesRequest(keys=[summary_pb2.SUMMARY_KEY_LOT], page_size=1)
)
"""A message a lot: more than a reader that has stalled is sent ahead."""


def reasons(error: grpc.RpcError) -> list[str]:
    """The reasons in the details of an error."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # an error of a call is one
    found = []
    for detail in () if status is None else status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            found.append(info.reason)
    return found


def test_a_stalled_reader_keeps_its_table_and_no_more(servers: Servers) -> None:
    """With one table to be had, others are refused until the reader that has it goes."""
    server = servers.start(tables_open_max=1)
    with server.channel() as channel:
        calls = Calls(channel)
        calls.submit([bale(number, f"6514016{number:04d}") for number in range(600)], "readings")
        stalled: Any = calls.summary.TabulateGrades(BY_LOT, timeout=CALL_S_MAX)
        next(stalled)
        with pytest.raises(grpc.RpcError) as refused:
            list(calls.summary.ListBales(BALES, timeout=CALL_S_MAX))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert reasons(refused.value) == ["TOO_MANY_TABLES"]
        stalled.cancel()
        deadline = time.monotonic() + CALL_S_MAX
        listed = 0
        while not listed:
            assert time.monotonic() < deadline, "the table of a reader that went is not given back"
            try:
                messages = list(calls.summary.ListBales(BALES, timeout=CALL_S_MAX))
            except grpc.RpcError:
                time.sleep(0.05)
            else:
                listed = sum(len(message.bales) for message in messages)
        assert listed == 600
