"""The standing of lots on disk: what a start would otherwise compute from all bales.

A directory with what `LotsAtRevision` holds at one revision:

    head.json                     revision, digest of what figures follow from, all other files
    lots.parquet                  the facts of lots, with whether each was ever amended
    words.parquet                 the texts that stand for the numbers in them
    cells-<season>-<n>.parquet    the cells of the lots of a season under the n-th standard
    cube-lots.parquet, cube-<n>.parquet

It is derived: what is not there, damaged, or of another version of the service is computed.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from cotton_server.summary.cube import Cube
from cotton_server.summary.digest import figures_digest
from cotton_server.summary.kept_cells import (
    CellCache,
    KeptCells,
    KeptFile,
    KeptStandingError,
    OpenFile,
)
from cotton_server.summary.keys import key_column
from cotton_server.summary.standing import CELL, Cells, Standing, cells_under
from cotton_server.summary.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cotton_server.summary.at_revision import LotsAt, LotsAtRevision
    from cotton_server.summary.gradings import Gradings

_LOG: Final = logging.getLogger(__name__)

STANDING_FORMAT: Final = 2
"""Version of the form below."""

HEAD: Final = "head.json"
_LOTS: Final = "lots.parquet"
WORDS: Final = "words.parquet"
_CUBE_LOTS: Final = "cube-lots.parquet"

_AMENDED: Final = "amended"
_SEASON: Final = key_column("season")


@dataclass(frozen=True, slots=True)
class KeptStanding:
    """All lots at a revision as they were kept; `standing` has an empty part before those on disk.

    `amended` are the lots, by number, of which the two bases may differ.
    """

    revision: int
    standing: Standing
    cube: Cube
    words: Words
    amended: frozenset[int]


def write_standing(
    lots: LotsAtRevision, directory: Path, *, done: Callable[[], None] = lambda: None
) -> None:
    """Writes all lots at the latest revision into a directory that is there, or is made.

    The same lots and words give the same bytes, in whatever parts they are. Seasons of which
    nothing has changed since they were read from disk are copied. Nothing is synced. `done` is
    called after every file. Raises OSError; KeptStandingError where what would be copied is
    damaged.
    """
    latest = lots.all_lots(None)
    if latest.cube is None:
        raise AssertionError("the latest standing has a cube")
    directory.mkdir(parents=True, exist_ok=True)
    files: list[KeptFile] = []

    def keep(name: str, content: bytes) -> str:
        (directory / name).write_bytes(content)
        files.append(KeptFile(name, len(content), sha256(content).hexdigest()))
        done()
        return name

    facts, parts = _seasons(latest, keep)
    facts = facts.with_columns(pl.col("lot").is_in(sorted(lots.amended)).alias(_AMENDED))
    keep(_LOTS, _parquet(facts))
    keep(WORDS, _parquet(lots.words.all().to_frame("text")))
    cube = latest.cube.in_order()
    keep(_CUBE_LOTS, _parquet(cube.standing.lots))
    (cells,) = cube.standing.parts
    of_cube = {
        name: keep(f"cube-{place}.parquet", _parquet(cells[name]))
        for place, name in enumerate(cells)
        if cells.has(name)
    }
    head = {
        "format": STANDING_FORMAT,
        "revision": latest.revision,
        "figures": lots.figures_digest(latest.revision),
        "next_entry": cube.next_entry,
        "parts": parts,
        "cube": of_cube,
        "files": [asdict(each) for each in files],
    }
    content = json.dumps(head, indent=1, ensure_ascii=False)
    (directory / HEAD).write_text(content, encoding="utf-8")


def load_standing(
    directory: Path,
    gradings: Gradings,
    revision: int,
    nothing_at: Callable[[int], Standing],
) -> KeptStanding | None:
    """The standing in a directory, for a registry that is at `revision`.

    `nothing_at` gives the standing of no lots at a revision: the columns that are expected. None,
    which is told in the log, where it is not there, damaged, or not what would be computed.
    """
    try:
        return _loaded(directory, gradings, revision, nothing_at)
    except (KeptStandingError, OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning(
            "the kept standing of lots cannot be read; it is computed from the readings",
            extra={"directory": str(directory), "error": str(error)},
        )
        return None


def _loaded(
    directory: Path,
    gradings: Gradings,
    revision: int,
    nothing_at: Callable[[int], Standing],
) -> KeptStanding | None:
    head = json.loads((directory / HEAD).read_text(encoding="utf-8"))
    differs = _differs(head, gradings, revision)
    if differs:
        _LOG.info(
            "the kept standing of lots is not used; it is computed from the readings",
            extra={"directory": str(directory), "reason": differs},
        )
        return None
    nothing = nothing_at(head["revision"])
    files = {each["name"]: KeptFile(**each) for each in head["files"]}

    def opened(name: str) -> OpenFile:
        return OpenFile(directory, files[name])

    amended = pl.lit(value=True).alias(_AMENDED)
    lots = opened(_LOTS).frame(nothing.lots.with_columns(amended))
    words = opened(WORDS).frame(pl.DataFrame(schema={"text": pl.String}))["text"]
    (no_cells,) = nothing.parts
    cache = CellCache()
    parts = [
        KeptCells(
            {name: opened(file) for name, file in each["cells"].items()},
            dict(no_cells),
            cache,
        )
        for each in head["parts"]
    ]
    return KeptStanding(
        revision=head["revision"],
        standing=Standing((no_cells, *parts), lots.drop(_AMENDED), on_disk=len(parts)),
        cube=_cube(head, opened, Cube.of(nothing)),
        words=Words(words.to_list()),
        amended=frozenset(lots.filter(pl.col(_AMENDED))["lot"].to_list()),
    )


def _differs(head: Any, gradings: Gradings, revision: int) -> str:
    """Why a kept standing is not what would be computed; "" where it is."""
    if head["format"] != STANDING_FORMAT:
        return f"it has format {head['format']}, this version reads {STANDING_FORMAT}"
    if head["revision"] > revision:
        return f"it is of revision {head['revision']}, the registry is at {revision}"
    if head["figures"] != figures_digest(gradings, head["revision"]):
        return "another version of the service wrote it, or standards or documents differ"
    return ""


def _seasons(
    latest: LotsAt, keep: Callable[[str, bytes], str]
) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Writes the cells, a part a season.

    Gives the facts of lots in order, each with the number of its part (the first is 1), and of
    each part its files by standard.
    """
    stands = latest.standing
    facts = stands.lots.sort("lot")
    seasons = facts[_SEASON].unique().sort().to_list()
    parts = []
    for season in seasons:
        mine = facts.filter(pl.col(_SEASON) == season)
        kept = _unchanged(stands, mine)
        cells = {}
        for place, standard in enumerate(stands.parts[0]):
            if kept is None:
                frame = cells_under(stands, standard, mine).sort(CELL)
                content = b"" if frame.is_empty() else _parquet(frame)
            else:
                content = kept.files[standard].content() if kept.has(standard) else b""
            if content:
                cells[standard] = keep(f"cells-{season}-{place}.parquet", content)
        parts.append({"season": season, "cells": cells})
    number = {season: place for place, season in enumerate(seasons, start=1)}
    part = pl.col(_SEASON).replace_strict(number, return_dtype=pl.Int32).alias("part")
    return facts.with_columns(part) if parts else facts, parts


def _unchanged(stands: Standing, lots: pl.DataFrame) -> KeptCells | None:
    """The part on disk that has the cells of all lots of a season, if one has."""
    number, *others = lots["part"].unique().to_list()
    part = stands.parts[number]
    return part if isinstance(part, KeptCells) and not others else None


def _cube(head: Mapping[str, Any], opened: Callable[[str], OpenFile], like: Cube) -> Cube:
    """The cube, in memory; `like` is one of no lots."""
    (no_cells,) = like.standing.parts
    cells = {
        name: opened(head["cube"][name]).frame(nothing) if name in head["cube"] else nothing
        for name, nothing in no_cells.items()
    }
    lots = opened(_CUBE_LOTS).frame(like.standing.lots)
    return Cube(Standing((Cells(cells),), lots), head["next_entry"])


def _parquet(frame: pl.DataFrame) -> bytes:
    file = BytesIO()
    frame.write_parquet(file, compression="zstd", statistics=False)
    return file.getvalue()
