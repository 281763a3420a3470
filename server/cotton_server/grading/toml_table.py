"""Reads tables of a TOML file strictly: types are checked, and every entry must be taken."""

from __future__ import annotations

import tomllib
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cotton_server.grading.standard import Confidence, Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

T = TypeVar("T")
Choice = TypeVar("Choice", bound=Enum)

CORRECT: Final = "Correct the file."
"""What to do where nothing more can be said."""

UNKNOWN: Final = "unknown"
"""What stands in place of a value, or as `unknown = true` of a table, that is not known."""

_ABSENT: Final = object()


class DataFileError(ValueError):
    """A data file cannot be used; says which file, where in it, what is wrong and what to do."""

    def __init__(self, file: str, place: str, problem: str, remedy: str = CORRECT) -> None:
        self.file = file
        self.place = place
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{file}: {place}: {problem} {remedy}")


class Table:
    """A TOML table that knows its place; what is wrong in it is an error of type `errors`."""

    def __init__(
        self,
        entries: Mapping[str, Any],
        file: str,
        place: str = "",
        errors: type[DataFileError] = DataFileError,
    ) -> None:
        self._entries = dict(entries)
        self._file = file
        self._place = place
        self._errors = errors
        self._asked: dict[str, None] = {}

    @classmethod
    def of_text(cls, text: str, file: str, errors: type[DataFileError]) -> Self:
        """The root of a document; `file` is what errors call it."""
        try:
            return cls(tomllib.loads(text), file, errors=errors)
        except tomllib.TOMLDecodeError as error:
            raise errors(file, "TOML", f"{error}.") from error

    def __contains__(self, key: str) -> bool:
        """Whether the entry is there and was not taken."""
        self._asked[key] = None
        return key in self._entries

    @property
    def place(self) -> str:
        """Where in the file it stands: "measures.length"."""
        return self._place

    def error(self, key: str, problem: str, remedy: str = CORRECT) -> DataFileError:
        """What is wrong at an entry of this table."""
        return self._errors(self._file, self._at(key), problem, remedy)

    def take(self, key: str, kind: type[T]) -> T:
        """The entry, which must be there and of this type."""
        self._asked[key] = None
        value = self._entries.pop(key, _ABSENT)
        if value is _ABSENT:
            raise self.error(key, "It is missing.", f"Write {key} there.")
        # A TOML boolean is a Python integer, and a TOML date-time a Python date.
        if not isinstance(value, kind) or isinstance(value, bool | datetime):
            raise self.error(key, f"It must be of type {kind.__name__}, not {value!r}.")
        return value

    def optional(self, key: str, kind: type[T]) -> T | None:
        """The entry, or None where it is left out."""
        return self.take(key, kind) if key in self else None

    def text(self, key: str, *, may_be_empty: bool = False) -> str:
        """A string."""
        value = self.take(key, str)
        if not value and not may_be_empty:
            raise self.error(key, "It is empty.")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of strings."""
        values = self.take(key, list)
        if not all(isinstance(value, str) and value for value in values):
            raise self.error(key, "It must be a list of strings.")
        return values

    def table(self, key: str) -> Self:
        """A table below this one."""
        return type(self)(self.take(key, dict), self._file, self._at(key), self._errors)

    def tables(self, key: str) -> list[Self]:
        """A list of tables; places count from 1."""
        values = self.take(key, list)
        if not all(isinstance(value, dict) for value in values):
            raise self.error(key, "It must be a list of tables.")
        return [
            type(self)(value, self._file, f"{self._at(key)}[{place}]", self._errors)
            for place, value in enumerate(values, start=1)
        ]

    def choice(self, key: str, kind: type[Choice]) -> Choice:
        """A string that is a value of an enumeration."""
        value = self.text(key)
        try:
            return kind(value)
        except ValueError as error:
            known = ", ".join(member.value for member in kind)
            raise self.error(key, f'"{value}" is none of {known}.', "Write one of them.") from error

    def hundredths(self, key: str) -> int:
        """A decimal number, written as a string so that it is exact, in hundredths."""
        value = self.text(key)
        try:
            scaled = Decimal(value).scaleb(2)
        except InvalidOperation as error:
            raise self.error(key, f'"{value}" is no decimal number.') from error
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise self.error(key, f'"{value}" is no number of at most two decimals.')
        return int(scaled)

    def provenance(self, prefix: str = "") -> Provenance:
        """Source and confidence."""
        return Provenance(
            self.text(f"{prefix}source"), self.choice(f"{prefix}confidence", Confidence)
        )

    def takes_unknown(self, key: str) -> bool:
        """Whether the entry says that its value is not known; it is taken if so."""
        self._asked[key] = None
        if self._entries.get(key) != UNKNOWN:
            return False
        del self._entries[key]
        return True

    def is_unknown(self) -> bool:
        """Whether the table says `unknown = true`, and then nothing else: not known, not absent."""
        marked = self._entries.pop(UNKNOWN, False)
        if not isinstance(marked, bool):
            raise self.error(UNKNOWN, "It must be true, or be left out.")
        if marked:
            self.close()
        return marked

    def distinct(self, key: str, values: list[T]) -> tuple[T, ...]:
        """The values, none of which may occur twice."""
        for value in values:
            if values.count(value) > 1:
                raise self.error(key, f"{value} occurs more than once.")
        return tuple(values)

    def close(self) -> None:
        """Refuses entries that nobody took: a misspelt key is an error, not a default."""
        for key in self._entries:
            known = ", ".join(self._asked)
            remedy = f"Take it out, or correct its name; the entries here are {known}."
            raise self.error(key, "There is no such entry.", remedy)

    def _at(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key
