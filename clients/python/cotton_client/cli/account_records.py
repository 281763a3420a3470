"""What the commands that record what money needs share: who sends, the upload, the receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from cotton_client.cli.exits import Exit
from cotton_client.cli.files import reading_file
from cotton_client.cli.options import SEND_RETRY
from cotton_client.cli.output import emit
from cotton_client.cli.row_progress import row_progress
from cotton_client.identity import check_producer_id
from cotton_client.render import json_accounts, receipt
from cotton_client.render.values import plural

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    import polars as pl

    from cotton_client.accounts import AccountsReceipt
    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient

PRODUCER_DEFAULT: Final = "cotton-accounts"

producer_option: Final = click.option(
    "--producer",
    metavar="ID",
    default=PRODUCER_DEFAULT,
    show_default=True,
    help="Who sends: a gin, a regiment, an exchange, an office.",
)


def load(
    connection: Connection,
    file: Path,
    noun: str,
    *,
    read: Callable[[Path], pl.DataFrame],
    messages: Callable[[pl.DataFrame], Iterator[Any]],
    method: Callable[..., Awaitable[AccountsReceipt]],
    producer: str,
    as_json: bool,
) -> Exit:
    """Sends the records of a file and prints what became of them; gives the exit code.

    The file is read and checked whole before anything is sent. `method` is that of
    CottonClient which takes the messages.
    """
    check_producer_id(producer)
    with reading_file(file):
        frame = read(file)
        records = messages(frame)

    async def send(client: CottonClient) -> AccountsReceipt:
        with row_progress(as_json=as_json) as progress:
            heard = progress.step(plural(noun))
            return await method(
                client,
                records,
                producer_id=producer,
                on_progress=lambda so_far: heard(so_far.received, frame.height),
            )

    answer = connection.ask(send, SEND_RETRY)
    emit(receipt.accounts(str(file), noun, answer), json_accounts.receipt(answer), as_json=as_json)
    return Exit.OK if answer.complete else Exit.INCOMPLETE
