"""A data directory that was verified, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from cotton_client.render.values import count, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cotton_server.sealing.verify import Verified
    from rich.console import RenderableType

_STRAYS_SHOWN: Final = 10


def verified(directory: Path, found: Verified) -> Iterator[RenderableType]:
    """What was gone through."""
    yield Text.assemble(
        ("Holds. ", "bold green"),
        f"{directory}: {counted(found.entries, 'entry')}, {counted(found.bales, 'bale')};"
        " every digest right, every decision the same",
    )
    if found.sealed_ranges:
        yield Text(
            f"{counted(found.sealed_ranges, 'sealed range')} up to entry"
            f" {count(found.sealed_entries)}: every reading as in the raw entries"
        )
        yield from _states(found)
    if found.strays:
        yield Text("\n".join(_strays(found.strays)), style="yellow")
    yield Text(f"digest of the last entry  {found.digest}", style="dim")


def _strays(strays: Sequence[str]) -> Iterator[str]:
    yield f"{counted(len(strays), 'file')} that no seal names; they count for nothing:"
    yield from (f"  sealed/{each}" for each in strays[:_STRAYS_SHOWN])
    if len(strays) > _STRAYS_SHOWN:
        yield f"  and {count(len(strays) - _STRAYS_SHOWN)} more"


def _states(found: Verified) -> Iterator[Text]:
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
