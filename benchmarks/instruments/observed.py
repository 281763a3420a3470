"""The server as it ships, which also notes when each reading of an instrument was answered.

Run as `python -m benchmarks.instruments.observed FILE ARGUMENTS`, with the arguments of
`cotton`; FILE is written when the server has ended. Nothing of the service is replaced: two of
its classes are extended where they are made, at methods that anybody may call.

Of every batch of an instrument it notes receipt (when the handler has the message in hand) and
answer (when the outcome is on the event loop, for the handler to write): the second comes after
the commit, and after the way from the committing thread to the loop. Of every group commit it
notes the latencies that the histogram cotton_ack_latency_seconds counts, which end with the
commit. Times are those of CLOCK_MONOTONIC, which all processes share.
"""

from __future__ import annotations

import sys
import time
from array import array
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

import numpy as np
from cotton_client.cli import main
from cotton_server import main as service
from cotton_server.intake.committer import Committer
from cotton_server.intake.content import READINGS
from cotton_server.observability.metrics import Metrics

from benchmarks.instruments.prepare import PRODUCER

if TYPE_CHECKING:
    import asyncio

    from cotton_server.intake.committer import Stored, Submission
    from cotton_server.intake.records import GroupCommitted

_NS: Final = 1e9


class Notes:
    """What was noted; flat arrays, so that the server's garbage collector has nothing to visit."""

    answers: Final = array("q")
    """Five a reading: instrument, sequence, position, receipt_ns, answered_ns."""
    durable_s: Final = array("d")
    """A batch of a group commit: its position and its latency."""
    groups: Final = array("d")
    """Six a group commit: when, batches, and seconds to decide, to commit, to sync, to apply."""

    @classmethod
    def write(cls, path: Path) -> None:
        """Writes all as an archive of numpy."""
        with path.open("wb") as file:
            np.savez(
                file,
                answers=np.array(cls.answers, np.int64).reshape(-1, 5),
                durable_s=np.array(cls.durable_s, np.float64).reshape(-1, 2),
                groups=np.array(cls.groups, np.float64).reshape(-1, 6),
            )


class ObservedCommitter(Committer):
    """Notes when answers arrive on the event loop."""

    def submit(self, submission: Submission) -> None:
        """Queues a submission, and notes when it is answered if it is an instrument's reading."""
        if submission.kind == READINGS and submission.producer.startswith(PRODUCER):
            submission.answer.add_done_callback(partial(_note, submission))
        super().submit(submission)


def _note(submission: Submission, answer: asyncio.Future[Stored]) -> None:
    now_ns = time.perf_counter_ns()
    if answer.cancelled() or answer.exception() is not None:
        return  # the client hears of it, and the run is no result
    Notes.answers.extend(
        (
            int(submission.producer[len(PRODUCER) :]),
            submission.sequence or 0,
            answer.result().revision,
            round(submission.receipt.clock_s * _NS),
            now_ns,
        )
    )


class ObservedMetrics(Metrics):
    """Notes the exact latencies that a histogram only counts."""

    def group_committed(self, record: GroupCommitted) -> None:
        """A group is durable and applied."""
        super().group_committed(record)
        Notes.groups.extend(
            (
                time.perf_counter(),
                record.batches,
                record.decide_s,
                record.commit_s,
                record.sync_s,
                record.apply_s,
            )
        )
        first = record.revision - record.batches + 1
        for position, latency_s in enumerate(record.ack_latencies_s, first):
            Notes.durable_s.extend((position, latency_s))


if __name__ == "__main__":
    try:
        with (
            patch.object(service, "Committer", ObservedCommitter),
            patch.object(service, "Metrics", ObservedMetrics),
        ):
            main(sys.argv[2:], prog_name="cotton")
    finally:
        Notes.write(Path(sys.argv[1]))
