"""What a file of quality-linked pay must say, and how it is refused: line, problem and remedy."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pytest
from cotton_server.settlement.document import SCOPE_KEYS, RateUnit
from cotton_server.settlement.money_table import DocumentFileError
from cotton_server.settlement.rule_set import (
    ConditionBy,
    FixedRate,
    PaidOn,
    PayCondition,
    ShareOfRate,
    Values,
    Weighting,
)
from cotton_server.settlement.rule_set import TestedOn as On
from cotton_server.settlement.rule_set_file import parse_rule_set
from cotton_server.summary.keys import LOT_WORDS

TEXT: Final = """\
kind = "rule set"
id = "pay"
title = "Pay"
title_zh = "支付"
series = "pay"
source = "made up"
confidence = "M"
seasons = [2023, 2024]
standards = ["GB1103.1-2012", "GB1103.1-2023"]
exclusive = true
[scope]
region = ["兵团"]
[rounding]
mode = "half up"
price_decimals = 2
money_decimals = 2
money_from = "exact"
[[payments]]
name = "best"
title = "Best"
title_zh = "优"
tested_on = "unit mean"
values = "exact"
weighting = "conditioned weight"
paid_on = "lint"
rate = { amount = "0.35", unit = "yuan/kg" }
conditions = [
    { item = "length", at_least = "29.0", at_most = "31.05" },
    { item = "micronaire", classes = ["A", "B2"], by = "main" },
]
[[payments]]
name = "good"
title = "Good"
title_zh = "良"
tested_on = "unit mean"
values = "rounded"
weighting = "bales"
paid_on = "area"
rate = { percent = "15", unit = "yuan/mu", decimals = 2, rate = "1.93" }
conditions = [
    { item = "strength", at_least = "29.0" },
]
"""


def test_all_that_a_file_can_say() -> None:
    found = parse_rule_set(TEXT, "pay.toml")
    assert found.seasons == (2023, 2024)
    assert found.exclusive
    assert found.scope == {"region": ("兵团",)}
    assert (found.head.effective_from, found.head.effective_through) == (None, None)
    best, good = found.payments
    assert best.conditions == (
        PayCondition("length", at_least=2900, at_most=3105),
        PayCondition("micronaire", classes=("A", "B2"), by=ConditionBy.MAIN),
    )
    assert (best.tested_on, best.values, best.weighting, best.paid_on) == (
        On.UNIT,
        Values.EXACT,
        Weighting.WEIGHT,
        PaidOn.LINT,
    )
    assert best.rate == FixedRate(Decimal("0.35"), RateUnit.YUAN_PER_KG)
    assert good.rate == ShareOfRate(Decimal(15), Decimal("1.93"), RateUnit.YUAN_PER_MU, 2)


@pytest.mark.parametrize(
    ("old", "new", "line", "place", "problem", "remedy"),
    [
        ('classes = ["A", "B2"]', 'classes = ["A", "S1"]', 29,
         "payments[1].conditions[2].classes[2]", 'no class "S1" of micronaire',
         "A, B1, B2, C1, C2"),
        ('item = "strength"', 'item = "gloss"', 41, "payments[2].conditions[1].item", "no gloss",
         "strength"),
        ('at_most = "31.05"', 'at_most = "28"', 28, "payments[1].conditions[1].at_most", "below",
         "Exchange"),
        ('at_least = "29.0", at', 'at_least = "-29.0", at', 28,
         "payments[1].conditions[1].at_least", "negative", "from 0"),
        ('{ item = "strength", at_least = "29.0" }', '{ item = "strength" }', 41,
         "payments[2].conditions[1].item", "Nothing", "at_least"),
        ('amount = "0.35"', "amount = 1", 26, "payments[1].rate.amount", "no decimal number",
         "quotation marks"),
        ('amount = "0.35", unit = "yuan/kg"', 'amount = "25", unit = "yuan/mu"', 18, "payments[1]",
         "A rate in yuan/mu cannot be paid on lint", "Correct the payment"),
        ('paid_on = "area"', 'paid_on = "seed cotton"', 31, "payments[2]",
         "A rate in yuan/mu cannot be paid on seed cotton", "Correct the payment"),
        ('tested_on = "unit mean"\nvalues = "rounded"',
         'tested_on = "regiment mean"\nvalues = "rounded"', 18, "payments[1]",
         "exclude each other", "Correct the payment"),
        ('percent = "15"', 'percent = "150"', 39, "payments[2].rate.percent", "range", "100"),
        ('name = "good"', 'name = "best"', 32, "payments[2].name", "another payment", "own"),
        ('name = "good"', 'name = "Good one"', 32, "payments[2].name", "no name", "small letters"),
        ("seasons = [2023, 2024]", "seasons = [2023, 2023]", 8, "seasons", "twice", "once"),
        ("seasons = [2023, 2024]", 'seasons = ["2023"]', 8, "seasons[1]", "no season", "2023"),
        ('"GB1103.1-2012", ', '"GB1103.1-1999", ', 9, "standards[1]",
         "no standard GB1103.1-1999", "GB1103.1-2012"),
        ("exclusive = true", "exclusiv = true", 10, "exclusiv", "no such entry", "exclusive"),
        ("exclusive = true", 'exclusive = "yes"', 10, "exclusive", "neither true", "true"),
        ('region = ["兵团"]', 'regoin = ["兵团"]', 12, "scope.regoin", "no such entry", "region"),
        ("seasons = [2023, 2024]", "seasons = [2023, 2024", 9, "TOML", "", ","),
    ],
)  # fmt: skip
def test_a_wrong_file(old: str, new: str, line: int, place: str, problem: str, remedy: str) -> None:
    assert TEXT.count(old) == 1
    with pytest.raises(DocumentFileError) as refused:
        parse_rule_set(TEXT.replace(old, new), "pay.toml")
    error = refused.value
    assert (error.file, error.line, error.place) == ("pay.toml", line, place)
    assert problem in error.problem
    assert remedy in error.remedy


def test_without_payments() -> None:
    text = TEXT[: TEXT.index("[[payments]]")]
    with pytest.raises(DocumentFileError, match="payments: It is missing"):
        parse_rule_set(text, "pay.toml")
    with pytest.raises(DocumentFileError, match="There are 0"):
        parse_rule_set(text.replace("[scope]", "payments = []\n[scope]"), "pay.toml")


def test_lots_can_be_chosen_by_every_key_of_a_scope() -> None:
    """Those that documents may have are fixed, whatever else summaries group by."""
    assert set(SCOPE_KEYS) <= set(LOT_WORDS)
