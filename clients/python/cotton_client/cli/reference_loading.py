"""What commands that load documents share: options of an amendment, sending, what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from cotton_client.cli.amending import REASON, REASONS_HELP, decision
from cotton_client.cli.exits import Exit
from cotton_client.cli.options import SEND_RETRY
from cotton_client.cli.output import emit
from cotton_client.render import json_references
from cotton_client.render.references import loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cotton.inspection.v1 import common_pb2

    from cotton_client.cli.options import Connection
    from cotton_client.cli.reference_files import DocumentFile

PRODUCER_DEFAULT: Final = "cotton-references"


def loading_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of an amendment and of who sends, to be given to `load`."""
    for option in (
        click.option(
            "--producer",
            metavar="ID",
            default=PRODUCER_DEFAULT,
            show_default=True,
            help="Who sends.",
        ),
        click.option("--note", metavar="TEXT", help="In words; with reason other."),
        click.option("--by", metavar="WHO", help="Who decided that."),
        click.option("--reason", type=REASON, metavar="WORD", help=REASONS_HELP),
        click.option(
            "--revision-in-force",
            type=click.IntRange(min=1),
            metavar="N",
            help="With --amend: the revision of that, as the command list shows it.",
        ),
        click.option("--amend", is_flag=True, help="It takes the place of the document in force."),
    ):
        function = option(function)
    return function


def amendment(
    revision: int | None,
    reason: common_pb2.AmendmentReason.ValueType | None,
    by: str | None,
    note: str | None,
    *,
    amend: bool,
) -> common_pb2.Amendment | None:
    """The amendment of the options; UsageError for some of them without the others."""
    if not amend:
        if any(value is not None for value in (revision, reason, by, note)):
            raise click.UsageError(
                "--revision-in-force, --reason, --by and --note go with --amend."
            )
        return None
    if revision is None or reason is None or by is None:
        raise click.UsageError("--amend needs --revision-in-force, --reason and --by.")
    return decision(reason, by, note or "", supersedes_revision=revision)


def load(
    connection: Connection,
    read: Sequence[DocumentFile],
    amended: common_pb2.Amendment | None,
    *,
    producer: str,
    as_json: bool,
) -> Exit:
    """Sends documents, the first with the amendment, and says what became of each."""
    if amended is not None:
        read[0].document.amendment.CopyFrom(amended)
    documents = [each.document for each in read]
    answer = connection.ask(
        lambda client: client.load_references(documents, producer_id=producer), SEND_RETRY
    )
    sent = [(each.name, each.document, each.rows) for each in read]
    emit(loaded(sent, answer), json_references.receipt(sent, answer), as_json=as_json)
    return Exit.OK if answer.complete else Exit.INCOMPLETE
