"""The kinds of reference documents as words of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
from cotton.inspection.v1 import reference_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

ORGANISATION: Final = reference_pb2.REFERENCE_KIND_ORGANISATION
COLOUR_CHART: Final = reference_pb2.REFERENCE_KIND_COLOUR_CHART

_WORDS: Final[Mapping[str, reference_pb2.ReferenceKind.ValueType]] = {
    "organisation": ORGANISATION,
    "chart": COLOUR_CHART,
    # As answers have it, so that what they say can be given back.
    "colour_chart": COLOUR_CHART,
}


class ReferenceKind(click.ParamType[int]):
    """A kind of document by its word."""

    name = "kind"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of the contract; any other word is refused."""
        if not isinstance(value, str):
            number: int = value
            return number
        word = value.strip().lower().replace("-", "_")
        if word not in _WORDS:
            self.fail(f"{value!r} is neither organisation nor chart.", param, ctx)
        return _WORDS[word]
