"""One column of a block in few bytes, exactly: how it is packed, and how it is read again.

Packed values are offsets from a base, of the narrowest width that holds them (1, 2, 4, 8 bytes;
none where all are the same). A column whose values come in runs, as those of a batch or of a lot
do, is kept by its runs: a bit for each row that begins one (words of 64), how many had begun
before each word (uint16), and value and first row of each run (uint32). Either takes a few array
operations to read, for rows in order and at any places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton_server.domain.identifiers import UInt64Array

CONSTANT: Final = 0
WIDTHS: Final[Mapping[int, np.dtype[Any]]] = {
    1: np.dtype(np.uint8),
    2: np.dtype(np.uint16),
    4: np.dtype(np.uint32),
}
"""Types of packed values by their width, which is also their code; 8 bytes are WIDE."""

WIDE: Final = 8
RUNS: Final = 16
CLIMBS: Final = 17
"""Codes of columns in runs; in those that climb, each value of a run is one above that before."""

WORD: Final = 64
_WORD_BITS: Final = 6
_IN_WORD: Final = np.int64(WORD - 1)
_ONE: Final = np.uint64(1)
_TWO: Final = np.uint64(2)
_RUNS_MAX: Final = 1 << 16
_RUN_BYTES: Final = 8
_BITS_64: Final = (1 << 64) - 1

ALIGNMENT: Final = 8
"""Every array of a packed column begins at a multiple of this."""


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column: its name, stored type, and whether its values come in runs, or in climbs."""

    name: str
    dtype: np.dtype[Any]
    runs: bool = False
    climbs: bool = False


@dataclass(frozen=True, slots=True)
class Packed:
    """A column packed: how (`code`), its `base`, its smallest value, and the arrays to keep.

    The base is taken modulo 2**64. Only the arrays take memory, one after the other.
    """

    code: int
    base: int
    lowest: int
    arrays: tuple[npt.NDArray[Any], ...] = ()

    @property
    def size_bytes(self) -> int:
        """Memory of the arrays."""
        return sum(aligned(array.nbytes) for array in self.arrays)


class Views:
    """The same memory as arrays of every type that packed columns are read by."""

    def __init__(self, bytes_: npt.NDArray[np.uint8]) -> None:
        """Takes memory whose size and address are multiples of ALIGNMENT."""
        self.bytes = bytes_
        self.of_width: dict[int, npt.NDArray[Any]] = {
            width: bytes_.view(dtype) for width, dtype in WIDTHS.items()
        }
        self.words: UInt64Array = bytes_.view(np.uint64)
        self.of_width[WIDE] = self.words
        self.before: npt.NDArray[np.uint16] = self.of_width[2]
        self.values: npt.NDArray[np.uint32] = self.of_width[4]

    def put(self, start: int, arrays: Sequence[npt.NDArray[Any]]) -> None:
        """Copies arrays to the bytes from `start` on."""
        for array in arrays:
            self.bytes[start : start + array.nbytes] = array.view(np.uint8)
            start += aligned(array.nbytes)


def aligned(size_bytes: int) -> int:
    """The size with what is left over to the next multiple of ALIGNMENT."""
    return -(-size_bytes // ALIGNMENT) * ALIGNMENT


def pack(column: npt.NDArray[Any], of: ColumnType) -> Packed:
    """Packs one or more values of a column, which are not changed."""
    if of.dtype == np.bool_:
        column = column.view(np.uint8)
    lowest, highest = int(column.min()), int(column.max())
    if lowest == highest:
        return Packed(CONSTANT, lowest, lowest)
    width = _width(highest - lowest)
    if of.runs or of.climbs:
        found = _in_runs(column, lowest, of, width)
        if found is not None:
            return found
    if width >= column.dtype.itemsize:
        unsigned = np.dtype(f"u{column.dtype.itemsize}")
        return Packed(column.dtype.itemsize, 0, lowest, (column.view(unsigned),))
    offsets = (column - column.dtype.type(lowest)).astype(WIDTHS[width])
    return Packed(width, lowest, lowest, (offsets,))


def _width(spread: int) -> int:
    return next((width for width in WIDTHS if spread < 1 << 8 * width), WIDE)


def _in_runs(column: npt.NDArray[Any], lowest: int, of: ColumnType, width: int) -> Packed | None:
    """The column by its runs, where that takes less than a width."""
    most = (width * len(column) - runs_head(len(column))) // _RUN_BYTES
    steps = column[1:] != (column[:-1] + column.dtype.type(1) if of.climbs else column[:-1])
    if np.count_nonzero(steps) + 1 > min(most, _RUNS_MAX):
        return None
    starts = np.concatenate([[0], np.flatnonzero(steps) + 1])
    values = column[starts]
    base = lowest
    if of.climbs:
        climbed = values.astype(np.int64) - starts
        base = int(climbed.min())
        offsets = (climbed - base).astype(np.uint64)
    else:
        offsets = (values - column.dtype.type(lowest)).astype(np.uint64)
    if int(offsets.max()) >= 1 << 32:
        return None
    bits = np.zeros(-(-len(column) // WORD) * WORD, np.uint8)
    bits[starts] = 1
    words = np.packbits(bits, bitorder="little").view(np.uint64)
    begun = np.cumsum(np.bitwise_count(words), dtype=np.int64)
    before = np.concatenate([[0], begun[:-1]]).astype(np.uint16)
    code = CLIMBS if of.climbs else RUNS
    runs = np.stack([offsets, starts.astype(np.uint64)], axis=1).astype(np.uint32).ravel()
    return Packed(code, base, lowest, (words, before, runs))


def runs_head(rows: int) -> int:
    """Bytes of a column in runs before the values of its runs."""
    return _words_bytes(rows) + aligned(2 * -(-rows // WORD))


def _words_bytes(rows: int) -> int:
    return 8 * -(-rows // WORD)


def read_rows(
    views: Views,
    code: int,
    offset: int,
    base: np.uint64,
    rows: int,
    first: int,
    out: npt.NDArray[Any],
) -> None:
    """Reads values from the `first` on into `out`: as many as it has.

    The column was packed with `code` and `base` at byte `offset`, with as many as `rows` values.
    """
    if code == CONSTANT:
        out.fill(base.astype(out.dtype))
    elif code <= WIDE:
        start = offset // code + first
        packed = views.of_width[code][start : start + len(out)]
        if code == out.dtype.itemsize:
            out.view(packed.dtype)[:] = packed
        else:
            np.add(packed, base.astype(out.dtype), out=out)
    else:
        _read_runs(views, offset, rows, first, out)
        out += base.astype(out.dtype)
        if code == CLIMBS:
            out += np.arange(first, first + len(out)).astype(out.dtype)


def read_one(views: Views, code: int, offset: int, base: int, rows: int, place: int) -> int:
    """One value, modulo 2**64 or, where it is kept as it was, 2 to the bits of its type."""
    if code == CONSTANT:
        return base
    if code <= WIDE:
        return (int(views.of_width[code][offset // code + place]) + base) & _BITS_64
    start = (offset + runs_head(rows)) // 4
    value = int(views.values[start + 2 * _run_of(views, offset, rows, place)]) + base
    return (value + place if code == CLIMBS else value) & _BITS_64


def _read_runs(views: Views, offset: int, rows: int, first: int, out: npt.NDArray[Any]) -> None:
    begun = _run_of(views, offset, rows, first)
    last = _run_of(views, offset, rows, first + len(out) - 1)
    start = (offset + runs_head(rows)) // 4 + 2 * begun
    if begun == last:
        out.fill(views.values[start].astype(out.dtype))
        return
    runs = views.values[start : start + 2 * (last - begun + 1)].astype(np.int64)
    ends = np.append(runs[3::2], first + len(out))
    ends[1:] -= runs[3::2]
    ends[0] -= first
    out[:] = np.repeat(runs[::2].astype(out.dtype), ends)


def _run_of(views: Views, offset: int, rows: int, place: int) -> int:
    """The number of the run in which a row lies."""
    word, bit = place // WORD, place % WORD
    begun = (int(views.words[offset // 8 + word]) & ((2 << bit) - 1)).bit_count()
    return begun + int(views.before[(offset + _words_bytes(rows)) // 2 + word]) - 1


def read_at(
    views: Views,
    code: int,
    offsets: npt.NDArray[np.int64],
    bases: UInt64Array,
    rows: int,
    places: npt.NDArray[np.int64],
    dtype: np.dtype[Any],
) -> npt.NDArray[Any]:
    """The values at `places` of blocks that were packed with one `code`, each of its block.

    `offsets` and `bases` are of the blocks of the places, each of as many as `rows` values.
    """
    if code == CONSTANT:
        return bases.astype(dtype)
    if code <= WIDE:
        found = views.of_width[code].take(offsets // code + places)
        if code == dtype.itemsize:
            return found.view(dtype)
        values = found.astype(dtype)
    else:
        word, bit = places >> _WORD_BITS, (places & _IN_WORD).astype(np.uint64)
        begun = np.bitwise_count(views.words.take(offsets // 8 + word) & ((_TWO << bit) - _ONE))
        before = views.before.take((offsets + _words_bytes(rows)) // 2 + word)
        starts = (offsets + runs_head(rows)) // 4
        values = views.values.take(starts + 2 * (begun + before.astype(np.int64) - 1)).astype(dtype)
        if code == CLIMBS:
            values += places.astype(dtype)
    values += bases.astype(dtype)
    return values
