"""Files sent through the spool: what an earlier run left first, then each file as it is read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.text import Text

from cotton_client.cli.files import reading_file
from cotton_client.cli.output import say
from cotton_client.readers import Notice, NoticeList, read_readings
from cotton_client.render import receipt
from cotton_client.render.values import counted
from cotton_client.spool import Feed, Source, Spool, default_root, directory_of
from cotton_client.spool.delivery import SentFile
from cotton_client.spool.store import LIMIT_BYTES_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import polars as pl
    from rich.console import RenderableType
    from rich.progress import Progress

    from cotton_client.cli.progress import RetryNotes
    from cotton_client.client import CottonClient
    from cotton_client.spool.delivery import RefusedBatch

MIB: Final = 1 << 20
NOTICES_SHOWN_MAX: Final = 20
"""Notices of a file that are shown; the others are counted."""

spool_option: Final = click.option(
    "--spool",
    "spool_root",
    type=click.Path(file_okay=False),
    metavar="DIR",
    envvar="COTTON_SPOOL",
    show_envvar=True,
    help="Where spools lie, one for each producer and server.  [default:"
    " $XDG_STATE_HOME/cotton/spool, or ~/.local/state/cotton/spool]",
)
limit_option: Final = click.option(
    "--spool-limit",
    type=click.IntRange(min=1),
    default=LIMIT_BYTES_DEFAULT // MIB,
    show_default=True,
    metavar="MIB",
    help="Size of the spool at which reading pauses.",
)


@dataclass(frozen=True, slots=True)
class Manner:
    """How files are read and sent: the options of `cotton send`."""

    file_format: str | None
    lot: str | None
    laboratory: str | None
    standard: str | None
    crop_year: int | None
    batch_bales: int
    rows: bool
    sequenced: bool
    bale_codes: Path | None = None
    strength_unit: str | None = None
    instrument_colour_is_grade: bool = False
    as_json: bool = False

    def frames(self, path: Path) -> Iterator[pl.DataFrame]:
        """The readings of a file; raises InputError for what cannot be read.

        What is odd and read all the same is told on the error output.
        """
        notices = NoticeList()

        def tell(notice: Notice) -> None:
            notices.add(notice)
            if notices.total <= NOTICES_SHOWN_MAX:
                self._say(notice)

        with reading_file(path):
            yield from read_readings(
                path,
                format=self.file_format,
                lot_no=self.lot,
                laboratory=self.laboratory,
                standard=self.standard,
                crop_year=self.crop_year,
                bale_codes=self.bale_codes,
                strength_unit=self.strength_unit,
                instrument_colour_is_grade=self.instrument_colour_is_grade,
                on_notice=tell,
                rows_per_frame=self.batch_bales,
            )
        if notices.total > NOTICES_SHOWN_MAX:
            more = counted(notices.total - NOTICES_SHOWN_MAX, "notice")
            say(f"{path}: {more} more.", as_json=self.as_json)

    def _say(self, notice: Notice) -> None:
        """Tells a notice, for programs with its file and line apart."""
        if self.as_json:
            say(notice.message, as_json=True, file=str(notice.path), line=notice.line)
        else:
            say(f"Notice: {notice}.", as_json=False)

    def source(self, path: Path) -> Source:
        """The file for a feed."""
        return Source(str(path), partial(self.frames, path))


def open_spool(root: str | None, server: str, producer_id: str, limit_mib: int) -> Spool:
    """The producer's spool for the server, below the root that was named or the default."""
    base = Path(root) if root else default_root()
    return Spool(
        directory_of(base, producer_id, server),
        server=server,
        producer_id=producer_id,
        limit_bytes=limit_mib * MIB,
    )


async def send_left(
    client: CottonClient, spool: Spool, progress: Progress, notes: RetryNotes, *, as_json: bool
) -> tuple[SentFile, ...]:
    """Sends what waits in the spool before anything is read; says so, and what became of it."""
    standing = spool.standing()
    if not standing.waiting_batches:
        return ()
    what = f"{counted(standing.waiting_bales, 'bale')} that an earlier run left in the spool"
    say(f"Sending first {what} …", as_json=as_json)
    task = progress.add_task("left in the spool", total=standing.waiting_bales)
    done: dict[int, int] = {}

    def advance(file: SentFile) -> None:
        done[file.source] = file.totals.received + sum(each.bales for each in file.refused)
        progress.update(task, completed=sum(done.values()))

    return await client.send_spooled(spool, on_progress=advance, on_retry=notes)


async def send_sources(
    client: CottonClient,
    spool: Spool,
    sources: Sequence[Source],
    manner: Manner,
    *,
    notes: RetryNotes,
    keep_going: bool,
    on_progress: Callable[[SentFile], None],
    on_done: Callable[[Source, SentFile], None],
) -> None:
    """Reads files into the spool and sends from it meanwhile.

    `on_done` hears of each file once, when it was read, or could not be, and all its
    batches are stored or set aside. Without `keep_going` nothing is read after a file
    that fails.
    """
    feed = Feed(
        spool,
        sources,
        batch_bales=manner.batch_bales,
        rows=manner.rows,
        sequenced=manner.sequenced,
        keep_going=keep_going,
    )
    undone = list(sources)
    known: dict[int, SentFile] = {}

    def tell() -> None:
        while undone and undone[0].ended:
            source = undone[0]
            file = known.get(source.number) or SentFile(source.number, source.name)
            if file.answered < source.batches:
                return
            del undone[0]
            on_done(source, file)

    def advance(file: SentFile) -> None:
        known[file.source] = file
        on_progress(file)
        tell()

    try:
        await client.send_spooled(spool, feed=feed, on_progress=advance, on_retry=notes)
        tell()
    finally:
        await asyncio.to_thread(feed.stop)


def page(file: SentFile, name: str) -> Iterator[RenderableType]:
    """What became of a file, and of it the batches that were set aside."""
    if file.totals.received or not file.refused:
        yield from receipt.upload(name, file.totals)
    for each in file.refused:
        last = each.bale_first + each.bales - 1
        yield Text.assemble(
            (f"{name}: bales {each.bale_first} to {last} refused", "bold red"),
            f" and kept in the spool as {each.id}: {each.error.message} {each.error.remedy}",
        )


def refused_json(file: str, batches: Sequence[RefusedBatch]) -> list[dict[str, Any]]:
    """The batches of a file that were set aside, for programs."""
    return [
        {
            "id": each.id,
            "file": file,
            "bale_first": each.bale_first,
            "bales": each.bales,
            "reason": each.error.reason,
            "message": each.error.message,
            "remedy": each.error.remedy,
        }
        for each in batches
    ]
