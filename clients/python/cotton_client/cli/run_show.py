"""`cotton run show`: what a run came to, and what it rests on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from cotton_client.cli.options import talks_to_server
from cotton_client.cli.output import TABLE_WIDTH_MAX, emit
from cotton_client.cli.row_progress import row_progress
from cotton_client.cli.run_names import run_named
from cotton_client.cli.settled import (
    TOTALS,
    by_option,
    complete,
    limit_option,
    lines_option,
    sheets,
)
from cotton_client.cli.settlement_files import output_options, told
from cotton_client.cli.summary import parse_keys
from cotton_client.render import json_runs, run
from cotton_client.render.settlement import SettlementPage
from cotton_client.settlements import settlement_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton.inspection.v1 import settlement_pb2

    from cotton_client.cli.options import Connection
    from cotton_client.cli.settlement_files import Outputs
    from cotton_client.client import CottonClient
    from cotton_client.render.settlement import Settled


@click.command(name="show")
@click.argument("run_id", metavar="ID")
@by_option
@lines_option
@limit_option
@output_options
@talks_to_server
def command(
    connection: Connection,
    run_id: str,
    by: str,
    lines: str | None,
    limit: int,
    outputs: Outputs,
    as_json: bool,
) -> None:
    """Show what a run came to, and what it rests on.

    With its predecessor and successor, and how many of its lots have changed since. Options are
    those of `cotton settle`.
    """
    keys = parse_keys(by)
    outputs.check()
    with run_named(), row_progress(as_json=as_json) as progress:

        async def ask(client: CottonClient) -> tuple[settlement_pb2.GetRunResponse, Settled]:
            progress.step("Asking for the run")
            answer = await client.get_run(run_id)
            total = settlement_of(answer.header, TOTALS, answer.columns, answer.total)
            tables = partial(client.tabulate_run, run_id)
            found = await complete(tables, total, keys, lines, progress)
            return answer, found

        answer, settled = connection.ask(ask)
        files = []
        if outputs.paths:
            from cotton_client.export import about_settlement  # noqa: PLC0415 - loads xlsxwriter

            about = about_settlement(settled.header, answer.run)
            files = outputs.write(sheets(settled), about, progress)

    def page(width: int) -> Iterator[Any]:
        yield from run.head(answer.run, answer.lots_changed_since, width)
        yield SettlementPage(
            settled, title="Settlement run 结算批次", limit=limit, labels=outputs.labels
        )
        yield from told(files)

    data = json_runs.shown(answer, settled) | {"files": files} if as_json else None
    emit(page(TABLE_WIDTH_MAX), data, as_json=as_json, width_max=TABLE_WIDTH_MAX)
