"""Calls that have records stored: of lots, of decisions, of reference documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton.inspection.v1 import (
    accounts_pb2,
    accounts_pb2_grpc,
    amendments_pb2,
    amendments_pb2_grpc,
    lots_pb2,
    lots_pb2_grpc,
    reference_pb2,
    reference_pb2_grpc,
)

from cotton_client import accounts, amendments, references
from cotton_client.connection import Connection
from cotton_client.lots import chunks, receipt_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from cotton_client.accounts import AccountsReceipt, AccountsResponse
    from cotton_client.amendments import AmendmentsReceipt
    from cotton_client.lots import LotsReceipt
    from cotton_client.references import ReferencesReceipt


class Recording(Connection):
    """Calls whose request holds records; the same request sent again changes nothing."""

    async def register_lots(
        self, lots: Sequence[lots_pb2.Lot], *, producer_id: str, request_id: str = ""
    ) -> LotsReceipt:
        """Makes lots known with their gin, warehouse and organisation.

        Any number of lots: they travel in requests of at most LOTS_PER_REQUEST_MAX.
        Without `request_id` each request's id follows from its content, so that the same
        lots sent again are answered as a repeat; with one, all must fit in one request.
        A lot with an amendment takes the place of the registration that it names.
        """
        stub = lots_pb2_grpc.LotServiceStub(self.channel)
        requests = [
            lots_pb2.RegisterLotsRequest(producer_id=producer_id, lots=chunk)
            for chunk in chunks(lots)
        ]
        return receipt_of(await self._send(stub.RegisterLots, requests, request_id))

    async def record_lot_weights(
        self, weights: Sequence[lots_pb2.LotWeight], *, producer_id: str, request_id: str = ""
    ) -> LotsReceipt:
        """Records what was weighed and sampled of lots; otherwise as register_lots."""
        stub = lots_pb2_grpc.LotServiceStub(self.channel)
        requests = [
            lots_pb2.RecordLotWeightsRequest(producer_id=producer_id, weights=chunk)
            for chunk in chunks(weights)
        ]
        return receipt_of(await self._send(stub.RecordLotWeights, requests, request_id))

    async def close_lots(
        self, closures: Sequence[lots_pb2.LotClosure], *, producer_id: str, request_id: str = ""
    ) -> LotsReceipt:
        """Records that a laboratory has tested what it received; otherwise as register_lots."""
        stub = lots_pb2_grpc.LotServiceStub(self.channel)
        requests = [
            lots_pb2.CloseLotsRequest(producer_id=producer_id, closures=chunk)
            for chunk in chunks(closures)
        ]
        return receipt_of(await self._send(stub.CloseLots, requests, request_id))

    async def record_certificates(
        self,
        certificates: Sequence[lots_pb2.LotCertificates],
        *,
        producer_id: str,
        request_id: str = "",
    ) -> LotsReceipt:
        """Records the numbers of certificates that were issued; otherwise as register_lots."""
        stub = lots_pb2_grpc.LotServiceStub(self.channel)
        requests = [
            lots_pb2.RecordCertificatesRequest(producer_id=producer_id, certificates=chunk)
            for chunk in chunks(certificates)
        ]
        return receipt_of(await self._send(stub.RecordCertificates, requests, request_id))

    async def record_objections(
        self,
        objections: Sequence[lots_pb2.LotObjection],
        *,
        producer_id: str,
        request_id: str = "",
    ) -> LotsReceipt:
        """Records objections to lots, and what was decided; otherwise as register_lots."""
        stub = lots_pb2_grpc.LotServiceStub(self.channel)
        requests = [
            lots_pb2.RecordObjectionsRequest(producer_id=producer_id, objections=chunk)
            for chunk in chunks(objections)
        ]
        return receipt_of(await self._send(stub.RecordObjections, requests, request_id))

    async def record_unit_lots(
        self, unit_lots: Sequence[lots_pb2.UnitLot], *, producer_id: str, request_id: str = ""
    ) -> LotsReceipt:
        """Says which traceability unit (追溯单元) lots belong to; otherwise as register_lots."""
        stub = lots_pb2_grpc.LotServiceStub(self.channel)
        requests = [
            lots_pb2.RecordUnitLotsRequest(producer_id=producer_id, unit_lots=chunk)
            for chunk in chunks(unit_lots)
        ]
        return receipt_of(await self._send(stub.RecordUnitLots, requests, request_id))

    async def record_deliveries(
        self,
        deliveries: Iterable[accounts_pb2.Delivery],
        *,
        producer_id: str,
        request_id: str = "",
        on_progress: Callable[[AccountsReceipt], None] | None = None,
    ) -> AccountsReceipt:
        """Records seed cotton (籽棉) that traceability units delivered.

        Any number of records, taken as they are sent, in requests of at most
        LOTS_PER_REQUEST_MAX. Without `request_id` each request's id follows from its content,
        so that the same records sent again are answered as a repeat; with one, all must fit
        in one request. `on_progress` hears of the receipt so far after each answer. A record
        with an amendment takes the place of the one whose revision that names.
        """
        stub = accounts_pb2_grpc.AccountServiceStub(self.channel)
        requests = (
            accounts_pb2.RecordDeliveriesRequest(producer_id=producer_id, deliveries=chunk)
            for chunk in chunks(deliveries)
        )
        return await self._account(stub.RecordDeliveries, requests, request_id, on_progress)

    async def record_areas(
        self,
        areas: Iterable[accounts_pb2.Area],
        *,
        producer_id: str,
        request_id: str = "",
        on_progress: Callable[[AccountsReceipt], None] | None = None,
    ) -> AccountsReceipt:
        """Records areas that traceability units planted; otherwise as record_deliveries."""
        stub = accounts_pb2_grpc.AccountServiceStub(self.channel)
        requests = (
            accounts_pb2.RecordAreasRequest(producer_id=producer_id, areas=chunk)
            for chunk in chunks(areas)
        )
        return await self._account(stub.RecordAreas, requests, request_id, on_progress)

    async def record_market_prices(
        self,
        prices: Iterable[accounts_pb2.MarketPrice],
        *,
        producer_id: str,
        request_id: str = "",
        on_progress: Callable[[AccountsReceipt], None] | None = None,
    ) -> AccountsReceipt:
        """Records prices of the market, and of lots sold; otherwise as record_deliveries."""
        stub = accounts_pb2_grpc.AccountServiceStub(self.channel)
        requests = (
            accounts_pb2.RecordMarketPricesRequest(producer_id=producer_id, prices=chunk)
            for chunk in chunks(prices)
        )
        return await self._account(stub.RecordMarketPrices, requests, request_id, on_progress)

    async def record_bale_weights(
        self,
        weights: Iterable[accounts_pb2.BaleWeight],
        *,
        producer_id: str,
        request_id: str = "",
        on_progress: Callable[[AccountsReceipt], None] | None = None,
    ) -> AccountsReceipt:
        """Records what single bales weigh; otherwise as record_deliveries."""
        stub = accounts_pb2_grpc.AccountServiceStub(self.channel)
        requests = (
            accounts_pb2.RecordBaleWeightsRequest(producer_id=producer_id, weights=chunk)
            for chunk in chunks(weights)
        )
        return await self._account(stub.RecordBaleWeights, requests, request_id, on_progress)

    async def _account(
        self,
        method: Callable[..., Awaitable[AccountsResponse]],
        requests: Iterable[object],
        request_id: str,
        on_progress: Callable[[AccountsReceipt], None] | None,
    ) -> AccountsReceipt:
        """What became of the records of all requests."""
        receipt = accounts.AccountsReceipt()
        async for response in self._answers(method, requests, request_id):
            receipt = accounts.added(receipt, response)
            if on_progress is not None:
                on_progress(receipt)
        return receipt

    async def withdraw(
        self,
        withdrawals: Sequence[amendments_pb2.Withdrawal],
        *,
        producer_id: str,
        request_id: str = "",
    ) -> AmendmentsReceipt:
        """Invalidates bales or lots, or takes that back.

        Without `request_id` each call has ids of its own: the same withdrawal may be right
        once more after it was taken back, and one that holds already is answered EXISTS.
        """
        stub = amendments_pb2_grpc.AmendmentServiceStub(self.channel)
        requests = [
            amendments_pb2.WithdrawRequest(producer_id=producer_id, withdrawals=chunk)
            for chunk in chunks(withdrawals)
        ]
        responses = await self._send(stub.Withdraw, requests, request_id, by_content=False)
        return amendments.receipt_of(responses)

    async def resolve_conflicts(
        self,
        resolutions: Sequence[amendments_pb2.ConflictResolution],
        *,
        producer_id: str,
        request_id: str = "",
    ) -> AmendmentsReceipt:
        """Decides conflicts: keeps readings in force, or accepts others; ids as of withdraw."""
        stub = amendments_pb2_grpc.AmendmentServiceStub(self.channel)
        requests = [
            amendments_pb2.ResolveConflictsRequest(producer_id=producer_id, resolutions=chunk)
            for chunk in chunks(resolutions)
        ]
        responses = await self._send(stub.ResolveConflicts, requests, request_id, by_content=False)
        return amendments.receipt_of(responses)

    async def load_references(
        self,
        documents: Sequence[reference_pb2.Reference],
        *,
        producer_id: str,
        request_id: str = "",
    ) -> ReferencesReceipt:
        """Stores reference documents: organisations, colour charts and documents of money.

        Each is in force from the revision of the answer on. What becomes of one depends on the
        others that are in force, so without `request_id` each call has ids of its own, and one
        that is stored already is answered EXISTS.
        """
        stub = reference_pb2_grpc.ReferenceServiceStub(self.channel)
        requests = [
            reference_pb2.LoadReferencesRequest(producer_id=producer_id, references=chunk)
            for chunk in chunks(documents, references.DOCUMENTS_PER_REQUEST_MAX)
        ]
        responses = await self._send(stub.LoadReferences, requests, request_id, by_content=False)
        return references.receipt_of(responses)
