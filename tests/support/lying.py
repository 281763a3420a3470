"""Sealed files that say something else, with every digest put right: only values are wrong."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import polars as pl
from apsw import Connection
from cotton_server.ledger.opening import FILE_NAME
from cotton_server.sealing.files import described, files_below
from cotton_server.sealing.manifest import STATE_HEAD, read_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def otherwise(column: pl.Series) -> pl.Series | None:
    """A column in which one value is another; None where there is none to change."""
    for place, value in enumerate(column.to_list()):
        other = _other(column.dtype, value)
        if other != value:
            values = column.to_list()
            values[place] = other
            return pl.Series(column.name, values, dtype=column.dtype)
    return None


def change_column(path: Path, name: str) -> bool:
    """Changes one value of a column of a file; whether there was one to change."""
    frame = pl.read_parquet(path, hive_partitioning=False)
    changed = otherwise(frame[name])
    if changed is not None:
        frame.with_columns(changed).write_parquet(path)
    return changed is not None


def restate(state: Path) -> None:
    """Puts the digests of a state right after its files were changed."""
    standing = state / "standing" / "head.json"
    head = json.loads(standing.read_bytes())
    for each in head["files"]:
        file = described(standing.parent, standing.parent / each["name"])
        each |= {"size": file.size, "digest": file.digest}
    standing.write_text(json.dumps(head, indent=1, ensure_ascii=False), encoding="utf-8")
    files = [path for path in files_below(state) if path.name != STATE_HEAD]
    said = replace(read_state(state), files=tuple(described(state, path) for path in files))
    (state / STATE_HEAD).write_bytes(said.content())


def rewrite_manifest(
    directory: Path, number: int, change: Callable[[dict[str, Any]], object] = lambda _: None
) -> None:
    """Has the manifest of a seal say something else, or the files that lie there now."""
    sealed = directory / "sealed"
    path = sorted((sealed / "manifests").glob("*.json"))[number - 1]
    said = json.loads(path.read_bytes())
    for file in (said["entries"], *said["readings"].values()):
        found = described(sealed, sealed / file["path"])
        file |= {"size": found.size, "digest": found.digest}
    change(said)
    content = json.dumps(said, indent=1, ensure_ascii=False, sort_keys=True).encode()
    path.write_bytes(content)
    digest = sha256(content).digest()
    with closing(Connection(str(directory / FILE_NAME))) as ledger:
        ledger.execute("UPDATE seal SET manifest_digest = ? WHERE number = ?", (digest, number))


def _other(dtype: pl.DataType, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(dtype, pl.List):
        changed = [_other(dtype.inner, each) for each in value]  # type: ignore[arg-type]  # a class or its instance
        return [*changed[:1], *value[1:]]
    if dtype == pl.Boolean:
        return not value
    if dtype == pl.String:
        return f"{value}x"
    if dtype == pl.Binary:
        return value + b"x"
    return value - 1 if value else 1
