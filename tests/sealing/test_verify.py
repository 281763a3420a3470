"""`cotton fsck`: whatever byte or value of whatever file is another, it names the file."""

from __future__ import annotations

import json
import shutil
from contextlib import AbstractContextManager, closing, nullcontext
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import polars as pl
import pytest
from apsw import Connection
from click.testing import CliRunner
from cotton_client.cli import main
from cotton_server.ledger import LedgerError
from cotton_server.ledger.opening import FILE_NAME
from cotton_server.registry.image import IMAGE_FORMAT
from cotton_server.sealing import history, states, verify
from cotton_server.sealing.files import SealedFileError, files_below
from cotton_server.sealing.manifest import STATE_HEAD
from cotton_server.summary import digest
from cotton_server.summary.kept import STANDING_FORMAT

from tests.support.lying import change_column, restate, rewrite_manifest
from tests.support.sealed_story import tell_more, tell_sealed
from tests.support.sealing import recovered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result
    from cotton_server.sealing.verify import Verified


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory of which all is sealed but the last entry."""
    directory = tmp_path_factory.mktemp("data")
    tell_sealed(directory)
    tell_more(directory)
    return directory


@pytest.fixture
def copied(sealed: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return shutil.copytree(sealed, tmp_path / "data")


def state_below(directory: Path) -> Path:
    """The state in a data directory."""
    (state,) = (directory / "sealed" / "state").iterdir()
    return state


def verified(directory: Path) -> Verified:
    """What is found in a directory; raises what is not as it should be."""
    return verify.verify(
        directory, bales_max=5000, resident_bales_max=0, told=lambda _done, _of: None
    )


def refusal(directory: Path) -> str:
    """What is said of a directory that does not hold."""
    with pytest.raises((SealedFileError, LedgerError)) as refused:
        verified(directory)
    return str(refused.value)


def cotton(*arguments: str | Path) -> Result:
    """Runs the command."""
    return CliRunner().invoke(main, [str(each) for each in arguments], prog_name="cotton")


def test_what_is_whole_holds(sealed: Path) -> None:
    result = cotton("fsck", sealed)
    assert result.exit_code == 0, result.stderr
    assert "every reading as in the raw entries" in result.stdout
    assert "not in force are what the entries come to" in result.stdout
    assert "odd" not in result.stdout
    told = json.loads(cotton("fsck", sealed, "--json").stdout)
    assert told["state"] == told["sealed_entries"] == told["entries"] - 1
    assert (told["findings"], told["states_gone"]) == ([], [])
    assert len(told["digest"]) == 64


def test_a_flipped_byte_of_any_file_is_named(copied: Path) -> None:
    """The first, the middle and the last byte of every file, but those of SQLite's own."""
    files = [path for path in files_below(copied) if not path.name.startswith(FILE_NAME)]
    kinds = {path.relative_to(copied).parts[:2] for path in files if path.stat().st_size}
    assert kinds == {
        ("sealed", name) for name in ("entries", "readings", "manifests", "keys", "state")
    }
    taken = []
    for path in files:
        content = path.read_bytes()
        for place in {0, len(content) // 2, len(content) - 1} if content else ():
            changed = bytearray(content)
            changed[place] ^= 1
            path.write_bytes(changed)
            try:
                verified(copied)
            except (SealedFileError, LedgerError) as error:
                remedy = "Remove it" if path.suffix == ".keys" else "backup"
                if path.name not in str(error) or remedy not in str(error):
                    taken.append((path, place, str(error)))
            else:
                taken.append((path, place, "holds"))
        path.write_bytes(content)
    assert taken == []
    assert verified(copied).state


def test_a_flipped_byte_of_an_entry_is_found(copied: Path) -> None:
    path = copied / FILE_NAME
    content = path.read_bytes()
    assert b"anonymous" in content
    path.write_bytes(content.replace(b"anonymous", b"anonymour"))
    assert "is damaged at position 1" in refusal(copied)


def test_a_file_that_is_gone_is_named(copied: Path) -> None:
    """Of every kind but keys, which a start makes again; of a state also its head."""
    for path in files_below(copied / "sealed"):
        content = path.read_bytes()
        path.unlink()
        if path.suffix == ".keys":
            assert verified(copied).state
        else:
            assert path.name in refusal(copied)
        path.write_bytes(content)


def test_the_command_fails_and_says_what_to_do(copied: Path) -> None:
    path = state_below(copied) / "standing" / "lots.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    result = cotton("fsck", copied)
    assert result.exit_code == 1
    assert "Sound" not in result.stdout
    said = " ".join(result.stdout.split())
    assert "lots.parquet does not have the digest" in said
    assert "move the directory sealed/state away" in said


def test_every_value_of_a_state_is_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One value of each column of each table is another, and every digest is right."""
    directory = tmp_path / "data"
    directory.mkdir()
    tell_sealed(directory)
    registry, past = recovered(directory, resident=1000)
    assert past.state is not None
    state, parts = state_below(directory), past.parts
    # What the entries come to is the same every time.
    states.require_same_state(past.root, past.state, parts, registry)
    made = shutil.copytree(state, tmp_path / "made")

    def as_made(name: str) -> Callable[[Any, Path], None]:
        return lambda _, directory: directory.symlink_to(made / name)

    missed = []
    for path in [each for each in files_below(state) if each.suffix == ".parquet"]:
        name = str(path.relative_to(state))
        content = path.read_bytes()
        with monkeypatch.context() as context:
            context.setattr(states, "write_image", as_made("registry"))
            if path.name != "words.parquet":
                context.setattr(states, "write_standing", as_made("standing"))
            columns = list(pl.read_parquet_schema(path))
            # Of the tables of figures some: all columns are compared in the same way.
            for column in columns[:: 1 + len(columns) // 30]:
                if not change_column(path, column):
                    continue
                restate(state)
                found = states.usable_states(past.root, parts).states
                try:
                    states.require_same_state(past.root, found[0], parts, registry)
                except SealedFileError as error:
                    if path.name not in str(error) and path.name != "words.parquet":
                        missed.append((name, column, str(error)))
                else:
                    missed.append((name, column, "holds"))
                path.write_bytes(content)
    assert missed == []


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("registry/head.json", "lots_registered", 99),
        ("standing/head.json", "next_entry", 99),
        ("standing/head.json", "parts", []),
        ("standing/head.json", "cube", {}),
        ("standing/head.json", "revision", 1),
    ],
)
def test_what_a_head_of_a_state_says_is_compared(
    copied: Path, path: str, name: str, value: object
) -> None:
    state = state_below(copied)
    head = json.loads((state / path).read_bytes())
    assert head[name] != value
    (state / path).write_text(json.dumps({**head, name: value}))
    restate(state)
    said = refusal(copied)
    assert path in said
    assert f"says {name}" in said


def test_a_table_of_a_state_that_is_not_named_is_missed(copied: Path) -> None:
    state = state_below(copied)
    for name in ("not_in_force.parquet", "registry/courses.parquet", "standing/words.parquet"):
        content = (state / name).read_bytes()
        (state / name).unlink()
        restate_without(state)
        assert name in refusal(copied)
        (state / name).write_bytes(content)
    (state / "registry" / "more.parquet").write_bytes(content)
    restate_without(state)
    assert "more.parquet" in refusal(copied)


def restate_without(state: Path) -> None:
    """Puts a state right whose standing names a file that is not there."""
    head = state / "standing" / "head.json"
    said = json.loads(head.read_bytes())
    said["files"] = [each for each in said["files"] if (head.parent / each["name"]).exists()]
    before = head.read_bytes()
    head.write_text(json.dumps(said))
    restate(state)
    if len(said["files"]) == len(json.loads(before)["files"]):
        head.write_bytes(before)
        restate(state)


def another_image() -> AbstractContextManager[Any]:
    """As if another form of the registry's image were the one that is read."""
    return patch.object(history, "IMAGE_FORMAT", IMAGE_FORMAT + 1)


def another_standing() -> AbstractContextManager[Any]:
    """As if another form of the standing of lots were the one that is read."""
    return patch.object(states, "STANDING_FORMAT", STANDING_FORMAT + 1)


def other_figures() -> AbstractContextManager[Any]:
    """As if figures were computed by another version."""
    return patch.object(digest, "_sources_digest", lambda: "of another version")


def head_says_another_format(directory: Path) -> None:
    """Has the head of the state be of another form, and name what this version does not know."""
    head = state_below(directory) / STATE_HEAD
    said = json.loads(head.read_bytes())
    head.write_text(json.dumps({"format": said["format"] + 1, "position": said["position"]}))


@pytest.mark.parametrize("other", [another_image, another_standing, other_figures, None])
def test_a_state_of_another_version_is_told_and_no_failure(copied: Path, other: Any) -> None:
    """Of its form, of that of its parts, or of what computes figures: nothing is damaged."""
    position = int(state_below(copied).name)
    if other is None:
        head_says_another_format(copied)
    with nullcontext() if other is None else other():
        result = cotton("fsck", copied)
        told = json.loads(cotton("fsck", copied, "--json").stdout)
    assert result.exit_code == 0, result.stderr
    assert f"state of entry {position}: written by another version" in result.stdout
    assert "the next seal writes it anew" in result.stdout
    assert "what is not in force are" not in result.stdout
    assert "no sealed state" not in result.stdout
    assert told["states_of_others"] == [position]
    assert (told["state"], told["states_gone"], told["findings"]) == (0, [], [])


def test_what_can_be_compared_of_a_state_of_other_figures_is(copied: Path) -> None:
    """Registry and public tables; a table of figures that has other columns is not looked at."""
    state = state_below(copied)
    lots = state / "standing" / "lots.parquet"
    pl.read_parquet(lots).drop("bales_read").write_parquet(lots)
    restate(state)
    with other_figures():
        assert verified(copied).states_of_others == (int(state.name),)
    assert change_column(state / "not_in_force.parquet", "row")
    restate(state)
    with other_figures():
        assert "not_in_force.parquet" in refusal(copied)


def test_a_state_that_does_not_say_its_form_fails(copied: Path) -> None:
    head = state_below(copied) / STATE_HEAD
    for said in ({}, {"format": None}, {"format": "2"}):
        head.write_text(json.dumps({**json.loads(head.read_bytes()), "format": None, **said}))
        assert "does not say which format" in refusal(copied)


def test_a_state_under_another_name_is_not_taken_for_that(copied: Path) -> None:
    state = state_below(copied)
    state.rename(state.with_name("0000000007"))
    assert "says that it is of entry" in refusal(copied)


def test_a_head_of_a_state_that_says_more_is_not_taken(copied: Path) -> None:
    """Nobody keeps its digest: it is what this version writes, to the byte."""
    head = state_below(copied) / STATE_HEAD
    head.write_text(json.dumps({**json.loads(head.read_bytes()), "more": 1}))
    said = refusal(copied)
    assert f"{head} is not written as" in said


def test_other_bytes_of_the_same_tables_hold(copied: Path) -> None:
    """As another release of what writes Parquet may write them."""
    state = state_below(copied)
    for path in files_below(state):
        if path.suffix == ".parquet":
            pl.read_parquet(path).write_parquet(path, compression="lz4")
    restate(state)
    assert verified(copied).state


def test_without_a_state_that_is_said(copied: Path) -> None:
    shutil.rmtree(copied / "sealed" / "state")
    result = cotton("fsck", copied)
    assert result.exit_code == 0
    assert "no sealed state" in result.stdout


def test_a_state_that_the_server_takes_away_is_not_said_to_hold(copied: Path) -> None:
    """Nor is that a failure: there is a newer one, which was not there when this began."""
    compare = states.require_same_state

    def late(*arguments: Any) -> bool:
        shutil.rmtree(state_below(copied))
        return compare(*arguments)

    with patch.object(verify, "require_same_state", late):
        result = cotton("fsck", copied)
    assert result.exit_code == 0, result.stderr
    assert "not compared" in result.stdout
    assert "what is not in force" not in result.stdout


def test_every_column_of_readings_is_compared(copied: Path) -> None:
    """The row, the column and both values are told."""
    path = min((copied / "sealed" / "readings").glob("*/*.parquet"))
    content = path.read_bytes()
    right = pl.read_parquet(path, hive_partitioning=False)
    for column in right.columns:
        assert change_column(path, column)
        changed = pl.read_parquet(path, hive_partitioning=False)[column]
        place = int(changed.ne_missing(right[column]).arg_true()[0])
        rewrite_manifest(copied, 1)
        said = refusal(copied)
        assert str(path) in said
        assert f"{column} at row {right['row'][place]} is {changed[place]!r}" in said
        assert f"come to {right[column][place]!r}" in said
        path.write_bytes(content)


def test_readings_of_another_season_are_found(copied: Path) -> None:
    """A row in the file of another season, and a file that lies as one."""
    first, second, *_ = sorted((copied / "sealed" / "readings").glob("*/*1-*.parquet"))
    before = first.read_bytes(), second.read_bytes()
    whole, other = (pl.read_parquet(path, hive_partitioning=False) for path in (first, second))
    whole[1:].write_parquet(first)
    pl.concat([whole[:1], other]).write_parquet(second)
    rewrite_manifest(copied, 1)
    assert "rows, the entries come to" in refusal(copied)
    for path, content in zip((first, second), before, strict=True):
        path.write_bytes(content)

    def swap(said: dict[str, Any]) -> None:
        seasons = sorted(said["readings"])
        said["readings"][seasons[0]], said["readings"][seasons[1]] = (
            said["readings"][seasons[1]],
            said["readings"][seasons[0]],
        )

    rewrite_manifest(copied, 1, swap)
    assert "which lie in readings/season=2016" in refusal(copied)


@pytest.mark.parametrize("name", ["bales", "first_row", "stop_row", "digest"])
def test_what_a_manifest_says_is_computed_again(copied: Path, name: str) -> None:
    def change(said: dict[str, Any]) -> None:
        if name == "digest":
            said[name] = "0" * 64
        else:
            said[name] += 1

    # The second range, after which a state must not be what notices.
    shutil.rmtree(copied / "sealed" / "state")
    rewrite_manifest(copied, 2, change)
    said = refusal(copied)
    assert f"says {name} " in said
    assert "manifests" in said


def test_the_catalogue_is_compared(copied: Path) -> None:
    with closing(Connection(str(copied / FILE_NAME))) as ledger:
        ledger.execute("UPDATE seal SET stop_row = stop_row + 1 WHERE number = 2")
    assert "stop_row of the catalogue" in refusal(copied)


@pytest.mark.parametrize("freed", [True, False])
def test_payloads_in_files_are_compared_also_where_the_ledger_has_them(
    tmp_path: Path, freed: bool
) -> None:
    tell_sealed(tmp_path, free=freed)
    path = min((tmp_path / "sealed" / "entries").glob("*.parquet"))
    about = pl.read_parquet_metadata(path)
    kept = {name: each for name, each in about.items() if name != "ARROW:schema"}
    frame = pl.read_parquet(path)
    payload = frame["payload"].to_list()
    payload[1] += b"x"
    frame = frame.with_columns(pl.Series("payload", payload, dtype=pl.Binary))
    frame.write_parquet(path, metadata=kept)
    rewrite_manifest(tmp_path, 1)
    said = refusal(tmp_path)
    assert "damaged at position 2" in said
    assert path.name in said


def test_files_that_nothing_names_are_told(copied: Path) -> None:
    sealed = copied / "sealed"
    left = (
        sealed / "readings" / "season=2016" / "0000000031-0000000040.parquet",
        sealed / "manifests" / "0000000031-0000000040.json",
        sealed / "state" / "0000000040" / STATE_HEAD,
        state_below(copied) / "registry" / "old.parquet",
    )
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"left behind")
    result = cotton("fsck", copied)
    assert result.exit_code == 0, result.stderr
    assert "4 odd things, which are no damage" in result.stdout
    assert "sealed/manifests/0000000031-0000000040.json" in result.stdout
    told = json.loads(cotton("fsck", copied, "--json").stdout)
    paths = [each["path"] for each in told["findings"]]
    assert paths == sorted(str(path.relative_to(copied)) for path in left)


def test_progress_is_told_up_to_the_last_entry(sealed: Path) -> None:
    told: list[int] = []
    found = verify.verify(
        sealed, bales_max=5000, resident_bales_max=0, told=lambda done, _: told.append(done)
    )
    assert told == sorted(told)
    assert told[-1] == found.entries


def test_a_build_that_does_not_compare_says_that_lies_hold(copied: Path) -> None:
    """What each comparison is there for."""
    path = min((copied / "sealed" / "readings").glob("*/*.parquet"))
    assert change_column(path, "lot_no")
    rewrite_manifest(copied, 1)
    rewrite_manifest(copied, 2, lambda said: said.update(bales=0))
    state = state_below(copied)
    assert change_column(state / "standing" / "lots.parquet", "bales_read")
    assert change_column(state / "not_in_force.parquet", "row")
    restate(state)
    with (
        patch.object(verify, "require_same_rows", lambda *_: None),
        patch.object(verify, "require_same_manifest", lambda *_: None),
        patch.object(verify, "require_same_state", lambda *_: True),
    ):
        assert verified(copied).state
