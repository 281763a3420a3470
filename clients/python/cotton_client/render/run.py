"""Settlement runs for the terminal: what was frozen, their list, whether they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from cotton_client.render.parts import UNKNOWN, fields, table
from cotton_client.render.settlement import terms_text
from cotton_client.render.values import china_time, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton.inspection.v1 import settlement_pb2
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

_DIGEST_DIGITS_SHOWN = 12


class RunList:
    """The page of runs, oldest first."""

    def __init__(self, answer: settlement_pb2.ListRunsResponse) -> None:
        self._answer = answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A line a run; those that another took the place of are dim."""
        answer = self._answer
        if not answer.runs:
            yield Text("No run is frozen 尚无结算批次", style="yellow")
        else:
            listed = table(
                [
                    ("Run 批次", ""),
                    ("Title 名称", ""),
                    ("Terms 结算条件", ""),
                    ("Frozen 冻结", ""),
                    ("Decided by 决定人", ""),
                    ("Predecessor 前一批次", ""),
                    ("Successor 后一批次", ""),
                    ("Digest 摘要", ""),
                    ("Revision 版本", "right"),
                ]
            )
            for each in answer.runs:
                run = each.run
                listed.add_row(
                    Text(run.id, style="" if each.successor else "bold"),
                    run.title or UNKNOWN,
                    terms_text(run.terms),
                    china_time(each.received_at_us // 1_000_000),
                    run.decided_by or UNKNOWN,
                    run.predecessor or UNKNOWN,
                    each.successor or UNKNOWN,
                    run.digest[:_DIGEST_DIGITS_SHOWN],
                    str(run.terms.revision),
                    style="dim" if each.successor else "",
                )
            yield listed
        yield Text(
            f"\n{counted(len(answer.runs), 'run')} · revision 版本 {answer.revision}", style="dim"
        )


def head(
    stored: settlement_pb2.StoredRun, lots_changed_since: int, width: int
) -> Iterator[RenderableType]:
    """What a run is, and whether it is still what stands."""
    run = stored.run
    yield Text.assemble((run.id, "bold"), f"  {run.title}" if run.title else "")
    yield fields(
        [
            ("Frozen at revision 冻结版本", str(stored.revision)),
            ("Frozen 冻结时间", china_time(stored.received_at_us // 1_000_000)),
            ("Decided by 决定人", run.decided_by),
            ("Predecessor 前一批次", run.predecessor),
            ("Note 备注", run.note),
        ],
        width,
    )
    if stored.successor:
        yield Text(f"Run {stored.successor} takes its place 已被取代", style="bold yellow")
    if lots_changed_since:
        yield Text(
            f"{counted(lots_changed_since, 'lot')} of the run changed since its revision"
            " 其后有批次变更",
            style="bold yellow",
        )


def frozen(run_id: str, answer: settlement_pb2.FreezeRunResponse) -> Iterator[Text]:
    """What became of a run that was to be frozen."""
    outcome = answer.outcome
    results = list(outcome.results)
    message = results[0].message if results else ""
    if outcome.created:
        again = " before" if answer.repeated_request else ""
        yield Text(f"Run {run_id} was frozen{again} 已冻结", style="bold green")
    elif outcome.existing:
        yield Text(f"Run {run_id} was frozen before, the same 已冻结", style="green")
    elif outcome.conflicting:
        yield Text(f"Run {run_id} is another 批次号已用: {message}", style="bold red")
    else:
        yield Text(f"Run {run_id} was not frozen 未冻结: {message}", style="bold red")
    yield Text(f"  revision {answer.revision}", style="dim")


def told(stored: settlement_pb2.StoredRun) -> Text:
    """A run as a line of the feed of changes."""
    run = stored.run
    place = f", takes the place of {run.predecessor}" if run.predecessor else ""
    return Text.assemble(
        f"{china_time(stored.received_at_us // 1_000_000)}  revision {stored.revision}  ",
        (f"run {run.id}", "bold"),
        "  ",
        ("frozen 冻结", "bold green"),
        f"{place}  {terms_text(run.terms)}",
    )


def verified(server: settlement_pb2.VerifyRunResponse, client_digest: str) -> Iterator[Text]:
    """The digest of a run beside those computed anew, by the server and on this machine.

    Here there is none where the server has not kept the lines.
    """
    stored = server.run
    digest = stored.run.digest
    yield Text.assemble(
        "Run ", (stored.run.id, "bold"), f" of revision {stored.run.terms.revision}"
    )
    yield Text("Frozen 冻结", style="dim")
    yield Text(f"  {digest}")
    another = (
        f"settlement version {server.settlement_version}, grading version {server.grading_version}"
    )
    for who, found, holds, why in (
        ("Computed by the server from its ledger 服务端重算", server.digest, server.holds, another),
        (
            "Computed here from the lines as they are told 本机计算",
            client_digest,
            client_digest == digest,
            "what is told is not what was frozen"
            if client_digest
            else "the server has the lines no more as they were frozen",
        ),
    ):
        style = "green" if holds else "bold red"
        verdict = "holds 一致" if holds else f"DIFFERS 不一致: {why}"
        yield Text.assemble((f"{who}: ", "dim"), (verdict, style))
        yield Text(f"  {found or UNKNOWN}", style=style)
