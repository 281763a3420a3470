"""`cotton lots weigh`: what the on-site agency weighed and sampled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from cotton.inspection.v1 import lots_pb2

from cotton_client.cli.files import reading_file
from cotton_client.cli.lot_records import file_or_one, producer_option, report
from cotton_client.cli.options import SEND_RETRY, Hundredths, talks_to_server
from cotton_client.identity import check_producer_id
from cotton_client.lot_frames import weight_messages
from cotton_client.readers import read_weights

if TYPE_CHECKING:
    from cotton_client.cli.exits import Exit
    from cotton_client.cli.options import Connection


@click.command(name="weigh")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--lot", metavar="LOT_NO", help="One lot, instead of a file.")
@click.option("--gross", type=Hundredths(), metavar="KG", help="Gross weight (毛重).")
@click.option("--tare", type=Hundredths(), metavar="KG", help="Tare (皮重).")
@click.option("--regain", type=Hundredths(), metavar="%", help="Moisture regain (回潮率).")
@click.option("--trash", type=Hundredths(), metavar="%", help="Trash content (含杂率).")
@click.option(
    "--resolution",
    type=click.Choice(["0.1", "1"]),
    help="Conditioned weight is stated to this many kg.  [default: 1]",
)
@click.option("--certificate", metavar="NO", help="Number of the weight certificate.")
@producer_option
@talks_to_server
def command(
    connection: Connection,
    file: Path | None,
    lot: str | None,
    gross: int | None,
    tare: int | None,
    regain: int | None,
    trash: int | None,
    resolution: str | None,
    certificate: str | None,
    producer: str,
    as_json: bool,
) -> Exit:
    """Record what lots weigh, from a CSV file or for one lot.

    Columns of the file: lot_no, gross, tare, and any of regain, trash, resolution,
    truck_gross, truck_tare, scale, operator, weighed_at, weight_certificate_no. A weight
    that takes the place of another has supersedes_revision, reason, decided_by and note.
    For one lot: --lot, --gross and --tare, and --regain and --trash where they are known.
    """
    check_producer_id(producer)
    single = (lot, gross, tare, regain, trash, resolution, certificate)
    file_or_one(file, single, needed={"--lot": lot, "--gross": gross, "--tare": tare})
    if file is not None:
        with reading_file(file):
            weights = weight_messages(read_weights(file))
    else:
        weights = [
            lots_pb2.LotWeight(
                lot_no=lot or "",
                gross=gross or 0,
                tare=tare or 0,
                regain=regain,
                trash=trash,
                resolution=10 if resolution == "0.1" else 100,
                weight_certificate_no=certificate or "",
            )
        ]
    answer = connection.ask(
        lambda client: client.record_lot_weights(weights, producer_id=producer), SEND_RETRY
    )
    return report(str(file or lot), "weight", answer, as_json=as_json)
