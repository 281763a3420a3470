"""The frames between a file and the wire: readings, lots and weights, with fixed schemas.

All three carry the integers of the contract: measures in hundredths of their unit, weights in
hundredths of a kilogram, times in seconds since 1970-01-01 UTC. Null means absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from cotton.inspection.v1 import common_pb2, lots_pb2

from cotton_client import identifiers
from cotton_client.fields import VALUE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TEXT_FIELDS: Final = ("standard", "laboratory", "instrument")

READINGS_SCHEMA: Final = pl.Schema(
    {
        "bale_code": pl.String(),
        "usda_bale_id": pl.String(),
        "crop_year": pl.Int32(),
        "lot_no": pl.String(),
        **dict.fromkeys(VALUE_FIELDS, pl.Int32()),
        **dict.fromkeys(TEXT_FIELDS, pl.String()),
        "inspected_at_s": pl.Int64(),
    }
)
"""The readings frame, a row a bale.

Either `bale_code` (32 digits) or `usda_bale_id` (12 digits) with `crop_year` is set.
"""

LOTS_SCHEMA: Final = pl.Schema(
    {
        "lot_no": pl.String(),
        "gin_code": pl.String(),
        "gin_name": pl.String(),
        "warehouse": pl.String(),
        "region": pl.String(),
        "division": pl.String(),
        "regiment": pl.String(),
        "county": pl.String(),
        "cotton_type": pl.String(),
        "picking_mode": pl.String(),
        "channel": pl.String(),
        "traceability_unit": pl.String(),
        "origin": pl.String(),
        "agency": pl.String(),
        "declared_bales": pl.Int64(),
        "gate_in_at_s": pl.Int64(),
        "standard": pl.String(),
        "quality_certificate_no": pl.String(),
    }
)
"""The lots frame: the fields of the message Lot; enums by name without their prefix."""

WEIGHTS_SCHEMA: Final = pl.Schema(
    {
        "lot_no": pl.String(),
        "gross": pl.Int64(),
        "tare": pl.Int64(),
        "regain": pl.Int32(),
        "trash": pl.Int32(),
        "resolution": pl.Int32(),
        "truck_gross": pl.Int64(),
        "truck_tare": pl.Int64(),
        "scale": pl.String(),
        "operator": pl.String(),
        "weighed_at_s": pl.Int64(),
        "weight_certificate_no": pl.String(),
    }
)
"""The weights frame: the fields of the message LotWeight, in hundredths of kg and of %."""

_PREPARATIONS: Final = (1, 3)
_NO_CODE: Final = "0" * identifiers.BALE_CODE_DIGITS
_NO_USDA_ID: Final = "0" * identifiers.USDA_BALE_ID_DIGITS


def _names(enum_values: Iterable[str], prefix: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(prefix) for name in enum_values)


ENUM_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "cotton_type": _names(common_pb2.CottonType.keys()[1:], "COTTON_TYPE_"),
    "picking_mode": _names(common_pb2.PickingMode.keys()[1:], "PICKING_MODE_"),
    "channel": _names(common_pb2.Channel.keys()[1:], "CHANNEL_"),
}
"""For each enum column of the lots frame the names it may hold."""


class FrameError(ValueError):
    """A frame breaks its schema or a rule of the contract; says where and what to do.

    `column` and `row` (from 0) say where; `row` is None when the column as a whole is wrong.
    """

    def __init__(self, problem: str, *, column: str, row: int | None = None) -> None:
        where = f"column {column}" if row is None else f"row {row}, column {column}"
        super().__init__(f"{where}: {problem}")
        self.column = column
        self.row = row


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


def _require_schema(frame: pl.DataFrame, schema: pl.Schema) -> None:
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


def _first(mask: pl.Series) -> int | None:
    """The first row where the mask is true, or None."""
    return int(mask.arg_max() or 0) if mask.any() else None


def _refuse(mask: pl.Series, column: str, problem: str) -> None:
    row = _first(mask)
    if row is not None:
        raise FrameError(problem, column=column, row=row)


def _numbers(texts: pl.Series, column: str, digits: int) -> np.ndarray:
    """The digit matrix of a column of identifiers; FrameError where one is malformed."""
    matrix, row = identifiers.digit_matrix(texts, digits)
    if row is not None:
        raise FrameError(f"{texts[row]!r} is not {digits} digits", column=column, row=row)
    return matrix


def bale_keys(frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The bales of a readings frame as the contract's columns carry them.

    Returns the first and the last 16 digits of the code (uint64) and the USDA crop years
    (int64; None without USDA bales). A USDA bale has 0, its 12-digit id and its crop year.
    Raises FrameError where a bale has no key, two keys, or one of a wrong form.
    """
    codes, ids, years = frame["bale_code"], frame["usda_bale_id"], frame["crop_year"]
    if ids.null_count() == len(ids) and not codes.null_count():
        _refuse(years.is_not_null(), "crop_year", "a 32-digit code has no crop year; leave it null")
        matrix = _numbers(codes, "bale_code", identifiers.BALE_CODE_DIGITS)
        high = identifiers.digits_to_numbers(matrix[:, :16])
        return high, identifiers.digits_to_numbers(matrix[:, 16:]), None

    is_usda = ids.is_not_null()
    _refuse(
        codes.is_null() & ~is_usda,
        "bale_code",
        "the bale has no key; state a 32-digit bale code, or a USDA bale id with its crop year",
    )
    _refuse(
        codes.is_not_null() & is_usda,
        "usda_bale_id",
        "the bale has two keys; leave the bale code or the USDA bale id null",
    )
    _refuse(
        years.is_not_null() & ~is_usda,
        "crop_year",
        "a 32-digit code has no crop year; leave it null",
    )
    first_year, last_year = 1901, 2999
    _refuse(
        ~years.is_between(first_year, last_year).fill_null(value=False) & is_usda,
        "crop_year",
        "a USDA bale id needs its crop year in four digits",
    )
    matrix = _numbers(codes.fill_null(_NO_CODE), "bale_code", identifiers.BALE_CODE_DIGITS)
    ids_matrix = _numbers(
        ids.fill_null(_NO_USDA_ID), "usda_bale_id", identifiers.USDA_BALE_ID_DIGITS
    )
    high = identifiers.digits_to_numbers(matrix[:, :16])
    low = identifiers.digits_to_numbers(matrix[:, 16:]) + identifiers.digits_to_numbers(ids_matrix)
    return high, low, years.fill_null(0).to_numpy().astype(np.int64)


def require_readings(frame: pl.DataFrame) -> None:
    """Raises FrameError unless the frame has READINGS_SCHEMA and codes the contract can carry."""
    _require_schema(frame, READINGS_SCHEMA)
    preparation = frame["preparation"]
    if preparation.null_count() < len(preparation):
        _refuse(
            ~preparation.is_between(*_PREPARATIONS).fill_null(value=True),
            "preparation",
            "must be 1, 2 or 3 (P1, P2, P3) or null",
        )
    foreign_fibre = frame["foreign_fibre"]
    if foreign_fibre.null_count() < len(foreign_fibre):
        _refuse(
            ~foreign_fibre.is_between(0, 1).fill_null(value=True),
            "foreign_fibre",
            "must be 0 (none found), 1 (found) or null (not examined)",
        )


def validate(frame: pl.DataFrame) -> None:
    """Checks a readings frame: schema, exactly one well-formed key a bale, codes in range.

    Raises FrameError with column and row. Plausibility of values and the form of lot numbers
    are the service's to judge, bale by bale.
    """
    require_readings(frame)
    bale_keys(frame)


def rebatch(frames: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """The same rows in the same order, in frames of exactly `rows` rows; the last may be shorter.

    Holds no more than one incoming frame and `rows` rows at a time.
    """
    if rows < 1:
        raise ValueError(f"a frame must have at least 1 row, not {rows}")
    pending: list[pl.DataFrame] = []
    waiting = 0
    for frame in frames:
        pending.append(frame)
        waiting += frame.height
        if waiting < rows:
            continue
        joined = pl.concat(pending)
        whole = waiting - waiting % rows
        yield from joined.head(whole).iter_slices(rows)
        pending = [joined.tail(waiting - whole)]
        waiting -= whole
    if waiting:
        yield pl.concat(pending)


def _present(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def lot_messages(frame: pl.DataFrame) -> list[lots_pb2.Lot]:
    """The messages Lot of a lots frame, in its order. Raises FrameError."""
    _require_schema(frame, LOTS_SCHEMA)
    _refuse(frame["lot_no"].is_null(), "lot_no", "a lot must have a number")
    for column, names in ENUM_NAMES.items():
        unknown = ~frame[column].is_in(names).fill_null(value=True)
        _refuse(unknown, column, f"must be one of {', '.join(names)}")
    _refuse(
        ~frame["declared_bales"].is_between(0, 2**32 - 1).fill_null(value=True),
        "declared_bales",
        "must be a whole number from 0 to 4294967295",
    )
    return [lots_pb2.Lot(**_with_enum_prefixes(row)) for row in frame.iter_rows(named=True)]


def _with_enum_prefixes(row: Mapping[str, Any]) -> dict[str, Any]:
    fields = _present(row)
    for column in ENUM_NAMES:
        if column in fields:
            fields[column] = f"{column.upper()}_{fields[column]}"
    return fields


def weight_messages(frame: pl.DataFrame) -> list[lots_pb2.LotWeight]:
    """The messages LotWeight of a weights frame, in its order. Raises FrameError."""
    _require_schema(frame, WEIGHTS_SCHEMA)
    _refuse(frame["lot_no"].is_null(), "lot_no", "a weight must name its lot")
    return [lots_pb2.LotWeight(**_present(row)) for row in frame.iter_rows(named=True)]
