"""`cotton summary`: grades added up by any keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.filters import parse_filters, parse_key, where_option
from cotton_client.cli.options import basis_option, revision_option, talks_to_server
from cotton_client.cli.output import TABLE_WIDTH_MAX, emit
from cotton_client.render import json_answers
from cotton_client.render.summary import Summary

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
@revision_option
@basis_option
@click.option(
    "--share-decimals",
    type=click.IntRange(1, 2),
    default=2,
    show_default=True,
    help="Digits of printed shares.",
)
@talks_to_server
def command(
    connection: Connection,
    by: str,
    where: tuple[str, ...],
    revision: int,
    basis: summary_pb2.Basis.ValueType,
    share_decimals: int,
    as_json: bool,
) -> None:
    """Add grades up by any keys.

    Keys: season, region, division, regiment, county, gin, warehouse, cotton_type, lot,
    picking_mode, channel, traceability_unit, agency, standard. Means are weighted by
    bales; every acknowledged reading is in the figures. A season is 2019/20 or 2019. What
    was withdrawn is counted apart, and is in no figure.
    """
    keys, filters = parse_keys(by), parse_filters(where)
    answer = connection.ask(
        lambda client: client.summarise_grades(
            keys, filters, revision=revision, share_decimals=share_decimals, basis=basis
        )
    )
    emit(
        Summary(answer, where=where),
        json_answers.summary(answer),
        as_json=as_json,
        width_max=TABLE_WIDTH_MAX,
    )
