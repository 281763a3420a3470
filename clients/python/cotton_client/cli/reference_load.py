"""`cotton reference load`: organisations, colour charts and documents of money from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cotton_client.cli.options import talks_to_server
from cotton_client.cli.reference_files import read_document
from cotton_client.cli.reference_kinds import ReferenceKind
from cotton_client.cli.reference_loading import amendment, load, loading_options
from cotton_client.identity import check_producer_id

if TYPE_CHECKING:
    from cotton.inspection.v1 import common_pb2, reference_pb2

    from cotton_client.cli.exits import Exit
    from cotton_client.cli.options import Connection


@click.command(name="load")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option(
    "--kind",
    type=ReferenceKind(),
    metavar="KIND",
    help="organisation, chart, schedule, rule-set or target-price; else by the file.",
)
@click.option(
    "--id",
    "id_",
    metavar="ID",
    help="Of one FILE; left out, it is that in the file, or the name without its ending.",
)
@loading_options
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
    """Load organisations, charts and documents of money from files.

    Every file is checked before any is sent; documents of money (TOML, see `cotton schedules`)
    by the server. One id of a kind is one document: to load another content under it takes
    --amend with --revision-in-force, --reason and --by.

    An organisation is CSV with the columns level (region, division, regiment, county),
    code, name, name_en, parent, valid_from, valid_to. A chart has lines such as
    `# standard: GB1103.1-2023` first. docs/files.md describes all of them.
    """
    check_producer_id(producer)
    amended = amendment(revision_in_force, reason, by, note, amend=amend)
    if len(files) > 1 and (amend or id_ is not None):
        raise click.UsageError("--amend and --id go with one FILE.")
    read = [read_document(file, kind, id_) for file in files]
    return load(connection, read, amended, producer=producer, as_json=as_json)
