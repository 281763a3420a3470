"""Colour charts: what they give, the one of USDA from its borders, what a wrong file is told."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from cotton_server.domain.fields import ABSENT
from cotton_server.grading import chart_file
from cotton_server.grading.bales import CHART_COLOUR, grade_bales, with_chart
from cotton_server.grading.chart_check import LISTED_MAX, Gap, Overlap, check_chart
from cotton_server.grading.chart_file import ChartFileError, parse_chart
from cotton_server.grading.charts import load_charts, packaged_charts
from cotton_server.grading.standards import load_standards

from tests.golden.lots import bale_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.grading.chart import Chart

ROOT = Path(__file__).resolve().parents[2]
USDA = "USDA"
HEAD = """\
# id: test-chart
# standard: GB1103.1-2023
# title: A chart of nothing real
# source: made up for a test
# confidence: L
# rd_resolution: 1
# rd_rounding: half-up
# plus_b_resolution: 0.1
# plus_b_rounding: half-up
grade,plus_b_from,plus_b_to,rd_from,rd_to
"""
TEXT = HEAD + "21,7.0,7.2,80,84\n31,7.0,7.2,76,79\n31,7.3,7.3,77,79\n"


def grades(chart: Chart, *points: tuple[int, int]) -> list[int | None]:
    """What a chart gives (Rd, +b) in hundredths."""
    rd, plus_b = np.array(points, np.int16).T
    return [None if code == ABSENT else code for code in chart.grades_of(rd, plus_b).tolist()]


def test_a_cell_has_the_grade_of_its_rectangle_and_others_have_none() -> None:
    """Both ends belong to it."""
    chart = parse_chart(TEXT, "chart.csv")
    assert (chart.id, chart.standard, chart.grades) == ("test-chart", "GB1103.1-2023", (21, 31))
    assert grades(chart, (8000, 700), (8400, 720), (7900, 710), (7600, 700)) == [21, 21, 31, 31]
    assert grades(chart, (8500, 700), (7500, 700), (8000, 690), (8000, 730)) == [None] * 4
    assert grades(chart, (7700, 730), (7600, 730), (0, 0), (32767, 32767)) == [31, None, None, None]


def test_values_are_rounded_once_from_what_was_read() -> None:
    """79.5 is up in the upper grade, 79.49 is not; 7.25 goes up and out of the column."""
    chart = parse_chart(TEXT, "chart.csv")
    assert grades(chart, (7949, 700), (7950, 700), (8000, 724), (7900, 725)) == [31, 21, 21, 31]
    assert grades(chart, (7549, 700), (7550, 700), (8449, 694), (8449, 695)) == [None, 31, None, 21]


def test_rounding_is_the_charts_own() -> None:
    """Half to even sends 79.5 to 80 and 78.5 to 78."""
    even = TEXT.replace("rd_rounding: half-up", "rd_rounding: half-even").replace("76,79", "79,79")
    chart = parse_chart(even, "chart.csv")
    assert grades(chart, (7950, 700), (7850, 700), (7851, 700)) == [21, None, 31]


def test_an_absent_value_has_no_grade() -> None:
    chart = parse_chart(TEXT, "chart.csv")
    assert grades(chart, (ABSENT, 700), (8000, ABSENT), (ABSENT, ABSENT)) == [None] * 3
    assert chart.grades_of(*np.empty((2, 0), np.int16)).size == 0


@pytest.mark.parametrize("rounding", [ROUND_HALF_UP, ROUND_HALF_EVEN])
def test_every_reading_agrees_with_decimals(rounding: str) -> None:
    """Rd from 0 to 100 and +b from 0 to 20, each in hundredths, on a chart of odd cells."""
    name = "half-up" if rounding == ROUND_HALF_UP else "half-even"
    head = HEAD.replace("half-up", name).replace("plus_b_resolution: 0.1", "plus_b_resolution: 0.5")
    chart = parse_chart(head + "11,0,2.5,0,60\n12,3,20,50,99\n13,0,2.5,61,61\n", "chart.csv")

    def cell(hundredths: int, resolution: str) -> Decimal:
        step = Decimal(resolution)
        return (Decimal(hundredths).scaleb(-2) / step).quantize(Decimal(1), rounding) * step

    def grade(rd: Decimal, plus_b: Decimal) -> int:
        if plus_b <= Decimal("2.5"):
            return 11 if rd <= 60 else 13 if rd == 61 else ABSENT
        return 12 if 50 <= rd <= 99 and 3 <= plus_b <= 20 else ABSENT

    rds = [cell(n, "1") for n in range(10_001)]
    plus_bs = [cell(n, "0.5") for n in range(0, 2_001, 5)]
    rd = np.repeat(np.arange(10_001, dtype=np.int16), len(plus_bs))
    plus_b = np.tile(np.arange(0, 2_001, 5, dtype=np.int16), len(rds))
    by_cell = {(r, b): grade(r, b) for r in set(rds) for b in set(plus_bs)}
    expected = [by_cell[r, b] for r in rds for b in plus_bs]
    assert chart.grades_of(rd, plus_b).tolist() == expected


def test_a_large_chart_at_fine_resolution() -> None:
    head = HEAD.replace("rd_resolution: 1", "rd_resolution: 0.1")
    chart = parse_chart(head + "31,6.0,12.0,60.0,90.0\n", "chart.csv")
    assert grades(chart, (6000, 600), (5994, 600), (5995, 600), (9005, 1205)) == [
        31,
        None,
        31,
        None,
    ]


def test_the_laboratory_has_the_word_and_the_chart_the_rest() -> None:
    """A grade that the laboratory did not report, or that the standard lacks, is the chart's."""
    frame = bale_frame(
        colour_grade=[31, None, 61, None, 41], rd=[8000, 8000, 8000, None, 9000], plus_b=[700] * 5
    )
    standard = load_standards()["GB1103.1-2023"]
    graded = grade_bales(frame, standard, parse_chart(TEXT, "chart.csv"))
    assert graded["colour_grade"].to_list() == ["31", "21", "21", None, "41"]
    assert graded["chart_colour_grade"].to_list() == ["21", "21", "21", None, None]
    assert graded["colour_from_chart"].to_list() == [False, True, True, False, False]
    codes = with_chart(frame, parse_chart(TEXT, "chart.csv"))[CHART_COLOUR]
    none = with_chart(frame, None)[CHART_COLOUR]
    assert codes.dtype == none.dtype == pl.Int8
    assert codes.to_list() == [21, 21, 21, None, None]
    assert none.to_list() == [None] * 5


def replaced(right: str, wrong: str) -> str:
    """The text of the chart with one thing wrong."""
    assert right in TEXT
    return TEXT.replace(right, wrong, 1)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "The key id is missing"),
        (replaced("# title: A chart of nothing real\n", ""), 9, "The key title is missing"),
        (replaced("# title", "# tittle"), 3, "no `# key: value`"),
        (replaced("# title: A", "# A"), 3, "no `# key: value`"),
        (replaced("# title", "# id: x\n# title"), 3, "The key id occurs twice"),
        (replaced("A chart of nothing real", ""), 3, "title has 0 characters"),
        (replaced("A chart of nothing real", "x" * 501), 3, "title has 501 characters"),
        (replaced("test-chart", "a b"), 1, 'id is "a b"'),
        (replaced("test-chart", "a/b"), 1, 'id is "a/b"'),
        (replaced("GB1103.1-2023", ""), 2, 'standard is ""'),
        (replaced("confidence: L", "confidence: X"), 5, 'confidence is "X"'),
        (replaced("rd_resolution: 1", "rd_resolution: 0"), 6, 'rd_resolution is "0"'),
        (replaced("rd_resolution: 1", "rd_resolution: one"), 6, 'rd_resolution is "one"'),
        (replaced("rd_rounding: half-up", "rd_rounding: up"), 7, 'rd_rounding is "up"'),
        (replaced("grade,plus_b_from", "grade,b_from"), 10, "The heading of the rows is not there"),
        (HEAD.rsplit("\n", 2)[0] + "\n", 10, "The heading of the rows is not there"),
        (HEAD, 10, "There are no rows"),
        (replaced("21,7.0,7.2,80,84", "21,7.0,7.2,80"), 11, "The row has 4 values"),
        (replaced("21,7.0", "2x,7.0"), 11, '"2x" is no colour grade'),
        (replaced("21,7.0", "20,7.0"), 11, '"20" is no colour grade'),
        (replaced("21,7.0,7.2,80,84", "21,7.0,7.2,80,-1"), 11, '"-1" of rd_to is no value'),
        (replaced("21,7.0,7.2,80,84", "21,7.0,7.2,80,nan"), 11, '"nan" of rd_to is no value'),
        (replaced("21,7.0,7.2,80,84", "21,7.0,7.2,80,8٤"), 11, '"8٤" of rd_to is no value'),
        (replaced("21,7.0,7.2,80,84", "21,7.0,7.2,80,151"), 11, '"151" of rd_to is no value'),
        (replaced("21,7.0,7.2,80,84", "21,7.0,7.25,80,84"), 11, "7.25 of plus_b_to is no"),
        (replaced("21,7.0,7.2,80,84", "21,7.0,7.2,80.5,84"), 11, "80.5 of rd_from is no"),
        (replaced("21,7.0,7.2,80,84", "21,7.2,7.0,80,84"), 11, "plus_b_to lies below plus_b_from"),
        (replaced("21,7.0,7.2,80,84", "21,7.0,7.2,84,80"), 11, "rd_to lies below rd_from"),
        (replaced("31,7.3,7.3,77,79", "31,7.2,7.3,79,80"), 13,
         "It gives cells to 31 that line 11 gives to 21"),
        (TEXT + "31,7.0,7.0,76,76\n" * 20_000, 20_011, "more than 20000 rows"),
        (TEXT + "31,0,150,0,79\n" * 10, 10, "cells; at most"),
        (TEXT + "# " + "x" * (1 << 20), 1, "bytes; at most"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_its_line(text: str, line: int, problem: str) -> None:
    """The error says what to do as well."""
    with pytest.raises(ChartFileError) as error:
        parse_chart(text, "chart.csv")
    assert problem in error.value.problem
    assert (error.value.file, error.value.line) == ("chart.csv", line)
    assert error.value.remedy.endswith(".")
    assert str(error.value).startswith(f"chart.csv: line {line}: ")


def test_marks_of_other_programs_do_no_harm() -> None:
    """A byte order mark, line ends of another system, blanks and empty lines."""
    dressed = "\ufeff" + TEXT.replace("\n", "\r\n").replace("31,7.3", "\r\n31 , 7.3") + "\r\n"
    assert parse_chart(dressed, "a").rectangles[0] == parse_chart(TEXT, "b").rectangles[0]


@pytest.mark.parametrize("mark", ["\v", "\f", "\x1c", "\x85", "\u2028", "\r"])
def test_what_a_version_of_python_takes_for_the_end_of_a_line_or_a_blank_is_neither(
    mark: str,
) -> None:
    """In a row, around a key and in a text: a file is read the same for ever."""
    for wrong, line in (
        (replaced("21,7.0,7.2,80,84\n", f"21,7.0,7.2,80,84{mark}31,7.0,7.2,76,79\n"), 11),
        (replaced("31,7.3", f"{mark}31,7.3"), 13),
        (replaced("# title", f"#{mark}title"), 3),
        (replaced("made up for", f"made up{mark}for"), 4),
    ):
        with pytest.raises(ChartFileError) as error:
            parse_chart(wrong, "chart.csv")
        assert error.value.line == line


def test_a_check_lists_gaps_overlaps_and_grades() -> None:
    """At +b 7.4 two cells between 31 and 21 are open, and at Rd 82 the one of +b 7.3."""
    text = TEXT + "31,7.4,7.4,77,79\n21,7.4,7.4,82,82\n31,7.1,7.2,79,79\n"
    report = check_chart(parse_chart(text, "chart.csv"), load_standards()["GB1103.1-2023"])
    assert report.gaps == (
        Gap("rd", 740, 8000, 8100),
        Gap("plus_b", 8200, 730, 730),
    )
    assert report.gap_cells == 3
    assert report.overlaps == (Overlap(31, 16, 12),)
    assert report.unreachable == (11, 41, 51, 12, 22, 32, 13, 23, 33, 14, 24)
    assert (report.unlisted, report.problems, report.usable) == ((), (), True)
    assert report.cells == 15 + 12 + 3 + 3 + 1


def test_a_check_says_why_a_chart_cannot_grade() -> None:
    standards = load_standards()
    foreign = parse_chart(TEXT + "61,8.0,8.0,70,70\n", "chart.csv")
    report = check_chart(foreign, standards["GB1103.1-2023"])
    assert (report.usable, report.unlisted) == (False, (61,))
    assert "GB1103.1-2023 does not have 61" in report.problems[0]
    assert "is of GB1103.1-2023, not of USDA" in check_chart(foreign, standards["USDA"]).problems[0]
    roller = parse_chart(TEXT.replace("GB1103.1-2023", "GB1103.2-2012"), "chart.csv")
    report = check_chart(roller, standards["GB1103.2-2012"])
    assert "no colour grades that are known" in report.problems[0]
    assert not report.usable


def test_a_report_is_bounded() -> None:
    """Thousands of gaps are counted and a thousand are listed."""
    places = [(b / 10, rd) for b in range(20, 120) for rd in range(0, 80, 2)]
    rows = "".join(f"31,{b},{b},{rd},{rd}\n" for b, rd in places)
    report = check_chart(parse_chart(HEAD + rows, "chart.csv"), load_standards()["GB1103.1-2023"])
    assert len(report.gaps) == LISTED_MAX
    assert report.gap_cells == 100 * 39


def borders() -> Iterator[tuple[int, int, Decimal, Decimal]]:
    """Upper grade, lower grade, +b and the lowest Rd of the upper one, by the facts sheet."""
    text = (ROOT / "docs" / "facts" / "standards.md").read_text("utf-8")
    for upper, lower, listed in re.findall(
        r"^\| (\d\d) / (\d\d) \| (6\.\d → .*) \|$", text, re.MULTILINE
    ):
        for part in listed.split("; "):
            where, threshold = part.split(" → ")
            for piece in re.split(r", | and ", where):
                first, _, last = piece.partition("-")
                plus_b = Decimal(first)
                while plus_b <= Decimal(last or first):
                    yield int(upper), int(lower), plus_b, Decimal(threshold)
                    plus_b += Decimal("0.1")


def test_the_chart_of_usda_is_what_its_borders_make() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_usda_chart.py", "--check"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_the_chart_of_usda_has_the_borders_of_the_facts_sheet() -> None:
    """From the lowest Rd in the upper grade down to a tenth below it."""
    chart = packaged_charts(0)[USDA]
    listed = list(borders())
    assert len(listed) == 24 + 21
    for upper, lower, plus_b, threshold in listed:
        at, b = int(threshold * 100), int(plus_b * 100)
        assert grades(chart, (at, b), (at - 10, b)) == [upper, lower], (upper, lower, plus_b)


def test_the_chart_of_usda_gives_every_row_that_the_borders_were_seen_in() -> None:
    """And the open borders stay open: no cell between the brackets is graded."""
    chart = load_charts()[USDA]
    file = ROOT / "docs" / "facts" / "usda_upland_colour_borders.csv"
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines))
    assert len(rows) == 65
    for row in rows:
        b = int(Decimal(row["b"]) * 100)
        low, high = (int(Decimal(row[f"{n}"]) * 100) for n in
                     ("highest_Rd_of_lower", "lowest_Rd_of_upper"))  # fmt: skip
        assert grades(chart, (low, b), (high, b)) == [int(row["lower"]), int(row["upper"])]
        thresholds = [
            int(Decimal(each) * 100) for each in row["half_integer_thresholds"].split("/")
        ]
        between = [(rd, b) for rd in range(thresholds[0], thresholds[-1], 10)]
        if between:
            assert grades(chart, *between) == [None] * len(between)


def test_the_facts_sheet_and_the_file_of_borders_agree() -> None:
    """Every bracket of the sheet's table."""
    sheet = (ROOT / "docs" / "facts" / "standards.md").read_text("utf-8")
    table = re.findall(r"^\| (\d\.\d) \| (.*) \| (.*) \| (.*) \|$", sheet, re.MULTILINE)
    pairs = (("21", "31"), ("31", "41"), ("41", "51"))
    stated = {
        (*pair, b): tuple(cell.split(" / "))
        for b, *cells in table
        for pair, cell in zip(pairs, cells, strict=True)
        if cell != "-"
    }
    file = ROOT / "docs" / "facts" / "usda_upland_colour_borders.csv"
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    seen = {
        (row["upper"], row["lower"], row["b"]): (
            row["highest_Rd_of_lower"],
            row["lowest_Rd_of_upper"],
        )
        for row in csv.DictReader(lines)
    }
    assert stated == seen


def test_no_chart_of_a_chinese_standard_is_shipped() -> None:
    """Its coordinates were never published."""
    assert set(load_charts()) == {USDA}
    assert check_chart(load_charts()[USDA], load_standards()[USDA]).usable


def test_limits_hold_what_a_real_chart_needs() -> None:
    """Rd 40 to 90 and +b 4 to 18 in tenths are 70 000 cells."""
    assert chart_file.CELLS_MAX > 501 * 141
