"""`cotton lots close`: the laboratory has tested what it received of lots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from cotton.inspection.v1 import lots_pb2

from cotton_client.cli.amending import replacement, replacement_options
from cotton_client.cli.files import reading_file
from cotton_client.cli.lot_records import file_or_one, producer_option, report
from cotton_client.cli.options import SEND_RETRY, talks_to_server
from cotton_client.cli.parameters import Moment
from cotton_client.identity import check_producer_id
from cotton_client.lot_frames import closure_messages
from cotton_client.readers import read_closures

if TYPE_CHECKING:
    from cotton.inspection.v1 import common_pb2

    from cotton_client.cli.exits import Exit
    from cotton_client.cli.options import Connection


@click.command(name="close")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--lot", metavar="LOT_NO", help="One lot, instead of a file.")
@click.option(
    "--received", type=click.IntRange(min=0), metavar="N", help="Samples counted in (收样数)."
)
@click.option("--tested", type=click.IntRange(min=0), metavar="N", help="Samples tested (检验数).")
@click.option("--laboratory", metavar="CODE", help="The laboratory.")
@click.option("--closed-at", type=Moment(), metavar="TIME", help="When it was finished.")
@replacement_options
@producer_option
@talks_to_server
def command(
    connection: Connection,
    file: Path | None,
    lot: str | None,
    received: int | None,
    tested: int | None,
    laboratory: str | None,
    closed_at: int | None,
    supersedes: int | None,
    reason: common_pb2.AmendmentReason.ValueType | None,
    by: str | None,
    note: str | None,
    producer: str,
    as_json: bool,
) -> Exit:
    """Close lots that a laboratory has tested, from a CSV file or one lot.

    Columns of the file: lot_no, bales_received, bales_tested, and any of laboratory and
    closed_at; supersedes_revision, reason, decided_by and note of a closure that takes the
    place of another. For one lot: --lot, --received and --tested. A lot whose counts do
    not agree with what is declared and stored is held until they do; `cotton lot` says
    why. TIME is ISO 8601, China time where it states no offset.
    """
    check_producer_id(producer)
    amendment = replacement(supersedes, reason, by, note)
    single = (lot, received, tested, laboratory, closed_at, supersedes)
    file_or_one(file, single, needed={"--lot": lot, "--received": received, "--tested": tested})
    if file is not None:
        with reading_file(file):
            closures = closure_messages(read_closures(file))
    else:
        closures = [
            lots_pb2.LotClosure(
                lot_no=lot or "",
                laboratory=laboratory or "",
                bales_received=received or 0,
                bales_tested=tested or 0,
                closed_at_s=closed_at or 0,
                amendment=amendment,
            )
        ]
    answer = connection.ask(
        lambda client: client.close_lots(closures, producer_id=producer), SEND_RETRY
    )
    return report(str(file or lot), "closure", answer, as_json=as_json)
