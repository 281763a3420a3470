"""A small ledger of everything that there is, sealed in pieces.

Later entries change what counts of the readings in earlier files.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from cotton.inspection.v1 import (
    amendments_pb2,
    lots_pb2,
    readings_pb2,
    reference_pb2,
    settlement_pb2,
)
from cotton_server.intake.content import READINGS, REQUESTS, kind_of
from cotton_server.ledger import sealed_directory
from cotton_server.sealing.files import STATE, remove_directories

from tests.machine.core import Message
from tests.support.accounts import area, bale_weight, delivery, price, request_of
from tests.support.bales import Bale, bale, usda_bale
from tests.support.committing import Committing, answer, committing
from tests.support.figures_oracle import ORGANISATION
from tests.support.histories import amendment, lot_of, weight_of
from tests.support.organisations import CHART, chart, reference
from tests.support.sealing import seal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

OLD, NEW, GONE, BACK = "65140161077", "65140171078", "65140172001", "65140172002"
"""Lots of two seasons; one is withdrawn in the end, and one was for a while."""

LOTS: Final = (OLD, NEW, GONE, BACK)
_READ_AT_S: Final = 1_480_000_000


def first_reading(number: int, lot_no: str) -> Bale:
    """A reading that says everything that one may say."""
    return replace(
        bale(number, lot_no, length=2700 + number),
        standard="GB1103.1-2012",
        laboratory=f"L{number % 2}",
        instrument=f"I{number % 3}",
        inspected_at_s=_READ_AT_S + number,
    )


class Teller:
    """Tells a running committer one thing after the other."""

    def __init__(self, running: Committing, act: int) -> None:
        """Takes what runs, and a number that no other of its ledger has."""
        self._running, self._act, self._told = running, act, 0

    async def read(self, *bales: Bale) -> int:
        """Readings; the revision that brings them."""
        return await self._tell(READINGS, bales)

    async def tell(self, request: Any) -> int:
        """Records, of whatever kind; the revision that brings them."""
        kind = kind_of(request)
        return await self._tell(kind, list(REQUESTS[kind].records_of(request)))

    async def withdraw(self, *, reinstate: bool = False, **subject: Any) -> None:
        """Withdraws a lot (lot_no) or a bale (bale_code), or takes that back."""
        withdrawal = amendments_pb2.Withdrawal(
            amendment=amendment(), reinstate=reinstate, **subject
        )
        await self.tell(amendments_pb2.WithdrawRequest(withdrawals=[withdrawal]))

    async def decide(
        self, conflict: str, decision: amendments_pb2.ConflictDecision.ValueType
    ) -> None:
        """Decides a conflict."""
        resolution = amendments_pb2.ConflictResolution(
            conflict_id=conflict, decision=decision, amendment=amendment()
        )
        await self.tell(amendments_pb2.ResolveConflictsRequest(resolutions=[resolution]))

    async def _tell(self, kind: str, parts: Sequence[Any]) -> int:
        self._told += 1
        submission = Message(kind, "p", f"{self._act}-{self._told}", parts).submission()
        await self._running.committer.reserve(len(submission.payload))
        self._running.committer.submit(submission)
        return (await answer(submission.answer)).revision


async def _begin(teller: Teller) -> None:
    """Documents, lots, and a first reading of every bale."""
    documents = [
        reference(ORGANISATION),
        reference(chart("GB1103.1-2012"), "c", kind=CHART),
    ]
    await teller.tell(reference_pb2.LoadReferencesRequest(references=documents))
    lots = [lot_of(lot_no, declared_bales=6, warehouse="W") for lot_no in LOTS]
    await teller.tell(lots_pb2.RegisterLotsRequest(lots=lots))
    for place, lot_no in enumerate(LOTS):
        await teller.read(*(first_reading(10 * place + row, lot_no) for row in range(8)))
    await teller.read(usda_bale(1), usda_bale(2))


async def _amend(teller: Teller) -> None:
    """Bales of the first act are corrected, re-tested, contested, withdrawn; lots withdrawn."""
    old = [first_reading(number, OLD) for number in range(8)]
    # The bales of OLD came third.
    await teller.read(old[0].but(length=3333).correcting(3))
    review = replace(old[1].but(strength=2500), kind=readings_pb2.READING_KIND_REVIEW)
    supervisory = replace(old[1].but(strength=2700), kind=readings_pb2.READING_KIND_SUPERVISORY)
    await teller.read(review, supervisory)
    contested = await teller.read(*(old[number].but(length=3100) for number in (2, 3, 4)))
    await teller.decide(f"{contested}/0", amendments_pb2.CONFLICT_DECISION_ACCEPT)
    await teller.decide(f"{contested}/1", amendments_pb2.CONFLICT_DECISION_KEEP)
    await teller.read(replace(old[5], lot_no=NEW).correcting(3))
    for number in (6, 7):
        await teller.withdraw(bale_code=old[number].code)
    for lot_no in (GONE, BACK):
        await teller.withdraw(lot_no=lot_no)


async def _record(teller: Teller) -> None:
    """What else there is of lots and money; some of what was withdrawn comes back."""
    await teller.tell(lots_pb2.RecordLotWeightsRequest(weights=[weight_of(OLD), weight_of(NEW)]))
    closures = [lots_pb2.LotClosure(lot_no=OLD, bales_received=8, bales_tested=8)]
    await teller.tell(lots_pb2.CloseLotsRequest(closures=closures))
    certificates = [
        lots_pb2.LotCertificates(
            lot_no=OLD, quality_certificate_no="Q1", weight_certificate_no="W1"
        )
    ]
    await teller.tell(lots_pb2.RecordCertificatesRequest(certificates=certificates))
    objections = [lots_pb2.LotObjection(lot_no=OLD, objection_no="o-1", raised_by="mill")]
    await teller.tell(lots_pb2.RecordObjectionsRequest(objections=objections))
    units = [lots_pb2.UnitLot(lot_no=NEW, traceability_unit="U-1")]
    await teller.tell(lots_pb2.RecordUnitLotsRequest(unit_lots=units))
    for account in (delivery(1), area(), price(), bale_weight(1)):
        await teller.tell(request_of(account))
    terms = settlement_pb2.SettlementTerms(revision=1, season=2016)
    run = settlement_pb2.Run(id="run", digest="0" * 64, decided_by="office", terms=terms)
    await teller.tell(settlement_pb2.FreezeRunRequest(runs=[run]))
    await teller.withdraw(bale_code=first_reading(7, OLD).code, reinstate=True)
    await teller.withdraw(lot_no=BACK, reinstate=True)
    await teller.read(first_reading(40, NEW), first_reading(0, OLD))


_ACTS: Final[Sequence[Callable[[Teller], Awaitable[None]]]] = (_begin, _amend, _record)


async def _more(teller: Teller) -> None:
    await teller.read(first_reading(41, NEW))


def tell_sealed(directory: Path, *, bales: int = 20, free: bool = True) -> None:
    """Tells the story to an empty directory, and has it sealed after every act.

    With `free` the payloads are in the sealed files alone. Only the newest state is kept.
    """
    for act, play in enumerate(_ACTS):
        asyncio.run(_play(directory, act, play))
        seal(directory, bales=bales, free=free)
        remove_directories(sorted((sealed_directory(directory) / STATE).iterdir())[:-1])


def tell_more(directory: Path) -> None:
    """An entry after the story, which is not sealed."""
    asyncio.run(_play(directory, len(_ACTS), _more))


async def _play(directory: Path, act: int, play: Callable[[Teller], Awaitable[None]]) -> None:
    async with committing(directory, resident=1000) as running:
        await play(Teller(running, act))
