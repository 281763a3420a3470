"""The records that money needs in an image: a table of all versions for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from cotton.inspection.v1 import accounts_pb2

from cotton_server.registry.account_records import LAYOUTS, Texts
from cotton_server.registry.accounts import AccountRows
from cotton_server.registry.image.files import read_table, write_table

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.registry.account_records import Kind, Layout
    from cotton_server.registry.accounts import AccountBook

_LINKS: Final = pl.Schema({"earlier": pl.Int32(), "later": pl.Int32()})
_IN_FORCE: Final = pl.Schema({"row": pl.Int32()})


def write_accounts(book: AccountBook, directory: Path) -> None:
    """Writes the records of every kind, where there are any."""
    for kind in LAYOUTS:
        table = book.table(kind)
        if len(table) == 0:
            continue
        rows = table.rows()
        write_table(_path(directory, kind), rows.values)
        links = pl.DataFrame({"earlier": rows.earlier, "later": rows.later}, schema=_LINKS)
        write_table(_path(directory, kind, "links"), links)
        in_force = pl.DataFrame({"row": rows.in_force}, schema=_IN_FORCE)
        write_table(_path(directory, kind, "in-force"), in_force)


def load_accounts(directory: Path, book: AccountBook, rows: dict[str, int]) -> None:
    """Loads them into an empty book; `rows` has how many of each kind; ImageDamagedError."""
    for kind, layout in LAYOUTS.items():
        count = rows[_name(kind)]
        if count == 0:
            continue
        links = read_table(_path(directory, kind, "links"), _LINKS)
        in_force = read_table(_path(directory, kind, "in-force"), _IN_FORCE)
        book.table(kind).begin_with(
            AccountRows(
                values=read_table(_path(directory, kind), _schema(layout), rows=count),
                earlier=links["earlier"].to_numpy(),
                later=links["later"].to_numpy(),
                in_force=in_force["row"].to_numpy(),
            )
        )


def account_rows(book: AccountBook) -> dict[str, int]:
    """How many versions there are, by kind."""
    return {_name(kind): len(book.table(kind)) for kind in LAYOUTS}


def _schema(layout: Layout) -> pl.Schema:
    columns = {
        name: pl.String() if isinstance(store, Texts) else _DTYPES[np.dtype(store).name]
        for name, store in layout.columns.items()
    }
    return pl.Schema({**columns, "position": pl.UInt32(), "amendment": pl.Binary()})


_DTYPES: Final = {
    "int8": pl.Int8(),
    "int16": pl.Int16(),
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "uint64": pl.UInt64(),
}


def _name(kind: Kind) -> str:
    name = accounts_pb2.AccountKind.Name(kind).removeprefix("ACCOUNT_KIND_")
    return name.lower().replace("_", "-")


def _path(directory: Path, kind: Kind, part: str = "") -> Path:
    return directory / f"accounts-{_name(kind)}{part and '-'}{part}.parquet"
