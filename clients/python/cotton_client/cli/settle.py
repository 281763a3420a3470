"""`cotton settle`: lots priced and units settled, a trial that may be frozen as a run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click
from cotton.inspection.v1 import settlement_pb2

from cotton_client.cli.exits import Exit
from cotton_client.cli.filters import parse_filters, where_option
from cotton_client.cli.options import (
    Hundredths,
    as_of_option,
    basis_option,
    revision_option,
    talks_to_server,
)
from cotton_client.cli.output import TABLE_WIDTH_MAX, emit
from cotton_client.cli.parameters import Day
from cotton_client.cli.row_progress import row_progress
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
from cotton_client.identity import check_producer_id
from cotton_client.render import json_settlement
from cotton_client.render.run import frozen
from cotton_client.render.settlement import SettlementPage
from cotton_client.settlements import settlement_terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton.inspection.v1 import summary_pb2

    from cotton_client.cli.options import Connection
    from cotton_client.cli.settlement_files import Outputs
    from cotton_client.client import CottonClient
    from cotton_client.render.settlement import Settled

PRODUCER_DEFAULT = "cotton-settlement"

_TONNE_HUNDREDTHS_OF_KG = 1000
"""An output is given in tonnes with two digits at most: each hundredth is 10 kg."""


@click.command(name="settle")
@click.option(
    "--season",
    type=click.IntRange(1900, 2999),
    metavar="YEAR",
    help="Crop year; needed with --rule-set and --target-price.",
)
@click.option("--schedule", metavar="ID", default="", help="Differentials by this schedule.")
@click.option(
    "--series",
    metavar="ID",
    default="",
    help="Instead: by the one of the series in force on --day.",
)
@click.option("--day", type=Day(), metavar="DAY", help="With --series.")
@click.option(
    "--rule-set",
    "rule_sets",
    multiple=True,
    metavar="ID",
    help="Quality-linked pay by this rule set; may be given again.",
)
@click.option("--target-price", metavar="ID", default="", help="Pay by these target prices.")
@click.option(
    "--base-price",
    type=Hundredths(),
    metavar="PRICE",
    help="Price of the base quality, in the schedule's unit; else differentials only.",
)
@click.option(
    "--base-series",
    metavar="ID",
    default="",
    help="Instead: that of the series of market prices on --base-day.",
)
@click.option("--base-day", type=Day(), metavar="DAY", help="With --base-series.")
@click.option(
    "--eligible-output",
    type=Hundredths(),
    metavar="TONNES",
    help="Lint that the target price is paid for, where its document does not say.",
)
@where_option
@by_option
@lines_option
@limit_option
@revision_option
@as_of_option
@basis_option
@click.option(
    "--without-digest", is_flag=True, help="Leave the digest out, which costs as much again."
)
@output_options
@click.option(
    "--freeze", "run_id", metavar="ID", default="", help="Freeze what is shown as this run."
)
@click.option("--title", metavar="TEXT", default="", help="Of the run.")
@click.option("--predecessor", metavar="ID", default="", help="The run whose place it takes.")
@click.option("--by-whom", metavar="WHO", default="", help="Who decided to freeze it.")
@click.option("--note", metavar="TEXT", default="", help="Of the run, in words.")
@click.option(
    "--producer", metavar="ID", default=PRODUCER_DEFAULT, show_default=True, help="Who sends."
)
@talks_to_server
def command(
    connection: Connection,
    season: int | None,
    schedule: str,
    series: str,
    day: str | None,
    rule_sets: tuple[str, ...],
    target_price: str,
    base_price: int | None,
    base_series: str,
    base_day: str | None,
    eligible_output: int | None,
    where: tuple[str, ...],
    by: str,
    lines: str | None,
    limit: int,
    revision: int,
    as_of_us: int,
    basis: summary_pb2.Basis.ValueType,
    without_digest: bool,
    outputs: Outputs,
    run_id: str,
    title: str,
    predecessor: str,
    by_whom: str,
    note: str,
    producer: str,
    as_json: bool,
) -> Exit:
    """Price lots and settle units: a trial, which may be frozen as a run.

    By documents that are loaded (`cotton schedules list`): a schedule of differentials, rule sets
    of quality-linked pay, target prices. Nothing is stored without --freeze; with it the run is of
    the revision and digest that were shown. Keys of --by and --where are those of lots in
    `cotton summary`; units are added up by season, region, division, regiment and
    traceability_unit only. --output writes the lines, or without --lines the totals; a workbook
    has both.
    """
    _check_freezing(run_id, title, predecessor, by_whom, note, without_digest=without_digest)
    check_producer_id(producer)
    keys = parse_keys(by)
    terms = settlement_terms(
        revision=revision,
        as_of_us=as_of_us,
        season=season or 0,
        filters=parse_filters(where),
        basis=basis,
        schedule=schedule,
        schedule_series=series,
        schedule_day=day or "",
        rule_sets=rule_sets,
        target_price=target_price,
        base_price=base_price,
        base_price_series=base_series,
        base_price_day=base_day or "",
        eligible_output=(
            None if eligible_output is None else eligible_output * _TONNE_HUNDREDTHS_OF_KG
        ),
    )
    outputs.check()
    with row_progress(as_json=as_json) as progress:

        async def ask(
            client: CottonClient,
        ) -> tuple[Settled, settlement_pb2.FreezeRunResponse | None]:
            heard = progress.step("Settling")
            total = await client.price_lots(
                terms, TOTALS, without_digest=without_digest, on_rows=heard
            )
            # With everything filled in, the revision too: asked for again they are the same.
            found_terms = total.header.terms
            tables = partial(client.price_lots, found_terms, without_digest=True)
            found = await complete(tables, total, keys, lines, progress)
            if not run_id:
                return found, None
            run = settlement_pb2.Run(
                id=run_id,
                title=title,
                terms=found_terms,
                digest=total.header.digest,
                predecessor=predecessor,
                decided_by=by_whom,
                note=note,
                settlement_version=total.header.settlement_version,
                grading_version=total.header.grading_version,
            )
            progress.step("Freezing")
            return found, await client.freeze_run(run, producer_id=producer)

        settled, answer = connection.ask(ask)
        files = []
        if outputs.paths:
            from cotton_client.export import about_settlement  # noqa: PLC0415 - loads xlsxwriter

            files = outputs.write(sheets(settled), about_settlement(settled.header), progress)

    def page() -> Iterator[Any]:
        yield SettlementPage(
            settled, title="Settlement trial 结算试算", limit=limit, labels=outputs.labels
        )
        yield from told(files)
        if answer is not None:
            yield from frozen(run_id, answer)

    data = (
        json_settlement.settled(settled)
        | {
            "files": files,
            "frozen": None if answer is None else json_settlement.frozen(answer),
        }
        if as_json
        else None
    )
    emit(page(), data, as_json=as_json, width_max=TABLE_WIDTH_MAX)
    failed = answer is not None and (answer.outcome.conflicting or answer.outcome.rejected)
    return Exit.INCOMPLETE if failed else Exit.OK


def _check_freezing(
    run_id: str, title: str, predecessor: str, by_whom: str, note: str, *, without_digest: bool
) -> None:
    if not run_id:
        if title or predecessor or by_whom or note:
            raise click.UsageError("--title, --predecessor, --by-whom and --note go with --freeze.")
        return
    if not by_whom.strip():
        raise click.UsageError("--freeze needs --by-whom: who decided to freeze it.")
    if without_digest:
        raise click.UsageError("--freeze needs the digest: leave --without-digest out.")
