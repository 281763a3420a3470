"""Columns of a batch taken out of its bytes by numpy, so that nothing else has to read them.

The protobuf library reads a packed column number by number while it holds the interpreter: most of
the time of receiving bulk. Here whole columns are read at once, and what is left of the message,
some hundred bytes, goes to the library, which remains the one that says whether it is well formed.
Only a batch in columns as clients write them is taken apart: each field once, numbers in as many
bytes as they need. Whatever is unusual is left whole to the library, and means the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from cotton.inspection.v1 import ingest_pb2, readings_pb2

from cotton_server.domain.fields import TEXT_FIELD_NAMES, VALUE_FIELD_NAMES, VALUE_FIELDS
from cotton_server.domain.readings import RAW_ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.domain.readings import Int32Array, Int64Array

BYTES_MIN: Final = 1 << 15
"""Messages from which on this is faster than the library."""

_COLUMNS: Final = {
    name: field.number
    for name, field in readings_pb2.ReadingColumns.DESCRIPTOR.fields_by_name.items()
}
_REQUEST: Final = ingest_pb2.AppendReadingsRequest.DESCRIPTOR.fields_by_name["batch"].number
"""The field of the batch: the same number in both requests that have one."""
_BATCH: Final = readings_pb2.ReadingBatch.DESCRIPTOR.fields_by_name["columns"].number
_VALUES: Final = readings_pb2.IntColumn.DESCRIPTOR.fields_by_name["values"].number
_ABSENT: Final = readings_pb2.IntColumn.DESCRIPTOR.fields_by_name["absent"].number
_DICTIONARY: Final = readings_pb2.TextColumn.DESCRIPTOR.fields_by_name["dictionary"].number
_INDEX: Final = readings_pb2.TextColumn.DESCRIPTOR.fields_by_name["index"].number

_KEY_COLUMNS: Final = (_COLUMNS["bale_code_high"], _COLUMNS["bale_code_low"])
_TIME_COLUMN: Final = _COLUMNS["inspected_at_s"]
_PLAIN_COLUMNS: Final = {*_KEY_COLUMNS, _TIME_COLUMN}
_VALUE_COLUMNS: Final = {_COLUMNS[name]: place for place, name in enumerate(VALUE_FIELD_NAMES)}
_TEXT_COLUMNS: Final = {_COLUMNS[name]: name for name in TEXT_FIELD_NAMES}

_VARINT: Final = 0
_EIGHT_BYTES: Final = 1
_BYTES: Final = 2
_FOUR_BYTES: Final = 5
_MORE: Final = 0x80
_SEVEN_BITS: Final = 0x7F
_VARINT_BYTES_MAX: Final = 5
"""Bytes of a tag, a size or a number of the message that are read here."""

_BYTES_OF_32: Final = 4
"""Bytes of a number up to which it is the same in 32 bits, whatever its sign."""
_BYTES_OF_64: Final = 8
_PAIR: Final = 2

RawArray = npt.NDArray[np.uint8]
Span = tuple[int, int]
"""Where bytes of a message begin and end."""


class _UnusualError(Exception):
    """The message is not as clients write them; the library reads it as a whole."""


@dataclass(frozen=True, slots=True)
class Packed:
    """The columns that were taken out of a batch, of one length and never empty.

    `high` and `low`: halves of bale codes, uint64. `matrix` (int32): a row for each of VALUE_FIELDS
    in order, its values as received, RAW_ABSENT where a field was not sent; none is negative
    otherwise. `indices`: places in the dictionary of a text column, int32, by the name of its
    field. `inspected_at_s`: int64, None where none was sent.
    """

    high: UInt64Array
    low: UInt64Array
    matrix: Int32Array
    indices: dict[str, Int32Array]
    inspected_at_s: Int64Array | None


def unpack(request: bytes) -> tuple[bytes, Packed] | None:
    """A request without the columns of its batch, and those; None where it is left whole.

    Takes the bytes of an AppendReadingsRequest or SubmitReadingsRequest.
    """
    if len(request) < BYTES_MIN:
        return None
    try:
        batch_field, batch = _only(request, (0, len(request)), _REQUEST)
        columns_field, columns = _only(request, batch, _BATCH)
        found = _spans_of(request, columns)
        # Each in the place of the one before: fields keep their order.
        left = _tagged(_BATCH, found.left)
        left = request[batch[0] : columns_field] + left + request[columns[1] : batch[1]]
        left = request[:batch_field] + _tagged(_REQUEST, left) + request[batch[1] :]
        return left, _packed(request, found)
    except (_UnusualError, IndexError):
        return None


@dataclass(frozen=True, slots=True)
class _Found:
    """Where the columns of a batch lie by the numbers of their fields, and what else is in it."""

    plain: dict[int, Span]
    values: dict[int, Span]
    indices: dict[int, Span]
    left: bytes


def _spans_of(request: bytes, columns: Span) -> _Found:
    parts: list[bytes] = []
    found = _Found({}, {}, {}, b"")
    seen: set[int] = set()
    for number, kind, start, begin, end in _fields(request, columns):
        if number in seen:
            raise _UnusualError
        seen.add(number)
        if kind == _BYTES and begin == end:
            # Nothing in it: whatever that means, the library knows it.
            raise _UnusualError
        if number in _PLAIN_COLUMNS:
            if kind != _BYTES:
                raise _UnusualError
            found.plain[number] = begin, end
        elif kind == _BYTES and number in _VALUE_COLUMNS:
            span, rest = _numbers_of(request, (begin, end), _VALUES, _ABSENT)
            if span is None:
                raise _UnusualError
            found.values[number] = span
            parts.append(_tagged(number, rest))
        elif kind == _BYTES and number in _TEXT_COLUMNS:
            span, rest = _numbers_of(request, (begin, end), _INDEX, _DICTIONARY)
            if span is not None:
                found.indices[number] = span
            parts.append(_tagged(number, rest))
        else:
            parts.append(request[start:end])
    return replace(found, left=b"".join(parts))


def _numbers_of(
    request: bytes, column: Span, numbers: int, other: int
) -> tuple[Span | None, bytes]:
    """Where the numbers of a column lie, None where it has none, and the bytes of the rest."""
    found: Span | None = None
    rest: list[bytes] = []
    for number, kind, start, begin, end in _fields(request, column):
        if kind != _BYTES or number not in (numbers, other):
            raise _UnusualError
        if number == other:
            rest.append(request[start:end])
        elif found is None and begin < end:
            found = begin, end
        else:
            raise _UnusualError
    return found, b"".join(rest)


def _packed(request: bytes, found: _Found) -> Packed:
    high, low = (_fixed(request, found.plain.get(number)) for number in _KEY_COLUMNS)
    if len(high) != len(low):
        raise _UnusualError
    count = len(high)
    times = found.plain.get(_TIME_COLUMN)
    return Packed(
        high,
        low,
        _matrix(request, found.values, count),
        {
            _TEXT_COLUMNS[number]: _numbers(request, span, count, _BYTES_OF_32).astype(np.int32)
            for number, span in found.indices.items()
        },
        None if times is None else _numbers(request, times, count, _BYTES_OF_64).astype(np.int64),
    )


def _matrix(request: bytes, spans: dict[int, Span], count: int) -> Int32Array:
    """Values of all columns: those of one width are read together, with a few calls for all."""
    matrix: Int32Array = np.empty((len(VALUE_FIELDS), count), np.int32)
    matrix[[place for number, place in _VALUE_COLUMNS.items() if number not in spans]] = RAW_ABSENT
    for width in (1, 2):
        alike = [each for each in spans.items() if each[1][1] - each[1][0] == width * count]
        joined = b"".join([request[begin:end] for _, (begin, end) in alike])
        read = _of_one_byte if width == 1 else _of_two_bytes
        values = read(joined) if joined else None
        if values is not None:
            matrix[[_VALUE_COLUMNS[number] for number, _ in alike]] = values.reshape(-1, count)
            spans = {number: span for number, span in spans.items() if (number, span) not in alike}
    for number, span in spans.items():
        matrix[_VALUE_COLUMNS[number]] = _numbers(request, span, count, _BYTES_OF_32)
    return matrix


def _only(request: bytes, within: Span, wanted: int) -> tuple[int, Span]:
    """Where the one message field of a number begins, and where its message lies."""
    found = None
    for number, kind, start, begin, end in _fields(request, within):
        if number != wanted:
            continue
        if found is not None or kind != _BYTES:
            raise _UnusualError
        found = start, (begin, end)
    if found is None:
        raise _UnusualError
    return found


def _fields(request: bytes, within: Span) -> Iterator[tuple[int, int, int, int, int]]:
    """The fields of a message: number, wire type, where each starts, and where its value lies."""
    at, stop = within
    while at < stop:
        start = at
        tag, at = _varint(request, at)
        number, kind = tag >> 3, tag & 7
        begin = at
        if kind == _BYTES:
            size, begin = _varint(request, at)
            at = begin + size
        elif kind == _VARINT:
            _, at = _varint(request, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise _UnusualError
        if at > stop or number == 0:
            raise _UnusualError
        yield number, kind, start, begin, at


def _varint(request: bytes, at: int) -> tuple[int, int]:
    byte = request[at]
    if byte < _MORE:
        return byte, at + 1
    value = byte & _SEVEN_BITS
    for place in range(1, _VARINT_BYTES_MAX):
        byte = request[at + place]
        value |= (byte & _SEVEN_BITS) << (7 * place)
        if byte < _MORE:
            return value, at + place + 1
    raise _UnusualError


def _tagged(number: int, content: bytes) -> bytes:
    return _as_varint(number << 3 | _BYTES) + _as_varint(len(content)) + content


def _as_varint(value: int) -> bytes:
    found = bytearray()
    while value >= _MORE:
        found.append(value & _SEVEN_BITS | _MORE)
        value >>= 7
    found.append(value)
    return bytes(found)


def _fixed(request: bytes, span: Span | None) -> UInt64Array:
    if span is None:
        raise _UnusualError
    count, odd = divmod(span[1] - span[0], 8)
    if odd or not count:
        raise _UnusualError
    return np.frombuffer(request, "<u8", count, span[0]).astype(np.uint64)


def _numbers(
    request: bytes, span: Span, count: int, bytes_max: int
) -> npt.NDArray[np.integer[Any]]:
    """The numbers of a packed column, as many as there are bales and of at most so many bytes."""
    raw = request[span[0] : span[1]]
    width, odd = divmod(len(raw), count)
    found: npt.NDArray[np.integer[Any]] | None = None
    if not odd and width <= bytes_max:
        if width == 1:
            found = _of_one_byte(raw)
        elif width == _PAIR:
            found = _of_two_bytes(raw)
        else:
            found = _of_one_width(raw, width)
    if found is None:
        found = _of_widths(np.frombuffer(raw, np.uint8), bytes_max)
    if len(found) != count:
        raise _UnusualError
    return found


def _of_one_byte(raw: bytes) -> RawArray | None:
    """Numbers of one byte each; None where one has more."""
    numbers = np.frombuffer(raw, np.uint8)
    return numbers if numbers.max() < _MORE else None


def _of_two_bytes(raw: bytes) -> npt.NDArray[np.uint16] | None:
    """Numbers of two bytes each; None where one has not."""
    pairs = np.frombuffer(raw, "<u2")
    marks: npt.NDArray[np.uint16] = pairs & np.uint16(0x8080)
    marks ^= np.uint16(_MORE)
    if marks.any():
        return None
    numbers: npt.NDArray[np.uint16] = pairs >> np.uint16(1)
    numbers &= np.uint16(0x3F80)
    numbers |= pairs & np.uint16(_SEVEN_BITS)
    return numbers


def _of_one_width(raw: bytes, width: int) -> npt.NDArray[np.uint64] | None:
    """Numbers that all have as many bytes, three to eight; None where one has not."""
    spread = np.zeros((len(raw) // width, _BYTES_OF_64), np.uint8)
    spread[:, :width] = np.frombuffer(raw, np.uint8).reshape(-1, width)
    words: npt.NDArray[np.uint64] = spread.view("<u8")[:, 0]
    more = int.from_bytes(bytes([_MORE] * (width - 1)), "little")
    if ((words & np.uint64(0x8080808080808080)) != np.uint64(more)).any():
        return None
    numbers: npt.NDArray[np.uint64] = words & np.uint64(_SEVEN_BITS)
    for place in range(1, width):
        numbers |= (words >> np.uint64(place)) & np.uint64(_SEVEN_BITS << (7 * place))
    return numbers


def _of_widths(raw: RawArray, bytes_max: int) -> npt.NDArray[np.uint64]:
    """Numbers of several widths."""
    ends = np.flatnonzero(raw < _MORE)
    if len(ends) == 0 or ends[-1] != len(raw) - 1:
        raise _UnusualError
    starts = np.empty_like(ends)
    starts[0] = 0
    np.add(ends[:-1], 1, out=starts[1:])
    widths = ends - starts
    widest = int(widths.max()) + 1
    if widest > bytes_max:
        raise _UnusualError
    numbers = (raw.take(starts) & _SEVEN_BITS).astype(np.uint64)
    longer = np.flatnonzero(widths)
    for place in range(1, widest):
        part = raw.take(starts[longer] + place) & _SEVEN_BITS
        numbers[longer] |= part.astype(np.uint64) << np.uint64(7 * place)
        longer = longer[widths[longer] > place]
    return numbers
