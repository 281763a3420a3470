"""Lots as they stand: what is kept up to date against what is made afresh, and who grades what."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from cotton.inspection.v1 import common_pb2
from cotton_server.errors import Reason, ServiceError
from cotton_server.grading.rollup import roll_up
from cotton_server.grading.standard import Units
from cotton_server.grading.standards import load_standards
from cotton_server.summary import at_revision
from cotton_server.summary.at_revision import LotsAtRevision
from cotton_server.summary.basis import Basis
from cotton_server.summary.facts import ADDITIVE, CODED_KEYS
from cotton_server.summary.gradings import Gradings
from cotton_server.summary.keys import key_column
from cotton_server.summary.leading import leading_places, leading_standards
from cotton_server.summary.placed import SAID
from cotton_server.summary.standing import CELL
from cotton_server.summary.weighted import WEIGHTED
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.golden.lots import bale_frame
from tests.support.bales import Bale, bale, usda_bale
from tests.support.chronicles import Author, fresh_reader
from tests.support.histories import History

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_server.grading.standard import Standard
    from cotton_server.summary.at_revision import LotsAt

OLD, NEW = "GB1103.1-2012", "GB1103.1-2023"
LOADED = load_standards()
# Another trash constant tells by which standard a weight was conditioned.
TRASH = LOADED[NEW].standard_trash
assert TRASH is not None
STANDARDS: dict[str, Standard] = {
    OLD: LOADED[OLD],
    NEW: replace(LOADED[NEW], standard_trash=replace(TRASH, value=300)),
}
SAW = common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND
ROLLER = common_pb2.COTTON_TYPE_ROLLER_GINNED_UPLAND
LOTS = ["65140161077", "65140161078", "65140241001", "65140161079"]

IN_WORDS = [*(key_column(key) for key in CODED_KEYS if key != "season"), *SAID.values()]
"""The columns of lots that are numbers of words."""

Row = dict[str, Any]
Told = dict[str, tuple[Row, dict[str, tuple[list[Row], Row]]]]


def told(lots: LotsAt, reader: LotsAtRevision) -> Told:
    """By lot its facts in words, and by standard its cells and the terms of its means by weight."""
    found: Told = {}
    for facts in lots.standing.lots.iter_rows(named=True):
        number, part = facts.pop("lot"), facts.pop("part")
        for column in IN_WORDS:
            facts[column] = reader.words[facts[column]]
        cells = {}
        for standard, frame in lots.standing.parts[part].items():
            mine = frame.filter(pl.col("lot") == number)
            if mine.is_empty():
                continue
            terms = [name for name in WEIGHTED if name in mine.columns]
            # In which of its cells the terms of a lot stand is nobody's business.
            rows = mine.drop("lot", *terms).sort(CELL[1:]).rows(named=True)
            cells[standard] = (rows, dict(zip(terms, mine.select(terms).sum().row(0), strict=True)))
        name = f"{facts[key_column('lot')]}/{facts[key_column('season')]}"
        found[name] = (facts, cells)
    assert len(found) == lots.standing.lots.height
    return found


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 14), parts_max=st.sampled_from([1, 12]))
@settings(max_examples=5)
def test_what_is_kept_up_to_date_equals_what_is_made_afresh_at_every_revision(
    seed: int, steps: int, parts_max: int
) -> None:
    """Asked at any time in between, then, later and by a reader that starts at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at_revision, "PARTS_MAX", parts_max)
        author = Author(seed)
        kept = author.chronicle.reader.lots
        then: dict[int, Told] = {}
        for _ in range(steps):
            author.step()
            if author.chance.random() < 0.5:
                latest = kept.all_lots(None)
                assert latest.revision == author.chronicle.revision
                then[latest.revision] = told(latest, kept)
        kept.all_lots(None)
        fresh = fresh_reader(author.chronicle.history).lots
        for revision in range(author.chronicle.revision + 1):
            for basis in Basis:
                now = told(kept.all_lots(revision, basis), kept)
                assert now == told(fresh.all_lots(revision, basis), fresh)
                if basis is Basis.IN_FORCE and revision in then:
                    assert now == then[revision]


def test_what_could_not_be_computed_is_computed_at_the_next_question() -> None:
    """A fault in between loses no change; a revision that is not there yet is refused."""
    history = History()
    lots = LotsAtRevision(history.registry, Gradings(history.registry, STANDARDS))
    history.read([bale(1)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at_revision, "standing", _fails)
        with pytest.raises(MemoryError):
            lots.all_lots(None)
    assert lots.all_lots(None).standing.lots["bales_read"].to_list() == [1]
    assert lots.all_lots(0).standing.lots.is_empty()
    with pytest.raises(ServiceError) as refused:
        lots.all_lots(2)
    assert refused.value.reason is Reason.FUTURE_REVISION


def _fails(*_arguments: object) -> None:
    raise MemoryError


def lots_at(
    history: History, standards: Mapping[str, Standard] = STANDARDS, revision: int | None = None
) -> dict[str, tuple[Any, ...]]:
    """Every lot as a reader finds it that starts now.

    Bales, those without a standard, its own standard, conditioned weight, and by standard bales
    and sum of micronaire.
    """
    reader = LotsAtRevision(history.registry, Gradings(history.registry, standards))
    found = {}
    for facts, cells in told(reader.all_lots(revision), reader).values():
        figures = {
            standard: tuple(sum(row[name] for row in rows) for name in ("bales", "micronaire.sum"))
            for standard, (rows, _) in cells.items()
            if standard
        }
        without = sum(row["bales"] for row in cells[""][0]) if "" in cells else 0
        weighed = facts["lots_with_conditioned_weight"]
        found[facts[key_column("lot")]] = (
            facts["bales_read"],
            without,
            facts[key_column("standard")],
            facts["conditioned"] if weighed else None,
            figures,
        )
    return found


def read(history: History, *readings: tuple[str, bool, str]) -> None:
    """Stores a bale for each lot number, whether it is of the USDA, and standard named."""
    made: list[Bale] = []
    for lot_no, usda, standard in readings:
        number = history.registry.bales.count + len(made) + 1
        micronaire = 150 + 10 * number
        one = (
            usda_bale(number, lot_no=lot_no, micronaire=micronaire)
            if usda
            else bale(number, lot_no, micronaire=micronaire)
        )
        made.append(replace(one, standard=standard))
    history.read(made)


@pytest.mark.parametrize("named", ["", OLD])
def test_inches_are_never_graded_as_millimetres(named: str) -> None:
    """A USDA bale in a saw-ginned lot, naming GB or not, is counted and not graded."""
    history = History()
    lot_no = LOTS[0]
    history.register(lot_no, cotton_type=SAW)
    read(history, (lot_no, False, named), (lot_no, True, named))
    assert lots_at(history)[lot_no] == (2, 1, OLD, None, {OLD: (1, 160)})
    assert lots_at(history, revision=1)[lot_no] == (0, 0, OLD, None, {})


def test_a_standard_of_usda_units_grades_usda_bales_only() -> None:
    """Units are a property of the standard, not of one family of bales."""
    usda = replace(LOADED[NEW], id="USDA", units=Units.USDA)
    history = History()
    read(history, ("", True, "USDA"), (LOTS[0], False, "USDA"))
    at = lots_at(history, {OLD: LOADED[OLD], "USDA": usda})
    assert at[""] == (1, 0, "USDA", None, {"USDA": (1, 160)})
    assert at[LOTS[0]] == (1, 1, "", None, {})


def test_the_standard_of_a_lot_decides_its_weight() -> None:
    """Readings come before the registration; a lot with neither has no conditioned weight."""
    history = History()
    ordinary, unregistered, roller, unread = LOTS[0], LOTS[1], LOTS[2], LOTS[3]
    history.register(ordinary, cotton_type=SAW)
    history.register(roller, cotton_type=ROLLER)
    history.register(unread, cotton_type=SAW)
    read(history, (ordinary, False, ""), (unregistered, False, NEW), (roller, False, NEW))
    for lot_no in LOTS:
        history.weigh(lot_no)
    at = lots_at(history)
    assert {lot_no: at[lot_no][2] for lot_no in LOTS} == {
        ordinary: OLD, unregistered: NEW, roller: NEW, unread: OLD,
    }  # fmt: skip
    assert at[ordinary][3] == at[unread][3] == 4257900
    assert at[unregistered][3] == at[roller][3] != at[ordinary][3]
    bare = "65140161080"
    history.weigh(bare)
    read(history, (bare, False, ""))
    assert lots_at(history)[bare] == (1, 1, "", None, {})


def test_leading_standard_of_a_tie_is_the_one_given_last() -> None:
    frame = roll_up(bale_frame(lot=[4], rd=[1]), STANDARDS[OLD])
    assert leading_standards({"a": frame, "b": frame}).rows() == [(4, "b")]
    assert leading_standards({"b": frame, "a": frame}).rows() == [(4, "a")]
    assert leading_standards({}).schema == {"lot": pl.Int32, "standard": pl.String}


Cell = tuple[int, int, int, int, int, str]
"""Lot, laboratory, instrument, day, bales, standard."""


@given(
    st.lists(
        st.tuples(
            *(st.integers(0, 2) for _ in range(4)),
            st.integers(1, 3),
            st.sampled_from([OLD, OLD, NEW, ""]),
        ),
        max_size=12,
    ),
    st.lists(st.sampled_from([OLD, NEW, ""]), min_size=3, max_size=3),
)
@example([(0, 1, 1, 1, 2, OLD), (0, 2, 1, 1, 1, OLD), (0, 2, 2, 2, 1, OLD)], [OLD] * 3)
@settings(max_examples=100)
def test_leading_place_is_the_laboratory_then_the_instrument_then_the_day(
    cells: list[Cell], own: list[str]
) -> None:
    """With most bales under the lot's own standard of what is left; of equals the last."""
    schema = dict.fromkeys(CELL, pl.Int32) | {"bales": pl.Int64}
    frames = {
        standard: pl.DataFrame(
            [cell[:5] for cell in cells if cell[5] == standard], schema=schema, orient="row"
        )
        for standard in (OLD, NEW, "")
    }
    standards = pl.DataFrame({"lot": range(3), "standard": own}, schema_overrides={"lot": pl.Int32})
    expected = []
    for lot in sorted({cell[0] for cell in cells}):
        mine = [cell for cell in cells if cell[0] == lot]
        rest = [cell for cell in mine if cell[5] == own[lot]] or mine
        for depth in (1, 2, 3):
            chosen = max(
                {cell[depth] for cell in rest},
                key=lambda value: (sum(int(c[4]) for c in rest if c[depth] == value), value),
            )
            rest = [cell for cell in rest if cell[depth] == chosen]
        expected.append(rest[0][:4])
    assert leading_places(frames, standards).rows() == expected


def test_facts_are_named_once() -> None:
    """Every additive fact is a column of its own."""
    assert len(set(ADDITIVE)) == len(ADDITIVE)
