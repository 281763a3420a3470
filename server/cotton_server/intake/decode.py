"""Bytes to readings: both shapes of a batch become the same table, or a typed error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from cotton.inspection.v1 import readings_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from cotton_server.domain.fields import TEXT_FIELD_NAMES, VALUE_FIELD_NAMES
from cotton_server.domain.identifiers import (
    HALF,
    USDA_CROP_YEARS,
    USDA_HIGH,
    UInt64Array,
    bale_key,
    usda_bale_key,
)
from cotton_server.domain.readings import RAW_ABSENT, Int32Array, ReadingTable, Texts
from cotton_server.errors import Reason, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TEXT_CHARACTERS_MAX: Final = 64
"""Longest text of a reading; names of laboratories and instruments are codes, not prose."""

MessageT = TypeVar("MessageT", bound=Message)

_USDA_ID_END: Final = 10**12
_PLACEHOLDER: Final = RAW_ABSENT + 1


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How large a batch may be."""

    bales_max: int


def parse(kind: type[MessageT], payload: bytes) -> MessageT:
    """The message that the bytes are, refused when it has fields this contract lacks."""
    try:
        message = kind.FromString(payload)
    except (DecodeError, UnicodeDecodeError) as error:
        raise ServiceError(
            Reason.MALFORMED_MESSAGE,
            f"{len(payload)} bytes were received that are no {kind.DESCRIPTOR.full_name}: {error}.",
        ) from error
    refuse_unknown_fields(message)
    return message


def refuse_unknown_fields(message: Message) -> None:
    """Raises ServiceError when the message, at any depth, has a field not in the contract.

    What an older server cannot read it must not acknowledge.
    """
    if isinstance(message, readings_pb2.ReadingRows):
        # A row a bale makes recursion slow; serialised sizes with and without differ exactly
        # when something unknown is there.
        size = message.ByteSize()
        message.DiscardUnknownFields()
        found = message.ByteSize() != size
        where = "a row"
    else:
        found = len(UnknownFieldSet(message)) > 0
        where = message.DESCRIPTOR.name
    if found:
        raise ServiceError(
            Reason.UNKNOWN_FIELDS,
            f"{where} of the message carries a field that is not in the contract.",
        )
    if isinstance(message, readings_pb2.ReadingRows):
        return
    for descriptor, value in message.ListFields():
        if descriptor.type != FieldDescriptor.TYPE_MESSAGE:
            continue
        for part in value if descriptor.is_repeated else (value,):
            refuse_unknown_fields(part)


def decode(batch: readings_pb2.ReadingBatch, limits: BatchLimits) -> ReadingTable:
    """The readings of a batch as a table.

    Raises ServiceError when the batch as a whole cannot be read: no readings, too many, or
    columns that do not fit together. A single bad bale never raises: it is decided later.
    """
    shape = batch.WhichOneof("readings")
    if shape is None:
        raise ServiceError(
            Reason.MISSING_FIELD,
            "The batch has neither `rows` nor `columns`.",
            {"batch.readings": "neither rows nor columns"},
        )
    count = len(batch.rows.readings) if shape == "rows" else batch.columns.count
    if count == 0:
        raise ServiceError(Reason.EMPTY_BATCH, f"The batch's {shape} hold no reading.")
    if count > limits.bales_max:
        raise ServiceError(
            Reason.BATCH_TOO_LARGE,
            f"The batch has {count} bales; at most {limits.bales_max} are taken in one.",
            {f"batch.{shape}": f"{count} bales, limit {limits.bales_max}"},
        )
    return _decode_rows(batch.rows.readings) if shape == "rows" else _decode_columns(batch.columns)


def _decode_columns(columns: readings_pb2.ReadingColumns) -> ReadingTable:
    count = columns.count
    high, low, malformed = _keys(columns, count)
    values: dict[str, Int32Array] = {}
    texts = {name: Texts(("",), np.zeros(count, np.int32)) for name in TEXT_FIELD_NAMES}
    inspected = np.zeros(count, np.int64)
    for descriptor, column in columns.ListFields():
        name = descriptor.name
        if name in TEXT_FIELD_NAMES:
            texts[name] = _text_column(name, column, count)
        elif name in VALUE_FIELD_NAMES:
            values[name] = _int_column(name, column, count)
        elif name == "inspected_at_s":
            inspected = _sized(name, np.asarray(column, np.int64), count)
    return ReadingTable(high, low, malformed, values, texts, inspected)


def _keys(
    columns: readings_pb2.ReadingColumns, count: int
) -> tuple[UInt64Array, UInt64Array, dict[int, str]]:
    high: UInt64Array = _sized(
        "bale_code_high", np.asarray(columns.bale_code_high, np.uint64), count
    )
    low: UInt64Array = _sized("bale_code_low", np.asarray(columns.bale_code_low, np.uint64), count)
    wrong = (high >= HALF) | (low >= HALF)
    as_received = high
    years = np.zeros(count, np.uint64)
    if columns.usda_crop_year:
        years = np.asarray(columns.usda_crop_year, np.uint64)
        years = _sized("usda_crop_year", years, count)
        usda = years > 0
        first, last = USDA_CROP_YEARS
        bad_usda = (high != 0) | (low >= _USDA_ID_END) | (years < first) | (years > last)
        wrong = np.where(usda, bad_usda, wrong)
        high = np.where(usda, years + np.uint64(USDA_HIGH), high)
    if not wrong.any():
        return high, low, {}
    rows = np.flatnonzero(wrong)
    malformed = {
        row: _malformed_text(int(years[row]), int(as_received[row]), int(low[row]))
        for row in rows.tolist()
    }
    zero = np.uint64(0)
    return np.where(wrong, zero, high), np.where(wrong, zero, low), malformed


def _malformed_text(crop_year: int, high: int, low: int) -> str:
    """A bale that has not its form, as a row would have named it."""
    if crop_year == 0:
        return f"{high:016d}{low:016d}"
    return f"{crop_year}/{low:012d}" if high == 0 else f"{crop_year}/{high}{low:016d}"


def _sized(name: str, array: Any, count: int) -> Any:
    if len(array) != count:
        raise ServiceError(
            Reason.UNEQUAL_COLUMNS,
            f"Column {name} has {len(array)} values in a batch of {count} bales.",
            {f"batch.columns.{name}": f"{len(array)} values, count is {count}"},
        )
    return array


def _int_column(name: str, column: readings_pb2.IntColumn, count: int) -> Int32Array:
    values: Int32Array = _sized(name, np.asarray(column.values, np.int32), count)
    values = np.where(values == RAW_ABSENT, np.int32(_PLACEHOLDER), values)
    if name == "preparation":
        values = np.where(values == 0, np.int32(RAW_ABSENT), values)
    if not column.absent:
        return values
    bitmap = np.frombuffer(column.absent, np.uint8)
    if len(bitmap) != (count + 7) // 8:
        raise ServiceError(
            Reason.UNEQUAL_COLUMNS,
            f"The bitmap of column {name} has {len(bitmap)} bytes; {count} bales need"
            f" {(count + 7) // 8}.",
            {f"batch.columns.{name}.absent": f"{len(bitmap)} bytes"},
        )
    absent = np.unpackbits(bitmap, bitorder="little")[:count].view(np.bool_)
    return np.where(absent, np.int32(RAW_ABSENT), values)


def _text_column(name: str, column: readings_pb2.TextColumn, count: int) -> Texts:
    where = f"batch.columns.{name}"
    dictionary = tuple(column.dictionary)
    if not dictionary:
        raise ServiceError(
            Reason.MISSING_FIELD,
            f"Text column {name} has no dictionary.",
            {f"{where}.dictionary": "empty"},
        )
    if len(dictionary) > count + 1:
        raise ServiceError(
            Reason.INVALID_FIELD,
            f"The dictionary of column {name} has {len(dictionary)} texts for {count} bales.",
            {f"{where}.dictionary": "more texts than bales"},
        )
    # Readings are compared by their place in the dictionary: one text has one place.
    if len(set(dictionary)) != len(dictionary):
        raise ServiceError(
            Reason.INVALID_FIELD,
            f"The dictionary of column {name} holds a text twice.",
            {f"{where}.dictionary": "a text stands in it twice"},
        )
    for text in dictionary:
        _refuse_long_text(name, text)
    if len(dictionary) == 1 and not column.index:
        return Texts(dictionary, np.zeros(count, np.int32))
    index = _sized(f"{name}.index", np.asarray(column.index, np.uint32), count)
    if int(index.max()) >= len(dictionary):
        raise ServiceError(
            Reason.INVALID_FIELD,
            f"Column {name} points at text {int(index.max())} of a dictionary of"
            f" {len(dictionary)}.",
            {f"{where}.index": "beyond the dictionary"},
        )
    return Texts(dictionary, index.astype(np.int32))


def _refuse_long_text(name: str, text: str) -> None:
    if len(text) > TEXT_CHARACTERS_MAX or not text.isprintable():
        raise ServiceError(
            Reason.INVALID_FIELD,
            f"A {name} has {len(text)} characters or unprintable ones; at most"
            f" {TEXT_CHARACTERS_MAX} printable ones are taken.",
            {name: f"not 1 to {TEXT_CHARACTERS_MAX} printable characters"},
        )


def _decode_rows(readings: Sequence[readings_pb2.Reading]) -> ReadingTable:
    count = len(readings)
    high = np.zeros(count, np.uint64)
    low = np.zeros(count, np.uint64)
    malformed: dict[int, str] = {}
    inspected = np.zeros(count, np.int64)
    # Only fields that are set are listed: one call a row instead of one a field.
    found: dict[str, tuple[list[int], list[Any]]] = {}
    for row, reading in enumerate(readings):
        for descriptor, value in reading.ListFields():
            places, values = found.setdefault(descriptor.name, ([], []))
            places.append(row)
            values.append(value)
    keys = _row_keys(count, found)
    for row, (key, text) in enumerate(keys):
        if key is None:
            malformed[row] = text[:TEXT_CHARACTERS_MAX]
        else:
            high[row], low[row] = key
    if "inspected_at_s" in found:
        places, times = found["inspected_at_s"]
        inspected[places] = times
    return ReadingTable(
        high=high,
        low=low,
        malformed=malformed,
        values={
            name: _row_values(count, *found[name]) for name in VALUE_FIELD_NAMES if name in found
        },
        texts={
            name: _row_texts(name, count, *found.get(name, ([], []))) for name in TEXT_FIELD_NAMES
        },
        inspected_at_s=inspected,
    )


def _row_keys(
    count: int, found: dict[str, tuple[list[int], list[Any]]]
) -> Iterable[tuple[tuple[int, int] | None, str]]:
    keys: list[tuple[tuple[int, int] | None, str]] = [(None, "")] * count
    for row, code in zip(*found.get("bale_code", ([], [])), strict=True):
        key = bale_key(code)
        keys[row] = (None if key is None else (key.high, key.low), code)
    for row, bale in zip(*found.get("usda_bale", ([], [])), strict=True):
        key = usda_bale_key(bale.crop_year, bale.bale_id)
        text = f"{bale.crop_year}/{bale.bale_id}"
        keys[row] = (None if key is None else (key.high, key.low), text)
    return keys


def _row_values(count: int, places: list[int], values: list[int]) -> Int32Array:
    received = np.asarray(values, np.int32)
    received[received == RAW_ABSENT] = _PLACEHOLDER
    if len(places) == count:
        return received
    column: Int32Array = np.full(count, RAW_ABSENT, np.int32)
    column[places] = received
    return column


def _row_texts(name: str, count: int, places: list[int], values: list[str]) -> Texts:
    codes: dict[str, int] = {} if len(places) == count else {"": 0}
    index: Int32Array = np.zeros(count, np.int32)
    index[places] = [codes.setdefault(text, len(codes)) for text in values]
    for text in codes:
        _refuse_long_text(name, text)
    return Texts(tuple(codes), index)
