"""`cotton reference load`: organisations and colour charts from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cotton_client.cli.amending import REASON, REASONS_HELP, decision
from cotton_client.cli.exits import Exit
from cotton_client.cli.options import SEND_RETRY, talks_to_server
from cotton_client.cli.output import emit
from cotton_client.cli.reference_files import read_document
from cotton_client.cli.reference_kinds import ReferenceKind
from cotton_client.identity import check_producer_id
from cotton_client.render import json_references
from cotton_client.render.references import loaded

if TYPE_CHECKING:
    from cotton.inspection.v1 import common_pb2, reference_pb2

    from cotton_client.cli.options import Connection

PRODUCER_DEFAULT: Final = "cotton-references"


@click.command(name="load")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option(
    "--kind", type=ReferenceKind(), metavar="KIND", help="organisation or chart; else by the file."
)
@click.option(
    "--id",
    "id_",
    metavar="ID",
    help="Of one FILE; left out, it is that in a chart, or the file's name without its ending.",
)
@click.option("--amend", is_flag=True, help="FILE takes the place of the document in force.")
@click.option(
    "--revision-in-force",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --amend: the revision of that, as `cotton reference list` shows it.",
)
@click.option("--reason", type=REASON, metavar="WORD", help=REASONS_HELP)
@click.option("--by", metavar="WHO", help="Who decided that.")
@click.option("--note", metavar="TEXT", help="In words; with reason other.")
@click.option(
    "--producer", metavar="ID", default=PRODUCER_DEFAULT, show_default=True, help="Who sends."
)
@talks_to_server
def command(
    connection: Connection,
    files: tuple[Path, ...],
    kind: reference_pb2.ReferenceKind.ValueType | None,
    id_: str | None,
    amend: bool,
    revision_in_force: int | None,
    reason: common_pb2.AmendmentReason.ValueType | None,
    by: str | None,
    note: str | None,
    producer: str,
    as_json: bool,
) -> Exit:
    """Load organisations and colour charts from files.

    Every file is checked before any is sent. One id of a kind is one document: to load
    another content under it takes --amend with --revision-in-force, --reason and --by.

    An organisation is CSV with the columns level (region, division, regiment, county),
    code, name, name_en, parent, valid_from, valid_to. A chart has lines such as
    `# standard: GB1103.1-2023` first. docs/files.md describes both.
    """
    check_producer_id(producer)
    amendment = _amendment(revision_in_force, reason, by, note, amend=amend)
    if len(files) > 1 and (amend or id_ is not None):
        raise click.UsageError("--amend and --id go with one FILE.")
    read = [read_document(file, kind, id_) for file in files]
    if amendment is not None:
        read[0].document.amendment.CopyFrom(amendment)
    documents = [each.document for each in read]
    answer = connection.ask(
        lambda client: client.load_references(documents, producer_id=producer), SEND_RETRY
    )
    sent = [(str(each.path), each.document, each.rows) for each in read]
    emit(loaded(sent, answer), json_references.receipt(sent, answer), as_json=as_json)
    return Exit.OK if answer.complete else Exit.INCOMPLETE


def _amendment(
    revision: int | None,
    reason: common_pb2.AmendmentReason.ValueType | None,
    by: str | None,
    note: str | None,
    *,
    amend: bool,
) -> common_pb2.Amendment | None:
    if not amend:
        if any(value is not None for value in (revision, reason, by, note)):
            raise click.UsageError(
                "--revision-in-force, --reason, --by and --note go with --amend."
            )
        return None
    if revision is None or reason is None or by is None:
        raise click.UsageError("--amend needs --revision-in-force, --reason and --by.")
    return decision(reason, by, note or "", supersedes_revision=revision)
