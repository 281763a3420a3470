"""What a file of a schedule must say, how it is refused, and patches over a base."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pytest
from cotton_server.settlement.document import Band
from cotton_server.settlement.money_table import DocumentFileError
from cotton_server.settlement.patch import apply_patch
from cotton_server.settlement.schedule import (
    BonusFactor,
    By,
    CountFactor,
    MainFactor,
    MeanFactor,
    Schedule,
    ShareFactor,
    TableFactor,
    ThresholdFactor,
    Ties,
)
from cotton_server.settlement.schedule_file import SchedulePatch, parse_schedule

TEXT: Final = """\
kind = "schedule"
id = "base"
title = "Base"
title_zh = "升贴水"
series = "base"
source = "made up"
confidence = "H"
unit = "yuan/t"
standards = ["GB1103.1-2012", "GB1103.1-2023"]
per = "lot"
quantity = "conditioned"
share_decimals = 2
share_rule = "largest remainder"
ungraded = "hold"
base_rate = "-5"
[base_quality]
colour = "31"
[rounding]
mode = "half up"
price_decimals = 2
money_decimals = 2
money_from = "exact"
[[factors]]
name = "colour"
rule = "share"
item = "colour"
rates = { "21" = "300", "31" = "0" }
others = "-999.5"
[[factors]]
name = "length"
rule = "mean"
item = "length"
bands = [
    { name = "27", from = "27.0", to = "27.9", rate = "-300" },
    { name = "28", from = "28.0", to = "28.9", rate = "0" },
    { name = "29", from = "29.0", rate = "300" },
]
[[factors]]
name = "micronaire"
rule = "main"
item = "micronaire"
ties = "worst paid"
rates = { "A" = "200", "B" = "0" }
[[factors]]
name = "fibre"
rule = "count"
item = "foreign_fibre"
free = 1
each = "-200"
[[factors]]
name = "main_colour"
rule = "bonus"
item = "colour"
rate = "100"
[[factors]]
name = "strong"
rule = "threshold"
item = "strength"
classes = ["S1", "S2"]
at_least = "80"
rate = "50"
otherwise = "0"
[[factors]]
name = "joint"
rule = "table"
axes = [
    { item = "length", by = "mean", classes = ["28", "29"], covers = { "29" = ["29", "30"] } },
    { item = "colour", by = "main", classes = ["21", "31"] },
]
rates = [
    ["28", "21", "10"],
    ["29", "31", "20.0625"],
]
[[refusals]]
name = "trash"
test = "value above"
item = "trash"
limit = "3.5"
[[refusals]]
name = "bales"
test = "bales outside"
lower = "180"
upper = "190"
"""

PER_BALE: Final = """\
kind = "schedule"
id = "bales"
title = "Bales"
title_zh = "逐包"
series = "bales"
source = "made up"
confidence = "H"
unit = "cents/lb"
standards = ["USDA"]
per = "bale"
quantity = "net"
[rounding]
mode = "half up"
price_decimals = 2
money_decimals = 2
money_from = "exact"
[[factors]]
name = "class"
rule = "table"
axes = [{ item = "leaf", by = "bale", classes = ["1", "2"] }]
rates = [["1", "56.30"], ["2", "55"]]
"""

PATCH: Final = """\
kind = "schedule"
id = "patch"
title = "Patch"
title_zh = "调整"
series = "base"
effective_from = "2017-01-01"
source = "made up"
confidence = "M"
patch_of = "base"
[[factors]]
name = "colour"
rates = { "21" = "310", "41" = "-400" }
[[factors]]
name = "micronaire"
rule = "mean"
item = "micronaire"
rates = { "A" = "1" }
[[factors]]
name = "main_colour"
remove = true
[[factors]]
name = "fibre"
free = 0
[[factors]]
name = "joint"
rates = [["28", "21", "11"], ["28", "31", "12"]]
[[factors]]
name = "preparation"
rule = "share"
item = "preparation"
rates = { "P1" = "200" }
[[refusals]]
name = "trash"
remove = true
[[refusals]]
name = "bales"
test = "bales outside"
lower = "100"
"""


def parsed(text: str, file: str, base: str = TEXT) -> Schedule:
    """A schedule, or a patch over a base."""
    found = parse_schedule(text, file)
    if isinstance(found, SchedulePatch):
        return apply_patch(found, parsed(base, "base.toml"))
    return found


def test_all_that_a_file_can_say() -> None:
    found = parsed(TEXT, "base.toml")
    colour, length, micronaire, fibre, bonus, strong, joint = found.factors
    assert isinstance(colour, ShareFactor)
    assert (colour.rates, colour.others) == (
        {"21": Decimal(300), "31": Decimal(0)},
        Decimal("-999.5"),
    )
    assert isinstance(length, MeanFactor)
    assert length.classes.bands == (
        Band("27", 2700, 2790),
        Band("28", 2800, 2890),
        Band("29", 2900, None),
    )
    assert length.rates == {"27": Decimal(-300), "28": Decimal(0), "29": Decimal(300)}
    assert isinstance(micronaire, MainFactor)
    assert micronaire.ties is Ties.WORST_PAID
    assert fibre == CountFactor("fibre", "foreign_fibre", 1, Decimal(-200))
    assert bonus == BonusFactor("main_colour", "colour", Decimal(100))
    assert isinstance(strong, ThresholdFactor)
    assert strong.classes.names == ("S1", "S2")
    assert (strong.at_least, strong.rate, strong.otherwise) == (
        Decimal(80),
        Decimal(50),
        Decimal(0),
    )
    assert isinstance(joint, TableFactor)
    assert [axis.by for axis in joint.axes] == [By.MEAN, By.MAIN]
    assert joint.axes[0].classes.covers == {"29": ("29", "30")}
    assert joint.rates == {("28", "21"): Decimal(10), ("29", "31"): Decimal("20.0625")}
    assert found.base_rate == -5
    assert [each.name for each in found.refusals] == ["trash", "bales"]
    assert found.patch_of == ""


def test_shares_that_are_not_rounded() -> None:
    text = TEXT.replace('share_decimals = 2\nshare_rule = "largest remainder"\n', "")
    assert parsed(text, "base.toml").share_decimals is None


@pytest.mark.parametrize(
    ("old", "new", "line", "place", "problem", "remedy"),
    [
        ('from = "28.0"', 'from = "28.1"', 35, "factors[2].bands[2].from",
         "Values from 28.0 to 28.0 lie between 27 and 28", 'from = "28.0"'),
        ('from = "28.0"', 'from = "27.9"', 35, "factors[2].bands[2].from", "overlap",
         'from = "28.0"'),
        ('from = "28.0"', 'from = "28.05"', 35, "factors[2].bands[2].from", "no official value",
         "multiple of 0.1"),
        ('from = "27.0"', 'from = "-27.0"', 34, "factors[2].bands[1].from", "negative", "from 0"),
        ('name = "28", from', 'name = "27", from', 35, "factors[2].bands[2].name", "another band",
         "own"),
        (', to = "28.9"', "", 35, "factors[2].bands[2].to", "overlap", "both ends"),
        (', to = "28.9"', ', upto = "28.9"', 35, "factors[2].bands[2].upto", "no such entry",
         "to"),
        ('"21" = "300"', '"61" = "300"', 27, "factors[1].rates.61", 'no class "61" of colour',
         "11, 21, 31, 41, 51"),
        ('"21" = "300"', '"21" = 300', 27, "factors[1].rates.21", "300", "quotation marks"),
        ('"21" = "300"', '"21" = "300.00001"', 27, "factors[1].rates.21", "decimals", "at most 4"),
        ('"21" = "300"', '"21" = "1000001"', 27, "factors[1].rates.21", "range", "1000000"),
        ('"21" = "300"', '"21" = "1e3"', 27, "factors[1].rates.21", "no decimal number", "digits"),
        ('"A" = "200"', '"S1" = "200"', 43, "factors[3].rates.S1", 'no class "S1" of micronaire',
         "A, B1, B2, C1, C2, B, C"),
        ("free = 1", "free = -1", 48, "factors[4].free", "small", "from 0"),
        ('at_least = "80"', 'at_least = "100.5"', 60, "factors[6].at_least", "range", "100"),
        ('at_least = "80"', 'at_least = "-1"', 60, "factors[6].at_least", "negative", "from 0"),
        ('["29", "30"]', '["29", "40"]', 67, "factors[7].axes[1].covers.29[2]", 'no tier "40"',
         "30, 31, 32"),
        ('by = "main"', 'by = "bale"', 68, "factors[7].axes[2].by", "per lot", "mean"),
        ('["28", "21", "10"]', '["28", "41", "10"]', 71, "factors[7].rates[1][2]",
         "no class of axis 2", "21, 31"),
        ('["28", "21", "10"]', '["28", "10"]', 71, "factors[7].rates[1]", "2 axes", "every axis"),
        ('["28", "21", "10"]', '["29", "31", "10"]', 72, "factors[7].rates[2]", "already",
         "one of the two"),
        ('limit = "3.5"', 'limit = "-3.5"', 78, "refusals[1].limit", "negative", "from 0"),
        ('lower = "180"', 'lower = "191"', 83, "refusals[2].upper", "below", "Exchange"),
        ('name = "fibre"', 'name = "colour"', 45, "factors[4].name", "another one", "own"),
        ('name = "fibre"', 'name = "Fibre"', 45, "factors[4].name", "no name", "small letters"),
        ("price_decimals = 2", "price_decimals = 5", 20, "rounding.price_decimals", "large",
         "from 0 to 4"),
        ("share_decimals = 2", "share_decimals = 3", 12, "share_decimals", "3", "1 or 2"),
        ('"GB1103.1-2023"]', '"GB1103.1-2033"]', 9, "standards[2]", "GB1103.1-2033",
         "GB1103.1-2023"),
        ('unit = "yuan/t"', 'unit = "yuan/mu"', 8, "unit", "area", "yuan/t"),
        ('colour = "31"', 'colour = "91"', 17, "base_quality.colour", 'no class "91"', "31"),
        ('ungraded = "hold"', 'ungraded = "pay"', 14, "ungraded", "none of", "one of"),
        ('series = "base"', "series = 3", 5, "series", "str", ""),
        ('series = "base"', 'series "base"', 5, "TOML", "=", "="),
    ],
)  # fmt: skip
def test_a_wrong_file(old: str, new: str, line: int, place: str, problem: str, remedy: str) -> None:
    assert TEXT.count(old) == 1
    with pytest.raises(DocumentFileError) as refused:
        parsed(TEXT.replace(old, new), "base.toml")
    error = refused.value
    assert (error.file, error.line, error.place) == ("base.toml", line, place)
    assert problem in error.problem
    assert remedy in error.remedy


def test_a_class_twice_is_no_toml() -> None:
    with pytest.raises(DocumentFileError) as refused:
        parsed(TEXT.replace('"31" = "0"', '"21" = "0"'), "base.toml")
    assert (refused.value.line, refused.value.place) == (27, "TOML")


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('by = "bale"', 'by = "mean"', "factors[1].axes[1].by"),
        (PER_BALE[PER_BALE.index("rule") :],
         'rule = "share"\nitem = "leaf"\nrates = { "1" = "5" }', "factors[1].rule"),
        ('classes = ["1", "2"]', 'classes = ["1", "9"]', "factors[1].axes[1].classes[2]"),
    ],
)  # fmt: skip
def test_a_schedule_of_bales_has_tables_of_bales_only(old: str, new: str, place: str) -> None:
    found = parsed(PER_BALE, "bales.toml")
    assert not found.bale_weights
    text = PER_BALE.replace(old, new)
    if "classes" in new:
        text = text.replace('["2", "55"]', '["9", "55"]')
    with pytest.raises(DocumentFileError) as refused:
        parsed(text, "bales.toml")
    assert refused.value.place == place


def test_what_is_unbounded_is_refused() -> None:
    many = "".join(
        f'[[factors]]\nname = "f{place}"\nrule = "bonus"\nitem = "colour"\nrate = "1"\n'
        for place in range(51)
    )
    with pytest.raises(DocumentFileError, match="factors: There are 58"):
        parsed(TEXT.replace("[[refusals]]", f"{many}[[refusals]]", 1), "base.toml")
    bands = ", ".join(f'{{ name = "{place}", rate = "0" }}' for place in range(201))
    with pytest.raises(DocumentFileError, match="bands: There are 201"):
        parsed(
            f'{TEXT}[[factors]]\nname = "x"\nrule = "mean"\nitem = "length"\nbands = [{bands}]',
            "base.toml",
        )
    rows = ", ".join(f'["{place}", "0"]' for place in range(5001))
    text = PER_BALE.replace('[["1", "56.30"], ["2", "55"]]', f"[{rows}]")
    with pytest.raises(DocumentFileError, match="rates: There are 5001"):
        parsed(text, "bales.toml")


def test_a_patch_changes_what_it_says_and_nothing_else() -> None:
    old = parsed(TEXT, "base.toml")
    found = parsed(PATCH, "patch.toml")
    assert (found.head.id, found.head.effective_from, found.patch_of) == ("patch", 17167, "base")
    colour, length, micronaire, fibre, strong, joint, preparation = found.factors
    assert isinstance(colour, ShareFactor)
    assert colour.classes.names == ("21", "31", "41")
    assert colour.rates == {"21": Decimal(310), "31": Decimal(0), "41": Decimal(-400)}
    assert colour.others == Decimal("-999.5")
    assert (length, strong) == (old.factors[1], old.factors[5])
    assert isinstance(micronaire, MeanFactor)
    assert micronaire.rates == {"A": Decimal(1)}
    assert fibre == CountFactor("fibre", "foreign_fibre", 0, Decimal(-200))
    assert isinstance(joint, TableFactor)
    assert joint.rates == {
        ("28", "21"): Decimal(11),
        ("29", "31"): Decimal("20.0625"),
        ("28", "31"): Decimal(12),
    }
    assert isinstance(preparation, ShareFactor)
    (bales,) = found.refusals
    assert (bales.name, bales.lower, bales.upper) == ("bales", Decimal(100), None)
    kept = ("unit", "standards", "per", "quantity", "base_quality", "base_rate", "rounding")
    for part in (*kept, "share_decimals", "share_rule", "ungraded", "bale_weights"):
        assert getattr(found, part) == getattr(old, part)


def test_a_patch_of_a_patch() -> None:
    top = """\
kind = "schedule"
id = "top"
title = "Top"
title_zh = "再调整"
series = "base"
source = "made up"
confidence = "M"
patch_of = "patch"
[[factors]]
name = "colour"
rates = { "41" = "-450" }
"""
    change = parse_schedule(top, "top.toml")
    assert isinstance(change, SchedulePatch)
    found = apply_patch(change, parsed(PATCH, "patch.toml"))
    assert (found.patch_of, len(found.factors)) == ("patch", 7)
    colour = found.factors[0]
    assert isinstance(colour, ShareFactor)
    assert colour.rates == {"21": Decimal(310), "31": Decimal(0), "41": Decimal(-450)}


@pytest.mark.parametrize(
    ("old", "new", "line", "place", "problem", "remedy"),
    [
        ('patch_of = "base"', 'patch_of = "patch"', 9, "patch_of", "patch of itself", "Name"),
        ('"41" = "-400"', '"61" = "-400"', 12, "factors[1].rates.61", 'no class "61"', "41"),
        ('name = "main_colour"', 'name = "main"', 18, "factors[3]", "no main", "main_colour"),
        ("free = 0", 'ties = "hold"', 23, "factors[4].ties", "no ties", "whole"),
        ("free = 0", "fre = 0", 23, "factors[4].fre", "no such entry", "free"),
        ('["28", "31", "12"]', '["27", "31", "12"]', 26, "factors[5].rates[2][1]",
         "no class of length", "28, 29"),
        ('name = "trash"', 'name = "dust"', 32, "refusals[1]", "no dust", "trash, bales"),
    ],
)  # fmt: skip
def test_a_wrong_patch(
    old: str, new: str, line: int, place: str, problem: str, remedy: str
) -> None:
    assert PATCH.count(old) == 1
    with pytest.raises(DocumentFileError) as refused:
        parsed(PATCH.replace(old, new), "patch.toml")
    error = refused.value
    assert (error.file, error.line, error.place) == ("patch.toml", line, place)
    assert problem in error.problem
    assert remedy in error.remedy
