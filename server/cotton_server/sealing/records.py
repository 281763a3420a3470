"""What is told of sealing: by the process that seals to the server, and by the server of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SealedRange:
    """A range whose files are durable: what the server enters into its catalogue.

    Digests in hex: the chained one at `last`, and the SHA-256 of the manifest.
    """

    first: int
    last: int
    stop_row: int
    digest: str
    manifest_digest: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one run of the sealing process came to; `seconds` from its start to its end."""

    ranges: int
    seconds: float
    succeeded: bool


class SealObserver(Protocol):
    """Takes what became of seals; never raises."""

    def sealed(self, record: Sealed) -> None:
        """The sealing process has ended."""
