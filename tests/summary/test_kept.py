"""The standing of lots on disk: it answers as one that was computed, or it is not used."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from cotton.inspection.v1 import reference_pb2, summary_pb2
from cotton_server.grading.standards import load_standards
from cotton_server.registry.image import load_image, write_image
from cotton_server.registry.registry import Registry
from cotton_server.summary import at_revision, digest, standing
from cotton_server.summary.at_revision import LotsAtRevision
from cotton_server.summary.basis import Basis
from cotton_server.summary.facts import CODED_KEYS
from cotton_server.summary.gradings import Gradings
from cotton_server.summary.kept import write_standing
from cotton_server.summary.kept_cells import CellCache, KeptCells, KeptStandingError
from cotton_server.summary.keys import key_column
from cotton_server.summary.placed import SAID
from cotton_server.summary.standing import CELL, cells_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.bales import Bale, bale
from tests.support.chronicles import Author, Reader, fresh_reader
from tests.support.histories import History
from tests.support.organisations import CHART, chart, reference
from tests.support.registry_dump import with_rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cotton_server.summary.at_revision import LotsAt

    Files = dict[str, bytes]

OLD_SEASON, NEW_SEASON = "65140231001", "65140241001"

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where a standing is written to."""
    return tmp_path / "standing"


def read(lots: LotsAtRevision) -> list[str]:
    """The files of cells that were read and are in memory."""
    parts = lots.all_lots(None).standing.parts
    caches = {id(part._cache): part._cache for part in parts if isinstance(part, KeptCells)}
    return sorted(name for cache in caches.values() for name in cache._frames)


def in_words(lots: LotsAt, reader: LotsAtRevision) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """Facts of lots with the texts of their keys, and their cells by standard, in order."""
    facts = lots.standing.lots.drop("part").sort("lot")
    columns = [*(key_column(key) for key in CODED_KEYS if key != "season"), *SAID.values()]
    texts = [reader.words.texts(facts[column]) for column in columns]
    cells = cells_of(lots.standing, lots.standing.lots)
    return facts.with_columns(texts), {name: cells[name].sort(CELL) for name in cells}


def assert_same(one: LotsAtRevision, other: LotsAtRevision, revision: int | None) -> None:
    """Both have the same lots at a revision, dtypes and all, on both bases."""
    for basis in Basis:
        (facts, cells), (facts_of_other, cells_of_other) = (
            in_words(reader.all_lots(revision, basis), reader) for reader in (one, other)
        )
        assert facts.schema == facts_of_other.schema
        assert facts.equals(facts_of_other)
        assert cells.keys() == cells_of_other.keys()
        for name, frame in cells.items():
            assert frame.schema == cells_of_other[name].schema
            assert frame.equals(cells_of_other[name])


def files(directory: Path) -> Files:
    """What is in a directory."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@given(seed=seeds, before=st.integers(0, 8), between=st.integers(0, 6), after=st.integers(0, 6))
@settings(max_examples=8)
def test_a_standing_that_was_kept_answers_as_one_that_was_computed(
    tmp_path_factory: pytest.TempPathFactory, seed: int, before: int, between: int, after: int
) -> None:
    """Kept, read and kept again; before its revision, at it and after it; questions and lots."""
    directory = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standing, "BALES_AT_ONCE_MAX", 9)
        patch.setattr(at_revision, "LOTS_TOGETHER", 2)
        author = Author(seed)
        chronicle = author.chronicle
        kept, at = None, 0
        for number, steps in enumerate((before, between)):
            for _ in range(steps):
                author.step()
            written = Reader(chronicle.history, kept=kept).lots
            kept, at = directory / str(number), chronicle.revision
            write_standing(written, kept)
            loaded = LotsAtRevision(chronicle.history.registry, written._gradings, kept)
            assert loaded._latest.revision == chronicle.revision
            assert loaded.amended == written.amended
            cube = loaded._latest.cube
            assert cube is not None
            assert cube.standing.lots["lot"].to_list() == [*range(cube.next_entry)]
            again = directory / f"{number} again"
            write_standing(loaded, again)
            assert files(again) == files(kept)
        for _ in range(after):
            author.step()
        assert kept is not None
        from_kept, fresh = Reader(chronicle.history, kept=kept), fresh_reader(chronicle.history)
        revisions = {*range(chronicle.revision + 1)}
        asked = author.chance.sample(sorted(revisions), min(3, len(revisions)))
        for revision in (None, *(revisions & {at - 1, at, at + 1}), *asked):
            assert_same(from_kept.lots, fresh.lots, revision)
        if chronicle.revision:
            for _ in range(4):
                request = author.question(revision=author.chance.randint(1, chronicle.revision))
                answers = [reader.summarise(request) for reader in (from_kept, fresh)]
                assert answers[0].SerializeToString() == answers[1].SerializeToString()
            causes = summary_pb2.BaleCause.values()[1:]
            listing = summary_pb2.ListBalesRequest(causes=causes)
            assert from_kept.bales(listing) == fresh.bales(listing)
            certificates = summary_pb2.TabulateCertificatesRequest()
            assert from_kept.certificates(certificates) == fresh.certificates(certificates)


def two_seasons() -> History:
    """A lot under each edition of a standard, with bales that only a chart grades by colour."""
    history = History()
    for number, lot_no in enumerate((OLD_SEASON, NEW_SEASON)):
        history.register(lot_no)
        history.read([uncoloured(10 * number + each, lot_no) for each in range(3)])
    return history


def uncoloured(number: int, lot_no: str) -> Bale:
    """A bale without a colour grade of the laboratory."""
    made = bale(number, lot_no, rd=7900, plus_b=720)
    return replace(made, values={k: v for k, v in made.values.items() if k != "colour_grade"})


def load_chart(history: History) -> None:
    """Loads a chart of the standard of these bales."""
    document = reference(chart(), "c", kind=CHART)
    history.take(reference_pb2.LoadReferencesRequest(references=[document]))
    assert history.registry.references.of_kind(CHART)


def kept_by(history: History, directory: Path) -> LotsAtRevision:
    """What was computed of a history and kept."""
    lots = Reader(history).lots
    write_standing(lots, directory)
    return lots


def forget_bales(history: History, patch: pytest.MonkeyPatch, *lot_nos: str) -> None:
    """Lets nobody look at these lots or their bales from here on."""
    book, store = history.registry.lots, history.registry.bales
    numbers = {history.number(lot_no) for lot_no in lot_nos}
    rows = {row for number in numbers for row in range(*book[number].runs)}
    look, frame = type(book).looked_at, type(store).frame

    def looked_at(self: Any, number: int) -> Any:
        assert number not in numbers
        return look(self, number)

    def framed(self: Any, runs: Any, values: Any = None) -> pl.DataFrame:
        found = frame(self, runs, values)
        assert rows.isdisjoint(found["row"].to_list())
        return found

    patch.setattr(type(book), "looked_at", looked_at)
    patch.setattr(type(book), "__getitem__", looked_at)
    patch.setattr(type(book), "__iter__", None)
    patch.setattr(type(store), "frame", framed)


SEASON = summary_pb2.SUMMARY_KEY_SEASON


def of_season(season: str, *keys: summary_pb2.SummaryKey.ValueType) -> Any:
    """A question about one season."""
    filters = [summary_pb2.KeyFilter(key=SEASON, values=[season])]
    return summary_pb2.SummariseGradesRequest(keys=keys, filters=filters)


def test_nothing_of_old_lots_is_read_for_what_changed_since(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither lots nor bales nor cells of another season; by combinations of keys no cells at all.

    Cells are read once, and also when the directory is gone: a newer state takes its place.
    """
    history = two_seasons()
    kept_by(history, directory)
    forget_bales(history, monkeypatch, OLD_SEASON)
    reader = Reader(history, kept=directory)
    history.read([bale(100, NEW_SEASON)])
    history.register("65140241002")
    shutil.rmtree(directory)
    for year, bales in (("2023", 3), ("2024", 4)):
        assert reader.summarise(of_season(year)).total.bales == bales
    assert read(reader.lots) == []
    laboratory = summary_pb2.SUMMARY_KEY_LABORATORY
    assert reader.summarise(of_season("2024", laboratory)).total.bales == 4
    assert read(reader.lots) == []
    reads = []
    frame = pl.read_parquet

    def counted(content: bytes) -> pl.DataFrame:
        reads.append(len(content))
        return frame(content)

    monkeypatch.setattr(pl, "read_parquet", counted)
    for _ in range(2):
        assert reader.summarise(of_season("2023", laboratory)).total.bales == 3
    assert len(reads) == len(read(reader.lots)) == 1


def test_a_start_from_a_state_makes_no_lot(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for a season that is over nor for one that goes on, but for what changes in it."""
    history = two_seasons()
    kept_by(history, directory)
    image = tmp_path / "image"
    write_image(history.registry, image)
    started = History()
    started.registry = with_rows_of(history.registry, Registry(bales_max=1000))
    load_image(image, started.registry)
    started.received_at_s = history.received_at_s
    kept = started.registry.lots.kept
    assert kept is not None
    monkeypatch.setattr(type(kept), "entry", None)
    reader = Reader(started, kept=directory)
    for year in ("2023", "2024"):
        assert reader.summarise(of_season(year)).total.bales == 3
    monkeypatch.undo()
    for each in (history, started):
        each.read([bale(100, NEW_SEASON)])
    assert_same(reader.lots, fresh_reader(history).lots, None)


def test_a_season_in_which_nothing_changed_is_not_encoded_again(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is copied; one of which a lot changed is written anew."""
    history = two_seasons()
    kept_by(history, directory)
    lots = Reader(history, kept=directory).lots
    history.read([bale(100, NEW_SEASON)])
    again = tmp_path / "again"
    write_standing(lots, again)
    assert [name[:10] for name in read(lots)] == []
    old, new = files(directory), files(again)
    same = [name for name in new if name.startswith("cells") and new[name] == old[name]]
    assert [name[:10] for name in same] == ["cells-2023"]
    monkeypatch.undo()
    assert_same(Reader(history, kept=again).lots, fresh_reader(history).lots, None)


def computed_again(lots: LotsAtRevision) -> bool:
    """Whether nothing of what was kept is used."""
    return lots._latest.revision == 0


def differing(name: str, history: History, patch: pytest.MonkeyPatch) -> Gradings:
    """What grades, with one thing other than when the standing was kept."""
    standards = dict(load_standards())
    if name == "standards":
        first = next(iter(standards))
        trash = standards[first].standard_trash
        assert trash is not None
        standards[first] = replace(
            standards[first], standard_trash=replace(trash, value=trash.value + 1)
        )
    gradings = Gradings(history.registry, standards)
    if name == "definitions":
        first_of_all, *others = gradings._definitions
        other = replace(first_of_all, conditions=others[0].conditions)
        return Gradings(history.registry, standards, (other, *others))
    if name == "sources":
        patch.setattr(digest, "_sources_digest", lambda: "of another version")
    return gradings


@pytest.mark.parametrize("name", ["standards", "definitions", "sources"])
def test_what_another_version_kept_is_computed(
    name: str, directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it is that figures follow from; which is told."""
    history = two_seasons()
    kept_by(history, directory)
    gradings = differing(name, history, monkeypatch)
    with caplog.at_level(logging.INFO):
        lots = LotsAtRevision(history.registry, gradings, directory)
    assert computed_again(lots)
    assert "is not used" in caplog.text
    assert_same(lots, LotsAtRevision(history.registry, gradings), None)


def test_what_grades_is_that_of_the_revision_that_was_kept(directory: Path) -> None:
    """A chart that is loaded later grades what was kept; one from before is part of it."""
    history = two_seasons()
    kept_by(history, directory)
    assert not computed_again(Reader(history, kept=directory).lots)
    load_chart(history)
    for revision in (None, 1, 4, 5):
        from_kept = Reader(history, kept=directory).lots
        assert not computed_again(from_kept)
        assert_same(from_kept, fresh_reader(history).lots, revision)
    later = directory.with_name("later")
    kept_by(history, later)
    from_kept = Reader(history, kept=later).lots
    assert not computed_again(from_kept)
    for revision in (None, 1, 4, 5):
        assert_same(from_kept, fresh_reader(history).lots, revision)


def test_a_chart_has_only_bales_of_its_standard_graded_anew(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those of a season under another, now or at an older revision."""
    history = two_seasons()
    kept_by(history, directory)
    load_chart(history)
    revision = history.registry.revision
    fresh = fresh_reader(history).lots
    told = {each: in_words(fresh.all_lots(each), fresh) for each in (revision - 1, revision)}
    forget_bales(history, monkeypatch, OLD_SEASON)
    from_kept = Reader(history, kept=directory).lots
    for each, (facts, cells) in told.items():
        facts_from_kept, cells_from_kept = in_words(from_kept.all_lots(each), from_kept)
        assert facts_from_kept.equals(facts)
        for name, frame in cells.items():
            assert cells_from_kept[name].equals(frame)
    by_chart = [cells["GB1103.1-2023"]["colour.by_chart"].sum() for _, cells in told.values()]
    assert by_chart == [0, 3]


def damaged(directory: Path) -> Iterator[str]:
    """Damages a file after the other, and repairs it; yields what was done."""
    for name, content in sorted(files(directory).items()):
        if name.startswith("cells"):
            continue
        for what, made in (
            ("empty", b""),
            ("cut", content[: len(content) // 2]),
            ("other", content[:-9] + b"x" + content[-8:]),
        ):
            (directory / name).write_bytes(made)
            yield f"{name} {what}"
        (directory / name).unlink()
        yield f"{name} missing"
        (directory / name).write_bytes(content)


def test_a_damaged_standing_is_computed(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever file it is, and though the head is read first of all."""
    history = two_seasons()
    kept_by(history, directory)
    for _ in damaged(directory):
        caplog.clear()
        assert computed_again(Reader(history, kept=directory).lots)
        assert "cannot be read" in caplog.text or "not used" in caplog.text
    assert not computed_again(Reader(history, kept=directory).lots)


def test_damaged_cells_give_no_answer(directory: Path) -> None:
    """They are read later than all others; what does not need them is answered."""
    history = two_seasons()
    kept_by(history, directory)
    reader = Reader(history, kept=directory)
    (cells,) = directory.glob("cells-2023-*")
    content = cells.read_bytes()
    cells.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    laboratory = summary_pb2.SUMMARY_KEY_LABORATORY
    with pytest.raises(KeptStandingError, match=r"cells-2023.* digest"):
        reader.summarise(of_season("2023", laboratory))
    assert reader.summarise(of_season("2024", laboratory)).total.bales == 3
    cells.unlink()
    assert computed_again(Reader(history, kept=directory).lots)


def test_a_standing_of_a_later_revision_is_not_used(directory: Path) -> None:
    """The registry was taken from an older state, or from the raw entries."""
    history = two_seasons()
    kept_by(history, directory)
    assert computed_again(Reader(two_seasons(), kept=directory).lots) is False
    earlier = History()
    earlier.register(OLD_SEASON)
    lots = Reader(earlier, kept=directory).lots
    assert computed_again(lots)
    assert lots.all_lots(None).standing.lots.height == 1


def test_a_standing_of_another_form_is_not_used(directory: Path) -> None:
    """A later version may write other files."""
    history = two_seasons()
    kept_by(history, directory)
    head = json.loads((directory / "head.json").read_text())
    (directory / "head.json").write_text(json.dumps({**head, "format": head["format"] + 1}))
    assert computed_again(Reader(history, kept=directory).lots)


def test_the_standing_of_nothing_is_kept(directory: Path) -> None:
    history = History()
    kept_by(history, directory)
    lots = Reader(history, kept=directory).lots
    history.register(NEW_SEASON)
    assert lots.all_lots(None).standing.lots.height == 1
    assert lots.all_lots(0).standing.lots.is_empty()


def test_frames_asked_for_last_stay_in_memory(directory: Path) -> None:
    """As many as may, and the last one in any case."""
    history = two_seasons()
    kept_by(history, directory)
    parts = Reader(history, kept=directory).lots.all_lots(None).standing.parts
    old, new = (part for part in parts if isinstance(part, KeptCells))
    ((name, file),) = old.files.items()
    ((other_name, other),) = new.files.items()
    one = old[name]
    cache = CellCache(int(one.estimated_size()) * 3 // 2)
    first = cache.get(file, one.clear())
    assert cache.get(file, one.clear()) is first
    second = cache.get(other, new[other_name].clear())
    assert cache.get(other, one.clear()) is second
    assert cache.size_bytes == second.estimated_size()
    assert cache.get(file, one.clear()) is not first
