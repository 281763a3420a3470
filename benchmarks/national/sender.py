"""Clients that send readings beside what is measured, and what they noted of a time."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.instruments.clients import client
from benchmarks.national import plan, sending
from benchmarks.national.sending import ANSWERED, BEGUN, CREATED, DRAIN_S_MAX, EXISTING, Job
from benchmarks.processes import cpu_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.instruments.clients import Client
    from benchmarks.national.season import Prepared

_END_S_MAX: Final = 300
"""How long a client may take, beyond waiting for answers, to send what is left and end."""

_PERCENTS: Final = (50, 90, 99, 100)


@dataclass(frozen=True, slots=True)
class Acks:
    """What was acknowledged within a time, and how long it took: `took_us` at p50, p90, p99, most.

    `created` and `existing` are bales. Of batches that are sent on a schedule the times are those
    since each was due, else since it was written.
    """

    batches: int
    created: int
    existing: int
    took_us: tuple[int, ...]


Source = tuple[str, tuple[str, ...]]
"""A producer, and the files of what it sends."""

NO_ACKS: Final = Acks(0, 0, 0, ())


class Sender:
    """A client that sends until the context of `sending_readings` ends."""

    def __init__(self, running: Client, path: Path) -> None:
        """Takes its process, and where it will write what it noted."""
        self._client = running
        self._path = path
        self._noted: np.ndarray | None = None

    @property
    def cpu_ms(self) -> int:
        """CPU time that it has taken so far."""
        return cpu_ms(self._client.pid)

    def end(self) -> None:
        """Has it end; BenchmarkError unless every batch was answered as it should."""
        self._client.result(DRAIN_S_MAX + _END_S_MAX)
        self._noted = np.load(self._path)

    def acks(self, from_ns: int, until_ns: int) -> Acks:
        """What was answered in a time, by `time.perf_counter_ns`; once it has ended."""
        if self._noted is None:
            raise AssertionError("a client tells what it noted when it has ended")
        answered = self._noted[:, ANSWERED]
        within = self._noted[(answered >= from_ns) & (answered < until_ns)]
        took_us = np.sort((within[:, ANSWERED] - within[:, BEGUN]) // 1000)
        return Acks(
            len(within),
            int(within[:, CREATED].sum()),
            int(within[:, EXISTING].sum()),
            tuple(
                int(took_us[max(-(-len(took_us) * percent // 100) - 1, 0)]) for percent in _PERCENTS
            )
            if len(took_us)
            else (),
        )


@contextmanager
def sending_readings(
    address: str,
    sources: Sequence[Source],
    output: Path,
    *,
    lanes: int,
    window: int = 0,
    batches_a_second: float = 0,
    once: bool = False,
) -> Iterator[Sender]:
    """A client that sends while the context lasts, from when all its streams are open.

    See `sending.Job`; with `once` the context ends when all is sent. Raises BenchmarkError where it
    does not start or a batch is refused.
    """
    job = Job(
        address,
        tuple(sources),
        min(lanes, len(sources)),
        window,
        batches_a_second,
        once,
        str(output),
    )
    with client(sending.__name__, asdict(job)) as running:
        running.wait_ready()
        running.start(time.perf_counter_ns())
        sender = Sender(running, output)
        yield sender
        sender.end()


def sources_of(prepared: Prepared) -> list[Source]:
    """Every producer of a season, with the files of its readings in the order of the slices."""
    directory = Path(prepared.source.directory)
    found: dict[str, list[str]] = {}
    for each in sorted(prepared.slices, key=lambda one: one.place):
        path = plan.messages_path(directory, each.place, each.producer, plan.READINGS)
        found.setdefault(each.producer, []).append(str(path))
    return [(producer, tuple(paths)) for producer, paths in found.items()]
