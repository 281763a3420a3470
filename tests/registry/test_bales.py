"""The store against plain arrays and a dictionary, whatever lies where and however it is packed."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
from cotton_server.domain.fields import ABSENT, VALUE_FIELD_NAMES
from cotton_server.registry import index as index_module
from cotton_server.registry.bale_columns import NAMES, REFERENCES, TYPES
from cotton_server.registry.bales import BaleStore
from cotton_server.registry.index import NOT_FOUND
from cotton_server.registry.runs import rows_of
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.support.stored_rows import FakePart, Key, Rows, as_bales, code, keys_array, usda

CAPACITY = 4096
BLOCK_BITS = 6

keys = st.one_of(
    st.builds(code, st.integers(0, 400), day=st.sampled_from([240930, 241001, 230115])),
    st.builds(usda, st.integers(0, 60), st.sampled_from([2020, 2021])),
    st.tuples(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**64 - 1])),
)
batches = st.lists(keys, min_size=1, max_size=150) | st.builds(
    lambda first, count: [code(first + n, second=n * 50) for n in range(count)],
    st.integers(1000, 5000),
    st.integers(1, 300),
)


class Storing(RuleBasedStateMachine):
    """Rows come, are packed, are sealed and let go, in any order, and are read all the time."""

    def __init__(self) -> None:
        super().__init__()
        # Few are moved at a time, so that lookups meet tables that are being moved.
        self.patches = [
            patch.object(index_module, name, number)
            for name, number in (("MOVED_MIN", 2), ("_MOVED_PER_ROW", 1), ("AT_ONCE", 16))
        ]
        for each in self.patches:
            each.start()
        self.rows = Rows()
        self.store = BaleStore(
            CAPACITY, cold_bytes_max=60_000, block_bits=BLOCK_BITS, slots_first=64
        )
        self.in_memory: list[FakePart] = []
        self.sealed_to = 0

    def teardown(self) -> None:
        """Undoes what was patched."""
        for each in self.patches:
            each.stop()

    @initialize(parts=st.lists(st.tuples(st.lists(batches, max_size=3), st.booleans()), max_size=4))
    def start(self, parts: list[tuple[list[list[Key]], bool]]) -> None:
        """Parts that lie on disk at a start, some of them read into memory."""
        for part_batches, resident in parts:
            first = len(self.rows)
            for batch in part_batches:
                self.rows.add(batch)
            part = self.rows.part(first, len(self.rows))
            self.store.add_sealed(part, resident=resident)
            if resident:
                self.in_memory.append(part)
        self.sealed_to = len(self.rows)

    @precondition(lambda self: len(self.rows) < CAPACITY - 300)
    @rule(batch=batches)
    def append(self, batch: list[Key]) -> None:
        """Readings come."""
        self.store.append(as_bales(self.rows.add(batch), self.store))

    @rule()
    def pack(self) -> None:
        """The thread that packs looks."""
        self.store.reserve()

    @precondition(lambda self: self.sealed_to < len(self.rows))
    @rule(data=st.data())
    def seal(self, data: st.DataObject) -> None:
        """Rows that are here lie on disk too."""
        stop = data.draw(st.integers(self.sealed_to + 1, len(self.rows)))
        part = self.rows.part(self.sealed_to, stop)
        self.store.note_sealed(part)
        self.in_memory.append(part)
        self.sealed_to = stop

    @precondition(lambda self: self.in_memory)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """They leave memory, in whatever order."""
        number = data.draw(st.integers(0, len(self.in_memory) - 1))
        self.store.release(self.in_memory.pop(number))

    @precondition(lambda self: len(self.rows) > 0)
    @rule(data=st.data(), names=st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    def read_rows(self, data: st.DataObject, names: list[str]) -> None:
        """Rows in any order, often the same again."""
        row = st.integers(0, len(self.rows) - 1)
        some = data.draw(st.lists(row, max_size=8) | st.lists(row, max_size=120))
        where = np.asarray(some, data.draw(st.sampled_from([np.int32, np.int64])))
        found = self.store.read(names, where)
        for name in names:
            assert found[name].dtype == TYPES[name]
            assert found[name].tolist() == self.rows.columns[name][where].tolist()

    @precondition(lambda self: len(self.rows) > 0)
    @rule(data=st.data(), name=st.sampled_from(NAMES))
    def read_column(self, data: st.DataObject, name: str) -> None:
        """A slice and one row."""
        column, expected = self._column(name), self.rows.columns[name]
        start, stop = (data.draw(st.integers(0, len(self.rows))) for _ in range(2))
        assert column[start:stop].tolist() == expected[start:stop].tolist()
        assert column[:].dtype == expected.dtype
        row = data.draw(st.integers(0, len(self.rows) - 1))
        assert column[row] == expected[row]
        assert type(column[row]) is type(expected[row])

    @rule(data=st.data())
    def frame(self, data: st.DataObject) -> None:
        """Ranges in any order."""
        row = st.integers(0, len(self.rows))
        ranges = data.draw(st.lists(st.tuples(row, row), max_size=6))
        runs = np.asarray(
            [sorted(each) for each in ranges if each[0] != each[1]], np.int32
        ).reshape(-1, 2)
        frame, rows = self.store.frame(runs), rows_of(runs)
        assert frame["row"].to_list() == rows.tolist()
        for name in (*VALUE_FIELD_NAMES, *REFERENCES, "inspected_at_s"):
            expected = self.rows.columns[name][rows].tolist()
            if name in VALUE_FIELD_NAMES:
                expected = [None if value == ABSENT else value for value in expected]
            assert frame[name].to_list() == expected
        is_usda = self.rows.columns["high"][rows] >= np.uint64(10**16)
        assert frame["is_usda"].to_list() == is_usda.tolist()

    @rule(wanted=st.lists(keys, max_size=30))
    def find(self, wanted: list[Key]) -> None:
        """Keys, most of which are not there."""
        high, low = keys_array(wanted)
        found = self.store.index.find(high, low, self.store.index.hashes(high, low))
        assert found.dtype == np.int32
        assert found.tolist() == [self.rows.first_of.get(key, NOT_FOUND) for key in wanted]

    @rule(data=st.data())
    def find_all(self, data: st.DataObject) -> None:
        """Every key at some time, of any part."""
        step = data.draw(st.integers(1, 7))
        self.find(list(self.rows.first_of)[::step])

    @invariant()
    def counts(self) -> None:
        """Nothing is lost or counted twice."""
        assert self.store.count == len(self.rows)
        assert len(self.store.index) == len(self.rows.first_of)

    def _column(self, name: str) -> Any:
        store = self.store
        return store.values.get(name) or store.references.get(name) or getattr(store, name)


TestStoring = Storing.TestCase
TestStoring.settings = settings(stateful_step_count=30, deadline=None)
