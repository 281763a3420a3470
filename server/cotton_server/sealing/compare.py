"""What lies in sealed files, held against what the entries come to, value by value."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np
import polars as pl
from polars.exceptions import PanicException, PolarsError

from cotton_server.ledger import EvidenceDamagedError, verify_evidence
from cotton_server.sealing.files import READINGS, SealedFileError, range_name
from cotton_server.sealing.key_files import KeysDamagedError, KnownKeys, is_of_other_form
from cotton_server.sealing.manifest import part_path
from cotton_server.sealing.readings import frames_by_season

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cotton_server.ledger import Seal
    from cotton_server.registry.registry import Registry
    from cotton_server.sealing.files import SealedFile
    from cotton_server.sealing.history import SealedReadings
    from cotton_server.sealing.manifest import PartManifest

_SHOWN_MAX: Final = 60
"""Characters of a value in an error."""


def require_same_rows(part: SealedReadings, registry: Registry) -> None:
    """Compares the readings of a range with the rows of the store, in memory one column at a time.

    Both as a start reads them and as any other program does: every column of every file, and which
    files there are. Raises SealedFileError, with the first row that differs.
    """
    first_row, stop_row = part.first_row, part.stop_row
    files = dict(part.manifest.readings)
    for season, frame in frames_by_season(registry, first_row, stop_row):
        name = f"{READINGS}/season={season}/{_file_name(part.manifest)}"
        file = files.pop(season, None)
        if file is None or file.path != name:
            said = "names none" if file is None else f"names {file.path}"
            _refuse_manifest(part, f"{said} for the readings of {season}, which lie in {name}")
        require_same_table(part.root, file, frame, key="row")
    if files:
        _refuse_manifest(part, f"names readings of {min(files)}, of which the entries bring none")
    if first_row == stop_row:
        return
    store, here = registry.bales, slice(first_row, stop_row)
    columns: dict[str, Any] = {
        "high": store.high,
        "low": store.low,
        "position": store.position,
        "batch_row": store.batch_row,
        "kind": store.kind,
        "inspected_at_s": store.inspected_at_s,
        "is_first": store.is_first,
        **store.values,
        **store.references,
    }
    written = part.read()
    for name, column in columns.items():
        differs = np.flatnonzero(written[name] != column[here])
        if len(differs):
            row = first_row + int(differs[0])
            raise SealedFileError(
                part.path,
                f"is read back otherwise than it was written: {name} of row {row} is"
                f" {written[name][differs[0]]}, it was {column[row]}",
            )


def require_same_manifest(
    part: SealedReadings, seal: Seal, registry: Registry, before: PartManifest | None, digest: bytes
) -> None:
    """Compares all that a manifest says of its range with its seal and with the entries.

    The registry is at the last position of the seal. `before` is the manifest of the range before,
    `digest` the chained digest of the entry at that position. Raises SealedFileError.
    """
    said, store = part.manifest, registry.bales
    first, first_row = (1, 0) if before is None else (before.last + 1, before.stop_row)
    stop_row = registry.rows_at(seal.last)
    here = slice(first_row, stop_row)
    found: dict[str, tuple[object, object]] = {
        "first": (said.first, first),
        "last": (said.last, seal.last),
        "first_row": (said.first_row, first_row),
        "stop_row": (said.stop_row, stop_row),
        "stop_row of the catalogue": (seal.stop_row, stop_row),
        "digest": (said.digest, digest.hex()),
        "digest of the catalogue": (seal.digest.hex(), digest.hex()),
        "bales": (said.bales, int(np.count_nonzero(store.is_first[here]))),
        "entries": (said.entries.path, f"entries/{_file_name(said)}"),
    }
    for name, (written, made) in found.items():
        if written != made:
            _refuse_manifest(
                part, f"says {name} {shown(written)}, the entries come to {shown(made)}"
            )


def require_same_keys(part: SealedReadings, registry: Registry) -> None:
    """Compares the file of keys of a range, where there is one of this form, with the store.

    Raises KeysDamagedError.
    """
    path = part.key_file.path
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise KeysDamagedError(path, f"cannot be read: {error.strerror or error}") from error
    if is_of_other_form(content):
        return
    store, here = registry.bales, slice(part.first_row, part.stop_row)
    known = KnownKeys.of(store.high[here], store.low[here], store.is_first[here])
    if content != known.content(bytes.fromhex(part.manifest.digest)):
        raise KeysDamagedError(path, "is not what the entries come to")


def require_same_entries(part: SealedReadings, digests: Sequence[bytes]) -> None:
    """Compares the payloads of a range with their digests in the ledger, and the file with its own.

    Raises EvidenceDamagedError.
    """
    file = part.manifest.entries
    path = part.root / file.path
    verify_evidence(path, part.manifest.first, digests)
    try:
        file.require(part.root)
    except SealedFileError as error:
        raise EvidenceDamagedError(
            part.manifest.first, path, "which is not the file that its manifest names"
        ) from error


def require_same_table(root: Path, file: SealedFile, made: pl.DataFrame, *, key: str = "") -> None:
    """Compares a Parquet file below `root` with a frame, decoding one column at a time.

    A row is named by its value in the column `key`, without one by its place from 0 on. Raises
    SealedFileError.
    """
    path, content = root / file.path, file.content(root)
    try:
        schema = pl.read_parquet_schema(BytesIO(content))
        if schema != made.schema:
            raise SealedFileError(path, f"has the columns {dict(schema)}, not {dict(made.schema)}")
        for name in made.columns:
            _require_same(path, pl.read_parquet(content, columns=[name])[name], made, key)
    except (PolarsError, PanicException, OSError) as error:
        said = " ".join(str(error).split())
        raise SealedFileError(path, f"cannot be read: {said}") from error


def shown(value: Any) -> str:
    """A value as an error shows it."""
    said = repr(value.to_list() if isinstance(value, pl.Series) else value)
    return said if len(said) <= _SHOWN_MAX else f"{said[:_SHOWN_MAX]}…"


def _require_same(path: Path, written: pl.Series, made: pl.DataFrame, key: str) -> None:
    right = made[written.name]
    if len(written) != len(right):
        raise SealedFileError(path, f"has {len(written)} rows, the entries come to {len(right)}")
    if written.equals(right):
        return
    place = int(written.ne_missing(right).arg_true()[0])
    row = f"{key} {made[key][place]}" if key else f"place {place}"
    raise SealedFileError(
        path,
        f"has another value than the entries come to: {written.name} at {row} is"
        f" {shown(written[place])}, they come to {shown(right[place])}",
    )


def _refuse_manifest(part: SealedReadings, what: str) -> NoReturn:
    manifest = part.manifest
    raise SealedFileError(part_path(part.root, manifest.first, manifest.last), what)


def _file_name(manifest: PartManifest) -> str:
    return f"{range_name(manifest.first, manifest.last)}.parquet"
