"""What a state tells other programs: where all readings lie, and which of them are not in force.

reading_files.parquet    `path` String, below the directory of the sealed history, and `season`
                         Int32, `first` and `last` UInt32 (ledger positions) of every file of
                         readings up to the position of the state
not_in_force.parquet     `row` UInt32, ascending: the rows of these files that do not count

A sealed file cannot say of a reading that it is in force: a correction, a re-test, a withdrawal or
the decision of a conflict may end that in any later entry, or bring it back. A state is written
with every seal, so it can, and it says it of all rows at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.registry.courses import NO_ROW, Cause
from cotton_server.registry.runs import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton_server.registry.courses import CourseBook
    from cotton_server.registry.registry import Registry
    from cotton_server.sealing.manifest import PartManifest

READING_FILES: Final = "reading_files.parquet"
NOT_IN_FORCE: Final = "not_in_force.parquet"

_FILES: Final = pl.Schema(
    {"path": pl.String(), "season": pl.Int32(), "first": pl.UInt32(), "last": pl.UInt32()}
)
_WITHDRAWALS: Final = (Cause.WITHDRAWN, Cause.REINSTATED)


def outside(
    registry: Registry, manifests: Iterable[PartManifest], withdrawn: Iterable[int]
) -> dict[str, pl.DataFrame]:
    """Both tables by the name of their file; `withdrawn` are the lots that are, by number."""
    return {
        READING_FILES: reading_files(manifests),
        NOT_IN_FORCE: not_in_force(registry, withdrawn),
    }


def reading_files(manifests: Iterable[PartManifest]) -> pl.DataFrame:
    """The files of readings of sealed ranges, a row each, in order."""
    rows = [
        (file.path, season, manifest.first, manifest.last)
        for manifest in manifests
        for season, file in manifest.readings.items()
    ]
    return pl.DataFrame(rows, schema=_FILES, orient="row")


def not_in_force(registry: Registry, withdrawn: Iterable[int]) -> pl.DataFrame:
    """The rows of the store that are not the reading in force of their bale, or are withdrawn.

    That is with their bale, or with their lot: `withdrawn` are these lots, by number.
    """
    runs = [
        np.array(registry.lots.looked_at(number).runs, np.int32).reshape(-1, 2)
        for number in withdrawn
    ]
    parts = [_left(registry.courses).to_numpy(), *map(rows_of, runs)]
    return pl.DataFrame({"row": np.unique(np.concatenate(parts)).astype(np.uint32)})


def _left(courses: CourseBook) -> pl.Series:
    """The rows of bales with a course that are not in force, or whose bale is withdrawn.

    Any other bale has one row, which is in force.
    """
    events = pl.DataFrame(dict(courses.columns())).lazy()
    counted = (
        events.group_by("key_row")
        .agg(
            pl.col("row").filter("comes_into_force").last(),
            pl.col("cause").filter(pl.col("cause").is_in(_WITHDRAWALS)).last(),
        )
        .filter(pl.col("cause").ne_missing(Cause.WITHDRAWN))
    )
    rows = events.filter(pl.col("row") != NO_ROW).select("row").unique()
    return rows.join(counted, on="row", how="anti").collect()["row"]
