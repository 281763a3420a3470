"""Figures as columns of the contract: pages of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from cotton.inspection.v1 import readings_pb2, summary_pb2

from cotton_server.summary.errors import UnknownColumnError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cotton_server.summary.catalogue import Column
    from cotton_server.summary.printing import Values
    from cotton_server.summary.withholding import BoolArray

_NARROW: Final = np.iinfo(np.int32)


def chosen_columns(columns: Iterable[Column], wanted: Sequence[str]) -> list[Column]:
    """The columns that are asked for by name or by the part before a dot, texts first.

    All when nothing is asked for. Raises UnknownColumnError for what names none.
    """
    every = list(columns)
    for name in wanted:
        if not any(name in (each.name, each.name.partition(".")[0]) for each in every):
            raise UnknownColumnError(name)
    chosen = [
        each
        for each in every
        if not wanted or each.name in wanted or each.name.partition(".")[0] in wanted
    ]
    return sorted(chosen, key=lambda each: not each.is_text)


def column_message(column: Column) -> summary_pb2.FigureColumn:
    """What a column holds."""
    return summary_pb2.FigureColumn(
        name=column.name,
        title=column.title,
        title_zh=column.title_zh,
        unit=column.unit,
        decimals=column.decimals,
        standards=column.standards,
        last_season=column.last_season,
        is_text=column.is_text,
    )


def text_column(texts: Sequence[str]) -> readings_pb2.TextColumn:
    """Texts with each distinct one once; no index where all are the same."""
    places: dict[str, int] = {}
    index = [places.setdefault(text, len(places)) for text in texts]
    return readings_pb2.TextColumn(dictionary=places, index=index if len(places) > 1 else ())


def figure_values(values: Values, hidden: BoolArray | None = None) -> summary_pb2.FigureValues:
    """The values of one column; absent too where they are hidden. One alone when all are equal."""
    absent = values.absent
    if hidden is not None:
        absent = hidden if absent is None else absent | hidden
    numbers = values.values
    message = summary_pb2.FigureValues()
    if absent is not None and absent.any():
        numbers = np.where(absent, 0, numbers)
        message.absent = bits(absent)
    if len(numbers) == 0:
        return message
    least, most = int(numbers.min()), int(numbers.max())
    sent = [least] if least == most else numbers.tolist()
    if _NARROW.min <= least and most <= _NARROW.max:
        message.narrow.extend(sent)
    else:
        message.wide.extend(sent)
    return message


def bits(flags: BoolArray) -> bytes:
    """One bit a row, least significant bit first."""
    return np.packbits(flags, bitorder="little").tobytes()
