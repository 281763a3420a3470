"""Where lots stand: states, holds, deadlines and ages, as tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import amendments_pb2, common_pb2, lots_pb2, summary_pb2
from cotton_server.errors import Reason, ServiceError
from cotton_server.grading.standards import load_standards
from cotton_server.summary.basis import Basis
from cotton_server.summary.dates import china_date, china_day, day_text
from cotton_server.summary.gradings import Gradings
from cotton_server.summary.selecting import LotKeys, StatusFilter

from tests.support.bales import LOT, OTHER_LOT, bale, usda_bale
from tests.support.histories import History, amendment

if TYPE_CHECKING:
    from collections.abc import Callable

UPHELD = lots_pb2.OBJECTION_DECISION_UPHELD
HOUR_S = 3600
NEWER_LOT = "65140241001"
"""Of another season than LOT."""


def china_s(text: str) -> int:
    """Seconds since 1970 of a time in China."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) - 8 * HOUR_S


def status(history: History, revision: int = 0, now_s: int | None = None) -> summary_pb2.LotStatus:
    """The status of the one lot."""
    views = history.views(now_s)
    view = views.view(history.number(), views.as_of(revision))
    assert view is not None
    (alone,) = views.statuses([history.number()], views.as_of(revision))
    assert alone == view.status
    return view.status


def registered(history: History) -> None:
    """Two bales are declared."""
    history.register(declared_bales=2)


def read(history: History) -> None:
    """Both are read."""
    history.read([bale(1), bale(2)])


def weighed(history: History) -> None:
    """The lot is weighed."""
    history.weigh()


def closed(history: History) -> None:
    """The laboratory says that it has tested both."""
    history.close(2)


def withdrawn(history: History) -> None:
    """The lot is withdrawn."""
    history.withdraw(lot_no=LOT)


def reinstated(history: History) -> None:
    """And that is taken back."""
    history.withdraw(lot_no=LOT, reinstate=True)


def one_corrected(history: History) -> None:
    """A bale that was read at revision 2 is corrected."""
    outcome = history.read(
        [bale(1, micronaire=430)],
        kind=4,
        amendment=amendment(2),
    )
    assert getattr(outcome, "corrected") == 1  # noqa: B009 - of one kind of outcome


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([registered], "REGISTERED"),
        ([registered, weighed], "WEIGHED"),
        ([registered, read], "READ"),
        ([registered, read, weighed], "READ_AND_WEIGHED"),
        ([registered, read, closed], "TESTED"),
        ([registered, read, closed, weighed], "FINAL"),
        ([registered, weighed, read, closed], "FINAL"),
        ([registered, read, closed, weighed, one_corrected], "REVISED"),
        ([registered, read, closed, one_corrected, weighed], "FINAL"),
        ([registered, read, closed, weighed, withdrawn], "WITHDRAWN"),
        ([registered, read, closed, weighed, withdrawn, reinstated], "REVISED"),
        ([registered, withdrawn], "WITHDRAWN"),
        ([registered, withdrawn, reinstated], "REGISTERED"),
        ([registered, closed], "HELD"),
        ([registered, closed, read], "TESTED"),
        ([read], "UNREGISTERED"),
        ([weighed], "UNREGISTERED"),
        ([closed], "UNREGISTERED"),
        ([read, weighed, closed], "UNREGISTERED"),
        ([read, weighed, closed, registered], "FINAL"),
    ],
)
def test_states(steps: list[Callable[[History], None]], state: str) -> None:
    """Either of tested and weighed may come first, and the registration last."""
    history = History()
    for step in steps:
        step(history)
    assert summary_pb2.LotState.Name(status(history).state) == f"LOT_STATE_{state}"


@pytest.mark.parametrize(
    ("declared", "received", "tested", "stored", "holds"),
    [
        (2, 2, 2, 2, []),
        (0, 2, 2, 2, []),
        (2, 3, 3, 3, ["MORE_READ_THAN_DECLARED", "RECEIVED_DIFFERS_FROM_DECLARED"]),
        (1, 1, 1, 2, ["MORE_READ_THAN_DECLARED", "TESTED_DIFFERS_FROM_READ"]),
        (3, 2, 2, 2, ["RECEIVED_DIFFERS_FROM_DECLARED"]),
        (3, 3, 2, 2, ["TESTED_DIFFERS_FROM_RECEIVED"]),
        (2, 2, 2, 1, ["TESTED_DIFFERS_FROM_READ"]),
    ],
)
def test_holds(declared: int, received: int, tested: int, stored: int, holds: list[str]) -> None:
    """Counts that do not agree hold a lot, each with its reason; none declared holds nothing."""
    history = History()
    history.register(declared_bales=declared)
    history.read([bale(number) for number in range(stored)])
    history.close(received, bales_tested=tested)
    found = status(history)
    assert [summary_pb2.LotHold.Name(each) for each in found.holds] == [
        f"LOT_HOLD_{name}" for name in holds
    ]
    assert (found.state == summary_pb2.LOT_STATE_HELD) == bool(holds)
    assert (found.tested_at_us == 0) == bool(holds)


def test_times_of_every_step() -> None:
    """Each is when what made the step was received; corrections of a record do not move it."""
    history = History()
    for step in (registered, read, weighed, closed):
        step(history)
    at_us = history.received_at_us
    found = status(history)
    assert (found.registered_at_us, found.first_read_at_us, found.last_read_at_us) == (
        at_us(1), at_us(2), at_us(2),
    )  # fmt: skip
    assert (found.weighed_at_us, found.tested_at_us, found.final_at_us) == (
        at_us(3), at_us(4), at_us(4),
    )  # fmt: skip
    assert (found.final_revision, found.revised_revision, found.changed_revision) == (4, 0, 4)
    history.weigh(gross=4263000, amendment=amendment(3))
    one_corrected(history)
    found = status(history)
    assert (found.weighed_at_us, found.weight_revision) == (at_us(3), 5)
    assert (found.final_revision, found.revised_revision, found.revised_at_us) == (4, 6, at_us(6))
    assert (found.first_read_at_us, found.last_read_at_us) == (at_us(2), at_us(6))
    assert (found.registration_revision, found.changed_revision) == (1, 6)
    then = status(history, 5)
    assert (then.last_read_at_us, then.revised_revision, then.changed_revision) == (at_us(2), 5, 5)
    assert then.as_of_s == history.received_at_s[5]


def test_a_lot_is_tested_once_the_counts_agree() -> None:
    """Held until the last reading arrives: that is when it was tested."""
    history = History()
    registered(history)
    closed(history)
    history.read([bale(1)])
    history.read([bale(2)])
    assert status(history).tested_at_us == history.received_at_us(4)
    assert status(history, 3).tested_at_us == 0


def test_withdrawal_and_its_end() -> None:
    """The amendment is told while it is in force; bales withdrawn singly are counted apart."""
    history = History()
    registered(history)
    read(history)
    history.withdraw(bale_code=bale(1).code)
    found = status(history)
    assert (found.bales, found.bales_withdrawn, found.withdrawn_at_us) == (1, 1, 0)
    withdrawn(history)
    found = status(history)
    assert (found.bales, found.bales_withdrawn) == (0, 1)
    assert found.withdrawal == amendment()
    assert found.withdrawn_at_us == history.received_at_us(4)
    reinstated(history)
    found = status(history)
    assert (found.bales, found.withdrawn_at_us, found.HasField("withdrawal")) == (1, 0, False)
    assert status(history, 4).withdrawn_at_us == history.received_at_us(4)


def test_an_accepted_conflict_is_no_reading_of_that_day() -> None:
    """It was read when it arrived and counted for nothing; it came into force when accepted."""
    history = History()
    registered(history)
    read(history)
    history.read([bale(1, micronaire=430)])
    assert (status(history).open_conflicts, status(history).changed_revision) == (1, 2)
    history.resolve("3/0", amendments_pb2.CONFLICT_DECISION_ACCEPT)
    history.read([bale(3)])
    assert status(history).open_conflicts == 0
    then = status(history, 4)
    assert (then.last_read_at_us, then.changed_revision) == (history.received_at_us(2), 4)
    assert (then.open_conflicts, status(history, 3).open_conflicts) == (0, 1)
    assert status(history, 3).changed_revision == 2


CERTIFIED = china_s("2016-12-01T23:30:00")


@pytest.mark.parametrize(
    ("fields", "received", "certified", "until"),
    [
        ({"issued_at_s": CERTIFIED}, "2016-12-05T10:00:00", "2016-12-01T23:30:00", "2016-12-06"),
        ({}, "2016-12-05T10:00:00", "2016-12-05T10:00:00", "2016-12-10"),
        ({"issued_at_s": CERTIFIED + HOUR_S}, "2016-12-05T10:00:00", "2016-12-02T00:30:00",
         "2016-12-07"),
        ({"issued_at_s": 2**32 - 1}, "2016-12-05T10:00:00", None, "2106-02-12"),
    ],
)  # fmt: skip
def test_the_last_day_for_objections(
    fields: dict[str, Any], received: str, certified: str | None, until: str
) -> None:
    """Five days after the day, in China, on which the certificate was issued, or received."""
    history = History()
    registered(history)
    assert status(history).objection_until == ""
    history.certify(quality_certificate_no="Q1", at_s=china_s(received), **fields)
    found = status(history)
    assert found.objection_until == until
    assert found.certified_at_s == (2**32 - 1 if certified is None else china_s(certified))
    assert found.certificates.quality_certificate_no == "Q1"


@pytest.mark.parametrize(
    ("raised", "decided", "now", "until", "late", "overdue"),
    [
        ("2016-12-06T23:59:59", None, "2016-12-13T23:59:59", "2016-12-13", False, False),
        ("2016-12-06T23:59:59", None, "2016-12-14T00:00:00", "2016-12-13", False, True),
        ("2016-12-07T00:00:00", None, "2016-12-08T00:00:00", "2016-12-14", True, False),
        ("2016-12-02T12:00:00", "2016-12-09T12:00:00", "2017-01-01T00:00:00", "2016-12-09",
         False, False),
        ("2016-12-02T12:00:00", "2016-12-10T00:00:00", "2017-01-01T00:00:00", "2016-12-09",
         False, True),
    ],
)  # fmt: skip
def test_objections(
    raised: str, decided: str | None, now: str, until: str, late: bool, overdue: bool
) -> None:
    """To be decided within seven days after the day on which it was raised, the last included."""
    history = History()
    registered(history)
    history.certify(quality_certificate_no="Q1", issued_at_s=CERTIFIED)
    history.object_to(raised_at_s=china_s(raised))
    if decided is not None:
        history.object_to(
            raised_at_s=china_s(raised), decision=UPHELD, decided_by="bureau",
            decided_at_s=china_s(decided),
        )  # fmt: skip
    found = status(history, now_s=china_s(now))
    (objection,) = found.objections
    assert (objection.decision_until, objection.late, objection.overdue) == (until, late, overdue)
    assert bool(objection.objection.decision) == (decided is not None)
    assert not status(history, 3).objections[0].objection.decision
    undecided = decided is None
    assert StatusFilter(objected=True).passes(found) == undecided
    assert StatusFilter(overdue=True).passes(found) == (undecided and overdue)


def test_an_objection_without_certificate_is_never_late() -> None:
    history = History()
    registered(history)
    history.object_to(raised_at_s=2**32 - 1)
    (objection,) = status(history).objections
    assert (objection.late, objection.overdue, objection.decision_until) == (
        False, False, "2106-02-14",
    )  # fmt: skip


def test_age_runs_from_the_gate_to_the_certificate() -> None:
    """Without gate-in there is none; while there is no certificate it grows."""
    history = History()
    gate_s = china_s("2016-11-20T08:00:00")
    history.register(gate_in_at_s=gate_s, at_s=gate_s + HOUR_S)
    found = status(history, now_s=gate_s + 50 * HOUR_S)
    assert (found.age_s, found.certified_at_s) == (50 * HOUR_S, 0)
    assert StatusFilter(age_s_min=50 * HOUR_S).passes(found)
    assert not StatusFilter(age_s_min=50 * HOUR_S + 1).passes(found)
    history.certify(quality_certificate_no="Q1", issued_at_s=gate_s + 60 * HOUR_S)
    found = status(history, now_s=gate_s + 1000 * HOUR_S)
    assert found.age_s == 60 * HOUR_S
    assert not StatusFilter(age_s_min=1).passes(found)
    assert status(history, 1).age_s == HOUR_S
    other = History()
    other.register()
    assert not status(other).HasField("age_s")
    assert not StatusFilter(age_s_min=1).passes(status(other))


def test_certificate_numbers_from_whichever_record_brought_them() -> None:
    """A number that came with the registration counts from then, though others follow."""
    history = History()
    history.register(quality_certificate_no="Q1")
    history.register(quality_certificate_no="Q1", warehouse="w", amendment=amendment(1))
    history.weigh(weight_certificate_no="W1")
    found = status(history)
    assert found.certificates == lots_pb2.LotCertificates(
        lot_no=LOT, quality_certificate_no="Q1", weight_certificate_no="W1"
    )
    assert found.certified_at_s == history.received_at_s[1]
    history.certify(quality_certificate_no="Q2", issued_at_s=CERTIFIED)
    history.certify(weight_certificate_no="W2", issued_at_s=CERTIFIED + 1)
    found = status(history)
    assert found.certificates == lots_pb2.LotCertificates(
        lot_no=LOT,
        quality_certificate_no="Q2",
        weight_certificate_no="W2",
        issued_at_s=CERTIFIED,
    )
    assert found.certified_at_s == CERTIFIED
    assert status(history, 3).certificates.quality_certificate_no == "Q1"
    weighed_only = History()
    weighed_only.certify(weight_certificate_no="W", issued_at_s=7)
    found = status(weighed_only)
    assert (found.certificates.issued_at_s, found.certified_at_s) == (7, 0)


def test_a_number_that_was_changed_counts_from_its_change() -> None:
    history = History()
    history.register(quality_certificate_no="Q1")
    history.register(quality_certificate_no="Q2", amendment=amendment(1))
    assert status(history).certified_at_s == history.received_at_s[2]


def test_a_revision_that_is_not_there_yet_is_refused() -> None:
    history = History()
    registered(history)
    with pytest.raises(ServiceError) as refused:
        history.views().as_of(2)
    assert refused.value.reason is Reason.FUTURE_REVISION
    assert history.views().view(history.number(), history.views().at_entry(0)) is None


def listed(history: History, keys: LotKeys | None = None) -> list[str]:
    """The lot numbers of a list, in its order."""
    views = history.views()
    return [views.lot_no(number) for number in views.numbers(keys)]


def test_lots_are_listed_by_number_and_bales_without_a_lot_are_none() -> None:
    history = History()
    history.register(OTHER_LOT)
    registered(history)
    history.read([usda_bale(1, lot_no="")])
    assert listed(history) == [LOT, OTHER_LOT]


@pytest.mark.parametrize(
    ("filters", "among"),
    [
        ({}, [LOT, NEWER_LOT]),
        ({"season": ["2016"]}, [LOT]),
        ({"season": ["2016", "2024"]}, [LOT, NEWER_LOT]),
        ({"season": [""]}, []),
        ({"lot": [NEWER_LOT]}, [NEWER_LOT]),
        ({"lot": [NEWER_LOT], "season": ["2016"]}, []),
        ({"gin": ["nobody's"]}, [LOT, NEWER_LOT]),
        ({"gin": ["nobody's"], "season": ["2024"]}, [NEWER_LOT]),
    ],
)
def test_lots_of_other_seasons_are_not_looked_at(
    filters: dict[str, list[str]], among: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A season and a lot number are known of a lot that lies on disk."""
    history = History()
    registered(history)
    history.register(NEWER_LOT)
    keys = LotKeys(filters, Gradings(history.registry, load_standards()))
    monkeypatch.setattr(type(history.registry.lots), "looked_at", None)
    assert listed(history, keys) == among


def test_days_of_any_integer() -> None:
    """A day begins at midnight in China; no instant is beyond the calendar's reach."""
    midnight = china_s("2016-12-02T00:00:00")
    assert (china_date(midnight - 1), china_date(midnight)) == ("2016-12-01", "2016-12-02")
    assert china_date(0) == ""
    assert (day_text(china_day(-(2**63))), day_text(china_day(2**63 - 1))) == (
        "0001-01-01", "9999-12-31",
    )  # fmt: skip


def test_basis_has_the_numbers_of_the_contract() -> None:
    assert {f"BASIS_{each.name}": each.value for each in Basis} == {
        name: number for name, number in summary_pb2.Basis.items() if number
    }


def test_reasons_of_the_contract_reach_the_status() -> None:
    history = History()
    registered(history)
    withdrawn(history)
    assert status(history).withdrawal.reason == common_pb2.AMENDMENT_REASON_ENTRY_ERROR
