"""Settlements: lots priced to the published amount, what holds them, and who is paid."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import accounts_pb2, summary_pb2
from cotton_server.errors import Reason, ServiceError

from tests.golden.lots import LOT186_WEIGHT
from tests.support.bales import LOT, OTHER_LOT, bale, usda_bale
from tests.support.histories import BEGUN_S, History
from tests.support.settling import (
    FUTURES,
    Settling,
    final_lot,
    golden_bales,
    lines_by,
    load,
)

if TYPE_CHECKING:
    from pathlib import Path

THIRD_LOT = "65140161079"
LOAN = "usda-loan-2021"


def test_the_lot_of_a_trading_client_comes_to_its_published_premium(tmp_path: Path) -> None:
    """26.88 % of grade 21 at +300 are +80.64; with strength S2 at +250, of 42 579 kg."""
    history = History()
    load(history, FUTURES)
    final_lot(history, golden_bales())
    header, (line,) = Settling(history, tmp_path).price(schedule=FUTURES, base_price=15_000_00)
    assert (line["factor.colour"], line["factor.strength"]) == (8064, 25_000)
    assert (line["class.strength"], line["class.micronaire"]) == ("S2", "B")
    assert (line["premium"], line["factors_sum"], line["price"]) == (33_064, 33_064, 1_533_064)
    assert line["quantity"] == LOT186_WEIGHT.conditioned
    # 330.64 yuan/t x 42.579 t = 14078.320…, 15330.64 x 42.579 = 652763.320….
    assert (line["premium_amount"], line["amount"]) == (14_078_32, 652_763_32)
    assert (line["status"], line["reasons"], line["equivalent_price"]) == ("PAYABLE", "", 15_000_00)
    assert (header.lots, header.lots_held, header.unit, header.currency) == (1, 0, "yuan/t", "CNY")
    assert (header.documents[0].id, header.documents[0].revision) == (FUTURES, 1)
    assert (header.terms.schedule, header.terms.revision) == (FUTURES, history.registry.revision)
    assert len(header.digest) == 64


def test_each_reason_that_applies_holds_a_lot(tmp_path: Path) -> None:
    """All reasons are told in their order; what can be computed is, and is in no total."""
    history = History()
    load(history, FUTURES)
    final_lot(history, golden_bales())
    history.register(OTHER_LOT, declared_bales=2)
    history.read([bale(501, OTHER_LOT, colour_grade=51), bale(502, OTHER_LOT)])
    history.register(THIRD_LOT)
    history.object_to(THIRD_LOT, raised_at_s=BEGUN_S)
    settling = Settling(history, tmp_path)
    header, lines = settling.price(schedule=FUTURES)
    held = lines_by(lines, "lot_no")
    assert [line["lot_no"] for line in lines] == [LOT, OTHER_LOT, THIRD_LOT]
    assert held[THIRD_LOT]["reasons"] == "NOT_FINAL;NOT_WEIGHED;NO_BALES;OBJECTED"
    other = held[OTHER_LOT]
    assert other["status"] == "HELD"
    reasons = str(other["reasons"]).split(";")
    assert {"NOT_FINAL", "NOT_WEIGHED", "NO_RATE:colour"} < set(reasons)
    assert any(each.startswith("NOT_DELIVERABLE:") for each in reasons)
    assert reasons == sorted(reasons)
    assert (other["premium"], other["amount"], other["factor.strength"]) == (None, None, 25_000)
    assert header.lots_held == 2
    _, (total,) = settling.price("totals", schedule=FUTURES)
    assert (total["lots"], total["lots_payable"], total["lots_held"]) == (3, 1, 2)
    assert (total["bales"], total["bales_payable"]) == (188, 186)
    assert total["premium_amount"] == held[LOT]["premium_amount"]
    history.object_to(LOT, raised_at_s=BEGUN_S)
    _, lines = settling.price(schedule=FUTURES)
    objected = lines_by(lines, "lot_no")[LOT]
    assert (objected["status"], objected["reasons"]) == ("HELD", "OBJECTED")
    assert objected["premium_amount"] == held[LOT]["premium_amount"]
    _, (total,) = settling.price("totals", schedule=FUTURES)
    assert (total["premium_amount"], total["premium_amount_of_lines"]) == (0, 0)
    assert (total["lots_payable"], total["quantity"], total["premium"]) == (0, 0, None)
    history.withdraw(lot_no=LOT)
    header, lines = settling.price(schedule=FUTURES)
    line = lines_by(lines, "lot_no")[LOT]
    assert (line["status"], line["reasons"], line["bales"]) == ("WITHDRAWN", "WITHDRAWN", 0)
    assert (line["premium"], line["quantity"]) == (None, None)
    assert header.lots_held == 2


def test_bales_are_priced_one_by_one_and_paid_by_their_own_weights(tmp_path: Path) -> None:
    """480 lb at 56.25 and 501 lb at 54.50 cents are 543.045 dollars, half of a cent and up."""
    history = History()
    load(history, LOAN)
    bales = usda_bale(1), usda_bale(2, length=110), usda_bale(3, lot_no="65140211001")
    history.read([replace(each, standard="USDA") for each in bales])
    settling = Settling(history, tmp_path)
    _, lines = settling.price(schedule=LOAN)
    # Without weights bales count alike, and there is no quantity.
    assert (lines[0]["lot_no"], lines[0]["season"], lines[0]["bales"]) == ("", "2021", 2)
    assert (lines[0]["price"], lines[0]["reasons"]) == (55_38, "NOT_WEIGHED")
    assert lines[1]["reasons"] == "NOT_FINAL;NOT_WEIGHED"
    pound = accounts_pb2.MASS_UNIT_POUND
    weights = [
        accounts_pb2.BaleWeight(bale=f"2021/{number:012d}", net=net, unit=pound)
        for number, net in ((1, 480_00), (2, 501_00))
    ]
    history.take(accounts_pb2.RecordBaleWeightsRequest(weights=weights))
    header, lines = settling.price(schedule=LOAN)
    assert (lines[0]["status"], lines[0]["price"], lines[0]["amount"]) == ("PAYABLE", 55_36, 543_05)
    # 981 lb x 0.45359237.
    assert lines[0]["quantity"] == 444_97
    assert (header.unit, header.currency, header.lots_held) == ("cents/lb", "USD", 1)
    _, bales_priced = settling.price("bales", schedule=LOAN)
    told = [(each["bale"], each["status"], each["rate"]) for each in bales_priced]
    assert told == [
        ("2021/000000000001", "PAYABLE", 56_25),
        ("2021/000000000002", "PAYABLE", 54_50),
        ("2021/000000000003", "HELD", 56_25),
    ]
    with pytest.raises(ServiceError) as refused:
        settling.price(schedule=LOAN, base_price=52_00)
    assert list(refused.value.violations) == ["base_price"]


XPCC, TARGET = "xpcc-quality-2023", "xinjiang-target-price"
UNIT_PAY = f"pay.{XPCC}.unit_double_29"
REGIMENT_PAY = f"pay.{XPCC}.regiment_double_29"


def lot_of_unit(history: History, serial: int, length: int, **registered: Any) -> None:
    """Three bales of one length in a lot of 2023, final."""
    lot_no = f"65140231{serial:03d}"
    made = [bale(10 * serial + number, lot_no, length=length) for number in range(3)]
    final_lot(history, made, lot_no, region="兵团", division="第八师", **registered)


def delivered(unit: str, number: int, weight: int, **fields: Any) -> accounts_pb2.Delivery:
    """Seed cotton of a unit."""
    return accounts_pb2.Delivery(
        season=2023, delivery_no=f"D-{number}", traceability_unit=unit, weight=weight, **fields
    )


def season_of_units() -> History:
    """U-1 and U-2 are one regiment; U-3 has a lot that is not final, U-4 no lot at all.

    U-5 delivers in another division than that of its lots.
    """
    history = History()
    load(history, XPCC, TARGET)
    lot_of_unit(history, 1, 2950, traceability_unit="U-1", regiment="150团")
    lot_of_unit(history, 2, 2850, traceability_unit="U-2", regiment="150团")
    history.register("65140231003", traceability_unit="U-3", region="兵团", regiment="149团")
    lot_of_unit(history, 5, 2950, traceability_unit="U-5", regiment="148团")
    deliveries = [
        delivered("U-1", 1, 60_000_00),
        delivered("U-1", 2, 40_000_50),
        delivered("U-2", 3, 50_000_00),
        delivered("U-4", 4, 10_000_00, region="兵团", regiment="147团"),
        delivered("U-5", 5, 10_000_00, division="第一师"),
    ]
    history.take(accounts_pb2.RecordDeliveriesRequest(deliveries=deliveries))
    areas = [
        accounts_pb2.Area(season=2023, traceability_unit=unit, area=area)
        for unit, area in (("U-1", 500_25), ("U-2", 400_00))
    ]
    history.take(accounts_pb2.RecordAreasRequest(areas=areas))
    price = accounts_pb2.MarketPrice(
        series="xinjiang-seed-cotton",
        day="2023-10-01",
        mark="3128B",
        basis=accounts_pb2.PRICE_BASIS_LINT,
        price=16_600_00,
    )
    history.take(accounts_pb2.RecordMarketPricesRequest(prices=[price]))
    return history


def test_units_and_regiments_are_paid_for_what_they_reach(tmp_path: Path) -> None:
    """0.35 yuan/kg for a unit of 29.5 mm, 25 yuan/mu for a regiment of exactly 29.0 mm."""
    settling = Settling(season_of_units(), tmp_path)
    header, lines = settling.price("units", season=2023, rule_sets=[XPCC])
    units = lines_by(lines, "traceability_unit")
    assert list(units) == ["U-1", "U-2", "U-3", "U-4", "U-5"]
    assert [units[unit]["status"] for unit in units] == ["PAYABLE"] * 2 + ["HELD"] * 3
    assert units["U-1"][f"{UNIT_PAY}.quantity"] == 100_000_50
    # 100 000.50 kg x 0.35 are 35 000.175 yuan, half of a fen and up.
    assert units["U-1"][f"{UNIT_PAY}.amount"] == units["U-1"]["pay_amount"] == 35_000_18
    assert (units["U-2"][f"{UNIT_PAY}.amount"], units["U-2"]["length_mean"]) == (0, 2850)
    reasons = {unit: str(line["reasons"]).split(";") for unit, line in units.items()}
    assert (reasons["U-1"], reasons["U-2"]) == ([""], [""])
    assert "LOTS_HELD:1" in reasons["U-3"]
    assert reasons["U-4"] == ["NO_LOTS"]
    assert reasons["U-5"] == ["ORGANISATION_DIFFERS"]
    assert (header.units, header.units_held, header.regiments) == (5, 3, 4)
    _, lines = settling.price("regiments", season=2023, rule_sets=[XPCC])
    regiments = lines_by(lines, "regiment")
    assert regiments["150团"]["length_mean"] == 2900
    # 900.25 mu x 25.
    assert regiments["150团"][f"{REGIMENT_PAY}.amount"] == 22_506_25
    assert (regiments["150团"]["units"], regiments["150团"]["status"]) == (2, "PAYABLE")
    assert {str(line["status"]) for name, line in regiments.items() if name != "150团"} == {"HELD"}
    _, (total,) = settling.price("totals", season=2023, rule_sets=[XPCC])
    assert total["pay_amount"] == total["pay_amount_of_lines"] == 35_000_18 + 22_506_25
    assert (total["units"], total["units_held"], total["lots"], total["lots_held"]) == (5, 3, 4, 1)
    by_unit = [summary_pb2.SUMMARY_KEY_TRACEABILITY_UNIT]
    _, rows = settling.price("totals", by_unit, season=2023, rule_sets=[XPCC])
    assert sum(int(row["pay_amount"] or 0) for row in rows) == 35_000_18


def test_bales_are_tested_one_by_one_under_the_standard_of_their_lot(tmp_path: Path) -> None:
    """Two of three bales meet; a fourth that its reading puts under another does not count."""
    history = History()
    by_bale = [
        ('"unit mean"\nvalues = "rounded"\nweighting = "bales"', '"bale"\nvalues = "rounded"'),
        (', by = "mean"', ""),
        ('paid_on = "seed cotton"', 'paid_on = "lint"'),
    ]
    load(history, XPCC, changed=by_bale)
    lot_no = "65140231001"
    bales = [bale(number, lot_no, length=2950) for number in range(4)]
    bales[1] = bales[1].but(length=2890)
    bales[2] = replace(bales[2], standard="GB1103.1-2023")
    final_lot(history, bales, lot_no, region="兵团", traceability_unit="U-1")
    _, (line,) = Settling(history, tmp_path).price("units", season=2023, rule_sets=[XPCC])
    assert line["bales"] == 4
    # Two thirds of 42 579 kg.
    assert line[f"{UNIT_PAY}.quantity"] == 28_386_00
    assert line["pay_amount"] == 9_935_10


def test_the_rate_of_a_target_price_is_the_fund_over_what_was_delivered(tmp_path: Path) -> None:
    """2 000 yuan/t of three lots' lint, over the seed cotton of all units in scope."""
    settling = Settling(season_of_units(), tmp_path)
    terms: dict[str, Any] = {"season": 2023, "target_price": TARGET}
    header, lines = settling.price("units", **terms)
    found = header.target_price
    output = 3 * LOT186_WEIGHT.conditioned
    assert (found.market, found.target, found.market_prices) == (16_600_00, 18_600_00, 1)
    assert found.output == found.eligible_output == output
    assert found.fund == 2 * output
    assert found.delivered == 170_000_50
    assert (found.rate, found.rate_by) == (150, "computed")
    # The lot of U-3 is held: with its output the rate will be another one.
    assert found.lots_left_out == 1
    units = lines_by(lines, "traceability_unit")
    assert (units["U-1"]["target_rate"], units["U-1"]["target_amount"]) == (150, 150_000_75)
    # Units that are held show what they would get.
    assert (units["U-4"]["status"], units["U-4"]["target_amount"]) == ("HELD", 15_000_00)
    assert str(units["U-3"]["reasons"]).split(";") == ["LOTS_HELD:1", "NO_DELIVERIES"]
    header, _ = settling.price(**terms, eligible_output=100_000)
    assert (header.target_price.eligible_output, header.target_price.fund) == (100_000, 2_000_00)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({}, "terms"),
        ({"schedule": "nothing"}, "schedule"),
        ({"rule_sets": [XPCC]}, "season"),
        ({"rule_sets": [XPCC], "season": 2022}, "rule_sets"),
        ({"rule_sets": [XPCC, XPCC], "season": 2023}, "rule_sets"),
        ({"target_price": "nothing", "season": 2023}, "target_price"),
        ({"schedule_series": "futures"}, "schedule_day"),
        ({"schedule_series": "futures", "schedule_day": "2016-13-01"}, "schedule_day"),
        ({"schedule_series": "futures", "schedule_day": "2010-01-01"}, "schedule_series"),
        ({"schedule": FUTURES, "base_price_series": "s"}, "base_price_day"),
        (
            {"schedule": FUTURES, "base_price_series": "s", "base_price_day": "2016-10-01"},
            "base_price_series",
        ),
        ({"base_price": 1, "target_price": TARGET, "season": 2023}, "base_price"),
        ({"schedule": FUTURES, "eligible_output": 1}, "eligible_output"),
        ({"schedule": FUTURES, "season": 17}, "season"),
        ({"schedule": FUTURES, "revision": 99}, "revision"),
    ],
)
def test_what_cannot_be_settled_says_why(tmp_path: Path, terms: dict[str, Any], field: str) -> None:
    """Each with the field to correct."""
    history = History()
    load(history, FUTURES, XPCC, TARGET)
    with pytest.raises(ServiceError) as refused:
        Settling(history, tmp_path).price(**terms)
    assert list(refused.value.violations) == [field]
    assert refused.value.reason in (
        Reason.INVALID_FIELD, Reason.NOT_FOUND, Reason.FUTURE_REVISION,
    )  # fmt: skip


def test_filled_in_terms_are_the_same_settlement(tmp_path: Path) -> None:
    """By series and day, by id, or as the header has them: one digest for each way of asking."""
    history = History()
    load(history, FUTURES)
    final_lot(history, golden_bales())
    prices = [
        accounts_pb2.MarketPrice(
            series="spot",
            day="2016-11-20",
            mark=mark,
            basis=accounts_pb2.PRICE_BASIS_LINT,
            price=price,
            lot_no=lot_no,
        )
        for mark, price, lot_no in (
            ("2129B", 15_900_00, ""),
            ("3128B", 15_500_00, ""),
            ("3128B", 15_700_00, LOT),
        )
    ]
    history.take(accounts_pb2.RecordMarketPricesRequest(prices=prices))
    settling = Settling(history, tmp_path)
    asked: dict[str, Any] = {"schedule_series": "futures", "schedule_day": "2016-11-20"}
    priced: dict[str, Any] = {"base_price_series": "spot", "base_price_day": "2016-11-20"}
    header, (line,) = settling.price(**asked, **priced)
    assert (header.terms.schedule, header.terms.base_price) == (FUTURES, 15_500_00)
    # Sold at 15 700 with a premium of 330.64: 15 369.36 of the base quality.
    assert (line["base_price"], line["sold_price"]) == (15_500_00, 15_700_00)
    assert line["equivalent_price"] == 15_369_36
    again, _ = settling.price(terms=header.terms)
    assert again == header
    with pytest.raises(ServiceError) as refused:
        settling.price(**asked, **priced, base_price=1)
    assert list(refused.value.violations) == ["base_price"]
