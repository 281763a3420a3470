"""The duplicate index against a plain dictionary, also when every hash is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cotton_server.registry import index as index_module
from cotton_server.registry.block_reading import NotInMemoryError
from cotton_server.registry.index import MOVED_MIN, NOT_FOUND, BaleIndex
from cotton_server.registry.key_table import SLOTS, KeyHashing, KeyTable
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stored_rows import Key, keys_array

if TYPE_CHECKING:
    import numpy.typing as npt
    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.registry.index import RowArray

CAPACITY = 200_000


class StoredKeys:
    """Keys in plain arrays; rows of `left` are not there any more."""

    def __init__(self) -> None:
        self.high = np.zeros(CAPACITY, np.uint64)
        self.low = np.zeros(CAPACITY, np.uint64)
        self.is_first = np.ones(CAPACITY, np.bool_)
        self.left = np.zeros(CAPACITY, np.bool_)

    def keys_at(self, rows: RowArray) -> tuple[UInt64Array, UInt64Array]:
        """High and low."""
        if self.left[rows].any():
            raise NotInMemoryError
        return self.high[rows], self.low[rows]

    def keys_between(
        self, start: int, stop: int
    ) -> tuple[UInt64Array, UInt64Array, npt.NDArray[np.bool_]]:
        """High, low and which are in the index."""
        assert not self.left[start:stop].any()
        return self.high[start:stop], self.low[start:stop], self.is_first[start:stop]


class NoColdKeys:
    """Nothing on disk."""

    def __len__(self) -> int:
        """None."""
        return 0

    def find(self, high: UInt64Array, _low: UInt64Array, _hashes: UInt64Array) -> RowArray:
        """Nothing."""
        raise AssertionError(high)


class FewHashes(KeyHashing):
    """Hashes of which only some bits are used, so that keys collide on purpose."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.mask = np.uint64(2**64 - 2 ** (64 - bits))

    def __call__(self, high: UInt64Array, low: UInt64Array) -> UInt64Array:
        """The first bits, which choose the bucket; tags are all the same."""
        return super().__call__(high, low) & self.mask


class Indexed:
    """An index with its keys, beside a dictionary."""

    def __init__(self, hash_bits: int = 64, slots: int = 1 << 15) -> None:
        self.keys = StoredKeys()
        hashing = KeyHashing() if hash_bits == 64 else FewHashes(hash_bits)
        self.index = BaleIndex(self.keys, NoColdKeys(), hashing, slots_first=slots)
        self.rows: dict[Key, int] = {}
        self.stop = 0

    def find(self, keys: list[Key]) -> list[int]:
        """Rows that the index gives."""
        high, low = keys_array(keys)
        rows: list[int] = self.index.find(high, low, self.index.hashes(high, low)).tolist()
        return rows

    def add(self, keys: list[Key]) -> None:
        """Adds those keys that are new, once each."""
        new = [key for key in dict.fromkeys(keys) if key not in self.rows]
        first, self.stop = self.stop, self.stop + len(new)
        here = slice(first, self.stop)
        self.rows |= {key: row for row, key in enumerate(new, first)}
        self.keys.high[here], self.keys.low[here] = keys_array(new)
        rows = np.arange(first, self.stop, dtype=np.int32)
        self.index.add(rows, self.index.hashes(self.keys.high[here], self.keys.low[here]))

    def remove(self, start: int, stop: int) -> None:
        """Removes rows, which are then not there any more."""
        self.index.remove(start, stop)
        self.keys.left[start:stop] = True
        self.rows = {key: row for key, row in self.rows.items() if not start <= row < stop}

    @property
    def tables(self) -> tuple[KeyTable, KeyTable | None]:
        """The table and the former one."""
        return self.index._table, self.index._former


def numbered(start: int, stop: int) -> list[Key]:
    return [(number, number * number) for number in range(start, stop)]


def not_ready(index: BaleIndex) -> bool:
    return index._next is None


keys = st.tuples(
    st.sampled_from([0, 1, 10**16 + 2021, 2**64 - 1]) | st.integers(0, 2**64 - 1),
    st.sampled_from([0, 1, 2**64 - 1]) | st.integers(0, 2**64 - 1),
)


@given(
    st.lists(st.lists(keys, max_size=20), max_size=8),
    st.sampled_from([0, 1, 3, 64]),
    st.sampled_from([16, 256]),
)
def test_the_index_finds_what_a_dictionary_finds(
    batches: list[list[Key]], bits: int, slots: int
) -> None:
    """With 0 bits all hashes are the same and every key walks past all others."""
    indexed = Indexed(bits, slots)
    for batch in batches:
        expected = [indexed.rows.get(key, NOT_FOUND) for key in batch]
        assert indexed.find(batch) == expected
        indexed.add(batch)
        assert indexed.find(batch) == [indexed.rows[key] for key in batch]
        assert len(indexed.index) == len(indexed.rows)


@pytest.mark.parametrize("bits", [64, 13])
def test_the_index_grows_past_its_first_size(bits: int) -> None:
    """The former table goes, and what is left is as full as it may be."""
    indexed = Indexed(bits)
    size = indexed.index.size_bytes
    indexed.add(numbered(0, 22_528))
    indexed.add(numbered(22_528, 23_000))
    assert indexed.index.size_bytes == 3 * size
    every = list(indexed.rows)[:: 1 if bits == 64 else 7]
    strange = [(high, low + 1) for high, low in every]
    for step in range(4):
        assert indexed.find(every) == [indexed.rows[key] for key in every]
        assert indexed.find(strange) == [NOT_FOUND] * len(strange)
        indexed.add([(1_000_000 + step, 0)])
    assert indexed.tables[1] is None
    assert indexed.index.size_bytes == 2 * size
    assert len(indexed.index) < indexed.tables[0].slots * 11 / 16


def test_a_table_that_grows_moves_a_little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No addition moves more than its share of the former table, and all of it is moved."""
    indexed = Indexed()
    indexed.add(numbered(0, 22_528))
    moved: list[int] = []
    move = indexed.index._move

    def note_and_move(rows: int) -> None:
        moved.append(rows)
        move(rows)

    monkeypatch.setattr(indexed.index, "_move", note_and_move)
    for number in range(22_528, 22_700):
        indexed.add(numbered(number, number + 1))
    assert moved == [MOVED_MIN] * 3
    assert indexed.find(numbered(0, 22_700)) == list(range(22_700))


@given(st.integers(0, 6), st.integers(1, 5_000))
def test_what_moves_is_found_at_every_moment(steps: int, size: int) -> None:
    """Also what is added while the former table is still there."""
    indexed = Indexed()
    indexed.add([(number, 7) for number in range(22_000)])
    for step in range(steps):
        indexed.add([(100_000 + step, number) for number in range(size)])
        some = [(0, 7), (21_999, 7), (15_000, 7), (100_000 + step, size - 1), (100_000, 0)]
        assert indexed.find(some) == [indexed.rows[key] for key in some]
        assert indexed.find([(100_000 + step, size)]) == [NOT_FOUND]


def test_an_index_that_starts_full_keeps_every_row() -> None:
    indexed = Indexed()
    indexed.add(numbered(0, 150_000))
    assert indexed.find(numbered(0, 150_000)[::997]) == list(range(0, 150_000, 997))


def test_room_is_made_for_what_is_loaded() -> None:
    """No table follows another while rows are loaded, of which not all are first."""
    indexed = Indexed()
    high, low = keys_array(numbered(0, 150_000))
    indexed.keys.high[:150_000], indexed.keys.low[:150_000] = high, low
    indexed.keys.is_first[:150_000:3] = False
    indexed.index.expect(100_000)
    table = indexed.tables[0]
    indexed.index.load(0, high, low, indexed.keys.is_first[:150_000])
    assert indexed.tables == (table, None)
    assert len(indexed.index) == 100_000
    rows = indexed.find(numbered(0, 150_000))
    assert rows == [row if row % 3 else NOT_FOUND for row in range(150_000)]


def test_a_table_made_ready_too_late_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index grew while its memory was made ready: the next table is of the next size."""
    indexed = Indexed()
    indexed.add(numbered(0, 22_000))
    with monkeypatch.context() as patch:
        patch.setattr(index_module, "populate", lambda _: indexed.add(numbered(22_000, 23_000)))
        indexed.index.reserve()
    late = indexed.index._next
    assert late is not None
    assert late.slots == indexed.tables[0].slots
    indexed.index.reserve()
    assert not_ready(indexed.index)
    indexed.add(numbered(23_000, 44_500))
    indexed.index.reserve()
    ready = indexed.index._next
    assert ready is not None
    indexed.add(numbered(44_500, 46_000))
    assert indexed.tables[0] is ready
    assert indexed.find(numbered(0, 46_000)) == list(range(46_000))


def test_what_moves_while_somebody_looks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The former table is emptied and left between a reader's look at the new one and at it."""
    indexed = Indexed()
    indexed.add(numbered(0, 22_000))
    index, find_in = indexed.index, indexed.index._find_in
    indexed.add(numbered(22_000, 23_000))
    assert indexed.tables[1] is not None

    def find_in_and_move(*args: Any) -> Any:
        found = find_in(*args)
        index._move(1 << 20)
        return found

    monkeypatch.setattr(index, "_find_in", find_in_and_move)
    assert indexed.find(numbered(0, 23_000)) == list(range(23_000))
    assert indexed.tables[1] is None


def test_what_is_removed_is_found_no_more_and_its_room_is_given_back() -> None:
    """Also rows whose keys are still to be moved; what lies behind them in a bucket stays."""
    indexed = Indexed(slots=1 << 10)
    indexed.add(numbered(0, 50_000))
    indexed.add(numbered(50_000, 90_000))
    indexed.add(numbered(90_000, 93_000))
    assert indexed.tables[1] is not None
    size = indexed.index.size_bytes
    for start in (20_000, 0, 40_000):
        gone = numbered(start, start + 20_000)
        indexed.remove(start, start + 20_000)
        assert indexed.find(gone) == [NOT_FOUND] * len(gone)
        assert indexed.find(list(indexed.rows)) == list(indexed.rows.values())
        assert len(indexed.index) == len(indexed.rows)
    assert indexed.index.size_bytes < size / 2
    indexed.add(numbered(0, 60_000))
    assert indexed.find(numbered(0, 60_000)) == list(range(93_000, 153_000))


def test_a_row_that_leaves_while_it_is_compared_is_looked_for_again() -> None:
    """It was taken out of the table before it left; then nothing is there to compare."""
    indexed = Indexed()
    indexed.add(numbered(0, 1_000))
    keys_at = indexed.keys.keys_at

    def leave(rows: RowArray) -> Any:
        if len(indexed.rows) == 1_000:
            indexed.remove(0, 500)
        return keys_at(rows)

    indexed.keys.keys_at = leave  # type: ignore[method-assign]  # it happens meanwhile
    assert indexed.find(numbered(0, 1_000)) == [NOT_FOUND] * 500 + list(range(500, 1_000))


def test_keys_with_both_tags_of_another_are_told_apart() -> None:
    """All hashes are the same: the first that is met is another's, and the search goes on."""
    indexed = Indexed(0, 64)
    indexed.add(numbered(1, 30))
    assert indexed.find(numbered(0, 40)) == [NOT_FOUND, *range(29), *[NOT_FOUND] * 10]


def test_a_full_table_goes_on_at_its_start() -> None:
    table = KeyTable(4 * SLOTS)
    hashes = np.full(25, 2**64 - 1, np.uint64)
    rows = np.arange(25, dtype=np.int32)
    table.place(rows, hashes)
    found = table.find(hashes, lambda places, found: found == 24 - places)
    assert found.tolist() == rows[::-1].tolist()
    assert table.remove(rows[3:5], hashes[3:5]) == 2
    assert table.remove(rows[3:5], hashes[3:5]) == 0
    assert table.find(hashes, lambda places, found: found == places).tolist() == [
        NOT_FOUND if row in (3, 4) else row for row in range(25)
    ]


def test_hashes_differ_from_start_to_start() -> None:
    """Nobody can prepare keys that collide."""
    one, two = np.asarray([1, 2, 3], np.uint64), np.asarray([4, 5, 6], np.uint64)
    assert KeyHashing()(one, two).tolist() != KeyHashing()(one, two).tolist()
