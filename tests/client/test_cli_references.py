"""`cotton reference` against a real server: loaded, checked before, amended, listed, shown."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from cotton.inspection.v1 import lots_pb2, reference_pb2
from cotton_client import SyncCottonClient, errors, references, samples
from cotton_client.cli import main
from cotton_client.cli.exits import Exit

from tests.support.organisations import HEADING, XPCC, chart, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    from tests.support.server import Servers

    Cotton = Callable[..., Result]

NEVER_ASKED = "127.0.0.1:1"


@pytest.fixture
def cotton(servers: Servers) -> Cotton:
    """Runs `cotton reference` against a server that has no document."""
    address = servers.start().address

    def run(*arguments: str | Path) -> Result:
        command = ["--server", address, "reference", *map(str, arguments)]
        return CliRunner().invoke(main, command)

    return run


def written(directory: Path, name: str, content: str) -> Path:
    """A file."""
    path = directory / name
    path.write_bytes(content.encode())
    return path


def answer(result: Result, code: Exit = Exit.OK) -> Any:
    """The JSON of a run that ended with a code."""
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_documents_are_loaded_listed_shown_and_amended(cotton: Cotton, tmp_path: Path) -> None:
    """What a file is, and its id, are told from it; what is stored is the file to the byte."""
    content = "\ufeff" + text(*XPCC).replace("\n", "\r\n")
    organisation = written(tmp_path, "xpcc.csv", content)
    colours = written(tmp_path, "colours.csv", chart(name="my-chart"))
    first = answer(cotton("load", organisation, colours, "--json"))
    assert (first["revision"], first["received"], first["created"]) == (1, 2, 2)
    assert first["documents"] == [
        {
            "file": str(path),
            "kind": kind,
            "id": name,
            "rows": rows,
            "outcome": "created",
            "message": None,
            "stored_revision": None,
        }
        for path, kind, name, rows in (
            (organisation, "organisation", "xpcc", 6),
            (colours, "colour_chart", "my-chart", 1),
        )
    ]
    again = answer(cotton("load", organisation, "--json"))
    assert (again["existing"], again["repeated"]) == (1, False)

    organisation.write_text(text(*XPCC[:3]), "utf-8")
    differs = answer(cotton("load", organisation, "--json"), Exit.INCOMPLETE)
    assert differs["documents"][0]["outcome"] == "exists_with_different"
    assert differs["documents"][0]["stored_revision"] == 1
    page = cotton("load", organisation)
    assert page.exit_code == Exit.INCOMPLETE
    assert "conflicts" in page.stdout
    assert "--amend --revision-in-force 1 --reason WORD --by WHO" in page.stdout

    decided = ("--amend", "--revision-in-force", "1", "--reason", "entry-error", "--by", "bureau")
    amended = answer(cotton("load", organisation, *decided, "--json"))
    assert amended["corrected"] == 1
    revision = amended["revision"]

    listed = answer(cotton("list", "--json"))
    assert [(each["id"], each["stored_revision"]) for each in listed["references"]] == [
        ("xpcc", revision),
        ("my-chart", 1),
    ]
    shown = answer(cotton("show", "organisation", "xpcc", "--json"))
    assert shown["content"] == organisation.read_text("utf-8")
    assert [each["in_force"] for each in shown["versions"]] == [False, True]
    assert shown["versions"][0]["sha256"] == sha256(content.encode()).hexdigest()
    assert shown["amendment"]["decided_by"] == "bureau"
    older = cotton("show", "organisation", "xpcc", "--revision", "1", "--content")
    assert older.stdout_bytes == content.encode()
    assert answer(cotton("show", "colour-chart", "my-chart", "--json"))["kind"] == "colour_chart"


def test_pages_say_what_there_is(cotton: Cotton, tmp_path: Path) -> None:
    """Of a long document the first lines, and how many more there are."""
    assert "No document is loaded" in cotton("list").stdout
    loaded = cotton("load", samples.organisation())
    assert loaded.exit_code == Exit.OK
    assert "1 document received · 1 created" in loaded.stdout
    assert "organisation 机构" in loaded.stdout
    listed = cotton("list").stdout
    assert "xpcc" in listed
    assert "1 document · revision 版本 1" in listed
    shown = cotton("show", "organisation", "xpcc").stdout
    assert "lines more; --content prints all" in shown
    small = written(tmp_path, "small.csv", text("region,地方,地方区,,,,"))
    assert "2 files" in cotton("load", small, samples.organisation()).stdout


@pytest.mark.parametrize(
    ("name", "content", "said", "line"),
    [
        ("x.csv", f"{HEADING}\nvillage,v,v,,,,\n", '"village" is no level.', "2"),
        ("x.csv", chart(rows=["31,7.15,7.4,78,81"]), "is no whole cell.", "11"),
        ("x.csv", chart().replace("confidence: L", "confidence: X"), "confidence is", "5"),
        ("x.csv", "region\0,x\n", "The column level is not in the heading.", "1"),
        ("x.csv", "#" * (1 << 20) + "\n", "has more than 1048576 bytes", None),
        ("组织.csv", text(*XPCC), "cannot be the id of a document", None),
        ("missing.csv", None, "is not there", None),
    ],
)
def test_a_bad_file_is_told_before_anything_is_sent(
    tmp_path: Path, name: str, content: str | None, said: str, line: str | None
) -> None:
    """Also where it is the last of several: no server is needed to find that out."""
    good, path = written(tmp_path, "good.csv", text(*XPCC)), tmp_path / name
    if content is not None:
        written(tmp_path, name, content)
    command = ["--server", NEVER_ASKED, "reference", "load", str(good), str(path), "--json"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == Exit.BAD_INPUT, result.output
    error = json.loads(result.stderr)["error"]
    assert said in error["message"]
    assert error["metadata"].get("line") == line
    assert error["metadata"]["file"] == str(path)
    assert result.stdout == ""


def test_text_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(text(*XPCC).encode("gb18030"))
    command = ["--server", NEVER_ASKED, "reference", "load", str(path)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == Exit.BAD_INPUT
    assert "line 2: is not UTF-8 text" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--amend",),
        ("--amend", "--revision-in-force", "1", "--reason", "entry-error"),
        ("--revision-in-force", "1"),
        ("--reason", "entry-error"),
        ("--note", "n"),
        ("--kind", "map"),
        ("other.csv", "--id", "x"),
        ("other.csv", "--amend", "--revision-in-force=1", "--reason=entry-error", "--by=b"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    path = written(tmp_path, "x.csv", text(*XPCC))
    command = ["--server", NEVER_ASKED, "reference", "load", str(path), *arguments]
    assert CliRunner().invoke(main, command).exit_code == Exit.USAGE


def test_what_is_not_there_is_not_found(cotton: Cotton) -> None:
    result = cotton("show", "chart", "nothing")
    assert result.exit_code == Exit.NOT_FOUND
    assert "There is no colour chart of this id at revision 0." in result.stderr
    assert "See `" in result.stderr
    assert cotton("show", "map", "nothing").exit_code == Exit.USAGE
    assert cotton("show", "chart", "nothing", "--content", "--json").exit_code == Exit.USAGE
    assert cotton("list", "--revision", "9").exit_code == Exit.REFUSED


@pytest.fixture
def client(servers: Servers) -> Iterator[SyncCottonClient]:
    """The client without await, of a server that has no document."""
    with SyncCottonClient(servers.start().address) as opened:
        yield opened


def test_the_sdk_loads_any_number_of_documents(client: SyncCottonClient) -> None:
    """Over several requests, whose rows count on; the same again exists, and is no repeat."""
    count = references.DOCUMENTS_PER_REQUEST_MAX + 2
    documents = [
        reference_pb2.Reference(
            kind=reference_pb2.REFERENCE_KIND_ORGANISATION,
            id=f"d{number % 60}",
            content=text(f"region,{number % 60},区{number % 60},,,,"),
        )
        for number in range(count)
    ]
    receipt = client.load_references(documents, producer_id="bureau")
    assert (receipt.received, receipt.created, receipt.existing) == (count, 60, count - 60)
    assert [each.row for each in receipt.results] == list(range(60, count))
    assert receipt.complete
    assert receipt.revision == 2
    again = client.load_references(documents[:1], producer_id="bureau")
    assert (again.existing, again.repeated) == (1, False)
    assert len(client.references().references) == 60
    kind = reference_pb2.REFERENCE_KIND_ORGANISATION
    assert client.reference(kind, "d7", revision=1).reference == documents[7]
    with pytest.raises(errors.NotFound):
        client.reference(kind, "x")


def test_a_receipt_accounts_for_every_document() -> None:
    outcome = reference_pb2.ReferencesOutcome(received=2, created=1)
    response = reference_pb2.LoadReferencesResponse(revision=1, outcome=outcome)
    with pytest.raises(errors.ContractViolation):
        references.receipt_of([response])
    rejected = reference_pb2.ReferencesOutcome(received=1, rejected=1)
    rejected.results.add(row=0, outcome=lots_pb2.LOT_OUTCOME_REJECTED)
    response = reference_pb2.LoadReferencesResponse(revision=1, outcome=rejected)
    assert not references.receipt_of([response]).complete
