"""The schedules that the season is settled by, as texts that the service loads."""

from __future__ import annotations

import re
from typing import Final

from cotton_server.settlement import library
from cotton_server.settlement.schedule import Schedule
from cotton_server.settlement.schedule_file import parse_schedule

from benchmarks.errors import BenchmarkError
from benchmarks.national.sql import STANDARD

BY_LOT: Final = "futures-2016-17"
"""Comes with the service."""
EXACT: Final = "benchmark-exact-shares"
"""The same with exact shares, which SQL can say."""
BY_BALE: Final = "benchmark-by-bale"
USDA: Final = "usda-loan-2021"
"""Comes with the service; prices bales of its own standard."""

LOTS_NAME: Final = "futures 2016/17"
BALES_NAME: Final = "by bale"
SETTLED_BY: Final = {LOTS_NAME: BY_LOT, BALES_NAME: BY_BALE}
"""What results call the schedules that are asked for."""

_COLOURS: Final = {
    "11": 500,
    "21": 300,
    "31": 0,
    "41": -400,
    "51": -900,
    "12": -150,
    "22": -450,
    "32": -800,
    "13": -700,
    "23": -900,
    "33": -1100,
    "14": -1200,
    "24": -1400,
}
_LENGTHS: Final = {
    "25": -900,
    "26": -600,
    "27": -300,
    "28": 0,
    "29": 300,
    "30": 600,
    "31": 750,
    "32": 900,
}
_BANDS: Final = {
    "micronaire": (
        ("", "3.4", -300),
        ("3.5", "3.6", 0),
        ("3.7", "4.2", 200),
        ("4.3", "4.9", 0),
        ("5.0", "", -100),
    ),
    "strength": (
        ("", "23.9", -600),
        ("24.0", "25.9", -300),
        ("26.0", "28.9", 0),
        ("29.0", "30.9", 250),
        ("31.0", "", 500),
    ),
    "uniformity": (
        ("", "76.9", -500),
        ("77.0", "79.9", -300),
        ("80.0", "82.9", 0),
        ("83.0", "85.9", 150),
        ("86.0", "", 250),
    ),
}

_HEAD: Final = f"""\
kind = "schedule"
id = "{BY_BALE}"
title = "Rates by bale"
title_zh = "逐包升贴水"
series = "{BY_BALE}"
source = "Made up"
confidence = "L"
unit = "yuan/t"
standards = ["{STANDARD}"]
per = "bale"
quantity = "conditioned"

[rounding]
mode = "half even"
price_decimals = 2
money_decimals = 2
money_from = "exact"
"""


def by_bale() -> str:
    """A schedule in the shape of the USDA loan: colour by length, and three factors by band."""
    rates = [
        f'["{colour}", "{length}", "{rate + more}"]'
        for colour, rate in _COLOURS.items()
        for length, more in _LENGTHS.items()
    ]
    parts = [
        _HEAD,
        _table("class", [_named("colour", _COLOURS), _named("length", _LENGTHS)], rates),
    ]
    for item, bands in _BANDS.items():
        axis = f'{{ item = "{item}", by = "bale", bands = [{_bands(bands)}] }}'
        rates = [f'["{_name(low, high)}", "{rate}"]' for low, high, rate in bands]
        parts.append(_table(item, [axis], rates))
    return "\n".join(parts)


def with_exact_shares(text: str) -> str:
    """The schedule of a text as another document, whose shares are not rounded."""
    for entry, value in (("id", EXACT), ("series", EXACT), ("share_decimals", "exact")):
        line = re.compile(rf"^{entry} = .*$", re.MULTILINE)
        text, changed = line.subn(f'{entry} = "{value}"', text)
        if changed != 1:
            raise BenchmarkError(f"The schedule has {changed} lines of {entry}.")
    return re.sub(r"^share_rule = .*\n", "", text, flags=re.MULTILINE)


def shipped(id_: str) -> str:
    """The text of a schedule that comes with the service."""
    for each in library.shipped():
        if (each.kind, each.id) == ("schedule", id_):
            return each.text
    raise BenchmarkError(f"No schedule {id_} comes with the service.")


def parsed(text: str) -> Schedule:
    """The schedule of a text; BenchmarkError for a patch."""
    schedule = parse_schedule(text, "the schedule")
    if not isinstance(schedule, Schedule):
        raise BenchmarkError(f"{schedule.head.id} is a patch.")
    return schedule


def _table(name: str, axes: list[str], rates: list[str]) -> str:
    return "\n".join(
        (
            "[[factors]]",
            f'name = "{name}"',
            'rule = "table"',
            f"axes = [{', '.join(axes)}]",
            f"rates = [{', '.join(rates)}]",
            "",
        )
    )


def _named(item: str, names: dict[str, int]) -> str:
    return f'{{ item = "{item}", by = "bale", classes = [{", ".join(map(_text, names))}] }}'


def _bands(bands: tuple[tuple[str, str, int], ...]) -> str:
    return ", ".join(
        f"{{ name = {_text(_name(low, high))}"
        + (f", from = {_text(low)}" if low else "")
        + (f", to = {_text(high)}" if high else "")
        + " }"
        for low, high, _ in bands
    )


def _name(low: str, high: str) -> str:
    return f"{low or '0'}-{high}" if high else f"{low}+"


def _text(text: str) -> str:
    return f'"{text}"'
