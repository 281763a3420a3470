"""The columns of the bale store: names, stored types, and what their values are like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cotton_server.domain.fields import VALUE_FIELDS
from cotton_server.registry.packing import ColumnType

if TYPE_CHECKING:
    from collections.abc import Mapping

REFERENCES: Final = ("lot", "standard", "laboratory", "instrument")
"""Columns of numbers of lots and texts."""

_KEY: Final = np.dtype(np.uint64)
_NUMBER: Final = np.dtype(np.int32)

COLUMNS: Final = (
    ColumnType("high", _KEY, runs=True),
    ColumnType("low", _KEY),
    *(ColumnType(field.name, field.dtype) for field in VALUE_FIELDS),
    *(ColumnType(name, _NUMBER, runs=True) for name in REFERENCES),
    ColumnType("position", np.dtype(np.uint32), runs=True),
    ColumnType("batch_row", np.dtype(np.uint16), climbs=True),
    ColumnType("kind", np.dtype(np.uint8), runs=True),
    ColumnType("inspected_at_s", np.dtype(np.uint32)),
    ColumnType("is_first", np.dtype(np.bool_), runs=True),
)
"""In the order in which they are given. `is_first` marks the rows that the duplicate index gives
for their bales."""

NAMES: Final = tuple(of.name for of in COLUMNS)

TYPES: Final[Mapping[str, np.dtype[Any]]] = {of.name: of.dtype for of in COLUMNS}

KEY_PARTS: Final = (
    ColumnType("prefix", _KEY, runs=True),
    ColumnType("time", _KEY),
    ColumnType("opaque", _KEY, runs=True),
    ColumnType("number", _KEY, climbs=True),
)
"""What `high` and `low` of a packed block are where its keys are split (`bale_keys`)."""

KINDS: Final = (*COLUMNS, *KEY_PARTS[2:])
"""All columns that a block may have: the first two parts are in the place of `high` and `low`."""

KEY_NUMBERS: Final = (0, 1, len(COLUMNS), len(COLUMNS) + 1)
"""Where the parts of keys stand in KINDS."""

NUMBERS: Final[Mapping[str, int]] = {of.name: number for number, of in enumerate(COLUMNS)}
