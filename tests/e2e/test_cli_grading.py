"""`cotton standards` and `cotton grade` against a real server: pages, JSON, files, exit codes."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from cotton_client import SyncCottonClient, errors, grading, readers, samples
from cotton_client.cli import main
from cotton_client.cli.exits import Exit
from cotton_server.grading import GRADING_VERSION
from cotton_server.grading.standards import load_standards

from tests.support.server import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

NEW, USDA = "GB1103.1-2023", "USDA"
BALE = "32651401611141221550000121114104"
READINGS = f"""\
bale_code,lot_no,length,strength,micronaire,colour_grade
{BALE},65140161077,29.0,29.0,4.3,31
32651401611141221550000121114105,65140161077,99.0,29.0,4.3,31
32651401611141221550000121114106,65140161077,25.0,29.0,4.3,31
"""

CHART = """\
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
31,7.0,8.0,75,82
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server without a bale."""
    with Servers(tmp_path_factory.mktemp("server")) as servers:
        yield servers.start().address


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    """Three bales without a standard, of which the second is out of range."""
    path = tmp_path / "readings.csv"
    path.write_text(READINGS, encoding="utf-8")
    return path


def cotton(address: str, *arguments: str | Path) -> Result:
    """Runs a command against the server."""
    return CliRunner().invoke(main, ["--server", address, *map(str, arguments)])


def test_standards_are_listed(address: str) -> None:
    """Without a command, and with what is not known of each."""
    page = cotton(address, "standards").output
    assert all(standard in page for standard in load_standards())
    assert "GB1103.1-2023 not known 未知: measures.short_fibre" in page
    assert "GB1103.1-2023 unverified 未核实: weight.standard_trash" in page
    assert "皮辊加工细绒棉" in page
    assert "day not known" in page
    data = json.loads(cotton(address, "standards", "--json").stdout)
    assert data == json.loads(cotton(address, "standards", "list", "--json").stdout)
    assert [each["id"] for each in data["standards"]] == list(load_standards())
    assert data["grading_version"] == GRADING_VERSION
    assert data["standards"][0]["in_force_to"] == "2024-08-31"
    assert data["standards"][-1]["in_force_from"] is None


def test_a_standard_is_shown_with_sources_and_what_is_not_known(address: str) -> None:
    page = cotton(address, "standards", "show", NEW).output
    for text in (
        "NOT KNOWN 未知: measures.short_fibre",
        "UNVERIFIED 未核实: weight.standard_trash",
        "28 (standard 标准级)",
        "淡点污棉二级",
        "from 80.0 % of the bales",
        "轧工质量",
        "Standard trash 标准含杂率 Z0: 2.5 %",
        "L UNVERIFIED 未核实: Carried over from GB 1103.1-2012",
        "双29B2: length >= 29.0 mm and strength >= 29.0 cN/tex and micronaire B2",
        "GB/T 8170",
    ):
        assert text in page, text
    page = cotton(address, "standards", "show", "GB/T19635-2024").output
    assert "Standard trash 标准含杂率 Z0: NOT KNOWN 未知" in page
    assert "colour grade 颜色级" in page
    page = cotton(address, "standards", "show", USDA).output
    assert "usda-upland" in page


@pytest.mark.parametrize("standard", load_standards())
def test_a_standard_for_programs(address: str, standard: str) -> None:
    """Decimals are strings in real units, and what is not known is null."""
    data = json.loads(cotton(address, "standards", "show", standard, "--json").stdout)
    loaded = load_standards()[standard]
    assert (data["id"], data["unknown"]) == (standard, list(loaded.unknown))
    lengths = {each["name"]: each for each in data["measures"][0]["tiers"]}
    if standard == NEW:
        assert lengths["26"] == {"name": "26", "lower": "26", "upper": "26.9", "grade": None}
        assert (lengths["25"]["lower"], lengths["32"]["upper"]) == (None, None)
        assert data["constants"][0]["value"] == "2.5"
        assert data["items"][0]["main_share"] == "80"
        assert data["chart"] is None
    if standard == USDA:
        assert lengths["37"] == {"name": "37", "lower": "1.14", "upper": "1.17", "grade": None}
        assert data["constants"][0] == {"name": "standard_trash", "value": None, "provenance": None}
        assert data["chart_provenance"]["confidence"] == "H"


def test_a_standard_that_is_not_there_exits_as_not_found(address: str) -> None:
    done = cotton(address, "standards", "show", "GB1103.1-2031", "--json")
    assert done.exit_code == Exit.NOT_FOUND
    error = json.loads(done.stderr)["error"]
    assert (error["reason"], "cotton standards" in error["remedy"]) == ("UNKNOWN_STANDARD", True)


def test_a_file_is_graded_and_what_would_be_rejected_is_told(address: str, readings: Path) -> None:
    """Exit code 6: two of three are graded."""
    done = cotton(address, "grade", readings, "--standard", NEW)
    assert done.exit_code == Exit.INCOMPLETE
    for text in (
        "3 readings: 2 graded 已定级, 0 ungraded 未定级, 1 would be rejected 将被拒收",
        BALE,
        "B2 B",
        "quality_xpcc_2023",
        "record 2, 32651401611141221550000121114105: length 99.00 is above 45.00",
        "Unverified 未核实: GB1103.1-2023: weight.standard_trash",
        "Nothing was stored",
    ):
        assert text in done.output, text


def test_grades_for_programs(address: str, readings: Path) -> None:
    done = cotton(address, "grade", readings, "--cotton-type", "saw-ginned-upland", "--json")
    data = json.loads(done.stdout)
    assert done.exit_code == Exit.INCOMPLETE
    assert (data["received"], data["graded"], data["ungraded"], data["rejected"]) == (3, 2, 0, 1)
    assert (data["revision"], data["grading_version"], data["csv"]) == (0, GRADING_VERSION, None)
    (file,) = data["files"]
    first, second, _ = file["bales"]
    assert (first["record"], first["bale"], first["lot_no"]) == (1, BALE, "65140161077")
    assert first["grade"]["standard"] == "GB1103.1-2012"
    assert first["grade"]["definitions"][:2] == ["double_28", "double_29"]
    assert first["grade"]["uniformity_tier"] is None
    assert (second["grade"], second["rejected"][:6]) == (None, "length")


def test_grades_as_csv(address: str, readings: Path, tmp_path: Path) -> None:
    """A row a bale; a file that is there is left alone without --force."""
    target = tmp_path / "grades.csv"
    arguments = ("grade", readings, "--standard", NEW, "--csv", target)
    assert cotton(address, *arguments).exit_code == Exit.INCOMPLETE
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["record"] for row in rows] == ["1", "2", "3"]
    assert (rows[0]["bale"], rows[0]["micronaire_tier"]) == (BALE, "B2")
    assert rows[0]["definitions"].split()[0] == "double_28"
    assert (rows[1]["standard"], rows[1]["rejected"][:6]) == ("", "length")
    again = cotton(address, *arguments)
    assert (again.exit_code, "is there already" in again.stderr) == (Exit.USAGE, True)
    assert cotton(address, *arguments, "--force").exit_code == Exit.INCOMPLETE
    data = json.loads(cotton(address, *arguments, "--force", "--json").stdout)
    assert (data["csv"], data["files"][0]["bales"]) == (str(target), [])


def test_readings_of_no_standard_are_ungraded_and_it_is_said_what_to_do(
    address: str, readings: Path
) -> None:
    done = cotton(address, "grade", readings)
    assert "0 graded 已定级, 2 ungraded 未定级" in done.output
    assert "give --standard, or --cotton-type" in done.output


def test_files_of_every_format_are_graded(address: str) -> None:
    """USDA records are imported upland; the staple of the record is what the length gives."""
    uster = samples.uster_report()
    done = cotton(address, "grade", samples.usda_lines(), samples.real_lot().readings, "--json")
    data = json.loads(done.stdout)
    assert done.exit_code == Exit.OK
    usda, real = data["files"]
    assert [bale["grade"]["length_level"] for bale in usda["bales"]] == ["37", "37", "37"]
    assert {bale["grade"]["standard"] for bale in usda["bales"]} == {USDA}
    assert {bale["grade"]["colour_grade"] for bale in usda["bales"]} == {"21"}
    assert (real["received"], real["graded"]) == (186, 186)
    tiers = [bale["grade"]["micronaire_tier"] for bale in real["bales"]]
    assert {tier: tiers.count(tier) for tier in tiers} == {"A": 7, "B2": 177, "C2": 2}
    options = ("--bale-codes", uster.bale_codes, "--lot", uster.lot_no, "--standard", NEW)
    done = cotton(address, "grade", uster.report, *options, "--json")
    assert json.loads(done.stdout)["received"] == 10


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--standard", "GB1103.1-2031"], Exit.NOT_FOUND),
        (["--standard", NEW, "--cotton-type", "imported-upland"], Exit.USAGE),
        (["--cotton-type", "wool"], Exit.USAGE),
        (["--season", "24"], Exit.USAGE),
        (["--revision", "99"], Exit.REFUSED),
        (["--csv", "/nowhere/at/all.csv"], Exit.USAGE),
    ],
)
def test_what_cannot_be_graded_exits_with_its_code(
    address: str, readings: Path, arguments: list[str], code: Exit
) -> None:
    assert cotton(address, "grade", readings, *arguments).exit_code == code


def test_a_file_that_cannot_be_read_is_refused(address: str, tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    path.write_text("bale_code,lot_no,length\nx,65140161077,28\n", encoding="utf-8")
    done = cotton(address, "grade", path, "--standard", NEW)
    assert (done.exit_code, "line 2" in done.stderr) == (Exit.BAD_INPUT, True)


def test_the_client_grades_without_the_command(address: str) -> None:
    """Frames in, frames out; what the server does not know is a typed error."""
    (frame,) = readers.read_readings(samples.real_bale().readings)
    with SyncCottonClient(address) as client:
        answer = client.grade_readings(frame, standard="GB1103.1-2012")
        bales = grading.grades_frame(frame, answer)
        assert bales.schema == grading.GRADES_SCHEMA
        row = bales.row(0, named=True)
        assert (row["bale"], row["length_level"], row["strength_tier"]) == (BALE, "28", "S3")
        assert client.standard(USDA).summary.units == "usda"
        assert len(client.standards().standards) == len(load_standards())
        with pytest.raises(errors.UnknownStandard):
            client.standard("GB")
        with pytest.raises(errors.ContractViolation):
            grading.grades_frame(frame.head(0), answer)


def test_a_chart_that_was_loaded_grades_from_its_revision_on(
    tmp_path: Path, readings: Path
) -> None:
    """A bale without a grade of the laboratory has the chart's; at an older revision none."""
    chart = tmp_path / "chart.csv"
    chart.write_text(CHART, encoding="utf-8")
    lines = READINGS.replace("colour_grade", "rd,plus_b").replace(",31\n", ",80.4,7.5\n")
    readings.write_text(lines, encoding="utf-8")
    with Servers(tmp_path / "server") as servers:
        address = servers.start().address
        assert cotton(address, "send", readings, "--no-spool").exit_code == Exit.INCOMPLETE
        assert cotton(address, "reference", "load", chart).exit_code == Exit.OK
        arguments = ("grade", readings, "--standard", NEW, "--json")
        now = json.loads(cotton(address, *arguments).stdout)
        then = json.loads(cotton(address, *arguments, "--revision", "1").stdout)
        told = json.loads(cotton(address, "standards", "show", NEW, "--json").stdout)
    assert (now["revision"], then["revision"]) == (2, 1)
    graded = [each["files"][0]["bales"][0]["grade"] for each in (now, then)]
    assert [each["colour_grade"] for each in graded] == ["31", None]
    assert [each["colour_from_chart"] for each in graded] == [True, False]
    assert told["chart"] == "test-chart"
