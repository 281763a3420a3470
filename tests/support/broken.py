"""Broken builds of the server: each takes out one safety that a named test must miss."""

from __future__ import annotations

import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import numpy as np
from cotton_server.api import server, streams
from cotton_server.intake import decide, replay, verdict
from cotton_server.intake.amend import Amendments
from cotton_server.intake.committer import Committer, Submission
from cotton_server.ledger import Ledger, NewEntry, opening
from cotton_server.ledger import ledger as ledger_module
from cotton_server.ledger.reading import Reading
from cotton_server.registry.conflicts import ConflictBook
from cotton_server.registry.courses import BaleState
from cotton_server.registry.index import NOT_FOUND, BaleIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import apsw
    from cotton_server.registry.registry import Registry


AHEAD_NS: Final = 86_400_000_000_000
"""A day: how far a clock that is wrong is ahead."""


_GROUPS_HELD_BACK: Final = 20


@contextmanager
def without_duplicate_check() -> Iterator[None]:
    """Every bale is new, whatever is stored and whatever stands above it in the batch."""

    def find_nothing(_index: BaleIndex, high: Any, _low: Any, _hashes: Any) -> Any:
        return np.full(len(high), NOT_FOUND, np.int32)

    with (
        patch.object(BaleIndex, "find", find_nothing),
        patch.object(decide, "_pair_twins", lambda *_arguments: None),
    ):
        yield


@contextmanager
def without_sequence_check() -> Iterator[None]:
    """Whatever sequence a batch carries, it is stored: after a gap, and also again."""

    def sift(_committer: Committer, group: list[Submission]) -> tuple[Any, Any, Any]:
        for submission in group:
            if submission.sequence is not None:
                submission.sequence, submission.batch_id = None, uuid.uuid4().hex
        return group, [], []

    with patch.object(Committer, "_sift", sift):
        yield


@contextmanager
def without_comparison() -> Iterator[None]:
    """A repeat is taken for identical, whatever it says."""
    with patch.object(decide, "_mark", lambda *_arguments: None):
        yield


@contextmanager
def without_target_check() -> Iterator[None]:
    """A correction supersedes whatever is in force, whatever it names."""
    correct = Amendments._correction

    def correct_regardless(amendments: Amendments, row: int, state: Any, events: Any) -> Any:
        kinds = amendments._table.kinds
        assert kinds is not None
        named = int(kinds.supersedes[row])
        kinds.supersedes[row] = state.since
        verdict = correct(amendments, row, state, events)
        kinds.supersedes[row] = named
        return verdict

    with patch.object(Amendments, "_correction", correct_regardless):
        yield


@contextmanager
def counting_retests_as_first() -> Iterator[None]:
    """A re-test that comes into force is counted as the first inspection too."""
    with patch.object(BaleState, "counted_first", BaleState.counted):
        yield


@contextmanager
def forgetting_conflicts_on_replay() -> Iterator[None]:
    """What differed is left out when the ledger is replayed."""
    apply = verdict.apply

    def apply_and_forget(decided: Any, moments: Any, registry: Registry) -> None:
        apply(decided, moments, registry)
        registry.conflicts = ConflictBook()

    with patch.object(replay, "apply", apply_and_forget):
        yield


@contextmanager
def acknowledging_before_commit() -> Iterator[None]:
    """Groups are written a few at a time: acknowledged while they are only in memory."""
    append = Ledger.append
    waiting: list[Sequence[NewEntry]] = []

    def append_later(ledger: Ledger, entries: Sequence[NewEntry]) -> int:
        if len(waiting) == _GROUPS_HELD_BACK:
            append(ledger, [entry for group in waiting for entry in group])
            waiting.clear()
        first = ledger.position + 1
        waiting.append(entries)
        return first

    def position(ledger: Ledger) -> int:
        return ledger._position + sum(map(len, waiting))

    with (
        patch.object(Ledger, "append", append_later),
        patch.object(Ledger, "position", property(position)),
    ):
        yield


@contextmanager
def without_sync() -> Iterator[None]:
    """Commits are left to the page cache."""
    connect = opening.connect

    def connect_without_sync(*arguments: Any, **named: Any) -> apsw.Connection:
        connection = connect(*arguments, **named)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    with patch.object(ledger_module, "connect", connect_without_sync):
        yield


@contextmanager
def without_digest_check() -> Iterator[None]:
    """Entries are believed as they are found."""
    with patch.object(Reading, "_verify", lambda *_arguments: None):
        yield


@contextmanager
def going_on_after_failure() -> Iterator[None]:
    """A failed write is forgotten: the next one is tried as if nothing had happened."""
    append = Ledger.append

    def append_regardless(ledger: Ledger, entries: Sequence[NewEntry]) -> int:
        ledger._failed = False
        return append(ledger, entries)

    with patch.object(Ledger, "append", append_regardless):
        yield


@contextmanager
def with_slow_disk() -> Iterator[None]:
    """Not broken, but slow: every commit takes a third of a second."""
    append = Ledger.append

    def append_slowly(ledger: Ledger, entries: Sequence[NewEntry]) -> int:
        time.sleep(0.3)
        return append(ledger, entries)

    with patch.object(Ledger, "append", append_slowly):
        yield


@contextmanager
def with_unbounded_queue() -> Iterator[None]:
    """Messages are taken without waiting for room or for answers, however slow the disk is."""

    async def reserve(committer: Committer, size_bytes: int) -> None:
        committer._count_in_flight(1, size_bytes)

    made = streams.Stream.__init__

    def make_without_bound(
        stream: streams.Stream, _in_flight_max: int, deadline_s: float | None
    ) -> None:
        made(stream, 1 << 30, deadline_s)

    with (
        with_slow_disk(),
        patch.object(Committer, "reserve", reserve),
        patch.object(streams.Stream, "__init__", make_without_bound),
    ):
        yield


@contextmanager
def with_quick_keepalive() -> Iterator[None]:
    """Not broken, but asks whether a peer is still there 60 times as soon."""
    quick = tuple(
        (name, value // 60 if name.endswith("_ms") else value) for name, value in server.KEEPALIVE
    )
    with patch.object(server, "KEEPALIVE", quick):
        yield


@contextmanager
def with_frequent_checkpoints() -> Iterator[None]:
    """Not broken, but folds its log into the file after every few commits."""
    with patch.object(ledger_module, "_CHECKPOINT_PAGES", 8):
        yield


@contextmanager
def with_failing_disk() -> Iterator[None]:
    """Not broken, but on a disk whose third sync fails."""
    append = Ledger.append

    def append_twice(ledger: Ledger, entries: Sequence[NewEntry]) -> int:
        if ledger.position >= 2:
            ledger._failed = True
        return append(ledger, entries)

    with patch.object(Ledger, "append", append_twice):
        yield


@contextmanager
def with_clock_ahead() -> Iterator[None]:
    """Not broken, but on a machine whose clock is a day ahead."""
    now_ns = time.time_ns
    with patch.object(time, "time_ns", lambda: now_ns() + AHEAD_NS):
        yield


BROKEN: Final[dict[str, Callable[[], AbstractContextManager[None]]]] = {
    broken.__name__: broken
    for broken in (
        without_duplicate_check,
        without_sequence_check,
        without_comparison,
        without_target_check,
        counting_retests_as_first,
        forgetting_conflicts_on_replay,
        acknowledging_before_commit,
        without_sync,
        without_digest_check,
        going_on_after_failure,
        with_slow_disk,
        with_unbounded_queue,
        with_quick_keepalive,
        with_frequent_checkpoints,
        with_failing_disk,
        with_clock_ahead,
    )
}
"""Broken builds by name."""
