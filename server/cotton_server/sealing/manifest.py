"""Manifests: what a sealed range or a state consists of, as JSON whose digest others keep."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cotton_server.sealing.files import (
    MANIFESTS,
    STATE,
    OtherVersionError,
    SealedFile,
    SealedFileError,
    range_name,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FORMAT: Final = 1
"""Version of both forms below."""

STATE_HEAD: Final = "state.json"

_Manifest = TypeVar("_Manifest", "PartManifest", "StateManifest")


@dataclass(frozen=True, slots=True)
class PartManifest:
    """Sealed positions [first, last] and the rows of the store [first_row, stop_row) they brought.

    `bales` of these rows are the first of their bale. `digest` is the chained digest of the entry
    at `last`, in hex. `entries` and `readings` (by season) are named below the directory of the
    sealed history.
    """

    first: int
    last: int
    first_row: int
    stop_row: int
    bales: int
    digest: str
    entries: SealedFile
    readings: Mapping[int, SealedFile]

    def content(self) -> bytes:
        """What its file holds; its SHA-256 stands in the catalogue."""
        return _json({"format": FORMAT, **asdict(self)})


@dataclass(frozen=True, slots=True)
class StateManifest:
    """The registry at `position`, with `rows` in its store; files are named below its directory.

    `digest` is the chained digest of the entry at `position`, in hex; `image` the format of the
    registry's image.
    """

    position: int
    rows: int
    digest: str
    image: int
    files: tuple[SealedFile, ...]

    def content(self) -> bytes:
        """What its file holds."""
        return _json({"format": FORMAT, **asdict(self)})


def part_path(root: Path, first: int, last: int) -> Path:
    """Where the manifest of a sealed range lies below the directory of the sealed history."""
    return root / MANIFESTS / f"{range_name(first, last)}.json"


def state_directory(root: Path, position: int) -> Path:
    """Where the state at a position lies."""
    return root / STATE / f"{position:010d}"


def read_part(root: Path, first: int, last: int, digest: bytes) -> PartManifest:
    """The manifest of a range, whose SHA-256 is `digest`; raises SealedFileError."""
    path = part_path(root, first, last)
    content = _read(path)
    if sha256(content).digest() != digest:
        raise SealedFileError(path, "is not the one that stands in the catalogue of the ledger")
    return _built(path, content, _part)


def read_state(directory: Path) -> StateManifest:
    """The manifest of a state; raises SealedFileError."""
    path = directory / STATE_HEAD
    return _built(path, _read(path), _state)


def _part(found: Mapping[str, Any]) -> PartManifest:
    return PartManifest(
        first=found["first"],
        last=found["last"],
        first_row=found["first_row"],
        stop_row=found["stop_row"],
        bales=found["bales"],
        digest=found["digest"],
        entries=SealedFile(**found["entries"]),
        readings={int(season): SealedFile(**file) for season, file in found["readings"].items()},
    )


def _state(found: Mapping[str, Any]) -> StateManifest:
    state = StateManifest(
        position=found["position"],
        rows=found["rows"],
        digest=found["digest"],
        image=found["image"],
        files=tuple(SealedFile(**file) for file in found["files"]),
    )
    # Nobody keeps the digest of this file: what is in it may be anything.
    numbers = (state.position, state.rows, state.image, *(file.size for file in state.files))
    texts = (state.digest, *(each for file in state.files for each in (file.path, file.digest)))
    if not all(type(each) is int for each in numbers) or not all(
        isinstance(each, str) for each in texts
    ):
        raise ValueError("a number or text is something else")
    return state


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def _built(
    path: Path, content: bytes, build: Callable[[Mapping[str, Any]], _Manifest]
) -> _Manifest:
    """What a file says; raises SealedFileError for anything that is no manifest."""
    try:
        found = json.loads(content)
        form = found.get("format")
        if form == FORMAT:
            return build(found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SealedFileError(path, f"is no manifest: {error!r}") from error
    if type(form) is not int:
        raise SealedFileError(path, "is no manifest: it does not say which format it has")
    raise OtherVersionError(path, f"has format {form}, this version reads {FORMAT}")


def _json(content: Any) -> bytes:
    return json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True).encode()
