"""The settlement runs that were frozen: each for ever, and which takes the place of which."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton.inspection.v1 import settlement_pb2

    from cotton_server.registry.lifecycle import Moment


@dataclass(frozen=True, slots=True)
class FrozenRun:
    """A run, the position of the entry that brought it, and when that was received."""

    run: settlement_pb2.Run
    position: int
    received_at_us: int


class RunBook:
    """Runs by id and in order of the ledger.

    One thread adds; any thread may look: what it looks into is only ever added to.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self._by_id: dict[str, FrozenRun] = {}
        self._in_order: list[FrozenRun] = []
        self._successors: dict[str, FrozenRun] = {}
        self.size_bytes = 0
        """Size of all runs as messages."""

    def __len__(self) -> int:
        """Runs."""
        return len(self._in_order)

    def add(self, run: settlement_pb2.Run, moment: Moment) -> None:
        """Stores a run."""
        frozen = FrozenRun(run, moment.position, moment.received_at_us)
        self._by_id[run.id] = frozen
        if run.predecessor:
            self._successors[run.predecessor] = frozen
        self.size_bytes += run.ByteSize()
        self._in_order.append(frozen)

    def get(self, run_id: str) -> FrozenRun | None:
        """The run of an id."""
        return self._by_id.get(run_id)

    def successor(self, run_id: str, revision: int | None = None) -> str:
        """Id of the run that takes the place of one, at a revision if it is given; "" for none."""
        found = self._successors.get(run_id)
        if found is None or (revision is not None and found.position > revision):
            return ""
        return found.run.id

    def between(self, after: int, through: int) -> Sequence[FrozenRun]:
        """The runs that were stored after one revision and up to another, in order."""
        runs = self._in_order
        return runs[
            bisect_right(runs, after, key=_position) : bisect_right(runs, through, key=_position)
        ]


def _position(run: FrozenRun) -> int:
    return run.position
