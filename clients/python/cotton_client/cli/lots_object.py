"""`cotton lots object`: objections of owners to the results of lots, and their decisions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cotton.inspection.v1 import lots_pb2

from cotton_client import errors
from cotton_client.cli.files import reading_file
from cotton_client.cli.lot_records import file_or_one, producer_option, report
from cotton_client.cli.options import SEND_RETRY, talks_to_server
from cotton_client.cli.parameters import Moment, Word
from cotton_client.identity import check_producer_id
from cotton_client.lot_frames import objection_messages
from cotton_client.readers import read_objections

if TYPE_CHECKING:
    from cotton_client.cli.exits import Exit
    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient
    from cotton_client.lots import LotsReceipt


@click.command(name="object")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--lot", metavar="LOT_NO", help="One lot, instead of a file.")
@click.option("--objection", metavar="NO", help="The office's own reference.")
@click.option("--raised-by", metavar="WHO", help="Who objects.")
@click.option("--raised-at", type=Moment(), metavar="TIME", help="When; now if left out.")
@click.option(
    "--decision",
    type=Word(lots_pb2.ObjectionDecision, "OBJECTION_DECISION_"),
    metavar="WORD",
    help="Decides the objection: upheld or dismissed.",
)
@click.option("--by", metavar="WHO", help="Who decided.")
@click.option("--decided-at", type=Moment(), metavar="TIME", help="When; now if left out.")
@click.option("--note", metavar="TEXT", help="In words.")
@producer_option
@talks_to_server
def command(
    connection: Connection,
    file: Path | None,
    lot: str | None,
    objection: str | None,
    raised_by: str | None,
    raised_at: int | None,
    decision: lots_pb2.ObjectionDecision.ValueType | None,
    by: str | None,
    decided_at: int | None,
    note: str | None,
    producer: str,
    as_json: bool,
) -> Exit:
    """Record objections (异议) to lots, or decide one.

    Columns of the file: lot_no, objection_no, raised_at, and any of raised_by, note,
    decision, decided_by, decided_at. To raise one: --lot, --objection and --raised-by. To
    decide it: --lot, --objection, --decision and --by; what was recorded when it was raised
    is taken from the service. `cotton lot` shows the last days for objections and decisions,
    `cotton lots list --overdue` those that have passed. TIME is ISO 8601, China time where
    it states no offset.
    """
    check_producer_id(producer)
    single = (lot, objection, raised_by, raised_at, decision, by, decided_at, note)
    needed: dict[str, object] = {"--lot": lot, "--objection": objection}
    needed |= {"--raised-by": raised_by} if decision is None else {"--by": by}
    file_or_one(file, single, needed=needed)
    if decision is None and (by is not None or decided_at is not None):
        raise click.UsageError("--by and --decided-at go with --decision.")
    if decision is not None and (raised_by is not None or raised_at is not None):
        raise click.UsageError("An objection is raised, or it is decided: not both at once.")
    if file is not None:
        with reading_file(file):
            objections = objection_messages(read_objections(file))
    else:
        objections = [
            lots_pb2.LotObjection(
                lot_no=lot or "",
                objection_no=objection or "",
                raised_by=raised_by or "",
                raised_at_s=raised_at or int(time.time()),
                note=note or "",
            )
        ]

    async def record(client: CottonClient) -> LotsReceipt:
        if decision is not None:
            (asked,) = objections
            raised = await _raised(client, asked.lot_no, asked.objection_no)
            raised.decision = decision
            raised.decided_by = by or ""
            raised.decided_at_s = decided_at or int(time.time())
            raised.note = note or raised.note
            objections[:] = [raised]
        return await client.record_objections(objections, producer_id=producer)

    answer = connection.ask(record, SEND_RETRY)
    return report(str(file or lot), "objection", answer, as_json=as_json)


async def _raised(client: CottonClient, lot_no: str, objection_no: str) -> lots_pb2.LotObjection:
    """The objection as it was recorded when it was raised; NotFound where it was not."""
    answer = await client.lot_certificate(lot_no)
    for each in answer.status.objections:
        if each.objection.objection_no == objection_no:
            return each.objection
    raise errors.NotFound(
        f"Lot {lot_no} has no objection {objection_no}.",
        remedy="Check its number with `cotton lot`, or raise it first.",
    )
