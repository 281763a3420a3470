"""SummaryService: certificates of lots and grade summaries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import summary_pb2

from cotton_server.api.figures import (
    certificate_message,
    key_filters,
    summary_key_name,
    summary_message,
)
from cotton_server.domain.identifiers import crop_year_of_lot, is_lot_no
from cotton_server.errors import Reason, ServiceError
from cotton_server.grading.shares import SHARE_DECIMALS, ShareDecimalsError
from cotton_server.intake.decode import parse
from cotton_server.summary.basis import Basis
from cotton_server.summary.certificates import CERTIFICATE_SHARE_DECIMALS, certificates
from cotton_server.summary.errors import SummaryRequestError, TooManyRowsError
from cotton_server.summary.summarise import summarise

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from cotton_server.grading.standard import Standard
    from cotton_server.registry.registry import Registry
    from cotton_server.summary.at_revision import LotsAtRevision
    from cotton_server.summary.views import LotViews

Context = grpc.aio.ServicerContext[Any, Any]

SUMMARY_SHARE_DECIMALS: Final = 2


class SummaryHandlers:
    """Handlers of SummaryService; the work runs on reader threads, off the event loop."""

    def __init__(
        self,
        registry: Registry,
        lots: LotsAtRevision,
        views: LotViews,
        standards: Mapping[str, Standard],
        readers: Executor,
        *,
        rows_max: int,
    ) -> None:
        """Takes what is read, the standards, the threads, and the most rows of an answer."""
        self._registry = registry
        self._lots = lots
        self._views = views
        self._standards = standards
        self._readers = readers
        self._rows_max = rows_max

    async def get_lot_certificate(
        self, payload: bytes, _context: Context
    ) -> summary_pb2.GetLotCertificateResponse:
        """The certificate of one lot; raises ServiceError."""
        request = parse(summary_pb2.GetLotCertificateRequest, payload)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._certificate, request)

    async def summarise_grades(
        self, payload: bytes, _context: Context
    ) -> summary_pb2.SummariseGradesResponse:
        """Grades of all lots that pass the filter, by keys; raises ServiceError."""
        request = parse(summary_pb2.SummariseGradesRequest, payload)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._summary, request)

    def _certificate(
        self, request: summary_pb2.GetLotCertificateRequest
    ) -> summary_pb2.GetLotCertificateResponse:
        if not is_lot_no(request.lot_no):
            raise ServiceError(
                Reason.INVALID_FIELD,
                "A lot number has 11 digits: gin 5, crop year 2, production line 1, serial 3.",
                {"lot_no": "not 11 digits"},
            )
        decimals = _share_decimals(request.share_decimals, CERTIFICATE_SHARE_DECIMALS)
        basis = _basis(request.basis)
        as_of = self._views.as_of(request.revision)
        number = self._views.number_of(request.lot_no, crop_year_of_lot(request.lot_no))
        view = None if number is None else self._views.view(number, as_of)
        if view is None:
            raise ServiceError(
                Reason.NOT_FOUND,
                f"Nothing is known of lot {request.lot_no} at revision {as_of.revision}.",
            )
        (certificate,) = certificates(
            [view], self._registry, self._standards, share_decimals=decimals, basis=basis
        )
        return certificate_message(certificate)

    def _summary(
        self, request: summary_pb2.SummariseGradesRequest
    ) -> summary_pb2.SummariseGradesResponse:
        decimals = _share_decimals(request.share_decimals, SUMMARY_SHARE_DECIMALS)
        basis = _basis(request.basis)
        try:
            keys = [summary_key_name(key) for key in request.keys]
            filters = key_filters(request.filters)
            revision, standing = self._lots.all_lots(request.revision, basis)
            summary = summarise(
                standing.rollups,
                standing.lots,
                self._standards,
                keys=keys,
                filters=filters,
                share_decimals=decimals,
                rows_max=self._rows_max,
            )
        except TooManyRowsError as error:
            raise ServiceError(Reason.TOO_MANY_ROWS, str(error)) from error
        except SummaryRequestError as error:
            raise _invalid("keys or filters", error) from error
        return summary_message(summary, revision=revision, basis=basis)


def _share_decimals(requested: int, default: int) -> int:
    """The decimals of printed shares; refused here, whatever there is to print."""
    decimals = requested or default
    if decimals not in SHARE_DECIMALS:
        error = ShareDecimalsError(decimals)
        raise _invalid("share_decimals", error) from error
    return decimals


def _basis(requested: int) -> Basis:
    try:
        return Basis(requested) if requested else Basis.IN_FORCE
    except ValueError as error:
        raise _invalid("basis", error) from error


def _invalid(field: str, error: Exception) -> ServiceError:
    return ServiceError(Reason.INVALID_FIELD, str(error), {field: str(error)})
