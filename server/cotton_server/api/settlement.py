"""SettlementService: trials, frozen runs, their lines, and what differs between two."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

import grpc
from cotton.inspection.v1 import lots_pb2, settlement_pb2, summary_pb2

from cotton_server.api.run_feed import stored_run
from cotton_server.api.tables import (
    chosen_columns,
    column_message,
    figure_values,
    message_rows,
    text_column,
)
from cotton_server.errors import Reason, ServiceError
from cotton_server.grading import GRADING_VERSION
from cotton_server.intake.decode import parse
from cotton_server.runs.compare import Comparison, Difference
from cotton_server.runs.table import BALES, LINE_KEYS, LOTS, REGIMENTS, TOTALS, UNITS, Table
from cotton_server.runs.totals import totals
from cotton_server.settlement import SETTLEMENT_VERSION
from cotton_server.summary.as_of import refuse_future
from cotton_server.summary.key_numbers import NUMBER_OF_KEY, summary_key_name
from cotton_server.summary.refusals import invalid, refuse_many_columns, typed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
    from concurrent.futures import Executor

    import polars as pl
    from google.protobuf.message import Message

    from cotton_server.api.open_tables import OpenTables
    from cotton_server.registry.registry import Registry
    from cotton_server.registry.settlement_runs import FrozenRun
    from cotton_server.runs.frozen import FrozenRuns
    from cotton_server.runs.settle import Settler
    from cotton_server.runs.settlement import Settlement
    from cotton_server.summary.catalogue import Column

_T = TypeVar("_T")
_PageT = TypeVar("_PageT", settlement_pb2.PriceLotsResponse, settlement_pb2.TabulateRunResponse)

Context = grpc.aio.ServicerContext[Any, Any]

DIFFERENCES_MAX: Final = 10_000
"""Differences in one message: about a megabyte."""

_TABLES: Final = {
    settlement_pb2.SETTLEMENT_TABLE_LOTS: LOTS,
    settlement_pb2.SETTLEMENT_TABLE_UNITS: UNITS,
    settlement_pb2.SETTLEMENT_TABLE_REGIMENTS: REGIMENTS,
    settlement_pb2.SETTLEMENT_TABLE_TOTALS: TOTALS,
    settlement_pb2.SETTLEMENT_TABLE_BALES: BALES,
}
_NUMBER_OF_TABLE: Final = {name: number for number, name in _TABLES.items()}


class SettlementHandlers:
    """Handlers of SettlementService; the work runs on reader threads, off the event loop."""

    def __init__(
        self,
        registry: Registry,
        settler: Settler,
        frozen: FrozenRuns,
        readers: Executor,
        *,
        tables: OpenTables,
        store: Callable[[bytes, Context], Awaitable[Message]],
    ) -> None:
        """Takes what computes, what holds runs, the threads, and what stores a FreezeRunRequest."""
        self._registry = registry
        self._settler = settler
        self._frozen = frozen
        self._readers = readers
        self._tables = tables
        self._store = store

    async def price_lots(
        self, payload: bytes, _context: Context
    ) -> AsyncIterator[settlement_pb2.PriceLotsResponse]:
        """A trial, page by page; raises ServiceError."""
        async for message in self._tables.each(self._priced, payload):
            yield message

    async def freeze_run(self, payload: bytes, context: Context) -> Message:
        """Stores a run whose digest is what its terms come to; raises ServiceError."""
        request = parse(settlement_pb2.FreezeRunRequest, payload)
        for run in request.runs[:1]:
            await self._run(self._frozen.check, run)
        answer = await self._store(payload, context)
        if any(each.outcome == lots_pb2.LOT_OUTCOME_CREATED for each in answer.outcome.results):  # type: ignore[attr-defined]  # it answers that request
            await self._run(self._frozen.archive, request.runs[0])
        return answer

    async def list_runs(self, payload: bytes, _context: Context) -> settlement_pb2.ListRunsResponse:
        """The runs up to a revision; raises ServiceError."""
        return await self._run(self._listed, payload)

    async def get_run(self, payload: bytes, _context: Context) -> settlement_pb2.GetRunResponse:
        """A run with its totals; raises ServiceError."""
        return await self._run(self._got, payload)

    async def tabulate_run(
        self, payload: bytes, _context: Context
    ) -> AsyncIterator[settlement_pb2.TabulateRunResponse]:
        """The lines or totals of a run, page by page; raises ServiceError."""
        async for message in self._tables.each(self._tabulated, payload):
            yield message

    async def compare_runs(
        self, payload: bytes, _context: Context
    ) -> AsyncIterator[settlement_pb2.CompareRunsResponse]:
        """What differs between two runs; raises ServiceError."""
        async for message in self._tables.each(self._compared, payload):
            yield message

    async def verify_run(
        self, payload: bytes, _context: Context
    ) -> settlement_pb2.VerifyRunResponse:
        """A run computed anew; raises ServiceError."""
        return await self._run(self._verified, payload)

    async def _run(self, work: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, *arguments)

    def _priced(self, payload: bytes) -> Iterator[settlement_pb2.PriceLotsResponse]:
        request = parse(settlement_pb2.PriceLotsRequest, payload)
        table = _table(request.table)
        settlement = self._settler.settle(request.terms)
        header = settlement.told(with_digest=not request.without_digest)
        return self._pages(settlement_pb2.PriceLotsResponse, settlement, header, table, request)

    def _tabulated(self, payload: bytes) -> Iterator[settlement_pb2.TabulateRunResponse]:
        request = parse(settlement_pb2.TabulateRunRequest, payload)
        table = _table(request.table)
        settlement = self._frozen.lines(self._frozen.run(request.id))
        return self._pages(
            settlement_pb2.TabulateRunResponse, settlement, settlement.told(), table, request
        )

    def _pages(
        self,
        message: type[_PageT],
        settlement: Settlement,
        header: settlement_pb2.SettlementHeader,
        name: str,
        request: settlement_pb2.PriceLotsRequest | settlement_pb2.TabulateRunRequest,
    ) -> Iterator[_PageT]:
        """A table as columns; raises ServiceError at once."""
        with typed():
            refuse_many_columns(request.columns)
            keys = [summary_key_name(key) for key in request.keys]
        if keys and name != TOTALS:
            raise invalid("keys", "Keys are those of totals; leave them out for lines.")
        groups: Sequence[pl.Series] = ()
        if name == TOTALS:
            found = totals(settlement.tables, keys, settlement.terms)
            groups, parts = found.keys, iter([found.table])
        elif name == BALES:
            parts = self._settler.bale_tables(settlement)
        else:
            parts = iter([_lines(settlement, name)])
        first = next(parts)
        wanted = list(request.columns)
        if wanted and name in LINE_KEYS:
            wanted += LINE_KEYS[name]
        with typed():
            columns = chosen_columns(first.columns, wanted, lambda: ())
        rows = message_rows(len(columns))

        def messages() -> Iterator[_PageT]:
            head = message(
                header=header,
                keys=[NUMBER_OF_KEY[key] for key in keys],
                columns=[column_message(each) for each in columns],
            )
            table, start = first, 0
            while True:
                head.page.CopyFrom(_page(table, columns, groups, start, rows))
                yield head
                head, start = message(), start + rows
                while start >= table.rows:
                    following = next(parts, None)
                    if following is None:
                        return
                    table, start = following, 0

        return messages()

    def _listed(self, payload: bytes) -> settlement_pb2.ListRunsResponse:
        request = parse(settlement_pb2.ListRunsRequest, payload)
        latest = self._registry.revision
        refuse_future(request.revision, latest)
        revision = request.revision or latest
        return settlement_pb2.ListRunsResponse(
            revision=revision,
            runs=[
                self._stored(run, revision)
                for run in self._registry.runs.between(0, revision)
                if request.season in (0, run.run.terms.season)
            ],
        )

    def _got(self, payload: bytes) -> settlement_pb2.GetRunResponse:
        request = parse(settlement_pb2.GetRunRequest, payload)
        frozen = self._frozen.run(request.id)
        settlement = self._frozen.lines(frozen)
        revision = self._registry.revision
        table = totals(settlement.tables, [], settlement.terms).table
        columns = chosen_columns(table.columns, (), lambda: ())
        return settlement_pb2.GetRunResponse(
            revision=revision,
            run=self._stored(frozen, revision),
            header=settlement.told(),
            columns=[column_message(each) for each in columns],
            total=_page(table, columns, (), 0, 1),
            lots_changed_since=self._changed_since(frozen, settlement),
        )

    def _changed_since(self, frozen: FrozenRun, settlement: Settlement) -> int:
        """Lots of a run that were touched after its revision."""
        of_run = set(settlement.tables[LOTS].texts["lot_no"].to_list()) - {""}
        since = frozen.run.terms.revision
        lots = self._registry.lots
        return sum(lots.lot_no(number) in of_run for number in lots.changed_since(since))

    def _compared(self, payload: bytes) -> Iterator[settlement_pb2.CompareRunsResponse]:
        request = parse(settlement_pb2.CompareRunsRequest, payload)
        run = self._frozen.run(request.id)
        other_id = request.with_id or run.run.predecessor
        if not other_id:
            raise invalid(
                "with_id", f"{request.id} takes the place of no run; name the one to compare with."
            )
        runs = sorted((run, self._frozen.run(other_id)), key=lambda each: each.position)
        before, after = (self._frozen.lines(each) for each in runs)
        compared = Comparison(before, after)

        def messages() -> Iterator[settlement_pb2.CompareRunsResponse]:
            revision = self._registry.revision
            message = settlement_pb2.CompareRunsResponse(
                before=self._stored(runs[0], revision),
                after=self._stored(runs[1], revision),
                lines_differing=compared.differing,
                lines_only_before=compared.only_before,
                lines_only_after=compared.only_after,
            )
            yield message
            for some in compared.differences():
                for first in range(0, len(some), DIFFERENCES_MAX):
                    yield settlement_pb2.CompareRunsResponse(
                        differences=map(_difference, some[first : first + DIFFERENCES_MAX])
                    )

        return messages()

    def _verified(self, payload: bytes) -> settlement_pb2.VerifyRunResponse:
        request = parse(settlement_pb2.VerifyRunRequest, payload)
        frozen = self._frozen.run(request.id)
        digest = self._frozen.digest_now(frozen)
        holds = digest == frozen.run.digest
        now = SETTLEMENT_VERSION, GRADING_VERSION
        made = now if holds else self._frozen.versions(frozen.run)
        settlement, grading = (
            one if one == other else f"{one}; now {other}"
            for one, other in zip(made, now, strict=True)
        )
        return settlement_pb2.VerifyRunResponse(
            run=self._stored(frozen, self._registry.revision),
            digest=digest,
            holds=holds,
            settlement_version=settlement,
            grading_version=grading,
        )

    def _stored(self, run: FrozenRun, revision: int) -> settlement_pb2.StoredRun:
        return stored_run(run, self._registry.runs.successor(run.run.id, revision))


def _table(number: int) -> str:
    """The table of a number of the contract; raises ServiceError for others."""
    found = _TABLES.get(number)  # type: ignore[call-overload]  # any integer may be received
    if found is None:
        raise invalid("table", f"Name the table: one of {', '.join(_TABLES.values())}.")
    return str(found)


def _lines(settlement: Settlement, name: str) -> Table:
    """A table of lines; raises ServiceError where the terms make none."""
    table = settlement.tables.get(name)
    if table is None:
        raise ServiceError(
            Reason.INVALID_FIELD,
            f"The terms make no table of {name}: units are paid by rule sets and target prices,"
            " regiments by a rule set with a payment that is tested on regiments.",
            {"table": "not made by these terms"},
        )
    return table


def _page(
    table: Table,
    columns: Sequence[Column],
    groups: Sequence[pl.Series],
    first: int,
    rows: int,
) -> summary_pb2.TablePage:
    part = table.cut(first, rows)
    page = summary_pb2.TablePage(rows=part.rows)
    page.keys.extend(text_column(each.slice(first, rows)) for each in groups)
    for column in columns:
        if column.is_text:
            page.texts.append(text_column(part.texts[column.name]))
        else:
            page.figures.append(figure_values(part.figures[column.name]))
    return page


def _difference(difference: Difference) -> settlement_pb2.LineDifference:
    return settlement_pb2.LineDifference(
        table=_NUMBER_OF_TABLE[difference.table],
        line=difference.line,
        column=difference.column,
        before=difference.before,
        after=difference.after,
    )
