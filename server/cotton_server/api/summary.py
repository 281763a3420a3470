"""SummaryService: certificates of lots, grade summaries, lists of bales."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import grpc
from cotton.inspection.v1 import summary_pb2

from cotton_server.api.figures import (
    certificate_message,
    header_message,
    row_messages,
)
from cotton_server.api.tables import TABLE_ROWS_MAX, message_rows
from cotton_server.api.tabulation import certificate_messages, table_messages
from cotton_server.domain.identifiers import crop_year_of_lot, is_lot_no
from cotton_server.errors import Reason, ServiceError
from cotton_server.grading.shares import SHARE_DECIMALS, ShareDecimalsError
from cotton_server.intake.decode import parse
from cotton_server.summary.adding import Names
from cotton_server.summary.as_of import named_revision
from cotton_server.summary.bale_list import Cause, ListedBale, listed_bales
from cotton_server.summary.basis import Basis
from cotton_server.summary.certificate_table import CertificateTable
from cotton_server.summary.certificates import CERTIFICATE_SHARE_DECIMALS, certificates
from cotton_server.summary.dates import china_date
from cotton_server.summary.errors import PageTokenError
from cotton_server.summary.key_numbers import key_filters, summary_key_name
from cotton_server.summary.keys import PLACE_KEYS
from cotton_server.summary.pages import Page, page_of, page_token, question_of
from cotton_server.summary.query import checked_query
from cotton_server.summary.refusals import (
    invalid,
    refuse_many_columns,
    refuse_many_filters,
    typed,
)
from cotton_server.summary.summarise import WEIGHTING, Summary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor

    from cotton_server.api.open_tables import OpenTables
    from cotton_server.registry.registry import Registry
    from cotton_server.summary.at_revision import LotsAt, LotsAtRevision
    from cotton_server.summary.gradings import Gradings
    from cotton_server.summary.query import Query
    from cotton_server.summary.views import LotViews

_T = TypeVar("_T")

Context = grpc.aio.ServicerContext[Any, Any]

SUMMARY_SHARE_DECIMALS: Final = 2

LISTED_MAX: Final = 1_000
"""Bales in one message of a list."""

_PAGING: Final = ("page_size", "page_token", "revision")
"""Fields of a question in which its pages may differ: the token has the revision."""


class Question(NamedTuple):
    """A summary that was asked for, and where in it to begin."""

    summary: Summary
    basis: Basis
    first: int
    rows: int
    digest: bytes

    def token(self, first: int) -> str:
        """The token of the page that begins with a row; "" where there is none."""
        if first >= self.summary.rows:
            return ""
        return page_token(Page(self.summary.lots.revision, first), self.digest)


class SummaryHandlers:
    """Handlers of SummaryService; the work runs on reader threads, off the event loop."""

    def __init__(
        self,
        registry: Registry,
        lots: LotsAtRevision,
        views: LotViews,
        gradings: Gradings,
        readers: Executor,
        *,
        tables: OpenTables,
        rows_max: int,
    ) -> None:
        """Takes what is read, what grades, the threads, the tables that are read, the most rows."""
        self._registry = registry
        self._lots = lots
        self._views = views
        self._gradings = gradings
        self._readers = readers
        self._rows_max = rows_max
        self._tables = tables
        self._names = Names(lots.words, registry.texts)

    async def get_lot_certificate(
        self, payload: bytes, _context: Context
    ) -> summary_pb2.GetLotCertificateResponse:
        """The certificate of one lot; raises ServiceError."""
        return await self._run(self._certificate, payload)

    async def summarise_grades(
        self, payload: bytes, _context: Context
    ) -> summary_pb2.SummariseGradesResponse:
        """A page of a grade summary; raises ServiceError."""
        return await self._run(self._summary, payload)

    async def tabulate_grades(
        self, payload: bytes, _context: Context
    ) -> AsyncIterator[summary_pb2.TabulateGradesResponse]:
        """A grade summary as columns, page by page; raises ServiceError."""
        async for message in self._tables.each(self._table, payload):
            yield message

    async def tabulate_certificates(
        self, payload: bytes, _context: Context
    ) -> AsyncIterator[summary_pb2.TabulateCertificatesResponse]:
        """The certificates of lots as columns, page by page; raises ServiceError."""
        async for message in self._tables.each(self._certificates, payload):
            yield message

    async def list_bales(
        self, payload: bytes, _context: Context
    ) -> AsyncIterator[summary_pb2.ListBalesResponse]:
        """Single bales that somebody has to look at; raises ServiceError."""
        async for message in self._tables.each(self._listed, payload):
            yield message

    async def _run(self, work: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, *arguments)

    def _certificate(self, payload: bytes) -> summary_pb2.GetLotCertificateResponse:
        request = parse(summary_pb2.GetLotCertificateRequest, payload)
        if not is_lot_no(request.lot_no):
            raise ServiceError(
                Reason.INVALID_FIELD,
                "A lot number has 11 digits: gin 5, crop year 2, production line 1, serial 3.",
                {"lot_no": "not 11 digits"},
            )
        decimals = _share_decimals(request.share_decimals, CERTIFICATE_SHARE_DECIMALS)
        basis = _basis(request.basis)
        as_of = self._views.as_of(request.revision, request.as_of_us)
        number = self._views.number_of(request.lot_no, crop_year_of_lot(request.lot_no))
        view = None if number is None else self._views.view(number, as_of)
        if view is None:
            raise ServiceError(
                Reason.NOT_FOUND,
                f"Nothing is known of lot {request.lot_no} at revision {as_of.revision}.",
            )
        (certificate,) = certificates(
            [view], self._registry, self._gradings, share_decimals=decimals, basis=basis
        )
        return certificate_message(certificate)

    def _summary(self, payload: bytes) -> summary_pb2.SummariseGradesResponse:
        request = parse(summary_pb2.SummariseGradesRequest, payload)
        asked = self._question(request)
        summary = asked.summary
        over_all, part = summary.total_and_part(asked.first, asked.rows)
        (total,) = row_messages(over_all)
        header = header_message(
            summary, basis=asked.basis, received_at_us=self._received_at_us(summary.lots)
        )
        rows = row_messages(part)
        return summary_pb2.SummariseGradesResponse(
            revision=header.revision,
            standards=header.standards,
            weighting=WEIGHTING,
            rows=rows if request.keys else [total],
            total=total,
            grading_version=header.grading_version,
            unverified=header.unverified,
            basis=header.basis,
            header=header,
            next_page_token=asked.token(asked.first + asked.rows),
        )

    def _table(self, payload: bytes) -> Iterator[summary_pb2.TabulateGradesResponse]:
        request = parse(summary_pb2.TabulateGradesRequest, payload)
        asked = self._question(request.query)
        header = header_message(
            asked.summary,
            basis=asked.basis,
            received_at_us=self._received_at_us(asked.summary.lots),
        )
        with typed():
            refuse_many_columns(request.columns)
            return table_messages(
                asked.summary,
                header,
                request.columns,
                first=asked.first,
                # A page size asked for is that of each message; the stream goes on to the end.
                rows_of=lambda columns: min(
                    request.query.page_size or TABLE_ROWS_MAX, message_rows(columns)
                ),
                token=asked.token,
            )

    def _certificates(self, payload: bytes) -> Iterator[summary_pb2.TabulateCertificatesResponse]:
        request = parse(summary_pb2.TabulateCertificatesRequest, payload)
        decimals = _share_decimals(request.share_decimals, CERTIFICATE_SHARE_DECIMALS)
        basis = _basis(request.basis)
        if request.after_lot_no and not is_lot_no(request.after_lot_no):
            raise ServiceError(
                Reason.INVALID_FIELD,
                "A lot number has 11 digits: gin 5, crop year 2, production line 1, serial 3.",
                {"after_lot_no": "not 11 digits"},
            )
        with typed():
            refuse_many_columns(request.columns)
        query = self._query_of_lots(request.filters)
        lots = self._all_lots(request.revision, request.as_of_us, basis)
        table = CertificateTable(
            lots,
            query,
            self._names,
            self._registry,
            after_lot_no=request.after_lot_no,
            share_decimals=decimals,
        )
        with typed():
            return certificate_messages(
                table,
                request.columns,
                rows_of=message_rows,
                basis=basis,
                received_at_us=self._received_at_us(lots),
            )

    def _listed(self, payload: bytes) -> Iterator[summary_pb2.ListBalesResponse]:
        request = parse(summary_pb2.ListBalesRequest, payload)
        causes = _causes(request.causes)
        basis = _basis(request.basis)
        query = self._query_of_lots(request.filters)
        lots = self._all_lots(request.revision, request.as_of_us, basis)
        found = listed_bales(lots, query, causes, self._names, self._registry, basis)
        return _list_messages(found, lots.revision, request.limit)

    def _question(self, request: summary_pb2.SummariseGradesRequest) -> Question:
        """What is asked for, added up; raises ServiceError."""
        decimals = _share_decimals(request.share_decimals, SUMMARY_SHARE_DECIMALS)
        basis = _basis(request.basis)
        digest = question_of(request, without=_PAGING)
        revision, first = 0, 0
        with typed():
            if request.page_token:
                page = _page(request, digest)
                revision, first = page.revision, page.first
            lots = self._all_lots(
                revision or request.revision, 0 if revision else request.as_of_us, basis
            )
            refuse_many_filters(request.filters)
            query = checked_query(
                [summary_key_name(key) for key in request.keys],
                key_filters(request.filters),
                standards=self._gradings.standards,
                inspected_from=request.inspected_from,
                inspected_through=self._through(request, lots),
                with_last_season=request.with_last_season,
                withhold_below=request.withhold_below,
            )
        summary = Summary(lots, query, self._names, share_decimals=decimals)
        if first > summary.rows:
            raise invalid("page_token", _no_such_page())
        # Each row has the season before in it, too.
        rows_max = max(1, self._rows_max // 2) if query.with_last_season else self._rows_max
        rows = min(request.page_size or rows_max, rows_max)
        return Question(summary, basis, first, rows, digest)

    def _through(self, request: summary_pb2.SummariseGradesRequest, lots: LotsAt) -> str:
        """The last day asked for; beside the season before, else that of the revision."""
        if request.inspected_through or not request.with_last_season:
            return request.inspected_through
        return china_date(self._received_at_us(lots) // 1_000_000)

    def _query_of_lots(self, filters: Sequence[summary_pb2.KeyFilter]) -> Query:
        with typed():
            refuse_many_filters(filters)
            wanted = key_filters(filters)
            return checked_query([], wanted, standards=self._gradings.standards, without=PLACE_KEYS)

    def _all_lots(self, revision: int, as_of_us: int, basis: Basis) -> LotsAt:
        now_us = time.time_ns() // 1000
        asked = named_revision(revision, as_of_us, self._registry, now_us)
        return self._lots.all_lots(asked, basis)

    def _received_at_us(self, lots: LotsAt) -> int:
        return self._registry.received_by_us(lots.revision) if lots.revision else 0


def _no_such_page() -> PageTokenError:
    return PageTokenError(
        "The page token is for rows that the answer does not have; pass on `next_page_token` as it"
        " came."
    )


def _page(request: summary_pb2.SummariseGradesRequest, digest: bytes) -> Page:
    """The page that a token is for; its revision stands in the token."""
    page = page_of(request.page_token, digest)
    if request.revision not in (0, page.revision):
        raise ServiceError(
            Reason.INVALID_FIELD,
            f"The page is of revision {page.revision}, as its first page was, and revision"
            f" {request.revision} was asked for; leave it as it was.",
            {"page_token": f"of revision {page.revision}"},
        )
    return page


def _causes(numbers: Iterable[int]) -> frozenset[Cause]:
    asked = frozenset(numbers)
    known = {cause.value for cause in Cause}
    if not asked or asked - known:
        raise ServiceError(
            Reason.INVALID_FIELD,
            "Name at least one cause for which bales are listed.",
            {"causes": f"some of {', '.join(cause.name for cause in Cause)}"},
        )
    return frozenset(Cause(number) for number in asked)


def _list_messages(
    found: Iterator[list[ListedBale]], revision: int, limit: int
) -> Iterator[summary_pb2.ListBalesResponse]:
    given, left = 0, limit
    for some in found:
        for first in range(0, len(some), LISTED_MAX):
            bales = some[first : first + LISTED_MAX]
            if limit:
                bales = bales[:left]
                left -= len(bales)
            if bales:
                given += 1
                yield summary_pb2.ListBalesResponse(
                    revision=revision, bales=[_bale_message(bale) for bale in bales]
                )
            if limit and not left:
                return
    if not given:
        # The revision is an answer also when there is nothing to list.
        yield summary_pb2.ListBalesResponse(revision=revision)


def _bale_message(bale: ListedBale) -> summary_pb2.ListedBale:
    return summary_pb2.ListedBale(
        bale=bale.bale,
        lot_no=bale.lot_no,
        causes=[cause.value for cause in bale.causes],
        laboratory=bale.laboratory,
        instrument=bale.instrument,
        inspected_at_s=bale.inspected_at_s,
        standard=bale.standard,
        colour_grade=bale.colour_grade,
        chart_colour_grade=bale.chart_colour_grade,
        stored_at_revision=bale.stored_at_revision,
    )


def _share_decimals(requested: int, default: int) -> int:
    """The decimals of printed shares; refused here, whatever there is to print."""
    decimals = requested or default
    if decimals not in SHARE_DECIMALS:
        error = ShareDecimalsError(decimals)
        raise invalid("share_decimals", error) from error
    return decimals


def _basis(requested: int) -> Basis:
    try:
        return Basis(requested) if requested else Basis.IN_FORCE
    except ValueError as error:
        raise invalid("basis", error) from error
