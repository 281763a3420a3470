"""`cotton ledger list`, `show` and `export`: what was received, wherever it lies now."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from cotton_client.cli import ledger_list
from cotton_server.intake.content import KINDS

from tests.support.entries import read
from tests.support.keeping import cotton, flip, said
from tests.support.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(sealed: Path) -> Path:
    """A data directory that is only read."""
    return sealed


def listed(data: Path, *options: object) -> list[dict[str, Any]]:
    """The entries of a list."""
    result = cotton("ledger", "list", data, "--json", *map(str, options))
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = said(result)["entries"]
    return found


def positions(data: Path, *options: object) -> list[int]:
    """Their positions."""
    return [each["position"] for each in listed(data, *options)]


def test_entries_are_listed_by_their_headers(data: Path) -> None:
    entries = read(data)
    found = listed(data)
    assert [each["digest"] for each in found] == [each.digest.hex() for each in entries]
    assert [each["kind"] for each in found] == [each.content.kind for each in entries]
    assert all(each["counts"]["received"] > 0 for each in found)


def test_lists_are_narrowed_down(data: Path) -> None:
    entries = read(data)
    assert positions(data, "--from", 3, "--to", 5) == [3, 4, 5]
    assert positions(data, "--limit", 2) == [30, 31]
    assert positions(data, "--from", 1, "--limit", 2) == [1, 2]
    assert positions(data, "--producer", "p") == list(range(1, 32))
    assert positions(data, "--producer", "q") == []
    kinds = {each.content.kind for each in entries}
    assert len(kinds) > 8
    for kind in kinds:
        of_kind = [each.position for each in entries if each.content.kind == kind]
        assert positions(data, "--kind", kind) == of_kind
    moment = listed(data)[9]["received_at"].replace("Z", "+00:00")
    assert 10 in positions(data, "--since", moment)
    assert min(positions(data, "--since", moment)) > 1
    assert max(positions(data, "--until", moment)) < 31


def test_kinds_that_can_be_asked_for_are_all(data: Path) -> None:
    assert set(ledger_list._KINDS) == set(KINDS)
    assert cotton("ledger", "list", data, "--kind", "others").exit_code == 2


@pytest.mark.parametrize("position", range(1, 32))
def test_every_entry_is_shown_whole(data: Path, position: int) -> None:
    entry = read(data)[position - 1]
    result = cotton("ledger", "show", data, position, "--json")
    assert result.exit_code == 0, result.stderr
    found = said(result)
    assert (found["digest"], found["payload_digest"]) == (
        entry.digest.hex(),
        entry.payload_digest.hex(),
    )
    assert found["payload"]
    assert found["outcome"]["received"] > 0
    assert (found["sealed_in"] is None) == (position == 31)
    page = cotton("ledger", "show", data, position)
    assert entry.digest.hex() in page.stdout


def test_a_payload_is_exported_as_it_was_received(data: Path, tmp_path: Path) -> None:
    for position in (3, 31):
        path = tmp_path / f"{position}.bin"
        result = cotton("ledger", "export", data, position, "--output", path, "--json")
        assert result.exit_code == 0, result.stderr
        assert sha256(path.read_bytes()).hexdigest() == said(result)["payload_digest"]
        assert path.read_bytes() == read(data)[position - 1].content.payload
    again = cotton("ledger", "export", data, 3, "--output", path, "--json")
    assert again.exit_code == 2
    assert json.loads(again.stderr)["error"]["reason"] == "FILE_EXISTS"


def test_an_entry_that_is_not_there_is_said_so(data: Path) -> None:
    result = cotton("ledger", "show", data, 32)
    assert result.exit_code == 7
    assert "the last is 31" in result.stderr


def test_a_damaged_entry_is_never_shown(data: Path, tmp_path: Path) -> None:
    path = min((data / "sealed" / "entries").iterdir())
    content = path.read_bytes()
    flip(path, 100)
    try:
        result = cotton("ledger", "show", data, 1)
        assert (result.exit_code, result.stdout) == (1, "")
        assert path.name in result.stderr
        exported = cotton("ledger", "export", data, 1, "--output", tmp_path / "file")
        assert exported.exit_code == 1
        assert not (tmp_path / "file").exists()
    finally:
        path.write_bytes(content)


def test_the_page_of_commands_names_every_field(data: Path, tmp_path: Path) -> None:
    """Of all commands that keep data."""
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    backups = tmp_path / "backups"
    made = said(cotton("backup", backups, "--data-dir", data, "--quick", "--json"))
    (data / "notes.txt").touch()
    told = [
        made,
        said(cotton("restore", made["backup"], tmp_path / "back", "--quick", "--json")),
        said(cotton("fsck", data, "--quick", "--json")),
        said(cotton("ledger", "list", data, "--json")),
        said(cotton("ledger", "export", data, 3, "--output", tmp_path / "file", "--json")),
    ]
    shown = said(cotton("ledger", "show", data, 3, "--json"))
    (data / "notes.txt").unlink()
    names = {name for each in told for name in names_in(each)} | set(shown)
    assert "severity" in names
    missing = {name for name in names if f"`{name}`" not in page}
    assert missing <= set(listed_counts(data))


def names_in(found: Any) -> set[str]:
    """All names of fields in an answer."""
    if isinstance(found, dict):
        return set(found).union(*map(names_in, found.values()))
    if isinstance(found, list):
        return set().union(*map(names_in, found))
    return set()


def listed_counts(data: Path) -> set[str]:
    """What outcomes count: names of the contract."""
    return {name for each in listed(data) for name in each["counts"]}
