"""Options of decisions: why something stored is changed, and who decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
from cotton.inspection.v1 import common_pb2

from cotton_client.cli.parameters import Word

if TYPE_CHECKING:
    from collections.abc import Callable

REASON: Final = Word(common_pb2.AmendmentReason, "AMENDMENT_REASON_")

REASONS_HELP: Final = f"Why: {', '.join(REASON.words)}."


def decision_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command --reason, --by and --note, of which it must be given the first two."""
    for option in (
        click.option("--note", metavar="TEXT", default="", help="In words; with reason other."),
        click.option("--by", metavar="WHO", required=True, help="Who decided."),
        click.option("--reason", type=REASON, required=True, metavar="WORD", help=REASONS_HELP),
    ):
        function = option(function)
    return function


def replacement_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of a record that takes the place of another."""
    for option in (
        click.option("--note", metavar="TEXT", help="In words; with reason other."),
        click.option("--by", metavar="WHO", help="Who decided that."),
        click.option("--reason", type=REASON, metavar="WORD", help=REASONS_HELP),
        click.option(
            "--supersedes",
            type=click.IntRange(min=1),
            metavar="N",
            help="The record takes the place of the one of this revision.",
        ),
    ):
        function = option(function)
    return function


def decision(
    reason: common_pb2.AmendmentReason.ValueType,
    by: str,
    note: str,
    *,
    supersedes_revision: int = 0,
) -> common_pb2.Amendment:
    """The amendment of a decision; a reason that says nothing needs a note."""
    if reason == common_pb2.AMENDMENT_REASON_OTHER and not note.strip():
        raise click.UsageError("--reason other needs a --note that says what it is.")
    return common_pb2.Amendment(
        supersedes_revision=supersedes_revision,
        reason=reason,
        note=note,
        decided_by=by,
    )


def replacement(
    supersedes: int | None,
    reason: common_pb2.AmendmentReason.ValueType | None,
    by: str | None,
    note: str | None,
) -> common_pb2.Amendment | None:
    """The amendment of a record that takes the place of another; None for a first one."""
    if supersedes is None:
        if reason is not None or by is not None or note is not None:
            raise click.UsageError("--reason, --by and --note go with --supersedes.")
        return None
    if reason is None or by is None:
        raise click.UsageError("--supersedes needs --reason and --by.")
    return decision(reason, by, note or "", supersedes_revision=supersedes)
