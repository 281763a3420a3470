"""Encoding: rows and columns of one frame say the same, bit for bit what protobuf would write."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from cotton.inspection.v1 import common_pb2, readings_pb2
from cotton_client import encode, fields, frames
from cotton_client.frames import FrameError
from google.protobuf.internal import encoder
from hypothesis import given, settings
from hypothesis import strategies as st

INT32 = st.integers(-(2**31), 2**31 - 1)
LETTERS = st.characters(categories=["L"])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.integers(0, 10**count - 1).map(lambda number: f"{number:0{count}d}")


@st.composite
def bales(draw: st.DrawFn) -> dict[str, Any]:
    """One row of a readings frame, with any values that the contract can carry."""
    row: dict[str, Any] = dict.fromkeys(frames.READINGS_SCHEMA)
    if draw(st.booleans()):
        row["bale_code"] = draw(digits(32))
    else:
        row["usda_bale_id"] = draw(digits(12))
        row["crop_year"] = draw(st.integers(1901, 2999))
    for name in fields.VALUE_FIELDS:
        row[name] = draw(st.none() | INT32 | st.integers(0, 200))
    row["preparation"] = draw(st.none() | st.integers(1, 3))
    row["foreign_fibre"] = draw(st.none() | st.integers(0, 1))
    for name in ("lot_no", *frames.TEXT_FIELDS):
        row[name] = draw(st.none() | TEXT)
    row["inspected_at_s"] = draw(st.none() | st.integers(-(2**63), 2**63 - 1))
    row["kind"] = draw(st.none() | st.sampled_from(fields.READING_KINDS))
    if row["kind"] == "CORRECTION":
        row["supersedes_revision"] = draw(st.integers(1, 2**63 - 1))
        row["reason"] = draw(st.sampled_from(fields.AMENDMENT_REASONS))
        row["note"] = draw(st.text(LETTERS, min_size=1, max_size=200))
        row["decided_by"] = draw(st.text(LETTERS, min_size=1, max_size=64))
    return row


def has(message: Any, field: str) -> bool:
    """Whether a message has a field whose name is known only at run time."""
    return bool(message.HasField(field))


def content_of_rows(rows: readings_pb2.ReadingRows) -> list[dict[str, Any]]:
    """What each bale of a rows message says; absent and unset are None or the default."""
    content = []
    for reading in rows.readings:
        bale: dict[str, Any] = {
            "bale": reading.bale_code
            if reading.WhichOneof("bale") == "bale_code"
            else (reading.usda_bale.bale_id, reading.usda_bale.crop_year)
        }
        for name in fields.VALUE_FIELDS:
            if name == "preparation":
                bale[name] = reading.preparation or None
            else:
                bale[name] = int(getattr(reading, name)) if has(reading, name) else None
        for name in ("lot_no", *frames.TEXT_FIELDS, "inspected_at_s"):
            bale[name] = getattr(reading, name)
        bale["kind"] = reading.kind
        bale |= {name: getattr(reading.amendment, name) for name in fields.AMENDMENT_FIELDS}
        assert reading.HasField("amendment") == (
            reading.kind == readings_pb2.READING_KIND_CORRECTION
        )
        content.append(bale)
    return content


def content_of_columns(columns: readings_pb2.ReadingColumns) -> list[dict[str, Any]]:
    """What each bale of a columns message says, read by the rules of the contract alone."""
    count = columns.count
    content: list[dict[str, Any]] = []
    for row in range(count):
        year = columns.usda_crop_year[row] if columns.usda_crop_year else 0
        high, low = columns.bale_code_high[row], columns.bale_code_low[row]
        bale: dict[str, Any] = {"bale": (f"{low:012d}", year) if year else f"{high:016d}{low:016d}"}
        for name in fields.VALUE_FIELDS:
            if not has(columns, name):
                bale[name] = None
                continue
            column = getattr(columns, name)
            assert len(column.values) == count
            assert len(column.absent) in {0, -(-count // 8)}
            absent = bool(column.absent) and column.absent[row // 8] >> row % 8 & 1
            bale[name] = None if absent else column.values[row]
        for name in ("kind", "reason"):
            column = getattr(columns, name)
            absent = bool(column.absent) and column.absent[row // 8] >> row % 8 & 1
            bale[name] = column.values[row] if column.values and not absent else 0
        superseded = columns.supersedes_revision
        assert len(superseded) in {0, count}
        bale["supersedes_revision"] = superseded[row] if superseded else 0
        for name in ("lot_no", *frames.TEXT_FIELDS, "note", "decided_by"):
            column = getattr(columns, name)
            if not has(columns, name):
                bale[name] = ""
            else:
                assert len(set(column.dictionary)) == len(column.dictionary)
                bale[name] = column.dictionary[column.index[row] if column.index else 0]
        bale["inspected_at_s"] = columns.inspected_at_s[row] if columns.inspected_at_s else 0
        content.append(bale)
    return content


@settings(max_examples=60, deadline=None)
@given(st.lists(bales(), max_size=20))
def test_rows_and_columns_of_one_frame_carry_the_same(rows: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame(rows, schema=frames.READINGS_SCHEMA)
    expected = [
        {
            "bale": row["bale_code"] or (row["usda_bale_id"], row["crop_year"]),
            **{name: row[name] for name in fields.VALUE_FIELDS},
            **{name: row[name] or "" for name in ("lot_no", *frames.TEXT_FIELDS)},
            "inspected_at_s": row["inspected_at_s"] or 0,
            "kind": readings_pb2.ReadingKind.Value(f"READING_KIND_{row['kind'] or 'UNSPECIFIED'}"),
            "supersedes_revision": row["supersedes_revision"] or 0,
            "reason": common_pb2.AmendmentReason.Value(
                f"AMENDMENT_REASON_{row['reason'] or 'UNSPECIFIED'}"
            ),
            "note": row["note"] or "",
            "decided_by": row["decided_by"] or "",
        }
        for row in rows
    ]
    assert content_of_rows(encode.encode_rows(frame)) == expected
    assert content_of_columns(encode.encode_columns(frame)) == expected


@settings(max_examples=30, deadline=None)
@given(st.lists(bales(), max_size=20))
def test_the_bytes_are_those_that_protobuf_writes(rows: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame(rows, schema=frames.READINGS_SCHEMA)
    written = encode.encode_columns(frame).SerializeToString(deterministic=True)
    # An empty packed field is written by no protobuf; with bales there is none.
    if rows:
        assert encode.encode_columns_bytes(frame) == written


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [0],
        [127],
        [128],
        [16_383],
        [16_384],
        [0, 127, 128, 16_383, 16_384, 2**21, 2**28, 2**31 - 1],
        [2**32 - 1, 2**32, 2**35, 2**62, 2**63 - 1],
        [-1, 0, 1, -(2**31), -(2**63)],
        [1_479_571_200, 1_479_571_201],
    ],
)
def test_packed_varints_are_protobufs_own(numbers: list[int]) -> None:
    expected: list[bytes] = []
    for number in numbers:
        encoder._VarintEncoder()(expected.append, number & (2**64 - 1), True)  # type: ignore[attr-defined]
    packed = encode.packed_varints(np.array(numbers, dtype=np.int64))
    assert packed == b"".join(expected)


def test_a_field_that_no_bale_has_is_left_out() -> None:
    frame = frames.conform(pl.DataFrame({"bale_code": ["1" * 32]}), frames.READINGS_SCHEMA)
    message = encode.encode_columns(frame)
    assert [field.name for field, _ in message.ListFields()] == [
        "count",
        "bale_code_high",
        "bale_code_low",
    ]


def test_one_text_for_all_bales_needs_no_index() -> None:
    frame = frames.conform(
        pl.DataFrame({"bale_code": ["1" * 32, "2" * 32], "laboratory": ["LAB", "LAB"]}),
        frames.READINGS_SCHEMA,
    )
    message = encode.encode_columns(frame)
    assert (list(message.laboratory.dictionary), list(message.laboratory.index)) == (["LAB"], [])


@pytest.mark.parametrize("shape", [encode.encode_rows, encode.encode_columns])
def test_neither_shape_takes_a_broken_frame(shape: Any) -> None:
    frame = frames.conform(pl.DataFrame({"bale_code": ["1" * 31]}), frames.READINGS_SCHEMA)
    with pytest.raises(FrameError, match="bale_code"):
        shape(frame)


def test_batches_are_the_frame_in_order() -> None:
    frame = pl.DataFrame({"n": range(10)})
    pieces = list(encode.batches(frame, 4))
    assert [piece["n"].to_list() for piece in pieces] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    with pytest.raises(ValueError, match="at least 1"):
        encode.batches(frame, 0)


def test_a_frame_of_originals_is_written_as_before_there_were_kinds() -> None:
    """The very bytes, so that a file sent before is known again."""
    frame = frames.conform(
        pl.DataFrame(
            {
                "bale_code": ["3" * 32, "4" * 32],
                "lot_no": ["65140161077"] * 2,
                "micronaire": [460, None],
                "laboratory": ["LAB", "B"],
                "inspected_at_s": [1, 2],
            }
        ),
        frames.READINGS_SCHEMA,
    )
    assert encode.encode_columns_bytes(frame).hex() == (
        "0802121055554025a6d70b001cc755dc32ca0f001a1055554025a6d70b001cc755dc32ca0f00"
        "2a0d0a0b36353134303136313037375a080a03cc0300120102da010c0a034c41420a01421202"
        "0001ea01020102"
    )
    first, _ = encode.encode_rows(frame).readings
    assert first.SerializeToString(deterministic=True).hex() == (
        "0a20333333333333333333333333333333333333333333333333333333333333333"
        "31a0b363531343031363130373748cc03ca01034c4142d80101"
    )
