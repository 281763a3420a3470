"""`cotton settle` against a service with fixed answers: trials, files, freezing."""

from __future__ import annotations

import json
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import openpyxl
import polars as pl
import pytest
from click.testing import CliRunner
from cotton.inspection.v1 import (
    lots_pb2,
    reference_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    summary_pb2,
)
from cotton_client.cli import main, output
from cotton_client.cli.exits import Exit
from rich.console import Console

from tests.support.settlement_service import (
    BY_DIVISION,
    DIGEST,
    FROZEN_AT,
    LOTS,
    REVISION,
    TERMS,
    TOTALS,
    SettlementService,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

CLI_PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


@pytest.fixture
def service() -> SettlementService:
    """The service that the commands talk to."""
    return SettlementService()  # type: ignore[abstract]  # as in the other tests of commands


@pytest.fixture(autouse=True)
def target(service: SettlementService, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the service, told to the commands as an operator does."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    settlement_pb2_grpc.add_SettlementServiceServicer_to_server(service, server)
    reference_pb2_grpc.add_ReferenceServiceServicer_to_server(service, server)
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


def settled(*arguments: str | Path, code: Exit = Exit.OK) -> Any:
    """The JSON of a trial."""
    return json.loads(cotton("settle", *arguments, "--json", code=code).stdout)


def test_every_option_goes_to_the_service(service: SettlementService) -> None:
    """Money in hundredths, an output in tonnes as hundredths of a kilogram."""
    settled(
        *("--season", "2016", "--series", "table", "--day", "2016-11-01"),
        *("--rule-set", "pilot", "--rule-set", "second", "--target-price", "tp"),
        *("--base-price", "15000.5", "--eligible-output", "5100000.25"),
        *("--where", "division=第八师", "--revision", "812", "--basis", "first-inspection"),
    )
    terms = service.requests[0].terms
    assert (terms.season, terms.schedule_series, terms.schedule_day) == (
        2016,
        "table",
        "2016-11-01",
    )
    assert list(terms.rule_sets) == ["pilot", "second"]
    assert (terms.target_price, terms.base_price) == ("tp", 1_500_050)
    assert terms.eligible_output == 510_000_025_000
    assert terms.revision == REVISION
    assert terms.basis == summary_pb2.BASIS_FIRST_INSPECTION
    assert [(each.key, list(each.values)) for each in terms.filters] == [
        (summary_pb2.SUMMARY_KEY_DIVISION, ["第八师"])
    ]
    settled("--schedule", "patch", "--base-series", "market", "--base-day", "2016-11-02")
    terms = service.requests[-2].terms
    assert (terms.schedule, terms.base_price_series, terms.base_price_day) == (
        "patch",
        "market",
        "2016-11-02",
    )
    assert not terms.HasField("base_price")
    assert not terms.HasField("eligible_output")


def test_what_follows_the_total_is_asked_for_at_its_terms(service: SettlementService) -> None:
    """The digest is computed once; everything else is of the revision that was found."""
    settled("--as-of", "2016-11-20", "--by", "division", "--lines", "units")
    first, *others = service.requests
    assert first.terms.as_of_us
    assert not first.terms.revision
    assert not first.without_digest
    assert all(each.terms == TERMS and each.without_digest for each in others)
    assert [each.table for each in service.requests] == [
        TOTALS,
        TOTALS,
        LOTS,
        settlement_pb2.SETTLEMENT_TABLE_UNITS,
    ]
    assert list(others[1].columns) == ["status", "reasons"]


def test_json_of_a_trial_is_exact_and_documented() -> None:
    """Decimals are texts in real units; every field name stands in docs/cli.md."""
    found = settled("--by", "division", "--lines", "lots")
    assert found["revision"] == REVISION
    assert found["header"]["digest"] == DIGEST
    assert found["header"]["terms"]["base_price"] == "15000"
    assert found["header"]["target_price"]["rate"] == "0.579"
    assert found["total"]["premium_amount"] == "3433.79"
    assert found["total"]["premium_amount_of_lines"] == "3433.78"
    assert found["total"]["amount"] is None
    assert [each["keys"] for each in found["totals"]] == [
        {"division": each} for each in BY_DIVISION
    ]
    assert found["totals"][1]["premium"] == "-0.05"
    assert found["held"] == [
        {"reason": "NOT_FINAL", "lots": 1},
        {"reason": "NOT_WEIGHED", "lots": 1},
        {"reason": "UNGRADED:colour", "lots": 1},
    ]
    assert found["lines"]["table"] == "lots"
    assert found["lines"]["rows"][0]["state"] == "final"
    assert found["lines"]["rows"][2]["status"] == "HELD"
    assert found["lines"]["rows"][2]["premium_amount"] is None
    assert found["frozen"] is None
    page = CLI_PAGE.read_text("utf-8")
    for name in (*found, *found["header"], *found["header"]["terms"]):
        assert f"`{name}`" in page, name
    for name in found["header"]["target_price"]:
        assert f"`{name}`" in page, name


def test_the_page_says_what_it_rests_on_and_where_sums_differ() -> None:
    """Both sums stand side by side with the reason; what is not of high confidence is marked."""
    page = cotton("settle", "--by", "division", "--lines", "lots").stdout
    assert "M medium confidence" in page
    assert "shares are taken as printed" in page
    assert "Not verified 未核实: patch: confidence M" in page
    assert "Not checked 未核查: bale_regain" in page
    assert f"\n{DIGEST}\n" in page
    assert "of lines 行合计" in page
    assert "rounded once" in page
    assert "total 合计: Premium total 3 433.79, lines 3 433.78" in page
    assert "division 第八师: Premium total 3 434.00, lines 3 433.99" in page
    assert "UNGRADED:colour" in page
    assert "bales without a class" in page
    assert "0.57900 yuan/kg (computed)" in page
    assert "-0.21" in page
    totals = page[page.index("Totals 合计") : page.index("Each printed")]
    assert totals.index("第一师") < totals.index("第八师") < totals.index("Total 合计")
    assert "Amount" not in totals


def test_no_figure_is_cut_where_it_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns that do not fit go on below, behind what names the rows."""
    monkeypatch.setattr(
        output,
        "page_console",
        lambda _max=0: Console(width=44, highlight=False, force_terminal=False),
    )
    page = cotton("settle", "--by", "division", "--lines", "lots").stdout
    for figure in ("84 579.01", "3 433.79", "3 433.78", "42 579.00", "80.65", "42 000.01"):
        assert figure in page
    assert page.count("65140161079") > 1


def test_totals_that_agree_are_shown_once(
    service: SettlementService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no note, and no second column, where printed lines add up."""
    assert service.digest == DIGEST
    monkeypatch.setattr(
        "tests.support.settlement_service.TOTAL", (2, 0, 100, 5, 343_379, 343_379, None, None)
    )
    page = cotton("settle").stdout
    assert "行合计" not in page
    assert "3 433.79" in page


def test_files_hold_what_was_shown(tmp_path: Path) -> None:
    """CSV and Parquet have the lines, a workbook totals, lines and what they rest on."""
    files = [tmp_path / f"lots.{each}" for each in ("csv", "parquet", "xlsx")]
    found = settled(
        *("--by", "division", "--lines", "lots"), *(x for file in files for x in ("--output", file))
    )
    assert [each["format"] for each in found["files"]] == ["csv", "parquet", "excel"]
    rows = pl.read_csv(files[0], infer_schema=False).rows(named=True)
    assert rows[0]["premium_amount"] == "3433.99"
    assert rows[2]["premium_amount"] in {"", None}
    assert pl.read_parquet(files[1])["premium_amount"].to_list()[1].as_tuple().exponent == -2
    assert DIGEST in pl.read_parquet_metadata(files[1])["cotton"]
    book = openpyxl.load_workbook(files[2])
    assert book.sheetnames == ["Totals 合计", "Lots 批次", "About 说明"]
    about = {row[0]: row[1] for row in book["About 说明"].iter_rows(values_only=True)}
    assert about["Digest 摘要"] == DIGEST
    assert "M medium confidence" in str(about["schedule 升贴水"])
    assert about["Not checked 未核查"] == "bale_regain"

    again = cotton("settle", "--output", files[0], "--json", code=Exit.USAGE)
    assert json.loads(again.stderr.splitlines()[-1])["error"]["reason"] == "FILE_EXISTS"
    cotton("settle", "--output", tmp_path / "lots.txt", code=Exit.USAGE)
    settled("--output", files[0], "--force")
    assert pl.read_csv(files[0]).columns[:2] == ["revision", "lots"]


def test_freezing_sends_revision_and_digest_of_the_trial(service: SettlementService) -> None:
    """What is frozen is what was shown."""
    found = settled(
        *("--as-of", "2016-11-20", "--freeze", "2016-2", "--by-whom", "finance"),
        *("--title", "Second", "--predecessor", "2016-1", "--note", "after the objection"),
    )
    request = service.requests[-1]
    (run,) = request.runs
    assert run == settlement_pb2.Run(
        id="2016-2",
        title="Second",
        terms=TERMS,
        digest=DIGEST,
        predecessor="2016-1",
        decided_by="finance",
        note="after the objection",
        settlement_version="1",
        grading_version="4",
    )
    assert request.producer_id == "cotton-settlement"
    assert found["frozen"]["created"] == 1
    assert found["frozen"]["revision"] == FROZEN_AT
    page = cotton("settle", "--freeze", "2016-2", "--by-whom", "finance").stdout
    assert "Run 2016-2 was frozen" in page


@pytest.mark.parametrize(
    ("outcome", "count"),
    [
        (lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT, "conflicting"),
        (lots_pb2.LOT_OUTCOME_REJECTED, "rejected"),
    ],
)
def test_a_run_that_is_not_frozen_exits_6(
    service: SettlementService, outcome: lots_pb2.LotOutcome.ValueType, count: str
) -> None:
    """The server's reason is said."""
    service.freeze_outcome = outcome
    arguments = ("--freeze", "2016-1", "--by-whom", "finance")
    found = settled(*arguments, code=Exit.INCOMPLETE)
    assert found["frozen"][count] == 1
    first = service.requests[-1].request_id
    page = cotton("settle", *arguments, code=Exit.INCOMPLETE).stdout
    assert "Another run has this id; give another." in page
    # What it is refused for may have been put right: the first answer must not be given again.
    assert service.requests[-1].request_id != first


@pytest.mark.parametrize(
    "arguments",
    [
        ("--freeze", "2016-1"),
        ("--freeze", "2016-1", "--by-whom", "finance", "--without-digest"),
        ("--by-whom", "finance"),
        ("--by", "division,division"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    service: SettlementService, arguments: tuple[str, ...]
) -> None:
    """Before anything is asked."""
    cotton("settle", *arguments, code=Exit.USAGE)
    assert not service.requests


def test_a_stream_that_breaks_is_asked_again_and_no_line_doubled(
    service: SettlementService,
) -> None:
    """The trial begins anew, at the terms of its total."""
    service.break_after = {3: 2}
    found = settled("--lines", "lots")
    assert len(found["lines"]["rows"]) == 3
    assert [each.table for each in service.requests] == [TOTALS, LOTS, LOTS, LOTS]
