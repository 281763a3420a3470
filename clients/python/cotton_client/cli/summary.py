"""`cotton summary`: grades added up by any keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click
from cotton.inspection.v1 import summary_pb2

from cotton_client.cli.options import revision_option, talks_to_server
from cotton_client.cli.output import TABLE_WIDTH_MAX, emit
from cotton_client.render import json_answers, names
from cotton_client.render.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton_client.cli.options import Connection

KEYS: Final = {
    str(names.summary_key(number)): number for number in summary_pb2.SummaryKey.values() if number
}
"""Keys by the word that names them."""


def parse_keys(text: str) -> list[summary_pb2.SummaryKey.ValueType]:
    """Keys of a list such as "division,gin", each once."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if len(set(words)) < len(words):
        raise click.UsageError(f"--by {text}: a key stands there twice.")
    return [_key(word, "--by") for word in words]


def parse_filters(
    texts: Iterable[str],
) -> dict[summary_pb2.SummaryKey.ValueType, list[str]]:
    """Filters of texts such as "season=2016,division=1,2".

    A part without "=" is one more value of the key before it; "key=" selects lots that
    lack the key.
    """
    filters: dict[summary_pb2.SummaryKey.ValueType, list[str]] = {}
    for text in texts:
        key: summary_pb2.SummaryKey.ValueType | None = None
        for part in text.split(","):
            word, equals, value = part.partition("=")
            if equals:
                key = _key(word.strip(), "--where")
            elif key is None:
                raise click.UsageError(f"--where {text}: give it as KEY=VALUE[,VALUE…].")
            else:
                value = part
            value = value.strip()
            if key == summary_pb2.SUMMARY_KEY_SEASON:
                value = _season(value)
            filters.setdefault(key, []).append(value.upper() if key in names.WORD_KEYS else value)
    return filters


def _season(text: str) -> str:
    """The year in which a season begins: 2019/20 and 2019/2020 are 2019, as 2019 is."""
    first, slash, second = text.partition("/")
    if not slash:
        return text
    following = str(int(first) + 1) if re.fullmatch("[0-9]{4}", first) else ""
    if not following or second not in {following, following[-2:]}:
        raise click.UsageError(f"--where season={text}: a season is such as 2019/20 or 2019.")
    return first


def _key(word: str, option: str) -> summary_pb2.SummaryKey.ValueType:
    if word.replace("-", "_") not in KEYS:
        raise click.UsageError(f"{option}: {word!r} is not a key. Keys: {', '.join(KEYS)}.")
    return KEYS[word.replace("-", "_")]


@click.command(name="summary")
@click.option(
    "--by",
    default="",
    metavar="KEY[,KEY…]",
    help="Group by these keys; one total when left out.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="KEY=VALUE[,…]",
    help="Only lots whose key has one of the values; may be given again.",
)
@revision_option
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
    share_decimals: int,
    as_json: bool,
) -> None:
    """Add grades up by any keys.

    Keys: season, region, division, regiment, county, gin, warehouse, cotton_type, lot,
    picking_mode, channel, traceability_unit, agency, standard. Means are weighted by
    bales; every acknowledged reading is in the figures. A season is 2019/20 or 2019.
    """
    keys, filters = parse_keys(by), parse_filters(where)
    answer = connection.ask(
        lambda client: client.summarise_grades(
            keys, filters, revision=revision, share_decimals=share_decimals
        )
    )
    emit(
        Summary(answer, where=where),
        json_answers.summary(answer),
        as_json=as_json,
        width_max=TABLE_WIDTH_MAX,
    )
