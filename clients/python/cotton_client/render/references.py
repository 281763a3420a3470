"""Reference documents as pages for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import lots_pb2
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.decisions import why
from cotton_client.render.parts import UNKNOWN, fields, heading, table
from cotton_client.render.receipt import counts
from cotton_client.render.values import china_time, count, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton.inspection.v1 import reference_pb2
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from cotton_client.references import ReferencesReceipt

CONTENT_LINES_SHOWN: Final = 20
"""Lines of a document that its page shows; --content prints them all."""

_DIGEST_DIGITS_SHOWN: Final = 12


def loaded(
    sent: Sequence[tuple[str, reference_pb2.Reference, int | None]], answer: ReferencesReceipt
) -> Iterator[RenderableType]:
    """What became of documents.

    `sent` has file, document and rows of each, None where rows were not counted.
    """
    file = sent[0][0] if len(sent) == 1 else f"{count(len(sent))} files"
    yield counts(file, "document", answer, repeated=answer.repeated)
    results = {each.row: each for each in answer.results}
    listed = table([("Kind", ""), ("Id", ""), ("Rows", "right"), ("Outcome", ""), ("Why", "")])
    for row, (_, document, rows) in enumerate(sent):
        result = results.get(row)
        listed.add_row(
            _kind(document.kind),
            document.id,
            UNKNOWN if rows is None else count(rows),
            "created" if result is None else _outcome(result.outcome),
            "" if result is None else result.message,
        )
    yield listed
    for each in answer.results:
        if each.outcome == lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT:
            yield Text(
                f"  To load it in place of the one of revision {each.stored_revision}: --amend"
                f" --revision-in-force {each.stored_revision} --reason WORD --by WHO",
                style="yellow",
            )
    yield Text(f"  revision {answer.revision}", style="dim")


class ReferenceList:
    """The page of the documents in force."""

    def __init__(self, answer: reference_pb2.ListReferencesResponse) -> None:
        self._answer = answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A line a document."""
        answer = self._answer
        if not answer.references:
            yield Text("No document is loaded 尚无基础资料", style="yellow")
        else:
            listed = table(
                [
                    ("Kind 类别", ""),
                    ("Id 编号", ""),
                    ("Rows 行数", "right"),
                    ("In force since 生效", ""),
                    ("Revision 版本", "right"),
                ]
            )
            for each in answer.references:
                listed.add_row(
                    _kind(each.kind),
                    each.id,
                    count(each.rows),
                    china_time(each.received_at_us // 1_000_000),
                    str(each.revision),
                )
            yield listed
        number = counted(len(answer.references), "document")
        yield Text(f"\n{number} · revision 版本 {answer.revision}", style="dim")


class ReferencePage:
    """The page of one document: its versions, and how it begins."""

    def __init__(self, answer: reference_pb2.GetReferenceResponse) -> None:
        self._answer = answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What is in force, every version, and the first lines of the content."""
        answer = self._answer
        current = next(each for each in answer.versions if each.in_force)
        yield heading(_kind(answer.reference.kind))
        yield Text(answer.reference.id, style="bold")
        yield fields(
            [
                ("Rows 行数", count(current.rows)),
                ("Size 大小", f"{count(current.size_bytes)} bytes"),
                ("In force since 生效", f"revision {current.revision}"),
            ],
            options.max_width,
        )
        # Copied and compared: never broken into pieces.
        yield Text(f"SHA-256 {current.sha256}", style="dim")
        yield heading("Versions 版本")
        listed = table([("Revision", "right"), ("Stored", ""), ("Rows", "right"), ("SHA-256", "")])
        listed.add_column("Why", overflow="fold", ratio=1)
        for each in answer.versions:
            listed.add_row(
                str(each.revision),
                china_time(each.received_at_us // 1_000_000),
                count(each.rows),
                each.sha256[:_DIGEST_DIGITS_SHOWN],
                (why(each.amendment) if each.HasField("amendment") else "") or UNKNOWN,
                style="bold green" if each.in_force else "",
            )
        yield listed
        yield heading("Content 内容")
        lines = answer.reference.content.splitlines()
        for line in lines[:CONTENT_LINES_SHOWN]:
            yield Text(line)
        if (more := len(lines) - CONTENT_LINES_SHOWN) > 0:
            yield Text(f"… and {counted(more, 'line')} more; --content prints all", style="dim")
        yield Text(f"\nRevision 版本 {answer.revision}", style="dim")


def _kind(kind: int) -> str:
    return names.REFERENCE_KINDS.get(kind, names.reference_kind(kind) or UNKNOWN)


def _outcome(outcome: int) -> str:
    if outcome == lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT:
        return "conflicts"
    return names.lot_outcome(outcome) or UNKNOWN
