"""Integers of the contract as exact decimal text; nothing passes through a float."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

_CHINA: Final = timezone(timedelta(hours=8))
_HUNDREDTH_DIGITS: Final = 2
_TONNE_DIGITS: Final = 5
"""A tonne is 10**5 hundredths of a kilogram."""


def shortest(hundredths: int) -> str:
    """The exact decimal without trailing zeros: 2820 is "28.2", 4257900 is "42579"."""
    return scaled(hundredths, _HUNDREDTH_DIGITS)


def scaled(number: int, decimals: int) -> str:
    """The number divided by 10**decimals, exact, without trailing zeros: (57900, 5) is "0.579"."""
    text = _decimal(number, decimals)
    return text.rstrip("0").rstrip(".") if decimals else text


def fixed(hundredths: int, decimals: int) -> str:
    """The exact decimal with at least `decimals` (0-2) digits: more where it has more."""
    whole, _, fraction = shortest(hundredths).partition(".")
    fraction = fraction.ljust(decimals, "0")
    return f"{whole}.{fraction}" if fraction else whole


def count(number: int) -> str:
    """A whole number in groups of three: 42579 is "42 579"."""
    return f"{number:,}".replace(",", " ")


def counted(number: int, noun: str) -> str:
    """A number of things: "1 bale", "42 579 bales", "2 deliveries"."""
    return f"{count(number)} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Several of a thing: bales, deliveries, days."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def china_time(seconds: int) -> str:
    """Seconds since 1970-01-01 UTC as the day and minute in China; "" when not known."""
    if not seconds:
        return ""
    return datetime.fromtimestamp(seconds, _CHINA).strftime("%Y-%m-%d %H:%M +08")


def kilograms(hundredths: int, decimals: int = 0) -> str:
    """A weight in kg, exact, in groups of three: 4257900 is "42 579"."""
    whole, _, fraction = fixed(hundredths, decimals).partition(".")
    return f"{count(int(whole))}.{fraction}" if fraction else count(int(whole))


def tonnes(hundredths_of_kg: int, decimals: int = 3) -> str:
    """A weight in t, rounded once, half to even: 4257900 at 3 decimals is "42.579"."""
    scaled = rounded(hundredths_of_kg, 10 ** (_TONNE_DIGITS - decimals))
    whole, _, fraction = _decimal(scaled, decimals).partition(".")
    return f"{count(int(whole))}.{fraction}" if fraction else count(int(whole))


def share(hundredths: int, decimals: int = 1) -> str:
    """A share in percent, as the service printed it, with at least `decimals` digits."""
    return f"{fixed(hundredths, decimals)} %"


def rounded(number: int, unit: int) -> int:
    """The number in whole units, of which `unit` is one; the middle goes to the even one."""
    quotient, rest = divmod(number, unit)
    if 2 * rest > unit or (2 * rest == unit and quotient % 2):
        quotient += 1
    return quotient


def _decimal(number: int, digits: int) -> str:
    """The number divided by 10**digits, with all its digits."""
    sign = "-" if number < 0 else ""
    text = str(abs(number)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else f"{sign}{text}"
