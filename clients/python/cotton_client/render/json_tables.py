"""Tables and lists as JSON objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cotton_client.render import names
from cotton_client.render.json_figures import header
from cotton_client.render.json_parts import Json, instant

if TYPE_CHECKING:
    from decimal import Decimal

    from cotton.inspection.v1 import summary_pb2

    from cotton_client.tables import Table

BALE_COLUMNS: Final = (
    "revision",
    "bale",
    "lot_no",
    "causes",
    "laboratory",
    "instrument",
    "inspected_at",
    "standard",
    "colour_grade",
    "chart_colour_grade",
    "stored_at_revision",
)
"""What is told of a listed bale."""


def certificates(table: Table) -> Json:
    """Certificates of lots: every column by its name, in real units."""
    return {
        "revision": table.header.revision,
        "header": header(table.header),
        "certificates": table_rows(table),
    }


def table_rows(table: Table) -> list[Json]:
    """The rows of a table: keys and columns by their names, in real units."""
    from cotton_client.export.plain import words_lowered  # noqa: PLC0415 - loads polars
    from cotton_client.tables import to_units  # noqa: PLC0415 - as above

    return [
        {name: _value(value) for name, value in row.items()}
        for row in words_lowered(to_units(table), table).iter_rows(named=True)
    ]


def listed_bale(bale: summary_pb2.ListedBale, revision: int) -> Json:
    """One bale that is listed, and why."""
    return {
        "revision": revision,
        "bale": bale.bale,
        "lot_no": bale.lot_no or None,
        "causes": [str(names.bale_cause(each)) for each in bale.causes],
        "laboratory": bale.laboratory or None,
        "instrument": bale.instrument or None,
        "inspected_at": instant(bale.inspected_at_s),
        "standard": bale.standard or None,
        "colour_grade": bale.colour_grade or None,
        "chart_colour_grade": bale.chart_colour_grade or None,
        "stored_at_revision": bale.stored_at_revision,
    }


def _value(value: Decimal | int | str | None) -> Any:
    """A decimal as text in its shortest exact form; all else as it is."""
    if value is None or isinstance(value, int | str):
        return value
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
