"""Pages about the course of lots and bales: what a person must find on them, at any width."""

from __future__ import annotations

import re
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from cotton.inspection.v1 import (
    amendments_pb2,
    common_pb2,
    ingest_pb2,
    lifecycle_pb2,
    lots_pb2,
    readings_pb2,
    summary_pb2,
    trace_pb2,
)
from cotton_client.amendments import AmendmentsReceipt
from cotton_client.delivery import Unacknowledged
from cotton_client.frames import READINGS_SCHEMA
from cotton_client.lots import LotsReceipt
from cotton_client.render import (
    changes,
    conflicts,
    decisions,
    json_answers,
    json_decisions,
    names,
    receipt,
)
from cotton_client.render.certificate import Certificate
from cotton_client.render.differences import (
    Difference,
    between_certificates,
    between_figures,
    between_readings,
)
from cotton_client.render.events import entries
from cotton_client.render.lot_table import LotTable
from cotton_client.render.status import age
from cotton_client.upload import (
    OUTCOME_COUNTS,
    BaleIssue,
    UploadTotals,
    WarnedBale,
    added,
    batches,
)
from rich.cells import cell_len
from rich.console import Console, Group

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

BALE = "32651401611141221550000121000001"


def page(parts: RenderableType | Iterable[RenderableType], width: int = 80) -> str:
    """What a terminal of this width shows."""
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(parts if hasattr(parts, "__rich_console__") else Group(*parts))  # type: ignore[misc]  # told apart
    return capture.get()


def status(**values: object) -> summary_pb2.LotStatus:
    """A lot that has come in."""
    return summary_pb2.LotStatus(
        lot_no="65140161077",
        state=summary_pb2.LOT_STATE_READ_AND_WEIGHED,
        bales=186,
        declared_bales=186,
        gate_in_at_s=1_479_600_000,
        age_s=36_000,
        **values,  # type: ignore[arg-type]  # names of fields
    )


def certificate(**values: object) -> summary_pb2.GetLotCertificateResponse:
    """A certificate of the lot."""
    answer = summary_pb2.GetLotCertificateResponse(**values)  # type: ignore[arg-type]  # names of fields
    answer.lot.lot_no = "65140161077"
    return answer


@pytest.mark.parametrize(
    ("enum", "words"),
    [
        (summary_pb2.LotState, names.LOT_STATES),
        (summary_pb2.LotHold, names.LOT_HOLDS),
        (summary_pb2.Basis, names.BASES),
        (common_pb2.AmendmentReason, names.AMENDMENT_REASONS),
        (readings_pb2.ReadingKind, names.READING_KINDS),
        (trace_pb2.BaleEventKind, names.BALE_EVENTS),
        (lifecycle_pb2.LotChangeKind, names.LOT_CHANGES),
    ],
    ids=lambda each: getattr(getattr(each, "DESCRIPTOR", None), "name", ""),
)
def test_every_value_of_the_contract_has_its_words(
    enum: type[summary_pb2.LotState], words: dict[int, str]
) -> None:
    """In English and Chinese."""
    for number in enum.values():
        if number:
            english, _, chinese = words[number].rpartition(" ")
            assert english.isascii()
            assert not chinese.isascii()


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_list_of_lots_fits_the_terminal(width: int) -> None:
    """The longest state, every deadline, and days below the lot where there is no room beside."""
    lot = status(objection_until="2016-12-01", open_conflicts=12)
    lot.objections.add(decision_until="2016-12-03")
    lot.objections.add(decision_until="2016-12-02")
    text = page(LotTable(9, [lot]), width)
    for expected in ("65140161077", "read and weighed", "186/186", "10 h", "2016-12-01", "12"):
        assert expected in text
    assert "2016-12-02" in text
    assert "2016-11-20" in text
    assert ("Gate-in 2016-11-20" in text) == (width < 140)
    assert max(cell_len(line) for line in text.splitlines()) <= width


def test_no_lot_is_said() -> None:
    assert "No lot matches." in page(LotTable(9, []))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 h"), (86_399, "23 h"), (86_400, "1 d 0 h"), (900_000, "10 d 10 h")]
)
def test_ages_are_days_and_hours(seconds: int, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("decision", "overdue", "expected"),
    [
        (lots_pb2.OBJECTION_DECISION_UNSPECIFIED, False, "decision until 2016-12-01"),
        (lots_pb2.OBJECTION_DECISION_UNSPECIFIED, True, "OVERDUE: decision was due 2016-12-01"),
        (lots_pb2.OBJECTION_DECISION_UPHELD, False, "upheld by bureau"),
        (lots_pb2.OBJECTION_DECISION_DISMISSED, True, "dismissed by bureau, due 2016-12-01"),
    ],
)
def test_an_objection_says_what_is_outstanding(
    decision: lots_pb2.ObjectionDecision.ValueType, overdue: bool, expected: str
) -> None:
    """Undecided, overdue, decided in time or late; raised after the last day or not."""
    lot = status()
    lot.objections.add(
        objection=lots_pb2.LotObjection(
            objection_no="O-1", raised_by="owner", decision=decision, decided_by="bureau"
        ),
        decision_until="2016-12-01",
        overdue=overdue,
        late=True,
    )
    text = " ".join(page(Certificate(certificate(status=lot)), 120).split())
    assert expected in text
    assert "after the last day for objections" in text


def test_a_certificate_of_an_older_server_has_no_course() -> None:
    """Nothing is made up where the answer has no status."""
    answer = certificate()
    assert "Course" not in page(Certificate(answer))
    assert json_answers.certificate(answer)["status"] is None


def test_what_differs_between_readings_is_named_as_it_is_corrected() -> None:
    """Absent is told from zero; measures in real units."""
    before = readings_pb2.Reading(length=2820, trash_count=0, laboratory="L1")
    after = readings_pb2.Reading(
        length=2825, foreign_fibre=False, preparation=common_pb2.PREPARATION_P2
    )
    assert set(between_readings(before, after)) == {
        Difference("length", "28.2", "28.25"),
        Difference("preparation", None, "P2"),
        Difference("foreign_fibre", None, "0"),
        Difference("trash_count", "0", None),
        Difference("laboratory", "L1", None),
    }


def test_what_differs_between_certificates() -> None:
    """Weights, mark, means, shares; what is the same is left out."""
    before, after = certificate(bales=186, mark="3128B"), certificate(bales=186, mark="3129B")
    for answer, bales, gross in ((before, 100, 4262000), (after, 99, 4262050)):
        answer.figures.bales = 186
        answer.figures.colours.add(name="31", bales=bales, share=bales * 50)
        answer.figures.length.mean_to_hundredths = 2868 + bales
        answer.weight.record.gross = gross
    assert between_certificates(before, before) == []
    assert {
        each.name: (each.before, each.after) for each in between_certificates(before, after)
    } == {
        "mark": ("3128B", "3129B"),
        "gross_kg": ("42620", "42620.5"),
        "length.mean": ("29.68", "29.67"),
        "colour.31.bales": ("100", "99"),
        "colour.31.share_percent": ("50", "49.5"),
    }


def test_a_new_lot_has_nothing_before() -> None:
    """Also a figure that is zero is not told as its old value."""
    change = lifecycle_pb2.LotChange(lot_no="1", kind=lifecycle_pb2.LOT_CHANGE_KIND_NEW)
    assert between_figures(change) == []
    change.after.CopyFrom(certificate())
    assert between_figures(change) == [Difference("bales", None, "0")]


def test_a_change_of_state_alone_says_that_no_figure_differs() -> None:
    change = lifecycle_pb2.LotChange(
        lot_no="1",
        kind=lifecycle_pb2.LOT_CHANGE_KIND_REVISED,
        state_before=summary_pb2.LOT_STATE_FINAL,
        state_after=summary_pb2.LOT_STATE_HELD,
        before=certificate(bales=1),
        after=certificate(bales=1),
    )
    text = page(changes.change(change))
    assert "final → held" in text
    assert "no printed figure differs" in text


def test_a_retest_is_compared_with_what_is_in_force() -> None:
    """Not with a conflict that changed nothing; from the one that took force on with that."""
    kinds = trace_pb2.BaleEventKind
    lengths = [
        (kinds.BALE_EVENT_KIND_READ, 2820, 0),
        (kinds.BALE_EVENT_KIND_CONFLICT, 2900, 0),
        (kinds.BALE_EVENT_KIND_RETESTED, 2830, 1),
        (kinds.BALE_EVENT_KIND_CONFLICT_ACCEPTED, 2900, 3),
    ]
    history = [
        trace_pb2.BaleEvent(
            kind=kind,
            reading=readings_pb2.Reading(length=length),
            superseded_revision=superseded,
        )
        for kind, length, superseded in lengths
    ]
    found = [
        [(each.before, each.after) for each in entry.differences] for entry in entries(history)
    ]
    assert found == [[], [("28.2", "29")], [("28.2", "28.3")], [("28.3", "29")]]


def test_a_receipt_tells_corrections_and_retests() -> None:
    """Counts add up to what was received; a re-test beyond tolerance shows by how much."""
    retested = readings_pb2.BaleOutcome(bale=BALE, outcome=readings_pb2.OUTCOME_RETESTED)
    retested.comparison.unverified = True
    retested.comparison.measures.add(
        field=common_pb2.FIELD_LENGTH, original=2820, retest=2900, tolerance=46
    )
    superseded = readings_pb2.BaleOutcome(
        bale=BALE,
        outcome=readings_pb2.OUTCOME_SUPERSEDED_BY_CORRECTION,
        stored_revision=7,
    )
    conflict = readings_pb2.BaleOutcome(
        bale=BALE,
        outcome=readings_pb2.OUTCOME_EXISTS_WITH_DIFFERENT_LENGTH,
        field=common_pb2.FIELD_LENGTH,
        conflict_id="8/17",
    )
    totals = UploadTotals(
        batches=1,
        received=6,
        created=1,
        superseded=1,
        corrected=1,
        retested=2,
        conflicting=1,
        issues=(BaleIssue(1, conflict),),
        amended=(BaleIssue(2, retested), BaleIssue(3, superseded)),
    )
    assert sum(getattr(totals, name) for name in OUTCOME_COUNTS) == totals.received
    assert not totals.complete
    text = " ".join(page(receipt.upload("file", totals), 160).split())
    for expected in (
        "6 bales received · 1 created · 1 superseded since · 1 corrected · 2 re-tested",
        "2 re-tested · 1 conflicting",
        "conflict 8/17",
        "beyond tolerance 超允差, original stays in force",
        "length 28.2 → 29, beyond ±0.46",
        "superseded by correction, in force: revision 7",
        "not verified",
    ):
        assert expected in text, expected
    data = json_answers.upload(totals)
    assert [each["outcome"] for each in data["amended"]] == [
        *("retested", "superseded_by_correction")
    ]
    assert data["issues"][0]["conflict_id"] == "8/17"


def test_superseded_and_corrected_bales_are_complete() -> None:
    """Conflicts and rejections are what leaves an upload incomplete."""
    names_of_counts = {each.name for each in fields_of(UploadTotals)}
    assert set(OUTCOME_COUNTS) <= names_of_counts
    for name in OUTCOME_COUNTS:
        counts: dict[str, Any] = {name: 1}
        totals = UploadTotals(received=1, **counts)
        assert totals.complete == (name not in {"conflicting", "rejected"})


def test_a_receipt_of_lots_names_the_record_that_was_met() -> None:
    """Corrected and superseded records, with the revision."""
    results = (
        lots_pb2.LotResult(lot_no="1", outcome=lots_pb2.LOT_OUTCOME_CORRECTED, stored_revision=7),
        lots_pb2.LotResult(
            row=1, lot_no="2", outcome=lots_pb2.LOT_OUTCOME_SUPERSEDED, stored_revision=8
        ),
    )
    answer = LotsReceipt(
        revision=9, repeated=False, received=2, corrected=1, superseded=1, results=results
    )
    assert answer.complete
    text = page(receipt.lots("file", "lot", answer), 120)
    for expected in (
        "2 lots received · 1 superseded since · 1 corrected",
        "takes the place of the record of revision 7",
        "in force: the record of revision 8",
    ):
        assert expected in text


def test_a_conflict_without_readings_shows_the_values_that_differ() -> None:
    conflict = amendments_pb2.Conflict(
        conflict_id="8/17",
        state=amendments_pb2.CONFLICT_STATE_OPEN,
        field=common_pb2.FIELD_LENGTH,
        received="28.30",
        stored="28.20",
    )
    text = page(conflicts.conflicts(9, [conflict]))
    assert "length" in text
    assert "28.20" in text
    assert "28.30" in text
    assert "No conflict matches." in page(conflicts.conflicts(9, []))
    assert "No conflict is stored." in page(
        conflicts.counts(amendments_pb2.CountConflictsResponse())
    )


def conflict_of(then: int, now: int) -> amendments_pb2.Conflict:
    """A conflict of length with the reading of one revision, while another is in force."""
    conflict = amendments_pb2.Conflict(
        conflict_id="8/17",
        state=amendments_pb2.CONFLICT_STATE_ACCEPTED,
        field=common_pb2.FIELD_LENGTH,
        stored_reading=readings_pb2.Reading(length=2820, micronaire=440),
        received_reading=readings_pb2.Reading(length=2830, micronaire=440),
        stored_revision=then,
        in_force_revision=now,
        resolved_revision=9,
    )
    if now:
        conflict.in_force_reading.CopyFrom(readings_pb2.Reading(length=2850, micronaire=450))
    return conflict


@pytest.mark.parametrize(
    ("now", "said", "unsaid"),
    [
        (7, ("In force (revision 7)", "28.2", "28.3"), ("now", "Then", "28.5", "micronaire")),
        (
            12,
            ("Then in force (revision 7)", "In force now (revision 12)", "28.5", "4.5"),
            (" In force (revision", "nothing of the bale"),
        ),
        (
            0,
            ("Then in force (revision 7)", "nothing of the bale is in force now"),
            ("In force now", " In force (revision"),
        ),
    ],
)
def test_a_conflict_says_in_force_only_of_what_is(
    now: int, said: tuple[str, ...], unsaid: tuple[str, ...]
) -> None:
    """Whatever became of it: the reading that it met may have been replaced or withdrawn."""
    text = page(conflicts.conflicts(13, [conflict_of(7, now)]), 120)
    for each in said:
        assert each in text, each
    for each in unsaid:
        assert each not in text, each
    (data,) = json_decisions.conflicts(13, [conflict_of(7, now)])["conflicts"]
    assert data["in_force_revision"] == (now or None)
    assert (data["in_force_reading"] or {}).get("length") == ("28.5" if now else None)


@pytest.mark.parametrize("field", [common_pb2.FIELD_SUPERSEDES_REVISION, common_pb2.FIELD_NOTE])
def test_a_decision_on_what_is_no_longer_in_force_says_how_to_name_it(
    field: common_pb2.Field.ValueType,
) -> None:
    """The revision to look at, and the option; of no other rejection."""
    rejected = amendments_pb2.AmendmentResult(
        subject="8/17",
        outcome=amendments_pb2.AMENDMENT_OUTCOME_REJECTED,
        field=field,
        message="has changed.",
        stored_revision=12,
    )
    answer = AmendmentsReceipt(13, repeated=False, received=1, rejected=1, results=(rejected,))
    option = "--revision-in-force"
    text = " ".join(
        page(
            receipt.decisions("conflicts", "decision", answer, revision_option=option), 160
        ).split()
    )
    named = field == common_pb2.FIELD_SUPERSEDES_REVISION
    assert (f"give {option} 12" in text) == named
    assert "in force: revision 12" in text
    assert option not in page(receipt.decisions("lots", "withdrawal", answer), 160)


def warned_batch(
    field: common_pb2.Field.ValueType, rule: readings_pb2.Rule.ValueType
) -> tuple[pl.DataFrame, ingest_pb2.BatchResult]:
    """A bale with a bar code and a USDA bale, and the answer that warns of both."""
    frame = pl.DataFrame(
        [
            pl.repeat(None, 2, dtype=dtype, eager=True).alias(name)
            for name, dtype in READINGS_SCHEMA.items()
        ]
    ).with_columns(
        bale_code=pl.Series([BALE, None]),
        usda_bale_id=pl.Series([None, "060891871766"]),
        crop_year=pl.Series([None, 2006], dtype=pl.Int32),
        lot_no=pl.Series(["65140161077", None]),
    )
    outcome = readings_pb2.BatchOutcome(received=2, created=2, warned=1)
    for row in (0, 1):
        outcome.warnings.add(row=row, field=field, rule=rule, received=320, limit=350)
    return frame, ingest_pb2.BatchResult(revision=3, outcome=outcome)


@pytest.mark.parametrize("rows", [True, False])
def test_warned_bales_are_named_in_both_shapes(rows: bool) -> None:
    """With their place, number, field, value and limit."""
    frame, result = warned_batch(common_pb2.FIELD_MICRONAIRE, readings_pb2.RULE_BELOW)
    (batch,) = batches([frame], 10, rows=rows)
    totals = added(UploadTotals(), result, Unacknowledged(batch, 0, 101, 2))
    data = json_answers.upload(totals)["warnings"]
    assert data[0] == {
        "record": 101,
        "bale": BALE,
        "field": "micronaire",
        "rule": "below",
        "received": "3.20",
        "limit": "3.50",
    }
    assert (data[1]["record"], data[1]["bale"]) == (102, "2006/060891871766")
    text = page(receipt.upload("file", totals), 160)
    assert f"record 101, bale {BALE}: micronaire: received 3.20, below 3.50" in text


def test_a_warning_about_a_text_has_no_values() -> None:
    frame, result = warned_batch(common_pb2.FIELD_STANDARD, readings_pb2.RULE_UNKNOWN_CODE)
    (batch,) = batches([frame], 10, rows=False)
    totals = added(UploadTotals(), result, Unacknowledged(batch, 0, 1, 2))
    (first, _) = json_answers.upload(totals)["warnings"]
    assert (first["rule"], first["received"], first["limit"]) == ("unknown_code", None, None)
    assert f"bale {BALE}: standard: unknown code\n" in re.sub(
        " +\n", "\n", page(receipt.upload("file", totals), 160)
    )


def test_a_page_lists_the_first_warned_bales_and_counts_the_others() -> None:
    warning = readings_pb2.BaleWarning(
        field=common_pb2.FIELD_MICRONAIRE, rule=readings_pb2.RULE_ABOVE, received=700, limit=600
    )
    warned = tuple(WarnedBale(number, BALE, warning) for number in range(1, 26))
    text = page(receipt.upload("file", UploadTotals(received=30, warned=25, warnings=warned)), 160)
    assert text.count("received 7.00, above 6.00") == receipt.WARNINGS_SHOWN == 20
    assert "… and 5 more" in text


def test_why_names_reason_note_and_who() -> None:
    amendment = common_pb2.Amendment(
        reason=common_pb2.AMENDMENT_REASON_OTHER, note="flood", decided_by="bureau"
    )
    assert decisions.why(amendment) == "other 其他, “flood”, decided by bureau"
    assert decisions.why(common_pb2.Amendment()) == ""
