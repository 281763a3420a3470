"""Time, processor time and memory of a server and its client, between two moments."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from benchmarks.processes import family_cpu_ms, family_memory_kib, machine_cpu_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Fed:
    """What was measured of one run.

    Times are those between the first batch written and the last answer read. Figures of the
    server are those of its process and all that it has started. `other_cpu_ms` is what all
    other processes of the machine took meanwhile, `stolen_cpu_ms` what its host withheld.
    `metrics` are differences of the server's metrics over that time.
    """

    elapsed_ns: int
    ack_p50_us: int
    ack_p99_us: int
    ack_max_us: int
    client_cpu_ms: int
    server_cpu_ms: int
    other_cpu_ms: int
    stolen_cpu_ms: int
    server_rss_peak_kib: int
    server_rss_anonymous_kib: int
    outcomes: dict[str, int]
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class Lap:
    """What passed between two moments; names and units are those of Fed."""

    elapsed_ns: int
    client_cpu_ms: int
    server_cpu_ms: int
    other_cpu_ms: int
    stolen_cpu_ms: int
    server_rss_peak_kib: int
    server_rss_anonymous_kib: int

    def fed(
        self, latencies_ns: Iterable[int], outcomes: dict[str, int], metrics: dict[str, float]
    ) -> Fed:
        """The lap with what the answers said, and how long each took."""
        ascending = sorted(each // 1000 for each in latencies_ns)
        return Fed(
            ack_p50_us=_percentile(ascending, 50),
            ack_p99_us=_percentile(ascending, 99),
            ack_max_us=ascending[-1],
            outcomes=outcomes,
            metrics=metrics,
            **asdict(self),
        )


class Clock:
    """Runs in the client, from when it is made."""

    def __init__(self, pid: int) -> None:
        """Takes the process of the server."""
        self._pid = pid
        self._machine, self._server_ms = machine_cpu_ms(), family_cpu_ms(pid)
        self._client_ns, self._begun_ns = time.process_time_ns(), time.perf_counter_ns()

    def stop(self) -> Lap:
        """What passed since the beginning."""
        ended_ns, client_ns = time.perf_counter_ns(), time.process_time_ns()
        server_ms = family_cpu_ms(self._pid) - self._server_ms
        machine, memory = machine_cpu_ms(), family_memory_kib(self._pid)
        client_ms = (client_ns - self._client_ns) // 1_000_000
        busy_ms = machine["busy"] - self._machine["busy"]
        return Lap(
            elapsed_ns=ended_ns - self._begun_ns,
            client_cpu_ms=client_ms,
            server_cpu_ms=server_ms,
            other_cpu_ms=max(busy_ms - client_ms - server_ms, 0),
            stolen_cpu_ms=machine["stolen"] - self._machine["stolen"],
            server_rss_peak_kib=memory["VmHWM"],
            server_rss_anonymous_kib=memory["RssAnon"],
        )


def _percentile(ascending: Sequence[int], percent: int) -> int:
    """The nearest-rank percentile."""
    return ascending[max(-(-len(ascending) * percent // 100) - 1, 0)]
