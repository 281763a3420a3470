"""TraceService: one bale, from its reading to its grade, with all that happened to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
from cotton.inspection.v1 import trace_pb2

from cotton_server.api.grades import bale_grade_message
from cotton_server.domain.identifiers import BaleKey, bale_code_parts, bale_key, usda_bale_key
from cotton_server.errors import Reason, ServiceError
from cotton_server.grading.charts import packaged_charts
from cotton_server.intake.decode import parse
from cotton_server.trace.grade import grade_of
from cotton_server.trace.history import bale_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from cotton_server.grading.charts import ChartsAt
    from cotton_server.grading.standard import Standard
    from cotton_server.ledger import Ledger
    from cotton_server.registry.registry import Registry

Context = grpc.aio.ServicerContext[Any, Any]


class TraceHandlers:
    """Handlers of TraceService; the work runs on reader threads, off the event loop."""

    def __init__(
        self,
        registry: Registry,
        ledger: Ledger,
        standards: Mapping[str, Standard],
        readers: Executor,
        *,
        charts_at: ChartsAt = packaged_charts,
    ) -> None:
        """Takes what is read, the standards, the threads, and what gives the charts."""
        self._registry = registry
        self._ledger = ledger
        self._standards = standards
        self._readers = readers
        self._charts_at = charts_at

    async def get_bale(self, payload: bytes, _context: Context) -> trace_pb2.GetBaleResponse:
        """One bale at a revision, with its history; raises ServiceError."""
        request = parse(trace_pb2.GetBaleRequest, payload)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._bale, request)

    def _bale(self, request: trace_pb2.GetBaleRequest) -> trace_pb2.GetBaleResponse:
        key = _requested(request)
        bale = bale_at(key, request.revision, self._registry, self._ledger)
        answer = trace_pb2.GetBaleResponse(
            revision=bale.revision,
            reading=bale.reading,
            stored_at_revision=bale.brought.revision,
            row=bale.brought.row,
            producer_id=bale.brought.producer_id,
            received_at_us=bale.brought.received_at_us,
            lot_registered=bale.lot.registration is not None,
            withdrawn=bale.withdrawn,
            lot_withdrawn=bale.lot.withdrawn,
            awaiting_original=bale.awaiting_original,
            history=bale.history,
        )
        charts = self._charts_at(bale.revision)
        grade = grade_of(bale, self._registry.bales, self._standards, charts)
        if grade is not None:
            answer.grade.CopyFrom(bale_grade_message(grade.tiers, grade.standard))
        if not key.is_usda:
            parts = bale_code_parts(key.code)
            answer.gin_code = parts.gin_code
            answer.baled_on = "" if parts.baled_on is None else parts.baled_on.isoformat()
            answer.bale_number = parts.bale_number
        return answer


def _requested(request: trace_pb2.GetBaleRequest) -> BaleKey:
    which = request.WhichOneof("bale")
    if which is None:
        raise ServiceError(
            Reason.MISSING_FIELD,
            "The request names no bale.",
            {"bale": "neither bale_code nor usda_bale"},
        )
    key = (
        bale_key(request.bale_code)
        if which == "bale_code"
        else usda_bale_key(request.usda_bale.crop_year, request.usda_bale.bale_id)
    )
    if key is None:
        raise ServiceError(
            Reason.INVALID_FIELD,
            "A bale is named by 32 digits, or by a crop year and a 12-digit USDA bale id.",
            {f"bale.{which}": "not of its form"},
        )
    return key
