"""The registry's books: lots with their runs, texts, the bale store and its frame."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from cotton.inspection.v1 import lots_pb2
from cotton_server.domain.fields import VALUE_FIELDS
from cotton_server.intake.decode import BatchLimits, decode
from cotton_server.registry.lifecycle import LotState, Moment, plain_standing
from cotton_server.registry.lots import LotBook, LotEntry
from cotton_server.registry.records import Version
from cotton_server.registry.registry import Registry
from cotton_server.registry.texts import TextBook
from hypothesis import given
from hypothesis import strategies as st

from tests.support import deciding
from tests.support.bales import LOT, OTHER_LOT, Bale, bale, batch, usda_bale

if TYPE_CHECKING:
    import random


def store(registry: Registry, *batches: list[Bale]) -> None:
    """Decides and applies each batch."""
    for bales in batches:
        deciding.store(registry, decode(batch(bales), BatchLimits(1000)))


def test_rows_of_a_lot_that_touch_are_one_run() -> None:
    lot = LotEntry(0, LOT, 2016)
    for start, stop in ((0, 3), (3, 4), (6, 7), (7, 9)):
        lot.add_run(start, stop)
    assert lot.runs.tolist() == [0, 4, 6, 9]


@given(st.lists(st.integers(1, 3), max_size=30), st.randoms(use_true_random=False))
def test_runs_are_the_same_in_whatever_order_they_are_added(
    sizes: list[int], order: random.Random
) -> None:
    """Some touch and some do not; whatever touches is one run in the end."""
    stops = np.cumsum(sizes).tolist()
    added = [(stop - size, stop) for size, stop in zip(sizes, stops, strict=True) if size < 3]
    in_order, shuffled = LotEntry(0, LOT, 2016), LotEntry(1, LOT, 2016)
    for each in added:
        in_order.add_run(*each)
    order.shuffle(added)
    for each in added:
        shuffled.add_run(*each)
    rows = [row for start, stop in sorted(added) for row in range(start, stop)]
    flat = shuffled.runs.tolist()
    ranges = list(zip(flat[::2], flat[1::2], strict=True))
    assert [row for start, stop in ranges for row in range(start, stop)] == rows
    assert all(stop < following for stop, following in pairwise(flat[1:]))
    assert flat == in_order.runs.tolist()


def test_no_row_of_a_batch_costs_a_pass_over_the_runs() -> None:
    """Every second row of a batch first, then those between: what corrections look like."""
    lot = LotEntry(0, LOT, 2016)
    work = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal work
        work += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        for first in (0, 1):
            for row in range(first, 2000, 2):
                lot.add_run(row, row + 1)
    finally:
        sys.setprofile(None)
    assert lot.runs.tolist() == [0, 2000]
    assert work < 2000 * 10


def runs(*ranges: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Ranges of rows as the store takes them."""
    return np.asarray(ranges, np.int32).reshape(-1, 2)


@pytest.mark.parametrize(
    ("revision", "count", "ranges", "registered", "weighed"),
    [
        (0, 0, [], False, False),
        (1, 2, [(0, 2)], False, False),
        (2, 4, [(0, 3)], True, False),
        (3, 8, [(0, 3), (5, 8)], True, True),
        (9, 99, [(0, 3), (5, 9)], True, True),
    ],
)
def test_a_lot_is_seen_as_it_was_at_a_revision(
    revision: int, count: int, ranges: list[tuple[int, int]], registered: bool, weighed: bool
) -> None:
    lot = LotEntry(0, LOT, 2016)
    lot.registrations = lot.registrations.plus(Version(2, 0, lots_pb2.Lot()))
    lot.weights = lot.weights.plus(Version(3, 0, lots_pb2.LotWeight()))
    lot.course.step(Moment(1, 0), plain_standing(LotState.READ))
    lot.add_run(0, 3)
    lot.add_run(5, 9)
    seen = lot.at(revision, count)
    assert seen.runs.tolist() == [list(each) for each in ranges]
    assert seen.bales == sum(stop - start for start, stop in ranges)
    assert (seen.registration is not None, seen.weight is not None) == (registered, weighed)
    assert seen.exists == (revision > 0)


def test_lots_are_numbered_by_first_mention_and_apart_by_season() -> None:
    book = LotBook()
    assert [book.enter(LOT, 2016), book.enter("", 2021), book.enter("", 2022)] == [0, 1, 2]
    assert book.enter(LOT, 2016) == 0
    assert book.number_of("", 2022) == 2
    assert book.number_of("", 2023) is None
    assert (len(book), [lot.lot_no for lot in book]) == (3, [LOT, "", ""])


def test_the_empty_text_has_number_zero() -> None:
    book = TextBook()
    assert (book.number_of(""), book.enter("a"), book.enter("a"), len(book)) == (0, 1, 1, 2)
    assert book.number_of("b") is None
    assert (book[0], book[1]) == ("", "a")


def test_the_frame_gives_the_rows_asked_for_with_nulls_where_nothing_was_read() -> None:
    registry = Registry(bales_max=10)
    store(registry, [bale(n).but(rd=None if n % 2 else 8000 + n) for n in range(6)])
    frame = registry.bales.frame(runs((1, 3), (5, 6)))
    assert frame["row"].to_list() == [1, 2, 5]
    assert frame["rd"].to_list() == [None, 8002, None]
    assert frame["length"].to_list() == [2820] * 3
    assert registry.bales.frame(runs()).height == 0
    assert registry.bales.frame(runs((0, 2), (2, 6)))["row"].to_list() == [*range(6)]
    out_of_order = registry.bales.frame(runs((0, 1), (5, 6), (2, 3)))
    assert out_of_order["row"].to_list() == [0, 5, 2]
    assert out_of_order["rd"].to_list() == [8000, None, 8002]
    assert [field.name for field in VALUE_FIELDS] == frame.columns[5:-2]


def test_bales_without_a_lot_are_kept_together_by_crop_year() -> None:
    registry = Registry(bales_max=10)
    store(registry, [usda_bale(1), usda_bale(2, crop_year=2022), usda_bale(3), bale(4)])
    lots = {(lot.lot_no, lot.season): lot.runs.tolist() for lot in registry.lots}
    assert lots == {("", 2021): [0, 1, 2, 3], ("", 2022): [1, 2], (LOT, 2016): [3, 4]}


def test_lots_that_were_touched_after_a_revision_are_named() -> None:
    registry = Registry(bales_max=10)
    store(registry, [bale(1)], [bale(2, OTHER_LOT)], [bale(3)])
    assert [lot.changed_at for lot in registry.lots] == [3, 2]
    since = [registry.lots.changed_since(revision) for revision in range(5)]
    assert since == [[0, 1], [0, 1], [0], [], []]


def test_the_count_at_a_revision_is_that_of_the_bales_stored_until_then() -> None:
    registry = Registry(bales_max=10)
    store(registry, [bale(1), bale(2)], [bale(1)], [bale(3)])
    assert [registry.rows_at(revision) for revision in range(5)] == [0, 2, 2, 3, 3]
