"""A re-test beside the original: compared under the tolerances of a rule set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import readings_pb2

from cotton_server.domain.fields import ABSENT, VALUE_FIELDS
from cotton_server.intake.rules import InForce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.intake.rules import RetestRules

_PLACE: Final = {field.name: place for place, field in enumerate(VALUE_FIELDS)}


def compare(
    original: Sequence[int], retest: Sequence[int], rules: RetestRules, *, is_usda: bool
) -> readings_pb2.RetestComparison:
    """Two readings of one bale, field by field where both have a value.

    Both are the values of VALUE_FIELDS in order, ABSENT where absent. Measures without a
    tolerance are not compared. Revisions and what is in force are for the caller to fill in.
    """
    tolerances = rules.usda if is_usda else rules.gb
    comparison = readings_pb2.RetestComparison(
        within_tolerance=True, rule_set=rules.rule_set, unverified=rules.unverified
    )
    for field in VALUE_FIELDS:
        one, other = original[_PLACE[field.name]], retest[_PLACE[field.name]]
        if ABSENT in (one, other):
            continue
        if field.name in tolerances:
            tolerance = tolerances[field.name]
            within = abs(one - other) <= tolerance
            comparison.measures.add(
                field=field.number, original=one, retest=other, tolerance=tolerance, within=within
            )
        elif field.name in rules.equal:
            within = one == other
            comparison.measures.add(field=field.number, original=one, retest=other, within=within)
        else:
            continue
        comparison.within_tolerance &= within
    return comparison


def comes_into_force(
    kind: int, comparison: readings_pb2.RetestComparison | None, rules: RetestRules
) -> bool:
    """Whether a re-test takes the place of the reading in force.

    Without an original to compare it with, it is the only result known.
    """
    rule = rules.in_force[kind]
    if rule is InForce.NEVER:
        return False
    if rule is InForce.ALWAYS or comparison is None:
        return True
    return not comparison.within_tolerance
