"""Builds a duplicate index and asks it, in a process of its own, and checks every answer.

Run as `python -m benchmarks.scale.indexed`, with a Task as JSON on stdin; writes an Indexed as
JSON to stdout, and lines of progress to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from cotton_server.registry.bales import BaleColumns, BaleStore
from cotton_server.registry.index import NOT_FOUND
from cotton_server.sealing.key_files import KeyFile, KnownKeys
from cotton_server.sealing.readings import read_columns

from benchmarks.common import say
from benchmarks.data import BALES_A_LOT
from benchmarks.errors import BenchmarkError
from benchmarks.processes import memory_kib
from benchmarks.scale.keys import season_keys
from benchmarks.scale.results import Indexed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt
    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.registry.key_filter import KeyFilter
    from cotton_server.registry.key_zones import KeyZones

GROUP: Final = 1 << 16
"""Bales that are looked up or entered together: what a group commit of 4 MiB holds, about."""

PART: Final = 2_000_000
"""Bales that are sealed together."""

FIRST_YEAR: Final = 2015

_ASKED_GROUPS: Final = 64
_COLD_PARTS: Final = 16
"""Parts of old seasons that are asked for one after the other."""
_RESERVE_S: Final = 0.05
"""How often the service looks whether memory runs short."""
_TEXTS: Final = ("lot", "standard", "laboratory", "instrument")


@dataclass(frozen=True, slots=True)
class Task:
    """`seasons` of `lots` lots; `cold`: all but the last lie on disk alone, in `directory`."""

    lots: int
    seasons: int
    cold: bool
    directory: str


class KeyPart:
    """Rows of keys alone in files, as a sealed range has them."""

    def __init__(
        self, directory: Path, first_row: int, high: UInt64Array, low: UInt64Array
    ) -> None:
        """Writes the files."""
        self._path = directory / f"{first_row}.parquet"
        self.first_row, self.stop_row = first_row, first_row + len(high)
        self.bales = len(high)
        digest = sha256(str(first_row).encode()).digest()
        self._keys = KeyFile(directory, first_row, self.stop_row, digest, len(high))
        is_first = np.ones(len(high), np.bool_)
        self._keys.write(KnownKeys.of(high, low, is_first), top=directory)
        billion, tail = np.uint64(10**9), np.uint64(10**13)
        pl.DataFrame(
            {
                "row": np.arange(first_row, self.stop_row, dtype=np.uint32),
                "bale_prefix": (high // billion).astype(np.uint32),
                "baled_at": high % billion * np.uint64(1000) + low // tail,
                "bale_opaque": (low % tail // np.uint64(10**6)).astype(np.uint32),
                "bale_number": (low % np.uint64(10**6)).astype(np.uint32),
                "is_first": is_first,
            }
        ).write_parquet(self._path, compression="zstd", compression_level=3)

    @property
    def size_bytes(self) -> int:
        """Bytes of the files."""
        return self._path.stat().st_size + self._keys.path.stat().st_size

    def zones(self) -> KeyZones:
        """Where the keys lie."""
        return self._keys.zones()

    def filter(self) -> KeyFilter:
        """The hashes of the keys."""
        return self._keys.filter()

    def read(self) -> Mapping[str, npt.NDArray[Any]]:
        """Keys are all that there is."""
        return self.read_keys()

    def read_keys(self) -> Mapping[str, npt.NDArray[Any]]:
        """The columns high, low and is_first, read as the service reads them."""
        files = [(self._path, self._path.read_bytes())]
        return read_columns(files, self.first_row, self.stop_row, keys_only=True)


def run(task: Task) -> Indexed:
    """Builds, asks and measures; BenchmarkError when an answer is wrong."""
    bales = 0
    before_kib = memory_kib(os.getpid())["RssAnon"]
    years = [FIRST_YEAR + number for number in range(task.seasons)]
    season_bales = task.lots * BALES_A_LOT
    store = BaleStore((task.seasons + 1) * season_bales)
    took_ns: dict[str, list[int]] = {}
    asked: dict[str, int] = {}
    build_ns: list[int] = []
    disk_bytes = 0
    for number, year in enumerate(years):
        high, low = season_keys(year, task.lots)
        if task.cold and number + 1 < task.seasons:
            disk_bytes += _sealed(store, high, low, Path(task.directory))
        else:
            with _reserving(store):
                build_ns.append(_appended(store, high, low))
        bales += len(high)
        del high, low
        say(f"    season {number + 1} of {task.seasons}: {bales} bales")
    anonymous_kib = memory_kib(os.getpid())["RssAnon"] - before_kib
    newest = (task.seasons - 1) * season_bales
    asking = _Asking(store, took_ns, asked)
    high, low = season_keys(years[-1] + 1, task.lots)
    asking.ask("new, of the next season", high, low, None)
    high, low = season_keys(years[-1], task.lots, missed=True)
    asking.ask("new, of the last season", high, low, None)
    high, low = season_keys(years[-1], task.lots)
    rows = np.arange(newest, newest + season_bales, dtype=np.int32)
    asking.ask("there, in order of arrival", high, low, rows)
    order = np.random.default_rng(1).permutation(season_bales)[: _ASKED_GROUPS * GROUP]
    asking.ask("there, at random", high[order], low[order], rows[order])
    index_bytes, resident_bytes = store.index.size_bytes, store.resident_bytes
    if task.seasons > 1:
        _ask_old(asking, task, years[0], season_bales)
    if len(store.index) != bales:
        raise BenchmarkError(f"{bales} bales were entered, the index has {len(store.index)}.")
    return Indexed(
        seasons=task.seasons,
        bales=bales,
        cold=task.cold,
        index_bytes=index_bytes,
        resident_bytes=resident_bytes,
        after_bytes=store.index.size_bytes + store.resident_bytes,
        anonymous_kib=anonymous_kib,
        disk_bytes=disk_bytes,
        built=season_bales * len(build_ns),
        build_ns=sum(build_ns),
        asked=asked,
        took_ns=took_ns,
        skipped="",
    )


def _ask_old(asking: _Asking, task: Task, year: int, season_bales: int) -> None:
    """Bales of the first season: some of each part, twice, and codes that none has."""
    high, low = season_keys(year, task.lots)
    rows = np.arange(season_bales, dtype=np.int32)
    parts = range(0, season_bales, PART)[:_COLD_PARTS]
    for time_ in ("first", "again"):
        for start in parts:
            here = slice(start, min(start + GROUP, season_bales))
            asking.group(f"there, of the first season, {time_}", high[here], low[here], rows[here])
    high, low = season_keys(year, task.lots, missed=True)
    for start in parts:
        here = slice(start, min(start + GROUP, season_bales))
        asking.group("new, of the first season", high[here], low[here], None)


class _Asking:
    """Looks groups up, checks the answers, and notes how long each took."""

    def __init__(
        self, store: BaleStore, took_ns: dict[str, list[int]], asked: dict[str, int]
    ) -> None:
        self._store = store
        self._took_ns = took_ns
        self._asked = asked

    def ask(
        self, name: str, high: UInt64Array, low: UInt64Array, rows: npt.NDArray[np.int32] | None
    ) -> None:
        """Some groups, spread over the keys."""
        groups = min(_ASKED_GROUPS, -(-len(high) // GROUP))
        for number in range(groups):
            start = number * len(high) // groups
            here = slice(start, min(start + GROUP, len(high)))
            self.group(name, high[here], low[here], None if rows is None else rows[here])

    def group(
        self, name: str, high: UInt64Array, low: UInt64Array, rows: npt.NDArray[np.int32] | None
    ) -> None:
        """One group; `rows` are the answers, without it none may be found."""
        begun = time.perf_counter_ns()
        found = self._store.index.find(high, low, self._store.index.hashes(high, low))
        took = time.perf_counter_ns() - begun
        right = found == (NOT_FOUND if rows is None else rows)
        if not right.all():
            wrong = int(np.flatnonzero(~right)[0])
            raise BenchmarkError(
                f"{name}: bale {int(high[wrong]):016}{int(low[wrong]):016} was found in row"
                f" {int(found[wrong])}."
            )
        self._took_ns.setdefault(name, []).append(took)
        self._asked[name] = self._asked.get(name, 0) + len(high)


def _appended(store: BaleStore, high: UInt64Array, low: UInt64Array) -> int:
    """Appends bales as intake does; nanoseconds of hashing and entering."""
    took = 0
    for start in range(0, len(high), GROUP):
        here = slice(start, min(start + GROUP, len(high)))
        count = here.stop - here.start
        none = np.zeros(count, np.int32)
        begun = time.perf_counter_ns()
        store.append(
            BaleColumns(
                high=high[here],
                low=low[here],
                hashes=store.index.hashes(high[here], low[here]),
                values={},
                references=dict.fromkeys(_TEXTS, none),
                kind=np.ones(count, np.uint8),
                position=np.full(count, store.count // GROUP + 1, np.uint32),
                batch_row=np.zeros(count, np.uint16),
                inspected_at_s=np.zeros(count, np.uint32),
                is_first=np.ones(count, np.bool_),
            )
        )
        took += time.perf_counter_ns() - begun
    return took


def _sealed(store: BaleStore, high: UInt64Array, low: UInt64Array, directory: Path) -> int:
    """Adds bales as parts on disk, which stay there; their bytes."""
    size = 0
    for start in range(0, len(high), PART):
        here = slice(start, start + PART)
        part = KeyPart(directory, store.count, high[here], low[here])
        store.add_sealed(part, resident=False)
        size += part.size_bytes
    return size


@contextmanager
def _reserving(store: BaleStore) -> Iterator[None]:
    """Has memory made ready and full blocks packed beside, as the service has."""
    stop = threading.Event()

    def reserve() -> None:
        while not stop.wait(_RESERVE_S):
            store.reserve()

    thread = threading.Thread(target=reserve)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        store.reserve()


def main() -> int:
    """Does the task of stdin; 1, with what went wrong on stderr, when there is no result."""
    try:
        done = run(Task(**json.loads(sys.stdin.read())))
    except BenchmarkError as error:
        print(str(error), file=sys.stderr)
        return 1
    print(json.dumps(asdict(done)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
