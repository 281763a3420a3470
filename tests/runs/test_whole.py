"""Nothing is paid by a part of it: lots by all their bales, units and rates by all their lots."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import accounts_pb2, common_pb2, settlement_pb2, summary_pb2
from cotton_server.errors import Reason, ServiceError
from cotton_server.runs import bale_table, portions

from tests.support.bales import LOT, OTHER_LOT, bale, usda_bale
from tests.support.histories import History
from tests.support.settling import FUTURES, Settling, final_lot, lines_by, load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

XPCC, TARGET, LOAN = "xpcc-quality-2023", "xinjiang-target-price", "usda-loan-2021"
UNIT_PAY = f"pay.{XPCC}.unit_double_29"


def test_a_lot_that_its_standard_grades_in_part_is_held(tmp_path: Path) -> None:
    """Neither a lot that no standard grades nor one that two do is in a sum."""
    history = History()
    load(history, FUTURES)
    final_lot(history, [replace(bale(number), standard="GB9999") for number in range(185)])
    mixed = [bale(number, OTHER_LOT) for number in range(200, 385)]
    final_lot(history, [*mixed[1:], replace(mixed[0], standard="GB1103.1-2023")], OTHER_LOT)
    settling = Settling(history, tmp_path)
    _, lines = settling.price(schedule=FUTURES, base_price=15_000_00)
    assert [line["reasons"] for line in lines] == ["NO_STANDARD", "OTHER_STANDARD"]
    _, (total,) = settling.price("totals", schedule=FUTURES, base_price=15_000_00)
    assert (total["lots_payable"], total["quantity"], total["price"]) == (0, 0, None)


def two_lots_of_a_unit(changed: Sequence[tuple[str, str]] = ()) -> History:
    """A unit of 29.5 mm in one warehouse and 27.5 mm in another, and a whole one."""
    history = History()
    load(history, XPCC, changed=changed)
    load(history, TARGET)
    lots = ((1, "U-1", "W1", 2950), (2, "U-1", "W2", 2750), (3, "U-2", "W1", 2950))
    for number, unit, warehouse, length in lots:
        lot_no = f"65140231{number:03d}"
        bales = [bale(10 * number + place, lot_no, length=length) for place in range(3)]
        final_lot(
            history,
            bales,
            lot_no,
            region="兵团",
            division="第八师",
            regiment="150团",
            traceability_unit=unit,
            warehouse=warehouse,
        )
    deliveries = [
        accounts_pb2.Delivery(
            season=2023, delivery_no=unit, traceability_unit=unit, weight=50_000_00
        )
        for unit in ("U-1", "U-2")
    ]
    history.take(accounts_pb2.RecordDeliveriesRequest(deliveries=deliveries))
    price = accounts_pb2.MarketPrice(
        series="xinjiang-seed-cotton",
        day="2023-10-01",
        mark="3128B",
        basis=accounts_pb2.PRICE_BASIS_LINT,
        price=16_600_00,
    )
    history.take(accounts_pb2.RecordMarketPricesRequest(prices=[price]))
    return history


def test_filters_that_leave_out_a_lot_hold_its_unit(tmp_path: Path) -> None:
    """Its other lot would earn all its seed cotton a pay; the season's rate stays what it is."""
    settling = Settling(two_lots_of_a_unit(), tmp_path)
    terms: dict[str, Any] = {"season": 2023, "rule_sets": [XPCC], "target_price": TARGET}
    header, lines = settling.price("units", **terms)
    assert {line["status"] for line in lines} == {"PAYABLE"}
    whole = header.target_price
    wanted = summary_pb2.KeyFilter(key=summary_pb2.SUMMARY_KEY_WAREHOUSE, values=["W1"])
    header, lines = settling.price("units", **terms, filters=[wanted])
    units = lines_by(lines, "traceability_unit")
    assert (units["U-1"]["status"], units["U-1"]["reasons"]) == ("HELD", "LOTS_LEFT_OUT")
    assert (units["U-2"]["status"], units["U-2"]["reasons"]) == ("PAYABLE", "")
    assert units["U-2"][f"{UNIT_PAY}.amount"] == 17_500_00
    assert header.target_price == whole
    _, (regiment,) = settling.price("regiments", **terms, filters=[wanted])
    assert regiment["status"] == "HELD"
    assert "LOTS_LEFT_OUT" in str(regiment["reasons"]).split(";")


def test_a_unit_with_a_lot_that_says_no_region_is_held(tmp_path: Path) -> None:
    """Whether the rule set is about it is not known, and its regiment waits for it."""
    history = two_lots_of_a_unit()
    lot_no = "65140231004"
    bales = [bale(number, lot_no, length=2950) for number in range(40, 43)]
    final_lot(history, bales, lot_no, traceability_unit="U-3", division="第八师", regiment="150团")
    area = accounts_pb2.Area(season=2023, traceability_unit="U-3", area=1, region="兵团")
    history.take(accounts_pb2.RecordAreasRequest(areas=[area]))
    settling = Settling(history, tmp_path)
    _, lines = settling.price("units", season=2023, rule_sets=[XPCC])
    units = lines_by(lines, "traceability_unit")
    assert (units["U-3"]["status"], units["U-3"]["reasons"]) == ("HELD", "SCOPE_NOT_KNOWN")
    assert units["U-2"]["status"] == "PAYABLE"
    _, (regiment,) = settling.price("regiments", season=2023, rule_sets=[XPCC])
    assert "SCOPE_NOT_KNOWN" in str(regiment["reasons"]).split(";")


def test_seed_cotton_of_lots_out_of_scope_is_not_paid_for(tmp_path: Path) -> None:
    """A unit with upland and long staple: what was delivered of each is not known."""
    history = two_lots_of_a_unit()
    long_staple = common_pb2.COTTON_TYPE_EXTRA_LONG_STAPLE
    history.register(
        "65140231004",
        region="兵团",
        division="第八师",
        regiment="150团",
        traceability_unit="U-2",
        cotton_type=long_staple,
        standard="GBT19635-2024",
    )
    _, lines = Settling(history, tmp_path).price("units", season=2023, rule_sets=[XPCC])
    units = lines_by(lines, "traceability_unit")
    assert (units["U-2"]["status"], units["U-2"]["reasons"]) == ("HELD", "LOTS_OUT_OF_SCOPE")
    assert units["U-2"][f"{UNIT_PAY}.amount"] == 17_500_00
    assert units["U-1"]["status"] == "PAYABLE"


def test_a_filter_on_the_season_of_the_terms_is_none(tmp_path: Path) -> None:
    """The same settlement, with the same digest."""
    settling = Settling(two_lots_of_a_unit(), tmp_path)
    season = summary_pb2.KeyFilter(key=summary_pb2.SUMMARY_KEY_SEASON, values=["2023"])
    header, _ = settling.price("units", season=2023, rule_sets=[XPCC])
    again, _ = settling.price("units", season=2023, rule_sets=[XPCC], filters=[season])
    assert again == header


@pytest.mark.parametrize("mark", ["2129B", "3129"])
def test_the_only_price_of_a_day_is_of_the_base_quality_or_none(tmp_path: Path, mark: str) -> None:
    """A price for another quality is no base price."""
    history = History()
    load(history, FUTURES)
    price = accounts_pb2.MarketPrice(
        series="spot",
        day="2016-11-20",
        mark=mark,
        basis=accounts_pb2.PRICE_BASIS_LINT,
        price=15_900_00,
    )
    terms: dict[str, Any] = {"base_price_series": "spot", "base_price_day": "2016-11-20"}
    history.take(accounts_pb2.RecordMarketPricesRequest(prices=[price]))
    settling = Settling(history, tmp_path)
    with pytest.raises(ServiceError) as refused:
        settling.price(schedule=FUTURES, **terms)
    assert refused.value.reason is Reason.NOT_FOUND
    price.mark, price.price = "", 15_000_00
    history.take(accounts_pb2.RecordMarketPricesRequest(prices=[price]))
    header, _ = settling.price(schedule=FUTURES, **terms)
    assert header.terms.base_price == 15_000_00


def test_what_is_paid_for_is_in_kilograms_at_a_rate_of_a_tonne(tmp_path: Path) -> None:
    """350 yuan/t are 0.35 yuan/kg, of as many kilograms."""
    rate = ('amount = "0.35", unit = "yuan/kg"', 'amount = "350", unit = "yuan/t"')
    settling = Settling(two_lots_of_a_unit(changed=[rate]), tmp_path)
    terms = settlement_pb2.SettlementTerms(season=2023, rule_sets=[XPCC])
    _, lines = settling.price("units", terms=terms)
    paid = lines_by(lines, "traceability_unit")["U-2"]
    assert (paid[f"{UNIT_PAY}.quantity"], paid[f"{UNIT_PAY}.amount"]) == (50_000_00, 17_500_00)
    columns = settling.settler.settle(terms).tables["units"].columns
    (quantity,) = (each for each in columns if each.name == f"{UNIT_PAY}.quantity")
    assert quantity.unit == "kg"


def test_bales_that_name_a_standard_tell_of_the_others_in_every_portion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three name another standard than the lot's default, which grades the two that name none."""
    history = History()
    load(history, FUTURES)
    history.register(LOT)
    history.read([replace(bale(number), standard="GB1103.1-2023") for number in range(3)])
    history.read([bale(10, OTHER_LOT)])
    history.read([bale(number) for number in (20, 21)])
    settler = Settling(history, tmp_path).settler
    terms = settler.resolve(settlement_pb2.SettlementTerms(schedule=FUTURES))
    sources = settler._sources(terms)
    monkeypatch.setattr(portions, "BALES_AT_ONCE_MAX", 2)
    standard = sources.standards["GB1103.1-2023"]
    found = portions.portions([history.number()], standard, ["length"], sources, terms)
    assert sum(frame.height for frame in found) == 3


def test_lines_of_bales_are_told_by_the_version_that_made_the_lots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not kept with the run, so another version tells none."""
    history = History()
    load(history, LOAN)
    history.read([replace(usda_bale(1), standard="USDA")])
    settling = Settling(history, tmp_path)
    settling.frozen("loan", schedule=LOAN)
    assert len(settling.tabulate("loan", "bales")[1]) == 1
    monkeypatch.setattr(bale_table, "SETTLEMENT_VERSION", "another")
    with pytest.raises(ServiceError) as refused:
        settling.tabulate("loan", "bales")
    assert refused.value.reason is Reason.RUN_DIFFERS


def test_an_archive_with_other_columns_is_computed_anew(tmp_path: Path) -> None:
    """As another version may have written it."""
    history = History()
    load(history, FUTURES)
    final_lot(history, [bale(number) for number in range(185)])
    settling = Settling(history, tmp_path)
    digest = settling.frozen("run", schedule=FUTURES).digest
    told = settling.tabulate("run")
    directory = settling.directory / digest
    columns = json.loads((directory / "columns.json").read_text())
    columns["lots"][0]["colour"] = "red"
    content = json.dumps(columns)
    sums = (directory / "SHA256SUMS").read_text()
    before = sha256((directory / "columns.json").read_bytes()).hexdigest()
    (directory / "columns.json").write_text(content)
    after = sha256(content.encode()).hexdigest()
    (directory / "SHA256SUMS").write_text(sums.replace(before, after))
    assert settling.again().tabulate("run") == told


def test_a_sale_is_in_terms_of_no_base_quality_where_rates_are_prices(tmp_path: Path) -> None:
    """What the schedule states is the price itself, and no premium to take off."""
    history = History()
    prices = ('"31" = "0"', '"31" = "15000"')
    load(history, FUTURES, changed=[prices])
    final_lot(history, [bale(number) for number in range(185)])
    sale = accounts_pb2.MarketPrice(
        series="spot",
        day="2016-11-20",
        lot_no=LOT,
        basis=accounts_pb2.PRICE_BASIS_LINT,
        price=15_900_00,
    )
    history.take(accounts_pb2.RecordMarketPricesRequest(prices=[sale]))
    _, (line,) = Settling(history, tmp_path).price(schedule=FUTURES)
    assert (line["status"], line["sold_price"]) == ("PAYABLE", 15_900_00)
    assert line["equivalent_price"] is None
