"""Options that commands share, and the connection that they make."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from cotton.inspection.v1 import summary_pb2

from cotton_client.cli.failures import Interrupted
from cotton_client.cli.instants import Instant
from cotton_client.cli.interrupts import signals_wake
from cotton_client.cli.parameters import Word
from cotton_client.client import CottonClient
from cotton_client.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_T = TypeVar("_T")

READ_RETRY: Final = RetryPolicy(patience_s=15.0, patience_first_s=2.0)
"""Somebody waits for the answer: a server that is not there is said soon."""

SEND_RETRY: Final = RetryPolicy(patience_s=120.0, patience_first_s=5.0, delay_max_s=2.0)
"""An upload outlives a restart of the server."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Which server to talk to, and whether without encryption."""

    server: str
    allow_plaintext: bool

    def ask(
        self, call: Callable[[CottonClient], Awaitable[_T]], retry: RetryPolicy = READ_RETRY
    ) -> _T:
        """What the call answers on a client that is open as long as it runs.

        Raises Interrupted for Ctrl-C, at once and after the call has ended in order.
        """

        async def run() -> _T:
            with signals_wake(asyncio.get_running_loop()):
                async with CottonClient(
                    self.server, allow_plaintext=self.allow_plaintext, retry=retry
                ) as client:
                    return await call(client)

        try:
            return asyncio.run(run())
        except KeyboardInterrupt:
            raise Interrupted from None


def talks_to_server(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command --server, --allow-plaintext and --json, passed as `connection`, `as_json`.

    The first two are options of `cotton` itself; after the command's name they do the same.
    """

    @click.option("--server", metavar="HOST:PORT", help="The server to talk to.")
    @click.option("--allow-plaintext", is_flag=True, help="Talk to it without encryption.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
    @click.pass_context
    def wrapped(
        context: click.Context,
        /,
        server: str | None,
        allow_plaintext: bool,
        **kwargs: Any,
    ) -> Any:
        connection = Connection(
            server or context.meta["cotton.server"],
            allow_plaintext or context.meta["cotton.allow_plaintext"],
        )
        return context.invoke(function, connection=connection, **kwargs)

    wrapped.__doc__ = function.__doc__
    wrapped.__name__ = function.__name__
    # Options that were declared below this decorator belong to the command all the same.
    inherited: list[click.Parameter] = getattr(function, "__click_params__", [])
    own: list[click.Parameter] = getattr(wrapped, "__click_params__", [])
    wrapped.__click_params__ = own + inherited  # type: ignore[attr-defined]  # click's own place
    return wrapped


def _one_of_both(context: click.Context, option: click.Parameter, value: int) -> int:
    """Refuses --revision beside --as-of, whichever of them is read last."""
    other = "revision" if option.name == "as_of_us" else "as_of_us"
    if value and context.params.get(other):
        raise click.UsageError("--revision and --as-of say both what to answer as of; give one.")
    return value


revision_option: Final = click.option(
    "--revision",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    callback=_one_of_both,
    help="Answer as of this revision; 0 or left out is the latest.",
)

as_of_option: Final = click.option(
    "--as-of",
    "as_of_us",
    type=Instant(),
    default=0,
    metavar="TIME",
    callback=_one_of_both,
    help="Answer as of what had arrived by then, or by the end of a day. China time.",
)
"""Beside `revision_option`, which it excludes; passed in microseconds since 1970 UTC, 0 if not."""


basis_option: Final = click.option(
    "--basis",
    type=Word(summary_pb2.Basis, "BASIS_"),
    default="in_force",
    show_default=True,
    metavar="WORD",
    help="Readings that count: in_force, or first-inspection: without re-tests.",
)


class Hundredths(click.ParamType[int]):
    """A decimal with at most two digits after the point, as an integer of hundredths."""

    name = "decimal"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The exact integer; anything that does not fit is refused, nothing is rounded."""
        if isinstance(value, int):
            return value
        try:
            hundredths = Decimal(value) * 100
        except InvalidOperation:
            self.fail(f"{value!r} is not a decimal number such as 42620 or 8.2.", param, ctx)
        if not hundredths.is_finite() or abs(hundredths) >= 2**31:
            self.fail(f"{value!r} is not a number that fits.", param, ctx)
        if hundredths != hundredths.to_integral_value():
            self.fail(f"{value!r} has more than two digits after the point.", param, ctx)
        return int(hundredths)
