"""Units and regiments: what of their lots and accounts is added up."""

from __future__ import annotations

import polars as pl
from cotton_server.settlement.rule_set import PaidOn
from cotton_server.settlement.units import gather_regiments, gather_units

SUM = "length.sum"


def lots(*rows: tuple[int | None, int | None, bool, bool, int]) -> pl.DataFrame:
    """Lots by unit, conditioned weight, whether payable and in scope, and a sum."""
    return pl.DataFrame(
        rows,
        schema={
            "unit": pl.Int32,
            "conditioned": pl.Int64,
            "payable": pl.Boolean,
            "in_scope": pl.Boolean,
            SUM: pl.Int64,
        },
        orient="row",
    )


def units(*rows: tuple[int | None, int | None, int | None]) -> pl.DataFrame:
    """Units by regiment, seed cotton and area."""
    schema = {"regiment": pl.Int32, "seed_cotton": pl.Int64, "area": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


LOTS = lots(
    (2, 300, True, True, 5),
    (0, 100, True, True, 1),
    (None, 900, True, True, 100),
    (0, None, True, True, 2),
    (0, 50, False, True, 10),
    (1, 70, True, False, 20),
    (2, 400, True, True, 7),
)
UNITS = units((1, 10, None), (1, 20, 2), (1, 40, 4), (None, None, None), (1, None, 8))


def test_units_have_their_lots_and_accounts() -> None:
    groups = gather_units(LOTS, UNITS, [SUM])
    assert groups.concerned.tolist() == [True, False, True, True, True]
    assert groups.lots.tolist() == [3, 0, 2, 0, 0]
    assert groups.held.tolist() == [1, 0, 0, 0, 0]
    assert groups.counted.tolist() == [True, False, True, False, False]
    assert groups.unweighed.tolist() == [True, False, False, False, False]
    assert groups.sums[SUM].to_list() == [3, 0, 12, 0, 0]
    assert groups.places.tolist() == [0, 1, 3, 6]
    assert groups.of.tolist() == [2, 0, 0, 2]
    assert groups.weights.tolist() == [300, 100, 0, 400]
    assert groups.is_held.tolist() == [True, False, False, True, True]
    assert {reason: rows.tolist() for reason, rows in groups.reasons.items()} == {
        "LOTS_HELD:1": [True, False, False, False, False],
        "NO_LOTS": [False, False, False, True, True],
    }
    lint = groups.account(PaidOn.LINT)
    assert lint.known.tolist() == [100, 0, 700, 0, 0]
    assert lint.missing.tolist() == [True, False, False, False, False]
    assert lint.nothing.tolist() == [False, True, False, True, True]
    seed = groups.account(PaidOn.SEED_COTTON)
    assert seed.known.tolist() == [10, 0, 40, 0, 0]
    assert seed.missing.tolist() == [False, False, False, True, True]
    area = groups.account(PaidOn.AREA)
    assert area.known.tolist() == [0, 0, 4, 0, 8]
    assert area.nothing.tolist() == [True, True, False, True, False]


def test_regiments_have_what_their_units_have() -> None:
    """But for the unit all of whose lots are out of scope, and those of no regiment."""
    groups = gather_regiments(LOTS, UNITS, 3, [SUM])
    assert groups.concerned.tolist() == [False, True, False]
    assert groups.lots.tolist() == [0, 5, 0]
    assert groups.held.tolist() == [0, 1, 0]
    assert groups.sums[SUM].to_list() == [0, 15, 0]
    assert groups.is_held.tolist() == [False, True, False]
    assert list(groups.reasons) == ["LOTS_HELD:1"]
    seed, area = groups.seed_cotton, groups.area
    assert (seed.known.tolist(), seed.missing.tolist()) == ([0, 50, 0], [False, True, False])
    assert (area.known.tolist(), area.missing.tolist()) == ([0, 12, 0], [False, True, False])
    assert groups.account(PaidOn.LINT).known.tolist() == [0, 800, 0]


def test_nothing_at_all() -> None:
    for groups in (
        gather_units(lots(), units(), [SUM]),
        gather_regiments(lots(), units(), 0, [SUM]),
    ):
        assert groups.count == len(groups.sums) == len(groups.concerned) == 0
        assert groups.reasons == {}
