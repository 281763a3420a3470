"""What money needs, through the command line to a real server: loaded, known again, corrected."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from cotton.inspection.v1 import accounts_pb2
from cotton_client import CottonClient, samples
from cotton_client.cli import main
from cotton_client.cli.exits import Exit

from tests.support.server import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = samples.settlement()
LOADED = (
    ("deliveries", FILES.deliveries, 14),
    ("areas", FILES.areas, 2),
    ("prices", FILES.prices, 9),
    ("bale-weights", FILES.bale_weights, 186),
)
AMENDED = "supersedes_revision,reason,decided_by"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the samples: deliveries at 1, areas at 2, prices at 3, weights at 4."""
    with Servers(tmp_path_factory.mktemp("server")) as servers:
        first = servers.start()
        for command, file, number in LOADED:
            answer = cotton(first.address, command, "load", file)
            assert (answer["created"], answer["received"]) == (number, number)
        # What follows is asked of a server that has read its ledger again.
        assert first.end() == 0
        yield servers.start().address


def cotton(address: str, *arguments: str | Path, exit_code: Exit = Exit.OK) -> Any:
    """What a run prints for programs: an object, or those of its lines."""
    given = ["--server", address, *map(str, arguments), "--json"]
    result = CliRunner().invoke(main, given, prog_name="cotton")
    assert result.exit_code == exit_code, result.stderr
    if "list" in arguments:
        return [json.loads(line) for line in result.stdout.splitlines()]
    return json.loads(result.stdout)


def csv(directory: Path, *lines: str) -> Path:
    """A file of these lines."""
    path = directory / "file.csv"
    path.write_text("\n".join((*lines, "")), encoding="utf-8")
    return path


@pytest.mark.parametrize(("command", "file", "number"), LOADED, ids=[each[0] for each in LOADED])
def test_the_same_file_again_changes_nothing(
    address: str, command: str, file: Path, number: int
) -> None:
    """From the same sender it is a repeat, from another all of it exists."""
    before = cotton(address, command, "list")
    repeat = cotton(address, command, "load", file)
    assert (repeat["repeated"], repeat["created"]) == (True, number)
    other = cotton(address, command, "load", file, "--producer", "another")
    assert (other["repeated"], other["existing"], other["created"]) == (False, number, 0)
    assert not other["issues"]
    after = cotton(address, command, "list")
    assert [{**each, "revision": 0} for each in after] == [
        {**each, "revision": 0} for each in before
    ]
    assert cotton(address, command, "list", "--revision", "4")[-1]["records"] == number


def test_the_lists_add_up(address: str) -> None:
    assert cotton(address, "deliveries", "list", "--revision", "4")[-1]["weight_kg"] == "157876.6"
    one = cotton(address, "deliveries", "list", "--unit", "SAMPLE-U-1", "--revision", "4")
    assert (one[-1]["records"], one[-1]["weight_kg"]) == (10, "112300.4")
    areas = cotton(address, "areas", "list", "--season", "2019", "--revision", "4")
    assert areas[-1]["area_mu"] == "421.5"
    assert cotton(address, "areas", "list", "--season", "2018")[-1]["records"] == 0
    sold = cotton(address, "prices", "list", "--series", "sample-sales", "--revision", "4")
    assert [(each["lot_no"], each["price_yuan_per_tonne"]) for each in sold[:-1]] == [
        ("65811191023", "13120")
    ]
    weights = cotton(address, "bale-weights", "list", "--revision", "4")
    assert weights[-1]["net_kg"] == "42374"
    assert len(cotton(address, "bale-weights", "list", "--limit", "5")) == 6


def test_a_delivery_is_corrected_and_an_older_revision_keeps_it(
    address: str, tmp_path: Path
) -> None:
    """Another weight conflicts and changes nothing, until it names the revision in force."""
    head = "season,delivery_no,traceability_unit,weight"
    file = csv(tmp_path, head, "2018,D-1,U-1,1000")
    first = cotton(address, "deliveries", "load", file)
    assert first["created"] == 1
    file = csv(tmp_path, head, "2018,D-1,U-1,1000.5")
    conflict = cotton(address, "deliveries", "load", file, exit_code=Exit.INCOMPLETE)
    (issue,) = conflict["issues"]
    assert (issue["record"], issue["key"], issue["field"]) == (1, "2018/D-1", "weight")
    assert (issue["received"], issue["stored"]) == ("1000.50", "1000.00")
    assert issue["stored_revision"] == first["revision"]
    file = csv(
        tmp_path,
        f"{head},{AMENDED}",
        f"2018,D-1,U-1,1000.5,{issue['stored_revision']},ENTRY_ERROR,office",
    )
    corrected = cotton(address, "deliveries", "load", file)
    assert corrected["corrected"] == 1
    asked = ("deliveries", "list", "--season", "2018")
    (now, _), (then, _) = (
        cotton(address, *asked),
        cotton(address, *asked, "--revision", str(first["revision"])),
    )
    assert (now["weight_kg"], now["versions"]) == ("1000.5", 2)
    assert now["stored_revision"] == corrected["revision"]
    assert now["amendment"]["reason"] == "entry_error"
    assert (then["weight_kg"], then["versions"], then["amendment"]) == ("1000", 1, None)
    file = csv(tmp_path, head, "2018,D-1,U-1,1000")
    superseded = cotton(address, "deliveries", "load", file, "--producer", "another")
    assert superseded["superseded"] == 1


def test_a_record_that_cannot_be_is_rejected_and_the_others_are_stored(
    address: str, tmp_path: Path
) -> None:
    file = csv(tmp_path, "season,traceability_unit,area", "2017,U-1,0", "2017,U-2,5.25")
    answer = cotton(address, "areas", "load", file, exit_code=Exit.INCOMPLETE)
    assert (answer["created"], answer["rejected"]) == (1, 1)
    (issue,) = answer["issues"]
    assert (issue["key"], issue["field"], issue["outcome"]) == ("2017/U-1", "area", "rejected")
    assert issue["message"]


def test_a_lot_is_put_into_a_unit_and_taken_out_again(address: str, tmp_path: Path) -> None:
    """Whatever its registration says, and at an older revision as it was then."""
    cotton(address, "lots", "register", samples.real_lot().lots)
    put = cotton(address, "lots", "units", FILES.units)
    assert put["created"] == 1
    other = csv(tmp_path, "lot_no,traceability_unit", "65811191023,U-9")
    (conflict,) = cotton(address, "lots", "units", other, exit_code=Exit.INCOMPLETE)["results"]
    assert (conflict["field"], conflict["stored"]) == ("traceability_unit", "SAMPLE-U-1")
    none = csv(
        tmp_path,
        f"lot_no,traceability_unit,{AMENDED}",
        f"65811191023,,{conflict['stored_revision']},RECORDED_IN_ERROR,office",
    )
    assert cotton(address, "lots", "units", none)["corrected"] == 1

    def found(*asked: str) -> list[str]:
        where = ("--where", "traceability-unit=SAMPLE-U-1")
        result = CliRunner().invoke(
            main, ["--server", address, "lots", "list", *where, *asked, "--json"]
        )
        return [each["lot_no"] for each in json.loads(result.stdout)["lots"]]

    assert found() == []
    assert found("--revision", str(put["revision"])) == ["65811191023"]


async def test_many_records_are_listed_page_by_page(address: str) -> None:
    """More than a request and a page hold: all of them, once, in order."""
    number = 12_345

    def weights() -> Iterator[accounts_pb2.BaleWeight]:
        for serial in range(number):
            yield accounts_pb2.BaleWeight(
                bale=f"2001/{serial:012}", net=22_700, unit=accounts_pb2.MASS_UNIT_KILOGRAM
            )

    async with CottonClient(address) as client:
        receipt = await client.record_bale_weights(weights(), producer_id="many")
        assert (receipt.requests, receipt.created) == (3, number)
        listing = client.list_accounts(accounts_pb2.ACCOUNT_KIND_BALE_WEIGHT)
        bales = [each.weight.bale async for each in listing]
    imported = [bale for bale in bales if "/" in bale]
    assert imported == [f"2001/{serial:012}" for serial in range(number)]
    assert len(bales) == len(set(bales)) == number + 186
    assert listing.revision >= receipt.revision
