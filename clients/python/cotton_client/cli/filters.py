"""Filters on lots as users write them: `--where season=2016,division=1,2`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click
from cotton.inspection.v1 import summary_pb2

from cotton_client.render import names

if TYPE_CHECKING:
    from collections.abc import Iterable

KEYS: Final = {
    str(names.summary_key(number)): number for number in summary_pb2.SummaryKey.values() if number
}
"""Keys by the word that names them."""

BALE_KEYS: Final = frozenset(
    {
        summary_pb2.SUMMARY_KEY_STANDARD,
        summary_pb2.SUMMARY_KEY_LABORATORY,
        summary_pb2.SUMMARY_KEY_INSTRUMENT,
        summary_pb2.SUMMARY_KEY_DAY,
        summary_pb2.SUMMARY_KEY_WEEK,
        summary_pb2.SUMMARY_KEY_MONTH,
    }
)
"""Keys of single bales, which are no keys of lots."""

_CAPITALS: Final = names.WORD_KEYS | {summary_pb2.SUMMARY_KEY_WEEK}
"""Keys whose values are in capitals on the wire: FINAL, 2024-W40."""

where_option: Final = click.option(
    "--where",
    multiple=True,
    metavar="KEY=VALUE[,…]",
    help="Only lots whose key has one of the values; may be given again.",
)


def parse_filters(
    texts: Iterable[str],
) -> dict[summary_pb2.SummaryKey.ValueType, list[str]]:
    """Filters of texts such as "season=2016,division=1,2".

    A part without "=" is one more value of the key before it; "key=" selects lots that
    lack the key. Words may be in any case, with dashes for underscores.
    """
    filters: dict[summary_pb2.SummaryKey.ValueType, list[str]] = {}
    for text in texts:
        key: summary_pb2.SummaryKey.ValueType | None = None
        for part in text.split(","):
            word, equals, value = part.partition("=")
            if equals:
                key = parse_key(word.strip(), "--where")
            elif key is None:
                raise click.UsageError(f"--where {text}: give it as KEY=VALUE[,VALUE…].")
            else:
                value = part
            value = value.strip()
            if key == summary_pb2.SUMMARY_KEY_SEASON:
                value = _season(value)
            filters.setdefault(key, []).append(_on_the_wire(key, value))
    return filters


def parse_key(word: str, option: str) -> summary_pb2.SummaryKey.ValueType:
    """The key of a word; UsageError names the option and all keys."""
    if word.replace("-", "_") not in KEYS:
        raise click.UsageError(f"{option}: {word!r} is not a key. Keys: {', '.join(KEYS)}.")
    return KEYS[word.replace("-", "_")]


def _on_the_wire(key: summary_pb2.SummaryKey.ValueType, value: str) -> str:
    """A value as the contract writes it."""
    if key in names.WORD_KEYS:
        value = value.replace("-", "_")
    return value.upper() if key in _CAPITALS else value


def _season(text: str) -> str:
    """The year in which a season begins: 2019/20 and 2019/2020 are 2019, as 2019 is."""
    first, slash, second = text.partition("/")
    if not slash:
        return text
    following = str(int(first) + 1) if re.fullmatch("[0-9]{4}", first) else ""
    if not following or second not in {following, following[-2:]}:
        raise click.UsageError(f"--where season={text}: a season is such as 2019/20 or 2019.")
    return first
