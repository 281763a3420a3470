"""The kinds of values that settings have: what each takes, stores and is written as in TOML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol, cast

from cotton_server.settings.addresses import split

if TYPE_CHECKING:
    from collections.abc import Mapping

KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30
_BYTE_UNITS: Final[Mapping[str, int]] = MappingProxyType(
    {"B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB}
)
_WHOLE: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_SIZE: Final = re.compile(r"([0-9]{1,18}) ?(B|KiB|MiB|GiB)", re.ASCII)


class Refused(Exception):  # noqa: N818  # no error yet: who knows the source makes a ConfigError of it
    """A validator does not take a value."""


class Validator(Protocol):
    """Takes a value as given (text, or what TOML and flags hold) and gives it as stored."""

    @property
    def allowed(self) -> str:
        """What is taken, in words for messages and documents."""

    def show(self, value: object) -> str:
        """A stored value, as it is written in TOML."""

    def __call__(self, value: object) -> object:
        """The value as stored; raises Refused for any that is not taken."""


def _quoted(value: object) -> str:
    """A text without quotes, backslashes or control characters as TOML."""
    return f'"{value}"'


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """A whole number between two limits, both allowed."""

    least: int
    most: int

    @property
    def allowed(self) -> str:
        """What is taken, in words."""
        return f"a whole number from {self.show(self.least)} to {self.show(self.most)}"

    def show(self, value: object) -> str:
        """In groups of three digits."""
        return f"{value:_}"

    def __call__(self, value: object) -> int:
        """The number; refuses what is none or outside the limits."""
        number = self._number(value)
        if not self.least <= number <= self.most:
            raise Refused
        return number

    def _number(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            return int(value)
        raise Refused


@dataclass(frozen=True, slots=True)
class Bytes(WholeNumber):
    """A size in bytes: a number, or a text with a binary unit."""

    @property
    def allowed(self) -> str:
        """What is taken, in words."""
        return (
            f"a number of bytes from {self._text(self.least)} to {self._text(self.most)}, "
            'such as 65536 or "64 KiB"'
        )

    def show(self, value: object) -> str:
        """With the largest unit that divides it."""
        return _quoted(self._text(cast("int", value)))

    def _text(self, value: int) -> str:
        unit = max(
            (unit for unit, size in _BYTE_UNITS.items() if value % size == 0),
            key=_BYTE_UNITS.__getitem__,
        )
        return f"{value // _BYTE_UNITS[unit]} {unit}"

    def _number(self, value: object) -> int:
        if isinstance(value, str) and (size := _SIZE.fullmatch(value)):
            return int(size[1]) * _BYTE_UNITS[size[2]]
        # The bare form: `super()` finds no class in a dataclass that is made anew for slots.
        return WholeNumber._number(self, value)  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class PageBytes(Bytes):
    """A page size that SQLite has: a power of two."""

    @property
    def allowed(self) -> str:
        """What is taken, in words."""
        return f"a power of two from {self.least} to {self.most} bytes"

    def __call__(self, value: object) -> int:
        """The size; refuses what is no power of two."""
        number = Bytes.__call__(self, value)
        if number.bit_count() != 1:
            raise Refused
        return number


@dataclass(frozen=True, slots=True)
class Switch:
    """Yes or no."""

    allowed: str = "true or false"

    def show(self, value: object) -> str:
        """As TOML writes it."""
        return str(value).lower()

    def __call__(self, value: object) -> bool:
        """The switch; refuses any other word."""
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return value == "true"
        raise Refused


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """What is taken, in words."""
        return " or ".join(_quoted(word) for word in self.words)

    def show(self, value: object) -> str:
        """In quotes."""
        return _quoted(value)

    def __call__(self, value: object) -> str:
        """The word; refuses any other."""
        if isinstance(value, str) and value in self.words:
            return value
        raise Refused


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory, which need not be there yet."""

    allowed: str = "the path of a directory; a relative one starts at the working directory"

    def show(self, value: object) -> str:
        """In quotes."""
        return _quoted(value)

    def __call__(self, value: object) -> Path:
        """The path; refuses what something else than a directory has."""
        if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
            raise Refused
        path = Path(value)
        try:
            in_the_way = path.exists() and not path.is_dir()
        except OSError as error:
            raise Refused from error
        if in_the_way:
            raise Refused
        return path


@dataclass(frozen=True, slots=True)
class Listen:
    """A host and port to listen on, and where it says so, nothing at all."""

    may_be_off: bool

    @property
    def allowed(self) -> str:
        """What is taken, in words."""
        form = (
            "HOST:PORT with an IPv4 address, an IPv6 address in brackets or a host name, and a "
            "port from 0 (any free one) to 65535, such as 127.0.0.1:7410 or [::1]:7410"
        )
        return f'{form}; or "off"' if self.may_be_off else form

    def show(self, value: object) -> str:
        """In quotes; where there is none, the word for it."""
        return _quoted(value or "off")

    def __call__(self, value: object) -> str:
        """The address, empty where nothing is listened on; refuses any other form."""
        if self.may_be_off and value in ("", "off"):
            return ""
        if not isinstance(value, str) or split(value) is None:
            raise Refused
        return value
