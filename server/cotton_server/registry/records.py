"""A record of a lot with its history: what is in force, and what was before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cotton.inspection.v1 import common_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True)
class Version(Generic[RecordT]):
    """A record, the position of the entry that brought it, and when that was received."""

    position: int
    received_at_us: int
    record: RecordT


class Versions(Generic[RecordT]):
    """All versions of one record, oldest first; the last is in force."""

    __slots__ = ("_all",)

    def __init__(self) -> None:
        """Starts without a record."""
        self._all: tuple[Version[RecordT], ...] = ()

    def __bool__(self) -> bool:
        """Whether there is a record."""
        return bool(self._all)

    def add(self, version: Version[RecordT]) -> None:
        """Puts a record into force."""
        self._all = (*self._all, version)

    @property
    def last(self) -> Version[RecordT] | None:
        """The version in force."""
        return self._all[-1] if self._all else None

    @property
    def all(self) -> Sequence[Version[RecordT]]:
        """Every version, oldest first."""
        return self._all

    def at(self, revision: int) -> Version[RecordT] | None:
        """The version in force at a revision, None before the first."""
        for version in reversed(self._all):
            if version.position <= revision:
                return version
        return None

    def first_at(self, revision: int) -> Version[RecordT] | None:
        """The first version, if it was there at a revision."""
        return self._all[0] if self._all and self._all[0].position <= revision else None


def amendment_of(record: Any) -> common_pb2.Amendment | None:
    """A copy of a message's amendment: a part of a message keeps the whole of it in memory."""
    if not record.HasField("amendment"):
        return None
    copy = common_pb2.Amendment()
    copy.CopyFrom(record.amendment)
    return copy
