"""Rule sets of intake: which values are accepted, warned about, rejected. Data, versioned."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cotton_server.domain.fields import VALUE_FIELDS, Kind
from cotton_server.domain.readings import REVIEW, SUPERVISORY

if TYPE_CHECKING:
    from collections.abc import Mapping

CURRENT: Final = "intake-3"
"""The rule set that decides what is received now."""

_CODES_END: Final = 100


class UnknownRuleSetError(Exception):
    """A ledger names a rule set that this version of the service does not have."""


@dataclass(frozen=True, slots=True)
class Range:
    """Limits in the integers of the contract, both ends inclusive."""

    reject_below: int
    reject_above: int
    warn_below: int
    warn_above: int


@dataclass(frozen=True, slots=True)
class FamilyRules:
    """Rules for bales of one way of naming.

    `ranges` by value field; `colour_grades` has True at every code that exists (length 100).
    """

    ranges: Mapping[str, Range]
    colour_grades: npt.NDArray[np.bool_]


class InForce(StrEnum):
    """When a re-test takes the place of the reading in force."""

    NEVER = "never"
    OUTSIDE_TOLERANCE = "outside_tolerance"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class RetestRules:
    """How re-tests are compared with originals, and when they count.

    `in_force` by kind of reading; `equal` are the codes that must be equal; `gb` and `usda` the
    largest difference within tolerance by measure, in the integers of the contract.
    `rule_set` they are of; `unverified` where no text of the rule was read.
    """

    rule_set: str
    in_force: Mapping[int, InForce]
    equal: tuple[str, ...]
    gb: Mapping[str, int]
    usda: Mapping[str, int]
    unverified: bool


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One version of what intake accepts.

    `known_standards` are the ids that may be named without a warning; `lot_ranges` by field of
    a weight record, in hundredths; `resolutions` in hundredths of a kilogram; `lot_instant_max`
    is the latest instant in a record of a lot, None without a bound; the days are calendar days in
    China time after the day of the result or of the objection.
    """

    id: str
    known_standards: frozenset[str]
    gb: FamilyRules
    usda: FamilyRules
    codes: Mapping[str, Range]
    inspected_at_s: Range
    lot_ranges: Mapping[str, Range]
    declared_bales_max: int
    resolutions: frozenset[int]
    lot_instant_max: int | None
    retest: RetestRules
    objection_days: int
    decision_days: int


@cache
def rule_set(name: str) -> RuleSet:
    """The rule set of that id; raises UnknownRuleSetError."""
    path = resources.files(__name__) / f"{name}.toml"
    if not path.is_file():
        raise UnknownRuleSetError(
            f"Rule set {name!r} is not part of this version. Start the version of the service"
            " that wrote this ledger, or a newer one."
        )
    data = tomllib.loads(path.read_text("utf-8"))
    hundredths = {field.name for field in VALUE_FIELDS if field.kind is Kind.HUNDREDTHS}
    scale = {field.name: 100 if field.name in hundredths else 1 for field in VALUE_FIELDS}
    return RuleSet(
        id=data["id"],
        known_standards=frozenset(data["known_standards"]),
        gb=_family(data["gb"], scale),
        usda=_family(data["usda"], scale),
        codes={
            field: Range(row["first"], row["last"], row["first"], row["last"])
            for field, row in data["codes"].items()
        },
        inspected_at_s=Range(*data["inspected_at_s"]["reject"], *data["inspected_at_s"]["warn"]),
        lot_ranges={field: _range(row, 100) for field, row in data["lot"]["ranges"].items()},
        declared_bales_max=data["lot"]["declared_bales_max"],
        resolutions=frozenset(_scaled(text, 100) for text in data["lot"]["resolutions_kg"]),
        lot_instant_max=data["lot"].get("instant_max_s"),
        retest=_retest(data["id"], data["retest"], scale),
        objection_days=data["deadlines"]["objection_days"],
        decision_days=data["deadlines"]["decision_days"],
    )


def _retest(rule_set_id: str, data: Mapping[str, Any], scale: Mapping[str, int]) -> RetestRules:
    def tolerances(family: str) -> dict[str, int]:
        # In the order of the fields, whatever that of the file.
        return {
            field.name: _scaled(data[family][field.name], scale[field.name])
            for field in VALUE_FIELDS
            if field.name in data[family]
        }

    return RetestRules(
        rule_set=rule_set_id,
        in_force={
            REVIEW: InForce(data["in_force"]["review"]),
            SUPERVISORY: InForce(data["in_force"]["supervisory"]),
        },
        equal=tuple(data["codes"]["equal"]),
        gb=tolerances("gb"),
        usda=tolerances("usda"),
        unverified=data["unverified"],
    )


def _family(data: Mapping[str, Any], scale: Mapping[str, int]) -> FamilyRules:
    known = np.zeros(_CODES_END, np.bool_)
    known[data["colour_grades"]] = True
    known.flags.writeable = False
    return FamilyRules(
        {field: _range(row, scale[field]) for field, row in data["ranges"].items()}, known
    )


def _range(row: Mapping[str, Any], scale: int) -> Range:
    limits = [_scaled(text, scale) for text in (*row["reject"], *row["warn"])]
    return Range(*limits)


def _scaled(text: str, scale: int) -> int:
    value = Decimal(text) * scale
    if value != int(value):
        raise ValueError(f"{text} does not fit a resolution of 1/{scale}")
    return int(value)
