"""Small documents of money for tests, as texts and as documents of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cotton.inspection.v1 import reference_pb2

from tests.support.organisations import reference

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEDULE = reference_pb2.REFERENCE_KIND_SCHEDULE
RULE_SET = reference_pb2.REFERENCE_KIND_RULE_SET
TARGET_PRICE = reference_pb2.REFERENCE_KIND_TARGET_PRICE

_ROUNDING = """\
[rounding]
mode = "half up"
price_decimals = 2
money_decimals = 2
money_from = "exact"
"""
_RATES = {"21": "300", "31": "0"}
_CHANGE = '[[factors]]\nname = "colour"\nrates = { "21" = "310" }\n'


def head(kind: str, name: str, *, series: str = "s", **more: str) -> str:
    """The seven lines that begin each file, then `more`, such as effective_from."""
    entries = {"kind": kind, "id": name, "title": "Made up", "title_zh": "表", "series": series}
    entries |= {"source": "made up", "confidence": "L", **more}
    return "".join(f'{key} = "{value}"\n' for key, value in entries.items())


def schedule(name: str, *, rates: Mapping[str, str] = _RATES, **more: Any) -> str:
    """A schedule with one factor, colour by share; rates by class."""
    listed = ", ".join(f'"{each}" = "{rate}"' for each, rate in rates.items())
    return (
        head("schedule", name, **more)
        + 'unit = "yuan/t"\nstandards = ["GB1103.1-2012"]\nper = "lot"\nquantity = "conditioned"\n'
        + 'share_decimals = "exact"\nungraded = "hold"\n'
        + _ROUNDING
        + '[[factors]]\nname = "colour"\nrule = "share"\nitem = "colour"\n'
        + f"rates = {{ {listed} }}\n"
    )


def patch(name: str, base: str, change: str = _CHANGE, **more: str) -> str:
    """A patch of a schedule; without `change` it pays 310 for colour 21."""
    return head("schedule", name, **more, patch_of=base) + change


def rule_set(name: str, **more: str) -> str:
    """A rule set of 2023 with one payment."""
    return (
        head("rule set", name, **more)
        + 'seasons = [2023]\nstandards = ["GB1103.1-2012"]\n'
        + _ROUNDING
        + '[[payments]]\nname = "long"\ntitle = "Long"\ntitle_zh = "长"\ntested_on = "unit mean"\n'
        + 'values = "rounded"\nweighting = "bales"\npaid_on = "seed cotton"\n'
        + 'rate = { amount = "0.1", unit = "yuan/kg" }\n'
        + 'conditions = [{ item = "length", at_least = "29.0" }]\n'
    )


def target_price(name: str, **more: str) -> str:
    """Target prices of 2023 and 2024 with their market prices."""
    seasons = (
        f'[[seasons]]\nseason = {season}\ntarget = "18600"\nmarket = "16000"\n'
        for season in (2023, 2024)
    )
    return head("target price", name, **more) + _ROUNDING + "".join(seasons)


def document(
    name: str,
    content: str,
    kind: reference_pb2.ReferenceKind.ValueType = SCHEDULE,
    *,
    supersedes: int = 0,
) -> reference_pb2.Reference:
    """A document as it is sent."""
    return reference(content, name, kind=kind, supersedes=supersedes)
