"""One outcome per record that money needs: checked, compared with what is in force, kept or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cotton.inspection.v1 import accounts_pb2, lots_pb2

from cotton_server.intake.account_faults import (
    area_faults,
    bale_weight_faults,
    delivery_faults,
    price_faults,
    spelled,
)
from cotton_server.intake.decode import TEXT_CHARACTERS_MAX
from cotton_server.intake.lot_faults import amended_fault
from cotton_server.intake.versions import COUNTED_IN, CREATED, TAKEN, Met, compared
from cotton_server.registry.account_records import (
    AREA,
    BALE_WEIGHT,
    DELIVERY,
    LAYOUTS,
    MARKET_PRICE,
    Account,
)
from cotton_server.registry.records import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cotton_server.intake.lot_faults import Fault
    from cotton_server.intake.rules import RuleSet
    from cotton_server.registry.account_records import AccountMessage, Key, Kind, Layout
    from cotton_server.registry.registry import Registry

LABEL_CHARACTERS_MAX: Final = 200
"""Of what names a record in an answer; only what is rejected has as many."""


@dataclass(frozen=True, slots=True)
class AccountsDecision:
    """The answer to a request, and the records of its kind that come into force, in order."""

    outcome: accounts_pb2.AccountsOutcome
    kind: Kind
    accepted: list[Account]


_FAULTS: Final[Mapping[Kind, Callable[[Any, RuleSet], Iterator[Fault]]]] = {
    DELIVERY: delivery_faults,
    AREA: area_faults,
    MARKET_PRICE: price_faults,
    BALE_WEIGHT: bale_weight_faults,
}


def decide_accounts(
    kind: Kind,
    records: Iterable[AccountMessage],
    registry: Registry,
    rules: RuleSet,
    position: int,
) -> AccountsDecision:
    """Decides records of a kind in order; `position` is where the request will be stored."""
    decision = AccountsDecision(accounts_pb2.AccountsOutcome(), kind, [])
    layout, faults, table = LAYOUTS[kind], _FAULTS[kind], registry.accounts.table(kind)
    overlay: dict[Key, list[Version[Account]]] = {}
    for row, record in enumerate(records):
        decision.outcome.received += 1
        fault = next(faults(record, rules), None) or amended_fault(record)
        if fault is not None:
            _reject(decision.outcome, row, layout.label_of(record), fault)
            continue
        account = layout.account(record)
        versions = [*table.versions(account.key), *overlay.get(account.key, ())]
        met = _met(account, versions, layout)
        if met.outcome in TAKEN:
            decision.accepted.append(account)
            overlay.setdefault(account.key, []).append(Version(position, 0, account))
        _tell(decision.outcome, row, record, layout, met)
    return decision


def _met(account: Account, versions: Sequence[Version[Account]], layout: Layout) -> Met:
    """What becomes of a record beside the versions of what it is a record of."""
    if not versions and account.amendment is None:
        return CREATED
    return compared(
        account.amendment,
        versions,
        repeats=lambda stored: stored == account,
        says_the_same=lambda stored: stored.values == account.values,
        differs=lambda last: Met(
            lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT,
            last,
            _first_difference(last.record, account, layout),
            "The record is stored with another value; nothing was changed. If this one is right,"
            " send it with an amendment that names the stored revision.",
        ),
    )


def _first_difference(stored: Account, received: Account, layout: Layout) -> str:
    return next(
        name
        for name, one, other in zip(layout.columns, stored.values, received.values, strict=True)
        if one != other
    )


def _reject(outcome: accounts_pb2.AccountsOutcome, row: int, label: str, fault: Fault) -> None:
    outcome.rejected += 1
    outcome.results.add(
        row=row,
        key=label[:LABEL_CHARACTERS_MAX],
        outcome=lots_pb2.LOT_OUTCOME_REJECTED,
        field=fault.field,
        received=fault.received[:TEXT_CHARACTERS_MAX],
        message=fault.message,
    )


def _tell(
    outcome: accounts_pb2.AccountsOutcome,
    row: int,
    record: AccountMessage,
    layout: Layout,
    met: Met,
) -> None:
    """Counts what became of a record, and lists it unless it is plainly created."""
    count = COUNTED_IN[met.outcome]
    setattr(outcome, count, getattr(outcome, count) + 1)
    if met.outcome == lots_pb2.LOT_OUTCOME_CREATED:
        return
    result = outcome.results.add(
        row=row,
        key=layout.label_of(record),
        outcome=met.outcome,
        field=met.field,
        message=met.message,
    )
    if met.stored is None:
        return
    result.stored_revision = met.stored.position
    if met.field == "supersedes_revision":
        result.received = str(record.amendment.supersedes_revision)
        result.stored = str(result.stored_revision)
    elif met.field:
        stored = layout.message_of(met.stored.record.values)
        result.received = spelled(type(record), met.field, getattr(record, met.field))
        result.stored = spelled(type(record), met.field, getattr(stored, met.field))
