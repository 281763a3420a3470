"""`cotton summary`, `certificates` and `bales` against a service with fixed answers."""

from __future__ import annotations

import csv
import io
import json
from concurrent import futures
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import openpyxl
import polars as pl
import pytest
from click.testing import CliRunner
from cotton.inspection.v1 import summary_pb2, summary_pb2_grpc
from cotton_client.cli import filters, main
from cotton_client.cli import summary as summary_command
from cotton_client.cli.exits import Exit
from cotton_client.render.natural_order import natural_key
from cotton_client.render.summary_blocks import SECTIONS

from tests.support.grades_service import (
    BALES_LISTED,
    DIVISIONS,
    LOT_NOS,
    REVISION,
    GradesService,
    summary_answer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

CLI_PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


@pytest.fixture
def service() -> GradesService:
    """The service that the commands talk to."""
    pages = [summary_answer("第一师"), summary_answer("第二师", "第八师")]
    pages[0].next_page_token = str(1)
    return GradesService(pages=pages)  # type: ignore[abstract]  # as in the other tests of commands


@pytest.fixture(autouse=True)
def target(service: GradesService, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the service, told to the commands as an operator does."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    summary_pb2_grpc.add_SummaryServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("COTTON_SERVER", f"127.0.0.1:{port}")
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def cotton(*arguments: str | Path, code: Exit = Exit.OK) -> Result:
    """Runs the command line, which ends with the code."""
    result = CliRunner().invoke(main, [str(each) for each in arguments], prog_name="cotton")
    assert result.exit_code == code, result.stdout + result.stderr
    return result


def names_in(data: Any) -> Iterator[str]:
    """Every field name of some JSON."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield name
            yield from names_in(value)
    elif isinstance(data, list):
        for value in data:
            yield from names_in(value)


def test_every_option_of_a_summary_goes_to_the_service(service: GradesService) -> None:
    """As the contract writes it, however the user does."""
    cotton(
        *("summary", "--by", "division,week,state", "--where", "season=2024/25,state=final"),
        *("--where", "state=Read-And-Weighed,week=2024-w40"),
        *("--from", "2024-10-01", "--through", "2024-12-01", "--last-season"),
        *("--withhold-below", "500", "--share-decimals", "1", "--revision", "812"),
        *("--basis", "first-inspection"),
    )
    request = service.requests[0]
    assert list(request.keys) == [
        summary_pb2.SUMMARY_KEY_DIVISION,
        summary_pb2.SUMMARY_KEY_WEEK,
        summary_pb2.SUMMARY_KEY_STATE,
    ]
    assert {each.key: list(each.values) for each in request.filters} == {
        summary_pb2.SUMMARY_KEY_SEASON: ["2024"],
        summary_pb2.SUMMARY_KEY_STATE: ["FINAL", "READ_AND_WEIGHED"],
        summary_pb2.SUMMARY_KEY_WEEK: ["2024-W40"],
    }
    assert (request.inspected_from, request.inspected_through) == ("2024-10-01", "2024-12-01")
    assert (request.with_last_season, request.withhold_below) == (True, 500)
    assert (request.share_decimals, request.revision) == (1, 812)
    assert request.basis == summary_pb2.BASIS_FIRST_INSPECTION
    service.requests.clear()
    cotton("summary", "--as-of", "2024-12-01T12:00")
    assert service.requests[0].as_of_us == 1_733_025_600_000_000


def test_all_pages_of_a_summary_are_there() -> None:
    """On the page, and as JSON with what stands beside the figures."""
    text = cotton("summary", "--by", "division").stdout
    assert all(division in text for division in ("第一师", "第二师", "第八师"))
    data = json.loads(cotton("summary", "--by", "division", "--json").stdout)
    assert [row["keys"]["division"] for row in data["rows"]] == ["第一师", "第二师", "第八师"]
    assert data["header"]["charts"] == ["xinjiang@700"]


def test_parts_below_the_table_are_chosen() -> None:
    """Only those that were named, or none."""
    for word in SECTIONS:
        assert word in (summary_command.command.help or "")
    everything = cotton("summary").stdout
    weights = cotton("summary", "--show", "weights").stdout
    none = cotton("summary", "--show", "none").stdout
    assert "Preparation 轧工质量" in everything
    assert "Preparation 轧工质量" not in weights
    assert "Conditioned a bale" in weights
    assert "Conditioned a bale" not in none
    assert "Weight t" in none
    chinese = cotton("summary", "--labels", "zh").stdout
    assert "轧工质量" in chinese
    assert "Preparation" not in chinese


@pytest.mark.parametrize(
    "arguments",
    [
        ["summary", "--show", "colours"],
        ["summary", "--from", "2024-13-01"],
        ["summary", "--from", "yesterday"],
        ["summary", "--columns", "bales"],
        ["summary", "--labels", "fr"],
        ["summary", "--revision", "1", "--as-of", "2024-10-01"],
        ["bales", "--cause", "ugly"],
    ],
)
def test_wrong_usage_exits_2(service: GradesService, arguments: list[str]) -> None:
    """And nothing is asked."""
    assert "Error: " in cotton(*arguments, code=Exit.USAGE).stderr
    assert not service.requests


def test_a_summary_is_written_to_several_files_at_once(
    service: GradesService, tmp_path: Path
) -> None:
    """All are of one answer, which is told; nothing else is shown."""
    files = [tmp_path / name for name in ("a.csv", "a.parquet", "a.xlsx")]
    result = cotton(
        *("summary", "--by", "division,state", "--withhold-below", "500"),
        *("--csv", files[0], "--parquet", files[1], "--excel", files[2]),
    )
    assert result.stdout.splitlines() == [f"{path}: 6 rows of revision 812" for path in files]
    (request,) = service.requests
    assert request.query.withhold_below == 500
    as_csv = pl.read_csv(files[0], infer_schema=False)
    as_parquet = pl.read_parquet(files[1])
    assert as_csv.columns == as_parquet.columns
    assert as_csv["division"].to_list() == list(DIVISIONS)
    assert as_csv["withheld"].to_list() == ["false", "true", *["false"] * 4]
    assert [each and Decimal(each) for each in as_csv["conditioned"]] == as_parquet[
        "conditioned"
    ].to_list()
    sheet = openpyxl.load_workbook(files[2]).worksheets[0]
    divisions = [cell.value for cell in sheet["A"]][2:-1]
    assert divisions == sorted(DIVISIONS, key=natural_key)


def test_columns_of_files_are_chosen(service: GradesService, tmp_path: Path) -> None:
    """By name or by its first part, as the service takes them."""
    cotton("summary", "--csv", tmp_path / "a.csv", "--columns", "bales,length", "--columns", "gins")
    assert list(service.requests[0].columns) == ["bales", "length", "gins"]


def test_files_are_told_as_json(tmp_path: Path) -> None:
    """With the header, which says what the figures rest on."""
    path = tmp_path / "a.csv"
    data = json.loads(cotton("summary", "--csv", path, "--json").stdout)
    assert data["revision"] == REVISION
    assert data["header"]["rows_withheld"] == 1
    assert data["files"] == [{"file": str(path), "format": "csv", "rows": 6}]


def test_a_file_that_is_there_is_not_replaced_unasked(
    service: GradesService, tmp_path: Path
) -> None:
    """It is said before anything is asked; --force replaces it."""
    path = tmp_path / "a.xlsx"
    path.write_text("old", "utf-8")
    for command in (["summary"], ["certificates"]):
        result = cotton(*command, "--excel", path, "--json", code=Exit.USAGE)
        assert json.loads(result.stderr)["error"]["reason"] == "FILE_EXISTS"
    assert not service.requests
    cotton("summary", "--excel", path, "--force")
    assert openpyxl.load_workbook(path).worksheets


def test_certificates_are_listed() -> None:
    """A line a lot on the page, every column as JSON, decimals as texts."""
    text = cotton("certificates", "--where", "season=2024").stdout
    assert "28.69" in text
    assert "42 579" in text
    assert "5 lots · " in text
    data = json.loads(cotton("certificates", "--json").stdout)
    assert data["revision"] == REVISION
    assert [each["lot_no"] for each in data["certificates"]] == list(LOT_NOS)
    first, second, *_ = data["certificates"]
    assert (first["conditioned"], first["bales"], first["state"]) == ("42579", 186, "final")
    assert second["length.mean_to_hundredths"] is None


def test_the_page_of_certificates_asks_for_what_it_shows(
    service: GradesService, tmp_path: Path
) -> None:
    """Files and JSON ask for everything."""
    cotton("certificates", "--share-decimals", "2")
    cotton("certificates", "--json")
    cotton("certificates", "--csv", tmp_path / "a.csv")
    page, as_json, file = service.requests
    assert "length.mean_to_hundredths" in page.columns
    assert page.share_decimals == 2
    assert not (as_json.columns)
    assert not (file.columns)
    assert pl.read_csv(tmp_path / "a.csv", infer_schema=False)["lot_no"].to_list() == list(LOT_NOS)


def test_bales_are_listed(service: GradesService) -> None:
    """A line a bale with its causes, and how many of each."""
    text = cotton("bales").stdout
    assert "laboratory 检验 31, chart 颜色图 21" in text
    assert text.splitlines()[-1] == (
        "5 bales (chart differs 2 · unregistered 3 · without standard 3) · revision 版本 812"
    )
    cotton("bales", "--cause", "chart-differs", "--where", "gin=65140", "--limit", "3")
    everything, some = service.requests
    assert set(everything.causes) == set(summary_pb2.BaleCause.values()) - {0}
    assert list(some.causes) == [summary_pb2.BALE_CAUSE_CHART_DIFFERS]
    assert (some.limit, list(some.filters[0].values)) == (3, ["65140"])


def test_bales_are_lines_of_json() -> None:
    """An object a bale; the last says that it was the last."""
    lines = [json.loads(line) for line in cotton("bales", "--json").stdout.splitlines()]
    assert [line["event"] for line in lines] == ["bale"] * 5 + ["end"]
    assert lines[-1] == {"event": "end", "revision": REVISION, "bales": 5}
    assert lines[1]["causes"] == ["chart_differs"]
    assert (lines[1]["colour_grade"], lines[1]["chart_colour_grade"]) == (31, 21)
    assert lines[0]["chart_colour_grade"] is None
    assert lines[0]["inspected_at"] == "2024-12-01T09:50:15Z"


def test_bales_are_written_as_csv(tmp_path: Path) -> None:
    """One row a bale, several causes in one cell."""
    path = tmp_path / "bales.csv"
    assert f"Written to {path}." in cotton("bales", "--csv", path).stdout
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
    assert [row["bale"] for row in rows] == [each.bale for each in BALES_LISTED]
    assert rows[0]["causes"] == "unregistered;without_standard"
    assert rows[0]["chart_colour_grade"] == ""
    assert rows[0]["revision"] == str(REVISION)


def test_no_bale_is_an_answer(service: GradesService, tmp_path: Path) -> None:
    """On the page, as JSON and as a file with its header alone."""
    service.listed = ()
    assert "No bale is listed" in cotton("bales").stdout
    (line,) = cotton("bales", "--json", "--csv", tmp_path / "a.csv").stdout.splitlines()
    assert json.loads(line)["bales"] == 0
    assert (tmp_path / "a.csv").read_text("utf-8").startswith("revision,bale,lot_no,causes")


def test_the_page_of_commands_names_every_field_of_json(tmp_path: Path) -> None:
    """A field that is printed is described; figures of columns are in docs/figures.md."""
    text = CLI_PAGE.read_text(encoding="utf-8")
    runs = [
        cotton("summary", "--by", "division", "--json"),
        cotton("summary", "--csv", tmp_path / "a.csv", "--json"),
    ]
    found = {name for run in runs for name in names_in(json.loads(run.stdout))}
    for run in (cotton("bales", "--json"),):
        found |= {name for line in run.stdout.splitlines() for name in names_in(json.loads(line))}
    found |= set(json.loads(cotton("certificates", "--json").stdout))
    assert {name for name in found if f"`{name}`" not in text} == set()


def test_every_key_is_told_in_the_help_of_a_summary() -> None:
    """Also those of single bales."""
    assert all(word in (summary_command.command.help or "") for word in filters.KEYS)
