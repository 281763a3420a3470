"""Forms of stored files: one that is newer than this version knows is left as it is, and said so.

Without this, a version that went before would take what it does not know for damage, and write it
again in its own form. That of the ledger is looked at before SQLite opens the file.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from cotton_server.keeping.contents import UNFINISHED, require_no_entries_without_ledger
from cotton_server.keeping.errors import NewerFormError, NotUsableError
from cotton_server.keeping.versions import THIS, last_served_by
from cotton_server.ledger import sealed_directory
from cotton_server.ledger.opening import APPLICATION_ID, FILE_NAME, FREED_FORMAT
from cotton_server.sealing.files import MANIFESTS
from cotton_server.sealing.manifest import FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100


def require_startable(data_dir: Path) -> None:
    """Raises for a data directory that no service may start on; it is left as it is.

    NotUsableError where a backup was not put back to its end, DamageError where payloads are sealed
    but the ledger is gone, NewerFormError where a file has a form that this version does not know.
    """
    if (data_dir / UNFINISHED).exists():
        raise NotUsableError(
            f"{data_dir} has a backup that was not put back to its end. Empty the directory, and"
            " run `cotton restore` again."
        )
    require_no_entries_without_ledger(data_dir)
    require_known_forms(data_dir)


def require_known_forms(data_dir: Path) -> None:
    """Raises NewerFormError where the ledger or a manifest has a form newer than ours.

    States are not looked at: a start takes what it cannot use of one from the entries.
    """
    root = sealed_directory(data_dir)
    _require(data_dir, data_dir / FILE_NAME, "ledger format", FREED_FORMAT, _ledger_format)
    for path in sorted((root / MANIFESTS).glob("*.json")):
        _require(data_dir, path, "format", FORMAT, _json_format)


def _require(
    data_dir: Path, path: Path, name: str, known: int, read: Callable[[Path], object]
) -> None:
    """What cannot be read at all is damage, which others tell."""
    try:
        form = read(path)
    except (OSError, ValueError, RecursionError):
        return
    if isinstance(form, int) and form > known:
        served = last_served_by(data_dir)
        use = f"version {served}, which served it last," if served else "the version that wrote it"
        raise NewerFormError(
            f"{path} has {name} {form}; this is version {THIS} of the service, which knows"
            f" {name} {known}. Use {use} or a newer one. Nothing was changed."
        )


def _json_format(path: Path) -> object:
    found = json.loads(path.read_bytes())
    return found.get("format") if isinstance(found, dict) else None


def _ledger_format(path: Path) -> int | None:
    """`user_version` in the header of an SQLite file of ours; None of any other file."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if not head.startswith(_MAGIC) or head[68:72] != APPLICATION_ID.to_bytes(4):
        return None
    return int.from_bytes(head[60:64])
