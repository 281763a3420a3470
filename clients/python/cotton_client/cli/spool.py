"""`cotton spool`: what waits on this machine, and what to do about batches that were refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.table import Table
from rich.text import Text

from cotton_client.cli.exits import Exit
from cotton_client.cli.options import SEND_RETRY, talks_to_server
from cotton_client.cli.output import emit
from cotton_client.cli.progress import RetryNotes, bars
from cotton_client.cli.send import PRODUCER_DEFAULT
from cotton_client.cli.spooled import (
    limit_option,
    open_spool,
    page,
    refused_json,
    send_left,
    spool_option,
)
from cotton_client.errors import Refused
from cotton_client.render import json_answers
from cotton_client.render.json_parts import instant
from cotton_client.render.values import china_time, counted
from cotton_client.spool import default_root
from cotton_client.spool.places import directories
from cotton_client.spool.store import look

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient
    from cotton_client.spool import Standing
    from cotton_client.spool.delivery import SentFile

_producer: Final = click.option(
    "--producer",
    metavar="ID",
    default=PRODUCER_DEFAULT,
    show_default=True,
    help="Whose spool: the warehouse or producer that sent.",
)


@click.group(name="spool")
def command() -> None:
    """Show and settle what waits on this machine to be sent."""


@command.command(name="list")
@spool_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def list_command(spool_root: str | None, as_json: bool) -> None:
    """Show what every spool holds, and what was refused and why.

    Batches that wait are sent first by the next `cotton send` of the same producer to the
    same server.
    """
    root = Path(spool_root) if spool_root else default_root()
    found = [(each, look(each)) for each in directories(root)]
    standings = [(each, standing) for each, standing in found if standing is not None]
    data = {"spools": [_json(directory, standing) for directory, standing in standings]}
    emit(_pages(root, standings), data, as_json=as_json)


@command.command(name="retry")
@click.argument("batch", metavar="[ID]", type=int, required=False)
@_producer
@spool_option
@limit_option
@talks_to_server
def retry(
    connection: Connection,
    batch: int | None,
    producer: str,
    spool_root: str | None,
    spool_limit: int,
    as_json: bool,
) -> Exit:
    """Send refused batches again, all of them or the one with this ID.

    Whatever else waits in the spool is sent before them.
    """
    sent: list[SentFile] = []
    with open_spool(spool_root, connection.server, producer, spool_limit) as spool:
        if not spool.retry(batch) and batch is not None:
            raise _no_such(batch)

        async def send(client: CottonClient) -> None:
            with bars(as_json=as_json) as progress:
                notes = RetryNotes(progress.console, as_json=as_json)
                sent.extend(await send_left(client, spool, progress, notes, as_json=as_json))

        connection.ask(send, SEND_RETRY)
    data = {
        **json_answers.uploads([(each.file, each.totals) for each in sent]),
        "refused": [one for each in sent for one in refused_json(each.file, each.refused)],
    }
    parts = [part for each in sent for part in page(each, Path(each.file).name)]
    emit(parts or [Text("Nothing waits in the spool.")], data, as_json=as_json)
    if any(each.refused for each in sent):
        return Exit.REFUSED
    return Exit.OK if all(each.totals.complete for each in sent) else Exit.INCOMPLETE


@command.command(name="drop")
@click.argument("batch", metavar="ID", type=int)
@click.option("--yes", is_flag=True, help="Drop it: its bales are not on the service.")
@_producer
@spool_option
@limit_option
@talks_to_server
def drop(
    connection: Connection,
    batch: int,
    yes: bool,
    producer: str,
    spool_root: str | None,
    spool_limit: int,
    as_json: bool,
) -> None:
    """Delete one refused batch for good.

    Its readings are then nowhere but in the file that they came from.
    """
    with open_spool(spool_root, connection.server, producer, spool_limit) as spool:
        if not yes:
            raise click.UsageError(f"Batch {batch} would be lost: say --yes if that is meant.")
        dropped = spool.drop(batch)
    if dropped is None:
        raise _no_such(batch)
    last = dropped.bale_first + dropped.bales - 1
    data = {
        "id": dropped.id,
        "file": dropped.file,
        "bale_first": dropped.bale_first,
        "bales": dropped.bales,
    }
    text = f"Dropped batch {batch}: bales {dropped.bale_first} to {last} of {dropped.file}."
    emit([Text(text)], data, as_json=as_json)


def _no_such(batch: int) -> Refused:
    """No refused batch has this number."""
    return Refused(
        f"The spool holds no refused batch {batch}.",
        reason="NOT_IN_SPOOL",
        remedy="See `cotton spool list`; --producer and --server say which spool.",
    )


def _json(directory: Path, standing: Standing) -> dict[str, Any]:
    """One spool for programs."""
    return {
        "spool": str(directory),
        "server": standing.server,
        "producer": standing.producer_id,
        "waiting_batches": standing.waiting_batches,
        "waiting_bales": standing.waiting_bales,
        "refused": [
            {
                "id": each.id,
                "file": each.file,
                "bale_first": each.bale_first,
                "bales": each.bales,
                "refused_at": instant(each.refused_at_s),
                "reason": each.reason,
                "message": each.message,
                "remedy": each.remedy,
            }
            for each in standing.refused
        ],
    }


def _pages(root: Path, standings: list[tuple[Path, Standing]]) -> Iterator[RenderableType]:
    """Every spool for people."""
    if not standings:
        yield Text(f"There is no spool in {root}.")
    for directory, standing in standings:
        waiting = (
            f"{counted(standing.waiting_bales, 'bale')} waiting"
            if standing.waiting_batches
            else "nothing waiting"
        )
        yield Text.assemble(
            (f"{standing.producer_id} to {standing.server}", "bold"),
            f": {waiting} · {len(standing.refused)} refused",
        )
        yield Text(f"  {directory}", style="dim")
        if standing.refused:
            yield _refused(standing)


def _refused(standing: Standing) -> Table:
    """What was refused, and why."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for heading in ("ID", "Refused", "File", "Bales", "Why"):
        table.add_column(heading, overflow="fold")
    for each in standing.refused:
        table.add_row(
            str(each.id),
            china_time(each.refused_at_s),
            each.file,
            f"{each.bale_first}-{each.bale_first + each.bales - 1}",
            f"{each.reason}: {each.message} {each.remedy}",
        )
    return table
