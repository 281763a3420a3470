"""Documents of money as they were in force at a revision: patches applied, by id or by day."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar, cast

from cotton.inspection.v1 import reference_pb2

from cotton_server.settlement.describe import spelled
from cotton_server.settlement.fault import Fault
from cotton_server.settlement.money_table import fault_at
from cotton_server.settlement.patch import apply_patch
from cotton_server.settlement.rule_set import RuleSet
from cotton_server.settlement.rule_set_file import parse_rule_set
from cotton_server.settlement.schedule import Schedule
from cotton_server.settlement.schedule_file import SchedulePatch, count_rates, parse_schedule
from cotton_server.settlement.target_price import TargetPrice
from cotton_server.settlement.target_price_file import parse_target_price

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cotton_server.registry.records import Version
    from cotton_server.registry.references import Document, Kind, ReferenceBook
    from cotton_server.settlement.document import Head

T = TypeVar("T")

Said: TypeAlias = Schedule | SchedulePatch | RuleSet | TargetPrice
"""What a file says by itself."""

SCHEDULE: Final = reference_pb2.REFERENCE_KIND_SCHEDULE
RULE_SET: Final = reference_pb2.REFERENCE_KIND_RULE_SET
TARGET_PRICE: Final = reference_pb2.REFERENCE_KIND_TARGET_PRICE

MONEY: Final[Mapping[Kind, str]] = {
    SCHEDULE: "schedule",
    RULE_SET: "rule set",
    TARGET_PRICE: "target price",
}
"""The kinds of documents of money, and what a file of each says it is."""

PARSERS: Final[Mapping[Kind, Callable[[str, str], Said]]] = {
    SCHEDULE: parse_schedule,
    RULE_SET: parse_rule_set,
    TARGET_PRICE: parse_target_price,
}

PATCHES_MAX: Final = 8
"""How many patches may stand on one another."""

_DOCUMENTS_KEPT: Final = 256


class UnknownDocumentError(LookupError):
    """No document is what was asked for; the text says which there are."""

    def __init__(self, kind: str, asked: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.asked = asked
        self.known = tuple(known)
        there = f"there are {', '.join(self.known)}" if self.known else "none is loaded"
        super().__init__(f"There is no {kind} {asked} at this revision; {there}.")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """A document in force: what it says, and the stored versions that say it.

    `bases` are those that a patch stands on, the one that it changes first. `superseded_by` is the
    id of the document in force that takes its place, "" for none.
    """

    value: T
    version: Version[Document]
    bases: tuple[Version[Document], ...]
    superseded_by: str


class MoneyDocuments:
    """The documents of money in force at one revision."""

    def __init__(self, references: ReferenceBook, revision: int) -> None:
        """Takes all documents, and the revision."""
        self._references = references
        self._revision = revision

    def schedule(self, name: str) -> Loaded[Schedule]:
        """The schedule of an id, patches applied; raises UnknownDocumentError."""
        return cast("Loaded[Schedule]", self.loaded(SCHEDULE, name))

    def schedule_in_force(self, series: str, day: int) -> Loaded[Schedule]:
        """The schedule of a series on a day since 1970-01-01; raises UnknownDocumentError."""
        heads = {name: said_in(each.record).head for name, each in self._all(SCHEDULE).items()}
        name = in_force_on(heads, series, day)
        if name is None:
            raise UnknownDocumentError(
                "schedule",
                f"of the series {series} that is in force on {spelled(day)}",
                (f"{head.id} ({head.series}, {period_of(head)})" for head in heads.values()),
            )
        return self.schedule(name)

    def rule_set(self, name: str) -> Loaded[RuleSet]:
        """The rule set of an id; raises UnknownDocumentError."""
        return cast("Loaded[RuleSet]", self.loaded(RULE_SET, name))

    def target_price(self, name: str) -> Loaded[TargetPrice]:
        """The target prices of an id; raises UnknownDocumentError."""
        return cast("Loaded[TargetPrice]", self.loaded(TARGET_PRICE, name))

    def loaded(self, kind: Kind, name: str) -> Loaded[Any]:
        """The document of a kind and id; raises UnknownDocumentError."""
        everything = self._all(kind)
        version = everything.get(name)
        if version is None:
            raise UnknownDocumentError(MONEY[kind], name, everything)
        value, bases = resolved(version.record, everything.get)
        return Loaded(value, version, bases, self.superseded_by(kind, name))

    def standing_in(self, version: Version[Document]) -> Loaded[Any]:
        """A document that is not loaded, as it would be; raises DocumentFileError.

        It supersedes nothing here.
        """
        value, bases = resolved(version.record, self._all(version.record.kind).get)
        return Loaded(value, version, bases, "")

    def superseded_by(self, kind: Kind, name: str) -> str:
        """The id of the document in force that takes the place of another, "" for none."""
        heads = (said_in(each.record).head for each in self._all(kind).values())
        return next((head.id for head in heads if head.supersedes == name), "")

    def _all(self, kind: Kind) -> dict[str, Version[Document]]:
        """What is in force, by id."""
        return {each.record.id: each for each in self._references.in_force(kind, self._revision)}


@lru_cache(maxsize=_DOCUMENTS_KEPT)
def said_in(document: Document) -> Said:
    """What a stored document says by itself; of a patch, what it changes."""
    return PARSERS[document.kind](document.content, document.id)


def rows_of(said: Said) -> int:
    """Rates that the file of a schedule has, payments of a rule set, seasons of a target price."""
    if isinstance(said, SchedulePatch):
        return said.rows
    if isinstance(said, Schedule):
        return count_rates(said.factors)
    return len(said.payments if isinstance(said, RuleSet) else said.seasons)


def resolved(
    document: Document, find: Callable[[str], Version[Document] | None]
) -> tuple[Schedule | RuleSet | TargetPrice, tuple[Version[Document], ...]]:
    """What a document says, as a patch with the schedules that it stands on.

    `find` gives a schedule by its id. Raises DocumentFileError, with the line in the file that is
    wrong, for a base that is not there, patches in a circle or too many of them, and for what
    contradicts itself when it is applied.
    """
    bases: list[Version[Document]] = []
    said = said_in(document)
    while isinstance(said, SchedulePatch):
        base = find(said.patch_of)
        ids = [document.id, *(each.record.id for each in bases)]
        if base is None:
            raise _wrong_base(
                said,
                f"There is no schedule {said.patch_of}.",
                "Load it first, or correct the id of the schedule that is changed.",
            )
        if base.record.id in ids:
            raise _wrong_base(
                said,
                f"The patches {', '.join(ids)} change one another in a circle.",
                "Write one of them as a whole schedule.",
            )
        if len(bases) == PATCHES_MAX:
            raise _wrong_base(
                said,
                f"{len(bases) + 1} patches stand on one another; at most {PATCHES_MAX} may.",
                "Write one of them as a whole schedule.",
            )
        bases.append(base)
        said = said_in(base.record)
    return _applied((document, *(each.record for each in bases))), tuple(bases)


@lru_cache(maxsize=_DOCUMENTS_KEPT)
def _applied(documents: tuple[Document, ...]) -> Schedule | RuleSet | TargetPrice:
    """The first document, each a patch of the next but for the last."""
    said = said_in(documents[0])
    if not isinstance(said, SchedulePatch):
        return said
    return apply_patch(said, cast("Schedule", _applied(documents[1:])))


def _wrong_base(patch: SchedulePatch, problem: str, remedy: str) -> Exception:
    return fault_at(patch.lines, patch.file, Fault(("patch_of",), problem, remedy))


def takes_the_place_of(heads: Mapping[str, Head], one: str, other: str) -> bool:
    """Whether a document supersedes another, itself or through others in between."""
    seen = {one}
    name = heads[one].supersedes
    while name and name not in seen:
        if name == other:
            return True
        seen.add(name)
        name = heads[name].supersedes if name in heads else ""
    return False


def in_force_on(heads: Mapping[str, Head], series: str, day: int) -> str | None:
    """The id of the document of a series that is in force on a day, None for none.

    One that supersedes another is in force wherever both would be.
    """
    standing = [head.id for head in heads.values() if head.series == series and _covers(head, day)]
    last = [
        name
        for name in standing
        if not any(takes_the_place_of(heads, other, name) for other in standing if other != name)
    ]
    return last[0] if last else None


def _covers(head: Head, day: int) -> bool:
    return (head.effective_from is None or head.effective_from <= day) and (
        head.effective_through is None or day <= head.effective_through
    )


def shared_days(one: Head, other: Head) -> tuple[int | None, int | None] | None:
    """The first and last day on which both would be in force; None for none."""
    starts = [each.effective_from for each in (one, other) if each.effective_from is not None]
    ends = [each.effective_through for each in (one, other) if each.effective_through is not None]
    first, last = max(starts, default=None), min(ends, default=None)
    return None if first is not None and last is not None and last < first else (first, last)


def spelled_period(first: int | None, last: int | None) -> str:
    """Days in words; None is open."""
    if first is None:
        return "all days" if last is None else f"all days through {spelled(last)}"
    return f"{spelled(first)} and later" if last is None else f"{spelled(first)} to {spelled(last)}"


def period_of(head: Head) -> str:
    """The days of a document in words."""
    return spelled_period(head.effective_from, head.effective_through)
