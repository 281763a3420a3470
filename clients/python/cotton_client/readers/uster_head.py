"""What stands above the rows of an Uster report: instrument, date, time and lot.

A line of the head is a name and a value, parted by a colon, an equals sign, a tab, a semicolon or
a comma; several may stand in a line, two blanks apart. Every other line is passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final

from cotton_client.identifiers import CHINA_TIME, LOT_NO_DIGITS
from cotton_client.readers.uster_layout import joined_units, units_of

if TYPE_CHECKING:
    from cotton_client.readers.notices import Reporter

_NAMES: Final = {
    "instrument": r"instrument(?: *(?:id|no\.?|number|name))?|serial *(?:no\.?|number)",
    "moment": r"date */ *time|date +(?:and +)?time",
    "date": r"(?:test *)?date",
    "time": r"(?:test *)?time",
    "lot": r"lot(?: *(?:id|no\.?|number))?",
}
_PAIR: Final = re.compile(
    r"(?:^|(?<=[\t;])|(?<=  ))\s*(?:"
    + "|".join(f"(?P<{name}>{pattern})" for name, pattern in _NAMES.items())
    + r") *[:=\t;,]\s*(?P<value>\S.*?)(?= {2,}|[\t;]|,*\s*$)",
    re.IGNORECASE,
)
_CHARACTERS_MAX: Final = 1000
"""How much of a line is looked at: what is sought stands at the beginning of short lines."""
_INSTRUMENT_BYTES_MAX: Final = 64
_FIRST_YEAR: Final = 1990
_LAST_YEAR: Final = 2099
_YEAR_FIRST: Final = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})", re.ASCII)
_YEAR_LAST: Final = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", re.ASCII)
_DATE_PACKED: Final = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_MOMENT_PACKED: Final = re.compile(r"(\d{8})(\d{6}|\d{4})", re.ASCII)
_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?: *([AP])M)?", re.ASCII | re.IGNORECASE)
_TIME_PACKED: Final = re.compile(r"(\d{2})(\d{2})(\d{2})?", re.ASCII)
_NOON: Final = 12
_LOT_NO: Final = re.compile(rf"[0-9]{{{LOT_NO_DIGITS}}}", re.ASCII)


@dataclass(slots=True)
class Head:
    """The head of a report as far as it has been read."""

    reporter: Reporter
    instrument: str | None = None
    lot_no: str | None = None
    units: dict[str, str] = field(default_factory=dict)
    _date: date | None = None
    _time: time | None = None

    @property
    def inspected_at_s(self) -> int | None:
        """The time of the report, China time, midnight where only the date is known."""
        if self._date is None:
            return None
        moment = datetime.combine(self._date, self._time or time(), tzinfo=CHINA_TIME)
        return int(moment.timestamp())

    def read(self, line: str, number: int, *, exact: bool) -> None:
        """Takes what a line says; `exact`: whether characters beyond ASCII are what they seem.

        Raises LayoutError for units that contradict each other.
        """
        line = line[:_CHARACTERS_MAX]
        if "unit" in line.casefold():
            self.units = joined_units(self.units, units_of(line))
        for match in _PAIR.finditer(line):
            name = next(each for each in _NAMES if match[each] is not None)
            value = match["value"].strip().strip('"').strip()
            if not value:
                continue
            if name == "instrument":
                self._read_instrument(value, number, exact=exact)
            elif name == "lot":
                self._read_lot(value, number)
            elif name == "time":
                self._read_time(value, number)
            else:
                self._read_date(value, number)

    def _read_instrument(self, value: str, number: int, *, exact: bool) -> None:
        if not value.isprintable() or not (exact or value.isascii()):
            self.reporter.tell(number, "the instrument cannot be read for certain: left out")
        elif len(value.encode()) > _INSTRUMENT_BYTES_MAX:
            self.reporter.tell(
                number, f"the instrument has more than {_INSTRUMENT_BYTES_MAX} bytes: left out"
            )
        elif self.instrument is None:
            self.instrument = value
        elif value not in self.instrument.split():
            # A model and a serial number may stand on lines of their own.
            both = f"{self.instrument} {value}"
            self.instrument = (
                both if len(both.encode()) <= _INSTRUMENT_BYTES_MAX else self.instrument
            )

    def _read_lot(self, value: str, number: int) -> None:
        if _LOT_NO.fullmatch(value) is None:
            self.reporter.tell(
                number, f"the lot {value!r} is no lot number of {LOT_NO_DIGITS} digits: left out"
            )
        else:
            self.lot_no = value

    def _read_date(self, value: str, number: int) -> None:
        packed = _MOMENT_PACKED.fullmatch(value)
        if packed is not None:
            text, rest = packed[1], packed[2]
        else:
            text, _, rest = value.replace("T", " ").partition(" ")
        found = _date_of(text)
        if found is None:
            self.reporter.tell(
                number,
                f"the date {text!r} cannot be read for certain: the readings have no time; write "
                "it as 2016-11-20",
            )
            return
        if text.isdigit():
            self.reporter.tell(
                number, f"the date {text!r} has no separators: read as {found.isoformat()}"
            )
        self._date = found
        if rest.strip():
            self._read_time(rest.strip(), number)

    def _read_time(self, value: str, number: int) -> None:
        found = _time_of(value)
        if found is None:
            self.reporter.tell(number, f"the time {value!r} cannot be read: left out")
            return
        if value.isdigit():
            self.reporter.tell(
                number, f"the time {value!r} has no separators: read as {found.isoformat()}"
            )
        self._time = found


def _date_of(text: str) -> date | None:
    """A date; None where it is none, or where day and month could change places."""
    match = _YEAR_FIRST.fullmatch(text)
    if match is not None:
        return _valid(int(match[1]), int(match[3]), int(match[4]))
    match = _DATE_PACKED.fullmatch(text)
    if match is not None:
        # With the year last, "20" or "19" would stand in the place of the month: never a date.
        return _valid(int(match[1]), int(match[2]), int(match[3]))
    match = _YEAR_LAST.fullmatch(text)
    if match is None:
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    # With dots the day comes first; else only a number past 12 tells the day from the month.
    day_first = _valid(year, second, first)
    month_first = None if match[2] == "." else _valid(year, first, second)
    if day_first is not None and month_first is not None and day_first != month_first:
        return None
    return day_first or month_first


def _valid(year: int, month: int, day: int) -> date | None:
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _time_of(text: str) -> time | None:
    match = _TIME.fullmatch(text)
    packed = _TIME_PACKED.fullmatch(text) if match is None else None
    if match is None and packed is None:
        return None
    groups = (match or packed).groups()  # type: ignore[union-attr]  # one of the two matched
    hour, minute, second = int(groups[0]), int(groups[1]), int(groups[2] or 0)
    if match is not None and match[4] is not None:
        if not 1 <= hour <= _NOON:
            return None
        hour = hour % _NOON + (_NOON if match[4] in "Pp" else 0)
    try:
        return time(hour, minute, second)
    except ValueError:
        return None
