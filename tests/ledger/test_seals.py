"""The catalogue of seals: continuous, of the very entries, and in ledgers of before as well."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING, Any

import apsw
import pytest
from cotton_server.ledger import (
    LEDGER_FORMAT,
    Ledger,
    LedgerDamagedError,
    LedgerFailedError,
    SealRefusedError,
    evidence_path,
)
from cotton_server.ledger.opening import FILE_NAME, FREED_FORMAT
from cotton_server.ledger.seal import seal_of as covering

from tests.support.entries import edit, entry, fill, read
from tests.support.faulty_disk import faulty_disk
from tests.support.seals import free_all, seal, seal_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENTRIES = [entry(1), entry("a"), entry(2, b""), entry("b"), entry(3)]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of five entries, closed afterwards."""
    opened = Ledger(tmp_path)
    opened.append(ENTRIES)
    yield opened
    opened.close()


def make_as_before(directory: Path) -> None:
    """Makes a ledger of five entries as the version did that knew of no seals."""
    fill(directory, ENTRIES)
    whole = apsw.Connection(str(directory / FILE_NAME))
    old = apsw.Connection(str(directory / "old"))
    old.execute(resources.files("cotton_server.ledger").joinpath("schema.sql").read_text("utf-8"))
    rows = whole.execute("SELECT * FROM entry").fetchall()
    old.executemany(f"INSERT INTO entry VALUES ({', '.join('?' * 15)})", rows)  # noqa: S608
    old.execute(f"PRAGMA application_id = {whole.execute('PRAGMA application_id').get}")
    old.execute("PRAGMA user_version = 1")
    old.close()
    whole.close()
    (directory / "old").rename(directory / FILE_NAME)


def pragma(directory: Path, name: str) -> Any:
    """A value of the file."""
    connection = apsw.Connection(str(directory / FILE_NAME))
    value = connection.execute(f"PRAGMA {name}").get
    connection.close()
    return value


def test_seals_are_kept_in_order_and_after_reopening(tmp_path: Path, ledger: Ledger) -> None:
    assert ledger.seals() == []
    made = [seal(ledger, tmp_path, 2), seal(ledger, tmp_path, 5)]
    assert ledger.seals() == made
    assert [(each.number, each.first, each.last) for each in made] == [(1, 1, 2), (2, 3, 5)]
    ledger.close()
    again = Ledger(tmp_path)
    assert again.seals() == made
    again.close()


@pytest.mark.parametrize(
    "change",
    [
        {"number": 3},
        {"number": 1},
        {"first": 2},
        {"first": 4},
        {"last": 2},
        {"last": 6},
        {"digest": bytes(32)},
        {"stop_row": 19},
        {"manifest_digest": b"short"},
    ],
    ids=str,
)
def test_a_seal_that_does_not_fit_is_refused_and_nothing_changes(
    tmp_path: Path, ledger: Ledger, change: dict[str, Any]
) -> None:
    seal(ledger, tmp_path, 2)
    before, right = ledger.seals(), seal_of(ledger, 4)
    with pytest.raises(SealRefusedError):
        ledger.add_seal(replace(right, **change))
    assert ledger.seals() == before
    ledger.add_seal(right)
    assert ledger.append([entry(4)]) == 6


def test_a_seal_survives_a_failing_disk_or_is_not_there(tmp_path: Path) -> None:
    with faulty_disk() as disk:
        ledger = Ledger(tmp_path)
        ledger.append(ENTRIES)
        wanted = seal_of(ledger, 3)
        disk.fail_at, disk.lasting = disk.calls + 1, True
        with pytest.raises(LedgerFailedError):
            ledger.add_seal(wanted)
        with pytest.raises(LedgerFailedError):
            ledger.append([entry(4)])
        disk.fail_at = None
        ledger.close()
    again = Ledger(tmp_path)
    assert again.seals() in ([], [wanted])
    assert again.position == 5
    again.close()


def test_seals_are_durable_when_they_count(tmp_path: Path) -> None:
    with faulty_disk() as disk:
        ledger = Ledger(tmp_path)
        ledger.append(ENTRIES)
        syncs = disk.syncs
        seal(ledger, tmp_path, 3)
        assert disk.syncs > syncs
        ledger.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE seal SET number = 3 WHERE number = 2",
        "DELETE FROM seal WHERE number = 1",
        "UPDATE seal SET first = 4 WHERE number = 2",
        "UPDATE seal SET last = 9 WHERE number = 2",
        "UPDATE seal SET digest = zeroblob(32) WHERE number = 1",
        "UPDATE seal SET manifest_digest = x'' WHERE number = 1",
        "DELETE FROM entry WHERE position = 5",
    ],
)
def test_a_catalogue_that_does_not_fit_the_entries_is_called_damaged(
    tmp_path: Path, ledger: Ledger, damage: str
) -> None:
    seal(ledger, tmp_path, 2)
    seal(ledger, tmp_path, 5)
    ledger.close()
    edit(tmp_path, damage)
    with pytest.raises(LedgerDamagedError, match=r"catalogue of seals"):
        Ledger(tmp_path)


def test_a_ledger_of_before_is_taken_over_and_can_be_sealed(tmp_path: Path) -> None:
    make_as_before(tmp_path)
    ledger = Ledger(tmp_path)
    before = list(ledger.verified())
    assert [each.content for each in before] == ENTRIES
    seal(ledger, tmp_path, 5)
    assert free_all(ledger) == 5
    assert ledger.append([entry(4)]) == 6
    assert list(ledger.verified())[:5] == before
    ledger.close()


def test_a_version_of_before_goes_on_with_a_ledger_until_payloads_are_freed(
    tmp_path: Path, ledger: Ledger
) -> None:
    """It compares the version of the file, and would find payloads that are gone."""
    seal(ledger, tmp_path, 2)
    assert pragma(tmp_path, "user_version") == LEDGER_FORMAT == 1
    assert ledger._freeing.free(1) == 1
    assert pragma(tmp_path, "user_version") == FREED_FORMAT == 2
    ledger.close()
    assert [each.content for each in read(tmp_path)] == ENTRIES


@pytest.mark.parametrize("sealed", [1, 2, 5])
def test_the_seal_of_a_position_is_the_one_that_covers_it(
    tmp_path: Path, ledger: Ledger, sealed: int
) -> None:
    for last in range(sealed, 6, sealed):
        seal(ledger, tmp_path, last)
    seals = ledger.seals()
    for position in range(7):
        expected = [each for each in seals if each.first <= position <= each.last]
        assert covering(seals, position) == (expected[0] if expected else None)


def test_what_is_sealed_has_a_size(tmp_path: Path, ledger: Ledger) -> None:
    assert ledger.sealed_size_bytes == 0
    seal(ledger, tmp_path, 3)
    size = evidence_path(tmp_path, 1, 3).stat().st_size
    assert ledger.sealed_size_bytes == size > 0
