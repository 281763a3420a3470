"""Group commit: whatever queued while the last commit ran is decided and synced at once."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import readings_pb2

from cotton_server.domain.readings import ReadingTable
from cotton_server.errors import DamagedError, Reason, ServiceError
from cotton_server.intake.arrival import Arrival
from cotton_server.intake.content import (
    CONTRACT,
    AnyOutcome,
    Content,
    bales_of,
    content_of,
    outcome_of,
    same_content,
)
from cotton_server.intake.records import BatchAnswered, GroupCommitted
from cotton_server.intake.refusals import (
    gap,
    reused,
    storage_failed,
    undecidable,
    unwanted,
)
from cotton_server.intake.room import Bounds, Room
from cotton_server.intake.rules import CURRENT, rule_set
from cotton_server.intake.verdict import apply, judge
from cotton_server.intake.waiting import Waiting
from cotton_server.ledger import (
    LedgerDamagedError,
    LedgerFailedError,
    LedgerFullError,
    NewEntry,
    payload_digest,
)
from cotton_server.registry.lifecycle import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cotton_server.intake.records import Observer
    from cotton_server.intake.verdict import Verdict
    from cotton_server.ledger import Header, Ledger
    from cotton_server.registry.registry import Registry


_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer to what is durable: now, or already before."""

    revision: int
    repeated: bool
    received_at_us: int
    outcome: AnyOutcome


@dataclass(frozen=True, slots=True)
class Receipt:
    """When a message was received: before it waited for room and was decoded.

    `at_us` in microseconds since 1970 UTC, `clock_s` on the clock that measures durations.
    """

    at_us: int = field(default_factory=lambda: time.time_ns() // 1000)
    clock_s: float = field(default_factory=time.perf_counter)


@dataclass(slots=True, eq=False)
class Submission:
    """One message on its way into the ledger; `answer` is set when it is durable or refused.

    It is refused, not stored, when `deadline_s` (on the clock that measures durations) has
    passed or `answer` was cancelled before it is taken into the group that is appended. From
    then on it is stored, and sending it again is a repeat.
    """

    kind: str
    producer: str
    sequence: int | None
    batch_id: str | None
    principal: str
    message: str
    payload: bytes
    content: Content
    answer: asyncio.Future[Stored]
    receipt: Receipt
    deadline_s: float | None = None
    answered: bool = False
    call: Context = field(default_factory=copy_context)
    """The call that it came with, for the log."""


Answer = Stored | ServiceError


class Committer:
    """One thread that decides, commits, applies and answers, each producer in its order.

    `on_failure` is called once, on the event loop, when the ledger failed: the process must
    stop then, because what reached the disk is unknown.
    """

    def __init__(
        self,
        ledger: Ledger,
        registry: Registry,
        bounds: Bounds,
        observer: Observer,
        on_failure: Callable[[Exception], None],
    ) -> None:
        """Starts the thread; must be called on the running event loop."""
        self._ledger = ledger
        self._registry = registry
        self._bounds = bounds
        self._observer = observer
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._wake = threading.Condition()
        self._waiting = Waiting(bounds.group_bytes_max)
        self._turn = asyncio.Lock()
        self._room = asyncio.Event()
        self._room.set()
        self._in_flight = 0
        self._in_flight_bytes = 0
        self._closing = False
        self._failure: Exception | None = None
        self.arrival = Arrival()
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._thread = threading.Thread(target=self._run, name="committer")
        self._thread.start()

    async def reserve(self, size_bytes: int) -> None:
        """Waits for room for a message, before it is decoded, and takes it.

        A submission gives the room back when it is answered; what does not become one is
        given back with `release`.
        """
        # One after the other: a large message would wait for ever behind small ones that
        # still fit.
        async with self._turn:
            while self._in_flight and (
                self._in_flight_bytes + size_bytes > self._bounds.queued_bytes_max
            ):
                self._room.clear()
                await self._room.wait()
            self._count_in_flight(1, size_bytes)

    def release(self, size_bytes: int) -> None:
        """Gives back the room of a message that did not become a submission."""
        self._count_in_flight(-1, -size_bytes)
        self._room.set()

    async def read_ahead(self, content: Content) -> None:
        """Has in memory what readings will be compared with, as far as that is on disk now.

        To be waited for before they are submitted: the thread that decides would have everybody
        wait. What cannot be read is told when they are decided.
        """
        if self._closing or not isinstance(content, ReadingTable):
            return
        bales, high, low = self._registry.bales, content.high, content.low
        if bales.may_be_on_disk(high, low):
            with suppress(DamagedError):
                await self._loop.run_in_executor(self._ahead, bales.bring, high, low)

    def submit(self, submission: Submission) -> None:
        """Queues a submission for whose payload room was reserved.

        The answer comes through `submission.answer`: Stored, or a ServiceError.
        """
        with self._wake:
            if not self._closing:
                self._waiting.put(submission)
                self._wake.notify()
                return
        self._observer.batch_answered(BatchAnswered(submission.kind, Reason.DRAINING.name))
        self._resolve([(submission, ServiceError(Reason.DRAINING, "The server is stopping."))])

    async def close(self) -> None:
        """Commits and answers what is queued, then ends the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._ahead.shutdown)
        # Answers were handed to the loop by the thread; one turn lets them arrive.
        await asyncio.sleep(0)

    def _count_in_flight(self, batches: int, size_bytes: int) -> None:
        self._in_flight += batches
        self._in_flight_bytes += size_bytes
        self._observer.in_flight(self._in_flight, self._in_flight_bytes)

    def _resolve(self, answers: Sequence[tuple[Submission, Answer]]) -> None:
        """Sets answers; runs on the event loop."""
        batches = size_bytes = 0
        for submission, answer in answers:
            if submission.answered:
                continue
            submission.answered = True
            batches += 1
            size_bytes += len(submission.payload)
            if submission.answer.done():  # the caller has gone
                continue
            if isinstance(answer, ServiceError):
                submission.answer.set_exception(answer)
                submission.answer.exception()  # seen, also when nobody waits for it any more
            else:
                submission.answer.set_result(answer)
        self._count_in_flight(-batches, -size_bytes)
        self._room.set()
        self.arrival.announce()

    def _answer(self, answers: Sequence[tuple[Submission, Answer]]) -> None:
        if answers:
            self._loop.call_soon_threadsafe(self._resolve, answers)

    def _run(self) -> None:
        while group := self._take():
            try:
                self._process(group)
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
                self._fail(error, group)

    def _take(self) -> list[Submission]:
        """The next group; empty when closed."""
        with self._wake:
            while not self._waiting and not self._closing:
                self._wake.wait()
            return self._waiting.take()

    def _process(self, group: list[Submission]) -> None:
        if self._has_failed:
            self._refuse(group, storage_failed())
            return
        begun = time.perf_counter()
        fresh, answers, deferred = self._sift(group)
        self._answer(answers)
        for _, answer in answers:
            result = answer.reason.name if isinstance(answer, ServiceError) else "repeated"
            self._observer.batch_answered(BatchAnswered(group[0].kind, result))
        if deferred:
            with self._wake:
                self._waiting.put_back(deferred)
        if not fresh:
            return
        try:
            self._commit(fresh, begun)
        except Exception as error:  # noqa: BLE001 - as in _run, but the others are answered
            self._fail(error, fresh)
            return
        try:
            self._ledger.checkpoint()
        except LedgerFailedError as error:
            self._fail(error, [])

    def _sift(
        self, group: list[Submission]
    ) -> tuple[list[Submission], list[tuple[Submission, Answer]], list[Submission]]:
        """Splits a group into what is new, what has its answer already, and what must wait.

        A repeat of something in this very group waits until that is durable.
        """
        fresh: list[Submission] = []
        answers: list[tuple[Submission, Answer]] = []
        deferred: list[Submission] = []
        taken: set[tuple[str, str]] = set()
        following: dict[str, int] = {}
        room = Room(self._registry, self._bounds)
        now_s = time.perf_counter()
        for submission in group:
            if (refusal := unwanted(submission, now_s)) is not None:
                answers.append((submission, refusal))
                continue
            if submission.sequence is not None:
                durable = self._registry.producers.next_sequence(submission.producer)
                expected = following.get(submission.producer, durable)
                in_group = durable <= submission.sequence < expected
                if submission.sequence > expected:
                    answers.append((submission, gap(submission, expected)))
                    continue
                stored = (
                    self._stored_under(submission.producer, submission.sequence)
                    if submission.sequence < durable
                    else None
                )
            else:
                token = (submission.producer, str(submission.batch_id))
                in_group = token in taken
                stored = None if in_group else self._ledger.by_batch_id(*token)
            if in_group:
                deferred.append(submission)
            elif stored is not None:
                answers.append((submission, self._first_answer(submission, stored)))
            elif (full := room.take(submission.content, producer=submission.producer)) is not None:
                answers.append((submission, full))
            else:
                fresh.append(submission)
                if submission.sequence is not None:
                    following[submission.producer] = submission.sequence + 1
                else:
                    taken.add((submission.producer, str(submission.batch_id)))
        return fresh, answers, deferred

    def _stored_under(self, producer: str, sequence: int) -> Header:
        header = self._ledger.by_sequence(producer, sequence)
        if header is None:
            raise AssertionError("a batch counted as stored is not in the ledger")
        return header

    def _first_answer(self, submission: Submission, stored: Header) -> Answer:
        """The answer that was given when this was stored, if it is the same content.

        The same bytes are known by their digest. Only other bytes have to be compared by what
        they say, for which the first are read: where those are damaged, nothing was written and
        everybody else goes on.
        """
        try:
            same = stored.kind == submission.kind and (
                stored.payload_digest == payload_digest(submission.payload)
                or same_content(self._content_at(stored.position), submission.content)
            )
        except LedgerDamagedError as error:
            submission.call.run(
                _LOG.error, "a repeat could not be compared with what is stored", exc_info=error
            )
            return undecidable(error)
        if not same:
            return reused(submission, stored.position)
        return Stored(stored.position, True, stored.received_at_us, outcome_of(stored))

    def _content_at(self, position: int) -> Content:
        entry = self._ledger.at(position)
        if entry is None:
            raise AssertionError("an entry whose header was found is not in the ledger")
        return content_of(entry.content)

    def _commit(self, group: list[Submission], begun: float) -> None:
        verdict = self._judged(group)
        if isinstance(verdict, Exception):
            self._part(group, verdict)
            return
        decided = time.perf_counter()
        entries = [
            _entry(submission, outcome)
            for submission, outcome in zip(group, verdict.outcomes, strict=True)
        ]
        try:
            first = self._ledger.append(entries)
        except LedgerFullError as error:
            self._refuse(group, ServiceError(Reason.STORAGE_FULL, str(error)))
            return
        committed = time.perf_counter()
        moments = [
            Moment(first + place, submission.receipt.at_us)
            for place, submission in enumerate(group)
        ]
        # Before `apply` publishes the revision: whoever reads that finds these noted.
        for submission, moment in zip(group, moments, strict=True):
            self._registry.producers.note(
                submission.producer,
                submission.sequence,
                moment.position,
                moment.received_at_us,
                bales_of(submission.content),
            )
        apply(verdict, moments, self._registry)
        applied = time.perf_counter()
        self._answer(
            [
                (submission, Stored(first + place, False, submission.receipt.at_us, outcome))
                for place, (submission, outcome) in enumerate(
                    zip(group, verdict.outcomes, strict=True)
                )
            ]
        )
        self._observer.group_committed(
            _record(
                group,
                verdict.outcomes,
                revision=first + len(group) - 1,
                decide_s=decided - begun,
                commit_s=committed - decided,
                sync_s=self._ledger.sync_s,
                apply_s=applied - committed,
                answered=applied,
            )
        )

    def _judged(self, group: list[Submission]) -> Verdict | Exception:
        """What becomes of a group, or why that cannot be said: nothing was stored then."""
        try:
            return judge(
                [submission.content for submission in group],
                self._registry,
                rule_set(CURRENT),
                self._ledger.position + 1,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, others may be decided
            return error

    def _part(self, group: list[Submission], error: Exception) -> None:
        """Refuses a batch that could not be decided; of several, whichever it is, and no other.

        Each half is a group of its own: what follows the batch in its producer's sequence finds a
        gap there.
        """
        if len(group) > 1:
            middle = len(group) // 2
            self._process(group[:middle])
            self._process(group[middle:])
            return
        for submission in group:
            submission.call.run(_LOG.error, "a batch could not be decided", exc_info=error)
        self._refuse(group, undecidable(error))

    @property
    def _has_failed(self) -> bool:
        return self._failure is not None

    def _refuse(self, group: Sequence[Submission], error: ServiceError) -> None:
        self._answer([(submission, error) for submission in group])
        for submission in group:
            self._observer.batch_answered(BatchAnswered(submission.kind, error.reason.name))

    def _fail(self, error: Exception, group: list[Submission]) -> None:
        """Answers with an error, refuses everything from now on, and has the process stopped."""
        is_first, self._failure = self._failure is None, error
        self._refuse(group, storage_failed())
        if is_first:
            self._loop.call_soon_threadsafe(self._on_failure, error)


def _entry(submission: Submission, outcome: AnyOutcome) -> NewEntry:
    return NewEntry(
        kind=submission.kind,
        contract=CONTRACT,
        message=submission.message,
        producer=submission.producer,
        sequence=submission.sequence,
        batch_id=submission.batch_id,
        principal=submission.principal,
        received_at_us=submission.receipt.at_us,
        rule_set=CURRENT,
        outcomes=outcome.SerializeToString(deterministic=True),
        payload=submission.payload,
    )


def _record(
    group: Sequence[Submission],
    outcomes: Sequence[AnyOutcome],
    *,
    revision: int,
    decide_s: float,
    commit_s: float,
    sync_s: float,
    apply_s: float,
    answered: float,
) -> GroupCommitted:
    readings = [one for one in outcomes if isinstance(one, readings_pb2.BatchOutcome)]

    def count(name: str) -> int:
        return sum(getattr(outcome, name, 0) for outcome in outcomes)

    return GroupCommitted(
        kind=group[0].kind,
        batches=len(group),
        bytes=sum(len(submission.payload) for submission in group),
        received=count("received"),
        created=count("created") + count("applied"),
        existing=count("existing"),
        conflicting=count("conflicting"),
        rejected=count("rejected"),
        superseded=count("superseded"),
        corrected=count("corrected"),
        retested=count("retested"),
        warned=count("warned"),
        unregistered=sum(outcome.unregistered for outcome in readings),
        decide_s=decide_s,
        commit_s=commit_s,
        sync_s=sync_s,
        apply_s=apply_s,
        ack_latencies_s=tuple(answered - submission.receipt.clock_s for submission in group),
        revision=revision,
        committed_at_s=time.time(),
    )
