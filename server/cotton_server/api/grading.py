"""GradingService: grades without storing, and what it is graded by."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from cotton.inspection.v1 import common_pb2, grading_pb2, readings_pb2

from cotton_server.api.grades import bale_grade_message, standard_message, summary_of_standard
from cotton_server.domain.identifiers import USDA_CROP_YEARS
from cotton_server.errors import Reason, ServiceError
from cotton_server.grading import GRADING_VERSION
from cotton_server.grading.charts import packaged_charts
from cotton_server.grading.definitions import load_definitions
from cotton_server.grading.standard import unverified_parts
from cotton_server.intake.check import check
from cotton_server.intake.decode import decode, parse
from cotton_server.trace.revisions import answered_at
from cotton_server.trace.unstored import Defaults, grade_unstored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

    from cotton_server.grading.charts import ChartsAt
    from cotton_server.grading.standard import Standard
    from cotton_server.intake.decode import BatchLimits
    from cotton_server.intake.rules import RuleSet
    from cotton_server.registry.registry import Registry
    from cotton_server.trace.unstored import Unstored

Context = grpc.aio.ServicerContext[Any, Any]
AnswerT = TypeVar("AnswerT")


class GradingHandlers:
    """Handlers of GradingService; the work runs on reader threads, off the event loop."""

    def __init__(
        self,
        registry: Registry,
        standards: Mapping[str, Standard],
        rules: RuleSet,
        readers: Executor,
        limits: BatchLimits,
        *,
        message_bytes_max: int,
        charts_at: ChartsAt = packaged_charts,
    ) -> None:
        """Takes what says the revision, standards by id and oldest first, rules, and limits."""
        self._registry = registry
        self._standards = standards
        self._rules = rules
        self._readers = readers
        self._limits = limits
        self._message_bytes_max = message_bytes_max
        self._charts_at = charts_at

    async def grade_readings(
        self, payload: bytes, _context: Context
    ) -> grading_pb2.GradeReadingsResponse:
        """Readings graded, none stored; raises ServiceError."""
        if len(payload) > self._message_bytes_max:
            raise ServiceError(
                Reason.MESSAGE_TOO_LARGE,
                f"The message has {len(payload)} bytes; at most {self._message_bytes_max} are"
                " taken.",
                metadata={"bytes_max": str(self._message_bytes_max)},
            )
        return await self._answer(self._grades, payload)

    async def list_standards(
        self, payload: bytes, _context: Context
    ) -> grading_pb2.ListStandardsResponse:
        """The standards, oldest first; raises ServiceError."""
        parse(grading_pb2.ListStandardsRequest, payload)
        return grading_pb2.ListStandardsResponse(
            standards=[summary_of_standard(each) for each in self._standards.values()],
            grading_version=GRADING_VERSION,
        )

    async def get_standard(
        self, payload: bytes, _context: Context
    ) -> grading_pb2.GetStandardResponse:
        """One standard with every table; raises ServiceError."""
        return await self._answer(self._standard, payload)

    async def _answer(self, answer: Callable[[bytes], AnswerT], payload: bytes) -> AnswerT:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, answer, payload)

    def _grades(self, payload: bytes) -> grading_pb2.GradeReadingsResponse:
        request = parse(grading_pb2.GradeReadingsRequest, payload)
        defaults = self._defaults(request)
        revision = answered_at(request.revision, self._registry.revision)
        table = decode(_batch(request), self._limits)
        graded = grade_unstored(
            table, check(table, self._rules), defaults, self._standards, self._charts_at(revision)
        )
        used = {each.grade.standard for each in graded if each.grade is not None}
        return grading_pb2.GradeReadingsResponse(
            readings=[_graded_reading(each) for each in graded],
            grading_version=GRADING_VERSION,
            unverified=unverified_parts(
                each for each in self._standards.values() if each.id in used
            ),
            revision=revision,
        )

    def _defaults(self, request: grading_pb2.GradeReadingsRequest) -> Defaults:
        if request.standard:
            self._known(request.standard)
        first, last = USDA_CROP_YEARS
        if request.season and not first <= request.season <= last:
            raise ServiceError(
                Reason.INVALID_FIELD,
                f"Season {request.season} is no crop year.",
                {"season": f"not 0, or {first} to {last}"},
            )
        if request.cotton_type not in common_pb2.CottonType.values():
            raise ServiceError(
                Reason.INVALID_FIELD,
                f"The contract has no cotton type {request.cotton_type}.",
                {"cotton_type": "not a value of the enum CottonType"},
            )
        cotton_type = common_pb2.CottonType.Name(request.cotton_type).removeprefix("COTTON_TYPE_")
        return Defaults(request.standard, cotton_type, request.season)

    def _standard(self, payload: bytes) -> grading_pb2.GetStandardResponse:
        standard = self._known(parse(grading_pb2.GetStandardRequest, payload).id)
        chart = self._charts_at(self._registry.revision).get(standard.id)
        return standard_message(standard, chart, load_definitions())

    def _known(self, standard: str) -> Standard:
        found = self._standards.get(standard)
        if found is None:
            raise ServiceError(
                Reason.UNKNOWN_STANDARD,
                f'There is no standard "{standard[:64]}"; there are {", ".join(self._standards)}.',
                {"standard": "not the id of a standard"},
                {"standards": ",".join(self._standards)},
            )
        return found


def _batch(request: grading_pb2.GradeReadingsRequest) -> readings_pb2.ReadingBatch:
    """The readings as a batch is made of them, which decoding takes."""
    match request.WhichOneof("readings"):
        case "rows":
            return readings_pb2.ReadingBatch(rows=request.rows)
        case "columns":
            return readings_pb2.ReadingBatch(columns=request.columns)
        case _:
            return readings_pb2.ReadingBatch()


def _graded_reading(each: Unstored) -> grading_pb2.GradedReading:
    if each.grade is None:
        return grading_pb2.GradedReading(rejected=each.rejected)
    return grading_pb2.GradedReading(
        grade=bale_grade_message(each.grade.tiers, each.grade.standard)
    )
