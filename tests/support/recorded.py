"""Random histories of everything that a registry holds, recorded to be applied again."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from cotton.inspection.v1 import accounts_pb2, lots_pb2, settlement_pb2
from cotton_server.domain.identifiers import crop_year_of_lot
from cotton_server.intake.content import bales_of
from cotton_server.intake.rules import CURRENT, rule_set
from cotton_server.intake.verdict import apply, judge
from cotton_server.registry.account_records import (
    AREA,
    BALE_WEIGHT,
    DELIVERY,
    LAYOUTS,
    MARKET_PRICE,
)
from cotton_server.registry.lifecycle import Moment

from tests.support import chronicles
from tests.support.accounts import area, bale_weight, delivery, price, request_of
from tests.support.bales import code
from tests.support.chronicles import LOTS, Author, Chronicle
from tests.support.histories import History, amendment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton_server.intake.content import AnyOutcome, Content
    from cotton_server.registry.account_records import AccountMessage
    from cotton_server.registry.lots import LotEntry
    from cotton_server.registry.registry import Registry

RULES = rule_set(CURRENT)

_KINDS = {
    accounts_pb2.Delivery: DELIVERY,
    accounts_pb2.Area: AREA,
    accounts_pb2.MarketPrice: MARKET_PRICE,
    accounts_pb2.BaleWeight: BALE_WEIGHT,
}


@dataclass(frozen=True)
class Taken:
    """A content, when it was received, and what was decided of it."""

    content: Content
    received_at_us: int
    outcome: AnyOutcome


class _Recorder(History):
    """A history that keeps what it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Taken] = []

    def take(self, content: Content, *, at_s: int | None = None) -> AnyOutcome:
        outcome = super().take(content, at_s=at_s)
        self.taken.append(Taken(content, self.received_at_us(len(self.taken) + 1), outcome))
        return outcome


class _Writer(Author):
    """Writes what an author does, and records of every other kind."""

    def also(self) -> None:
        """A record of a kind that the author does not write, often in place of the last one."""
        chance, revision = self.chance, self.chronicle.revision
        number, lot_no = chance.randint(1, 3), chance.choice(LOTS[:-1])
        decided: dict[str, Any] = (
            {
                "decision": lots_pb2.OBJECTION_DECISION_UPHELD,
                "decided_by": "office",
                "decided_at_s": 9,
            }
            if chance.random() < 0.5
            else {}
        )
        certificates = lots_pb2.LotCertificates(
            lot_no=lot_no,
            quality_certificate_no=chance.choice(["", f"Q{number}"]),
            weight_certificate_no=f"W{number}",
        )
        objection = lots_pb2.LotObjection(
            lot_no=lot_no, objection_no=f"o-{number}", raised_by="mill", raised_at_s=8, **decided
        )
        unit = lots_pb2.UnitLot(lot_no=lot_no, traceability_unit=f"U-{number}")
        run = settlement_pb2.Run(
            id=f"run-{revision}",
            digest=f"{revision:064x}",
            decided_by="office",
            predecessor=chance.choice(["", *self._runs[-1:]]),
            terms=settlement_pb2.SettlementTerms(revision=max(revision, 1), season=2024),
        )
        accounts: list[AccountMessage] = [
            delivery(number, weight=100 * chance.randint(1, 9)),
            area(f"U-{number}", area=chance.randint(1, 9)),
            price(
                lot_no=chance.choice(["", lot_no]),
                mark=chance.choice(["", "3128B"]),
                price=chance.randint(1, 9),
            ),
            bale_weight(number, net=chance.randint(1, 9)),
        ]
        account = chance.choice(accounts)
        entry = self._entry(lot_no)
        if entry is not None and chance.random() < 0.8:
            _amend(certificates, entry.weight_certificates.last_position)
            _amend(unit, entry.units.last_position)
        key = LAYOUTS[_KINDS[type(account)]].key_of(account)
        assert key is not None
        table = self.chronicle.history.registry.accounts.table(_KINDS[type(account)])
        if versions := table.versions(key):
            _amend(account, versions[-1].position)
        contents: list[Content] = [
            lots_pb2.RecordCertificatesRequest(certificates=[certificates]),
            lots_pb2.RecordObjectionsRequest(objections=[objection]),
            lots_pb2.RecordUnitLotsRequest(unit_lots=[unit]),
            settlement_pb2.FreezeRunRequest(runs=[run]),
            request_of(account),
            request_of(account, _another(account, revision)),
        ]
        chronicle = self.chronicle
        assert isinstance(chronicle, _Chronicle)
        chronicle.also(chance.choice(contents))

    @property
    def _runs(self) -> list[str]:
        registry = self.chronicle.history.registry
        return [each.run.id for each in registry.runs.between(0, registry.revision)]

    def _entry(self, lot_no: str) -> LotEntry | None:
        lots = self.chronicle.history.registry.lots
        number = lots.number_of(lot_no, crop_year_of_lot(lot_no))
        return None if number is None else lots[number]


def _amend(record: Any, superseded: int) -> None:
    """Puts a record in the place of the one that is stored, if one is."""
    if superseded:
        record.amendment.CopyFrom(amendment(superseded, "written anew"))


def _another(account: AccountMessage, number: int) -> AccountMessage:
    """The same of something else, which may be there already."""
    other = copy(account)
    other.ClearField("amendment")
    match other:
        case accounts_pb2.Delivery():
            other.delivery_no = f"D-{number}"
        case accounts_pb2.Area():
            other.traceability_unit = f"U-{number}"
        case accounts_pb2.MarketPrice():
            other.series = f"series-{number}"
        case accounts_pb2.BaleWeight():
            other.bale = code(number)
    return other


class _Chronicle(Chronicle):
    def __init__(self) -> None:
        with patch.object(chronicles, "History", _Recorder):
            super().__init__()

    def also(self, content: Content) -> None:
        self.history.take(content, at_s=self._next_s())
        self.oracle.withdrawals([])
        self._note()


def random_history(seed: int, steps: int) -> list[Taken]:
    """What a registry is given in some steps, the same for the same seed."""
    with patch.object(chronicles, "Chronicle", _Chronicle):
        writer = _Writer(seed)
    history = writer.chronicle.history
    assert isinstance(history, _Recorder)
    for _ in range(steps):
        (writer.also if writer.chance.random() < 0.4 else writer.step)()
    return history.taken


def apply_to(registry: Registry, taken: Iterable[Taken]) -> None:
    """Applies what follows in a history; each content must be decided as it was."""
    for each in taken:
        position = registry.revision + 1
        verdict = judge([each.content], registry, RULES, position)
        assert verdict.outcomes[0] == each.outcome
        producer = "pqr"[position % 3]
        sequence = registry.producers.next_sequence(producer) if producer == "p" else None
        registry.producers.note(
            producer, sequence, position, each.received_at_us, bales_of(each.content)
        )
        apply(verdict, [Moment(position, each.received_at_us)], registry)
