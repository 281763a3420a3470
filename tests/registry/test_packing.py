"""Whatever a column holds, packed it is the same: in order, at any places, and one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from cotton_server.registry import bale_keys
from cotton_server.registry.packing import (
    CLIMBS,
    CONSTANT,
    RUNS,
    WIDE,
    ColumnType,
    Packed,
    Views,
    pack,
    read_at,
    read_one,
    read_rows,
)
from hypothesis import given
from hypothesis import strategies as st

ROWS = 256
BEFORE = 64

TYPES = [
    ColumnType(dtype.name, dtype, runs=runs, climbs=climbs)
    for dtype in map(
        np.dtype,
        [np.bool_, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.uint64],
    )
    for runs, climbs in ([False, False], [True, False], [False, True])
    if not (climbs and dtype == np.bool_)
]


@st.composite
def columns(draw: st.DrawFn) -> tuple[ColumnType, npt.NDArray[Any]]:
    """Values of any type: of a narrow range or all, in runs, in climbs, or from row to row."""
    of = draw(st.sampled_from(TYPES))
    if of.dtype == np.bool_:
        least, most = 0, 1
    else:
        least, most = np.iinfo(of.dtype).min, np.iinfo(of.dtype).max
    lowest = draw(st.integers(least, most))
    highest = min(most, lowest + draw(st.sampled_from([0, 1, 200, 255, 256, 65535, 65536, most])))
    values = draw(st.lists(st.integers(lowest, highest), min_size=1, max_size=20))
    sizes = draw(st.lists(st.integers(1, 90), min_size=len(values), max_size=len(values)))
    column = np.resize(np.repeat(np.asarray(values, of.dtype), sizes), ROWS)
    if draw(st.booleans()) and of.dtype != np.bool_:
        with np.errstate(over="ignore"):
            column = column + np.arange(ROWS).astype(of.dtype)
    return of, column.astype(of.dtype)


def kept(packed: Packed) -> Views:
    """The memory in which a packed column lies behind others."""
    views = Views(np.zeros(BEFORE + packed.size_bytes + 8, np.uint8))
    views.put(BEFORE, packed.arrays)
    return views


def modulo(packed: Packed) -> np.uint64:
    return np.uint64(packed.base % (1 << 64))


@given(columns(), st.data())
def test_packed_columns_are_read_as_they_were(
    of_column: tuple[ColumnType, npt.NDArray[Any]], data: st.DataObject
) -> None:
    of, column = of_column
    before = column.copy()
    packed = pack(column, of)
    assert column.tolist() == before.tolist()
    assert packed.size_bytes <= column.nbytes
    assert packed.lowest == int(column.min())
    views, base = kept(packed), modulo(packed)
    first = data.draw(st.integers(0, ROWS - 1))
    stop = data.draw(st.integers(first + 1, ROWS))
    out = np.empty(stop - first, of.dtype)
    read_rows(views, packed.code, BEFORE, base, ROWS, first, out)
    assert out.tolist() == column[first:stop].tolist()
    places = np.asarray(data.draw(st.lists(st.integers(0, ROWS - 1), min_size=1)), np.int64)
    offsets, bases = np.full(len(places), BEFORE), np.full(len(places), base)
    found = read_at(views, packed.code, offsets, bases, ROWS, places, of.dtype)
    assert found.dtype == of.dtype
    assert found.tolist() == column[places].tolist()
    one = read_one(views, packed.code, BEFORE, int(base), ROWS, first)
    assert np.asarray([one], np.uint64).astype(of.dtype)[0] == column[first]


@pytest.mark.parametrize(
    ("values", "kinds", "code", "size"),
    [
        (np.full(ROWS, -1, np.int16), {}, CONSTANT, 0),
        (np.arange(ROWS, dtype=np.int32) + 70_000, {}, 1, ROWS),
        (np.arange(ROWS, dtype=np.int32) * 2 - 5, {}, 2, 2 * ROWS),
        (np.arange(ROWS, dtype=np.uint64) << np.uint64(20), {}, 4, 4 * ROWS),
        (np.arange(ROWS, dtype=np.uint64) << np.uint64(40), {}, WIDE, 8 * ROWS),
        (np.arange(ROWS, dtype=np.int32) // 128 * 300, {"runs": True}, RUNS, 32 + 8 + 16),
        (np.arange(ROWS, dtype=np.uint16) % 128 + 900, {"climbs": True}, CLIMBS, 32 + 8 + 16),
    ],
)
def test_a_column_takes_as_little_as_it_can(
    values: npt.NDArray[Any], kinds: dict[str, bool], code: int, size: int
) -> None:
    packed = pack(values, ColumnType("x", values.dtype, **kinds))
    assert (packed.code, packed.size_bytes) == (code, size)


numbers = st.integers(0, 2**64 - 1) | st.integers(0, 10**16 - 1)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20))
def test_keys_that_are_split_come_back_the_same(keys: list[tuple[int, int]]) -> None:
    high, low = (np.asarray([key[side] for key in keys], np.uint64) for side in (0, 1))
    parts = bale_keys.split(high, low)
    months = [key[0] % 10**9 // 10**5 % 100 for key in keys]
    can_be = all(key[1] < 10**16 for key in keys) and all(month <= 12 for month in months)
    assert (parts is not None) == can_be
    if parts is not None:
        joined = bale_keys.join(*parts)
        assert [each.tolist() for each in joined] == [high.tolist(), low.tolist()]


def test_a_season_of_bales_is_within_32_bits_of_time() -> None:
    """Codes from before and after New Year."""
    high = np.asarray([3265001_240901_000, 3265001_250331_235], np.uint64)
    low = np.asarray([0, 959_0000121_000001], np.uint64)
    parts = bale_keys.split(high, low)
    assert parts is not None
    assert int(parts[1][1] - parts[1][0]) < 2**32
    assert [part.tolist() for part in parts[2:]] == [[0, 121], [0, 1]]
