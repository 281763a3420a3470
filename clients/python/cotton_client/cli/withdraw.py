"""`cotton withdraw`: lots or bales out of every figure, or back into them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from cotton.inspection.v1 import amendments_pb2, readings_pb2

from cotton_client.cli.amending import decision, decision_options
from cotton_client.cli.exits import Exit
from cotton_client.cli.options import SEND_RETRY, talks_to_server
from cotton_client.cli.output import emit
from cotton_client.cli.parameters import bale_name
from cotton_client.identity import check_producer_id
from cotton_client.render import json_decisions, receipt

if TYPE_CHECKING:
    from cotton.inspection.v1 import common_pb2

    from cotton_client.cli.options import Connection


@click.command(name="withdraw")
@click.option("--lot", "lots", multiple=True, metavar="LOT_NO", help="This lot, as a whole.")
@click.option(
    "--bale", "bales", multiple=True, metavar="CODE", help="This bale: 32 digits, or YEAR/ID."
)
@click.option(
    "--crop-year",
    type=click.IntRange(1900, 2999),
    metavar="YEAR",
    help="Bales are named by 12-digit USDA bale ids of this crop year.",
)
@click.option(
    "--revision-in-force",
    type=click.IntRange(min=1),
    default=None,
    metavar="N",
    help="Only if nothing has changed since this revision; with one lot or bale.",
)
@click.option("--reinstate", is_flag=True, help="Take an earlier withdrawal back.")
@decision_options
@click.option(
    "--producer",
    metavar="ID",
    default="cotton-withdraw",
    show_default=True,
    help="Who sends: a bureau, a laboratory.",
)
@talks_to_server
def command(
    connection: Connection,
    lots: tuple[str, ...],
    bales: tuple[str, ...],
    crop_year: int | None,
    revision_in_force: int | None,
    reinstate: bool,
    reason: common_pb2.AmendmentReason.ValueType,
    by: str,
    note: str,
    producer: str,
    as_json: bool,
) -> Exit:
    """Invalidate lots or bales, or take that back.

    What is withdrawn stays stored with its history, and is in no figure. --lot and --bale
    may be given again. --revision-in-force is the one of the bale's reading, or the last
    that touched the lot.
    """
    check_producer_id(producer)
    if not lots and not bales:
        raise click.UsageError("Give --lot or --bale.")
    if revision_in_force is not None and len(lots) + len(bales) > 1:
        raise click.UsageError("--revision-in-force holds for one lot or bale only.")
    amendment = decision(reason, by, note, supersedes_revision=revision_in_force or 0)
    withdrawals = [
        amendments_pb2.Withdrawal(lot_no=lot, amendment=amendment, reinstate=reinstate)
        for lot in lots
    ]
    for bale in bales:
        code, year = bale_name(bale, crop_year)
        withdrawal = amendments_pb2.Withdrawal(amendment=amendment, reinstate=reinstate)
        if year is None:
            withdrawal.bale_code = code
        else:
            withdrawal.usda_bale.CopyFrom(readings_pb2.UsdaBale(bale_id=code, crop_year=year))
        withdrawals.append(withdrawal)
    answer = connection.ask(
        lambda client: client.withdraw(withdrawals, producer_id=producer), SEND_RETRY
    )
    name, noun = ("reinstate", "reinstatement") if reinstate else ("withdraw", "withdrawal")
    pages = receipt.decisions(name, noun, answer)
    emit(pages, json_decisions.decisions(answer), as_json=as_json)
    return Exit.OK if answer.complete else Exit.INCOMPLETE
