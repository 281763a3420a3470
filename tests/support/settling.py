"""Settlement in front of a history, through the handlers in this process."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

from cotton.inspection.v1 import lots_pb2, reference_pb2, settlement_pb2
from cotton_server.api.open_tables import OpenTables
from cotton_server.api.settlement import SettlementHandlers
from cotton_server.grading.standards import load_standards
from cotton_server.runs.archive import Archive
from cotton_server.runs.frozen import FrozenRuns
from cotton_server.runs.settle import Settler
from cotton_server.settlement.library import shipped
from cotton_server.summary.at_revision import LotsAtRevision
from cotton_server.summary.gradings import Gradings

from tests.golden.lots import LOT186_WEIGHT, lot186
from tests.support.bales import LOT, Bale, code
from tests.support.calls import Context
from tests.support.table_rows import rows_of_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.support.histories import History

FUTURES = "futures-2016-17"
SEASON = 2016

KINDS = {
    "schedule": reference_pb2.REFERENCE_KIND_SCHEDULE,
    "rule set": reference_pb2.REFERENCE_KIND_RULE_SET,
    "target price": reference_pb2.REFERENCE_KIND_TARGET_PRICE,
}

Line = dict[str, "int | str | None"]


@cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2)


def load(history: History, *names: str, changed: Iterable[tuple[str, str]] = ()) -> None:
    """Loads shipped documents, with texts in them replaced by others."""
    for name in names:
        (found,) = (each for each in shipped() if each.id == name)
        content = found.text
        for before, after in changed:
            assert before in content
            content = content.replace(before, after)
        document = reference_pb2.Reference(kind=KINDS[found.kind], id=name, content=content)
        load_document(history, document)


def load_document(history: History, document: reference_pb2.Reference) -> None:
    """Loads a document; it must be taken."""
    outcome: Any = history.take(reference_pb2.LoadReferencesRequest(references=[document]))
    assert outcome.created + outcome.corrected == 1, outcome


def golden_bales(lot_no: str = LOT, first: int = 0) -> list[Bale]:
    """The 186 bales of a trading client, with likely values of what it does not show.

    Their codes are numbered from `first` on.
    """
    names = ("micronaire", "strength", "colour_grade")
    likely = {"length": 2870, "uniformity": 8250, "preparation": 2, "foreign_fibre": 0}
    return [
        Bale(code(number, gin=lot_no[:5]), lot_no, values={**likely, **row})
        for number, row in enumerate(lot186().select(names).rows(named=True), first)
    ]


def final_lot(
    history: History, bales: Iterable[Bale], lot_no: str = LOT, **registered: Any
) -> None:
    """A lot that is registered, read, weighed and closed."""
    read = list(bales)
    history.register(lot_no, declared_bales=len(read), **registered)
    for first in range(0, len(read), 1000):
        history.read(read[first : first + 1000])
    names = ("gross", "tare", "trash", "regain", "resolution")
    history.weigh(lot_no, **{name: getattr(LOT186_WEIGHT, name) for name in names})
    history.close(len(read), lot_no)


class Settling:
    """Handlers of settlement in front of a history; the archive lies in a directory."""

    def __init__(
        self, history: History, directory: Path, lots: LotsAtRevision | None = None
    ) -> None:
        """Has computed nothing yet; one history has one `lots`."""
        self.history = history
        self.directory = directory / "runs"
        self._parent = directory
        standards = load_standards()
        registry = history.registry
        self.lots = lots or LotsAtRevision(registry, Gradings(registry, standards))
        self.settler = Settler(registry, self.lots, standards)
        self.handlers = SettlementHandlers(
            registry,
            self.settler,
            FrozenRuns(registry, self.settler, Archive(self.directory)),
            _readers(),
            tables=OpenTables(_readers(), open_max=8),
            store=self._store,
        )

    def again(self) -> Settling:
        """Handlers in front of the same history and archive that have computed nothing."""
        return Settling(self.history, self._parent, self.lots)

    async def _store(self, payload: bytes, _context: Any) -> Message:
        request = settlement_pb2.FreezeRunRequest.FromString(payload)
        outcome: Any = self.history.take(request)
        revision = self.history.registry.revision
        return settlement_pb2.FreezeRunResponse(revision=revision, outcome=outcome)

    def price(
        self,
        table: str = "lots",
        keys: Iterable[int] = (),
        columns: Iterable[str] = (),
        **terms: Any,
    ) -> tuple[settlement_pb2.SettlementHeader, list[Line]]:
        """A trial: its header and its lines or totals."""
        request = settlement_pb2.PriceLotsRequest(
            terms=terms.pop("terms", None) or settlement_pb2.SettlementTerms(**terms),
            table=_table(table),
            keys=keys,  # type: ignore[arg-type]  # numbers of keys
            columns=columns,
        )
        return _lines(_every(self.handlers.price_lots, request))

    def freeze(
        self, run_id: str, header: settlement_pb2.SettlementHeader, **fields: Any
    ) -> settlement_pb2.RunResult:
        """Freezes a trial; what became of it."""
        plain = {"terms": header.terms, "digest": header.digest, "decided_by": "office"}
        run = settlement_pb2.Run(id=run_id, **{**plain, **fields})
        request = settlement_pb2.FreezeRunRequest(producer_id="p", request_id=run_id, runs=[run])
        answer: Any = self.call("freeze_run", request)
        (result,) = answer.outcome.results
        return result  # type: ignore[no-any-return]  # of the contract

    def frozen(self, run_id: str, **terms: Any) -> settlement_pb2.SettlementHeader:
        """A trial that is frozen; its header."""
        header, _ = self.price(**terms)
        result = self.freeze(run_id, header)
        assert result.outcome == lots_pb2.LOT_OUTCOME_CREATED, result
        return header

    def tabulate(
        self,
        run_id: str,
        table: str = "lots",
        keys: Iterable[int] = (),
        columns: Iterable[str] = (),
    ) -> tuple[settlement_pb2.SettlementHeader, list[Line]]:
        """Header and lines of a run."""
        request = settlement_pb2.TabulateRunRequest(
            id=run_id,
            table=_table(table),
            keys=keys,  # type: ignore[arg-type]  # numbers of keys
            columns=columns,
        )
        return _lines(_every(self.handlers.tabulate_run, request))

    def compare(self, run_id: str, with_id: str = "") -> list[Any]:
        """The messages of a comparison."""
        request = settlement_pb2.CompareRunsRequest(id=run_id, with_id=with_id)
        return _every(self.handlers.compare_runs, request)

    def call(self, name: str, request: Message) -> Any:
        """The answer of a unary call."""
        handler = getattr(self.handlers, name)
        return asyncio.run(handler(request.SerializeToString(), Context()))


def lines_by(lines: Iterable[Line], *names: str) -> Mapping[Any, Line]:
    """Lines by what names them."""
    keyed = {tuple(line[name] for name in names): line for line in lines}
    return {key[0] if len(key) == 1 else key: line for key, line in keyed.items()}


def _table(name: str) -> settlement_pb2.SettlementTable.ValueType:
    return settlement_pb2.SettlementTable.Value(f"SETTLEMENT_TABLE_{name.upper()}")


def _every(handler: Any, request: Message) -> list[Any]:
    async def every() -> list[Any]:
        answers: AsyncIterator[Any] = handler(request.SerializeToString(), Context())
        return [each async for each in answers]

    return asyncio.run(every())


def _lines(messages: list[Any]) -> tuple[settlement_pb2.SettlementHeader, list[Line]]:
    head = messages[0]
    lines = []
    for message in messages:
        for row in rows_of_page(message.page, head.columns):
            line: Line = {place.name: cell for place, cell in row.cells.items()}
            line |= {f"key.{number}": text for number, text in enumerate(row.keys)}
            lines.append(line)
    return head.header, lines
