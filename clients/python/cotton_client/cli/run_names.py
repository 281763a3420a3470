"""Runs that are named on the command line: what to do where there is none of the name."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cotton_client import errors

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def run_named() -> Iterator[None]:
    """Has a run that is not stored be looked for in the list of runs."""
    try:
        yield
    except errors.NotFound as error:
        raise errors.NotFound(
            error.message, reason=error.reason, remedy="See `cotton run list`."
        ) from None
