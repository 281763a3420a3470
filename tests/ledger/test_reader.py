"""A ledger is read by another process while the server appends, seals and frees."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from cotton_server.ledger import (
    Folding,
    Ledger,
    LedgerDamagedError,
    LedgerFailedError,
    LedgerReader,
    LedgerVersionError,
)
from cotton_server.ledger import ledger as ledger_module
from cotton_server.ledger.entry import GENESIS
from cotton_server.ledger.opening import FILE_NAME

from tests.support.entries import edit, entry, fill
from tests.support.seals import free_all, seal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of ten entries, closed afterwards."""
    opened = Ledger(tmp_path)
    opened.append([entry(number) for number in range(1, 11)])
    yield opened
    opened.close()


def test_it_reads_what_was_there_when_it_looked(tmp_path: Path, ledger: Ledger) -> None:
    reader = LedgerReader(tmp_path)
    assert (reader.position, reader.digest) == (10, ledger.digest)
    before = ledger.digest
    ledger.append([entry(11)])
    assert (reader.position, reader.digest) == (10, before)
    assert [each.position for each in reader.verified()] == list(range(1, 11))
    assert reader.refresh() == reader.position == 11
    assert reader.digest == ledger.digest
    assert list(reader.verified()) == list(ledger.verified())
    assert [each.position for each in reader.verified(10, before)] == [11]
    assert list(reader.verified(11, ledger.digest)) == []
    reader.close()


def test_it_reads_what_was_sealed_and_freed_since_it_looked(tmp_path: Path, ledger: Ledger) -> None:
    reader = LedgerReader(tmp_path)
    before = list(ledger.verified())
    for last in (4, 10):
        seal(ledger, tmp_path, last)
        free_all(ledger)
        assert list(reader.verified()) == before
    assert reader.seals() == ledger.seals()
    reader.close()


def test_a_chain_that_does_not_continue_is_noticed(tmp_path: Path, ledger: Ledger) -> None:
    reader = LedgerReader(tmp_path)
    with pytest.raises(LedgerDamagedError) as caught:
        list(reader.verified(4, GENESIS))
    assert caught.value.position == 5
    assert ledger.position == 10
    reader.close()


def test_it_reads_in_another_process_and_cannot_write(tmp_path: Path, ledger: Ledger) -> None:
    seal(ledger, tmp_path, 5)
    free_all(ledger)
    script = (
        "import pathlib, sys;"
        "from cotton_server.ledger import LedgerReader;"
        "reader = LedgerReader(pathlib.Path(sys.argv[1]));"
        "print(sum(1 for _ in reader.verified()), len(reader.seals()), reader.digest.hex());"
        "reader.close()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said.split() == ["10", "1", ledger.digest.hex()]
    reader = LedgerReader(tmp_path)
    with pytest.raises(Exception, match="readonly"):
        reader._reading._connection.execute("DELETE FROM entry")
    reader.close()
    assert ledger.append([entry(11)]) == 11


def test_the_log_is_folded_while_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks at one state of the file only while it reads a few megabytes."""
    monkeypatch.setattr(ledger_module, "_CHECKPOINT_PAGES", 4)
    ledger = Ledger(tmp_path)
    folding = Folding(ledger)
    for number in range(1, 51):
        ledger.append([entry(number)])
    reader = LedgerReader(tmp_path)
    entries = reader.verified()
    assert next(entries).position == 1
    longest = 0
    for number in range(51, 301):
        ledger.append([entry(number)])
        ledger.checkpoint()
        longest = max(longest, ledger.log_size_bytes)
    assert longest < 300 * 16384
    assert sum(1 for _ in entries) == 49
    folding.close()
    reader.close()
    ledger.close()


def test_it_reads_while_the_server_appends_and_frees(tmp_path: Path, ledger: Ledger) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        number = 10
        try:
            while not stop.is_set():
                number += 1
                ledger.append([entry(number, bytes([number % 256]) * 500)])
                if number % 10 == 0:
                    seal(ledger, tmp_path, number)
                ledger.free_payloads(3)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    reader = LedgerReader(tmp_path)
    for _ in range(30):
        position = reader.refresh()
        assert sum(1 for _ in reader.verified()) == position
    stop.set()
    thread.join()
    assert not failures
    reader.close()


def test_it_reads_what_a_server_left_that_was_stopped(tmp_path: Path) -> None:
    fill(tmp_path, [entry(1), entry(2)])
    reader = LedgerReader(tmp_path)
    assert reader.position == 2
    reader.close()


def test_what_is_no_ledger_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LedgerFailedError, match="cannot be opened for reading"):
        LedgerReader(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(b"this is no database at all " * 100)
    with pytest.raises(LedgerDamagedError):
        LedgerReader(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(b"")
    with pytest.raises(LedgerVersionError, match="no ledger of this version yet"):
        LedgerReader(tmp_path)


def test_a_ledger_of_before_is_opened_by_the_server_first(tmp_path: Path) -> None:
    fill(tmp_path, [entry(1)])
    edit(tmp_path, "DROP TABLE seal")
    with pytest.raises(LedgerVersionError, match="Start the service on it once"):
        LedgerReader(tmp_path)
    Ledger(tmp_path).close()
    LedgerReader(tmp_path).close()
