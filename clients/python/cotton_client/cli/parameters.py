"""Types of options: words of the contract, moments, durations, names of bales."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import click

from cotton_client.render import names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DURATION: Final = re.compile(r"([0-9]{1,6})([dh])", re.ASCII)
_SECONDS: Final = {"d": 24 * 3600, "h": 3600}


class Word(click.ParamType[int]):
    """A value of an enum by its word in lower case; `many` takes several, parted by commas.

    Gives the number, with `many` a tuple of numbers.
    """

    def __init__(self, enum: Any, prefix: str, *, many: bool = False) -> None:
        self.name = "words" if many else "word"
        self.words = {
            word: number
            for number in enum.values()
            if (word := names.symbol(enum, number, prefix)) is not None
        }
        self._many = many

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number or numbers; a word that is not known is refused with all that are."""
        if not isinstance(value, str):
            return value
        numbers = []
        for text in value.split(",") if self._many else [value]:
            word = text.strip().lower().replace("-", "_")
            if word not in self.words:
                self.fail(f"{text!r} is none of {', '.join(self.words)}.", param, ctx)
            numbers.append(self.words[word])
        return tuple(numbers) if self._many else numbers[0]


class Moment(click.ParamType[int]):
    """A time in ISO 8601, China time where it states no offset, as seconds since 1970 UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds; anything that is no time is refused."""
        if isinstance(value, int):
            return value
        # The readers load polars, which only a command with a time to read has to wait for.
        from cotton_client.readers.values import (  # noqa: PLC0415 - see above
            ValueTextError,
            parse_seconds,
        )

        try:
            return parse_seconds(value)
        except ValueTextError as error:
            self.fail(f"{value!r} {error}.", param, ctx)


class Day(click.ParamType[str]):
    """A day in China such as "2024-10-05"."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The day as the contract writes it; what is not in the calendar is refused."""
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            self.fail(f"{value!r} is not a day such as 2024-10-05.", param, ctx)


class Words(click.ParamType[tuple[str, ...]]):
    """Some of the words that are known, parted by commas; `none` is none of them."""

    name = "words"

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The words in the order that is known; one that is not is refused with all that are."""
        if not isinstance(value, str):
            return value
        given = [text.strip().lower().replace("-", "_") for text in value.split(",")]
        if given == ["none"]:
            return ()
        for word in given:
            if word not in self._known:
                self.fail(f"{word!r} is none of {', '.join(self._known)}.", param, ctx)
        return tuple(word for word in self._known if word in given)


class Duration(click.ParamType[int]):
    """Days or hours such as "10d" and "36h", in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds."""
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is not a duration such as 10d or 36h.", param, ctx)
        return int(match[1]) * _SECONDS[match[2]]


def bale_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The argument CODE and the option --crop-year, to be read with `bale_name`."""
    year = click.option(
        "--crop-year",
        type=click.IntRange(1900, 2999),
        metavar="YEAR",
        help="CODE is a 12-digit USDA bale id of this crop year.",
    )
    return click.argument("code", metavar="CODE")(year(function))


def bale_name(code: str, crop_year: int | None) -> tuple[str, int | None]:
    """Code and crop year of a bale that is named as 32 digits, YEAR/ID, or id with --crop-year."""
    year, slash, bale_id = code.partition("/")
    if not (slash and year.isascii() and year.isdigit()):
        return code, crop_year
    if crop_year not in {None, int(year)}:
        raise click.UsageError(f"CODE names crop year {year}, --crop-year {crop_year}.")
    return bale_id, int(year)
