"""Lots and weights that are unlikely: created all the same, and what is said of them."""

from __future__ import annotations

from typing import Any

import pytest
from cotton.inspection.v1 import common_pb2, lots_pb2, readings_pb2
from cotton_server.intake.check import WARNINGS_LISTED_MAX
from cotton_server.intake.lots import decide_lots, decide_weights
from cotton_server.intake.rules import CURRENT, rule_set
from cotton_server.registry.registry import Registry

from tests.support.bales import LOT

RULES = rule_set(CURRENT)
BELOW, ABOVE = readings_pb2.RULE_BELOW, readings_pb2.RULE_ABOVE


def weight(lot_no: str = LOT, **fields: Any) -> lots_pb2.LotWeight:
    """A likely weight record, or one with other values."""
    plain = {"gross": 4262000, "tare": 24600, "regain": 820, "trash": 230, "resolution": 100}
    return lots_pb2.LotWeight(lot_no=lot_no, **{**plain, **fields})


def weighed(*weights: lots_pb2.LotWeight) -> lots_pb2.LotsOutcome:
    """What becomes of weight records in an empty registry."""
    return decide_weights(weights, Registry(bales_max=1), RULES, 1).outcome


@pytest.mark.parametrize(
    ("fields", "field", "rule", "received", "limit"),
    [
        ({"regain": 1900}, common_pb2.FIELD_REGAIN, ABOVE, "19.00", "10.00"),
        ({"regain": 299}, common_pb2.FIELD_REGAIN, BELOW, "2.99", "3.00"),
        ({"trash": 601}, common_pb2.FIELD_TRASH, ABOVE, "6.01", "6.00"),
        ({"trash": 49}, common_pb2.FIELD_TRASH, BELOW, "0.49", "0.50"),
        ({"gross": 7000001}, common_pb2.FIELD_GROSS, ABOVE, "70000.01", "70000.00"),
        ({"gross": 1999999}, common_pb2.FIELD_GROSS, BELOW, "19999.99", "20000.00"),
    ],
)
def test_an_unlikely_weight_is_created_with_a_warning(
    fields: dict[str, Any], field: int, rule: int, received: str, limit: str
) -> None:
    outcome = weighed(weight("65140161078"), weight(**fields))
    assert (outcome.created, outcome.rejected, outcome.warned) == (2, 0, 1)
    (warning,) = outcome.warnings
    assert (warning.row, warning.lot_no, warning.field) == (1, LOT, field)
    assert (warning.rule, warning.received, warning.limit) == (rule, received, limit)


@pytest.mark.parametrize(
    "fields", [{"regain": 1000}, {"regain": 300}, {"trash": 600}, {"trash": 50}, {"gross": 7000000}]
)
def test_a_value_at_the_end_of_its_likely_range_is_likely(fields: dict[str, Any]) -> None:
    assert weighed(weight(**fields)).warned == 0


def test_what_is_not_known_is_not_unlikely() -> None:
    record = weight()
    record.ClearField("regain")
    record.ClearField("trash")
    assert weighed(record).warned == 0


def test_only_created_records_are_warned_about() -> None:
    """Neither a repeat, nor a conflict, nor what is rejected; a record counts once."""
    unlikely = weight(regain=1900, trash=700)
    outcome = weighed(unlikely, unlikely, weight(regain=1800), weight(regain=2001))
    assert (outcome.created, outcome.existing, outcome.conflicting, outcome.rejected) == (
        1, 1, 1, 1,
    )  # fmt: skip
    assert (outcome.warned, [each.row for each in outcome.warnings]) == (1, [0, 0])


def test_the_list_of_warnings_has_an_end_and_their_count_has_none() -> None:
    many = [
        weight(f"651401{year}{serial:03d}", regain=1900, trash=700)
        for year in (61, 62)
        for serial in range(400)
    ]
    outcome = weighed(*many)
    assert (outcome.created, outcome.warned) == (800, 800)
    assert len(outcome.warnings) == WARNINGS_LISTED_MAX


@pytest.mark.parametrize("standard", ["", *sorted(RULES.known_standards)])
def test_a_lot_may_name_any_known_standard(standard: str) -> None:
    """Also one by which this version does not grade."""
    assert registered(standard).warned == 0


def test_a_lot_that_names_an_unknown_standard_is_created_with_a_warning() -> None:
    """A slip of the pen would leave its bales ungraded."""
    outcome = registered("GB1103-2012")
    assert (outcome.created, outcome.warned) == (1, 1)
    (warning,) = outcome.warnings
    assert (warning.field, warning.rule) == (
        common_pb2.FIELD_STANDARD,
        readings_pb2.RULE_UNKNOWN_CODE,
    )
    assert (warning.lot_no, warning.received, warning.limit) == (LOT, "GB1103-2012", "")


def registered(standard: str) -> lots_pb2.LotsOutcome:
    """What becomes of a lot that names a standard."""
    lot = lots_pb2.Lot(
        lot_no=LOT, cotton_type=common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND, standard=standard
    )
    return decide_lots([lot], Registry(bales_max=1), RULES, 1).outcome
