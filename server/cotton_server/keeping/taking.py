"""What a backup takes of a data directory, and in which order.

The ledger first, at one transaction; then the files that its catalogue names, which are there by
then and never go away. The other way round, what was sealed and freed in between would be in
neither copy. States alone are replaced: the files of one are opened while the transaction lasts,
and what is open can be read to its end. Files of ranges that are sealed later are left out: their
entries are in the copied ledger, or came after it.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cotton_server.keeping.contents import (
    LEDGER,
    RANGE,
    files_beside,
    named,
    odd_entries,
    state_directories,
)
from cotton_server.keeping.copying import copy, digest_of, make_directory, open_to_read
from cotton_server.keeping.record import DATA
from cotton_server.keeping.snapshot import LedgerSnapshot
from cotton_server.ledger import sealed_directory
from cotton_server.ledger.seal import SEALED_NAME
from cotton_server.sealing.files import range_name
from cotton_server.sealing.manifest import STATE_HEAD, part_path
from cotton_server.sealing.sweeping import SET_ASIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cotton_server.keeping.earlier import Earlier
    from cotton_server.ledger import Seal

_UNLISTED: Final = frozenset("\n\\")
"""Characters of names that `sha256sum` would write otherwise."""


class ReplacedError(Exception):
    """A file is not the one that the transaction saw: replaced meanwhile, or damaged."""


class Taking:
    """One attempt at taking everything; `sums` are the digests (hex) by path below the backup."""

    def __init__(self, data_dir: Path, partial: Path, earlier: Earlier) -> None:
        """Takes the data directory, that of the backup, and what earlier ones have."""
        self.earlier = earlier
        self.sums: dict[str, str] = {}
        self.copied = self.copied_bytes = self.linked = self.size_bytes = 0
        self.left_out: list[str] = []
        self.position = self.sealed = self.state = self.ledger_format = 0
        self.digest = b""
        self._data_dir, self._data = data_dir, partial / DATA

    def run(self, step: Callable[[str], Callable[[int, int], None]]) -> None:
        """Takes everything; raises ReplacedError, DamageError, LedgerError, OSError."""
        self._data.mkdir(mode=0o700)
        with ExitStack() as opened:
            with LedgerSnapshot(self._data_dir) as ledger:
                self.position, self.digest = ledger.position, ledger.digest
                self.ledger_format = ledger.form
                self.sealed = ledger.seals[-1].last if ledger.seals else 0
                state = self._open_state(opened)
                ledger.copy(self._data / LEDGER, step("Ledger"))
            self._note(LEDGER, digest_of(self._data / LEDGER), was_copied=True)
            sealed = self._named_by(ledger.seals)
            rest = self._rest({*sealed, *state}, ledger.seals)
            told, done, total = step("Files"), 0, len(state) + len(sealed) + len(rest)
            for name, (descriptor, digest) in state.items():
                if digest is None or not self._link(name, digest):
                    self._copy(name, descriptor, digest)
                told(done := done + 1, total)
            for name, wanted in sealed.items():
                self._take(name, wanted)
                told(done := done + 1, total)
            for name in rest:
                self._take_as_it_is(name)
                told(done := done + 1, total)

    def _open_state(self, opened: ExitStack) -> dict[str, tuple[int, str | None]]:
        """Descriptors and digests of the files of the newest state, by name; none where none is."""
        for directory in state_directories(self._data_dir, self.sealed):
            try:
                digests: dict[str, str | None] = dict(named((directory / STATE_HEAD).read_bytes()))
                found = {}
                for path, digest in {**digests, STATE_HEAD: None}.items():
                    descriptor = open_to_read(directory / path)
                    opened.callback(os.close, descriptor)
                    found[self._name(directory / path)] = descriptor, digest
            except FileNotFoundError as error:
                # The server has taken it away for a newer one, or it is not whole.
                raise ReplacedError(f"{directory} is not whole") from error
            except ValueError as error:
                raise ReplacedError(f"{directory / STATE_HEAD} cannot be read: {error}") from error
            self.state = int(directory.name)
            return found
        return {}

    def _named_by(self, seals: Sequence[Seal]) -> dict[str, str]:
        """Digests (hex) of the manifests of a catalogue, and of all files that they name."""
        root = sealed_directory(self._data_dir)
        found: dict[str, str] = {}
        for seal in seals:
            path = part_path(root, seal.first, seal.last)
            try:
                content = path.read_bytes()
                if sha256(content).digest() != seal.manifest_digest:
                    raise ReplacedError(f"{path} is not the one that stands in the catalogue")
                files = named(content)
            except (OSError, ValueError) as error:
                raise ReplacedError(f"{path} cannot be read: {error}") from error
            found[self._name(path)] = seal.manifest_digest.hex()
            found.update({self._name(root / name): digest for name, digest in files.items()})
        return found

    def _rest(self, taken: set[str], seals: Sequence[Seal]) -> list[str]:
        """Names of all other files, but those of ranges that the catalogue does not have."""
        catalogued = {range_name(seal.first, seal.last) for seal in seals}
        self.left_out += odd_entries(self._data_dir)
        rest = []
        for path in files_beside(self._data_dir):
            name = self._name(path)
            of_range = RANGE.match(path.name)
            parts = path.relative_to(self._data_dir).parts
            is_sealed = parts[0] == SEALED_NAME and parts[1] != SET_ASIDE
            if name in taken or (is_sealed and of_range and of_range[0] not in catalogued):
                continue
            if _UNLISTED & set(name):
                self.left_out.append(name)
            else:
                rest.append(name)
        return rest

    def _take(self, name: str, digest: str) -> None:
        """Takes a file that has a digest."""
        if not self._link(name, digest):
            self._copy_from(name, digest)

    def _take_as_it_is(self, name: str) -> None:
        """Takes a file whatever is in it; one that is gone by now is no longer of the directory."""
        known = self.earlier.knows(f"{DATA}/{name}")
        try:
            if known is not None and digest_of(self._data_dir / name) == known:
                self._take(name, known)
            else:
                self._copy_from(name, None)
        except FileNotFoundError:
            self.left_out.append(name)

    def _link(self, name: str, digest: str) -> bool:
        target = self._target(name)
        if not self.earlier.link(f"{DATA}/{name}", digest, target):
            return False
        self._note(name, digest, was_copied=False)
        return True

    def _copy_from(self, name: str, digest: str | None) -> None:
        try:
            descriptor = open_to_read(self._data_dir / name)
        except FileNotFoundError as error:
            if digest is None:
                raise
            raise ReplacedError(f"{self._data_dir / name} is missing") from error
        try:
            self._copy(name, descriptor, digest)
        finally:
            os.close(descriptor)

    def _copy(self, name: str, descriptor: int, digest: str | None) -> None:
        found = copy(descriptor, self._target(name))
        if digest not in (None, found):
            raise ReplacedError(
                f"{self._data_dir / name} does not have the digest it was written with"
            )
        self._note(name, found, was_copied=True)

    def _target(self, name: str) -> Path:
        target = self._data / name
        make_directory(target.parent, self._data)
        target.unlink(missing_ok=True)
        return target

    def _note(self, name: str, digest: str, *, was_copied: bool) -> None:
        size = (self._data / name).stat().st_size
        self.sums[f"{DATA}/{name}"] = digest
        self.size_bytes += size
        if was_copied:
            self.copied += 1
            self.copied_bytes += size
        else:
            self.linked += 1

    def _name(self, path: Path) -> str:
        """A path below the data directory, as lists of files have it."""
        return path.relative_to(self._data_dir).as_posix()
