"""What a backup says of itself: one file for programs and people, one for `sha256sum --check`.

<backup>/backup.json   when, of which service, up to which entry
<backup>/SHA256SUMS    SHA-256 of every file of the backup, `backup.json` among them
<backup>/data/         the data directory
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from cotton_server.keeping.errors import DamageError, NewerFormError, NotUsableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORM: Final = 1
"""Version of the layout and of the record."""

DATA: Final = "data"
RECORD: Final = "backup.json"
SUMS: Final = "SHA256SUMS"
INCOMPLETE: Final = ".incomplete"
"""How the name of a backup ends that is not whole."""

NAME: Final = "%Y-%m-%dT%H%M%SZ"
"""How the name of a backup begins: when it was made, in UTC."""
_INCOMPLETE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z" + re.escape(INCOMPLETE))

_LINE: Final = re.compile(r"([0-9a-f]{64})  ([^\0]+)")
_BYTES_MAX: Final = 64 << 20
"""Of either file: no list of files is longer."""


@dataclass(frozen=True, slots=True)
class Record:
    """The facts of a backup.

    `position` and `digest` (hex) are those of the last entry, `sealed` is the last position that is
    sealed, `state` that of the sealed state, 0 without one. `ledger_format` is that of the ledger
    file, `version` that of the service that made the backup, `made_at` in UTC.
    """

    form: int
    version: str
    made_at: str
    position: int
    digest: str
    sealed: int
    state: int
    ledger_format: int
    files: int
    size_bytes: int


def write_record(backup: Path, record: Record) -> None:
    """Writes the record; raises OSError."""
    path = backup / RECORD
    path.write_text(f"{json.dumps(asdict(record), indent=1)}\n", "utf-8")
    path.chmod(0o600)


def write_sums(backup: Path, sums: Mapping[str, str]) -> None:
    """Writes the digests (hex) of files, by path below the backup; raises OSError."""
    path = backup / SUMS
    path.write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)), "utf-8")
    path.chmod(0o600)


def read_record(backup: Path) -> Record:
    """The record of a whole backup.

    Raises NotUsableError for a directory that is none, DamageError for a record that cannot be
    read, NewerFormError.
    """
    if backup.name.endswith(INCOMPLETE):
        raise NotUsableError(
            f"{backup} was not finished: it is no backup. Take one that is whole, whose name does"
            f" not end in {INCOMPLETE}."
        )
    return read_facts(backup)


def read_facts(backup: Path) -> Record:
    """The same of a backup that has no name yet."""
    path = backup / RECORD
    if not path.is_file():
        raise NotUsableError(f"{backup} is no backup: it has no {RECORD}.{_instead(backup)}")
    found = _json(path)
    form = found.get("form")
    if isinstance(form, int) and form > FORM:
        raise NewerFormError(
            f"{path} has form {form}; this version of the service knows {FORM}. Use version"
            f" {found.get('version')} of the service, which made the backup, or a newer one."
        )
    try:
        record = Record(**found)
    except TypeError as error:
        raise _damaged(path, error) from error
    if not all(
        isinstance(getattr(record, name), int if kind == "int" else str)
        for name, kind in Record.__annotations__.items()
    ):
        raise _damaged(path, "a value is of another type")
    return record


def read_sums(backup: Path) -> dict[str, str]:
    """The digests of the files of a backup, by path below it; raises DamageError."""
    path = backup / SUMS
    sums = {}
    for line in _text(path).splitlines():
        matched = _LINE.fullmatch(line)
        if matched is None or ".." in matched[2].split("/") or matched[2].startswith("/"):
            raise _damaged(path, f"a line is {line[:80]!r}")
        sums[matched[2]] = matched[1]
    return sums


def whole_backups(backups: Path) -> list[Path]:
    """The whole backups in a directory, the newest first; names sort by time."""
    if not backups.is_dir():
        return []
    found = (each for each in backups.iterdir() if (each / RECORD).is_file())
    return sorted((each for each in found if not each.name.endswith(INCOMPLETE)), reverse=True)


def incomplete_backups(backups: Path) -> list[Path]:
    """What backups that were killed have left in a directory; nothing of anybody else."""
    found = (each for each in backups.iterdir() if _INCOMPLETE.fullmatch(each.name))
    return sorted(each for each in found if each.is_dir() and not each.is_symlink())


def _instead(backup: Path) -> str:
    """Which backups are in the directory that was named in place of one."""
    found = whole_backups(backup)
    if not found:
        return " Name a directory that `cotton backup` has made."
    return f" It holds {len(found)}; the newest is {found[0]}: name one of them."


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(path))
    except ValueError as error:
        raise _damaged(path, error) from error
    if not isinstance(found, dict):
        raise _damaged(path, "it is no JSON object")
    return found


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise _damaged(path, f"it is longer than {_BYTES_MAX} bytes")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, what: object) -> DamageError:
    return DamageError(f"{path} cannot be read: {what}. Take another backup.")
