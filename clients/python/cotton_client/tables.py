"""Tables of figures: columns as the service sends them, in a frame of exact integers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from cotton.inspection.v1 import readings_pb2, summary_pb2

from cotton_client import errors
from cotton_client.render import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

LAST_SEASON: Final = "last_season."
"""What the name of a column of the season before begins with."""

_DIGITS: Final = 38
"""The most that a Decimal of polars has; any integer of the contract has half as many."""


@dataclass(frozen=True, slots=True)
class Table:
    """An answer in columns.

    `frame` has a row a group or a lot: the keys by their words ("division") and the columns
    of texts, both null where absent, then the figures as integers. A figure stands for itself
    divided by 10 to the `decimals` of its entry in `columns`; `to_units` makes that. `names`
    are those of `columns` in the frame. `withheld` says of each row whether it has nothing
    but its keys. `total` is one row of the same columns, None for certificates; it is withheld
    where it would give away a row that is.
    """

    header: summary_pb2.SummaryHeader
    keys: tuple[summary_pb2.SummaryKey.ValueType, ...]
    columns: tuple[summary_pb2.FigureColumn, ...]
    frame: pl.DataFrame
    withheld: pl.Series
    total: pl.DataFrame | None = None
    total_withheld: bool = False

    @property
    def key_names(self) -> tuple[str, ...]:
        """The columns of the keys."""
        return key_names(self.keys)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of texts and figures, one for each of `columns`."""
        return column_names(self.columns)


def key_names(keys: Iterable[summary_pb2.SummaryKey.ValueType]) -> tuple[str, ...]:
    """Keys by the words that name them."""
    return tuple(names.summary_key(key) or "" for key in keys)


def column_names(columns: Sequence[summary_pb2.FigureColumn]) -> tuple[str, ...]:
    """What columns are called in a frame and in files.

    That is their name, after "last_season." for the season before. Columns of several
    families of standards that share it have the ids of their standards behind it:
    "length.min@GB1103.1-2023".
    """
    plain = [f"{LAST_SEASON if each.last_season else ''}{each.name}" for each in columns]
    times = Counter(plain)
    return tuple(
        name if times[name] == 1 else f"{name}@{'+'.join(each.standards)}"
        for name, each in zip(plain, columns, strict=True)
    )


def to_units(table: Table) -> pl.DataFrame:
    """The frame with figures in real units, as exact decimals; counts stay integers."""
    return in_units(table.frame, table)


def in_units(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Rows of a table, such as its total, with figures in real units."""
    return frame.with_columns(
        pl.col(name).cast(pl.Decimal(_DIGITS, each.decimals)) * Decimal(1).scaleb(-each.decimals)
        for name, each in zip(table.names, table.columns, strict=True)
        if each.decimals and not each.is_text
    )


def decode_page(
    page: summary_pb2.TablePage,
    keys: Sequence[summary_pb2.SummaryKey.ValueType],
    columns: Sequence[summary_pb2.FigureColumn],
) -> tuple[pl.DataFrame, pl.Series]:
    """Rows of a page, and which of them are withheld.

    A page without columns of keys, as of a total, has them absent. Raises ContractViolation
    for a page that is not of these columns, or whose columns are not of its rows.
    """
    kinds = Counter(each.is_text for each in columns)
    if (
        len(page.keys) not in {0, len(keys)}
        or len(page.texts) != kinds[True]
        or len(page.figures) != kinds[False]
    ):
        raise errors.ContractViolation(
            f"A page of a table has {len(page.keys)} keys, {len(page.texts)} texts and"
            f" {len(page.figures)} figures, where {len(keys)}, {kinds[True]} and {kinds[False]}"
            " were announced."
        )
    words, called = key_names(keys), column_names(columns)
    if len({*words, *called}) < len(words) + len(called):
        raise errors.ContractViolation("Two columns of a table have one name.")
    key_texts = list(page.keys) or [readings_pb2.TextColumn()] * len(keys)
    texts, figures = iter(page.texts), iter(page.figures)
    series = [_texts(name, each, page.rows) for name, each in zip(words, key_texts, strict=True)]
    series += [
        _texts(name, next(texts), page.rows)
        if each.is_text
        else _figures(name, next(figures), page.rows)
        for name, each in zip(called, columns, strict=True)
    ]
    withheld = pl.Series("withheld", _bits("withheld", page.withheld, page.rows))
    return pl.DataFrame(series, height=page.rows), withheld


def _texts(name: str, column: readings_pb2.TextColumn, rows: int) -> pl.Series:
    """Texts by their places in the dictionary; "" is absent, as is a column without any."""
    dictionary = pl.Series(name, [text or None for text in column.dictionary], pl.String)
    if not column.index:
        if len(dictionary) > 1:
            raise _unfit(name, "has no place of each row in its dictionary")
        return pl.Series(
            name, [dictionary[0] if len(dictionary) else None], pl.String
        ).new_from_index(0, rows)
    index = np.asarray(column.index)
    if len(index) != rows:
        raise _unfit(name, f"has {len(index)} values for {rows} rows")
    if int(index.max()) >= len(dictionary):
        raise _unfit(name, "names a text that is not in its dictionary")
    return dictionary.gather(index)


def _figures(name: str, column: summary_pb2.FigureValues, rows: int) -> pl.Series:
    """Integers, null where absent; one value alone is that of every row."""
    if column.narrow and column.wide:
        raise _unfit(name, "has values of two widths")
    values = np.asarray(column.narrow or column.wide, np.int64)
    absent = _bits(name, column.absent, rows)
    if len(values) == 1:
        values = np.repeat(values, rows)
    elif not len(values) and absent.all():
        values = np.zeros(rows, np.int64)
    if len(values) != rows:
        raise _unfit(name, f"has {len(values)} values for {rows} rows")
    series = pl.Series(name, values)
    return series.set(pl.Series(absent), None) if absent.any() else series


def _bits(name: str, packed: bytes, rows: int) -> NDArray[np.bool_]:
    """A bit a row, least significant first; none is set where nothing was sent."""
    if not packed:
        return np.zeros(rows, np.bool_)
    if len(packed) != -(-rows // 8):
        raise _unfit(name, f"has {len(packed)} bytes of bits for {rows} rows")
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=rows, bitorder="little")
    return bits.astype(np.bool_)


def _unfit(name: str, what: str) -> errors.ContractViolation:
    return errors.ContractViolation(f"Column {name} of a table {what}.")
