"""Logs: one line an event, for a console or as JSON; which there are says `events`.

Whatever is logged is bounded in size and in number, holds no secret, forges no line, and names the
call that it belongs to.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final

from cotton_server.observability.correlation import CURRENT
from cotton_server.observability.events import LEFT_OUT, lines_max
from cotton_server.observability.flood import Flood, Kind
from cotton_server.observability.lines import (
    EXCEPTION_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    bounded,
    cut,
    pair,
    printable,
    without_secrets,
)

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({})))


class JsonFormatter(logging.Formatter):
    """A record as one JSON object; what was passed as `extra` is part of it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
        }
        line |= _extra(record)
        if record.exc_info:
            line["exception"] = _exception(self, record)
        return printable(json.dumps(line, ensure_ascii=False))


class ConsoleFormatter(logging.Formatter):
    """A record as time, level, event and what was passed as `extra`.

    A traceback follows, its lines indented: a line of the log begins with a time, and nothing that
    is not one looks like one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, and those of a traceback."""
        extra = " ".join(pair(name, value) for name, value in _extra(record).items())
        event = printable(_event(record))
        line = f"{_moment(record)} {record.levelname.lower():7} {event} {extra}".rstrip()
        if not record.exc_info:
            return line
        lines = _exception(self, record).split("\n")
        return "\n".join([line, *(f"    {printable(each)}" for each in lines)])


class _Handler(logging.StreamHandler[Any]):
    """Writes lines to stderr, no more of a kind than it may have."""

    def __init__(self) -> None:
        super().__init__()
        self._flood = Flood(lines_max, self._told)

    def handle(self, record: logging.LogRecord) -> bool:
        """Writes the line unless too many of its kind were written."""
        return self._flood.lets(record) and bool(super().handle(record))

    def close(self) -> None:
        """Tells of what was left out, then ends."""
        self._flood.close()
        super().close()

    def _told(self, kind: Kind, left_out: int) -> None:
        event, reason = kind
        record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, LEFT_OUT, (), None)
        vars(record).update({"of": event, "reason": reason, "left_out": left_out})
        super().handle(record)


def configure_logs(form: str, level: str) -> None:
    """Sends the service's logs to stderr, as "json" or "console" lines."""
    handler = _Handler()
    handler.setFormatter(JsonFormatter() if form == "json" else ConsoleFormatter())
    root = logging.getLogger("cotton_server")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _event(record: logging.LogRecord) -> str:
    return cut(without_secrets(record.getMessage()), TEXT_CHARACTERS_MAX)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    """What was passed as `extra`, and the call that it is of."""
    given = {
        name: bounded(name, value) for name, value in vars(record).items() if name not in _STANDARD
    }
    call = CURRENT.get()
    if call is not None:
        given |= {"request_id": call.request_id, "traceparent": call.traceparent}
    return given


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback; of a long one the end, where the error stands."""
    if not record.exc_info:
        return ""
    text = without_secrets(formatter.formatException(record.exc_info))
    return text if len(text) <= EXCEPTION_CHARACTERS_MAX else f"…{text[-EXCEPTION_CHARACTERS_MAX:]}"
