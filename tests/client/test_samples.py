"""The samples: every published figure of the real records holds in the files."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import polars as pl
from cotton_client import encode, frames, readers, samples
from cotton_client.simulate.organisation import REGIMENTS, REGION
from cotton_server.reference.organisation import parse_organisation

ROOT = Path(__file__).resolve().parents[2]


def whole(path: Path) -> pl.DataFrame:
    """All readings of a file."""
    return pl.concat(list(readers.read_readings(path)))


def test_the_real_lot_meets_its_published_figures() -> None:
    lot = whole(samples.real_lot().readings)
    frames.validate(lot)
    assert lot.height == 186
    assert lot["bale_code"].n_unique() == 186
    assert set(lot["lot_no"]) == {samples.real_lot().lot_no}
    assert lot["strength"].sum() == 552_140
    assert (lot["strength"].min(), lot["strength"].max()) == (2760, 3150)
    assert lot["strength"].ge(3100).sum() == 8
    assert lot["strength"].is_between(2900, 3090).sum() == 143
    assert lot["strength"].is_between(2600, 2890).sum() == 35
    assert lot["micronaire"].is_between(370, 420).sum() == 7
    assert lot["micronaire"].is_between(430, 490).sum() == 177
    assert lot["micronaire"].ge(500).sum() == 2


def test_what_was_filled_in_meets_the_published_aggregates() -> None:
    lot = whole(samples.real_lot().readings)
    assert Fraction(int(lot["rd"].sum()), 186) == 8055
    assert (lot["uniformity"].min(), lot["uniformity"].max()) == (8160, 8530)
    assert (lot["colour_grade"] == 31).sum() == 136
    assert (lot["colour_grade"] == 21).sum() == 50
    measures = ["length", "uniformity", "strength", "micronaire", "rd", "plus_b"]
    assert all((lot[name] % 10 == 0).all() for name in measures)
    assert (
        not lot.select(*measures, "preparation", "foreign_fibre").null_count().sum_horizontal()[0]
    )


def test_the_bale_codes_of_the_real_lot_agree_with_its_number() -> None:
    lot = whole(samples.real_lot().readings)
    assert set(lot["bale_code"].str.slice(2, 5)) == {samples.real_lot().lot_no[:5]}
    assert set(lot["bale_code"].str.slice(7, 2)) == {samples.real_lot().lot_no[5:7]}
    baled = lot["bale_code"].str.slice(7, 12).str.to_datetime("%y%m%d%H%M%S", strict=True)
    assert baled.is_sorted()


def test_the_real_lot_has_its_weight_and_registration() -> None:
    files = samples.real_lot()
    assert files.weights is not None
    (lot,) = frames.lot_messages(readers.read_lots(files.lots))
    (weight,) = frames.weight_messages(readers.read_weights(files.weights))
    assert lot.lot_no == weight.lot_no == files.lot_no
    assert lot.declared_bales == 186
    assert (weight.gross, weight.tare, weight.trash, weight.regain, weight.resolution) == (
        4_262_000,
        24_600,
        230,
        820,
        100,
    )


def test_the_script_writes_the_committed_files() -> None:
    """The filled-in measures come from the script's seed and from nowhere else."""
    script = ROOT / "tools" / "make_sample_lot.py"
    done = subprocess.run([sys.executable, script, "--check"], check=False, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"")


def test_the_real_bale_is_as_its_record_states_it() -> None:
    bale = whole(samples.real_bale().readings).row(0, named=True)
    expected = {
        "bale_code": "32651401611141221550000121114104",
        "lot_no": "65140161077",
        "length": 2820,
        "uniformity": 8250,
        "strength": 2640,
        "micronaire": 460,
        "rd": 8130,
        "plus_b": 740,
        "colour_grade": 31,
        "preparation": 2,
        "foreign_fibre": 0,
        "standard": "GB1103.1-2012",
    }
    assert {name: bale[name] for name in expected} == expected
    (lot,) = frames.lot_messages(readers.read_lots(samples.real_bale().lots))
    assert lot.lot_no == samples.real_bale().lot_no == "65140161077"


def test_the_three_usda_lines_are_three_bales() -> None:
    bales = whole(samples.usda_lines())
    assert bales["usda_bale_id"].to_list() == ["960891871766", "960891871767", "960891871768"]
    assert set(bales["crop_year"]) == {2006}
    assert len(set(encode.encode_columns(bales).bale_code_low)) == 3


def test_the_organisation_is_that_of_the_simulator_with_codes_of_its_own() -> None:
    """Which regiment belongs to which division agrees; no code can be taken for a real one."""
    path = samples.organisation()
    units = parse_organisation(path.read_text("utf-8"), path.name).units
    names = {(unit.level, unit.code): unit.name for unit in units}
    placed = {
        (names["division", unit.parent], unit.name) for unit in units if unit.level == "regiment"
    }
    assert placed == {(each.division, each.name) for each in REGIMENTS}
    assert names["region", "sample-xpcc"] == REGION
    assert all(unit.code.startswith("sample-") and unit.name_en for unit in units)
