"""What waits for the committer: single readings before bulk, each producer in its order."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from cotton_server.intake.content import READINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cotton_server.intake.committer import Submission

SMALL_BYTES_MAX: Final = 4 << 10
"""The largest message that somebody waits for: a few readings, a lot, a decision."""

BULK_BESIDE_SMALL_BYTES_MAX: Final = 128 << 10
"""How much is committed at once while small messages come: one batch of bulk, about 5 ms.

Alone, bulk is committed in the groups that are fastest for it.
"""

BULK_WAITS_S_MAX: Final = 0.05
"""How long bulk waits while there is always a small message to take first."""

SMALL_SEEN_S: Final = 1.0
"""How long after the last small message bulk keeps to small groups."""


class Waiting:
    """Two queues: small messages go before bulk, which has its turn in the end all the same.

    What a producer sent is taken in the order in which it came. Behind what it has waiting in
    one queue, a message goes to that queue, whatever its size; what is bulk leaves the queue of
    small messages when it comes to the head of it, and what its producer sent after it follows.
    So of one producer, everything among bulk came before everything among small messages.
    """

    def __init__(
        self, group_bytes_max: int, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Starts empty."""
        self._group_bytes_max = group_bytes_max
        self._clock_s = clock_s
        self._small = _Queue()
        self._bulk = _Queue()
        self._bulk_since_s = 0.0
        self._small_seen_s = -SMALL_SEEN_S

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._small or self._bulk)

    def put(self, submission: Submission) -> None:
        """Adds a submission behind the others of its queue."""
        is_small = len(submission.payload) <= SMALL_BYTES_MAX
        if is_small:
            self._small_seen_s = self._clock_s()
        if self._small.holds(submission.producer) or (
            is_small and not self._bulk.holds(submission.producer)
        ):
            self._small.append(submission)
        else:
            self._append_bulk(submission, self._clock_s())

    def put_back(self, submissions: Iterable[Submission]) -> None:
        """Puts submissions that were taken before all others, in their order."""
        for submission in reversed(list(submissions)):
            queue = self._bulk if self._bulk.holds(submission.producer) else self._small
            queue.appendleft(submission)

    def take(self) -> list[Submission]:
        """The next group: neighbours of one kind, as many as may be; empty when nothing waits."""
        now_s = self._clock_s()
        self._sort_out_bulk(now_s)
        has_waited = now_s - self._bulk_since_s >= BULK_WAITS_S_MAX
        turn_of_bulk = self._bulk and (has_waited or not self._small)
        queue = self._bulk if turn_of_bulk else self._small
        limit = self._group_bytes_max
        if not turn_of_bulk or now_s - self._small_seen_s < SMALL_SEEN_S:
            limit = min(limit, BULK_BESIDE_SMALL_BYTES_MAX)
        if turn_of_bulk:
            self._bulk_since_s = now_s
        group: list[Submission] = []
        size = 0
        while queue:
            following = queue.head
            if group and (
                following.kind != READINGS
                or group[0].kind != READINGS
                or size + len(following.payload) > limit
            ):
                break
            group.append(queue.popleft())
            size += len(following.payload)
            if queue is self._small:
                self._sort_out_bulk(now_s)
        return group

    def _sort_out_bulk(self, now_s: float) -> None:
        """Has a small message at the head of its queue that nothing of its producer precedes."""
        while self._small:
            head = self._small.head
            if len(head.payload) <= SMALL_BYTES_MAX and not self._bulk.holds(head.producer):
                break
            self._append_bulk(self._small.popleft(), now_s)

    def _append_bulk(self, submission: Submission, now_s: float) -> None:
        if not self._bulk:
            self._bulk_since_s = now_s
        self._bulk.append(submission)


class _Queue:
    """Submissions in order, and of whom there are any."""

    def __init__(self) -> None:
        self._submissions: deque[Submission] = deque()
        self._of_producer: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._submissions)

    @property
    def head(self) -> Submission:
        """The first; the queue is not empty."""
        return self._submissions[0]

    def holds(self, producer: str) -> bool:
        """Whether anything of a producer is here."""
        return producer in self._of_producer

    def append(self, submission: Submission) -> None:
        """Adds the last."""
        self._of_producer[submission.producer] += 1
        self._submissions.append(submission)

    def appendleft(self, submission: Submission) -> None:
        """Adds the first."""
        self._of_producer[submission.producer] += 1
        self._submissions.appendleft(submission)

    def popleft(self) -> Submission:
        """Removes the first."""
        submission = self._submissions.popleft()
        self._of_producer[submission.producer] -= 1
        if not self._of_producer[submission.producer]:
            del self._of_producer[submission.producer]
        return submission
