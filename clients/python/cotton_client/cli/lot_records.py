"""What the commands that record something of lots share: who sends, and the receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cotton_client.cli.exits import Exit
from cotton_client.cli.output import emit
from cotton_client.render import json_answers, receipt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from cotton_client.lots import LotsReceipt

PRODUCER_DEFAULT: Final = "cotton-lots"

producer_option: Final = click.option(
    "--producer",
    metavar="ID",
    default=PRODUCER_DEFAULT,
    show_default=True,
    help="Who sends: a warehouse, an agency, a laboratory, a bureau.",
)


def file_or_one(
    file: Path | None, single: Iterable[object], *, needed: Mapping[str, object]
) -> None:
    """Refuses a file together with options of one lot, and one lot without those it needs."""
    if file is not None:
        if any(value is not None for value in single):
            raise click.UsageError("Give a FILE or the options of one lot, not both.")
    elif any(value is None for value in needed.values()):
        raise click.UsageError(f"Give a FILE, or {', '.join(needed)}.")


def report(name: str, noun: str, answer: LotsReceipt, *, as_json: bool) -> Exit:
    """Prints what became of the records; gives the exit code."""
    emit(receipt.lots(name, noun, answer), json_answers.lots_receipt(answer), as_json=as_json)
    return Exit.OK if answer.complete else Exit.INCOMPLETE
