"""Evidence gives back what was written, row group by row group, or says what is wrong with it."""

from __future__ import annotations

import hashlib
import os
import random
from typing import TYPE_CHECKING

import polars as pl
import pytest
from cotton_server.ledger import (
    EvidenceDamagedError,
    EvidenceFile,
    LedgerDamagedError,
    Seal,
    evidence_path,
    verify_evidence,
    write_evidence,
)
from cotton_server.ledger import evidence as evidence_module
from cotton_server.ledger.evidence import Evidence
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path


def write(directory: Path, payloads: list[bytes], first: int = 1) -> Path:
    """Writes payloads from a position on; the file."""
    path = evidence_path(directory, first, first + len(payloads) - 1)
    write_evidence(path, enumerate(payloads, first))
    return path


def seal(first: int, last: int, number: int = 1) -> Seal:
    """A seal of a range."""
    return Seal(number, first, last, 0, bytes(32), bytes(32), 0)


def digests(payloads: list[bytes]) -> list[bytes]:
    """What a ledger would have of them."""
    return [hashlib.sha256(payload).digest() for payload in payloads]


payload_lists = st.lists(
    st.tuples(st.binary(max_size=20), st.integers(0, 300)).map(lambda each: each[0] * each[1]),
    min_size=1,
    max_size=60,
)


@given(payload_lists, st.integers(1, 2**32 - 100), st.integers(0, 4000))
def test_what_was_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], first: int, group: int
) -> None:
    """In order, one by one in any order, whatever the sizes and however few are kept in memory."""
    directory = tmp_path_factory.mktemp("evidence")
    last = first + len(payloads) - 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence_module, "_GROUP_BYTES", group)
        patch.setattr(evidence_module, "_FRAME_BYTES", 1000)
        path = write(directory, payloads, first)
    expected = list(enumerate(payloads, first))
    assert list(EvidenceFile(path, first, last).payloads()) == expected
    verify_evidence(path, first, digests(payloads))
    evidence = Evidence(directory, cache_bytes_max=3000)
    shuffled = random.Random(group).sample(expected, len(expected))  # noqa: S311 - reproducible
    for position, payload in shuffled:
        assert evidence.payload(seal(first, last), position) == payload


def test_the_file_is_plain_parquet_for_anybody(tmp_path: Path) -> None:
    path = write(tmp_path, [b"one", b"", b"three"], 7)
    assert path.name == "0000000007-0000000009.parquet"
    table = pl.read_parquet(path)
    assert table.schema == {"position": pl.UInt32, "payload": pl.Binary}
    assert table.rows() == [(7, b"one"), (8, b""), (9, b"three")]


def test_files_and_directories_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = write(tmp_path, [b"one"])
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    for directory in (path.parent, path.parent.parent):
        assert directory.stat().st_mode & 0o777 == 0o700


def test_a_row_group_is_never_large_and_there_are_not_too_many(tmp_path: Path) -> None:
    """One payload is read without decoding many megabytes, whatever lies beside it."""
    large, small = bytes(1 << 20), b"small"
    for payloads in ([large] * 8 + [small] * 500, [small] * 9000):
        file = EvidenceFile(write(tmp_path, payloads), 1, len(payloads))
        groups = -(-len(payloads) // file.rows)
        assert groups <= 2048
        assert max(sum(map(len, file.group(each).to_list())) for each in range(groups)) <= 4 << 20
    assert file.rows == 4096


def test_only_the_row_group_of_a_payload_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_module, "_GROUP_BYTES", 1000)
    payloads = [bytes([number]) * 100 for number in range(200)]
    write(tmp_path, payloads)
    decoded: list[int] = []
    group = EvidenceFile.group

    def counted(file: EvidenceFile, number: int) -> pl.Series:
        decoded.append(number)
        return group(file, number)

    monkeypatch.setattr(EvidenceFile, "group", counted)
    evidence = Evidence(tmp_path)
    assert evidence.payload(seal(1, 200), 100) == payloads[99]
    assert evidence.payload(seal(1, 200), 101) == payloads[100]
    assert decoded == [99 // 8]
    assert [evidence.payload(seal(1, 200), each) for each in range(1, 201)] == payloads
    assert sorted(decoded) == list(range(25))


def test_what_is_kept_in_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_module, "_GROUP_BYTES", 1000)
    payloads = [bytes([number]) * 100 for number in range(200)]
    write(tmp_path, payloads)
    evidence = Evidence(tmp_path, cache_bytes_max=5000)
    for position in range(1, 201):
        evidence.payload(seal(1, 200), position)
        held = sum(int(kept.estimated_size()) for kept, _ in evidence._groups.values())
        assert held == evidence._cache_bytes <= 5000
    assert evidence._groups


@pytest.mark.parametrize("positions", [[], [1, 3], [1, 1], [2, 1]])
def test_positions_with_a_gap_are_refused(tmp_path: Path, positions: list[int]) -> None:
    path = evidence_path(tmp_path, 1, 2)
    with pytest.raises(ValueError, match=r"expected|no entries"):
        write_evidence(path, [(position, b"x") for position in positions])
    assert not path.exists()


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, [b"one", b"two"])

    def full(_descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write(tmp_path, [b"other", b"two"])
    monkeypatch.undo()
    verify_evidence(path, 1, digests([b"one", b"two"]))
    write(tmp_path, [b"other", b"two"])
    verify_evidence(path, 1, digests([b"other", b"two"]))


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EvidenceDamagedError, match=r"missing.*restore that file.*any") as caught:
        Evidence(tmp_path).payload(seal(5, 9), 7)
    assert isinstance(caught.value, LedgerDamagedError)
    assert caught.value.position == 5
    assert caught.value.path == evidence_path(tmp_path, 5, 9)
    assert str(caught.value.path) in str(caught.value)


def test_a_file_of_other_positions_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [b"one", b"two"])
    moved = path.rename(evidence_path(tmp_path, 2, 3))
    with pytest.raises(EvidenceDamagedError, match="does not hold the entries"):
        verify_evidence(moved, 2, digests([b"one", b"two"]))


@pytest.mark.parametrize(
    "table",
    [
        {"position": [1, 2], "payload": ["one", "two"]},
        {"position": [1, 2], "payload": [b"one", None]},
        {"position": [1, 2], "other": [b"one", b"two"]},
        {"position": [1], "payload": [b"one"]},
    ],
)
@pytest.mark.parametrize("about", [{"evidence_format": "1", "rows_per_group": "2"}, {}])
def test_another_table_is_refused(
    tmp_path: Path, table: dict[str, list[object]], about: dict[str, str]
) -> None:
    path = write(tmp_path, [b"one", b"two"])
    frame = pl.DataFrame(table).with_columns(pl.col("position").cast(pl.UInt32))
    frame.write_parquet(path, metadata=about)
    with pytest.raises(EvidenceDamagedError):
        verify_evidence(path, 1, digests([b"one", b"two"]))


@pytest.mark.parametrize("seed", range(3))
def test_damage_anywhere_in_a_file_is_noticed_or_harmless(tmp_path: Path, seed: int) -> None:
    """A typed error, whichever part of it was hit; never another payload."""
    draw = random.Random(seed)  # noqa: S311 - reproducible damage
    payloads = [draw.randbytes(draw.choice([0, 5, 300])) for _ in range(100)]
    path = write(tmp_path, payloads)
    sound = path.read_bytes()
    refusals = 0
    for round_number in range(120):
        damaged = bytearray(sound)
        # The list of row groups at the end is small, and every other time it is what is hit.
        start = draw.randrange(len(sound) * 9 // 10 if round_number % 2 else 0, len(sound))
        stop = min(start + draw.choice([1, 4, 64]), len(sound))
        damaged[start:stop] = draw.choice([bytes(stop - start), draw.randbytes(stop - start)])
        path.write_bytes(damaged[: draw.choice([len(sound), len(sound), start])])
        try:
            verify_evidence(path, 1, digests(payloads))
        except EvidenceDamagedError:
            refusals += 1
    assert refusals > 60


def test_a_file_that_was_restored_is_read_without_a_restart(tmp_path: Path) -> None:
    path = write(tmp_path, [b"one", b"two"])
    sound = path.read_bytes()
    path.unlink()
    evidence = Evidence(tmp_path)
    with pytest.raises(EvidenceDamagedError):
        evidence.payload(seal(1, 2), 1)
    path.write_bytes(sound)
    assert evidence.payload(seal(1, 2), 1) == b"one"
    write(tmp_path, [b"uno", b"due"])
    assert evidence.payload(seal(1, 2), 1) == b"one"
    evidence.forget(seal(1, 2))
    assert evidence.payload(seal(1, 2), 1) == b"uno"
    assert evidence._cache_bytes == evidence._groups[1, 0][1]
