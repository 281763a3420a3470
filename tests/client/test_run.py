"""`cotton run` against a service with fixed answers: what was frozen, compared, verified."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import openpyxl
import polars as pl
import pytest
from cotton.inspection.v1 import summary_pb2
from cotton_client import SyncCottonClient, errors
from cotton_client.cli.exits import Exit

from tests.client.test_settle import CLI_PAGE, cotton, service, target
from tests.support.settlement_service import (
    DIFFERENCES,
    DIGEST,
    FROZEN_AT,
    LOTS,
    REGIMENTS,
    REVISION,
    UNITS,
    SettlementService,
    canonical_file,
    canonical_manifest,
    stored_run,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["service", "target"]


def run(*arguments: str | Path, code: Exit = Exit.OK) -> Any:
    """The JSON of a command of runs."""
    return json.loads(cotton("run", *arguments, "--json", code=code).stdout)


def test_runs_are_listed_with_what_takes_their_place(service: SettlementService) -> None:
    """Terms are told in one line."""
    found = run("list", "--season", "2016", "--revision", "820")
    assert (service.requests[0].season, service.requests[0].revision) == (2016, 820)
    (listed,) = found["runs"]
    assert (listed["id"], listed["digest"], listed["successor"]) == ("2016-1", DIGEST, "2016-2")
    assert listed["terms"]["rule_sets"] == ["pilot"]
    page = CLI_PAGE.read_text("utf-8")
    assert all(f"`{name}`" in page for name in listed)
    shown = cotton("run", "list").stdout
    assert "2016-2" in shown
    assert "patch + pilot" in shown
    service.runs = ()
    assert "No run is frozen" in cotton("run", "list").stdout


def test_a_run_is_shown_as_it_was_frozen(service: SettlementService) -> None:
    """With what takes its place, and how many lots have changed since."""
    found = run("show", "2016-1", "--by", "division", "--lines", "regiments")
    assert found["revision"] == FROZEN_AT
    assert found["header"]["revision"] == REVISION
    assert found["run"]["successor"] == "2016-2"
    assert found["lots_changed_since"] == 2
    assert found["total"]["premium_amount"] == "3433.79"
    assert found["totals"][0]["keys"] == {"division": "第八师"}
    assert found["lines"]["rows"][0]["regiment"] == "一四九团"
    assert list(service.requests[1].keys) == [summary_pb2.SUMMARY_KEY_DIVISION]
    assert {each.id for each in service.requests} == {"2016-1"}
    page = cotton("run", "show", "2016-1").stdout
    assert "Run 2016-2 takes its place" in page
    assert "2 lots of the run changed since its revision" in page
    assert "as agreed" in page
    service.runs = ()
    refused = cotton("run", "show", "2016-9", "--json", code=Exit.NOT_FOUND)
    assert json.loads(refused.stderr)["error"]["remedy"] == "See `cotton run list`."


def test_differences_come_by_line(service: SettlementService, tmp_path: Path) -> None:
    """Each line is named once, its columns below; files and JSON have all."""
    page = cotton("run", "compare", "2016-2").stdout
    assert (service.requests[0].id, service.requests[0].with_id) == ("2016-2", "")
    assert "2 lines differ 不同, 1 only before 仅原批次, 1 only after 仅现批次" in page
    assert page.count("lot 65140161077") == 1
    assert "premium_amount  3433.99 → 3433.57" in page
    assert "pay_amount  1000.50 → —" in page
    assert "5 differences" in page
    short = cotton("run", "compare", "2016-2", "2016-1", "--limit", "2").stdout
    assert service.requests[1].with_id == "2016-1"
    assert "3 not listed" in short
    assert "pay_amount" not in short

    lines = [
        json.loads(line)
        for line in cotton("run", "compare", "2016-2", "--json").stdout.splitlines()
    ]
    assert [each["event"] for each in lines] == ["runs", *["difference"] * 5, "end"]
    assert lines[0]["before"]["id"] == "2016-1"
    assert lines[3] == {
        "event": "difference",
        "table": "lots",
        "line": "65140161080",
        "column": None,
        "before": None,
        "after": "present",
    }
    assert lines[-1]["differences"] == 5
    documented = CLI_PAGE.read_text("utf-8")
    assert all(f"`{name}`" in documented for line in lines for name in line)

    for ending in ("csv", "parquet", "xlsx"):
        file = tmp_path / f"differences.{ending}"
        assert f"Written to {file}" in cotton("run", "compare", "2", "--output", file).stdout
    frame = pl.read_parquet(tmp_path / "differences.parquet")
    assert frame.height == len(DIFFERENCES)
    assert frame.equals(pl.read_csv(tmp_path / "differences.csv", infer_schema=False))
    sheet = openpyxl.load_workbook(tmp_path / "differences.xlsx")["Differences 差异"]
    assert [cell.value for cell in sheet[2]] == ["lots", "65140161077", "premium", "80.65", "80.64"]
    cotton("run", "compare", "2", "--output", tmp_path / "x.txt", code=Exit.USAGE)
    cotton("run", "compare", "2", "--output", tmp_path / "differences.csv", code=Exit.USAGE)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_comparison_that_breaks_goes_on_where_it_was(
    service: SettlementService, target: str, after: int
) -> None:
    """No difference is told twice, and none is missed."""
    service.break_after = {1: after}
    with SyncCottonClient(target) as client:
        messages = list(client.compare_runs("2016-2"))
    assert len(service.requests) == 2
    assert messages[0].lines_differing == 2
    assert [each for message in messages for each in message.differences] == list(DIFFERENCES)


def test_a_run_is_verified_on_both_sides(service: SettlementService) -> None:
    """The digest of the lines that were told is computed here, from the contract alone."""
    found = run("verify", "2016-1")
    assert found["digest"] == found["server"]["digest"] == found["client"]["digest"] == DIGEST
    assert found["server"]["holds"]
    assert found["client"]["holds"]
    page = cotton("run", "verify", "2016-1").stdout
    assert page.count(DIGEST) == 3
    assert page.count("holds 一致") == 2
    documented = CLI_PAGE.read_text("utf-8")
    assert all(f"`{name}`" in documented for name in (*found, *found["server"]))

    service.verified = "0" * 64
    page = cotton("run", "verify", "2016-1", code=Exit.INCOMPLETE).stdout
    assert "DIFFERS 不一致: settlement version 1" in page
    assert "holds 一致" in page


def test_lines_that_the_server_has_no_more_are_no_error(service: SettlementService) -> None:
    """Another version computes another digest, which is told, and the archive is gone."""
    service.verified, service.kept = "0" * 64, False
    found = run("verify", "2016-1", code=Exit.INCOMPLETE)
    assert found["server"]["digest"] == "0" * 64
    assert found["client"] == {"digest": None, "holds": False}
    page = cotton("run", "verify", "2016-1", code=Exit.INCOMPLETE).stdout
    assert "the server has the lines no more" in page
    refused = cotton("run", "export", "2016-1", "--output", "out", "--json", code=Exit.REFUSED)
    assert json.loads(refused.stderr)["error"]["reason"] == "RUN_DIFFERS"


def test_lines_that_were_changed_on_the_way_are_found(
    service: SettlementService, tmp_path: Path
) -> None:
    """The server says that it holds, and what it tells is something else."""
    service.with_regiments = False
    found = run("verify", "2016-1", code=Exit.INCOMPLETE)
    assert found["server"]["holds"]
    assert not found["client"]["holds"]
    refused = cotton(
        "run", "export", "2016-1", "--output", tmp_path / "out", "--json", code=Exit(1)
    )
    assert json.loads(refused.stderr)["error"]["reason"] == "CONTRACT_VIOLATION"
    assert not (tmp_path / "out").exists()


def test_a_directory_can_be_checked_by_anybody(service: SettlementService, tmp_path: Path) -> None:
    """The files are the canonical content to the byte, with the sums that sha256sum takes."""
    directory = tmp_path / "run"
    found = run("export", "2016-1", "--output", directory)
    assert found["digest"] == DIGEST
    assert (directory / "manifest.txt").read_text("utf-8") == canonical_manifest()
    for name, kind in (("lots", LOTS), ("units", UNITS), ("regiments", REGIMENTS)):
        assert (directory / f"{name}.csv").read_bytes() == canonical_file(kind).encode()
    sums = dict(
        line.split("  ")[::-1] for line in (directory / "SHA256SUMS").read_text().split("\n")[:-1]
    )
    assert sums == {
        name: sha256((directory / name).read_bytes()).hexdigest()
        for name in ("manifest.txt", "lots.csv", "units.csv", "regiments.csv")
    }
    assert sums["manifest.txt"] == DIGEST
    asked = len(service.requests)
    cotton("run", "export", "2016-1", "--output", directory, code=Exit.USAGE)
    assert len(service.requests) == asked
    assert "3 rows" in cotton("run", "export", "2016-1", "--output", directory, "--force").stdout
    lines = canonical_manifest().splitlines(keepends=True)
    others = "".join(line for line in lines if not line.startswith("table regiments"))
    service.with_regiments = False
    service.runs = (stored_run(digest=sha256(others.encode()).hexdigest()),)
    run("export", "2016-1", "--output", directory, "--force")
    assert not (directory / "regiments.csv").exists()


def test_single_files_of_a_run(tmp_path: Path) -> None:
    """A workbook has all tables; CSV and Parquet those that are asked for."""
    run("export", "2016-1", "--output", tmp_path / "run.xlsx")
    book = openpyxl.load_workbook(tmp_path / "run.xlsx")
    assert book.sheetnames == [
        "Totals 合计",
        "Lots 批次",
        "Units 追溯单元",
        "Regiments 团场",
        "About 说明",
    ]
    about = {row[0]: row[1] for row in book["About 说明"].iter_rows(values_only=True)}
    assert about["Run 结算批次"] == "2016-1 First"
    assert about["Frozen at revision 冻结版本"] == str(FROZEN_AT)
    found = run("export", "2016-1", "--output", tmp_path / "units.csv", "--lines", "units")
    assert found["files"][0]["rows"] == 2
    assert pl.read_csv(tmp_path / "units.csv")["traceability_unit"].to_list() == ["U-1", "U-2"]


def test_only_a_table_that_is_not_made_may_be_missing(
    service: SettlementService, target: str
) -> None:
    """The content has the tables that the terms make."""
    service.with_regiments = False
    with SyncCottonClient(target) as client:
        assert sorted(client.run_content("2016-1").files) == [
            "lots.csv",
            "manifest.txt",
            "units.csv",
        ]
        service.runs = (stored_run(digest=""),)
        assert client.get_run("2016-1").run.run.digest == ""
        service.runs = ()
        with pytest.raises(errors.NotFound):
            client.get_run("2016-1")
