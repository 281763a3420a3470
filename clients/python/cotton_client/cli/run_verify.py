"""`cotton run verify`: a run computed anew, by the server and on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cotton_client import errors
from cotton_client.cli.exits import Exit
from cotton_client.cli.options import talks_to_server
from cotton_client.cli.output import emit
from cotton_client.cli.row_progress import row_progress
from cotton_client.cli.run_names import run_named
from cotton_client.render import json_runs
from cotton_client.render.run import verified

if TYPE_CHECKING:
    from cotton.inspection.v1 import settlement_pb2

    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient


_NOT_KEPT: Final = "RUN_DIFFERS"
"""Reason of a server that has not kept the lines of a run, and computes others now."""


@click.command(name="verify")
@click.argument("run_id", metavar="ID")
@talks_to_server
def command(connection: Connection, run_id: str, as_json: bool) -> Exit:
    """Compute a run anew, and compare the digests.

    The server computes it from the ledger; this machine computes the digest of the lines that it
    is told, so that what is shown is what was frozen. Exits 6 where one of the two is another
    digest than the run's, or the server has the lines no more as they were frozen.
    """
    with run_named(), row_progress(as_json=as_json) as progress:

        async def ask(client: CottonClient) -> tuple[settlement_pb2.VerifyRunResponse, str]:
            progress.step("The server computes")
            answer = await client.verify_run(run_id)
            heard = progress.step("Asking for lines")
            try:
                content = await client.run_content(run_id, on_rows=heard)
            except errors.FailedPrecondition as refused:
                if refused.reason != _NOT_KEPT:
                    raise
                return answer, ""
            return answer, content.digest

        answer, digest = connection.ask(ask)
    emit(verified(answer, digest), json_runs.verified(answer, digest), as_json=as_json)
    holds = answer.digest == answer.run.run.digest == digest and answer.holds
    return Exit.OK if holds else Exit.INCOMPLETE
