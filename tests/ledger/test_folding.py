"""The log is folded beside the one that appends, who then folds the little that is left."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import apsw
import pytest
from cotton_server.ledger import Folding, Ledger, LedgerFailedError
from cotton_server.ledger import ledger as ledger_module

from tests.support.entries import entry
from tests.support.faulty_disk import faulty_disk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def short_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log is long after a few pages."""
    monkeypatch.setattr(ledger_module, "_CHECKPOINT_PAGES", 4)


def append(ledger: Ledger, first: int, count: int) -> None:
    """Appends entries one by one, and folds as the committer does."""
    for number in range(first, first + count):
        ledger.append([entry(number)])
        ledger.checkpoint()


def test_who_appends_waits_for_who_folds_ahead_and_folds_the_rest(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.fold_ahead(0)
    for number in range(1, 4):
        ledger.append([entry(number)])
    assert ledger._log_pages >= ledger_module._CHECKPOINT_PAGES
    ledger.checkpoint()
    assert ledger._log_pages >= ledger_module._CHECKPOINT_PAGES
    ledger.fold_ahead(0)
    ledger.checkpoint()
    assert ledger._log_pages == 0
    assert [each.position for each in ledger.verified()] == [1, 2, 3]
    ledger.close()


def test_a_log_that_grows_too_long_is_folded_without_waiting(tmp_path: Path) -> None:
    """A thread that does not get its turn cannot make the log grow for ever."""
    ledger = Ledger(tmp_path)
    ledger.fold_ahead(0)
    append(ledger, 1, 100)
    limit = ledger_module._AHEAD_IS_LATE * ledger_module._CHECKPOINT_PAGES
    assert ledger._log_pages < limit
    ledger.close()


def test_the_log_stays_short_while_a_thread_folds(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    folding = Folding(ledger)
    append(ledger, 1, 200)
    folding.close()
    assert ledger.log_size_bytes < 200 * 4096
    ledger.close()
    again = Ledger(tmp_path)
    assert [each.position for each in again.verified()] == list(range(1, 201))
    again.close()


def test_a_fold_that_fails_ends_all_acknowledgement(tmp_path: Path) -> None:
    """The kernel tells a failed sync once; whoever hears it has to say so to the others."""
    with faulty_disk() as disk:
        ledger = Ledger(tmp_path)
        ledger.fold_ahead(0)
        for number in range(1, 4):
            ledger.append([entry(number)])
        disk.fail_at = disk.calls + 1
        with pytest.raises(apsw.IOError):
            ledger.fold_ahead(0)
        disk.fail_at = None
        with pytest.raises(LedgerFailedError):
            ledger.checkpoint()
        with pytest.raises(LedgerFailedError):
            ledger.append([entry(4)])
        ledger.close()


def test_a_fold_on_a_full_disk_is_left_for_later(tmp_path: Path) -> None:
    with faulty_disk() as disk:
        ledger = Ledger(tmp_path)
        ledger.fold_ahead(0)
        for number in range(1, 4):
            ledger.append([entry(number)])
        disk.error = lambda: apsw.FullError("no space")
        disk.fail_at = disk.calls + 1
        ledger.fold_ahead(0)
        disk.fail_at = None
        ledger.append([entry(4)])
        ledger.fold_ahead(0)
        ledger.checkpoint()
        assert ledger._log_pages == 0
        ledger.close()


def test_a_log_that_was_folded_by_who_appends_is_not_waited_for(tmp_path: Path) -> None:
    """What was committed during a fold had called for another, which found nothing left."""
    ledger = Ledger(tmp_path)
    ledger.fold_ahead(0)
    for number in range(1, 4):
        ledger.append([entry(number)])
    ledger._folded_ahead = True
    ledger.checkpoint()
    assert ledger._log_pages == 0
    ledger.fold_ahead(0)
    assert not ledger._folded_ahead
    for number in range(4, 7):
        ledger.append([entry(number)])
    ledger.checkpoint()
    assert ledger._log_pages >= ledger_module._CHECKPOINT_PAGES
    ledger.fold_ahead(0)
    ledger.checkpoint()
    assert ledger._log_pages == 0
    ledger.close()


def test_a_fold_that_ends_after_that_of_who_appends_says_nothing_of_the_next_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who appends may have waited long enough while the other was folding."""
    ledger = Ledger(tmp_path)
    ledger.fold_ahead(0)
    for number in range(1, 4):
        ledger.append([entry(number)])
    beside = ledger._ahead

    def overtaken(**_: object) -> None:
        monkeypatch.setattr(ledger_module, "_AHEAD_IS_LATE", 0)
        ledger.checkpoint()

    monkeypatch.setattr(ledger, "_ahead", SimpleNamespace(wal_checkpoint=overtaken))
    ledger.fold_ahead(0)
    assert ledger._log_pages == 0
    assert not ledger._folded_ahead
    monkeypatch.setattr(ledger, "_ahead", beside)
    ledger.close()


def test_a_ledger_beside_which_nobody_can_fold_takes_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread that folds has ended, and says that who appends next stops the process."""

    def refuse(_path: object) -> None:
        raise apsw.CantOpenError("no descriptors left")

    monkeypatch.setattr(ledger_module, "connect_beside", refuse)
    ledger = Ledger(tmp_path)
    folding = Folding(ledger)
    folding._thread.join()
    with pytest.raises(LedgerFailedError):
        ledger.append([entry(1)])
    assert "could not be folded" in caplog.text
    folding.close()
    ledger.close()
