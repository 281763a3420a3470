"""Start-up: the ledger read from its beginning into the registry, every decision verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from cotton_server.errors import ServiceError, StartError
from cotton_server.intake.content import (
    READINGS,
    UnknownContentError,
    bales_of,
    content_of,
    outcome_of,
)
from cotton_server.intake.differing import difference
from cotton_server.intake.records import ReplayProgress
from cotton_server.intake.rules import UnknownRuleSetError, rule_set
from cotton_server.intake.verdict import apply, judge
from cotton_server.registry.lifecycle import Moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.message import Message

    from cotton_server.intake.verdict import Verdict
    from cotton_server.ledger import Entry
    from cotton_server.registry.registry import Registry


class Progress(Protocol):
    """Takes how far the replay is."""

    def replay_progress(self, record: ReplayProgress) -> None:
        """The replay is so far."""


GROUP_BYTES_MAX: Final = 4 << 20
"""Entries decided together; the outcome does not depend on it."""


class ReplayDiffersError(StartError):
    """An entry is decided otherwise now than it was when it was stored."""

    def __init__(self, position: int, stored: Message, now: Message) -> None:
        """Takes the position of the entry and both decisions, of which the difference is told."""
        self.position = position
        differs = difference(stored, now) or "fields that this version does not know"
        super().__init__(
            f"Entry {position} of the ledger was decided otherwise when it was stored than this"
            f" version decides it:\n{differs}\nStart the version that wrote the ledger; nothing was"
            " changed."
        )


def replay(
    entries: Iterable[Entry], registry: Registry, *, of: int, progress: Progress | None = None
) -> None:
    """Applies entries to a registry that is as of the one before the first of them.

    What was decided is on record: each decision is made again and compared, never replaced.
    Raises ReplayDiffersError, LedgerDamagedError (from the entries), StartError.
    """
    for group in _groups(entries):
        first = group[0].position
        try:
            contents = [content_of(entry.content) for entry in group]
            rules = rule_set(group[0].content.rule_set)
        except (ServiceError, UnknownContentError, UnknownRuleSetError) as error:
            raise StartError(
                f"The ledger cannot be read from entry {first} on: {error} Start the version"
                " that wrote it."
            ) from error
        verdict = judge(contents, registry, rules, first)
        for entry, outcome in zip(group, verdict.outcomes, strict=True):
            stored = outcome_of(entry.content)
            if stored != outcome:
                raise ReplayDiffersError(entry.position, stored, outcome)
        _require_room(verdict, registry)
        moments = [Moment(entry.position, entry.content.received_at_us) for entry in group]
        for entry, content in zip(group, contents, strict=True):
            header = entry.content
            registry.producers.note(
                header.producer,
                header.sequence,
                entry.position,
                header.received_at_us,
                bales_of(content),
            )
        apply(verdict, moments, registry)
        if progress is not None:
            progress.replay_progress(
                ReplayProgress(registry.revision, of, len(registry.bales.index))
            )


def _require_room(verdict: Verdict, registry: Registry) -> None:
    if not verdict.fits(registry.bales.capacity - registry.bales.count):
        raise StartError(
            f"The ledger holds more than {registry.bales.capacity} readings, the most that the"
            " registry is set to hold. Raise bales_max."
        )


def _groups(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Neighbouring readings under one rule set together, everything else alone."""
    group: list[Entry] = []
    size = 0
    for entry in entries:
        fits = (
            group
            and entry.content.kind == READINGS == group[0].content.kind
            and entry.content.rule_set == group[0].content.rule_set
            and size + len(entry.content.payload) <= GROUP_BYTES_MAX
        )
        if group and not fits:
            yield group
            group, size = [], 0
        group.append(entry)
        size += len(entry.content.payload)
    if group:
        yield group
