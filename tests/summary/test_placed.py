"""What a document about organisations changes: where lots are placed, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from cotton.inspection.v1 import lots_pb2, reference_pb2, summary_pb2
from cotton_server.summary import at_revision
from cotton_server.summary.at_revision import LotsAt
from cotton_server.summary.basis import Basis, on_basis
from cotton_server.summary.cube import Cube
from cotton_server.summary.kept import write_standing
from cotton_server.summary.kept_cells import KeptCells
from cotton_server.summary.keys import key_column
from cotton_server.summary.standing import standing
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.summary.test_kept import assert_same, forget_bales, in_words, read
from tests.support.bales import bale
from tests.support.chronicles import INSTANTS, Author, Reader, fresh_reader
from tests.support.histories import History, amendment, weight_of
from tests.support.organisations import ORGANISATION, XPCC, reference, text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cotton_server.summary.at_revision import LotsAtRevision
    from cotton_server.summary.standing import Cells

OLD_LOT, EARLY_LOT, LATE_LOT = "65140231001", "65140241001", "65140241002"
LOTS: Final = (OLD_LOT, EARLY_LOT, LATE_LOT)
DIVISION, REGIMENT = summary_pb2.SUMMARY_KEY_DIVISION, summary_pb2.SUMMARY_KEY_REGIMENT

RENAMED = (*XPCC[:3], "regiment,150,新一五〇团,,8,,")
MOVED = (
    *XPCC[:3],
    "regiment,150,新一五〇团,,8,,2024-10-04",
    "regiment,150,新一五〇团,,7,2024-10-05,",
)
"""The regiment under another name, which moves within the season of 2024."""

DOCUMENTS: Final = (
    XPCC,
    RENAMED,
    MOVED,
    XPCC[:2],
    ("region,xpcc,兵团,,,", "region,local,地方,,,", "county,甲,沙湾县,,local,,"),
    ("region,xpcc,兵团,,,", "division,8,八师,,xpcc,,", "regiment,150,一五〇团,,8,2024-02-29,"),
)


def organise(history: History, rows: Sequence[str], *, at_s: int | None = None) -> None:
    """Loads an organisation in place of the one before, if there is one."""
    book, revision = history.registry.references, history.registry.revision
    before = [each for each in book.in_force(ORGANISATION, revision) if each.record.id == "xpcc"]
    supersedes = before[0].position if before else 0
    document = reference(text(*rows), supersedes=supersedes)
    history.take(reference_pb2.LoadReferencesRequest(references=[document]), at_s=at_s)


def assert_as_from_scratch(lots: LotsAtRevision, history: History, revision: int) -> None:
    """All lots at a revision are as their bales and the documents of that revision have them."""
    registry, grading = history.registry, lots._gradings.at(revision)
    count = registry.rows_at(revision)
    there = [lot.at(revision, count) for lot in registry.lots if lot.exists_at(revision)]
    for basis in Basis:
        made = standing(
            [on_basis(lot, basis) for lot in there],
            registry.bales,
            registry.texts["standard"],
            grading.basis,
            lots.words,
        )
        expected = in_words(LotsAt(revision, made, grading), lots)
        found = in_words(lots.all_lots(revision, basis), lots)
        assert found[0].equals(expected[0])
        assert all(frame.equals(expected[1][name]) for name, frame in found[1].items())


def assert_cube(lots: LotsAtRevision) -> None:
    """The cube is that of the lots."""
    latest = lots.all_lots(None)
    assert latest.cube is not None
    kept, made = (each.in_order() for each in (latest.cube, Cube.of(latest.standing)))
    assert kept.standing.lots.equals(made.standing.lots)
    (cells,), (cells_made) = kept.standing.parts, made.standing.parts[0]
    for name, frame in cells.items():
        assert frame.equals(cells_made[name].select(frame.columns))


@given(seed=st.integers(0, 2**32 - 1), before=st.integers(0, 8), after=st.integers(1, 8))
@settings(max_examples=12)
def test_lots_are_where_the_documents_of_a_revision_have_them(
    tmp_path_factory: pytest.TempPathFactory, seed: int, before: int, after: int
) -> None:
    """Kept in memory or on disk, while documents and all else come: as from scratch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at_revision, "LOTS_TOGETHER", 2)
        author = Author(seed)
        chronicle, chance = author.chronicle, author.chance
        history, readers = chronicle.history, [chronicle.reader.lots]
        for step in range(before + after):
            if step == before:
                kept = tmp_path_factory.mktemp("kept")
                write_standing(readers[0], kept)
                readers.append(Reader(history, kept=kept).lots)
            if chance.random() < 0.4:
                organise(history, chance.choice(DOCUMENTS), at_s=chronicle._next_s())
                chronicle.oracle.withdrawals([])
                chronicle._note()
            else:
                chance.choice([author.step, author.step, author._finish, author._weigh])()
            for lots in readers:
                if chance.random() < 0.6:
                    assert_cube(lots)
        asked = chance.sample(range(chronicle.revision), min(4, chronicle.revision))
        for lots in readers:
            assert_cube(lots)
            for revision in (chronicle.revision, *asked):
                assert_as_from_scratch(lots, history, revision)


def three_lots() -> History:
    """Lots of one regiment in two seasons, of the later one before and after it moves."""
    history = History()
    history.register(OLD_LOT, regiment="150", gate_in_at_s=INSTANTS[1])
    history.register(EARLY_LOT, regiment="150", gate_in_at_s=INSTANTS[1] + 364 * 86400)
    history.register(LATE_LOT, regiment="150", gate_in_at_s=INSTANTS[1] + 368 * 86400)
    for number, lot_no in enumerate(LOTS):
        history.read([bale(10 * number + each, lot_no) for each in range(3)])
        history.weigh(lot_no)
    organise(history, XPCC[:3])
    return history


@pytest.fixture
def history() -> History:
    """The history that the tests below begin with."""
    return three_lots()


@pytest.fixture
def reader(history: History, tmp_path: Path) -> Reader:
    """A reader that starts from what was kept of the history."""
    write_standing(Reader(history).lots, tmp_path / "kept")
    return Reader(history, kept=tmp_path / "kept")


def parts(lots: LotsAtRevision, revision: int | None = None) -> tuple[list[Cells], int]:
    """The parts on disk that hold cells of lots, and the bytes of those in memory."""
    stands = lots.all_lots(revision).standing
    held = [part for _, part in stands.parts_with(stands.lots)]
    return (
        [part for part in held if isinstance(part, KeptCells)],
        sum(part.size_bytes for part in stands.parts),
    )


def regiments(lots: LotsAtRevision, revision: int | None = None) -> list[tuple[str, str]]:
    """The regiment and division of each lot."""
    facts = lots.all_lots(revision).standing.lots.sort("lot")
    names = (lots.words.texts(facts[key_column(key)]) for key in ("regiment", "division"))
    return list(zip(*names, strict=True))


def test_a_document_leaves_all_cells_where_they_are(
    history: History, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither lots nor bales are looked at, no cells are read, and none come into memory."""
    lots = reader.lots
    on_disk, in_memory = parts(lots)
    assert len(on_disk) == 2
    before = history.registry.revision
    organise(history, RENAMED)
    fresh = fresh_reader(history)
    request = summary_pb2.SummariseGradesRequest(keys=[REGIMENT, DIVISION])
    expected = fresh.summarise(request)
    with monkeypatch.context() as patch:
        forget_bales(history, patch, *LOTS)
        for revision in (None, before):
            found, size = parts(lots, revision)
            assert [id(part) for part in found] == [id(part) for part in on_disk]
            assert size == in_memory
        assert regiments(lots) == [("新一五〇团", "第八师")] * 3
        assert regiments(lots, before) == [("150", "")] * 3
        assert reader.summarise(request).SerializeToString() == expected.SerializeToString()
        assert read(lots) == []
    for revision in (None, before):
        assert_same(lots, fresh.lots, revision)


def test_only_cells_of_combinations_that_come_apart_are_read(
    history: History, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the season within which the regiment moves."""
    lots = reader.lots
    on_disk, in_memory = parts(lots)
    forget_bales(history, monkeypatch, *LOTS)
    organise(history, MOVED)
    assert regiments(lots) == [
        ("新一五〇团", "第八师"),
        ("新一五〇团", "第八师"),
        ("新一五〇团", "第七师"),
    ]
    assert parts(lots) == (on_disk, in_memory)
    names = read(lots)
    assert_cube(lots)
    assert {name[:10] for name in names} == {"cells-2024"}


def test_combinations_that_come_together_are_added_up(history: History, reader: Reader) -> None:
    """A lot that names the division and one that names its regiment, once both are known."""
    lot_no = "65140241003"
    history.register(lot_no, regiment="150", division="8", gate_in_at_s=INSTANTS[1])
    history.read([bale(40, lot_no)])
    history.weigh(lot_no)
    lots = reader.lots
    assert regiments(lots)[-1] == ("150", "第八师")
    before = lots.all_lots(None).cube
    assert before is not None
    organise(history, RENAMED)
    assert regiments(lots) == [("新一五〇团", "第八师")] * 4
    after = lots.all_lots(None).cube
    assert after is not None
    assert before.standing.lots.height == 3
    assert after.standing.lots.height == 2
    assert_cube(lots)
    assert_same(lots, fresh_reader(history).lots, None)


def test_cells_of_a_lot_stay_where_they_are_while_its_bales_and_weight_do(
    history: History, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of one that is weighed anew, whose means by weight are others, come into memory."""
    lots = reader.lots
    on_disk, in_memory = parts(lots)
    monkeypatch.setattr(type(history.registry.bales), "frame", None)
    history.close(3, OLD_LOT)
    history.certify(OLD_LOT, quality_certificate_no="q")
    before = history.registry.revision
    assert parts(lots) == (on_disk, in_memory)
    weighed = history.registry.lots[history.number(OLD_LOT)].weights.last_position
    weight = weight_of(OLD_LOT, gross=4_200_000, amendment=amendment(weighed))
    history.take(lots_pb2.RecordLotWeightsRequest(weights=[weight]))
    found, size = parts(lots)
    assert found == on_disk[1:]
    assert size > in_memory
    assert parts(lots, before - 1)[0] == on_disk[1:]
    monkeypatch.undo()
    fresh = fresh_reader(history).lots
    for revision in (None, before, before - 1):
        assert_same(lots, fresh, revision)


def test_older_revisions_are_kept_while_they_have_little_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cells that they share with the latest do not count; the one asked for last stays."""
    history = History()
    history.register(EARLY_LOT)
    for number in range(4):
        history.read([bale(number, EARLY_LOT)])
    lots = Reader(history).lots

    def kept() -> list[int]:
        return [revision for revision, _ in lots._older]

    one = lots.all_lots(2).standing
    of_one = one.parts[-1].size_bytes + int(one.lots.estimated_size())
    assert one.parts[-1].size_bytes > int(one.lots.estimated_size())
    monkeypatch.setattr(at_revision, "OLDER_BYTES_MAX", 2 * of_one)
    for revision in (3, 4, 2, 4):
        lots.all_lots(revision)
    assert kept() == [2, 4]
    history.close(4, EARLY_LOT)
    for revision in (5, 4):
        lots.all_lots(revision)
    assert kept() == [5, 4]
    # What the latest has no longer is then theirs alone.
    monkeypatch.setattr(at_revision, "OLDER_BYTES_MAX", of_one)
    assert kept() == [5, 4]
    history.read([bale(5, EARLY_LOT)])
    lots.all_lots(None)
    assert kept() == [4]
    monkeypatch.undo()
    monkeypatch.setattr(at_revision, "OLDER_MAX", 3)
    for revision in (1, 2, 3, 4):
        lots.all_lots(revision)
    assert kept() == [2, 3, 4]
