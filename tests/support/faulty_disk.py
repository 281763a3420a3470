"""A disk that fails: SQLite's files through a layer that errs, and that forgets like a page cache.

Fault model: any write, sync, truncation or deletion may fail; when power fails, what was not
synced is lost or torn, sector by sector. A directory entry is durable with its file's first sync.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import apsw

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

SECTOR_BYTES: Final = 512
_BELOW: Final = "unix"


class FaultyDisk(apsw.VFS):
    """Counts the calls that can fail; `fail_at` is the one that does, with `error`.

    With `lasting`, all calls after it fail too.
    """

    NAME: Final = "faulty"

    def __init__(self) -> None:
        """Is the default of all connections opened while it lives."""
        self.calls = 0
        self.syncs = 0
        self.fail_at: int | None = None
        self.lasting = False
        self.error: Callable[[], apsw.Error] = lambda: apsw.IOError("the disk failed")
        self.durable: dict[str, bytes] = {}
        super().__init__(self.NAME, _BELOW, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        """A file of this disk."""
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name
        """Deletes, unless it is this call's turn to fail."""
        self.call()
        super().xDelete(filename, syncdir)
        self.durable.pop(filename, None)

    def call(self) -> None:
        """Notes a call that can fail, and fails when it is its turn."""
        self.calls += 1
        if self.fail_at is not None and (
            self.calls == self.fail_at or (self.lasting and self.calls > self.fail_at)
        ):
            raise self.error()

    def after_power_failure(self, directory: Path, draw: random.Random) -> None:
        """Writes to `directory` what a power failure now could leave."""
        for path, durable in self.durable.items():
            cached = Path(path).read_bytes() if Path(path).exists() else b""
            (directory / Path(path).name).write_bytes(_torn(durable, cached, draw))


def _torn(durable: bytes, cached: bytes, draw: random.Random) -> bytes:
    """Each sector as it was synced last, or as it stood in the cache; any length between."""
    length = draw.choice([len(durable), len(cached), draw.randint(0, max(len(cached), 1))])
    length = max(length, min(len(durable), len(cached)))
    share = draw.choice([0.0, 0.5, 1.0])
    torn = bytearray(durable.ljust(length, b"\0"))[:length]
    for start in range(0, length, SECTOR_BYTES):
        if draw.random() < share:
            stop = min(start + SECTOR_BYTES, length)
            torn[start:stop] = cached[start:stop].ljust(stop - start, b"\0")
    return bytes(torn)


class _File(apsw.VFSFile):
    def __init__(self, disk: FaultyDisk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__(_BELOW, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.call()
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.call()
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.syncs += 1
        self._disk.call()
        super().xSync(flags)
        if os.path.exists(self._path):  # noqa: PTH110 - text, as SQLite names it
            self._disk.durable[self._path] = Path(self._path).read_bytes()


@contextmanager
def faulty_disk() -> Iterator[FaultyDisk]:
    """A disk under all SQLite files that are opened meanwhile."""
    disk = FaultyDisk()
    try:
        yield disk
    finally:
        disk.fail_at = None
        disk.unregister()
