"""Settlement runs in the feed of changes: each in its place, so that a reader can resume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import lifecycle_pb2, settlement_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cotton_server.registry.settlement_runs import FrozenRun

RUNS_BYTES_MAX: Final = 1 << 20
"""Runs in one message have at most this many bytes, unless a single one is larger."""


def with_runs(
    messages: Iterable[lifecycle_pb2.WatchChangesResponse],
    runs: Sequence[FrozenRun],
    through: int,
) -> Iterator[lifecycle_pb2.WatchChangesResponse]:
    """The messages of a page of changes, with the runs that were frozen among them.

    `through` is the revision up to which everything is told once all messages are. Runs before the
    first change of a message, and behind its last one, have messages of their own.
    """
    left = list(runs)
    for message in messages:
        first, last = message.changes[0].revision, message.changes[-1].revision
        yield from _alone(_taken(left, first))
        for run in _taken(left, min(last, message.revision)):
            message.runs.append(stored_run(run))
        behind = _taken(left, message.revision)
        resume_at = message.revision
        if behind:
            message.revision = last
        yield message
        yield from _alone(behind, resume_at)
    yield from _alone(left, through)


def stored_run(run: FrozenRun, successor: str = "") -> settlement_pb2.StoredRun:
    """A run as it is stored."""
    return settlement_pb2.StoredRun(
        run=run.run,
        revision=run.position,
        received_at_us=run.received_at_us,
        successor=successor,
    )


def _taken(left: list[FrozenRun], through: int) -> list[FrozenRun]:
    """The runs up to a revision, taken out."""
    taken = [run for run in left if run.position <= through]
    del left[: len(taken)]
    return taken


def _alone(
    runs: Sequence[FrozenRun], through: int = 0
) -> Iterator[lifecycle_pb2.WatchChangesResponse]:
    """Messages with nothing but runs; the last one tells everything up to `through`, if given."""
    message, size = lifecycle_pb2.WatchChangesResponse(), 0
    for run in runs:
        told = stored_run(run)
        size += told.ByteSize()
        if message.runs and size > RUNS_BYTES_MAX:
            yield message
            message, size = lifecycle_pb2.WatchChangesResponse(), told.ByteSize()
        message.runs.append(told)
        message.revision = run.position
    if message.runs:
        message.revision = through or message.revision
        yield message
