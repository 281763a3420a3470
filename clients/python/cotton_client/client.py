"""The asyncio client: calls that may be repeated, and streams that resume where they broke."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

import grpc
from cotton.inspection.v1 import (
    amendments_pb2,
    amendments_pb2_grpc,
    common_pb2,
    grading_pb2,
    grading_pb2_grpc,
    ingest_pb2,
    ingest_pb2_grpc,
    lifecycle_pb2,
    lifecycle_pb2_grpc,
    lots_pb2,
    lots_pb2_grpc,
    readings_pb2,
    reference_pb2,
    reference_pb2_grpc,
    summary_pb2,
    summary_pb2_grpc,
    trace_pb2,
    trace_pb2_grpc,
)

from cotton_client import amendments, changes, errors, grading, references, summaries, tabulate
from cotton_client.channel import (
    TARGET_DEFAULT,
    check_size,
    check_target,
    is_loopback,
    open_channel,
)
from cotton_client.identity import check_producer_id, content_id
from cotton_client.listing import Listing
from cotton_client.lots import chunks, receipt_of
from cotton_client.queries import grades_query, key_filters
from cotton_client.retry import Patience, RetryPolicy
from cotton_client.spool.delivery import SpoolDelivery
from cotton_client.stream import ANSWER_TIMEOUT_S_DEFAULT, WINDOW_DEFAULT, ReadingStream
from cotton_client.upload import BATCH_BALES_DEFAULT, Upload, UploadTotals, batches, totals_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    import polars as pl
    from google.protobuf.message import Message

    from cotton_client.amendments import AmendmentsReceipt
    from cotton_client.delivery import Delivery
    from cotton_client.lots import LotsReceipt
    from cotton_client.queries import Filters
    from cotton_client.references import ReferencesReceipt
    from cotton_client.spool.delivery import SentFile
    from cotton_client.spool.feed import Feed
    from cotton_client.spool.store import Spool
    from cotton_client.tables import Table

_T = TypeVar("_T")


class CottonClient:
    """A connection to one service; use it as an async context manager.

    `target` is HOST:PORT. Without `credentials` the connection is plain text, which is
    refused to anything but this machine unless `allow_plaintext` says that the network is
    trusted. `timeout_s` bounds one attempt of a unary call, and `answer_timeout_s` the
    silence of a stream while batches wait to be answered: then they are sent again on
    another. Every call raises a `CottonError`; while the server is unavailable calls are
    repeated as `retry` says, which never counts anything twice.
    """

    def __init__(
        self,
        target: str = TARGET_DEFAULT,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        allow_plaintext: bool = False,
        retry: RetryPolicy | None = None,
        timeout_s: float = 30.0,
        answer_timeout_s: float = ANSWER_TIMEOUT_S_DEFAULT,
    ) -> None:
        check_target(target)
        if credentials is None and not allow_plaintext and not is_loopback(target):
            raise errors.ConfigurationError(
                f"{target} is another machine, and the connection would be plain text.",
                reason="PLAINTEXT_REFUSED",
                remedy="Give credentials, or allow plain text if the network is trusted.",
            )
        self.target = target
        self._credentials = credentials
        self._retry = retry or RetryPolicy()
        self._timeout_s = timeout_s
        self._answer_timeout_s = answer_timeout_s
        self._channel: grpc.aio.Channel | None = None
        self._answered = False

    async def __aenter__(self) -> Self:
        """Makes the channel; it connects with the first call."""
        self._channel = open_channel(self.target, self._credentials)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the channel; calls under way are cancelled."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close(None)

    @property
    def channel(self) -> grpc.aio.Channel:
        """The open channel, for services beside the contract such as health."""
        if self._channel is None:
            raise errors.ConfigurationError(
                "The client is not open.", remedy="Use it in `async with CottonClient(…)`."
            )
        return self._channel

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
        on_retry: Callable[[errors.CottonError, float], None] | None = None,
    ) -> AsyncIterator[lifecycle_pb2.WatchChangesResponse]:
        """Every change to lots after a revision, in order, and from then on as it happens.

        Each message names the revision up to which everything has been told: whoever keeps
        it resumes there. A message without changes says how far the feed has come. The feed
        goes on by itself after the connection broke, for as long as `retry` has patience,
        and gives no change twice. `until_now` ends it at the revision that is the latest.
        """
        stub = lifecycle_pb2_grpc.LifecycleServiceStub(self.channel)
        request = lifecycle_pb2.WatchChangesRequest(
            from_revision=from_revision,
            filters=key_filters(filters),
            kinds=kinds,
            without_figures=without_figures,
            until_now=until_now,
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

    async def correct(
        self,
        code: str,
        values: Mapping[str, int | str | None],
        amendment: common_pb2.Amendment,
        *,
        producer_id: str,
        crop_year: int | None = None,
    ) -> UploadTotals:
        """Corrects the reading in force of a bale, which the amendment names by its revision.

        `values` and errors: as `amendments.corrected_reading`. Attempts that a broken
        connection hid are counted once; called again after it was applied, it raises
        Refused (NOT_IN_FORCE), for what it names is superseded.
        """
        bale = await self.bale(code, crop_year=crop_year)
        reading = amendments.corrected_reading(bale, values, amendment)
        return await self.submit_correction(reading, producer_id=producer_id)

    async def submit_correction(
        self, reading: readings_pb2.Reading, *, producer_id: str
    ) -> UploadTotals:
        """Sends a correction that `amendments.corrected_reading` made."""
        batch = readings_pb2.ReadingBatch(rows=readings_pb2.ReadingRows(readings=[reading]))
        return totals_of(batch, await self.submit_readings(producer_id, batch))

    async def submit_readings(
        self, producer_id: str, batch: readings_pb2.ReadingBatch
    ) -> ingest_pb2.BatchResult:
        """Stores one batch; without sequence and batch id, its id follows from its content."""
        check_producer_id(producer_id)
        if batch.WhichOneof("identity") is None:
            named = readings_pb2.ReadingBatch(batch_id=content_id(batch, 0))
            named.MergeFrom(batch)
            batch = named
        stub = ingest_pb2_grpc.IngestServiceStub(self.channel)
        request = ingest_pb2.SubmitReadingsRequest(producer_id=producer_id, batch=batch)
        response = await self._call(stub.SubmitReadings, request)
        return response.result

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

    async def load_references(
        self,
        documents: Sequence[reference_pb2.Reference],
        *,
        producer_id: str,
        request_id: str = "",
    ) -> ReferencesReceipt:
        """Stores reference documents: organisations and colour charts.

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

    @asynccontextmanager
    async def open_stream(
        self, producer_id: str, *, window: int = WINDOW_DEFAULT
    ) -> AsyncIterator[ReadingStream]:
        """A stream of one producer's batches; leaving the block waits for every answer.

        It is not repeated when it breaks: `send_frames` does that.
        """
        check_producer_id(producer_id)
        stream = ReadingStream(
            self.channel, producer_id, self.target, window, self._answer_timeout_s
        )
        try:
            await stream.open(self._timeout_s)
            self._answered = True
            yield stream
            await stream.close()
        finally:
            await stream.abandon()

    async def send_frames(
        self,
        producer_id: str,
        frames: Iterable[pl.DataFrame],
        *,
        batch_bales: int = BATCH_BALES_DEFAULT,
        rows: bool = False,
        sequenced: bool = False,
        window: int = WINDOW_DEFAULT,
        on_progress: Callable[[UploadTotals], None] | None = None,
        on_retry: Callable[[errors.CottonError, float], None] | None = None,
    ) -> UploadTotals:
        """Stores readings, resuming as often as it takes, and says what became of each.

        `frames` are tables of readings as the file readers give them; they are read and
        encoded in a thread while earlier batches travel, and at most `window` + 1 batches
        are held. A batch's id follows from its content and place, so that the same
        content sent again is answered as a repeat; `sequenced` numbers batches by the
        producer's sequence instead, for which one process at a time may send. Whatever
        was not acknowledged when a connection broke is sent again under the same
        identity, and counted once. `rows` sends a message a bale instead of columns.

        `on_progress` hears the totals after every answer, `on_retry` the error and the
        pause in seconds before a repeat. Errors: a refused batch raises its error with
        the bales it held named in the message; batches before it are stored.
        """
        check_producer_id(producer_id)
        source = batches(frames, batch_bales, rows=rows)
        upload = Upload(producer_id, source, sequenced=sequenced, on_progress=on_progress)
        await self._deliver(producer_id, upload, window, on_retry)
        return upload.totals

    async def send_spooled(
        self,
        spool: Spool,
        *,
        feed: Feed | None = None,
        window: int = WINDOW_DEFAULT,
        on_progress: Callable[[SentFile], None] | None = None,
        on_retry: Callable[[errors.CottonError, float], None] | None = None,
    ) -> tuple[SentFile, ...]:
        """Stores what waits in a spool, in order, and says what became of each file of it.

        A batch leaves the spool when the service has answered that it is stored, now or
        before; one that is refused is set aside in the spool with its error, and the
        others go on. With a `feed` under way, whatever it adds is sent too, until it has
        ended. `on_progress` hears of a file after every answer, otherwise as send_frames.

        Errors: SpoolError for a spool of another server or one that cannot be written; as
        send_frames where a stream fails, when all that was not answered stays spooled.
        """
        spool.require_server(self.target)
        delivery = SpoolDelivery(spool, feed, on_progress)
        try:
            await self._deliver(spool.producer_id, delivery, window, on_retry)
        finally:
            await delivery.forget_stored()
        return delivery.files

    async def _deliver(
        self,
        producer_id: str,
        delivery: Delivery,
        window: int,
        on_retry: Callable[[errors.CottonError, float], None] | None,
    ) -> None:
        """Runs a delivery over as many streams as it takes."""
        patience = Patience(self._retry, answered=self._answered)
        while True:
            done = delivery.answered
            try:
                async with self.open_stream(producer_id, window=window) as stream:
                    patience.answered = True
                    await delivery.run(stream)
            except errors.CottonError as error:
                if not error.transient:
                    raise
                if delivery.answered > done:
                    patience.renew()
                await patience.pause(error, on_retry)
            else:
                return

    async def _send(
        self,
        method: Callable[..., Awaitable[_T]],
        requests: Sequence[Any],
        request_id: str,
        *,
        by_content: bool = True,
    ) -> list[_T]:
        """The answers to requests that carry an id, in their order.

        Where none is given, ids follow from the content, or are made up for this call.
        """
        if request_id and len(requests) > 1:
            raise errors.InputError(
                f"{len(requests)} requests would be needed for one request id.",
                remedy="Leave request_id out, or send fewer records at a time.",
            )
        call_id = secrets.token_hex(16)
        responses = []
        for index, request in enumerate(requests):
            check_producer_id(request.producer_id)
            own_id = content_id(request, index) if by_content else f"{call_id}-{index}"
            request.request_id = request_id or own_id
            responses.append(await self._call(method, request))
        return responses

    def _patience(self) -> Patience:
        """Patience of one call."""
        return Patience(self._retry, answered=self._answered)

    async def _call(self, method: Callable[..., Awaitable[_T]], request: Message) -> _T:
        """The answer to a unary call, repeated while the server is unavailable."""
        check_size(request.ByteSize(), "A request")
        patience = self._patience()
        while True:
            try:
                response = await method(request, timeout=self._timeout_s)
            except grpc.aio.AioRpcError as failure:
                error = errors.from_rpc_error(failure, self.target)
                if not error.transient:
                    self._answered = True
                    raise error from None
                await patience.pause(error)
            else:
                self._answered = True
                return response


def _key_filters(filters: Filters | None) -> list[summary_pb2.KeyFilter]:
    """Filters as messages; all must hold."""
    return [
        summary_pb2.KeyFilter(key=key, values=values) for key, values in (filters or {}).items()
    ]
