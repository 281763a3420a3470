"""Documents of money as pages for the terminal: what they are, what they say, how they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from cotton_client.render import confidence, names
from cotton_client.render.parts import UNKNOWN, fields, heading, table
from cotton_client.render.values import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cotton.inspection.v1 import reference_pb2
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

_COLUMNS = (
    ("Kind 类别", ""),
    ("Id 编号", ""),
    ("Title 名称", ""),
    ("Series 系列", ""),
    ("Effective 有效期", ""),
    ("Unit 单位", ""),
    ("Confidence 可信度", ""),
    ("Superseded by 被取代", ""),
)


class ScheduleList:
    """The page of the documents in force."""

    def __init__(self, documents: Sequence[reference_pb2.ReferenceVersion], revision: int) -> None:
        self._documents = documents
        self._revision = revision

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A line a document; below, what those that are not of high confidence assume."""
        if not self._documents:
            yield Text(
                "No document of money is loaded 尚无结算资料. `cotton schedules load` loads some.",
                style="yellow",
            )
        else:
            listed = table([*_COLUMNS, ("Revision 版本", "right")])
            for each in self._documents:
                _add(listed, each.kind, each.id, each.head, str(each.revision))
            yield listed
            yield from _assumed((each.id, each.head) for each in self._documents)
        number = counted(len(self._documents), "document")
        yield Text(f"\n{number} · revision 版本 {self._revision}", style="dim")


class ShippedList:
    """The page of the documents that come with the service."""

    def __init__(self, documents: Sequence[reference_pb2.ShippedDocument]) -> None:
        self._documents = documents

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As ScheduleList, without revisions."""
        listed = table(_COLUMNS)
        for each in self._documents:
            _add(listed, each.kind, each.id, each.head)
        yield listed
        yield from _assumed((each.id, each.head) for each in self._documents)
        number = counted(len(self._documents), "document")
        yield Text(f"\n{number} · each is in force once it is loaded 加载后生效", style="dim")


class DescribedPage:
    """The page of one document: what it says of itself, then every entry."""

    def __init__(self, answer: reference_pb2.DescribeReferenceResponse, *, loaded: bool) -> None:
        self._answer = answer
        self._loaded = loaded

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Head, entries, revision."""
        document = self._answer.document
        yield heading(kind(document.kind))
        yield Text(document.id, style="bold")
        yield from _head(document, options.max_width)
        yield heading("Entries 条目")
        listed = table([("Name 名称", ""), ("Value 值", "")])
        for each in self._answer.entries:
            listed.add_row(each.name, each.value or UNKNOWN)
        yield listed
        where = "" if self._loaded else " · not loaded 未加载: in force once it is"
        yield Text(f"\nRevision 版本 {self._answer.revision}{where}", style="dim")


class ComparedPage:
    """The page of two documents: the entries in which they differ."""

    def __init__(self, answer: reference_pb2.DescribeReferenceResponse) -> None:
        self._answer = answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Both values of each entry side by side."""
        one, other = self._answer.document, self._answer.other
        if not self._answer.entries:
            yield Text(f"{_called(one)} and {_called(other)} say the same 内容一致.", style="green")
        else:
            listed = table([("Entry 条目", ""), (_called(one), ""), (_called(other), "")])
            for each in self._answer.entries:
                listed.add_row(
                    each.name, each.value or UNKNOWN, Text(each.other_value or UNKNOWN, "bold")
                )
            yield listed
        for document in (one, other):
            marked = document.head.confidence
            if marked != confidence.HIGH:
                yield Text(f"{document.id}: {confidence.mark(marked)}", style="yellow")
        differ = counted(len(self._answer.entries), "entry")
        yield Text(f"\n{differ} · revision 版本 {self._answer.revision}", style="dim")


def kind(number: int) -> str:
    """A kind of document in words."""
    return names.REFERENCE_KINDS.get(number, names.reference_kind(number) or UNKNOWN)


def title(head: reference_pb2.DocumentHead) -> str:
    """English, then Chinese."""
    return " ".join(filter(None, (head.title, head.title_zh)))


def effective(head: reference_pb2.DocumentHead) -> str:
    """The days on which a document holds, both included."""
    first, last = head.effective_from, head.effective_through
    if first and last:
        return f"{first} to {last}"
    if first:
        return f"from {first}"
    return f"to {last}" if last else "always 不限"


def _add(
    listed: Table, number: int, id_: str, head: reference_pb2.DocumentHead, *more: str
) -> None:
    listed.add_row(
        kind(number),
        Text(id_, style="bold"),
        title(head) or UNKNOWN,
        head.series or UNKNOWN,
        effective(head),
        head.unit or UNKNOWN,
        Text(confidence.mark(head.confidence), confidence.style(head.confidence)),
        head.superseded_by or UNKNOWN,
        *more,
        style="dim" if head.superseded_by else "",
    )


def _assumed(heads: Iterable[tuple[str, reference_pb2.DocumentHead]]) -> Iterator[Text]:
    """What documents that are not of high confidence rest on and assume."""
    for id_, head in heads:
        if head.confidence == confidence.HIGH:
            continue
        said = ". ".join(text.rstrip(".") for text in (head.source, head.note) if text)
        yield Text(f"{id_}: {confidence.mark(head.confidence)}. {said}".rstrip(), style="yellow")


def _head(document: reference_pb2.ReferenceVersion, width: int) -> Iterator[Text | Table]:
    head = document.head
    if said := title(head):
        yield Text(said)
    yield fields(
        [
            ("Series 系列", head.series),
            ("Effective 有效期", effective(head)),
            ("Unit 单位", head.unit),
            ("Patch of 基于", head.patch_of),
            ("Supersedes 取代", head.supersedes),
            ("Superseded by 被取代", head.superseded_by),
            ("Loaded at revision 版本", str(document.revision or "")),
        ],
        width,
    )
    if document.sha256:
        yield Text(f"SHA-256 {document.sha256}", style="dim")
    yield Text(
        f"Confidence 可信度 {confidence.mark(head.confidence)}", confidence.style(head.confidence)
    )
    if head.source:
        yield Text(f"Source 来源 {head.source}")
    if head.note:
        yield Text(f"Assumed 假定 {head.note}", style="yellow")


def _called(document: reference_pb2.ReferenceVersion) -> str:
    return f"{document.id}@{document.revision}" if document.revision else document.id
