"""Grades and figures worked out once more, in plain decimals, from the text of the standards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from functools import cache

Bale = Mapping[str, int | None]
Grade = dict[str, str | int | bool | list[str] | None]

OLD, NEW = "GB1103.1-2012", "GB1103.1-2023"
ROLLER, LONG_STAPLE, USDA = "GB1103.2-2012", "GB/T19635-2024", "USDA"
SAW_GINNED = (OLD, NEW)
STANDARDS = (OLD, ROLLER, NEW, LONG_STAPLE, USDA)

NEIGHBOURS = {
    "11": "21 12", "21": "11 31 12", "31": "21 41 12 22", "41": "31 51 22", "51": "41",
    "12": "11 21 31 22", "22": "12 31 41 32", "32": "22", "13": "23", "23": "13 33",
    "33": "23", "14": "24", "24": "14",
}  # fmt: skip
USDA_COLOURS = (
    "11 21 31 41 51 61 71 81 12 22 32 42 52 62 82 13 23 33 43 53 63 83 24 34 44 54 84 25 35 85"
)
MEASURES = ("length", "micronaire", "strength", "uniformity", "rd", "plus_b", "short_fibre")
CLASSES = {
    "length": [str(level) for level in range(25, 33)],
    "micronaire": ["A", "B1", "B2", "C1", "C2"],
    "strength": ["S1", "S2", "S3", "S4", "S5"],
    "uniformity": ["U1", "U2", "U3", "U4", "U5"],
}
# Lowest value of each tier.
LIMITS = {
    "micronaire": [("C2", "5.0"), ("B2", "4.3"), ("A", "3.7"), ("B1", "3.5"), ("C1", "0")],
    "strength": [("S1", "31.0"), ("S2", "29.0"), ("S3", "26.0"), ("S4", "24.0"), ("S5", "0")],
    "uniformity": [("U1", "86.0"), ("U2", "83.0"), ("U3", "80.0"), ("U4", "77.0"), ("U5", "0")],
}
# Highest length in inches of each staple in 32nds.
STAPLES = [
    ("24", "0.79"), ("26", "0.85"), ("28", "0.89"), ("29", "0.92"), ("30", "0.95"), ("31", "0.98"),
    ("32", "1.01"), ("33", "1.04"), ("34", "1.07"), ("35", "1.10"), ("36", "1.13"), ("37", "1.17"),
    ("38", "1.20"), ("39", "1.23"), ("40", "1.26"), ("41", "1.29"), ("42", "1.32"), ("43", "1.35"),
]  # fmt: skip
VISUAL_GRADES = {ROLLER: 7, LONG_STAPLE: 5}
# What is asked of length, strength, micronaire, uniformity: a least value, or names of tiers.
DEFINITIONS = {
    "double_28": ("28.0", "28.0", "", ""),
    "double_29": ("29.0", "29.0", "", ""),
    "double_29a": ("29.0", "29.0", "A", ""),
    "double_29b2": ("29.0", "29.0", "B2", ""),
    "double_30": ("30.0", "30.0", "", ""),
    "length_28": ("28.0", "", "", ""),
    "length_29": ("29.0", "", "", ""),
    "micronaire_a_b": ("", "", "A B1 B2", ""),
    "strength_s1_s2": ("", "S1 S2", "", ""),
    "uniformity_u1_u2": ("", "", "", "U1 U2"),
    "quality_xpcc_2023": ("29.0", "29.0", "A B2", ""),
}
DEFINED_OF = ("length", "strength", "micronaire", "uniformity")


def official(hundredths: int, resolution: str = "0.1") -> Decimal:
    """The value rounded by GB/T 8170."""
    return (Decimal(hundredths) / 100).quantize(Decimal(resolution), rounding=ROUND_HALF_EVEN)


def resolution(measure: str, standard: str) -> str:
    """To what a measure is rounded."""
    return "0.01" if standard == USDA and measure == "length" else "0.1"


def tier(measure: str, value: Decimal, standard: str = OLD) -> str | None:
    """The tier of an official value; only length has tiers under USDA."""
    if standard == USDA and measure == "length":
        return next((name for name, highest in STAPLES if value <= Decimal(highest)), "44")
    if standard not in SAW_GINNED:
        return None
    if measure == "length":
        return str(min(max(int(value.to_integral_value(ROUND_FLOOR)), 25), 32))
    if measure not in LIMITS:
        return None
    return next(name for name, limit in LIMITS[measure] if value >= Decimal(limit))


@cache
def measured(measure: str, hundredths: int | None, standard: str) -> tuple[int | None, str | None]:
    """The official value in hundredths and its tier."""
    if hundredths is None:
        return None, None
    value = official(hundredths, resolution(measure, standard))
    return int(value * 100), tier(measure, value, standard)


@cache
def allowed(measure: str, hundredths: int | None, standard: str) -> frozenset[str]:
    """The definitions that the value of one measure does not rule out."""
    value, its_tier = measured(measure, hundredths, standard)
    place = DEFINED_OF.index(measure)
    names = set()
    for name, asked in DEFINITIONS.items():
        condition = asked[place]
        if not condition:
            names.add(name)
        elif value is not None and "." in condition:
            names |= {name} if Decimal(value) / 100 >= Decimal(condition) else set()
        elif value is not None and its_tier in condition.split():
            names.add(name)
    return frozenset(names)


@cache
def together(sets: frozenset[frozenset[str]], standard: str) -> tuple[str, ...]:
    """The definitions that no measure rules out, in their order; none says anything of inches."""
    if standard == USDA:
        return ()
    return tuple(name for name in DEFINITIONS if all(name in each for each in sets))


def colours(standard: str) -> list[str]:
    """The colour grades of a standard."""
    if standard == USDA:
        return USDA_COLOURS.split()
    return list(NEIGHBOURS) if standard in SAW_GINNED else []


def half_even(value: Fraction) -> int:
    """The nearest whole number, of two the even one."""
    return round(value)


def colour(bale: Bale, standard: str = OLD) -> str | None:
    """The reported grade where it is one of the standard's."""
    code = str(bale["colour_grade"])
    return code if code in colours(standard) else None


def classes(column: str, code: int | None, standard: str) -> str | None:
    """The class of an item that is judged."""
    if code is None:
        return None
    last = {
        "preparation": 3 if standard in SAW_GINNED else 0,
        "visual_grade": VISUAL_GRADES.get(standard, 0),
        "leaf_grade": 8 if standard == USDA else 0,
    }[column]
    prefix = "P" if column == "preparation" else ""
    return f"{prefix}{code}" if 1 <= code <= last else None


def defined_of(bale: Bale, standard: str) -> tuple[str, ...]:
    """The definitions that a bale meets."""
    return together(frozenset(allowed(n, bale[n], standard) for n in DEFINED_OF), standard)


def grade_bale(bale: Bale, standard: str = OLD, chart: str | None = None) -> Grade:
    """What `grade_bales` must say of one bale; `chart` is what the chart gives."""
    graded: Grade = {}
    for name in MEASURES:
        title = "length_level" if name == "length" else f"{name}_tier"
        graded[name], graded[title] = measured(name, bale[name], standard)
    del graded["rd_tier"], graded["plus_b_tier"]
    mic = graded["micronaire_tier"]
    graded["micronaire_grade"] = str(mic)[0] if mic else None
    reported = colour(bale, standard)
    graded["colour_grade"] = reported or chart
    graded["chart_colour_grade"] = chart
    graded["colour_from_chart"] = reported is None and chart is not None
    for column in ("preparation", "visual_grade", "leaf_grade"):
        graded[column] = classes(column, bale.get(column), standard)
    foreign = bale["foreign_fibre"]
    graded["foreign_fibre"] = None if foreign is None else foreign == 1
    graded["definitions"] = list(defined_of(bale, standard))
    return graded


def grade_columns(
    columns: Mapping[str, list[int | None]], standard: str, chart: list[str | None]
) -> dict[str, list[str | int | bool | list[str] | None]]:
    """What `grade_bales` must say of many bales, column by column; see `grade_bale`."""
    graded: dict[str, list[str | int | bool | list[str] | None]] = {}
    for name in MEASURES:
        pairs = [measured(name, value, standard) for value in columns[name]]
        graded[name] = [value for value, _ in pairs]
        if name not in {"rd", "plus_b"}:
            title = "length_level" if name == "length" else f"{name}_tier"
            graded[title] = [its_tier for _, its_tier in pairs]
    graded["micronaire_grade"] = [each and str(each)[0] for each in graded["micronaire_tier"]]
    known = {int(name): name for name in colours(standard)}
    reported = [known.get(code or 0) for code in columns["colour_grade"]]
    graded["chart_colour_grade"] = list(chart)
    graded["colour_grade"] = [own or other for own, other in zip(reported, chart, strict=True)]
    graded["colour_from_chart"] = [
        own is None and other is not None for own, other in zip(reported, chart, strict=True)
    ]
    for name in ("preparation", "visual_grade", "leaf_grade"):
        by_code = {code: classes(name, code, standard) for code in {*columns[name]}}
        graded[name] = [by_code[code] for code in columns[name]]
    foreign = {None: None, 0: False, 1: True}
    graded["foreign_fibre"] = [foreign[each] for each in columns["foreign_fibre"]]
    sets = ([allowed(name, value, standard) for value in columns[name]] for name in DEFINED_OF)
    graded["definitions"] = [
        list(together(frozenset(each), standard)) for each in zip(*sets, strict=True)
    ]
    return graded


def roll_up(bales: Iterable[Bale]) -> dict[str, int | None]:
    """What a row of a roll-up must hold, but columns of classes without bales are left out."""
    bales = list(bales)
    graded = [grade_bale(bale) for bale in bales]
    row: dict[str, int | None] = {"bales": len(graded)}
    colours = Counter(str(g["colour_grade"]) for g in graded if g["colour_grade"])
    preparations = Counter(str(g["preparation"]) for g in graded if g["preparation"])
    for item, counts in (("colour", colours), ("preparation", preparations)):
        row[f"{item}.bales"] = counts.total()
        row |= {f"{item}.{name}.bales": count for name, count in counts.items()}
    examined = [g["foreign_fibre"] for g in graded if g["foreign_fibre"] is not None]
    row["foreign_fibre.bales"] = len(examined)
    row["foreign_fibre.found"] = sum(map(bool, examined))
    for name, asked in DEFINITIONS.items():
        items = [measure for measure, each in zip(DEFINED_OF, asked, strict=True) if each]
        row[f"joint.{name}.of"] = sum(all(bale[i] is not None for i in items) for bale in bales)
        row[f"joint.{name}.bales"] = sum(name in defined_of(bale, OLD) for bale in bales)
    for name in MEASURES:
        values = [value for g in graded if isinstance(value := g[name], int)]
        row |= {f"{name}.bales": len(values), f"{name}.sum": sum(values)}
        row[f"{name}.squares"] = sum((value // 10) ** 2 for value in values)
        row |= {f"{name}.min": min(values, default=None), f"{name}.max": max(values, default=None)}
        for each in CLASSES.get(name, []):
            members = [v for v in values if tier(name, Decimal(v) / 100) == each]
            if members:
                row[f"{name}.{each}.bales"] = len(members)
                row[f"{name}.{each}.sum"] = sum(members)
    return row


def main_colour(bales: Iterable[Bale]) -> str | None:
    """80 % of the graded bales, all others adjacent."""
    counts = Counter(name for bale in bales if (name := colour(bale)))
    for name, count in counts.items():
        others = set(counts) - {name}
        if Fraction(count, counts.total()) >= Fraction(80, 100) and others <= set(
            NEIGHBOURS[name].split()
        ):
            return name
    return None


def length_level(bales: Iterable[Bale]) -> str | None:
    """The level of the mean rounded to 0.1."""
    values = [int(official(v) * 100) for bale in bales if (v := bale["length"]) is not None]
    if not values:
        return None
    return tier("length", Decimal(half_even(Fraction(sum(values), len(values) * 10))) / 10)


def main_micronaire(bales: Iterable[Bale]) -> str | None:
    """The grade with most bales."""
    counts = Counter(
        str(tier("micronaire", official(v)))[0]
        for bale in bales
        if (v := bale["micronaire"]) is not None
    ).most_common(2)
    if not counts or (len(counts) > 1 and counts[0][1] == counts[1][1]):
        return None
    return counts[0][0]


def conditioned(net: int, trash: int, regain: int, resolution: int) -> int:
    """The conditioned weight in hundredths, in decimals of fifty digits."""
    with localcontext(prec=50):
        kilograms = (
            Decimal(net) / 100
            * (100 - Decimal(trash) / 100) * Decimal("108.5")
            / (Decimal("97.5") * (100 + Decimal(regain) / 100))
        )  # fmt: skip
        step = Decimal(resolution) / 100
        return int((kilograms / step).to_integral_value(ROUND_HALF_EVEN) * step * 100)
