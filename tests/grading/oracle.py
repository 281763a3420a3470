"""Grades and figures worked out once more, in plain decimals, from the text of the standard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

Bale = Mapping[str, int | None]

NEIGHBOURS = {
    "11": "21 12", "21": "11 31 12", "31": "21 41 12 22", "41": "31 51 22", "51": "41",
    "12": "11 21 31 22", "22": "12 31 41 32", "32": "22", "13": "23", "23": "13 33",
    "33": "23", "14": "24", "24": "14",
}  # fmt: skip
MEASURES = ("length", "micronaire", "strength", "uniformity", "rd", "plus_b", "short_fibre")
CLASSES = {
    "length": [str(level) for level in range(25, 33)],
    "micronaire": ["A", "B1", "B2", "C1", "C2"],
    "strength": ["S1", "S2", "S3", "S4", "S5"],
    "uniformity": ["U1", "U2", "U3", "U4", "U5"],
}


def official(hundredths: int) -> Decimal:
    """The value rounded to 0.1 by GB/T 8170."""
    return (Decimal(hundredths) / 100).quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN)


def tier(measure: str, value: Decimal) -> str | None:
    """The tier of an official value."""
    if measure == "length":
        return str(min(max(int(value.to_integral_value(ROUND_FLOOR)), 25), 32))
    if measure == "micronaire":
        limits = [("C2", "5.0"), ("B2", "4.3"), ("A", "3.7"), ("B1", "3.5"), ("C1", "0")]
    elif measure == "strength":
        limits = [("S1", "31.0"), ("S2", "29.0"), ("S3", "26.0"), ("S4", "24.0"), ("S5", "0")]
    elif measure == "uniformity":
        limits = [("U1", "86.0"), ("U2", "83.0"), ("U3", "80.0"), ("U4", "77.0"), ("U5", "0")]
    else:
        return None
    return next(name for name, limit in limits if value >= Decimal(limit))


def half_even(value: Fraction) -> int:
    """The nearest whole number, of two the even one."""
    return round(value)


def colour(bale: Bale) -> str | None:
    """The reported grade where it is one of the thirteen."""
    code = str(bale["colour_grade"])
    return code if code in NEIGHBOURS else None


def grade_bale(bale: Bale) -> dict[str, str | int | bool | None]:
    """What `grade_bales` must say of one bale."""
    graded: dict[str, str | int | bool | None] = {}
    for name in MEASURES:
        hundredths = bale[name]
        value = None if hundredths is None else official(hundredths)
        graded[name] = None if value is None else int(value * 100)
        title = "length_level" if name == "length" else f"{name}_tier"
        if name not in {"rd", "plus_b"}:
            graded[title] = None if value is None else tier(name, value)
    mic = graded["micronaire_tier"]
    graded["micronaire_grade"] = str(mic)[0] if mic else None
    graded["colour_grade"] = colour(bale)
    preparation = bale["preparation"]
    graded["preparation"] = f"P{preparation}" if preparation in {1, 2, 3} else None
    foreign = bale["foreign_fibre"]
    graded["foreign_fibre"] = None if foreign is None else foreign == 1
    return graded


def roll_up(bales: Iterable[Bale]) -> dict[str, int | None]:
    """What a row of a roll-up must hold, but columns of classes without bales are left out."""
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
    for name in MEASURES:
        values = [value for g in graded if isinstance(value := g[name], int)]
        row |= {f"{name}.bales": len(values), f"{name}.sum": sum(values)}
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
