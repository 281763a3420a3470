"""`cotton certificates`: the certificates of many lots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.exporting import Exports, emit_files, export_options
from cotton_client.cli.filters import parse_filters, where_option
from cotton_client.cli.options import (
    as_of_option,
    basis_option,
    revision_option,
    talks_to_server,
)
from cotton_client.cli.output import TABLE_WIDTH_MAX, emit
from cotton_client.cli.row_progress import row_progress
from cotton_client.queries import key_filters
from cotton_client.render import json_figures, json_tables
from cotton_client.render.certificate_table import SHOWN, CertificateTable

if TYPE_CHECKING:
    from cotton.inspection.v1 import summary_pb2

    from cotton_client.cli.options import Connection


@click.command(name="certificates")
@where_option
@revision_option
@as_of_option
@basis_option
@click.option(
    "--share-decimals",
    type=click.IntRange(1, 2),
    default=1,
    show_default=True,
    help="Digits of printed shares.",
)
@export_options
@talks_to_server
def command(
    connection: Connection,
    where: tuple[str, ...],
    revision: int,
    as_of_us: int,
    basis: summary_pb2.Basis.ValueType,
    share_decimals: int,
    exports: Exports,
    as_json: bool,
) -> None:
    """List the certificates of lots, or write them to files.

    One line a lot, by lot number, with the figures of `cotton lot`; files and --json have all
    of them. Keys of --where are those of `cotton summary`, without those of single bales.
    """
    filters = parse_filters(where)
    exports.check()
    columns = exports.columns if exports or as_json else SHOWN
    with row_progress(as_json=as_json) as progress:
        heard = progress.step("Asking for lots")
        table = connection.ask(
            lambda client: client.tabulate_certificates(
                filters,
                columns,
                revision=revision,
                as_of_us=as_of_us,
                share_decimals=share_decimals,
                basis=basis,
                on_rows=heard,
            )
        )
        if exports:
            from cotton_client.export import about_certificates  # noqa: PLC0415 - as summary

            about = about_certificates(table, key_filters(filters), share_decimals)
            files = exports.write(table, about, progress)
    if exports:
        header = json_figures.header(table.header)
        emit_files(files, table.header.revision, header, as_json=as_json)
        return
    emit(
        CertificateTable(table, where=where, labels=exports.labels),
        json_tables.certificates(table) if as_json else None,
        as_json=as_json,
        width_max=TABLE_WIDTH_MAX,
    )
