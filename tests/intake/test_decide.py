"""One outcome per bale: against a plain model, in any grouping, in the documented precedence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cotton.inspection.v1 import common_pb2, lots_pb2, readings_pb2
from cotton_server.domain.fields import VALUE_FIELDS, ValueField
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bales import (
    GB_VALUES,
    LOT,
    OTHER_LOT,
    Bale,
    bale,
    streams,
    usda_bale,
)
from tests.support.broken import without_comparison, without_duplicate_check
from tests.support.deciding import RULES, Deciding
from tests.support.model import CREATED, EXISTS, ORDER, Model, outcomes_of


def check_stream(batches: list[list[Bale]]) -> None:
    """Outcomes are those of the model, and every bale received is in one count."""
    decided, model = Deciding(), Model()
    for bales in batches:
        answer = decided.take(bales)
        assert outcomes_of(answer) == model.decide(bales)
        counts = answer.created, answer.existing, answer.conflicting, answer.rejected
        assert sum(counts) == answer.received == len(bales)
        assert answer.existing == outcomes_of(answer).count(EXISTS)
        assert answer.created == outcomes_of(answer).count(CREATED)
    assert len(decided.registry.bales.index) == len(model.first)


@given(streams())
def test_outcomes_are_those_of_a_plain_model(batches: list[list[Bale]]) -> None:
    check_stream(batches)


@pytest.mark.parametrize("broken", [without_duplicate_check, without_comparison])
@pytest.mark.parametrize("apart", [True, False], ids=["in two batches", "in one batch"])
def test_the_model_catches_a_broken_build(broken: type, apart: bool) -> None:
    repeats = [bale(1), bale(1, length=2821)]
    batches = [[each] for each in repeats] if apart else [repeats]
    check_stream(batches)
    with broken(), pytest.raises(AssertionError):
        check_stream(batches)


@given(
    streams(), st.lists(st.booleans(), min_size=6, max_size=6), st.sampled_from(["rows", "columns"])
)
def test_a_group_decided_at_once_equals_batch_after_batch(
    batches: list[list[Bale]], ends: list[bool], shape: str
) -> None:
    apart, grouped = Deciding(), Deciding()
    for bales in batches:
        apart.take(bales, shape="rows")
    group: list[list[Bale]] = []
    for bales, end in zip(batches, ends, strict=False):
        group.append(bales)
        if end:
            grouped.take(*group, shape=shape)
            group = []
    if group:
        grouped.take(*group, shape=shape)
    assert apart.outcomes == grouped.outcomes
    assert apart.stored() == grouped.stored()


def spelled(field: ValueField, value: int) -> str:
    """A value as the answer spells it."""
    hundredths = field.kind == "hundredths"
    return f"{value // 100}.{value % 100:02d}" if hundredths else str(value)


def difference(field: ValueField) -> tuple[str, Bale, str, str]:
    """Name, a repeat of bale 1 that differs in the field, and the texts received and stored."""
    stored, received = GB_VALUES[field.name]
    changed = bale(1).but(**{field.name: received})
    return field.name, changed, spelled(field, received), spelled(field, stored)


DIFFERENCES = [
    ("lot_no", replace(bale(1), lot_no=OTHER_LOT), OTHER_LOT, LOT),
    *map(difference, VALUE_FIELDS),
    ("standard", replace(bale(1), standard="GB1103.1-2012"), "GB1103.1-2012", ""),
    ("laboratory", replace(bale(1), laboratory="L2"), "L2", "L1"),
]


@pytest.mark.parametrize("apart", [True, False], ids=["stored", "twin"])
@pytest.mark.parametrize(("name", "differing", "received", "stored"), DIFFERENCES)
def test_a_repeat_that_differs_in_one_field_names_it_and_changes_nothing(
    name: str, differing: Bale, received: str, stored: str, apart: bool
) -> None:
    decided = Deciding()
    first = replace(bale(1), laboratory="L1")
    if apart:
        decided.take([first])
        answer, row = decided.take([differing]), 0
    else:
        answer, row = decided.take([first, differing]), 1
    (outcome,) = answer.outcomes
    number = common_pb2.Field.Value(f"FIELD_{name.upper()}")
    different = readings_pb2.Outcome.Value(f"OUTCOME_EXISTS_WITH_DIFFERENT_{name.upper()}")
    assert (outcome.row, outcome.outcome, outcome.field) == (row, different, number)
    assert (outcome.bale, outcome.received, outcome.stored) == (bale(1).code, received, stored)
    assert decided.counted() == decided_once([first])


def decided_once(bales: list[Bale]) -> list[tuple[object, ...]]:
    """What counts after one batch."""
    decided = Deciding()
    decided.take(bales)
    return decided.counted()


@pytest.mark.parametrize("apart", [True, False], ids=["stored", "twin"])
@pytest.mark.parametrize("name", GB_VALUES)
def test_absent_against_present_is_different_both_ways(name: str, apart: bool) -> None:
    with_it, without = bale(1), bale(1).but(**{name: None})
    different = readings_pb2.Outcome.Value(f"OUTCOME_EXISTS_WITH_DIFFERENT_{name.upper()}")
    for first, second in ((with_it, without), (without, with_it)):
        decided = Deciding()
        batches = [[first], [second]] if apart else [[first, second]]
        for bales in batches:
            answer = decided.take(bales)
        assert outcomes_of(answer)[-1] == different
        assert "" in (answer.outcomes[0].received, answer.outcomes[0].stored)


@pytest.mark.parametrize("apart", [True, False], ids=["stored", "twin"])
def test_of_several_differences_the_lowest_number_is_reported(apart: bool) -> None:
    """From the last field to the first, each added difference takes precedence."""
    changes = {name: changed for name, changed, _, _ in DIFFERENCES}
    assert list(changes) == ORDER
    differing = bale(1)
    for name in reversed(ORDER):
        changed = changes[name]
        differing = (
            replace(differing, **{name: getattr(changed, name)})
            if name in ("lot_no", "standard", "laboratory")
            else differing.but(**{name: changed.values[name]})
        )
        decided = Deciding()
        first = replace(bale(1), laboratory="L1")
        batches = [[first], [differing]] if apart else [[first, differing]]
        for bales in batches:
            answer = decided.take(bales)
        expected = readings_pb2.Outcome.Value(f"OUTCOME_EXISTS_WITH_DIFFERENT_{name.upper()}")
        assert outcomes_of(answer)[-1] == expected


@pytest.mark.parametrize("sites", [("L1", "L1"), ("L1", ""), ("", "L2")])
def test_time_instrument_and_an_unnamed_laboratory_do_not_make_a_repeat_different(
    sites: tuple[str, str],
) -> None:
    first = replace(bale(1), inspected_at_s=1, laboratory=sites[0], instrument="I1")
    again = replace(bale(1), inspected_at_s=2, laboratory=sites[1], instrument="I2")
    decided = Deciding()
    assert outcomes_of(decided.take([first, again])) == [CREATED, EXISTS]
    assert outcomes_of(decided.take([again])) == [EXISTS]
    assert decided.counted() == decided_once([first])


def test_a_usda_id_is_another_bale_in_another_crop_year_and_never_a_chinese_one() -> None:
    chinese = Bale("0" * 20 + "000000000001", LOT, values={"length": 2820})
    answer = Deciding().take([usda_bale(1), usda_bale(1, crop_year=2022), chinese])
    assert outcomes_of(answer) == [CREATED] * 3


def test_a_malformed_bale_is_never_taken_for_the_bale_of_32_zeros() -> None:
    """Malformed rows carry the key (0, 0), which is the key of a well-formed code too."""
    zeros = Bale("0" * 32, LOT, values={"length": 2820})
    decided = Deciding()
    decided.take([zeros])
    answer = decided.take([Bale("x", LOT, values={"length": 2820}), zeros], shape="rows")
    assert outcomes_of(answer) == [readings_pb2.OUTCOME_REJECTED, EXISTS]


def test_a_rejected_first_reading_does_not_stand_for_its_bale() -> None:
    answer = Deciding().take([bale(1, length=9999), bale(1), bale(1)])
    assert outcomes_of(answer) == [readings_pb2.OUTCOME_REJECTED, CREATED, EXISTS]


def test_bales_are_counted_as_unregistered_until_their_lot_is_registered() -> None:
    decided = Deciding()
    assert decided.take([bale(1), usda_bale(2)]).unregistered == 2
    lot = lots_pb2.Lot(lot_no=LOT, cotton_type=common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND)
    lot.declared_bales = 186
    decided.request(lots_pb2.RegisterLotsRequest(lots=[lot]))
    assert decided.take([bale(3), bale(4, OTHER_LOT)]).unregistered == 1


def test_existing_rows_are_listed_as_ranges() -> None:
    decided = Deciding()
    decided.take([bale(number) for number in (1, 2, 5)])
    answer = decided.take([bale(number) for number in range(8)])
    runs = [(run.first, run.count) for run in answer.existing_rows]
    assert runs == [(1, 2), (5, 1)]
    assert not answer.outcomes


def test_at_most_a_thousand_warnings_are_spelled_out_and_all_are_counted() -> None:
    answer = Deciding().take([bale(number, length=3500) for number in range(990)])
    assert (answer.warned, len(answer.warnings)) == (990, 990)
    both = [bale(number, length=3500, rd=8700) for number in range(600)]
    answer = Deciding().take(both)
    assert (answer.warned, len(answer.warnings)) == (600, 1000)


def test_warnings_carry_value_and_limit_and_only_new_bales_are_warned_about() -> None:
    decided = Deciding()
    answer = decided.take([bale(1), bale(2, micronaire=250 - 1)])
    (warning,) = answer.warnings
    assert (warning.row, warning.field) == (1, common_pb2.FIELD_MICRONAIRE)
    assert (warning.received, warning.limit) == (249, 250)
    assert decided.take([bale(2, micronaire=249)]).warned == 0


def test_values_keep_their_bits_in_the_store() -> None:
    """The largest accepted value of each field fits its stored type."""
    decided = Deciding()
    largest = {
        name: limits.reject_above for name, limits in {**RULES.gb.ranges, **RULES.codes}.items()
    }
    decided.take([bale(1).but(**largest)])
    stored = {name: int(column[0]) for name, column in decided.registry.bales.values.items()}
    assert {name: stored[name] for name in largest} == largest
    assert np.count_nonzero(decided.registry.bales.position) == 1
