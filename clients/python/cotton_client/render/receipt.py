"""What became of what was sent, as lines for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import common_pb2, lots_pb2, readings_pb2
from rich.table import Table
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.comparison import TOLERANCES_UNVERIFIED, measures, verdict
from cotton_client.render.parts import UNKNOWN
from cotton_client.render.values import china_time, count, counted
from cotton_client.render.warned import warned_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton.inspection.v1 import accounts_pb2, amendments_pb2
    from rich.console import RenderableType

    from cotton_client.accounts import AccountsReceipt
    from cotton_client.amendments import AmendmentsReceipt
    from cotton_client.lots import LotsReceipt
    from cotton_client.references import ReferencesReceipt
    from cotton_client.upload import BaleIssue, UploadTotals

ISSUES_SHOWN: Final = 10
"""Bales or records that a page lists; --json has up to a thousand."""

WARNINGS_SHOWN: Final = 20
"""Unlikely values of bales that a page lists; --json has up to a thousand."""

_TIMES: Final = frozenset(
    {
        "inspected_at",
        "delivered_at",
        "gate_in_at",
        "weighed_at",
        "closed_at",
        "issued_at",
        "raised_at",
        "decided_at",
    }
)
"""Fields whose values the service gives in seconds since 1970."""


_SUPERSEDED: Final = frozenset(
    {
        readings_pb2.OUTCOME_SUPERSEDED_BY_CORRECTION,
        readings_pb2.OUTCOME_SUPERSEDED_BY_RETEST,
        readings_pb2.OUTCOME_SUPERSEDED_BY_WITHDRAWAL,
    }
)
"""Outcomes whose stored revision is the one in force, not the one that was replaced."""


def upload(name: str, totals: UploadTotals) -> Iterator[RenderableType]:
    """What became of the bales of one file."""
    if not totals.received:
        yield Text(f"{name}: no readings", style="yellow")
        return
    repeated = totals.repeated_batches == totals.batches > 0
    yield counts(name, "bale", totals, repeated=repeated)
    notes = []
    if totals.warned:
        notes.append(f"{counted(totals.warned, 'bale')} accepted with a warning: an unlikely value")
        notes.extend(_warned(totals))
    if totals.unregistered:
        notes.append(f"{counted(totals.unregistered, 'bale')} without a registered lot so far")
    if totals.repeated_batches and not repeated:
        notes.append(
            f"{count(totals.repeated_batches)} of {count(totals.batches)} batches sent before:"
            " this is their first answer again, nothing was counted twice"
        )
    if totals.resent_batches:
        notes.append(
            f"batches sent again after a broken connection: {count(totals.resent_batches)}"
        )
    for note in notes:
        yield Text(f"  {note}", style="dim")
    if totals.issues:
        yield _issues(
            [
                (
                    str(each.bale),
                    each.outcome.bale,
                    _outcome(names.outcome(each.outcome.outcome)),
                    _why_bale(each),
                )
                for each in totals.issues[:ISSUES_SHOWN]
            ],
            totals.conflicting + totals.rejected,
        )
    yield from _amended(totals)
    yield Text(f"  revision {totals.revision}", style="dim")


def decisions(
    name: str, noun: str, receipt: AmendmentsReceipt, *, revision_option: str = ""
) -> Iterator[RenderableType]:
    """What became of withdrawals or resolutions of conflicts.

    `revision_option` is the option by which the command takes the revision in force.
    """
    line = Text(f"{name}: ", style="bold")
    if receipt.repeated:
        line.append("sent before; first answer again: ", style="yellow not bold")
    line.append(f"{counted(receipt.received, noun)} received", style="default not bold")
    for number, word, style in (
        (receipt.applied, "applied", "green"),
        (receipt.existing, "so already", "cyan"),
        (receipt.rejected, "rejected", "bold red"),
    ):
        if number:
            line.append(" · ", style="dim")
            line.append(f"{count(number)} {word}", style=style)
    yield line
    listed = [
        (
            str(each.row + 1),
            each.subject,
            str(names.amendment_outcome(each.outcome)),
            _rejection(each, revision_option),
        )
        for each in receipt.results
        if names.amendment_outcome(each.outcome) != "exists"
    ]
    if listed:
        yield _issues(listed[:ISSUES_SHOWN], receipt.rejected)
    yield Text(f"  revision {receipt.revision}", style="dim")


def _rejection(result: amendments_pb2.AmendmentResult, revision_option: str) -> str:
    """Why a decision was not taken; where the reading in force is another, how to name it."""
    field = names.field(result.field)
    where = f"{field.replace('_', ' ')}: " if field else ""
    revision = result.stored_revision
    in_force = f" (in force: revision {revision})" if revision else ""
    remedy = ""
    if revision_option and revision and result.field == common_pb2.FIELD_SUPERSEDES_REVISION:
        remedy = (
            " Look at the reading in force; if the decision stands, give"
            f" {revision_option} {revision}."
        )
    return f"{where}{result.message}{in_force}{remedy}"


def _why_bale(issue: BaleIssue) -> str:
    """The field at fault; of a conflict also the number by which it is decided."""
    outcome = issue.outcome
    why = _why(
        names.field(outcome.field),
        names.rule(outcome.rule),
        outcome.received,
        outcome.stored,
        outcome.limit,
    )
    return f"{why}; conflict {outcome.conflict_id}" if outcome.conflict_id else why


def _amended(totals: UploadTotals) -> Iterator[RenderableType]:
    """Bales that met an earlier reading as they should: corrected, re-tested, superseded."""
    for each in totals.amended[:ISSUES_SHOWN]:
        outcome = each.outcome
        word = (names.outcome(outcome.outcome) or "").replace("_", " ")
        line = Text(f"  {outcome.bale} {word}")
        if outcome.stored_revision:
            met = "in force" if outcome.outcome in _SUPERSEDED else "takes the place of"
            line.append(f", {met}: revision {outcome.stored_revision}", style="dim")
        if outcome.HasField("comparison"):
            line.append(f": {verdict(outcome.comparison)}")
        yield line
        if outcome.HasField("comparison") and not outcome.comparison.within_tolerance:
            for difference in measures(outcome.comparison):
                yield Text(f"    {difference}", style="dim")
    listed = totals.superseded + totals.corrected + totals.retested
    if (more := max(listed, len(totals.amended)) - ISSUES_SHOWN) > 0:
        yield Text(f"  … and {count(more)} more", style="dim")
    if any(each.outcome.comparison.unverified for each in totals.amended):
        yield Text(f"  {TOLERANCES_UNVERIFIED}", style="dim")


def lots(name: str, noun: str, receipt: LotsReceipt) -> Iterator[RenderableType]:
    """What became of records of lots."""
    yield counts(name, noun, receipt, repeated=receipt.repeated)
    listed = [
        (
            str(each.row + 1),
            each.lot_no,
            _outcome(names.lot_outcome(each.outcome)),
            _why(names.field(each.field), None, each.received, each.stored, "")
            if each.outcome == lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT
            else each.message or _replaced(each),
        )
        for each in receipt.results
        if names.lot_outcome(each.outcome) != "exists"
    ]
    if listed:
        yield _issues(listed[:ISSUES_SHOWN], len(listed))
    yield from _warnings(noun, receipt)
    yield Text(f"  revision {receipt.revision}", style="dim")


def accounts(name: str, noun: str, receipt: AccountsReceipt) -> Iterator[RenderableType]:
    """What became of records of what money needs."""
    yield counts(name, noun, receipt, repeated=receipt.repeated)
    if receipt.repeated_requests and not receipt.repeated:
        yield Text(
            f"  {count(receipt.repeated_requests)} of {counted(receipt.requests, 'request')}"
            " sent before: this is their first answer again, nothing was counted twice",
            style="dim",
        )
    listed = [
        (str(each.row + 1), each.key, _outcome(names.lot_outcome(each.outcome)), _why_account(each))
        for each in (*receipt.issues, *receipt.amended)
    ]
    if listed:
        number = receipt.conflicting + receipt.rejected + receipt.corrected + receipt.superseded
        yield _issues(listed[:ISSUES_SHOWN], number)
    yield Text(f"  revision {receipt.revision}", style="dim")


def _why_account(result: accounts_pb2.AccountResult) -> str:
    """The field at fault, and the revision that a record which takes its place must name."""
    field = names.account_field(result.field)
    if result.outcome == lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT:
        why = _why(field, None, result.received, result.stored, "")
        return f"{why}; in force: revision {result.stored_revision}"
    if result.message:
        return f"{field.replace('_', ' ')}: {result.message}" if field else result.message
    return _replaced(result)


def _replaced(result: lots_pb2.LotResult | accounts_pb2.AccountResult) -> str:
    """Which stored record a correction or a superseded one met."""
    if not result.stored_revision:
        return ""
    if result.outcome == lots_pb2.LOT_OUTCOME_CORRECTED:
        return f"takes the place of the record of revision {result.stored_revision}"
    return f"in force: the record of revision {result.stored_revision}"


def _warnings(noun: str, receipt: LotsReceipt) -> Iterator[Text]:
    """Records that were stored though something in them is unlikely."""
    if not receipt.warned:
        return
    yield Text(
        f"  {counted(receipt.warned, noun)} accepted with a warning: check what was sent",
        style="yellow",
    )
    for each in receipt.warnings[:ISSUES_SHOWN]:
        why = _why(names.field(each.field), names.rule(each.rule), each.received, "", each.limit)
        yield Text(f"    {each.lot_no} {why}", style="yellow")
    if (more := len(receipt.warnings) - ISSUES_SHOWN) > 0:
        yield Text(f"    … and {count(more)} more", style="yellow")


def _warned(totals: UploadTotals) -> Iterator[str]:
    """Which bales hold unlikely values, and which limits those pass."""
    for each in totals.warnings[:WARNINGS_SHOWN]:
        field, rule = names.field(each.warning.field), names.rule(each.warning.rule)
        received, limit = warned_values(each.warning)
        why = _why(field, rule, received, "", limit) if received else f"{field}: {rule}"
        why = why.replace("_", " ")
        yield f"  record {count(each.bale)}, bale {each.name or UNKNOWN}: {why}"
    if (more := len(totals.warnings) - WARNINGS_SHOWN) > 0:
        yield f"  … and {count(more)} more"


def counts(
    name: str,
    noun: str,
    totals: UploadTotals | LotsReceipt | AccountsReceipt | ReferencesReceipt,
    *,
    repeated: bool,
) -> Text:
    """How many were received, and what they came to, now or when they were sent first."""
    line = Text(f"{name}: ", style="bold")
    if repeated:
        line.append("sent before; first answer again: ", style="yellow not bold")
    line.append(f"{counted(totals.received, noun)} received", style="default not bold")
    for number, word, style in (
        (totals.created, "created", "green"),
        (totals.existing, "already stored", "cyan"),
        (totals.superseded, "superseded since", "cyan"),
        (totals.corrected, "corrected", "green"),
        (getattr(totals, "retested", 0), "re-tested", "green"),
        (totals.conflicting, "conflicting", "bold red"),
        (totals.rejected, "rejected", "bold red"),
    ):
        if number:
            line.append(" · ", style="dim")
            line.append(f"{count(number)} {word}", style=style)
    return line


def _issues(rows: Sequence[tuple[str, str, str, str]], number: int) -> Table:
    """The first of what was not stored as it was sent."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("Record", justify="right", no_wrap=True)
    # A bale code is copied and searched for: it is never broken.
    longest = max((len(row[1]) for row in rows), default=0)
    table.add_column("Number", no_wrap=True, min_width=longest)
    for heading in ("Outcome", "Why"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    if number > len(rows):
        table.add_row("…", f"and {count(number - len(rows))} more", "", "")
    return table


def _outcome(word: str | None) -> str:
    """The outcome in one word; the field that differs stands beside it."""
    return "conflicts" if word and word.startswith("exists_with_different") else str(word)


def _moment(seconds: str) -> str:
    """Seconds since 1970 as time in China; what is no moment of the calendar as it is."""
    try:
        return china_time(int(seconds))
    except (ValueError, OverflowError, OSError):
        return seconds


def _why(field: str | None, rule: str | None, received: str, stored: str, limit: str) -> str:
    """The field at fault, what was received, and what stands against it."""
    where = f"{field.replace('_', ' ')}: " if field else ""
    if field in _TIMES:
        received, stored, limit = map(_moment, (received, stored, limit))
    if rule:
        against = rule.replace("_", " ") + (f" {limit}" if limit else "")
    else:
        against = f"stored {stored or 'nothing'}"
    return f"{where}received {received or 'nothing'}, {against}"
