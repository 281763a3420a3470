"""Settlements: their terms as a message, and their tables as they come, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from cotton.inspection.v1 import settlement_pb2, summary_pb2

from cotton_client import errors
from cotton_client.queries import key_filters
from cotton_client.tabulate import Gathered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from cotton_client.queries import Filters
    from cotton_client.retry import Patience
    from cotton_client.tables import Table


@dataclass(frozen=True, slots=True)
class Settlement:
    """One table of a settlement: what it was computed by, and its lines or totals."""

    header: settlement_pb2.SettlementHeader
    kind: settlement_pb2.SettlementTable.ValueType
    table: Table


def settlement_terms(
    *,
    revision: int = 0,
    as_of_us: int = 0,
    season: int = 0,
    filters: Filters | None = None,
    basis: summary_pb2.Basis.ValueType = summary_pb2.BASIS_UNSPECIFIED,
    schedule: str = "",
    schedule_series: str = "",
    schedule_day: str = "",
    rule_sets: Sequence[str] = (),
    target_price: str = "",
    base_price: int | None = None,
    base_price_series: str = "",
    base_price_day: str = "",
    eligible_output: int | None = None,
) -> settlement_pb2.SettlementTerms:
    """What is settled, at which revision and by which documents.

    `as_of_us` (microseconds since 1970 UTC) names an instant instead of a revision. A schedule is
    named by its id, or by series and day ("YYYY-MM-DD"), and so is a base price: in hundredths of
    the schedule's unit, or by a series of market prices and a day. `eligible_output` is in
    hundredths of a kilogram of lint.
    """
    return settlement_pb2.SettlementTerms(
        revision=revision,
        as_of_us=as_of_us,
        season=season,
        filters=key_filters(filters),
        basis=basis,
        schedule=schedule,
        schedule_series=schedule_series,
        schedule_day=schedule_day,
        rule_sets=rule_sets,
        target_price=target_price,
        base_price=base_price,
        base_price_series=base_price_series,
        base_price_day=base_price_day,
        eligible_output=eligible_output,
    )


def settlement_of(
    header: settlement_pb2.SettlementHeader,
    kind: settlement_pb2.SettlementTable.ValueType,
    columns: Sequence[summary_pb2.FigureColumn],
    page: summary_pb2.TablePage,
) -> Settlement:
    """A table that came in one piece."""
    gathered = Gathered()
    gathered.begin(_summary_header(header), columns)
    gathered.add(page)
    return Settlement(header, kind, gathered.table())


async def gather(
    ask: Callable[[Any], Any],
    request: Any,
    kind: settlement_pb2.SettlementTable.ValueType,
    *,
    patience: Callable[[], Patience],
    target: str,
    on_rows: Callable[[int, int], None] | None = None,
) -> Settlement:
    """The whole table; where the connection breaks it is asked for anew, from its first row.

    `on_rows` hears of the rows that have come and of all there are, 0 where that is not known.
    Raises a CottonError.
    """
    waiting = patience()
    while True:
        call = ask(request)
        gathered = Gathered()
        header = settlement_pb2.SettlementHeader()
        try:
            async for message in call:
                waiting.answered = True
                if message.HasField("header"):
                    header.CopyFrom(message.header)
                    gathered.begin(_summary_header(header), message.columns, keys=message.keys)
                gathered.add(message.page)
                if on_rows is not None:
                    on_rows(gathered.rows, _rows(header, kind))
            return Settlement(header, kind, gathered.table())
        except grpc.aio.AioRpcError as failure:
            error = errors.from_rpc_error(failure, target)
            if not error.transient:
                raise error from None
        finally:
            call.cancel()
        await waiting.pause(error)


async def differences(
    ask: Callable[[Any], Any],
    request: settlement_pb2.CompareRunsRequest,
    *,
    patience: Callable[[], Patience],
    target: str,
) -> AsyncIterator[settlement_pb2.CompareRunsResponse]:
    """The messages of a comparison, the first of which names the runs and counts lines.

    What two runs differ in never changes: where the connection breaks it is asked for again, and
    what was given is left out. Raises a CottonError.
    """
    waiting = patience()
    begun, given = False, 0
    while True:
        call = ask(request)
        skipped = given
        try:
            async for message in call:
                waiting.answered = True
                waiting.renew()
                fresh = list(message.differences[skipped:])
                skipped = max(skipped - len(message.differences), 0)
                if begun and not fresh:
                    continue
                begun = True
                given += len(fresh)
                del message.differences[:]
                message.differences.extend(fresh)
                yield message
        except grpc.aio.AioRpcError as failure:
            error = errors.from_rpc_error(failure, target)
            if not error.transient:
                raise error from None
        else:
            if not begun:
                raise errors.ContractViolation("A comparison of runs has no beginning.")
            return
        finally:
            call.cancel()
        await waiting.pause(error)


def _summary_header(header: settlement_pb2.SettlementHeader) -> summary_pb2.SummaryHeader:
    """What tables and files read of a header, as they read it."""
    return summary_pb2.SummaryHeader(
        revision=header.revision,
        received_at_us=header.received_at_us,
        standards=header.standards,
        grading_version=header.grading_version,
        unverified=header.unverified,
        basis=header.terms.basis,
        charts=header.charts,
        organisation_revision=header.organisation_revision,
    )


def _rows(
    header: settlement_pb2.SettlementHeader, kind: settlement_pb2.SettlementTable.ValueType
) -> int:
    """The rows of a table that its header tells, else 0."""
    return {
        settlement_pb2.SETTLEMENT_TABLE_LOTS: header.lots,
        settlement_pb2.SETTLEMENT_TABLE_UNITS: header.units,
        settlement_pb2.SETTLEMENT_TABLE_REGIMENTS: header.regiments,
    }.get(kind, 0)
