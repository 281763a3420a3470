"""Writing and loading an image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cotton_server.registry.image.accounts import account_rows, load_accounts, write_accounts
from cotton_server.registry.image.books import (
    load_changes,
    load_conflicts,
    load_courses,
    load_producers,
    load_received,
    load_references,
    load_runs,
    load_texts,
    write_changes,
    write_conflicts,
    write_courses,
    write_producers,
    write_received,
    write_references,
    write_runs,
    write_texts,
)
from cotton_server.registry.image.files import ImageDamagedError, ImageFormatError
from cotton_server.registry.image.lots import LotsOnDisk, load_lots, lots_on_disk, write_lots

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.registry.registry import Registry

IMAGE_FORMAT: Final = 2
"""Number of the form in which an image is written: another for every change of it."""

_HEAD: Final = "head.json"

_LOTS_AT_ONCE: Final = 2048
"""Lots left on disk while the registry stands still: a millisecond."""


def write_image(registry: Registry, directory: Path) -> None:
    """Writes all of a registry but the columns of bales and the duplicate index.

    `directory` is made if it is not there, and is to be empty. Nobody may change the registry
    meanwhile. The same registry gives the same bytes. Files are not synced. Raises OSError.
    """
    if not registry.is_settled:
        raise AssertionError("an image is of a registry between two positions")
    directory.mkdir(parents=True, exist_ok=True)
    write_lots(registry.lots, directory)
    for name, book in registry.texts.items():
        write_texts(book, directory / f"texts-{name}.parquet")
    write_courses(registry.courses, directory / "courses.parquet")
    write_conflicts(
        registry.conflicts, directory / "conflicts.parquet", directory / "arrivals.parquet"
    )
    write_producers(registry.producers, directory / "producers.parquet")
    write_references(registry.references, directory / "references.parquet")
    write_runs(registry.runs, directory / "runs.parquet", registry.revision)
    write_accounts(registry.accounts, directory)
    write_received(registry.received, registry.row_counts, directory / "received.parquet")
    write_changes(registry.changes, directory / "changes.parquet")
    head = json.dumps({"format": IMAGE_FORMAT, **_counts(registry)}, indent=1, sort_keys=True)
    (directory / _HEAD).write_text(f"{head}\n")


def load_image(directory: Path, registry: Registry) -> None:
    """Loads an image into an empty registry whose store has the rows of it.

    The lots stay on disk until they are asked for: `directory` must stay as it is for as long as
    the registry is used, or `move_image` tell it of another.

    Raises ImageFormatError when another version wrote it, ImageDamagedError when a file is not
    what was written, or the store has other rows.
    """
    if registry.revision or len(registry.lots):
        raise AssertionError("an image is loaded into an empty registry")
    head = _head(directory)
    try:
        _load(directory, registry, head)
    except KeyError as error:
        raise ImageDamagedError(directory / _HEAD, f"does not say {error}") from error
    if _counts(registry) != {name: each for name, each in head.items() if name != "format"}:
        raise ImageDamagedError(
            directory / _HEAD, f"says {head}, but the files have {_counts(registry)}"
        )


def move_image(registry: Registry, directory: Path, *, rest_until: int = 0) -> None:
    """Has lots that lie on disk read from a later image of the same ledger, or a first one.

    Nobody opens a file of the image before any more when this returns, whoever had begun to ask it.
    Lots that nothing has touched after `rest_until`, a revision up to which the image goes, are
    left on disk until they are asked for again. Takes the registry's lock, for some milliseconds at
    a time. Raises ImageFormatError and ImageDamagedError, and changes nothing then.
    """
    head = _head(directory)
    kept, _ = lots_on_disk(directory, lots=head["lots"], revision=head["revision"])
    earlier = registry.lots.kept
    with registry.lock:
        before: object = registry.lots.move(kept)
    if isinstance(earlier, LotsOnDisk):
        # Without the lock of the registry: a group that is being read is waited for.
        earlier.move(kept)
    until = min(rest_until, head["revision"])
    for first in range(0, len(kept), _LOTS_AT_ONCE):
        with registry.lock:
            gone = registry.lots.let_go(first, first + _LOTS_AT_ONCE, until)
        # Without the lock: to free a lot takes as long as to make it.
        del gone
    del before, earlier


def _load(directory: Path, registry: Registry, head: dict[str, Any]) -> None:
    bales = registry.bales
    if bales.count != head["rows"]:
        raise ImageDamagedError(
            directory / _HEAD, f"is of {head['rows']} readings, but {bales.count} are sealed"
        )
    load_lots(directory, registry.lots, lots=head["lots"], revision=head["revision"])
    for name, book in registry.texts.items():
        load_texts(directory / f"texts-{name}.parquet", book, head["texts"][name])
    load_courses(directory / "courses.parquet", registry.courses)
    key_rows = registry.courses.key_rows()
    if len(key_rows):
        bales.has_course[key_rows] = np.True_
    load_conflicts(
        directory / "conflicts.parquet",
        directory / "arrivals.parquet",
        registry.conflicts,
        head["conflicts"],
    )
    load_producers(directory / "producers.parquet", registry.producers, head["producers"])
    load_references(directory / "references.parquet", registry.references)
    load_runs(directory / "runs.parquet", registry.runs, head["runs"])
    load_accounts(directory, registry.accounts, head["accounts"])
    load_received(
        directory / "received.parquet", registry.received, registry.row_counts, head["revision"]
    )
    load_changes(directory / "changes.parquet", registry.changes, head["changes"])
    registry.lots_registered = head["lots_registered"]
    registry.revision = head["revision"]


def _head(directory: Path) -> dict[str, Any]:
    path = directory / _HEAD
    try:
        head = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ImageDamagedError(path, f"cannot be read: {error}") from error
    found = head.get("format") if isinstance(head, dict) else None
    if found != IMAGE_FORMAT:
        raise ImageFormatError(directory, found, IMAGE_FORMAT)
    return dict(head)


def _counts(registry: Registry) -> dict[str, Any]:
    return {
        "revision": registry.revision,
        "rows": registry.bales.count,
        "lots": len(registry.lots),
        "lots_registered": registry.lots_registered,
        "texts": {name: len(book) for name, book in registry.texts.items()},
        "courses": len(registry.courses),
        "conflicts": len(registry.conflicts),
        "conflicts_open": registry.conflicts.open,
        "producers": len(registry.producers),
        "references": len(registry.references),
        "runs": len(registry.runs),
        "accounts": account_rows(registry.accounts),
        "changes": len(registry.changes),
    }
