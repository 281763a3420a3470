"""One outcome per settlement run: what it says of itself, and how it follows on others.

That its digest is what its terms come to was checked before it was submitted: whatever computes
money may change, and a ledger is read by versions that compute otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import lots_pb2, settlement_pb2

from cotton_server.domain.identifiers import is_plain_text
from cotton_server.intake.decode import NOTE_CHARACTERS_MAX, TEXT_CHARACTERS_MAX
from cotton_server.intake.versions import COUNTED_IN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton_server.registry.registry import Registry
    from cotton_server.registry.settlement_runs import FrozenRun

RUNS_MAX: Final = 10_000
"""Runs held; a country freezes some a week."""

RUN_BYTES_MAX: Final = 256 << 10
"""Largest run as a message: room for filters that name some thousand lots."""

HELD_BYTES_MAX: Final = 256 << 20
"""All runs that are held: they stay in memory."""

_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RunsDecision:
    """The answer to a request, and the runs that are stored, in order."""

    outcome: settlement_pb2.RunsOutcome
    accepted: list[settlement_pb2.Run]


class _FaultyError(Exception):
    """A run that is not taken; the text says why and what to do."""


def decide_runs(
    runs: Iterable[settlement_pb2.Run], registry: Registry, position: int
) -> RunsDecision:
    """Decides the run of a request; `position` is where the request will be stored."""
    decision = RunsDecision(settlement_pb2.RunsOutcome(), [])
    for run in runs:
        outcome, message, revision = _decided(run, registry, position)
        if outcome == lots_pb2.LOT_OUTCOME_CREATED:
            decision.accepted.append(_copied(run))
        _tell(decision.outcome, run, outcome, message, revision)
    return decision


def _decided(
    run: settlement_pb2.Run, registry: Registry, position: int
) -> tuple[lots_pb2.LotOutcome.ValueType, str, int]:
    """Outcome, why, and the revision at which the run of this id is stored."""
    stored = registry.runs.get(run.id)
    if stored is not None:
        return _beside(run, stored)
    try:
        _check_form(run, position)
        _check_predecessor(run, registry)
        _check_room(run, registry)
    except _FaultyError as fault:
        return lots_pb2.LOT_OUTCOME_REJECTED, str(fault), 0
    return lots_pb2.LOT_OUTCOME_CREATED, "", position


def _beside(
    run: settlement_pb2.Run, stored: FrozenRun
) -> tuple[lots_pb2.LotOutcome.ValueType, str, int]:
    if stored.run == run:
        return lots_pb2.LOT_OUTCOME_EXISTS, "", stored.position
    message = (
        "A run of this id is stored with other content, and a run never changes. Freeze this one"
        " under an id of its own; name the stored one as its predecessor if it takes its place."
    )
    return lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT, message, stored.position


def _check_form(run: settlement_pb2.Run, position: int) -> None:
    if not _ID.fullmatch(run.id):
        raise _FaultyError("An id is 1 to 64 letters, digits, dots, dashes and underscores.")
    if not _DIGEST.fullmatch(run.digest):
        raise _FaultyError(
            "A digest is 64 hexadecimal digits in lower case: that of the trial's header."
        )
    if not run.decided_by:
        raise _FaultyError("Say in decided_by who decided: a person or an office.")
    limits = (
        ("title", NOTE_CHARACTERS_MAX),
        ("decided_by", TEXT_CHARACTERS_MAX),
        ("note", NOTE_CHARACTERS_MAX),
        ("settlement_version", TEXT_CHARACTERS_MAX),
        ("grading_version", TEXT_CHARACTERS_MAX),
    )
    for name, limit in limits:
        text = getattr(run, name)
        if len(text) > limit or not is_plain_text(text):
            raise _FaultyError(
                f"{name}: at most {limit} characters without control characters are taken."
            )
    if not 0 < run.terms.revision < position:
        raise _FaultyError(
            f"The terms name revision {run.terms.revision}; a run names that of its trial, at most"
            f" {position - 1}."
        )
    size = run.ByteSize()
    if size > RUN_BYTES_MAX:
        raise _FaultyError(
            f"The run has {size} bytes; at most {RUN_BYTES_MAX} are taken. Filter by keys that"
            " many lots share."
        )


def _check_predecessor(run: settlement_pb2.Run, registry: Registry) -> None:
    if not run.predecessor:
        return
    before = registry.runs.get(run.predecessor)
    if before is None:
        raise _FaultyError("No run is stored under the id of the predecessor. See ListRuns.")
    successor = registry.runs.successor(run.predecessor)
    if successor:
        raise _FaultyError(
            f"The place of {run.predecessor} is taken by {successor} already. Name that as the"
            " predecessor."
        )
    if before.run.terms.season != run.terms.season:
        raise _FaultyError(
            f"The predecessor is of season {before.run.terms.season}, this run of season"
            f" {run.terms.season}. A run takes the place of one of its season."
        )


def _check_room(run: settlement_pb2.Run, registry: Registry) -> None:
    if len(registry.runs) >= RUNS_MAX:
        raise _FaultyError(
            f"{RUNS_MAX} runs are held, as many as may be. Ask the operator: the limit is one of"
            " the program."
        )
    if registry.runs.size_bytes + run.ByteSize() > HELD_BYTES_MAX:
        raise _FaultyError(
            f"{HELD_BYTES_MAX} bytes of runs are held, as many as may be. Filter by keys that many"
            " lots share."
        )


def _copied(run: settlement_pb2.Run) -> settlement_pb2.Run:
    """A copy: a part of a message keeps the whole of it in memory."""
    copy = settlement_pb2.Run()
    copy.CopyFrom(run)
    return copy


def _tell(
    outcome: settlement_pb2.RunsOutcome,
    run: settlement_pb2.Run,
    became: lots_pb2.LotOutcome.ValueType,
    message: str,
    revision: int,
) -> None:
    outcome.received += 1
    count = COUNTED_IN[became]
    setattr(outcome, count, getattr(outcome, count) + 1)
    outcome.results.add(
        id=run.id[:TEXT_CHARACTERS_MAX],
        outcome=became,
        message=message,
        stored_revision=revision,
    )
