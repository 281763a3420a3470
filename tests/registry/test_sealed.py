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
from cotton_server.registry.key_filter import KeyFilter

from tests.support.stored_rows import FakePart, Key, Rows, as_bales, code, keys_array, usda

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CAPACITY = 100_000


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


def parts_of(*keys: Sequence[Key]) -> tuple[BaleStore, Rows, list[FakePart]]:
    """A store with a part on disk for each of these."""
    store, rows, parts = BaleStore(CAPACITY, block_bits=8), Rows(), []
    for each in keys:
        start = len(rows)
        rows.add(each)
        parts.append(rows.part(start, len(rows)))
    store.add_sealed(*parts, resident=False)
    return store, rows, parts


def mistyped(part: int, number: int) -> Key:
    """A bale of which nearly half have a date that is another each time."""
    day = (1000 * part + number) * 7919 % 10**6 if number < 400 else 210900 + part
    return code(part, second=number, day=day)


KINDS: dict[str, Callable[[int, int], Key]] = {
    "codes without dates": lambda part, number: code(number, gin=65001 + part, day=0),
    "codes of one day": lambda part, number: code(number, gin=65001 + part),
    "mistyped dates": mistyped,
    "USDA bales": lambda part, number: usda(10**7 * (number % 5) + 1000 * part + number),
}


@pytest.mark.parametrize("kind", KINDS)
def test_new_bales_read_no_part_whatever_their_codes(kind: str) -> None:
    """Bales that are there read the part that has them."""
    parts, count = 6, 900
    of = [[KINDS[kind](part, number) for number in range(count)] for part in range(parts + 1)]
    store, rows, fakes = parts_of(*of[:-1])
    assert find(store, of[-1]) == [NOT_FOUND] * count
    assert [part.reads for part in fakes] == [[]] * parts
    asked = [*of[-1][::50], *of[4][::50]]
    assert find(store, asked) == [rows.first_of.get(key, NOT_FOUND) for key in asked]
    assert [part.reads for part in fakes] == [[], [], [], [], ["keys"], []]


@pytest.mark.parametrize("kind", ["mistyped dates", "USDA bales"])
def test_new_bales_that_lie_apart_are_not_even_looked_for(kind: str) -> None:
    """No batch of them waits until somebody has looked on the disk."""
    of = [[KINDS[kind](part, number) for number in range(900)] for part in range(7)]
    store, _, _ = parts_of(*of[:-1])
    new = of[-1][400:]
    assert not store.may_be_on_disk(*keys_array(new))
    assert store.may_be_on_disk(*keys_array([*new, of[0][-1]]))


def test_what_is_found_is_not_lost_where_another_part_has_the_same_hashes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody may have made keys so."""
    for name in ("cold", "key_filter"):
        monkeypatch.setattr(
            f"cotton_server.registry.{name}.key_hashes", lambda high, _low: high & np.uint64(1)
        )
    of = [[code(number, gin=gin, day=0) for number in range(50)] for gin in (1, 2, 3)]
    store, _, parts = parts_of(*of)
    new = [code(number, day=0) for number in range(50, 60)]
    assert find(store, [*of[2], *new, *of[0]]) == [
        *range(100, 150),
        *[NOT_FOUND] * 10,
        *range(50),
    ]
    assert [part.reads for part in parts] == [["keys"]] * 3


def test_parts_are_found_in_whatever_order_they_were_released() -> None:
    store, rows, parts = BaleStore(CAPACITY, block_bits=8), Rows(), list[FakePart]()
    of = [[code(number, day=240901 + part) for number in range(300)] for part in range(5)]
    for each in of:
        start = len(rows)
        store.append(as_bales(rows.add(each), store))
        parts.append(rows.part(start, len(rows)))
        store.note_sealed(parts[-1])
    for number in (3, 0, 4, 1, 2):
        store.release(parts[number])
        asked = [key for each in of for key in each[::7]]
        assert find(store, asked) == [rows.first_of[key] for key in asked]
    assert [part.first_row for part in store._cold.parts] == [0, 300, 600, 900, 1200]


def test_what_was_not_asked_for_longest_goes_first() -> None:
    store, rows, parts = seasons(210901, 220901, 230901, count=2000, cold_bytes_max=300_000)
    for day, row in ((0, 0), (1, 2000), (0, 1), (2, 4000), (0, 2), (1, 2001)):
        assert store.position[row] == day + 1
    assert [len(part.reads) for part in parts] == [1, 2, 1]
    assert store.cold_bytes <= 150_000
    assert store.high[:].tolist() == rows.columns["high"].tolist()


def test_who_reads_all_rows_drives_no_keys_out() -> None:
    store, rows, parts = seasons(210901, 220901, 230901, count=2000, cold_bytes_max=300_000)
    assert find(store, [code(7, day=210901)]) == [7]
    assert store.high[:].tolist() == rows.columns["high"].tolist()
    assert find(store, [code(8, day=210901)]) == [8]
    assert parts[0].reads == ["keys", "rows"]


def test_filters_that_take_memory_count_and_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those on disk are no burden, however many there are."""
    asked: list[int] = []
    taken: dict[int, int] = {0: 0, 500: 2000, 1000: 2000}

    def filtering(part: FakePart) -> KeyFilter:
        asked.append(part.first_row)
        made = KeyFilter.of(*part._firsts())
        return KeyFilter(made.words, made.hashes, taken[part.first_row])

    monkeypatch.setattr(FakePart, "filter", filtering)
    store, _, _ = seasons(210901, 220901, 230901, cold_bytes_max=7000)
    for day in (210901, 220901, 230901, 210901, 230901, 220901):
        assert find(store, [code(10_000, day=day)]) == [NOT_FOUND]
        assert store.cold_bytes <= 3500
    assert asked == [0, 500, 1000, 500]


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
