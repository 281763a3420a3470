"""What can be wrong with a file of readings or records: one tree of exceptions.

Every message says what happened, where (file, line, column, value) and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_SHOWN_CHARACTERS_MAX: Final = 60


class ReadingFileError(Exception):
    """A file cannot be read as what it was given for.

    `path` as given; `line` counts from 1 in the file; `column` is the header's name or the
    range of columns of a fixed-width record; `value` is the text that stands there. Each is
    None where it does not apply.
    """

    def __init__(
        self,
        path: Path,
        problem: str,
        remedy: str,
        *,
        line: int | None = None,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        where = str(path)
        if line is not None:
            where += f", line {line}"
        if column is not None:
            where += f", column {column}"
        shown = ""
        if value is not None:
            cut = value[:_SHOWN_CHARACTERS_MAX]
            shown = f"{cut!r}{'…' if cut != value else ''} "
        super().__init__(f"{where}: {shown}{problem}; {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy
        self.line = line
        self.column = column
        self.value = value


class UnreadableFileError(ReadingFileError):
    """The file is not there, is no regular file, or the system refuses to read it."""


class EmptyFileError(ReadingFileError):
    """The file has no record."""


class EncodingError(ReadingFileError):
    """The file is not UTF-8 text."""


class UnknownFormatError(ReadingFileError):
    """The file looks like none of the formats, or a format was named that there is not."""


class HeaderError(ReadingFileError):
    """A column of the header is missing, unknown or there twice."""


class LineError(ReadingFileError):
    """A line as a whole is wrong: its length, its number of values, its quotes."""


class ValueInFileError(ReadingFileError):
    """A value is not of the form of its column, is missing, or contradicts an option."""
