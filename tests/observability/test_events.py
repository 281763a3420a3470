"""What the code logs is what the table says, and the page is made of the table."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from cotton_server.errors import Reason
from cotton_server.observability.events import EVENTS, LEFT_OUT, lines_max

from tools.logged import Logged, logged
from tools.logs_page import logs_page

ROOT = Path(__file__).resolve().parents[2]
OWN = {"time", "level", "logger", "event", "exception", "request_id", "traceparent"}


def places() -> list[Logged]:
    """Every place of the service that logs."""
    return list(logged(ROOT / "server" / "cotton_server"))


def test_every_place_that_logs_says_what_the_table_says() -> None:
    for place in places():
        event = EVENTS[place.event]
        assert (place.level, place.fields) == (event.level, frozenset(event.fields)), place


def test_every_event_of_the_table_is_logged_somewhere() -> None:
    assert {place.event for place in places()} | {LEFT_OUT} == set(EVENTS)


def test_no_place_logs_another_way() -> None:
    """A logger under another name would not be found by those who look for `_LOG`."""
    for path in (ROOT / "server" / "cotton_server").rglob("*.py"):
        text = path.read_text("utf-8")
        if path.name != "logs.py":
            assert text.count("logging.getLogger(") == text.count(
                "_LOG: Final = logging.getLogger("
            )
        assert "print(" not in text or path.parent.name == "sealing", path


def test_no_field_has_a_name_that_logging_or_every_line_has() -> None:
    """Python raises KeyError for the first, at the moment when something went wrong."""
    taken = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"} | OWN
    for name, event in EVENTS.items():
        assert taken.isdisjoint(event.fields), name


def test_a_minute_of_everything_fits_a_disk() -> None:
    """All events with all reasons, above debug, stay far below what any disk holds."""
    lines = sum(
        event.lines_max * (len(Reason) if "reason" in event.fields else 1)
        for name, event in EVENTS.items()
        if event.level != "debug" and name != LEFT_OUT
    )
    assert lines < 5_000


def test_the_page_is_what_the_table_gives() -> None:
    assert (ROOT / "docs" / "logs.md").read_text("utf-8") == logs_page()


@pytest.mark.parametrize(("event", "lines"), [("serving", 20), ("a stream ended", 600), ("?", 20)])
def test_an_event_has_a_bound_whether_it_is_known_or_not(event: str, lines: int) -> None:
    assert lines_max(event) == lines
