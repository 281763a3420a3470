"""Files of the sealed history: where they lie, how they are written, what says that they are whole.

sealed/entries/<first>-<last>.parquet                  payloads exactly as received
sealed/readings/season=<year>/<first>-<last>.parquet   the readings that were kept of them
sealed/manifests/<first>-<last>.json                   both, with their digests
sealed/keys/<first>-<last>.keys                        which keys the readings may have
sealed/state/<last>/                                   the registry without its readings
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar, Final

from cotton_server.errors import DamagedError, StartError
from cotton_server.ledger import make_directories, sync_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

READINGS: Final = "readings"
MANIFESTS: Final = "manifests"
KEYS: Final = "keys"
STATE: Final = "state"

PARTIAL: Final = ".partial"
"""How the name of a file or directory ends that is not whole yet."""

_CHUNK_BYTES: Final = 1 << 20
_OTHER: Final = "does not have the digest it was written with"


class SealedFileError(DamagedError, StartError):
    """A file of the sealed history is not there, or is not what was written."""

    _remedy: ClassVar[str] = (
        f"Restore it from a backup, or move the directory {STATE}, which lies beside those of"
        " sealed entries and readings, away: the next start then takes everything from the raw"
        " entries, as slowly as without seals, and has what is damaged of readings and manifests"
        " written again."
    )

    def __init__(self, path: Path, what: str) -> None:
        """Takes the file and what is wrong with it."""
        super().__init__(f"{path} {what}. {self._remedy}")
        self.path, self.what, self.remedy = path, what, self._remedy


class OtherVersionError(SealedFileError):
    """A file of the sealed history is of the form of another version; nothing is wrong with it."""

    _remedy: ClassVar[str] = (
        "Nothing is to be done: what this version cannot use of it a start takes from the raw"
        " entries, and the first seal writes it anew."
    )


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A file, named below its root, with its size in bytes and its SHA-256 in hex."""

    path: str
    size: int
    digest: str

    def content(self, root: Path) -> bytes:
        """What is in the file, held in memory: the bytes that have the digest, and no others.

        Raises SealedFileError when it cannot be read, or is not what was written.
        """
        path = root / self.path
        try:
            with path.open("rb") as file:
                # A byte more than there may be, so that no file is read that grew without end.
                content = file.read(self.size + 1)
        except OSError as error:
            raise unreadable(path, error) from error
        if len(content) != self.size or sha256(content).hexdigest() != self.digest:
            raise SealedFileError(path, _OTHER)
        return content

    def require_size(self, root: Path) -> None:
        """Raises SealedFileError when the file is not there or has another size."""
        path = root / self.path
        try:
            size = path.stat().st_size
        except OSError as error:
            raise unreadable(path, error) from error
        if size != self.size:
            raise SealedFileError(path, f"has {size} bytes, {self.size} were written")

    def require(self, root: Path) -> None:
        """Reads the file through; raises SealedFileError when it is not what was written."""
        self.require_size(root)
        if file_digest(root / self.path) != self.digest:
            raise SealedFileError(root / self.path, _OTHER)


def unreadable(path: Path, error: OSError) -> SealedFileError:
    """What to raise for a file that the disk does not give."""
    return SealedFileError(path, f"cannot be read: {error.strerror or error}")


def range_name(first: int, last: int) -> str:
    """What files of a range of positions are called; names sort as the positions do."""
    return f"{first:010d}-{last:010d}"


def described(root: Path, path: Path) -> SealedFile:
    """A file as it lies on disk; raises SealedFileError when it cannot be read."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise unreadable(path, error) from error
    return SealedFile(str(path.relative_to(root)), size, file_digest(path))


def file_digest(path: Path) -> str:
    """SHA-256 of a file in hex; raises SealedFileError when it cannot be read."""
    digest = sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise unreadable(path, error) from error
    return digest.hexdigest()


def sync(path: Path) -> None:
    """Writes a file, or the names in a directory, out to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, write: Callable[[Path], None], *, top: Path) -> None:
    """Has a file written under another name, synced, and named: it is there whole or not at all.

    `top` is a directory above it whose name is durable. Raises OSError, and what `write` raises.
    """
    make_directories(path.parent, top)
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        write(partial)
        partial.chmod(0o600)
        sync(partial)
        partial.rename(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_names(path.parent, top)


def write_directory(directory: Path, write: Callable[[Path], None], *, top: Path) -> None:
    """The same for a directory with files, of one level or more."""
    make_directories(directory.parent, top)
    partial = directory.with_name(f"{directory.name}.{os.getpid()}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(mode=0o700)
        write(partial)
        below = [each for each in partial.rglob("*") if each.is_dir()]
        for path in [*files_below(partial), *below]:
            path.chmod(0o700 if path.is_dir() else 0o600)
            sync(path)
        sync(partial)
        shutil.rmtree(directory, ignore_errors=True)
        partial.rename(directory)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_names(directory.parent, top)


def files_below(directory: Path) -> Sequence[Path]:
    """All files below a directory, in order of their names."""
    return sorted(path for path in directory.rglob("*") if path.is_file())


def remove_directories(directories: Iterable[Path]) -> None:
    """Removes directories that nobody needs any more."""
    for each in directories:
        shutil.rmtree(each, ignore_errors=True)
