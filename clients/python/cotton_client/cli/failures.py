"""Errors as a user reads them: what happened, where, what to do, and the exit code."""

from __future__ import annotations

import json
import sys
import traceback
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from cotton_client import errors
from cotton_client.cli.exits import Exit
from cotton_client.cli.invocation import as_started
from cotton_client.render import json_answers


class Interrupted(errors.CottonError):
    """Ctrl-C: the command ended before it was done."""

    reason_default = "INTERRUPTED"
    remedy_default = "Run it again: nothing is counted twice."

    def __init__(self) -> None:
        super().__init__("Interrupted.")


_EXITS: Final = (
    (Interrupted, Exit.INTERRUPTED),
    (errors.ConfigurationError, Exit.USAGE),
    (errors.InputError, Exit.BAD_INPUT),
    (errors.NotFound, Exit.NOT_FOUND),
    (errors.Unavailable, Exit.UNAVAILABLE),
    (errors.Refused, Exit.REFUSED),
    (errors.SpoolBusy, Exit.UNAVAILABLE),
    (errors.SpoolFull, Exit.REFUSED),
)

_NUMBERS: Final = frozenset({"lot_no", "bale.bale_code", "bale.usda_bale"})
"""Fields of requests that are a number which the user typed."""


def report(error: Exception, *, as_json: bool, with_traceback: bool) -> Exit:
    """Writes the error to standard error, as text or JSON; gives the exit code."""
    if with_traceback:
        traceback.print_exception(error)
    while isinstance(error, ExceptionGroup):
        # Uploads that run at once fail together; the first failure says why.
        error = error.exceptions[0]
    if isinstance(error, click.exceptions.Abort):
        error = Interrupted()
    if isinstance(error, click.ClickException) and not as_json:
        error.show()
        return Exit.USAGE
    known = _as_cotton_error(error)
    known.remedy = as_started(_remedy(known))
    if as_json:
        click.echo(json.dumps(json_answers.error(known), ensure_ascii=False), err=True)
    else:
        _print(known)
    if isinstance(error, click.ClickException):
        return Exit.USAGE
    return exit_of(type(known))


def exit_of(kind: type[errors.CottonError]) -> Exit:
    """The exit code that the command ends with for an error of the class."""
    return next((code for each, code in _EXITS if issubclass(kind, each)), Exit.UNEXPECTED)


def _as_cotton_error(error: Exception) -> errors.CottonError:
    """The error itself, or one that says of it what a user needs."""
    if isinstance(error, errors.CottonError):
        return error
    if isinstance(error, click.ClickException):
        return errors.ConfigurationError(
            error.format_message(), reason="USAGE", remedy="See --help of the command."
        )
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return errors.CottonError(
            f"{where}{error.strerror or error}.",
            reason="OPERATING_SYSTEM",
            remedy="Check the path, its permissions and the space on the disk.",
        )
    return errors.CottonError(
        f"Unexpected {type(error).__name__}: {error}",
        reason="UNEXPECTED",
        remedy="Run it again with `cotton --traceback …` and report what it prints.",
    )


def _remedy(error: errors.CottonError) -> str:
    """What to do, in terms of the command where the error was written for programs."""
    if error.reason == "PLAINTEXT_REFUSED":
        return "Give --allow-plaintext if the network is trusted."
    fields = {each.field for each in error.violations}
    if fields and fields <= _NUMBERS:
        return "Check the number."
    if fields == {"id"} and error.reason == errors.NotFound.reason_default:
        return "See `cotton reference list`."
    return error.remedy


def _print(error: errors.CottonError) -> None:
    """What happened, the fields at fault, and what to do."""
    console = Console(file=sys.stderr, highlight=False)
    # Lines are broken between words where a person reads, and left whole for programs.
    console.soft_wrap = not console.is_terminal
    console.print(Text.assemble(("Error: ", "bold red"), error.message))
    for violation in error.violations:
        console.print(Text(f"  {violation.field}: {violation.description}"))
    console.print(Text.assemble(("What to do: ", "bold"), error.remedy))
    if error.request_id and isinstance(error, errors.ServerFault):
        console.print(Text.assemble(("Request id: ", "bold"), error.request_id))
