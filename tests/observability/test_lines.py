"""Lines of the log: bounded, of one line each, without secrets; and how many there may be."""

from __future__ import annotations

import json
import logging
import threading
import time
from contextvars import copy_context
from typing import Any

import pytest
from cotton_server.observability.correlation import (
    CURRENT,
    CallThreads,
    Correlation,
    correlation_of,
)
from cotton_server.observability.flood import KINDS_MAX, Flood, Kind
from cotton_server.observability.lines import LEFT_OUT, TEXT_CHARACTERS_MAX
from cotton_server.observability.logs import ConsoleFormatter, JsonFormatter

FORMATTERS = {"json": JsonFormatter(), "console": ConsoleFormatter()}
FORGED = "x\n2026-01-01T00:00:00.000+00:00 info    serving\r\n{}\x85\u2028\u2029\x1b[2J\u202e"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
KEY = "-----BEGIN EC PRIVATE KEY-----\ncanary-key\n-----END EC PRIVATE KEY-----"


def record(
    event: str = "an event", error: Exception | None = None, **extra: object
) -> logging.LogRecord:
    """A record as the service makes them."""
    info = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord("cotton_server.x", logging.INFO, "x.py", 1, event, (), info)
    vars(made).update(extra)
    return made


@pytest.mark.parametrize("form", FORMATTERS)
def test_no_value_forges_a_line(form: str) -> None:
    """Neither in a value nor in an event, in whatever way a line can be ended."""
    line = FORMATTERS[form].format(record(FORGED, value=FORGED))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert "\u202e" not in line
    if form == "json":
        assert json.loads(line)["value"] == FORGED


def test_no_traceback_forges_a_line_on_the_console() -> None:
    first, *rest = FORMATTERS["console"].format(record(error=ValueError(FORGED))).splitlines()
    assert "an event" in first
    assert any("serving" in line for line in rest)
    assert all(line.startswith("    ") for line in rest)


def test_no_value_forges_a_field_on_the_console() -> None:
    line = FORMATTERS["console"].format(record(producer='a" revision=7 ok'))
    assert line.endswith('producer="a\\" revision=7 ok"')


@pytest.mark.parametrize("form", FORMATTERS)
def test_values_are_short_and_numbers_stay_numbers(form: str) -> None:
    line = FORMATTERS[form].format(record(says="é" * 10_000, count=7, on=True))
    assert len(line) < TEXT_CHARACTERS_MAX + 300
    assert "8000 more characters" in line
    if form == "json":
        assert (json.loads(line)["count"], json.loads(line)["on"]) == (7, True)
    huge = FORMATTERS[form].format(record(error=ValueError("x" * 1_000_000)))
    assert len(huge) < 20_000


@pytest.mark.parametrize("form", FORMATTERS)
@pytest.mark.parametrize(
    "extra",
    [
        {"authorization": "canary"},
        {"says": "it said Authorization: Bearer canary.a-b, then went"},
        {"says": "basic Y2FuYXJ5OmNhbmFyeQ=="},
        {"client_secret": "canary"},
        {"settings": {"password": "canary", "url": "https://me:canary@host/x"}},
        {"says": KEY},
        {"says": KEY[:40]},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_secrets_are_left_out_wherever_they_stand(form: str, extra: dict[str, Any]) -> None:
    for line in (
        FORMATTERS[form].format(record(**extra)),
        FORMATTERS[form].format(record(str(extra.get("says", "bearer canary")))),
        FORMATTERS[form].format(record(error=ValueError(str(extra.get("says", "bearer canary"))))),
    ):
        assert "canary" not in line
        assert "Y2FuYXJ5" not in line
        assert LEFT_OUT in line


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc-1.2_3:Z", True),
        ("", False),
        ("x" * 64, True),
        ("x" * 65, False),
        ("x" * 8_000, False),
        ("a b", False),
        ("a\nb", False),
        ("a=b", False),
        ("é", False),
    ],
)
def test_a_request_id_is_taken_or_replaced(given: str, kept: bool) -> None:
    found = correlation_of([("x-request-id", given)]).request_id
    assert (found == given) == kept
    assert 0 < len(found) <= 64


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (TRACEPARENT, True),
        (TRACEPARENT.replace("00-4b", "cc-4b"), True),
        (TRACEPARENT.replace("00-4b", "ff-4b"), False),
        (TRACEPARENT.upper(), False),
        (f"{TRACEPARENT}-more", False),
        (f"{TRACEPARENT}\n", False),
        ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01", False),
    ],
)
def test_a_traceparent_is_taken_or_replaced(given: str, kept: bool) -> None:
    found = correlation_of([("traceparent", given)]).traceparent
    assert (found == given) == kept
    assert len(found) == len(TRACEPARENT)


def test_names_are_made_where_none_are_given_and_the_first_counts() -> None:
    one, two = correlation_of([]), correlation_of([("x-request-id", b"bytes")])
    assert one.request_id != two.request_id
    assert one.traceparent.split("-")[1] != two.traceparent.split("-")[1]
    assert correlation_of([("x-request-id", "a"), ("x-request-id", "b")]).request_id == "a"


@pytest.mark.parametrize("form", FORMATTERS)
def test_lines_within_a_call_name_it_also_on_threads_that_work_for_it(form: str) -> None:
    """A field of the same name does not take the place of the call's own."""

    def line() -> str:
        return FORMATTERS[form].format(record(request_id="forged"))

    def within() -> list[str]:
        CURRENT.set(Correlation("r-1", TRACEPARENT))
        with CallThreads(1) as threads:
            return [line(), threads.submit(line).result()]

    for said in copy_context().run(within):
        assert "r-1" in said
        assert TRACEPARENT in said
        assert "forged" not in said
    assert TRACEPARENT not in line()


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Now, in seconds."""
        return self.now_s


def test_a_flood_is_cut_off_by_event_and_reason_and_told_of_when_it_is_over() -> None:
    clock, told = Clock(), list[tuple[Kind, int]]()
    flood = Flood(lambda _event: 3, lambda *each: told.append(each), clock=clock)
    lets = [flood.lets(record("refused", reason="DRAINING")) for _ in range(10)]
    assert lets == [True] * 3 + [False] * 7
    assert flood.lets(record("refused", reason="NOT_FOUND"))
    assert flood.lets(record("another"))
    assert told == []
    clock.now_s = 60.0
    assert flood.lets(record("refused", reason="DRAINING"))
    assert told == [(("refused", "DRAINING"), 7)]
    for _ in range(4):
        flood.lets(record("refused", reason="DRAINING"))
    flood.close()
    assert told[1:] == [(("refused", "DRAINING"), 2)]


def test_a_flood_that_nothing_follows_is_told_of_too() -> None:
    told, heard = list[tuple[Kind, int]](), threading.Event()

    def tell(kind: Kind, left_out: int) -> None:
        told.append((kind, left_out))
        heard.set()

    flood = Flood(lambda _event: 1, tell, window_s=0.05, clock=time.monotonic)
    for _ in range(5):
        flood.lets(record("refused", reason="DRAINING"))
    assert heard.wait(10)
    flood.close()
    assert told == [(("refused", "DRAINING"), 4)]


def test_texts_as_reasons_open_no_kind_of_their_own_and_kinds_are_bounded() -> None:
    flood = Flood(lambda _event: 1, lambda *_: None, clock=Clock())
    assert [flood.lets(record("e", reason=f"text {n}")) for n in range(3)] == [True, False, False]
    lets = [flood.lets(record(f"event {number}")) for number in range(10 * KINDS_MAX)]
    assert sum(lets) == KINDS_MAX
    flood.close()
