"""Roll-ups and lot-level grades: rules of the standard, an independent oracle, thread counts."""

import subprocess
import sys
from collections.abc import Sequence

import polars as pl
import pytest
from cotton_server.grading import rollup as rollup_module
from cotton_server.grading.definitions import load_definitions
from cotton_server.grading.lots import grade_lots
from cotton_server.grading.rollup import combine, figure_columns, roll_up
from cotton_server.grading.standard import MEASURE_NAMES
from cotton_server.grading.standards import load_standards
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.golden.lots import bale_frame, random_bales
from tests.grading import oracle

STANDARD = load_standards()["GB1103.1-2012"]
DEFINITIONS = load_definitions()
VALUES = [*MEASURE_NAMES, "colour_grade", "preparation", "foreign_fibre"]


def colours(**counts: int) -> list[int]:
    """Colour grades: c31=8 is eight bales of 31."""
    return [int(name[1:]) for name, count in counts.items() for _ in range(count)]


def lot_grade(frame: pl.DataFrame) -> dict[str, str | None]:
    """The grade of the only lot of a frame."""
    return grade_lots(roll_up(frame, STANDARD), STANDARD).row(0, named=True)


@pytest.mark.parametrize(
    ("grades", "main"),
    [
        (colours(c31=80, c21=20), "31"),
        (colours(c31=7999, c21=2001), None),
        (colours(c31=8001, c21=1999), "31"),
        (colours(c31=136, c21=50), None),
        (colours(c21=186), "21"),
        (colours(c31=90, c21=4, c41=3, c12=2, c22=1), "31"),
        (colours(c31=99, c51=1), None),
        (colours(c31=185, c13=1), None),
        (colours(c23=80, c13=10, c33=10), "23"),
        ([*colours(c31=80, c21=20), 61, 42, 34], "31"),
        ([*colours(c31=80, c21=20), None, None], "31"),
        ([61, None], None),
    ],
    ids=str,
)
def test_main_colour(grades: Sequence[int | None], main: str | None) -> None:
    """80.00 % exactly counts; one bale that is not adjacent denies it; ungraded do not count."""
    assert lot_grade(bale_frame(colour_grade=grades))["main_colour"] == main


@pytest.mark.parametrize(
    ("values", "main"),
    [
        ([370, 430], None),
        ([370, 370, 430], "A"),
        ([350, 430, 370], "B"),
        ([340, 500, 430], "C"),
        ([340, 500, 430, 350], None),
        ([None], None),
    ],
)
def test_main_micronaire(values: list[int | None], main: str | None) -> None:
    """The largest share of A, B and C; a tie is undefined."""
    assert lot_grade(bale_frame(micronaire=values))["main_micronaire"] == main


@pytest.mark.parametrize(
    ("values", "level"),
    [
        ([2890, 2900], "29"),
        ([2890, 2895], "29"),
        ([2880, 2890], "28"),
        ([2890, 2890, 2900], "28"),
        ([1600], "25"),
        ([3300], "32"),
        ([None], None),
    ],
)
def test_length_level_of_the_mean(values: list[int | None], level: str | None) -> None:
    """The mean of the official values, 28.95 mm and 29.0 for the first two, rounded half even."""
    assert lot_grade(bale_frame(length=values))["length_level"] == level


def test_mark() -> None:
    """Main colour, length level and main micronaire grade; null where one is missing."""
    whole = bale_frame(colour_grade=[31] * 5, length=[2930] * 5, micronaire=[460] * 5)
    assert lot_grade(whole)["mark"] == "3129B"
    for missing in ("colour_grade", "length", "micronaire"):
        lacking = whole.with_columns(pl.lit(None, dtype=whole.schema[missing]).alias(missing))
        assert lot_grade(lacking)["mark"] is None


def grade_under(standard: str, frame: pl.DataFrame) -> dict[str, str | None]:
    """The grade of the only lot of a frame under a standard."""
    loaded = load_standards()[standard]
    return grade_lots(roll_up(frame, loaded), loaded).drop("lot").row(0, named=True)


def test_lots_of_usda_upland_have_a_staple_and_no_main_grade() -> None:
    """The mean of 1.13 and 1.14 in, 1.135, is rounded to 1.14: staple 37."""
    frame = bale_frame(
        colour_grade=[31] * 2, length=[113, 114], micronaire=[420] * 2, strength=[300] * 2
    )
    graded = grade_under(oracle.USDA, frame)
    assert graded.pop("length_level") == "37"
    assert set(graded.values()) == {None}


@pytest.mark.parametrize("standard", [oracle.ROLLER, oracle.LONG_STAPLE])
def test_lots_have_no_grade_where_no_tier_is_known(standard: str) -> None:
    frame = bale_frame(colour_grade=[31], length=[2800], micronaire=[420], visual_grade=[2])
    graded = grade_under(standard, frame)
    assert set(graded.values()) == {None}


value = st.one_of(st.none(), st.integers(0, 9500))
bale = st.fixed_dictionaries(
    {
        "lot": st.integers(0, 3),
        "colour_grade": st.sampled_from([31, 31, 31, 31, 31, 31, 21, 41, 51, 61, None]),
        "length": st.one_of(st.none(), st.integers(2400, 3400)),
        "micronaire": st.one_of(st.none(), st.integers(330, 510)),
        "strength": st.one_of(st.none(), st.integers(2300, 3200)),
        "uniformity": st.one_of(st.none(), st.integers(7600, 8700)),
        "rd": value,
        "plus_b": value,
        "short_fibre": value,
        "preparation": st.sampled_from([1, 2, 3, 0, None]),
        "foreign_fibre": st.sampled_from([0, 1, None]),
    }
)


def check_against_oracle(frame: pl.DataFrame) -> None:
    """Every column of the roll-up and every grade of each lot."""
    rollup = roll_up(frame, STANDARD, DEFINITIONS)
    grades = grade_lots(rollup, STANDARD)
    assert rollup["lot"].to_list() == sorted(set(frame["lot"].to_list()))
    assert set(rollup.drop("lot").dtypes) == {pl.Int64}
    for row, grade in zip(rollup.rows(named=True), grades.rows(named=True), strict=True):
        bales = frame.filter(lot=row["lot"]).select(VALUES).rows(named=True)
        expected = oracle.roll_up(bales)
        assert {name: row[name] for name in expected} == expected
        assert all(
            row[name] == 0 for name in figure_columns(STANDARD, DEFINITIONS) if name not in expected
        )
        assert grade["main_colour"] == oracle.main_colour(bales)
        assert grade["length_level"] == oracle.length_level(bales)
        assert grade["main_micronaire"] == oracle.main_micronaire(bales)


@given(st.lists(bale, min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_roll_ups_and_lot_grades_agree_with_decimals(bales: list[dict[str, int | None]]) -> None:
    frame = bale_frame(**{name: [each[name] for each in bales] for name in ("lot", *VALUES)})
    check_against_oracle(frame)


def test_roll_up_of_hundred_thousand_random_bales_agrees_with_decimals() -> None:
    check_against_oracle(random_bales(100_000, 40, 2))


def test_higher_keys_are_sums_of_rows() -> None:
    """Rolled up by two keys and combined, or at once: the same."""
    frame = random_bales(5_000, 50, 3).with_columns(day=(pl.col("rd").hash() % 7).cast(pl.Int32))
    fine = roll_up(frame, STANDARD, by=["lot", "day"])
    assert fine.select("lot", "day").rows() == sorted(fine.select("lot", "day").rows())
    assert_frame_equal(combine(fine, ["lot"]).select(roll_up(frame, STANDARD).columns),
                       roll_up(frame, STANDARD))  # fmt: skip
    everything = roll_up(frame.with_columns(lot=pl.lit(0, dtype=pl.Int32)), STANDARD)
    total = combine(fine.drop("lot", "day"), [])
    assert_frame_equal(total, everything.drop("lot"))


PLACES = ("lot", "laboratory", "instrument", "day")
HIGHEST = (30_000, 65_000, 65_000, 50_000)
places = st.tuples(*(st.sampled_from([0, 1, most - 1, most]) for most in HIGHEST))


@given(st.lists(st.tuples(bale, places), max_size=40))
@settings(max_examples=40, deadline=None)
def test_combinations_of_keys_that_are_numbered_give_the_same(
    rows: list[tuple[dict[str, int | None], tuple[int, ...]]],
) -> None:
    """Whether one integer would have held them or not; by one key, by several, in their types."""
    frame = bale_frame(**{name: [each[name] for each, _ in rows] for name in VALUES}).with_columns(
        pl.Series(name, [where[place] for _, where in rows], dtype=pl.Int32)
        for place, name in enumerate(PLACES)
    )
    for by in (PLACES, PLACES[:2], PLACES[3:]):
        expected = roll_up(frame, STANDARD, DEFINITIONS, by)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rollup_module, "CELLS_MAX", 0)
            numbered = roll_up(frame, STANDARD, DEFINITIONS, by)
        assert [numbered.schema[key] for key in by] == [pl.Int32] * len(by)
        assert numbered.select(by).rows() == sorted(set(frame.select(by).rows()))
        assert_frame_equal(numbered, expected)
        assert_frame_equal(combine(numbered.drop(by), []), total_of(frame))


def total_of(frame: pl.DataFrame) -> pl.DataFrame:
    """All bales as one cell."""
    of_one_lot = frame.with_columns(lot=pl.lit(0, dtype=pl.Int32))
    return combine(roll_up(of_one_lot, STANDARD, DEFINITIONS).drop("lot"), [])


def test_keys_whose_product_no_integer_holds_are_rolled_up() -> None:
    """As many laboratories, instruments, lots and days as there may be."""
    frame = bale_frame(rd=[7800, 7900, 8000]).with_columns(
        pl.Series(name, [most, 0, most], dtype=pl.Int32)
        for name, most in zip(PLACES, HIGHEST, strict=True)
    )
    rolled = roll_up(frame, STANDARD, by=PLACES)
    assert rolled.select(*PLACES, "bales", "rd.sum").rows() == [
        (0, 0, 0, 0, 1, 7900),
        (*HIGHEST, 2, 15_800),
    ]


def test_no_bales_give_no_rows() -> None:
    rollup = roll_up(random_bales(1, 1, 4).clear(), STANDARD, DEFINITIONS)
    assert rollup.columns == ["lot", *figure_columns(STANDARD, DEFINITIONS)]
    assert grade_lots(rollup, STANDARD).is_empty()


def test_order_of_bales_does_not_matter() -> None:
    frame = random_bales(20_000, 300, 5)
    assert_frame_equal(roll_up(frame, STANDARD), roll_up(frame.sort("lot"), STANDARD))


def test_same_bytes_with_one_thread_and_with_many() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import hashlib\n"
        "from cotton_server.grading.lots import grade_lots\n"
        "from cotton_server.grading.rollup import roll_up\n"
        "from cotton_server.grading.standards import load_standards\n"
        "from tests.golden.lots import random_bales\n"
        "standard = load_standards()['GB1103.1-2012']\n"
        "rollup = roll_up(random_bales(50_000, 700, 6), standard)\n"
        "text = rollup.write_csv() + grade_lots(rollup, standard).write_csv()\n"
        "print(hashlib.sha256(text.encode()).hexdigest())\n"
    )
    root = str(__file__).rsplit("/tests/", 1)[0]
    digests = {
        subprocess.run(
            [sys.executable, "-c", code, root],
            check=True,
            capture_output=True,
            text=True,
            env={"POLARS_MAX_THREADS": threads},
        ).stdout
        for threads in ("1", "2", "7")
    }
    assert len(digests) == 1
