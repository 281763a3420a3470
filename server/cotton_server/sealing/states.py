"""The sealed states of a data directory, held against a registry that was made of the entries."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, TypeVar

import polars as pl
from polars.exceptions import PanicException, PolarsError

from cotton_server.grading.standards import load_standards
from cotton_server.registry.image import write_image
from cotton_server.sealing.compare import require_same_table, shown
from cotton_server.sealing.files import (
    STATE,
    OtherVersionError,
    SealedFileError,
    described,
    files_below,
)
from cotton_server.sealing.history import REGISTRY, STANDING, require_usable
from cotton_server.sealing.manifest import STATE_HEAD, read_state, state_directory
from cotton_server.sealing.outside import outside
from cotton_server.summary.at_revision import LotsAtRevision
from cotton_server.summary.digest import figures_digest
from cotton_server.summary.gradings import Gradings
from cotton_server.summary.kept import HEAD, STANDING_FORMAT, WORDS, write_standing
from cotton_server.summary.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cotton_server.registry.registry import Registry
    from cotton_server.sealing.files import SealedFile
    from cotton_server.sealing.history import SealedReadings
    from cotton_server.sealing.manifest import StateManifest

_Read = TypeVar("_Read")

_FORMAT: Final = "format"
_FIGURES: Final = "figures"
_FILES: Final = "files"
"""What a head says that is not the entries' alone: its form, what computes figures, and the files
beside."""


@dataclass(frozen=True, slots=True)
class States:
    """The states of a data directory, in order.

    `others` are the positions of those that another version of the service wrote in a form which
    this one does not use.
    """

    states: list[StateManifest] = field(default_factory=list)
    others: list[int] = field(default_factory=list)


def stored_states(root: Path, last: int) -> States:
    """The states up to a position, as they say that they are.

    One that a server takes away meanwhile, for it has a newer one, is left out. Raises
    SealedFileError.
    """
    found = States()
    for directory in sorted((root / STATE).glob("*")):
        if directory.name.isdigit() and (position := int(directory.name)) <= last:
            try:
                state = _unless_gone(directory, partial(_stored, directory))
            except OtherVersionError:
                found.others.append(position)
                continue
            if state is not None:
                found.states.append(state)
    return found


def usable_states(root: Path, parts: Sequence[SealedReadings]) -> States:
    """The same up to the last sealed position, every file read through.

    Raises SealedFileError for a state that could not be started from.
    """
    stored = stored_states(root, parts[-1].manifest.last if parts else 0)
    found = States(others=stored.others)
    for state in stored.states:
        directory = state_directory(root, state.position)
        try:
            if _unless_gone(directory, partial(_require_usable, directory, state, parts)):
                found.states.append(state)
        except OtherVersionError:
            found.others.append(state.position)
    return found


def require_same_state(
    root: Path, state: StateManifest, parts: Sequence[SealedReadings], registry: Registry
) -> bool:
    """Compares all files of a state with a registry that is at its position.

    False where a server has taken it away meanwhile. Raises SealedFileError: OtherVersionError
    where all but the standing of lots was compared, which another version made.
    """
    directory = state_directory(root, state.position)
    compare = partial(_require_same, directory, state, parts, registry)
    return bool(_unless_gone(directory, compare))


def _unless_gone(directory: Path, read: Callable[[], _Read]) -> _Read | None:
    """What is read of a state, None when its directory is gone by the end of it."""
    try:
        return read()
    except SealedFileError:
        if directory.is_dir():
            raise
        return None


def _stored(directory: Path) -> StateManifest:
    state = read_state(directory)
    head = directory / STATE_HEAD
    # Nobody keeps the digest of this file.
    if described(directory, head).digest != sha256(state.content()).hexdigest():
        raise SealedFileError(head, "is not written as this version of the service writes it")
    if state_directory(directory.parent.parent, state.position) != directory:
        raise SealedFileError(head, f"says that it is of entry {state.position}")
    return state


def _require_usable(directory: Path, state: StateManifest, parts: Sequence[SealedReadings]) -> bool:
    require_usable(directory, state, parts)
    return True


def _require_same(
    directory: Path,
    state: StateManifest,
    parts: Sequence[SealedReadings],
    registry: Registry,
) -> bool:
    stored = {file.path: file for file in state.files}
    _require_same_files(directory, REGISTRY, stored, partial(write_image, registry))
    manifests = [part.manifest for part in parts if part.manifest.last <= state.position]
    withdrawn = [lot.number for lot in registry.lots if lot.withdrawn]
    tables = outside(registry, manifests, withdrawn)
    for name, frame in tables.items():
        require_same_table(directory, _named(directory, stored, name), frame)
    for name in stored:
        if name not in tables and not name.startswith((f"{REGISTRY}/", f"{STANDING}/")):
            raise SealedFileError(directory / name, "is nothing that the entries come to")
    gradings = Gradings(registry, load_standards())
    _require_same_figures(directory, stored, registry.revision, gradings)
    write = partial(_write_standing, registry, gradings, directory, stored)
    _require_same_files(directory, STANDING, stored, write)
    return True


def _require_same_figures(
    directory: Path, stored: Mapping[str, SealedFile], revision: int, gradings: Gradings
) -> None:
    """Raises OtherVersionError where the standing of lots is not made as this version makes it."""
    head = _named(directory, stored, f"{STANDING}/{HEAD}")
    said = _read_head(directory, head)
    made = {_FORMAT: STANDING_FORMAT, _FIGURES: figures_digest(gradings, revision)}
    if any(said.get(name) != value for name, value in made.items()):
        raise OtherVersionError(
            directory / head.path,
            "was written by another version of the service, or by other standards",
        )


def _read_head(directory: Path, file: SealedFile) -> dict[str, Any]:
    """What the head of a part of a state says; raises SealedFileError."""
    path = directory / file.path
    try:
        said = json.loads(file.content(directory))
    except ValueError as error:
        raise SealedFileError(path, f"is no head: {error}") from error
    if not isinstance(said, dict):
        raise SealedFileError(path, "is no head")
    return said


def _require_same_files(
    directory: Path, name: str, stored: Mapping[str, SealedFile], write: Callable[[Path], None]
) -> None:
    """Compares a directory of a state with what `write` makes of the entries."""
    with TemporaryDirectory() as made:
        again = Path(made) / name
        write(again)
        files = [described(again.parent, path) for path in files_below(again)]
        for file in files:
            right = again.parent / file.path
            kept = _named(directory, stored, file.path)
            if kept.digest == file.digest:
                continue
            # Equal content may be other bytes, where another release of a library wrote them.
            if right.suffix == ".parquet":
                require_same_table(directory, kept, pl.read_parquet(right))
            else:
                _require_same_head(directory, kept, right, stored)
    more = {path for path in stored if path.startswith(f"{name}/")}
    more -= {file.path for file in files}
    if more:
        raise SealedFileError(directory / min(more), "is nothing that the entries come to")


def _require_same_head(
    directory: Path, file: SealedFile, made: Path, stored: Mapping[str, SealedFile]
) -> None:
    """Compares what the head of a part of a state says; of files, what the state says of them."""
    path = directory / file.path
    right: dict[str, Any] = json.loads(made.read_bytes())
    said = _read_head(directory, file)
    if said.keys() != right.keys():
        raise SealedFileError(path, f"does not say {', '.join(right)}")
    for each in right.get(_FILES, ()):
        kept = _named(directory, stored, f"{path.parent.name}/{each['name']}")
        each |= {"size": kept.size, "digest": kept.digest}
    for name, value in right.items():
        if said[name] != value:
            raise SealedFileError(
                path, f"says {name} {shown(said[name])}, the entries come to {shown(value)}"
            )


def _write_standing(
    registry: Registry,
    gradings: Gradings,
    root: Path,
    stored: Mapping[str, SealedFile],
    directory: Path,
) -> None:
    """Writes the standing of all lots, its words under the numbers that they have in the state."""
    file = _named(root, stored, f"{STANDING}/{WORDS}")
    try:
        words = pl.read_parquet(file.content(root))["text"].to_list()
    except (PolarsError, PanicException) as error:
        raise SealedFileError(root / file.path, f"cannot be read: {error}") from error
    lots = LotsAtRevision(registry, gradings)
    lots.words = Words(words)
    write_standing(lots, directory)


def _named(directory: Path, stored: Mapping[str, SealedFile], path: str) -> SealedFile:
    file = stored.get(path)
    if file is None:
        raise SealedFileError(directory / STATE_HEAD, f"does not name {path}")
    return file
