"""Every limit of the rule set from both sides, and what else is said of a reading by itself."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from cotton.inspection.v1 import common_pb2, readings_pb2
from cotton_server.intake.check import Checked, Finding, check
from cotton_server.intake.decode import BatchLimits, decode
from cotton_server.intake.rules import CURRENT, UnknownRuleSetError, rule_set

from tests.support.bales import LOT, Bale, bale, batch, columns, usda_bale

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = rule_set(CURRENT)

GB_LIMITS = {
    # measure: reject below, warn below, warn above, reject above
    "length": ("15", "22", "34", "45"),
    "uniformity": ("65", "76", "88", "95"),
    "short_fibre": ("0", "3", "20", "40"),
    "strength": ("10", "20", "40", "60"),
    "elongation": ("1", "3", "12", "20"),
    "micronaire": ("1.5", "2.5", "6.5", "8.0"),
    "maturity": ("0.5", "0.75", "0.95", "1.2"),
    "rd": ("30", "55", "86", "95"),
    "plus_b": ("2", "5", "15", "20"),
    "trash_area": ("0", "0", "3", "15"),
    "trash_count": ("0", "0", "120", "500"),
    "moisture": ("0", "4", "10", "20"),
    "spinning_consistency": ("0", "50", "220", "300"),
}
"""Plausibility of readings under GB 1103.1, in the units of the standard."""

USDA_LIMITS = {
    **GB_LIMITS,
    "length": ("0.59", "0.86", "1.34", "1.78"),
    "strength": ("10.1", "20.3", "40.8", "61.2"),
}
"""The same in inches and g/tex, rounded outward."""

CODES = {
    "preparation": (1, 3),
    "foreign_fibre": (0, 1),
    "colour_quadrant": (1, 4),
    "leaf_grade": (1, 8),
    "extraneous_matter": (0, 99),
    "visual_grade": (1, 7),
}
"""First and last code of the fields that are codes."""

CHINESE_COLOURS = {11, 21, 31, 41, 51, 12, 22, 32, 13, 23, 33, 14, 24}


def scale(name: str) -> int:
    """Integers of the contract to one unit."""
    return 1 if name in ("trash_count", "spinning_consistency") else 100


def checked(bales: list[Bale], shape: str = "columns") -> Checked:
    """What the current rule set finds in bales."""
    return check(decode(batch(bales, shape=shape), BatchLimits(1000)), RULES)


def of_columns(made: readings_pb2.ReadingColumns) -> Checked:
    """What the current rule set finds in columns."""
    return check(decode(readings_pb2.ReadingBatch(columns=made), BatchLimits(1000)), RULES)


def number(name: str) -> common_pb2.Field.ValueType:
    """Number of a field of the contract."""
    return common_pb2.Field.Value(f"FIELD_{name.upper()}")


@pytest.mark.parametrize("mixed", [False, True], ids=["alone", "beside the other kind"])
@pytest.mark.parametrize(
    ("usda", "name", "limits"),
    [
        *((False, name, limits) for name, limits in GB_LIMITS.items()),
        *((True, name, limits) for name, limits in USDA_LIMITS.items()),
    ],
)
def test_every_limit_holds_from_both_sides(
    usda: bool, name: str, limits: tuple[str, ...], mixed: bool
) -> None:
    """Limits belong to the good side; one hundredth beyond is rejected, or warned about."""
    make = usda_bale if usda else bale
    least, low, high, most = (int(Decimal(text) * scale(name)) for text in limits)
    for value in {least - 1, least, low - 1, low, high, high + 1, most, most + 1}:
        bales = [make(1).but(**{name: value})]
        if mixed:
            bales.append(bale(2) if usda else usda_bale(2))
        found = checked(bales)
        field = number(name)
        if value < least:
            expected = Finding(0, field, readings_pb2.RULE_BELOW, value, least)
            assert (found.rejections, found.warnings) == ({0: expected}, [])
        elif value > most:
            expected = Finding(0, field, readings_pb2.RULE_ABOVE, value, most)
            assert (found.rejections, found.warnings) == ({0: expected}, [])
        elif value < low:
            expected = Finding(0, field, readings_pb2.RULE_BELOW, value, low)
            assert (found.rejections, found.warnings) == ({}, [expected])
        elif value > high:
            expected = Finding(0, field, readings_pb2.RULE_ABOVE, value, high)
            assert (found.rejections, found.warnings) == ({}, [expected])
        else:
            assert (found.rejections, found.warnings) == ({}, [])
        assert found.rejected.tolist() == [not least <= value <= most] + [False] * mixed
        assert (
            found.warned.tolist()
            == [least <= value <= most and not low <= value <= high] + [False] * mixed
        )


@pytest.mark.parametrize("usda", [False, True])
@pytest.mark.parametrize(("name", "codes"), CODES.items())
def test_codes_outside_their_list_are_rejected(
    usda: bool, name: str, codes: tuple[int, int]
) -> None:
    make = usda_bale if usda else bale
    first, last = codes
    for value in (first - 1, first, last, last + 1):
        made = columns([make(1)])
        getattr(made, name).values[:] = [value]
        absent = name == "preparation" and value == 0
        assert of_columns(made).rejected.tolist() == [not absent and not first <= value <= last]


def test_an_unknown_value_of_an_enum_is_rejected_in_rows() -> None:
    """An open enum lets any number through the protobuf library."""
    found = checked([bale(1).but(preparation=9)], "rows")
    above = Finding(0, number("preparation"), readings_pb2.RULE_ABOVE, 9, 3)
    assert found.rejections == {0: above}


@pytest.mark.parametrize("make", [bale, usda_bale])
@pytest.mark.parametrize("shape", ["rows", "columns"])
def test_a_rule_set_takes_no_value_of_a_field_that_is_younger_than_it(
    make: Callable[..., Bale], shape: str
) -> None:
    """No entry that was stored under it has one; nothing else of a reading is doubted."""
    other = usda_bale(3) if make is bale else bale(3)
    for bales in ([make(1), make(2).but(visual_grade=None)], [make(1), other]):
        table = decode(batch(bales, shape=shape), BatchLimits(1000))
        found = check(table, rule_set("intake-2"))
        rejected = {row for row, each in enumerate(bales) if "visual_grade" in each.values}
        assert found.rejections == {
            row: Finding(row, number("visual_grade"), readings_pb2.RULE_UNKNOWN_CODE, 3, None)
            for row in rejected
        }
        assert not found.warned.any()


def test_only_the_thirteen_chinese_colour_grades_are_codes_of_a_chinese_bale() -> None:
    codes = [*range(-1, 102), 2**31 - 1, -(2**31) + 1]
    found = checked([bale(row).but(colour_grade=value) for row, value in enumerate(codes)])
    assert {codes[row] for row in range(len(codes)) if not found.rejected[row]} == CHINESE_COLOURS
    for row, finding in found.rejections.items():
        rule = readings_pb2.RULE_UNKNOWN_CODE
        assert finding == Finding(row, number("colour_grade"), rule, codes[row], None)


def test_an_instrument_with_the_other_chart_is_doubtful_and_its_reading_is_taken() -> None:
    """Its own grade is no grade of the laboratory: the reading is not lost for it."""
    found = checked([bale(row, instrument_colour_grade=code) for row, code in enumerate([31, 42])])
    assert not found.rejected.any()
    (warning,) = found.warnings
    field = number("instrument_colour_grade")
    assert warning == Finding(1, field, readings_pb2.RULE_UNKNOWN_CODE, 42, None)
    assert checked([bale(1, instrument_colour_grade=99)]).rejected.all()


@pytest.mark.parametrize("value", [61, 42, 34])
def test_codes_of_usda_upland_are_codes_of_imported_bales_only(value: int) -> None:
    found = checked([bale(1, colour_grade=value), usda_bale(2, colour_grade=value)])
    assert found.rejected.tolist() == [True, False]


@pytest.mark.parametrize("value", [0, 10, 15, 72, 91, 26, 99, 100])
def test_codes_of_no_colour_are_rejected_for_imported_bales(value: int) -> None:
    assert checked([usda_bale(2, colour_grade=value)]).rejected.all()


@pytest.mark.parametrize(
    ("strange", "field", "rule"),
    [
        (Bale("", LOT, values={"length": 2820}), "bale_code", readings_pb2.RULE_REQUIRED),
        (Bale("12", LOT, values={"length": 2820}), "bale_code", readings_pb2.RULE_FORM),
        (Bale("12", LOT, 2021, {"length": 114}), "bale_code", readings_pb2.RULE_FORM),
        (Bale("1" * 12, "", 1901, {"length": 114}), "bale_code", readings_pb2.RULE_FORM),
        (bale(1, lot_no=""), "lot_no", readings_pb2.RULE_REQUIRED),
        (bale(1, lot_no="6514016107"), "lot_no", readings_pb2.RULE_FORM),
        (bale(1, lot_no="651401610777"), "lot_no", readings_pb2.RULE_FORM),
        (bale(1, lot_no="6514O161077"), "lot_no", readings_pb2.RULE_FORM),
        (usda_bale(1, lot_no="12"), "lot_no", readings_pb2.RULE_FORM),
        (Bale("3" * 32, LOT), "unspecified", readings_pb2.RULE_REQUIRED),
    ],
)
def test_identifiers_and_missing_values_reject_the_bale_alone(
    strange: Bale, field: str, rule: readings_pb2.Rule.ValueType
) -> None:
    found = checked([bale(7), strange, bale(8)], "rows")
    assert found.rejected.tolist() == [False, True, False]
    assert found.rejections == {1: Finding(1, number(field), rule, None, None)}


def test_an_imported_bale_may_come_without_a_lot() -> None:
    assert not checked([usda_bale(1)]).rejected.any()


def test_of_several_faults_the_first_in_order_of_the_fields_is_reported() -> None:
    """The contract lists the fields; the first listed wins."""
    faults = {"colour_grade": 99, "length": 1, "rd": 1, "extraneous_matter": 100}
    strange = [
        Bale("12", "3", values=faults),
        Bale("3" * 32, "3", values=faults),
        Bale("3" * 32, LOT, values=faults),
        bale(1, length=1, rd=1, extraneous_matter=100),
        bale(1, rd=1, extraneous_matter=100),
        bale(1, extraneous_matter=100),
    ]
    found = checked(strange, "rows")
    fields = ["bale_code", "lot_no", "colour_grade", "length", "rd", "extraneous_matter"]
    assert [found.rejections[row].field for row in range(6)] == list(map(number, fields))


def test_a_code_whose_date_is_none_and_a_gin_that_is_not_the_lots_are_warned_about() -> None:
    """The places of gin and date in the code are known from one record: no reason to reject."""
    odd_date = Bale("3265140" + "991399" + "1" * 19, LOT, values={"length": 2820})
    odd_gin = Bale("3265141" + "161114" + "1" * 19, LOT, values={"length": 2820})
    found = checked([odd_date, odd_gin, bale(1)])
    assert not found.rejected.any()
    assert found.warned.tolist() == [True, True, False]
    assert found.warnings == [
        Finding(0, number("bale_code"), readings_pb2.RULE_FORM, None, None),
        Finding(1, number("lot_no"), readings_pb2.RULE_DISAGREES, None, None),
    ]


def test_a_rule_set_that_is_not_part_of_this_version_is_named() -> None:
    with pytest.raises(UnknownRuleSetError, match=r"'intake-99'.*Start the version"):
        rule_set("intake-99")


@pytest.mark.parametrize(
    ("time_s", "rejected", "warned"),
    [
        (-(2**63), True, False),
        (-1, True, False),
        (0, False, False),
        (1, False, True),
        (946_684_799, False, True),
        (946_684_800, False, False),
        (1_700_000_000, False, False),
        (4_102_444_799, False, False),
        (4_102_444_800, False, True),
        (2**32 - 1, False, True),
        (2**32, True, False),
        (1_700_000_000_000, True, False),
    ],
)
@pytest.mark.parametrize("shape", ["rows", "columns"])
def test_a_time_that_cannot_be_held_is_rejected_and_an_unlikely_one_warned_about(
    time_s: int, rejected: bool, warned: bool, shape: str
) -> None:
    """Milliseconds are the usual mistake; 0 means that the time is not known."""
    made = checked([replace(bale(1), inspected_at_s=time_s)], shape)
    assert (bool(made.rejected[0]), bool(made.warned[0])) == (rejected, warned)
    findings = [*made.rejections.values(), *made.warnings]
    assert all(each.field == common_pb2.FIELD_INSPECTED_AT for each in findings)
