"""Bale-level tiers, read like the tables of the standard."""

import pytest
from cotton_server.grading.bales import grade_bales
from cotton_server.grading.standard import MEASURE_NAMES, Standard
from cotton_server.grading.standards import load_standards

from tests.golden.lots import BALE_114104, bale_frame, random_bales
from tests.grading import oracle

STANDARDS = list(load_standards().values())

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


@pytest.mark.parametrize("standard", STANDARDS, ids=lambda standard: standard.id)
@pytest.mark.parametrize(("measure", "cases"), BOUNDARIES, ids=[name for name, _ in BOUNDARIES])
def test_every_tier_boundary_from_both_sides(
    standard: Standard, measure: str, cases: list[tuple[int, str]]
) -> None:
    values, tiers = zip(*cases, strict=True)
    graded = grade_bales(bale_frame(**{measure: list(values)}), standard)
    column = "length_level" if measure == "length" else f"{measure}_tier"
    assert graded[column].to_list() == list(tiers)


@pytest.mark.parametrize("standard", STANDARDS, ids=lambda standard: standard.id)
def test_micronaire_grades(standard: Standard) -> None:
    graded = grade_bales(bale_frame(micronaire=[340, 350, 370, 430, 500, None]), standard)
    assert graded["micronaire_grade"].to_list() == ["C", "B", "A", "B", "C", None]


def test_codes_of_no_standard_count_as_ungraded() -> None:
    """61, 42 and 34 are USDA codes; 4 is no class of preparation."""
    frame = bale_frame(colour_grade=[61, 42, 34, 31, None], preparation=[4, 0, 1, 3, None])
    graded = grade_bales(frame, STANDARDS[0])
    assert graded["colour_grade"].to_list() == [None, None, None, "31", None]
    assert graded["preparation"].to_list() == [None, None, "P1", "P3", None]


def test_absent_values_have_no_tier() -> None:
    row = grade_bales(bale_frame(colour_grade=[None]), STANDARDS[0]).row(0, named=True)
    assert {name for name, value in row.items() if value is not None} == {"lot"}


def test_bale_114104() -> None:
    """A published bale record."""
    frame = bale_frame(**{name: [value] for name, value in BALE_114104.items()})
    row = grade_bales(frame, load_standards()["GB1103.1-2012"]).row(0, named=True)
    tiers = {"length_level": "28", "micronaire_tier": "B2", "micronaire_grade": "B",
             "strength_tier": "S3", "uniformity_tier": "U3", "preparation": "P2",
             "colour_grade": "31", "foreign_fibre": False}  # fmt: skip
    assert {name: row[name] for name in tiers} == tiers


def test_hundred_thousand_random_bales_agree_with_decimals() -> None:
    frame = random_bales(100_000, 500, 1)
    graded = grade_bales(frame, STANDARDS[-1]).drop("lot")
    names = [*MEASURE_NAMES, "colour_grade", "preparation", "foreign_fibre"]
    expected = [oracle.grade_bale(bale) for bale in frame.select(names).iter_rows(named=True)]
    assert graded.rows(named=True) == [
        {name: bale[name] for name in graded.columns} for bale in expected
    ]
