"""The readings frame between a file and the wire, with a fixed schema; all frames in one place.

It carries the integers of the contract: measures in hundredths of their unit, times in seconds
since 1970-01-01 UTC. Null means absent. The frames of lots, weights, closures, certificates,
objections and units are those of `cotton_client.lot_frames`, those of deliveries, areas, prices and
weights of bales those of `cotton_client.account_frames`; all are offered here beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_client import identifiers
from cotton_client.account_frames import (
    AREAS_SCHEMA,
    BALE_WEIGHTS_SCHEMA,
    DELIVERIES_SCHEMA,
    PRICES_SCHEMA,
    area_messages,
    bale_weight_messages,
    delivery_messages,
    price_messages,
)
from cotton_client.fields import VALUE_FIELDS
from cotton_client.frame_amendments import AMENDMENT_COLUMNS, reading_rules
from cotton_client.frame_rules import (
    FrameError,
    conform,
    refuse,
    refuse_broken,
    require_schema,
)
from cotton_client.lot_frames import (
    CERTIFICATES_SCHEMA,
    CLOSURES_SCHEMA,
    DECISIONS,
    ENUM_NAMES,
    LOTS_SCHEMA,
    OBJECTIONS_SCHEMA,
    UNIT_LOTS_SCHEMA,
    WEIGHTS_SCHEMA,
    certificate_messages,
    closure_messages,
    lot_messages,
    objection_messages,
    unit_lot_messages,
    weight_messages,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "AMENDMENT_COLUMNS",
    "AREAS_SCHEMA",
    "BALE_WEIGHTS_SCHEMA",
    "CERTIFICATES_SCHEMA",
    "CLOSURES_SCHEMA",
    "DECISIONS",
    "DELIVERIES_SCHEMA",
    "ENUM_NAMES",
    "LOTS_SCHEMA",
    "OBJECTIONS_SCHEMA",
    "PRICES_SCHEMA",
    "READINGS_SCHEMA",
    "TEXT_FIELDS",
    "UNIT_LOTS_SCHEMA",
    "WEIGHTS_SCHEMA",
    "FrameError",
    "area_messages",
    "bale_keys",
    "bale_weight_messages",
    "certificate_messages",
    "closure_messages",
    "conform",
    "delivery_messages",
    "lot_messages",
    "objection_messages",
    "price_messages",
    "rebatch",
    "require_readings",
    "unit_lot_messages",
    "validate",
    "weight_messages",
]

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
        "kind": pl.String(),
        **AMENDMENT_COLUMNS,
    }
)
"""The readings frame, a row a bale.

Either `bale_code` (32 digits) or `usda_bale_id` (12 digits) with `crop_year` is set. `kind` is a
name of ReadingKind without its prefix, null for an original; the columns of an amendment are set
for a CORRECTION, and null for all others.
"""

_PREPARATIONS: Final = (1, 3)
_NO_CODE: Final = "0" * identifiers.BALE_CODE_DIGITS
_NO_USDA_ID: Final = "0" * identifiers.USDA_BALE_ID_DIGITS


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
        refuse(years.is_not_null(), "crop_year", "a 32-digit code has no crop year; leave it null")
        matrix = _numbers(codes, "bale_code", identifiers.BALE_CODE_DIGITS)
        high = identifiers.digits_to_numbers(matrix[:, :16])
        return high, identifiers.digits_to_numbers(matrix[:, 16:]), None

    is_usda = ids.is_not_null()
    refuse(
        codes.is_null() & ~is_usda,
        "bale_code",
        "the bale has no key; state a 32-digit bale code, or a USDA bale id with its crop year",
    )
    refuse(
        codes.is_not_null() & is_usda,
        "usda_bale_id",
        "the bale has two keys; leave the bale code or the USDA bale id null",
    )
    refuse(
        years.is_not_null() & ~is_usda,
        "crop_year",
        "a 32-digit code has no crop year; leave it null",
    )
    first_year, last_year = 1901, 2999
    refuse(
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
    """Raises FrameError unless the frame has READINGS_SCHEMA, known codes and whole corrections."""
    require_schema(frame, READINGS_SCHEMA)
    preparation = frame["preparation"]
    if preparation.null_count() < len(preparation):
        refuse(
            ~preparation.is_between(*_PREPARATIONS).fill_null(value=True),
            "preparation",
            "must be 1, 2 or 3 (P1, P2, P3) or null",
        )
    foreign_fibre = frame["foreign_fibre"]
    if foreign_fibre.null_count() < len(foreign_fibre):
        refuse(
            ~foreign_fibre.is_between(0, 1).fill_null(value=True),
            "foreign_fibre",
            "must be 0 (none found), 1 (found) or null (not examined)",
        )
    refuse_broken(reading_rules(frame))


def validate(frame: pl.DataFrame) -> None:
    """Checks a readings frame: schema, one well-formed key a bale, codes, kinds and corrections.

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
