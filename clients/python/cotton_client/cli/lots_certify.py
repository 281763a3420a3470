"""`cotton lots certify`: numbers of certificates as they are issued."""

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
from cotton_client.lot_frames import certificate_messages
from cotton_client.readers import read_certificates

if TYPE_CHECKING:
    from cotton.inspection.v1 import common_pb2

    from cotton_client.cli.exits import Exit
    from cotton_client.cli.options import Connection


@click.command(name="certify")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--lot", metavar="LOT_NO", help="One lot, instead of a file.")
@click.option("--quality", metavar="NO", help="Number of the quality certificate (质量证书).")
@click.option("--weight", metavar="NO", help="Number of the weight certificate (重量证书).")
@click.option(
    "--issued-at",
    type=Moment(),
    metavar="TIME",
    help="When; left out, it is when the service receives the record.",
)
@replacement_options
@producer_option
@talks_to_server
def command(
    connection: Connection,
    file: Path | None,
    lot: str | None,
    quality: str | None,
    weight: str | None,
    issued_at: int | None,
    supersedes: int | None,
    reason: common_pb2.AmendmentReason.ValueType | None,
    by: str | None,
    note: str | None,
    producer: str,
    as_json: bool,
) -> Exit:
    """Record numbers of certificates, from a CSV file or for one lot.

    Columns of the file: lot_no, quality_certificate_no or weight_certificate_no or both,
    and any of issued_at; supersedes_revision, reason, decided_by and note of a record that
    takes the place of another. For one lot: --lot, and --quality, --weight or both. TIME is
    ISO 8601, China time where it states no offset.
    """
    check_producer_id(producer)
    amendment = replacement(supersedes, reason, by, note)
    single = (lot, quality, weight, issued_at, supersedes)
    needed = {"--lot": lot, "--quality or --weight": quality or weight}
    file_or_one(file, single, needed=needed)
    if file is not None:
        with reading_file(file):
            certificates = certificate_messages(read_certificates(file))
    else:
        certificates = [
            lots_pb2.LotCertificates(
                lot_no=lot or "",
                quality_certificate_no=quality or "",
                weight_certificate_no=weight or "",
                issued_at_s=issued_at or 0,
                amendment=amendment,
            )
        ]
    answer = connection.ask(
        lambda client: client.record_certificates(certificates, producer_id=producer), SEND_RETRY
    )
    return report(str(file or lot), "certificate", answer, as_json=as_json)
