"""Deciding and applying a group: the same code for what arrives now and for replay."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from cotton.inspection.v1 import lots_pb2

from cotton_server.domain.identifiers import USDA_HIGH, crop_year_of_lot, is_lot_no
from cotton_server.domain.readings import ReadingTable, concatenated
from cotton_server.intake.accounts import AccountsDecision, decide_accounts
from cotton_server.intake.amendments import (
    AmendmentsDecision,
    LotWithdrawal,
    decide_resolutions,
    decide_withdrawals,
)
from cotton_server.intake.check import check
from cotton_server.intake.content import (
    ACCOUNTS,
    CERTIFICATES,
    CLOSURES,
    LOTS,
    OBJECTIONS,
    REFERENCES,
    REQUESTS,
    RESOLUTIONS,
    RUNS,
    UNIT_LOTS,
    WEIGHTS,
    WITHDRAWALS,
    kind_of,
)
from cotton_server.intake.decide import Decision, decide, places
from cotton_server.intake.lots import (
    LotsDecision,
    decide_certificates,
    decide_closures,
    decide_lots,
    decide_objections,
    decide_unit_lots,
    decide_weights,
)
from cotton_server.intake.outcomes import batch_outcomes
from cotton_server.intake.references import ReferencesDecision, decide_references
from cotton_server.intake.settlement_runs import RunsDecision, decide_runs
from cotton_server.registry.kept import BaleEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cotton_server.intake.content import AnyOutcome, Content
    from cotton_server.intake.rules import RuleSet
    from cotton_server.registry.lifecycle import Moment
    from cotton_server.registry.registry import Registry


RecordsDecision = (
    LotsDecision | AmendmentsDecision | ReferencesDecision | RunsDecision | AccountsDecision
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the contents of a group, decided and not yet applied."""

    outcomes: Sequence[AnyOutcome]
    decision: Decision | RecordsDecision

    def fits(self, free: int) -> bool:
        """Whether the bale store, with as many free rows, can hold what is kept of it."""
        if not isinstance(self.decision, Decision) or len(self.decision.table) <= free:
            return True
        return len(self.decision.kept().rows) <= free


_DECIDE: Final[dict[str, Callable[[Any, Registry, RuleSet, int], RecordsDecision]]] = {
    LOTS: decide_lots,
    WEIGHTS: decide_weights,
    CLOSURES: decide_closures,
    CERTIFICATES: decide_certificates,
    OBJECTIONS: decide_objections,
    UNIT_LOTS: decide_unit_lots,
    WITHDRAWALS: lambda records, registry, _rules, position: decide_withdrawals(
        records, registry, position
    ),
    RESOLUTIONS: lambda records, registry, _rules, position: decide_resolutions(
        records, registry, position
    ),
    REFERENCES: lambda records, registry, _rules, position: decide_references(
        records, registry, position
    ),
    RUNS: lambda records, registry, _rules, position: decide_runs(records, registry, position),
    **{kind: partial(decide_accounts, of) for kind, of in ACCOUNTS.items()},
}


def judge(
    contents: Sequence[Content], registry: Registry, rules: RuleSet, first_position: int
) -> Verdict:
    """Decides a group of readings, or one request with records; changes nothing.

    `first_position` is where the first of them will be stored, the others follow. Whatever is on
    disk and is needed to decide or to apply is read here; raises what reading it raises.
    """
    tables = [content for content in contents if isinstance(content, ReadingTable)]
    if tables:
        if len(tables) != len(contents):
            raise AssertionError("a group holds one kind of content")
        sizes = [len(table) for table in tables]
        table = concatenated(tables)
        checked = check(table, rules)
        decision = decide(table, checked, registry, rules, places(first_position, sizes))
        registry.read_ahead(decision.events, _lots_of(table, registry))
        return Verdict(batch_outcomes(decision, checked, sizes), decision)
    (content,) = contents
    if isinstance(content, ReadingTable):
        raise TypeError("readings were taken above")
    kind = REQUESTS[kind_of(content)]
    decided = _DECIDE[kind.kind](kind.records_of(content), registry, rules, first_position)
    if isinstance(decided, AmendmentsDecision):
        registry.read_ahead(each for each in decided.changes if isinstance(each, BaleEvent))
    return Verdict([decided.outcome], decided)


def _lots_of(table: ReadingTable, registry: Registry) -> list[int]:
    """Numbers of the lots that the readings of a table are of, of those that are there."""
    lot_nos = table.texts["lot_no"].dictionary
    named = [(each, crop_year_of_lot(each)) for each in lot_nos if is_lot_no(each)]
    if "" in lot_nos:
        # Imported bales without a lot are kept together by crop year.
        crop_years = np.unique(table.high[table.high >= USDA_HIGH]) - USDA_HIGH
        named += [("", int(year)) for year in crop_years]
    found = (registry.lots.number_of(*each) for each in named)
    return [number for number in found if number is not None]


def apply(verdict: Verdict, moments: Sequence[Moment], registry: Registry) -> None:
    """Applies a group whose entries are durable, one for each of `moments`; holds the lock.

    It was judged last, so that nothing is read from disk for it.
    """
    decision = verdict.decision
    if isinstance(decision, Decision):
        kept = decision.kept()
        with registry.lock:
            registry.keep(kept, moments)
            registry.advance(moments)
        return
    with registry.lock:
        (moment,) = moments
        _apply_records(decision, moment, registry)
        registry.settle(moment)
        registry.advance(moments)


def _apply_records(decision: RecordsDecision, moment: Moment, registry: Registry) -> None:
    if isinstance(decision, LotsDecision):
        for record in decision.accepted:
            _put(record, moment, registry)
    elif isinstance(decision, ReferencesDecision):
        for document in decision.accepted:
            registry.references.add(document, moment)
    elif isinstance(decision, RunsDecision):
        for run in decision.accepted:
            registry.runs.add(run, moment)
    elif isinstance(decision, AccountsDecision):
        registry.accounts.add(decision.kind, decision.accepted, moment)
    else:
        for change in decision.changes:
            if isinstance(change, LotWithdrawal):
                registry.withdraw_lot(change.number, change.amendment, moment)
            else:
                registry.happened(change, moment)


def _put(record: Any, moment: Moment, registry: Registry) -> None:
    match record:
        case lots_pb2.Lot():
            registry.register(record, moment)
        case lots_pb2.LotWeight():
            registry.weigh(record, moment)
        case lots_pb2.LotClosure():
            registry.close(record, moment)
        case lots_pb2.LotCertificates():
            registry.certify(record, moment)
        case lots_pb2.LotObjection():
            registry.object_to(record, moment)
        case lots_pb2.UnitLot():
            registry.assign_unit(record, moment)
        case _:
            raise AssertionError("a record of a lot is one of these")
