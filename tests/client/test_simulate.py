"""The simulator: same by seed, valid, and like the published season."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from statistics import mean, stdev
from typing import TYPE_CHECKING

import polars as pl
import pytest
from cotton_client import encode, frames, readers
from cotton_client.identifiers import BaleCode, LotNumber
from cotton_client.simulate import Simulation
from cotton_client.simulate.organisation import GIN_CODES, REGIMENTS, RESERVED_GINS
from polars.testing import assert_frame_equal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def season() -> Simulation:
    return Simulation(1100, seed=5)


@pytest.fixture(scope="module")
def bales(season: Simulation) -> pl.DataFrame:
    """More than 200 000 bales of one season."""
    frame = pl.concat([part for warehouse in season for part in warehouse.readings()])
    assert frame.height == season.bales > 200_000
    return frame


def percent(mask: pl.Series) -> float:
    return 100 * int(mask.sum()) / len(mask)


def test_micronaire_classes_have_the_published_shares(bales: pl.DataFrame) -> None:
    """A 14.99, B1 0.65, B2 64.25, C1 0.42, C2 19.68 %; rounding to 0.1 is half to even."""
    value = bales["micronaire"]
    assert percent(value <= 345) == pytest.approx(0.42, abs=0.15)
    assert percent(value.is_between(346, 365)) == pytest.approx(0.65, abs=0.2)
    assert percent(value.is_between(366, 425)) == pytest.approx(14.99, abs=0.8)
    assert percent(value.is_between(426, 494)) == pytest.approx(64.25, abs=1.2)
    assert percent(value >= 495) == pytest.approx(19.68, abs=0.8)


def test_strength_classes_have_the_published_shares(bales: pl.DataFrame) -> None:
    """S1 to S5: 4.72, 23.65, 62.23, 9.09, 0.30 %; mean 28.04 cN/tex."""
    value = bales["strength"]
    assert percent(value >= 3100) == pytest.approx(4.72, abs=0.4)
    assert percent(value.is_between(2900, 3099)) == pytest.approx(23.65, abs=1.0)
    assert percent(value.is_between(2600, 2899)) == pytest.approx(62.23, abs=1.0)
    assert percent(value.is_between(2400, 2599)) == pytest.approx(9.09, abs=0.7)
    assert percent(value < 2400) == pytest.approx(0.30, abs=0.12)
    assert int(value.sum()) / len(value) == pytest.approx(2804, abs=12)


def test_length_and_uniformity_are_as_published(bales: pl.DataFrame) -> None:
    """Length: mean 29.01 mm, 92.56 % at 28 mm and above; U1+U2 34.13, U3 64.59, U4+U5 1.27 %."""
    length, uniformity = bales["length"], bales["uniformity"]
    assert int(length.sum()) / len(length) == pytest.approx(2901, abs=3)
    assert percent(length >= 2795) == pytest.approx(92.56, abs=0.6)
    assert percent(uniformity >= 8300) == pytest.approx(34.13, abs=1.0)
    assert percent(uniformity.is_between(8000, 8299)) == pytest.approx(64.59, abs=1.0)
    assert percent(uniformity < 8000) == pytest.approx(1.27, abs=0.25)


def test_colour_types_and_preparation_have_the_published_shares(bales: pl.DataFrame) -> None:
    """White 96.2, light spotted 3.5, yellow types 0.4 %; P1 to P3 3.43, 95.31, 1.26 %."""
    kind = bales["colour_grade"] % 10
    assert percent(kind == 1) == pytest.approx(96.2, abs=0.4)
    assert percent(kind == 2) == pytest.approx(3.5, abs=0.4)
    assert percent(kind >= 3) == pytest.approx(0.4, abs=0.2)
    known = {11, 21, 31, 41, 51, 12, 22, 32, 13, 23, 33, 14, 24}
    assert set(bales["colour_grade"]) <= known
    for code, share in ((1, 3.43), (2, 95.31), (3, 1.26)):
        assert percent(bales["preparation"] == code) == pytest.approx(share, abs=0.2)


def test_the_spread_within_a_lot_is_that_of_the_real_lot(bales: pl.DataFrame) -> None:
    """Standard deviation within a lot: micronaire 0.20, strength 0.78; more between lots."""
    lots = bales.lazy().group_by("lot_no")
    within = lots.agg(pl.col("micronaire", "strength").var()).collect(engine="in-memory")
    assert mean(within["micronaire"].to_list()) ** 0.5 == pytest.approx(20, abs=2)
    assert mean(within["strength"].to_list()) ** 0.5 == pytest.approx(78, abs=6)
    means = lots.agg(pl.col("micronaire", "strength").mean()).collect(engine="in-memory")
    assert stdev(means["micronaire"].to_list()) > 25
    assert stdev(means["strength"].to_list()) > 100


def test_most_bales_of_a_lot_have_its_main_colour(bales: pl.DataFrame) -> None:
    shares = (
        bales.lazy()
        .group_by("lot_no")
        .agg(pl.col("colour_grade").unique_counts().max() * 100 // pl.len())
        .collect(engine="in-memory")["colour_grade"]
    )
    assert shares.ge(55).all()
    assert percent(shares >= 80) > 50
    assert percent(shares < 80) > 10


def test_conditioned_weight_a_bale_is_that_of_every_season(season: Simulation) -> None:
    """225.7-226.6 kg a bale over the season, and single lots within 227 +- 10."""
    weights = pl.concat([warehouse.weights() for warehouse in season])
    lots = pl.concat([warehouse.lots() for warehouse in season])
    total = Fraction(0)
    for row, declared in zip(
        weights.iter_rows(named=True), lots["declared_bales"].to_list(), strict=True
    ):
        net = Fraction(row["gross"] - row["tare"], 100)
        conditioned = (
            net * Fraction(10_000 - row["trash"], 9750) * Fraction(10_850, 10_000 + row["regain"])
        )
        assert 217 <= conditioned / declared <= 237
        assert row["truck_gross"] - row["truck_tare"] == row["gross"]
        total += conditioned
    assert Fraction("225.7") <= total / season.bales <= Fraction("226.6")


def test_no_simulated_value_is_unlikely_for_upland(bales: pl.DataFrame) -> None:
    """Every value lies within the limits beyond which a reading is warned about."""
    limits = {
        "length": (2200, 3400),
        "uniformity": (7600, 8800),
        "short_fibre": (300, 2000),
        "strength": (2000, 4000),
        "elongation": (300, 1200),
        "micronaire": (250, 650),
        "maturity": (75, 95),
        "rd": (5500, 8600),
        "plus_b": (500, 1500),
        "trash_area": (0, 300),
        "trash_count": (0, 120),
        "moisture": (400, 1000),
    }
    for name, (lowest, highest) in limits.items():
        assert bales[name].null_count() == 0
        assert bales[name].is_between(lowest, highest).all(), name


def test_lots_are_of_the_usual_size(season: Simulation) -> None:
    declared = pl.concat([warehouse.lots() for warehouse in season])["declared_bales"]
    assert declared.is_between(180, 190).all()
    assert season.bales / season.lots == pytest.approx(186, abs=1)


def test_bale_codes_are_unique_and_agree_with_their_lot(bales: pl.DataFrame) -> None:
    assert bales["bale_code"].n_unique() == bales.height
    assert (bales["bale_code"].str.slice(2, 5) == bales["lot_no"].str.slice(0, 5)).all()
    for code, lot_no, inspected_at_s in (
        bales.sample(500, seed=1).select("bale_code", "lot_no", "inspected_at_s").iter_rows()
    ):
        baled_at = BaleCode(code).baled_at
        assert baled_at is not None
        assert LotNumber(lot_no).crop_year == 2024
        assert datetime(2024, 10, 1, tzinfo=baled_at.tzinfo) <= baled_at
        assert baled_at.timestamp() < inspected_at_s


def test_every_lot_has_its_registration_weight_and_readings(
    season: Simulation, bales: pl.DataFrame
) -> None:
    lots = pl.concat([warehouse.lots() for warehouse in season])
    weights = pl.concat([warehouse.weights() for warehouse in season])
    assert lots["lot_no"].n_unique() == season.lots
    assert lots["lot_no"].to_list() == weights["lot_no"].to_list()
    counts = bales.lazy().group_by("lot_no", maintain_order=True).len().collect(engine="in-memory")
    assert counts["lot_no"].to_list() == lots["lot_no"].to_list()
    assert counts["len"].to_list() == lots["declared_bales"].to_list()
    assert set(lots["division"]) == {regiment.division for regiment in REGIMENTS}
    assert lots["warehouse"].unique(maintain_order=True).to_list() == ["W01", "W02", "W03"]


def test_the_same_season_comes_out_however_it_is_cut() -> None:
    """Frames of 1000, of 77 and of one lot hold the same bales; another seed holds others."""
    pieces = [
        pl.concat(list(Simulation(9, 3).warehouse(1).readings(rows))) for rows in (1000, 77, 186)
    ]
    assert_frame_equal(pieces[0], pieces[1])
    assert_frame_equal(pieces[0], pieces[2])
    other = pl.concat(list(Simulation(9, 4).warehouse(1).readings()))
    assert pieces[0]["micronaire"].to_list() != other["micronaire"].to_list()


def test_a_seed_stands_for_these_very_bales() -> None:
    """A change of the generator changes every recorded run: then this test must change too."""
    first = next(iter(Simulation(3, 1))).readings(2)
    rows = next(first).select("bale_code", "length", "micronaire", "strength", "colour_grade")
    assert rows.rows() == [
        ("32650012410010000230000121000001", 2908, 496, 2990, 31),
        ("32650012410010008200000121000002", 2983, 468, 2910, 31),
    ]


def test_simulated_frames_are_valid_and_can_be_sent() -> None:
    for warehouse in Simulation(6, 2, season=2019, warehouses=2):
        (frame,) = warehouse.readings()
        assert frame.schema == frames.READINGS_SCHEMA
        assert encode.encode_columns(frame).count == warehouse.bales
        assert len(frames.lot_messages(warehouse.lots())) == 3
        assert len(frames.weight_messages(warehouse.weights())) == 3


def test_written_files_read_back_identically(tmp_path: Path) -> None:
    simulation = Simulation(7, 11, warehouses=2)
    paths = simulation.write(tmp_path / "season")
    assert [path.name for path in paths] == [
        "lots.csv",
        "weights.csv",
        "readings-W01.csv",
        "readings-W02.csv",
    ]
    assert_frame_equal(
        readers.read_lots(paths[0]), pl.concat([warehouse.lots() for warehouse in simulation])
    )
    assert_frame_equal(
        readers.read_weights(paths[1]),
        pl.concat([warehouse.weights() for warehouse in simulation]),
    )
    for warehouse, path in zip(simulation, paths[2:], strict=True):
        read = pl.concat(list(readers.read_readings(path)))
        assert_frame_equal(read, pl.concat(list(warehouse.readings())))


def test_a_national_season_is_planned_without_drawing_it() -> None:
    """26 million bales: the last frame can be drawn alone, with dates and serials in range."""
    nation = Simulation(140_000, 1)
    assert nation.bales > 25_900_000
    assert nation.plan.serial.max() <= 999
    last = nation.warehouse(2)
    frame = last._frame(nation.bales - 200, nation.bales)
    frames.validate(frame)
    assert frame["bale_code"].n_unique() == 200


def test_no_simulated_lot_shares_a_number_with_a_real_record() -> None:
    assert not RESERVED_GINS & set(GIN_CODES)
    assert len(set(GIN_CODES)) == len(GIN_CODES) == 996


@pytest.mark.parametrize(
    "arguments",
    [
        {"lots": 0},
        {"lots": 1_000_001},
        {"lots": 2},
        {"seed": -1},
        {"season": 16},
        {"warehouses": 0},
    ],
)
def test_what_cannot_be_simulated_is_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments)).rstrip("s")):
        Simulation(**({"lots": 9, "seed": 1} | arguments))


def test_a_warehouse_that_is_not_there_and_empty_frames_are_refused() -> None:
    simulation = Simulation(3, 1)
    with pytest.raises(IndexError):
        simulation.warehouse(3)
    with pytest.raises(ValueError, match="at least 1"):
        simulation.warehouse(0).readings(0)
