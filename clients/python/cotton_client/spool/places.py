"""Where spools lie: a directory for each pair of producer and server, below one root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

FILE_NAME: Final = "spool.sqlite"


def default_root() -> Path:
    """`cotton/spool` in the user's state directory: $XDG_STATE_HOME, or ~/.local/state."""
    state = os.environ.get("XDG_STATE_HOME", "")
    # A relative path there is to be ignored, as the XDG Base Directory Specification says.
    base = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    return base / "cotton" / "spool"


def directory_of(root: Path, producer_id: str, server: str) -> Path:
    """The spool of a producer for a server; different pairs never share one."""
    return root / f"{quote(producer_id, safe='')}@{quote(server, safe='')}"


def directories(root: Path) -> list[Path]:
    """The spools below a root, by name."""
    return sorted(path.parent for path in root.glob(f"*/{FILE_NAME}"))
