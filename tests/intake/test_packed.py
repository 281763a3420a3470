"""Columns that are taken out of the bytes mean what the protobuf library reads in them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from cotton.inspection.v1 import ingest_pb2, readings_pb2
from cotton_server.domain.fields import VALUE_FIELD_NAMES, VALUE_FIELDS
from cotton_server.domain.readings import RAW_ABSENT, ReadingTable, concatenated
from cotton_server.errors import ServiceError
from cotton_server.intake import packed as packed_module
from cotton_server.intake.check import check
from cotton_server.intake.decode import BatchLimits, decode, parse, parse_batch
from cotton_server.intake.packed import BYTES_MIN, unpack
from cotton_server.intake.rules import CURRENT, rule_set
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.bales import Bale, any_bales, bale, batch, columns, usda_bale

LIMITS = BatchLimits(bales_max=70_000)
MANY = [bale(number) for number in range(1, 40)]

Read = ReadingTable | tuple[str, str]


@pytest.fixture(autouse=True)
def small_messages_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short messages are taken apart as well, as only long ones are otherwise."""
    monkeypatch.setattr(packed_module, "BYTES_MIN", 0)


def as_refused(error: ServiceError) -> tuple[str, str]:
    return error.reason.name, str(error)


def by_the_library(request: bytes) -> Read:
    try:
        return decode(parse(ingest_pb2.AppendReadingsRequest, request).batch, LIMITS)
    except ServiceError as error:
        return as_refused(error)


def from_the_bytes(request: bytes) -> Read:
    try:
        message, packed = parse_batch(ingest_pb2.AppendReadingsRequest, request)
        return decode(message.batch, LIMITS, packed)
    except ServiceError as error:
        return as_refused(error)


def require_same(request: bytes) -> ReadingTable | None:
    """Both read the same out of these bytes, or refuse them in the same words."""
    one, other = by_the_library(request), from_the_bytes(request)
    if not isinstance(one, ReadingTable) or not isinstance(other, ReadingTable):
        assert not isinstance(one, ReadingTable)
        assert one == other
        return None
    assert one.same_content(other)
    assert one.values.keys() == other.values.keys()
    assert (one.kinds is None) == (other.kinds is None)
    for name, column in one.values.items():
        assert column.dtype == other.values[name].dtype
        np.testing.assert_array_equal(column, other.values[name])
    if other.matrix is not None:
        for field, row in zip(VALUE_FIELDS, other.matrix, strict=True):
            expected = one.values.get(field.name, np.full(len(one), RAW_ABSENT, np.int32))
            np.testing.assert_array_equal(row, expected)
    rules = rule_set(CURRENT)
    for tables in ((one, other), (concatenated([one, one]), concatenated([other, other]))):
        found = [check(each, rules) for each in tables]
        assert found[0].rejections == found[1].rejections
        assert found[0].warnings == found[1].warnings
    return other


def request_of(sent: readings_pb2.ReadingColumns) -> bytes:
    made = readings_pb2.ReadingBatch(sequence=1, columns=sent)
    return ingest_pb2.AppendReadingsRequest(batch=made).SerializeToString()


@given(any_bales())
@example(MANY)
@example([usda_bale(number) for number in range(1, 9)])
@example([bale(1), usda_bale(2), bale(3).but(length=None, preparation=None)])
def test_any_batch_of_columns_reads_the_same(bales: list[Bale]) -> None:
    require_same(request_of(columns(bales)))


def test_what_clients_send_is_taken_apart() -> None:
    """And nothing of the columns is left to the library."""
    request = request_of(columns(MANY))
    unpacked = unpack(request)
    assert unpacked is not None
    left = ingest_pb2.AppendReadingsRequest.FromString(unpacked[0]).batch
    assert left.sequence == 1
    assert left.columns.count == len(MANY)
    assert len(left.columns.bale_code_high) == len(left.columns.bale_code_low) == 0
    assert all(not getattr(left.columns, name).values for name in VALUE_FIELD_NAMES)
    assert list(left.columns.lot_no.dictionary) == [MANY[0].lot_no]
    assert require_same(request) is not None


def test_short_messages_are_left_to_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_module, "BYTES_MIN", BYTES_MIN)
    assert unpack(request_of(columns(MANY))) is None


_NUMBERS = st.one_of(
    st.integers(0, 300),
    st.integers(0, 2**14 + 10),
    st.integers(-(2**31), 2**31 - 1),
    st.sampled_from([127, 128, 2**14 - 1, 2**14, 2**21 - 1, 2**21, 2**28 - 1, 2**28, 2**31 - 1]),
)


@given(
    st.lists(st.tuples(_NUMBERS, _NUMBERS, st.integers(-(2**63), 2**63 - 1)), min_size=1),
    st.booleans(),
)
@example([(127, 128, 0), (1, 2**14 - 1, 1_480_000_000)], False)
@example([(2**28 - 1, 2**28, 2**56 - 1), (0, 0, 2**56)], False)
@example([(1, 300, 5)] * 9, True)
def test_numbers_of_any_width_read_the_same(
    numbers: list[tuple[int, int, int]], indexed: bool
) -> None:
    sent = columns([bale(number + 1) for number in range(len(numbers))])
    sent.rd.values[:] = [each[0] for each in numbers]
    sent.trash_count.values[:] = [each[1] for each in numbers]
    sent.inspected_at_s[:] = [each[2] for each in numbers]
    if indexed:
        sent.laboratory.dictionary[:] = ["a", "b"]
        sent.laboratory.index[:] = [place % 2 for place in range(len(numbers))]
    require_same(request_of(sent))


@given(st.data())
def test_bytes_that_were_tampered_with_read_the_same(data: st.DataObject) -> None:
    request = bytearray(request_of(columns(MANY[:5])))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(request) - 1))
        match data.draw(st.sampled_from(["set", "cut", "put", "end"])):
            case "set":
                request[at] = data.draw(st.integers(0, 255))
            case "cut":
                del request[at]
            case "put":
                request.insert(at, data.draw(st.integers(0, 255)))
            case _:
                del request[max(at, 1) :]
    require_same(bytes(request))


def _field(number: int, content: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(content)) + content


def _number(value: int, width: int = 1) -> bytes:
    """A number in at least so many bytes, which is not how anybody writes it."""
    found: list[int] = []
    while value >= 128 or len(found) + 1 < width:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _wrapped(*of_columns: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    inner = b"".join(_field(4, each) for each in of_columns)
    return _field(2, before + inner + after)


_THREE = columns([bale(1), bale(2), bale(3)])
_PLAIN = _THREE.SerializeToString()
_OTHER = columns([bale(7), bale(8), bale(9)]).SerializeToString()
_IDENTITY = b"\x08\x01"
_ROWS = _field(3, batch([bale(5)], shape="rows").rows.SerializeToString())
_LENGTHS = b"".join(_number(each) for each in (2800, 2810, 2820))


@pytest.mark.parametrize(
    "request_",
    [
        _wrapped(_PLAIN, before=_IDENTITY),
        _wrapped(_PLAIN, after=_IDENTITY),
        _wrapped(_PLAIN, _PLAIN, before=_IDENTITY),
        _wrapped(_PLAIN, _OTHER, before=_IDENTITY),
        _wrapped(_PLAIN, before=_IDENTITY + _ROWS),
        _wrapped(_PLAIN, before=_IDENTITY, after=_ROWS),
        _wrapped(_PLAIN, before=_IDENTITY) + _wrapped(_OTHER, before=b"\x08\x02"),
        _wrapped(_PLAIN, before=_IDENTITY) + _field(1, b"\x0a\x01p"),
        _field(1, b"\x0a\x01p") + _wrapped(_PLAIN, before=_IDENTITY),
        _wrapped(_PLAIN, before=_IDENTITY) + _field(99, b"unknown"),
        _wrapped(_PLAIN + _field(99, b"unknown"), before=_IDENTITY),
        _wrapped(_PLAIN + _field(6, b"\x1a\x00"), before=_IDENTITY),
        _wrapped(_PLAIN + _field(6, _field(1, _LENGTHS)), before=_IDENTITY),
        _wrapped(_PLAIN + _field(6, b""), before=_IDENTITY),
        _wrapped(_PLAIN + _field(2, b"\x01" * 8), before=_IDENTITY),
        _wrapped(_PLAIN + b"\x11" + b"\x01" * 8, before=_IDENTITY),
        _wrapped(_PLAIN + b"\x08\x02", before=_IDENTITY),
        _wrapped(_PLAIN + _number(29 << 3) + b"\x05", before=_IDENTITY),
        _wrapped(_PLAIN + _number(6 << 3) + b"\x05", before=_IDENTITY),
        _wrapped(_PLAIN + _number(26 << 3 | 2) + b"\x00", before=_IDENTITY),
        _wrapped(_PLAIN[:-1], before=_IDENTITY),
        _wrapped(_PLAIN, before=_IDENTITY)[:-1],
        _wrapped(_PLAIN, before=_IDENTITY) + b"\x0b",
        _wrapped(b"", before=_IDENTITY),
        b"",
    ],
)
def test_what_no_client_writes_reads_the_same(request_: bytes) -> None:
    require_same(request_)


def _three_with(number: int, values: bytes, *rest: bytes) -> bytes:
    """Three bales of which one field's column is written by hand."""
    sent = readings_pb2.ReadingColumns()
    sent.CopyFrom(_THREE)
    name = next(
        field.name
        for field in readings_pb2.ReadingColumns.DESCRIPTOR.fields
        if field.number == number
    )
    sent.ClearField(cast("Any", name))
    column = b"".join((values, *rest))
    return _wrapped(_field(number, column) + sent.SerializeToString(), before=_IDENTITY)


@pytest.mark.parametrize(
    ("number", "column"),
    [
        (6, _field(1, _LENGTHS)),
        (6, _field(1, b"".join(_number(each, 4) for each in (2800, 2810, 2820)))),
        (6, _field(1, b"".join(_number(each, 5) for each in (2800, 2810, 2820)))),
        (6, _field(1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" * 3)),
        (6, _field(1, b"\xff\xff\xff\xff\x0f" * 3)),
        (6, _field(1, _LENGTHS[:-1])),
        (6, _field(1, _LENGTHS[:-1] + b"\x80")),
        (6, _field(1, _LENGTHS[:4])),
        (6, _field(1, _LENGTHS + b"\x01")),
        (6, _field(1, _LENGTHS[:2]) + _field(1, _LENGTHS[2:])),
        (6, b"".join(b"\x08" + _number(each) for each in (2800, 2810, 2820))),
        (6, _field(1, _LENGTHS) + _field(2, b"\x05")),
        (6, _field(2, b"\x05") + _field(1, _LENGTHS)),
        (6, _field(1, _LENGTHS) + _field(2, b"\x05\x00")),
        (6, _field(1, _LENGTHS) + _field(2, b"\x05") + _field(2, b"\x02")),
        (6, _field(1, _LENGTHS) + _field(7, b"unknown")),
        (24, _field(1, b"\x00\x01\x02")),
        (24, _field(1, b"\x00\x80\x00\x02")),
        (5, _field(1, b"65140161077") + _field(2, b"\x00\x00\x00")),
        (5, _field(2, b"\x00\x00\x00") + _field(1, b"65140161077")),
        (5, _field(1, b"65140161077") + _field(2, b"\x00\x01\x00")),
        (5, _field(1, b"65140161077") + _field(2, b"\x00\x80\x80\x80\x80\x10\x00")),
        (5, _field(1, b"\xff\xfe") + _field(2, b"\x00\x00\x00")),
        (5, _field(1, b"65140161077") + _field(2, b"")),
        (6, _field(1, b"")),
        (6, b""),
        (29, b""),
        (29, b"\x01\x02\x03"),
        (29, b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01" * 3),
    ],
)
def test_columns_written_in_other_ways_read_the_same(number: int, column: bytes) -> None:
    require_same(_three_with(number, column))


def test_one_byte_and_three_are_no_pairs() -> None:
    """Though they make two bytes a number."""
    values = _number(5) + _number(2**20) + _number(300)
    read = require_same(_three_with(6, _field(1, values)))
    assert read is not None
    assert read.values["length"].tolist() == [5, 2**20, 300]
