"""`cotton lots register`: lots as their gins book them in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cotton_client.cli.files import reading_file
from cotton_client.cli.lot_records import producer_option, report
from cotton_client.cli.options import SEND_RETRY, talks_to_server
from cotton_client.identity import check_producer_id
from cotton_client.lot_frames import lot_messages
from cotton_client.readers import read_lots

if TYPE_CHECKING:
    from cotton_client.cli.exits import Exit
    from cotton_client.cli.options import Connection


@click.command(name="register")
@click.argument("file", type=click.Path(path_type=Path))
@producer_option
@talks_to_server
def command(connection: Connection, file: Path, producer: str, as_json: bool) -> Exit:
    """Register the lots of a CSV file.

    Columns: lot_no and cotton_type, and any of gin_code, gin_name, production_line,
    warehouse, region, division, regiment, county, picking_mode, channel,
    traceability_unit, origin, agency, declared_bales, gate_in_at, standard,
    quality_certificate_no. A lot that takes the place of its registration names in
    supersedes_revision the revision of that, and has reason, decided_by and note.

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
    return report(str(file), "lot", answer, as_json=as_json)
