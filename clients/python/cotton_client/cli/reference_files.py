"""Files of reference documents: read, told apart, and checked before they are sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import reference_pb2
from cotton_server.grading.chart_file import ChartFileError, parse_chart
from cotton_server.reference.organisation import OrganisationFileError, parse_organisation

from cotton_client.cli.files import reading_file
from cotton_client.cli.money_files import SUFFIX as MONEY_SUFFIX
from cotton_client.cli.money_files import kind_and_id
from cotton_client.cli.reference_kinds import COLOUR_CHART, MONEY, ORGANISATION
from cotton_client.errors import InputError
from cotton_client.readers.errors import EncodingError, UnreadableFileError
from cotton_client.readers.text import open_binary

if TYPE_CHECKING:
    from pathlib import Path

CONTENT_BYTES_MAX: Final = 1 << 20
"""Largest file that services take."""

_CHART_KEY: Final = re.compile(r"#\s*standard\s*:")
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A file that may be sent, the document that it is, and its rows.

    `name` is its path, or the id of a document that comes with the service. Rows of documents of
    money are not counted here: None.
    """

    name: str
    document: reference_pb2.Reference
    rows: int | None


def read_document(
    path: Path, kind: reference_pb2.ReferenceKind.ValueType | None, name: str | None
) -> DocumentFile:
    """The document in a file: its kind is told from the file, its id by what it says itself.

    The server checks it in the same way, and beside the documents that it has. Raises InputError.
    """
    if kind in MONEY.values() or (kind is None and path.suffix.lower() == MONEY_SUFFIX):
        read = read_money_document(path, kind)
        if name not in {None, read.document.id}:
            raise InputError(
                f"{path} calls itself {read.document.id}, not {name}.",
                reason="INVALID_FILE",
                remedy="Leave --id out: a document of money is called what its file says.",
                metadata={"file": str(path)},
            )
        return read
    with reading_file(path):
        text = read_text(path)
    kind = kind or (COLOUR_CHART if _is_chart(text) else ORGANISATION)
    try:
        if kind == COLOUR_CHART:
            chart = parse_chart(text, str(path))
            own_id, rows = chart.id, len(chart.rectangles)
        else:
            own_id, rows = path.stem, len(parse_organisation(text, str(path)).units)
    except (ChartFileError, OrganisationFileError) as error:
        raise InputError(
            f"{path}, line {error.line}: {error.problem}",
            reason="INVALID_FILE",
            remedy=error.remedy,
            metadata={"file": str(path), "line": str(error.line)},
        ) from None
    return DocumentFile(
        str(path),
        reference_pb2.Reference(kind=kind, id=_checked_id(name or own_id, path), content=text),
        rows,
    )


def read_money_document(
    path: Path, kind: reference_pb2.ReferenceKind.ValueType | None
) -> DocumentFile:
    """The document of money in a TOML file, which only the server checks. Raises InputError."""
    with reading_file(path):
        text = read_text(path)
    kind, own_id = kind_and_id(text, path, kind)
    document = reference_pb2.Reference(kind=kind, id=_checked_id(own_id, path), content=text)
    return DocumentFile(str(path), document, None)


def read_text(path: Path) -> str:
    """The file as it is, so that the digest of what is stored is that of the file."""
    with open_binary(path) as file:
        raw = file.read(CONTENT_BYTES_MAX + 1)
    if len(raw) > CONTENT_BYTES_MAX:
        raise UnreadableFileError(
            path,
            f"has more than {CONTENT_BYTES_MAX} bytes",
            "split it into several documents",
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError(
            path,
            "is not UTF-8 text",
            "save it as UTF-8 (in a spreadsheet: 'CSV UTF-8') and load it again",
            line=raw.count(b"\n", 0, error.start) + 1,
        ) from error


def _is_chart(text: str) -> bool:
    """Whether the lines before the heading say by which standard it grades."""
    for line in text.removeprefix("\ufeff").splitlines():
        if line.strip() and not line.startswith("#"):
            return False
        if _CHART_KEY.match(line):
            return True
    return False


def _checked_id(name: str, path: Path) -> str:
    if not _ID.fullmatch(name):
        raise InputError(
            f"{name!r} of {path} cannot be the id of a document.",
            remedy="Give --id: 1 to 64 letters, digits, dots, dashes and underscores.",
            metadata={"file": str(path)},
        )
    return name
