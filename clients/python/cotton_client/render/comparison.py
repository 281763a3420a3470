"""A re-test beside the original, as lines for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton_client.render import names
from cotton_client.render.json_parts import field_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton.inspection.v1 import readings_pb2

TOLERANCES_UNVERIFIED: Final = (
    "The tolerances of re-tests, and when one takes the place of the original, are not verified"
    " against the text of a rule 未核实."
)


def verdict(comparison: readings_pb2.RetestComparison) -> str:
    """Within tolerance or not, and which reading is in force since."""
    within = "within tolerance 允差内" if comparison.within_tolerance else "beyond tolerance 超允差"
    force = "re-test in force" if comparison.retest_in_force else "original stays in force"
    return f"{within}, {force}"


def measures(comparison: readings_pb2.RetestComparison) -> Iterator[str]:
    """A line a field: original, re-test, and what may lie between them."""
    for each in comparison.measures:
        name = (names.field(each.field) or "").replace("_", " ")
        original = field_value(each.field, each.original)
        retest = field_value(each.field, each.retest)
        if each.HasField("tolerance"):
            sign = "within" if each.within else "beyond"
            against = f"{sign} ±{field_value(each.field, each.tolerance)}"
        else:
            against = "the same" if each.within else "not the same"
        yield f"{name} {original} → {retest}, {against}"
