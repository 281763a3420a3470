"""Texts of single values as the integers of the contract, exactly and without floats."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from cotton_client.identifiers import CHINA_TIME

_DECIMAL: Final = re.compile(r"([+-]?)([0-9]{1,12})(?:\.([0-9]+))?", re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_DECIMAL_COMMA: Final = re.compile(r"[+-]?[0-9]+,[0-9]+", re.ASCII)
_NOT_NUMBERS: Final = frozenset({"nan", "inf", "infinity", "n/a", "na", "null", "none", "-"})
_DECIMALS_MAX: Final = 2
INT32_MAX: Final = 2**31 - 1


class ValueTextError(ValueError):
    """A text is not a value of its kind: what is wrong, and what to do about it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


def _not_a_number(text: str, example: str) -> ValueTextError:
    if text.lstrip("+-").lower() in _NOT_NUMBERS or not text.strip("-"):
        return ValueTextError("is not a number", "leave the value empty where there is none")
    if _DECIMAL_COMMA.fullmatch(text):
        return ValueTextError("has a decimal comma", "write a decimal point")
    return ValueTextError(
        "is not a number", f"write digits with a decimal point, such as {example}"
    )


def parse_hundredths(text: str, highest: int = INT32_MAX) -> int:
    """A decimal number as hundredths: "28.2" is 2820. Exact; what does not fit is refused.

    `highest`: the largest absolute value, in hundredths. Raises ValueTextError.
    """
    return parse_decimal(text, _DECIMALS_MAX, highest)


def parse_decimal(text: str, decimals: int, highest: int) -> int:
    """A decimal number times 10**decimals. Exact; what does not fit is refused.

    `highest`: the largest absolute value of the result. Raises ValueTextError.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise _not_a_number(text, "28.2")
    sign, whole, fraction = match[1], match[2], (match[3] or "").rstrip("0")
    if len(fraction) > decimals:
        if decimals == _DECIMALS_MAX:
            raise ValueTextError(
                "does not fit hundredths", "state it with at most two decimals, as the record does"
            )
        raise ValueTextError(f"has more than {decimals} decimals", "state it with as many at most")
    scale: int = 10**decimals
    number = int(whole) * scale + int(fraction.ljust(decimals, "0") or "0")
    if number > highest:
        raise ValueTextError("is too large", "check the unit and the decimal point")
    return -number if sign == "-" else number


def parse_whole(text: str, highest: int = INT32_MAX) -> int:
    """A whole number; `highest` is the largest absolute value. Raises ValueTextError."""
    if _WHOLE.fullmatch(text) is None:
        if _DECIMAL.fullmatch(text):
            raise ValueTextError("is not a whole number", "write it without decimals")
        raise _not_a_number(text, "31")
    number = int(text)
    if abs(number) > highest:
        raise ValueTextError("is too large", "check the value")
    return number


def parse_preparation(text: str) -> int:
    """Ginning preparation (轧工质量): "P1", "P2", "P3" or the digit alone; 1 to 3."""
    name = text.upper().removeprefix("P")
    if name not in {"1", "2", "3"}:
        raise ValueTextError("is no ginning preparation", "write P1, P2 or P3")
    return int(name)


def parse_foreign_fibre(text: str) -> int:
    """Whether foreign fibre (异性纤维) was found: "0" or "1"."""
    if text not in {"0", "1"}:
        raise ValueTextError("is neither 0 nor 1", "write 1 where foreign fibre was found, else 0")
    return int(text)


def parse_seconds(text: str) -> int:
    """A time in ISO 8601 as seconds since 1970-01-01 UTC.

    Without an offset it is China time (UTC+08:00); a date alone is its midnight.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueTextError(
            "is not a time", "write it in ISO 8601, such as 2016-11-20 or 2016-11-20T09:30:00+08:00"
        ) from error
    if moment.microsecond:
        raise ValueTextError("has a fraction of a second", "state whole seconds")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=CHINA_TIME)
    seconds = int(moment.timestamp())
    if seconds <= 0:
        raise ValueTextError("lies before 1970", "leave it empty where the time is not known")
    return seconds


def parse_crop_year(text: str) -> int:
    """A crop year in four digits."""
    year = parse_whole(text)
    first, last = 1901, 2999
    if not first <= year <= last:
        raise ValueTextError("is not a year in four digits", "write it such as 2006")
    return year
