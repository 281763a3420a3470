"""`cotton lots units`: which traceability unit lots belong to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cotton_client.cli.files import reading_file
from cotton_client.cli.lot_records import producer_option, report
from cotton_client.cli.options import SEND_RETRY, talks_to_server
from cotton_client.identity import check_producer_id
from cotton_client.lot_frames import unit_lot_messages
from cotton_client.readers import read_unit_lots

if TYPE_CHECKING:
    from cotton_client.cli.exits import Exit
    from cotton_client.cli.options import Connection


@click.command(name="units")
@click.argument("file", type=click.Path(path_type=Path))
@producer_option
@talks_to_server
def command(connection: Connection, file: Path, producer: str, as_json: bool) -> Exit:
    """Say which traceability unit (追溯单元) lots belong to, from a file.

    Columns of the CSV: lot_no and traceability_unit, which is empty where a lot belongs to
    none. It holds over what the registration of the lot says. A record that takes the place
    of another has supersedes_revision, reason, decided_by and note.
    """
    check_producer_id(producer)
    with reading_file(file):
        unit_lots = unit_lot_messages(read_unit_lots(file))
    answer = connection.ask(
        lambda client: client.record_unit_lots(unit_lots, producer_id=producer), SEND_RETRY
    )
    return report(str(file), "record", answer, as_json=as_json)
