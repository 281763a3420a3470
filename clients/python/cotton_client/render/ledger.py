"""Entries of a ledger, for the terminal and for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import cotton_server.intake.content as _content
from google.protobuf.json_format import MessageToDict
from google.protobuf.symbol_database import Default
from rich.table import Table
from rich.text import Text

from cotton_client.render.values import count, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cotton_server.ledger.inspection import Listed, Shown
    from google.protobuf.message import Message
    from rich.console import Console, ConsoleOptions, RenderResult

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LINES_MAX: Final = 40
"""Lines of a payload or outcome that a page shows."""
_DIGEST_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Row:
    """An entry of a list, and what was decided of it."""

    header: Listed
    outcome: Message


class EntryList:
    """Entries, a line each."""

    def __init__(self, rows: Sequence[Row], limit: int) -> None:
        self._rows, self._limit = rows, limit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, and whether it may be only a part."""
        if not self._rows:
            yield Text("No such entries.")
            return
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in ("position", "received", "kind", "producer", "sequence or id", "outcome"):
            table.add_column(name, justify="right" if name == "position" else "left")
        table.add_column("digest", style="dim")
        for row in self._rows:
            header = row.header
            table.add_row(
                count(header.position),
                _moment(header.received_at_us),
                header.kind,
                Text(header.producer),
                Text(_identity(header)),
                ", ".join(f"{number} {name}" for name, number in counts(row.outcome).items()),
                header.digest.hex()[:_DIGEST_SHOWN],
            )
        yield table
        if len(self._rows) == self._limit:
            yield Text(f"{count(self._limit)} shown; --limit and --from show others", style="dim")


def entries_json(rows: Sequence[Row], position: int) -> dict[str, Any]:
    """The same for programs."""
    return {
        "revision": position,
        "entries": [{**_header(row.header), "counts": counts(row.outcome)} for row in rows],
    }


def entry(shown: Shown) -> Iterator[Text]:
    """One entry."""
    told = entry_json(shown)
    for name in (
        *("position", "kind", "message", "contract", "producer", "sequence", "batch_id"),
        *("principal", "received_at", "rule_set", "payload_bytes", "payload_digest"),
        *("previous_digest", "digest", "sealed_in"),
    ):
        if told[name] is not None:
            yield Text.assemble((f"{name:16}", "dim"), str(told[name]))
    for name in ("payload", "outcome"):
        yield Text(name, style="bold")
        lines = json.dumps(told[name], ensure_ascii=False, indent=1).splitlines()
        yield Text("\n".join(lines[:_LINES_MAX]))
        if len(lines) > _LINES_MAX:
            yield Text(
                f"… {counted(len(lines) - _LINES_MAX, 'more line')}; --json has all", style="dim"
            )


def entry_json(shown: Shown) -> dict[str, Any]:
    """The same for programs."""
    content, seal = shown.entry.content, shown.seal
    return {
        "revision": shown.entry.position,
        "position": shown.entry.position,
        "format": shown.entry.format,
        "kind": content.kind,
        "message": content.message,
        "contract": content.contract,
        "producer": content.producer,
        "sequence": content.sequence,
        "batch_id": content.batch_id,
        "principal": content.principal,
        "received_at": _moment(content.received_at_us),
        "rule_set": content.rule_set,
        "payload_bytes": len(content.payload),
        "payload_digest": shown.entry.payload_digest.hex(),
        "previous_digest": shown.previous.hex(),
        "digest": shown.entry.digest.hex(),
        "sealed_in": None if seal is None else f"{seal.first}-{seal.last}",
        "payload": decoded(content.message, content.payload),
        "outcome": _told(_content.outcome_of(content)),
    }


def exported(shown: Shown, path: Path) -> Iterator[Text]:
    """A payload that was written to a file."""
    content = shown.entry.content
    yield Text(f"{path}: {counted(len(content.payload), 'byte')}, one {content.message}")
    yield Text(f"SHA-256  {shown.entry.payload_digest.hex()}", style="dim")


def exported_json(shown: Shown, path: Path) -> dict[str, Any]:
    """The same for programs."""
    return {
        "revision": shown.entry.position,
        "file": str(path),
        "message": shown.entry.content.message,
        "payload_bytes": len(shown.entry.content.payload),
        "payload_digest": shown.entry.payload_digest.hex(),
    }


def decoded(name: str, payload: bytes) -> dict[str, Any] | None:
    """A message of the contract as JSON; None for one that this version does not know."""
    try:
        message = Default().GetSymbol(name)
    except KeyError:
        return None
    return _told(message.FromString(payload))


def counts(outcome: Message) -> dict[str, int]:
    """The numbers that an outcome begins with: how many were created, and so on."""
    return {
        field.name: value
        for field, value in outcome.ListFields()
        if isinstance(value, int) and not field.enum_type
    }


def _told(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return found


def _header(header: Listed) -> dict[str, Any]:
    return {
        "position": header.position,
        "received_at": _moment(header.received_at_us),
        "kind": header.kind,
        "message": header.message,
        "producer": header.producer,
        "sequence": header.sequence,
        "batch_id": header.batch_id,
        "principal": header.principal,
        "rule_set": header.rule_set,
        "payload_digest": header.payload_digest.hex(),
        "digest": header.digest.hex(),
    }


def _identity(header: Listed) -> str:
    return header.batch_id or ("" if header.sequence is None else str(header.sequence))


def _moment(microseconds: int) -> str:
    return f"{_EPOCH + timedelta(microseconds=microseconds):%Y-%m-%dT%H:%M:%S.%fZ}"
