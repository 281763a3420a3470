"""Registrations, weights, closures, certificates and objections: each outcome of a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import common_pb2, lots_pb2
from cotton_server.intake.lots import OBJECTIONS_MAX
from cotton_server.intake.rules import rule_set
from cotton_server.intake.verdict import judge
from cotton_server.registry.registry import Registry

from tests.support.bales import LOT
from tests.support.deciding import Deciding

if TYPE_CHECKING:
    from collections.abc import Callable

    from cotton_server.intake.content import LotsRequest

REQUESTS: dict[type, Callable[[Any], LotsRequest]] = {
    lots_pb2.Lot: lambda record: lots_pb2.RegisterLotsRequest(lots=[record]),
    lots_pb2.LotWeight: lambda record: lots_pb2.RecordLotWeightsRequest(weights=[record]),
    lots_pb2.LotClosure: lambda record: lots_pb2.CloseLotsRequest(closures=[record]),
    lots_pb2.LotCertificates: lambda record: lots_pb2.RecordCertificatesRequest(
        certificates=[record]
    ),
    lots_pb2.LotObjection: lambda record: lots_pb2.RecordObjectionsRequest(objections=[record]),
}

ONE_AND_OTHER = [
    (
        lots_pb2.Lot(lot_no=LOT, cotton_type=common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND),
        {"declared_bales": 186},
        ("declared_bales", "186", "0"),
    ),
    (
        lots_pb2.LotWeight(lot_no=LOT, gross=4_262_000, tare=1000, resolution=10),
        {"regain": 750},
        ("regain", "7.50", ""),
    ),
    (
        lots_pb2.LotClosure(lot_no=LOT, laboratory="L1", bales_received=186, bales_tested=186),
        {"bales_tested": 185},
        ("bales_tested", "185", "186"),
    ),
    (
        lots_pb2.LotCertificates(lot_no=LOT, quality_certificate_no="Q1"),
        {"quality_certificate_no": "Q2"},
        ("quality_certificate_no", "Q2", "Q1"),
    ),
]


def but(record: Any, **changed: Any) -> Any:
    """A record with other values."""
    made = type(record)()
    made.CopyFrom(record)
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def amended(record: Any, revision: int) -> Any:
    """A record that takes the place of what was stored at a revision."""
    made = but(record)
    made.amendment.supersedes_revision = revision
    made.amendment.reason = common_pb2.AMENDMENT_REASON_ENTRY_ERROR
    made.amendment.decided_by = "office"
    return made


def outcomes(*records: Any) -> list[tuple[str, int]]:
    """Outcome and stored revision of each record, a revision each."""
    decided = Deciding()
    return [sent(decided, record)[:2] for record in records]


def sent(decided: Deciding, record: Any) -> tuple[str, int, lots_pb2.LotResult]:
    """Outcome, stored revision and result of one record."""
    answer = decided.request(REQUESTS[type(record)](record))
    counts = "created", "existing", "conflicting", "rejected", "corrected", "superseded"
    assert sum(getattr(answer, name) for name in counts) == answer.received == 1
    if answer.created:
        assert not answer.results
        return "CREATED", 0, lots_pb2.LotResult()
    (result,) = answer.results
    name = lots_pb2.LotOutcome.Name(result.outcome).removeprefix("LOT_OUTCOME_")
    return name, result.stored_revision, result


@pytest.mark.parametrize(("one", "changed", "told"), ONE_AND_OTHER)
def test_a_record_is_kept_repeated_contradicted_corrected_and_overtaken(
    one: Any, changed: dict[str, Any], told: tuple[str, str, str]
) -> None:
    """Every outcome of a kind of record, each with the revision that it met."""
    other = but(one, **changed)
    assert outcomes(
        one,
        one,
        other,
        amended(other, 7),
        amended(other, 1),
        amended(other, 1),
        other,
        one,
        amended(one, 1),
        amended(one, 5),
        amended(other, 1),
    ) == [
        ("CREATED", 0),
        ("EXISTS", 1),
        ("EXISTS_WITH_DIFFERENT", 1),
        ("REJECTED", 1),
        ("CORRECTED", 1),
        ("EXISTS", 5),
        ("EXISTS", 5),
        ("SUPERSEDED", 5),
        ("REJECTED", 5),
        ("CORRECTED", 5),
        ("SUPERSEDED", 10),
    ]
    decided = Deciding()
    sent(decided, one)
    result = sent(decided, other)[2]
    field, received, stored = told
    assert common_pb2.Field.Name(result.field) == f"FIELD_{field.upper()}"
    assert (result.received, result.stored) == (received, stored)
    assert result.message


@pytest.mark.parametrize("one", [one for one, _, _ in ONE_AND_OTHER])
def test_an_amendment_where_nothing_is_stored_is_refused(one: Any) -> None:
    name, revision, result = sent(Deciding(), amended(one, 1))
    assert (name, revision) == ("REJECTED", 0)
    assert result.field == common_pb2.FIELD_SUPERSEDES_REVISION
    assert "Leave the amendment out" in result.message


@pytest.mark.parametrize("one", [one for one, _, _ in ONE_AND_OTHER])
def test_an_amendment_says_why_and_who(one: Any) -> None:
    decided = Deciding()
    sent(decided, one)
    for name in ("reason", "decided_by"):
        record = amended(one, 1)
        record.amendment.ClearField(name)
        outcome, _, result = sent(decided, record)
        assert outcome == "REJECTED"
        assert result.field == common_pb2.Field.Value(f"FIELD_{name.upper()}")


FAULTS = [
    (lots_pb2.LotClosure(lot_no="12", bales_received=1), "lot_no"),
    (lots_pb2.LotClosure(lot_no=LOT), "bales_received"),
    (lots_pb2.LotClosure(lot_no=LOT, bales_received=10_001), "bales_received"),
    (lots_pb2.LotClosure(lot_no=LOT, bales_received=1, bales_tested=10_001), "bales_tested"),
    (lots_pb2.LotClosure(lot_no=LOT, bales_received=1, closed_at_s=-1), "closed_at"),
    (lots_pb2.LotCertificates(lot_no=LOT), "quality_certificate_no"),
    (lots_pb2.LotCertificates(lot_no=LOT, weight_certificate_no="W", issued_at_s=-1), "issued_at"),
    (lots_pb2.LotObjection(lot_no=LOT), "objection_no"),
    (lots_pb2.LotObjection(lot_no=LOT, objection_no="1"), "raised_by"),
    (lots_pb2.LotObjection(lot_no=LOT, objection_no="1", raised_by="x"), "raised_at"),
]


@pytest.mark.parametrize(("record", "field"), FAULTS)
def test_a_record_with_a_fault_is_rejected_with_its_field(record: Any, field: str) -> None:
    name, _, result = sent(Deciding(), record)
    assert name == "REJECTED"
    assert result.field == common_pb2.Field.Value(f"FIELD_{field.upper()}")
    assert result.message


LAST_S = 4_294_967_295
LATE = [
    (
        lots_pb2.Lot(lot_no=LOT, cotton_type=common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND),
        "gate_in_at",
    ),
    (lots_pb2.LotWeight(lot_no=LOT, gross=4_262_000, tare=1000, resolution=10), "weighed_at"),
    (lots_pb2.LotClosure(lot_no=LOT, bales_received=1), "closed_at"),
    (lots_pb2.LotCertificates(lot_no=LOT, weight_certificate_no="W"), "issued_at"),
    (lots_pb2.LotObjection(lot_no=LOT, objection_no="1", raised_by="owner"), "raised_at"),
    (
        lots_pb2.LotObjection(
            lot_no=LOT,
            objection_no="1",
            raised_by="owner",
            raised_at_s=LAST_S,
            decision=lots_pb2.OBJECTION_DECISION_UPHELD,
            decided_by="office",
        ),
        "decided_at",
    ),
]


@pytest.mark.parametrize(("record", "field"), LATE, ids=[field for _, field in LATE])
def test_an_instant_that_cannot_be_in_seconds_is_rejected(record: Any, field: str) -> None:
    """The last second that is taken is, the next is not, nor are milli- and microseconds."""
    assert sent(Deciding(), but(record, **{f"{field}_s": LAST_S}))[0] == "CREATED"
    for instant in (LAST_S + 1, 1_730_000_000_000, 1_730_000_000_000_000, 2**63 - 1):
        name, _, result = sent(Deciding(), but(record, **{f"{field}_s": instant}))
        assert name == "REJECTED"
        assert result.field == common_pb2.Field.Value(f"FIELD_{field.upper()}")
        assert result.received == str(instant)
        assert "not milli- or microseconds" in result.message


@pytest.mark.parametrize(("record", "field"), LATE, ids=[field for _, field in LATE])
def test_the_rule_set_before_has_no_last_instant(record: Any, field: str) -> None:
    """What it took it takes again when a ledger of its time is replayed."""
    late = but(record, **{f"{field}_s": 1_730_000_000_000_000})
    verdict = judge([REQUESTS[type(late)](late)], Registry(bales_max=1), rule_set("intake-2"), 1)
    (outcome,) = verdict.outcomes
    assert isinstance(outcome, lots_pb2.LotsOutcome)
    assert (outcome.created, outcome.rejected) == (1, 0)


def certificates(quality: str = "", weight: str = "") -> lots_pb2.LotCertificates:
    """Numbers of certificates of the lot."""
    return lots_pb2.LotCertificates(
        lot_no=LOT, quality_certificate_no=quality, weight_certificate_no=weight
    )


def test_certificates_of_quality_and_of_weight_are_recorded_apart() -> None:
    assert outcomes(certificates("Q1"), certificates("", "W1"), certificates("Q1", "W1")) == [
        ("CREATED", 0),
        ("CREATED", 0),
        ("EXISTS", 1),
    ]


def test_a_number_that_was_replaced_does_not_come_back_beside_a_new_one() -> None:
    decided = Deciding()
    sent(decided, certificates("Q1"))
    sent(decided, amended(certificates("Q2"), 1))
    name, revision, result = sent(decided, certificates("Q1", "W1"))
    assert (name, revision) == ("EXISTS_WITH_DIFFERENT", 2)
    assert (result.received, result.stored) == ("Q1", "Q2")
    (lot,) = decided.registry.lots
    last = lot.quality_certificates.last
    assert last is not None
    assert last.record.quality_certificate_no == "Q2"
    assert not lot.weight_certificates


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(
    ("stored", "new"), [("quality", "weight"), ("weight", "quality")], ids=["quality", "weight"]
)
def test_a_certificate_that_is_sent_again_beside_a_new_one_stays_as_it_was(
    stored: str, new: str, *, together: bool
) -> None:
    """One number and then both, in two requests or in one: each has the record that brought it."""
    decided = Deciding()
    one = but(certificates(**{stored: "1"}), issued_at_s=1_480_000_000)
    both = but(certificates("1", "1"), issued_at_s=1_480_000_000)
    requests = [[one, both]] if together else [[one], [both]]
    for records in requests:
        told = decided.request(lots_pb2.RecordCertificatesRequest(certificates=records))
        assert told.created == len(records)
    (lot,) = decided.registry.lots
    (first,) = getattr(lot, f"{stored}_certificates").all
    (second,) = getattr(lot, f"{new}_certificates").all
    assert (first.position, first.record) == (1, one)
    assert (second.position, second.record) == (
        len(requests),
        but(certificates(**{new: "1"}), issued_at_s=1_480_000_000),
    )
    revision = lot.changed_at
    assert sent(decided, both)[0] == "EXISTS"
    assert lot.changed_at == revision
    assert sent(decided, amended(certificates(**{stored: "2"}), 1))[:2] == ("CORRECTED", 1)


RAISED = lots_pb2.LotObjection(
    lot_no=LOT, objection_no="1", raised_by="owner", raised_at_s=1_480_000_000
)
DECIDED = but(
    RAISED,
    decision=lots_pb2.OBJECTION_DECISION_UPHELD,
    decided_by="office",
    decided_at_s=1_480_000_001,
)


def test_an_objection_is_raised_once_and_decided_once() -> None:
    dismissed = but(DECIDED, decision=lots_pb2.OBJECTION_DECISION_DISMISSED)
    assert outcomes(RAISED, RAISED, but(RAISED, raised_by="other"), DECIDED, RAISED, DECIDED) == [
        ("CREATED", 0),
        ("EXISTS", 1),
        ("EXISTS_WITH_DIFFERENT", 1),
        ("CREATED", 0),
        ("SUPERSEDED", 4),
        ("EXISTS", 4),
    ]
    assert outcomes(RAISED, DECIDED, dismissed)[-1] == ("EXISTS_WITH_DIFFERENT", 2)
    assert outcomes(DECIDED, DECIDED) == [("CREATED", 0), ("EXISTS", 1)]
    assert outcomes(RAISED, but(RAISED, objection_no="2"))[-1] == ("CREATED", 0)


def test_an_objection_that_is_decided_is_not_counted_twice() -> None:
    """As many objections as are held fit, however many of them the same request decides."""
    decided = Deciding()

    def numbered(record: lots_pb2.LotObjection, first: int, stop: int) -> list[Any]:
        return [but(record, objection_no=str(number)) for number in range(first, stop)]

    def answer(*objections: lots_pb2.LotObjection) -> Any:
        return decided.request(lots_pb2.RecordObjectionsRequest(objections=objections))

    half = OBJECTIONS_MAX // 2
    assert answer(*numbered(RAISED, 0, half)).created == half
    both = [*numbered(DECIDED, 0, half), *numbered(RAISED, half, OBJECTIONS_MAX + 1)]
    told = answer(*both, *numbered(DECIDED, half, OBJECTIONS_MAX))
    assert told.created == half + 2 * (OBJECTIONS_MAX - half)
    (result,) = told.results
    assert result.outcome == lots_pb2.LOT_OUTCOME_REJECTED
    assert (result.row, result.received) == (OBJECTIONS_MAX, str(OBJECTIONS_MAX))
    (lot,) = decided.registry.lots
    assert len(lot.objections) == OBJECTIONS_MAX
    assert all(len(versions.all) == 2 for versions in lot.objections.values())
