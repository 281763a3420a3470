"""What a file of target prices must say, and how it is refused: line, problem and remedy."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pytest
from cotton_server.settlement.money_table import DocumentFileError
from cotton_server.settlement.target_price import Cap, Conversion, MarketMean
from cotton_server.settlement.target_price_file import parse_target_price

TEXT: Final = """\
kind = "target price"
id = "target"
title = "Target"
title_zh = "目标价格"
series = "target"
effective_from = "2023-09-01"
effective_through = "2025-08-31"
source = "made up"
confidence = "H"
[rounding]
mode = "half up"
price_decimals = 2
money_decimals = 2
money_from = "exact"
[determination]
series = "lint"
first = "09-01"
last = "01-31"
grades = ["3128", "3129"]
mean = "volume"
conversion = { turnout = "40", seed_price = "2.5", processing = "800" }
[[seasons]]
season = 2023
target = "18600"
cap = { percent = "85", base_tonnes = "4000000.5" }
[[seasons]]
season = 2024
target = "18600"
market = "15000.25"
rate = "1.93"
cap = { tonnes = "5100000" }
"""


def test_all_that_a_file_can_say() -> None:
    found = parse_target_price(TEXT, "target.toml")
    assert (found.head.id, found.head.supersedes, found.head.note) == ("target", "", "")
    assert (found.head.effective_from, found.head.effective_through) == (19601, 20331)
    first, second = found.seasons.values()
    assert first.cap == Cap(None, Decimal(85), Decimal("4000000.5"))
    assert (first.market, first.rate) == (None, None)
    assert (second.market, second.rate) == (Decimal("15000.25"), Decimal("1.93"))
    assert second.cap == Cap(Decimal(5_100_000), None, None)
    assert found.determination is not None
    assert (found.determination.first, found.determination.last) == ((9, 1), (1, 31))
    assert found.determination.mean is MarketMean.VOLUME
    assert found.determination.conversion == Conversion(Decimal(40), Decimal("2.5"), Decimal(800))
    assert found.scope == {}


@pytest.mark.parametrize(
    ("old", "new", "line", "place", "problem", "remedy"),
    [
        ('target = "18600"\ncap = { p', 'target = "-1"\ncap = { p', 24, "seasons[1].target",
         "negative", "from 0"),
        ('target = "18600"\ncap = { p', 'targt = "18600"\ncap = { p', 22, "seasons[1].target",
         "missing", "target"),
        ('rate = "1.93"', 'rates = "1.93"', 30, "seasons[2].rates", "no such entry", "rate"),
        ('rate = "1.93"', "rate = 193", 30, "seasons[2].rate", "193", "quotation marks"),
        ('rate = "1.93"', 'rate = "1.93001"', 30, "seasons[2].rate", "decimals", "at most 4"),
        ("season = 2024", "season = 2023", 27, "seasons[2].season", "already", "once"),
        ("season = 2024", "season = true", 27, "seasons[2].season", "int", ""),
        ('last = "01-31"', 'last = "02-30"', 18, "determination.last", "no day", "09-01"),
        ('first = "09-01"', 'first = "02-01"', 18, "determination.last", "before", "Exchange"),
        ('turnout = "40"', 'turnout = "101"', 21, "determination.conversion.turnout", "range",
         "100"),
        ('percent = "85"', 'percent = "-85"', 25, "seasons[1].cap.percent", "negative", "from 0"),
        ('tonnes = "5100000" }', 'tonnes = "5", percent = "8" }', 31, "seasons[2].cap.percent",
         "no such entry", "tonnes"),
        ('"2025-08-31"', '"2022-08-31"', 7, "effective_through", "before", "Exchange"),
        ('"2023-09-01"', '"2023-9-1"', 6, "effective_from", "no day", "2016-09-01"),
        ('kind = "target price"', 'kind = "schedule"', 1, "kind", "schedule", "target price"),
        ('confidence = "H"', 'confidence = "X"', 9, "confidence", "none of", "one of"),
        ('title = "Target"', 'title = "Target', 3, "TOML", "", ""),
    ],
)  # fmt: skip
def test_a_wrong_file(old: str, new: str, line: int, place: str, problem: str, remedy: str) -> None:
    assert TEXT.count(old) == 1
    with pytest.raises(DocumentFileError) as refused:
        parse_target_price(TEXT.replace(old, new), "target.toml")
    error = refused.value
    assert (error.file, error.line, error.place) == ("target.toml", line, place)
    assert problem in error.problem
    assert remedy in error.remedy
    assert str(error) == f"target.toml: line {line}: {place}: {error.problem} {error.remedy}"
