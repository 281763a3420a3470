"""What a client was told is stored, kept on disk before the client goes on."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Acknowledged:
    """A sequence or request id, the revision it was stored at, and the encoded outcomes in hex."""

    identity: int | str
    revision: int
    outcomes: str


class Journal:
    """The acknowledgements of one producer, in a file that is synced after each."""

    def __init__(self, path: Path) -> None:
        """Makes the file, which must not be there."""
        self._path = path
        path.touch(exist_ok=False)
        self.last: Acknowledged | None = None

    def note(self, identity: int | str, revision: int, outcomes: bytes) -> None:
        """Keeps an acknowledgement; when this returns, durably."""
        self.last = Acknowledged(identity, revision, outcomes.hex())
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(self.last)) + "\n")
            file.flush()
            os.fdatasync(file.fileno())

    def read(self) -> list[Acknowledged]:
        """All that was kept."""
        lines = self._path.read_text("utf-8").splitlines()
        return [Acknowledged(**json.loads(line)) for line in lines]
