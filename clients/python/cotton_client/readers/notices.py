"""Notices: what a reader did with an oddity of a file that is no error, line by line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

NOTICES_LISTED_MAX: Final = 1000
"""Notices that a NoticeList keeps; all are counted."""


@dataclass(frozen=True, slots=True)
class Notice:
    """An oddity that was read all the same: where it stands, what it is, what was made of it.

    `line` counts from 1 in the file.
    """

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.path}, line {self.line}: {self.message}"


Notify: TypeAlias = Callable[[Notice], None]
"""Takes a notice while a file is read; called in the thread that asks for the frames."""


@dataclass(slots=True)
class NoticeList:
    """Keeps the first NOTICES_LISTED_MAX notices and counts all: pass `add` to a reader."""

    total: int = 0
    listed: list[Notice] = field(default_factory=list)

    def add(self, notice: Notice) -> None:
        """Counts a notice, and keeps it while there is room."""
        self.total += 1
        if len(self.listed) < NOTICES_LISTED_MAX:
            self.listed.append(notice)


@dataclass(slots=True)
class Reporter:
    """Tells the notices of one file; those about the file as a whole are told once."""

    path: Path
    notify: Notify | None
    _told: set[str] = field(default_factory=set)

    def tell(self, line: int, message: str) -> None:
        """A notice about one line."""
        if self.notify is not None:
            self.notify(Notice(self.path, line, message))

    def tell_once(self, line: int, about: str, message: str) -> None:
        """A notice about the file, at the first line where `about` is met."""
        if about not in self._told:
            self._told.add(about)
            self.tell(line, message)
