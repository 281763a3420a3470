"""Files that are there as a whole or not at all, and never take another's place unasked."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cotton_client import errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def check_free(paths: Sequence[Path], *, force: bool = False) -> None:
    """Raises ConfigurationError for a file that is there, unless `force`, and for no directory.

    Nothing has been asked or computed yet when this is called first.
    """
    if len(set(paths)) < len(paths):
        raise errors.ConfigurationError(
            "Two files to be written have one name.", remedy="Give each a name of its own."
        )
    for path in paths:
        if not path.parent.is_dir():
            raise errors.ConfigurationError(
                f"There is no directory {path.parent}.",
                remedy="Make the directory, or name another.",
                metadata={"file": str(path)},
            )
        if path.is_dir() or (path.exists() and not force):
            raise errors.ConfigurationError(
                f"{path} is there already.",
                reason="FILE_EXISTS",
                remedy="Give another name, or --force to have the file replaced.",
                metadata={"file": str(path)},
            )


@contextmanager
def drafts(paths: Sequence[Path], *, force: bool = False) -> Iterator[list[Path]]:
    """Drafts beside the files, which take their places together when the block ends well.

    A draft is on the disk before it is renamed; after an error none is left.
    """
    check_free(paths, force=force)
    # The suffix stays: some writers go by it.
    made = [path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}") for path in paths]
    try:
        yield made
        for draft in made:
            _sync(draft)
        check_free(paths, force=force)
        for draft, path in zip(made, paths, strict=True):
            draft.replace(path)
    finally:
        for draft in made:
            draft.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Has the file written to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
