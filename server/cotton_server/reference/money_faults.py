"""What keeps a document of money from standing beside those in force."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from cotton_server.reference.money import (
    MONEY,
    SCHEDULE,
    period_of,
    resolved,
    said_in,
    shared_days,
    spelled_period,
    takes_the_place_of,
)
from cotton_server.registry.records import Version
from cotton_server.settlement.money_table import DocumentFileError
from cotton_server.settlement.schedule_file import SchedulePatch
from cotton_server.settlement.toml_lines import TomlText

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cotton_server.registry.references import Document
    from cotton_server.settlement.document import Head


_CHARACTERS_MAX: Final = 500
"""Of a problem and of a remedy."""


def money_faults(document: Document, others: Sequence[Document]) -> Iterator[str]:
    """What is wrong with a document beside the others of its kind, each with its line and remedy.

    A patch must go with what it changes, patches of the document with it; and of one series no two
    documents may be in force on one day unless one takes the place of the other.
    """
    if document.kind == SCHEDULE:
        yield from _patch_faults(document, others)
    heads = {each.id: said_in(each).head for each in (*others, document)}
    place = _Place(document)
    yield from _successor_faults(heads, place)
    yield from _turn_faults(heads, place)


def fault_text(error: DocumentFileError) -> str:
    """An error of a file without the name of the file; long ones are cut."""
    return f"Line {error.line}: {_cut(f'{error.place}: {error.problem}')} {_cut(error.remedy)}"


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS_MAX else f"{text[:_CHARACTERS_MAX]}…"


class _Place:
    """The lines of a document."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def told(self, key: str, problem: str, remedy: str) -> str:
        """What is wrong at an entry of the document."""
        # Read again only where something is wrong.
        line = TomlText(self.document.content).line_of((key,))
        return f"Line {line}: {key}: {problem} {remedy}"


def _patch_faults(document: Document, others: Sequence[Document]) -> Iterator[str]:
    versions = {each.id: Version(0, 0, each) for each in (*others, document)}
    try:
        resolved(document, versions.get)
    except DocumentFileError as error:
        yield fault_text(error)
        return
    for other in others:
        if not isinstance(said_in(other), SchedulePatch):
            continue
        try:
            resolved(other, versions.get)
        except DocumentFileError as error:
            yield (
                f"{other.id} is a patch that stands on this one and would be wrong, in its line"
                f" {error.line}: {_cut(f'{error.place}: {error.problem}')} Leave here what it"
                f" changes, or amend {other.id} to a whole schedule first."
            )


def _successor_faults(heads: Mapping[str, Head], place: _Place) -> Iterator[str]:
    """What is wrong with the document that is superseded, and with those that supersede this."""
    document = place.document
    head = heads[document.id]
    kind = MONEY[document.kind]
    if head.supersedes and head.supersedes not in heads:
        yield place.told(
            "supersedes",
            f"There is no {kind} {head.supersedes}.",
            "Load it first, or leave supersedes out.",
        )
    elif head.supersedes:
        yield from _superseded_faults(heads, head, place)
    for other in heads.values():
        if other.supersedes == head.id and other.series != head.series:
            yield place.told(
                "series",
                f"{other.id} supersedes this one and is of the series {other.series}.",
                f'Write series = "{other.series}", or amend {other.id} first.',
            )


def _superseded_faults(heads: Mapping[str, Head], head: Head, place: _Place) -> Iterator[str]:
    superseded = heads[head.supersedes]
    if superseded.series != head.series:
        yield place.told(
            "supersedes",
            f"{superseded.id} is of the series {superseded.series}, and this one of {head.series}.",
            "A document takes the place of one of its series: correct either of the two.",
        )
    if takes_the_place_of(heads, superseded.id, head.id):
        yield place.told(
            "supersedes",
            f"{superseded.id} supersedes {head.id} already, itself or through others.",
            "Of two documents one takes the place of the other: leave supersedes out here.",
        )
    for other in heads.values():
        if other.id != head.id and other.supersedes == superseded.id:
            yield place.told(
                "supersedes",
                f"{other.id} supersedes {superseded.id} already.",
                f"A document has one successor: supersede {other.id}, or amend it.",
            )


def _turn_faults(heads: Mapping[str, Head], place: _Place) -> Iterator[str]:
    """Documents of the series of this one that are in force on one day."""
    mine = heads[place.document.id]
    series = [head for head in heads.values() if head.series == mine.series]
    for one, other in combinations(series, 2):
        days = shared_days(one, other)
        if (
            days is None
            or takes_the_place_of(heads, one.id, other.id)
            or takes_the_place_of(heads, other.id, one.id)
        ):
            continue
        key = "supersedes"
        if mine.id in {one.id, other.id}:
            key = "effective_from" if mine.effective_from is not None else "effective_through"
        yield place.told(
            key,
            f"{one.id} ({period_of(one)}) and {other.id} ({period_of(other)}) of the series"
            f" {mine.series} would both be in force: {spelled_period(*days)}.",
            f"Set effective_through of the earlier one, or say which takes the place of the other"
            f' by supersedes = "{one.id if other.id == mine.id else other.id}".',
        )
