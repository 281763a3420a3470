"""Documents of money at a revision: by id and by day, patches with their bases, and heads."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest
from cotton_server.reference.document_head import head_message, said_head
from cotton_server.reference.money import MoneyDocuments, UnknownDocumentError, said_in
from cotton_server.settlement.library import shipped
from cotton_server.settlement.schedule import ShareFactor

from tests.support.deciding import Deciding
from tests.support.money_documents import (
    RULE_SET,
    SCHEDULE,
    TARGET_PRICE,
    document,
    patch,
    schedule,
)
from tests.support.organisations import load

if TYPE_CHECKING:
    from cotton.inspection.v1 import reference_pb2
    from cotton_server.reference.money import Loaded
    from cotton_server.settlement.schedule import Schedule

FIRST: Final[Any] = {"effective_from": "2015-09-01", "effective_through": "2016-08-31"}
TWELVE = '[[factors]]\nname = "colour"\nrates = { "12" = "7" }\n'
SECOND: Final[Any] = {"effective_from": "2016-09-01"}


def day(text: str) -> int:
    """A day since 1970-01-01."""
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def take(decided: Deciding, *documents: reference_pb2.Reference) -> None:
    """Stores documents, all of which are taken."""
    outcome: reference_pb2.ReferencesOutcome = decided.request(load(*documents))
    assert outcome.created + outcome.corrected == len(documents), outcome


def at(decided: Deciding, revision: int | None = None) -> MoneyDocuments:
    """The documents at a revision, the latest if none is given."""
    return MoneyDocuments(
        decided.registry.references, decided.revision if revision is None else revision
    )


def rates(loaded: Loaded[Schedule]) -> dict[str, Decimal]:
    """Those of the factor colour."""
    (factor,) = loaded.value.factors
    assert isinstance(factor, ShareFactor)
    return dict(factor.rates)


def test_each_kind_by_its_id() -> None:
    decided = Deciding()
    kinds = {"schedule": SCHEDULE, "rule set": RULE_SET, "target price": TARGET_PRICE}
    take(decided, *(document(each.id, each.text, kinds[each.kind]) for each in shipped()))
    money = at(decided)
    by_id = {each.id: each.value for each in shipped()}
    futures = money.schedule("futures-2016-17")
    assert futures.value == by_id["futures-2016-17"]
    assert (futures.version.position, futures.version.record.rows) == (1, 25)
    assert (futures.bases, futures.superseded_by) == ((), "")
    pay = money.rule_set("xpcc-quality-2023")
    assert pay.value == by_id["xpcc-quality-2023"]
    assert head_message(pay).unit == "yuan/kg, yuan/mu"
    target = money.target_price("xinjiang-target-price")
    assert target.value == by_id["xinjiang-target-price"]
    assert head_message(target).unit == ""


def test_what_is_unknown_says_what_there_is() -> None:
    decided = Deciding()
    with pytest.raises(UnknownDocumentError, match="no schedule a at this revision; none is"):
        at(decided).schedule("a")
    take(decided, document("a", schedule("a", **FIRST)), document("b", schedule("b", series="t")))
    with pytest.raises(UnknownDocumentError, match=r"no schedule c at .*; there are a, b\."):
        at(decided).schedule("c")
    with pytest.raises(UnknownDocumentError, match="no rule set a at this revision; none is"):
        at(decided).rule_set("a")
    told = (
        r"series s that is in force on 2017-01-01 .*a \(s, 2015-09-01 to 2016-08-31\), b \(t, all"
    )
    with pytest.raises(UnknownDocumentError, match=told):
        at(decided).schedule_in_force("s", day("2017-01-01"))
    with pytest.raises(UnknownDocumentError):
        at(decided, 0).schedule("a")


def test_documents_of_a_series_take_turns() -> None:
    decided = Deciding()
    take(decided, document("a", schedule("a", **FIRST)), document("b", schedule("b", **SECOND)))
    days = "2015-09-01", "2016-08-31", "2016-09-01", "2030-01-01"
    found = [at(decided).schedule_in_force("s", day(each)).value.head.id for each in days]
    assert found == ["a", "a", "b", "b"]
    with pytest.raises(UnknownDocumentError):
        at(decided).schedule_in_force("s", day("2015-08-31"))


def test_what_supersedes_is_in_force_where_both_would_be() -> None:
    """The third takes the place of the second, and through it of the first."""
    decided = Deciding()
    june: Any = {"effective_from": "2016-06-01", "effective_through": "2016-06-30"}
    take(
        decided,
        document("a", schedule("a")),
        document("b", schedule("b", supersedes="a", effective_through="2016-12-31")),
        document("c", schedule("c", supersedes="b", **june)),
    )
    days = "2016-05-31", "2016-06-15", "2016-12-31", "2017-01-01"
    found = [at(decided).schedule_in_force("s", day(each)).value.head.id for each in days]
    assert found == ["b", "c", "b", "a"]
    assert [at(decided).schedule(name).superseded_by for name in "abc"] == ["b", "c", ""]


def test_a_patch_stands_on_its_base_at_the_revision() -> None:
    decided = Deciding()
    take(decided, document("a", schedule("a")), document("p", patch("p", "a", series="p")))
    take(decided, document("a", schedule("a").replace('"31" = "0"', '"31" = "5"'), supersedes=1))
    take(decided, document("q", patch("q", "p", TWELVE, series="q")))
    before, after = (at(decided, revision).schedule("p") for revision in (1, 2))
    assert rates(before) == {"21": Decimal(310), "31": Decimal(0)}
    assert rates(after) == {"21": Decimal(310), "31": Decimal(5)}
    assert [each.position for each in (after.version, *after.bases)] == [1, 2]
    top = at(decided).schedule("q")
    assert rates(top) == {"21": Decimal(310), "31": Decimal(5), "12": Decimal(7)}
    assert [each.record.id for each in top.bases] == ["p", "a"]
    assert top.version.record.rows == 1
    head = head_message(top)
    assert (head.patch_of, head.unit, head.series) == ("p", "yuan/t", "q")
    assert said_head(said_in(top.version.record)).unit == ""


def refused(decided: Deciding, name: str, text: str, supersedes: int = 0) -> str:
    """Why a schedule is not taken."""
    made = document(name, text, supersedes=supersedes)
    outcome: reference_pb2.ReferencesOutcome = decided.request(load(made))
    assert outcome.rejected == 1, outcome
    return outcome.results[0].message


def test_two_are_not_in_force_on_one_day() -> None:
    """Not even on a single one; both are named, with the days and what to do."""
    decided = Deciding()
    take(decided, document("a", schedule("a", **FIRST)))
    assert refused(decided, "b", schedule("b", effective_from="2016-08-31")) == (
        "Line 8: effective_from: a (2015-09-01 to 2016-08-31) and b (2016-08-31 and later) of the"
        " series s would both be in force: 2016-08-31 to 2016-08-31. Set effective_through of the"
        ' earlier one, or say which takes the place of the other by supersedes = "a".'
    )
    assert "all days" in refused(decided, "b", schedule("b"))
    take(decided, document("b", schedule("b", effective_from="2016-09-01")))
    # The first cannot be stretched into the days of the second.
    stretched = schedule("a", effective_from="2015-09-01", effective_through="2016-09-01")
    assert "2016-09-01 to 2016-09-01" in refused(decided, "a", stretched, supersedes=1)


def test_what_is_superseded_stays_in_its_series() -> None:
    decided = Deciding()
    take(decided, document("a", schedule("a")), document("b", schedule("b", supersedes="a")))
    moved = refused(decided, "a", schedule("a", series="t"), supersedes=1)
    assert moved == (
        "Line 5: series: b supersedes this one and is of the series s."
        ' Write series = "s", or amend b first.'
    )
    message = refused(decided, "b", schedule("b", series="t", supersedes="a"), supersedes=1)
    assert message.startswith("Line 8: supersedes: a is of the series s, and this one of t.")
    assert "b supersedes a already" in refused(decided, "c", schedule("c", supersedes="a"))
    assert "through others" in refused(decided, "a", schedule("a", supersedes="b"), supersedes=1)
    assert "no schedule x" in refused(decided, "c", schedule("c", supersedes="x"))


def test_what_keeps_two_others_apart_must_go_on_doing_so() -> None:
    """The third supersedes the first through the second, which may not let go of it."""
    decided = Deciding()
    take(
        decided,
        document("a", schedule("a")),
        document("b", schedule("b", supersedes="a")),
        document("c", schedule("c", supersedes="b")),
    )
    message = refused(decided, "b", schedule("b", effective_through="1999-12-31"), supersedes=1)
    assert "would both be in force" in message
