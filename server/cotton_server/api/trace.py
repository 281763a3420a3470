"""TraceService: one bale, from its reading to its grade."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
from cotton.inspection.v1 import readings_pb2, trace_pb2

from cotton_server.api.figures import bale_grade_message
from cotton_server.domain.fields import ABSENT, VALUE_FIELDS
from cotton_server.domain.identifiers import BaleKey, bale_code_parts, bale_key, usda_bale_key
from cotton_server.errors import Reason, ServiceError
from cotton_server.grading.bales import grade_bales
from cotton_server.intake.decode import parse
from cotton_server.summary.standing import default_standard

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from cotton_server.grading.standard import Standard
    from cotton_server.ledger import Ledger
    from cotton_server.registry.registry import Registry

Context = grpc.aio.ServicerContext[Any, Any]


class TraceHandlers:
    """Handlers of TraceService."""

    def __init__(
        self,
        registry: Registry,
        ledger: Ledger,
        standards: Mapping[str, Standard],
        readers: Executor,
    ) -> None:
        """Takes what is read, the standards, and the threads."""
        self._registry = registry
        self._ledger = ledger
        self._standards = standards
        self._readers = readers

    async def get_bale(self, payload: bytes, _context: Context) -> trace_pb2.GetBaleResponse:
        """The reading of one bale that counts, and where it is recorded; raises ServiceError."""
        request = parse(trace_pb2.GetBaleRequest, payload)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._bale, request)

    def _bale(self, request: trace_pb2.GetBaleRequest) -> trace_pb2.GetBaleResponse:
        key = _requested(request)
        high, low = np.asarray([key.high], np.uint64), np.asarray([key.low], np.uint64)
        bales = self._registry.bales
        with self._registry.lock:
            latest = self._registry.revision
            if request.revision > latest:
                raise ServiceError(
                    Reason.FUTURE_REVISION,
                    f"Revision {request.revision} was asked for; the latest is {latest}.",
                    {"revision": f"at most {latest}"},
                )
            revision = request.revision or latest
            row = int(bales.index.find(high, low, bales.index.hashes(high, low))[0])
            stored_at = int(bales.position[row])
            if row < 0 or stored_at > revision:
                raise ServiceError(Reason.NOT_FOUND, f"No reading of bale {key} is stored.")
            number = int(bales.references["lot"][row])
            lot = self._registry.lots[number].at(revision, bales.count_at(revision, bales.count))
        entry = self._ledger.at(stored_at)
        if entry is None:
            raise AssertionError("a stored bale has no entry in the ledger")
        answer = trace_pb2.GetBaleResponse(
            revision=revision,
            reading=self._reading(key, row, lot.lot_no),
            stored_at_revision=stored_at,
            row=int(bales.batch_row[row]),
            producer_id=entry.content.producer,
            received_at_us=entry.content.received_at_us,
            lot_registered=lot.registration is not None,
        )
        named = answer.reading.standard
        standard = self._standards.get(named) if named else default_standard(lot, self._standards)
        if standard is not None and standard.grades_usda_bales == key.is_usda:
            frame = bales.frame(np.asarray([[row, row + 1]], np.int32))
            grade = grade_bales(frame, standard).row(0, named=True)
            answer.grade.CopyFrom(bale_grade_message(grade, standard.id))
        if not key.is_usda:
            parts = bale_code_parts(key.code)
            answer.gin_code = parts.gin_code
            answer.baled_on = "" if parts.baled_on is None else parts.baled_on.isoformat()
            answer.bale_number = parts.bale_number
        return answer

    def _reading(self, key: BaleKey, row: int, lot_no: str) -> readings_pb2.Reading:
        bales = self._registry.bales
        reading = readings_pb2.Reading(lot_no=lot_no, inspected_at_s=int(bales.inspected_at_s[row]))
        for name, book in self._registry.texts.items():
            setattr(reading, name, book[int(bales.references[name][row])])
        if key.is_usda:
            reading.usda_bale.crop_year, reading.usda_bale.bale_id = key.crop_year, key.code
        else:
            reading.bale_code = key.code
        for field in VALUE_FIELDS:
            value = int(bales.values[field.name][row])
            if value != ABSENT:
                is_yes_or_no = field.name == "foreign_fibre"
                setattr(reading, field.name, bool(value) if is_yes_or_no else value)
        return reading


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
