"""The readers: exact values in, a typed error with its place for everything else."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from cotton_client import fields, frames, readers, samples
from cotton_client.identifiers import IdentifierError
from cotton_client.readers import (
    bale_codes,
    certificates_csv,
    closures_csv,
    errors,
    objections_csv,
    text,
    values,
)
from cotton_client.readers.errors import (
    EmptyFileError,
    EncodingError,
    HeaderError,
    LineError,
    ReadingFileError,
    UnknownFormatError,
    UnreadableFileError,
    ValueInFileError,
)
from cotton_client.readers.notices import NOTICES_LISTED_MAX
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

if TYPE_CHECKING:
    from collections.abc import Callable

CODE = "32651401611141221550000121114104"
OTHER = "32651401611141225310000121114105"
LOT = "65140161077"
USDA_LINE = "960891871766" + "20061109" + "132487122137413391000021182807802114828110+0790"


def read(path: Path, **options: Any) -> pl.DataFrame:
    """All readings of a file."""
    return pl.concat(list(readers.read_readings(path, **options)))


def write(directory: Path, content: str | bytes, name: str = "file.csv") -> Path:
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(path: Path, **options: Any) -> ReadingFileError:
    """The error that reading the file gives; its message names the file."""
    with pytest.raises(ReadingFileError) as caught:
        read(path, **options)
    assert str(path) in str(caught.value)
    assert caught.value.remedy in str(caught.value)
    return caught.value


# Values


@pytest.mark.parametrize(
    ("written", "hundredths"),
    [
        ("28.2", 2820),
        ("4.6", 460),
        ("4.605000", None),
        ("4.60500", None),
        ("28.20", 2820),
        ("28.2000", 2820),
        ("0.05", 5),
        ("0", 0),
        ("7", 700),
        ("0.1", 10),
        ("0.29", 29),
        ("1.15", 115),
        ("-0.5", -50),
        ("+8.1", 810),
        ("21474836.47", 2**31 - 1),
        ("21474836.48", None),
        ("28,2", None),
        ("NaN", None),
        ("inf", None),
        ("-inf", None),
        ("1e3", None),
        ("28.", None),
        (".5", None),
        ("２８", None),
        ("28.2 mm", None),
        ("4.604", None),
        ("9" * 400, None),
    ],
)
def test_decimals_become_hundredths_exactly_or_not_at_all(
    written: str, hundredths: int | None
) -> None:
    if hundredths is None:
        with pytest.raises(values.ValueTextError):
            values.parse_hundredths(written)
    else:
        assert values.parse_hundredths(written) == hundredths


@given(st.integers(-(2**31) + 1, 2**31 - 1))
def test_every_number_of_hundredths_is_read_as_written(number: int) -> None:
    sign, size = "-" if number < 0 else "", abs(number)
    assert values.parse_hundredths(f"{sign}{size // 100}.{size % 100:02d}") == number


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2016-11-20", 1_479_571_200),
        ("2016-11-20T00:00:00", 1_479_571_200),
        ("2016-11-20 00:00", 1_479_571_200),
        ("2016-11-20T00:00:00+08:00", 1_479_571_200),
        ("2016-11-19T16:00:00Z", 1_479_571_200),
    ],
)
def test_times_without_an_offset_are_china_time(written: str, seconds: int) -> None:
    assert values.parse_seconds(written) == seconds


@pytest.mark.parametrize(
    "written", ["20.11.2016", "2016-13-01", "2016-11-20T00:00:00.5", "1969-01-01"]
)
def test_other_times_are_refused(written: str) -> None:
    with pytest.raises(values.ValueTextError):
        values.parse_seconds(written)


# CSV of readings


def test_every_column_of_a_csv_reaches_the_frame(tmp_path: Path) -> None:
    """Each column has another value, and each lands in its own in the integers of the contract."""
    written = {
        "bale_code": CODE,
        "lot_no": LOT,
        "length": "28.21",
        "uniformity": "82.5",
        "short_fibre": "12.5",
        "strength": "26.4",
        "elongation": "6.7",
        "micronaire": "4.63",
        "maturity": "0.85",
        "rd": "81.3",
        "plus_b": "7.4",
        "trash_area": "0.32",
        "trash_count": "31",
        "moisture": "7.1",
        "spinning_consistency": "139",
        "colour_grade": "31",
        "instrument_colour_grade": "21",
        "colour_quadrant": "2",
        "leaf_grade": "3",
        "extraneous_matter": "11",
        "visual_grade": "4",
        "preparation": "P2",
        "foreign_fibre": "1",
        "standard": "GB1103.1-2012",
        "laboratory": "LAB",
        "instrument": "HVI",
        "inspected_at": "2016-11-20",
        "kind": "correction",
        "supersedes_revision": "1234567890123456789",
        "reason": "sample_mix_up",
        "note": "bales 3 and 4",
        "decided_by": "Office 3",
    }
    frame = read(write(tmp_path, ",".join(written) + "\n" + ",".join(written.values())))
    frames.validate(frame)
    assert frame.row(0, named=True) == {
        "bale_code": CODE,
        "usda_bale_id": None,
        "crop_year": None,
        "lot_no": LOT,
        "length": 2821,
        "uniformity": 8250,
        "short_fibre": 1250,
        "strength": 2640,
        "elongation": 670,
        "micronaire": 463,
        "maturity": 85,
        "rd": 8130,
        "plus_b": 740,
        "trash_area": 32,
        "trash_count": 31,
        "moisture": 710,
        "spinning_consistency": 139,
        "colour_grade": 31,
        "instrument_colour_grade": 21,
        "colour_quadrant": 2,
        "leaf_grade": 3,
        "extraneous_matter": 11,
        "visual_grade": 4,
        "preparation": 2,
        "foreign_fibre": 1,
        "standard": "GB1103.1-2012",
        "laboratory": "LAB",
        "instrument": "HVI",
        "inspected_at_s": 1_479_571_200,
        "kind": "CORRECTION",
        "supersedes_revision": 1_234_567_890_123_456_789,
        "reason": "SAMPLE_MIX_UP",
        "note": "bales 3 and 4",
        "decided_by": "Office 3",
    }


PLAIN = f"bale_code,lot_no,micronaire\n{CODE},{LOT},4.6\n{OTHER},{LOT},\n"


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.rstrip("\n"),
        "# a note, with a comma\n\n" + PLAIN,
        PLAIN.replace("\n", "\n\n"),
        PLAIN.replace("4.6", '"4.6"'),
        PLAIN.replace(",", " , "),
        PLAIN.replace(LOT, f'"{LOT}"').replace("\n", "\r\n"),
    ],
    ids=["mark", "crlf", "no-last-break", "notes", "blank-lines", "quote", "blanks", "all-quoted"],
)
def test_spellings_of_one_csv_read_alike(tmp_path: Path, content: str) -> None:
    expected = read(write(tmp_path, PLAIN, "plain.csv"))
    assert expected["micronaire"].to_list() == [460, None]
    assert_frame_equal(read(write(tmp_path, content)), expected)


HEAD = "bale_code,lot_no,micronaire\n"
GOOD = f"{CODE},{LOT},4.6\n"
CORRECTIONS = "bale_code,lot_no,rd,kind,supersedes_revision,reason,decided_by\n"


@pytest.mark.parametrize(
    ("content", "kind", "line", "column", "value"),
    [
        (HEAD + GOOD + f"{OTHER},{LOT},4.605\n", ValueInFileError, 3, "micronaire", "4.605"),
        (HEAD + GOOD + f"{OTHER},{LOT},NaN\n", ValueInFileError, 3, "micronaire", "NaN"),
        (HEAD + f"{OTHER},{LOT},inf\n", ValueInFileError, 2, "micronaire", "inf"),
        (HEAD + f'{OTHER},{LOT},"4,6"\n', ValueInFileError, 2, "micronaire", "4,6"),
        (HEAD + f"{CODE[:-1]},{LOT},4.6\n", ValueInFileError, 2, "bale_code", CODE[:-1]),
        (HEAD + f"3.26514E+31,{LOT},4.6\n", ValueInFileError, 2, "bale_code", "3.26514E+31"),
        (HEAD + f"{CODE},6514016107x,4.6\n", ValueInFileError, 2, "lot_no", "6514016107x"),
        (HEAD + f"{CODE},,4.6\n", ValueInFileError, 2, "lot_no", None),
        (HEAD + f",{LOT},4.6\n", ValueInFileError, 2, "bale_code", None),
        (HEAD + GOOD + f"\n{OTHER},{LOT}\n", LineError, 4, None, None),
        (HEAD + GOOD + f"{OTHER},{LOT},4.6,1\n", LineError, 3, None, None),
        (HEAD + GOOD + f'{OTHER},{LOT},"4.6\n', LineError, 3, None, None),
        (HEAD + GOOD + f'{OTHER},"{LOT}",4.6,1\n', LineError, 3, None, None),
        ("# note\n" + HEAD.replace("micronaire", "micronair"), HeaderError, 2, "3", "micronair"),
        (HEAD.replace("lot_no", "bale_code") + GOOD, HeaderError, 1, "2", "bale_code"),
        (f"lot_no,micronaire\n{LOT},4.6\n", HeaderError, None, "bale_code", None),
        (f"bale_code,micronaire\n{CODE},4.6\n", HeaderError, None, "lot_no", None),
        (f"bale_code,lot_no\n{CODE},{LOT}\n", HeaderError, None, "micronaire", None),
        ("usda_bale_id,rd\n960891871766,80\n", HeaderError, None, "crop_year", None),
        (HEAD, EmptyFileError, None, None, None),
        ("", EmptyFileError, None, None, None),
        ("\n\n", EmptyFileError, None, None, None),
        ("\ufeff", EmptyFileError, None, None, None),
        ("# only a note\n", EmptyFileError, None, None, None),
        ("this is a letter\n", UnknownFormatError, None, None, None),
        (HEAD.encode() + GOOD.encode() + b"\xd5\xe3\n", EncodingError, 3, None, None),
        ((HEAD + GOOD).encode("utf-16"), EncodingError, 1, None, None),
        (HEAD.encode() + b"\0\n", EncodingError, 2, None, None),
        (HEAD + "x" * 5_000_000, LineError, 2, None, None),
        (
            f"bale_code,lot_no,preparation\n{CODE},{LOT},P4\n",
            ValueInFileError,
            2,
            "preparation",
            "P4",
        ),
        (
            f"bale_code,lot_no,foreign_fibre\n{CODE},{LOT},yes\n",
            ValueInFileError,
            2,
            "foreign_fibre",
            "yes",
        ),
        (
            f"bale_code,lot_no,colour_grade\n{CODE},{LOT},31.0\n",
            ValueInFileError,
            2,
            "colour_grade",
            "31.0",
        ),
        (
            f"bale_code,lot_no,rd,inspected_at\n{CODE},{LOT},80,yesterday\n",
            ValueInFileError,
            2,
            "inspected_at",
            "yesterday",
        ),
        (
            f"bale_code,usda_bale_id,crop_year,lot_no,rd\n{CODE},960891871766,2006,{LOT},80\n",
            ValueInFileError,
            2,
            "usda_bale_id",
            "960891871766",
        ),
        (
            f"bale_code,lot_no,rd,kind\n{CODE},{LOT},80,RETEST\n",
            ValueInFileError,
            2,
            "kind",
            "RETEST",
        ),
        (
            f"bale_code,lot_no,rd,kind\n{CODE},{LOT},80,\n{OTHER},{LOT},80,CORRECTION\n",
            ValueInFileError,
            3,
            "supersedes_revision",
            None,
        ),
        (
            f"bale_code,lot_no,rd,kind,reason\n{CODE},{LOT},80,REVIEW,ENTRY_ERROR\n",
            ValueInFileError,
            2,
            "reason",
            "ENTRY_ERROR",
        ),
        (
            f"{CORRECTIONS}{CODE},{LOT},80,CORRECTION,7,OTHER,me\n",
            ValueInFileError,
            2,
            "note",
            None,
        ),
        (
            f"bale_code,lot_no,rd,kind,supersedes_revision\n{CODE},{LOT},80,CORRECTION,1.5\n",
            ValueInFileError,
            2,
            "supersedes_revision",
            "1.5",
        ),
        (
            "usda_bale_id,crop_year,rd\n960891871766,,80\n",
            ValueInFileError,
            2,
            "crop_year",
            None,
        ),
        (
            f"bale_code,usda_bale_id,crop_year,lot_no,rd\n{CODE},,2016,{LOT},80\n",
            ValueInFileError,
            2,
            "crop_year",
            "2016",
        ),
    ],
)
def test_what_is_wrong_in_a_csv_is_named_with_its_place(
    tmp_path: Path,
    content: str | bytes,
    kind: type[ReadingFileError],
    line: int | None,
    column: str | None,
    value: str | None,
) -> None:
    error = refused(write(tmp_path, content))
    assert type(error) is kind
    assert (error.line, error.column, error.value) == (line, column, value)


def test_a_misspelt_column_is_answered_with_the_right_one(tmp_path: Path) -> None:
    error = refused(write(tmp_path, HEAD.replace("micronaire", "micronair") + GOOD))
    assert "did you mean micronaire?" in str(error)


def test_a_rounded_code_is_answered_with_its_cause(tmp_path: Path) -> None:
    error = refused(write(tmp_path, HEAD + f"3.26514E+31,{LOT},4.6\n"))
    assert "spreadsheet" in str(error)


def test_long_values_are_cut_in_messages(tmp_path: Path) -> None:
    error = refused(write(tmp_path, HEAD + f"{CODE},{LOT},{'9' * 9000}\n"))
    assert len(str(error)) < 500


# Files


def test_a_file_that_is_not_there_is_refused_on_the_call(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="is not there"):
        readers.read_readings(tmp_path / "none.csv")
    with pytest.raises(UnreadableFileError, match="is not there"):
        readers.read_readings(tmp_path / "none.csv", format="csv")


def test_a_name_that_no_file_can_have_is_refused() -> None:
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(UnreadableFileError, match="cannot be read"):
            readers.read_readings(name)


def test_a_directory_and_a_device_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="is a directory"):
        readers.read_readings(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableFileError, match="is no"):
        readers.read_readings(tmp_path / "pipe")


def test_a_file_that_the_system_refuses_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, PLAIN)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(UnreadableFileError, match="Permission denied"):
        readers.read_readings(path)


def test_every_error_of_a_file_is_one_family() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    kinds = [kind for kind in kinds if issubclass(kind, Exception)]
    assert len(kinds) == 8
    assert all(issubclass(kind, ReadingFileError) for kind in kinds)


def test_blocks_number_their_lines_whatever_their_size(tmp_path: Path) -> None:
    path = write(tmp_path, "".join(f"{number}\r\n" for number in range(1, 200)))
    for size in (1, 7, 64, 1 << 20):
        lines = [
            (block.first_line + place, int(line))
            for block in text.read_blocks(path, size)
            for place, line in enumerate(block.text.splitlines())
        ]
        assert lines == [(number, number) for number in range(1, 200)]


def test_an_error_beyond_the_first_block_has_its_line(tmp_path: Path) -> None:
    """The file is larger than a block; the wrong value stands on its last line."""
    rows = text.BLOCK_BYTES // len(GOOD) + 1000
    path = write(tmp_path, HEAD + GOOD * rows + f"{OTHER},{LOT},x\n")
    frames_read: list[pl.DataFrame] = []
    with pytest.raises(ValueInFileError) as caught:
        frames_read.extend(readers.read_readings(path))
    assert caught.value.line == rows + 2
    assert len(frames_read) > 10


def test_frames_have_the_rows_that_were_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + GOOD * 10)
    heights = [frame.height for frame in readers.read_readings(path, rows_per_frame=4)]
    assert heights == [4, 4, 2]
    with pytest.raises(ValueError, match="at least 1"):
        readers.read_readings(path, rows_per_frame=0)


# Options


def test_options_stand_where_a_line_says_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, f"bale_code,lot_no,rd\n{CODE},,80\n{OTHER},{LOT},80\n")
    frame = read(path, lot_no=LOT, laboratory="LAB", standard="GB1103.1-2012")
    assert set(frame["lot_no"]) == {LOT}
    assert set(frame["laboratory"]) == {"LAB"}
    assert set(frame["standard"]) == {"GB1103.1-2012"}


@pytest.mark.parametrize(
    ("header", "value", "options"),
    [
        ("lot_no", LOT, {"lot_no": "65140161078"}),
        ("laboratory", "A", {"laboratory": "B", "lot_no": LOT}),
        ("standard", "A", {"standard": "B", "lot_no": LOT}),
    ],
)
def test_a_line_that_contradicts_an_option_is_refused(
    tmp_path: Path, header: str, value: str, options: dict[str, str]
) -> None:
    path = write(tmp_path, f"bale_code,rd,{header}\n{CODE},80,\n{OTHER},80,{value}\n")
    error = refused(path, **options)
    assert (error.line, error.column, error.value) == (3, header, value)


def test_the_crop_year_option_holds_for_usda_bales_only(tmp_path: Path) -> None:
    path = write(
        tmp_path, f"bale_code,usda_bale_id,lot_no,rd\n{CODE},,{LOT},80\n,960891871766,,80\n"
    )
    assert read(path, crop_year=2006)["crop_year"].to_list() == [None, 2006]
    path = write(tmp_path, "usda_bale_id,crop_year,rd\n960891871766,2007,80\n")
    assert refused(path, crop_year=2006).column == "crop_year"


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"lot_no": "1"}, IdentifierError),
        ({"crop_year": 6}, IdentifierError),
        ({"laboratory": ""}, ValueError),
        ({"standard": "x" * 65}, ValueError),
        ({"format": "xlsx"}, UnknownFormatError),
    ],
)
def test_options_that_cannot_be_right_are_refused_on_the_call(
    tmp_path: Path, options: dict[str, Any], kind: type[Exception]
) -> None:
    path = write(tmp_path, PLAIN)
    with pytest.raises(kind):
        readers.read_readings(path, **options)


# USDA


def test_a_real_usda_line_maps_field_by_field() -> None:
    first = read(samples.usda_lines()).row(0, named=True)
    assert {name: value for name, value in first.items() if value is not None} == {
        "usda_bale_id": "960891871766",
        "crop_year": 2006,
        "colour_grade": 21,
        "micronaire": 410,
        "strength": 3390,
        "leaf_grade": 1,
        "extraneous_matter": 0,
        "instrument_colour_grade": 21,
        "colour_quadrant": 1,
        "rd": 8280,
        "plus_b": 780,
        "trash_area": 20,
        "length": 114,
        "uniformity": 8280,
        "inspected_at_s": 1_163_030_400,
        "kind": "REVIEW",
    }


def usda(directory: Path, line: str) -> Path:
    return write(directory, line + "\n", "classing.txt")


def altered(first: int, last: int, value: str) -> str:
    """The real line with other text in the columns `first` to `last`."""
    assert len(value) == last - first + 1
    return USDA_LINE[: first - 1] + value + USDA_LINE[last:]


def test_blank_columns_are_absent(tmp_path: Path) -> None:
    frame = read(usda(tmp_path, USDA_LINE[:20] + " " * 47))
    absent = frame.select(fields.VALUE_FIELDS).null_count()
    assert absent.row(0) == (1,) * len(fields.VALUE_FIELDS)
    assert frame["crop_year"].to_list() == [2006]


@pytest.mark.parametrize(
    ("date", "crop_year"),
    [
        ("20061109", 2006),
        ("20061231", 2006),
        ("20070101", 2006),
        ("20070731", 2006),
        ("20070801", 2007),
    ],
)
def test_classing_until_july_belongs_to_the_crop_of_the_year_before(
    tmp_path: Path, date: str, crop_year: int
) -> None:
    assert read(usda(tmp_path, altered(13, 20, date)))["crop_year"].to_list() == [crop_year]


@pytest.mark.parametrize(
    ("stated", "taken"), [(2004, False), (2005, True), (2006, True), (2007, False)]
)
def test_a_stated_crop_year_that_the_date_contradicts_is_refused(
    tmp_path: Path, stated: int, taken: bool
) -> None:
    """Under another crop year the same id would be another bale, and be stored a second time."""
    path = usda(tmp_path, USDA_LINE)
    if taken:
        assert read(path, crop_year=stated)["crop_year"].to_list() == [stated]
    else:
        assert refused(path, crop_year=stated).column == "13-20 (date classed)"


def test_a_stated_crop_year_and_lot_hold_for_every_usda_line(tmp_path: Path) -> None:
    path = write(tmp_path, f"{USDA_LINE}\r\n\r\n{altered(13, 20, ' ' * 8)}\r\n", "classing.txt")
    frame = read(path, crop_year=2005, lot_no=LOT, laboratory="LAB")
    assert frame["crop_year"].to_list() == [2005, 2005]
    assert set(frame["lot_no"]) == {LOT}
    assert frame["inspected_at_s"].to_list() == [1_163_030_400, None]


@pytest.mark.parametrize(
    ("line", "kind", "column", "value"),
    [
        (USDA_LINE[:-1], LineError, None, None),
        (USDA_LINE + " ", LineError, None, None),
        (altered(33, 34, "4."), ValueInFileError, "33-34 (micronaire)", "4."),
        (altered(33, 34, " 4"), ValueInFileError, "33-34 (micronaire)", " 4"),
        (altered(13, 20, "20061332"), ValueInFileError, "13-20 (date classed)", "20061332"),
        (altered(13, 20, "        "), ValueInFileError, "13-20 (date classed)", "        "),
        (altered(60, 60, "2"), ValueInFileError, "60 (upland or Pima)", "2"),
        (altered(45, 45, "é"), ValueInFileError, "45 (colour_quadrant)", "é"),
    ],
)
def test_what_is_wrong_in_a_usda_line_is_named_with_its_place(
    tmp_path: Path, line: str, kind: type[ReadingFileError], column: str | None, value: str | None
) -> None:
    error = refused(write(tmp_path, f"{USDA_LINE}\n{line}\n"))
    assert type(error) is kind
    assert (error.line, error.column, error.value) == (2, column, value)


def test_a_usda_bale_id_with_letters_is_refused(tmp_path: Path) -> None:
    error = refused(write(tmp_path, f"{altered(1, 12, '96089x871766')}\n"), format="usda67")
    assert error.column == "1-12 (usda_bale_id)"


@pytest.mark.parametrize(
    ("flags", "kind", "told"),
    [
        ("00", None, None),
        ("  ", None, None),
        ("10", "REVIEW", None),
        ("20", None, "a rework names no stored reading"),
        ("01", None, "a correction names no stored reading"),
        ("11", "REVIEW", "read as a review"),
        ("21", None, "read as a first result"),
    ],
)
def test_reviews_have_their_kind_and_reworks_and_corrections_are_told_of(
    tmp_path: Path, flags: str, kind: str | None, told: str | None
) -> None:
    """Columns 61 and 62; a rework or correction names nothing that it could supersede."""
    path = write(tmp_path, f"{altered(61, 62, '00')}\n\n{altered(61, 62, flags)}\n")
    notices = readers.NoticeList()
    frame = read(path, on_notice=notices.add)
    frames.validate(frame)
    assert frame["kind"].to_list() == [None, kind]
    assert notices.total == len(notices.listed) == (told is not None)
    for notice in notices.listed:
        assert (notice.path, notice.line) == (path, 3)
        assert told is not None
        assert told in str(notice)
    assert_frame_equal(read(path), frame)


@pytest.mark.parametrize(
    ("place", "column"), [(61, "61 (original, review or rework)"), (62, "62 (correction)")]
)
def test_an_unknown_kind_of_usda_record_is_refused(tmp_path: Path, place: int, column: str) -> None:
    error = refused(write(tmp_path, f"{altered(place, place, '7')}\n"))
    assert (error.column, error.value) == (column, "7")


def test_a_list_of_notices_counts_what_it_does_not_keep(tmp_path: Path) -> None:
    """A file of reworks alone must not fill the memory."""
    path = write(tmp_path, f"{altered(61, 61, '2')}\n" * (NOTICES_LISTED_MAX + 5))
    notices = readers.NoticeList()
    read(path, on_notice=notices.add)
    assert (notices.total, len(notices.listed)) == (NOTICES_LISTED_MAX + 5, NOTICES_LISTED_MAX)


def test_formats_are_told_from_the_content(tmp_path: Path) -> None:
    assert readers.detect_format(write(tmp_path, PLAIN, "a.txt")) == "csv"
    assert readers.detect_format(write(tmp_path, USDA_LINE, "a.csv")) == "usda67"
    assert readers.detect_format(write(tmp_path, USDA_LINE[:-3], "b.csv")) == "usda67"
    assert readers.detect_format(samples.usda_lines()) == "usda67"


# Lots and weights


def test_a_lot_is_read_with_every_column(tmp_path: Path) -> None:
    written = {
        "lot_no": LOT,
        "gin_code": "65140",
        "gin_name": "厂",
        "warehouse": "W01",
        "region": "兵团",
        "division": "第八师",
        "regiment": "一四九团",
        "county": "石河子",
        "cotton_type": "saw_ginned_upland",
        "picking_mode": "MACHINE",
        "channel": "FUTURES",
        "traceability_unit": "U1",
        "origin": "新疆",
        "agency": "A1",
        "declared_bales": "186",
        "gate_in_at": "2016-11-20",
        "standard": "GB1103.1-2012",
        "quality_certificate_no": "Q1",
        "production_line": "1",
        "supersedes_revision": "7",
        "reason": "entry_error",
        "note": "",
        "decided_by": "Office 3",
    }
    path = write(tmp_path, ",".join(written) + "\n" + ",".join(written.values()))
    frame = readers.read_lots(path)
    assert frame.schema == frames.LOTS_SCHEMA
    row = frame.row(0, named=True)
    expected: dict[str, object] = dict(written)
    del expected["gate_in_at"]
    expected |= {
        "cotton_type": "SAW_GINNED_UPLAND",
        "declared_bales": 186,
        "gate_in_at_s": 1_479_571_200,
        "supersedes_revision": 7,
        "reason": "ENTRY_ERROR",
        "note": None,
    }
    assert row == expected


def test_a_weight_is_read_in_hundredths(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "lot_no,gross,tare,regain,trash,resolution,truck_gross,truck_tare,scale,weighed_at\n"
        f"{LOT},42200,260.4,4.6,2.4,0.1,59140,16940,S1,2016-11-20\n",
    )
    frame = readers.read_weights(path)
    assert frame.schema == frames.WEIGHTS_SCHEMA
    assert frame.row(0) == (
        *(LOT, 4_220_000, 26_040, 460, 240, 10, 5_914_000, 1_694_000, "S1", None),
        *(1_479_571_200, None, None, None, None, None),
    )


@pytest.mark.parametrize(
    ("content", "kind", "line", "column"),
    [
        ("gin_code\n65140\n", HeaderError, None, "lot_no"),
        (f"lot_no,gin_name\n{LOT},\n,a\n", ValueInFileError, 3, "lot_no"),
        (f"lot_no,cotton_type\n{LOT},UPLAND\n", ValueInFileError, 2, "cotton_type"),
        (f"lot_no,declared_bales\n{LOT},186.5\n", ValueInFileError, 2, "declared_bales"),
        (f"lot_no,declared_bales\n{LOT},-1\n", ValueInFileError, 2, "declared_bales"),
        (f"lot_no,gin_code\n{LOT},6514\n", ValueInFileError, 2, "gin_code"),
        (f"lot_no,production_line\n{LOT},12\n", ValueInFileError, 2, "production_line"),
        (f"lot_no,reason\n{LOT},OTHER\n", ValueInFileError, 2, "supersedes_revision"),
        (
            f"lot_no,supersedes_revision,reason,decided_by\n{LOT},7,NO,me\n",
            ValueInFileError,
            2,
            "reason",
        ),
        ("lot_no\n", EmptyFileError, None, None),
    ],
)
def test_what_is_wrong_in_a_lots_file_is_named(
    tmp_path: Path, content: str, kind: type[Exception], line: int | None, column: str | None
) -> None:
    with pytest.raises(ReadingFileError) as caught:
        readers.read_lots(write(tmp_path, content))
    assert type(caught.value) is kind
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("content", "kind", "line", "column"),
    [
        (f"lot_no,gross,tare\n{LOT},42620,246\n", HeaderError, None, "resolution"),
        (f"lot_no,gross,tare,resolution\n{LOT},42620,,1\n", ValueInFileError, 2, "tare"),
        (f"lot_no,gross,tare,resolution\n{LOT},42620,246,0.5\n", ValueInFileError, 2, "resolution"),
        (f"lot_no,gross,tare,resolution\n{LOT},42620.125,246,1\n", ValueInFileError, 2, "gross"),
        (f"lot_no,gross,tare,resolution\n{LOT},9999999999,1,1\n", ValueInFileError, 2, "gross"),
    ],
)
def test_what_is_wrong_in_a_weights_file_is_named(
    tmp_path: Path, content: str, kind: type[Exception], line: int | None, column: str | None
) -> None:
    with pytest.raises(ReadingFileError) as caught:
        readers.read_weights(write(tmp_path, content))
    assert type(caught.value) is kind
    assert (caught.value.line, caught.value.column) == (line, column)


# Closures, certificates, objections


AMENDED = "supersedes_revision,reason,note,decided_by"
AMENDMENT = ("7", "OTHER", "n", "Office 3")


def test_a_closure_is_read_with_every_column(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"lot_no,laboratory,bales_received,bales_tested,closed_at,{AMENDED}\n"
        f"{LOT},LAB,186,185,2016-11-20,{','.join(AMENDMENT)}\n{LOT},,0,0,,,,,\n",
    )
    frame = readers.read_closures(path)
    assert frame.schema == frames.CLOSURES_SCHEMA
    assert frame.row(0) == (LOT, "LAB", 186, 185, 1_479_571_200, 7, "OTHER", "n", "Office 3")
    assert frame.row(1) == (LOT, None, 0, 0, *[None] * 5)
    assert len(frames.closure_messages(frame)) == 2


def test_certificates_are_read_with_every_column(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"lot_no,quality_certificate_no,weight_certificate_no,issued_at,{AMENDED}\n"
        f"{LOT},Q1,W1,2016-11-20,{','.join(AMENDMENT)}\n{LOT},,W2,,,,,\n",
    )
    frame = readers.read_certificates(path)
    assert frame.schema == frames.CERTIFICATES_SCHEMA
    assert frame.row(0) == (LOT, "Q1", "W1", 1_479_571_200, 7, "OTHER", "n", "Office 3")
    assert frame.row(1) == (LOT, None, "W2", *[None] * 5)
    assert len(frames.certificate_messages(frame)) == 2


def test_objections_are_read_with_every_column(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "lot_no,objection_no,raised_by,raised_at,decision,decided_by,decided_at,note\n"
        f"{LOT},Y1,owner,2016-11-20,upheld,Office 3,2016-11-20,n\n{LOT},Y2,,2016-11-20,,,,\n",
    )
    frame = readers.read_objections(path)
    assert frame.schema == frames.OBJECTIONS_SCHEMA
    moment = 1_479_571_200
    assert frame.row(0) == (LOT, "Y1", "owner", moment, "UPHELD", "Office 3", moment, "n")
    assert frame.row(1) == (LOT, "Y2", None, moment, *[None] * 4)
    assert len(frames.objection_messages(frame)) == 2


@pytest.mark.parametrize(
    ("reader", "content", "kind", "line", "column"),
    [
        (
            readers.read_closures,
            f"lot_no,bales_tested\n{LOT},1\n",
            HeaderError,
            None,
            "bales_received",
        ),
        (
            readers.read_closures,
            f"lot_no,bales_received,bales_tested\n{LOT},1,\n",
            ValueInFileError,
            2,
            "bales_tested",
        ),
        (
            readers.read_closures,
            f"lot_no,bales_received,bales_tested\n{LOT},1,4294967296\n",
            ValueInFileError,
            2,
            "bales_tested",
        ),
        (
            readers.read_closures,
            f"lot_no,bales_received,bales_tested,reason\n{LOT},1,1,OTHER\n",
            ValueInFileError,
            2,
            "supersedes_revision",
        ),
        (
            readers.read_certificates,
            f"lot_no,issued_at\n{LOT},2016-11-20\n",
            ValueInFileError,
            2,
            "quality_certificate_no",
        ),
        (readers.read_certificates, "issued_at\n2016-11-20\n", HeaderError, None, "lot_no"),
        (
            readers.read_objections,
            f"lot_no,objection_no\n{LOT},1\n",
            HeaderError,
            None,
            "raised_at",
        ),
        (
            readers.read_objections,
            f"lot_no,objection_no,raised_at,decision\n{LOT},1,2016-11-20,UPHELD\n",
            ValueInFileError,
            2,
            "decided_by",
        ),
        (
            readers.read_objections,
            f"lot_no,objection_no,raised_at,decided_at\n{LOT},1,2016-11-20,2016-11-21\n",
            ValueInFileError,
            2,
            "decided_at",
        ),
        (
            readers.read_objections,
            f"lot_no,objection_no,raised_at,decision\n{LOT},1,2016-11-20,YES\n",
            ValueInFileError,
            2,
            "decision",
        ),
    ],
)
def test_what_is_wrong_in_a_file_of_records_of_lots_is_named(
    tmp_path: Path,
    reader: Callable[[Path], pl.DataFrame],
    content: str,
    kind: type[Exception],
    line: int | None,
    column: str,
) -> None:
    with pytest.raises(ReadingFileError) as caught:
        reader(write(tmp_path, content))
    assert type(caught.value) is kind
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("Closures", closures_csv.COLUMNS),
        ("Certificates", certificates_csv.COLUMNS),
        ("Objections", objections_csv.COLUMNS),
        ("Bale codes", bale_codes.COLUMNS),
    ],
)
def test_every_column_of_these_files_is_documented(heading: str, columns: tuple[str, ...]) -> None:
    root = Path(__file__).resolve().parents[2]
    text = (root / "docs" / "files.md").read_text("utf-8")
    (section,) = [part for part in text.split("\n## ") if part.startswith(heading)]
    assert set(columns) <= set(re.findall(r"`([a-z_]+)`", section))


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("4.6", "its last value is 4.6 (micronaire)"),
        ("", "its last value is empty (micronaire)"),
        ("4.6\n", None),
        ("4.6\r\n", None),
        ("4.6\n ", None),
    ],
)
def test_a_last_line_without_line_end_is_told(tmp_path: Path, end: str, told: str | None) -> None:
    """A file cut off within a value reads like a whole one; its last value is to be looked at."""
    header = "bale_code,lot_no,length,micronaire"
    path = write(
        tmp_path, f"# made by hand\n{header}\n{CODE},{LOT},28.2,4.4\n{OTHER},{LOT},28.4,{end}"
    )
    notices = readers.NoticeList()
    assert read(path, on_notice=notices.add).height == 2
    messages = [(each.line, each.message) for each in notices.listed]
    before = "the last line has no line end: the file may have been cut off; "
    assert messages == ([(4, before + told)] if told else [])
    assert read(path).height == 2
