"""Files of documents of money: which kind they are and what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cotton_server.settlement.toml_lines import TomlError, TomlText

from cotton_client.cli.reference_kinds import MONEY
from cotton_client.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from cotton.inspection.v1 import reference_pb2

SUFFIX: Final = ".toml"


def kind_and_id(
    text: str, path: Path, kind: reference_pb2.ReferenceKind.ValueType | None
) -> tuple[reference_pb2.ReferenceKind.ValueType, str]:
    """What a TOML file is, by its key `kind` unless that is given, and its key `id`.

    Everything else is for the server to check. Raises InputError.
    """
    said = _read(text, path)
    word = said.get("kind")
    if kind is None:
        key = str(word).strip().lower().replace("-", "_").replace(" ", "_")
        if key not in MONEY:
            raise InputError(
                f"{path} does not say what it is: its key kind is"
                f" {'missing' if word is None else repr(word)}.",
                reason="INVALID_FILE",
                remedy='Write kind = "schedule", "rule set" or "target price", or give --kind.',
                metadata={"file": str(path)},
            )
        kind = MONEY[key]
    name = said.get("id")
    if not isinstance(name, str) or not name:
        raise InputError(
            f"{path} has no id.",
            reason="INVALID_FILE",
            remedy='Write id = "…" at its top.',
            metadata={"file": str(path)},
        )
    return kind, name


def _read(text: str, path: Path) -> dict[str, Any]:
    """The entries of a file, read as the server reads them."""
    try:
        return TomlText(text).entries
    except TomlError as error:
        raise InputError(
            f"{path}, line {error.line}: {error.problem}",
            reason="INVALID_FILE",
            remedy=error.remedy,
            metadata={"file": str(path), "line": str(error.line)},
        ) from None
