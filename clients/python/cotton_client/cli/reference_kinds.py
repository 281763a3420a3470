"""The kinds of reference documents as words of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
from cotton.inspection.v1 import reference_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

ORGANISATION: Final = reference_pb2.REFERENCE_KIND_ORGANISATION
COLOUR_CHART: Final = reference_pb2.REFERENCE_KIND_COLOUR_CHART

MONEY: Final[Mapping[str, reference_pb2.ReferenceKind.ValueType]] = {
    "schedule": reference_pb2.REFERENCE_KIND_SCHEDULE,
    "rule_set": reference_pb2.REFERENCE_KIND_RULE_SET,
    "target_price": reference_pb2.REFERENCE_KIND_TARGET_PRICE,
}
"""Kinds of documents of money."""

_WORDS: Final[Mapping[str, reference_pb2.ReferenceKind.ValueType]] = {
    "organisation": ORGANISATION,
    "chart": COLOUR_CHART,
    # As answers have it, so that what they say can be given back.
    "colour_chart": COLOUR_CHART,
    **MONEY,
}


class ReferenceKind(click.ParamType[int]):
    """A kind of document by its word."""

    name = "kind"

    def __init__(self, *, of_money: bool = False) -> None:
        self._known = MONEY if of_money else _WORDS

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of the contract; any other word is refused."""
        if not isinstance(value, str):
            number: int = value
            return number
        word = value.strip().lower().replace("-", "_").replace(" ", "_")
        if word not in self._known:
            known = [name for name in self._known if name != "colour_chart"]
            listed = ", ".join(each.replace("_", "-") for each in known)
            self.fail(f"{value!r} is none of {listed}.", param, ctx)
        return self._known[word]
