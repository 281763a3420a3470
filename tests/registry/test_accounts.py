"""Records that money needs, as frames at any revision, against a model that keeps every version."""

from __future__ import annotations

import threading
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from cotton.inspection.v1 import accounts_pb2
from cotton_server.registry import columns
from cotton_server.registry.account_records import (
    AREA,
    BALE_WEIGHT,
    DELIVERY,
    LAYOUTS,
    MARKET_PRICE,
)
from cotton_server.registry.accounts import (
    AREAS,
    BALE_WEIGHTS,
    DELIVERIES,
    KEPT_MAX,
    PRICES,
    AccountBook,
)
from cotton_server.registry.columns import NameColumn, NumberColumn
from hypothesis import given
from hypothesis import strategies as st

from tests.support.accounts import area, bale_weight, delivery, price
from tests.support.bales import LOT, bale
from tests.support.deciding import moment
from tests.support.histories import amendment

if TYPE_CHECKING:
    from collections.abc import Sequence


def put(book: AccountBook, position: int, kind: Any, *records: Any) -> None:
    """Puts records into force at a position."""
    book.add(kind, [LAYOUTS[kind].account(record) for record in records], moment(position))


def test_frames_have_their_columns_also_when_nothing_is_recorded() -> None:
    book = AccountBook()
    for frame, schema in (
        (book.deliveries(0, 2024), DELIVERIES),
        (book.areas(0, 2024), AREAS),
        (book.prices(0), PRICES),
        (book.bale_weights(0), BALE_WEIGHTS),
    ):
        assert (frame.height, frame.schema) == (0, schema)
    assert book.changed_at(DELIVERY, 7) == 0


def test_frames_are_of_their_season_sorted_and_in_words() -> None:
    book = AccountBook()
    put(book, 1, DELIVERY, delivery("b", weight=2), delivery("a", season=2023), delivery("B"))
    put(book, 2, AREA, area("U-2"), area("U-10", region="r"), area("U-1", season=2023))
    put(
        book,
        3,
        MARKET_PRICE,
        price("2024-10-05", basis=2, lot_no=LOT, volume=7),
        price("2024-10-05", mark="3128B"),
        price("1999-12-31", series="z"),
        price("2024-10-05"),
    )
    put(book, 4, BALE_WEIGHT, bale_weight(bale="2016/000000000009", unit=2), bale_weight(3))
    deliveries = book.deliveries(4, 2024)
    assert deliveries.schema == DELIVERIES
    assert deliveries.rows() == [
        ("D-B", "U-1", "兵团", "第八师", "121团", "65140", 300_000),
        ("D-b", "U-1", "兵团", "第八师", "121团", "65140", 2),
    ]
    assert book.deliveries(4, 2023)["delivery_no"].to_list() == ["D-a"]
    assert book.areas(4, 2024).schema == AREAS
    assert book.areas(4, 2024).rows() == [
        ("U-10", "r", "", "121团", 5_000),
        ("U-2", "", "", "121团", 5_000),
    ]
    day = (date(2024, 10, 5) - date(1970, 1, 1)).days
    assert book.prices(4).schema == PRICES
    assert book.prices(4).rows() == [
        ("xinjiang-purchase", day, "", "", "LINT", 1_450_000, 0),
        ("xinjiang-purchase", day, "", LOT, "SEED_COTTON", 1_450_000, 7),
        ("xinjiang-purchase", day, "3128B", "", "LINT", 1_450_000, 0),
        ("z", (date(1999, 12, 31) - date(1970, 1, 1)).days, "", "", "LINT", 1_450_000, 0),
    ]
    assert book.bale_weights(4).schema == BALE_WEIGHTS
    code = bale(3).code
    assert book.bale_weights(4).rows() == [
        (int(code[:16]), int(code[16:]), 22_700, False),
        (10**16 + 2016, 9, 22_700, True),
    ]


def test_a_revision_before_a_correction_gives_the_old_value() -> None:
    book = AccountBook()
    put(book, 2, AREA, area("U-1", area=10), area("U-2", area=20))
    put(book, 5, AREA, area("U-1", area=11, amendment=amendment(2)))
    put(book, 6, AREA, area("U-3", area=30))
    put(book, 8, AREA, area("U-1", area=12, amendment=amendment(5)))
    assert [book.areas(revision, 2024)["area"].to_list() for revision in range(1, 10)] == [
        [],
        [10, 20],
        [10, 20],
        [10, 20],
        [11, 20],
        [11, 20, 30],
        [11, 20, 30],
        [12, 20, 30],
        [12, 20, 30],
    ]
    assert [book.changed_at(AREA, revision) for revision in range(1, 10)] == [
        0, 2, 2, 2, 5, 6, 6, 8, 8,
    ]  # fmt: skip
    assert book.changed_at(DELIVERY, 9) == 0
    versions = book.table(AREA).versions("2024/U-1")
    assert [(each.position, each.record.values[-1]) for each in versions] == [
        (2, 10),
        (5, 11),
        (8, 12),
    ]
    assert [each.record.amendment for each in versions] == [None, amendment(2), amendment(5)]


def test_what_did_not_change_is_made_once_and_few_are_kept() -> None:
    book = AccountBook()
    for position in range(1, KEPT_MAX + 2):
        put(book, 2 * position, AREA, area(f"U-{position}"))
    assert book.areas(2, 2024) is book.areas(3, 2024)
    assert book.areas(2, 2024) is not book.areas(2, 2023)
    first = book.areas(2, 2024)
    for position in range(2, KEPT_MAX + 2):
        book.areas(2 * position, 2024)
    again = book.areas(2, 2024)
    assert again is not first
    assert again.equals(first)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 6), st.integers(1, 10**9)), min_size=1, max_size=4),
        max_size=12,
    )
)
def test_any_history_gives_at_every_revision_what_was_in_force(
    history: list[list[tuple[int, int]]],
) -> None:
    """Several versions at one position: the last counts."""
    book, model = AccountBook(), [dict[str, int]()]
    for position, records in enumerate(history, 1):
        put(book, position, AREA, *(area(f"U-{unit}", area=value) for unit, value in records))
        model.append({**model[-1], **{f"U-{unit}": value for unit, value in records}})
    for revision, expected in enumerate(model):
        found = book.areas(revision, 2024).select("traceability_unit", "area").rows()
        assert found == sorted(expected.items())


@pytest.mark.parametrize("sizes", [[5], [3, 4, 5], [4, 4], [1] * 9, [17]])
def test_columns_are_the_same_however_they_grew(
    sizes: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Across pieces, and a reader's beginning never changes."""
    monkeypatch.setattr(columns, "PIECE", 4)
    numbers, names = NumberColumn("uint64"), NameColumn()
    seen: list[int] = []
    for size in sizes:
        some = list(range(len(seen), len(seen) + size))
        numbers.extend(some)
        names.extend([str(each) for each in some])
        seen += some
    assert len(numbers) == len(seen)
    assert [numbers[row] for row in seen] == seen
    assert [names[row] for row in seen] == [str(each) for each in seen]
    for count in range(len(seen) + 1):
        assert numbers.first(count).tolist() == seen[:count]
        assert names.first(count).to_list() == [str(each) for each in seen[:count]]
        assert names.first(count).dtype == pl.String()


def test_a_message_that_can_bring_nothing_is_known() -> None:
    book = AccountBook()
    put(book, 1, BALE_WEIGHT, bale_weight(1))
    table = book.table(BALE_WEIGHT)
    assert table.has_first(bale_weight(1, net=5))
    assert not table.has_first(bale_weight(2))
    assert not table.has_first(bale_weight(1, amendment=amendment(1)))
    assert not table.has_first(accounts_pb2.BaleWeight(bale="no bale"))


def test_a_reader_beside_the_one_that_adds_sees_whole_revisions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever is being added meanwhile, across pieces and with corrections."""
    monkeypatch.setattr(columns, "PIECE", 16)
    book, published, last = AccountBook(), [0], 300

    def add() -> None:
        for position in range(1, last + 1):
            amends = amendment(position - 1) if position > 1 else None
            always = area("U-always", area=position, amendment=amends)
            put(book, position, AREA, always, area(f"U-{position:03d}", region=f"r{position}"))
            published[0] = position

    adding = threading.Thread(target=add)
    adding.start()
    try:
        revision = 0
        while revision < last:
            revision = published[0]
            frame = book.areas(revision, 2024)
            assert frame.height == revision + bool(revision)
            assert frame["area"].tail(1).to_list() == [revision] * bool(revision)
            expected = [f"r{number}" for number in range(1, revision + 1)]
            assert frame["region"].head(revision).to_list() == expected
    finally:
        adding.join()
