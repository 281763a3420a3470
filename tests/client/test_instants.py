"""The times of `--as-of`: days for their end, China time, exact microseconds."""

from __future__ import annotations

import click
import pytest
from cotton_client.cli.instants import Instant

NOVEMBER_1_US = 1_730_390_400_000_000
"""2024-11-01T00:00 in China."""

HOUR_US = 3_600_000_000


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2024-11-01", NOVEMBER_1_US + 24 * HOUR_US - 1),
        ("2024-11-01T00:00", NOVEMBER_1_US),
        ("2024-11-01T12:00", NOVEMBER_1_US + 12 * HOUR_US),
        ("2024-11-01 12:00:01", NOVEMBER_1_US + 12 * HOUR_US + 1_000_000),
        ("2024-11-01T12:00:00.000001", NOVEMBER_1_US + 12 * HOUR_US + 1),
        ("2024-11-01T12:00+08:00", NOVEMBER_1_US + 12 * HOUR_US),
        ("2024-11-01T12:00Z", NOVEMBER_1_US + 20 * HOUR_US),
        ("2024-10-31T12:00-04:00", NOVEMBER_1_US),
        ("9999-12-31", 253_402_271_999_999_999),
        (7, 7),
    ],
)
def test_a_time_is_microseconds_since_1970(text: str | int, microseconds: int) -> None:
    assert Instant().convert(text, None, None) == microseconds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "neither a day"),
        ("yesterday", "neither a day"),
        ("2024-13-01", "neither a day"),
        ("2024-02-30", "neither a day"),
        ("2024-11-01T25:00", "neither a day"),
        ("2024-11", "neither a day"),
        ("12:00", "neither a day"),
        ("1970-01-01T08:00", "before 1970"),
        ("1969-12-31", "before 1970"),
        ("0001-01-01T00:00", "before 1970"),
    ],
)
def test_what_is_no_time_is_refused(text: str, told: str) -> None:
    with pytest.raises(click.BadParameter, match=told):
        Instant().convert(text, None, None)
