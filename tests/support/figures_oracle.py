"""Every figure of a summary worked out once more, bale by bale, from what the contract says.

Plain Python: whole numbers, fractions and decimals. What counts at a revision comes as plain
records (`Past`); tables of tiers come from the oracle of grades. Answers are messages of the
contract, so that every field of them can be compared.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from functools import cache
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import cotton_server
from cotton.inspection.v1 import common_pb2, lots_pb2, summary_pb2

from tests.grading import oracle as grades

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tests.support.bales import Bale

CHINA: Final = timezone(timedelta(hours=8))

FAMILIES: Final = (
    (grades.OLD, grades.NEW),
    (grades.ROLLER,),
    (grades.LONG_STAPLE,),
    (grades.USDA,),
)
"""Standards whose items, units and classes are the same, oldest first."""

STATES: Final = tuple(name.removeprefix("LOT_STATE_") for name in summary_pb2.LotState.keys()[1:])

TRASH: Final = {grades.OLD: "2.5", grades.NEW: "2.5", grades.ROLLER: "3.0"}
"""Z0 in percent, where it is known; R0 is 8.5."""

UNVERIFIED: Final = {grades.NEW: [f"{grades.NEW}: weight.standard_trash"]}

CHARTS: Final = {grades.USDA: ["usda-upland"]}

COLOUR_TYPES: Final = {
    grades.OLD: ("white", "light_spotted", "light_yellow_tinged", "yellow_tinged"),
    grades.NEW: ("white", "light_spotted", "light_yellow_tinged", "yellow_tinged"),
    grades.USDA: ("white", "light_spotted", "spotted", "tinged", "yellow_stained"),
}
"""Types of colour by the second digit of their grades, from 1."""

ITEMS: Final = {
    grades.OLD: ("preparation", "preparations", ("P1", "P2", "P3")),
    grades.NEW: ("preparation", "preparations", ("P1", "P2", "P3")),
    grades.ROLLER: ("visual_grade", "visual_grades", tuple("1234567")),
    grades.LONG_STAPLE: ("visual_grade", "visual_grades", tuple("12345")),
    grades.USDA: ("leaf_grade", "leaf_grades", tuple("12345678")),
}
"""The item that is judged: its field, that of the answer, its classes."""

STAPLES: Final = [*(name for name, _ in grades.STAPLES), "44"]
PLACE_KEYS: Final = ("laboratory", "instrument", "day", "week", "month")

ORGANISATION: Final = """\
level,code,name,name_en,parent,valid_from,valid_to
region,xpcc,兵团,XPCC,,,
region,local,地方,Local,,,
division,7,第七师,7th Division,xpcc,,
division,8,第八师,8th Division,xpcc,,
regiment,150,一五〇团,150th Regiment,8,,2024-08-31
regiment,150,一五〇团,150th Regiment,7,2024-09-01,
county,k,库车,Kuqa,local,,
"""
"""An organisation in which a regiment goes to another division on 2024-09-01."""

_REGIMENT_MOVES: Final = date(2024, 9, 1)
_NAMES: Final = {
    **{("region", word): "兵团" for word in ("xpcc", "兵团")},
    **{("region", word): "地方" for word in ("local", "地方")},
    **{("division", word): "第七师" for word in ("7", "第七师")},
    **{("division", word): "第八师" for word in ("8", "第八师")},
    **{("regiment", word): "一五〇团" for word in ("150", "一五〇团")},
    **{("county", word): "库车" for word in ("k", "库车")},
}


@dataclass(frozen=True)
class LotRecord:
    """What is known of a lot: one without number keeps bales of a crop year without a lot."""

    lot_no: str
    season: int
    state: str
    registration: lots_pb2.Lot | None = None
    weight: lots_pb2.LotWeight | None = None
    withdrawn: bool = False
    bales_withdrawn: int = 0
    registered_at_s: int = 0


class StoredBale(NamedTuple):
    """A reading that counts, and the revision that brought it."""

    bale: Bale
    revision: int


@dataclass(frozen=True)
class Past:
    """Everything that counts at a revision.

    `bales` are those in force and those of first inspections, in order of arrival, without bales
    of withdrawn lots;
    `heard` has laboratories and instruments in the order in which they were first heard of.
    """

    revision: int
    received_at_s: int
    lots: Sequence[LotRecord]
    bales: Mapping[int, Sequence[StoredBale]]
    heard: Mapping[str, Sequence[str]]
    organisation_revision: int = 0


@dataclass(frozen=True)
class GradedBale:
    """A bale, its lot, the standard that grades it ("" for none), its grade and its keys."""

    bale: Bale
    revision: int
    lot: LotRecord
    standard: str
    grade: Mapping[str, Any]
    reported: str | None
    keys: Mapping[str, str]


@dataclass
class CountedLot:
    """A lot where it counts once: its own standard, conditioned weight, bales and keys.

    `differs`: whether its registration names another division or region than it is placed in.
    """

    lot: LotRecord
    standard: str
    conditioned: int | None
    bales: list[GradedBale]
    keys: Mapping[str, str]
    differs: bool = False


@dataclass
class Row:
    """The lots and bales of one row."""

    lots: list[CountedLot] = field(default_factory=list)
    bales: list[GradedBale] = field(default_factory=list)


Key = tuple[str, ...]


def season_of(bale: Bale) -> int:
    """The crop year of a bale's lot, or of a bale without one."""
    return 2000 + int(bale.lot_no[5:7]) if bale.lot_no else bale.crop_year


def china_day(seconds: int) -> date:
    """The day in China of an instant."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(CHINA).date()


def half_even(value: Fraction, step: int = 1) -> int:
    """The nearest multiple of a step; of two the even one."""
    return round(value / step) * step


# Grades and places.


def default_standard(lot: LotRecord) -> str:
    """The standard of readings that name none: of unregistered lots none is guessed."""
    if lot.registration is None:
        return ""
    if lot.registration.standard:
        return lot.registration.standard if lot.registration.standard in grades.STANDARDS else ""
    saw = grades.OLD if lot.season < 2024 else grades.NEW
    by_type = {
        common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND: saw,
        common_pb2.COTTON_TYPE_ROLLER_GINNED_UPLAND: grades.ROLLER if lot.season >= 2013 else "",
        common_pb2.COTTON_TYPE_EXTRA_LONG_STAPLE: (
            grades.LONG_STAPLE if lot.season >= 2024 else ""
        ),
        common_pb2.COTTON_TYPE_IMPORTED_UPLAND: grades.USDA,
    }
    return by_type[lot.registration.cotton_type]


def standard_of(bale: Bale, lot: LotRecord) -> str:
    """What grades a bale; inches are never graded as millimetres."""
    meant = bale.standard or default_standard(lot)
    fits = meant in grades.STANDARDS and (meant == grades.USDA) == bool(bale.crop_year)
    return meant if fits else ""


@cache
def chart_cells() -> dict[tuple[int, int], str]:
    """The grade of every cell of the chart that comes with the service: Rd, tenths of +b."""
    path = Path(cotton_server.__file__).parent / "grading" / "charts" / "usda-upland.csv"
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    cells = {}
    for row in csv.DictReader(lines):
        tenths = [int(Decimal(row[f"plus_b_{end}"]) * 10) for end in ("from", "to")]
        for rd in range(int(row["rd_from"]), int(row["rd_to"]) + 1):
            for plus_b in range(tenths[0], tenths[1] + 1):
                cells[rd, plus_b] = row["grade"]
    return cells


def chart_grade(bale: Bale, standard: str) -> str | None:
    """What the chart makes of Rd and +b, each rounded half up to its cell."""
    rd, plus_b = bale.values.get("rd"), bale.values.get("plus_b")
    if standard != grades.USDA or rd is None or plus_b is None:
        return None
    cell = (
        int((Decimal(rd) / 100).quantize(Decimal(1), ROUND_HALF_UP)),
        int((Decimal(plus_b) / 10).quantize(Decimal(1), ROUND_HALF_UP)),
    )
    return chart_cells().get(cell)


def words_of(lot: LotRecord, *, organised: bool) -> dict[str, str]:
    """The keys of a lot that its registration gives."""
    record = lot.registration
    names = ("region", "division", "regiment", "county", "warehouse", "traceability_unit", "agency")
    if record is None:
        words = dict.fromkeys((*names, "cotton_type", "picking_mode", "channel"), "")
        return {**words, "gin": lot.lot_no[:5], "production_line": lot.lot_no[7:8]}
    words = {name: getattr(record, name) for name in names}
    if organised:
        words |= placed(words, arrived_on(lot))
    enums: dict[str, tuple[Any, int]] = {
        "cotton_type": (common_pb2.CottonType, record.cotton_type),
        "picking_mode": (common_pb2.PickingMode, record.picking_mode),
        "channel": (common_pb2.Channel, record.channel),
    }
    for name, (enum, number) in enums.items():
        said = enum.Name(number).removeprefix(f"{name.upper()}_")
        words[name] = "" if said == "UNSPECIFIED" else said
    return {**words, "gin": record.gin_code, "production_line": record.production_line}


def differs(lot: LotRecord, *, organised: bool) -> bool:
    """Whether a registration names another division or region than the organisation of its day."""
    if lot.registration is None or not organised:
        return False
    said = words_of(lot, organised=False)
    got = words_of(lot, organised=True)
    return any(
        said[level] and _NAMES.get((level, said[level]), said[level]) != got[level]
        for level in ("region", "division")
    )


def placed(words: Mapping[str, str], day: date | None) -> dict[str, str]:
    """Where a lot belongs on its day, by ORGANISATION; what is not known stays."""
    assert day is not None
    named = {
        level: _NAMES.get((level, words[level]), "")
        for level in ("region", "division", "regiment", "county")
    }
    if named["regiment"]:
        named["division"] = "第八师" if day < _REGIMENT_MOVES else "第七师"
    if named["division"]:
        named["region"] = "兵团"
    elif named["county"] and not words["division"] and not words["regiment"]:
        named["region"] = "地方"
    return {level: name or words[level] for level, name in named.items()}


def place_keys(bale: Bale) -> dict[str, str]:
    """Where and when a bale was read; a day closes at 24:00 China time."""
    keys = dict.fromkeys(PLACE_KEYS, "")
    keys |= {"laboratory": bale.laboratory, "instrument": bale.instrument}
    if bale.inspected_at_s:
        keys |= day_keys(china_day(bale.inspected_at_s))
    return keys


def day_keys(day: date) -> dict[str, str]:
    """A day, its ISO week and its month."""
    year, week, _ = day.isocalendar()
    return {"day": day.isoformat(), "week": f"{year}-W{week:02d}", "month": day.isoformat()[:7]}


def arrived_on(lot: LotRecord) -> date | None:
    """The day of a lot's arrival at the gate, else of its registration."""
    if lot.registration is None:
        return None
    return china_day(lot.registration.gate_in_at_s or lot.registered_at_s)


def arrival(lot: LotRecord) -> dict[str, str]:
    """When a lot without bales counts; where is not known."""
    day = arrived_on(lot)
    return dict.fromkeys(PLACE_KEYS, "") | ({} if day is None else day_keys(day))


def leading_place(
    bales: Sequence[GradedBale], heard: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """The laboratory with most bales, of that the instrument, of that the day; last on a tie."""

    def last_first(key: str, value: str) -> tuple[int, str]:
        # What is not known is behind everything that is.
        known = heard.get(key, ())
        return (known.index(value) + 1 if value in known else 0, value)

    rest = list(bales)
    for key in ("laboratory", "instrument", "day"):
        counts = Counter(each.keys[key] for each in rest)
        best = max(counts, key=lambda value: (counts[value], last_first(key, value)), default="")
        rest = [each for each in rest if each.keys[key] == best]
    return {key: rest[0].keys[key] for key in PLACE_KEYS}


def conditioned_weight(weight: lots_pb2.LotWeight, standard: str) -> int | None:
    """The conditioned weight in hundredths of a kilogram, rounded once."""
    if standard not in TRASH or not (weight.HasField("regain") and weight.HasField("trash")):
        return None
    with localcontext(prec=60):
        kilograms = (
            Decimal(weight.gross - weight.tare)
            * (100 - Decimal(weight.trash) / 100)
            * Decimal("108.5")
            / ((100 - Decimal(TRASH[standard])) * (100 + Decimal(weight.regain) / 100))
        )
        steps = (kilograms / weight.resolution).to_integral_value(ROUND_HALF_EVEN)
    return int(steps) * weight.resolution


def counted(past: Past, basis: int) -> list[CountedLot]:
    """Every lot with its bales on a basis."""
    bales_of: dict[tuple[str, int], list[StoredBale]] = defaultdict(list)
    for stored in past.bales[basis or summary_pb2.BASIS_IN_FORCE]:
        bales_of[stored.bale.lot_no, season_of(stored.bale)].append(stored)
    organised = past.organisation_revision > 0
    found = []
    for lot in past.lots:
        keys = words_of(lot, organised=organised) | {
            "season": str(lot.season) if lot.season else "",
            "lot": lot.lot_no,
            "state": lot.state,
        }
        mine = []
        for bale, revision in bales_of.pop((lot.lot_no, lot.season), []):
            standard = standard_of(bale, lot)
            told = keys | place_keys(bale) | {"standard": standard}
            values = {**dict.fromkeys(VALUES), **bale.values}
            graded = grades.grade_bale(values, standard, chart_grade(bale, standard))
            reported = grades.colour(values, standard) if standard else None
            mine.append(GradedBale(bale, revision, lot, standard, graded, reported, told))
        counts = Counter(each.standard for each in mine if each.standard)
        most = max(counts.values(), default=0)
        leading = [name for name in grades.STANDARDS if most and counts[name] == most]
        own = leading[-1] if leading else default_standard(lot)
        weight = None if lot.withdrawn or lot.weight is None else lot.weight
        conditioned = None if weight is None else conditioned_weight(weight, own)
        # Of a lot without bales under its own standard the place is that of its other ones.
        leads = [each for each in mine if each.standard == own] or mine
        at = leading_place(leads, past.heard) if mine else arrival(lot)
        differs_ = differs(lot, organised=organised)
        found.append(
            CountedLot(lot, own, conditioned, mine, keys | {"standard": own} | at, differs_)
        )
    assert not bales_of, "bales of lots that are not known"
    return found


VALUES: Final = (
    *grades.MEASURES,
    "colour_grade",
    "preparation",
    "visual_grade",
    "leaf_grade",
    "foreign_fibre",
)


# Rows.


def key_name(number: int) -> str:
    """The name of a key of the contract."""
    name = summary_pb2.SummaryKey.Name(number)  # type: ignore[arg-type]  # any integer
    return name.removeprefix("SUMMARY_KEY_").lower()


def rows_of(
    lots: Iterable[CountedLot],
    keys: Sequence[str],
    filters: Mapping[str, Sequence[str]],
    first_day: str,
    last_day: str,
) -> dict[Key, Row]:
    """Lots and bales by the values of the keys."""

    def passes(told: Mapping[str, str]) -> bool:
        if (first_day or last_day) and not told["day"]:
            return False
        if first_day and told["day"] < first_day:
            return False
        if last_day and told["day"] > last_day:
            return False
        return all(told[key] in wanted for key, wanted in filters.items())

    rows: dict[Key, Row] = defaultdict(Row)
    for lot in lots:
        if passes(lot.keys):
            rows[tuple(lot.keys[key] for key in keys)].lots.append(lot)
        for bale in lot.bales:
            if passes(bale.keys):
                rows[tuple(bale.keys[key] for key in keys)].bales.append(bale)
    if not keys:
        rows.setdefault((), Row())
    return dict(sorted(rows.items()))


def merged(rows: Iterable[Row]) -> Row:
    """The total of rows."""
    total = Row()
    for row in rows:
        total.lots += row.lots
        total.bales += row.bales
    return total


# Figures.


def shares(counts: Sequence[int], decimals: int) -> list[int]:
    """Largest remainder: cut off, the units left over to the largest remainders."""
    bales, step = sum(counts), 10 if decimals == 1 else 1
    if not bales:
        return [0] * len(counts)
    exact = [Fraction(count * 10_000, bales * step) for count in counts]
    units = [int(each) for each in exact]
    order = sorted(range(len(counts)), key=lambda place: (units[place] - exact[place], place))
    for place in order[: 10_000 // step - sum(units)]:
        units[place] += 1
    return [each * step for each in units]


def certificate_shares(counts: Sequence[int], decimals: int) -> list[int]:
    """Each class rounded; the last that has bales takes the rest; never negative."""
    bales, step = sum(counts), 10 if decimals == 1 else 1
    if not bales:
        return [0] * len(counts)
    printed = [half_even(Fraction(count * 10_000, bales), step) for count in counts]
    last = max(place for place, count in enumerate(counts) if count)
    printed[last] += 10_000 - sum(printed)
    return shares(counts, decimals) if printed[last] < 0 else printed


def deviation(values: Sequence[int]) -> int | None:
    """Standard deviation of a sample, to the nearest whole hundredth; of two the even one."""
    if len(values) < 2:
        return None
    mean = Fraction(sum(values), len(values))
    variance = sum(((value - mean) ** 2 for value in values), Fraction(0)) / (len(values) - 1)
    root = isqrt(variance.numerator // variance.denominator)
    half = (root + Fraction(1, 2)) ** 2
    if variance == half:
        return root + root % 2
    return root + (variance > half)


@dataclass(frozen=True)
class Printer:
    """Prints figures by a rule of shares."""

    decimals: int
    rule: Callable[[Sequence[int], int], list[int]] = shares

    def classes(
        self,
        names: Sequence[str],
        of_bales: Sequence[str | None],
        values: Sequence[int | None] = (),
        step: int = 0,
    ) -> list[summary_pb2.ClassShare]:
        """The classes that have bales, in their order; means where there are values."""
        counts = [sum(each == name for each in of_bales) for name in names]
        found = []
        for name, count, share in zip(names, counts, self.rule(counts, self.decimals), strict=True):
            if not count:
                continue
            message = summary_pb2.ClassShare(name=name, bales=count, share=share)
            if step:
                own = [v for v, each in zip(values, of_bales, strict=True) if each == name]
                message.mean = half_even(Fraction(sum(v or 0 for v in own), count), step)
            found.append(message)
        return found

    def measure(
        self,
        name: str,
        bales: Sequence[GradedBale],
        weighted: Sequence[CountedLot] | None,
        newest: str,
    ) -> summary_pb2.MeasureSummary:
        """Everything of a measure; `weighted` are lots with a weight, None where none may be."""
        values = [each.grade[name] for each in bales if each.grade[name] is not None]
        step = 1 if grades.resolution(name, newest) == "0.01" else 10
        message = summary_pb2.MeasureSummary(bales=len(values), sum=sum(values))
        if values:
            mean = Fraction(sum(values), len(values))
            message.mean_to_hundredths, message.mean_to_tenths = (
                half_even(mean),
                half_even(mean, 10),
            )
            message.min, message.max = min(values), max(values)
            of_mean = Decimal(half_even(mean, step)) / 100
            message.tier = grades.tier(name, of_mean, newest) or ""
            if (found := deviation(values)) is not None:
                message.standard_deviation = found
        title = "length_level" if name == "length" else f"{name}_tier"
        names = STAPLES if newest == grades.USDA else grades.CLASSES.get(name, [])
        if names and any(each.grade.get(title) for each in bales):
            tiers = [each.grade[title] for each in bales]
            plain = [each.grade[name] for each in bales]
            message.classes.extend(self.classes(names, tiers, plain, step))
        if weighted is not None:
            self._by_weight(message, name, weighted)
        return message

    def _by_weight(
        self, message: summary_pb2.MeasureSummary, name: str, lots: Sequence[CountedLot]
    ) -> None:
        products, weights = Fraction(0), 0
        for lot in lots:
            own = [each for each in lot.bales if each.standard == lot.standard]
            values = [each.grade[name] for each in own if each.grade[name] is not None]
            if values and lot.conditioned:
                products += Fraction(lot.conditioned * sum(values), len(values))
                weights += lot.conditioned
                message.lots_weighted += 1
        if weights:
            message.weighted_mean_to_hundredths = half_even(products / weights)
            message.weighted_mean_to_tenths = half_even(products / weights, 10)

    def figures(
        self, bales: Sequence[GradedBale], weighted: Sequence[CountedLot] | None, newest: str
    ) -> summary_pb2.GradeFigures:
        """The figures of bales under standards whose newest is named."""
        measures: Any = {
            name: self.measure(name, bales, weighted, newest) for name in grades.MEASURES
        }
        there = {each.standard for each in bales}
        message = summary_pb2.GradeFigures(
            bales=len(bales),
            standards=[name for name in grades.STANDARDS if name in there],
            **measures,
        )
        self._colour(message, bales, newest)
        mic = [each.grade["micronaire_grade"] for each in bales]
        message.micronaire_grades.extend(
            self.classes("ABC", mic, [each.grade["micronaire"] for each in bales], 10)
        )
        most = Counter(each for each in mic if each).most_common(2)
        if most and (len(most) == 1 or most[0][1] > most[1][1]):
            message.main_micronaire = str(most[0][0])
        column, field_name, names = ITEMS[newest]
        judged = [each.grade[column] for each in bales]
        getattr(message, field_name).extend(self.classes(names, judged))
        foreign = [each.grade["foreign_fibre"] for each in bales]
        message.bales_examined_for_foreign_fibre = sum(each is not None for each in foreign)
        message.bales_with_foreign_fibre = sum(each is True for each in foreign)
        self._joint(message, bales, newest)
        return message

    def _colour(
        self, message: summary_pb2.GradeFigures, bales: Sequence[GradedBale], newest: str
    ) -> None:
        names = grades.colours(newest)
        if not names:
            return
        colours = [each.grade["colour_grade"] for each in bales]
        message.colours.extend(self.classes(names, colours))
        types = COLOUR_TYPES[newest]
        of_type = [each and types[int(each) % 10 - 1] for each in colours]
        message.colour_types.extend(self.classes(types, of_type))
        message.bales_ungraded_in_colour = colours.count(None)
        message.bales_graded_by_chart = sum(each.grade["colour_from_chart"] for each in bales)
        both = [
            (each.reported, each.grade["chart_colour_grade"])
            for each in bales
            if each.reported and each.grade["chart_colour_grade"]
        ]
        message.bales_compared_with_chart = len(both)
        message.bales_chart_differs = sum(one != other for one, other in both)
        if newest in grades.SAW_GINNED:
            message.main_colour = main_colour([each for each in colours if each]) or ""

    def _joint(
        self, message: summary_pb2.GradeFigures, bales: Sequence[GradedBale], newest: str
    ) -> None:
        for name, asked in grades.DEFINITIONS.items():
            by_tier = any(each and "." not in each for each in asked)
            if newest == grades.USDA or (by_tier and newest not in grades.SAW_GINNED):
                continue
            items = [item for item, each in zip(grades.DEFINED_OF, asked, strict=True) if each]
            of = [each for each in bales if all(each.grade[item] is not None for item in items)]
            meets = sum(name in each.grade["definitions"] for each in of)
            share = half_even(Fraction(meets * 10_000, len(of))) if of else 0
            message.joint.add(name=name, bales=meets, of_bales=len(of), share=share)

    def row(self, row: Row, total: Row) -> summary_pb2.SummaryRow:
        """All figures of a row, without its keys."""
        message = facts(row, total)
        families = []
        for place, family in enumerate(FAMILIES):
            bales = [each for each in row.bales if each.standard in family]
            if bales:
                weighted = [each for each in row.lots if each.standard in family]
                found = self.figures(bales, weighted, family[-1])
                families.append((-len(bales), -place, found))
        families.sort(key=lambda each: each[:2])
        message.figures.SetInParent()
        for number, (_, _, found) in enumerate(families):
            if number:
                message.other_figures.add().CopyFrom(found)
            else:
                message.figures.CopyFrom(found)
        return message


def main_colour(colours: Sequence[str]) -> str | None:
    """80 % of the graded bales, all others adjacent."""
    counts = Counter(colours)
    for name, count in counts.items():
        near = set(grades.NEIGHBOURS[name].split())
        if Fraction(count, len(colours)) >= Fraction(4, 5) and set(counts) - {name} <= near:
            return name
    return None


def facts(row: Row, total: Row) -> summary_pb2.SummaryRow:
    """What lots are and weigh, and how many bales there are."""
    numbered = [each for each in row.lots if each.lot.lot_no]
    lots = [each for each in numbered if not each.lot.withdrawn]
    registered = [each for each in lots if each.lot.registration is not None]
    weighed = [each for each in lots if each.lot.weight is not None]
    conditioned = [each for each in weighed if each.conditioned is not None]
    states = Counter(each.lot.state for each in numbered)
    message = summary_pb2.SummaryRow(
        lots=len(lots),
        lots_unregistered=len(lots) - len(registered),
        lots_weighed=len(weighed),
        lots_with_conditioned_weight=len(conditioned),
        lots_withdrawn=len(numbered) - len(lots),
        lots_organisation_differs=sum(each.differs for each in lots),
        gins=len({each.keys["gin"] for each in lots}),
        declared_bales=sum(_declared(each) for each in registered),
        bales=len(row.bales),
        bales_unregistered=sum(each.lot.registration is None for each in row.bales),
        bales_without_lot=sum(not each.lot.lot_no for each in row.bales),
        bales_without_standard=sum(not each.standard for each in row.bales),
        bales_withdrawn=sum(each.lot.bales_withdrawn for each in row.lots),
        gross=sum(_weight(each).gross for each in weighed),
        tare=sum(_weight(each).tare for each in weighed),
        net=sum(_net(each) for each in weighed),
        conditioned=sum(each.conditioned or 0 for each in conditioned),
        lots_by_state=[
            summary_pb2.LotStateCount(state=f"LOT_STATE_{name}", lots=states[name])  # type: ignore[arg-type]  # names are taken too
            for name in STATES
            if states[name]
        ],
    )
    both = [each for each in conditioned if each.bales]
    ratios = {
        "coverage": (
            10_000 * sum(_declares(each.lot.registration) for each in row.bales),
            message.declared_bales,
        ),
        "share_of_total": (10_000 * len(row.bales), len(total.bales)),
        "conditioned_per_bale": (
            sum(each.conditioned or 0 for each in both),
            sum(len(each.bales) for each in both),
        ),
    }
    for item in ("regain", "trash"):
        sampled = [each for each in weighed if _weight(each).HasField(item)]
        values = [getattr(_weight(each), item) for each in sampled]
        nets = [_net(each) for each in sampled]
        ratios[f"{item}_mean_by_lots"] = (sum(values), len(values))
        products = sum(value * net for value, net in zip(values, nets, strict=True))
        ratios[f"{item}_mean_by_net"] = (products, sum(nets))
    for name, (numerator, denominator) in ratios.items():
        if denominator:
            setattr(message, name, half_even(Fraction(numerator, denominator)))
    return message


def _declares(registration: lots_pb2.Lot | None) -> bool:
    return registration is not None and registration.declared_bales > 0


def _declared(lot: CountedLot) -> int:
    return 0 if lot.lot.registration is None else lot.lot.registration.declared_bales


def _weight(lot: CountedLot) -> lots_pb2.LotWeight:
    assert lot.lot.weight is not None
    return lot.lot.weight


def _net(lot: CountedLot) -> int:
    return _weight(lot).gross - _weight(lot).tare


# Answers.


@dataclass(frozen=True)
class Asked:
    """A question, taken apart."""

    keys: tuple[str, ...]
    filters: Mapping[str, tuple[str, ...]]
    first_day: str
    last_day: str

    def year_earlier(self) -> Asked:
        """The same of the season before."""
        (season,) = self.filters["season"]
        filters = {**self.filters, "season": (str(int(season) - 1),)}
        return Asked(self.keys, filters, *map(_year_earlier, (self.first_day, self.last_day)))


def _year_earlier(day: str) -> str:
    if day.endswith("-02-29"):
        day = f"{day[:4]}-02-28"
    return f"{int(day[:4]) - 1:04d}{day[4:]}" if day else ""


def asked_of(past: Past, request: summary_pb2.SummariseGradesRequest) -> Asked:
    """What a request asks; beside the season before its last day is that of the revision."""
    last_day = request.inspected_through
    if request.with_last_season and not last_day and past.revision:
        last_day = china_day(past.received_at_s).isoformat()
    return Asked(
        tuple(key_name(key) for key in request.keys),
        {key_name(each.key): tuple(each.values) for each in request.filters},
        request.inspected_from,
        last_day,
    )


def answer(
    past: Past, request: summary_pb2.SummariseGradesRequest
) -> summary_pb2.SummariseGradesResponse:
    """The whole answer to a question as one page, without what names the version of the service.

    Of a row without any lot or bale in the season before nothing stands beside.
    """
    asked = asked_of(past, request)
    lots = counted(past, request.basis)
    printer = Printer(request.share_decimals or 2)
    seasons = [asked, asked.year_earlier()] if request.with_last_season else [asked]
    found = [
        rows_of(lots, each.keys, each.filters, each.first_day, each.last_day) for each in seasons
    ]
    totals = [merged(rows.values()) for rows in found]
    response = summary_pb2.SummariseGradesResponse(
        revision=past.revision,
        weighting="bales",
        basis=request.basis or summary_pb2.BASIS_IN_FORCE,
    )
    keys = sorted({key for rows in found for key in rows})
    for key in keys:
        row = response.rows.add()
        for name, value in zip(request.keys, key, strict=True):
            row.keys.add(key=name, value=value)
    messages = [*response.rows, response.total]
    by_state = "state" in asked.keys
    for place, (rows, total) in enumerate(zip(found, totals, strict=True)):
        sides = [rows.get(key, Row()) for key in keys]
        printed = _printed(sides, total, printer, request.withhold_below, by_state=by_state)
        if place == 0:
            response.header.rows_withheld = sum(each.withheld for each in printed[:-1])
        for side, figures, message in zip([*sides, total], printed, messages, strict=True):
            if place == 0:
                message.MergeFrom(figures)
            elif side.bales or any(each.lot.lot_no for each in side.lots):
                message.last_season.CopyFrom(figures)
    for message in messages:
        _set_year_on_year(message)
    if not request.keys:
        response.rows[0].CopyFrom(response.total)
    _name_standards(response, totals)
    _set_header(response, past, seasons)
    return response


def _printed(
    sides: Sequence[Row], total: Row, printer: Printer, below: int, *, by_state: bool
) -> list[summary_pb2.SummaryRow]:
    """The figures of rows and then of the total, without those that are withheld."""
    hidden, total_hidden = withheld([parts_of(side, by_state=by_state) for side in sides], below)
    found = []
    for side, is_hidden in zip([*sides, total], [*hidden, total_hidden], strict=True):
        printed = printer.row(side, total)
        if total_hidden:
            # A share would tell the total.
            printed.ClearField("share_of_total")
        found.append(summary_pb2.SummaryRow(withheld=True) if is_hidden else printed)
    return found


def _set_header(
    response: summary_pb2.SummariseGradesResponse, past: Past, seasons: Sequence[Asked]
) -> None:
    header = summary_pb2.SummaryHeader(
        revision=past.revision,
        standards=response.standards,
        unverified=response.unverified,
        basis=response.basis,
        charts=[chart for name in response.standards for chart in CHARTS.get(name, [])],
        organisation_revision=past.organisation_revision,
        rows=len(response.rows),
        inspected_from=seasons[0].first_day,
        inspected_through=seasons[0].last_day,
        received_at_us=past.received_at_s * 1_000_000,
    )
    if len(seasons) > 1:
        header.last_inspected_from = seasons[1].first_day
        header.last_inspected_through = seasons[1].last_day
    response.header.MergeFrom(header)


def _set_year_on_year(row: summary_pb2.SummaryRow) -> None:
    """What has changed since the season before, where both are told and something was there."""
    if row.withheld:
        return
    for name in ("bales", "conditioned"):
        before = getattr(row.last_season, name)
        if before:
            change = Fraction((getattr(row, name) - before) * 10_000, before)
            setattr(row, f"{name}_on_last_season", half_even(change))


def _name_standards(response: summary_pb2.SummariseGradesResponse, totals: Sequence[Row]) -> None:
    """The standards that graded, and what is not verified of these and of those that weighed."""
    graded = {each.standard for total in totals for each in total.bales} - {""}
    weighed = {
        lot.standard for total in totals for lot in total.lots if lot.conditioned is not None
    }
    response.standards.extend(standard for standard in grades.STANDARDS if standard in graded)
    for standard in grades.STANDARDS:
        if standard in graded | weighed:
            response.unverified.extend(UNVERIFIED.get(standard, []))


def parts_of(row: Row, *, by_state: bool) -> Counter[str]:
    """The bales of a row that figures of their own are told of, and by state its lots."""
    counts = Counter({"all": len(row.bales)})
    for bale in row.bales:
        counts["unregistered"] += bale.lot.registration is None
        counts["without lot"] += not bale.lot.lot_no
        counts["under", bale.standard] += 1  # type: ignore[index]  # any name will do
        if not bale.standard:
            continue
        for name in _items_of(bale):
            counts["under", bale.standard, name] += 1  # type: ignore[index]  # any name will do
    for lot in row.lots:
        counts["withdrawn"] += lot.lot.bales_withdrawn
        if lot.conditioned is not None:
            counts["weighed"] += len(lot.bales)
        if by_state and lot.lot.lot_no:
            counts["state", lot.lot.state] += 1  # type: ignore[index]  # any name will do
    return counts


def _items_of(bale: GradedBale) -> Iterator[str]:
    """What a bale has that is told of by itself, under its standard."""
    grade, standard = bale.grade, bale.standard
    yield from (name for name in grades.MEASURES if grade[name] is not None)
    if grade[ITEMS[standard][0]] is not None:
        yield "judged"
    if grade["foreign_fibre"] is not None:
        yield "foreign fibre"
    if grades.colours(standard):
        yield "no colour" if grade["colour_grade"] is None else "colour"
        if bale.reported and grade["chart_colour_grade"]:
            yield "chart"
    for name, asked in grades.DEFINITIONS.items():
        items = [item for item, each in zip(grades.DEFINED_OF, asked, strict=True) if each]
        by_tier = any(each and "." not in each for each in asked)
        applies = standard in grades.SAW_GINNED or (standard != grades.USDA and not by_tier)
        if applies and all(grade[item] is not None for item in items):
            yield f"of {name}"
            if name in grade["definitions"]:
                yield name


def withheld(rows: Sequence[Mapping[str, int]], below: int) -> tuple[list[bool], bool]:
    """Which rows are withheld, and whether the total is, by the parts of their bales.

    Small rows; and while of any part what the withheld rows have is neither nothing nor at least
    `below` of two rows, the smallest row that has some of it. Without one the total, and of the
    rows only the small ones.
    """
    small = {place for place, row in enumerate(rows) if 0 < row["all"] < below}
    hidden = set(small)
    names = sorted({name for row in rows for name in row}, key=str)
    while small and (open_parts := [name for name in names if _tells(rows, hidden, name, below)]):
        able = [
            place
            for place, row in enumerate(rows)
            if place not in hidden and row["all"] and any(row[name] for name in open_parts)
        ]
        if not able:
            return [place in small for place in range(len(rows))], True
        hidden.add(min(able, key=lambda place: (rows[place]["all"], place)))
    return [place in hidden for place in range(len(rows))], False


def _tells(rows: Sequence[Mapping[str, int]], hidden: set[int], name: str, below: int) -> bool:
    """Whether subtracting what is told from the total tells of a row, or of too few bales."""
    counts = [rows[place][name] for place in hidden if rows[place][name]]
    return bool(counts) and (len(counts) < 2 or sum(counts) < below)


# Certificates and single bales.


def certificate(
    lot: CountedLot, decimals: int, organisation_revision: int
) -> summary_pb2.GetLotCertificateResponse:
    """The certificate of a lot, without its status and what names the version of the service."""
    record = lot.lot
    message = summary_pb2.GetLotCertificateResponse(
        state=f"LOT_STATE_{record.state}",  # type: ignore[arg-type]  # names are taken too
        lot=record.registration or lots_pb2.Lot(lot_no=record.lot_no),
        season=record.season,
        standard=lot.standard,
        bales=len(lot.bales),
        bales_without_standard=sum(not each.standard for each in lot.bales),
        laboratories=sorted({each.bale.laboratory for each in lot.bales} - {""}),
        unverified=UNVERIFIED.get(lot.standard, []),
        charts=CHARTS.get(lot.standard, []),
        region=lot.keys["region"],
        division=lot.keys["division"],
        regiment=lot.keys["regiment"],
        county=lot.keys["county"],
        organisation_differs=lot.differs,
        organisation_revision=organisation_revision,
    )
    days = sorted(each.keys["day"] for each in lot.bales if each.keys["day"])
    if days:
        message.first_inspected_on, message.last_inspected_on = days[0], days[-1]
    if record.weight is not None and not record.withdrawn:
        message.weight.record.CopyFrom(record.weight)
        message.weight.net = record.weight.gross - record.weight.tare
        if lot.conditioned is not None:
            message.weight.conditioned = lot.conditioned
    if lot.standard:
        own = [each for each in lot.bales if each.standard == lot.standard]
        printer = Printer(decimals, certificate_shares)
        figures = printer.figures(own, None, lot.standard)
        # Of a lot that is not read it is the one by which it would be graded.
        figures.standards[:] = [lot.standard]
        message.figures.CopyFrom(figures)
        message.main_colour = figures.main_colour
        message.main_micronaire = figures.main_micronaire
        message.length_level = int(figures.length.tier or 0)
        parts = figures.main_colour, figures.length.tier, figures.main_micronaire
        message.mark = "".join(parts) if all(parts) else ""
    message.bales_under_other_standards = (
        message.bales - message.bales_without_standard - message.figures.bales
    )
    return message


def listed(
    past: Past,
    basis: int,
    causes: Iterable[int],
    filters: Mapping[str, Sequence[str]],
) -> list[summary_pb2.ListedBale]:
    """Bales with any of the causes, in order of arrival."""
    wanted = set(causes)
    found = []
    for row in rows_of(counted(past, basis), (), filters, "", "").values():
        for each in row.bales:
            colours = each.reported, each.grade["chart_colour_grade"]
            is_graded = bool(grades.colours(each.standard))
            holds = {
                summary_pb2.BALE_CAUSE_UNREGISTERED: each.lot.registration is None,
                summary_pb2.BALE_CAUSE_WITHOUT_STANDARD: not each.standard,
                summary_pb2.BALE_CAUSE_UNGRADED_IN_COLOUR: is_graded and not any(colours),
                summary_pb2.BALE_CAUSE_CHART_DIFFERS: all(colours) and colours[0] != colours[1],
            }
            why = [cause for cause, there in holds.items() if there and cause in wanted]
            if why:
                found.append((each, why))
    order = {id(stored.bale): place for place, stored in enumerate(past.bales[basis or 1])}
    found.sort(key=lambda pair: order[id(pair[0].bale)])
    return [
        summary_pb2.ListedBale(
            bale=f"{each.bale.crop_year}/{each.bale.code}"
            if each.bale.crop_year
            else each.bale.code,
            lot_no=each.lot.lot_no,
            causes=why,
            laboratory=each.bale.laboratory,
            instrument=each.bale.instrument,
            inspected_at_s=each.bale.inspected_at_s,
            standard=each.standard,
            colour_grade=each.bale.values.get("colour_grade", 0),
            chart_colour_grade=int(each.grade["chart_colour_grade"] or 0),
            stored_at_revision=each.revision,
        )
        for each, why in found
    ]
