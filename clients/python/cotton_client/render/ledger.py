"""A data directory that was verified, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from cotton_client.render.values import count, counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cotton_server.sealing.verify import Verified
    from rich.console import RenderableType


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
    if found.state:
        yield Text(f"sealed state of entry {count(found.state)}: what the entries come to")
    yield Text(f"digest of the last entry  {found.digest}", style="dim")
