"""A ledger that is not what was written is refused, with the position of the damage."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from cotton_server.ledger import Entry, LedgerDamagedError, LedgerError
from cotton_server.ledger.opening import FILE_NAME

from tests.support.broken import without_digest_check
from tests.support.entries import edit, entry, fill, read

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = [entry(1), entry("a"), entry(2), entry("b"), entry(3)]
DAMAGED = 3

COLUMNS = [
    "format",
    "kind",
    "contract",
    "message",
    "producer",
    "sequence",
    "batch_id",
    "principal",
    "received_at_us",
    "rule_set",
    "payload_digest",
    "digest",
    "outcomes",
    "payload",
]


def values_of(directory: Path, column: str) -> list[Any]:
    """Every way to change one value a little: each bit of a blob, each character of a text."""
    value = getattr(read(directory)[DAMAGED - 1].content, column, None)
    if column in ("payload_digest", "digest", "format"):
        value = getattr(read(directory)[DAMAGED - 1], column)
    if isinstance(value, bytes):
        return [
            bytes([*value[:place], value[place] ^ 1 << bit, *value[place + 1 :]])
            for place in range(len(value))
            for bit in (0, 7)
        ] + [value[:-1], value + b"\0", b""]
    if isinstance(value, str):
        flipped = [
            value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]
            for place in range(len(value))
        ]
        return [*flipped, value[:-1], value + "x"]
    return [value + 10, value - 10, 0, 2**62] if value is not None else ["", "x"]


def check_change_is_noticed(directory: Path, column: str) -> None:
    """Every change of a column of the third entry is refused at position 3."""
    before = read(directory)
    changes = [value for value in values_of(directory, column) if value != ""]
    changes += [""] if column == "batch_id" else []
    assert changes
    stored = getattr(before[DAMAGED - 1].content, column, None)
    if column in ("payload_digest", "digest", "format"):
        stored = getattr(before[DAMAGED - 1], column)
    update = f"UPDATE entry SET {column} = ? WHERE position = ?"  # noqa: S608 - a list above
    for value in changes:
        edit(directory, update, (value, DAMAGED))
        with pytest.raises(LedgerDamagedError) as caught:
            read(directory)
        assert caught.value.position == DAMAGED
        assert "restore the last backup" in str(caught.value)
    edit(directory, update, (stored, DAMAGED))
    assert read(directory) == before


@pytest.mark.parametrize("column", COLUMNS)
def test_any_change_of_any_column_is_noticed_at_its_position(tmp_path: Path, column: str) -> None:
    fill(tmp_path, ENTRIES)
    check_change_is_noticed(tmp_path, column)


@pytest.mark.parametrize("column", ["payload", "outcomes", "digest", "producer"])
def test_a_build_without_digest_check_is_caught(tmp_path: Path, column: str) -> None:
    fill(tmp_path, ENTRIES)
    with without_digest_check(), pytest.raises(pytest.fail.Exception, match=r"DID NOT RAISE"):
        check_change_is_noticed(tmp_path, column)


@pytest.mark.parametrize("position", [1, 2, 3, 4])
def test_an_entry_that_is_gone_is_missed_at_its_position(tmp_path: Path, position: int) -> None:
    fill(tmp_path, ENTRIES)
    edit(tmp_path, "DELETE FROM entry WHERE position = ?", (position,))
    with pytest.raises(LedgerDamagedError) as caught:
        read(tmp_path)
    assert caught.value.position == position


def test_an_entry_that_is_gone_with_those_after_it_moved_up_is_noticed(tmp_path: Path) -> None:
    fill(tmp_path, ENTRIES)
    edit(tmp_path, "DELETE FROM entry WHERE position = 2")
    for position in (3, 4, 5):
        edit(tmp_path, "UPDATE entry SET position = ? WHERE position = ?", (position - 1, position))
    with pytest.raises(LedgerDamagedError) as caught:
        read(tmp_path)
    assert caught.value.position == 2


def test_two_entries_that_changed_places_are_noticed(tmp_path: Path) -> None:
    fill(tmp_path, ENTRIES)
    for old, new in ((2, 99), (4, 2), (99, 4)):
        edit(tmp_path, "UPDATE entry SET position = ? WHERE position = ?", (new, old))
    with pytest.raises(LedgerDamagedError) as caught:
        read(tmp_path)
    assert caught.value.position == 2


def test_an_entry_of_another_ledger_is_noticed(tmp_path: Path) -> None:
    """Sound by itself, but its digest does not continue the chain."""
    other = tmp_path / "other"
    other.mkdir()
    fill(other, [entry(1, b"other"), entry("a", b"other"), entry(2, b"other")])
    fill(tmp_path, ENTRIES)
    strange = read(other)[2]
    edit(
        tmp_path,
        "UPDATE entry SET payload = ?, payload_digest = ?, digest = ? WHERE position = 3",
        (strange.content.payload, strange.payload_digest, strange.digest),
    )
    with pytest.raises(LedgerDamagedError) as caught:
        read(tmp_path)
    assert caught.value.position == 3


def read_or_refused(directory: Path, before: list[Entry]) -> LedgerError | None:
    """The refusal of a damaged file; None when all entries are still as written."""
    try:
        found = read(directory)
    except LedgerError as error:
        return error
    # Damage may lie where nothing is stored; it must never change an entry. The last ones
    # may be gone when the page that lists them was hit: nothing outside the file counts them.
    assert found == before[: len(found)]
    return None


@pytest.mark.parametrize("seed", range(4))
def test_bytes_overwritten_anywhere_are_noticed_or_harmless(tmp_path: Path, seed: int) -> None:
    """Nothing but a typed error comes of it, and no entry is ever read as another."""
    entries = [entry(number, bytes([number]) * 700) for number in range(1, 41)]
    fill(tmp_path, entries)
    before = read(tmp_path)
    path = tmp_path / FILE_NAME
    sound = path.read_bytes()
    draw = random.Random(seed)  # noqa: S311 - reproducible damage
    refusals = 0
    for _ in range(60):
        damaged = bytearray(sound)
        start, size = draw.randrange(len(sound)), draw.choice([1, 4, 64, 2000])
        stop = min(start + size, len(sound))
        damaged[start:stop] = draw.choice([bytes(stop - start), draw.randbytes(stop - start)])
        path.write_bytes(damaged)
        refusals += read_or_refused(tmp_path, before) is not None
        for rest in tmp_path.glob(FILE_NAME + "-*"):
            rest.unlink()
    assert refusals > 30


def test_damage_in_the_middle_of_a_file_is_placed_exactly(tmp_path: Path) -> None:
    """A page that SQLite cannot read is reported at the first entry that needs it."""
    entries = [entry(number, b"<%03d>" % number * 500) for number in range(1, 101)]
    fill(tmp_path, entries)
    path = tmp_path / FILE_NAME
    content = path.read_bytes()
    place = content.index(b"<050>" * 10)
    page = place // 512 * 512
    path.write_bytes(content[:page] + b"\xff" * 512 + content[page + 512 :])
    with pytest.raises(LedgerDamagedError) as caught:
        read(tmp_path)
    assert caught.value.position == 50


def test_damage_at_the_end_of_a_file_is_placed_exactly(tmp_path: Path) -> None:
    """Finding the last entry fails first; the position is still that of the damage."""
    fill(tmp_path, [entry(number, b"<%03d>" % number * 500) for number in range(1, 101)])
    path = tmp_path / FILE_NAME
    content = path.read_bytes()
    page = content.index(b"outcome 100") // 512 * 512
    path.write_bytes(content[:page] + b"\xff" * 512 + content[page + 512 :])
    with pytest.raises(LedgerDamagedError) as caught:
        read(tmp_path)
    assert caught.value.position == 100


@pytest.mark.parametrize("kept", [0, 10, 100, 1000])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, kept: int) -> None:
    fill(tmp_path, ENTRIES)
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes()[:kept])
    if kept == 0:
        assert read(tmp_path) == []
        return
    with pytest.raises(LedgerError):
        read(tmp_path)


def test_a_header_that_was_destroyed_is_refused_with_what_to_do(tmp_path: Path) -> None:
    fill(tmp_path, ENTRIES)
    path = tmp_path / FILE_NAME
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    with pytest.raises(LedgerDamagedError, match=r"position 1.*copy the data directory"):
        read(tmp_path)
