"""What lies in a data directory: which names are whose, and what a manifest names."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cotton_server.keeping.errors import DamageError, NotUsableError
from cotton_server.ledger import evidence_directory, sealed_directory
from cotton_server.ledger.opening import FILE_NAME
from cotton_server.ledger.seal import SEALED_NAME
from cotton_server.runs.archive import ARCHIVE_NAME
from cotton_server.sealing.files import PARTIAL, STATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LEDGER: Final = FILE_NAME
LEDGER_LOG: Final = f"{FILE_NAME}-wal"
LEDGER_BESIDE: Final = (LEDGER_LOG, f"{FILE_NAME}-shm", f"{FILE_NAME}-journal")
"""What SQLite keeps beside the ledger while somebody has it open."""
LOCKS: Final = ("lock", "sealing.lock")
"""Files that hold nothing and are made again."""
VERSIONS: Final = "versions.json"
"""Which versions of the service have served the directory."""
UNFINISHED: Final = "restore.incomplete"
"""There while a backup is put back: what has it is no data directory yet."""

DIRECTORIES: Final = (SEALED_NAME, ARCHIVE_NAME)
"""May lie on another disk, behind a symbolic link."""

KNOWN: Final = frozenset(
    {LEDGER, *LEDGER_BESIDE, *LOCKS, VERSIONS, UNFINISHED, SEALED_NAME, ARCHIVE_NAME}
)
NOT_KEPT: Final = frozenset({LEDGER, *LEDGER_BESIDE, *LOCKS, UNFINISHED})
"""What a backup does not copy as it lies there: the ledger is copied by SQLite's own means."""

RANGE: Final = re.compile(r"(\d{10})-(\d{10})(?!\d)")
"""How the names of files of a sealed range begin."""
STATE_NAME: Final = re.compile(r"\d{10}")


def require_data_directory(directory: Path) -> None:
    """Raises NotUsableError for a directory without a ledger, DamageError where it is gone."""
    require_no_entries_without_ledger(directory)
    if not (directory / LEDGER).is_file():
        raise NotUsableError(
            f"{directory} has no {LEDGER}: it is no data directory. Name the one that `cotton"
            " serve` is given as --data-dir, or `data` in a backup."
        )


def require_no_entries_without_ledger(directory: Path) -> None:
    """Raises DamageError where payloads are sealed but the ledger is gone."""
    if (directory / LEDGER).exists() or not any(evidence_directory(directory).glob("*.parquet")):
        return
    raise DamageError(
        f"{directory} has sealed entries, but no {LEDGER}: a new ledger would not know of them."
        f" Bring {LEDGER} back, or put a backup back with `cotton restore` into another directory."
    )


def named(content: bytes) -> Mapping[str, str]:
    """SHA-256 in hex of every file that a manifest names, by its path.

    Whatever else a manifest says: each object in it with `path`, `size` and `digest` is a file.
    Raises ValueError for what is no JSON object.
    """
    found = json.loads(content)
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - of content, not of an argument
    return dict(_named(found))


def _named(found: Any) -> Iterator[tuple[str, str]]:
    if isinstance(found, dict):
        path, digest = found.get("path"), found.get("digest")
        if isinstance(path, str) and isinstance(digest, str) and "size" in found:
            yield path, digest
        else:
            for each in found.values():
                yield from _named(each)
    elif isinstance(found, list):
        for each in found:
            yield from _named(each)


def state_directories(data_dir: Path, last: int) -> list[Path]:
    """The directories of sealed states up to a position, the newest first."""
    root = sealed_directory(data_dir) / STATE
    found = [each for each in root.glob("*") if STATE_NAME.fullmatch(each.name)]
    return sorted((each for each in found if int(each.name) <= last), reverse=True)


def walk(directory: Path) -> Iterator[Path]:
    """Everything below a directory, by names; what a server takes away meanwhile is left out.

    Symbolic links are told and not followed, but for the directory itself.
    """
    for top, directories, files in os.walk(directory):
        directories.sort()
        yield from (Path(top, name) for name in sorted([*directories, *files]))


def files_beside(data_dir: Path) -> Iterator[Path]:
    """All files but the ledger, locks, states, and what is half written.

    Of what is sealed that are also files of ranges that a catalogue may not have. Symbolic links
    are followed for the two directories of the service, and nowhere else.
    """
    for path in sorted(data_dir.iterdir()):
        if path.name in NOT_KEPT or is_half_written(path.name):
            continue
        if path.is_dir() and (not path.is_symlink() or path.name in DIRECTORIES):
            for below in walk(path):
                parts = below.relative_to(path).parts
                is_whole = not any(part.endswith(PARTIAL) for part in parts)
                is_state = (path.name, parts[0]) == (SEALED_NAME, STATE)
                if is_whole and not is_state and is_plain(below):
                    yield below
        elif is_plain(path):
            yield path


def is_half_written(name: str) -> bool:
    """Whether something at the top of a data directory has the name of what is not there yet."""
    return name.endswith(PARTIAL)


def odd_entries(data_dir: Path) -> Iterator[str]:
    """What lies there that is neither a plain file nor a directory, by its path below."""
    for path in walk(data_dir):
        name = path.relative_to(data_dir).as_posix()
        if path.is_symlink():
            if name not in DIRECTORIES:
                yield name
        elif path.exists() and not path.is_dir() and not path.is_file():
            yield name


def is_plain(path: Path) -> bool:
    """Whether it is a file, and no link to one."""
    return path.is_file() and not path.is_symlink()
