"""What a warning of a bale says: the value received and the limit that it passes, as texts."""

from __future__ import annotations

from typing import Final

from cotton.inspection.v1 import readings_pb2

from cotton_client.fields import HUNDREDTHS_FIELDS, VALUE_FIELDS
from cotton_client.render import names
from cotton_client.render.values import fixed

_LIMITED: Final = frozenset({readings_pb2.RULE_BELOW, readings_pb2.RULE_ABOVE})
"""Rules that have a limit; the others leave it 0."""


def warned_values(warning: readings_pb2.BaleWarning) -> tuple[str, str]:
    """The value received and the limit, measures in real units: "28.20"; "" where there is none."""
    field = names.field(warning.field)
    limit = _text(field, warning.limit) if warning.rule in _LIMITED else ""
    return _text(field, warning.received), limit


def _text(field: str | None, value: int) -> str:
    if field in HUNDREDTHS_FIELDS:
        return fixed(value, 2)
    # A finding about a text, such as an unknown standard, comes without it.
    return str(value) if field in (*VALUE_FIELDS, "inspected_at") else ""
