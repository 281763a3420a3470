"""Tables as a service sends them: an encoder written from the contract alone, and samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import readings_pb2, summary_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

_NARROW: Final = range(-(2**31), 2**31)

STANDARD: Final = "GB1103.1-2023"


def figure_column(
    name: str,
    *,
    decimals: int = 0,
    unit: str = "",
    title: str = "",
    title_zh: str = "",
    standards: Sequence[str] = (),
    last_season: bool = False,
    is_text: bool = False,
) -> summary_pb2.FigureColumn:
    """A column with a title made of its name unless one is given."""
    return summary_pb2.FigureColumn(
        name=name,
        title=title or name.replace("_", " ").replace(".", " ").capitalize(),
        title_zh=title_zh or f"列{name}",
        unit=unit,
        decimals=decimals,
        standards=standards,
        last_season=last_season,
        is_text=is_text,
    )


def encode_texts(texts: Sequence[str | None], *, short: bool = True) -> readings_pb2.TextColumn:
    """Texts by their place in a dictionary; one that holds for all rows alone, where `short`."""
    plain = [text or "" for text in texts]
    dictionary = list(dict.fromkeys(plain))
    if short and len(dictionary) <= 1:
        return readings_pb2.TextColumn(dictionary=dictionary)
    places = {text: place for place, text in enumerate(dictionary)}
    return readings_pb2.TextColumn(dictionary=dictionary, index=[places[text] for text in plain])


def encode_figures(
    values: Sequence[int | None], *, short: bool = True, wide: bool = False
) -> summary_pb2.FigureValues:
    """Integers in 32 bits where all fit, unless `wide`; one that is that of all rows alone."""
    absent = [value is None for value in values]
    there = [value for value in values if value is not None]
    filled = [next(iter(there), 0) if value is None else value for value in values]
    if short and len(set(filled)) == 1:
        filled = filled[:1]
    fits = not wide and all(value in _NARROW for value in filled)
    return summary_pb2.FigureValues(
        narrow=filled if fits else (),
        wide=() if fits else filled,
        absent=encode_bits(absent),
    )


def encode_bits(bits: Sequence[bool]) -> bytes:
    """A bit a row, least significant first; nothing where none is set."""
    if not any(bits):
        return b""
    packed = bytearray(-(-len(bits) // 8))
    for place, bit in enumerate(bits):
        packed[place // 8] |= bit << (place % 8)
    return bytes(packed)


def encode_page(
    rows: int,
    *,
    keys: Sequence[Sequence[str | None]] = (),
    texts: Sequence[Sequence[str | None]] = (),
    figures: Sequence[Sequence[int | None]] = (),
    withheld: Sequence[bool] = (),
    short: bool = True,
    wide: bool = False,
) -> summary_pb2.TablePage:
    """A page of columns."""
    return summary_pb2.TablePage(
        rows=rows,
        keys=[encode_texts(each, short=short) for each in keys],
        texts=[encode_texts(each, short=short) for each in texts],
        figures=[encode_figures(each, short=short, wide=wide) for each in figures],
        withheld=encode_bits(withheld),
    )
