"""`cotton simulate`: a season that looks real, as files or straight to the service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.text import Text

from cotton_client.cli.exits import Exit
from cotton_client.cli.options import SEND_RETRY, talks_to_server
from cotton_client.cli.output import emit
from cotton_client.cli.progress import bars
from cotton_client.cli.warehouses import send_warehouses
from cotton_client.render import json_answers
from cotton_client.render.values import count
from cotton_client.simulate import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from cotton_client.cli.options import Connection
    from cotton_client.cli.warehouses import Delivery
    from cotton_client.client import CottonClient


@click.command(name="simulate")
@click.option("--lots", type=click.IntRange(min=1), required=True, metavar="N", help="Lots.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="S",
    help="The same seed makes the same season; keep to one seed and season a ledger, or its lots"
    " conflict.",
)
@click.option(
    "--warehouses",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="N",
    help="Warehouses that the lots lie in, each with its laboratory.",
)
@click.option(
    "--season",
    type=click.IntRange(min=1),
    default=2024,
    show_default=True,
    metavar="YEAR",
    help="Crop year.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write CSV files here, as `cotton send` and `cotton lots` read them.",
)
@click.option("--send", "to_server", is_flag=True, help="Send it to the server.")
@talks_to_server
def command(
    connection: Connection,
    lots: int,
    seed: int,
    warehouses: int,
    season: int,
    out: Path | None,
    to_server: bool,
    as_json: bool,
) -> Exit:
    """Make up warehouses, lots and bales that look real.

    Spread within a lot, class shares and weights follow published figures. Nothing of it
    is real: keep it out of a ledger that counts.
    """
    if out is None and not to_server:
        raise click.UsageError("Say where it should go: --out DIR, --send, or both.")
    try:
        simulation = Simulation(lots=lots, seed=seed, season=season, warehouses=warehouses)
    except ValueError as error:
        raise click.UsageError(f"This cannot be simulated: {error}.") from None
    written = simulation.write(out) if out is not None else []
    sent: list[Delivery] = []

    async def send(client: CottonClient) -> None:
        with bars(as_json=as_json) as progress:
            sent.extend(await send_warehouses(client, simulation, progress, as_json=as_json))

    if to_server:
        connection.ask(send, SEND_RETRY)
    answer = json_answers.uploads([(each.name, each.readings) for each in sent])
    data = {
        "lots": lots,
        "bales": simulation.bales,
        "seed": seed,
        "season": season,
        "files": [str(path) for path in written],
        "sent": answer if to_server else None,
        "revision": answer["revision"] if to_server else None,
    }
    emit(_page(simulation, written, sent), data, as_json=as_json)
    return Exit.OK if all(each.complete for each in sent) else Exit.INCOMPLETE


def _page(
    simulation: Simulation, written: Sequence[Path], sent: Sequence[Delivery]
) -> Iterator[RenderableType]:
    """What was made, where it was written, and what became of it."""
    yield Text(
        f"{count(simulation.lots)} lots of {count(simulation.bales)} bales in"
        f" {count(simulation.warehouses)} warehouses, season {simulation.season},"
        f" seed {simulation.seed}",
        style="bold",
    )
    for path in written:
        yield Text(f"  written {path}")
    for each in sent:
        yield from each.page()
