"""Bytes to readings: both shapes mean the same, and nothing but a typed error comes of garbage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from cotton.inspection.v1 import ingest_pb2, lots_pb2, readings_pb2
from cotton_server.domain.fields import VALUE_FIELD_NAMES
from cotton_server.domain.readings import RAW_ABSENT, column_of, concatenated
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake import decode as decode_module
from cotton_server.intake.check import check
from cotton_server.intake.decode import BatchLimits, decode, parse
from cotton_server.intake.rules import CURRENT, rule_set
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


@given(any_bales())
def test_a_few_rows_and_many_are_read_alike(bales: list[Bale]) -> None:
    """Also checked and concatenated alike: what has a matrix and what has none."""
    request = batch(bales, shape="rows")
    few = decode(request, BatchLimits(1000))
    with patch.object(decode_module, "FEW_ROWS_MAX", 0):
        many = decode(request, BatchLimits(1000))
    assert few.matrix is not None
    assert many.matrix is None
    assert few.same_content(many)
    assert few.values.keys() == many.values.keys()
    twice = [concatenated([each, each]) for each in (few, many)]
    assert twice[0].same_content(twice[1])
    rules = rule_set(CURRENT)
    for one, other in ((few, many), (twice[0], twice[1])):
        found = [check(each, rules) for each in (one, other)]
        assert found[0].rejections == found[1].rejections
        assert found[0].warnings == found[1].warnings


@given(any_bales(), any_bales())
def test_tables_below_each_other_hold_the_rows_of_both(one: list[Bale], two: list[Bale]) -> None:
    together = concatenated([decode(batch(one, shape="rows"), LIMITS), decode(batch(two), LIMITS)])
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
    [
        "",
        "1",
        "3" * 31,
        "3" * 33,
        "x" * 32,
        "３" * 32,
        " " + "3" * 31,
        "-" + "3" * 31,
        "3" * 31 + "\n",
    ],
)
def test_a_row_with_a_bad_code_is_kept_as_malformed_and_the_others_are_read(code: str) -> None:
    table = decode(
        batch([bale(1), Bale(code, LOT, values={"length": 1}), bale(3)], shape="rows"), LIMITS
    )
    assert dict(table.malformed) == {1: code}


def test_a_column_key_of_more_than_16_digits_is_malformed() -> None:
    made = columns([bale(1), bale(2), bale(3)])
    made.bale_code_high[0] = 10**16
    made.bale_code_low[1] = 2**64 - 1
    table = decode(readings_pb2.ReadingBatch(sequence=1, columns=made), LIMITS)
    assert sorted(table.malformed) == [0, 1]


NINE = [*(bale(number) for number in range(8)), usda_bale(9, lot_no=LOT)]


def changed(change: Callable[[Any], Any]) -> readings_pb2.ReadingBatch:
    """A batch of nine bales whose columns were changed."""
    made = columns(NINE)
    made.inspected_at_s[:] = range(9)
    made.standard.dictionary[:] = ["one", "two"]
    made.standard.index[:] = [0, 1] * 4 + [0]
    made.length.absent = b"\x01\x00"
    change(made)
    return readings_pb2.ReadingBatch(sequence=1, columns=made)


def test_the_batch_that_the_next_tests_break_is_sound() -> None:
    assert len(decode(changed(lambda _: None), LIMITS)) == 9


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("bale_code_high", lambda made: made.bale_code_high.pop()),
        ("bale_code_high", lambda made: made.ClearField("bale_code_high")),
        ("bale_code_low", lambda made: made.bale_code_low.append(1)),
        ("usda_crop_year", lambda made: made.usda_crop_year.pop()),
        ("inspected_at_s", lambda made: made.inspected_at_s.pop()),
        ("lot_no.index", lambda made: made.lot_no.index.append(0)),
        ("standard.index", lambda made: made.standard.index.pop()),
        ("standard.index", lambda made: made.standard.ClearField("index")),
        ("length.absent", lambda made: setattr(made.length, "absent", b"\x00")),
        ("length.absent", lambda made: setattr(made.length, "absent", bytes(3))),
        ("bale_code_high", lambda made: setattr(made, "count", 8)),
        *(
            (name, lambda made, name=name: getattr(made, name).values.pop())
            for name in VALUE_FIELD_NAMES
        ),
        *(
            (name, lambda made, name=name: getattr(made, name).values.append(1))
            for name in VALUE_FIELD_NAMES
        ),
    ],
)
def test_columns_that_do_not_fit_together_are_refused_by_name(
    field: str, change: Callable[[Any], Any]
) -> None:
    error = refused(changed(change))
    assert error.reason is Reason.UNEQUAL_COLUMNS
    assert list(error.violations) == [f"batch.columns.{field}"]
    assert error.reason.remedy in str(error)


@pytest.mark.parametrize(
    ("reason", "field", "change"),
    [
        (
            Reason.INVALID_FIELD,
            "batch.columns.standard.index",
            lambda made: made.standard.index.__setitem__(3, 2),
        ),
        (
            Reason.INVALID_FIELD,
            "batch.columns.standard.index",
            lambda made: made.standard.index.__setitem__(3, 2**32 - 1),
        ),
        (
            Reason.INVALID_FIELD,
            "batch.columns.standard.dictionary",
            lambda made: made.standard.dictionary.extend(map(str, range(9))),
        ),
        (
            Reason.INVALID_FIELD,
            "batch.columns.standard.dictionary",
            lambda made: made.standard.dictionary.__setitem__(1, "one"),
        ),
        (
            Reason.MISSING_FIELD,
            "batch.columns.standard.dictionary",
            lambda made: made.standard.ClearField("dictionary"),
        ),
        (
            Reason.INVALID_FIELD,
            "standard",
            lambda made: made.standard.dictionary.__setitem__(1, "x" * 65),
        ),
        (
            Reason.INVALID_FIELD,
            "standard",
            lambda made: made.standard.dictionary.__setitem__(1, "\u202e"),
        ),
    ],
)
def test_bad_text_columns_are_refused_by_name(
    reason: Reason, field: str, change: Callable[[Any], Any]
) -> None:
    error = refused(changed(change))
    assert (error.reason, list(error.violations)) == (reason, [field])


@pytest.mark.parametrize("shape", ["rows", "columns"])
def test_an_empty_batch_is_refused(shape: str) -> None:
    assert refused(batch([], shape=shape)).reason is Reason.EMPTY_BATCH


def test_a_batch_without_readings_is_refused_by_name() -> None:
    error = refused(readings_pb2.ReadingBatch(sequence=1))
    assert (error.reason, list(error.violations)) == (Reason.MISSING_FIELD, ["batch.readings"])


@pytest.mark.parametrize("shape", ["rows", "columns"])
def test_a_batch_may_have_exactly_as_many_bales_as_the_limit(shape: str) -> None:
    bales = [Bale(f"{number:032d}", LOT) for number in range(101)]
    assert len(decode(batch(bales[:100], shape=shape), LIMITS)) == 100
    error = refused(batch(bales, shape=shape))
    assert (error.reason, list(error.violations)) == (Reason.BATCH_TOO_LARGE, [f"batch.{shape}"])


def test_a_count_of_four_thousand_million_takes_no_memory() -> None:
    error = refused(readings_pb2.ReadingBatch(columns=readings_pb2.ReadingColumns(count=2**32 - 1)))
    assert error.reason is Reason.BATCH_TOO_LARGE


UNKNOWN = b"\xf8\x3f\x01"
"""Field 1023, which no message of the contract has, as a varint."""


def delimited(number: int, content: bytes) -> bytes:
    """A length-delimited field of the wire format."""
    size = len(content)
    varint = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
    return (
        bytes([number << 3 & 0x7F | 2 | (0x80 if number > 15 else 0)])
        + (bytes([number >> 4]) if number > 15 else b"")
        + varint
        + content
    )


def field_number(message: Message | type[Message], name: str) -> int:
    """Number of a field."""
    return message.DESCRIPTOR.fields_by_name[name].number


READING = readings_pb2.Reading(bale_code="3" * 32, lot_no=LOT, length=2820).SerializeToString()
USDA = readings_pb2.UsdaBale(bale_id="1" * 12, crop_year=2021).SerializeToString()


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(UNKNOWN, id="request"),
        pytest.param(delimited(1, b"\x0a\x01p" + UNKNOWN), id="open"),
        pytest.param(delimited(2, b"\x08\x01" + UNKNOWN), id="batch"),
        pytest.param(delimited(2, delimited(3, UNKNOWN)), id="rows"),
        pytest.param(delimited(2, delimited(3, delimited(1, READING + UNKNOWN))), id="reading"),
        pytest.param(
            delimited(2, delimited(3, delimited(1, delimited(2, USDA + UNKNOWN)))), id="usda bale"
        ),
        pytest.param(delimited(2, delimited(4, UNKNOWN)), id="columns"),
        pytest.param(delimited(2, delimited(4, delimited(6, UNKNOWN))), id="int column"),
        pytest.param(delimited(2, delimited(4, delimited(5, UNKNOWN))), id="text column"),
        pytest.param(
            delimited(2, delimited(4, delimited(28, delimited(1, b"a") + UNKNOWN))),
            id="last text column",
        ),
    ],
)
def test_a_field_that_is_not_in_the_contract_is_refused_at_any_depth(payload: bytes) -> None:
    """What this server cannot read it must not acknowledge."""
    with pytest.raises(ServiceError) as caught:
        parse(ingest_pb2.AppendReadingsRequest, payload)
    assert caught.value.reason is Reason.UNKNOWN_FIELDS


@pytest.mark.parametrize("kind", [lots_pb2.RegisterLotsRequest, lots_pb2.RecordLotWeightsRequest])
def test_unknown_fields_of_lots_and_weights_are_refused(kind: type[Message]) -> None:
    for payload in (UNKNOWN, delimited(3, UNKNOWN)):
        with pytest.raises(ServiceError) as caught:
            parse(kind, payload)
        assert caught.value.reason is Reason.UNKNOWN_FIELDS


WHOLE = [append_request(NINE, shape=shape).SerializeToString() for shape in ("rows", "columns")]


def taken_or_refused(payload: bytes) -> bool:
    """Decodes as a stream does; whether it was taken. Any error but ServiceError comes through."""
    try:
        decode(parse(ingest_pb2.AppendReadingsRequest, payload).batch, LIMITS)
    except ServiceError:
        return False
    return True


@given(st.binary(max_size=300))
@example(b"\xff" * 100)
@example(b"\x12\x04\x0b\x0b\x0b\x0b")
@example(delimited(2, delimited(3, delimited(1, delimited(1, b"\xff\xfe")))))
def test_random_bytes_give_nothing_but_a_typed_error(payload: bytes) -> None:
    taken_or_refused(payload)


@pytest.mark.parametrize("whole", WHOLE, ids=["rows", "columns"])
def test_a_truncated_message_is_refused_wherever_it_was_cut(whole: bytes) -> None:
    assert taken_or_refused(whole)
    for stop in range(len(whole)):
        assert not taken_or_refused(whole[:stop])


@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 10_000),
    st.binary(max_size=8),
)
def test_damaged_messages_give_readings_or_a_typed_error(
    whole: bytes, bytes_changed: list[tuple[int, int]], at: int, inserted: bytes
) -> None:
    damaged = bytearray(whole)
    for place, value in bytes_changed:
        damaged[place % len(damaged)] = value
    place = at % len(damaged)
    taken_or_refused(bytes(damaged[:place] + inserted + damaged[place:]))
