"""Tables taken apart into rows, and rows laid out as cells of a table, by the contract alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cotton.inspection.v1 import lots_pb2, summary_pb2

from tests.grading import oracle as grades
from tests.support.figures_oracle import COLOUR_TYPES, FAMILIES, ITEMS, STAPLES, STATES, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cotton.inspection.v1 import readings_pb2

    from tests.support.figures_oracle import CountedLot

Cell = int | str | None


class Place(NamedTuple):
    """Which column a cell is of: its name, the standards that it is of, whether of last season."""

    name: str
    standards: tuple[str, ...] = ()
    last_season: bool = False


Cells = dict[Place, Cell]


class TableRow(NamedTuple):
    """A row of a table."""

    keys: tuple[str, ...]
    cells: Cells
    withheld: bool


def place_of(column: summary_pb2.FigureColumn) -> Place:
    """Which column it is."""
    return Place(column.name, tuple(column.standards), column.last_season)


def rows_of_page(
    page: summary_pb2.TablePage, columns: Sequence[summary_pb2.FigureColumn]
) -> list[TableRow]:
    """The rows of a page: texts come first among the columns, then figures."""
    texts = [each for each in columns if each.is_text]
    figures = [each for each in columns if not each.is_text]
    assert [*texts, *figures] == list(columns)
    told: dict[Place, Sequence[Cell]] = {}
    for column, text in zip(texts, page.texts, strict=True):
        told[place_of(column)] = _texts(text, page.rows)
    for column, values in zip(figures, page.figures, strict=True):
        told[place_of(column)] = _figures(values, page.rows)
    assert len(told) == len(columns), "two columns of one name, standards and season"
    keys = [_texts(each, page.rows) for each in page.keys]
    hidden = _bits(page.withheld, page.rows)
    return [
        TableRow(
            tuple(column[row] for column in keys),
            {place: column[row] for place, column in told.items()},
            hidden[row],
        )
        for row in range(page.rows)
    ]


def _texts(column: readings_pb2.TextColumn, rows: int) -> list[str]:
    index = list(column.index) or [0] * rows
    assert len(index) == rows
    return [column.dictionary[place] for place in index]


def _figures(column: summary_pb2.FigureValues, rows: int) -> list[int | None]:
    assert not (column.narrow and column.wide)
    values = list(column.narrow or column.wide)
    if len(values) == 1:
        values *= rows
    assert len(values) == rows
    absent = _bits(column.absent, rows)
    return [None if gone else value for value, gone in zip(values, absent, strict=True)]


def _bits(packed: bytes, rows: int) -> list[bool]:
    if not packed:
        return [False] * rows
    assert len(packed) == -(-rows // 8)
    return [bool(packed[row // 8] >> row % 8 & 1) for row in range(rows)]


# What the cells of a row must be.

COUNTS: Final = (
    *("lots", "lots_unregistered", "lots_weighed", "lots_with_conditioned_weight"),
    *(
        "lots_withdrawn",
        "lots_organisation_differs",
        "gins",
        "declared_bales",
        "bales",
        "bales_unregistered",
    ),
    *("bales_without_lot", "bales_without_standard", "bales_withdrawn"),
    *("gross", "tare", "net", "conditioned"),
)
RATIOS: Final = {
    "coverage": "coverage",
    "share_of_total": "share_of_total",
    "conditioned_per_bale": "conditioned_per_bale",
    "regain.mean_by_lots": "regain_mean_by_lots",
    "regain.mean_by_net": "regain_mean_by_net",
    "trash.mean_by_lots": "trash_mean_by_lots",
    "trash.mean_by_net": "trash_mean_by_net",
}
OPTIONAL: Final = (
    *("mean_to_hundredths", "mean_to_tenths", "min", "max", "standard_deviation"),
    *("weighted_mean_to_hundredths", "weighted_mean_to_tenths"),
)
TIERS: Final = {
    "length_level": "length",
    "micronaire_tier": "micronaire",
    "strength_tier": "strength",
    "uniformity_tier": "uniformity",
}


def cells_of_row(row: summary_pb2.SummaryRow, there: Iterable[str], *, last: bool = False) -> Cells:
    """The cells of a row where any of these standards graded something anywhere in the answer."""
    cells: Cells = {}
    if not row.withheld:
        states = {int(each.state): each.lots for each in row.lots_by_state}
        cells |= {Place(name): getattr(row, name) for name in COUNTS}
        cells |= {
            Place(f"lots.{name.lower()}"): states.get(number, 0)
            for number, name in enumerate(STATES, 1)
        }
        cells |= {
            Place(name): getattr(row, told) if row.HasField(told) else None  # type: ignore[arg-type]  # a name of a field
            for name, told in RATIOS.items()
        }
        told = [row.figures, *row.other_figures]
        for family in FAMILIES:
            if set(family) & set(there):
                mine = (each for each in told if set(each.standards) & set(family))
                found = next(mine, summary_pb2.GradeFigures())
                cells |= cells_of_figures(found, family)
    return {Place(place.name, place.standards, last): cell for place, cell in cells.items()}


def cells_on_last_season(row: summary_pb2.SummaryRow) -> Cells:
    """What stands in a row beside a season and the one before."""
    return {
        Place(name): getattr(row, name) if row.HasField(name) else None
        for name in ("bales_on_last_season", "conditioned_on_last_season")
    }


def cells_of_figures(figures: summary_pb2.GradeFigures, family: tuple[str, ...]) -> Cells:
    """The cells of figures under a family of standards; what has no bales has 0 or nothing."""
    newest = family[-1]
    mark = (figures.main_colour, figures.length.tier, figures.main_micronaire)
    plain: dict[str, Cell] = {
        "main_colour": figures.main_colour,
        "main_micronaire": figures.main_micronaire,
        "mark": "".join(mark) if all(mark) else "",
        **{name: getattr(figures, measure).tier for name, measure in TIERS.items()},
        "graded.bales": figures.bales,
        "foreign_fibre.bales": figures.bales_examined_for_foreign_fibre,
        "foreign_fibre.found": figures.bales_with_foreign_fibre,
    }
    for name in grades.MEASURES:
        measure = getattr(figures, name)
        plain |= {f"{name}.{what}": getattr(measure, what) for what in ("bales", "sum")}
        plain[f"{name}.lots_weighted"] = measure.lots_weighted
        plain |= {
            f"{name}.{what}": getattr(measure, what) if measure.HasField(what) else None
            for what in OPTIONAL
        }
        tiers: Sequence[str] = []
        if newest in grades.SAW_GINNED:
            tiers = grades.CLASSES.get(name, [])
        elif newest == grades.USDA and name == "length":
            tiers = STAPLES
        plain |= _classes(name, measure.classes, tiers, means=True)
    if newest in grades.SAW_GINNED:
        plain |= _classes("micronaire_grade", figures.micronaire_grades, "ABC", means=True)
    if names := grades.colours(newest):
        plain |= _classes("colour", figures.colours, names)
        plain |= _classes("colour_type", figures.colour_types, COLOUR_TYPES[newest])
        plain |= {
            "colour.bales": figures.bales - figures.bales_ungraded_in_colour,
            "colour.ungraded": figures.bales_ungraded_in_colour,
            "colour.by_chart": figures.bales_graded_by_chart,
            "chart.bales": figures.bales_compared_with_chart,
            "chart.differing": figures.bales_chart_differs,
        }
    item, field, names_of_item = ITEMS[newest]
    item = item.removesuffix("_grade") if item == "leaf_grade" else item
    judged = getattr(figures, field)
    plain |= _classes(item, judged, names_of_item)
    plain[f"{item}.bales"] = sum(each.bales for each in judged)
    met = {each.name: each for each in figures.joint}
    for name in _joint_names(newest):
        each = met.get(name, summary_pb2.JointShare())
        plain |= {f"joint.{name}.bales": each.bales, f"joint.{name}.of": each.of_bales}
        plain[f"joint.{name}.share"] = each.share
    return {Place(name, family): cell for name, cell in plain.items()}


def _joint_names(newest: str) -> Iterator[str]:
    for name, asked in grades.DEFINITIONS.items():
        by_tier = any(each and "." not in each for each in asked)
        if newest != grades.USDA and (newest in grades.SAW_GINNED or not by_tier):
            yield name


def _classes(
    item: str,
    found: Iterable[summary_pb2.ClassShare],
    names: Iterable[str],
    *,
    means: bool = False,
) -> dict[str, Cell]:
    by_name = {each.name: each for each in found}
    cells: dict[str, Cell] = {}
    for name in names:
        each = by_name.get(name, summary_pb2.ClassShare())
        cells |= {f"{item}.{name}.bales": each.bales, f"{item}.{name}.share": each.share}
        if means:
            cells[f"{item}.{name}.mean"] = each.mean if each.HasField("mean") else None
    return cells


def cells_of_certificate(
    made: summary_pb2.GetLotCertificateResponse, lot: CountedLot, *, organised: bool
) -> Cells:
    """The cells of a certificate in a table: of other standards than its own there are none."""
    words = words_of(lot.lot, organised=organised)
    cells: Cells = {Place(name): text for name, text in words.items()}
    cells |= {
        Place("lot_no"): lot.lot.lot_no,
        Place("season"): str(lot.lot.season),
        Place("state"): lot.lot.state,
        Place("standard"): made.standard,
        Place("quality_certificate_no"): "",
        Place("weight_certificate_no"): "",
        Place("laboratories"): ";".join(made.laboratories),
        Place("first_inspected_on"): made.first_inspected_on,
        Place("last_inspected_on"): made.last_inspected_on,
        Place("declared_bales"): 0 if lot.lot.withdrawn else made.lot.declared_bales,
        Place("bales"): made.bales,
        Place("bales_without_standard"): made.bales_without_standard,
        Place("bales_withdrawn"): lot.lot.bales_withdrawn,
    }
    weighed = made.HasField("weight")
    record = made.weight.record if weighed else lots_pb2.LotWeight()
    cells |= {
        Place("gross"): record.gross if weighed else None,
        Place("tare"): record.tare if weighed else None,
        Place("net"): made.weight.net if weighed else None,
        Place("conditioned"): made.weight.conditioned
        if made.weight.HasField("conditioned")
        else None,
    }
    for family in FAMILIES:
        if made.standard in family:
            cells |= cells_of_figures(made.figures, family)
    return cells
