"""`cotton charts`: files checked and shown on this machine, without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from cotton_client.cli import main
from cotton_client.cli.exits import Exit
from cotton_client.render import chart as chart_page

if TYPE_CHECKING:
    from click.testing import Result

ROOT = Path(__file__).resolve().parents[2]
USDA = ROOT / "server" / "cotton_server" / "grading" / "charts" / "usda-upland.csv"
TEXT = """\
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
21,7.0,7.1,82,84
31,7.0,7.1,79,80
31,7.1,7.1,80,80
12,9.0,9.0,80,80
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A small chart with a gap and an overlap."""
    path = tmp_path / "chart.csv"
    path.write_text(TEXT, encoding="utf-8")
    return path


def cotton(*arguments: str | Path) -> Result:
    """Runs `cotton charts …`."""
    return CliRunner().invoke(main, ["charts", *map(str, arguments)])


def test_a_check_lists_what_is_open_twice_and_never_given(chart: Path) -> None:
    done = cotton("check", chart)
    assert done.exit_code == Exit.OK
    for text in (
        "test-chart: A chart of nothing real",
        "made up for a test",
        "11 cells with a grade",
        "+b 7: Rd 81",
        "Rd 80: +b 7.2 to 8.9",
        "31: lines 12 and 13",
        "11 41 51 22 32 13 23 33 14 24",
        "It can be loaded",
    ):
        assert text in done.output


def test_a_check_for_programs(chart: Path) -> None:
    data = json.loads(cotton("check", chart, "--json").stdout)
    assert data["usable"]
    assert (data["id"], data["standard"], data["problems"]) == ("test-chart", "GB1103.1-2023", [])
    assert data["provenance"] == {"source": "made up for a test", "confidence": "L"}
    assert data["gaps"] == [
        {"axis": "rd", "at": "7", "from": "81", "to": "81"},
        {"axis": "rd", "at": "7.1", "from": "81", "to": "81"},
        {"axis": "plus_b", "at": "80", "from": "7.2", "to": "8.9"},
    ]
    assert (data["cells"], data["gap_cells"]) == (11, 20)
    assert data["overlaps"] == [{"grade": "31", "line": 13, "other_line": 12}]
    assert data["unreachable"][:2] == ["11", "41"]
    assert data["unlisted"] == []


def test_a_chart_that_cannot_grade_is_no_chart_to_load(chart: Path) -> None:
    """61 is no grade of GB 1103.1; exit code 3, with all that was found."""
    chart.write_text(TEXT.replace("12,9.0", "61,9.0"), encoding="utf-8")
    done = cotton("check", chart)
    assert done.exit_code == Exit.BAD_INPUT
    assert "It cannot be used" in done.output
    assert "GB1103.1-2023 does not have 61" in done.output
    data = json.loads(cotton("check", chart, "--json").stdout)
    assert (data["usable"], data["unlisted"]) == (False, ["61"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.replace("21,7.0", "2x,7.0"), "line 11"),
        (TEXT.replace("79,80", "79,82"), "It gives cells to 31 that line 11 gives to 21"),
        (TEXT.replace("GB1103.1-2023", "GB1103.1-2031"), "there is no standard GB1103.1-2031"),
        ("", "is empty"),
        ("hello", "The key id is missing"),
    ],
)
def test_a_file_that_is_no_chart_is_refused(chart: Path, text: str, message: str) -> None:
    chart.write_text(text, encoding="utf-8")
    done = cotton("check", chart)
    assert done.exit_code == Exit.BAD_INPUT
    assert message in done.stderr
    error = json.loads(cotton("check", chart, "--json").stderr)["error"]
    assert error["reason"] == "INVALID_FILE"
    assert error["metadata"]["file"] == str(chart)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = cotton("show", tmp_path / "none.csv")
    assert (done.exit_code, "is not there" in done.stderr) == (Exit.BAD_INPUT, True)


def test_the_chart_of_the_package_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line a unit of Rd, a column a tenth of +b."""
    lines = cotton("show", USDA).output.splitlines()
    (head,) = [line.split() for line in lines if line.startswith("    +b")]
    (row,) = [line.split() for line in lines if line.startswith("    81 ")]
    by_plus_b = dict(zip(head[1:], row[1:], strict=True))
    assert (by_plus_b["7.5"], by_plus_b["7.6"], by_plus_b["8.1"]) == ("31", "21", "·")
    assert any("186" not in line and "31" in line for line in lines)
    monkeypatch.setattr(chart_page, "CELLS_DRAWN_MAX", 10)
    assert "too many for a grid" in cotton("show", USDA).output


def test_a_chart_for_programs(chart: Path) -> None:
    data = json.loads(cotton("show", chart, "--json").stdout)
    assert data["rectangles"][0] == {
        "grade": "21",
        "plus_b_from": "7",
        "plus_b_to": "7.1",
        "rd_from": "82",
        "rd_to": "84",
    }
    assert len(data["rectangles"]) == 4


def test_a_page_is_never_wider_than_it_may_be(chart: Path) -> None:
    """A chart with many columns comes in blocks."""
    rows = "".join(f"31,{b / 10},{b / 10},80,80\n" for b in range(20, 160))
    chart.write_text(TEXT.rsplit("\n", 5)[0] + "\n" + rows, encoding="utf-8")
    lines = cotton("show", chart).output.splitlines()
    assert max(map(len, lines)) <= 240
    assert len([line for line in lines if line.startswith("    +b")]) > 1
