"""The root of the command: loads commands when they are used, turns errors into exit codes."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from cotton_client.cli.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Program(click.Group):
    """A group whose commands are imported when they are run.

    `lazy_commands` gives for every command the module below `package` whose function
    `command` it is, and its line in the list of commands, which needs no import.
    """

    def __init__(
        self,
        *args: Any,
        package: str,
        lazy_commands: Mapping[str, tuple[str, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._package = package
        self.lazy_commands = lazy_commands

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands in the order in which one meets them."""
        return list(self.lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Imports the command."""
        if cmd_name not in self.lazy_commands:
            return None
        module = import_module(f"{self._package}.{self.lazy_commands[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The list of commands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.lazy_commands.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs a command line and exits by the table of exit codes; never with a traceback."""
        arguments = list(sys.argv[1:] if args is None else args)
        if not standalone_mode:
            return self._run(arguments, prog_name, complete_var, windows_expand_args, extra)
        # The parser itself may fail, so what it would make of these is not known yet.
        how = {"as_json": "--json" in arguments, "with_traceback": "--traceback" in arguments}
        try:
            code = self._run(arguments, prog_name, complete_var, windows_expand_args, extra)
        except Exception as error:  # noqa: BLE001 - the outermost place: a user sees no traceback
            code = import_module("cotton_client.cli.failures").report(error, **how)
        except KeyboardInterrupt:
            code = Exit.INTERRUPTED
        sys.exit(code if isinstance(code, int) else Exit.OK)

    def _run(
        self,
        arguments: list[str],
        prog_name: str | None,
        complete_var: str | None,
        windows_expand_args: bool,
        extra: Mapping[str, Any],
    ) -> Any:
        """Runs a command line; gives what the command returns, raises what it raises."""
        return super().main(
            args=arguments,
            prog_name=prog_name,
            complete_var=complete_var,
            standalone_mode=False,
            windows_expand_args=windows_expand_args,
            **extra,
        )
