"""What intake reports of its work: small frozen records that metrics and logs are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class GroupCommitted:
    """One group commit.

    `created` counts decisions that were applied too. Durations in seconds:
    `sync_s` is the part of `commit_s` that wrote and synced the log,
    `ack_latencies_s` are from receipt to answer.
    """

    kind: str
    batches: int
    bytes: int
    received: int
    created: int
    existing: int
    conflicting: int
    rejected: int
    superseded: int
    corrected: int
    retested: int
    warned: int
    unregistered: int
    decide_s: float
    commit_s: float
    sync_s: float
    apply_s: float
    ack_latencies_s: tuple[float, ...]
    revision: int
    committed_at_s: float


@dataclass(frozen=True, slots=True)
class BatchAnswered:
    """A batch that was not stored: a repeat, or refused with a reason."""

    kind: str
    result: str


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """How far start-up has read the ledger."""

    position: int
    of: int
    bales: int


class Observer(Protocol):
    """Takes the records; never raises."""

    def group_committed(self, record: GroupCommitted) -> None:
        """A group is durable and applied."""

    def batch_answered(self, record: BatchAnswered) -> None:
        """A batch was answered without being stored."""

    def in_flight(self, batches: int, size_bytes: int) -> None:
        """What is received and not yet answered."""

    def replay_progress(self, record: ReplayProgress) -> None:
        """Start-up has read so far."""
