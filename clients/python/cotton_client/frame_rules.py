"""The rules that every frame keeps: exact schema, casts that lose nothing, errors with place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable


class FrameError(ValueError):
    """A frame breaks its schema or a rule of the contract; says where and what to do.

    `column` and `row` (from 0) say where; `row` is None when the column as a whole is wrong.
    """

    def __init__(self, problem: str, *, column: str, row: int | None = None) -> None:
        where = f"column {column}" if row is None else f"row {row}, column {column}"
        super().__init__(f"{where}: {problem}")
        self.column = column
        self.row = row


class RowRule(NamedTuple):
    """A rule of single rows: the Boolean mask of those that break it, and what is told of them."""

    broken: pl.Series
    column: str
    problem: str
    remedy: str


def _require_family(name: str, found: pl.DataType, wanted: pl.DataType) -> None:
    """Refuses casts that would cut decimals off or read numbers out of texts."""
    if found == pl.Null:
        return
    integers = wanted.is_integer() and (found.is_integer() or found == pl.Boolean)
    texts = wanted == pl.String and isinstance(found, (pl.String, pl.Categorical, pl.Enum))
    if not integers and not texts:
        kind = "text" if wanted == pl.String else "whole numbers in the integers of the contract"
        raise FrameError(f"is {found}; give it as {kind}", column=name)


def conform(columns: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The frame with exactly the columns of `schema`: missing ones null, others cast strictly.

    Integers of any width and texts are cast; floats and decimals are not, for they would lose
    digits. Raises FrameError for those, and for a column that the schema does not have.
    """
    for name in columns.columns:
        if name not in schema:
            raise FrameError("is not a column of this frame; remove it", column=name)
    height = columns.height
    series = []
    for name, dtype in schema.items():
        if name not in columns.columns:
            series.append(pl.repeat(None, height, dtype=dtype, eager=True).alias(name))
            continue
        _require_family(name, columns.schema[name], dtype)
        try:
            series.append(columns[name].cast(dtype, strict=True))
        except pl.exceptions.PolarsError as error:
            raise FrameError(f"cannot be cast to {dtype} ({error})", column=name) from error
    return pl.DataFrame(series)


def require_schema(frame: pl.DataFrame, schema: pl.Schema) -> None:
    """Raises FrameError unless the frame has the columns of `schema`, their types and order."""
    if frame.schema == schema:
        return
    actual = frame.schema
    for name, dtype in schema.items():
        if name not in actual:
            raise FrameError("is missing; use conform() to add absent columns", column=name)
        if actual[name] != dtype:
            raise FrameError(f"is {actual[name]}, must be {dtype}; use conform()", column=name)
    for name in actual:
        if name not in schema:
            raise FrameError("is not a column of this frame; remove it", column=name)
    raise FrameError("stands in another place than in the schema; use conform()", column="*")


def first(mask: pl.Series) -> int | None:
    """The first row where the mask is true, or None."""
    return int(mask.arg_max() or 0) if mask.any() else None


def refuse(mask: pl.Series, column: str, problem: str) -> None:
    """Raises FrameError for the first row where the mask is true."""
    row = first(mask)
    if row is not None:
        raise FrameError(problem, column=column, row=row)


def refuse_broken(rules: Iterable[RowRule]) -> None:
    """Raises FrameError for the first row that breaks the first broken rule."""
    for rule in rules:
        refuse(rule.broken, rule.column, f"{rule.problem}; {rule.remedy}")
