"""Documents of money as names and texts, and where two differ."""

from __future__ import annotations

from typing import cast

from cotton_server.settlement.describe import Money, described, differing
from cotton_server.settlement.library import shipped
from cotton_server.settlement.patch import apply_patch
from cotton_server.settlement.schedule import Schedule
from cotton_server.settlement.schedule_file import SchedulePatch, parse_schedule

from tests.support.money_documents import patch, schedule


def of(name: str) -> Money:
    """A document of the package."""
    (found,) = (each.value for each in shipped() if each.id == name)
    assert not isinstance(found, SchedulePatch)
    return found


def test_a_schedule_entry_by_entry() -> None:
    entries = described(of("futures-2016-17"))
    names = list(entries)
    assert names[:5] == ["id", "title", "title_zh", "series", "effective_from"]
    assert names.index("factors.colour.11") < names.index("factors.length.27")
    for name, text in {
        "effective_through": "2017-08-31",
        "unit": "yuan/t",
        "standards": "GB1103.1-2012, GB1103.1-2023",
        "base_quality.micronaire": "B",
        "share_decimals": "2",
        "rounding.mode": "half even",
        "factors.colour.rule": "share",
        "factors.colour.21": "300",
        "factors.length.values.29": "29.0 to 29.9",
        "factors.length.values.30": "30.0 and above",
        "factors.length.30": "600",
        "factors.micronaire.ties": "hold",
        "factors.foreign_fibre.each": "-200",
        "refusals.colour.classes": "51, 32, 13, 23, 33, 14, 24",
        "refusals.length.lower": "27.0",
        "refusals.uniformity.by": "mean",
        "refusals.bales.upper": "190",
    }.items():
        assert entries[name] == text, name
    assert all(entries.values())
    assert "supersedes" not in entries


def test_a_schedule_of_bales_entry_by_entry() -> None:
    entries = described(of("usda-loan-2021"))
    assert entries["factors.class.axis_3.item"] == "length"
    assert entries["factors.class.axis_3.covers.38"] == "38, 39, 40, 41, 42, 43, 44"
    assert entries["factors.class.41/4/34"] == "52.00"
    assert entries["factors.micronaire.axis_1.values.5.3+"] == "5.3 and above"
    assert entries["factors.micronaire.5.3+"] == "-3.85"
    assert "share_rule" not in entries


def test_pay_and_target_prices_entry_by_entry() -> None:
    pay = described(of("xpcc-quality-2023"))
    assert pay["payments.unit_double_29.rate"] == "0.35 yuan/kg"
    assert pay["payments.unit_double_29.condition_1"] == "length at least 29.0"
    assert pay["payments.unit_double_29.condition_3"] == "micronaire A or B2, by mean"
    assert pay["scope.region"] == "兵团"
    region = described(of("region-quality-2021-22"))
    assert region["payments.double_29_b2.rate"] == (
        "15 % of the season's rate, yuan/kg, 2 decimals"
    )
    target = described(of("xinjiang-target-price"))
    assert target["seasons.2014.target"] == "19800"
    assert target["seasons.2022.rate"] == "1.93"
    assert target["seasons.2022.cap.percent"] == "85"
    assert target["seasons.2023.cap.tonnes"] == "5100000"
    assert target["determination.first"] == "09-01"
    assert target["determination.grades"] == "3128, 3129, 2128, 2129"


def test_no_two_entries_have_one_name() -> None:
    """Each rate is there under its own name."""
    for each in shipped():
        entries = described(cast("Money", each.value))
        if each.kind == "schedule":
            found = cast("Schedule", each.value)
            rates = sum(len(getattr(factor, "rates", ())) for factor in found.factors)
            stated = [name for name in entries if name.startswith("factors.")]
            words = ("rule", "item", "free", "each", "rate", "ties", "by", "classes")
            bare = [
                name
                for name in stated
                if name.rpartition(".")[2] not in words
                and ".values." not in name
                and ".covers." not in name
            ]
            assert len(bare) == rates, each.id


def test_a_patch_is_compared_with_its_base() -> None:
    base = parse_schedule(schedule("base"), "base.toml")
    assert isinstance(base, Schedule)
    change = parse_schedule(patch("patch", "base"), "patch.toml")
    assert isinstance(change, SchedulePatch)
    found = differing(base, apply_patch(change, base))
    assert found == [
        ("id", "base", "patch"),
        ("factors.colour.21", "300", "310"),
        ("patch_of", "", "base"),
    ]
    assert differing(base, base) == []
