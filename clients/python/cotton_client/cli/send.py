"""`cotton send`: files of readings to the service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cotton_client.cli.exits import Exit
from cotton_client.cli.failures import Interrupted
from cotton_client.cli.files import reading_file
from cotton_client.cli.options import SEND_RETRY, talks_to_server
from cotton_client.cli.output import emit
from cotton_client.cli.progress import RetryNotes, bars
from cotton_client.errors import CottonError, InputError
from cotton_client.identity import check_producer_id
from cotton_client.readers import FORMATS, read_readings
from cotton_client.render import json_answers, receipt
from cotton_client.render.values import count
from cotton_client.upload import BATCH_BALES_DEFAULT, UploadTotals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient

PRODUCER_DEFAULT: Final = "cotton-send"
BATCH_BALES_MAX: Final = 16_384
"""Most bales a batch, as servers take them unless told otherwise."""

_BLOCK_BYTES: Final = 1 << 20
_TOO_LARGE: Final = frozenset({"MESSAGE_TOO_LARGE", "BATCH_TOO_LARGE"})


@click.command(name="send")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
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
    file_format: str | None,
    batch_bales: int,
    rows: bool,
    as_json: bool,
) -> Exit:
    """Send files of readings.

    Formats: csv (columns with a header) and usda67 (the USDA 67-column classing record).
    A file that was sent before may be sent again: nothing is counted twice. An upload
    outlives a restart of the server: it waits up to 120 s for one that went away. Exits 6
    when bales were rejected or conflict with stored ones; all others are stored.
    """
    producer_id = producer or warehouse or PRODUCER_DEFAULT
    check_producer_id(producer_id)
    for path in files:
        with reading_file(path):
            read_readings(path, format=file_format)

    sent: list[tuple[str, UploadTotals]] = []

    async def send(client: CottonClient) -> None:
        with bars() as progress:
            notes = RetryNotes(progress.console)
            for path in files:
                lines = None if progress.disable else _lines(path)
                task = progress.add_task(path.name, total=lines)
                totals = UploadTotals()

                def advance(now: UploadTotals) -> None:
                    nonlocal totals
                    totals = now
                    progress.update(task, completed=now.received)  # noqa: B023 - called in this turn

                try:
                    with reading_file(path):
                        frames = read_readings(
                            path,
                            format=file_format,
                            lot_no=lot,
                            laboratory=laboratory,
                            standard=standard,
                            crop_year=crop_year,
                            rows_per_frame=batch_bales,
                        )
                        totals = await client.send_frames(
                            producer_id,
                            frames,
                            batch_bales=batch_bales,
                            rows=rows,
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
    emit(_pages(sent), json_answers.uploads(sent), as_json=as_json)
    return Exit.OK if all(totals.complete for _, totals in sent) else Exit.INCOMPLETE


def _pages(sent: list[tuple[str, UploadTotals]]) -> Iterator[RenderableType]:
    """What became of every file."""
    for name, totals in sent:
        yield from receipt.upload(Path(name).name, totals)


def _name_what_is_stored(error: CottonError, path: Path, totals: UploadTotals) -> None:
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


def _lines(path: Path) -> int:
    """Lines of the file: about as many as it has bales."""
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK_BYTES), b""))
