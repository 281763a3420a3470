"""Errors of files to be sent, with what was stored before them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cotton_client.errors import InputError
from cotton_client.frames import FrameError
from cotton_client.identifiers import IdentifierError
from cotton_client.readers import ReadingFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def reading_file(path: Path) -> Iterator[None]:
    """Turns what is wrong with a file, or with options that describe it, into an InputError."""
    try:
        yield
    except ReadingFileError as error:
        where = {"file": str(path)}
        if error.line is not None:
            where["line"] = str(error.line)
        if error.column is not None:
            where["column"] = error.column
        raise InputError(
            f"{str(error).removesuffix(f'; {error.remedy}')}.",
            reason="INVALID_FILE",
            remedy=_sentence(error.remedy),
            metadata=where,
        ) from None
    except (FrameError, IdentifierError) as error:
        raise InputError(
            f"{path}: {error}.", reason="INVALID_FILE", metadata={"file": str(path)}
        ) from None


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
