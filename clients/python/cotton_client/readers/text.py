"""Text files as blocks of whole lines: bounded memory, strict UTF-8, line numbers."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton_client.readers.errors import (
    EmptyFileError,
    EncodingError,
    LineError,
    UnreadableFileError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

BLOCK_BYTES: Final = 4 << 20
"""How much of a file is in memory as text at a time."""

LINE_BYTES_MAX: Final = 64 << 10
"""No record is longer; a file without line breaks must not be read whole."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_SAVE_AS_UTF_8: Final = "save it as UTF-8 (in a spreadsheet: 'CSV UTF-8') and send it again"


@dataclass(frozen=True, slots=True)
class Block:
    r"""Whole lines, each ending in "\n" alone, and the number of the first one in the file.

    `line_not_utf_8` is the first line that is not UTF-8, in a block that was read byte by byte.
    `cut_off` says that the last line has no line end in the file, which ends with it.
    """

    text: str
    first_line: int
    line_not_utf_8: int | None = None
    cut_off: bool = False


def open_binary(path: Path) -> BinaryIO:
    """Opens a regular file for reading; UnreadableFileError or EmptyFileError otherwise."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableFileError(
                path, "is a directory, not a file", "name the files in it one by one"
            )
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFileError(path, "is not a regular file", "save the data to a file")
        if not status.st_size:
            raise EmptyFileError(path, "is empty", "check the export that wrote it")
        return path.open("rb")
    except FileNotFoundError as error:
        raise UnreadableFileError(path, "is not there", "check the name and the directory") from (
            error
        )
    except (OSError, ValueError) as error:
        # A name with a NUL character is a ValueError.
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableFileError(
            path, f"cannot be read ({reason})", "check the name and its permissions"
        ) from error


def read_blocks(
    path: Path, block_bytes: int = BLOCK_BYTES, *, bytewise: bool = False
) -> Iterator[Block]:
    """The file in order as blocks of about `block_bytes`; a byte order mark is dropped.

    `bytewise`: a block that is not UTF-8 is not refused, but each of its bytes is a character
    (ISO 8859-1): its ASCII text stands as it is, whatever the encoding around it.

    Raises UnreadableFileError, EmptyFileError, EncodingError and LineError (a line longer
    than LINE_BYTES_MAX).
    """
    with open_binary(path) as file:
        first_line = 1
        while True:
            try:
                raw = file.read(block_bytes)
                raw += _rest_of_line(file, path, first_line, raw)
            except OSError as error:
                raise UnreadableFileError(
                    path,
                    f"cannot be read on ({error.strerror or type(error).__name__})",
                    "check the disk or the share it lies on",
                    line=first_line,
                ) from error
            if not raw:
                return
            if first_line == 1:
                raw = _without_mark(raw, path)
            block = _decoded(raw, path, first_line, bytewise=bytewise)
            first_line += block.text.count("\n")
            if block.text:
                yield block


def _rest_of_line(file: BinaryIO, path: Path, first_line: int, raw: bytes) -> bytes:
    if not raw or raw.endswith(b"\n"):
        return b""
    rest = file.readline(LINE_BYTES_MAX + 1)
    if len(rest) > LINE_BYTES_MAX:
        raise LineError(
            path,
            f"is longer than {LINE_BYTES_MAX} bytes",
            "check that the file is text with one record a line",
            line=first_line + raw.count(b"\n"),
        )
    return rest


def _without_mark(raw: bytes, path: Path) -> bytes:
    if raw.startswith(_UTF_16_MARKS):
        raise EncodingError(path, "is UTF-16 text, not UTF-8", _SAVE_AS_UTF_8, line=1)
    return raw.removeprefix(_BYTE_ORDER_MARK)


def _decoded(raw: bytes, path: Path, first_line: int, *, bytewise: bool) -> Block:
    line_not_utf_8 = None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line_not_utf_8 = first_line + raw.count(b"\n", 0, error.start)
        if not bytewise:
            raise EncodingError(
                path, "is not UTF-8 text", _SAVE_AS_UTF_8, line=line_not_utf_8
            ) from error
        text = raw.decode("iso-8859-1")
    nul = text.find("\0")
    if nul >= 0:
        line = first_line + text.count("\n", 0, nul)
        raise EncodingError(path, "holds a NUL character", _SAVE_AS_UTF_8, line=line)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    cut_off = bool(text) and not text.endswith("\n")
    return Block(f"{text}\n" if cut_off else text, first_line, line_not_utf_8, cut_off)
