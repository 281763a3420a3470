"""`cotton schedules` against a service with fixed answers: listed, loaded, shown, compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from cotton.inspection.v1 import common_pb2, reference_pb2
from cotton_client.cli import reference, run
from cotton_client.cli import schedules as schedules_group
from cotton_client.cli.exits import Exit
from cotton_client.cli.money_files import kind_and_id
from cotton_client.cli.program import Program
from cotton_client.errors import InputError

from tests.client.test_settle import CLI_PAGE, cotton, service, target
from tests.support.settlement_service import (
    NOTE,
    REVISION,
    RULE_SET_KIND,
    SCHEDULE_KIND,
    SHIPPED,
)

if TYPE_CHECKING:
    from tests.support.settlement_service import SettlementService

__all__ = ["service", "target"]

TARGET_PRICE_KIND = reference_pb2.REFERENCE_KIND_TARGET_PRICE


def schedules(*arguments: str | Path, code: Exit = Exit.OK) -> Any:
    """The JSON of a command of schedules."""
    return json.loads(cotton("schedules", *arguments, "--json", code=code).stdout)


def written(directory: Path, content: str, name: str = "mine.toml") -> Path:
    """A file."""
    path = directory / name
    path.write_text(content, "utf-8")
    return path


@pytest.mark.parametrize("group", [reference.command, run.command, schedules_group.command])
def test_lists_of_commands_say_what_each_says_itself(group: click.Command) -> None:
    """The lines that need no import are the commands' own first lines."""
    assert isinstance(group, Program)
    context = click.Context(group)
    for name, (_, line) in group.lazy_commands.items():
        command = group.get_command(context, name)
        assert command is not None
        assert (command.name, command.get_short_help_str(200)) == (name, line)


def test_documents_in_force_are_those_of_money(service: SettlementService) -> None:
    """Organisations and charts are not among them."""
    found = schedules("list", "--revision", "800")
    assert service.requests[0].revision == 800
    assert found["revision"] == REVISION
    assert [(each["kind"], each["id"]) for each in found["documents"]] == [
        ("schedule", "base"),
        ("schedule", "patch"),
        ("rule_set", "pilot"),
        ("rule_set", "base"),
    ]
    head = found["documents"][0]["head"]
    assert (head["confidence"], head["superseded_by"]) == ("H", "patch")
    page = CLI_PAGE.read_text("utf-8")
    assert all(f"`{name}`" in page for name in (*head, *found["documents"][0]))
    only = schedules("list", "--kind", "rule-set")["documents"]
    assert {each["kind"] for each in only} == {"rule_set"}


def test_what_is_not_of_high_confidence_is_marked() -> None:
    """With what it assumes; nothing is said of a document that is of high confidence."""
    page = cotton("schedules", "list").stdout
    assert f"patch: M medium confidence 中等可信. a trade circular. {NOTE}" in page
    assert "pilot: " not in page
    shipped = cotton("schedules", "list", "--shipped").stdout
    assert "L low confidence" in shipped
    found = schedules("list", "--shipped")
    assert found["revision"] is None
    assert found["documents"][0]["content"] == SHIPPED[0].content
    cotton("schedules", "list", "--shipped", "--revision", "3", code=Exit.USAGE)


def test_files_say_what_they_are(service: SettlementService, tmp_path: Path) -> None:
    """The content goes as it is; the server alone checks it."""
    files = [
        written(tmp_path, 'kind = "rule set"\nid = "pilot"\n'),
        written(tmp_path, '\ufeffid = "tp"\nkind = "target price"\r\n', "tp.toml"),
    ]
    found = schedules("load", *files)
    assert [(each["kind"], each["id"], each["rows"]) for each in found["documents"]] == [
        ("rule_set", "pilot", None),
        ("target_price", "tp", None),
    ]
    sent = service.requests[-1].references
    assert [each.kind for each in sent] == [RULE_SET_KIND, TARGET_PRICE_KIND]
    assert sent[0].content == files[0].read_text("utf-8")
    cotton("reference", "load", files[0])
    assert service.requests[-1].references[0] == sent[0]
    cotton("reference", "load", files[0], "--id", "other", code=Exit.BAD_INPUT)
    service.load_message = "mine.toml, line 2: no such factor. Name one of colour, length."
    page = cotton("schedules", "load", files[0], code=Exit.INCOMPLETE).stdout
    assert "line 2: no such factor." in page


def test_a_document_takes_the_place_of_another(service: SettlementService, tmp_path: Path) -> None:
    """As `cotton reference load` does it."""
    file = written(tmp_path, 'kind = "schedule"\nid = "base"\n')
    decided = ("--revision-in-force", "4", "--reason", "entry-error", "--by", "bureau")
    schedules("load", file, "--amend", *decided)
    assert service.requests[-1].references[0].amendment == common_pb2.Amendment(
        supersedes_revision=4,
        reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR,
        decided_by="bureau",
    )
    cotton("schedules", "load", file, *decided, code=Exit.USAGE)
    cotton("schedules", "load", file, "--amend", "--reason", "entry-error", code=Exit.USAGE)
    cotton("schedules", "load", "--shipped", "all", "--amend", *decided, code=Exit.USAGE)
    cotton("schedules", "load", code=Exit.USAGE)


def test_shipped_documents_are_loaded_bases_first(service: SettlementService) -> None:
    """A patch can be checked only where its base is there."""
    found = schedules("load", "--shipped", "all")
    assert [each["id"] for each in found["documents"]] == ["october", "november", "base"]
    assert [each.id for each in service.requests[-1].references] == ["october", "november", "base"]
    assert service.requests[-1].references[1].content == SHIPPED[0].content
    found = schedules("load", "--shipped", "base,october")
    assert [each["file"] for each in found["documents"]] == ["october", "base"]
    cotton("schedules", "load", "--shipped", "december", code=Exit.NOT_FOUND)
    cotton("schedules", "load", "--shipped", "base", "--kind", "rule-set", code=Exit.NOT_FOUND)


@pytest.mark.parametrize(
    ("content", "said", "line"),
    [
        ('kind = "schedule"\nid = \n', "line 2: There is no value.", "2"),
        ('kind = "schedule"\nid.a = "b"\n', "line 2: Keys with points are not read.", "2"),
        ('id = "a"\n', "key kind is missing", None),
        ('kind = "chart"\nid = "a"\n', "key kind is 'chart'", None),
        ('kind = "schedule"\n', "has no id", None),
        ('kind = "schedule"\nid = 3\n', "has no id", None),
        ('kind = "schedule"\nid = "a/b"\n', "cannot be the id", None),
        ('kind = "schedule', "line 1: A text does not end", "1"),
    ],
)
def test_a_file_that_cannot_be_one_is_not_sent(
    service: SettlementService, tmp_path: Path, content: str, said: str, line: str | None
) -> None:
    """The file and, where it is no TOML, the line are named."""
    file = written(tmp_path, content)
    result = cotton("schedules", "load", file, "--json", code=Exit.BAD_INPUT)
    error = json.loads(result.stderr)["error"]
    assert said in error["message"]
    assert error["metadata"].get("line") == line
    assert not service.requests


def test_the_option_decides_where_a_file_does_not() -> None:
    """A kind that is given stands over none and over another."""
    path = Path("x.toml")
    assert kind_and_id('id = "a"', path, SCHEDULE_KIND) == (SCHEDULE_KIND, "a")
    assert kind_and_id('id = "a"\nkind = "Rule-Set"', path, None) == (RULE_SET_KIND, "a")
    with pytest.raises(InputError):
        kind_and_id("", path, SCHEDULE_KIND)


def test_a_document_is_shown_by_name_revision_or_file(
    service: SettlementService, tmp_path: Path
) -> None:
    """One that is loaded, else one that comes with the service, else a file."""
    found = schedules("show", "patch@700")
    request = service.requests[-1]
    assert (request.kind, request.id, request.revision, request.content) == (
        SCHEDULE_KIND,
        "patch",
        700,
        "",
    )
    assert found["loaded"]
    assert found["entries"][0] == {"name": "factors.colour.21", "value": "300"}
    assert not schedules("show", "november")["loaded"]
    assert service.requests[-1].content == SHIPPED[0].content
    file = written(tmp_path, 'kind = "rule set"\nid = "new"\n')
    assert not schedules("show", file)["loaded"]
    assert service.requests[-1].kind == RULE_SET_KIND
    assert service.requests[-1].content == file.read_text("utf-8")
    page = cotton("schedules", "show", "patch", "--revision", "700").stdout
    assert service.requests[-1].revision == 700
    assert f"Assumed 假定 {NOTE}" in page
    cotton("schedules", "show", "december", code=Exit.NOT_FOUND)
    cotton("schedules", "show", "november@3", code=Exit.NOT_FOUND)
    cotton("schedules", "show", "patch@x", code=Exit.USAGE)
    several = cotton("schedules", "show", "base", code=Exit.USAGE)
    assert "give --kind (schedule, rule-set)" in several.stderr
    schedules("show", "base", "--kind", "rule-set")


def test_two_documents_are_compared(service: SettlementService) -> None:
    """Each at a revision of its own; documents of two kinds have nothing in common."""
    found = schedules("compare", "base@3", "patch@7", "--kind", "schedule")
    request = service.requests[-1]
    assert (request.id, request.revision) == ("base", 3)
    assert (request.other_id, request.other_revision) == ("patch", 7)
    assert found["entries"][0] == {
        "name": "factors.colour.21",
        "value": "300",
        "other_value": "150",
    }
    page = cotton("schedules", "compare", "patch", "november").stdout
    assert service.requests[-1].other_content == SHIPPED[0].content
    assert "2 entries" in page
    cotton("schedules", "compare", "patch", "pilot", code=Exit.NOT_FOUND)
