"""Lots as they stand, against plain recounting, after any history and at every revision of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import common_pb2, lots_pb2
from cotton_server.grading.standard import Units
from cotton_server.grading.standards import load_standards
from cotton_server.grading.weight import conditioned_weight
from cotton_server.intake.decode import BatchLimits, decode
from cotton_server.intake.rules import CURRENT, rule_set
from cotton_server.intake.verdict import apply, judge
from cotton_server.registry.lifecycle import Moment
from cotton_server.registry.registry import Registry
from cotton_server.summary.at_revision import LotsAtRevision
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.support.bales import Bale, bale, batch, usda_bale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton_server.grading.standard import Standard
    from cotton_server.intake.content import Content
    from cotton_server.summary.standing import Standing

OLD, NEW = "GB1103.1-2012", "GB1103.1-2023"
LOADED = load_standards()
# Another trash constant tells by which standard a weight was conditioned.
TRASH = replace(LOADED[NEW].standard_trash, value=300)
STANDARDS: dict[str, Standard] = {
    OLD: LOADED[OLD],
    NEW: replace(LOADED[NEW], standard_trash=TRASH),
}
SAW = common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND
ROLLER = common_pb2.COTTON_TYPE_ROLLER_GINNED_UPLAND
LOTS = ["65140161077", "65140161078", "65140241001", "65140161079"]
RULES = rule_set(CURRENT)


@dataclass
class Known:
    """One lot as the model knows it: what it is, and (standard named, USDA, micronaire)."""

    lot: lots_pb2.Lot | None = None
    weight: lots_pb2.LotWeight | None = None
    bales: list[tuple[str, bool, int]] = field(default_factory=list)


class History:
    """A registry and, beside it, a model of plain dictionaries."""

    def __init__(self) -> None:
        self.registry = Registry(bales_max=1000)
        self.known: dict[str, Known] = {}
        self.bales = 0

    def read(self, readings: Sequence[tuple[str, bool, str]]) -> None:
        """Stores bales of (lot number, USDA, standard named), all new."""
        made: list[Bale] = []
        for lot_no, usda, standard in readings:
            self.bales += 1
            micronaire = 150 + 10 * self.bales
            one = (
                usda_bale(self.bales, lot_no=lot_no, micronaire=micronaire)
                if usda
                else bale(self.bales, lot_no, micronaire=micronaire)
            )
            made.append(replace(one, standard=standard))
            self._of(lot_no).bales.append((standard, usda, micronaire))
        self._take(decode(batch(made), BatchLimits(1000)))

    def register(self, lot_no: str, **fields: Any) -> None:
        """Registers a lot; once registered it stays as it is."""
        lot = lots_pb2.Lot(lot_no=lot_no, gin_code=lot_no[:5], **fields)
        self._of(lot_no).lot = self._of(lot_no).lot or lot
        self._take(lots_pb2.RegisterLotsRequest(lots=[lot]))

    def weigh(self, lot_no: str, gross: int = 4262000) -> None:
        """Weighs a lot; once weighed it stays as it is."""
        weight = lots_pb2.LotWeight(
            lot_no=lot_no, gross=gross, tare=24600, regain=820, trash=230, resolution=10
        )
        self._of(lot_no).weight = self._of(lot_no).weight or weight
        self._take(lots_pb2.RecordLotWeightsRequest(weights=[weight]))

    def expected(self) -> dict[str, tuple[Any, ...]]:
        """Facts and graded figures by lot number, recounted bale by bale."""
        return {lot_no: _expected(known) for lot_no, known in self.known.items()}

    def _of(self, lot_no: str) -> Known:
        return self.known.setdefault(lot_no, Known())

    def _take(self, content: Content) -> None:
        position = self.registry.revision + 1
        verdict = judge([content], self.registry, RULES, position)
        apply(verdict, [Moment(position, position * 1_000_000)], self.registry)


def _default(lot: lots_pb2.Lot | None) -> str:
    if lot is None:
        return ""
    if lot.standard:
        return lot.standard if lot.standard in STANDARDS else ""
    return "" if lot.cotton_type != SAW else NEW if lot.lot_no[5:7] == "24" else OLD


def _expected(known: Known) -> tuple[Any, ...]:
    default = _default(known.lot)
    graded: list[tuple[str, int]] = []
    for named, usda, micronaire in known.bales:
        meant = named or default
        if meant in STANDARDS and not usda:
            graded.append((meant, micronaire))
    counts = Counter(standard for standard, _ in graded)
    # Of two with as many bales the younger leads.
    own = max(counts, key=lambda name: (counts[name], name)) if counts else default
    conditioned = None
    if known.weight is not None and own:
        conditioned = conditioned_weight(
            known.weight.gross - known.weight.tare,
            trash=230,
            regain=820,
            resolution=10,
            standard=STANDARDS[own],
        )
    figures = {
        name: (counts[name], sum(value for standard, value in graded if standard == name))
        for name in counts
    }
    return len(known.bales), len(known.bales) - len(graded), own, conditioned, figures


def found(standing: Standing) -> dict[str, tuple[Any, ...]]:
    """What `History.expected` recounts, out of a standing."""
    figures: dict[int, dict[str, tuple[int, int]]] = {}
    for name, rollup in standing.rollups.items():
        for lot, bales, total in rollup.select("lot", "bales", "micronaire.sum").iter_rows():
            figures.setdefault(lot, {})[name] = (bales, total)
    columns = ["lot_no", "bales", "bales_without_standard", "standard", "conditioned", "lot"]
    return {
        row[0]: (*row[1:5], figures.get(row[5], {}))
        for row in standing.lots.select(columns).iter_rows()
    }


def assert_same(one: Standing, other: Standing) -> None:
    """Every column of every lot, whatever the order of the lots."""
    assert_frame_equal(one.lots.sort("lot"), other.lots.sort("lot"))
    assert one.rollups.keys() == other.rollups.keys()
    for name, rollup in one.rollups.items():
        assert_frame_equal(rollup.sort("lot"), other.rollups[name].sort("lot"))


def histories() -> st.SearchStrategy[list[tuple[str, Any, bool]]]:
    """Steps: what is done, with what, and whether a summary is asked for after it."""
    lots = st.sampled_from(LOTS)
    standards = st.sampled_from(["", "", OLD, NEW, "USDA"])
    reading = st.one_of(
        st.tuples(lots, st.just(value=False), standards),
        st.tuples(st.sampled_from(["", *LOTS]), st.just(value=True), standards),
    )
    fields = st.fixed_dictionaries(
        {"cotton_type": st.sampled_from([SAW, ROLLER]), "standard": standards}
    )
    return st.lists(
        st.one_of(
            st.tuples(st.just("read"), st.lists(reading, min_size=1, max_size=6), st.booleans()),
            st.tuples(st.just("register"), st.tuples(lots, fields), st.booleans()),
            st.tuples(st.just("weigh"), lots, st.booleans()),
        ),
        min_size=1,
        max_size=10,
    )


# Rows of lots that changed together look like one run by their first and last row, and are not.
LOOKS_LIKE_ONE_RUN: list[tuple[str, Any, bool]] = [
    ("read", [(LOTS[0], False, OLD), (LOTS[1], False, OLD), (LOTS[2], False, OLD)], True),
    ("read", [(LOTS[0], False, OLD)], False),
    ("weigh", LOTS[2], True),
]


@given(histories())
@example(LOOKS_LIKE_ONE_RUN)
@settings(max_examples=50, deadline=None)
def test_what_is_kept_up_to_date_equals_what_is_made_afresh_at_every_revision(
    steps: list[tuple[str, Any, bool]],
) -> None:
    """Asked at any time in between, then, later and by a reader that starts at the end."""
    history = History()
    kept = LotsAtRevision(history.registry, STANDARDS)
    expected = [history.expected()]
    for what, content, ask in steps:
        if what == "read":
            history.read(content)
        elif what == "register":
            history.register(content[0], **content[1])
        else:
            history.weigh(content)
        expected.append(history.expected())
        if ask:
            revision, now = kept.all_lots(0)
            assert revision == len(expected) - 1
            assert found(now) == expected[-1]
    last, latest = kept.all_lots(0)
    assert last == len(steps)
    # What changed is handed out once: the new reader is given all of it.
    history.registry.give_back_changed(range(len(history.registry.lots)))
    fresh = LotsAtRevision(history.registry, STANDARDS)
    assert_same(latest, fresh.all_lots(0)[1])
    for revision in range(1, last + 1):
        then = kept.all_lots(revision)[1]
        assert found(then) == expected[revision]
        assert_same(then, fresh.all_lots(revision)[1])


def lots_at(
    history: History, standards: Mapping[str, Standard] = STANDARDS
) -> dict[str, tuple[Any, ...]]:
    """Every lot as a reader finds it that starts now."""
    return found(LotsAtRevision(history.registry, standards).all_lots(0)[1])


@pytest.mark.parametrize("named", ["", OLD])
def test_inches_are_never_graded_as_millimetres(named: str) -> None:
    """A USDA bale in a saw-ginned lot, naming GB or not, is counted and not graded."""
    history = History()
    lot_no = LOTS[0]
    history.register(lot_no, cotton_type=SAW)
    history.read([(lot_no, False, named), (lot_no, True, named)])
    assert lots_at(history)[lot_no] == (2, 1, OLD, None, {OLD: (1, 160)})
    _, standing = LotsAtRevision(history.registry, STANDARDS).all_lots(1)
    assert standing.rollups[OLD].is_empty()


def test_a_standard_of_usda_units_grades_usda_bales_only() -> None:
    """Units are a property of the standard, not of one family of bales."""
    usda = replace(LOADED[NEW], id="USDA", units=Units.USDA)
    history = History()
    history.read([("", True, "USDA"), (LOTS[0], False, "USDA")])
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
    history.read([(ordinary, False, ""), (unregistered, False, NEW), (roller, False, NEW)])
    for lot_no in LOTS:
        history.weigh(lot_no)
    at = lots_at(history)
    assert {lot_no: at[lot_no][2] for lot_no in LOTS} == {
        ordinary: OLD, unregistered: NEW, roller: NEW, unread: OLD,
    }  # fmt: skip
    assert at[ordinary][3] == at[unread][3]
    assert at[unregistered][3] == at[roller][3] != at[ordinary][3]
    bare = "65140161080"
    history.weigh(bare)
    history.read([(bare, False, "")])
    assert lots_at(history)[bare] == (1, 1, "", None, {})
