"""`cotton send`: files of readings to the service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cotton_client.cli.exits import Exit
from cotton_client.cli.failures import Interrupted
from cotton_client.cli.files import reading_file
from cotton_client.cli.follow import FOLLOW_RETRY, SETTLE_S_DEFAULT, Follower, Watcher
from cotton_client.cli.options import SEND_RETRY, talks_to_server
from cotton_client.cli.output import emit
from cotton_client.cli.progress import RetryNotes, bars
from cotton_client.cli.spooled import (
    Manner,
    limit_option,
    open_spool,
    page,
    refused_json,
    send_left,
    send_sources,
    spool_option,
)
from cotton_client.errors import CottonError, InputError
from cotton_client.identity import check_producer_id
from cotton_client.readers import FORMATS, read_readings
from cotton_client.readers.options import STRENGTH_UNITS
from cotton_client.render import json_answers, receipt
from cotton_client.render.values import count
from cotton_client.upload import BATCH_BALES_DEFAULT, UploadTotals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient
    from cotton_client.spool import Source, Spool
    from cotton_client.spool.delivery import SentFile

PRODUCER_DEFAULT: Final = "cotton-send"
BATCH_BALES_MAX: Final = 16_384
"""Most bales a batch, as servers take them unless told otherwise."""

_BLOCK_BYTES: Final = 1 << 20
_TOO_LARGE: Final = frozenset({"MESSAGE_TOO_LARGE", "BATCH_TOO_LARGE"})


@click.command(name="send")
@click.argument("files", metavar="[FILE…]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--lot", metavar="LOT_NO", help="Lot of lines that name none.")
@click.option("--warehouse", metavar="CODE", help="The warehouse that sends: its code.")
@click.option(
    "--producer",
    metavar="ID",
    help=f"Who sends, if not a warehouse.  [default: {PRODUCER_DEFAULT}]",
)
@click.option("--laboratory", metavar="CODE", help="Laboratory of lines that name none.")
@click.option("--standard", metavar="ID", help="Standard of lines that name none.")
@click.option(
    "--crop-year",
    type=click.IntRange(1901, 2999),
    metavar="YEAR",
    help="Crop year of USDA bales.",
)
@click.option(
    "--bale-codes",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="CSV of sample, bale_code and maybe lot_no: the bales of an Uster report.",
)
@click.option(
    "--strength-unit",
    type=click.Choice(STRENGTH_UNITS),
    help="Unit of strength of an Uster report that states none.",
)
@click.option(
    "--instrument-colour-is-grade",
    is_flag=True,
    help="The instrument of an Uster report works by the colour chart of the bales' standard.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(list(FORMATS)),
    help="Format of the files; told from each file when left out.",
)
@click.option(
    "--batch-bales",
    type=click.IntRange(1, BATCH_BALES_MAX),
    default=BATCH_BALES_DEFAULT,
    show_default=True,
    help="Bales a message.",
)
@click.option("--rows/--columns", default=False, help="Shape of the messages; columns are faster.")
@click.option(
    "--sequenced",
    is_flag=True,
    help="Number messages by the producer's own sequence; one process at a time may send then.",
)
@click.option(
    "--follow",
    "followed",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Send the files of DIR, and go on with whatever is written there, until stopped.",
)
@click.option(
    "--pattern",
    default="*",
    show_default=True,
    metavar="GLOB",
    help="With --follow: names of the files to send.",
)
@click.option(
    "--settle",
    "settle_s",
    type=click.FloatRange(min=0),
    default=SETTLE_S_DEFAULT,
    show_default=True,
    metavar="SECONDS",
    help="With --follow: a file is whole when it has not changed for this long.",
)
@spool_option
@limit_option
@click.option(
    "--no-spool",
    is_flag=True,
    help="Keep nothing on disk: the file stays, and is sent again if this run is cut off.",
)
@talks_to_server
def command(
    connection: Connection,
    files: tuple[Path, ...],
    lot: str | None,
    warehouse: str | None,
    producer: str | None,
    laboratory: str | None,
    standard: str | None,
    crop_year: int | None,
    bale_codes: Path | None,
    strength_unit: str | None,
    instrument_colour_is_grade: bool,
    file_format: str | None,
    batch_bales: int,
    rows: bool,
    sequenced: bool,
    followed: Path | None,
    pattern: str,
    settle_s: float,
    spool_root: str | None,
    spool_limit: int,
    no_spool: bool,
    as_json: bool,
) -> Exit:
    """Send files of readings.

    Formats: csv (columns with a header), usda67 (the USDA 67-column classing record) and
    uster (the text report of an Uster HVI 1000). What is odd in a file and read all the
    same is told on the error output, line by line.

    A file that was sent before may be sent again: nothing is counted twice. Readings are
    kept in a spool on this machine's disk until they are acknowledged: after a crash the
    same command sends what was left, then the rest. An upload outlives a restart of the
    server: it waits up to 120 s for one that went away, with --follow for ever. Exits 6
    when bales were rejected or conflict with stored ones; all others are stored. Exits 4
    when batches were refused: they stay in the spool, see `cotton spool`.
    """
    if bool(files) == (followed is not None):
        raise click.UsageError("Name the files to send, or a directory with --follow.")
    if followed is not None and no_spool:
        raise click.UsageError("--follow remembers in the spool what was sent.")
    producer_id = producer or warehouse or PRODUCER_DEFAULT
    check_producer_id(producer_id)
    for path in files:
        with reading_file(path):
            read_readings(path, format=file_format, bale_codes=bale_codes)
    manner = Manner(
        file_format=file_format,
        lot=lot,
        laboratory=laboratory,
        standard=standard,
        crop_year=crop_year,
        bale_codes=bale_codes,
        strength_unit=strength_unit,
        instrument_colour_is_grade=instrument_colour_is_grade,
        batch_bales=batch_bales,
        rows=rows,
        sequenced=sequenced,
        as_json=as_json,
    )
    if no_spool:
        return _send_unspooled(connection, producer_id, files, manner, as_json=as_json)
    with open_spool(spool_root, connection.server, producer_id, spool_limit) as spool:
        if followed is None:
            return _send_spooled(connection, spool, files, manner, as_json=as_json)
        watcher = Watcher(followed.absolute(), pattern=pattern, settle_s=settle_s)

        async def follow(client: CottonClient) -> None:
            with bars(as_json=as_json) as progress:
                notes = RetryNotes(progress.console, as_json=as_json)
                follower = Follower(spool, watcher, manner, notes, as_json=as_json)
                await follower.run(client, progress)

        connection.ask(follow, FOLLOW_RETRY)
    return Exit.OK


def _send_spooled(
    connection: Connection,
    spool: Spool,
    files: Sequence[Path],
    manner: Manner,
    *,
    as_json: bool,
) -> Exit:
    """Sends what an earlier run left, then the files, each kept on disk until acknowledged."""
    sources = [manner.source(path) for path in files]
    left: list[SentFile] = []
    sent: list[SentFile] = []
    now: dict[int, SentFile] = {}

    async def send(client: CottonClient) -> None:
        with bars(as_json=as_json) as progress:
            notes = RetryNotes(progress.console, as_json=as_json)
            left.extend(await send_left(client, spool, progress, notes, as_json=as_json))
            tasks = [
                progress.add_task(path.name, total=None if progress.disable else _lines(path))
                for path in files
            ]

            def advance(file: SentFile) -> None:
                now[file.source] = file
                for task, source in zip(tasks, sources, strict=True):
                    if source.number == file.source:
                        progress.update(task, completed=file.totals.received)

            def done(source: Source, file: SentFile) -> None:
                task = tasks[sources.index(source)]
                received = file.totals.received
                progress.update(task, total=received, completed=received)
                sent.append(file)

            try:
                await send_sources(
                    client,
                    spool,
                    sources,
                    manner,
                    notes=notes,
                    keep_going=False,
                    on_progress=advance,
                    on_done=done,
                )
                for source in sources:
                    if source.error is not None:
                        raise source.error
            except (asyncio.CancelledError, CottonError) as error:
                unfinished = sources[min(len(sent), len(sources) - 1)]
                reached = next((each for each in sources if each.error is error), unfinished)
                known = Interrupted() if isinstance(error, asyncio.CancelledError) else error
                file = now.get(reached.number)
                totals = UploadTotals() if file is None else file.totals
                _name_what_is_stored(known, Path(reached.name), totals, spool)
                raise known from None

    connection.ask(send, SEND_RETRY)
    every = [*left, *sent]
    data = {
        **json_answers.uploads([(each.file, each.totals) for each in sent]),
        "left": [{"file": each.file, **json_answers.upload(each.totals)} for each in left],
        "refused": [one for each in every for one in refused_json(each.file, each.refused)],
    }
    emit(_pages(left, sent), data, as_json=as_json)
    if any(each.refused for each in every):
        return Exit.REFUSED
    return Exit.OK if all(each.totals.complete for each in every) else Exit.INCOMPLETE


def _send_unspooled(
    connection: Connection,
    producer_id: str,
    files: Sequence[Path],
    manner: Manner,
    *,
    as_json: bool,
) -> Exit:
    """Sends the files straight from where they lie."""
    sent: list[tuple[str, UploadTotals]] = []

    async def send(client: CottonClient) -> None:
        with bars(as_json=as_json) as progress:
            notes = RetryNotes(progress.console, as_json=as_json)
            for path in files:
                lines = None if progress.disable else _lines(path)
                task = progress.add_task(path.name, total=lines)
                totals = UploadTotals()

                def advance(now: UploadTotals) -> None:
                    nonlocal totals
                    totals = now
                    progress.update(task, completed=now.received)  # noqa: B023 - called in this turn

                try:
                    totals = await client.send_frames(
                        producer_id,
                        manner.frames(path),
                        batch_bales=manner.batch_bales,
                        rows=manner.rows,
                        sequenced=manner.sequenced,
                        on_progress=advance,
                        on_retry=notes,
                    )
                except asyncio.CancelledError:
                    interrupted = Interrupted()
                    _name_what_is_stored(interrupted, path, totals)
                    raise interrupted from None
                except CottonError as error:
                    _name_what_is_stored(error, path, totals)
                    raise
                progress.update(task, total=totals.received, completed=totals.received)
                sent.append((str(path), totals))

    connection.ask(send, SEND_RETRY)
    page_parts = [part for name, totals in sent for part in receipt.upload(Path(name).name, totals)]
    data = {**json_answers.uploads(sent), "left": [], "refused": []}
    emit(page_parts, data, as_json=as_json)
    return Exit.OK if all(totals.complete for _, totals in sent) else Exit.INCOMPLETE


def _pages(left: Sequence[SentFile], sent: Sequence[SentFile]) -> Iterator[RenderableType]:
    """What became of what an earlier run left, and of every file."""
    for each in left:
        yield from page(each, f"{Path(each.file).name}, left by an earlier run")
    for each in sent:
        yield from page(each, Path(each.file).name)


def _name_what_is_stored(
    error: CottonError, path: Path, totals: UploadTotals, spool: Spool | None = None
) -> None:
    """Adds to an error what of the file is stored, and that sending it again is safe."""
    error.metadata.setdefault("file", str(path))
    error.metadata["bales_acknowledged"] = str(totals.received)
    if error.reason in _TOO_LARGE:
        error.remedy = "Send fewer bales a message: give a smaller --batch-bales."
    if not isinstance(error, InputError):
        error.message = f"{path}: {error.message}"
    if totals.received:
        error.remedy += (
            f" The {count(totals.received)} bales before it are acknowledged;"
            " sending the file again does not count them twice."
        )
    if spool is not None and spool.bytes:
        error.remedy += f" What was read and is not acknowledged waits in {spool.directory}."


def _lines(path: Path) -> int:
    """Lines of the file: about as many as it has bales."""
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK_BYTES), b""))
