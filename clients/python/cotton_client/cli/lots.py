"""`cotton lots`: register lots, and record what they weigh."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from cotton.inspection.v1 import lots_pb2

from cotton_client.cli.exits import Exit
from cotton_client.cli.files import reading_file
from cotton_client.cli.options import SEND_RETRY, Hundredths, talks_to_server
from cotton_client.cli.output import emit
from cotton_client.frames import lot_messages, weight_messages
from cotton_client.identity import check_producer_id
from cotton_client.readers import read_lots, read_weights
from cotton_client.render import json_answers, receipt

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection
    from cotton_client.lots import LotsReceipt

PRODUCER_DEFAULT: Final = "cotton-lots"

_producer = click.option(
    "--producer",
    metavar="ID",
    default=PRODUCER_DEFAULT,
    show_default=True,
    help="Who sends: a warehouse, an agency.",
)


@click.group(name="lots")
def command() -> None:
    """Register lots and record their weights."""


@command.command(name="register")
@click.argument("file", type=click.Path(path_type=Path))
@_producer
@talks_to_server
def register(connection: Connection, file: Path, producer: str, as_json: bool) -> Exit:
    """Register the lots of a CSV file.

    Columns: lot_no and cotton_type, and any of gin_code, gin_name, warehouse, region,
    division, regiment, county, picking_mode, channel, traceability_unit, origin, agency,
    declared_bales, gate_in_at, standard, quality_certificate_no.

    Values of cotton_type: saw_ginned_upland, roller_ginned_upland, extra_long_staple,
    imported_upland; it decides the standard.

    Values of picking_mode: hand, machine.

    Values of channel: warehouse, mill_own_use, reserve_in, reserve_out, futures.
    """
    check_producer_id(producer)
    with reading_file(file):
        lots = lot_messages(read_lots(file))
    answer = connection.ask(
        lambda client: client.register_lots(lots, producer_id=producer), SEND_RETRY
    )
    return _report(str(file), "lot", answer, as_json=as_json)


@command.command(name="weigh")
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
@_producer
@talks_to_server
def weigh(
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
    truck_gross, truck_tare, scale, operator, weighed_at, weight_certificate_no.
    For one lot: --lot, --gross and --tare, and --regain and --trash where they are known.
    """
    check_producer_id(producer)
    single = (lot, gross, tare, regain, trash, resolution, certificate)
    if file is not None:
        if any(value is not None for value in single):
            raise click.UsageError("Give a FILE or the weights of one lot, not both.")
        with reading_file(file):
            weights = weight_messages(read_weights(file))
    else:
        if lot is None or gross is None or tare is None:
            raise click.UsageError("Give a FILE, or --lot, --gross and --tare.")
        weights = [
            lots_pb2.LotWeight(
                lot_no=lot,
                gross=gross,
                tare=tare,
                regain=regain,
                trash=trash,
                resolution=10 if resolution == "0.1" else 100,
                weight_certificate_no=certificate or "",
            )
        ]
    answer = connection.ask(
        lambda client: client.record_lot_weights(weights, producer_id=producer), SEND_RETRY
    )
    return _report(str(file or lot), "weight", answer, as_json=as_json)


def _report(name: str, noun: str, answer: LotsReceipt, *, as_json: bool) -> Exit:
    """Prints what became of the records; gives the exit code."""
    emit(receipt.lots(name, noun, answer), json_answers.lots_receipt(answer), as_json=as_json)
    return Exit.OK if answer.complete else Exit.INCOMPLETE
