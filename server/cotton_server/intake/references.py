"""One outcome per reference document: read, compared with what is in force, kept or not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from cotton.inspection.v1 import lots_pb2, reference_pb2

from cotton_server.grading.chart_check import chart_problems
from cotton_server.grading.chart_file import ChartFileError, parse_chart
from cotton_server.grading.charts import load_charts
from cotton_server.grading.standards import load_standards
from cotton_server.intake.decode import TEXT_CHARACTERS_MAX
from cotton_server.intake.lot_faults import amendment_fault
from cotton_server.intake.versions import COUNTED_IN, TAKEN, Met, compared
from cotton_server.reference.charts import COLOUR_CHART, chart_of
from cotton_server.reference.money import MONEY, PARSERS, rows_of
from cotton_server.reference.money_faults import fault_text, money_faults
from cotton_server.reference.organisation import (
    OrganisationFileError,
    contradiction,
    parse_organisation,
)
from cotton_server.reference.placing import ORGANISATION, organisation_of
from cotton_server.reference.units import shared_word, spelled_day
from cotton_server.registry.records import Version, amendment_of
from cotton_server.registry.references import Document
from cotton_server.settlement.money_table import DocumentFileError
from cotton_server.settlement.toml_lines import TomlText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cotton_server.grading.chart import Chart
    from cotton_server.reference.money import Said
    from cotton_server.reference.organisation import Organisation
    from cotton_server.registry.references import Kind
    from cotton_server.registry.registry import Registry

CONTENT_BYTES_MAX: Final = 1 << 20
"""Largest content of a document."""

DOCUMENTS_MAX: Final = 64
"""Documents held of one kind."""

UNITS_MAX: Final = 20_000
"""Units of all organisations in force together: each new document is compared with all of them."""

LINES_PER_REQUEST_MAX: Final = 20_000
"""Lines that are read of a request, but for its first document: readings wait meanwhile."""

LINE_CHARACTERS: Final = 32
"""Characters of a document of money that are read as one line, where its lines are longer."""

HELD_BYTES_MAX: Final = 256 << 20
"""Contents of all versions that are held: they stay in memory for answers at older revisions."""

_MESSAGE_CHARACTERS_MAX: Final = 500
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReferencesDecision:
    """The answer to a request, and the documents that come into force, in order."""

    outcome: reference_pb2.ReferencesOutcome
    accepted: list[Document]


@dataclass(frozen=True, slots=True)
class _Reading:
    """How documents of a kind are read: `rows` counts, `faults` are those beside the others.

    `faults` takes the document, what was read of it, and the others of its kind in force.
    """

    parse: Callable[[str, str], Any]
    rows: Callable[[Any], int]
    faults: Callable[[Document, Any, Sequence[Document]], Iterator[str]]


@dataclass(slots=True)
class _Known:
    """What is stored, with what earlier documents of the same request add to it."""

    registry: Registry
    added: dict[tuple[int, str], list[Version[Document]]] = field(default_factory=dict)

    def versions(self, kind: reference_pb2.ReferenceKind.ValueType, name: str) -> list[Any]:
        stored = self.registry.references.of_kind(kind).get(name)
        return [*(stored.all if stored else ()), *self.added.get((kind, name), ())]

    def others(self, kind: reference_pb2.ReferenceKind.ValueType, name: str) -> list[Document]:
        """The other documents of a kind as they are in force, by id."""
        names = set(self.registry.references.of_kind(kind))
        names |= {of for of_kind, of in self.added if of_kind == kind}
        return [self.versions(kind, each)[-1].record for each in sorted(names - {name})]

    @property
    def size_bytes(self) -> int:
        added = (each.record.size_bytes for versions in self.added.values() for each in versions)
        return self.registry.references.size_bytes + sum(added)


def decide_references(
    references: Iterable[reference_pb2.Reference], registry: Registry, position: int
) -> ReferencesDecision:
    """Decides documents in order; `position` is where the request will be stored."""
    decision = ReferencesDecision(reference_pb2.ReferencesOutcome(), [])
    known = _Known(registry)
    lines = 0
    for row, reference in enumerate(references):
        lines += _lines(reference)
        try:
            if row:
                _check_lines(lines)
            met, document = _decided(reference, known)
        except _FaultyError as fault:
            met = Met(lots_pb2.LOT_OUTCOME_REJECTED, message=str(fault))
        else:
            if met.outcome in TAKEN:
                decision.accepted.append(document)
                key = (document.kind, document.id)
                known.added.setdefault(key, []).append(Version(position, 0, document))
        _tell(decision.outcome, row, reference, met)
    return decision


class _FaultyError(Exception):
    """A document that is not taken; the text says why and what to do."""


def _decided(reference: reference_pb2.Reference, known: _Known) -> tuple[Met, Document]:
    """What becomes of a document, and what would be stored of it; raises _FaultyError."""
    _check_form(reference)
    reading = _READINGS[reference.kind]
    content = reference.content
    try:
        parsed = reading.parse(content, reference.id)
    except (OrganisationFileError, ChartFileError) as error:
        problem = _cut(error.problem)
        raise _FaultyError(f"Line {error.line}: {problem} {error.remedy}") from None
    except DocumentFileError as error:
        raise _FaultyError(fault_text(error)) from None
    encoded = content.encode()
    document = Document(
        kind=reference.kind,
        id=reference.id,
        content=content,
        amendment=amendment_of(reference),
        size_bytes=len(encoded),
        sha256=sha256(encoded).hexdigest(),
        rows=reading.rows(parsed),
    )
    met = compared(
        document.amendment,
        known.versions(document.kind, document.id),
        repeats=lambda stored: stored.content == content and stored.amendment == document.amendment,
        says_the_same=lambda stored: bool(stored.content == content),
        differs=lambda last: Met(
            lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT,
            last,
            message="The document is stored with other content; nothing was changed. If this one"
            f" is right, send it with an amendment that names revision {last.position}.",
        ),
    )
    if met.outcome in TAKEN:
        _check_beside(document, parsed, known)
    return met, document


def _lines(reference: reference_pb2.Reference) -> int:
    """What reading a document costs; a line of TOML may be of any length."""
    lines = 1 + reference.content.count("\n")
    return (
        max(lines, len(reference.content) // LINE_CHARACTERS) if reference.kind in MONEY else lines
    )


def _check_lines(count: int) -> None:
    if count > LINES_PER_REQUEST_MAX:
        raise _FaultyError(
            f"The documents of the request have more than {LINES_PER_REQUEST_MAX} lines up to this"
            " one. Send it in a request of its own."
        )


def _check_form(reference: reference_pb2.Reference) -> None:
    if reference.kind not in _READINGS:
        raise _FaultyError(
            "Say of which kind the document is: an organisation, a colour chart, a schedule, a rule"
            " set or a target price."
        )
    if not _ID.fullmatch(reference.id):
        raise _FaultyError("An id is 1 to 64 letters, digits, dots, dashes and underscores.")
    size = len(reference.content.encode())
    if not 0 < size <= CONTENT_BYTES_MAX:
        raise _FaultyError(
            f"The content has {size} bytes; 1 to {CONTENT_BYTES_MAX} are taken. Split it into"
            " several documents if it is too large."
        )
    if reference.HasField("amendment"):
        fault = amendment_fault(reference.amendment)
        if fault is not None:
            name, message = fault
            raise _FaultyError(f"amendment.{name}: {message}")


def _check_beside(document: Document, parsed: Any, known: _Known) -> None:
    """Raises _FaultyError for what there is no room for, or what others contradict."""
    others = known.others(document.kind, document.id)
    if len(others) >= DOCUMENTS_MAX:
        raise _FaultyError(
            f"{DOCUMENTS_MAX} documents of the kind are held, as many as may be. Amend one of them."
        )
    if known.size_bytes + document.size_bytes > HELD_BYTES_MAX:
        raise _FaultyError(
            f"{HELD_BYTES_MAX} bytes of documents are held, with all their versions, as many as"
            " may be. Ask the operator: the limit is one of the program."
        )
    units = document.rows + sum(other.rows for other in others)
    if document.kind == ORGANISATION and units > UNITS_MAX:
        raise _FaultyError(
            f"The organisations in force would have {units} rows; {UNITS_MAX} are held. Leave out"
            " what no lot of this service needs."
        )
    for fault in _READINGS[document.kind].faults(document, parsed, others):
        raise _FaultyError(fault)


def _organisation_faults(
    _document: Document, organisation: Organisation, others: Sequence[Document]
) -> Iterator[str]:
    for other in others:
        pair = contradiction(organisation, organisation_of(other))
        if pair is not None:
            ours, theirs = pair
            word = shared_word(ours, theirs)
            yield (
                f"Line {ours.line}: the {ours.level} {word} is in force on"
                f" {spelled_day(max(ours.first, theirs.first))} in line {theirs.line} of"
                f" {other.id} too. Let one document say it: take it out of one, or amend"
                f" {other.id} first."
            )


def _chart_faults(_document: Document, chart: Chart, others: Sequence[Document]) -> Iterator[str]:
    standard = load_standards().get(chart.standard)
    if standard is None:
        yield f"The service has no standard {chart.standard}. Name one that ListStandards lists."
        return
    yield from chart_problems(chart, standard)
    packaged = load_charts().get(chart.standard)
    if packaged is not None:
        yield (
            f"The service comes with the chart {packaged.id} for {chart.standard}, which grades by"
            " it already. A standard has one chart: leave this one out."
        )
    for other in others:
        if chart_of(other).standard == chart.standard:
            yield (
                f"{other.id} is the chart of {chart.standard} already. A standard has one chart:"
                f" amend {other.id} instead."
            )


def _money(kind: Kind, content: str, name: str) -> Said:
    """What a document of money says by itself; raises DocumentFileError, also for another id."""
    said = PARSERS[kind](content, name)
    if said.head.id != name:
        raise DocumentFileError(
            name,
            "id",
            f'It is "{said.head.id}", and the document is sent as "{name}".',
            "Give both the same id.",
            TomlText(content).line_of(("id",)),
        )
    return said


_READINGS: Final[Mapping[int, _Reading]] = {
    ORGANISATION: _Reading(
        parse_organisation, lambda parsed: len(parsed.units), _organisation_faults
    ),
    COLOUR_CHART: _Reading(parse_chart, lambda parsed: len(parsed.rectangles), _chart_faults),
    **{
        kind: _Reading(
            partial(_money, kind),
            rows_of,
            lambda document, _said, others: money_faults(document, others),
        )
        for kind in MONEY
    },
}


def _tell(
    outcome: reference_pb2.ReferencesOutcome,
    row: int,
    reference: reference_pb2.Reference,
    met: Met,
) -> None:
    """Counts what became of a document, and lists it unless it is plainly created."""
    outcome.received += 1
    count = COUNTED_IN[met.outcome]
    setattr(outcome, count, getattr(outcome, count) + 1)
    if met.outcome != lots_pb2.LOT_OUTCOME_CREATED:
        outcome.results.add(
            row=row,
            kind=reference.kind,
            id=reference.id[:TEXT_CHARACTERS_MAX],
            outcome=met.outcome,
            message=met.message,
            stored_revision=0 if met.stored is None else met.stored.position,
        )


def _cut(text: str) -> str:
    if len(text) <= _MESSAGE_CHARACTERS_MAX:
        return text
    return f"{text[:_MESSAGE_CHARACTERS_MAX]}…"
