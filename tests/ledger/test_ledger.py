"""The ledger gives back what was appended, chained, and refuses files that are not its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import apsw
import pytest
from cotton_server.ledger import (
    DirectoryLock,
    Ledger,
    LedgerBusyError,
    LedgerDamagedError,
    LedgerFailedError,
    LedgerFullError,
    LedgerVersionError,
)
from cotton_server.ledger.entry import GENESIS, chained_digest, payload_digest
from cotton_server.ledger.opening import FILE_NAME, FREED_FORMAT
from hypothesis import given
from hypothesis import strategies as st

from tests.support.entries import edit, entry, fill, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger, closed afterwards."""
    opened = Ledger(tmp_path)
    yield opened
    opened.close()


def test_what_was_appended_is_read_back_in_order_and_after_reopening(tmp_path: Path) -> None:
    entries = [entry(1), entry("a b"), entry(2, b"\0" * 5000), entry(1, b"", producer="q")]
    opened = Ledger(tmp_path)
    assert (opened.position, opened.digest) == (0, GENESIS)
    assert opened.append(entries[:1]) == 1
    assert opened.append(entries[1:]) == 2
    assert opened.position == 4
    before = list(opened.verified())
    assert [each.content for each in before] == entries
    assert [each.position for each in before] == [1, 2, 3, 4]
    assert before[-1].digest == opened.digest
    opened.close()
    assert read(tmp_path) == before


def test_entries_are_found_by_position_sequence_and_batch_id(ledger: Ledger) -> None:
    ledger.append([entry(1), entry("b1"), entry(1, producer="q")])
    found = [
        ledger.at(2),
        ledger.by_sequence("q", 1),
        ledger.by_batch_id("p", "b1"),
    ]
    assert [each and each.position for each in found] == [2, 3, 2]
    assert ledger.at(0) is None
    assert ledger.at(4) is None
    assert ledger.by_sequence("p", 2) is None
    assert ledger.by_sequence("r", 1) is None
    assert ledger.by_batch_id("q", "b1") is None


@pytest.mark.parametrize("again", [entry(1, b"other"), entry("b1", b"other")])
def test_the_file_itself_refuses_a_second_entry_of_one_identity(
    ledger: Ledger, again: object
) -> None:
    """A mistake of the committer stops the server; it does not store a batch twice."""
    ledger.append([entry(1), entry("b1")])
    with pytest.raises(LedgerFailedError, match=r"UNIQUE"):
        ledger.append([again])  # type: ignore[list-item]  # typed as object by parametrize
    with pytest.raises(LedgerFailedError, match=r"restart"):
        ledger.append([entry(2)])
    assert [each.position for each in ledger.verified()] == [1, 2]


def test_of_a_group_that_fails_nothing_is_kept(ledger: Ledger) -> None:
    with pytest.raises(LedgerFailedError):
        ledger.append([entry(1), entry(2), entry(1)])
    assert ledger.position == 0
    assert list(ledger.verified()) == []


def test_a_full_disk_keeps_nothing_and_a_later_try_succeeds(tmp_path: Path) -> None:
    opened = Ledger(tmp_path, page_bytes=512)
    opened.append([entry(1)])
    limit = opened._writer.execute("PRAGMA page_count").get + 3
    opened._writer.execute(f"PRAGMA max_page_count = {limit}")
    with pytest.raises(LedgerFullError, match=r"full"):
        opened.append([entry(2), entry(3, b"x" * 100_000)])
    assert opened.position == 1
    opened._writer.execute("PRAGMA max_page_count = 1000000")
    assert opened.append([entry(2), entry(3, b"x" * 100_000)]) == 2
    opened.close()
    assert [each.content.sequence for each in read(tmp_path)] == [1, 2, 3]


def test_every_commit_is_synced_by_the_strictest_setting(ledger: Ledger) -> None:
    assert ledger._writer.execute("PRAGMA synchronous").get == 2
    assert ledger._writer.execute("PRAGMA journal_mode").get == "wal"


def test_the_page_size_is_that_asked_for(tmp_path: Path) -> None:
    fill(tmp_path, [entry(1)], page_bytes=4096)
    opened = Ledger(tmp_path, page_bytes=16384)
    assert opened._writer.execute("PRAGMA page_size").get == 4096
    opened.close()


def test_the_file_is_for_its_owner_alone(tmp_path: Path, ledger: Ledger) -> None:
    ledger.append([entry(1)])
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_another_process_reads_beside_the_server(tmp_path: Path, ledger: Ledger) -> None:
    ledger.append([entry(1), entry(2)])
    script = (
        "import sqlite3, sys;"
        "c = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True);"
        "print(c.execute('SELECT count(*), max(position) FROM entry').fetchone());"
        "c.close()"
    )
    command = [sys.executable, "-c", script, str(tmp_path / FILE_NAME)]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"(2, 2)\n"
    assert ledger.append([entry(3)]) == 3
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"(3, 3)\n"


def test_a_second_server_is_told_who_has_the_directory(tmp_path: Path) -> None:
    """The lock goes with the process, however it ends."""
    script = (
        "import pathlib, sys;"
        "from cotton_server.ledger import DirectoryLock;"
        "lock = DirectoryLock(pathlib.Path(sys.argv[1]));"
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LedgerBusyError, match=rf"process {holder.pid}\).*of its own"):
            DirectoryLock(tmp_path)
        holder.kill()
    DirectoryLock(tmp_path).close()


def test_a_lock_that_was_given_back_can_be_taken_again(tmp_path: Path) -> None:
    DirectoryLock(tmp_path).close()
    lock = DirectoryLock(tmp_path)
    with pytest.raises(LedgerBusyError):
        DirectoryLock(tmp_path)
    lock.close()


def test_an_sqlite_file_of_somebody_else_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE note (text)")
    connection.close()
    path.chmod(0o644)
    before = path.read_bytes()
    with pytest.raises(LedgerVersionError, match=r"no ledger.*--data-dir"):
        Ledger(tmp_path)
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("version", [0, FREED_FORMAT + 1])
def test_a_ledger_of_another_format_is_refused(tmp_path: Path, version: int) -> None:
    fill(tmp_path, [entry(1)])
    edit(tmp_path, f"PRAGMA user_version = {version}")
    with pytest.raises(LedgerVersionError, match=f"format {version}.*Start the version"):
        Ledger(tmp_path)


def test_a_directory_in_place_of_the_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(LedgerFailedError, match=r"cannot be opened"):
        Ledger(tmp_path)


def test_a_version_of_sqlite_that_loses_commits_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(LedgerVersionError, match=r"3\.51\.2 can lose commits.*3\.51\.3"):
        Ledger(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", ["3.51.3", "3.54.0", "3.100.0", "4.0"])
def test_later_versions_of_sqlite_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    Ledger(tmp_path).close()


def test_something_else_in_place_of_the_file_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database at all " * 100)
    with pytest.raises(LedgerDamagedError, match=r"position 1.*Do not delete anything"):
        Ledger(tmp_path)


names = st.sampled_from(["", "a", "ab", "b", "1", "12"])
numbers = st.integers(1, 200)


@given(
    st.lists(
        st.tuples(names, names, st.none() | names, st.none() | numbers, names, numbers), min_size=2
    )
)
def test_no_two_headers_have_one_digest(parts: list[tuple[Any, ...]]) -> None:
    """Neighbouring texts cannot trade characters, and nothing is not the same as empty."""

    def digest(header: tuple[Any, ...]) -> bytes:
        producer, principal, batch_id, sequence, payload, position = header
        made = replace(
            entry(1, payload.encode()),
            producer=producer,
            principal=principal,
            batch_id=batch_id,
            sequence=sequence,
        )
        return chained_digest(GENESIS, position, made, payload_digest(made.payload))

    assert len({digest(each) for each in parts}) == len(set(parts))


def test_a_start_folds_the_log_into_the_file(tmp_path: Path) -> None:
    """What a crash left in the log alone is in the file before anything counts on it."""
    live, crashed, folded = (tmp_path / name for name in ("live", "crashed", "folded"))
    for each in (live, crashed, folded):
        each.mkdir()
    ledger = Ledger(live)
    ledger.append([entry(1)])
    for path in live.iterdir():
        shutil.copy(path, crashed)
    ledger.close()
    started = Ledger(crashed)
    shutil.copy(crashed / FILE_NAME, folded)
    started.close()
    assert [each.content.sequence for each in read(folded)] == [1]


def test_a_checkpoint_beside_a_reader_of_an_old_state_is_known_to_be_partial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cotton_server.ledger.ledger._CHECKPOINT_PAGES", 1)
    ledger = Ledger(tmp_path)
    ledger.append([entry(1)])
    reader = apsw.Connection(str(tmp_path / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM entry").get == 1
    ledger.append([entry(2)])
    ledger.checkpoint()
    assert ledger._log_pages > 0
    reader.close(force=True)
    ledger.checkpoint()
    assert ledger._log_pages == 0
    ledger.close()


def test_entries_are_read_a_few_megabytes_at_a_time(tmp_path: Path) -> None:
    """However small the entries before were: a start must not need the size of the ledger."""
    ledger = Ledger(tmp_path)
    ledger.append([entry(sequence, b"small") for sequence in range(1, 301)])
    for sequence in range(301, 331):
        ledger.append([entry(sequence, bytes(1 << 20))])
    tracemalloc.start()
    try:
        assert sum(1 for _ in ledger.verified()) == 330
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    ledger.close()
    assert peak < 10 << 20
