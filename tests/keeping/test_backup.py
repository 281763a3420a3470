"""`cotton backup`: whole whatever the server does meanwhile, or not there."""

from __future__ import annotations

import fcntl
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import apsw
import pytest
from cotton_server.keeping import contents
from cotton_server.keeping.errors import BackupBusyError, DamageError, NotUsableError
from cotton_server.keeping.record import INCOMPLETE, SUMS, read_record, read_sums
from cotton_server.keeping.snapshot import LedgerSnapshot
from cotton_server.ledger import EvidenceDamagedError
from cotton_server.sealing.manifest import STATE_HEAD

from tests.support.bales import bale
from tests.support.calls import stream
from tests.support.entries import read
from tests.support.keeping import (
    at_step,
    backed_up,
    checked,
    cotton,
    flip,
    is_same_file,
    registry_of,
    restored,
    said,
    tell_new,
)
from tests.support.sealing import seal
from tests.support.server import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.server import Servers


def test_a_backup_has_everything_and_says_so(data: Path, tmp_path: Path) -> None:
    run = data / "runs" / "a"
    run.mkdir(parents=True)
    (run / "manifest.txt").write_text("of a run")
    for name in ("lock", "sealing.lock", "ledger.sqlite.partial"):
        (data / name).touch()
    made = backed_up(data, tmp_path / "backups")
    copied = {
        path.relative_to(made.path / "data")
        for path in made.path.rglob("*")
        if path.is_file() and "data" in path.parts
    }
    there = {path.relative_to(data) for path in data.rglob("*") if path.is_file()}
    left = {str(path) for path in there - copied}
    assert left == {
        "lock",
        "sealing.lock",
        "ledger.sqlite.partial",
        "ledger.sqlite-wal",
        "ledger.sqlite-shm",
    } & {str(path) for path in there}
    assert read_record(made.path) == made.record
    assert (made.record.position, made.record.sealed, made.record.state) == (31, 30, 30)
    assert [each.digest.hex() for each in read(data)][-1] == made.record.digest
    checker = shutil.which("sha256sum")
    assert checker is not None
    subprocess.run([checker, "--check", "--quiet", SUMS], cwd=made.path, check=True)
    for path in made.path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_what_an_earlier_backup_has_is_not_copied_again(data: Path, tmp_path: Path) -> None:
    first = backed_up(data, tmp_path / "backups")
    tell_new(data)
    seal(data)
    second = backed_up(data, tmp_path / "backups")
    assert second.linked >= 10
    one, other = read_sums(first.path), read_sums(second.path)
    same = {name for name in one if one[name] == other.get(name) and "entries" in name}
    assert same
    assert all(is_same_file(first.path / name, second.path / name) for name in same)
    # One may go, the other stays whole.
    shutil.rmtree(first.path)
    assert cotton("fsck", second.path).exit_code == 0


def test_what_rots_in_an_earlier_backup_is_copied_anew(data: Path, tmp_path: Path) -> None:
    first = backed_up(data, tmp_path / "backups")
    rotten = min((first.path / "data" / "sealed" / "entries").iterdir())
    flip(rotten)
    second = backed_up(data, tmp_path / "backups")
    assert second.damaged == (str(rotten),)
    assert cotton("fsck", first.path).exit_code == 1
    assert cotton("fsck", second.path).exit_code == 0


def test_what_rots_in_the_data_directory_is_taken_from_an_earlier_backup(
    data: Path, tmp_path: Path
) -> None:
    backed_up(data, tmp_path / "backups")
    rotten = min((data / "sealed" / "entries").iterdir())
    flip(rotten)
    second = backed_up(data, tmp_path / "backups")
    assert cotton("fsck", second.path).exit_code == 0


@pytest.mark.parametrize("directory", ["entries", "readings", "manifests", "keys", "state"])
def test_no_backup_is_made_of_what_is_damaged(data: Path, tmp_path: Path, directory: str) -> None:
    rotten = max(path for path in (data / "sealed" / directory).rglob("*") if path.is_file())
    flip(rotten)
    with pytest.raises((DamageError, EvidenceDamagedError)) as refused:
        backed_up(data, tmp_path / "backups")
    assert directory in str(refused.value)
    assert not [*(tmp_path / "backups").glob("2*")]


def test_a_backup_that_misses_an_entry_gets_no_name(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a copy that is sound in itself: its chain is right, and ends too early."""
    copy = LedgerSnapshot.copy

    def copy_less(snapshot: LedgerSnapshot, target: Path, told: Callable[[int, int], None]) -> None:
        copy(snapshot, target, told)
        connection = apsw.Connection(str(target))
        connection.execute("DELETE FROM entry WHERE position = (SELECT max(position) FROM entry)")
        connection.close()

    monkeypatch.setattr(LedgerSnapshot, "copy", copy_less)
    for full in (False, True):
        with pytest.raises(DamageError, match="ends with entry 30"):
            backed_up(data, tmp_path / "backups", full=full)
    assert not [*(tmp_path / "backups").glob("2*")]


def test_nothing_is_removed_that_no_backup_has_made(data: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "backups" / "download.incomplete"
    theirs.mkdir(parents=True)
    backed_up(data, tmp_path / "backups")
    assert theirs.is_dir()


def entries_of(directory: Path) -> list[object]:
    """What is in a ledger, wherever its payloads lie."""
    return [each.content for each in read(directory)]


@pytest.mark.parametrize("step", ["Ledger", "Files"])
def test_what_is_appended_sealed_and_freed_meanwhile_does_no_harm(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """While the ledger is copied, and between it and the files; its state is taken away too."""
    monkeypatch.setattr("cotton_server.keeping.snapshot.PIECE_BYTES", 1)
    before = entries_of(data)

    def work() -> None:
        tell_new(data)
        seal(data)
        for each in sorted((data / "sealed" / "state").iterdir())[:-1]:
            shutil.rmtree(each)

    made = backed_up(data, tmp_path / "backups", at_step(step, work))
    assert len(entries_of(data)) > len(before)
    back = restored(made.path, tmp_path / "back")
    assert entries_of(back) == before
    assert made.record.state == 30
    assert [path.name for path in (back / "sealed" / "state").iterdir()] == ["0000000030"]


def test_a_state_that_is_replaced_at_the_worst_moment_is_tried_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between finding the newest and opening its files."""
    find = contents.state_directories
    done: list[None] = []

    def late(directory: Path, last: int) -> list[Path]:
        found = find(directory, last)
        if not done:
            done.append(None)
            tell_new(data)
            seal(data)
            for each in found:
                shutil.rmtree(each)
        return found

    monkeypatch.setattr("cotton_server.keeping.taking.state_directories", late)
    made = backed_up(data, tmp_path / "backups")
    assert made.record.state == made.record.position > 31


def test_a_backup_that_is_killed_is_named_incomplete(data: Path, tmp_path: Path) -> None:
    """And is no backup for anybody; the next one removes it."""
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tests.support.keeping import at_step, backed_up\n"
        "work = lambda: os.kill(os.getpid(), signal.SIGKILL)\n"
        "backed_up(Path(sys.argv[1]), Path(sys.argv[2]), at_step(sys.argv[3], work))\n"
    )
    backups = tmp_path / "backups"
    for step in ("Ledger", "Files"):
        command = [sys.executable, "-c", script, str(data), str(backups), step]
        ended = subprocess.run(command, check=False, cwd=ROOT)
        assert ended.returncode == -signal.SIGKILL
        (left,) = [each for each in backups.iterdir() if each.is_dir()]
        assert left.name.endswith(INCOMPLETE)
        result = cotton("restore", left, tmp_path / "back")
        assert (result.exit_code, "was not finished" in result.stderr) == (2, True)
        assert not (tmp_path / "back").exists()
    backed_up(data, backups)
    assert not left.exists()


def test_a_backup_that_fails_leaves_nothing(data: Path, tmp_path: Path) -> None:
    backups = tmp_path / "backups"

    def fail() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        backed_up(data, backups, at_step("Files", fail))
    assert [each.name for each in backups.iterdir()] == [".lock"]


def test_one_backup_at_a_time(data: Path, tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    backups.mkdir()
    with (backups / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BackupBusyError):
            backed_up(data, backups)
    backed_up(data, backups)


def test_what_cannot_be_backed_up_says_why(data: Path, tmp_path: Path) -> None:
    with pytest.raises(NotUsableError, match="lies in the data directory"):
        backed_up(data, data / "backups")
    (tmp_path / "empty").mkdir()
    for directory in (tmp_path / "absent", tmp_path / "empty"):
        result = cotton("backup", tmp_path / "backups", "--data-dir", directory, "--json")
        assert result.exit_code == 2
        assert "no data directory" in result.stderr


def test_the_copied_ledger_is_read_without_writing_beside_it(data: Path, tmp_path: Path) -> None:
    made = backed_up(data, tmp_path / "backups")
    before = sorted(made.path.rglob("*"))
    assert cotton("fsck", made.path).exit_code == 0
    assert checked(made.path / "data", full=False).is_sound
    assert sorted(made.path.rglob("*")) == before


def test_links_are_not_followed(data: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of somebody else")
    (data / "link").symlink_to(tmp_path / "secret")
    made = backed_up(data, tmp_path / "backups")
    assert made.left_out == ("link",)
    assert not (made.path / "data" / "link").exists()


def test_a_server_is_backed_up_while_it_takes_in_seals_and_frees(
    servers: Servers, tmp_path: Path
) -> None:
    """Every batch acknowledged before a backup began is in it; a server answers the same on it."""
    server = servers.start(seal_bales=100, resident_bales_max=200)
    taken: list[int] = []
    with server.channel() as channel, stream(channel) as readings:
        sent = 0
        until = time.monotonic() + 60
        while len(taken) < 3 and time.monotonic() < until:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "cotton_client.cli",
                    "backup",
                    str(tmp_path / "backups"),
                    "--data-dir",
                    str(servers.data_dir),
                    "--json",
                ],
                stdout=subprocess.PIPE,
                text=True,
            )
            acknowledged = sent
            while process.poll() is None:
                outcome = readings.append(
                    [bale(sent * 20 + place) for place in range(20)], sent + 1
                ).outcome
                assert outcome.created == 20
                sent += 1
                time.sleep(0.01)
            assert process.returncode == 0
            assert process.stdout is not None
            process.stdout.close()
            taken.append(acknowledged)
    assert server.metrics()["cotton_sealed_position",] > 0
    assert server.end() == 0
    backups = sorted((tmp_path / "backups").glob("2*"))
    assert len(backups) == 3
    whole = [each.content for each in read(servers.data_dir)]
    for backup, acknowledged in zip(backups, taken, strict=True):
        record = read_record(backup)
        assert record.position >= acknowledged
        back = restored_by_command(backup, tmp_path / backup.name)
        assert [each.content for each in read(back)] == whole[: record.position]
    assert read_record(backups[-1]).sealed > 0
    servers.data_dir = tmp_path / backups[-1].name
    again = servers.start()
    with again.channel() as channel, stream(channel) as readings:
        # Who sends goes on where the backup ends, and what it sends again is counted once.
        assert readings.next_sequence() == read_record(backups[-1]).position + 1
    assert again.end() == 0


def restored_by_command(backup: Path, directory: Path) -> Path:
    """What `cotton restore` makes of a backup."""
    result = cotton("restore", backup, directory, "--json")
    assert result.exit_code == 0, result.stderr
    assert said(result)["revision"] == read_record(backup).position
    return directory


def test_a_restored_directory_comes_to_the_same(data: Path, tmp_path: Path) -> None:
    made = backed_up(data, tmp_path / "backups")
    back = restored(made.path, tmp_path / "back")
    assert registry_of(back) == registry_of(data)
    assert checked(back).digest == checked(data).digest
    assert (back / "sealed" / "state" / "0000000030" / STATE_HEAD).is_file()
