"""What a peer's server stores into, and the store that only remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cotton_server.domain.readings import ReadingTable


@dataclass(frozen=True, slots=True)
class Kept:
    """What a store has in the end: different bales, bytes on disk, and its version and settings."""

    bales: int
    disk_bytes: int
    about: dict[str, str]


class Store(Protocol):
    """Where groups of batches go. One thread calls it."""

    def append(self, tables: Sequence[ReadingTable]) -> int:
        """Stores batches, committed when this returns; how many bales were not there before."""

    def close(self) -> Kept:
        """Ends it."""


class Memory:
    """Keeps decoded batches in memory: what decoding and gRPC leave to any store."""

    def __init__(self, _directory: Path) -> None:
        """Nothing is written anywhere."""
        self._tables: list[ReadingTable] = []

    def append(self, tables: Sequence[ReadingTable]) -> int:
        """Keeps the tables; whether a bale is there already is not looked at."""
        self._tables += tables
        return sum(map(len, tables))

    def close(self) -> Kept:
        """Counts what was kept."""
        return Kept(sum(map(len, self._tables)), 0, {})
