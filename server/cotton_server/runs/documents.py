"""What a settlement was computed by, as its header says it and as its manifest does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cotton.inspection.v1 import reference_pb2, settlement_pb2, summary_pb2

from cotton_server.grading import GRADING_VERSION
from cotton_server.grading.standard import unverified_parts
from cotton_server.reference.document_head import head_message
from cotton_server.runs.target import TARGET_FIGURES
from cotton_server.settlement import SETTLEMENT_VERSION
from cotton_server.settlement.document import is_verified
from cotton_server.settlement.refusals import not_checked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton_server.reference.money import Loaded
    from cotton_server.runs.sources import Sources
    from cotton_server.runs.terms import Terms

_WORDS: Final = ("market_by", "market_prices", "rate_by", "rate_decimals", "problem")


def loaded_documents(terms: Terms) -> list[Loaded[Any]]:
    """The documents of terms: schedule, rule sets, target prices."""
    found: list[Loaded[Any]] = [] if terms.schedule is None else [terms.schedule]
    found += terms.rule_sets
    return found if terms.target_price is None else [*found, terms.target_price]


def header_of(
    terms: Terms, sources: Sources, standards: Sequence[str]
) -> settlement_pb2.SettlementHeader:
    """The header but for what was counted, and the digest."""
    grading = sources.lots.grading
    schedule = None if terms.schedule is None else terms.schedule.value
    documents = loaded_documents(terms)
    unverified = list(unverified_parts(sources.standards[name] for name in standards))
    unverified += [
        f"{each.value.head.id}: confidence {each.value.head.provenance.confidence.value}"
        for each in documents
        if not is_verified(each.value.head)
    ]
    return settlement_pb2.SettlementHeader(
        revision=terms.revision,
        received_at_us=_received_at_us(terms, sources),
        terms=terms.message,
        documents=[_document(each) for each in documents],
        settlement_version=SETTLEMENT_VERSION,
        grading_version=GRADING_VERSION,
        standards=standards,
        unverified=unverified,
        not_checked=() if schedule is None else not_checked(schedule),
        currency="CNY" if schedule is None else schedule.unit.currency,
        unit="" if schedule is None else schedule.unit.value,
        charts=grading.charts_of(standards),
        organisation_revision=grading.organisation_revision,
    )


def _document(loaded: Loaded[Any]) -> settlement_pb2.SettlementDocument:
    version = loaded.version
    document = version.record
    return settlement_pb2.SettlementDocument(
        kind=document.kind,
        id=document.id,
        revision=version.position,
        sha256=document.sha256,
        head=head_message(loaded),
    )


def _received_at_us(terms: Terms, sources: Sources) -> int:
    return sources.registry.received_by_us(terms.revision) if terms.revision else 0


def manifest_entries(
    terms: Terms, header: settlement_pb2.SettlementHeader
) -> Iterator[tuple[str, str]]:
    """The lines of a manifest before those of tables, name and value."""
    yield "settlement_version", header.settlement_version
    yield "grading_version", header.grading_version
    yield "revision", str(terms.revision)
    for name, value in sorted(_said(terms)):
        yield "term", f"{name}={value}"
    for loaded in loaded_documents(terms):
        for version in (loaded.version, *loaded.bases):
            document = version.record
            kind = reference_pb2.ReferenceKind.Name(document.kind).removeprefix("REFERENCE_KIND_")
            yield "document", f"{kind} {document.id} {version.position} {document.sha256}"
    if header.HasField("target_price"):
        found = header.target_price
        for name in (*TARGET_FIGURES, *_WORDS):
            there = name not in TARGET_FIGURES or found.HasField(name)  # type: ignore[arg-type]  # a field
            yield "target", f"{name}={getattr(found, name) if there else ''}"


def _said(terms: Terms) -> Iterator[tuple[str, str]]:
    """The terms as names and values; what was left out is not said."""
    message = terms.message
    for descriptor, value in message.ListFields():
        name = descriptor.name
        if name == "filters":
            for each in value:
                key = summary_pb2.SummaryKey.Name(each.key).removeprefix("SUMMARY_KEY_").lower()
                for wanted in each.values:
                    yield f"filter.{key}", wanted
        elif name == "rule_sets":
            for each in value:
                yield name, each
        elif name == "basis":
            yield name, summary_pb2.Basis.Name(value).removeprefix("BASIS_")
        elif name != "revision":
            yield name, str(value)
