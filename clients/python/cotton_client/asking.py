"""Calls that ask: lots, summaries, certificates, bales, standards, documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton.inspection.v1 import (
    accounts_pb2,
    accounts_pb2_grpc,
    amendments_pb2,
    amendments_pb2_grpc,
    common_pb2,
    grading_pb2,
    grading_pb2_grpc,
    ingest_pb2,
    ingest_pb2_grpc,
    lifecycle_pb2,
    lifecycle_pb2_grpc,
    reference_pb2,
    reference_pb2_grpc,
    summary_pb2,
    summary_pb2_grpc,
    trace_pb2,
    trace_pb2_grpc,
)

from cotton_client import changes, errors, grading, summaries, tabulate
from cotton_client.connection import Connection
from cotton_client.identity import check_producer_id
from cotton_client.listing import Listing
from cotton_client.queries import grades_query, key_filters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    import polars as pl

    from cotton_client.queries import Filters
    from cotton_client.tables import Table


class Asking(Connection):
    """Calls that change nothing."""

    def conflicts(
        self,
        *,
        states: Sequence[amendments_pb2.ConflictState.ValueType] = (),
        lot_nos: Sequence[str] = (),
        laboratories: Sequence[str] = (),
        bale_code: str = "",
        after_conflict_id: str = "",
        limit: int = 0,
        revision: int = 0,
    ) -> Listing[amendments_pb2.Conflict]:
        """Readings that differ from the one in force, in order of arrival; `async for` them.

        A connection that breaks is resumed after the last conflict given.
        """
        stub = amendments_pb2_grpc.AmendmentServiceStub(self.channel)
        request = amendments_pb2.ListConflictsRequest(
            revision=revision,
            states=states,
            lot_nos=lot_nos,
            laboratories=laboratories,
            bale_code=bale_code,
            after_conflict_id=after_conflict_id,
            limit=limit,
        )

        def advance(
            request: amendments_pb2.ListConflictsRequest, given: amendments_pb2.Conflict
        ) -> bool:
            request.after_conflict_id = given.conflict_id
            last = request.limit == 1
            request.limit = max(request.limit - 1, 0)
            return not last

        return Listing(
            stub.ListConflicts,
            request,
            lambda message: message.conflicts,
            patience=self._patience,
            target=self.target,
            advance=advance,
        )

    async def count_conflicts(self, *, revision: int = 0) -> amendments_pb2.CountConflictsResponse:
        """Conflicts by laboratory and state."""
        stub = amendments_pb2_grpc.AmendmentServiceStub(self.channel)
        request = amendments_pb2.CountConflictsRequest(revision=revision)
        return await self._call(stub.CountConflicts, request)

    def lots(
        self,
        filters: Filters | None = None,
        *,
        states: Sequence[summary_pb2.LotState.ValueType] = (),
        overdue: bool = False,
        objected: bool = False,
        age_s_min: int = 0,
        limit: int = 0,
        revision: int = 0,
    ) -> Listing[summary_pb2.LotStatus]:
        """Where every lot that passes all filters stands, by lot number; `async for` them.

        Ages and deadlines are told at one instant, so an answer that breaks after its first
        lot raises Unavailable.
        """
        stub = lifecycle_pb2_grpc.LifecycleServiceStub(self.channel)
        request = lifecycle_pb2.ListLotsRequest(
            revision=revision,
            filters=key_filters(filters),
            states=states,
            overdue=overdue,
            objected=objected,
            age_s_min=age_s_min,
            limit=limit,
        )
        return Listing(
            stub.ListLots,
            request,
            lambda message: message.lots,
            patience=self._patience,
            target=self.target,
        )

    def watch_changes(
        self,
        from_revision: int = 0,
        filters: Filters | None = None,
        *,
        kinds: Sequence[lifecycle_pb2.LotChangeKind.ValueType] = (),
        without_figures: bool = False,
        until_now: bool = False,
        with_runs: bool = False,
        on_retry: Callable[[errors.CottonError, float], None] | None = None,
    ) -> AsyncIterator[lifecycle_pb2.WatchChangesResponse]:
        """Every change to lots after a revision, in order, and from then on as it happens.

        Each message names the revision up to which everything has been told: whoever keeps
        it resumes there. A message without changes says how far the feed has come. The feed
        goes on by itself after the connection broke, for as long as `retry` has patience,
        and gives no change twice. `until_now` ends it at the revision that is the latest.
        `with_runs` has settlement runs told too, whatever the filters and kinds are.
        """
        stub = lifecycle_pb2_grpc.LifecycleServiceStub(self.channel)
        request = lifecycle_pb2.WatchChangesRequest(
            from_revision=from_revision,
            filters=key_filters(filters),
            kinds=kinds,
            without_figures=without_figures,
            until_now=until_now,
            with_runs=with_runs,
        )
        return changes.follow(
            stub.WatchChanges,
            request,
            patience=self._patience,
            target=self.target,
            on_retry=on_retry,
        )

    async def producer(self, producer_id: str) -> ingest_pb2.GetProducerResponse:
        """Where a producer stands; all zero for one of which nothing is stored."""
        check_producer_id(producer_id)
        stub = ingest_pb2_grpc.IngestServiceStub(self.channel)
        request = ingest_pb2.GetProducerRequest(producer_id=producer_id)
        return await self._call(stub.GetProducer, request)

    async def lot_certificate(
        self,
        lot_no: str,
        *,
        revision: int = 0,
        as_of_us: int = 0,
        share_decimals: int = 1,
        basis: summary_pb2.Basis.ValueType = summary_pb2.BASIS_UNSPECIFIED,
    ) -> summary_pb2.GetLotCertificateResponse:
        """The certificate of a lot at a revision, 0 for the latest; NotFound without trace.

        `as_of_us` (microseconds since 1970 UTC) names an instant instead of a revision.
        """
        stub = summary_pb2_grpc.SummaryServiceStub(self.channel)
        request = summary_pb2.GetLotCertificateRequest(
            lot_no=lot_no,
            revision=revision,
            as_of_us=as_of_us,
            share_decimals=share_decimals,
            basis=basis,
        )
        return await self._call(stub.GetLotCertificate, request)

    async def summarise_grades(
        self,
        keys: Sequence[summary_pb2.SummaryKey.ValueType] = (),
        filters: Filters | None = None,
        *,
        revision: int = 0,
        as_of_us: int = 0,
        share_decimals: int = 2,
        basis: summary_pb2.Basis.ValueType = summary_pb2.BASIS_UNSPECIFIED,
        inspected_from: str = "",
        inspected_through: str = "",
        with_last_season: bool = False,
        withhold_below: int = 0,
        page_size: int = 0,
    ) -> summary_pb2.SummariseGradesResponse:
        """Grades of all that passes every filter, added up by the keys: rows of every page.

        Arguments as of `queries.grades_query`.
        """
        query = grades_query(
            keys,
            filters,
            revision=revision,
            as_of_us=as_of_us,
            share_decimals=share_decimals,
            basis=basis,
            inspected_from=inspected_from,
            inspected_through=inspected_through,
            with_last_season=with_last_season,
            withhold_below=withhold_below,
            page_size=page_size,
        )
        return await summaries.merged(self.summary_pages(query))

    def summary_pages(
        self, query: summary_pb2.SummariseGradesRequest
    ) -> AsyncIterator[summary_pb2.SummariseGradesResponse]:
        """The same page by page, for more rows than are to be held at once; `async for` them.

        `queries.grades_query` makes the query. All pages are of the revision of the first.
        """
        stub = summary_pb2_grpc.SummaryServiceStub(self.channel)
        return summaries.pages(lambda request: self._call(stub.SummariseGrades, request), query)

    async def tabulate_grades(
        self,
        query: summary_pb2.SummariseGradesRequest,
        columns: Sequence[str] = (),
        *,
        on_rows: Callable[[int, int], None] | None = None,
    ) -> Table:
        """The figures of a summary as a table, for frames and files.

        `queries.grades_query` makes the query. `columns` are names, or the part of names
        before a dot ("length"); all when empty. A connection that breaks is resumed after the
        last page. `on_rows` hears of the rows that have come and of all there are.
        """
        stub = summary_pb2_grpc.SummaryServiceStub(self.channel)
        request = summary_pb2.TabulateGradesRequest(query=query, columns=columns)
        return await tabulate.gather(
            stub.TabulateGrades,
            tabulate.GradesWay(request),
            patience=self._patience,
            target=self.target,
            on_rows=on_rows,
        )

    async def tabulate_certificates(
        self,
        filters: Filters | None = None,
        columns: Sequence[str] = (),
        *,
        revision: int = 0,
        as_of_us: int = 0,
        share_decimals: int = 1,
        basis: summary_pb2.Basis.ValueType = summary_pb2.BASIS_UNSPECIFIED,
        after_lot_no: str = "",
        on_rows: Callable[[int, int], None] | None = None,
    ) -> Table:
        """The certificates of all lots that pass every filter as a table, by lot number.

        Only lots behind `after_lot_no`; otherwise as tabulate_grades and lot_certificate.
        """
        stub = summary_pb2_grpc.SummaryServiceStub(self.channel)
        request = summary_pb2.TabulateCertificatesRequest(
            filters=key_filters(filters),
            columns=columns,
            revision=revision,
            as_of_us=as_of_us,
            share_decimals=share_decimals,
            basis=basis,
            after_lot_no=after_lot_no,
        )
        return await tabulate.gather(
            stub.TabulateCertificates,
            tabulate.CertificatesWay(request),
            patience=self._patience,
            target=self.target,
            on_rows=on_rows,
        )

    def list_bales(
        self,
        causes: Sequence[summary_pb2.BaleCause.ValueType],
        filters: Filters | None = None,
        *,
        revision: int = 0,
        as_of_us: int = 0,
        basis: summary_pb2.Basis.ValueType = summary_pb2.BASIS_UNSPECIFIED,
        limit: int = 0,
    ) -> Listing[summary_pb2.ListedBale]:
        """Bales with any of the causes, in order of arrival; `async for` them.

        A connection that breaks is resumed after the last bale given.
        """
        stub = summary_pb2_grpc.SummaryServiceStub(self.channel)
        request = summary_pb2.ListBalesRequest(
            causes=causes,
            filters=key_filters(filters),
            revision=revision,
            as_of_us=as_of_us,
            basis=basis,
            limit=limit,
        )
        return Listing(
            stub.ListBales,
            request,
            lambda message: message.bales,
            patience=self._patience,
            target=self.target,
            repeatable=True,
        )

    async def bale(
        self, code: str, *, crop_year: int | None = None, revision: int = 0
    ) -> trace_pb2.GetBaleResponse:
        """One bale by its 32-digit code, or by crop year and 12-digit USDA bale id."""
        stub = trace_pb2_grpc.TraceServiceStub(self.channel)
        request = trace_pb2.GetBaleRequest(revision=revision)
        if crop_year is None:
            request.bale_code = code
        else:
            request.usda_bale.bale_id = code
            request.usda_bale.crop_year = crop_year
        return await self._call(stub.GetBale, request)

    async def standards(self) -> grading_pb2.ListStandardsResponse:
        """The standards that the server grades by, oldest first."""
        stub = grading_pb2_grpc.GradingServiceStub(self.channel)
        return await self._call(stub.ListStandards, grading_pb2.ListStandardsRequest())

    async def standard(self, standard_id: str) -> grading_pb2.GetStandardResponse:
        """One standard with every table; raises UnknownStandard."""
        stub = grading_pb2_grpc.GradingServiceStub(self.channel)
        return await self._call(stub.GetStandard, grading_pb2.GetStandardRequest(id=standard_id))

    async def grade_readings(
        self,
        frame: pl.DataFrame,
        *,
        standard: str = "",
        cotton_type: common_pb2.CottonType.ValueType = common_pb2.COTTON_TYPE_UNSPECIFIED,
        season: int = 0,
        revision: int = 0,
    ) -> grading_pb2.GradeReadingsResponse:
        """Grades the readings of a frame; nothing is stored.

        Readings that name no standard are graded by `standard`, else by the one that follows from
        `cotton_type` and their season: that of the lot number or crop year, else `season`. Colour
        charts are those in force at `revision`. `grading.grades_frame` makes a frame of the answer.
        """
        stub = grading_pb2_grpc.GradingServiceStub(self.channel)
        request = grading.grade_request(
            frame, standard=standard, cotton_type=cotton_type, season=season, revision=revision
        )
        return await self._call(stub.GradeReadings, request)

    def list_accounts(
        self,
        kind: accounts_pb2.AccountKind.ValueType,
        *,
        season: int = 0,
        traceability_unit: str = "",
        regiment: str = "",
        series: str = "",
        limit: int = 0,
        revision: int = 0,
    ) -> Listing[accounts_pb2.AccountRecord]:
        """The records of one kind in force, by what they are records of; `async for` them.

        Season, unit, regiment and series narrow the list where the kind has them. A
        connection that breaks is resumed after the last record given, at the same revision.
        """
        stub = accounts_pb2_grpc.AccountServiceStub(self.channel)
        request = accounts_pb2.ListAccountsRequest(
            kind=kind,
            revision=revision,
            season=season,
            traceability_unit=traceability_unit,
            regiment=regiment,
            series=series,
            limit=limit,
        )
        return Listing(
            stub.ListAccounts,
            request,
            lambda message: message.records,
            patience=self._patience,
            target=self.target,
            repeatable=True,
        )

    async def references(self, *, revision: int = 0) -> reference_pb2.ListReferencesResponse:
        """The reference documents in force at a revision, by kind and id."""
        stub = reference_pb2_grpc.ReferenceServiceStub(self.channel)
        request = reference_pb2.ListReferencesRequest(revision=revision)
        return await self._call(stub.ListReferences, request)

    async def reference(
        self, kind: reference_pb2.ReferenceKind.ValueType, id_: str, *, revision: int = 0
    ) -> reference_pb2.GetReferenceResponse:
        """One reference document in force at a revision, with all its versions until then."""
        stub = reference_pb2_grpc.ReferenceServiceStub(self.channel)
        request = reference_pb2.GetReferenceRequest(kind=kind, id=id_, revision=revision)
        return await self._call(stub.GetReference, request)
