"""What waits for the committer: single readings before bulk, each producer in its order."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from cotton_server.intake.content import READINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cotton_server.intake.committer import Submission

SMALL_BYTES_MAX: Final = 4 << 10
"""The largest message that somebody waits for: a few readings, a lot, a decision."""

BULK_BESIDE_SMALL_BYTES_MAX: Final = 128 << 10
"""How much bulk is committed at once while small messages come: one batch, about 5 ms.

Alone, bulk is committed in the groups that are fastest for it.
"""

BULK_WAITS_S_MAX: Final = 0.05
"""How long bulk waits while there is always a small message to take first."""

SMALL_SEEN_S: Final = 1.0
"""How long after the last small message bulk keeps to small groups."""


class Waiting:
    """Two queues: small messages go before bulk, which has its turn in the end all the same.

    What a producer sent is taken in the order in which it came: behind what it has waiting in
    one queue, everything of it goes to that queue.
    """

    def __init__(
        self, group_bytes_max: int, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Starts empty."""
        self._group_bytes_max = group_bytes_max
        self._clock_s = clock_s
        self._small: deque[Submission] = deque()
        self._bulk: deque[Submission] = deque()
        self._of_producer: dict[str, tuple[deque[Submission], int]] = {}
        self._bulk_since_s = 0.0
        self._small_seen_s = -SMALL_SEEN_S

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._small or self._bulk)

    def put(self, submission: Submission) -> None:
        """Adds a submission behind the others of its queue."""
        size = len(submission.payload)
        queue = self._small if size <= SMALL_BYTES_MAX else self._bulk
        queue, count = self._of_producer.get(submission.producer, (queue, 0))
        self._of_producer[submission.producer] = queue, count + 1
        if size <= SMALL_BYTES_MAX:
            self._small_seen_s = self._clock_s()
        if queue is self._bulk and not queue:
            self._bulk_since_s = self._clock_s()
        queue.append(submission)

    def put_back(self, submissions: Iterable[Submission]) -> None:
        """Puts submissions that were taken before all others, in their order."""
        for submission in reversed(list(submissions)):
            queue, count = self._of_producer.get(submission.producer, (self._small, 0))
            self._of_producer[submission.producer] = queue, count + 1
            queue.appendleft(submission)

    def take(self) -> list[Submission]:
        """The next group: neighbours of one kind, as many as may be; empty when nothing waits."""
        now_s = self._clock_s()
        has_waited = now_s - self._bulk_since_s >= BULK_WAITS_S_MAX
        turn_of_bulk = self._bulk and (has_waited or not self._small)
        queue = self._bulk if turn_of_bulk else self._small
        limit = self._group_bytes_max
        if turn_of_bulk:
            self._bulk_since_s = now_s
            if now_s - self._small_seen_s < SMALL_SEEN_S:
                limit = min(limit, BULK_BESIDE_SMALL_BYTES_MAX)
        group: list[Submission] = []
        size = 0
        while queue:
            following = queue[0]
            if group and (
                following.kind != READINGS
                or group[0].kind != READINGS
                or size + len(following.payload) > limit
            ):
                break
            group.append(queue.popleft())
            size += len(following.payload)
            self._gone(following.producer)
        return group

    def _gone(self, producer: str) -> None:
        queue, count = self._of_producer[producer]
        if count == 1:
            del self._of_producer[producer]
        else:
            self._of_producer[producer] = queue, count - 1
