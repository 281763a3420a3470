"""Reference documents: each outcome, what stands beside them, limits, and replay."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from cotton.inspection.v1 import common_pb2, lots_pb2, reference_pb2
from cotton_server.grading.chart_check import check_chart
from cotton_server.grading.charts import load_charts
from cotton_server.grading.standards import load_standards
from cotton_server.intake import references
from cotton_server.intake.committer import Receipt, Submission
from cotton_server.intake.content import REFERENCES, REQUESTS
from cotton_server.intake.references import CONTENT_BYTES_MAX, DOCUMENTS_MAX, UNITS_MAX
from cotton_server.intake.replay import ReplayDiffersError, replay
from cotton_server.ledger import Ledger
from cotton_server.reference.charts import charts_at
from cotton_server.reference.placing import Placing, organisation_of, placing_at
from cotton_server.registry.registry import Registry

from tests.support.bales import bale
from tests.support.committing import Committing, answer, committing
from tests.support.deciding import Deciding
from tests.support.entries import rewrite, with_outcomes
from tests.support.organisations import (
    CHART,
    LOCAL,
    ORGANISATION,
    XPCC,
    chart,
    load,
    reference,
    text,
)

if TYPE_CHECKING:
    from pathlib import Path

ONE, OTHER = text(*XPCC), text(*XPCC[:3])
ELSEWHERE = text(*LOCAL)


def sent(decided: Deciding, *documents: reference_pb2.Reference) -> list[tuple[str, int]]:
    """Outcome and stored revision of every document of one request."""
    outcome: reference_pb2.ReferencesOutcome = decided.request(load(*documents))
    counts = "created", "existing", "conflicting", "rejected", "corrected", "superseded"
    assert sum(getattr(outcome, name) for name in counts) == outcome.received == len(documents)
    found = [("CREATED", 0)] * len(documents)
    for each in outcome.results:
        assert (each.kind, each.id) == (documents[each.row].kind, documents[each.row].id[:64])
        name = lots_pb2.LotOutcome.Name(each.outcome).removeprefix("LOT_OUTCOME_")
        found[each.row] = (name, each.stored_revision)
    return found


def refusal(decided: Deciding, document: reference_pb2.Reference) -> str:
    """Why a document was rejected."""
    outcome: reference_pb2.ReferencesOutcome = decided.request(load(document))
    assert (outcome.rejected, outcome.received) == (1, 1)
    (result,) = outcome.results
    assert result.outcome == lots_pb2.LOT_OUTCOME_REJECTED
    return result.message


def in_force(decided: Deciding, revision: int) -> list[tuple[str, int]]:
    """Id and position of the organisations in force at a revision."""
    book = decided.registry.references
    return [(each.record.id, each.position) for each in book.in_force(ORGANISATION, revision)]


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (ONE, OTHER, ORGANISATION),
        (chart(), chart(rows=["31,7.1,7.3,78,81"]), CHART),
    ],
)
def test_a_document_is_kept_repeated_contradicted_corrected_and_overtaken(
    one: str, other: str, kind: reference_pb2.ReferenceKind.ValueType
) -> None:
    """Every outcome of a document, each with the revision that it met."""
    decided = Deciding()

    def made(content: str, supersedes: int = 0) -> reference_pb2.Reference:
        return reference(content, kind=kind, supersedes=supersedes)

    documents = [
        made(one),
        made(one),
        made(other),
        made(other, 7),
        made(other, 1),
        made(other, 1),
        made(other),
        made(one),
        made(one, 1),
        made(one, 5),
        made(other, 1),
    ]
    assert [sent(decided, each)[0] for each in documents] == [
        ("CREATED", 0),
        ("EXISTS", 1),
        ("EXISTS_WITH_DIFFERENT", 1),
        ("REJECTED", 1),
        ("CORRECTED", 1),
        ("EXISTS", 5),
        ("EXISTS", 5),
        ("SUPERSEDED", 5),
        ("REJECTED", 5),
        ("CORRECTED", 5),
        ("SUPERSEDED", 10),
    ]
    book = decided.registry.references
    assert len(book) == 1
    assert [each.position for each in book.of_kind(kind)["xpcc"].all] == [1, 5, 10]
    assert [book.changed_at(kind, revision) for revision in range(12)] == [
        0, 1, 1, 1, 1, 5, 5, 5, 5, 5, 10, 10,
    ]  # fmt: skip
    assert book.changed_at(kind) == 10


def test_documents_of_one_request_are_decided_in_order() -> None:
    """A document meets what stands before it in the request as if that were stored."""
    decided = Deciding()
    assert sent(
        decided,
        reference(ONE),
        reference(ONE),
        reference(OTHER),
        reference(OTHER, supersedes=1),
        reference(ELSEWHERE, "local"),
        reference(text("region,xpcc,x,,,,"), "third"),
    ) == [
        ("CREATED", 0),
        ("EXISTS", 1),
        ("EXISTS_WITH_DIFFERENT", 1),
        ("CORRECTED", 1),
        ("CREATED", 0),
        ("REJECTED", 0),
    ]
    assert in_force(decided, 1) == [("local", 1), ("xpcc", 1)]
    assert in_force(decided, 0) == []


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (reference(ONE, kind=reference_pb2.REFERENCE_KIND_UNSPECIFIED), "Say of which kind"),
        (reference(ONE, ""), "An id is 1 to 64 letters"),
        (reference(ONE, "a/b"), "An id is 1 to 64 letters"),
        (reference(ONE, "a" * 65), "An id is 1 to 64 letters"),
        (reference(""), "The content has 0 bytes"),
        (reference("兵" * (CONTENT_BYTES_MAX // 3 + 1)), "The content has 1048578 bytes"),
        (reference("no heading"), "Line 1: The column level is not in the heading."),
        (reference(text("region,x,兵团,,y,,")), "Line 2: A region has no parent. Leave its"),
        (reference("x", kind=CHART), "Line 1: The key id is missing. Write a line"),
        (reference("x" * 100_000, kind=CHART), "Line 1: The key id is missing."),
        (
            reference(chart("GB9999"), kind=CHART),
            "The service has no standard GB9999. Name one that ListStandards",
        ),
        (reference(chart(rows=["99,7.1,7.4,78,81"]), kind=CHART), "does not have 99"),
        (reference(ONE, supersedes=1), "Nothing is stored that could be superseded."),
    ],
)
def test_a_document_that_cannot_be_used_is_rejected_with_what_to_do(
    document: reference_pb2.Reference, told: str
) -> None:
    decided = Deciding()
    assert told in refusal(decided, document)
    assert len(decided.registry.references) == 0
    assert decided.registry.references.changed_at(document.kind) == 0


def test_an_unknown_kind_is_rejected() -> None:
    """A number that the contract does not have is kept in the answer."""
    document = reference_pb2.Reference(kind=77, id="x", content=ONE)  # type: ignore[arg-type]  # as a newer client sends
    assert "Say of which kind" in refusal(Deciding(), document)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"reason": common_pb2.AMENDMENT_REASON_UNSPECIFIED}, "amendment.reason: A reason is"),
        ({"decided_by": ""}, "amendment.decided_by: Say who decided"),
        ({"reason": common_pb2.AMENDMENT_REASON_OTHER}, "amendment.note: Another reason"),
    ],
)
def test_an_amendment_says_why_and_who(change: dict[str, Any], told: str) -> None:
    decided = Deciding()
    assert sent(decided, reference(ONE)) == [("CREATED", 0)]
    document = reference(OTHER, supersedes=1)
    for name, value in change.items():
        setattr(document.amendment, name, value)
    assert told in refusal(decided, document)


def test_a_message_that_quotes_a_document_is_short() -> None:
    long = chart(rows=[f"{'9' * 5000},7.1,7.4,78,81"])
    assert len(refusal(Deciding(), reference(long, kind=CHART))) < 700


def test_organisations_do_not_contradict_each_other() -> None:
    """The other document is named, and taking its words out of it first makes room."""
    decided = Deciding()
    assert sent(decided, reference(ONE)) == [("CREATED", 0)]
    second = reference(text("region,r,新区,,,,", "division,d,第七师,,r,2020-01-01,"), "second")
    assert refusal(decided, second) == (
        "Line 3: the division 第七师 is in force on 2020-01-01 in line 4 of xpcc too. Let one"
        " document say it: take it out of one, or amend xpcc first."
    )
    ended = text(*XPCC[:2], "division,7,第七师,,xpcc,,2019-12-31")
    assert sent(decided, reference(ended, supersedes=1)) == [("CORRECTED", 1)]
    assert sent(decided, second) == [("CREATED", 0)]
    again = reference(ONE, supersedes=3)
    assert "in line 3 of second too" in refusal(decided, again)


def test_a_standard_has_one_chart() -> None:
    decided = Deciding()
    assert sent(decided, reference(chart(), "one", kind=CHART)) == [("CREATED", 0)]
    told = refusal(decided, reference(chart(name="d"), "two", kind=CHART))
    assert told == (
        "one is the chart of GB1103.1-2023 already. A standard has one chart: amend one instead."
    )
    moved = reference(chart("GB1103.1-2012"), "one", kind=CHART, supersedes=1)
    assert sent(decided, moved) == [("CORRECTED", 1)]
    assert sent(decided, reference(chart(), "two", kind=CHART)) == [("CREATED", 0)]


def test_a_standard_whose_chart_comes_with_the_service_takes_no_other() -> None:
    standard, packaged = next(iter(load_charts().items()))
    made = reference(chart(standard, rows=["21,7.1,7.4,78,81"]), kind=CHART)
    assert f"The service comes with the chart {packaged.id} for {standard}" in refusal(
        Deciding(), made
    )
    assert check_chart(packaged, load_standards()[standard]).usable


def test_charts_are_those_in_force_at_a_revision() -> None:
    """Those of the package always, each loaded one from its revision on, under its label."""
    decided = Deciding()
    packaged = {standard: chart.id for standard, chart in load_charts().items()}
    sent(decided, reference(chart(), "mine", kind=CHART))
    sent(decided, reference(chart(rows=["31,7.1,7.3,78,81"]), "mine", kind=CHART, supersedes=1))
    charts = [charts_at(decided.registry, revision) for revision in range(3)]
    assert {standard: each.label for standard, each in charts[0].items()} == packaged
    labels = [each["GB1103.1-2023"].label for each in charts[1:]]
    assert labels == ["mine@1", "mine@2"]
    assert charts[1]["GB1103.1-2023"].chart != charts[2]["GB1103.1-2023"].chart
    assert charts_at(decided.registry, 1) is charts[1]


def test_documents_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """In their number, of their kind, and in what all their versions hold."""
    decided = Deciding()
    many = [
        reference(text(f"region,{number},区{number},,,,"), f"d{number}")
        for number in range(DOCUMENTS_MAX)
    ]
    assert sent(decided, *many) == [("CREATED", 0)] * DOCUMENTS_MAX
    more = reference(text("region,more,更多,,,,"), "more")
    assert refusal(decided, more).startswith(f"{DOCUMENTS_MAX} documents of the kind are held")
    assert sent(decided, reference(chart(), kind=CHART)) == [("CREATED", 0)]
    monkeypatch.setattr(references, "HELD_BYTES_MAX", decided.registry.references.size_bytes)
    amended = reference(text("region,0,零区,,,,"), "d0", supersedes=1)
    assert "bytes of documents are held" in refusal(decided, amended)


def test_the_units_in_force_are_limited() -> None:
    """Of all organisations together, of each the version in force; charts do not count."""
    decided = Deciding()
    half = UNITS_MAX // 2

    def regions(name: str, count: int) -> str:
        return text(*(f"region,{name}{number},{name}{number},,,," for number in range(count)))

    assert sent(decided, reference(regions("a", half), "a")) == [("CREATED", 0)]
    assert sent(decided, reference(regions("b", half), "b")) == [("CREATED", 0)]
    assert sent(decided, reference(chart(), kind=CHART)) == [("CREATED", 0)]
    more = reference(text("region,more,更多,,,,"), "more")
    assert refusal(decided, more).startswith(
        f"The organisations in force would have {UNITS_MAX + 1}"
    )
    assert sent(decided, reference(regions("a", half - 1), "a", supersedes=1)) == [("CORRECTED", 1)]
    assert sent(decided, more) == [("CREATED", 0)]


def test_the_lines_of_a_request_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document alone is read whatever it has; a later one that would be too much is not."""
    monkeypatch.setattr(references, "LINES_PER_REQUEST_MAX", 10)
    decided = Deciding()
    rows = [f"region,{number},区{number},,,," for number in range(4)]
    assert sent(decided, reference(text(*rows), "a")) == [("CREATED", 0)]
    again = [reference(text(*rows), "a")] * 2
    assert sent(decided, *again) == [("EXISTS", 1), ("REJECTED", 0)]
    monkeypatch.setattr(references, "LINES_PER_REQUEST_MAX", 1)
    outcome: reference_pb2.ReferencesOutcome = decided.request(load(*again))
    assert [each.outcome for each in outcome.results] == [
        lots_pb2.LOT_OUTCOME_EXISTS,
        lots_pb2.LOT_OUTCOME_REJECTED,
    ]
    assert outcome.results[1].message.endswith("Send it in a request of its own.")


DECIDED_S_MAX = 5.0
"""Many times what it takes, and a small part of what it takes where the work is done per pair."""


def test_documents_of_the_largest_size_are_decided_soon() -> None:
    """Beside as much as may be held, whose words are all the same but on other days."""
    decided = Deciding()
    documents = [
        reference(
            text(
                *(
                    f"region,{number},区{number},,,{2000 + year}-01-01,{2000 + year}-12-31"
                    for number in range(UNITS_MAX // 50)
                )
            ),
            f"d{year}",
        )
        for year in range(50)
    ]
    for document in documents[1:]:
        assert sent(decided, document) == [("CREATED", 0)]
    cells = [f"31,{b / 10:g},{b / 10:g},{rd},{rd}" for b in range(150) for rd in range(133)]
    organisation_of.cache_clear()
    for each in (documents[0], reference(chart(rows=cells), kind=CHART)):
        began_s = time.perf_counter()
        assert sent(decided, each) == [("CREATED", 0)]
        assert time.perf_counter() - began_s < DECIDED_S_MAX


async def load_into(running: Committing, request: reference_pb2.LoadReferencesRequest) -> Any:
    """Stores a request in a running committer; its outcome."""
    payload = request.SerializeToString()
    await running.committer.reserve(len(payload))
    submission = Submission(
        kind=REFERENCES,
        producer=request.producer_id,
        sequence=None,
        batch_id=request.request_id,
        principal="anonymous",
        message=REQUESTS[REFERENCES].name,
        payload=payload,
        content=request,
        answer=asyncio.get_running_loop().create_future(),
        receipt=Receipt(),
    )
    running.committer.submit(submission)
    return (await answer(submission.answer)).outcome


async def write(directory: Path) -> Registry:
    """A ledger with documents of all outcomes between readings; its registry."""
    async with committing(directory) as running:
        await running.stored(1, [bale(1)])
        await load_into(running, load(reference(ONE), reference("bad", "b"), request_id="1"))
        await running.stored(2, [bale(2)])
        await load_into(running, load(reference(chart(), "c", kind=CHART), request_id="2"))
        await load_into(running, load(reference(OTHER, supersedes=2), request_id="3"))
        await load_into(running, load(reference(ONE), reference(OTHER), request_id="4"))
        return running.registry


def replayed(directory: Path) -> Registry:
    """The registry of a ledger."""
    registry = Registry(bales_max=100)
    ledger = Ledger(directory)
    try:
        replay(ledger.verified(), registry, of=ledger.position)
    finally:
        ledger.close()
    return registry


def contents(registry: Registry) -> list[Any]:
    """All that a registry holds of documents, and what it comes to at every revision."""
    book = registry.references
    frame = pl.DataFrame(
        {
            "region": ["", "地方", ""],
            "division": ["", "", "8"],
            "regiment": ["150", "149", ""],
            "county": [""] * 3,
            "day": pl.Series([18200, 18200, 18200], dtype=pl.Int32),
        }
    )
    found: list[Any] = [len(book), book.size_bytes]
    for kind in (ORGANISATION, CHART):
        for name, versions in book.of_kind(kind).items():
            for each in versions.all:
                record = each.record
                amendment = record.amendment and record.amendment.SerializeToString()
                found.append((name, each.position, each.received_at_us, record.content))
                found.append((amendment, record.sha256, record.size_bytes, record.rows))
    for revision in range(registry.revision + 1):
        placing, loaded = placing_at(registry, revision)
        found.append((loaded, placing and placing.place(frame, "day").rows()))
        charts = charts_at(registry, revision)
        found.append([(standard, each.label) for standard, each in charts.items()])
        found.append([each.chart.cells.tobytes() for each in charts.values()])
    return found


async def test_replay_gives_the_same_documents_and_places_the_same(tmp_path: Path) -> None:
    written = await write(tmp_path)
    first, second = replayed(tmp_path), replayed(tmp_path)
    assert contents(first) == contents(second) == contents(written)
    assert written.references.changed_at(ORGANISATION) == 5
    placing, loaded = placing_at(first, 2)
    assert isinstance(placing, Placing)
    assert loaded == 2
    assert placing_at(first, 1) == (None, 0)


async def test_a_document_that_is_decided_otherwise_stops_the_start(tmp_path: Path) -> None:
    await write(tmp_path)

    def changed(stored: bytes) -> bytes:
        outcome = reference_pb2.ReferencesOutcome.FromString(stored)
        outcome.results[0].message = "another reason"
        return outcome.SerializeToString()

    rewrite(tmp_path, with_outcomes(2, changed))
    with pytest.raises(ReplayDiffersError) as refused:
        replayed(tmp_path)
    assert refused.value.position == 2
