"""`cotton send` and `cotton spool` against a real server: what is kept, said and given back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from cotton.inspection.v1 import readings_pb2
from cotton_client import SyncCottonClient
from cotton_client.cli import main
from cotton_client.cli.exits import Exit
from cotton_client.cli.follow import Sight, Watcher
from cotton_client.identity import content_id
from cotton_client.spool import NewBatch, Spool, default_root, directory_of

from tests.support.server import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from tests.support.server import Server

HEADER = "bale_code,lot_no,length\n"
EMPTY = readings_pb2.ReadingBatch(rows=readings_pb2.ReadingRows())
"""What every server refuses: a batch without readings."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of this module, whose bales and producers do not meet."""
    with Servers(tmp_path_factory.mktemp("server")) as servers:
        yield servers.start()


@pytest.fixture(autouse=True)
def target(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the server, told to the commands as an operator does."""
    monkeypatch.setenv("COTTON_SERVER", server.address)
    return server.address


def cotton(*arguments: str | Path) -> Result:
    """Runs the command line."""
    return CliRunner().invoke(main, [str(each) for each in arguments], prog_name="cotton")


def answered(code: Exit, *arguments: str | Path) -> Any:
    """The JSON on standard output of a run that ended with this code."""
    result = cotton(*arguments, "--json")
    assert result.exit_code == code, result.stderr
    return json.loads(result.stdout)


def lines(first: int, count: int) -> str:
    """Readings of a file."""
    return "".join(
        f"32651401611141221550000121{number:06d},65140161077,28.2\n"
        for number in range(first, first + count)
    )


def file_of(path: Path, first: int, count: int) -> Path:
    """A file of readings."""
    path.write_text(HEADER + lines(first, count), encoding="utf-8")
    return path


def row(number: int) -> readings_pb2.ReadingBatch:
    """A batch of one reading."""
    batch = readings_pb2.ReadingBatch()
    code = f"32651401611141221550000121{number:06d}"
    batch.rows.readings.add(bale_code=code, lot_no="65140161077", length=2820)
    return batch


def leave(target: str, producer: str, *batches: readings_pb2.ReadingBatch) -> None:
    """Leaves batches in the producer's spool, as a run that was cut off does."""
    directory = directory_of(default_root(), producer, target)
    with Spool(directory, server=target, producer_id=producer) as spool:
        spool.append(
            [
                NewBatch(
                    source=1,
                    file="earlier.csv",
                    place=place,
                    bale_first=place + 1,
                    bales=1,
                    batch_id=content_id(batch, place),
                    sequenced=False,
                    readings=batch.SerializeToString(),
                )
                for place, batch in enumerate(batches)
            ]
        )


def test_a_clean_run_leaves_an_empty_spool_below_the_state_directory(
    tmp_path: Path, state_home: Path, target: str
) -> None:
    """Which producer and server it is for can be told from its name."""
    path = file_of(tmp_path / "a.csv", 0, 10)
    assert answered(Exit.OK, "send", path, "--batch-bales", "3")["created"] == 10
    (spool,) = (state_home / "cotton" / "spool").iterdir()
    assert spool == directory_of(default_root(), "cotton-send", target)
    (listed,) = answered(Exit.OK, "spool", "list")["spools"]
    assert (listed["server"], listed["producer"]) == (target, "cotton-send")
    assert (listed["waiting_batches"], listed["refused"]) == (0, [])
    assert "nothing waiting · 0 refused" in cotton("spool", "list").stdout


def test_the_spool_lies_where_it_is_told_to(tmp_path: Path, state_home: Path) -> None:
    """And nowhere at all with --no-spool; either way the batches have the same identity."""
    path, root = file_of(tmp_path / "a.csv", 1000, 10), tmp_path / "spools"
    sent = answered(Exit.OK, "send", path, "--spool", root)
    assert (sent["created"], sent["repeated_batches"]) == (10, 0)
    again = answered(Exit.OK, "send", path, "--no-spool")
    assert (again["created"], again["repeated_batches"]) == (10, 1)
    assert (again["left"], again["refused"]) == ([], [])
    assert list(root.iterdir())
    assert not state_home.exists()
    assert "There is no spool" in cotton("spool", "list").stdout
    assert len(answered(Exit.OK, "spool", "list", "--spool", root)["spools"]) == 1


def test_what_an_earlier_run_left_is_sent_first_and_said(tmp_path: Path, target: str) -> None:
    """Its counts stand beside those of the files that were named."""
    for as_json, first in ((True, 2000), (False, 2100)):
        leave(target, "W20", row(first), row(first + 1))
        path = file_of(tmp_path / "a.csv", first, 10)
        result = cotton("send", path, "--warehouse", "W20", *(["--json"] if as_json else []))
        assert result.exit_code == Exit.OK
        assert "Sending first 2 bales that an earlier run left in the spool" in result.stderr
        if as_json:
            assert json.loads(result.stderr)["notice"].startswith("Sending first 2 bales")
            answer = json.loads(result.stdout)
            (left,) = answer["left"]
            assert (left["file"], left["created"]) == ("earlier.csv", 2)
            assert (answer["created"], answer["existing"]) == (8, 2)
        else:
            assert "earlier.csv, left by an earlier run: 2 bales received" in result.stdout


def test_notices_are_lines_of_json_for_programs(tmp_path: Path) -> None:
    """Standard error is never a mixture of text and JSON; people read the same in words."""
    path = file_of(tmp_path / "a.csv", 7000, 2)
    path.write_text(path.read_text().rstrip("\n"))
    wrong = file_of(tmp_path / "b.csv", 7100, 1)
    wrong.write_text(wrong.read_text() + "no bale")
    command = ("send", path, wrong, "--warehouse", "W29")
    result = cotton(*command, "--json")
    assert result.exit_code == Exit.BAD_INPUT
    notice, error = (json.loads(line) for line in result.stderr.splitlines())
    assert notice["notice"].startswith("the last line has no line end")
    assert (notice["file"], notice["line"]) == (str(path), 3)
    assert error["error"]["reason"] == "INVALID_FILE"
    assert f"Notice: {path}, line 3: the last line has no line end" in cotton(*command).stderr


def test_a_spool_in_use_names_who_has_it(tmp_path: Path, target: str) -> None:
    """The second command ends at once; another producer is not held up."""
    path = file_of(tmp_path / "a.csv", 3000, 1)
    directory = directory_of(default_root(), "W30", target)
    with Spool(directory, server=target, producer_id="W30"):
        result = cotton("send", path, "--warehouse", "W30", "--json")
        assert result.exit_code == Exit.UNAVAILABLE
        error = json.loads(result.stderr)["error"]
        assert error["reason"] == "SPOOL_BUSY"
        assert error["metadata"]["process"].isdigit()
        assert cotton("send", path, "--warehouse", "W31").exit_code == Exit.OK


def test_a_refused_batch_is_listed_retried_and_dropped(tmp_path: Path, target: str) -> None:
    """It holds up nobody, exits 4, and goes only when somebody says so."""
    leave(target, "W40", row(4000), EMPTY, row(4001))
    path = file_of(tmp_path / "a.csv", 4002, 5)
    answer = answered(Exit.REFUSED, "send", path, "--warehouse", "W40")
    assert (answer["created"], answer["left"][0]["created"]) == (5, 2)
    (refused,) = answer["refused"]
    assert (refused["file"], refused["bale_first"], refused["reason"]) == (
        "earlier.csv",
        2,
        "EMPTY_BATCH",
    )
    number = str(refused["id"])
    (listed,) = answered(Exit.OK, "spool", "list")["spools"]
    assert listed["refused"][0]["refused_at"]
    assert listed["refused"][0]["remedy"] == refused["remedy"]
    assert "EMPTY_BATCH" in cotton("spool", "list").stdout
    owner = ("--producer", "W40")
    again = answered(Exit.REFUSED, "spool", "retry", *owner)
    assert [each["id"] for each in again["refused"]] == [refused["id"]]
    assert f"kept in the spool as {number}" in cotton("spool", "retry", number, *owner).stdout
    assert cotton("spool", "drop", number, *owner).exit_code == Exit.USAGE
    wrong = cotton("spool", "drop", "999", "--yes", *owner, "--json")
    assert wrong.exit_code == Exit.REFUSED
    assert json.loads(wrong.stderr)["error"]["reason"] == "NOT_IN_SPOOL"
    assert cotton("spool", "retry", "999", *owner).exit_code == Exit.REFUSED
    assert answered(Exit.OK, "spool", "drop", number, "--yes", *owner)["file"] == "earlier.csv"
    assert answered(Exit.OK, "spool", "list")["spools"][0]["refused"] == []
    assert cotton("spool", "retry", *owner).stdout == "Nothing waits in the spool.\n"


def test_messages_are_numbered_by_the_producers_sequence(tmp_path: Path, target: str) -> None:
    """With and without the spool; the server then stands at the next number."""
    for number, option in enumerate(("--sequenced", "--no-spool")):
        path = file_of(tmp_path / "a.csv", 5000 + 10 * number, 10)
        options = {"--sequenced", option}
        arguments = ("--warehouse", "W50", "--batch-bales", "3", *options)
        assert answered(Exit.OK, "send", path, *arguments)["created"] == 10
    with SyncCottonClient(target) as client:
        assert client.producer("W50").next_sequence == 9


def test_a_file_that_goes_wrong_leaves_what_was_before_it_stored(
    tmp_path: Path, target: str
) -> None:
    """The error names the line, and says how many bales are acknowledged."""
    path = tmp_path / "bad.csv"
    path.write_text(HEADER + lines(6000, 10) + "x,65140161077,28.2\n", encoding="utf-8")
    good = file_of(tmp_path / "good.csv", 6100, 1)
    result = cotton("send", good, path, file_of(tmp_path / "next.csv", 6200, 1), "--json")
    assert result.exit_code == Exit.BAD_INPUT
    error = json.loads(result.stderr)["error"]
    assert (error["metadata"]["line"], error["metadata"]["file"]) == ("12", str(path))
    (listed,) = answered(Exit.OK, "spool", "list")["spools"]
    assert listed["waiting_batches"] == 0
    with SyncCottonClient(target) as client:
        assert client.bale("32651401611141221550000121006100").reading.length == 2820


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.csv", "--follow", "."],
        ["--follow", ".", "--no-spool"],
        ["--follow", "missing"],
        ["a.csv", "--spool-limit", "0"],
    ],
)
def test_what_cannot_be_meant_exits_2(arguments: list[str]) -> None:
    """Files or a directory, and a directory needs the spool."""
    assert cotton("send", *arguments).exit_code == Exit.USAGE


class Clock:
    """A clock that tests set."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def names(found: list[Sight]) -> list[str]:
    """Names of the files found."""
    return [each.path.name for each in found]


def test_a_file_is_ready_when_it_has_not_changed_for_long_enough(tmp_path: Path) -> None:
    """Every change starts the time anew, and each state of a file is given until it is done."""
    clock = Clock()
    watcher = Watcher(tmp_path, settle_s=2, clock=clock)
    path = tmp_path / "a.csv"
    path.write_text("1")
    assert watcher.ready() == []
    clock.now = 1.9
    path.write_text("12")
    assert watcher.ready() == []
    clock.now = 3.8
    assert watcher.ready() == []
    clock.now = 3.9
    assert names(watcher.ready()) == names(watcher.ready()) == ["a.csv"]
    watcher.done(watcher.ready()[0])
    assert watcher.ready() == []
    path.write_text("123")
    assert watcher.ready() == []
    clock.now = 6
    assert [each.size for each in watcher.ready()] == [3]
    path.unlink()
    assert watcher.ready() == []


def test_only_files_of_the_pattern_that_hold_something_are_taken(tmp_path: Path) -> None:
    """Directories, hidden names, empty files and other names are passed over."""
    (tmp_path / "directory.csv").mkdir()
    for name, text in (
        ("b.csv", "x"),
        ("a.csv", "x"),
        (".c.csv", "x"),
        ("d.txt", "x"),
        ("e.csv", ""),
    ):
        (tmp_path / name).write_text(text)
    watcher = Watcher(tmp_path, pattern="*.csv", settle_s=0)
    assert names(watcher.ready()) == ["a.csv", "b.csv"]
