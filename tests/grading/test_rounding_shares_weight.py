"""Half-even rounding, printed shares and conditioned weight, each against exact fractions."""

from fractions import Fraction

import polars as pl
import pytest
from cotton_server.grading.rounding import half_even, round_to
from cotton_server.grading.shares import ShareDecimalsError, ShareRule, printed_shares
from cotton_server.grading.standards import load_standards
from cotton_server.grading.weight import (
    NET_MAX,
    UnknownConstantError,
    WeightError,
    conditioned_weight,
    net_weight,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.golden.lots import LOT186_WEIGHT, LOT65079161001_WEIGHT, Weight
from tests.grading import oracle

STANDARD = load_standards()["GB1103.1-2012"]


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**9))
def test_half_even_is_the_nearest_and_of_two_the_even(numerator: int, denominator: int) -> None:
    assert half_even(numerator, denominator) == round(Fraction(numerator, denominator))


def test_every_hundredth_rounds_alike_as_number_and_as_column() -> None:
    """All values that an Int16 column may hold, so that none overflows."""
    frame = pl.DataFrame({"value": pl.int_range(-32760, 32761, dtype=pl.Int16, eager=True)})
    column = frame.select(round_to(pl.col("value"), 10))["value"]
    assert column.dtype == pl.Int16
    assert column.to_list() == [round(Fraction(v, 10)) * 10 for v in frame["value"].to_list()]


def test_a_mean_of_nothing_is_null() -> None:
    frame = pl.DataFrame({"sum": [0, 25], "bales": [0, 10]})
    assert frame.select(half_even(pl.col("sum"), pl.col("bales")))["sum"].to_list() == [None, 2]


counts = st.lists(st.integers(0, 10**7), min_size=1, max_size=13)
rules = st.sampled_from(ShareRule)


@given(counts, rules, st.sampled_from([1, 2]))
def test_shares_total_100_and_are_never_negative(
    numbers: list[int], rule: ShareRule, decimals: int
) -> None:
    shares = printed_shares(numbers, rule=rule, decimals=decimals)
    assert sum(shares) == (10_000 if sum(numbers) else 0)
    assert min(shares) >= 0
    assert all(share == 0 for share, n in zip(shares, numbers, strict=True) if n == 0)
    assert all(share % 10 == 0 for share in shares if decimals == 1)


@given(counts.filter(any), st.sampled_from([1, 2]))
def test_largest_remainder_is_less_than_one_unit_off(numbers: list[int], decimals: int) -> None:
    unit = 10 ** (2 - decimals)
    shares = printed_shares(numbers, rule=ShareRule.LARGEST_REMAINDER, decimals=decimals)
    for share, n in zip(shares, numbers, strict=True):
        assert abs(share - Fraction(n * 10_000, sum(numbers))) < unit


def test_largest_remainder_gives_equal_remainders_to_the_class_listed_first() -> None:
    shares = printed_shares([1, 1, 1], rule=ShareRule.LARGEST_REMAINDER, decimals=2)
    assert shares == (3334, 3333, 3333)


@pytest.mark.parametrize(
    ("numbers", "decimals", "expected"),
    [
        ([7, 0, 177, 0, 2], 1, (380, 0, 9520, 0, 100)),
        ([50, 108, 21, 5, 2], 1, (2690, 5810, 1130, 270, 100)),
        ([50, 136], 2, (2688, 7312)),
        ([1], 1, (10_000,)),
        ([0, 0], 1, (0, 0)),
    ],
)
def test_on_a_certificate_the_last_class_takes_the_rest(
    numbers: list[int], decimals: int, expected: tuple[int, ...]
) -> None:
    assert printed_shares(numbers, rule=ShareRule.CERTIFICATE, decimals=decimals) == expected


def test_a_certificate_never_prints_a_negative_share() -> None:
    """Twelve classes rounded up would leave -0.4 % for the last."""
    numbers = [9994] * 5 + [6] * 7 + [1]
    rule = ShareRule.CERTIFICATE
    assert printed_shares(numbers, rule=rule, decimals=1) == printed_shares(
        numbers, rule=ShareRule.LARGEST_REMAINDER, decimals=1
    )


@pytest.mark.parametrize("decimals", [-1, 0, 3])
def test_other_decimals_are_refused(decimals: int) -> None:
    with pytest.raises(ShareDecimalsError, match="1 or 2"):
        printed_shares([1], rule=ShareRule.CERTIFICATE, decimals=decimals)


@pytest.mark.parametrize("weight", [LOT186_WEIGHT, LOT65079161001_WEIGHT])
def test_published_weights(weight: Weight) -> None:
    """42578.6500… kg prints as 42579, 43547.932… as 43547.9."""
    assert net_weight(weight.gross, weight.tare) == weight.net
    scalar = conditioned_weight(
        weight.net,
        trash=weight.trash,
        regain=weight.regain,
        resolution=weight.resolution,
        standard=STANDARD,
    )
    assert scalar == weight.conditioned


def test_the_third_published_weight() -> None:
    """Lot 65423161007: from the printed net of 41.97 t exactly 41548.77 kg, printed 41.55 t."""
    net = 41970_00
    for resolution, expected in ((10, 41548_80), (100, 41549_00)):
        weight = conditioned_weight(
            net, trash=250, regain=960, resolution=resolution, standard=STANDARD
        )
        assert weight == expected


def test_factors_rounded_first_would_be_wrong() -> None:
    """The trap: factors rounded to four decimals put the lot of 186 bales off by kilograms."""
    trash_factor = Fraction(round(Fraction(9770, 9750) * 10_000), 10_000)
    regain_factor = Fraction(round(Fraction(10850, 10820) * 10_000), 10_000)
    wrong = round(42374 * trash_factor * regain_factor)
    assert wrong * 100 - LOT186_WEIGHT.conditioned > 100


@given(
    st.tuples(
        st.integers(0, NET_MAX),
        st.integers(0, 9999),
        st.integers(0, 9999),
        st.sampled_from([10, 100]),
    )
)
def test_conditioned_weight_as_in_decimals(record: tuple[int, int, int, int]) -> None:
    net, trash, regain, resolution = record
    weight = conditioned_weight(
        net, trash=trash, regain=regain, resolution=resolution, standard=STANDARD
    )
    assert weight == oracle.conditioned(*record)


@pytest.mark.parametrize(
    ("net", "trash", "regain", "resolution"),
    [(-1, 0, 0, 10), (NET_MAX + 1, 0, 0, 10), (1, 10_000, 0, 10), (1, -1, 0, 10),
     (1, 0, 10_000, 10), (1, 0, -1, 10), (1, 0, 0, 1)],
)  # fmt: skip
def test_impossible_weights_are_refused(net: int, trash: int, regain: int, resolution: int) -> None:
    """The error names what is outside, never a guess of what was meant."""
    with pytest.raises(WeightError):
        conditioned_weight(
            net, trash=trash, regain=regain, resolution=resolution, standard=STANDARD
        )


def test_roller_ginned_cotton_has_its_own_standard_trash() -> None:
    """3.0 in place of 2.5: 42374 x 97.7/97.0 x 108.5/108.2 is 42798.13 kg."""
    roller = load_standards()[oracle.ROLLER]
    weight = conditioned_weight(42374_00, trash=230, regain=820, resolution=100, standard=roller)
    assert weight == 42798_00


@pytest.mark.parametrize("standard", [oracle.LONG_STAPLE, oracle.USDA])
def test_without_known_constants_there_is_no_conditioned_weight(standard: str) -> None:
    """None is made up; the error says which standard and what would help."""
    with pytest.raises(UnknownConstantError, match=f"{standard} is not known") as error:
        conditioned_weight(1, trash=0, regain=0, resolution=10, standard=load_standards()[standard])
    assert error.value.standard == standard
