"""`cotton bales`: single bales that somebody has to look at."""

from __future__ import annotations

import csv
import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cotton.inspection.v1 import summary_pb2

from cotton_client.cli.filters import parse_filters, where_option
from cotton_client.cli.options import (
    as_of_option,
    basis_option,
    revision_option,
    talks_to_server,
)
from cotton_client.cli.output import TABLE_WIDTH_MAX, page_console
from cotton_client.cli.parameters import Word
from cotton_client.render import bale_list, json_tables

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient
    from cotton_client.listing import Listing

_CAUSES = tuple(number for number in summary_pb2.BaleCause.values() if number)


@click.command(name="bales")
@click.option(
    "--cause",
    "causes",
    type=Word(summary_pb2.BaleCause, "BALE_CAUSE_", many=True),
    default=_CAUSES,
    show_default="all of them",
    metavar="CAUSE[,…]",
    help="Only bales with one of these.",
)
@where_option
@click.option(
    "--limit", type=click.IntRange(min=0), default=0, metavar="N", help="At most so many bales."
)
@revision_option
@as_of_option
@basis_option
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the bales as CSV.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@talks_to_server
def command(
    connection: Connection,
    causes: tuple[summary_pb2.BaleCause.ValueType, ...],
    where: tuple[str, ...],
    limit: int,
    revision: int,
    as_of_us: int,
    basis: summary_pb2.Basis.ValueType,
    csv_file: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """List bales that somebody has to look at.

    Causes: unregistered (its lot is), without_standard (none grades it), ungraded_in_colour
    (neither the laboratory nor a chart did), chart_differs (laboratory and chart disagree).
    In order of arrival. Keys of --where are those of `cotton summary`.
    """
    filters = parse_filters(where)
    with ExitStack() as stack:
        teller = _Teller(csv_file, force=force, as_json=as_json, stack=stack)

        async def ask(client: CottonClient) -> int:
            listing: Listing[summary_pb2.ListedBale] = client.list_bales(
                causes,
                filters,
                revision=revision,
                as_of_us=as_of_us,
                basis=basis,
                limit=limit,
            )
            async for bale in listing:
                teller.tell(bale, listing.revision)
            return listing.revision

        at = connection.ask(ask)
    teller.end(at)


class _Teller:
    """Tells bales as they come: as lines, as JSON, or to a file."""

    def __init__(
        self, csv_file: Path | None, *, force: bool, as_json: bool, stack: ExitStack
    ) -> None:
        self._as_json = as_json
        self._file = csv_file
        self._console = page_console(TABLE_WIDTH_MAX)
        self._causes: Counter[str] = Counter()
        self._bales = 0
        self._rows: Any = None
        if csv_file is not None:
            from cotton_client.export.drafts import drafts  # noqa: PLC0415 - loads polars

            (draft,) = stack.enter_context(drafts([csv_file], force=force))
            file = stack.enter_context(draft.open("w", encoding="utf-8", newline=""))
            self._rows = csv.writer(file, lineterminator="\n")
            self._rows.writerow(json_tables.BALE_COLUMNS)

    def tell(self, bale: summary_pb2.ListedBale, revision: int) -> None:
        """One bale."""
        data = json_tables.listed_bale(bale, revision)
        self._bales += 1
        self._causes.update(data["causes"])
        if self._rows is not None:
            cells = {**data, "causes": ";".join(data["causes"])}
            self._rows.writerow([cells[name] for name in json_tables.BALE_COLUMNS])
        elif self._as_json:
            _line({"event": "bale", **data})
        else:
            if self._bales == 1:
                self._console.print(bale_list.heading())
            self._console.print(bale_list.line(bale))

    def end(self, revision: int) -> None:
        """What there was in all."""
        if self._as_json:
            file = {"file": str(self._file)} if self._file is not None else {}
            _line({"event": "end", "revision": revision, "bales": self._bales, **file})
            return
        for part in bale_list.end(self._bales, self._causes, revision):
            self._console.print(part)
        if self._file is not None:
            self._console.print(f"Written to {self._file}.")


def _line(data: object) -> None:
    """One JSON object on a line of its own."""
    click.echo(json.dumps(data, ensure_ascii=False))
