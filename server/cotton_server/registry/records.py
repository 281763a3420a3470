"""A record of a lot with its history: what is in force, and what was before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from cotton.inspection.v1 import common_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from google.protobuf.message import Message

RecordT = TypeVar("RecordT")

_PARTS = 3
"""Of a version: position, time received, record."""


@dataclass(frozen=True, slots=True)
class Version(Generic[RecordT]):
    """A record, the position of the entry that brought it, and when that was received."""

    position: int
    received_at_us: int
    record: RecordT


class Versions(tuple[Any, ...], Generic[RecordT]):
    """All versions of one record, oldest first; the last is in force. Never changed.

    The versions lie flat in one tuple, a record as `packed` gives it: there are millions of these
    chains, nearly all of them of no version or one, and an object for each would be most of what
    lots have in memory. As a tuple it is equal to one of the same versions; its length and items
    are nobody's business but its own.
    """

    __slots__ = ()

    def plus(self, version: Version[RecordT]) -> Self:
        """The chain with one more version, which is in force then."""
        record = self.packed(version.record)
        return type(self)((*self, version.position, version.received_at_us, record))

    @property
    def last(self) -> Version[RecordT] | None:
        """The version in force."""
        return self._version(len(self) - _PARTS) if self else None

    @property
    def record(self) -> RecordT | None:
        """The record in force, None without one."""
        return self.unpacked(self[-1]) if self else None

    @property
    def last_position(self) -> int:
        """The position that brought the version in force, 0 for none."""
        return int(self[-_PARTS]) if self else 0

    @property
    def all(self) -> Sequence[Version[RecordT]]:
        """Every version, oldest first."""
        return [self._version(at) for at in range(0, len(self), _PARTS)]

    def at(self, revision: int) -> Version[RecordT] | None:
        """The version in force at a revision, None before the first."""
        for at in range(len(self) - _PARTS, -1, -_PARTS):
            if self[at] <= revision:
                return self._version(at)
        return None

    def first_at(self, revision: int) -> Version[RecordT] | None:
        """The first version, if it was there at a revision."""
        return self._version(0) if self and self[0] <= revision else None

    def parts(self) -> Iterator[tuple[int, int, Any]]:
        """Position, time received and packed record of every version, oldest first."""
        return zip(self[::_PARTS], self[1::_PARTS], self[2::_PARTS], strict=True)

    @classmethod
    def packed(cls, record: RecordT) -> Any:
        """A record as it is kept."""
        return record

    @classmethod
    def unpacked(cls, packed: Any) -> RecordT:
        """The record that is kept."""
        record: RecordT = packed
        return record

    def _version(self, at: int) -> Version[RecordT]:
        return Version(self[at], self[at + 1], self.unpacked(self[at + 2]))


class Messages(Versions[RecordT]):
    """Versions of a message, kept as its bytes, None as None.

    As bytes a registration has 120 bytes, as a message of its own ten times that; it is parsed
    in less than half a microsecond.
    """

    __slots__ = ()

    message: ClassVar[type[Message]]

    @classmethod
    def packed(cls, record: RecordT) -> bytes | None:
        """The bytes of a message."""
        whole: Any = record
        return None if whole is None else whole.SerializeToString(deterministic=True)

    @classmethod
    def unpacked(cls, packed: Any) -> RecordT:
        """The message of the bytes."""
        record: Any = None if packed is None else cls.message.FromString(packed)
        return record  # type: ignore[no-any-return]


def amendment_of(record: Any) -> common_pb2.Amendment | None:
    """A copy of a message's amendment: a part of a message keeps the whole of it in memory."""
    if not record.HasField("amendment"):
        return None
    copy = common_pb2.Amendment()
    copy.CopyFrom(record.amendment)
    return copy
