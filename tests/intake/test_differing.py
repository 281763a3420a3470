"""Two decisions beside one another: where they differ is told in few words, whatever they hold."""

from __future__ import annotations

import pytest
from cotton.inspection.v1 import readings_pb2, reference_pb2
from cotton_server.intake.differing import difference
from cotton_server.intake.replay import ReplayDiffersError
from google.protobuf import json_format

MANY = 20_000


def outcome(*messages: str, created: int = 0) -> reference_pb2.ReferencesOutcome:
    """An outcome in which a document has each message."""
    return reference_pb2.ReferencesOutcome(
        created=created,
        results=[
            reference_pb2.ReferenceResult(row=row, message=message)
            for row, message in enumerate(messages)
        ],
    )


def test_the_first_other_element_is_named_with_both_values() -> None:
    same = ["low"] * MANY
    said = difference(
        outcome(*same, "low", "low", created=3), outcome(*same, "high", "?", "?", created=4)
    )
    assert said.splitlines() == [
        "created: 3 stored, 4 now",
        f"results: {MANY + 2} stored, {MANY + 3} now",
        f"results[{MANY}].message: 'low' stored, 'high' now",
    ]


def test_what_only_one_has_is_counted() -> None:
    assert difference(outcome(), outcome("a", "b")) == "results: 0 stored, 2 now"
    assert difference(outcome("a"), outcome()) == "results: 1 stored, 0 now"
    assert difference(outcome(created=1), outcome()) == "created: 1 stored, nothing now"


def test_equal_messages_have_no_difference() -> None:
    assert difference(outcome("a", created=1), outcome("a", created=1)) == ""


def test_texts_and_places_are_bounded() -> None:
    counts = [
        field.name
        for field in readings_pb2.BatchOutcome.DESCRIPTOR.fields
        if field.type == field.TYPE_UINT32
    ]
    stored = json_format.ParseDict(dict.fromkeys(counts, 1), readings_pb2.BatchOutcome())
    said = difference(stored, readings_pb2.BatchOutcome()).splitlines()
    assert (len(said), said[-1]) == (9, "and more")
    assert len(difference(outcome("x" * MANY), outcome("y" * MANY))) < 400


@pytest.mark.parametrize("known", [True, False])
def test_an_error_of_long_outcomes_is_short_and_useful(known: bool) -> None:
    stored = outcome(*["too low"] * MANY)
    now = outcome(*["too low"] * (MANY - 1), "too high" if known else "too low")
    if not known:
        stored.MergeFromString(b"\xf8\x3f\x01")
    said = str(ReplayDiffersError(7, stored, now))
    assert len(said) < 400
    assert said.startswith("Entry 7 of the ledger was decided otherwise")
    assert "Start the version that wrote the ledger" in said
    if known:
        assert f"results[{MANY - 1}].message: 'too low' stored, 'too high' now" in said
    else:
        assert "fields that this version does not know" in said


def test_of_two_elements_every_part_is_compared() -> None:
    """Also numbers, and elements of elements."""

    def told(row: int, limit: int) -> readings_pb2.BatchOutcome:
        return readings_pb2.BatchOutcome(
            warnings=[readings_pb2.BaleWarning(row=row, limit=limit)] * 2
        )

    assert difference(told(3, 10), told(3, 12)) == "warnings[0].limit: '10' stored, '12' now"
    assert difference(told(3, 10), told(4, 12)).splitlines() == [
        "warnings[0].row: 3 stored, 4 now",
        "warnings[0].limit: '10' stored, '12' now",
    ]
