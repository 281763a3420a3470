"""`cotton watch`: what changes of lots, as it happens or since any revision."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cotton.inspection.v1 import lifecycle_pb2, settlement_pb2
from rich.text import Text

from cotton_client.cli.exits import Exit
from cotton_client.cli.failures import Interrupted
from cotton_client.cli.filters import parse_filters, where_option
from cotton_client.cli.invocation import as_started
from cotton_client.cli.options import SEND_RETRY, talks_to_server
from cotton_client.cli.output import note_console, page_console
from cotton_client.cli.parameters import Word
from cotton_client.cli.progress import RetryNotes
from cotton_client.cli.watch_state import WatchState
from cotton_client.render import changes as page
from cotton_client.render import json_decisions, json_runs, run
from cotton_client.retry import RetryPolicy

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient

FOLLOW_RETRY = RetryPolicy(patience_s=math.inf, patience_first_s=5.0)
"""Whoever follows goes on however long the server is away, once it has answered."""


class _Teller:
    """Prints what the feed tells, and remembers how far it has come."""

    def __init__(
        self, told: int, state: WatchState | None, *, as_json: bool, figures: bool
    ) -> None:
        self.told = told
        self._state = state
        self._as_json = as_json
        self._figures = figures
        self._console = page_console()

    def tell(self, message: lifecycle_pb2.WatchChangesResponse) -> None:
        """Prints every change of a message, then keeps its revision: never the other way round."""
        events: list[lifecycle_pb2.LotChange | settlement_pb2.StoredRun]
        events = [*message.changes, *message.runs]
        for event in sorted(events, key=lambda each: each.revision):
            if isinstance(event, settlement_pb2.StoredRun):
                self._tell_run(event)
            elif self._as_json:
                _line(json_decisions.change(event, with_figures=self._figures))
            else:
                for part in page.change(event):
                    self._console.print(part)
        if message.revision > self.told:
            self.told = message.revision
            if self._as_json:
                _line(json_decisions.told(message.revision))
            self._console.file.flush()
            if self._state is not None:
                self._state.write(message.revision)

    def _tell_run(self, stored: settlement_pb2.StoredRun) -> None:
        """Prints a settlement run that was frozen."""
        if self._as_json:
            _line({"event": "run", **json_runs.stored(stored)})
        else:
            self._console.print(run.told(stored))


@click.command(name="watch")
@click.option(
    "--from",
    "from_revision",
    type=click.IntRange(min=0),
    metavar="REVISION",
    help="Tell what changed after this revision; 0 or left out tells everything.",
)
@where_option
@click.option(
    "--kind",
    "kinds",
    type=Word(lifecycle_pb2.LotChangeKind, "LOT_CHANGE_KIND_", many=True),
    default=(),
    metavar="KIND[,…]",
    help="Only these changes: new, final, revised, withdrawn, reinstated.",
)
@click.option("--without-figures", is_flag=True, help="Only which lots, and their states.")
@click.option(
    "--runs",
    "with_runs",
    is_flag=True,
    help="Settlement runs too, whatever --where and --kind say.",
)
@click.option("--until-now", is_flag=True, help="End when everything until now is told.")
@click.option(
    "--state",
    "state_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Go on after the revision in this file, and keep in it the last one told.",
)
@talks_to_server
def command(
    connection: Connection,
    from_revision: int | None,
    where: tuple[str, ...],
    kinds: tuple[lifecycle_pb2.LotChangeKind.ValueType, ...],
    without_figures: bool,
    with_runs: bool,
    until_now: bool,
    state_file: Path | None,
    as_json: bool,
) -> Exit:
    """Follow what changes of lots, from any revision on.

    Every change is told with the old and the new figures side by side, only what differs.
    It goes on until Ctrl-C, also over restarts of the server, and misses and repeats
    nothing. With --state the revision told last is on disk after each message was printed:
    whoever runs it again is told what came since; --from counts only while FILE is not
    there. A run that is killed between the two tells its last message once more.
    """
    filters = parse_filters(where)
    state = None if state_file is None else WatchState(state_file)
    with nullcontext() if state is None else state.held():
        kept = None if state is None else state.read()
        start = kept if kept is not None else from_revision or 0
        teller = _Teller(start, state, as_json=as_json, figures=not without_figures)

        async def follow(client: CottonClient) -> None:
            messages = client.watch_changes(
                start,
                filters,
                kinds=kinds,
                without_figures=without_figures,
                until_now=until_now,
                with_runs=with_runs,
                on_retry=RetryNotes(note_console(), as_json=as_json),
            )
            async for message in messages:
                teller.tell(message)

        try:
            connection.ask(follow, SEND_RETRY if until_now else FOLLOW_RETRY)
        except Interrupted as interrupted:
            interrupted.metadata["revision"] = str(teller.told)
            interrupted.remedy = f"Go on with `cotton watch --from {teller.told}`."
            if as_json:
                raise
            _say(f"Told up to revision {teller.told}. {interrupted.remedy}")
            return Exit.INTERRUPTED
    if not as_json:
        _say(f"Told up to revision {teller.told}.")
    return Exit.OK


def _line(data: object) -> None:
    """One JSON object on a line of its own, out before anything else is done."""
    click.echo(json.dumps(data, ensure_ascii=False))


def _say(text: str) -> None:
    """A note to the person who runs it."""
    note_console().print(Text(as_started(text), style="dim"), soft_wrap=True)
