"""Settles the season: by lot and by bale, asked anew and again, frozen and verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import settlement_pb2, summary_pb2

from benchmarks.errors import BenchmarkError
from benchmarks.national.plan import SEASON
from benchmarks.national.questions import FREEZE, PRICE, VERIFY
from benchmarks.national.results import FROZEN, SETTLED, SETTLED_KEPT, VERIFIED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_client.tables import Table

    from benchmarks.national.asking import Asking
    from benchmarks.national.feed import Feeder

BASE_PRICE: Final = 15_500_00
"""Hundredths of a yuan per tonne."""

DIGEST: Final = ", digest"
"""Behind the name of what is asked for with its digest."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of a settlement: all columns where none are named."""

    name: str
    table: settlement_pb2.SettlementTable.ValueType
    keys: tuple[summary_pb2.SummaryKey.ValueType, ...] = ()
    columns: tuple[str, ...] = ()

    def request(
        self, terms: settlement_pb2.SettlementTerms, *, with_digest: bool
    ) -> settlement_pb2.PriceLotsRequest:
        """The sheet of terms as it is asked for."""
        return settlement_pb2.PriceLotsRequest(
            terms=terms,
            table=self.table,
            keys=self.keys,
            columns=self.columns,
            without_digest=not with_digest,
        )


_TOTALS: Final = settlement_pb2.SETTLEMENT_TABLE_TOTALS
BY_DIVISION: Final = Sheet("totals by division", _TOTALS, (summary_pb2.SUMMARY_KEY_DIVISION,))
BY_GIN: Final = Sheet("totals by gin", _TOTALS, (summary_pb2.SUMMARY_KEY_GIN,))
LINES: Final = Sheet("lines of all lots", settlement_pb2.SETTLEMENT_TABLE_LOTS)

SHEETS: Final = (BY_DIVISION, BY_GIN, LINES)


def terms_of(schedule: str) -> settlement_pb2.SettlementTerms:
    """The season by a schedule, at the latest revision."""
    return settlement_pb2.SettlementTerms(season=SEASON, schedule=schedule, base_price=BASE_PRICE)


class Settling:
    """Settles by one schedule; every answer must be the one before, whatever it is asked at."""

    def __init__(self, name: str, schedule: str, lots: int, asking: Asking, feeder: Feeder) -> None:
        """Takes what the results call the schedule, its id, and how many lots there are."""
        self._name = name
        self._schedule = schedule
        self._lots = lots
        self._asking = asking
        self._feeder = feeder

    async def payable(self) -> int:
        """How many lots are paid; BenchmarkError where not all are there, or none is paid."""
        request = Sheet("", _TOTALS).request(terms_of(self._schedule), with_digest=False)
        table, header, _ = await self._asking.price(None, request)
        payable = int(table.frame["lots_payable"][0])
        if header.lots != self._lots or not payable:
            raise BenchmarkError(
                f"Of {self._lots} lots {self._name} settles {header.lots} and pays {payable}."
            )
        return payable

    async def asked(self, times: int) -> None:
        """Asks for every sheet so many times after a change, each followed by the same again."""
        for sheet in SHEETS:
            for with_digest in (False, True):
                await self._asked(sheet, times, with_digest=with_digest)

    async def _asked(self, sheet: Sheet, times: int, *, with_digest: bool) -> None:
        name = f"{self._name}: {sheet.name}{DIGEST if with_digest else ''}"
        first = self._asking.drafted(SETTLED, name, PRICE)
        kept = self._asking.drafted(SETTLED_KEPT, name, PRICE)
        tables: list[Table] = []
        for _ in range(times):
            await self._feeder.one_more_lot()
            request = sheet.request(terms_of(self._schedule), with_digest=with_digest)
            table, header, _ = await self._asking.price(first, request)
            again = sheet.request(header.terms, with_digest=with_digest)
            tables += (table, (await self._asking.price(kept, again))[0])
            if not _all_equal(tables):
                raise BenchmarkError(f'"{name}" was answered in two ways.')
            del tables[1:]
        self._asking.tell(first)
        self._asking.tell(kept)

    async def frozen(self, times: int) -> None:
        """Freezes so many trials as runs, and has each computed anew."""
        frozen = self._asking.drafted(FROZEN, self._name, FREEZE)
        verified = self._asking.drafted(VERIFIED, self._name, VERIFY)
        for number in range(times):
            await self._feeder.one_more_lot()
            request = BY_DIVISION.request(terms_of(self._schedule), with_digest=True)
            _, header, _ = await self._asking.price(None, request)
            run = settlement_pb2.Run(
                id=f"{self._schedule}-{number}",
                title=f"{self._name}, {number}",
                terms=header.terms,
                digest=header.digest,
                decided_by="benchmark",
            )
            await self._asking.freeze(frozen, run)
            await self._asking.verify(verified, run.id)
        self._asking.tell(frozen)
        self._asking.tell(verified)


def _all_equal(tables: Sequence[Table]) -> bool:
    return all(each.frame.equals(tables[0].frame) for each in tables)
