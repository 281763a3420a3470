"""`cotton summary`: grades added up by any keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.exporting import Exports, emit_files, export_options
from cotton_client.cli.filters import parse_filters, parse_key, where_option
from cotton_client.cli.options import (
    as_of_option,
    basis_option,
    revision_option,
    talks_to_server,
)
from cotton_client.cli.output import TABLE_WIDTH_MAX, emit
from cotton_client.cli.parameters import Day, Words
from cotton_client.cli.row_progress import row_progress
from cotton_client.queries import grades_query
from cotton_client.render import json_figures
from cotton_client.render.summary import Summary
from cotton_client.render.summary_blocks import SECTIONS
from cotton_client.summaries import merged

if TYPE_CHECKING:
    from cotton.inspection.v1 import summary_pb2

    from cotton_client.cli.options import Connection


def parse_keys(text: str) -> list[summary_pb2.SummaryKey.ValueType]:
    """Keys of a list such as "division,gin", each once."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if len(set(words)) < len(words):
        raise click.UsageError(f"--by {text}: a key stands there twice.")
    return [parse_key(word, "--by") for word in words]


@click.command(name="summary")
@click.option(
    "--by",
    default="",
    metavar="KEY[,KEY…]",
    help="Group by these keys; one total when left out.",
)
@where_option
@click.option(
    "--from", "first_day", type=Day(), metavar="DAY", help="Only bales inspected on it or later."
)
@click.option(
    "--through", "last_day", type=Day(), metavar="DAY", help="Only bales inspected on it or before."
)
@click.option(
    "--last-season",
    is_flag=True,
    help="The season before beside it, through the same day; needs --where season=YEAR.",
)
@click.option(
    "--withhold-below",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Withhold groups of fewer bales, and what would give them away.",
)
@revision_option
@as_of_option
@basis_option
@click.option(
    "--share-decimals",
    type=click.IntRange(1, 2),
    default=2,
    show_default=True,
    help="Digits of printed shares.",
)
@click.option(
    "--show",
    "sections",
    type=Words(SECTIONS),
    default=SECTIONS,
    show_default="everything",
    metavar="PART[,…]",
    help="What to show below the table, or none.",
)
@export_options
@talks_to_server
def command(
    connection: Connection,
    by: str,
    where: tuple[str, ...],
    first_day: str | None,
    last_day: str | None,
    last_season: bool,
    withhold_below: int,
    revision: int,
    as_of_us: int,
    basis: summary_pb2.Basis.ValueType,
    share_decimals: int,
    sections: tuple[str, ...],
    exports: Exports,
    as_json: bool,
) -> None:
    """Add grades up by any keys.

    Keys: season, region, division, regiment, county, gin, production_line, warehouse,
    cotton_type, lot, picking_mode, channel, traceability_unit, agency, state; and of single
    bales standard, laboratory, instrument, day, week, month. Every acknowledged reading is in
    the figures. A season is 2019/20 or 2019. What was withdrawn is counted apart, and is in
    no figure.

    Parts of --show: means, colour, length, micronaire, strength, uniformity, preparation,
    visual_grade, leaf, joint, weights, lots. With --csv, --parquet or --excel every figure
    goes to the files, and nothing is shown.
    """
    query = grades_query(
        parse_keys(by),
        parse_filters(where),
        revision=revision,
        as_of_us=as_of_us,
        share_decimals=share_decimals,
        basis=basis,
        inspected_from=first_day or "",
        inspected_through=last_day or "",
        with_last_season=last_season,
        withhold_below=withhold_below,
    )
    if exports:
        _export(connection, query, exports, as_json=as_json)
        return
    answer = connection.ask(lambda client: merged(client.summary_pages(query)))
    emit(
        Summary(answer, where=where, sections=sections, labels=exports.labels),
        json_figures.summary(answer),
        as_json=as_json,
        width_max=TABLE_WIDTH_MAX,
    )


def _export(
    connection: Connection,
    query: summary_pb2.SummariseGradesRequest,
    exports: Exports,
    *,
    as_json: bool,
) -> None:
    """Asks for the figures as a table, and writes the files."""
    from cotton_client.export import about_grades  # noqa: PLC0415 - loads xlsxwriter

    exports.check()
    with row_progress(as_json=as_json) as progress:
        heard = progress.step("Asking for rows")
        table = connection.ask(
            lambda client: client.tabulate_grades(query, exports.columns, on_rows=heard)
        )
        files = exports.write(
            table,
            about_grades(table, query),
            progress,
            with_withheld=bool(query.withhold_below),
        )
    header = json_figures.header(table.header)
    emit_files(files, table.header.revision, header, as_json=as_json)
