"""Commands about what money needs, against a service in memory: receipts, lists, exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner
from cotton.inspection.v1 import accounts_pb2, lots_pb2
from cotton_client import lots as lots_module
from cotton_client import samples
from cotton_client.accounts import AccountsReceipt
from cotton_client.cli import account_listing, main, program
from cotton_client.cli.exits import Exit
from cotton_client.render import receipt
from cotton_client.render.values import counted
from rich.console import Console

from tests.support.accounts_service import AccountsService, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

CLI_PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
FILES = samples.settlement()
AMENDED = "supersedes_revision,reason,decided_by"
LOADED = (
    ("deliveries", FILES.deliveries, 14),
    ("areas", FILES.areas, 2),
    ("prices", FILES.prices, 9),
    ("bale-weights", FILES.bale_weights, 186),
)


@pytest.fixture
def service() -> AccountsService:
    """The service that the commands talk to."""
    return AccountsService()  # type: ignore[abstract]  # methods that no test calls are inherited


@pytest.fixture(autouse=True)
def target(service: AccountsService, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its address, told to the commands as an operator does."""
    with serving(service) as address:
        monkeypatch.setenv("COTTON_SERVER", address)
        yield address


def cotton(*arguments: str | Path) -> Result:
    """Runs the command line."""
    return CliRunner().invoke(main, [str(each) for each in arguments], prog_name="cotton")


def page(*arguments: str | Path, exit_code: Exit = Exit.OK) -> str:
    """What a run prints for people."""
    result = cotton(*arguments)
    assert result.exit_code == exit_code, result.stderr
    return result.stdout


def printed(*arguments: str | Path) -> Any:
    """What a run prints for programs: one object, or those of its lines."""
    result = cotton(*arguments, "--json")
    assert result.exit_code in {Exit.OK, Exit.INCOMPLETE}, result.stderr
    if "list" in arguments:
        return [json.loads(line) for line in result.stdout.splitlines()]
    return json.loads(result.stdout)


def deliveries(directory: Path, *lines: str, more: str = "") -> Path:
    """A file of deliveries."""
    path = directory / "deliveries.csv"
    header = f"season,delivery_no,traceability_unit,weight{more}"
    path.write_text("\n".join((header, *lines, "")), encoding="utf-8")
    return path


@pytest.mark.parametrize(("command", "file", "number"), LOADED, ids=lambda each: str(each)[:9])
def test_a_file_is_loaded_and_known_when_it_comes_again(
    service: AccountsService, command: str, file: Path, number: int
) -> None:
    said = page(command, "load", file, "--producer", "office")
    assert re.search(rf"{number} \w+ received · {number} created", said)
    assert "revision 1" in said
    assert service.requests[0].producer_id == "office"
    again = page(command, "load", file, "--producer", "office")
    assert f"sent before; first answer again: {counted(number, 'x').split()[0]}" in again
    others = page(command, "load", file, "--producer", "another")
    assert f"{number} already stored" in others


def test_a_receipt_for_programs_says_what_became_of_all(tmp_path: Path) -> None:
    page("deliveries", "load", deliveries(tmp_path, "2024,1,U,100", "2024,2,U,200"))
    file = deliveries(tmp_path, "2024,1,U,101", "2024,2,U,200", "2024,3,U,5", "2024,4,bad,1")
    result = cotton("deliveries", "load", file, "--json")
    assert result.exit_code == Exit.INCOMPLETE
    data = json.loads(result.stdout)
    counts = ("received", "created", "existing", "conflicting", "rejected")
    assert [data[name] for name in counts] == [4, 1, 1, 1, 1]
    assert data["issues"] == [
        {
            "record": 1,
            "key": "2024/1",
            "outcome": "exists_with_different",
            "field": "weight",
            "received": "1.00",
            "stored": "2.00",
            "message": None,
            "stored_revision": 1,
        },
        {
            "record": 4,
            "key": "2024/4",
            "outcome": "rejected",
            "field": "weight",
            "received": None,
            "stored": None,
            "message": "Is not more than 0.",
            "stored_revision": None,
        },
    ]


def test_a_conflict_names_the_revision_that_a_correction_must_name(tmp_path: Path) -> None:
    page("deliveries", "load", deliveries(tmp_path, "2024,1,U,100"))
    wrong = deliveries(tmp_path, "2024,1,U,101", "2024,2,bad,1")
    said = " ".join(page("deliveries", "load", wrong, exit_code=Exit.INCOMPLETE).split())
    assert "2 deliveries received · 1 conflicting · 1 rejected" in said
    assert "weight: received 1.00, stored 2.00; in force: revision 1" in said
    assert "weight: Is not more than 0." in said
    right = deliveries(tmp_path, "2024,1,U,101,1,ENTRY_ERROR,office", more=f",{AMENDED}")
    said = page("deliveries", "load", right)
    assert "1 delivery received · 1 corrected" in said
    assert "takes the place of the record of revision 1" in said


def test_a_time_that_differs_is_told_as_a_time() -> None:
    result = accounts_pb2.AccountResult(
        key="2024/1",
        outcome=lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT,
        field="delivered_at_s",
        received="1479571200",
        stored="1479574800",
        stored_revision=4,
    )
    answer = AccountsReceipt(5, 1, received=1, conflicting=1, issues=(result,))
    console = Console(width=140, color_system=None)
    with console.capture() as capture:
        for part in receipt.accounts("file", "delivery", answer):
            console.print(part)
    assert (
        "delivered at: received 2016-11-20 00:00 +08, stored 2016-11-20 01:00 +08" in capture.get()
    )


def test_a_file_with_a_wrong_line_sends_nothing(service: AccountsService, tmp_path: Path) -> None:
    file = deliveries(tmp_path, "2024,1,U,100", "2024,2,U,1.005")
    result = cotton("deliveries", "load", file, "--json")
    assert result.exit_code == Exit.BAD_INPUT
    error = json.loads(result.stderr)["error"]
    where = {"file": str(file), "line": "3", "column": "weight"}
    assert (error["reason"], error["metadata"]) == ("INVALID_FILE", where)
    assert error["remedy"]
    assert not service.requests


def test_part_of_a_file_that_was_sent_before_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an interruption: what was stored is answered as a repeat, the rest is new."""
    monkeypatch.setattr(lots_module, "LOTS_PER_REQUEST_MAX", 2)
    lines = [f"2024,{number},U,100" for number in range(5)]
    page("deliveries", "load", deliveries(tmp_path, *lines[:2]))
    said = page("deliveries", "load", deliveries(tmp_path, *lines))
    assert "5 deliveries received · 5 created" in said
    assert "1 of 3 requests sent before" in said


def test_a_producer_that_cannot_be_one_is_refused(service: AccountsService) -> None:
    result = cotton("areas", "load", FILES.areas, "--producer", "no blanks")
    assert result.exit_code == Exit.BAD_INPUT
    assert not service.requests


def test_lots_of_units_are_recorded(service: AccountsService) -> None:
    said = page("lots", "units", FILES.units)
    assert "1 record received · 1 created" in said
    (request,) = service.requests
    assert [(each.lot_no, each.traceability_unit) for each in request.unit_lots] == [
        ("65811191023", "SAMPLE-U-1")
    ]
    assert request.producer_id == "cotton-lots"


# Lists


@pytest.fixture
def loaded() -> None:
    """All the samples, and a correction of an area."""
    for command, file, _ in LOADED:
        page(command, "load", file)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("deliveries", "14 deliveries · 157 876.60 kg · revision 版本 4"),
        ("areas", "2 areas · 421.50 mu · revision 版本 4"),
        ("prices", "9 prices · 3 242 579.00 kg · revision 版本 4"),
        ("bale-weights", "186 weights · 42 374.00 kg · revision 版本 4"),
    ],
)
def test_a_list_adds_up(command: str, said: str) -> None:
    assert page(command, "list").splitlines()[-1] == said


@pytest.mark.usefixtures("loaded")
def test_lists_are_tables_whose_columns_stand_below_each_other() -> None:
    lines = page("prices", "list", "--series", "sample-sales").splitlines()
    assert lines[0].split() == [
        *("Series", "Day", "Mark", "Lot", "Basis", "yuan/t", "Volume", "kg", "Revision"),
        "Versions",
    ]
    row = next(line for line in lines if "65811191023" in line)
    assert row.split()[-5:] == ["13", "120.00", "42", "579.00", "3", "1"][-5:]
    assert lines[0].index("Day") == row.index("2019-11-20")
    kilogram = next(line for line in lines if "5 265.00" in line)
    assert "seed cotton 籽棉" in kilogram
    assert "1 250 000.00" in kilogram


def test_an_empty_list_is_said() -> None:
    said = page("areas", "list")
    assert "Nothing of that is recorded" in said
    assert "0 areas · revision 版本 0" in said
    assert printed("areas", "list") == [
        {"event": "end", "revision": 0, "records": 0, "area_mu": "0"}
    ]


@pytest.mark.usefixtures("loaded")
def test_a_list_for_programs_is_exact_and_in_real_units() -> None:
    *records, end = printed("deliveries", "list")
    assert len(records) == 14
    assert records[0] == {
        "event": "delivery",
        "season": 2019,
        "delivery_no": "SAMPLE-D-001",
        "traceability_unit": "SAMPLE-U-1",
        "region": "兵团",
        "division": "第八师",
        "regiment": "一四九团",
        "gin_code": "65811",
        "weight_kg": "11840.2",
        "delivered_at": "2019-10-09T03:20:00Z",
        "amendment": None,
        "stored_revision": 1,
        "versions": 1,
        "revision": 4,
    }
    assert end == {"event": "end", "revision": 4, "records": 14, "weight_kg": "157876.6"}
    areas = printed("areas", "list")
    assert (areas[0]["event"], areas[0]["area_mu"]) == ("area", "301.5")
    prices = printed("prices", "list")
    price = next(each for each in prices if each.get("day") == "2019-10-10")
    assert (price["price_yuan_per_tonne"], price["basis"]) == ("12850", "lint")
    assert (price["mark"], price["lot_no"], price["volume_kg"]) == ("3128B", None, None)
    weights = printed("bale-weights", "list")
    assert (weights[0]["event"], weights[0]["net"], weights[0]["unit"]) == (
        *("bale_weight", "229.9", "kg"),
    )
    assert (weights[-1]["net_kg"], weights[-1]["net_lb"]) == ("42374", "0")


def test_pounds_and_kilograms_are_not_added_up(tmp_path: Path) -> None:
    file = tmp_path / "weights.csv"
    file.write_text(f"bale,net,unit\n{'1' * 32},500,lb\n{'2' * 32},220.5,kg\n", encoding="utf-8")
    page("bale-weights", "load", file)
    said = page("bale-weights", "list")
    assert "2 weights · 220.50 kg · 500.00 lb" in said


@pytest.mark.parametrize(
    ("command", "options", "asked"),
    [
        (
            "deliveries",
            ("--season", "2024", "--unit", "U-1", "--regiment", "一四九团", "--limit", "3"),
            {"season": 2024, "traceability_unit": "U-1", "regiment": "一四九团", "limit": 3},
        ),
        (
            "areas",
            ("--season", "2024", "--unit", "U-1", "--regiment", "r"),
            {"season": 2024, "traceability_unit": "U-1", "regiment": "r"},
        ),
        ("prices", ("--series", "s"), {"series": "s"}),
        ("bale-weights", ("--limit", "3"), {"limit": 3}),
    ],
)
def test_options_of_lists_are_asked_for(
    service: AccountsService, command: str, options: tuple[str, ...], asked: dict[str, Any]
) -> None:
    page(command, "list", *options)
    (request,) = service.requests
    expected = accounts_pb2.ListAccountsRequest(kind=request.kind, **asked)
    assert request.kind
    assert request == expected


def test_a_list_at_an_older_revision_has_what_was_in_force(tmp_path: Path) -> None:
    page("deliveries", "load", deliveries(tmp_path, "2024,1,U,100"))
    right = deliveries(tmp_path, "2024,1,U,101,1,ENTRY_ERROR,office", more=f",{AMENDED}")
    page("deliveries", "load", right)
    (now, _), (then, end) = (
        printed("deliveries", "list"),
        printed("deliveries", "list", "--revision", "1"),
    )
    assert (now["weight_kg"], now["versions"], now["stored_revision"]) == ("101", 2, 2)
    assert now["amendment"] == {
        "supersedes_revision": 1,
        "reason": "entry_error",
        "note": None,
        "decided_by": "office",
    }
    assert (then["weight_kg"], then["versions"], then["amendment"]) == ("100", 1, None)
    assert end["revision"] == 1


@pytest.mark.usefixtures("loaded")
def test_a_list_that_ends_by_its_limit_says_so() -> None:
    assert "the list ends here by --limit" in page("prices", "list", "--limit", "3")
    assert "--limit" not in page("prices", "list", "--limit", "20")


@pytest.mark.usefixtures("loaded")
def test_a_long_list_is_printed_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same lines, with one heading."""
    whole = page("bale-weights", "list")
    monkeypatch.setattr(account_listing, "BLOCK_RECORDS", 50)
    assert page("bale-weights", "list") == whole
    assert whole.count("Bale ") == 1


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    "arguments",
    [
        ("lots", "units", FILES.units),
        *((command, "load", file) for command, file, _ in LOADED),
        *((command, "list") for command, _, _ in LOADED),
    ],
    ids=lambda each: " ".join(map(str, each[:2])),
)
def test_every_field_of_json_is_on_the_page(arguments: tuple[str | Path, ...]) -> None:
    text = CLI_PAGE.read_text(encoding="utf-8")

    def names(data: Any) -> Iterator[str]:
        if isinstance(data, dict):
            yield from data
            data = list(data.values())
        if isinstance(data, list):
            for value in data:
                yield from names(value)

    assert not {name for name in names(printed(*arguments)) if f"`{name}`" not in text}


@pytest.mark.parametrize("name", [command for command, _, _ in LOADED])
def test_the_lists_of_commands_say_what_the_commands_say(name: str) -> None:
    group = main.get_command(click.Context(main), name)
    assert isinstance(group, program.Program)
    for word, (_, line) in group.lazy_commands.items():
        command = group.get_command(click.Context(group), word)
        assert command is not None
        assert (command.name, command.get_short_help_str(200)) == (word, line)
