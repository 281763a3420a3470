"""Payloads of sealed entries are freed, and everything is read as before."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import apsw
import polars as pl
import pytest
from cotton_server.ledger import (
    Entry,
    EvidenceDamagedError,
    Folding,
    Ledger,
    LedgerBusyError,
    LedgerDamagedError,
    LedgerFailedError,
    LedgerFullError,
    evidence_path,
    write_evidence,
)
from cotton_server.ledger import freeing as freeing_module
from cotton_server.ledger import ledger as ledger_module
from cotton_server.ledger import opening as opening_module
from cotton_server.ledger import seal as seal_module
from cotton_server.ledger.opening import FILE_NAME
from cotton_server.ledger.reading import Reading
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.entries import edit, entry, read
from tests.support.faulty_disk import faulty_disk
from tests.support.seals import free_all, seal, seal_of, write_evidence_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of twelve entries, one of them empty, closed afterwards."""
    opened = Ledger(tmp_path, page_bytes=512)
    opened.append([entry(number, bytes([number]) * 3000) for number in range(1, 8)])
    opened.append([entry("empty", b""), *(entry(f"b{number}") for number in range(9, 13))])
    yield opened
    opened.close()


def payloads_stored(directory: Path) -> list[int]:
    """Sizes of the payloads that lie in SQLite, in order of their positions."""
    connection = apsw.Connection(str(directory / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute("SELECT length(payload) FROM entry ORDER BY position").fetchall()
    connection.close()
    return [size for (size,) in rows]  # type: ignore[misc]  # of a column that is an integer


def falsify(path: Path, position: int) -> None:
    """Changes one byte of one payload in a file that is sound otherwise."""
    entries = dict(pl.read_parquet(path).rows())
    entries[position] = bytes([entries[position][0] ^ 1, *entries[position][1:]])
    write_evidence(path, entries.items())


def check_reads(ledger: Ledger, before: list[Entry]) -> None:
    """Everything is found as it was, in order and one by one."""
    assert list(ledger.verified()) == before
    for each in before:
        assert ledger.at(each.position) == each
        content = each.content
        found = (
            ledger.by_batch_id(content.producer, content.batch_id)
            if content.batch_id is not None
            else ledger.by_sequence(content.producer, content.sequence or 0)
        )
        assert found is not None
        assert (found.position, found.digest) == (each.position, each.digest)
        assert (found.kind, found.outcomes) == (content.kind, content.outcomes)
        assert found.received_at_us == ledger.received_at_us(each.position)
        assert found.payload_digest == each.payload_digest


sizes = st.lists(st.sampled_from([0, 1, 50, 700, 5000]), min_size=1, max_size=25)


@settings(max_examples=40)
@given(sizes, st.data())
def test_entries_are_the_same_byte_for_byte_however_far_they_were_freed(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("ledger")
    ledger = Ledger(directory, page_bytes=512)
    ledger.append([entry(n, bytes([n]) * length) for n, length in enumerate(lengths, 1)])
    before = list(ledger.verified())
    sealed = 0
    for _ in range(data.draw(st.integers(0, 3))):
        if sealed < len(lengths):
            sealed = data.draw(st.integers(sealed + 1, len(lengths)))
            seal(ledger, directory, sealed)
        ledger.free_payloads(data.draw(st.integers(1, 10)))
    check_reads(ledger, before)
    after = data.draw(st.integers(0, len(lengths)))
    previous = before[after - 1].digest if after else bytes(32)
    assert list(ledger.verified(after, previous)) == before[after:]
    ledger.close()
    assert read(directory) == before


def test_payloads_are_freed_in_order_and_only_of_what_is_sealed(
    tmp_path: Path, ledger: Ledger
) -> None:
    before, stored = list(ledger.verified()), payloads_stored(tmp_path)
    assert ledger.free_payloads() == 0
    seal(ledger, tmp_path, 3)
    seal(ledger, tmp_path, 9)
    for count in (2, 2, 4):
        assert ledger._freeing.free(count) == count
        done = len([size for size in payloads_stored(tmp_path) if size == 0])
        check_reads(ledger, before)
    assert done == 8
    assert free_all(ledger) == 1
    assert payloads_stored(tmp_path) == [0] * 9 + stored[9:]
    assert free_all(ledger) == 0
    check_reads(ledger, before)
    ledger.close()
    assert read(tmp_path) == before


def test_steps_are_small(tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freeing_module, "_STEP_BYTES", 6500)
    seal(ledger, tmp_path, 12)
    noted: list[int] = []
    note = seal_module.note_freed

    def noting(connection: apsw.Connection, each: object, last: int) -> None:
        noted.append(last)
        note(connection, each, last)  # type: ignore[arg-type]  # as it is called

    monkeypatch.setattr(freeing_module, "note_freed", noting)
    assert free_all(ledger) == 12
    assert noted == [2, 4, 6, 12]


def test_evidence_is_read_back_before_anything_is_freed(tmp_path: Path, ledger: Ledger) -> None:
    """A file that is missing, or in which one byte is another, frees nothing of its seal."""
    before = list(ledger.verified())
    seal(ledger, tmp_path, 3)
    free_all(ledger)
    stored = payloads_stored(tmp_path)
    made = seal_of(ledger, 12)
    path = write_evidence_of(ledger, tmp_path, made)
    sound = path.read_bytes()
    ledger.add_seal(made)
    path.unlink()
    with pytest.raises(EvidenceDamagedError, match="missing"):
        ledger.free_payloads()
    path.write_bytes(sound)
    falsify(path, 12)
    with pytest.raises(EvidenceDamagedError) as caught:
        ledger.free_payloads()
    assert caught.value.position == 12
    assert payloads_stored(tmp_path) == stored
    assert ledger.append([entry(8)]) == 13
    path.write_bytes(sound)
    assert free_all(ledger) == 9
    assert list(ledger.verified())[:12] == before


def test_a_damaged_file_is_named_when_a_payload_of_it_is_read(
    tmp_path: Path, ledger: Ledger
) -> None:
    before = list(ledger.verified())
    seal(ledger, tmp_path, 3)
    seal(ledger, tmp_path, 12)
    free_all(ledger)
    path = evidence_path(tmp_path, 4, 12)
    sound = path.read_bytes()
    falsify(path, 11)
    with pytest.raises(EvidenceDamagedError, match=r"11.*restore that file") as caught:
        ledger.at(11)
    assert (caught.value.position, caught.value.path) == (11, path)
    with pytest.raises(EvidenceDamagedError) as caught:
        list(ledger.verified())
    assert caught.value.position == 11
    assert ledger.at(2) == before[1]
    path.unlink()
    with pytest.raises(EvidenceDamagedError, match="missing") as caught:
        ledger.at(11)
    assert caught.value.position == 4
    # What is needed to answer a repeat of the same bytes is all there, and so is what was empty.
    assert ledger.by_batch_id("p", "b11") is not None
    assert ledger.at(8) == before[7]
    assert ledger.append([entry(8)]) == 13
    path.write_bytes(sound)
    assert list(ledger.verified())[:12] == before


@pytest.mark.parametrize("position", [2, 5, 11])
def test_a_payload_that_was_emptied_otherwise_is_missed(
    tmp_path: Path, ledger: Ledger, position: int
) -> None:
    """Sealed or not: what was not freed has to be there."""
    seal(ledger, tmp_path, 9)
    assert ledger._freeing.free(1) == 1
    edit(tmp_path, "UPDATE entry SET payload = x'' WHERE position = ?", (position,))
    for reads in (lambda: ledger.at(position), lambda: list(ledger.verified())):
        with pytest.raises(LedgerDamagedError, match="the payload does not have") as caught:
            reads()
        assert caught.value.position == position


def test_an_empty_payload_with_another_digest_is_missed(tmp_path: Path, ledger: Ledger) -> None:
    seal(ledger, tmp_path, 12)
    free_all(ledger)
    edit(tmp_path, "UPDATE entry SET payload_digest = zeroblob(32) WHERE position = 8")
    with pytest.raises(LedgerDamagedError) as caught:
        list(ledger.verified())
    assert caught.value.position == 8


def test_entries_that_are_gone_are_not_freed(tmp_path: Path, ledger: Ledger) -> None:
    seal(ledger, tmp_path, 12)
    edit(tmp_path, "DELETE FROM entry WHERE position = 5")
    with pytest.raises(LedgerDamagedError, match="missing"):
        ledger.free_payloads()


def test_a_file_becomes_as_small_as_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Free pages go back when nothing is appended, but for some to be used again."""
    monkeypatch.setattr(freeing_module, "_KEPT_BYTES", 64 << 10)
    ledger = Ledger(tmp_path, page_bytes=4096)
    for number in range(1, 301):
        ledger.append([entry(number, number.to_bytes(2, "big") * 10_000)])
    before = list(ledger.verified())
    seal(ledger, tmp_path, 290)
    assert free_all(ledger) == 290
    grown = (tmp_path / FILE_NAME).stat().st_size
    assert ledger.free_payloads() == 0
    monkeypatch.setattr(ledger_module, "_QUIET_S", 0.0)
    while ledger.free_payloads():
        pass
    ledger.close()
    size = (tmp_path / FILE_NAME).stat().st_size
    assert grown > 5_000_000
    # Ten payloads, 300 headers of some 400 bytes with their indices, and what is kept.
    assert size < 10 * 24_000 + 300 * 600 + (64 << 10)
    connection = apsw.Connection(str(tmp_path / FILE_NAME))
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    connection.close()
    assert read(tmp_path) == before


def test_freed_pages_are_used_again(tmp_path: Path) -> None:
    """Also those of a file that cannot give them back."""
    ledger = Ledger(tmp_path, page_bytes=4096)
    ledger._freeing._can_give_back = False
    for number in range(1, 201):
        ledger.append([entry(number, bytes(20_000))])
    seal(ledger, tmp_path, 200)
    free_all(ledger)
    assert ledger._freeing.give_back(1000) == 0
    ledger._fold()
    size = ledger.size_bytes
    for number in range(201, 391):
        ledger.append([entry(number, bytes(20_000))])
        ledger._fold()
    assert ledger.size_bytes < size * 1.05
    ledger.close()


def test_who_appends_goes_on_while_payloads_are_freed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that write and one that folds: nothing is lost, and the log stays short."""
    monkeypatch.setattr(ledger_module, "_CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(ledger_module, "_QUIET_S", 0.0)
    monkeypatch.setattr(freeing_module, "_KEPT_BYTES", 0)
    monkeypatch.setattr(freeing_module, "_LONG_LOG_PAUSE_S", 0.001)
    ledger = Ledger(tmp_path, page_bytes=512)
    ledger.append([entry(number, bytes([number % 256]) * 2000) for number in range(1, 301)])
    seal(ledger, tmp_path, 150)
    seal(ledger, tmp_path, 300)
    ledger._fold()
    folding = Folding(ledger)
    done = threading.Event()

    def free() -> None:
        try:
            while ledger.free_payloads(5):
                pass
        finally:
            done.set()

    thread = threading.Thread(target=free)
    thread.start()
    appended, longest = 300, 0
    while not done.is_set() or appended < 400:
        appended += 1
        ledger.append([entry(appended, bytes([appended % 256]) * 2000)])
        ledger.checkpoint()
        longest = max(longest, ledger._log_pages)
        time.sleep(0.001)
    thread.join()
    folding.close()
    assert longest < ledger_module._AHEAD_IS_LATE * 20 + 200
    entries = list(ledger.verified())
    ledger.close()
    assert [each.content.payload for each in entries] == [
        bytes([number % 256]) * 2000 for number in range(1, appended + 1)
    ]
    assert set(payloads_stored(tmp_path)[:300]) == {0}
    assert read(tmp_path) == entries


@pytest.mark.parametrize("folds", [True, False])
def test_the_log_stays_short_when_nobody_appends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folds: bool
) -> None:
    """Who frees folds what is left, or all where nobody folds ahead."""
    monkeypatch.setattr(ledger_module, "_CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(freeing_module, "_STEP_ENTRIES", 4)
    monkeypatch.setattr(freeing_module, "_LONG_LOG_PAUSE_S", 0.005)
    ledger = Ledger(tmp_path, page_bytes=512)
    ledger.append([entry(number, bytes(2000)) for number in range(1, 401)])
    seal(ledger, tmp_path, 400)
    ledger._fold()
    folding = Folding(ledger) if folds else None
    longest = 0
    while ledger._freeing.free(4):
        pages, folded = ledger._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
        longest = max(longest, pages - folded)
    if folding is not None:
        folding.close()
    assert longest < 150
    ledger.close()


def test_a_full_disk_while_payloads_are_freed_is_waited_out(tmp_path: Path) -> None:
    with faulty_disk() as disk:
        ledger = Ledger(tmp_path, page_bytes=512)
        ledger.append([entry(number, bytes([number]) * 3000) for number in range(1, 11)])
        before = list(ledger.verified())
        seal(ledger, tmp_path, 10)
        disk.error = lambda: apsw.FullError("no space left")
        for calls in range(1, 8):
            disk.fail_at, disk.lasting = disk.calls + calls, True
            with pytest.raises(LedgerFullError):
                ledger.free_payloads(1)
            disk.fail_at = None
            assert list(ledger.verified())[:10] == before
            ledger.append([entry(f"x{calls}")])
        free_all(ledger)
        assert list(ledger.verified())[:10] == before
        ledger.close()
    assert set(payloads_stored(tmp_path)[:10]) == {0}


def test_a_disk_that_fails_while_payloads_are_freed_ends_all_acknowledgement(
    tmp_path: Path,
) -> None:
    with faulty_disk() as disk:
        ledger = Ledger(tmp_path, page_bytes=512)
        ledger.append([entry(number, bytes([number]) * 3000) for number in range(1, 11)])
        before = list(ledger.verified())
        seal(ledger, tmp_path, 10)
        disk.fail_at = disk.calls + 1
        with pytest.raises(LedgerFailedError):
            ledger.free_payloads()
        with pytest.raises(LedgerFailedError):
            ledger.append([entry(11)])
        with pytest.raises(LedgerFailedError):
            ledger.free_payloads()
        ledger.close()
    assert read(tmp_path) == before


def held(directory: Path) -> apsw.Connection:
    """Another program, which holds the right to write until it is closed."""
    other = apsw.Connection(str(directory / FILE_NAME))
    other.execute("BEGIN IMMEDIATE")
    return other


def test_who_frees_waits_for_another_that_holds_the_file(tmp_path: Path, ledger: Ledger) -> None:
    before = list(ledger.verified())
    seal(ledger, tmp_path, 12)
    other = held(tmp_path)
    threading.Timer(0.3, other.execute, ("ROLLBACK",)).start()
    assert free_all(ledger) == 12
    check_reads(ledger, before)
    other.close()


@pytest.mark.parametrize("gives_back", [False, True])
def test_a_file_that_another_holds_is_not_a_disk_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gives_back: bool
) -> None:
    """Nothing is freed or given back for now, and all goes on."""
    monkeypatch.setattr(opening_module, "_BUSY_MS", 50)
    monkeypatch.setattr(freeing_module, "_KEPT_BYTES", 0)
    monkeypatch.setattr(ledger_module, "_QUIET_S", 0.0)
    ledger = Ledger(tmp_path, page_bytes=512)
    ledger.append([entry(number, bytes(3000)) for number in range(1, 11)])
    seal(ledger, tmp_path, 10)
    if gives_back:
        free_all(ledger)
    stored = payloads_stored(tmp_path)
    other = held(tmp_path)
    with pytest.raises(LedgerBusyError, match=r"Another program holds .*End it"):
        ledger.free_payloads()
    other.close()
    assert payloads_stored(tmp_path) == stored
    assert ledger.append([entry(11)]) == 11
    made = seal_of(ledger, 11)
    write_evidence_of(ledger, tmp_path, made)
    other = held(tmp_path)
    with pytest.raises(LedgerBusyError):
        ledger.add_seal(made)
    other.close()
    ledger.add_seal(made)
    while ledger.free_payloads():
        pass
    assert len(list(ledger.verified())) == 11
    ledger.close()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (apsw.IOError("disk I/O error"), LedgerDamagedError),
        (apsw.CorruptError("malformed"), LedgerDamagedError),
        (apsw.BusyError("locked"), LedgerBusyError),
    ],
)
@pytest.mark.parametrize(
    "statement", ["freed FROM seal", "SELECT payload_digest", "SELECT length", "freelist_count"]
)
def test_what_sqlite_cannot_read_is_an_error_of_the_ledger(
    tmp_path: Path, ledger: Ledger, statement: str, error: apsw.Error, said: type[Exception]
) -> None:
    """Whichever statement it is, outside a transaction; the ledger goes on."""
    seal(ledger, tmp_path, 12)
    if statement == "freelist_count":
        free_all(ledger)
        ledger._freeing._is_quiet = lambda: True

    def refuse(_cursor: apsw.Cursor, text: str, _bindings: object) -> bool:
        if statement in text:
            raise error
        return True

    ledger._freer.exec_trace = refuse
    with pytest.raises(said):
        ledger.free_payloads()
    ledger._freer.exec_trace = None
    assert ledger.append([entry(8)]) == 13
    free_all(ledger)
    assert payloads_stored(tmp_path)[:12] == [0] * 12


def test_a_build_that_frees_without_noting_it_is_caught(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(ledger.verified())
    seal(ledger, tmp_path, 12)
    monkeypatch.setattr(freeing_module, "note_freed", lambda *_arguments: None)
    ledger._freeing.free(1)
    with pytest.raises(LedgerDamagedError):
        check_reads(ledger, before)


def test_a_build_that_believes_evidence_is_caught(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest of the payload is what says whether a file holds the payload received."""
    before = list(ledger.verified())
    path = evidence_path(tmp_path, 1, 12)
    seal(ledger, tmp_path, 12)
    free_all(ledger)
    falsify(path, 11)
    monkeypatch.setattr(Reading, "_require_payload", lambda *_arguments: None)
    found = ledger.at(11)
    assert found is not None
    assert found != before[10]
