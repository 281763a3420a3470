"""`cotton conflicts`: readings that differ from the one in force, and what is decided of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from cotton.inspection.v1 import amendments_pb2

from cotton_client.cli.amending import decision, decision_options
from cotton_client.cli.exits import Exit
from cotton_client.cli.list_by_default import ListByDefault
from cotton_client.cli.options import SEND_RETRY, revision_option, talks_to_server
from cotton_client.cli.output import emit
from cotton_client.cli.parameters import Word
from cotton_client.identity import check_producer_id
from cotton_client.render import conflicts as page
from cotton_client.render import json_decisions, receipt

if TYPE_CHECKING:
    from cotton.inspection.v1 import common_pb2

    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient

_producer = click.option(
    "--producer",
    metavar="ID",
    default="cotton-conflicts",
    show_default=True,
    help="Who sends: a bureau, a laboratory.",
)
_in_force = click.option(
    "--revision-in-force",
    type=click.IntRange(min=1),
    metavar="N",
    help="Revision of the reading in force, as `cotton conflicts` shows it: the decision is refused"
    " where another is.",
)
_ids = click.argument("conflict_ids", metavar="ID…", nargs=-1, required=True)


@click.command(name="conflicts", cls=ListByDefault)
def command() -> None:
    """List readings that differ from the one in force, and decide them.

    A conflict changes no figure until it is decided. Without a command it lists.
    """


@command.command(name="list")
@click.option(
    "--state",
    "states",
    type=Word(amendments_pb2.ConflictState, "CONFLICT_STATE_", many=True),
    default="open",
    show_default=True,
    metavar="STATE[,…]",
    help="Only conflicts in these states: open, kept, accepted.",
)
@click.option("--lot", "lots", multiple=True, metavar="LOT_NO", help="Of this lot, on either side.")
@click.option(
    "--laboratory", "laboratories", multiple=True, metavar="CODE", help="Whose reading differs."
)
@click.option("--bale", default="", metavar="CODE", help="Of this bale: 32 digits, or YEAR/ID.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="At most so many, in order of arrival.",
)
@click.option("--after", default="", metavar="ID", help="Only those that came after this one.")
@revision_option
@talks_to_server
def list_(
    connection: Connection,
    states: tuple[amendments_pb2.ConflictState.ValueType, ...],
    lots: tuple[str, ...],
    laboratories: tuple[str, ...],
    bale: str,
    limit: int,
    after: str,
    revision: int,
    as_json: bool,
) -> None:
    """List conflicts in order of arrival.

    The readings of each are shown where they differ: the one in force when it arose, the one
    that arrived and, where that is another, the one in force now. --lot and
    --laboratory may be given again.
    """

    async def ask(client: CottonClient) -> tuple[int, list[amendments_pb2.Conflict]]:
        listing = client.conflicts(
            states=states,
            lot_nos=lots,
            laboratories=laboratories,
            bale_code=bale,
            after_conflict_id=after,
            limit=limit,
            revision=revision,
        )
        listed = [each async for each in listing]
        return listing.revision, listed

    at, listed = connection.ask(ask)
    emit(page.conflicts(at, listed), json_decisions.conflicts(at, listed), as_json=as_json)


@command.command(name="count")
@revision_option
@talks_to_server
def count(connection: Connection, revision: int, as_json: bool) -> None:
    """Count conflicts by laboratory."""
    answer = connection.ask(lambda client: client.count_conflicts(revision=revision))
    emit(page.counts(answer), json_decisions.conflict_counts(answer), as_json=as_json)


@command.command(name="keep")
@_ids
@_in_force
@decision_options
@_producer
@talks_to_server
def keep(
    connection: Connection,
    conflict_ids: tuple[str, ...],
    revision_in_force: int | None,
    reason: common_pb2.AmendmentReason.ValueType,
    by: str,
    note: str,
    producer: str,
    as_json: bool,
) -> Exit:
    """Decide conflicts: the readings in force stay so.

    ID is as `cotton conflicts` lists it, such as 1234/17.
    """
    amendment = decision(reason, by, note, supersedes_revision=revision_in_force or 0)
    kept = amendments_pb2.CONFLICT_DECISION_KEEP
    return _resolve(connection, conflict_ids, kept, amendment, producer, as_json=as_json)


@command.command(name="accept")
@_ids
@_in_force
@decision_options
@_producer
@talks_to_server
def accept(
    connection: Connection,
    conflict_ids: tuple[str, ...],
    revision_in_force: int | None,
    reason: common_pb2.AmendmentReason.ValueType,
    by: str,
    note: str,
    producer: str,
    as_json: bool,
) -> Exit:
    """Decide conflicts: the differing readings are accepted as corrections.

    ID is as `cotton conflicts` lists it, such as 1234/17. Where the reading in force is no
    longer the one that the conflict arose with, --revision-in-force must say which one the
    differing reading takes the place of.
    """
    amendment = decision(reason, by, note, supersedes_revision=revision_in_force or 0)
    accepted = amendments_pb2.CONFLICT_DECISION_ACCEPT
    return _resolve(connection, conflict_ids, accepted, amendment, producer, as_json=as_json)


def _resolve(
    connection: Connection,
    conflict_ids: tuple[str, ...],
    decided: amendments_pb2.ConflictDecision.ValueType,
    amendment: common_pb2.Amendment,
    producer: str,
    *,
    as_json: bool,
) -> Exit:
    """Sends the same decision of every conflict."""
    check_producer_id(producer)
    resolutions = [
        amendments_pb2.ConflictResolution(conflict_id=each, decision=decided, amendment=amendment)
        for each in dict.fromkeys(conflict_ids)
    ]
    answer = connection.ask(
        lambda client: client.resolve_conflicts(resolutions, producer_id=producer), SEND_RETRY
    )
    pages = receipt.decisions(
        "conflicts", "decision", answer, revision_option="--revision-in-force"
    )
    emit(pages, json_decisions.decisions(answer), as_json=as_json)
    return Exit.OK if answer.complete else Exit.INCOMPLETE
