"""Grades of readings that are not stored as JSON objects: the contract of --json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cotton_client.grading import GRADE_TEXTS

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_client.grading import Graded, GradedFile
    from cotton_client.render.json_parts import Json

_OTHERS: Final = ("colour_from_chart", "definitions")


def grades(graded: Graded, csv_file: Path | None) -> Json:
    """The grades of all files; the bales are left out where they were written to a file."""
    return {
        "revision": graded.revision,
        "grading_version": graded.grading_version or None,
        "unverified": list(graded.unverified),
        "received": sum(each.bales.height for each in graded.files),
        "graded": sum(each.graded for each in graded.files),
        "ungraded": sum(each.ungraded for each in graded.files),
        "rejected": sum(each.rejected for each in graded.files),
        "csv": None if csv_file is None else str(csv_file),
        "files": [_file(each, listed=csv_file is None) for each in graded.files],
    }


def _file(each: GradedFile, *, listed: bool) -> Json:
    bales = enumerate(each.bales.iter_rows(named=True), start=1) if listed else ()
    return {
        "file": each.file,
        "received": each.bales.height,
        "graded": each.graded,
        "ungraded": each.ungraded,
        "rejected": each.rejected,
        "bales": [_bale(record, row) for record, row in bales],
    }


def _bale(record: int, row: dict[str, Any]) -> Json:
    graded = row["standard"] is not None
    return {
        "record": record,
        "bale": row["bale"],
        "lot_no": row["lot_no"],
        "grade": {name: row[name] for name in (*GRADE_TEXTS, *_OTHERS)} if graded else None,
        "rejected": row["rejected"],
    }
