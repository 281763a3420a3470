"""The duplicate index against a plain dictionary, also when every hash is the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cotton_server.registry import index as index_module
from cotton_server.registry.index import MOVED_MIN, NOT_FOUND, BaleIndex
from hypothesis import given
from hypothesis import strategies as st

CAPACITY = 200_000

Key = tuple[int, int]


class Indexed:
    """An index with its key columns, beside a dictionary."""

    def __init__(self, hash_bits: int = 64) -> None:
        """With fewer bits, keys collide on purpose."""
        self.high = np.zeros(CAPACITY, np.uint64)
        self.low = np.zeros(CAPACITY, np.uint64)
        self.index = BaleIndex(self.high, self.low, slots_first=1 << 16)
        self.rows: dict[Key, int] = {}
        if hash_bits < 64:
            hashes, mask = self.index.hashes, np.uint64(2**hash_bits - 1)
            self.index.hashes = lambda high, low: hashes(high, low) & mask  # type: ignore[method-assign]  # keys that collide

    def find(self, keys: list[Key]) -> list[int]:
        """Rows that the index gives."""
        high, low = (np.asarray([key[side] for key in keys], np.uint64) for side in (0, 1))
        rows: list[int] = self.index.find(high, low, self.index.hashes(high, low)).tolist()
        return rows

    def add(self, keys: list[Key]) -> None:
        """Adds those keys that are new, once each."""
        new = [key for key in dict.fromkeys(keys) if key not in self.rows]
        first = len(self.rows)
        for row, key in enumerate(new, first):
            self.rows[key] = row
            self.high[row], self.low[row] = key
        stop = len(self.rows)
        rows = np.arange(first, stop, dtype=np.int32)
        self.index.add(rows, self.index.hashes(self.high[first:stop], self.low[first:stop]))


keys = st.tuples(
    st.sampled_from([0, 1, 10**16 + 2021, 2**64 - 1]) | st.integers(0, 2**64 - 1),
    st.sampled_from([0, 1, 2**64 - 1]) | st.integers(0, 2**64 - 1),
)


@given(st.lists(st.lists(keys, max_size=20), max_size=8), st.sampled_from([0, 1, 3, 64]))
def test_the_index_finds_what_a_dictionary_finds(batches: list[list[Key]], bits: int) -> None:
    """With 0 bits all hashes are the same and every key walks past all others."""
    indexed = Indexed(bits)
    for batch in batches:
        expected = [indexed.rows.get(key, NOT_FOUND) for key in batch]
        assert indexed.find(batch) == expected
        indexed.add(batch)
        assert indexed.find(batch) == [indexed.rows[key] for key in batch]
        assert len(indexed.index) == len(indexed.rows)


@pytest.mark.parametrize("bits", [64, 17])
def test_the_index_grows_past_its_first_size(bits: int) -> None:
    """At most half of the slots are taken, whatever the batches were; the former table goes."""
    indexed = Indexed(bits)
    size = indexed.index.size_bytes
    for start in range(0, 40_000, 8_000):
        indexed.add([(start + number, number * number) for number in range(8_000)])
    every = list(indexed.rows)[:: 1 if bits == 64 else 7]
    strange = [(high, low + 1) for high, low in every]
    sizes = [indexed.index.size_bytes]
    for step in range(4):
        assert indexed.find(every) == [indexed.rows[key] for key in every]
        assert indexed.find(strange) == [NOT_FOUND] * len(strange)
        indexed.add([(1_000_000 + step, 0)])
        sizes.append(indexed.index.size_bytes)
    assert sizes[0] == 3 * size
    assert sizes[-1] == 2 * size
    assert 2 * len(indexed.index) <= indexed.index.size_bytes // 4


def test_a_table_that_grows_moves_a_little_at_a_time() -> None:
    """No addition looks at more than its share of the former table, and all of it is moved."""
    indexed = Indexed()
    indexed.add([(number, 0) for number in range(32_768)])
    moved = []
    move = indexed.index._move
    indexed.index._move = lambda slots: (moved.append(slots), move(slots))[1]  # type: ignore[method-assign, func-returns-value]  # counts what is moved
    for number in range(32_768, 33_000):
        indexed.add([(number, 0)])
    assert moved == [MOVED_MIN] * 4
    every = [(number, 0) for number in range(33_000)]
    assert indexed.find(every) == list(range(33_000))


@given(st.integers(0, 6), st.integers(1, 5_000))
def test_what_moves_is_found_at_every_moment(steps: int, size: int) -> None:
    """Also what is added while the former table is still there."""
    indexed = Indexed()
    indexed.add([(number, 7) for number in range(32_000)])
    for step in range(steps):
        indexed.add([(100_000 + step, number) for number in range(size)])
        some = [(0, 7), (31_999, 7), (15_000, 7), (100_000 + step, size - 1), (100_000, 0)]
        assert indexed.find(some) == [indexed.rows[key] for key in some]
        assert indexed.find([(100_000 + step, size)]) == [NOT_FOUND]


def test_an_index_that_starts_full_keeps_every_row() -> None:
    indexed = Indexed()
    indexed.add([(number, 0) for number in range(150_000)])
    assert indexed.find([(number, 0) for number in range(0, 150_000, 997)]) == list(
        range(0, 150_000, 997)
    )


def test_a_table_made_ready_too_late_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index grew while its memory was made ready: the next table is of the next size."""
    indexed = Indexed()
    indexed.add([(number, 0) for number in range(32_000)])
    with monkeypatch.context() as patch:
        patch.setattr(
            index_module,
            "populate",
            lambda _: indexed.add([(number, 0) for number in range(32_000, 33_000)]),
        )
        indexed.index.reserve()
    late = indexed.index._next
    assert late is not None
    assert len(late) == len(indexed.index._slots)
    indexed.index.reserve()
    assert indexed.index._next is not late
    indexed.add([(number, 0) for number in range(33_000, 65_000)])
    indexed.index.reserve()
    ready = indexed.index._next
    assert ready is not None
    indexed.add([(number, 0) for number in range(65_000, 66_000)])
    assert indexed.index._slots is ready
    assert indexed.find([(number, 0) for number in range(66_000)]) == list(range(66_000))


def test_what_moves_while_somebody_looks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The former table is emptied and left between a reader's look at the new one and at it."""
    indexed = Indexed()
    indexed.add([(number, 0) for number in range(33_000)])
    find_in, index = index_module.BaleIndex._find_in, indexed.index
    indexed.add([(number, 1) for number in range(32_600)])
    former = index._former
    assert former is not None

    def find_in_and_move(*args: Any) -> Any:
        found = find_in(index, *args)
        index._move(1 << 20)
        return found

    monkeypatch.setattr(index, "_find_in", find_in_and_move)
    every = list(indexed.rows)
    assert indexed.find(every) == list(range(len(every)))
    assert index._former is not former
    assert index.size_bytes == index._slots.nbytes


def test_hashes_differ_from_start_to_start() -> None:
    """Nobody can prepare keys that collide."""
    one, two = np.asarray([1, 2, 3], np.uint64), np.asarray([4, 5, 6], np.uint64)
    first, second = Indexed().index, Indexed().index
    assert first.hashes(one, two).tolist() != second.hashes(one, two).tolist()
