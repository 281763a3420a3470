"""The Uster report: every oddity is read in one way and told, or refused; nothing is guessed."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cotton_client import encode, frames, readers, samples
from cotton_client.cli.spooled import NOTICES_SHOWN_MAX, Manner
from cotton_client.readers.errors import (
    EmptyFileError,
    EncodingError,
    HeaderError,
    LineError,
    ReadingFileError,
    ValueInFileError,
)
from cotton_client.readers.uster import SAMPLES_LISTED_MAX, is_statistics
from hypothesis import event, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

LOT = "65140161077"
CODES = {f"{3700 + n}": f"3265140161128142000{n:07d}{203700 + n:06d}" for n in range(1, 6)}
NAMES = "Bale ID,SCI,Grade,Mst,Mic,Mat,UHML,UI,SF,Str,Elg,Rd,+b,CGrd,TrCnt,TrAr,TrID,Amt"
UNITS = ",,,%,,,mm,%,%,cN/tex,%,,,,,%,,"
ROW = "3701,139,31,6.9,4.31,0.86,28.71,82.9,9.8,28.6,6.8,79.4,8.1,31-1,18,0.19,2,544"
STATISTICS = "Average,140,,6.9,4.31,0.86,28.71,82.9,9.8,28.6,6.8,79.4,8.1,,18,0.19,2,544"


def report(*rows: str, head: str = "", names: str = NAMES, units: str = UNITS) -> str:
    """A report whose columns are parted by tabs; commas are written for tabs."""
    lines = [names, units, *rows] if units else [names, *rows]
    return head + "".join(line.replace(",", "\t") + "\n" for line in lines)


def write(directory: Path, content: str | bytes, name: str = "report.txt") -> Path:
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def codes(directory: Path, lines: str | None = None) -> Path:
    """A file of bale codes; of the samples 3701 to 3705 unless lines are given."""
    if lines is None:
        lines = "".join(f"{sample},{code},{LOT}\n" for sample, code in CODES.items())
    return write(directory, f"sample,bale_code,lot_no\n{lines}", "codes.csv")


def read(
    directory: Path, content: str | bytes, **options: Any
) -> tuple[pl.DataFrame, dict[int, str]]:
    """The readings of a report and its notices by line, those of one line joined."""
    notices = readers.NoticeList()
    if "bale_codes" not in options:
        options["bale_codes"] = codes(directory)
    path = write(directory, content)
    frame = pl.concat(readers.read_readings(path, on_notice=notices.add, **options))
    frames.validate(frame)
    told: dict[int, str] = {}
    for notice in notices.listed:
        told[notice.line] = "; ".join(filter(None, [told.get(notice.line), notice.message]))
    return frame, told


def refused(directory: Path, content: str | bytes, **options: Any) -> ReadingFileError:
    """The error that reading the report gives."""
    with pytest.raises(ReadingFileError) as caught:
        read(directory, content, **options)
    return caught.value


def test_the_sample_is_read_with_every_oddity_told() -> None:
    """Ten bales of ten rows; what was made of each oddity stands with its line."""
    sample = samples.uster_report()
    assert readers.detect_format(sample.report) == "uster"
    notices = readers.NoticeList()
    frame = pl.concat(
        readers.read_readings(
            sample.report, bale_codes=sample.bale_codes, on_notice=notices.add, rows_per_frame=4
        )
    )
    assert frame.height == 10
    assert frame["bale_code"].n_unique() == 10
    assert set(frame["lot_no"]) == {sample.lot_no}
    assert frame["colour_grade"].to_list() == [31, 31, 31, 21, 41, None, 31, 31, 31, 21]
    assert frame["moisture"].to_list() == [690, 680, 690, 670, 700, 690, 680, 680, 690, 670]
    assert [(notice.line, re.split("[:;]", notice.message)[0]) for notice in notices.listed] == [
        (7, "the date '20161203' has no separators"),
        (7, "the time '0930' has no separators"),
        (14, "no reading has the column TrID"),
        (14, "no reading has the column Amt"),
        (21, "has no grade, which the header names"),
        (21, "CGrd has a quadrant, so it is of the USDA chart and not taken as the colour grade"),
        (23, "the sample '.3708' is read as '3708'"),
        (25, "the sample '3710.' is read as '3710'"),
        (27, "statistics begin here"),
    ]
    assert encode.encode_columns(frame).count == 10


def test_every_column_reaches_its_field(tmp_path: Path) -> None:
    frame, _ = read(
        tmp_path, report(ROW, head="Instrument: HVI 7\nDate: 2016-11-20\n"), laboratory="LAB"
    )
    row = frame.row(0, named=True)
    assert {name: value for name, value in row.items() if value is not None} == {
        "bale_code": CODES["3701"],
        "lot_no": LOT,
        "length": 2871,
        "uniformity": 8290,
        "short_fibre": 980,
        "strength": 2860,
        "elongation": 680,
        "micronaire": 431,
        "maturity": 86,
        "rd": 7940,
        "plus_b": 810,
        "trash_area": 19,
        "trash_count": 18,
        "moisture": 690,
        "spinning_consistency": 139,
        "colour_grade": 31,
        "instrument_colour_grade": 31,
        "colour_quadrant": 1,
        "laboratory": "LAB",
        "instrument": "HVI 7",
        "inspected_at_s": 1_479_571_200,
    }


BLANKS = (report(ROW, STATISTICS, units="").replace("\t\t", "\t-\t").replace("\t", "   ")).replace(
    "UHML   ", "UHML [mm]   "
)


@pytest.mark.parametrize(
    "content",
    [
        report(ROW, STATISTICS),
        "\ufeff" + report(ROW, STATISTICS),
        report(ROW, STATISTICS).replace("\n", "\r\n"),
        report(ROW, STATISTICS).replace("\t", ";"),
        report(ROW, STATISTICS).replace("\t", ","),
        report(ROW, STATISTICS).replace(".", ","),
        report(ROW, STATISTICS).replace(".", ",").replace("\t", ";"),
        report(*(f"{line}," for line in (ROW, STATISTICS)), names=NAMES + ",", units=UNITS + ","),
        report(ROW, STATISTICS, units="").replace("Str", "Str (cN/tex)"),
        report(ROW, STATISTICS, units="", head="Units: mm, cN/tex\n"),
        BLANKS.replace("Str   ", "Str [cN/tex]   "),
        report(ROW, "", "-----", STATISTICS).replace("\n", "\n\n"),
    ],
    ids=[
        *("tabs", "mark", "crlf", "semicolons", "commas", "decimal-commas", "european"),
        *("trailing", "units-in-names", "units-in-head", "blanks", "rulers"),
    ],
)
def test_spellings_of_one_report_read_alike(tmp_path: Path, content: str) -> None:
    expected, _ = read(tmp_path, report(ROW))
    assert_frame_equal(read(tmp_path, content)[0], expected)


def test_decimal_commas_are_told_once(tmp_path: Path) -> None:
    second = ROW.replace("3701", "3702")
    _, told = read(tmp_path, report(ROW, second).replace(".", ","))
    assert "has decimal commas: 6,9 is read exactly" in told[3]
    assert 4 not in told


@pytest.mark.parametrize(
    ("names", "row", "grade", "told"),
    [
        (NAMES, ROW, 31, None),
        (NAMES, ROW.replace(",31,", ",21-2,"), 21, None),
        (NAMES, ROW.replace(",31,", ",,"), None, None),
        (NAMES, ROW.replace(",31,", ","), None, "has no grade, which the header names"),
        (NAMES.replace(",Grade", ""), ROW, 31, "has the grade 31, which the header does not name"),
        (NAMES.replace(",Grade", ""), ROW.replace(",31,", ","), None, None),
        (NAMES, ROW.replace(",31,", ",SM,"), None, "the grade 'SM' is no colour grade: left out"),
    ],
)
def test_a_grade_may_come_and_go_and_moves_no_value(
    tmp_path: Path, names: str, row: str, grade: int | None, told: str | None
) -> None:
    """A row is read from the right: all other values are the same."""
    frame, notices = read(tmp_path, report(row, names=names, units=""), strength_unit="cN/tex")
    expected, _ = read(tmp_path, report(ROW))
    assert_frame_equal(frame.drop("colour_grade"), expected.drop("colour_grade"))
    assert frame["colour_grade"].to_list() == [grade]
    assert (told is None) or (told in notices[2])
    assert told is not None or "grade 3" not in notices.get(2, "")


@pytest.mark.parametrize("missing", range(3, 16))
def test_a_missing_value_is_not_taken_for_a_missing_grade(tmp_path: Path, missing: int) -> None:
    """Parted by blanks both look alike; the grade then stands where a measure has decimals."""
    for grade in ("31", "11"):
        values = ROW.replace(",31,", f",{grade},").split(",")
        del values[missing]
        content = f"{NAMES.replace(',', ' ')}\n{' '.join(values)}\n"
        assert refused(tmp_path, content, strength_unit="cN/tex").line == 2


@pytest.mark.parametrize(
    ("computed", "is_grade", "colour", "instrument", "quadrant"),
    [
        ("31", False, 31, 31, None),
        ("31-1", False, None, 31, 1),
        ("31-1", True, 31, 31, 1),
        ("-", False, None, None, None),
        ("", True, None, None, None),
    ],
)
def test_the_instruments_grade_is_the_colour_grade_where_it_is_of_the_standard(
    tmp_path: Path,
    computed: str,
    is_grade: bool,
    colour: int | None,
    instrument: int | None,
    quadrant: int | None,
) -> None:
    """A quadrant is of the USDA chart: that grade is not one of the Chinese standard."""
    row = ROW.replace(",31,", ",,").replace("31-1", computed)
    frame, told = read(tmp_path, report(row), instrument_colour_is_grade=is_grade)
    assert frame.select("colour_grade", "instrument_colour_grade", "colour_quadrant").row(0) == (
        *(colour, instrument, quadrant),
    )
    assert ("has a quadrant" in told.get(3, "")) == (computed == "31-1" and not is_grade)


@pytest.mark.parametrize("written", [".3701", "3701."])
def test_a_sample_with_a_stray_point_is_read_and_told(tmp_path: Path, written: str) -> None:
    frame, told = read(tmp_path, report(ROW.replace("3701", written)))
    assert frame["bale_code"].to_list() == [CODES["3701"]]
    assert told[3] == f"the sample {written!r} is read as '3701'"


def test_a_sample_that_is_mapped_as_it_is_written_is_not_read_otherwise(tmp_path: Path) -> None:
    path = codes(tmp_path, f"3701,{CODES['3701']},{LOT}\n.3701,{CODES['3702']},{LOT}\n")
    frame, told = read(tmp_path, report(ROW.replace("3701", ".3701"), ROW), bale_codes=path)
    assert frame["bale_code"].to_list() == [CODES["3702"], CODES["3701"]]
    assert 3 not in told


def test_two_spellings_of_one_sample_are_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, report(ROW, ROW.replace("3701", "3701.")))
    assert (error.line, error.column, error.value) == (4, "Bale ID", "3701.")
    assert "'3701' on line 3" in str(error)


def test_samples_without_a_bale_are_listed_with_their_lines(tmp_path: Path) -> None:
    """The first so many; none of the report is given out."""
    rows = [ROW.replace("3701", str(9000 + n)) for n in range(SAMPLES_LISTED_MAX + 3)]
    error = refused(tmp_path, report(ROW, *rows))
    assert (error.line, error.value) == (4, "9000")
    assert f"{SAMPLES_LISTED_MAX + 3} in all: 9000 (line 4), 9001 (line 5)" in str(error)
    assert "and 3 more" in str(error)
    assert "codes.csv" in str(error)
    assert "sample and bale_code" in str(refused(tmp_path, report(ROW), bale_codes=None))


def test_an_id_of_32_digits_is_the_bale_code(tmp_path: Path) -> None:
    code = "3" * 32
    frame, _ = read(tmp_path, report(ROW.replace("3701", code)), bale_codes=None, lot_no=LOT)
    assert frame.select("bale_code", "lot_no").row(0) == (code, LOT)


def test_the_lot_is_that_of_the_sample_of_the_sender_or_of_the_head(tmp_path: Path) -> None:
    bare = codes(tmp_path, f"3701,{CODES['3701']},\n")
    head = f"Lot ID: {LOT}\n"
    for content, options in (
        (report(ROW, head=head), {"bale_codes": bare}),
        (report(ROW), {"bale_codes": bare, "lot_no": LOT}),
    ):
        assert read(tmp_path, content, **options)[0]["lot_no"].to_list() == [LOT]
    other = "65140161099"
    assert refused(tmp_path, report(ROW), bale_codes=bare).line == 3
    assert refused(tmp_path, report(ROW), lot_no=other).line == 3
    bare = codes(tmp_path, f"3701,{CODES['3701']},\n")
    error = refused(tmp_path, report(ROW, head=head), bale_codes=bare, lot_no=other)
    assert (error.column, error.value) == ("lot_no", LOT)
    _, told = read(tmp_path, report(ROW, head="Lot: A7\n"))
    assert told[1] == "the lot 'A7' is no lot number of 11 digits: left out"


@pytest.mark.parametrize(
    "label",
    [
        *("Average", "AVERAGE:", '"Average"', "Mean", "n", "N", "Std.Dev.", "Std. Dev.", "StdDev"),
        *("SD", "CV%", "CV", "Q99%", "Q 95 %", "Q99", "Min", "Min.", "Maximum", "Median", "Range"),
    ],
)
def test_statistics_are_never_bales(tmp_path: Path, label: str) -> None:
    """Not even where a sample has the same name."""
    assert is_statistics(label)
    path = codes(tmp_path, f"3701,{CODES['3701']},{LOT}\n{label.strip(chr(34))},{'3' * 32},{LOT}\n")
    content = report(ROW, STATISTICS.replace("Average", label))
    frame, told = read(tmp_path, content, bale_codes=path)
    assert frame["bale_code"].to_list() == [CODES["3701"]]
    assert told[4] == "statistics begin here: they are no bales, and left out"


@pytest.mark.parametrize("sample", ["3701", "N4", "Average7", "minor", "Q9", "rangeland", "s1"])
def test_a_sample_is_no_statistics(sample: str) -> None:
    assert not is_statistics(f"{sample}\t139")


def test_what_stands_below_the_statistics_is_told_or_refused(tmp_path: Path) -> None:
    frame, told = read(tmp_path, report(ROW, STATISTICS, "Signed: 7", "n,1"))
    assert frame.height == 1
    assert told[5] == "stands below the statistics: left out"
    assert refused(tmp_path, report(ROW, STATISTICS, ROW.replace("3701", "3702"))).line == 5
    assert "second report" in str(refused(tmp_path, report(ROW, STATISTICS, NAMES, ROW)))


def test_column_names_that_stand_again_are_passed_over(tmp_path: Path) -> None:
    frame, told = read(tmp_path, report(ROW, NAMES, ROW.replace("3701", "3702")))
    assert frame.height == 2
    assert "stand again" in told[4]


@pytest.mark.parametrize(
    ("names", "units", "length", "options", "column"),
    [
        (NAMES, UNITS.replace("cN/tex", "g/tex"), "28.71", {}, "Str"),
        (NAMES, UNITS.replace("mm", "in"), "1.13", {}, "UHML"),
        (NAMES, UNITS.replace("mm", "inch"), "28.71", {}, "UHML"),
        (NAMES, "", "28.71", {}, "Str"),
        (NAMES, "", "28.71", {"strength_unit": "g/tex"}, "Str"),
        (NAMES, UNITS, "28.71", {"strength_unit": "g/tex"}, "Str"),
        (NAMES, "", "1.13", {"strength_unit": "cN/tex"}, "UHML"),
        (NAMES, "", "5.00", {"strength_unit": "cN/tex"}, "UHML"),
    ],
)
def test_another_unit_or_none_that_can_be_told_is_refused(
    tmp_path: Path, names: str, units: str, length: str, options: dict[str, str], column: str
) -> None:
    """Nothing is converted on the way in: the instrument must be set to the standard's units."""
    content = report(ROW.replace("28.71", length), names=names, units=units)
    assert refused(tmp_path, content, **options).column == column


def test_a_length_without_unit_is_told_by_its_size(tmp_path: Path) -> None:
    frame, told = read(tmp_path, report(ROW, units=""), strength_unit="cN/tex")
    assert frame["length"].to_list() == [2871]
    assert told[2].startswith("UHML states no unit: read as mm")


@pytest.mark.parametrize(
    ("written", "moment", "told"),
    [
        ("Date: 2016-11-20", "2016-11-20 00:00:00", None),
        ("Date: 2016/11/20  Time: 09:30", "2016-11-20 09:30:00", None),
        ("Date\t20.11.2016\nTime\t9:30:15 PM", "2016-11-20 21:30:15", None),
        ("Test date;11/20/2016", "2016-11-20 00:00:00", None),
        ("Date/Time: 2016-11-20 09:30", "2016-11-20 09:30:00", None),
        ("Date: 20161120\nTime: 093015", "2016-11-20 09:30:15", "read as 2016-11-20"),
        ("Date: 201611200930", "2016-11-20 09:30:00", "read as 2016-11-20"),
        ("Date: 11/10/2016", None, "cannot be read for certain"),
        ("Date: 20112016", None, "cannot be read for certain"),
        ("Date: 161120", None, "cannot be read for certain"),
        ("Date: 2016-13-20", None, "cannot be read for certain"),
        ("Date: today", None, "cannot be read for certain"),
        ("Date: 2016-11-20  Time: noon", "2016-11-20 00:00:00", "the time 'noon' cannot be read"),
        ("Date: 2016-11-20  Time: 13:00 PM", "2016-11-20 00:00:00", "cannot be read"),
        ("Date: 2016-11-20  Time: 25:00", "2016-11-20 00:00:00", "cannot be read"),
        ("Time: 09:30", None, None),
    ],
)
def test_dates_are_read_where_there_is_one_way_to(
    tmp_path: Path, written: str, moment: str | None, told: str | None
) -> None:
    """China time; a date whose day and month could change places is left out and told."""
    frame, notices = read(tmp_path, report(ROW, head=f"{written}\n"))
    local = pl.from_epoch(frame["inspected_at_s"] + 8 * 3600).dt.strftime("%Y-%m-%d %H:%M:%S")
    assert local.to_list() == [moment]
    assert (told is None) == (1 not in notices)
    assert told is None or told in notices[1]


@pytest.mark.parametrize(
    ("head", "instrument", "told"),
    [
        ("Instrument: HVI 7", "HVI 7", None),
        ("Instrument: USTER HVI 1000\nSerial No.: 0815", "USTER HVI 1000 0815", None),
        ("Instrument ID;4711;", "4711", None),
        ("Instrument: 仪器一", "仪器一", None),
        ("Instrument: " + "x" * 65, None, "more than 64 bytes"),
        (f"Instrument: HVI\nSerial number: {'x' * 64}", "HVI", None),
        ("No instrument here", None, None),
    ],
)
def test_the_instrument_is_that_of_the_head(
    tmp_path: Path, head: str, instrument: str | None, told: str | None
) -> None:
    frame, notices = read(tmp_path, report(ROW, head=f"{head}\n"))
    assert frame["instrument"].to_list() == [instrument]
    assert told is None or told in notices[1]


@pytest.mark.parametrize("encoding", ["gbk", "iso-8859-1"])
def test_of_other_encodings_only_ascii_text_is_read(tmp_path: Path, encoding: str) -> None:
    """The figures are ASCII in all of them; a name that is not cannot be told for certain."""
    name = "检验员" if encoding == "gbk" else "Prüfer"
    content = report(ROW, head=f"Operator: {name}\nInstrument: {name}\nLot: {LOT}\n")
    frame, told = read(tmp_path, content.encode(encoding))
    expected, _ = read(tmp_path, report(ROW))
    assert_frame_equal(frame, expected)
    assert told[1].startswith("is not UTF-8")
    assert told[2] == "the instrument cannot be read for certain: left out"


@pytest.mark.parametrize(
    ("content", "kind", "line", "column"),
    [
        ("USTER HVI 1000\n", HeaderError, None, "Bale ID"),
        ("x\n" * 100 + report(ROW), HeaderError, None, "Bale ID"),
        (report(), EmptyFileError, None, None),
        (report(STATISTICS), EmptyFileError, None, None),
        (report(ROW, names=NAMES + ",Rd"), LineError, 1, None),
        (report(ROW, names=NAMES.replace("Bale ID,SCI", "SCI,Bale ID")), LineError, 1, None),
        (report(ROW + ",7"), LineError, 3, None),
        (report(ROW.removesuffix(",544").removesuffix(",2")), LineError, 3, None),
        (report(ROW).replace("\t", ",").replace(".", ","), LineError, 3, None),
        (report(ROW.replace("4.31", "4.315")), ValueInFileError, 3, "Mic"),
        (report(ROW.replace("4.31", "fine")), ValueInFileError, 3, "Mic"),
        (report(ROW.replace("139", "139.5")), ValueInFileError, 3, "SCI"),
        (report(ROW.replace("31-1", "31-9")), ValueInFileError, 3, "CGrd"),
        (report(ROW, head="Units: mm inch\n"), LineError, 1, None),
        (report(ROW, head="Units: inch\n"), LineError, 3, None),
        (report(ROW).replace("\t18", '\t"18'), LineError, 3, None),
        (report(ROW).encode("utf-16"), EncodingError, 1, None),
        (report(ROW).replace("3701", "37\0"), EncodingError, 3, None),
    ],
)
def test_what_is_wrong_in_a_report_is_named_with_its_place(
    tmp_path: Path,
    content: str | bytes,
    kind: type[ReadingFileError],
    line: int | None,
    column: str | None,
) -> None:
    error = refused(tmp_path, content, format="uster")
    assert type(error) is kind
    assert (error.line, error.column) == (line, column)


def test_columns_that_no_reading_has_are_told(tmp_path: Path) -> None:
    _, told = read(tmp_path, report(f"{ROW},5", names=f"{NAMES},Neps", units=f"{UNITS},"))
    assert "TrID: left out" in told[1]
    assert "Amt: left out" in told[1]
    assert "the column 'Neps' is not known: left out" in told[1]


@pytest.mark.parametrize(
    ("lines", "kind", "line", "column"),
    [
        (f"1,{'3' * 32},\n1,{'4' * 32},\n", ValueInFileError, 3, "sample"),
        (f"1,{'3' * 32},\n2,{'3' * 32},\n", ValueInFileError, 3, "bale_code"),
        (f"1,{'3' * 31},\n", ValueInFileError, 2, "bale_code"),
        (f",{'3' * 32},\n", ValueInFileError, 2, "sample"),
        ("1,,\n", ValueInFileError, 2, "bale_code"),
        (f"1,{'3' * 32},6514\n", ValueInFileError, 2, "lot_no"),
        ("", EmptyFileError, None, None),
    ],
)
def test_what_is_wrong_in_a_file_of_bale_codes_is_named(
    tmp_path: Path, lines: str, kind: type[Exception], line: int | None, column: str | None
) -> None:
    """On the call, before anything of the report is read."""
    path = write(tmp_path, report(ROW))
    with pytest.raises(ReadingFileError) as caught:
        readers.read_readings(path, bale_codes=codes(tmp_path, lines))
    assert type(caught.value) is kind
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.path.name == "codes.csv"


def test_a_strength_unit_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="strength unit"):
        readers.read_readings(write(tmp_path, report(ROW)), strength_unit="N")


def test_a_report_of_many_blocks_is_read_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Head, names and rows may lie in different blocks; line numbers go on."""
    content = report(*(ROW.replace("3701", sample) for sample in CODES), STATISTICS, head="x\n" * 9)
    expected, told = read(tmp_path, content)
    monkeypatch.setattr(readers.text.read_blocks, "__defaults__", (16,))
    frame, told_in_blocks = read(tmp_path, content)
    assert_frame_equal(frame, expected)
    assert told_in_blocks == told
    assert frame["bale_code"].to_list() == list(CODES.values())


def test_the_sender_sees_the_first_notices_and_the_number_of_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`cotton send` reads a report with its options, and tells what is odd on the error output."""
    rows = [ROW.replace(",31,", ",SM,").replace("31-1", "31")] * (NOTICES_SHOWN_MAX + 3)
    path = write(tmp_path, report(*rows, units=""))
    manner = Manner(
        file_format=None,
        lot=LOT,
        laboratory=None,
        standard=None,
        crop_year=None,
        batch_bales=10,
        rows=False,
        sequenced=False,
        bale_codes=codes(tmp_path),
        strength_unit="cN/tex",
    )
    assert sum(frame.height for frame in manner.frames(path)) == len(rows)
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == NOTICES_SHOWN_MAX + 1
    assert shown[3] == f"Notice: {path}, line 2: the grade 'SM' is no colour grade: left out."
    # Those of the rows and three of the names and units above them.
    assert shown[-1] == f"{path}: 6 notices more."


TOKENS = st.sampled_from(
    [
        *(*NAMES.split(","), *UNITS.split(","), *ROW.split(","), *STATISTICS.split(",")),
        *(NAMES, ROW, UNITS, "\n", "\n", "\n", "\t", ",", ";", '"', "é", "-", "31"),
        *("Date: ", "Units: inch"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200) | st.lists(TOKENS, max_size=60).map(" ".join),
    st.booleans(),
    st.sampled_from(["\t", ";", ",", " "]),
)
def test_any_bytes_give_readings_or_an_error_of_the_tree(
    content: str | bytes, with_header: bool, separator: str
) -> None:
    """And what is given is a valid frame that the contract can carry."""
    body = content if isinstance(content, bytes) else content.replace(",", separator).encode()
    header = report(ROW).replace("\t", separator).encode() if with_header else b""
    with tempfile.TemporaryDirectory() as directory:
        path = write(Path(directory), header + body)
        options: dict[str, Any] = {"strength_unit": "cN/tex", "bale_codes": codes(Path(directory))}
        found: list[pl.DataFrame] = []
        try:
            found = list(readers.read_readings(path, format="uster", **options))
        except ReadingFileError:
            event("refused")
    for frame in found:
        event("read")
        frames.validate(frame)
        assert frame.height >= 1
        assert set(frame["bale_code"]) <= set(CODES.values())
        assert set(frame["lot_no"]) == {LOT}
