"""Readings frames as messages of the contract, in both of its shapes.

Columns are written as wire bytes with numpy and parsed once: appending to the fields of a
protobuf message from Python costs more than all the rest together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from cotton.inspection.v1 import common_pb2, readings_pb2

from cotton_client.fields import KIND_PREFIX, REASON_PREFIX, VALUE_FIELDS
from cotton_client.frame_amendments import message_of
from cotton_client.frames import TEXT_FIELDS, bale_keys, require_readings, validate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LENGTH_DELIMITED: Final = 2
_ONE_BYTE_END: Final = 1 << 7
_TWO_BYTES_END: Final = 1 << 14
_GROUP_BITS: Final = 7
_NUMBER: Final = {
    field.name: field.number for field in readings_pb2.ReadingColumns.DESCRIPTOR.fields
}
_INT_VALUES: Final = readings_pb2.IntColumn.VALUES_FIELD_NUMBER
_INT_ABSENT: Final = readings_pb2.IntColumn.ABSENT_FIELD_NUMBER
_TEXT_DICTIONARY: Final = readings_pb2.TextColumn.DICTIONARY_FIELD_NUMBER
_TEXT_INDEX: Final = readings_pb2.TextColumn.INDEX_FIELD_NUMBER
_KINDS: Final[Mapping[str, int]] = {
    name.removeprefix(KIND_PREFIX): number for name, number in readings_pb2.ReadingKind.items()
}
_REASONS: Final[Mapping[str, int]] = {
    name.removeprefix(REASON_PREFIX): number for name, number in common_pb2.AmendmentReason.items()
}


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= _ONE_BYTE_END:
        out.append(number & 0x7F | 0x80)
        number >>= _GROUP_BITS
    out.append(number)
    return bytes(out)


def _delimited(field_number: int, payload: bytes) -> bytes:
    tag = _varint(field_number << 3 | _LENGTH_DELIMITED)
    return tag + _varint(len(payload)) + payload


def packed_varints(values: np.ndarray) -> bytes:
    """The varints of a packed field; negative numbers take ten bytes, as protobuf has it.

    `values`: any integer array of one dimension whose values fit int64.
    """
    if not len(values):
        return b""
    lowest, highest = int(values.min()), int(values.max())
    if lowest >= 0 and highest < _ONE_BYTE_END:
        return values.astype(np.uint8).tobytes()
    if lowest >= _ONE_BYTE_END and highest < _TWO_BYTES_END:
        wide = values.astype(np.uint16)
        return (wide & 0x7F | 0x80 | wide >> _GROUP_BITS << 8).astype("<u2").tobytes()
    bits = 64 if lowest < 0 else highest.bit_length()
    width = -(-bits // _GROUP_BITS)
    narrow = np.uint32 if bits <= 32 else np.uint64  # noqa: PLR2004 (the width of uint32)
    rest: Any = values.astype(np.int64).view(np.uint64).astype(narrow)
    # A varint goes on as long as anything is left to the next group; column by column.
    groups = np.empty((len(rest), width), dtype=np.uint8)
    kept = np.empty((len(rest), width), dtype=np.bool_)
    kept[:, 0] = True
    for place in range(width):
        low = (rest & 0x7F).astype(np.uint8)
        rest = rest >> _GROUP_BITS
        goes_on = rest != 0
        groups[:, place] = low | goes_on.view(np.uint8) << _GROUP_BITS
        if place + 1 < width:
            kept[:, place + 1] = goes_on
    return groups.tobytes() if kept.all() else groups[kept].tobytes()


def _int_column(series: pl.Series) -> bytes | None:
    """The message IntColumn; None when every value is absent."""
    nulls = series.null_count()
    if nulls == len(series):
        return None
    if not nulls:
        return _delimited(_INT_VALUES, packed_varints(series.to_numpy()))
    absent = np.packbits(series.is_null().to_numpy(), bitorder="little").tobytes()
    values = packed_varints(series.fill_null(0).to_numpy())
    return _delimited(_INT_VALUES, values) + _delimited(_INT_ABSENT, absent)


def _text_column(series: pl.Series) -> bytes | None:
    """The message TextColumn; None when every text is absent."""
    if series.null_count() == len(series):
        return None
    texts = series.fill_null("")
    distinct = texts.unique(maintain_order=True)
    dictionary = b"".join(_delimited(_TEXT_DICTIONARY, text.encode()) for text in distinct)
    if len(distinct) == 1:
        return dictionary
    index = texts.cast(pl.Enum(distinct)).to_physical().to_numpy()
    return dictionary + _delimited(_TEXT_INDEX, packed_varints(index))


def _enum_column(series: pl.Series, numbers: Mapping[str, int]) -> bytes | None:
    """The message IntColumn of a column of names; None when every one is absent."""
    if series.null_count() == len(series):
        return None
    return _int_column(series.replace_strict(numbers, return_dtype=pl.Int32))


def encode_columns_bytes(frame: pl.DataFrame) -> bytes:
    """A readings frame as the wire bytes of one message ReadingColumns.

    A field that no bale has is left out. Raises FrameError as `frames.validate` does.
    """
    require_readings(frame)
    high, low, crop_years = bale_keys(frame)
    fields: dict[str, bytes | None] = {
        "bale_code_high": high.astype("<u8", copy=False).tobytes(),
        "bale_code_low": low.astype("<u8", copy=False).tobytes(),
        "usda_crop_year": None if crop_years is None else packed_varints(crop_years),
    }
    fields |= {name: _int_column(frame[name]) for name in VALUE_FIELDS}
    texts = ("lot_no", *TEXT_FIELDS, "note", "decided_by")
    fields |= {name: _text_column(frame[name]) for name in texts}
    fields["kind"] = _enum_column(frame["kind"], _KINDS)
    fields["reason"] = _enum_column(frame["reason"], _REASONS)
    superseded = frame["supersedes_revision"]
    if superseded.null_count() < len(superseded):
        fields["supersedes_revision"] = packed_varints(superseded.fill_null(0).to_numpy())
    times = frame["inspected_at_s"].fill_null(0).to_numpy()
    fields["inspected_at_s"] = packed_varints(times) if times.any() else None
    parts = [_varint(_NUMBER["count"] << 3) + _varint(frame.height)]
    # In the order of field numbers: the very bytes that protobuf itself would write.
    for name in sorted(fields, key=_NUMBER.__getitem__):
        payload = fields[name]
        if payload is not None:
            parts.append(_delimited(_NUMBER[name], payload))
    return b"".join(parts)


def encode_columns(frame: pl.DataFrame) -> readings_pb2.ReadingColumns:
    """A readings frame as packed columns: the shape for files, gateways and replays.

    Raises FrameError as `frames.validate` does.
    """
    return readings_pb2.ReadingColumns.FromString(encode_columns_bytes(frame))


def encode_rows(frame: pl.DataFrame) -> readings_pb2.ReadingRows:
    """A readings frame as one message a bale: the shape an instrument driver writes.

    Raises FrameError as `frames.validate` does.
    """
    validate(frame)
    rows = readings_pb2.ReadingRows()
    present = [name for name in frame.columns if frame[name].null_count() < frame.height]
    for row in frame.select(present).iter_rows(named=True):
        fields = {name: value for name, value in row.items() if value is not None}
        bale_id = fields.pop("usda_bale_id", None)
        crop_year = fields.pop("crop_year", None)
        if bale_id is not None:
            fields["usda_bale"] = readings_pb2.UsdaBale(bale_id=bale_id, crop_year=crop_year)
        if "foreign_fibre" in fields:
            fields["foreign_fibre"] = bool(fields["foreign_fibre"])
        if "kind" in fields:
            fields["kind"] = f"{KIND_PREFIX}{fields['kind']}"
        amendment = message_of(fields)
        if amendment is not None:
            fields["amendment"] = amendment
        rows.readings.add(**fields)
    return rows


def batches(frame: pl.DataFrame, bales: int) -> Iterator[pl.DataFrame]:
    """The frame in order, in pieces of at most `bales` bales. Raises ValueError below 1."""
    if bales < 1:
        raise ValueError(f"a batch must have at least 1 bale, not {bales}")
    return frame.iter_slices(bales)
