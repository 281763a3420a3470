"""Calls of settlement: trials, runs, and the documents of money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from cotton.inspection.v1 import (
    reference_pb2,
    reference_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
)

from cotton_client import errors, settlements
from cotton_client.canonical import canonical
from cotton_client.connection import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from cotton.inspection.v1 import summary_pb2

    from cotton_client.canonical import Canonical
    from cotton_client.settlements import Settlement

_T = TypeVar("_T")

_LOTS: Final = settlement_pb2.SETTLEMENT_TABLE_LOTS
_UNITS: Final = settlement_pb2.SETTLEMENT_TABLE_UNITS
_REGIMENTS: Final = settlement_pb2.SETTLEMENT_TABLE_REGIMENTS

COMPUTE_TIMEOUT_S: Final = 600.0
"""A server may compute a season anew before it answers."""


class Settling(Connection):
    """Calls that turn grades into money, and look at what they came to."""

    async def price_lots(
        self,
        terms: settlement_pb2.SettlementTerms,
        table: settlement_pb2.SettlementTable.ValueType,
        *,
        keys: Sequence[summary_pb2.SummaryKey.ValueType] = (),
        columns: Sequence[str] = (),
        without_digest: bool = False,
        on_rows: Callable[[int, int], None] | None = None,
    ) -> Settlement:
        """A trial: one table of what the terms come to; nothing is stored.

        `settlements.settlement_terms` makes the terms. `keys` are those of totals. `columns` are
        names, or the part of names before a dot ("factor"); all when empty. A connection that
        breaks is asked again from the first row. `on_rows` hears of the rows that have come and of
        all there are.
        """
        stub = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        request = settlement_pb2.PriceLotsRequest(
            terms=terms, table=table, keys=keys, columns=columns, without_digest=without_digest
        )
        return await self._gather(stub.PriceLots, request, table, on_rows)

    async def freeze_run(
        self, run: settlement_pb2.Run, *, producer_id: str, request_id: str = ""
    ) -> settlement_pb2.FreezeRunResponse:
        """Freezes what a trial gave: the run has its terms and its digest.

        Whether a run is taken depends on those that are stored, so without `request_id` each call
        has an id of its own, and a run that is stored already is answered EXISTS.
        """
        stub = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        request = settlement_pb2.FreezeRunRequest(producer_id=producer_id, runs=[run])
        (answer,) = await self._send(
            _unhurried(stub.FreezeRun), [request], request_id, by_content=False
        )
        return answer

    async def list_runs(
        self, *, season: int = 0, revision: int = 0
    ) -> settlement_pb2.ListRunsResponse:
        """The runs up to a revision, oldest first; of one season where it is given."""
        stub = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        request = settlement_pb2.ListRunsRequest(revision=revision, season=season)
        return await self._call(stub.ListRuns, request)

    async def get_run(self, id_: str) -> settlement_pb2.GetRunResponse:
        """One run with its total, and how many of its lots have changed since."""
        stub = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        return await self._call(_unhurried(stub.GetRun), settlement_pb2.GetRunRequest(id=id_))

    async def tabulate_run(
        self,
        id_: str,
        table: settlement_pb2.SettlementTable.ValueType,
        *,
        keys: Sequence[summary_pb2.SummaryKey.ValueType] = (),
        columns: Sequence[str] = (),
        on_rows: Callable[[int, int], None] | None = None,
    ) -> Settlement:
        """One table of a run as it was frozen; otherwise as price_lots."""
        stub = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        request = settlement_pb2.TabulateRunRequest(id=id_, table=table, keys=keys, columns=columns)
        return await self._gather(stub.TabulateRun, request, table, on_rows)

    def compare_runs(
        self, id_: str, with_id: str = ""
    ) -> AsyncIterator[settlement_pb2.CompareRunsResponse]:
        """Every line in which a run differs from another, else from its predecessor.

        `async for` the messages: the first names both runs and says how many lines differ. A
        connection that breaks is gone on with where it was.
        """
        stub = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        request = settlement_pb2.CompareRunsRequest(id=id_, with_id=with_id)
        return settlements.differences(
            stub.CompareRuns, request, patience=self._patience, target=self.target
        )

    async def verify_run(self, id_: str) -> settlement_pb2.VerifyRunResponse:
        """Has the server compute a run anew from the ledger, and compare the digests."""
        stub = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        return await self._call(_unhurried(stub.VerifyRun), settlement_pb2.VerifyRunRequest(id=id_))

    async def run_tables(
        self, id_: str, *, on_rows: Callable[[int, int], None] | None = None
    ) -> list[Settlement]:
        """All lines of a run as they were frozen: of lots, and of units and regiments if it pays.

        `on_rows` hears of the rows of each table.
        """
        tables = [await self.tabulate_run(id_, _LOTS, on_rows=on_rows)]
        terms = tables[0].header.terms
        if terms.rule_sets or terms.target_price:
            tables.append(await self.tabulate_run(id_, _UNITS, on_rows=on_rows))
        if terms.rule_sets:
            tables += await self._regiments(id_, on_rows)
        return tables

    async def run_content(
        self, id_: str, *, on_rows: Callable[[int, int], None] | None = None
    ) -> Canonical:
        """The canonical content of a run, computed here from its lines as they were frozen.

        Its digest is that of the run where nothing was changed on either side. `on_rows` hears of
        the rows of each table.
        """
        tables = await self.run_tables(id_, on_rows=on_rows)
        header = tables[0].header
        loaded: Sequence[reference_pb2.ReferenceVersion] = ()
        if any(each.head.patch_of for each in header.documents):
            stub = reference_pb2_grpc.ReferenceServiceStub(self.channel)
            request = reference_pb2.ListReferencesRequest(revision=header.revision)
            loaded = (await self._call(stub.ListReferences, request)).references
        return canonical(header, loaded, tables)

    async def _regiments(
        self, id_: str, on_rows: Callable[[int, int], None] | None
    ) -> list[Settlement]:
        """The table of regiments, which only some rule sets make."""
        try:
            return [await self.tabulate_run(id_, _REGIMENTS, on_rows=on_rows)]
        except errors.InvalidRequest as refused:
            if {each.field for each in refused.violations} != {"table"}:
                raise
            return []

    async def list_shipped(self) -> reference_pb2.ListShippedResponse:
        """The documents of money that the server brings along; none is in force until loaded."""
        stub = reference_pb2_grpc.ReferenceServiceStub(self.channel)
        return await self._call(stub.ListShipped, reference_pb2.ListShippedRequest())

    async def describe_reference(
        self,
        kind: reference_pb2.ReferenceKind.ValueType,
        id_: str,
        *,
        revision: int = 0,
        content: str = "",
        other_id: str = "",
        other_revision: int = 0,
        other_content: str = "",
    ) -> reference_pb2.DescribeReferenceResponse:
        """What a document of money says, entry by entry, a patch with its base.

        Beside another, or itself at another revision, only where they differ. The text of a file
        stands in for either.
        """
        stub = reference_pb2_grpc.ReferenceServiceStub(self.channel)
        request = reference_pb2.DescribeReferenceRequest(
            kind=kind,
            id=id_,
            revision=revision,
            content=content,
            other_id=other_id,
            other_revision=other_revision,
            other_content=other_content,
        )
        return await self._call(stub.DescribeReference, request)

    async def _gather(
        self,
        ask: Callable[[Any], Any],
        request: Any,
        table: settlement_pb2.SettlementTable.ValueType,
        on_rows: Callable[[int, int], None] | None,
    ) -> Settlement:
        return await settlements.gather(
            ask,
            request,
            table,
            patience=self._patience,
            target=self.target,
            on_rows=on_rows,
        )


def _unhurried(method: Callable[..., Awaitable[_T]]) -> Callable[..., Awaitable[_T]]:
    """The call with the time that it takes to compute a season."""

    def call(request: Any, *, timeout: float) -> Awaitable[_T]:
        return method(request, timeout=max(timeout, COMPUTE_TIMEOUT_S))

    return call
