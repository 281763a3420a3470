"""A clock that was a day ahead and was set right: an instant keeps its answer, and none is lost."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from cotton.inspection.v1 import summary_pb2

from tests.support.bales import LOT, bale
from tests.support.broken import AHEAD_NS
from tests.support.calls import CALL_S_MAX, Calls, refused
from tests.support.keeping import cotton

if TYPE_CHECKING:
    from tests.support.server import Servers

AHEAD_US = AHEAD_NS // 1000


def now_us() -> int:
    """By the right clock."""
    return time.time_ns() // 1000


def revision_at(calls: Calls, as_of_us: int) -> int:
    """The revision that an instant is answered with."""
    request = summary_pb2.GetLotCertificateRequest(lot_no=LOT, as_of_us=as_of_us)
    return int(calls.summary.GetLotCertificate(request, timeout=CALL_S_MAX).revision)


def test_an_instant_has_one_answer_whatever_the_clock_did(servers: Servers) -> None:
    before = servers.start()
    with before.channel() as channel:
        calls = Calls(channel)
        calls.submit([bale(1)], 1)
        first_us = now_us()
        time.sleep(0.01)
        assert revision_at(calls, first_us) == 1
    assert before.end() == 0

    ahead = servers.start(broken="with_clock_ahead")
    with ahead.channel() as channel:
        calls = Calls(channel)
        calls.submit([bale(2)], 2)
        wrong_us = now_us() + AHEAD_US
        time.sleep(0.01)
        assert revision_at(calls, wrong_us) == 2
        assert revision_at(calls, first_us) == 1
    assert ahead.end() == 0

    right = servers.start()
    with right.channel() as channel:
        calls = Calls(channel)
        # What comes now is stored and answered, and its time is what the clock says.
        assert calls.submit([bale(3)], 3).outcome.created == 1
        assert calls.certificate().revision == 3
        assert calls.bale(bale(3)).received_at_us < calls.bale(bale(2)).received_at_us
        # It counts as received no earlier than what came before it: no answer is taken back.
        assert revision_at(calls, first_us) == 1
        assert revision_at(calls, now_us() - 1000) == 1
        assert refused(partial(revision_at, calls, wrong_us)).reason == "FUTURE_REVISION"
    assert right.end() == 0

    then = servers.start(broken="with_clock_ahead")
    with then.channel() as channel:
        calls = Calls(channel)
        instants = [first_us, wrong_us - AHEAD_US, wrong_us, now_us() + AHEAD_US - 1000]
        found = [revision_at(calls, each) for each in instants]
        assert found == sorted(found)
        assert found[0] == 1
        assert found[-1] == 3
    assert then.end() == 0
    assert cotton("fsck", servers.data_dir).exit_code == 0
