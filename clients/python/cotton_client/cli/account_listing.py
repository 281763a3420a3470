"""What the commands that list what money needs share: options, and the list as it comes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from cotton_client.cli.output import TABLE_WIDTH_MAX, page_console
from cotton_client.render import account_list, json_accounts
from cotton_client.render.account_totals import AccountTotals

if TYPE_CHECKING:
    from cotton.inspection.v1 import accounts_pb2

    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient

BLOCK_RECORDS: Final = 1000
"""Records that are laid out together; no more are held at a time."""

season_option: Final = click.option(
    "--season",
    type=click.IntRange(1901, 2999),
    metavar="YEAR",
    help="Only this crop year: 2024 from September 2024.",
)
unit_option: Final = click.option(
    "--unit", "traceability_unit", metavar="UNIT", default="", help="Only this unit (追溯单元)."
)
regiment_option: Final = click.option(
    "--regiment", metavar="NAME", default="", help="Only this regiment (团场), as recorded."
)
series_option: Final = click.option(
    "--series", metavar="SERIES", default="", help="Only this series of prices."
)
limit_option: Final = click.option(
    "--limit", type=click.IntRange(min=0), default=0, metavar="N", help="At most so many records."
)


def list_records(
    connection: Connection,
    kind: accounts_pb2.AccountKind.ValueType,
    *,
    limit: int,
    as_json: bool,
    **asked: Any,
) -> None:
    """Prints the records of a kind and what they add up to, as they come.

    `asked`: the other arguments of CottonClient.list_accounts; None is not given.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    console = page_console(TABLE_WIDTH_MAX)
    totals = AccountTotals(kind)
    lines = account_list.AccountLines(kind)
    block: list[accounts_pb2.AccountRecord] = []

    def tell() -> None:
        """Prints the block; a line is never broken or cut."""
        for line in lines.lines(block):
            console.print(line, soft_wrap=True)
        block.clear()

    async def ask(client: CottonClient) -> int:
        listing = client.list_accounts(kind, limit=limit, **given)
        async for record in listing:
            totals.add(record)
            if as_json:
                _line(json_accounts.record(record, listing.revision))
                continue
            block.append(record)
            if len(block) == BLOCK_RECORDS:
                tell()
        return listing.revision

    at = connection.ask(ask)
    if as_json:
        _line(json_accounts.end(totals, at))
        return
    if block:
        tell()
    for part in account_list.end(kind, totals, at, limit):
        console.print(part)


def _line(data: object) -> None:
    """One JSON object on a line of its own."""
    click.echo(json.dumps(data, ensure_ascii=False))
