"""`cotton restore`: only into a directory that has nothing, and verified before anybody starts."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cotton_server.errors import StartError
from cotton_server.keeping.contents import UNFINISHED
from cotton_server.keeping.copying import digest_of
from cotton_server.keeping.errors import DamageError, NewerFormError, NotUsableError
from cotton_server.keeping.forms import require_startable
from cotton_server.keeping.record import RECORD, SUMS

from tests.support.keeping import backed_up, cotton, flip, restored
from tests.support.server import ROOT, NotServingError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import Servers


@pytest.fixture(scope="module")
def made(sealed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup."""
    return backed_up(sealed, tmp_path_factory.mktemp("made") / "backups").path


@pytest.fixture
def backup(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return shutil.copytree(made, tmp_path / made.name)


def test_nothing_that_is_there_is_overwritten(made: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "file").write_text("of somebody")
    result = cotton("restore", made, there)
    assert result.exit_code == 2
    assert "is not empty" in result.stderr
    assert [each.name for each in there.iterdir()] == ["file"]


def test_an_empty_directory_keeps_its_place(made: Path, tmp_path: Path) -> None:
    """It may be where a disk is mounted, with what a file system brings along."""
    there = tmp_path / "there"
    (there / "lost+found").mkdir(parents=True)
    inode = there.stat().st_ino
    restored(made, there)
    assert there.stat().st_ino == inode
    assert cotton("fsck", there).exit_code == 0


@pytest.mark.parametrize("name", ["ledger.sqlite", "sealed/entries", "sealed/state"])
def test_what_is_damaged_is_not_put_back(backup: Path, tmp_path: Path, name: str) -> None:
    """And no server starts on what was copied until then."""
    path = backup / "data" / name
    rotten = path if path.is_file() else min(each for each in path.rglob("*") if each.is_file())
    flip(rotten)
    with pytest.raises(DamageError, match=rotten.name):
        restored(backup, tmp_path / "back")
    with pytest.raises(NotUsableError, match="not put back to its end"):
        require_startable(tmp_path / "back")


def test_a_ledger_of_another_chain_is_not_put_back(backup: Path, tmp_path: Path) -> None:
    """With digests of files that are right: the entries are verified too."""
    path = backup / "data" / "ledger.sqlite"
    path.write_bytes(path.read_bytes().replace(b"anonymous", b"anonymour"))
    sums = backup / SUMS
    old = next(line for line in sums.read_text().splitlines() if "ledger" in line)
    sums.write_text(sums.read_text().replace(old[:64], digest_of(path)))
    with pytest.raises(DamageError, match="entry 1"):
        restored(backup, tmp_path / "back")


def test_a_restore_that_is_killed_keeps_servers_from_starting(made: Path, servers: Servers) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from cotton_server.keeping.restore import restore\n"
        "def step(_):\n"
        "    return lambda done, _: done == 3 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "restore(Path(sys.argv[1]), Path(sys.argv[2]), verify=lambda _: None, step=step)\n"
    )
    command = [sys.executable, "-c", script, str(made), str(servers.data_dir)]
    ended = subprocess.run(command, check=False, cwd=ROOT)
    assert ended.returncode == -signal.SIGKILL
    before = sorted(servers.data_dir.rglob("*"))
    with pytest.raises(NotServingError, match="not put back to its end"):
        servers.start()
    assert sorted(servers.data_dir.rglob("*")) == before
    (servers.data_dir / UNFINISHED).unlink()
    (servers.data_dir / "ledger.sqlite").unlink(missing_ok=True)
    with pytest.raises(NotServingError, match=r"has sealed entries, but no ledger.sqlite"):
        servers.start()


def test_a_record_of_a_newer_form_names_its_version(backup: Path, tmp_path: Path) -> None:
    path = backup / RECORD
    path.write_text(json.dumps({**json.loads(path.read_text()), "form": 9, "version": "7.8"}))
    with pytest.raises(NewerFormError, match=r"Use version 7\.8"):
        restored(backup, tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"form": 1}', "\0"])
def test_a_record_that_says_nothing_is_damage(backup: Path, tmp_path: Path, text: str) -> None:
    (backup / RECORD).write_text(text)
    with pytest.raises(DamageError, match=RECORD):
        restored(backup, tmp_path / "back")


@pytest.mark.parametrize("name", ["../out", "data/../../out", "/out"])
def test_a_list_that_leads_out_of_the_directory_is_refused(
    backup: Path, tmp_path: Path, name: str
) -> None:
    with (backup / SUMS).open("a") as file:
        file.write(f"{'0' * 64}  {name}\n")
    with pytest.raises(DamageError, match=SUMS):
        restored(backup, tmp_path / "back")


def test_a_directory_that_is_no_backup_says_what_to_name(made: Path, tmp_path: Path) -> None:
    result = cotton("restore", made.parent, tmp_path / "back")
    assert result.exit_code == 2
    assert f"the newest is {made}: name one of them" in " ".join(result.stderr.split())
    with pytest.raises(StartError, match="no backup"):
        restored(tmp_path, tmp_path / "back")
