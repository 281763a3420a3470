"""`cotton ledger list`: entries by position, producer, kind or time."""

from __future__ import annotations

from contextlib import closing
from importlib import import_module
from typing import TYPE_CHECKING, Final

import click
from cotton_server.ledger.inspection import Inspection, Wanted

from cotton_client.cli.instants import Instant
from cotton_client.cli.keeping import THERE, kept_errors
from cotton_client.cli.output import TABLE_WIDTH_MAX, emit
from cotton_client.render import ledger

if TYPE_CHECKING:
    from pathlib import Path

_COUNT_MAX: Final = 10_000
_KINDS: Final = (
    *("readings", "lots", "weights", "closures", "certificates", "objections", "unit_lots"),
    *("withdrawals", "resolutions", "references", "runs", "deliveries", "areas"),
    *("market_prices", "bale_weights"),
)


@click.command(name="list")
@click.argument("directory", metavar="DIR", type=THERE)
@click.option("--from", "first", type=click.IntRange(min=1), metavar="POSITION", help="And later.")
@click.option("--to", "last", type=click.IntRange(min=1), metavar="POSITION", help="And before.")
@click.option("--producer", metavar="ID", help="Only of this producer.")
@click.option("--kind", type=click.Choice(_KINDS), metavar="KIND", help="Only of this kind.")
@click.option("--since", type=Instant(), metavar="TIME", help="Received then or later.")
@click.option("--until", type=Instant(), metavar="TIME", help="Received then or before.")
@click.option(
    "--limit",
    type=click.IntRange(1, _COUNT_MAX),
    default=50,
    show_default=True,
    metavar="N",
    help="Most entries: the first ones from --from or --since on, else the newest.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(
    directory: Path,
    first: int | None,
    last: int | None,
    producer: str | None,
    kind: str | None,
    since: int | None,
    until: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """List entries, in order of their positions.

    A day as TIME is its end: --since 2024-11-01T00:00 for its beginning. Kinds: readings, lots,
    weights, closures, certificates, objections, unit_lots, withdrawals, resolutions, references,
    runs, deliveries, areas, market_prices, bale_weights.
    """
    wanted = Wanted(first or 1, last, producer, kind, since, until)
    with kept_errors(), closing(Inspection(directory)) as inspection:
        position = inspection.position()
        found = inspection.listed(wanted, limit, newest=first is None and since is None)
        outcomes = import_module("cotton_server.intake.content").outcome_of
        rows = [ledger.Row(each, outcomes(each)) for each in found]
    emit(
        ledger.EntryList(rows, limit),
        ledger.entries_json(rows, position),
        as_json=as_json,
        width_max=TABLE_WIDTH_MAX,
    )
