"""The columns of an amendment in frames: which revision a record supersedes, why, who decided.

The same four columns stand in the readings frame, for corrections, and in the frames of records
of lots (lots, weights, closures, certificates, units) and of what money needs (deliveries, areas,
prices, weights of bales). They are null where nothing is superseded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl
from cotton.inspection.v1 import common_pb2

from cotton_client.fields import (
    AMENDMENT_FIELDS,
    AMENDMENT_REASONS,
    CORRECTION,
    READING_KINDS,
    REASON_PREFIX,
)
from cotton_client.frame_rules import RowRule, refuse_broken, require_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Columns = Mapping[str, pl.Series] | pl.DataFrame

AMENDMENT_COLUMNS: Final[Mapping[str, pl.DataType]] = {
    "supersedes_revision": pl.Int64(),
    "reason": pl.String(),
    "note": pl.String(),
    "decided_by": pl.String(),
}
"""The columns of an amendment; `reason` by name without its prefix."""

NOTE_CHARACTERS_MAX: Final = 200
DECIDED_BY_CHARACTERS_MAX: Final = 64
_OTHER: Final = "OTHER"


def _blank(texts: pl.Series) -> pl.Series:
    return texts.is_null() | (texts.str.strip_chars() == "").fill_null(value=True)


def one_of(texts: pl.Series, column: str, names: tuple[str, ...]) -> RowRule:
    """The rule that a text is null or one of the names."""
    unknown = ~texts.is_in(names).fill_null(value=True)
    return RowRule(unknown, column, "is not known", f"write one of {', '.join(names)}")


def _all_null(columns: Columns) -> bool:
    return all(columns[name].null_count() == len(columns[name]) for name in AMENDMENT_FIELDS)


def _rules(columns: Columns, amends: pl.Series, what: str) -> Iterator[RowRule]:
    """The rules of the rows that amend; `what` is what they are called."""
    revision, reason = columns["supersedes_revision"], columns["reason"]
    note, decided_by = columns["note"], columns["decided_by"]
    yield RowRule(
        amends & revision.is_null(),
        "supersedes_revision",
        f"{what} must name the revision that it supersedes",
        "state the revision in force, as the history of the bale or lot shows it",
    )
    yield RowRule(
        (revision < 1).fill_null(value=False),
        "supersedes_revision",
        "is no revision",
        "state the revision in force, as the history of the bale or lot shows it",
    )
    yield one_of(reason, "reason", AMENDMENT_REASONS)
    yield RowRule(
        amends & reason.is_null(),
        "reason",
        f"{what} must give its reason",
        f"write one of {', '.join(AMENDMENT_REASONS)}",
    )
    yield RowRule(
        amends & _blank(decided_by),
        "decided_by",
        f"{what} must say who decided",
        "name the person or the office",
    )
    yield RowRule(
        (decided_by.str.len_chars() > DECIDED_BY_CHARACTERS_MAX).fill_null(value=False),
        "decided_by",
        f"has more than {DECIDED_BY_CHARACTERS_MAX} characters",
        "shorten it",
    )
    yield RowRule(
        amends & (reason == _OTHER).fill_null(value=False) & _blank(note),
        "note",
        f"the reason {_OTHER} must be explained",
        "write the reason into the note",
    )
    yield RowRule(
        (note.str.len_chars() > NOTE_CHARACTERS_MAX).fill_null(value=False),
        "note",
        f"has more than {NOTE_CHARACTERS_MAX} characters",
        "shorten it",
    )


def record_rules(columns: Columns) -> Iterator[RowRule]:
    """The rules of records: an amendment is whole, or not there at all."""
    if _all_null(columns):
        return
    amends = columns["supersedes_revision"].is_not_null()
    for name in ("reason", "note", "decided_by"):
        amends = amends | columns[name].is_not_null()
    yield from _rules(columns, amends, "a record that takes the place of another")


def reading_rules(columns: Columns) -> Iterator[RowRule]:
    """The rules of readings: kinds are known, corrections and no others have an amendment."""
    kind = columns["kind"]
    if kind.null_count() == len(kind) and _all_null(columns):
        return
    yield one_of(kind, "kind", READING_KINDS)
    corrects = (kind == CORRECTION).fill_null(value=False)
    for name in AMENDMENT_FIELDS:
        yield RowRule(
            ~corrects & columns[name].is_not_null(),
            name,
            "belongs to a correction, and this reading is none",
            f"leave it empty, or write {CORRECTION} as its kind",
        )
    yield from _rules(columns, corrects, "a correction")


def message_of(fields: dict[str, Any]) -> common_pb2.Amendment | None:
    """Takes the fields of the amendment out of those of a row; None where it has none.

    `fields`: the values of a row that are present, of a frame that keeps the rules above.
    """
    own = {name: fields.pop(name) for name in AMENDMENT_FIELDS if name in fields}
    if not own:
        return None
    own["reason"] = f"{REASON_PREFIX}{own['reason']}"
    return common_pb2.Amendment(**own)


def amendable_rows(frame: pl.DataFrame, schema: pl.Schema) -> Iterator[dict[str, Any]]:
    """The present values of each row of a frame of records, with its amendment as a message.

    Raises FrameError on the call, before the first row is given.
    """
    require_schema(frame, schema)
    refuse_broken(record_rules(frame))
    return _amended(frame)


def _amended(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    for row in frame.iter_rows(named=True):
        fields = {name: value for name, value in row.items() if value is not None}
        amendment = message_of(fields)
        if amendment is not None:
            fields["amendment"] = amendment
        yield fields
