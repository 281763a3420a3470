"""SummaryService: certificates of lots and grade summaries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import grpc
import polars as pl
from cotton.inspection.v1 import lots_pb2, summary_pb2

from cotton_server.api.figures import (
    certificate_weight_message,
    set_lot_grade,
    summary_key_name,
    summary_message,
)
from cotton_server.domain.identifiers import crop_year_of_lot, is_lot_no
from cotton_server.errors import Reason, ServiceError
from cotton_server.grading.shares import SHARE_DECIMALS, ShareDecimalsError
from cotton_server.grading.standard import unverified_parts
from cotton_server.intake.decode import parse
from cotton_server.summary.certificate import grade_lot
from cotton_server.summary.dates import china_date
from cotton_server.summary.errors import SummaryRequestError, TooManyRowsError
from cotton_server.summary.summarise import summarise

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from cotton_server.grading.standard import Standard
    from cotton_server.registry.lots import LotAt
    from cotton_server.registry.registry import Registry
    from cotton_server.summary.at_revision import LotsAtRevision

Context = grpc.aio.ServicerContext[Any, Any]

CERTIFICATE_SHARE_DECIMALS: Final = 1
SUMMARY_SHARE_DECIMALS: Final = 2


class SummaryHandlers:
    """Handlers of SummaryService; the work runs on reader threads, off the event loop."""

    def __init__(
        self,
        registry: Registry,
        lots: LotsAtRevision,
        standards: Mapping[str, Standard],
        readers: Executor,
        *,
        rows_max: int,
    ) -> None:
        """Takes what is read, the standards, the threads, and the most rows of an answer."""
        self._registry = registry
        self._lots = lots
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
        season = crop_year_of_lot(request.lot_no)
        revision, lot = self._lots.one_lot(request.lot_no, season, request.revision)
        if lot is None:
            raise ServiceError(
                Reason.NOT_FOUND,
                f"Nothing is known of lot {request.lot_no} at revision {revision}.",
            )
        answer = summary_pb2.GetLotCertificateResponse(
            revision=revision,
            state=_state(lot),
            lot=lot.registration or lots_pb2.Lot(lot_no=lot.lot_no),
            season=lot.season,
        )
        standing = self._lots.standing_of(lot)
        facts = standing.lots.row(0, named=True)
        standard = self._standards.get(facts["standard"])
        if standard is not None:
            answer.standard = standard.id
            answer.unverified.extend(unverified_parts([standard]))
            rollup = standing.rollups[standard.id]
            set_lot_grade(answer, grade_lot(rollup, standard, share_decimals=decimals))
        answer.bales = facts["bales"]
        answer.bales_without_standard = facts["bales_without_standard"]
        answer.bales_under_other_standards = (
            answer.bales - answer.bales_without_standard - answer.figures.bales
        )
        if lot.weight is not None:
            answer.weight.CopyFrom(
                certificate_weight_message(
                    lot.weight, net=facts["net"], conditioned=facts["conditioned"]
                )
            )
        self._set_inspection(answer, lot)
        return answer

    def _set_inspection(self, answer: summary_pb2.GetLotCertificateResponse, lot: LotAt) -> None:
        frame = self._registry.bales.frame(lot.runs)
        times = frame["inspected_at_s"].filter(frame["inspected_at_s"] > 0).sort().to_list()
        if times:
            answer.first_inspected_on = china_date(times[0])
            answer.last_inspected_on = china_date(times[-1])
        book = self._registry.texts["laboratory"]
        numbers = frame["laboratory"].filter(pl.Series(frame["laboratory"] > 0)).unique().to_list()
        answer.laboratories.extend(sorted(book[number] for number in numbers))

    def _summary(
        self, request: summary_pb2.SummariseGradesRequest
    ) -> summary_pb2.SummariseGradesResponse:
        decimals = _share_decimals(request.share_decimals, SUMMARY_SHARE_DECIMALS)
        filters: dict[str, list[str]] = {}
        try:
            keys = [summary_key_name(key) for key in request.keys]
            for one in request.filters:
                name = summary_key_name(one.key)
                if name in filters:
                    raise ServiceError(
                        Reason.INVALID_FIELD,
                        f"Two filters are on {name}.",
                        {"filters": "name each key once, with all its values"},
                    )
                filters[name] = list(one.values)
            revision, standing = self._lots.all_lots(request.revision)
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
        return summary_message(summary, revision=revision)


def _share_decimals(requested: int, default: int) -> int:
    """The decimals of printed shares; refused here, whatever there is to print."""
    decimals = requested or default
    if decimals not in SHARE_DECIMALS:
        error = ShareDecimalsError(decimals)
        raise _invalid("share_decimals", error) from error
    return decimals


def _invalid(field: str, error: Exception) -> ServiceError:
    return ServiceError(Reason.INVALID_FIELD, str(error), {field: str(error)})


def _state(lot: LotAt) -> summary_pb2.LotState.ValueType:
    if lot.registration is None:
        return summary_pb2.LOT_STATE_UNREGISTERED
    if lot.weight is None:
        return summary_pb2.LOT_STATE_READ if lot.bales else summary_pb2.LOT_STATE_REGISTERED
    return summary_pb2.LOT_STATE_READ_AND_WEIGHED if lot.bales else summary_pb2.LOT_STATE_WEIGHED
