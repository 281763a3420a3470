"""Bytes to readings: both shapes mean the same, and nothing but a typed error comes of garbage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import ingest_pb2, lots_pb2, readings_pb2
from cotton_server.domain.fields import VALUE_FIELD_NAMES
from cotton_server.domain.readings import RAW_ABSENT, column_of, concatenated
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.decode import BatchLimits, decode, parse
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.bales import (
    LOT,
    Bale,
    any_bales,
    append_request,
    bale,
    batch,
    columns,
    key_of,
    usda_bale,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

LIMITS = BatchLimits(bales_max=100)


def refused(made: readings_pb2.ReadingBatch) -> ServiceError:
    """The error that a batch is refused with, after a way over the wire."""
    with pytest.raises(ServiceError) as caught:
        decode(parse(readings_pb2.ReadingBatch, made.SerializeToString()), LIMITS)
    return caught.value


@given(any_bales())
def test_rows_and_columns_decode_to_the_same_table(bales: list[Bale]) -> None:
    as_rows = decode(batch(bales, shape="rows"), LIMITS)
    as_columns = decode(batch(bales, shape="columns"), LIMITS)
    assert as_rows.same_content(as_columns)
    assert as_columns.same_content(as_rows)
    for table in (as_rows, as_columns):
        assert not table.malformed
        assert list(zip(table.high.tolist(), table.low.tolist(), strict=True)) == [
            key_of(each) for each in bales
        ]
        for name in VALUE_FIELD_NAMES:
            sent = [each.values.get(name, RAW_ABSENT) for each in bales]
            # The one number that means "absent" is no measure: it stays a value, out of range.
            allowed = [
                {value, RAW_ABSENT + 1} if name in each.values and value == RAW_ABSENT else {value}
                for value, each in zip(sent, bales, strict=True)
            ]
            received = column_of(table, name).tolist()
            assert all(value in each for value, each in zip(received, allowed, strict=True))
        for name in ("lot_no", "standard", "laboratory", "instrument"):
            assert table.texts[name].spelled_out() == [getattr(each, name) for each in bales]
        assert table.inspected_at_s.tolist() == [each.inspected_at_s for each in bales]


@given(any_bales(), any_bales())
def test_tables_below_each_other_hold_the_rows_of_both(one: list[Bale], two: list[Bale]) -> None:
    together = concatenated(
        [decode(batch(one, shape="rows"), LIMITS), decode(batch(two), LIMITS)]
    )
    assert together.same_content(decode(batch([*one, *two]), LIMITS))


@pytest.mark.parametrize("name", VALUE_FIELD_NAMES)
def test_the_number_that_stands_for_absent_is_not_taken_for_absent(name: str) -> None:
    """A producer that sends the smallest 32-bit number gets it judged, in both shapes."""
    if name == "foreign_fibre":
        sent = columns([bale(1)])
        sent.foreign_fibre.values[:] = [RAW_ABSENT]
        tables = [decode(readings_pb2.ReadingBatch(sequence=1, columns=sent), LIMITS)]
    else:
        strange = [bale(1).but(**{name: RAW_ABSENT}), bale(2)]
        tables = [decode(batch(strange, shape=shape), LIMITS) for shape in ("rows", "columns")]
    assert [int(column_of(table, name)[0]) for table in tables] == [RAW_ABSENT + 1] * len(tables)


@pytest.mark.parametrize("shape", ["rows", "columns"])
@pytest.mark.parametrize(
    ("crop_year", "bale_id", "named"),
    [(1979, "000000000001", "1979/000000000001"), (2101, "000000000001", "2101/000000000001")],
)
def test_a_usda_bale_of_no_crop_year_is_named_as_it_was_received(
    shape: str, crop_year: int, bale_id: str, named: str
) -> None:
    strange = [Bale(bale_id, LOT, crop_year, {"length": 114}), usda_bale(2)]
    table = decode(batch(strange, shape=shape), LIMITS)
    assert dict(table.malformed) == {0: named}
    assert (int(table.high[0]), int(table.low[0])) == (0, 0)


@pytest.mark.parametrize(
    "code",
    ["", "1", "3" * 31, "3" * 33, "x" * 32, "３" * 32, " " + "3" * 31, "-" + "3" * 31, "3" * 31 + "\n"],
)
def test_a_row_with_a_bad_code_is_kept_as_malformed_and_the_others_are_read(code: str) -> None:
    table = decode(batch([bale(1), Bale(code, LOT, values={"length": 1}), bale(3)], shape="rows"), LIMITS)
    assert dict(table.malformed) == {1: code}


def test_a_column_key_of_more_than_16_digits_is_malformed() -> None:
    made = columns([bale(1), bale(2), bale(3)])
    made.bale_code_high[0] = 10**16
    made.bale_code_low[1] = 2**64 - 1
    table = decode(readings_pb2.ReadingBatch(sequence=1, columns=made), LIMITS)
    assert sorted(table.malformed) == [0, 1]


def unequal(change: Callable[[readings_pb2.ReadingColumns], Any]) -> readings_pb2.ReadingBatch:
    """A batch of nine bales whose columns were changed."""
    made = columns(
        [usda_bale(n, laboratory="", leaf_grade=1) if n == 0 else bale(n) for n in range(9)]
        if False  # noqa: SIM210
        else [*(bale(n) for n in range(8)), usda_bale(9, lot_no=LOT)]
    )
    made.inspected_at_s[:] = range(9)
    change(made)
    return readings_pb2.ReadingBatch(sequence=1, columns=made)
