"""Rows of the bale store that lie on disk too: what a part of them gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from cotton_server.registry.key_filter import KeyFilter
    from cotton_server.registry.key_zones import KeyZones


class SealedPart(Protocol):
    """Rows [first_row, stop_row) of the store, readable from disk as often as wanted.

    Several threads may read at once.
    """

    @property
    def first_row(self) -> int:
        """The first row."""

    @property
    def stop_row(self) -> int:
        """The row after the last."""

    @property
    def bales(self) -> int:
        """How many of the rows the duplicate index gives for their bales: sum of `is_first`."""

    def zones(self) -> KeyZones:
        """Where the keys of those lie; raises what reading them raises."""

    def filter(self) -> KeyFilter:
        """Their hashes; raises what reading them raises."""

    def read(self) -> Mapping[str, npt.NDArray[Any]]:
        """All columns, in order of rows, in stored types.

        high, low (uint64), the value fields by name (ABSENT where absent), lot, standard,
        laboratory, instrument (int32), position (uint32), batch_row (uint16), kind (uint8),
        inspected_at_s (uint32) and is_first (bool).
        """

    def read_keys(self) -> Mapping[str, npt.NDArray[Any]]:
        """The columns high, low and is_first only."""
