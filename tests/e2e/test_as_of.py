"""Certificates as of an instant, over real gRPC and a restart."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from cotton.inspection.v1 import summary_pb2

from tests.support.bales import LOT, bale
from tests.support.calls import CALL_S_MAX, Calls, refused

if TYPE_CHECKING:
    from tests.support.server import Servers

HOUR_US = 3_600_000_000


def certificate(
    calls: Calls, as_of_us: int = 0, revision: int = 0
) -> summary_pb2.GetLotCertificateResponse:
    """The certificate of the lot, at an instant or a revision."""
    request = summary_pb2.GetLotCertificateRequest(lot_no=LOT, revision=revision, as_of_us=as_of_us)
    return calls.summary.GetLotCertificate(request, timeout=CALL_S_MAX)


def test_an_instant_is_answered_with_what_had_been_received_by_then(servers: Servers) -> None:
    """The same before and after a restart; the revision that it names gives the same figures."""
    server = servers.start()
    with server.channel() as channel:
        calls = Calls(channel)
        calls.submit([bale(1), bale(2)], 1)
        calls.register("r1")
        calls.weigh("w1")
        weighed_at_us = certificate(calls).status.weighed_at_us
    assert server.end() == 0
    with servers.start().channel() as channel:
        calls = Calls(channel)
        before, then = certificate(calls, weighed_at_us - 1), certificate(calls, weighed_at_us)
        assert (before.revision, before.HasField("weight")) == (2, False)
        assert (then.revision, then.HasField("weight")) == (3, True)
        assert then.status.as_of_s == weighed_at_us // 1_000_000
        assert before.figures == certificate(calls, revision=2).figures
        assert refused(partial(certificate, calls, 1)).reason == "NOT_FOUND"
        assert refused(partial(certificate, calls, -1)).reason == "INVALID_FIELD"
        assert refused(partial(certificate, calls, weighed_at_us, 3)).reason == "INVALID_FIELD"
        ahead_us = time.time_ns() // 1000 + HOUR_US
        assert refused(partial(certificate, calls, ahead_us)).reason == "FUTURE_REVISION"
