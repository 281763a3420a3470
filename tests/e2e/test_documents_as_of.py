"""Charts and organisations loaded between readings: every revision stays what it was answered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from cotton.inspection.v1 import readings_pb2, reference_pb2, reference_pb2_grpc, summary_pb2

from tests.support.bales import bale
from tests.support.calls import CALL_S_MAX, Calls
from tests.support.organisations import CHART, XPCC, chart, load, reference, text
from tests.support.server import Servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STANDARD = "GB1103.1-2023"
ONE, OTHER = "65140241001", "65150241002"
"""Lots of the season that the standard grades."""
GATE_IN_S = 1_728_100_000
CELL = {"rd": 7800, "plus_b": 710}
"""Rd and +b of a cell that the charts have."""

DIVISION, COLOUR_KEYS = (
    summary_pb2.SUMMARY_KEY_DIVISION,
    (summary_pb2.SUMMARY_KEY_STANDARD, summary_pb2.SUMMARY_KEY_LABORATORY),
)
QUESTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"keys": [DIVISION]},
    {"keys": [summary_pb2.SUMMARY_KEY_LOT, DIVISION]},
    {"keys": COLOUR_KEYS},
    {"keys": [DIVISION], "basis": summary_pb2.BASIS_FIRST_INSPECTION},
    {"filters": [summary_pb2.KeyFilter(key=DIVISION, values=["第七师"])]},
)

MOVED_BACK = text(*XPCC[:3], "regiment,150,一五〇团,150th Regiment,8,,", XPCC[5])
"""The regiment that moved from one division to the other never did."""


class Told(NamedTuple):
    """What a revision says of the documents that it is told by."""

    charts: list[str]
    organisation_revision: int
    colours: dict[str, int]
    by_chart: int
    differing: int
    divisions: dict[str, int]


@dataclass
class Course:
    """A server that is told one thing after another, and what it answered after each."""

    calls: Calls
    answers: dict[tuple[int, int], bytes]

    def ask(
        self, question: int, revision: int = 0, as_of_us: int = 0
    ) -> summary_pb2.SummariseGradesResponse:
        """The answer to one of QUESTIONS."""
        request = summary_pb2.SummariseGradesRequest(
            revision=revision, as_of_us=as_of_us, **QUESTIONS[question]
        )
        return self.calls.summary.SummariseGrades(request, timeout=CALL_S_MAX)

    def note(self, revision: int) -> None:
        """Keeps the answers at the latest revision, which is that one."""
        for question in range(len(QUESTIONS)):
            answer = self.ask(question)
            assert answer.revision == answer.header.revision == revision
            self.answers[revision, question] = answer.SerializeToString(deterministic=True)

    def told(self, revision: int) -> Told:
        """What was answered at a revision."""
        total, by_division = (
            summary_pb2.SummariseGradesResponse.FromString(self.answers[revision, question])
            for question in (0, 1)
        )
        figures = total.total.figures
        return Told(
            list(total.header.charts),
            total.header.organisation_revision,
            {each.name: each.bales for each in figures.colours if each.bales},
            figures.bales_graded_by_chart,
            figures.bales_chart_differs,
            {row.keys[0].value: row.bales for row in by_division.rows},
        )

    def load(self, document: reference_pb2.Reference, request_id: str) -> None:
        """Loads a document."""
        stub = reference_pb2_grpc.ReferenceServiceStub(self.calls.channel)
        stub.LoadReferences(load(document, request_id=request_id), timeout=CALL_S_MAX)


def read(course: Course, first: int, lot_no: str, *, again: bool = False) -> None:
    """Two bales of a cell of the charts: with the laboratory's colour grade, and without."""
    reported = replace(bale(first, lot_no, **CELL), laboratory="L1")
    silent = replace(bale(first + 1, lot_no, **CELL).but(colour_grade=None), laboratory="L2")
    if again:
        review = readings_pb2.READING_KIND_REVIEW
        silent = replace(silent.but(length=2400), kind=review)
    course.calls.submit([silent] if again else [reported, silent], f"b{first}{again}")


STEPS: tuple[Callable[[Course], object], ...] = (
    lambda course: course.calls.register(
        "r1", ONE, regiment="150", division="第八师", gate_in_at_s=GATE_IN_S
    ),
    lambda course: read(course, 1, ONE),
    lambda course: course.load(reference(chart(STANDARD), "c", kind=CHART), "chart"),
    lambda course: read(course, 3, ONE),
    lambda course: course.calls.register("r2", OTHER, regiment="149", gate_in_at_s=GATE_IN_S),
    lambda course: course.load(reference(text(*XPCC)), "organisation"),
    lambda course: read(course, 5, OTHER),
    lambda course: course.calls.weigh("w1", ONE),
    lambda course: course.load(reference(MOVED_BACK, supersedes=6), "organisation-again"),
    lambda course: read(course, 1, ONE, again=True),
    lambda course: course.load(
        reference(
            chart(STANDARD, rows=["41,7.1,7.4,78,81"]), "c", kind=CHART, supersedes=3
        ),
        "chart-again",
    ),
    lambda course: read(course, 7, ONE),
)  # fmt: skip
"""Each is a revision: the documents come at 3, 6, 9 and 11."""

TOLD = {
    2: Told([], 0, {"31": 1}, 0, 0, {"第八师": 2}),
    3: Told(["c@3"], 0, {"31": 2}, 1, 0, {"第八师": 2}),
    4: Told(["c@3"], 0, {"31": 4}, 2, 0, {"第八师": 4}),
    6: Told(["c@3"], 6, {"31": 4}, 2, 0, {"第七师": 4, "第八师": 0}),
    7: Told(["c@3"], 6, {"31": 6}, 3, 0, {"第七师": 4, "第八师": 2}),
    9: Told(["c@3"], 9, {"31": 6}, 3, 0, {"第八师": 6}),
    11: Told(["c@11"], 9, {"31": 3, "41": 3}, 3, 3, {"第八师": 6}),
    12: Told(["c@11"], 9, {"31": 4, "41": 4}, 4, 4, {"第八师": 8}),
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """A server after all STEPS; then, with the same answers to compare with, one started anew."""
    directory: Path = tmp_path_factory.mktemp("server")
    with Servers(directory) as servers:
        first = servers.start()
        with first.channel() as channel:
            course = Course(Calls(channel), {})
            for revision, step in enumerate(STEPS, 1):
                step(course)
                course.note(revision)
            compare(course, 5)
        assert first.end() == 0
        with servers.start().channel() as channel:
            yield Course(Calls(channel), course.answers)


def compare(course: Course, step: int) -> None:
    """Asks everything again, older and newer revisions in turn: every `step`th, round and round."""
    for place in range(len(STEPS)):
        revision = 1 + place * step % len(STEPS)
        for question in range(len(QUESTIONS)):
            answer = course.ask(question, revision)
            expected = course.answers[revision, question]
            assert answer.SerializeToString(deterministic=True) == expected, (revision, question)


def test_every_revision_is_answered_as_it_was_then_after_a_restart_too(course: Course) -> None:
    """To the byte, in whatever order revisions are asked for, and by the instant of each."""
    compare(course, 7)
    for revision in range(1, len(STEPS) + 1):
        received_at_us = course.ask(0, revision).header.received_at_us
        answer = course.ask(1, as_of_us=received_at_us)
        assert answer.SerializeToString(deterministic=True) == course.answers[revision, 1]


@pytest.mark.parametrize("revision", TOLD)
def test_documents_count_from_the_revision_that_loaded_them(course: Course, revision: int) -> None:
    """Also for what had been read and registered before."""
    assert course.told(revision) == TOLD[revision]


def test_a_certificate_is_by_the_documents_of_its_revision(course: Course) -> None:
    """Its place and its colours."""
    told = []
    for revision in (4, 6, 9, 12):
        made = course.calls.certificate(ONE, revision)
        told.append((made.division, made.organisation_differs, list(made.charts)))
    assert told == [
        ("第八师", False, ["c@3"]),
        ("第七师", True, ["c@3"]),
        ("第八师", False, ["c@3"]),
        ("第八师", False, ["c@11"]),
    ]
