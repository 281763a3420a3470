"""Tables of a document of money: decimals, days, names, and what all three kinds say."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cotton_server.domain.identifiers import is_plain_text
from cotton_server.grading.toml_table import CORRECT, DataFileError, Table
from cotton_server.settlement.document import SCOPE_KEYS, Head, MoneyFrom, Rounding, RoundingMode
from cotton_server.settlement.toml_lines import TomlError, TomlText, place_of, steps_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cotton_server.settlement.fault import Fault
    from cotton_server.settlement.toml_lines import Step

T = TypeVar("T")

RATE_MAX: Final = Decimal(1_000_000)
"""No rate or price is further from 0, whatever its unit."""

RATE_PLACES: Final = 4
PERCENT_MAX: Final = Decimal(100)
DECIMALS_MAX: Final = 4
LIST_MAX: Final = 200
"""Most standards, classes, grades or values of a scope that one list has."""

_TEXT_MAX: Final = 2000
_TITLE_MAX: Final = 200
_CLASS_MAX: Final = 32
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_EPOCH: Final = date(1970, 1, 1)


class DocumentFileError(DataFileError):
    """A document cannot be used: which file, line and place, what is wrong, and what to do."""

    def __init__(
        self, file: str, place: str, problem: str, remedy: str = CORRECT, line: int = 0
    ) -> None:
        super().__init__(file, place, problem, remedy)
        self.line = line

    def __str__(self) -> str:
        """All of it."""
        return f"{self.file}: line {self.line}: {self.place}: {self.problem} {self.remedy}"


class MoneyTable(Table):
    """A TOML table of a document of money."""

    def text(self, key: str, *, may_be_empty: bool = False) -> str:
        """A string of one line."""
        value = super().text(key, may_be_empty=may_be_empty)
        if len(value) > _TEXT_MAX or not is_plain_text(value):
            raise self.error(
                key,
                f"It is no text of one line with at most {_TEXT_MAX} characters.",
                "Shorten it, and end lines of a long text with a backslash.",
            )
        return value

    def name(self, key: str) -> str:
        """A name by which figures call something: `colour`, `double_29`."""
        value = self.text(key)
        if not _NAME.fullmatch(value):
            raise self.error(
                key,
                f'"{value}" is no name.',
                "Write up to 40 small letters, digits and underscores, a letter first.",
            )
        return value

    def id(self, key: str, *, may_be_left_out: bool = False) -> str:
        """The id of a document or of a series; "" where it is left out."""
        if may_be_left_out and key not in self:
            return ""
        value = self.text(key)
        if not _ID.fullmatch(value):
            raise self.error(
                key,
                f'"{value}" is no id.',
                "Write 1 to 64 letters, digits, dots, dashes and underscores.",
            )
        return value

    def is_list(self, key: str) -> bool:
        """Whether the entry is there and is a list."""
        return key in self and isinstance(self._entries[key], list)

    def names(self) -> list[str]:
        """The entries that were not taken."""
        return list(self._entries)

    def flag(self, key: str) -> bool:
        """True or false; false where it is left out."""
        if key not in self:
            return False
        value = self._entries.pop(key)
        if not isinstance(value, bool):
            raise self.error(key, "It is neither true nor false.", "Write true, or leave it out.")
        return value

    def whole(self, key: str, least: int, most: int) -> int:
        """A whole number in a range."""
        value = self.take(key, int)
        if not least <= value <= most:
            raise self.error(
                key, f"{value} is too {'small' if value < least else 'large'}.",
                f"Write a whole number from {least} to {most}.",
            )  # fmt: skip
        return value

    def decimal(
        self,
        key: str,
        *,
        places: int = RATE_PLACES,
        least: Decimal = -RATE_MAX,
        most: Decimal = RATE_MAX,
    ) -> Decimal:
        """A decimal number, written as a string so that it is exact."""
        value = self.take(key, object)
        return self.number(value, (key,), places=places, least=least, most=most)

    def number(
        self,
        value: Any,
        steps: Iterable[Step],
        *,
        places: int = RATE_PLACES,
        least: Decimal = -RATE_MAX,
        most: Decimal = RATE_MAX,
    ) -> Decimal:
        """A value of this table, or below it, as a decimal; `steps` lead to it."""
        place = place_of(steps)
        if not isinstance(value, str):
            raise self.error(
                place, f"{value!r} is no decimal number.", 'Write it in quotation marks: "29.0".'
            )
        if not _NUMBER.fullmatch(value):
            raise self.error(
                place,
                f'"{value}" is no decimal number.',
                "Write digits, with a point for decimals and a minus sign where it is below 0.",
            )
        if len(value.partition(".")[2]) > places:
            raise self.error(
                place, f"{value} has more than {places} decimals.", f"Write at most {places}."
            )
        number = Decimal(value)
        if not least <= number <= most:
            raise self.error(
                place,
                f"{value} is {'negative' if number < 0 <= least else 'out of range'}.",
                f"Write a number from {least} to {most}.",
            )
        return number

    def bound(self, key: str) -> int | None:
        """A value of a measure in hundredths; None where it is left out, which is open."""
        if key not in self:
            return None
        value = self.decimal(key, places=2, least=Decimal(0), most=Decimal(300))
        return int(value.scaleb(2))

    def percent(self, key: str) -> Decimal:
        """A percentage from 0 to 100."""
        return self.decimal(key, least=Decimal(0), most=PERCENT_MAX)

    def day(self, key: str) -> int | None:
        """A day since 1970-01-01; None where it is left out, which is open."""
        if key not in self:
            return None
        value = self.text(key)
        try:
            found = date.fromisoformat(value) if _DAY.fullmatch(value) else None
        except ValueError:
            found = None
        if found is None:
            raise self.error(key, f'"{value}" is no day.', 'Write it as "2016-09-01".')
        return (found - _EPOCH).days

    def listed(self, key: str) -> tuple[str, ...]:
        """A list of distinct texts, at least one."""
        values = self.take(key, list)
        for place, value in enumerate(values, start=1):
            if not isinstance(value, str) or not value or len(value) > _TITLE_MAX:
                raise self.error(
                    f"{key}[{place}]", "It is no text.", "Write a list of texts in quotation marks."
                )
            if value in values[: place - 1]:
                raise self.error(f"{key}[{place}]", f"{value} is listed twice.", "List it once.")
        if not 0 < len(values) <= LIST_MAX:
            raise self.error(key, f"It has {len(values)} entries.", f"List 1 to {LIST_MAX}.")
        return tuple(values)

    def classes(self, key: str) -> tuple[str, ...]:
        """A list of names of classes."""
        values = self.listed(key)
        for place, value in enumerate(values, start=1):
            self.check_class(value, (key, place))
        return values

    def check_class(self, name: str, steps: Iterable[Step]) -> None:
        """Raises for what can name neither a class nor a band."""
        # A small letter begins the names of other entries when a document is described.
        if not 0 < len(name) <= _CLASS_MAX or not is_plain_text(name) or "a" <= name[0] <= "z":
            raise self.error(
                place_of(steps),
                f'"{name}" names no class.',
                f"Write 1 to {_CLASS_MAX} characters that do not begin with a small letter.",
            )

    def head(self) -> Head:
        """What a document says of itself."""
        title, title_zh = self.text("title"), self.text("title_zh")
        for key, value in (("title", title), ("title_zh", title_zh)):
            if len(value) > _TITLE_MAX:
                raise self.error(key, f"It has {len(value)} characters.", f"Write {_TITLE_MAX}.")
        head = Head(
            id=self.id("id"),
            title=title,
            title_zh=title_zh,
            series=self.id("series"),
            effective_from=self.day("effective_from"),
            effective_through=self.day("effective_through"),
            supersedes=self.id("supersedes", may_be_left_out=True),
            provenance=self.provenance(),
            note=self.text("note", may_be_empty=True) if "note" in self else "",
        )
        first, last = head.effective_from, head.effective_through
        if first is not None and last is not None and last < first:
            raise self.error(
                "effective_through", "It lies before effective_from.", "Exchange the two days."
            )
        if head.supersedes == head.id:
            raise self.error(
                "supersedes", "The document supersedes itself.",
                "Name the document whose place it takes, or leave supersedes out.",
            )  # fmt: skip
        return head

    def rounding(self) -> Rounding:
        """The table `rounding`."""
        table = self.table("rounding")
        rounding = Rounding(
            mode=table.choice("mode", RoundingMode),
            price_decimals=table.whole("price_decimals", 0, DECIMALS_MAX),
            money_decimals=table.whole("money_decimals", 0, DECIMALS_MAX),
            money_from=table.choice("money_from", MoneyFrom),
        )
        table.close()
        return rounding

    def scope(self) -> dict[str, tuple[str, ...]]:
        """The table `scope`: values by key of lots; empty where it is left out."""
        if "scope" not in self:
            return {}
        table = self.table("scope")
        found = {key: table.listed(key) for key in SCOPE_KEYS if key in table}
        table.close()
        return found


def read_document(
    text: str, file: str, kind: str, read: Callable[[MoneyTable], T]
) -> tuple[T, TomlText]:
    """What `read` makes of the root of a document, all entries of which it must take.

    Raises DocumentFileError, with its line.
    """
    try:
        lines = TomlText(text)
    except TomlError as error:
        raise DocumentFileError(file, "TOML", error.problem, error.remedy, error.line) from None
    root = MoneyTable(lines.entries, file, errors=DocumentFileError)
    try:
        said = root.text("kind")
        if said != kind:
            raise root.error("kind", f'It is "{said}".', f'Write "{kind}", or load it as that.')
        found = read(root)
        root.close()
    except DocumentFileError as error:
        line = lines.line_of(steps_of(error.place))
        raise DocumentFileError(file, error.place, error.problem, error.remedy, line) from None
    return found, lines


def fault_at(lines: TomlText, file: str, fault: Fault) -> DocumentFileError:
    """What is wrong in a document that was read, with its line."""
    there = lines.indexed(fault.steps)
    place = place_of((*there, *fault.steps[len(there) :]))
    return DocumentFileError(file, place, fault.problem, fault.remedy, lines.line_of(fault.steps))
