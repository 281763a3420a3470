"""Parts on disk: read when asked for, once, kept for a while, and never for keys of other times."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cotton_server.registry.bales import BaleStore
from cotton_server.registry.index import NOT_FOUND
from cotton_server.registry.sealed import KEY_RANGES_MAX, KeyRange, key_numbers, key_ranges
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stored_rows import FakePart, Key, Rows, as_bales, code, keys_array, usda

if TYPE_CHECKING:
    from collections.abc import Sequence

CAPACITY = 100_000

numbers = st.integers(0, 2**64 - 1) | st.integers(0, 10**16 + 2100)


@given(st.lists(st.tuples(numbers, numbers), max_size=200), st.tuples(numbers, numbers))
def test_a_key_outside_of_all_ranges_is_not_among_the_keys(keys: list[Key], other: Key) -> None:
    ranges = key_ranges(*keys_array(keys))
    assert len(ranges) <= KEY_RANGES_MAX
    assert all(each.first <= each.last for each in ranges)
    firsts = [each.first for each in ranges]
    assert firsts == sorted(firsts)
    within = [
        any(each.first <= number <= each.last for each in ranges)
        for number in key_numbers(*keys_array([*keys, other])).tolist()
    ]
    assert all(within[:-1])
    assert within[-1] or other not in keys


def test_ranges_are_apart_by_the_widest_gaps() -> None:
    """A hundred days, of which all but two are close to another."""
    days = [230101 + day for day in range(0, 198, 2)] + [230901, 991231]
    ranges = key_ranges(*keys_array([code(1, day=day) for day in days]))
    assert len(ranges) == KEY_RANGES_MAX
    assert ranges[-1] == KeyRange(991231_000000, 991231_000000)
    assert ranges[-2] == KeyRange(230901_000000, 230901_000000)
    assert key_ranges(*keys_array([usda(7), usda(9), usda(1, 2022)])) == (
        KeyRange(10**12 + 2021, 10**12 + 2022),
    )


def seasons(*days: int, count: int = 500, **limits: Any) -> tuple[BaleStore, Rows, list[FakePart]]:
    """A store whose parts, one of each day, lie on disk."""
    store, rows, parts = BaleStore(CAPACITY, block_bits=8, **limits), Rows(), []
    for day in days:
        start = len(rows)
        rows.add([code(number, day=day) for number in range(count)])
        parts.append(rows.part(start, len(rows)))
        store.add_sealed(parts[-1], resident=False)
    return store, rows, parts


def find(store: BaleStore, keys: Sequence[Key]) -> list[int]:
    high, low = keys_array(keys)
    found: list[int] = store.index.find(high, low, store.index.hashes(high, low)).tolist()
    return found


def test_parts_on_disk_cost_nothing_until_they_are_asked_for() -> None:
    store, rows, parts = seasons(210901, 220901, 230901)
    assert (store.count, len(store.index), store.resident_bytes) == (1500, 1500, 0)
    store.append(as_bales(rows.add([code(n, day=240901) for n in range(500)]), store))
    assert find(store, [code(n, day=240901) for n in range(400, 600)]) == [
        *range(1900, 2000),
        *[NOT_FOUND] * 100,
    ]
    assert [part.reads for part in parts] == [[], [], []]
    assert find(store, [code(7, day=220901), code(500, day=220901)]) == [507, NOT_FOUND]
    assert [part.reads for part in parts] == [[], ["keys"], []]
    assert store.values["rd"][1200:1210].tolist() == rows.columns["rd"][1200:1210].tolist()
    assert [part.reads for part in parts] == [[], ["keys"], ["rows"]]
    assert store.resident_bytes > 0


def test_what_was_not_asked_for_longest_goes_first() -> None:
    store, rows, parts = seasons(210901, 220901, 230901, count=2000, cold_bytes_max=200_000)
    for day, row in ((0, 0), (1, 2000), (0, 1), (2, 4000), (0, 2), (1, 2001)):
        assert store.position[row] == day + 1
    assert [len(part.reads) for part in parts] == [1, 2, 1]
    assert store.resident_bytes - store._blocks.size_bytes <= 250_000
    assert store.high[:].tolist() == rows.columns["high"].tolist()


def test_one_part_is_kept_whatever_it_takes() -> None:
    store, _, parts = seasons(210901, 220901, cold_bytes_max=1)
    for _ in range(3):
        assert find(store, [code(7, day=210901)]) == [7]
    assert parts[0].reads == ["keys"]


def test_two_who_ask_at_once_read_a_part_once() -> None:
    store, _, (part,) = seasons(210901)
    read, together = part.read, threading.Barrier(4)

    def slowly() -> Any:
        time.sleep(0.05)
        return read()

    part.read = slowly  # type: ignore[method-assign]  # as a disk does

    def ask(row: int) -> Any:
        together.wait()
        return store.position[row]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [1] * 4
    assert part.reads == ["rows"]


def test_a_part_that_cannot_be_read_is_read_again_when_it_is_asked_for_again() -> None:
    store, _, (part,) = seasons(210901)
    read = part.read

    def fail() -> Any:
        raise OSError("the disk is gone")

    part.read = fail  # type: ignore[method-assign]  # for a while
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is gone"):
            store.position[3]
    part.read = read  # type: ignore[method-assign]  # it is there again
    assert store.position[3] == 1


def test_parts_are_added_in_order_and_released_when_they_are_known() -> None:
    store, rows, _ = seasons(210901)
    rows.add([code(1, day=230901)])
    with pytest.raises(ValueError, match="sealed rows from 400 on"):
        store.add_sealed(rows.part(400, 501), resident=True)
    with pytest.raises(ValueError, match="sealed rows up to 501"):
        store.note_sealed(rows.part(500, 501))
    store.append(as_bales(rows.part(500, 501).columns, store))
    part = rows.part(500, 501)
    with pytest.raises(ValueError, match="not noted"):
        store.release(part)
    store.note_sealed(part)
    store.release(part)
    store.release(part)
    assert find(store, [code(1, day=230901)]) == [500]
    assert part.reads == ["keys"]
    small = BaleStore(400)
    with pytest.raises(ValueError, match="up to 500 are more than the 400"):
        small.add_sealed(rows.part(0, 500), resident=True)
    with pytest.raises(IndexError):
        store.position[501]
    with pytest.raises(IndexError):
        store.position[np.asarray([-1])]


def test_memory_of_what_is_released_is_given_back() -> None:
    """Packed or not; only blocks in which other rows lie stay."""
    store, rows = BaleStore(CAPACITY, block_bits=8), Rows()
    parts = []
    for day in range(8):
        start = len(rows)
        store.append(as_bales(rows.add([code(n, day=240901 + day) for n in range(999)]), store))
        parts.append(rows.part(start, len(rows)))
        store.note_sealed(parts[-1])
        if day == 4:
            store.reserve()
    held = store._blocks._packed_bytes
    assert held > 0
    for part in parts[:-1]:
        store.release(part)
    assert store._blocks._packed_bytes == 0
    assert store.resident_bytes < 15 * 256 * 79
    assert find(store, [code(998, day=240908), code(1, day=240902)]) == [7991, 1000]
    assert store.high[:].tolist() == rows.columns["high"].tolist()


BATCHES = 120
NAMES = ("high", "low", "rd", "lot", "batch_row", "is_first", "inspected_at_s")


class Crowd:
    """A store that is appended to, packed, sealed, released and read, all at the same time."""

    def __init__(self) -> None:
        self.store = BaleStore(CAPACITY, block_bits=8, cold_bytes_max=100_000, slots_first=256)
        self.rows = Rows()
        self.sizes = [300 + number for number in range(BATCHES)]
        for number, size in enumerate(self.sizes):
            self.rows.add([code(n, day=230101 + number) for n in range(size)])
        self.stop = len(self.rows)
        self.done = threading.Event()
        self.failures: list[Any] = []

    def append(self) -> None:
        """Appends everything."""
        first = 0
        for size in self.sizes:
            part = self.rows.part(first, first + size)
            self.store.append(as_bales(part.columns, self.store))
            first += size

    def pack(self) -> None:
        """Packs what is full."""
        while not self.done.is_set():
            self.store.reserve()

    def seal(self) -> None:
        """Notes what is there as sealed, and releases it soon after."""
        first, parts = 0, list[FakePart]()
        while first < self.stop or parts:
            if first < self.stop and self.store.count - first > 700:
                parts.append(self.rows.part(first, first + 650))
                self.store.note_sealed(parts[-1])
                first += 650
            elif self.store.count == self.stop:
                first = self.stop
            if parts and (len(parts) > 3 or first == self.stop):
                self.store.release(parts.pop(0))

    def read(self, seed: int) -> None:
        """Reads anything, in any way."""
        choose = random.Random(seed)  # noqa: S311 - reproducible places
        while not self.done.is_set():
            count = self.store.count
            if count < 10:
                continue
            first = choose.randrange(count)
            self._check(slice(first, min(count, first + choose.choice([1, 40, 2000]))), count)
            some = [choose.randrange(count) for _ in range(choose.choice([1, 200]))]
            self._check(np.asarray(some), count)

    def _check(self, where: Any, count: int) -> None:
        found = self.store.read(NAMES, where)
        for name in NAMES:
            if found[name].tolist() != self.rows.columns[name][where].tolist():
                self.failures.append((name, where))
        high, low = found["high"], found["low"]
        index = self.store.index.find(high, low, self.store.index.hashes(high, low))
        if index.tolist() != np.arange(count)[where].tolist():
            self.failures.append(("index", where))

    def guarded(self, work: Any, *arguments: Any) -> None:
        """Does something, and keeps what went wrong."""
        try:
            work(*arguments)
        except BaseException as error:
            self.failures.append((repr(error), work))
            raise


def test_readers_see_the_same_rows_while_all_is_packed_sealed_and_released() -> None:
    """Whoever reads meanwhile gets what was appended, wherever it lies just now."""
    crowd = Crowd()

    def thread(*work: Any) -> threading.Thread:
        return threading.Thread(target=crowd.guarded, args=work)

    writers = [thread(crowd.append), thread(crowd.seal)]
    others = [thread(crowd.pack), *(thread(crowd.read, seed) for seed in range(3))]
    for each in (*others, *writers):
        each.start()
    for each in writers:
        each.join(120)
    crowd.done.set()
    for each in others:
        each.join(120)
    assert crowd.failures == []
    assert crowd.store.count == crowd.stop
    assert len(crowd.store.index) == len(crowd.rows.first_of)
