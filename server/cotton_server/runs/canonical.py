"""The canonical content of a settlement: files that anybody can check with `sha256sum`.

A table is a CSV file: UTF-8, LF at the end of every line, a header line, fields quoted only where
they contain a comma, a quote, CR or LF; figures in real units with exactly their decimals, what is
absent empty; lines sorted by what names them, as bytes. The manifest names the versions, the terms,
the documents and the SHA-256 of each table. The digest of a settlement is that of its manifest.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cotton_server.runs.table import Table
    from cotton_server.summary.printing import Values

FORMAT: Final = "cotton settlement 1"
"""First line of a manifest: form and version of the canonical content."""

_QUOTED: Final = r'[",\r\n]'


@dataclass(frozen=True, slots=True)
class Canonical:
    """The manifest as text, and its SHA-256, hexadecimal."""

    manifest: str
    digest: str


def canonical(entries: Iterable[tuple[str, str]], tables: Sequence[Table]) -> Canonical:
    """The canonical content of tables; `entries` are the lines of the manifest, name and value."""
    lines = [FORMAT, *(f"{name} {_one_line(value)}" for name, value in entries)]
    lines += [table_line(table) for table in tables]
    manifest = "".join(f"{line}\n" for line in lines)
    return Canonical(manifest, sha256(manifest.encode()).hexdigest())


def table_line(table: Table) -> str:
    """The line of the manifest that names a table: its lines, and the SHA-256 of its file."""
    return f"table {table.name}.csv {table.rows} {sha256(table_content(table)).hexdigest()}"


def table_content(table: Table) -> bytes:
    """The CSV file of a table."""
    written = BytesIO()
    text_frame(table, quoted=True).write_csv(
        written, quote_style="never", null_value="", line_terminator="\n"
    )
    return written.getvalue()


def text_frame(table: Table, *, quoted: bool = False) -> pl.DataFrame:
    """Every column as texts in real units, "" where absent; `quoted` as in the CSV file."""
    texts: list[pl.Series] = []
    figures: list[pl.Series] = []
    printed: list[pl.Expr] = []
    for column in table.columns:
        name = column.name
        if column.is_text:
            texts.append((_quoted if quoted else pl.Series)(table.texts[name]).alias(name))
        else:
            values = table.figures[name]
            figures.append(pl.Series(f"value.{name}", values.values))
            if values.absent is not None:
                figures.append(pl.Series(f"absent.{name}", values.absent))
            printed.append(_decimal(name, values, column.decimals))
    made = pl.DataFrame([*texts, *figures]).lazy()
    columns = [each.name for each in table.columns if each.is_text]
    return made.select(*columns, *printed).collect(engine="in-memory")


def _decimal(name: str, values: Values, decimals: int) -> pl.Expr:
    """Figures divided by 10 to the power of `decimals` with as many of them, "" where absent."""
    value = pl.col(f"value.{name}")
    text = value.cast(pl.String)
    if decimals:
        size, unit = value.abs(), 10**decimals
        rest = (size % unit).cast(pl.String).str.zfill(decimals)
        text = pl.concat_str((size // unit).cast(pl.String), pl.lit("."), rest)
        if (values.values < 0).any():
            text = pl.when(value < 0).then(pl.lit("-") + text).otherwise(text)
    if values.absent is not None:
        text = pl.when(f"absent.{name}").then(pl.lit("")).otherwise(text)
    return text.alias(name)


def _quoted(texts: pl.Series) -> pl.Series:
    """Texts as fields of a CSV file."""
    asks = texts.str.contains(_QUOTED)
    if not asks.any():
        return texts
    quoted = pl.lit('"') + pl.col("text").str.replace_all('"', '""', literal=True) + pl.lit('"')
    frame = pl.DataFrame({"text": texts, "asks": asks})
    return frame.select(pl.when("asks").then(quoted).otherwise("text")).to_series()


def _one_line(value: str) -> str:
    """A value in which nothing ends the line of the manifest."""
    return value.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
