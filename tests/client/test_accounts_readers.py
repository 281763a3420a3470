"""CSV files of what money needs: every column, exact values, errors with their place, samples."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from cotton.inspection.v1 import accounts_pb2
from cotton_client import frames, readers, samples
from cotton_client.frames import FrameError
from cotton_client.readers import (
    HeaderError,
    ReadingFileError,
    ValueInFileError,
    areas_csv,
    bale_weights_csv,
    deliveries_csv,
    prices_csv,
    unit_lots_csv,
)
from cotton_client.readers.values import ValueTextError, parse_decimal
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

LOT, BALE = "65811191023", "3" * 32
MOMENT = 1_479_571_200
AMENDED = "supersedes_revision,reason,note,decided_by"
AMENDMENT = (7, "OTHER", "n", "Office 3")
AMENDS = ",".join(map(str, AMENDMENT))


def write(directory: Path, content: str) -> Path:
    """A file of this content."""
    path = directory / "file.csv"
    path.write_text(content, encoding="utf-8")
    return path


def test_lots_of_units_are_read_with_every_column(tmp_path: Path) -> None:
    """An empty unit is no unit."""
    path = write(tmp_path, f"lot_no,traceability_unit,{AMENDED}\n{LOT},U-1,{AMENDS}\n{LOT},,,,,\n")
    frame = readers.read_unit_lots(path)
    assert frame.schema == frames.UNIT_LOTS_SCHEMA
    assert frame.rows() == [(LOT, "U-1", *AMENDMENT), (LOT, *[None] * 5)]
    first, second = frames.unit_lot_messages(frame)
    assert (first.traceability_unit, first.amendment.supersedes_revision) == ("U-1", 7)
    assert (second.traceability_unit, second.HasField("amendment")) == ("", False)


def test_deliveries_are_read_with_every_column(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "season,delivery_no,traceability_unit,region,division,regiment,gin_code,weight,"
        f"delivered_at,{AMENDED}\n"
        f"2024,D-17,U-1,兵团,第八师,一四九团,65811,11840.25,2016-11-20,{AMENDS}\n"
        f"2024,D-18,U-1,,,,,1,{',' * 4}\n",
    )
    frame = readers.read_deliveries(path)
    assert frame.schema == frames.DELIVERIES_SCHEMA
    names = ("兵团", "第八师", "一四九团")
    assert frame.row(0) == (2024, "D-17", "U-1", *names, "65811", 1_184_025, MOMENT, *AMENDMENT)
    assert frame.row(1) == (2024, "D-18", "U-1", *[None] * 4, 100, *[None] * 5)
    first, second = frames.delivery_messages(frame)
    assert (first.weight, first.regiment, first.amendment.note) == (1_184_025, "一四九团", "n")
    assert second == accounts_pb2.Delivery(
        season=2024, delivery_no="D-18", traceability_unit="U-1", weight=100
    )


def test_areas_are_read_with_every_column(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"season,traceability_unit,region,division,regiment,area,{AMENDED}\n"
        f"2024,U-1,兵团,第八师,一四九团,301.5,{AMENDS}\n2024,U-2,,,,0,,,,\n",
    )
    frame = readers.read_areas(path)
    assert frame.schema == frames.AREAS_SCHEMA
    assert frame.row(0) == (2024, "U-1", "兵团", "第八师", "一四九团", 30_150, *AMENDMENT)
    assert [each.area for each in frames.area_messages(frame)] == [30_150, 0]


def test_prices_are_read_with_every_column_in_both_units(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"series,day,mark,lot_no,basis,price,unit,volume,{AMENDED}\n"
        f"a,2024-10-05,3128B,{LOT},lint,15012.5,yuan/t,42579,{AMENDS}\n"
        f"a,2024-10-06,,,seed_cotton,7.26505,YUAN/KG,,,,,\n"
        f"a,2024-10-07,,,SEED_COTTON,7265.05,,,,,,\n",
    )
    frame = readers.read_prices(path)
    assert frame.schema == frames.PRICES_SCHEMA
    sold = ("a", "2024-10-05", "3128B", LOT, "LINT", 1_501_250, 4_257_900)
    assert frame.row(0) == (*sold, *AMENDMENT)
    assert frame["price"].to_list() == [1_501_250, 726_505, 726_505]
    messages = list(frames.price_messages(frame))
    lint, seed = accounts_pb2.PRICE_BASIS_LINT, accounts_pb2.PRICE_BASIS_SEED_COTTON
    assert [each.basis for each in messages] == [lint, seed, seed]
    assert messages[1].volume == 0


def test_weights_of_bales_are_read_with_every_column_in_both_units(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"bale,net,unit,{AMENDED}\n{BALE},227.3,kg,{AMENDS}\n2006/960891871766,501,LB,,,,\n"
        f"{'4' * 32},220,,,,,\n",
    )
    frame = readers.read_bale_weights(path)
    assert frame.schema == frames.BALE_WEIGHTS_SCHEMA
    assert frame.row(0) == (BALE, 22_730, "KILOGRAM", *AMENDMENT)
    kilogram, pound = accounts_pb2.MASS_UNIT_KILOGRAM, accounts_pb2.MASS_UNIT_POUND
    assert [(each.bale, each.net, each.unit) for each in frames.bale_weight_messages(frame)] == [
        (BALE, 22_730, kilogram),
        ("2006/960891871766", 50_100, pound),
        ("4" * 32, 22_000, kilogram),
    ]


DELIVERY = "season,delivery_no,traceability_unit,weight"
PRICE = "series,day,basis,price"


@pytest.mark.parametrize(
    ("reader", "content", "kind", "line", "column"),
    [
        (readers.read_unit_lots, f"lot_no\n{LOT}\n", HeaderError, None, "traceability_unit"),
        (readers.read_unit_lots, "lot_no,traceability_unit\n1,U\n", ValueInFileError, 2, "lot_no"),
        (
            readers.read_unit_lots,
            f"lot_no,traceability_unit,reason\n{LOT},U,OTHER\n",
            ValueInFileError,
            2,
            "supersedes_revision",
        ),
        (
            readers.read_deliveries,
            "season,delivery_no,weight\n2024,1,1\n",
            HeaderError,
            None,
            "traceability_unit",
        ),
        (
            readers.read_deliveries,
            f"{DELIVERY}\n2024,1,U,1\n24,2,U,1\n",
            ValueInFileError,
            3,
            "season",
        ),
        (readers.read_deliveries, f"{DELIVERY}\n2024,,U,1\n", ValueInFileError, 2, "delivery_no"),
        (readers.read_deliveries, f"{DELIVERY}\n2024,1,U,\n", ValueInFileError, 2, "weight"),
        (readers.read_deliveries, f"{DELIVERY}\n2024,1,U,1.005\n", ValueInFileError, 2, "weight"),
        (readers.read_deliveries, f"{DELIVERY}\n2024,1,U,1e3\n", ValueInFileError, 2, "weight"),
        (
            readers.read_deliveries,
            f"{DELIVERY}\n2024,1,U,10000000.01\n",
            ValueInFileError,
            2,
            "weight",
        ),
        (
            readers.read_deliveries,
            f"{DELIVERY},gin_code\n2024,1,U,1,658\n",
            ValueInFileError,
            2,
            "gin_code",
        ),
        (
            readers.read_deliveries,
            f"{DELIVERY},delivered_at\n2024,1,U,1,soon\n",
            ValueInFileError,
            2,
            "delivered_at",
        ),
        (readers.read_deliveries, f"{DELIVERY},area\n2024,1,U,1,1\n", HeaderError, 1, "5"),
        (
            readers.read_areas,
            "season,traceability_unit,area\n2024,U,\n",
            ValueInFileError,
            2,
            "area",
        ),
        (readers.read_areas, "traceability_unit,area\nU,1\n", HeaderError, None, "season"),
        (
            readers.read_prices,
            f"{PRICE}\na,2024-02-30,LINT,1\n",
            ValueInFileError,
            2,
            "day",
        ),
        (readers.read_prices, f"{PRICE}\na,2024-2-3,LINT,1\n", ValueInFileError, 2, "day"),
        (readers.read_prices, f"{PRICE}\na,2024-02-03,YARN,1\n", ValueInFileError, 2, "basis"),
        (readers.read_prices, f"{PRICE}\na,2024-02-03,LINT,1.005\n", ValueInFileError, 2, "price"),
        (
            readers.read_prices,
            f"{PRICE},unit\na,2024-02-03,LINT,1.00001,yuan/kg\na,2024-02-04,LINT,1.00001,yuan/t\n",
            ValueInFileError,
            3,
            "price",
        ),
        (
            readers.read_prices,
            f"{PRICE},unit\na,2024-02-03,LINT,1.000001,yuan/kg\n",
            ValueInFileError,
            2,
            "price",
        ),
        (
            readers.read_prices,
            f"{PRICE},unit\na,2024-02-03,LINT,1,jin\n",
            ValueInFileError,
            2,
            "unit",
        ),
        (readers.read_prices, "series,day,basis\na,2024-02-03,LINT\n", HeaderError, None, "price"),
        (readers.read_bale_weights, f"bale,net\n{BALE},\n", ValueInFileError, 2, "net"),
        (readers.read_bale_weights, f"bale,net\n{BALE[1:]},1\n", ValueInFileError, 2, "bale"),
        (
            readers.read_bale_weights,
            "bale,net\n06/960891871766,1\n",
            ValueInFileError,
            2,
            "bale",
        ),
        (
            readers.read_bale_weights,
            f"bale,net,unit\n{BALE},1,stone\n",
            ValueInFileError,
            2,
            "unit",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path,
    reader: Callable[[Path], pl.DataFrame],
    content: str,
    kind: type[Exception],
    line: int | None,
    column: str,
) -> None:
    with pytest.raises(ReadingFileError) as caught:
        reader(write(tmp_path, content))
    assert type(caught.value) is kind
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.remedy


@given(st.decimals("-9999", "9999", places=5))
def test_a_price_for_a_kilogram_is_kept_to_the_digit(price: Decimal) -> None:
    kept = parse_decimal(f"{price:f}", 5, 10**9)
    assert Decimal(kept) / 100 == price * 1000


def test_a_decimal_that_does_not_fit_is_refused_as_a_whole() -> None:
    assert parse_decimal("1.500000", 1, 15) == 15
    for text in ("1.6", "1.51", "-1.6"):
        with pytest.raises(ValueTextError):
            parse_decimal(text, 1, 15)


@pytest.mark.parametrize(
    ("messages", "schema", "row", "column"),
    [
        (frames.delivery_messages, frames.DELIVERIES_SCHEMA, {"season": 2024}, "delivery_no"),
        (frames.area_messages, frames.AREAS_SCHEMA, {"season": 2024}, "traceability_unit"),
        (
            frames.price_messages,
            frames.PRICES_SCHEMA,
            {"series": "a", "day": "5 Oct", "basis": "LINT", "price": 1},
            "day",
        ),
        (
            frames.bale_weight_messages,
            frames.BALE_WEIGHTS_SCHEMA,
            {"bale": BALE, "net": 1, "unit": "kg"},
            "unit",
        ),
    ],
)
def test_a_frame_that_breaks_a_rule_is_refused_before_the_first_message(
    messages: Callable[[pl.DataFrame], object],
    schema: pl.Schema,
    row: dict[str, object],
    column: str,
) -> None:
    frame = frames.conform(pl.DataFrame([row]), schema)
    with pytest.raises(FrameError) as caught:
        messages(frame)
    assert (caught.value.column, caught.value.row) == (column, 0)


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("Units of lots", unit_lots_csv.COLUMNS),
        ("Deliveries", deliveries_csv.COLUMNS),
        ("Areas", areas_csv.COLUMNS),
        ("Prices", prices_csv.COLUMNS),
        ("Bale weights", bale_weights_csv.COLUMNS),
    ],
)
def test_every_column_is_documented(heading: str, columns: tuple[str, ...]) -> None:
    root = Path(__file__).resolve().parents[2]
    text = (root / "docs" / "files.md").read_text("utf-8")
    (section,) = [part for part in text.split("\n## ") if part.startswith(f"{heading}:")]
    assert set(columns) <= set(re.findall(r"`([a-z_]+)`", section))


# Samples


def test_the_samples_fit_the_real_lot() -> None:
    """The lot is in a unit, its bales add up to its real net weight, its unit delivered."""
    files, lot = samples.settlement(), samples.real_lot()
    (unit,) = frames.unit_lot_messages(readers.read_unit_lots(files.units))
    assert unit.lot_no == lot.lot_no
    readings = pl.concat(list(readers.read_readings(lot.readings)))
    assert lot.weights is not None
    weight = readers.read_weights(lot.weights).row(0, named=True)
    bales = readers.read_bale_weights(files.bale_weights)
    assert bales["bale"].to_list() == readings["bale_code"].to_list()
    assert bales["net"].sum() == weight["gross"] - weight["tare"]
    deliveries = readers.read_deliveries(files.deliveries)
    delivered = deliveries.filter(pl.col("traceability_unit") == unit.traceability_unit)
    assert delivered["weight"].sum() == 11_230_040
    areas = readers.read_areas(files.areas)
    assert set(areas["traceability_unit"]) == set(deliveries["traceability_unit"])
    prices = readers.read_prices(files.prices)
    assert prices.filter(pl.col("lot_no") == lot.lot_no)["price"].to_list() == [1_312_000]
    assert set(areas["season"]) == set(deliveries["season"]) == {2019}
