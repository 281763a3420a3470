"""A group of commands that lists where none of them is named."""

from __future__ import annotations

import click


class ListByDefault(click.Group):
    """A group whose command `list` runs where no other is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, with the name of the command put before options of the list."""
        first = args[0] if args else ""
        if first not in self.commands and first not in ctx.help_option_names:
            args = ["list", *args]
        return super().parse_args(ctx, args)
