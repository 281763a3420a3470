"""Every event that the service logs: its level, when it is logged, and its fields.

docs/logs.md is made of this table, and a test holds the code to it. Values of bales, lots and
weights stand in no event; what a producer calls itself and its batches does.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LEFT_OUT: Final = "lines were left out"

UNBOUNDED: Final = 1_000_000
"""For what is bounded by the others."""

_LINES_MAX: Final = 20
_STREAM_LINES_MAX: Final = 600
"""All instruments of a region come back at once after an outage."""

_DEBUG_LINES_MAX: Final = 6_000


@dataclass(frozen=True, slots=True)
class Event:
    """An event: level, occasion, fields by name with their meaning.

    At most `lines_max` lines of it, with the same reason where it has one, are written a minute.
    """

    level: str
    occurs: str
    fields: Mapping[str, str]
    lines_max: int = _LINES_MAX


def _event(level: str, occurs: str, *, lines_max: int = _LINES_MAX, **fields: str) -> Event:
    return Event(level, occurs, MappingProxyType(fields), lines_max)


_ERROR: Final = "what went wrong, and where it is known what to do"

EVENTS: Final[Mapping[str, Event]] = MappingProxyType(
    {
        "starting": _event(
            "info",
            "The process begins, before it opens anything.",
            version="of the service",
            python="version of Python",
            pid="process id",
            settings="settings that differ from their defaults, by name",
        ),
        "cannot start": _event(
            "critical",
            'The process ends before it served; with `log_format = "json"` alone, since a person'
            " reads the same as the error of the command.",
            error=_ERROR,
        ),
        "replaying": _event(
            "info",
            "Every `replay_progress_interval_s` while entries are decided again at the start.",
            position="entries done",
            of="entries in all",
            bales="readings so far",
        ),
        "replayed": _event(
            "info",
            "The registry is where the ledger ends.",
            revision="last position of the ledger",
            from_sealed="position of the sealed state that it began from, 0 for none",
            bales="bales stored",
            lots="lots known",
            seconds="what it took",
        ),
        "serving": _event(
            "info",
            "Calls are taken from now on.",
            listen="address of the gRPC services",
            metrics="address of the metrics, or `off`",
            data_dir="the data directory",
            revision="last position of the ledger",
            bales="bales stored",
        ),
        "draining": _event("info", "SIGTERM or SIGINT came: no more calls are taken."),
        "drained": _event(
            "info", "All that was received is answered.", revision="last position of the ledger"
        ),
        "the ledger failed; stopping": _event(
            "critical",
            "A write or a sync failed: nothing more is acknowledged, and the process exits with 1.",
            error=_ERROR,
        ),
        "a stream was opened": _event(
            "info",
            "A producer opened a stream of readings.",
            lines_max=_STREAM_LINES_MAX,
            producer="its id",
            next_sequence="the sequence that it was told to go on with",
        ),
        "a stream ended": _event(
            "info",
            "A stream of readings is over, however it ended.",
            lines_max=_STREAM_LINES_MAX,
            producer='its id, "" when it never said who it is',
            ended="`complete` when nothing more came, `cancelled` when the client went first,"
            " `failed`, or the reason",
            batches="batches stored on it",
            repeated="of these, batches that had been stored before",
            refused="batches refused",
            bales="bales in the batches stored",
            seconds="how long it was open",
        ),
        "a stream was replaced by a newer one": _event(
            "warning",
            "A producer opened another stream while one was open: two senders under one name, most"
            " likely.",
            producer="its id",
        ),
        "a stream failed": _event("error", "A stream ended for a fault of the service."),
        "a batch was refused": _event(
            "warning",
            "A batch of a stream was refused; [errors.md](errors.md) has the reasons.",
            producer='its id, "" before it said who it is',
            reason="of the refusal",
            code="its gRPC code",
            says="what the sender is told, at level `debug` alone, since it may repeat values",
        ),
        "a call was refused": _event(
            "warning",
            "A call ended with an error; [errors.md](errors.md) has the reasons.",
            handler="what served it",
            reason="of the refusal",
            code="its gRPC code",
            says="what the caller is told, at level `debug` alone, since it may repeat values",
        ),
        "a call was answered": _event(
            "debug",
            "A call was answered in order.",
            lines_max=_DEBUG_LINES_MAX,
            handler="what served it",
            seconds="what it took",
        ),
        "a call failed": _event(
            "error", "A call ended for a fault of the service.", handler="what served it"
        ),
        "a batch could not be decided": _event(
            "error", "A batch was refused with `INTERNAL` or `STORAGE_DAMAGED`; others went on."
        ),
        "a repeat could not be compared with what is stored": _event(
            "error", "What a batch has to be compared with is damaged; the batch was refused."
        ),
        "commits of the write-ahead log cannot be read": _event(
            "error",
            "At a start: commits lie behind a page of `ledger.sqlite-wal` that has changed, and"
            " SQLite does without them. What was acknowledged last may be gone;"
            " [keeping.md](keeping.md) says what to do. A power failure while payloads were freed"
            " leaves the same, and then nothing is.",
            commits="how many",
        ),
        "the log could not be folded into the file": _event(
            "error", "The write-ahead log stays as it is; who appends next stops the process."
        ),
        "sealed": _event(
            "info",
            "Ranges of the ledger were sealed.",
            position="last position that is sealed",
            ranges="ranges sealed",
            seconds="what it took",
        ),
        "the ledger could not be sealed": _event(
            "error",
            "Sealing failed; it is tried again, and the service goes on.",
            error=_ERROR,
            remedy="what to do",
        ),
        "payloads could not be freed": _event(
            "error",
            "Payloads that lie in sealed files stay in the ledger too; it is tried again.",
            error=_ERROR,
            remedy="what to do",
        ),
        "sealing has ended: the ledger has failed": _event(
            "error", "Nothing is sealed any more; the process stops.", error=_ERROR
        ),
        "a process was killed and has not ended; look at the disk": _event(
            "error", "The process that seals waits for a disk.", pid="process id"
        ),
        "the sealed history is damaged": _event(
            "error", "A start does without the sealed state, and replays.", error=_ERROR
        ),
        "sealed readings are damaged": _event(
            "error", "Readings stay in memory, and are sealed anew.", error=_ERROR
        ),
        "sealed readings stay in memory: their keys cannot be read": _event(
            "error", "They are let go once they can; `cotton fsck` says what to do.", error=_ERROR
        ),
        "a sealed manifest is damaged": _event(
            "error", "A range is done without, and is sealed anew.", error=_ERROR
        ),
        "sealed readings were written again": _event(
            "warning",
            "A range that was damaged was sealed anew.",
            first="first position of the range",
            last="last position of the range",
            manifest_before="SHA-256 of the manifest before",
            manifest="SHA-256 of the manifest now",
        ),
        "a sealed state is not used": _event(
            "warning", "A start replays what the state would have spared it.", error=_ERROR
        ),
        "the kept standing of lots cannot be read; it is computed from the readings": _event(
            "warning",
            "The first summary takes longer.",
            directory="where it lies",
            error=_ERROR,
        ),
        "the kept standing of lots is not used; it is computed from the readings": _event(
            "info",
            "It is of another version, or of other documents: the first summary takes longer.",
            directory="where it lies",
            reason="what differs",
        ),
        "keys of sealed readings are read from these": _event(
            "warning",
            "A file of keys is missing, damaged or of another version; it is made again.",
            error=_ERROR,
        ),
        "keys cannot be written": _event(
            "warning",
            "They are kept in memory, and made again at the next start.",
            error=_ERROR,
        ),
        "the version could not be noted": _event(
            "warning",
            "Errors of other versions cannot say which version served the directory.",
            error=_ERROR,
        ),
        "an earlier backup is not used": _event(
            "warning", "`cotton backup` copies anew what it might have shared.", error=_ERROR
        ),
        "not linked": _event(
            "info",
            "`cotton backup` copies a file that an earlier backup has.",
            path="the file",
            error=_ERROR,
        ),
        "a run could not be archived; it is computed anew when it is asked for": _event(
            "warning", "The disk did not take it.", directory="of the archive", error=_ERROR
        ),
        "an archived run cannot be read; it is computed anew": _event(
            "warning",
            "A file is missing, or of another version.",
            digest="of the run",
            error=_ERROR,
        ),
        "an archived run is damaged; it is computed anew": _event(
            "warning",
            "A file is not what was written.",
            digest="of the run",
            file="the file",
        ),
        LEFT_OUT: _event(
            "warning",
            "The minute is over in which more lines of one event, with one reason, came than are"
            " written.",
            lines_max=UNBOUNDED,
            of="the event",
            reason='its reason, "" where it has none',
            left_out="how many lines were left out",
        ),
    }
)


def lines_max(event: str) -> int:
    """How many lines of an event, with one reason, are written in a minute."""
    known = EVENTS.get(event)
    return _LINES_MAX if known is None else known.lines_max
