"""Runs the service and its peers in turn: a fresh server, client and directory for every run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from benchmarks.cases import Case
from benchmarks.data import BALES_A_LOT, prepare
from benchmarks.errors import BenchmarkError
from benchmarks.feed import Job
from benchmarks.measure import feed, serve, size_bytes, touch_memory_for
from benchmarks.peers.cluster import programs
from benchmarks.peers.plan import PEERS, SERVICE, Peer
from benchmarks.peers.results import Run
from benchmarks.processes import logged, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.clock import Fed
    from benchmarks.data import CaseData

MESSAGE_BALES: Final = (4096, 8192)
"""Bales of the messages that everybody is sent, a race each: what a bale costs hangs on it."""

_WINDOW: Final = 16
"""Of the service: as many as it reads ahead from one stream."""

_START_S_MAX: Final = 120


@dataclass(frozen=True, slots=True)
class Found:
    """All runs, and version and settings of every peer."""

    runs: tuple[Run, ...]
    about: dict[str, dict[str, str]]


def missing() -> list[str]:
    """Modules of peers that cannot be imported."""
    return [name for name in ("psycopg", "duckdb", "chdb", "pyarrow") if find_spec(name) is None]


def measure(
    lots: int,
    rounds: int,
    directory: Path,
    names: Sequence[str],
    told: Callable[[str], None],
) -> Found:
    """Sends the bales of as many lots to the service and to these peers, in every round.

    There is a race for each size of messages, with the same bales; they take turns, round by round,
    and who begins changes with each round. Raises BenchmarkError.
    """
    chosen = [peer for peer in PEERS if peer.name in names]
    if any(peer.store.startswith("postgresql") for peer in chosen):
        programs()
    directory.chmod(0o711)  # whoever runs PostgreSQL passes through
    sent: dict[int, CaseData] = {}
    for size in MESSAGE_BALES:
        sent[size] = prepare(Case("columns", size), lots * BALES_A_LOT, directory)
        told(f"prepared {sent[size].bales} bales in {sent[size].messages} messages")
    about: dict[str, dict[str, str]] = {}
    runs: list[Run] = []
    everybody = [None, *chosen]
    for place, (round_, size, peer) in enumerate(_plan(everybody, rounds), 1):
        data = sent[size]
        run_directory = directory / f"run-{place}"
        run_directory.mkdir(mode=0o711)
        who = SERVICE if peer is None else peer.name
        touch_memory_for(data.bales)
        try:
            run = (
                _of_service(place, round_, size, data, run_directory)
                if peer is None
                else _of_peer(place, round_, peer, size, data, run_directory, about)
            )
        except BenchmarkError as error:
            raise BenchmarkError(f"{who}: {error}") from error
        finally:
            shutil.rmtree(run_directory)
        runs.append(run)
        told(
            f"{place:3}/{rounds * len(sent) * len(everybody)} {who:24} {size:6} a message"
            f" {run.bales_a_second / 1e6:7.3f} M bales/s"
            f"  ack p50 {run.fed.ack_p50_us / 1000:7.1f} ms"
            f"  others' CPU {run.fed.other_cpu_ms} ms in {run.fed.elapsed_ns // 1_000_000} ms"
        )
    return Found(tuple(runs), about)


def _plan(everybody: Sequence[Peer | None], rounds: int) -> Iterator[tuple[int, int, Peer | None]]:
    """Round, size of messages, and who: each round begins with the next, every other backwards."""
    for number in range(rounds):
        begun = number % len(everybody)
        order = [*everybody[begun:], *everybody[:begun]]
        for size in MESSAGE_BALES:
            for peer in reversed(order) if number % 2 else order:
                yield number + 1, size, peer


def _of_service(place: int, round_: int, size: int, data: CaseData, directory: Path) -> Run:
    kept = directory / "data"
    kept.mkdir()
    with serving("the service", serve(kept), directory / "log") as child:
        fed = feed(
            Job(
                address=child.address,
                pid=child.pid,
                metrics=child.metrics,
                streams=data.streams,
                bales=data.bales,
                expected="created",
                window=_WINDOW,
            )
        )
    return _run(place, round_, SERVICE, size, data, size_bytes(kept), fed)


def _of_peer(
    place: int,
    round_: int,
    peer: Peer,
    size: int,
    data: CaseData,
    directory: Path,
    about: dict[str, dict[str, str]],
) -> Run:
    kept, log = directory / "data", directory / "log"
    kept.mkdir(mode=0o711)
    arguments = (
        ["benchmarks.peers.server", peer.store, str(kept), str(peer.group_bales)]
        if peer.store
        else ["benchmarks.peers.flight"]
    )
    with serving(peer.name, arguments, log, start_s_max=_START_S_MAX) as child:
        job = Job(
            address=child.address,
            pid=child.pid,
            metrics=None,
            streams=data.streams,
            bales=data.bales,
            expected="created" if peer.store else "",
            window=peer.window,
        )
        fed = feed(job, client="benchmarks.feed" if peer.store else "benchmarks.peers.flight_feed")
    found = logged(log, "kept")
    if not data.bales == found["bales"] == found["created"]:
        raise BenchmarkError(
            f"{data.bales} bales were sent and acknowledged, {found['created']} of them as new,"
            f" and {found['bales']} are stored."
        )
    about[peer.name] = found["about"]
    return _run(place, round_, peer.name, size, data, found["disk_bytes"], fed)


def _run(
    place: int, round_: int, who: str, size: int, data: CaseData, disk_bytes: int, fed: Fed
) -> Run:
    return Run(place, round_, who, size, data.messages, data.bales, data.bytes, disk_bytes, fed)
