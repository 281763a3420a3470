"""How much the registry may still take in; what is over a limit is refused before it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton_server.domain.identifiers import crop_year_of_lot, is_lot_no
from cotton_server.domain.readings import ReadingTable
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.content import (
    ACCOUNTS,
    REFERENCES,
    REQUESTS,
    RESOLUTIONS,
    RUNS,
    WITHDRAWALS,
    kind_of,
)
from cotton_server.registry.account_records import LAYOUTS

if TYPE_CHECKING:
    from cotton_server.intake.content import Content
    from cotton_server.registry.registry import Registry

CODES_MAX: Final = 1 << 16
"""Distinct producers, standards, laboratories and instruments, each; no country has as many."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of what is in flight and of what is held."""

    group_bytes_max: int
    queued_bytes_max: int
    bales_max: int
    lots_max: int
    conflicts_max: int
    accounts_max: int
    """Records of each kind that money needs, with all their versions."""


class Room:
    """What is left of the limits while a group is put together."""

    def __init__(self, registry: Registry, bounds: Bounds) -> None:
        """Takes the registry as it is before the group."""
        self._registry = registry
        self._bounds = bounds
        self._new_producers: set[str] = set()
        self._bales = bounds.bales_max - registry.bales.count
        self._lots = bounds.lots_max - len(registry.lots)
        self._accounts = {
            kind: bounds.accounts_max - len(registry.accounts.table(kind)) for kind in LAYOUTS
        }
        self._texts = {name: CODES_MAX - len(book) for name, book in registry.texts.items()}

    def take(self, content: Content, *, producer: str) -> ServiceError | None:
        """Takes the room that a content may need, or gives the error that refuses it."""
        is_new = producer not in self._registry.producers and producer not in self._new_producers
        if is_new and len(self._registry.producers) + len(self._new_producers) >= CODES_MAX:
            return ServiceError(Reason.TOO_MANY_CODES, f"There are {CODES_MAX} producers.")
        bales = len(content) if isinstance(content, ReadingTable) else 0
        lots = sum(self._is_new_lot(lot_no) for lot_no in _lot_nos(content))
        accounts = self._new_accounts(content)
        texts = self._new_texts(content) if isinstance(content, ReadingTable) else {}
        if bales > self._bales:
            return _full(f"{self._bounds.bales_max} bales")
        if bales and len(self._registry.conflicts) >= self._bounds.conflicts_max:
            return ServiceError(
                Reason.TOO_MANY_CONFLICTS,
                f"{len(self._registry.conflicts)} conflicts are stored; at most"
                f" {self._bounds.conflicts_max} are held.",
            )
        if (full := self._no_room(lots, accounts, kind_of(content))) is not None:
            return full
        for name, count in texts.items():
            if count > self._texts[name]:
                return ServiceError(
                    Reason.TOO_MANY_CODES, f"There are {CODES_MAX} codes of the field {name}."
                )
        if is_new:
            self._new_producers.add(producer)
        self._bales -= bales
        self._lots -= lots
        if accounts:
            self._accounts[ACCOUNTS[kind_of(content)]] -= accounts
        for name, count in texts.items():
            self._texts[name] -= count
        return None

    def _no_room(self, lots: int, accounts: int, kind: str) -> ServiceError | None:
        """Why so many lots, or records of a kind that money needs, find no room."""
        if lots > self._lots:
            return _full(f"{self._bounds.lots_max} lots")
        if accounts and accounts > self._accounts[ACCOUNTS[kind]]:
            return _full(f"{self._bounds.accounts_max} records of the kind {kind}")
        return None

    def _new_accounts(self, content: Content) -> int:
        """Records that money needs and that may take room: all but those that can bring nothing."""
        if isinstance(content, ReadingTable) or (kind := kind_of(content)) not in ACCOUNTS:
            return 0
        records = REQUESTS[kind].records_of(content)
        of = ACCOUNTS[kind]
        if len(records) <= self._accounts[of]:
            return len(records)
        table = self._registry.accounts.table(of)
        return sum(not table.has_first(record) for record in records)

    def _is_new_lot(self, lot_no: str) -> bool:
        return (
            not is_lot_no(lot_no)
            or self._registry.lots.number_of(lot_no, crop_year_of_lot(lot_no)) is None
        )

    def _new_texts(self, table: ReadingTable) -> dict[str, int]:
        return {
            name: sum(book.number_of(text) is None for text in table.texts[name].dictionary)
            for name, book in self._registry.texts.items()
        }


def _lot_nos(content: Content) -> list[str]:
    if isinstance(content, ReadingTable):
        return list(content.texts["lot_no"].dictionary)
    kind = REQUESTS[kind_of(content)]
    # A decision about a lot that is not there makes none, nor does a price that it was sold at,
    # and a document or run is of no lot.
    if kind.kind in (WITHDRAWALS, RESOLUTIONS, REFERENCES, RUNS, *ACCOUNTS):
        return []
    return [record.lot_no for record in kind.records_of(content)]


def _full(what: str) -> ServiceError:
    return ServiceError(Reason.REGISTRY_FULL, f"{what} are the most that are held.")
