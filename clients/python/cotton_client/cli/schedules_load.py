"""`cotton schedules load`: documents of money from files, or those that come with the service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from cotton.inspection.v1 import reference_pb2

from cotton_client import errors
from cotton_client.cli.options import talks_to_server
from cotton_client.cli.reference_files import DocumentFile, read_money_document
from cotton_client.cli.reference_loading import amendment, load, loading_options
from cotton_client.cli.schedule_names import kind_option
from cotton_client.identity import check_producer_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton.inspection.v1 import common_pb2

    from cotton_client.cli.exits import Exit
    from cotton_client.cli.options import Connection

_ALL: Final = "all"


@click.command(name="load")
@click.argument("files", nargs=-1, metavar="[FILE…]", type=click.Path(path_type=Path))
@click.option(
    "--shipped",
    multiple=True,
    metavar="ID[,…]",
    help="Load this one of those that come with the service, or all; may be given again.",
)
@kind_option
@loading_options
@talks_to_server
def command(
    connection: Connection,
    files: tuple[Path, ...],
    shipped: tuple[str, ...],
    kind: reference_pb2.ReferenceKind.ValueType | None,
    amend: bool,
    revision_in_force: int | None,
    reason: common_pb2.AmendmentReason.ValueType | None,
    by: str | None,
    note: str | None,
    producer: str,
    as_json: bool,
) -> Exit:
    """Load documents from files, or those that come with the service.

    A file is TOML, and says itself which kind it is and what it is called; docs/files.md
    describes it. The server checks it, and says in which line what is wrong. One id of a kind is
    one document: to load another content under it takes --amend with --revision-in-force,
    --reason and --by.
    """
    check_producer_id(producer)
    amended = amendment(revision_in_force, reason, by, note, amend=amend)
    if not files and not shipped:
        raise click.UsageError("Give a FILE, or --shipped ID.")
    read = [read_money_document(file, kind) for file in files]
    if shipped:
        known = connection.ask(lambda client: client.list_shipped())
        read += _shipped([each for text in shipped for each in text.split(",")], known, kind)
    if len(read) > 1 and amend:
        raise click.UsageError("--amend goes with one document.")
    return load(connection, read, amended, producer=producer, as_json=as_json)


def _shipped(
    wanted: Sequence[str],
    known: reference_pb2.ListShippedResponse,
    kind: reference_pb2.ReferenceKind.ValueType | None,
) -> list[DocumentFile]:
    """Documents that come with the service, those after which others are made first."""
    of_kind = [each for each in known.documents if kind in {None, each.kind}]
    names = {each.id for each in of_kind}
    for name in wanted:
        if name != _ALL and name not in names:
            raise errors.NotFound(
                f"No document {name} comes with the service.",
                remedy="See `cotton schedules list --shipped`.",
            )
    chosen = [each for each in of_kind if _ALL in wanted or each.id in wanted]
    return [
        DocumentFile(
            each.id,
            reference_pb2.Reference(kind=each.kind, id=each.id, content=each.content),
            None,
        )
        for each in _bases_first(chosen)
    ]


def _bases_first(
    documents: Sequence[reference_pb2.ShippedDocument],
) -> list[reference_pb2.ShippedDocument]:
    """In the order given, but each behind what it is a patch of or takes the place of."""
    waiting = {(each.kind, each.id): each for each in documents}
    placed: list[reference_pb2.ShippedDocument] = []

    def place(document: reference_pb2.ShippedDocument) -> None:
        waiting.pop((document.kind, document.id), None)
        for name in (document.head.patch_of, document.head.supersedes):
            before = waiting.get((document.kind, name))
            if before is not None:
                place(before)
        placed.append(document)

    while waiting:
        place(next(iter(waiting.values())))
    return placed
