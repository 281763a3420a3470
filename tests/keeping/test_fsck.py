"""`cotton fsck`: all that is wrong is named at once, and what is only odd fails nothing."""

from __future__ import annotations

import json
import shutil
import signal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import apsw
import numpy as np
import pytest
from cotton_server.keeping.errors import KeepingError
from cotton_server.keeping.forms import require_startable
from cotton_server.keeping.versions import THIS, last_served_by, note_version
from cotton_server.ledger import LedgerError
from cotton_server.ledger.opening import FILE_NAME, FREED_FORMAT
from cotton_server.sealing.manifest import FORMAT

from tests.support.bales import bale
from tests.support.calls import Calls
from tests.support.keeping import checked, cotton, flip, said
from tests.support.server import NotServingError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import Servers


FLIPS: Final = 120


def damage(directory: Path, *, full: bool = False) -> dict[str, str]:
    """What is damaged, by path."""
    found = checked(directory, full=full)
    return {each.path: each.what for each in found.findings if each.is_damage}


def fold(path: Path) -> None:
    """Has everything that is in the log of a ledger in its file."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def everything_in(path: Path) -> list[list[Any]]:
    """All rows of a ledger, with what SQLite knows of its tables."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    tables = ("entry", "seal", "sqlite_schema")
    rows: list[list[Any]] = [
        list(connection.execute(f"SELECT * FROM {each}"))  # noqa: S608 - constants
        for each in tables
    ]
    connection.close()
    return rows


def odd(directory: Path) -> dict[str, str]:
    """What is odd and no damage, by path."""
    found = checked(directory, full=False)
    assert found.is_sound
    return {each.path: each.what for each in found.findings}


def test_everything_that_is_damaged_is_named_at_once(data: Path) -> None:
    """Of every kind of sealed files one, and the check goes on behind it."""
    entries = min((data / "sealed" / "entries").iterdir())
    readings = max((data / "sealed" / "readings").rglob("*.parquet"))
    state = data / "sealed" / "state" / "0000000030" / "registry" / "courses.parquet"
    for path in (entries, readings, state):
        flip(path)
    manifest = sorted((data / "sealed" / "manifests").iterdir())[1]
    manifest.unlink()
    wrong = {str(path.relative_to(data)) for path in (entries, readings, state, manifest)}
    assert set(damage(data)) == wrong
    result = cotton("fsck", data, "--json")
    assert result.exit_code == 1
    told = said(result)
    assert told["sound"] is False
    assert {each["path"] for each in told["findings"]} == wrong
    assert all(each["severity"] == "damage" and each["remedy"] for each in told["findings"])
    # Nothing is decided again on what is damaged, which is said.
    assert told["bales"] is None
    assert "Decisions were not made again" in cotton("fsck", data).stdout


def test_digests_alone_find_a_flipped_byte_of_any_sealed_file(data: Path) -> None:
    """The first, the middle and the last byte of each, so of every kind."""
    files = [path for path in (data / "sealed").rglob("*") if path.is_file()]
    assert {path.relative_to(data).parts[1] for path in files} == {
        *("entries", "readings", "manifests", "keys", "state")
    }
    missed = []
    for path in files:
        content = path.read_bytes()
        for place in {0, len(content) // 2, len(content) - 1} if content else ():
            flip(path, place)
            if str(path.relative_to(data)) not in damage(data):
                missed.append((path, place))
            path.write_bytes(content)
    assert missed == []
    assert damage(data) == {}


def test_a_flipped_byte_of_the_ledger_is_found_or_changes_nothing_that_is_read(data: Path) -> None:
    """Wherever it is: of an entry, of the catalogue, of an index, or where nothing lies."""
    path = data / FILE_NAME
    fold(path)
    before, content = everything_in(path), path.read_bytes()
    places = np.random.default_rng(1).choice(len(content), FLIPS, replace=False).tolist()
    found = 0
    for place in places:
        flip(path, place)
        try:
            found += FILE_NAME in damage(data)
            assert FILE_NAME in damage(data) or everything_in(path) == before, place
        except (KeepingError, LedgerError):
            found += 1
        path.write_bytes(content)
    assert found > FLIPS // 20


def test_a_catalogue_that_does_not_fit_the_entries_is_found(data: Path) -> None:
    connection = apsw.Connection(str(data / FILE_NAME))
    connection.execute("UPDATE seal SET digest = zeroblob(32) WHERE number = 2")
    connection.close()
    assert "the catalogue of seals says" in damage(data)[FILE_NAME]


def test_commits_that_sqlite_does_without_are_told_of(servers: Servers, tmp_path: Path) -> None:
    """After a kill, where a byte of the log has changed; of one that is only torn nothing is."""
    server = servers.start()
    with server.channel() as channel:
        for number in range(8):
            Calls(channel).submit([bale(number)], f"b-{number}")
    server.end(signal.SIGKILL)
    log = servers.data_dir / f"{FILE_NAME}-wal"
    content = log.read_bytes()
    frame = 24 + int.from_bytes(content[8:12])
    assert damage(servers.data_dir) == {}
    assert checked(servers.data_dir, full=False).entries == 8
    for place in (16, 32, 32 + frame // 2, 32 + 4 * frame):
        flip(log, place)
        assert "commits behind a page that has changed" in damage(servers.data_dir)[log.name]
        log.write_bytes(content)
    for torn in (len(content) - 1, len(content) - frame // 2):
        log.write_bytes(content[:torn])
        assert damage(servers.data_dir) == {}
    # A page of the last commit that a kill has torn, with one behind it that was written.
    flipped = bytearray(content)
    flipped[len(content) - frame - frame // 2] ^= 1
    log.write_bytes(flipped)
    assert damage(servers.data_dir) == {}
    log.write_bytes(content)
    flip(log, 32 + 4 * frame)
    refused = cotton("backup", tmp_path / "backups", "--data-dir", servers.data_dir)
    assert refused.exit_code == 1
    again = servers.start()
    assert again.events["commits of the write-ahead log cannot be read"]["commits"] > 1
    assert again.end() == 0
    assert damage(servers.data_dir) == {}


def test_what_is_sealed_is_looked_at_behind_a_ledger_that_is_damaged(data: Path) -> None:
    path = data / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b"anonymous", b"anonymour"))
    readings = max((data / "sealed" / "readings").rglob("*.parquet"))
    flip(readings)
    assert set(damage(data)) == {FILE_NAME, str(readings.relative_to(data))}


def test_a_ledger_that_is_gone_is_damage_where_entries_are_sealed(data: Path) -> None:
    for path in data.glob(f"{FILE_NAME}*"):
        path.unlink()
    result = cotton("fsck", data)
    assert result.exit_code == 1
    assert f"has sealed entries, but no {FILE_NAME}" in " ".join(result.stderr.split())


def test_every_damaged_file_of_payloads_is_named(data: Path) -> None:
    files = sorted((data / "sealed" / "entries").iterdir())
    assert len(files) == 3
    for path in (files[0], files[2]):
        path.unlink()
    found = damage(data)
    assert set(found) == {str(path.relative_to(data)) for path in (files[0], files[2])}
    assert all("which is missing" in what for what in found.values())
    assert checked(data, full=False).entries == 0


def test_what_digests_alone_find_of_a_header(data: Path) -> None:
    path = data / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b"anonymous", b"anonymour"))
    assert "entry 1: the header or the chain" in damage(data)[FILE_NAME]


def test_an_index_that_hides_entries_is_found(data: Path) -> None:
    """No entry is another than it was, but who sends one again would have it counted twice."""
    connection = apsw.Connection(str(data / FILE_NAME))
    root = connection.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'entry_by_batch_id'"
    ).get
    page_bytes = connection.execute("PRAGMA page_size").get
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    with (data / FILE_NAME).open("r+b") as file:
        file.seek((root - 1) * page_bytes)
        page = bytearray(file.read(page_bytes))
        place = page.rindex(b"0-3")
        page[place : place + 3] = b"0-X"
        file.seek((root - 1) * page_bytes)
        file.write(page)
    assert "entry_by_batch_id" in damage(data)[FILE_NAME]


def test_what_is_no_sqlite_file_is_damage(data: Path) -> None:
    (data / FILE_NAME).write_bytes(b"SQLite format 3\0" + bytes(5000))
    for path in data.glob(f"{FILE_NAME}-*"):
        path.unlink()
    result = cotton("fsck", data)
    assert result.exit_code in (1, 2)
    assert FILE_NAME in result.stdout + result.stderr


def test_what_is_odd_fails_nothing(data: Path) -> None:
    assert odd(data) == {}
    (data / "notes.txt").write_text("of the operator")
    (data / "sealed").chmod(0o770)
    run = data / "runs" / ("0" * 64)
    run.mkdir(parents=True)
    (run / "SHA256SUMS").write_text(f"{sha256(b'').hexdigest()}  lots.parquet\n")
    (run / "lots.parquet").write_text("another")
    (data / "runs" / "half.partial").mkdir()
    found = odd(data)
    assert "nothing of the service's" in found["notes.txt"]
    assert "mode 770" in found["sealed"]
    assert "does not have the digest" in found[f"runs/{'0' * 64}"]
    assert "not written to its end" in found["runs/half.partial"]
    result = cotton("fsck", data)
    assert result.exit_code == 0
    assert "Sound." in result.stdout
    assert "4 odd things" in result.stdout


def test_a_run_that_is_whole_is_not_odd(data: Path) -> None:
    content = b"of a run"
    name = sha256(content).hexdigest()
    run = data / "runs" / name
    run.mkdir(parents=True)
    (run / "manifest.txt").write_bytes(content)
    (run / "SHA256SUMS").write_text(f"{name}  manifest.txt\n")
    assert odd(data) == {}
    (run / "manifest.txt").write_bytes(b"of another")
    assert f"runs/{name}" in odd(data)


def test_what_must_not_be_there_is_damage(data: Path) -> None:
    (data / "lock").symlink_to("elsewhere")
    (data / "restore.incomplete").touch()
    assert set(damage(data)) == {"lock", "restore.incomplete"}


def test_what_is_no_data_directory_is_wrong_usage(tmp_path: Path) -> None:
    result = cotton("fsck", tmp_path, "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert json.loads(result.stderr)["error"]["reason"] == "NOT_USABLE"
    assert cotton("fsck", tmp_path / "absent").exit_code == 2


def newer_ledger(data: Path) -> None:
    """Gives the ledger the format after the last known one."""
    connection = apsw.Connection(str(data / FILE_NAME))
    connection.execute(f"PRAGMA user_version = {FREED_FORMAT + 1}")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def newer_manifest(data: Path) -> None:
    """Gives a manifest another form, whose digest the catalogue has not."""
    change(min((data / "sealed" / "manifests").iterdir()), "format")


def change(path: Path, name: str) -> None:
    """Adds a thousand to a number in a JSON file."""
    said = json.loads(path.read_bytes())
    path.write_text(json.dumps({**said, name: said[name] + 1000}))


@pytest.mark.parametrize("make", [newer_ledger, newer_manifest])
def test_a_newer_form_is_left_as_it_is_and_names_the_version_to_use(
    sealed: Path, servers: Servers, make: object
) -> None:
    assert callable(make)
    data = servers.data_dir
    shutil.copytree(sealed, data)
    make(data)
    (data / "versions.json").write_text('[{"version": "9.9.1", "since": "2031-01-01"}]')
    (data / "lock").touch()
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    with pytest.raises(NotServingError, match=r"Use version 9\.9\.1, which served it last"):
        servers.start()
    after = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    del before[data / "lock"], after[data / "lock"]
    assert after == before
    for command in (("fsck", data), ("backup", data.parent / "backups", "--data-dir", data)):
        result = cotton(*command)
        assert result.exit_code == 2
        assert "9.9.1" in result.stderr


def test_an_older_form_is_for_others_to_judge(data: Path) -> None:
    assert FORMAT > 0
    path = min((data / "sealed" / "manifests").iterdir())
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "format": 0}))
    require_startable(data)


def test_versions_that_served_are_kept(data: Path) -> None:
    assert last_served_by(data) is None
    note_version(data)
    note_version(data)
    assert [each["version"] for each in json.loads((data / "versions.json").read_text())] == [THIS]
    (data / "versions.json").write_text('[{"version": "0.0.9", "since": "2020-01-01"}]')
    note_version(data)
    listed = json.loads((data / "versions.json").read_text())
    assert [each["version"] for each in listed] == ["0.0.9", THIS]
    (data / "versions.json").write_text("{")
    assert last_served_by(data) is None
    note_version(data)
    assert last_served_by(data) == THIS
