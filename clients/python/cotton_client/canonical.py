"""The canonical content of a settlement, computed from what the service answers.

A table is a CSV file: UTF-8, LF at the end of every line, a header line, fields quoted only where
they contain a comma, a quote, CR or LF; figures in real units with exactly their decimals, what is
absent empty; lines sorted by what names them, as bytes. The manifest names the versions, the terms,
the documents and the SHA-256 of each table. The digest of a settlement is that of its manifest.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from cotton.inspection.v1 import reference_pb2, settlement_pb2, summary_pb2

from cotton_client import errors
from cotton_client.render import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cotton_client.settlements import Settlement

FORMAT: Final = "cotton settlement 1"
"""First line of a manifest: form and version of the canonical content."""

MANIFEST: Final = "manifest.txt"

LINE_KEYS: Final[Mapping[int, tuple[str, ...]]] = {
    settlement_pb2.SETTLEMENT_TABLE_LOTS: ("lot_no", "season"),
    settlement_pb2.SETTLEMENT_TABLE_UNITS: ("traceability_unit",),
    settlement_pb2.SETTLEMENT_TABLE_REGIMENTS: ("regiment", "division", "region"),
}
"""The tables of the canonical content in their order, and the texts by which lines are sorted."""

_QUOTED: Final = r'[",\r\n]'
_TARGET_OPTIONAL: Final = (
    "target",
    "market",
    "output",
    "cap",
    "eligible_output",
    "fund",
    "delivered",
    "rate",
)
_TARGET_WORDS: Final = ("market_by", "market_prices", "rate_by", "rate_decimals", "problem")


@dataclass(frozen=True, slots=True)
class Canonical:
    """The files of a settlement's canonical content by name, the manifest first.

    `rows` has the lines of each table without its header line, by the name of its file.
    """

    files: Mapping[str, bytes]
    rows: Mapping[str, int]

    @property
    def manifest(self) -> str:
        """The manifest as text."""
        return self.files[MANIFEST].decode()

    @property
    def digest(self) -> str:
        """The SHA-256 of the manifest, hexadecimal: the digest of the settlement."""
        return sha256(self.files[MANIFEST]).hexdigest()


def canonical(
    header: settlement_pb2.SettlementHeader,
    loaded: Iterable[reference_pb2.ReferenceVersion],
    tables: Sequence[Settlement],
) -> Canonical:
    """The canonical content of the tables of lines that a settlement has.

    `loaded` are the documents in force at its revision: a schedule that is a patch is named with
    those that it is made of. Raises ContractViolation for tables that are not of one settlement.
    """
    lines = [FORMAT, *(f"{name} {_one_line(value)}" for name, value in _entries(header, loaded))]
    files: dict[str, bytes] = {}
    rows: dict[str, int] = {}
    for each in tables:
        if each.header.revision != header.revision or each.header.terms != header.terms:
            raise errors.ContractViolation("The tables of a settlement are of other terms.")
        name = f"{names.settlement_table(each.kind)}.csv"
        content = files[name] = table_content(each)
        rows[name] = each.table.frame.height
        lines.append(f"table {name} {rows[name]} {sha256(content).hexdigest()}")
    manifest = "".join(f"{line}\n" for line in lines)
    return Canonical({MANIFEST: manifest.encode(), **files}, rows)


def table_content(settlement: Settlement) -> bytes:
    """The CSV file of a table of lines."""
    table = settlement.table
    frame = table.frame.with_columns(pl.col(pl.String).fill_null("")).sort(
        LINE_KEYS[settlement.kind], maintain_order=True
    )
    written = BytesIO()
    frame.select(
        (_quoted(called) if each.is_text else _decimal(called, each.decimals)).alias(each.name)
        for called, each in zip(table.names, table.columns, strict=True)
    ).write_csv(written, quote_style="never", null_value="", line_terminator="\n")
    return written.getvalue()


def _decimal(name: str, decimals: int) -> pl.Expr:
    """A figure divided by 10 to the power of `decimals`, with as many of them."""
    value = pl.col(name)
    if not decimals:
        return value.cast(pl.String)
    digits = value.abs().cast(pl.String).str.zfill(decimals + 1)
    sign = pl.when(value < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.concat_str(sign, digits.str.head(-decimals), pl.lit("."), digits.str.tail(decimals))


def _quoted(name: str) -> pl.Expr:
    """A text as a field of a CSV file."""
    text = pl.col(name)
    quoted = pl.concat_str(pl.lit('"'), text.str.replace_all('"', '""', literal=True), pl.lit('"'))
    return pl.when(text.str.contains(_QUOTED)).then(quoted).otherwise(text)


def _entries(
    header: settlement_pb2.SettlementHeader, loaded: Iterable[reference_pb2.ReferenceVersion]
) -> Iterator[tuple[str, str]]:
    """The lines of a manifest before those of tables, name and value."""
    yield "settlement_version", header.settlement_version
    yield "grading_version", header.grading_version
    yield "revision", str(header.terms.revision)
    for name, value in sorted(_terms(header.terms)):
        yield "term", f"{name}={value}"
    by_name = {(each.kind, each.id): each for each in loaded}
    for each in header.documents:
        yield "document", _document(each.kind, each.id, each.revision, each.sha256)
        base = each.head.patch_of
        while base:
            found = by_name.get((each.kind, base))
            if found is None:
                raise errors.ContractViolation(
                    f"The server has no {base}, of which {each.id} is a patch."
                )
            yield "document", _document(found.kind, found.id, found.revision, found.sha256)
            base = found.head.patch_of
    if header.HasField("target_price"):
        result = header.target_price
        for name in (*_TARGET_OPTIONAL, *_TARGET_WORDS):
            there = name in _TARGET_WORDS or result.HasField(name)  # type: ignore[arg-type]  # names of fields
            yield "target", f"{name}={getattr(result, name) if there else ''}"


def _terms(terms: settlement_pb2.SettlementTerms) -> Iterator[tuple[str, str]]:
    """The terms that are given, by the names of their fields."""
    for field, value in terms.ListFields():
        if field.name == "filters":
            for each in value:
                for wanted in each.values:
                    yield f"filter.{names.summary_key(each.key)}", wanted
        elif field.name == "rule_sets":
            for each in value:
                yield field.name, each
        elif field.name == "basis":
            yield field.name, _symbol(summary_pb2.Basis, value, "BASIS_")
        elif field.name != "revision":
            yield field.name, str(value)


def _document(kind: int, id_: str, revision: int, digest: str) -> str:
    word = _symbol(reference_pb2.ReferenceKind, kind, "REFERENCE_KIND_")
    return f"{word} {id_} {revision} {digest}"


def _symbol(enum: Any, value: int, prefix: str) -> str:
    """A value of an enum as the contract writes it, without its prefix."""
    return str(enum.Name(value)).removeprefix(prefix)


def _one_line(value: str) -> str:
    """A value in which nothing ends the line of the manifest."""
    return value.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
