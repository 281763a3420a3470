"""Conflicts: found in whatever order readings arrive, listed and counted as of a revision."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import amendments_pb2, common_pb2, readings_pb2
from cotton_server.domain.identifiers import BaleKey
from cotton_server.errors import Reason, ServiceError
from cotton_server.ledger import Ledger
from cotton_server.registry.conflicts import ConflictState
from cotton_server.trace import conflicts
from cotton_server.trace.conflicts import ConflictFilter, ConflictListing, count_conflicts
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bales import LOT, OTHER_LOT, Bale, bale, key_of, usda_bale
from tests.support.deciding import SECOND_US
from tests.support.sealed_story import OLD, tell_sealed
from tests.support.sealing import recovered
from tests.trace.recording import ACCEPT, KEEP, WHY, Recording, says

if TYPE_CHECKING:
    from pathlib import Path

NEXT_SEASON = "65140171077"

SIDES = [
    replace(bale(1), laboratory="L1"),
    replace(bale(1, OTHER_LOT), laboratory="L1"),
    replace(bale(1), laboratory="L2"),
    replace(bale(1, NEXT_SEASON), laboratory="L1"),
    replace(bale(1, length=2700), laboratory="L1"),
]
"""One bale in one lot and another, at two laboratories, in two seasons, and with two lengths."""


def key(each: Bale) -> BaleKey:
    """The key of a bale."""
    return BaleKey(*key_of(each))


def said_by(each: Bale) -> tuple[object, ...]:
    """A reading of a test as `says` tells a stored one."""
    return each.lot_no, each.laboratory, each.standard, each.values["length"]


@given(
    st.permutations(SIDES * 2),
    st.lists(st.integers(1, 4), min_size=10, max_size=10),
    st.booleans(),
)
def test_every_side_of_a_bale_is_found_in_whatever_order_they_arrive(
    order: list[Bale], sizes: list[int], together: bool
) -> None:
    """One reading is in force, all others are conflicts, and a repeat adds none."""
    recording = Recording()
    batches = []
    left = list(order)
    for size in sizes:
        batches.append(left[:size])
        left = left[size:]
    batches = [each for each in batches if each]
    for group in [batches] if together else [[each] for each in batches]:
        recording.group(group)
    listed = recording.conflicts()
    in_force = recording.bale(bale(1)).reading
    assert in_force.lot_no == order[0].lot_no
    assert says(in_force) == said_by(order[0])
    assert {each.bale for each in listed} == {bale(1).code}
    assert Counter(says(each.received_reading) for each in listed) == Counter(
        said_by(each) for each in SIDES if each != order[0]
    )
    for each in listed:
        received, stored = each.received_reading, each.stored_reading
        assert stored == in_force
        assert each.arrivals == 2
        assert each.two_seasons == (NEXT_SEASON in {received.lot_no, stored.lot_no})
        names = {
            common_pb2.FIELD_LOT_NO: (received.lot_no, stored.lot_no),
            common_pb2.FIELD_LABORATORY: (received.laboratory, stored.laboratory),
            common_pb2.FIELD_LENGTH: tuple(
                f"{side.length // 100}.{side.length % 100:02d}" for side in (received, stored)
            ),
        }
        differing = [field for field, (now, was) in names.items() if now != was]
        # In the order of the outcomes: the lot, the values, the laboratory.
        precedence = [common_pb2.FIELD_LOT_NO, common_pb2.FIELD_LENGTH, common_pb2.FIELD_LABORATORY]
        assert each.field == min(differing, key=precedence.index)
        assert (each.received, each.stored) == names[each.field]


def disagreeing() -> Recording:
    """Bales 1 to 4, each with a conflict: of laboratory "", L1, L1 and L2, in rows of entry 2."""
    recording = Recording()
    recording.read(*(bale(n) for n in range(1, 5)), usda_bale(7))
    recording.read(
        bale(1, OTHER_LOT),
        replace(bale(2, length=2700), laboratory="L1"),
        replace(bale(3, rd=7000), laboratory="L1"),
        replace(bale(4, length=2700), laboratory="L2"),
        replace(usda_bale(7, length=120), laboratory="L3"),
    )
    return recording


def ids(listed: list[amendments_pb2.Conflict]) -> list[str]:
    """The ids of conflicts."""
    return [each.conflict_id for each in listed]


def test_a_conflict_is_told_in_full() -> None:
    recording = disagreeing()
    told = recording.conflicts()[1]
    assert (told.conflict_id, told.bale) == ("2/1", bale(2).code)
    assert told.outcome == readings_pb2.OUTCOME_EXISTS_WITH_DIFFERENT_LENGTH
    assert (told.field, told.received, told.stored) == (common_pb2.FIELD_LENGTH, "27.00", "28.20")
    assert (told.received_reading.length, told.stored_reading.length) == (2700, 2820)
    assert (told.stored_revision, told.received_at_us) == (1, 2 * SECOND_US)
    assert (told.producer_id, told.arrivals) == ("producer-0", 1)
    assert (told.state, told.resolved_revision) == (amendments_pb2.CONFLICT_STATE_OPEN, 0)
    assert not told.HasField("resolution")
    assert recording.conflicts()[-1].bale == "2021/000000000007"


def test_the_stored_side_that_is_a_correction_says_why_it_was_made() -> None:
    recording = Recording()
    recording.read(bale(1))
    recording.read(bale(1, length=2900).correcting(1))
    recording.read(bale(1, length=2700))
    (told,) = recording.conflicts()
    assert told.stored_revision == 2
    assert told.stored_reading.amendment.decided_by == "inspector"
    assert told.stored_reading.amendment.supersedes_revision == 1


def test_decisions_are_told_from_the_revision_on_that_made_them() -> None:
    recording = disagreeing()
    recording.read(replace(bale(2, length=2700), laboratory="L1"))
    recording.resolve(ACCEPT, "2/1")
    recording.resolve(KEEP, "2/3", "2/2")
    opened, kept, accepted = (
        amendments_pb2.CONFLICT_STATE_OPEN,
        amendments_pb2.CONFLICT_STATE_KEPT,
        amendments_pb2.CONFLICT_STATE_ACCEPTED,
    )
    assert recording.conflicts(1) == []
    states = {
        revision: [each.state for each in recording.conflicts(revision)]
        for revision in (2, 3, 4, 5)
    }
    assert states == {
        2: [opened] * 5,
        3: [opened] * 5,
        4: [opened, accepted, opened, opened, opened],
        5: [opened, accepted, kept, kept, opened],
    }
    assert [recording.conflicts(revision)[1].arrivals for revision in (2, 3, 5)] == [1, 2, 2]
    told = recording.conflicts()[1]
    assert (told.resolved_revision, told.resolution) == (4, WHY)
    assert not recording.conflicts(3)[1].HasField("resolution")
    # What was decided is told beside what was in force then, not what is now.
    assert told.stored_reading.length == 2820


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"limit": 2}, [0, 1]),
        ({"after": (2, 1)}, [2, 3, 4]),
        ({"after": (1, 99)}, [0, 1, 2, 3, 4]),
        ({"after": (2, 4)}, []),
        ({"after": (99, 0)}, []),
        ({"after": (2, 0), "limit": 1}, [1]),
        ({"states": {ConflictState.KEPT}}, [2]),
        ({"states": {ConflictState.OPEN, ConflictState.ACCEPTED}}, [0, 1, 3, 4]),
        ({"lot_nos": {OTHER_LOT}}, [0]),
        ({"lot_nos": {LOT}}, [0, 1, 2, 3]),
        ({"lot_nos": {"65140161999"}}, []),
        ({"laboratories": {""}}, [0]),
        ({"laboratories": {"L1", "L3"}}, [1, 2, 4]),
        ({"laboratories": {"L9"}}, []),
        ({"laboratories": {"L1"}, "states": {ConflictState.OPEN}}, [1]),
        ({"bale": key(bale(3))}, [2]),
        ({"bale": key(usda_bale(7))}, [4]),
        ({"bale": key(bale(99))}, []),
        ({"bale": key(bale(3)), "after": (2, 2)}, []),
        ({"bale": key(bale(3)), "laboratories": {"L2"}}, []),
    ],
)
def test_a_listing_holds_what_passes_the_filter(
    wanted: dict[str, Any], expected: list[int]
) -> None:
    recording = disagreeing()
    recording.resolve(KEEP, "2/2")
    assert ids(recording.conflicts(**wanted)) == [f"2/{row}" for row in expected]


def test_pages_are_small_and_a_listing_can_go_on_after_any_conflict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conflicts, "PAGE_MAX", 2)
    recording = disagreeing()
    assert [len(page) for page in recording.pages()] == [2, 2, 1]
    assert [len(page) for page in recording.pages(limit=3)] == [2, 1]
    everything = recording.conflicts()
    for number, each in enumerate(everything):
        place = tuple(map(int, each.conflict_id.split("/")))
        assert recording.conflicts(after=place) == everything[number + 1 :]
    monkeypatch.setattr(conflicts, "LOOKED_AT_MAX", 1)
    assert [len(page) for page in recording.pages(laboratories={"L1"})] == [0, 1, 1, 0, 0]


def test_a_page_reads_an_entry_once() -> None:
    recording = disagreeing()
    recording.conflicts()
    assert recording.entries_read == [2]


def test_what_happens_while_a_listing_goes_on_does_not_change_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conflicts, "PAGE_MAX", 2)
    recording = disagreeing()
    before = recording.conflicts()
    listing = conflicts.ConflictListing(
        recording.registry, recording.ledger, conflicts.ConflictFilter(), 0
    )
    pages = listing.page()
    recording.resolve(KEEP, "2/3")
    recording.read(bale(1, OTHER_LOT), bale(1, length=2600))
    while not listing.done:
        pages += listing.page()
    assert pages == before


def test_two_warehouses_are_told_where_both_lots_are_registered_at_one() -> None:
    recording = Recording()
    recording.read(bale(1))
    recording.read(bale(1, OTHER_LOT), bale(1, length=2700))
    recording.register(LOT, warehouse="W1")
    recording.register(OTHER_LOT, warehouse="W2")
    recording.register(OTHER_LOT, warehouse="W1", amendment=superseding(4))
    told = [recording.conflicts(revision)[0].two_warehouses for revision in (2, 3, 4, 5)]
    assert told == [False, False, True, False]
    assert not any(each.two_warehouses for each in recording.conflicts()[1:])


def test_an_imported_bale_without_a_lot_is_of_no_other_season_than_its_lot() -> None:
    """What holds such bales is no lot: it has neither a season of its own nor a warehouse."""
    recording = Recording()
    recording.read(usda_bale(1))
    recording.read(usda_bale(1, lot_no=NEXT_SEASON))
    recording.register(NEXT_SEASON, warehouse="W1")
    (told,) = recording.conflicts()
    assert (told.field, told.received, told.stored) == (common_pb2.FIELD_LOT_NO, NEXT_SEASON, "")
    assert (told.two_seasons, told.two_warehouses) == (False, False)


def superseding(revision: int) -> common_pb2.Amendment:
    """The amendment of a record that takes the place of that of a revision."""
    return common_pb2.Amendment(
        supersedes_revision=revision,
        reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR,
        decided_by="clerk",
    )


def test_conflicts_are_counted_by_laboratory_as_of_a_revision() -> None:
    recording = disagreeing()
    recording.resolve(ACCEPT, "2/1", "2/3")
    recording.resolve(KEEP, "2/2")

    def counts(revision: int) -> list[tuple[str, int, int, int]]:
        answered_at, found = count_conflicts(recording.registry, revision)
        assert answered_at == (revision or 4)
        return [(each.laboratory, each.open, each.kept, each.accepted) for each in found]

    assert counts(1) == []
    assert counts(2) == [("", 1, 0, 0), ("L1", 2, 0, 0), ("L2", 1, 0, 0), ("L3", 1, 0, 0)]
    assert counts(3) == [("", 1, 0, 0), ("L1", 1, 0, 1), ("L2", 0, 0, 1), ("L3", 1, 0, 0)]
    assert counts(0) == [("", 1, 0, 0), ("L1", 0, 1, 1), ("L2", 0, 0, 1), ("L3", 1, 0, 0)]
    assert recording.entries_read == []
    assert recording.registry.conflicts.open == 2


def test_a_revision_that_is_not_there_yet_is_refused() -> None:
    recording = disagreeing()
    for ask in (
        recording.conflicts,
        lambda revision: count_conflicts(recording.registry, revision),
    ):
        with pytest.raises(ServiceError) as refused:
            ask(3)
        assert refused.value.reason is Reason.FUTURE_REVISION


readings = st.builds(
    lambda number, lot_no, length, laboratory: replace(
        bale(number, lot_no, length=length), laboratory=laboratory
    ),
    st.integers(1, 3),
    st.sampled_from([LOT, OTHER_LOT]),
    st.sampled_from([2820, 2700]),
    st.sampled_from(["", "L1", "L2"]),
)
steps: st.SearchStrategy[Any] = st.one_of(
    st.lists(readings, min_size=1, max_size=4), st.tuples(st.booleans(), st.integers(0, 9))
)


@given(st.lists(steps, min_size=1, max_size=10))
def test_listing_and_counts_agree_and_older_revisions_stay_as_they_were(todo: list[Any]) -> None:
    """At every revision: what was listed and counted then is so when it is asked for later."""
    recording = Recording()
    recording.read(bale(1))
    noted = {}
    for step in todo:
        if isinstance(step, list):
            recording.read(*step)
        elif known := recording.conflicts():
            accept, place = step
            chosen = known[place % len(known)].conflict_id
            recording.resolve(ACCEPT if accept else KEEP, chosen)
        noted[recording.registry.revision] = (
            recording.conflicts(),
            count_conflicts(recording.registry, 0)[1],
        )
    for revision, (listed, counts) in noted.items():
        assert recording.conflicts(revision) == listed
        assert count_conflicts(recording.registry, revision) == (revision, counts)
        tally = Counter((each.received_reading.laboratory, each.state) for each in listed)
        for each in counts:
            assert each.open == tally[each.laboratory, amendments_pb2.CONFLICT_STATE_OPEN]
            assert each.kept == tally[each.laboratory, amendments_pb2.CONFLICT_STATE_KEPT]
            assert each.accepted == tally[each.laboratory, amendments_pb2.CONFLICT_STATE_ACCEPTED]
        assert sum(tally.values()) == sum(each.open + each.kept + each.accepted for each in counts)


@pytest.mark.parametrize("wanted", [ConflictFilter(), ConflictFilter(lot_nos=[OLD])])
def test_lots_on_disk_are_looked_at_and_not_kept(tmp_path: Path, wanted: ConflictFilter) -> None:
    """Whoever lists conflicts of old seasons leaves nothing of them in memory."""
    tell_sealed(tmp_path)
    registry, _ = recovered(tmp_path)
    assert all(lot is None for lot in registry.lots._lots)
    with closing(Ledger(tmp_path)) as ledger:
        told = ConflictListing(registry, ledger, wanted, 0).page()
    assert {each.received_reading.lot_no for each in told} == {OLD}
    assert all(lot is None for lot in registry.lots._lots)
