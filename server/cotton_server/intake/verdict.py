"""Deciding and applying a group: the same code for what arrives now and for replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from cotton.inspection.v1 import lots_pb2, readings_pb2

from cotton_server.domain.readings import ReadingTable, concatenated
from cotton_server.intake.check import check
from cotton_server.intake.decide import Decision, decide
from cotton_server.intake.lots import LotsDecision, decide_lots, decide_weights
from cotton_server.intake.outcomes import batch_outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.intake.content import Content
    from cotton_server.intake.rules import RuleSet
    from cotton_server.registry.registry import Registry

AnyOutcome = readings_pb2.BatchOutcome | lots_pb2.LotsOutcome


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the contents of a group, decided and not yet applied."""

    outcomes: Sequence[AnyOutcome]
    sizes: Sequence[int]
    decision: Decision | LotsDecision[lots_pb2.Lot] | LotsDecision[lots_pb2.LotWeight]


def judge(contents: Sequence[Content], registry: Registry, rules: RuleSet) -> Verdict:
    """Decides a group of readings, or one request about lots or weights; changes nothing."""
    tables = [content for content in contents if isinstance(content, ReadingTable)]
    if tables:
        if len(tables) != len(contents):
            raise AssertionError("a group holds one kind of content")
        sizes = [len(table) for table in tables]
        table = concatenated(tables)
        checked = check(table, rules)
        decision = decide(table, checked, registry)
        return Verdict(batch_outcomes(decision, checked, registry, sizes), sizes, decision)
    (content,) = contents
    if isinstance(content, lots_pb2.RegisterLotsRequest):
        lots = decide_lots(content.lots, registry, rules)
        return Verdict([lots.outcome], [len(content.lots)], lots)
    if isinstance(content, lots_pb2.RecordLotWeightsRequest):
        weights = decide_weights(content.weights, registry, rules)
        return Verdict([weights.outcome], [len(content.weights)], weights)
    raise AssertionError("judged content is readings, lots or weights")


def apply(verdict: Verdict, first_position: int, registry: Registry) -> None:
    """Applies a group whose entries are durable from first_position on; holds the lock."""
    last = first_position + len(verdict.sizes) - 1
    positions = np.arange(first_position, last + 1, dtype=np.uint32)
    with registry.lock:
        decision = verdict.decision
        if isinstance(decision, Decision):
            starts = np.cumsum([0, *verdict.sizes[:-1]])
            place = np.arange(len(decision.table)) - np.repeat(starts, verdict.sizes)
            registry.store_bales(
                decision.created(np.repeat(positions, verdict.sizes), place.astype(np.uint16))
            )
        else:
            for record in decision.created:
                if isinstance(record, lots_pb2.Lot):
                    registry.register(record, first_position)
                else:
                    registry.weigh(record, first_position)
        registry.revision = last
