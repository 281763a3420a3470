"""The USDA 67-column classing record: fixed width, one bale a line, nothing converted.

A reading takes the columns

======  ==========================================  ==============================
1-12    gin code 5, gin bale number 7               `usda_bale_id`
13-20   date classed, YYYYMMDD                      `inspected_at_s`, 00:00 UTC
29-30   official colour grade                       `colour_grade`
33-34   micronaire x10                              `micronaire`, hundredths
35-37   strength x10, g/tex                         `strength`, hundredths
38      leaf grade                                  `leaf_grade`
39-40   extraneous matter                           `extraneous_matter`
43-44   instrument colour grade                     `instrument_colour_grade`
45      quadrant                                    `colour_quadrant`
46-48   Rd x10                                      `rd`, hundredths
49-51   +b x10                                      `plus_b`, hundredths
52-53   trash area x10, %                           `trash_area`, hundredths
54-56   length x100, inches                         `length`, hundredths
57-59   uniformity x10, %                           `uniformity`, hundredths
60      upland 1 / Pima 2                           2 is refused: another standard
61      original 0, review 1, rework 2              `kind`
62      1 where the record corrects another         told as a notice
======  ==========================================  ==============================

and leaves the rest, which no grade needs: module, staple (it follows from the length), remarks,
loan premium. A review is a reading of the kind REVIEW: where its original is not stored, the
service takes it as the only result known. Neither a rework nor a correction says which stored
reading it takes the place of, as a reading of the kind CORRECTION must: both are read as first
results and told as notices, and the service reports those that differ from a stored one.

A blank value is absent. 00:00 UTC falls on the date classed in China as well as in UTC.

The bale id is reused after five years and scoped to the crop year. Where the sender does not
state it, it is the year of the date classed, or the year before for January to July: classing
of a crop runs into the spring, and that of the next one begins in August.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_client import frames
from cotton_client.fields import REVIEW
from cotton_client.readers.errors import EmptyFileError, LineError, ValueInFileError
from cotton_client.readers.notices import Reporter
from cotton_client.readers.options import repeated
from cotton_client.readers.text import read_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cotton_client.readers.notices import Notify
    from cotton_client.readers.options import FileOptions
    from cotton_client.readers.text import Block

RECORD_CHARACTERS: Final = 67
FIRST_MONTH_OF_CLASSING: Final = 8
_PIMA: Final = "2"
_BALE_ID: Final = (1, 12)
_DATE: Final = (13, 20)
_PIMA_PLACE: Final = (60, 60)
_KIND: Final = (61, 61)
_CORRECTION: Final = (62, 62)
_REWORK: Final = "2"
_KINDS: Final = {"0": None, "1": REVIEW, _REWORK: None, " ": None}
_CORRECTIONS: Final = ("0", "1", " ")
_NAMES_NONE: Final = "names no stored reading that it takes the place of: read as"
_DIGITS_ONLY: Final = r"^[0-9]+$"


@dataclass(frozen=True, slots=True)
class FixedField:
    """An integer of the record: its columns (from 1, both inclusive) and its scale."""

    name: str
    first: int
    last: int
    scale: int
    """What one unit of the record is in the integers of the contract."""


FIELDS: Final = (
    FixedField("colour_grade", 29, 30, 1),
    FixedField("micronaire", 33, 34, 10),
    FixedField("strength", 35, 37, 10),
    FixedField("leaf_grade", 38, 38, 1),
    FixedField("extraneous_matter", 39, 40, 1),
    FixedField("instrument_colour_grade", 43, 44, 1),
    FixedField("colour_quadrant", 45, 45, 1),
    FixedField("rd", 46, 48, 10),
    FixedField("plus_b", 49, 51, 10),
    FixedField("trash_area", 52, 53, 10),
    FixedField("length", 54, 56, 1),
    FixedField("uniformity", 57, 59, 10),
)
"""Every value that a reading takes from the record."""


@dataclass(frozen=True, slots=True)
class _Records:
    path: Path
    texts: pl.Series
    lines: np.ndarray

    def cut(self, first: int, last: int) -> pl.Series:
        return self.texts.str.slice(first - 1, last - first + 1)

    def refusal(
        self, row: int, first: int, last: int, name: str, problem: str, remedy: str
    ) -> ValueInFileError:
        place = str(first) if first == last else f"{first}-{last}"
        return ValueInFileError(
            self.path,
            problem,
            remedy,
            line=int(self.lines[row]),
            column=f"{place} ({name})",
            value=self.texts[row][first - 1 : last],
        )


def read_usda67(path: Path, options: FileOptions, notify: Notify | None) -> Iterator[pl.DataFrame]:
    """The readings of a file of 67-column records, in order, in frames of READINGS_SCHEMA.

    `lot_no` stays null unless it is stated: imported bales need none. Raises the
    ReadingFileError tree.
    """
    found = 0
    reporter = Reporter(path, notify)
    for block in read_blocks(path):
        records = _records(path, block)
        if len(records.texts):
            found += len(records.texts)
            yield _frame(records, options, reporter)
    if not found:
        raise EmptyFileError(path, "holds no records", "check the export that wrote it")


def _records(path: Path, block: Block) -> _Records:
    texts = pl.Series("record", block.text.split("\n")[:-1], dtype=pl.String)
    lines = np.arange(block.first_line, block.first_line + len(texts), dtype=np.int64)
    blank = texts.str.strip_chars() == ""
    if blank.any():
        lines = lines[~blank.to_numpy()]
        texts = texts.filter(~blank)
    characters = texts.str.len_chars()
    wrong = characters != RECORD_CHARACTERS
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise LineError(
            path,
            f"has {characters[row]} characters, a USDA classing record has {RECORD_CHARACTERS}",
            "check that nothing was cut or padded, trailing blanks included",
            line=int(lines[row]),
        )
    return _Records(path, texts, lines)


def _integers(records: _Records, field: FixedField) -> pl.Series:
    texts = records.cut(field.first, field.last)
    absent = texts.str.strip_chars() == ""
    wrong = ~(texts.str.contains(_DIGITS_ONLY) | absent)
    if wrong.any():
        raise records.refusal(
            int(wrong.arg_max() or 0),
            field.first,
            field.last,
            field.name,
            f"is not {field.last - field.first + 1} digits",
            "correct it, or leave all of its columns blank where there is no value",
        )
    digits = texts.set(absent, None)
    return (digits.cast(pl.Int32) * field.scale).cast(pl.Int32).alias(field.name)


def _bale_ids(records: _Records) -> pl.Series:
    ids = records.cut(*_BALE_ID)
    wrong = ~ids.str.contains(_DIGITS_ONLY)
    if wrong.any():
        raise records.refusal(
            int(wrong.arg_max() or 0),
            *_BALE_ID,
            "usda_bale_id",
            "is not 12 digits",
            "state gin code and gin bale number, with leading zeros",
        )
    return ids


def _dates(records: _Records) -> pl.Series:
    """The dates classed; null where the record has none."""
    texts = records.cut(*_DATE)
    absent = texts.str.strip_chars() == ""
    digits = texts.set(~texts.str.contains(_DIGITS_ONLY), None)
    dates = digits.str.to_date("%Y%m%d", strict=False)
    wrong = dates.is_null() & ~absent
    if wrong.any():
        raise records.refusal(
            int(wrong.arg_max() or 0),
            *_DATE,
            "date classed",
            "is not a date",
            "write it as YYYYMMDD, or leave it blank where it is not known",
        )
    return dates


def _crop_years(records: _Records, dates: pl.Series, stated: int | None) -> pl.Series:
    if stated is not None:
        # A crop is classed in its own year or the next; the id of another year is another bale.
        years = dates.dt.year().cast(pl.Int32)
        wrong = (years.is_not_null() & (years != stated) & (years != stated + 1)).fill_null(
            value=False
        )
        if wrong.any():
            raise records.refusal(
                int(wrong.arg_max() or 0),
                *_DATE,
                "date classed",
                f"is not of the crop year {stated} that was stated",
                "leave the crop year out, so that it follows from the date, or correct it",
            )
        return pl.repeat(stated, len(dates), dtype=pl.Int32, eager=True)
    if dates.null_count():
        raise records.refusal(
            int(dates.is_null().arg_max() or 0),
            *_DATE,
            "date classed",
            "is blank, so the crop year is not known",
            "state the crop year for the whole file",
        )
    before = (dates.dt.month() < FIRST_MONTH_OF_CLASSING).cast(pl.Int32)
    return dates.dt.year().cast(pl.Int32) - before


def _kinds(records: _Records, reporter: Reporter) -> pl.Series:
    """REVIEW or null; reworks and corrections are told of."""
    flags, corrects = records.cut(*_KIND), records.cut(*_CORRECTION)
    for texts, place, name, known in (
        (flags, _KIND, "original, review or rework", tuple(_KINDS)),
        (corrects, _CORRECTION, "correction", _CORRECTIONS),
    ):
        wrong = ~texts.is_in(known)
        if wrong.any():
            raise records.refusal(
                int(wrong.arg_max() or 0),
                *place,
                name,
                "is not known",
                f"write {', '.join(each for each in known if each.strip())}, or leave it blank",
            )
    odd = (flags == _REWORK) | (corrects == "1")
    for row in odd.arg_true():
        what = "a rework" if flags[row] == _REWORK else "a correction"
        kind = "a first result" if _KINDS[flags[row]] is None else "a review"
        reporter.tell(int(records.lines[row]), f"{what} {_NAMES_NONE} {kind}")
    return flags.replace_strict(_KINDS, return_dtype=pl.String)


def _frame(records: _Records, options: FileOptions, reporter: Reporter) -> pl.DataFrame:
    pima = records.cut(*_PIMA_PLACE) == _PIMA
    if pima.any():
        raise records.refusal(
            int(pima.arg_max() or 0),
            *_PIMA_PLACE,
            "upland or Pima",
            "is Pima, which the upland standard does not grade",
            "take the Pima bales out of the file",
        )
    dates = _dates(records)
    columns = {
        "usda_bale_id": _bale_ids(records),
        "crop_year": _crop_years(records, dates, options.crop_year),
        **{field.name: _integers(records, field) for field in FIELDS},
        "inspected_at_s": dates.cast(pl.Datetime("us")).dt.epoch("s"),
        "kind": _kinds(records, reporter),
        **{name: repeated(value, len(dates)) for name, value in options.texts()},
    }
    frame = pl.DataFrame([series.alias(name) for name, series in columns.items()])
    return frames.conform(frame, frames.READINGS_SCHEMA)
