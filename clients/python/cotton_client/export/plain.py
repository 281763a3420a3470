"""Tables for programs: one frame of exact decimals, as CSV and as Parquet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

from cotton_client.render import names
from cotton_client.tables import key_names, to_units

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_client.export.about import About
    from cotton_client.tables import Table


def plain_frame(table: Table, *, with_withheld: bool = False) -> pl.DataFrame:
    """The rows of a table in real units under the names of its columns, `revision` first.

    Words of the contract are in lower case, as everywhere that users read them. With
    `with_withheld` a column says behind the keys which rows are withheld.
    """
    frame = words_lowered(to_units(table), table)
    frame = frame.insert_column(
        0, pl.Series("revision", [table.header.revision], pl.UInt64).new_from_index(0, frame.height)
    )
    if with_withheld:
        frame = frame.insert_column(1 + len(table.keys), table.withheld.alias("withheld"))
    return frame


def words_lowered(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The frame with words of the contract, in keys and in texts, as users write them."""
    words = {*key_names(key for key in names.WORD_KEYS)}
    texts = (
        name
        for name, each in zip(table.names, table.columns, strict=True)
        if each.is_text and each.name in words
    )
    called = [*(name for name in table.key_names if name in words), *texts]
    return frame.with_columns(pl.col(name).str.to_lowercase() for name in called)


def write_csv(path: Path, frame: pl.DataFrame) -> None:
    """UTF-8, a header of names, decimals with all their digits, nothing where absent."""
    frame.write_csv(path)


def write_parquet(path: Path, frame: pl.DataFrame, about: About) -> None:
    """Figures as integers and decimals; what they rest on in the file's metadata."""
    said = json.dumps({each.name: each.value for each in about.lines}, ensure_ascii=False)
    frame.write_parquet(path, metadata={"cotton": said})
