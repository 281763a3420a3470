"""Bytes to readings: both shapes of a batch become the same table, or a typed error."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

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
    is_plain_text,
    is_standard_id,
    usda_bale_key,
)
from cotton_server.domain.readings import (
    ORIGINAL,
    RAW_ABSENT,
    BoolArray,
    Int32Array,
    Kinds,
    ReadingTable,
    Texts,
    values_of,
)
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.packed import Packed, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT_CHARACTERS_MAX: Final = 64
"""Longest text of a reading; names of laboratories and instruments are codes, not prose."""

NOTE_CHARACTERS_MAX: Final = 200
"""Longest note of an amendment: prose, and read by people."""

MessageT = TypeVar("MessageT", bound=Message)

BALE_CHARACTERS_MAX: Final = 40
"""How much of a malformed bale identifier is kept for the answer."""

FEW_ROWS_MAX: Final = 32
"""Rows up to which one call a row is faster than one a field and row."""

_VALUE_PLACES: Final = {name: place for place, name in enumerate(VALUE_FIELD_NAMES)}
_ALL_VALUES: Final = attrgetter(*VALUE_FIELD_NAMES)
_CODE_DIGITS: Final = 32
_POWERS: Final = np.asarray([10**place for place in range(15, -1, -1)], np.uint64)
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


def parse_batch(kind: type[MessageT], payload: bytes) -> tuple[MessageT, Packed | None]:
    """As `parse`, for a request with a batch: the columns that were taken out of it come beside.

    The message lacks those; `decode` takes both.
    """
    unpacked = unpack(payload)
    if unpacked is None:
        return parse(kind, payload), None
    left, packed = unpacked
    try:
        return parse(kind, left), packed
    except ServiceError:
        # Whatever is wrong is told of the bytes as they were received.
        return parse(kind, payload), None


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


def decode(
    batch: readings_pb2.ReadingBatch, limits: BatchLimits, packed: Packed | None = None
) -> ReadingTable:
    """The readings of a batch as a table.

    `packed` has the columns that were taken out of the batch before.
    Raises ServiceError when the batch as a whole cannot be read: no readings, too many,
    columns that do not fit together, or texts that are no codes. A bale with a bad identifier
    or value never raises: it is decided later.
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
    if shape == "rows":
        return _decode_rows(batch.rows.readings)
    return _decode_columns(batch.columns, packed)


def _decode_columns(columns: readings_pb2.ReadingColumns, packed: Packed | None) -> ReadingTable:
    """The table of columns, of which those in `packed` are in the message no more."""
    count = columns.count
    if packed is None:
        high = np.asarray(columns.bale_code_high, np.uint64)
        low = np.asarray(columns.bale_code_low, np.uint64)
    else:
        high, low = packed.high, packed.low
    high, low, malformed = _keys(columns, high, low)
    # Not before the columns of keys have shown that there are as many bales.
    matrix: Int32Array
    if packed is None:
        matrix = np.full((len(VALUE_FIELD_NAMES), count), RAW_ABSENT, np.int32)
    else:
        matrix = packed.matrix
    indices = {} if packed is None else packed.indices
    inspected = None if packed is None else packed.inspected_at_s
    values: dict[str, Int32Array] = {}
    texts = {name: Texts(("",), np.zeros(count, np.int32)) for name in TEXT_FIELD_NAMES}
    for descriptor, column in columns.ListFields():
        name = descriptor.name
        if name in TEXT_FIELD_NAMES:
            texts[name] = _text_column(name, column, count, indices.get(name))
        elif name in _VALUE_PLACES:
            values[name] = row = matrix[_VALUE_PLACES[name]]
            if packed is None:
                row[:] = _ints(name, column, count)
            _mark_absent(name, column, row)
        elif name == "inspected_at_s":
            inspected = _sized(name, np.asarray(column, np.int64), count)
    return ReadingTable(
        high,
        low,
        malformed,
        values,
        texts,
        np.zeros(count, np.int64) if inspected is None else inspected,
        _column_kinds(columns, count),
        matrix,
    )


def _column_kinds(columns: readings_pb2.ReadingColumns, count: int) -> Kinds | None:
    sent = {descriptor.name for descriptor, _ in columns.ListFields()}
    if not sent & {"kind", "supersedes_revision", "reason", "note", "decided_by"}:
        return None

    def ints(name: str) -> Int32Array:
        if name not in sent:
            return np.zeros(count, np.int32)
        column = getattr(columns, name)
        values = _ints(name, column, count)
        if column.absent:
            values[_absent(name, column, count)] = 0
        return values

    def texts(name: str) -> Texts:
        if name not in sent:
            return Texts(("",), np.zeros(count, np.int32))
        return _text_column(name, getattr(columns, name), count)

    superseded: UInt64Array = np.zeros(count, np.uint64)
    if "supersedes_revision" in sent:
        superseded = np.asarray(columns.supersedes_revision, np.uint64)
        superseded = _sized("supersedes_revision", superseded, count)
    return _kinds(ints("kind"), superseded, ints("reason"), texts("note"), texts("decided_by"))


def _kinds(
    kind: Int32Array, supersedes: UInt64Array, reason: Int32Array, note: Texts, decided_by: Texts
) -> Kinds | None:
    """Kinds of readings, None where all are plain originals."""
    kind = np.where(kind == 0, np.int32(ORIGINAL), kind)
    plain = (
        (kind == ORIGINAL).all()
        and not supersedes.any()
        and not reason.any()
        and not any(note.spelled_out())
        and not any(decided_by.spelled_out())
    )
    return None if plain else Kinds(kind, supersedes, reason, note, decided_by)


def _keys(
    columns: readings_pb2.ReadingColumns, high: UInt64Array, low: UInt64Array
) -> tuple[UInt64Array, UInt64Array, dict[int, str]]:
    count = columns.count
    _sized("bale_code_high", high, count)
    _sized("bale_code_low", low, count)
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


def _ints(name: str, column: readings_pb2.IntColumn, count: int) -> Int32Array:
    """The numbers of a column; none of them is the one that stands for absent."""
    values: Int32Array = _sized(name, np.asarray(column.values, np.int32), count)
    values[values == RAW_ABSENT] = _PLACEHOLDER
    return values


def _mark_absent(name: str, column: readings_pb2.IntColumn, values: Int32Array) -> None:
    """Puts RAW_ABSENT where a column has no value."""
    if name == "preparation":
        values[values == 0] = RAW_ABSENT
    if column.absent:
        values[_absent(name, column, len(values))] = RAW_ABSENT


def _absent(name: str, column: readings_pb2.IntColumn, count: int) -> BoolArray:
    """Where the bitmap of a column says that a bale has no value."""
    bitmap = np.frombuffer(column.absent, np.uint8)
    if len(bitmap) != (count + 7) // 8:
        raise ServiceError(
            Reason.UNEQUAL_COLUMNS,
            f"The bitmap of column {name} has {len(bitmap)} bytes; {count} bales need"
            f" {(count + 7) // 8}.",
            {f"batch.columns.{name}.absent": f"{len(bitmap)} bytes"},
        )
    return np.unpackbits(bitmap, bitorder="little")[:count].view(np.bool_)


def _text_column(
    name: str, column: readings_pb2.TextColumn, count: int, packed: Int32Array | None = None
) -> Texts:
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
        _refuse_strange_text(name, text)
    if packed is None:
        if len(dictionary) == 1 and not column.index:
            return Texts(dictionary, np.zeros(count, np.int32))
        packed = np.asarray(column.index, np.uint32)
    index = _sized(f"{name}.index", packed, count)
    if int(index.max()) >= len(dictionary):
        raise ServiceError(
            Reason.INVALID_FIELD,
            f"Column {name} points at text {int(index.max())} of a dictionary of"
            f" {len(dictionary)}.",
            {f"{where}.index": "beyond the dictionary"},
        )
    return Texts(dictionary, index.astype(np.int32, copy=False))


def _refuse_strange_text(name: str, text: str) -> None:
    if name == "standard" and text and not is_standard_id(text):
        raise ServiceError(
            Reason.INVALID_FIELD,
            f"A standard is named by a text that is no id of one ({len(text)} characters).",
            {name: "not 1 to 32 ASCII letters, digits, blanks, dots, slashes or dashes"},
        )
    limit = NOTE_CHARACTERS_MAX if name == "note" else TEXT_CHARACTERS_MAX
    if len(text) > limit or not is_plain_text(text):
        raise ServiceError(
            Reason.INVALID_FIELD,
            f"A {name} has {len(text)} characters or control characters; at most"
            f" {limit} without those are taken.",
            {name: f"not 1 to {limit} characters without control characters"},
        )


def _decode_rows(readings: Sequence[readings_pb2.Reading]) -> ReadingTable:
    # Field by field, each with one call a row: listing the set fields of a row costs more
    # than reading every field of it.
    rows = list(readings)
    high, low, malformed = _row_keys(rows)
    matrix = _few_values(rows) if len(rows) <= FEW_ROWS_MAX else None
    return ReadingTable(
        high=high,
        low=low,
        malformed=malformed,
        values=_many_values(rows) if matrix is None else values_of(matrix),
        texts={name: _row_texts(name, rows) for name in TEXT_FIELD_NAMES},
        inspected_at_s=np.asarray([row.inspected_at_s for row in rows], np.int64),
        kinds=_row_kinds(rows),
        matrix=matrix,
    )


def _few_values(rows: Sequence[readings_pb2.Reading]) -> Int32Array:
    """The values of a few rows, a row for each of VALUE_FIELDS: one call a row, not one a field."""
    matrix: Int32Array = np.asarray(list(map(_ALL_VALUES, rows)), np.int32)
    matrix[matrix == RAW_ABSENT] = _PLACEHOLDER
    places, columns = np.nonzero(matrix == 0)
    for place, column in zip(places.tolist(), columns.tolist(), strict=True):
        name = VALUE_FIELD_NAMES[column]
        if name == "preparation" or not rows[place].HasField(cast("Any", name)):
            matrix[place, column] = RAW_ABSENT
    return np.ascontiguousarray(matrix.T)


def _many_values(rows: Sequence[readings_pb2.Reading]) -> dict[str, Int32Array]:
    columns = ((name, _row_values(name, rows)) for name in VALUE_FIELD_NAMES)
    return {name: column for name, column in columns if column is not None}


def _row_kinds(rows: Sequence[readings_pb2.Reading]) -> Kinds | None:
    kinds = [row.kind for row in rows]
    if set(kinds) <= {0, ORIGINAL} and not any(row.HasField("amendment") for row in rows):
        return None
    amendments = [row.amendment for row in rows]
    return _kinds(
        np.asarray(kinds, np.int32),
        np.asarray([each.supersedes_revision for each in amendments], np.uint64),
        np.asarray([each.reason for each in amendments], np.int32),
        _texts("note", [each.note for each in amendments]),
        _texts("decided_by", [each.decided_by for each in amendments]),
    )


def _row_keys(
    rows: Sequence[readings_pb2.Reading],
) -> tuple[UInt64Array, UInt64Array, dict[int, str]]:
    codes = [row.bale_code for row in rows]
    joined = "".join(codes).encode()
    if len(joined) == _CODE_DIGITS * len(codes) and all(map(_CODE_DIGITS.__eq__, map(len, codes))):
        digits = np.frombuffer(joined, np.uint8).reshape(len(codes), _CODE_DIGITS) - ord("0")
        if int(digits.max()) <= 9:  # noqa: PLR2004 - what is below "0" wraps round to above 9
            halves = digits.reshape(len(codes), 2, _CODE_DIGITS // 2) @ _POWERS
            return halves[:, 0].copy(), halves[:, 1].copy(), {}
    high, low = np.zeros(len(rows), np.uint64), np.zeros(len(rows), np.uint64)
    malformed: dict[int, str] = {}
    for place, row in enumerate(rows):
        if row.HasField("usda_bale"):
            bale = row.usda_bale
            key = usda_bale_key(bale.crop_year, bale.bale_id)
            text = f"{bale.crop_year}/{bale.bale_id}"
        else:
            key, text = bale_key(row.bale_code), row.bale_code
        if key is None:
            malformed[place] = text[:BALE_CHARACTERS_MAX]
        else:
            high[place], low[place] = key.high, key.low
    return high, low, malformed


def _row_values(name: str, rows: Sequence[readings_pb2.Reading]) -> Int32Array | None:
    """One value column, None when no row has the field."""
    column: Int32Array = np.asarray(list(map(attrgetter(name), rows)), np.int32)
    column[column == RAW_ABSENT] = _PLACEHOLDER
    zeros = np.flatnonzero(column == 0)
    if name == "preparation":
        absent = zeros
    else:
        has_field = [rows[place].HasField(cast("Any", name)) for place in zeros.tolist()]
        absent = zeros[~np.asarray(has_field, np.bool_)]
    if len(absent) == len(rows):
        return None
    column[absent] = RAW_ABSENT
    return column


def _row_texts(name: str, rows: Sequence[readings_pb2.Reading]) -> Texts:
    return _texts(name, list(map(attrgetter(name), rows)))


def _texts(name: str, texts: Sequence[str]) -> Texts:
    codes: dict[str, int] = {}
    index = [codes.setdefault(text, len(codes)) for text in texts]
    for text in codes:
        _refuse_strange_text(name, text)
    return Texts(tuple(codes), np.asarray(index, np.int32))
