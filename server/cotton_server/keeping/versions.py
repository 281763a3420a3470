"""Which versions of the service have served a data directory, so that errors can name one."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from cotton_server.keeping.contents import VERSIONS
from cotton_server.sealing.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

THIS: Final = version("cotton-inspection")
"""The version of the service that runs."""

_LOG: Final = logging.getLogger(__name__)

_KEPT_MAX: Final = 100
"""Versions that are listed, the latest ones."""


def note_version(data_dir: Path) -> None:
    """Notes, durably, that this version serves a directory, unless it did so last.

    A list that cannot be read is begun anew, and one that cannot be written is told in the log:
    nothing but errors is made of it.
    """
    known = _served(data_dir)
    if known and known[-1]["version"] == THIS:
        return
    served = [*known, {"version": THIS, "since": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}]
    content = f"{json.dumps(served[-_KEPT_MAX:], indent=1)}\n"
    try:
        write_whole(data_dir / VERSIONS, partial(_write, content), top=data_dir)
    except OSError as error:
        _LOG.warning("the version could not be noted", extra={"error": str(error)})


def last_served_by(data_dir: Path) -> str | None:
    """The version that served a directory last; None where that is not known."""
    known = _served(data_dir)
    return str(known[-1]["version"]) if known else None


def _served(data_dir: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads((data_dir / VERSIONS).read_bytes())
        return [{"version": str(each["version"]), "since": str(each["since"])} for each in found]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _write(content: str, path: Path) -> None:
    path.write_text(content, "utf-8")
