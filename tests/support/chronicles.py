"""Random histories of lots, fed to a registry and to the oracle of what counts, side by side."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from cotton.inspection.v1 import (
    amendments_pb2,
    common_pb2,
    lots_pb2,
    readings_pb2,
    reference_pb2,
    summary_pb2,
)
from cotton_server.api.open_tables import OpenTables
from cotton_server.api.summary import SummaryHandlers
from cotton_server.grading.standards import load_standards
from cotton_server.summary.at_revision import LotsAtRevision
from cotton_server.summary.gradings import Gradings

from tests.support.bales import Bale, code
from tests.support.calls import Context
from tests.support.figures_oracle import ORGANISATION, LotRecord, Past, StoredBale, season_of
from tests.support.histories import History, amendment
from tests.support.oracle import Oracle, Read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from google.protobuf.message import Message

SAW: Final = common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND
ROLLER: Final = common_pb2.COTTON_TYPE_ROLLER_GINNED_UPLAND
LONG_STAPLE: Final = common_pb2.COTTON_TYPE_EXTRA_LONG_STAPLE
IMPORTED: Final = common_pb2.COTTON_TYPE_IMPORTED_UPLAND

COTTON: Final = {
    "65140231001": SAW,
    "65140231002": SAW,
    "65140232003": SAW,
    "65140241001": SAW,
    "65150241002": SAW,
    "65150242003": SAW,
    "65150231004": ROLLER,
    "65150241005": ROLLER,
    "65140241006": LONG_STAPLE,
    "37010241001": IMPORTED,
    "65140241099": None,
}
"""Lots of two seasons, three gins and all kinds of cotton; one is never registered."""

LOTS: Final = tuple(COTTON)


def _instant(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


INSTANTS: Final = (
    0,
    *map(
        _instant,
        (
            "2023-10-05 15:59:59",  # the last second of a day in China, and the next
            "2023-10-05 16:00:00",
            "2023-12-31 16:00:00",
            "2024-02-28 20:00:00",
            "2024-02-29 12:00:00",
            "2024-10-04 18:00:00",
            "2024-10-05 15:59:59",
            "2024-10-05 16:00:00",
            "2024-10-31 17:00:00",
            "2024-12-29 16:00:00",  # the Monday of the first ISO week of 2025
        ),
    ),
)

BEGUN_S: Final = _instant("2024-10-01 04:00:00")
HALF_DAY_S: Final = 12 * 3600

DAYS: Final = (
    *("2023-10-05", "2023-10-06", "2024-01-01", "2024-02-29", "2024-10-05", "2024-10-06"),
    *("2024-11-01", "2024-12-30"),
)

_RECORDS: Final[Mapping[str, tuple[type[Any], str]]] = {
    "lots": (lots_pb2.RegisterLotsRequest, "lots"),
    "weights": (lots_pb2.RecordLotWeightsRequest, "weights"),
    "closures": (lots_pb2.CloseLotsRequest, "closures"),
}

_KEYS: Final = tuple(summary_pb2.SummaryKey.values()[1:])
_SEASON: Final = summary_pb2.SUMMARY_KEY_SEASON
_NOT_BESIDE: Final = {
    _SEASON,
    summary_pb2.SUMMARY_KEY_DAY,
    summary_pb2.SUMMARY_KEY_WEEK,
    summary_pb2.SUMMARY_KEY_MONTH,
}
"""Keys by which a season and the one before have no row in common."""

_KEYS_OF_LOTS: Final = tuple(
    key
    for key in _KEYS
    if key
    not in (
        summary_pb2.SUMMARY_KEY_LABORATORY,
        summary_pb2.SUMMARY_KEY_INSTRUMENT,
        summary_pb2.SUMMARY_KEY_DAY,
        summary_pb2.SUMMARY_KEY_WEEK,
        summary_pb2.SUMMARY_KEY_MONTH,
    )
)
_BASES: Final = tuple(summary_pb2.Basis.values())


@cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


class Chronicle:
    """A history and the past of every revision of it, as plain records."""

    def __init__(self) -> None:
        """Nothing has arrived."""
        self.history = History()
        self.oracle = Oracle()
        self.organisation_revision = 0
        self._existing: dict[tuple[str, int], None] = {}
        self.pasts = [self._past()]
        self.reader = Reader(self.history)

    @property
    def revision(self) -> int:
        """The latest revision."""
        return self.history.registry.revision

    @property
    def past(self) -> Past:
        """What counts now."""
        return self.pasts[-1]

    def read(self, bales: Sequence[Bale]) -> None:
        """Stores readings, of whatever kind they say they are."""
        self.history.read(bales, at_s=self._next_s())
        self.oracle.batch(bales)
        self._note()

    def record(self, name: str, *records: Any) -> None:
        """Stores registrations ("lots"), "weights" or "closures"."""
        message, field = _RECORDS[name]
        self.history.take(message(**{field: records}), at_s=self._next_s())
        self.oracle.records(name, records)
        self._note()

    def withdraw(self, **subject: Any) -> None:
        """Withdraws a lot or a bale, or takes that back."""
        withdrawal = amendments_pb2.Withdrawal(amendment=amendment(), **subject)
        request = amendments_pb2.WithdrawRequest(withdrawals=[withdrawal])
        self.history.take(request, at_s=self._next_s())
        self.oracle.withdrawals([withdrawal])
        self._note()

    def accept(self, conflict_id: str, since: int) -> None:
        """Decides a conflict for the reading that came later."""
        resolution = amendments_pb2.ConflictResolution(
            conflict_id=conflict_id,
            decision=amendments_pb2.CONFLICT_DECISION_ACCEPT,
            amendment=amendment(since),
        )
        request = amendments_pb2.ResolveConflictsRequest(resolutions=[resolution])
        self.history.take(request, at_s=self._next_s())
        self.oracle.resolutions([resolution])
        self._note()

    def organise(self) -> None:
        """Loads ORGANISATION; again it changes nothing."""
        document = reference_pb2.Reference(
            kind=reference_pb2.REFERENCE_KIND_ORGANISATION, id="xpcc", content=ORGANISATION
        )
        request = reference_pb2.LoadReferencesRequest(references=[document])
        self.history.take(request, at_s=self._next_s())
        self.oracle.withdrawals([])
        self.organisation_revision = self.organisation_revision or self.revision
        self._note()

    def _next_s(self) -> int:
        """When the next content is received: half a day after the one before."""
        return BEGUN_S + self.revision * HALF_DAY_S

    def _note(self) -> None:
        self.pasts.append(self._past())
        assert self.revision == self.oracle.revision == len(self.pasts) - 1

    def _past(self) -> Past:
        oracle = self.oracle
        known = list(oracle.bales.values())
        states = oracle.snapshots[-1].lots
        withdrawn_lots = {lot.lot_no for lot in oracle.lots.values() if lot.withdrawn}
        counting: dict[int, list[Read | None]] = {
            summary_pb2.BASIS_IN_FORCE: [each.in_force for each in known if not each.withdrawn],
            summary_pb2.BASIS_FIRST_INSPECTION: [
                each.first for each in known if not each.withdrawn
            ],
        }
        bales = {
            basis: [
                StoredBale(read.bale, read.revision)
                for read in sorted(
                    (read for read in reads if read is not None),
                    key=lambda read: (read.revision, read.row),
                )
                if read.bale.lot_no not in withdrawn_lots
            ]
            for basis, reads in counting.items()
        }
        for lot_no in states:
            if lot_no:
                self._existing.setdefault((lot_no, 2000 + int(lot_no[5:7])))
        for bale, _ in (*bales[1], *bales[2]):
            self._existing.setdefault((bale.lot_no, season_of(bale)))
        lots = []
        for lot_no, season in self._existing:
            lot = oracle.lots[lot_no]
            in_force = [
                each
                for each in known
                if each.in_force is not None
                and (each.in_force.bale.lot_no, season_of(each.in_force.bale)) == (lot_no, season)
            ]
            registered = lot.records.get("lots", [])
            lots.append(
                LotRecord(
                    lot_no,
                    season,
                    summary_pb2.LotState.Name(states[lot_no][0]).removeprefix("LOT_STATE_")  # type: ignore[arg-type]  # any integer
                    if lot_no
                    else "UNREGISTERED",
                    lot.last("lots"),
                    lot.last("weights"),
                    lot.withdrawn,
                    sum(each.withdrawn or lot.withdrawn for each in in_force),
                    self.history.received_at_s[registered[0][0]] if registered else 0,
                )
            )
        return Past(
            revision=oracle.revision,
            received_at_s=self.history.received_at_s[-1],
            lots=lots,
            bales=bales,
            heard=self._heard(),
            organisation_revision=self.organisation_revision,
        )

    def _heard(self) -> dict[str, list[str]]:
        """Laboratories and instruments in the order in which readings that are kept named them."""
        reads = {
            (read.revision, read.row): read.bale
            for history in self.oracle.bales.values()
            for read in (
                *(read for read in (history.in_force, history.first) if read is not None),
                *history.retests,
                *(read for read, _ in history.superseded),
                *(read for _, read in history.corrections),
                *(conflict.read for conflict in history.conflicts),
            )
        }
        in_order = [reads[place] for place in sorted(reads)]
        return {
            name: list(dict.fromkeys(filter(None, (getattr(bale, name) for bale in in_order))))
            for name in ("laboratory", "instrument")
        }


class Reader:
    """Handlers of summaries in front of a history, which keep what they added up before."""

    def __init__(self, history: History, *, rows_max: int = 1000, kept: Path | None = None) -> None:
        """Has added up nothing yet but what is kept."""
        gradings = Gradings(history.registry, load_standards())
        self.lots = LotsAtRevision(history.registry, gradings, kept)
        self.gradings = gradings
        self.handlers = SummaryHandlers(
            history.registry,
            self.lots,
            history.views(),
            gradings,
            _readers(),
            tables=OpenTables(_readers(), open_max=8),
            rows_max=rows_max,
        )

    def summarise(
        self, request: summary_pb2.SummariseGradesRequest
    ) -> summary_pb2.SummariseGradesResponse:
        """A page of a summary; raises ServiceError, as all that follow."""
        made: summary_pb2.SummariseGradesResponse = self._answer(
            self.handlers.summarise_grades, request
        )
        return made

    def tabulate(
        self, request: summary_pb2.TabulateGradesRequest
    ) -> list[summary_pb2.TabulateGradesResponse]:
        """A summary as columns."""
        return self._answers(self.handlers.tabulate_grades, request)

    def certificate(
        self, request: summary_pb2.GetLotCertificateRequest
    ) -> summary_pb2.GetLotCertificateResponse:
        """The certificate of a lot."""
        made: summary_pb2.GetLotCertificateResponse = self._answer(
            self.handlers.get_lot_certificate, request
        )
        return made

    def certificates(
        self, request: summary_pb2.TabulateCertificatesRequest
    ) -> list[summary_pb2.TabulateCertificatesResponse]:
        """Certificates as columns."""
        return self._answers(self.handlers.tabulate_certificates, request)

    def bales(self, request: summary_pb2.ListBalesRequest) -> list[summary_pb2.ListBalesResponse]:
        """Lists of bales."""
        return self._answers(self.handlers.list_bales, request)

    def _answer(self, handler: Callable[..., Any], request: Message) -> Any:
        return _loop().run_until_complete(handler(request.SerializeToString(), Context()))

    def _answers(self, handler: Callable[..., Any], request: Message) -> list[Any]:
        async def all_of_them() -> list[Any]:
            return [each async for each in handler(request.SerializeToString(), Context())]

        return _loop().run_until_complete(all_of_them())


def fresh_reader(history: History) -> Reader:
    """Handlers that have added up everything anew."""
    reader = Reader(history)
    reader.lots.all_lots(None)
    return reader


class Author:
    """Writes a history by chance: the same seed writes the same, step by step."""

    def __init__(self, seed: int) -> None:
        """Takes the seed; nothing is written yet."""
        self.chance = random.Random(seed)  # noqa: S311 - reproducible histories
        self.chronicle = Chronicle()
        self._busy = self.chance.sample(LOTS, 4)
        self._next = 1
        self._steps: list[tuple[int, Callable[[], None]]] = [
            (10, self._read),
            (4, self._register),
            (4, self._weigh),
            (2, self._close),
            (2, self._finish),
            (3, self._correct),
            (3, self._retest),
            (1, self._contest),
            (2, self._withdraw_bale),
            (2, self._withdraw_lot),
            (1, self.chronicle.organise),
        ]
        if self.chance.random() < 0.8:
            self._open()

    def step(self) -> None:
        """Something happens, in one content or a few."""
        weights = [weight for weight, _ in self._steps]
        (chosen,) = self.chance.choices([each for _, each in self._steps], weights)
        chosen()

    def question(self, **fixed: Any) -> summary_pb2.SummariseGradesRequest:
        """Any question; of the latest revision unless told otherwise."""
        chance = self.chance
        known = _KEYS if chance.random() < 0.25 else _KEYS_OF_LOTS
        request = summary_pb2.SummariseGradesRequest(
            keys=chance.sample(known, chance.choice([0, 1, 1, 2, 2, 3])),
            share_decimals=chance.choice([0, 1, 2]),
            basis=chance.choice(_BASES),
            withhold_below=chance.choice([0, 0, 0, 0, 2, 4]),
        )
        if chance.random() < 0.12:
            begun, ended = sorted(chance.choices(DAYS, k=2))
            request.inspected_from = chance.choice(["", begun])
            request.inspected_through = chance.choice(["", ended])
        names = [key for key in known if chance.random() < 0.04]
        if chance.random() < 0.15 and not _NOT_BESIDE & {*request.keys}:
            request.with_last_season = True
            if not request.inspected_through:
                request.inspected_from = ""
            names = [_SEASON, *(name for name in names if name != _SEASON)]
        for name in names:
            values = self._values(name)
            if name == _SEASON and request.with_last_season:
                values = [chance.choice(["2023", "2024", "2025"])]
            request.filters.add(key=name, values=values)
        request.MergeFrom(summary_pb2.SummariseGradesRequest(**fixed))
        return request

    def _values(self, key: summary_pb2.SummaryKey.ValueType) -> list[str]:
        """Some values of a key, most of which something has."""
        name = summary_pb2.SummaryKey.Name(key).removeprefix("SUMMARY_KEY_").lower()
        known: Mapping[str, Sequence[str]] = {
            "season": ("2023", "2024", ""),
            "lot": ("", *LOTS),
            "gin": ("65140", "65150", ""),
            "production_line": ("1", "2", ""),
            "cotton_type": ("SAW_GINNED_UPLAND", "ROLLER_GINNED_UPLAND", ""),
            "picking_mode": ("HAND", "MACHINE", ""),
            "channel": ("WAREHOUSE", ""),
            "standard": ("", *load_standards()),
            "state": ("READ", "FINAL", "WITHDRAWN", "HELD", "UNREGISTERED"),
            "laboratory": ("L1", "L2", ""),
            "instrument": ("I1", "I2", "nobody's"),
            "day": ("", *DAYS),
            "week": ("2023-W40", "2024-W40", "2025-W01", ""),
            "month": ("2023-10", "2024-10", "2024-02", ""),
            "division": ("8", "第八师", "第七师", "", "z"),
        }
        values = known.get(name, ("", "w1", "xpcc", "兵团", "一五〇团", "150", "库车", "u1", "甲"))
        return self.chance.sample(list(values), self.chance.randint(1, min(4, len(values))))

    def _open(self) -> None:
        """A season that has begun: most lots are registered, and many weighed."""
        lots = [self._lot(each) for each in LOTS[:-1] if self.chance.random() < 0.7]
        weights = [self._weight(each) for each in LOTS if self.chance.random() < 0.6]
        self.chronicle.record("lots", *lots)
        self.chronicle.record("weights", *weights)

    def _read(self) -> None:
        bales = [self._bale() for _ in range(self.chance.randint(1, 12))]
        self.chronicle.read(bales)

    def _bale(self) -> Bale:
        chance = self.chance
        lot_no = chance.choice(self._busy if chance.random() < 0.75 else LOTS)
        is_usda = COTTON.get(lot_no) == IMPORTED if chance.random() < 0.93 else True
        if is_usda and chance.random() < 0.4:
            lot_no = ""
        number = self._next
        self._next += 1
        made = Bale(
            f"{number:012d}" if is_usda else code(number),
            lot_no,
            crop_year=chance.choice([2023, 2024]) if is_usda else 0,
        )
        return self._anew(made)

    def _anew(self, bale: Bale) -> Bale:
        """The bale with other values, read somewhere."""
        chance = self.chance

        def near(limits: Iterable[int]) -> int:
            return chance.choice([*limits]) + chance.choice([-10, -6, -5, -4, 0, 4, 5, 6])

        usda = bool(bale.crop_year)
        values = {
            "length": chance.choice([79, 80, 113, 114, 117, 118, 136]) if usda else
            near((2600, 2800, 2900, 3000, 3200)),
            "micronaire": near((350, 370, 420, 430, 500)),
            "strength": near((2400, 2600, 2800, 2900, 3100)),
            "uniformity": near((7700, 8000, 8300, 8600)),
            "rd": chance.choice([7550, 7849, 7950, 8049, 8050, 8250]),
            "plus_b": chance.choice([605, 694, 695, 740, 794, 805, 995]),
            "short_fibre": near((900, 1200)),
            "colour_grade": chance.choice([21, 31, 31, 31, 41, 12, 24, 51]),
            "preparation": chance.choice([1, 2, 2, 3]),
            "visual_grade": chance.choice([1, 3, 5, 6, 7]),
            "leaf_grade": chance.choice([1, 3, 8]),
            "foreign_fibre": chance.choice([0, 0, 1]),
        }  # fmt: skip
        return replace(
            bale,
            values={name: value for name, value in values.items() if chance.random() < 0.87},
            standard=chance.choices(
                ["", "GB1103.1-2012", "GB1103.1-2023", "USDA", "GB0"], [20, 2, 2, 1, 1]
            )[0],
            laboratory=chance.choice(["L1", "L2", "L3", ""]),
            instrument=chance.choice(["I1", "I2", ""]),
            inspected_at_s=chance.choice(INSTANTS),
        )

    def _register(self) -> None:
        self._amended("lots", self._lot(self.chance.choice(LOTS[:-1])))

    def _lot(self, lot_no: str, declared_bales: int | None = None) -> lots_pb2.Lot:
        chance = self.chance
        if declared_bales is None:
            declared_bales = chance.choice([0, 2, 3, 5, 186])
        return lots_pb2.Lot(
            lot_no=lot_no,
            declared_bales=declared_bales,
            cotton_type=(chance.random() < 0.9 and COTTON[lot_no]) or SAW,
            region=chance.choice(["兵团", "xpcc", "地方", ""]),
            division=chance.choice(["8", "第七师", "z", ""]),
            regiment=chance.choice(["150", "一五〇团", "甲", ""]),
            county=chance.choice(["k", ""]),
            warehouse=chance.choice(["w1", "w2"]),
            agency=chance.choice(["甲", ""]),
            traceability_unit=chance.choice(["u1", "u2", ""]),
            picking_mode=chance.choice(common_pb2.PickingMode.values()),
            channel=chance.choice(common_pb2.Channel.values()[:2]),
            gate_in_at_s=chance.choice([0, *INSTANTS]),
            standard=chance.choices(["", "GB1103.1-2012", "GB0"], [12, 1, 1])[0],
        )

    def _weigh(self) -> None:
        self._amended("weights", self._weight(self.chance.choice(LOTS)))

    def _weight(self, lot_no: str) -> lots_pb2.LotWeight:
        chance = self.chance
        return lots_pb2.LotWeight(
            lot_no=lot_no,
            gross=chance.choice([4_262_000, 4_220_010, 90_000, 77_777]),
            tare=chance.choice([24_600, 1_003]),
            regain=chance.choice([None, 820, 820, 460, 460, 0]),
            trash=chance.choice([None, 230, 230, 240, 240, 999]),
            resolution=chance.choice([10, 100]),
        )

    def _close(self) -> None:
        lot_no = self.chance.choice(LOTS)
        bales = self._bales_of(lot_no)
        self._closed(lot_no, bales + self.chance.choice([0, 0, 1]))

    def _closed(self, lot_no: str, bales: int) -> None:
        closure = lots_pb2.LotClosure(
            lot_no=lot_no, bales_received=max(bales, 1), bales_tested=bales
        )
        self._amended("closures", closure)

    def _finish(self) -> None:
        """All that makes a lot final."""
        lot_no = self.chance.choice([each for each in self._busy if COTTON[each]])
        bales = max(self._bales_of(lot_no), 1)
        lot = self.chronicle.oracle.lots.get(lot_no)
        if lot is None or not lot.last("weights"):
            self.chronicle.record("weights", self._weight(lot_no))
        self._amended("lots", self._lot(lot_no, bales))
        self._closed(lot_no, bales)

    def _amended(self, name: str, record: Any) -> None:
        lot = self.chronicle.oracle.lots.get(record.lot_no)
        versions = lot.records.get(name, []) if lot is not None else []
        if versions and self.chance.random() < 0.8:
            record.amendment.CopyFrom(amendment(versions[-1][0], str(self.chronicle.revision)))
        self.chronicle.record(name, record)

    def _correct(self) -> None:
        for history in self._some_bales():
            assert history.in_force is not None
            bale = self._anew(history.in_force.bale)
            if self.chance.random() < 0.5:
                bale = replace(bale, lot_no=self.chance.choice(LOTS))
            self.chronicle.read([replace(bale, kind=0).correcting(history.since)])

    def _retest(self) -> None:
        kinds = [readings_pb2.READING_KIND_REVIEW] * 3 + [readings_pb2.READING_KIND_SUPERVISORY]
        for history in self._some_bales():
            assert history.in_force is not None
            bale = history.in_force.bale
            plain = Bale(bale.code, bale.lot_no, bale.crop_year)
            self.chronicle.read([replace(self._anew(plain), kind=self.chance.choice(kinds))])

    def _contest(self) -> None:
        """Another reading of a bale, which may be accepted in place of the stored one."""
        for history in self._some_bales():
            assert history.in_force is not None
            bale = history.in_force.bale
            other = self._anew(Bale(bale.code, self.chance.choice(LOTS), bale.crop_year))
            self.chronicle.read([other])
            open_ones = [each for each in history.conflicts if not each.decided_at]
            if open_ones and self.chance.random() < 0.7:
                self.chronicle.accept(open_ones[-1].id, history.since)

    def _withdraw_bale(self) -> None:
        for history in self._some_bales(withdrawn=True):
            assert history.in_force is not None
            bale = history.in_force.bale
            subject: dict[str, Any] = {"bale_code": bale.code}
            if bale.crop_year:
                usda = readings_pb2.UsdaBale(bale_id=bale.code, crop_year=bale.crop_year)
                subject = {"usda_bale": usda}
            reinstate = history.withdrawn
            self.chronicle.withdraw(reinstate=reinstate, **subject)

    def _withdraw_lot(self) -> None:
        lot_no = self.chance.choice(LOTS)
        lot = self.chronicle.oracle.lots.get(lot_no)
        self.chronicle.withdraw(lot_no=lot_no, reinstate=lot is not None and lot.withdrawn)

    def _some_bales(self, *, withdrawn: bool = False) -> Iterator[Any]:
        """A bale of those that are known, if any is."""
        known = [
            each
            for each in self.chronicle.oracle.bales.values()
            if each.in_force is not None and (withdrawn or not each.withdrawn)
        ]
        if known:
            yield self.chance.choice(known)

    def _bales_of(self, lot_no: str) -> int:
        return sum(
            bale.lot_no == lot_no
            for bale, _ in self.chronicle.past.bales[summary_pb2.BASIS_IN_FORCE]
        )
