"""Bale-level tiers, read like the tables of the standards, and against an oracle in decimals."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import polars as pl
import pytest
from cotton_server.domain.fields import VALUE_FIELDS
from cotton_server.grading.bales import grade_bales, grade_codes
from cotton_server.grading.charts import load_charts
from cotton_server.grading.definitions import load_definitions
from cotton_server.grading.standard import MEASURE_NAMES, Standard
from cotton_server.grading.standards import load_standards

from tests.golden.lots import BALE_114104, bale_frame
from tests.grading import oracle

STANDARDS = [load_standards()[name] for name in oracle.STANDARDS]
SAW_GINNED = [load_standards()[name] for name in oracle.SAW_GINNED]

# Values in hundredths; x.x5 goes to the even tenth: 25.95 -> 26.0, 25.85 -> 25.8.
BOUNDARIES = [
    ("length", [(1500, "25"), (2590, "25"), (2594, "25"), (2595, "26"), (2600, "26"),
                (2690, "26"), (2694, "26"), (2695, "27"), (2700, "27"), (2790, "27"),
                (2794, "27"), (2795, "28"), (2800, "28"), (2890, "28"), (2894, "28"),
                (2895, "29"), (2900, "29"), (2990, "29"), (2994, "29"), (2995, "30"),
                (3000, "30"), (3090, "30"), (3094, "30"), (3095, "31"), (3100, "31"),
                (3190, "31"), (3194, "31"), (3195, "32"), (3200, "32"), (4500, "32")]),
    ("micronaire", [(150, "C1"), (340, "C1"), (344, "C1"), (345, "C1"), (346, "B1"), (350, "B1"),
                    (360, "B1"), (364, "B1"), (365, "B1"), (366, "A"), (370, "A"), (420, "A"),
                    (424, "A"), (425, "A"), (426, "B2"), (430, "B2"), (490, "B2"), (494, "B2"),
                    (495, "C2"), (500, "C2"), (800, "C2")]),
    ("strength", [(1000, "S5"), (2390, "S5"), (2394, "S5"), (2395, "S4"), (2400, "S4"),
                  (2590, "S4"), (2594, "S4"), (2595, "S3"), (2600, "S3"), (2890, "S3"),
                  (2894, "S3"), (2895, "S2"), (2900, "S2"), (3090, "S2"), (3094, "S2"),
                  (3095, "S1"), (3100, "S1"), (6000, "S1")]),
    ("uniformity", [(6500, "U5"), (7690, "U5"), (7694, "U5"), (7695, "U4"), (7700, "U4"),
                    (7990, "U4"), (7994, "U4"), (7995, "U3"), (8000, "U3"), (8290, "U3"),
                    (8294, "U3"), (8295, "U2"), (8300, "U2"), (8590, "U2"), (8594, "U2"),
                    (8595, "U1"), (8600, "U1"), (9500, "U1")]),
]  # fmt: skip


@pytest.mark.parametrize("standard", SAW_GINNED, ids=lambda standard: standard.id)
@pytest.mark.parametrize(("measure", "cases"), BOUNDARIES, ids=[name for name, _ in BOUNDARIES])
def test_every_tier_boundary_from_both_sides(
    standard: Standard, measure: str, cases: list[tuple[int, str]]
) -> None:
    values, tiers = zip(*cases, strict=True)
    graded = grade_bales(bale_frame(**{measure: list(values)}), standard)
    column = "length_level" if measure == "length" else f"{measure}_tier"
    assert graded[column].to_list() == list(tiers)


@pytest.mark.parametrize("standard", SAW_GINNED, ids=lambda standard: standard.id)
def test_micronaire_grades(standard: Standard) -> None:
    graded = grade_bales(bale_frame(micronaire=[340, 350, 370, 430, 500, None]), standard)
    assert graded["micronaire_grade"].to_list() == ["C", "B", "A", "B", "C", None]


def test_codes_of_no_standard_count_as_ungraded() -> None:
    """61, 42 and 34 are USDA codes; 4 is no class of preparation."""
    frame = bale_frame(colour_grade=[61, 42, 34, 31, None], preparation=[4, 0, 1, 3, None])
    graded = grade_bales(frame, STANDARDS[0])
    assert graded["colour_grade"].to_list() == [None, None, None, "31", None]
    assert graded["preparation"].to_list() == [None, None, "P1", "P3", None]


@pytest.mark.parametrize("standard", STANDARDS, ids=lambda standard: standard.id)
def test_absent_values_have_no_tier(standard: Standard) -> None:
    row = grade_bales(bale_frame(colour_grade=[None]), standard).row(0, named=True)
    said = {name for name, value in row.items() if value is not None}
    assert said == {"lot", "colour_from_chart", "definitions"}
    assert (row["colour_from_chart"], row["definitions"]) == (False, [])


def test_bale_114104() -> None:
    """A published bale record."""
    frame = bale_frame(**{name: [value] for name, value in BALE_114104.items()})
    row = grade_bales(frame, load_standards()["GB1103.1-2012"]).row(0, named=True)
    tiers = {"length_level": "28", "micronaire_tier": "B2", "micronaire_grade": "B",
             "strength_tier": "S3", "uniformity_tier": "U3", "preparation": "P2",
             "colour_grade": "31", "foreign_fibre": False}  # fmt: skip
    assert {name: row[name] for name in tiers} == tiers


@pytest.mark.parametrize(
    ("standard", "column", "codes", "names"),
    [
        (oracle.ROLLER, "visual_grade", [0, 1, 3, 7, 8], [None, "1", "3", "7", None]),
        (oracle.LONG_STAPLE, "visual_grade", [1, 5, 6], ["1", "5", None]),
        (oracle.NEW, "visual_grade", [1, 3], [None, None]),
        (oracle.USDA, "leaf_grade", [1, 8, 9], ["1", "8", None]),
        (oracle.USDA, "preparation", [1, 2], [None, None]),
        (oracle.OLD, "leaf_grade", [1, 8], [None, None]),
        (oracle.USDA, "colour_grade", [81, 34, 64, 15, 25], ["81", "34", None, None, "25"]),
        (oracle.ROLLER, "colour_grade", [31, 21], [None, None]),
    ],
)  # fmt: skip
def test_each_standard_has_its_own_classes(
    standard: str, column: str, codes: list[int], names: list[str | None]
) -> None:
    graded = grade_bales(bale_frame(**{column: codes}), load_standards()[standard])
    assert graded[column].to_list() == names


@pytest.mark.parametrize(
    ("length", "staple"),
    [(0, "24"), (79, "24"), (80, "26"), (85, "26"), (86, "28"), (113, "36"), (114, "37"),
     (117, "37"), (118, "38"), (135, "43"), (136, "44"), (178, "44")],
)  # fmt: skip
def test_staple_is_read_from_the_table(length: int, staple: str) -> None:
    """1.14 in is 37, where 1.14 x 32 would be 36.5."""
    graded = grade_bales(bale_frame(length=[length]), load_standards()[oracle.USDA])
    assert (graded["length_level"][0], graded["length"][0]) == (staple, length)


UPTO_29 = "double_28 double_29"
SHARES = "length_28 length_29 micronaire_a_b strength_s1_s2"
QUALITY = "quality_xpcc_2023"


@pytest.mark.parametrize(
    ("values", "met"),
    [
        ((2895, 2895, 420, 8300), f"{UPTO_29} double_29a {SHARES} uniformity_u1_u2 {QUALITY}"),
        ((2900, 2894, 430, 8290), "double_28 length_28 length_29 micronaire_a_b"),
        ((3000, 3000, 350, None), f"{UPTO_29} double_30 {SHARES}"),
        ((2900, 2900, 490, None), f"{UPTO_29} double_29b2 {SHARES} {QUALITY}"),
        ((2794, 3200, 500, 7000), "strength_s1_s2"),
        ((2900, None, 400, None), "length_28 length_29 micronaire_a_b"),
        ((None, None, None, None), ""),
    ],
)  # fmt: skip
def test_definitions_hold_for_official_values(values: Sequence[int | None], met: str) -> None:
    """28.95 is 29.0 and reaches 29; an absent item is never met."""
    names = ("length", "strength", "micronaire", "uniformity")
    frame = bale_frame(**{name: [value] for name, value in zip(names, values, strict=True)})
    for standard in SAW_GINNED:
        assert grade_bales(frame, standard)["definitions"][0].to_list() == met.split()


@pytest.mark.parametrize("standard", STANDARDS, ids=lambda standard: standard.id)
def test_every_value_agrees_with_decimals(standard: Standard) -> None:
    """All that intake could ever take and more: no boundary is left out."""
    values = [*range(20_000), None]
    frame = bale_frame(**dict.fromkeys(MEASURE_NAMES, values))
    graded = grade_bales(frame, standard)
    for name in MEASURE_NAMES:
        expected = [oracle.measured(name, value, standard.id) for value in values]
        assert graded[name].to_list() == [value for value, _ in expected]
        title = "length_level" if name == "length" else f"{name}_tier"
        if title in graded.columns:
            assert graded[title].to_list() == [tier for _, tier in expected]


def random_frame(count: int, standard: Standard, seed: int) -> pl.DataFrame:
    """Bales over the whole range of each value, and more often near its tiers; a tenth absent."""
    rng = np.random.default_rng(seed)
    usda = standard.grades_usda_bales
    ranges = {"length": (50, 180) if usda else (2400, 3400), "micronaire": (300, 560),
              "strength": (2200, 3300), "uniformity": (7500, 8800), "rd": (6800, 8600),
              "plus_b": (550, 1000), "short_fibre": (0, 4000), "preparation": (0, 5),
              "foreign_fibre": (0, 2), "visual_grade": (0, 9), "leaf_grade": (0, 10),
              "colour_grade": (11, 90)}  # fmt: skip
    columns = {}
    for field in VALUE_FIELDS:
        low, high = ranges.get(field.name, (0, 100))
        values = rng.integers(low, high, count).astype(field.dtype)
        absent = rng.random(count) < (0.5 if field.name == "colour_grade" else 0.1)
        columns[field.name] = pl.Series(values).set(pl.Series(absent), None)
    return pl.DataFrame(columns)


def cells_of_chart() -> dict[tuple[Decimal, Decimal], str]:
    """The grade of every cell of the chart of USDA, read once more from its file."""
    cells = {}
    for each in load_charts()[oracle.USDA].rectangles:
        for plus_b in range(each.plus_b_from, each.plus_b_to + 1):
            for rd in range(each.rd_from, each.rd_to + 1):
                cells[Decimal(plus_b) / 10, Decimal(rd)] = str(each.grade)
    return cells


def by_chart(frame: pl.DataFrame) -> list[str | None]:
    """What the chart gives each bale: Rd rounded half-up to a unit, +b to 0.1."""
    cells = cells_of_chart()
    rd = [Decimal(n).scaleb(-2).quantize(Decimal(1), ROUND_HALF_UP) for n in range(9_000)]
    plus_b = [Decimal(n).scaleb(-2).quantize(Decimal("0.1"), ROUND_HALF_UP) for n in range(2_000)]
    return [
        None if r is None or b is None else cells.get((plus_b[b], rd[r]))
        for r, b in frame.select("rd", "plus_b").iter_rows()
    ]


@pytest.mark.parametrize("standard", STANDARDS, ids=lambda standard: standard.id)
def test_a_million_random_bales_agree_with_decimals(standard: Standard) -> None:
    frame = random_frame(1_000_000, standard, 1)
    chart = load_charts().get(standard.id)
    graded = grade_bales(frame, standard, chart)
    given: list[str | None] = [None] * len(frame)
    if chart is not None:
        given = by_chart(frame)
    whole = ["colour_grade", "preparation", "visual_grade", "leaf_grade", "foreign_fibre"]
    columns = frame.select(*MEASURE_NAMES, *whole).to_dict(as_series=False)
    for column, expected in oracle.grade_columns(columns, standard.id, given).items():
        assert graded[column].to_list() == expected, column


@pytest.mark.parametrize("standard", STANDARDS, ids=lambda standard: standard.id)
def test_bales_one_by_one_agree_with_decimals(standard: Standard) -> None:
    """Every column, row by row."""
    frame = random_frame(5_000, standard, 2)
    graded = grade_bales(frame, standard)
    expected = [oracle.grade_bale(bale, standard.id) for bale in frame.iter_rows(named=True)]
    assert graded.rows(named=True) == [
        {name: bale[name] for name in graded.columns} for bale in expected
    ]


@pytest.mark.parametrize("standard", STANDARDS, ids=lambda standard: standard.id)
def test_codes_and_names_are_one_grade(standard: Standard) -> None:
    """The form for many bales, spelled out by the standard's own lists, is the form for few."""
    frame = random_frame(20_000, standard, 3).with_columns(lot=pl.lit(7, pl.Int32))
    chart = load_charts().get(standard.id)
    codes = grade_codes(frame, standard, chart, load_definitions())
    names = grade_bales(frame, standard, chart)
    measures = standard.measures
    lists = {
        "length_level": [tier.name for tier in measures["length"].tiers],
        "micronaire_tier": [tier.name for tier in measures["micronaire"].tiers],
        "micronaire_grade": measures["micronaire"].grades,
        "strength_tier": [tier.name for tier in measures["strength"].tiers],
        "uniformity_tier": [tier.name for tier in measures["uniformity"].tiers],
        "short_fibre_tier": [tier.name for tier in measures["short_fibre"].tiers],
    }
    for column, known in lists.items():
        spelled = [None if place is None else known[place] for place in codes[column]]
        assert names[column].to_list() == spelled
    for column in ("colour_grade", "chart_colour_grade", "visual_grade", "leaf_grade"):
        assert names[column].to_list() == codes[column].cast(pl.String).to_list()
    same = [*MEASURE_NAMES, "lot", "foreign_fibre", "colour_from_chart"]
    assert names.select(same).equals(codes.select(same))
    assert set(codes.drop(same).dtypes) <= {pl.Int8, pl.Boolean}
    met = [name for name in codes.columns if name.startswith("meets.")]
    counts = names["definitions"].explode().drop_nulls().value_counts().rows()
    assert dict(counts) == {
        name.removeprefix("meets."): bales for name in met if (bales := codes[name].sum())
    }
