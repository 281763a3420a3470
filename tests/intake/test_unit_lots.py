"""Which traceability unit a lot is of: outcomes, what it holds over, and what it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import common_pb2, lots_pb2
from cotton_server.grading.standards import load_standards
from cotton_server.registry.lifecycle import ChangeKind, LotState
from cotton_server.summary.at_revision import LotsAtRevision
from cotton_server.summary.gradings import Gradings
from cotton_server.summary.keys import key_column
from cotton_server.summary.selecting import LotKeys

from tests.support.bales import LOT, OTHER_LOT, bale
from tests.support.histories import History, amendment, lot_of

if TYPE_CHECKING:
    from cotton_server.registry.registry import Registry


def unit_of(unit: str, lot_no: str = LOT, supersedes: int = 0) -> lots_pb2.UnitLot:
    """Says which unit a lot is of."""
    record = lots_pb2.UnitLot(lot_no=lot_no, traceability_unit=unit)
    if supersedes:
        record.amendment.CopyFrom(amendment(supersedes))
    return record


def taken(history: History, *records: lots_pb2.UnitLot) -> Any:
    """What becomes of records."""
    return history.take(lots_pb2.RecordUnitLotsRequest(unit_lots=records))


def told(history: History, *records: lots_pb2.UnitLot) -> tuple[str, int]:
    """Outcome and stored revision of the last record of a request."""
    outcome = taken(history, *records)
    if not outcome.results or outcome.results[-1].row != len(records) - 1:
        return "CREATED", 0
    result = outcome.results[-1]
    return (
        lots_pb2.LotOutcome.Name(result.outcome).removeprefix("LOT_OUTCOME_"),
        result.stored_revision,
    )


def unit_at(registry: Registry, revision: int, lots: LotsAtRevision) -> str:
    """The unit of the one lot at a revision: as the registry, filters and summaries have it."""
    gradings = Gradings(registry, load_standards())
    (entry,) = registry.lots
    lot = entry.at(revision, registry.rows_at(revision))
    unit = "" if lot.registration is None else lot.registration.traceability_unit
    keys = LotKeys({"traceability_unit": [unit]}, gradings)
    others = LotKeys({"traceability_unit": [f"{unit}?"]}, gradings)
    assert (keys.passing([(entry, revision)]), others.passing([(entry, revision)])) == (
        [True],
        [False],
    )
    codes = lots.all_lots(revision).standing.lots[key_column("traceability_unit")]
    assert [lots.words[code] for code in codes] == [unit] * lot.exists
    return unit


def test_every_outcome_of_a_record() -> None:
    history = History()
    assert [
        told(history, record)
        for record in (
            unit_of("U-1"),
            unit_of("U-1"),
            unit_of("U-2"),
            unit_of("U-2", supersedes=7),
            unit_of("U-2", supersedes=1),
            unit_of("U-2", supersedes=1),
            unit_of("U-1"),
            unit_of("", supersedes=5),
        )
    ] == [
        ("CREATED", 0),
        ("EXISTS", 1),
        ("EXISTS_WITH_DIFFERENT", 1),
        ("REJECTED", 1),
        ("CORRECTED", 1),
        ("EXISTS", 5),
        ("SUPERSEDED", 5),
        ("CORRECTED", 5),
    ]
    result = taken(history, unit_of("U-3")).results[0]
    assert (result.field, result.received, result.stored) == (
        common_pb2.FIELD_TRACEABILITY_UNIT,
        "U-3",
        "",
    )


def test_records_of_one_request_meet_the_earlier() -> None:
    history = History()
    assert told(history, unit_of("U-1"), unit_of("U-2")) == ("EXISTS_WITH_DIFFERENT", 1)
    assert told(history, unit_of("U-3", supersedes=1), unit_of("U-3")) == ("EXISTS", 2)


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (unit_of("U-1", "6514016107"), common_pb2.FIELD_LOT_NO),
        (unit_of("U\n1"), common_pb2.FIELD_TRACEABILITY_UNIT),
        (unit_of("U" * 65), common_pb2.FIELD_TRACEABILITY_UNIT),
    ],
)
def test_a_record_with_a_fault_is_rejected_and_makes_no_lot(
    record: lots_pb2.UnitLot, field: int
) -> None:
    history = History()
    outcome = taken(history, record)
    assert (outcome.rejected, outcome.results[0].field) == (1, field)
    assert len(history.registry.lots) == 0


def test_it_holds_over_the_registration_at_every_revision() -> None:
    """Before and after it, corrected, taken back, and with the registration amended since."""
    history = History()
    history.register(traceability_unit="U-0")  # 1
    taken(history, unit_of("U-1"))  # 2
    taken(history, unit_of("", supersedes=2))  # 3
    taken(history, unit_of("U-2", supersedes=3))  # 4
    lot = lot_of(traceability_unit="U-9", region="兵团", amendment=amendment(1))
    history.take(lots_pb2.RegisterLotsRequest(lots=[lot]))  # 5
    registry = history.registry
    lots = LotsAtRevision(registry, Gradings(registry, load_standards()))
    expected = ["U-0", "U-1", "", "U-2", "U-2"]
    assert [unit_at(registry, revision, lots) for revision in range(1, 6)] == expected
    assert [unit_at(registry, revision, lots) for revision in (5, 4, 3, 2, 1)] == expected[::-1]
    # What was received stays as it was: an amendment is compared with it.
    (entry,) = registry.lots
    assert [each.record.traceability_unit for each in entry.registrations.all] == ["U-0", "U-9"]
    at = entry.at(5, 0)
    assert at.registration is not None
    assert at.registration.region == "兵团"


def test_of_a_lot_that_is_not_registered_it_waits_until_it_is() -> None:
    history = History()
    taken(history, unit_of("U-1"))
    history.register(traceability_unit="U-0")
    (entry,) = history.registry.lots
    assert (entry.standing().state, entry.at(1, 0).state) == (
        LotState.REGISTERED,
        LotState.UNREGISTERED,
    )
    lots = LotsAtRevision(history.registry, Gradings(history.registry, load_standards()))
    assert [unit_at(history.registry, revision, lots) for revision in (1, 2)] == ["", "U-1"]


def test_a_final_lot_is_revised_and_the_feed_tells_it() -> None:
    history = History()
    history.register(declared_bales=2)
    history.read([bale(1), bale(2)])
    history.weigh()
    history.close(2)
    (entry,) = history.registry.lots
    assert entry.standing().state is LotState.FINAL
    taken(history, unit_of("U-1"))
    assert entry.standing().state is LotState.REVISED
    change = history.registry.changes[-1]
    assert (change.kind, change.moment.position) == (ChangeKind.REVISED, 5)
    views = history.views()
    view = views.view(entry.number, views.as_of(0))
    assert view is not None
    assert view.status.changed_revision == 5


def test_what_changed_a_lot_last_is_told_at_older_revisions() -> None:
    """Also while a later record has touched the lot since."""
    history = History()
    history.register()
    taken(history, unit_of("U-1"))
    history.weigh()
    history.register(OTHER_LOT)
    views = history.views()
    revisions = []
    for revision in (1, 2, 3, 4):
        view = views.view(history.number(), views.as_of(revision))
        assert view is not None
        revisions.append(view.status.changed_revision)
    assert revisions == [1, 2, 3, 3]
