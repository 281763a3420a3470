"""`cotton run compare`: every line in which two runs differ, as they come."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cotton_client.cli.options import talks_to_server
from cotton_client.cli.output import page_console
from cotton_client.cli.row_progress import row_progress
from cotton_client.cli.run_names import run_named
from cotton_client.render import json_runs
from cotton_client.render import run_differences as page

if TYPE_CHECKING:
    from cotton.inspection.v1 import settlement_pb2

    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient

LISTED: Final = 200
"""Differences that the page lists unless told otherwise."""


@click.command(name="compare")
@click.argument("run_id", metavar="ID")
@click.argument("other", metavar="[OTHER]", default="")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=LISTED,
    show_default=True,
    metavar="N",
    help="Differences that the page lists; --json and files have all.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write to a file that ends with .csv, .parquet or .xlsx, and list nothing.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@talks_to_server
def command(
    connection: Connection,
    run_id: str,
    other: str,
    limit: int,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Show every line in which two runs differ.

    ID is compared with OTHER, with its predecessor when that is left out; the one that was frozen
    first is the one before.
    """
    writer = None
    if output is not None:
        from cotton_client.export.differences import DifferenceFile  # noqa: PLC0415 - polars

        writer = DifferenceFile(output, force=force)
    teller = _Teller(limit, writer, as_json=as_json)

    with run_named(), ExitStack() as waiting:
        heard = waiting.enter_context(row_progress(as_json=as_json)).step("Comparing")

        async def ask(client: CottonClient) -> None:
            async for message in client.compare_runs(run_id, other):
                if writer is None:
                    # What is told as it comes has the terminal for itself.
                    waiting.close()
                teller.tell(message)
                heard(teller.told, 0)

        connection.ask(ask)
    teller.end(output)


class _Teller:
    """Tells differences as they come: as lines, as JSON, or to a file."""

    def __init__(self, limit: int, writer: Any, *, as_json: bool) -> None:
        self._limit = limit
        self._writer = writer
        self._as_json = as_json
        self._console = page_console()
        self._first: settlement_pb2.CompareRunsResponse | None = None
        self._last: tuple[int, str] | None = None
        self.told = 0

    def tell(self, message: settlement_pb2.CompareRunsResponse) -> None:
        """One message."""
        if self._first is None:
            self._first = message
            if self._as_json:
                _line({"event": "runs", **json_runs.compared(message)})
            elif self._writer is None:
                self._print_beginning(message)
        for each in message.differences:
            self.told += 1
            if self._writer is not None:
                self._writer.add(json_runs.difference(each))
            elif self._as_json:
                _line({"event": "difference", **json_runs.difference(each)})
            elif self.told <= self._limit:
                line = (each.table, each.line)
                if line != self._last:
                    self._console.print(page.line_heading(each))
                    self._last = line
                self._console.print(page.difference(each))

    def end(self, output: Path | None) -> None:
        """What there was in all, and the file, which is written now."""
        first = self._first
        if self._writer is not None and first is not None:
            self._writer.write(first)
            if not self._as_json:
                # Not before: until now the terminal showed how far it is.
                self._print_beginning(first)
        if self._as_json:
            file = {"file": str(output)} if output is not None else {}
            revision = first.after.revision if first is not None else None
            _line({"event": "end", "revision": revision, "differences": self.told, **file})
            return
        listed = self.told if output is not None else min(self.told, self._limit)
        self._console.print(page.end(self.told, listed))
        if output is not None:
            self._console.print(f"Written to {output}.")

    def _print_beginning(self, first: settlement_pb2.CompareRunsResponse) -> None:
        for part in page.beginning(first):
            self._console.print(part)


def _line(data: object) -> None:
    """One JSON object on a line of its own."""
    click.echo(json.dumps(data, ensure_ascii=False))
