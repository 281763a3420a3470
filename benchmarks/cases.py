"""What is measured: shape and size of the messages, how many streams, new bales or known ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Shape = Literal["columns", "rows"]


@dataclass(frozen=True, slots=True)
class Case:
    """One way to send readings.

    `existing`: every bale was sent before (untimed), and comes again under new sequences.
    """

    shape: Shape
    bales_a_message: int
    streams: int = 1
    existing: bool = False

    @property
    def name(self) -> str:
        """Such as "columns-4096" or "columns-4096-streams-8"."""
        parts = [f"{self.shape}-{self.bales_a_message}"]
        if self.streams > 1:
            parts.append(f"streams-{self.streams}")
        if self.existing:
            parts.append("existing")
        return "-".join(parts)


STANDARD: Final = (
    *(Case("columns", bales) for bales in (256, 1024, 4096, 8192, 16384)),
    *(Case("rows", bales) for bales in (100, 1000, 4000)),
    *(Case("columns", 4096, streams=streams) for streams in (8, 64)),
    *(Case("rows", 1000, streams=streams) for streams in (8, 64)),
    Case("columns", 4096, existing=True),
)
"""The cases of a complete run, in the order in which they are measured and printed."""
