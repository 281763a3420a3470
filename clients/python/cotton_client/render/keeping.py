"""Backups, restored directories and what was found in them, for the terminal and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from cotton_client.render.values import count, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cotton_server.keeping.backup import Made
    from cotton_server.keeping.findings import Checked, Finding
    from cotton_server.keeping.record import Record
    from rich.console import RenderableType

_SHOWN_MAX: Final = 20
_MIB: Final = 1 << 20


def made(found: Made, *, quick: bool) -> Iterator[RenderableType]:
    """A backup that was made."""
    record = found.record
    checked = "every digest right" if quick else "every digest right, every decision the same"
    yield Text.assemble(
        ("Whole. ", "bold green"),
        f"{found.path}: up to entry {count(record.position)}, {counted(record.files, 'file')} of"
        f" {_size(record.size_bytes)}; {checked}",
    )
    yield Text(
        f"{counted(found.copied, 'file')} of {_size(found.copied_bytes)} copied,"
        f" {counted(found.linked, 'file')} shared with an earlier backup"
    )
    if found.damaged:
        yield _list("Of earlier backups this is not what it was; copied anew here:", found.damaged)
    if found.left_out:
        yield _list("Left out, for it is no plain file, or is gone:", found.left_out)
    yield Text(f"digest of the last entry  {record.digest}", style="dim")


def made_json(found: Made, *, quick: bool) -> dict[str, Any]:
    """The same for programs."""
    return {
        "backup": str(found.path),
        "revision": found.record.position,
        "verified": "digests" if quick else "full",
        **_record(found.record),
        "copied": found.copied,
        "copied_bytes": found.copied_bytes,
        "linked": found.linked,
        "damaged_before": list(found.damaged),
        "left_out": list(found.left_out),
    }


def restored(directory: Path, record: Record) -> Iterator[RenderableType]:
    """A backup that was put back."""
    yield Text.assemble(
        ("Holds. ", "bold green"),
        f"{directory} is as of {record.made_at}: entry {count(record.position)} is the last. A"
        " server may start on it.",
    )
    yield Text(
        "What was acknowledged later is not in it: producers go on from the sequence that `cotton"
        " producer` tells, and send what came after it again. See docs/keeping.md."
    )
    yield Text(f"digest of the last entry  {record.digest}", style="dim")


def restored_json(directory: Path, record: Record, *, quick: bool) -> dict[str, Any]:
    """The same for programs."""
    return {
        "directory": str(directory),
        "revision": record.position,
        "verified": "digests" if quick else "full",
        **_record(record),
    }


def checked(directory: Path, found: Checked) -> Iterator[RenderableType]:
    """What was gone through, and what of it is not as it should be."""
    damage = [each for each in found.findings if each.is_damage]
    odd = [each for each in found.findings if not each.is_damage]
    if damage:
        yield Text.assemble(
            ("Damaged. ", "bold red"), f"{directory}: {counted(len(damage), 'thing')}"
        )
        yield from map(_finding, damage)
        yield Text(_held(found))
    else:
        decided = ", every decision the same" if found.bales is not None else ""
        bales = "" if found.bales is None else f", {counted(found.bales, 'bale')}"
        yield Text.assemble(
            ("Sound. ", "bold green"),
            f"{directory}: {counted(found.entries, 'entry')}{bales},"
            f" {counted(found.files, 'sealed file')}; every digest right{decided}",
        )
    if found.sealed_ranges and found.bales is not None:
        yield Text(
            f"{counted(found.sealed_ranges, 'sealed range')} up to entry"
            f" {count(found.sealed_entries)}: every reading as in the raw entries"
        )
        yield from _states(found)
    if odd:
        yield Text(f"{counted(len(odd), 'odd thing')}, which are no damage:", style="yellow")
        yield from map(_finding, odd[:_SHOWN_MAX])
        if len(odd) > _SHOWN_MAX:
            yield Text(f"  and {count(len(odd) - _SHOWN_MAX)} more; --json has them all")
    yield Text(f"digest of entry {count(found.entries)}  {found.digest}", style="dim")


def checked_json(directory: Path, found: Checked) -> dict[str, Any]:
    """The same for programs."""
    findings = [asdict(each) for each in found.findings]
    for each in findings:
        each["severity"] = "damage" if each.pop("is_damage") else "odd"
    return {
        "directory": str(directory),
        "revision": found.entries,
        "sound": found.is_sound,
        **asdict(found),
        "findings": findings,
    }


def _held(found: Checked) -> str:
    holds = f"{counted(found.entries, 'entry')} from the first one on hold."
    if found.level == "full" and found.bales is None:
        return f"{holds} Decisions were not made again: put right what is damaged first."
    return holds


def _finding(found: Finding) -> Text:
    return Text.assemble(
        "  ", (found.path, "bold"), f" {found.what.rstrip('.')}. ", (found.remedy, "dim")
    )


def _states(found: Checked) -> Iterator[Text]:
    if found.state:
        yield Text(
            f"sealed state of entry {count(found.state)}: registry, standing of lots and what is"
            " not in force are what the entries come to"
        )
    for position in found.states_of_others:
        yield Text(
            f"sealed state of entry {count(position)}: written by another version of the service,"
            " which alone can compare all of it; the next seal writes it anew, and until then a"
            " start computes what it cannot use of it from the entries",
            style="yellow",
        )
    if found.state or found.states_of_others:
        return
    if found.states_gone:
        yield Text(
            f"sealed state of entry {count(found.states_gone[-1])}: not compared, the server has"
            " taken it away for a newer one meanwhile; run the command again",
            style="yellow",
        )
    else:
        yield Text("no sealed state of these entries: a start without one replays all of them")


def _record(record: Record) -> dict[str, Any]:
    facts = asdict(record)
    return {name: facts[name] for name in sorted(facts) if name != "position"}


def _list(title: str, names: Sequence[str]) -> Text:
    more = [f"  and {count(len(names) - _SHOWN_MAX)} more"] if len(names) > _SHOWN_MAX else []
    shown = [f"  {each}" for each in names[:_SHOWN_MAX]]
    return Text("\n".join([title, *shown, *more]), style="yellow")


def _size(size_bytes: int) -> str:
    return f"{count(-(-size_bytes // _MIB))} MiB"
