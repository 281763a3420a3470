"""The course of a lot: from what was recorded of it to its state, its steps and its changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from cotton.inspection.v1 import lifecycle_pb2, summary_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton.inspection.v1 import lots_pb2


class LotState(IntEnum):
    """Where a lot stands; the numbers of the contract's enum, which says what each means."""

    UNREGISTERED = summary_pb2.LOT_STATE_UNREGISTERED
    REGISTERED = summary_pb2.LOT_STATE_REGISTERED
    WEIGHED = summary_pb2.LOT_STATE_WEIGHED
    READ = summary_pb2.LOT_STATE_READ
    READ_AND_WEIGHED = summary_pb2.LOT_STATE_READ_AND_WEIGHED
    TESTED = summary_pb2.LOT_STATE_TESTED
    FINAL = summary_pb2.LOT_STATE_FINAL
    REVISED = summary_pb2.LOT_STATE_REVISED
    WITHDRAWN = summary_pb2.LOT_STATE_WITHDRAWN
    HELD = summary_pb2.LOT_STATE_HELD


class LotHold(IntEnum):
    """Why a lot is held; the numbers of the contract's enum."""

    MORE_READ_THAN_DECLARED = summary_pb2.LOT_HOLD_MORE_READ_THAN_DECLARED
    RECEIVED_DIFFERS_FROM_DECLARED = summary_pb2.LOT_HOLD_RECEIVED_DIFFERS_FROM_DECLARED
    TESTED_DIFFERS_FROM_RECEIVED = summary_pb2.LOT_HOLD_TESTED_DIFFERS_FROM_RECEIVED
    TESTED_DIFFERS_FROM_READ = summary_pb2.LOT_HOLD_TESTED_DIFFERS_FROM_READ


_ON_THE_WAY: Final = {
    (False, False, False): LotState.REGISTERED,
    (False, False, True): LotState.WEIGHED,
    (False, True, False): LotState.READ,
    (False, True, True): LotState.READ_AND_WEIGHED,
    (True, False, False): LotState.TESTED,
    (True, True, False): LotState.TESTED,
}
"""The state of a lot that nothing holds, by whether it is closed, read and weighed."""


class ChangeKind(IntEnum):
    """What the change feed tells of a lot; the numbers of the contract's enum."""

    NEW = lifecycle_pb2.LOT_CHANGE_KIND_NEW
    FINAL = lifecycle_pb2.LOT_CHANGE_KIND_FINAL
    REVISED = lifecycle_pb2.LOT_CHANGE_KIND_REVISED
    WITHDRAWN = lifecycle_pb2.LOT_CHANGE_KIND_WITHDRAWN
    REINSTATED = lifecycle_pb2.LOT_CHANGE_KIND_REINSTATED


class Moment(NamedTuple):
    """A ledger position and when its entry was received, in microseconds since 1970 UTC."""

    position: int
    received_at_us: int


class Standing(NamedTuple):
    """State of a lot and why it is held."""

    state: LotState
    holds: tuple[LotHold, ...] = ()


_PLAIN: Final = {state: Standing(state) for state in LotState}


def plain_standing(state: LotState) -> Standing:
    """The standing of a lot that nothing holds: one object for each state, as nearly all are."""
    return _PLAIN[state]


class LotChange(NamedTuple):
    """One change that the feed tells: of which lot, when, and between which states."""

    moment: Moment
    lot: int
    kind: ChangeKind
    before: LotState
    after: LotState


def standing_of(
    *,
    registration: lots_pb2.Lot | None,
    weighed: bool,
    closure: lots_pb2.LotClosure | None,
    bales: int,
    withdrawn: bool,
    revised: bool,
) -> Standing:
    """Where a lot stands, from what was recorded of it.

    `bales` are those in force; `revised` says that something changed after it was final.
    """
    if withdrawn:
        return plain_standing(LotState.WITHDRAWN)
    declared = 0 if registration is None else registration.declared_bales
    holds = _holds(declared, closure, bales)
    if registration is None:
        return Standing(LotState.UNREGISTERED, holds) if holds else _PLAIN[LotState.UNREGISTERED]
    if holds:
        return Standing(LotState.HELD, holds)
    if closure is not None and weighed:
        return plain_standing(LotState.REVISED if revised else LotState.FINAL)
    return plain_standing(_ON_THE_WAY[closure is not None, bales > 0, weighed])


def _holds(declared: int, closure: lots_pb2.LotClosure | None, bales: int) -> tuple[LotHold, ...]:
    found = []
    if declared and bales > declared:
        found.append(LotHold.MORE_READ_THAN_DECLARED)
    if closure is not None:
        if declared and closure.bales_received != declared:
            found.append(LotHold.RECEIVED_DIFFERS_FROM_DECLARED)
        if closure.bales_tested != closure.bales_received:
            found.append(LotHold.TESTED_DIFFERS_FROM_RECEIVED)
        if closure.bales_tested != bales:
            found.append(LotHold.TESTED_DIFFERS_FROM_READ)
    return tuple(found)


@dataclass(slots=True)
class LotCourse:
    """The steps of a lot so far.

    `read_first` and `read_last` are when a reading of it arrived, `final` when it first was final;
    None: not yet. `revisions` are the changes since then, `flat_steps` every change of standing:
    its moment, then the standing. `withdrawn_bales` has, by position, bales that were withdrawn
    (1) and reinstated (-1).
    """

    read_first: Moment | None = None
    read_last: Moment | None = None
    final: Moment | None = None
    revisions: tuple[Moment, ...] = ()
    flat_steps: tuple[Moment | Standing, ...] = ()
    withdrawn_bales: Sequence[tuple[int, int]] = ()

    @property
    def first(self) -> Moment | None:
        """When anything of the lot arrived: from then on it stands somewhere."""
        return cast("Moment", self.flat_steps[0]) if self.flat_steps else None

    @property
    def steps(self) -> Sequence[tuple[Moment, Standing]]:
        """Every change of standing, the first of which is when anything of the lot arrived."""
        flat = self.flat_steps
        return cast("list[tuple[Moment, Standing]]", list(zip(flat[::2], flat[1::2], strict=True)))

    def note_read(self, moment: Moment) -> None:
        """A reading of the lot was stored."""
        self.read_first = self.read_first or moment
        self.read_last = moment

    def note_withdrawn(self, position: int, change: int) -> None:
        """A bale was withdrawn (1) or reinstated (-1)."""
        if not self.withdrawn_bales:
            self.withdrawn_bales = []
        cast("list[tuple[int, int]]", self.withdrawn_bales).append((position, change))

    def step(self, moment: Moment, standing: Standing) -> None:
        """Notes where the lot stands from here on."""
        flat = self.flat_steps
        if not flat or flat[-1] != standing:
            self.flat_steps = (*flat, moment, standing)
            if standing.state is LotState.FINAL:
                self.final = self.final or moment

    @property
    def standing(self) -> Standing:
        """Where the lot stands."""
        flat = self.flat_steps
        return cast("Standing", flat[-1]) if flat else plain_standing(LotState.UNREGISTERED)

    def step_at(self, revision: int) -> tuple[Moment, Standing] | None:
        """When the lot came to where it stood at a revision, and where that was."""
        flat = self.flat_steps
        for place in range(len(flat) - 2, -1, -2):
            moment = cast("Moment", flat[place])
            if moment.position <= revision:
                return moment, cast("Standing", flat[place + 1])
        return None

    def withdrawn_bales_at(self, revision: int) -> int:
        """Bales withdrawn one by one and not reinstated at a revision."""
        return sum(change for position, change in self.withdrawn_bales if position <= revision)
