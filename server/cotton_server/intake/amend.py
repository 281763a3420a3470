"""Bales to which more happens than one reading: corrections, re-tests, conflicts, in order.

Few bales are of this kind, so each is decided by itself, one reading after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from cotton.inspection.v1 import common_pb2, readings_pb2

from cotton_server.domain.fields import ABSENT, VALUE_FIELD_NAMES, VALUE_FIELDS
from cotton_server.domain.identifiers import USDA_HIGH
from cotton_server.domain.readings import CORRECTION, ORIGINAL, RAW_ABSENT
from cotton_server.intake.check import Finding
from cotton_server.intake.retest import comes_into_force, compare
from cotton_server.registry.courses import (
    CORRECTIONS_UNTIL,
    NO_ROW,
    READINGS_UNTIL,
    BaleState,
    Cause,
    CourseEvent,
    after,
)
from cotton_server.registry.index import NOT_FOUND
from cotton_server.registry.kept import BaleEvent, of_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from cotton_server.domain.fields import ValueField
    from cotton_server.domain.readings import ReadingTable
    from cotton_server.intake.rules import RuleSet
    from cotton_server.registry.conflicts import Place
    from cotton_server.registry.registry import Registry

CREATED: Final = int(readings_pb2.OUTCOME_CREATED)
EXISTS: Final = int(readings_pb2.OUTCOME_EXISTS)
CORRECTED: Final = int(readings_pb2.OUTCOME_CORRECTED)
RETESTED: Final = int(readings_pb2.OUTCOME_RETESTED)
RETESTED_IN_FORCE: Final = int(readings_pb2.OUTCOME_RETESTED_IN_FORCE)
REJECTED: Final = int(readings_pb2.OUTCOME_REJECTED)
SUPERSEDED_BY_WITHDRAWAL: Final = int(readings_pb2.OUTCOME_SUPERSEDED_BY_WITHDRAWAL)
DIFFERENT_LOT: Final = int(readings_pb2.OUTCOME_EXISTS_WITH_DIFFERENT_LOT_NO)
DIFFERENT_STANDARD: Final = int(readings_pb2.OUTCOME_EXISTS_WITH_DIFFERENT_STANDARD)
DIFFERENT_LABORATORY: Final = int(readings_pb2.OUTCOME_EXISTS_WITH_DIFFERENT_LABORATORY)

_SUPERSEDED_BY: Final = {
    Cause.CORRECTED: int(readings_pb2.OUTCOME_SUPERSEDED_BY_CORRECTION),
    Cause.ACCEPTED: int(readings_pb2.OUTCOME_SUPERSEDED_BY_CORRECTION),
    Cause.RETESTED: int(readings_pb2.OUTCOME_SUPERSEDED_BY_RETEST),
    Cause.READ: int(readings_pb2.OUTCOME_SUPERSEDED_BY_RETEST),
}
SUPERSEDED: Final = frozenset({*_SUPERSEDED_BY.values(), SUPERSEDED_BY_WITHDRAWAL})


_READ_TOGETHER: Final = (*VALUE_FIELD_NAMES, "lot", "standard", "laboratory", "kind")
"""All columns that are asked for of a stored reading."""
_PLACES: Final = {name: place for place, name in enumerate(_READ_TOGETHER)}


class Contents:
    """What readings say, whether they are stored or stand in a table, by row."""

    def __init__(self, table: ReadingTable, registry: Registry) -> None:
        """Takes where readings are looked up."""
        self._table = table
        self._registry = registry
        self._said: dict[int, tuple[object, ...]] = {}
        self._stored: dict[int, tuple[int, ...]] = {}

    def read(self, rows: Iterable[int]) -> None:
        """Reads stored readings together that are going to be asked for; others are left out.

        Raises what reading from disk raises.
        """
        wanted = sorted({row for row in rows if row >= 0} - self._stored.keys())
        if wanted:
            columns = self._registry.bales.read(_READ_TOGETHER, np.asarray(wanted))
            of_rows = zip(*(columns[name].tolist() for name in _READ_TOGETHER), strict=True)
            self._stored.update(zip(wanted, of_rows, strict=True))

    def values(self, row: int) -> tuple[int, ...]:
        """The values of VALUE_FIELDS in order, ABSENT where absent."""
        if row >= 0:
            return self._of_stored(row)[: len(VALUE_FIELDS)]
        return tuple(self.value(field, row) for field in VALUE_FIELDS)

    def value(self, field: ValueField, row: int) -> int:
        """One value, ABSENT where absent."""
        if row >= 0:
            return self._of_stored(row)[_PLACES[field.name]]
        column = self._table.values.get(field.name)
        value = RAW_ABSENT if column is None else int(column[-2 - row])
        return ABSENT if value == RAW_ABSENT else value

    def text(self, name: str, row: int) -> str:
        """The text of a field: lot_no, standard, laboratory."""
        if row < 0:
            return self._table.texts[name].at(-2 - row)
        if name == "lot_no":
            return self._registry.lots.lot_no(self._of_stored(row)[_PLACES["lot"]])
        return self._registry.texts[name][self._of_stored(row)[_PLACES[name]]]

    def kind(self, row: int) -> int:
        """The kind of a reading."""
        if row >= 0:
            return self._of_stored(row)[_PLACES["kind"]]
        kinds = self._table.kinds
        return ORIGINAL if kinds is None else int(kinds.kind[-2 - row])

    def _of_stored(self, row: int) -> tuple[int, ...]:
        if row not in self._stored:
            self.read((row,))
        return self._stored[row]

    def first_difference(self, one: int, other: int) -> int:
        """The outcome of a reading that differs from another, EXISTS when it does not."""
        if self.text("lot_no", one) != self.text("lot_no", other):
            return DIFFERENT_LOT
        for field, was, now in zip(VALUE_FIELDS, self.values(one), self.values(other), strict=True):
            if was != now:
                return int(field.differs)
        if self.text("standard", one) != self.text("standard", other):
            return DIFFERENT_STANDARD
        sites = {self.text("laboratory", one), self.text("laboratory", other)}
        # Two sites only where both are named: a gateway may leave its laboratory out.
        return EXISTS if len(sites) == 1 or "" in sites else DIFFERENT_LABORATORY

    def same(self, one: int, other: int) -> bool:
        """Whether two readings say the same."""
        (*first, site), (*second, other_site) = self._all(one), self._all(other)
        return first == second and (site == other_site or "" in (site, other_site))

    def _all(self, row: int) -> tuple[object, ...]:
        """All that is compared, the laboratory last: one reading may meet hundreds."""
        said = self._said.get(row)
        if said is None:
            texts = (self.text(name, row) for name in ("lot_no", "standard", "laboratory"))
            said = self._said[row] = (self.values(row), *texts)
        return said


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one reading of such a bale.

    `met` is the row that it was compared with or superseded, NO_ROW for none, and `met_revision`
    the revision that brought that one into force; `conflict` names its conflict, (0, 0) for none.
    """

    outcome: int
    event: CourseEvent | None = None
    met: int = NO_ROW
    met_revision: int = 0
    conflict: Place = (0, 0)
    comparison: readings_pb2.RetestComparison | None = None
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Amended:
    """What became of the readings of one bale, by row of the table; and its events, in order."""

    verdicts: dict[int, Verdict]
    events: tuple[BaleEvent, ...]


def _adds_to_course(verdict: Verdict) -> bool:
    return verdict.event is not None and verdict.event.row != NO_ROW


def _events_max(verdict: Verdict) -> int:
    """How many events of a bale leave room for one more of this kind."""
    corrects = verdict.event is not None and verdict.event.cause is Cause.CORRECTED
    return CORRECTIONS_UNTIL if corrects else READINGS_UNTIL


def _too_many(row: int, limit: int) -> Verdict:
    finding = Finding(row, common_pb2.FIELD_BALE_CODE, readings_pb2.RULE_TOO_MANY, None, limit)
    return Verdict(REJECTED, finding=finding)


class Amendments:
    """Decides bales one by one against the registry, by a rule set."""

    def __init__(
        self,
        table: ReadingTable,
        registry: Registry,
        rules: RuleSet,
        position: npt.NDArray[np.uint32],
        batch_row: npt.NDArray[np.uint16],
    ) -> None:
        """Takes the table with the place of every row, what is stored, and the rules."""
        self._table = table
        self._registry = registry
        self._rules = rules
        self._position = position
        self._batch_row = batch_row
        self.contents = Contents(table, registry)

    def read(self, stored: Iterable[int]) -> None:
        """Reads together what deciding bales asks for, by the rows that the index gives for them.

        Raises what reading from disk raises.
        """
        self.contents.read(self._registry.read_courses(stored))

    def decide(self, rows: Sequence[int], stored: int) -> Amended:
        """Decides the readings of one bale in order.

        `rows` are rows of the table; `stored` is what the index gives for the bale, or NOT_FOUND.
        """
        key_row = of_table(rows[0]) if stored == NOT_FOUND else stored
        is_new = stored == NOT_FOUND
        events = [] if is_new else list(self._registry.course(stored))
        state = BaleState() if is_new else self._registry.state(stored)
        verdicts: dict[int, Verdict] = {}
        happened: list[BaleEvent] = []
        for row in rows:
            if stored == NOT_FOUND and not happened:
                key_row = of_table(row)
            verdict = self._one(row, state, events)
            if _adds_to_course(verdict) and len(events) >= _events_max(verdict):
                verdict = _too_many(row, _events_max(verdict))
            verdicts[row] = verdict
            event = verdict.event
            if event is not None:
                happened.append(BaleEvent(key_row, event, verdict.outcome))
                if _adds_to_course(verdict):
                    events.append(event)
                state = after(state, event)
        return Amended(verdicts, tuple(happened))

    def _one(self, row: int, state: BaleState, events: Sequence[CourseEvent]) -> Verdict:
        kind = self.contents.kind(of_table(row))
        if kind == CORRECTION:
            return self._correction(row, state, events)
        if kind == ORIGINAL:
            return self._original(row, state)
        return self._retest(row, kind, state)

    def _original(self, row: int, state: BaleState) -> Verdict:
        if state.original == NO_ROW:
            return self._first_reading(row, state)
        new, contents = of_table(row), self.contents
        differs = contents.first_difference(new, state.in_force)
        if differs == EXISTS:
            if state.withdrawn:
                return Verdict(SUPERSEDED_BY_WITHDRAWAL, met=state.in_force)
            return Verdict(EXISTS, met=state.in_force, met_revision=state.since)
        for left, cause in state.left:
            if contents.same(new, left):
                revision = 0 if state.withdrawn else state.since
                return Verdict(_SUPERSEDED_BY[cause], met=state.in_force, met_revision=revision)
        return self._conflict(row, differs, state)

    def _first_reading(self, row: int, state: BaleState) -> Verdict:
        """The original of a bale of which at most re-tests had come."""
        new = of_table(row)
        if (refused := self._of_another_lot(row, state)) is not None:
            return refused
        in_force = not state.withdrawn and not self._stands(new, state)
        comparison = None
        if state.retests:
            # With the one that stands where one does: of several only the last was in force.
            retest = state.retests[-1] if state.in_force == NO_ROW else state.in_force
            comparison = self._compared(new, retest)
            comparison.original_revision = int(self._position[row])
            comparison.retest_revision = self._revision_of(retest)
            comparison.retest_in_force = not in_force and state.counted == retest
        event = self._event(
            Cause.READ,
            row,
            comes_into_force=in_force,
            supersedes=state.in_force if in_force else NO_ROW,
            superseded_revision=state.since if in_force else 0,
        )
        met_revision = state.since if in_force or not state.withdrawn else 0
        return Verdict(
            CREATED, event, met=state.in_force, met_revision=met_revision, comparison=comparison
        )

    def _of_another_lot(self, row: int, state: BaleState) -> Verdict | None:
        """The refusal of a re-test, or of an original after one, that names another lot.

        A re-test says what a bale is, not where it lies: only a correction moves a bale.
        """
        met = state.in_force
        if met == NO_ROW and state.retests:
            met = state.retests[-1]
        if met == NO_ROW or self.contents.text("lot_no", of_table(row)) == self.contents.text(
            "lot_no", met
        ):
            return None
        disagrees = readings_pb2.RULE_DISAGREES
        finding = Finding(row, common_pb2.FIELD_LOT_NO, disagrees, None, None)
        return Verdict(REJECTED, met=met, met_revision=self._revision_of(met), finding=finding)

    def _stands(self, original: int, state: BaleState) -> bool:
        """Whether the re-test in force, as corrected if it was, stays so beside the original."""
        if state.in_force == NO_ROW:
            return False
        brought = {state.in_force, *(row for row, _ in state.left)}
        retest = next(row for row in reversed(state.retests) if row in brought)
        compared = self._compared(original, state.in_force)
        return comes_into_force(self.contents.kind(retest), compared, self._rules.retest)

    def _conflict(self, row: int, differs: int, state: BaleState) -> Verdict:
        new = of_table(row)
        for known, place in state.conflicts:
            if self.contents.same(new, known):
                event = self._event(Cause.CONFLICT, row, conflict=place, brings=False)
                break
        else:
            place = self._place(row)
            event = self._event(Cause.CONFLICT, row, conflict=place)
        return Verdict(differs, event, state.in_force, state.since, place)

    def _correction(self, row: int, state: BaleState, events: Sequence[CourseEvent]) -> Verdict:
        new = of_table(row)
        kinds = self._table.kinds
        wanted = 0 if kinds is None else int(kinds.supersedes[row])
        for event in events:
            if (
                event.cause is Cause.CORRECTED
                and event.superseded_revision == wanted
                and self.contents.same(new, event.row)
            ):
                return self._repeated(event.row, state)
        in_force = 0 if state.withdrawn or state.in_force == NO_ROW else state.since
        if wanted != in_force:
            finding = Finding(
                row,
                common_pb2.FIELD_SUPERSEDES_REVISION,
                readings_pb2.RULE_NOT_IN_FORCE,
                wanted,
                in_force,
            )
            return Verdict(REJECTED, finding=finding)
        event = self._event(
            Cause.CORRECTED,
            row,
            comes_into_force=True,
            supersedes=state.in_force,
            superseded_revision=state.since,
        )
        return Verdict(CORRECTED, event, state.in_force, state.since)

    def _repeated(self, row: int, state: BaleState) -> Verdict:
        """A correction that is stored already, and may have been superseded since."""
        if state.withdrawn:
            return Verdict(SUPERSEDED_BY_WITHDRAWAL, met=state.in_force)
        for left, cause in state.left:
            if left == row:
                return Verdict(_SUPERSEDED_BY[cause], met=state.in_force, met_revision=state.since)
        return Verdict(EXISTS, met=row, met_revision=state.since)

    def _retest(self, row: int, kind: int, state: BaleState) -> Verdict:
        new = of_table(row)
        for retest in state.retests:
            if self.contents.kind(retest) == kind and self.contents.same(new, retest):
                return Verdict(EXISTS, met=retest, met_revision=self._revision_of(retest))
        if (refused := self._of_another_lot(row, state)) is not None:
            return refused
        comparison = None
        if state.first != NO_ROW:
            comparison = self._compared(state.first, new)
            comparison.original_revision = self._revision_of(state.first)
            comparison.retest_revision = int(self._position[row])
        in_force = not state.withdrawn and comes_into_force(kind, comparison, self._rules.retest)
        if comparison is not None:
            comparison.retest_in_force = in_force
        event = self._event(
            Cause.RETESTED,
            row,
            comes_into_force=in_force,
            supersedes=state.in_force if in_force else NO_ROW,
            superseded_revision=state.since if in_force else 0,
        )
        return Verdict(
            RETESTED_IN_FORCE if in_force else RETESTED,
            event,
            event.supersedes,
            event.superseded_revision,
            comparison=comparison,
        )

    def _compared(self, original: int, retest: int) -> readings_pb2.RetestComparison:
        rows = (original, retest)
        is_usda = any(
            self._table.high[-2 - row] >= USDA_HIGH
            if row < 0
            else self._registry.bales.high[row] >= USDA_HIGH
            for row in rows
        )
        one, other = (self.contents.values(row) for row in rows)
        return compare(one, other, self._rules.retest, is_usda=is_usda)

    def _revision_of(self, row: int) -> int:
        """The revision at which a reading was stored."""
        if row < 0:
            return int(self._position[-2 - row])
        return int(self._registry.bales.position[row])

    def _place(self, row: int) -> Place:
        return int(self._position[row]), int(self._batch_row[row])

    def _event(
        self,
        cause: Cause,
        row: int,
        *,
        comes_into_force: bool = False,
        supersedes: int = NO_ROW,
        superseded_revision: int = 0,
        conflict: Place = (0, 0),
        brings: bool = True,
    ) -> CourseEvent:
        position, batch_row = self._place(row)
        return CourseEvent(
            cause,
            position,
            batch_row,
            row=of_table(row) if brings else NO_ROW,
            comes_into_force=comes_into_force,
            supersedes=supersedes,
            superseded_revision=superseded_revision,
            conflict=conflict,
        )
