"""What the contract says becomes of everything sent, in plain dictionaries and lists.

Written from the comments of the contract and the text of the rule set, bale after bale and record
after record, without an index, without groups and without a history: what held at a revision is
remembered as it was then. Where the contract leaves something open, the choice is said beside it.
"""

from __future__ import annotations

import tomllib
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import cotton_server
from cotton.inspection.v1 import (
    amendments_pb2,
    common_pb2,
    lifecycle_pb2,
    lots_pb2,
    readings_pb2,
    summary_pb2,
)

from tests.support.bales import key_of
from tests.support.model import ORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tests.support.bales import Bale

_OUTCOME: Final = readings_pb2.Outcome
_KIND: Final = readings_pb2.ReadingKind
_STATE: Final = summary_pb2
_CHANGE: Final = lifecycle_pb2

ORIGINAL: Final = readings_pb2.READING_KIND_ORIGINAL
CORRECTION: Final = readings_pb2.READING_KIND_CORRECTION

TEXTS: Final = ("lot_no", "standard", "laboratory")
MEASURES: Final = tuple(name for name in ORDER if name not in TEXTS)
"""Every field of a reading with a number, in the order in which a difference is reported."""

_WHOLE: Final = frozenset(
    {
        *("colour_grade", "preparation", "foreign_fibre", "trash_count", "spinning_consistency"),
        *("instrument_colour_grade", "colour_quadrant", "leaf_grade", "extraneous_matter"),
        "visual_grade",
    }
)
"""Fields that are no hundredths."""

Key = tuple[int, int]
Row = tuple[object, ...]
State = tuple[int, tuple[int, ...]]
Change = tuple[int, str, int, int, int]
"""Revision, lot, kind, state before and after."""


@cache
def rules() -> Mapping[str, Any]:
    """The rule set as its file has it."""
    folder = Path(cotton_server.__file__).parent / "intake" / "rules"
    return tomllib.loads((folder / "intake-3.toml").read_text())


def _hundredths(text: str) -> int:
    return int(Decimal(text) * 100)


def _limits(name: str, texts: Sequence[str]) -> list[int]:
    return [int(text) if name in _WHOLE else _hundredths(text) for text in texts]


def _spelled(name: str, value: int | None) -> str:
    if value is None:
        return ""
    return str(value) if name in _WHOLE else f"{Decimal(value) / 100:.2f}"


def _field(name: str) -> common_pb2.Field.ValueType:
    return common_pb2.Field.Value(f"FIELD_{name.removesuffix('_s').upper()}")


@dataclass(eq=False)
class Read:
    """A reading that is kept, and where it is recorded."""

    bale: Bale
    revision: int
    row: int

    @property
    def kind(self) -> int:
        """What it is to its bale."""
        return self.bale.kind or ORIGINAL

    def told(self) -> Row:
        """All that is stored of it."""
        bale = self.bale
        texts = bale.lot_no, bale.standard, bale.laboratory, bale.instrument
        values = (bale.values.get(name, -1) for name in MEASURES)
        place = self.revision, self.row, bale.inspected_at_s, self.kind
        return (*texts, *values, *key_of(bale), *place)


def difference(one: Bale, other: Bale) -> str | None:
    """The first field, in order of precedence, in which two readings of a bale differ."""
    for name in ORDER:
        if name in TEXTS:
            pair = getattr(one, name), getattr(other, name)
            # Two sites only where both name one.
            if pair[0] != pair[1] and (name != "laboratory" or all(pair)):
                return name
        elif one.values.get(name) != other.values.get(name):
            return name
    return None


@dataclass(eq=False)
class Contested:
    """A conflict, with every revision at which its reading arrived."""

    id: str
    read: Read
    stored_revision: int
    field: str
    arrivals: list[int]
    decision: int = amendments_pb2.CONFLICT_STATE_OPEN
    decided_at: int = 0


@dataclass(eq=False)
class History:
    """One bale. `since` is the revision that brought `in_force` into force."""

    in_force: Read | None = None
    since: int = 0
    first: Read | None = None
    has_original: bool = False
    withdrawn: bool = False
    retests: list[Read] = field(default_factory=list)
    superseded: list[tuple[Read, str]] = field(default_factory=list)
    corrections: list[tuple[int, Read]] = field(default_factory=list)
    conflicts: list[Contested] = field(default_factory=list)
    stands_for: int = 0
    """Kind of the re-test that is in force, or was corrected; 0 where it is the original."""

    def bring(self, read: Read, revision: int, cause: str) -> int:
        """Puts a reading into force; gives the revision that brought the former one."""
        former = self.since
        if self.in_force is not None:
            self.superseded.append((self.in_force, cause))
        self.in_force, self.since = read, revision
        return former

    def correct(self, read: Read, revision: int) -> int:
        """Puts a correction into force, of the first inspection too if that was in force."""
        if self.first is self.in_force:
            self.first = read
        return self.bring(read, revision, "CORRECTION")


def rejection(bale: Bale) -> tuple[str, str, str, str] | None:
    """Field, rule, value and limit for which a reading is refused by itself."""
    lot_no = bale.lot_no
    if not (lot_no.isdigit() and len(lot_no) == 11) and (lot_no or not bale.crop_year):
        return "lot_no", "FORM" if lot_no else "REQUIRED", lot_no, ""
    for name, value, limits in _ranged(bale):
        low, high = _limits(name, limits["reject"])
        if value < low:
            return name, "BELOW", _spelled(name, value), _spelled(name, low)
        if value > high:
            return name, "ABOVE", _spelled(name, value), _spelled(name, high)
    given = {
        "supersedes_revision": bool(bale.supersedes),
        "reason": bool(bale.reason),
        "decided_by": bool(bale.decided_by),
    }
    for name, there in given.items():
        if there != (bale.kind == CORRECTION):
            return name, "NOT_ALLOWED" if there else "REQUIRED", "", ""
    return None


def warnings(bale: Bale) -> list[tuple[str, str, int, int]]:
    """Field, rule, value and limit of what is unlikely in a reading."""
    found = []
    for name, value, limits in _ranged(bale):
        low, high = _limits(name, limits["warn"])
        if value < low:
            found.append((name, "BELOW", value, low))
        if value > high:
            found.append((name, "ABOVE", value, high))
    return found


def _ranged(bale: Bale) -> Iterable[tuple[str, int, Mapping[str, Any]]]:
    ranges = rules()["usda" if bale.crop_year else "gb"]["ranges"]
    return [(name, bale.values[name], ranges[name]) for name in ranges if name in bale.values]


def comparison(original: Read, retest: Read) -> readings_pb2.RetestComparison:
    """A re-test beside the original, measure by measure."""
    told = readings_pb2.RetestComparison(
        original_revision=original.revision,
        retest_revision=retest.revision,
        within_tolerance=True,
        rule_set="intake-3",
        unverified=True,
    )
    tolerances = rules()["retest"]["usda" if original.bale.crop_year else "gb"]
    for name in MEASURES:
        one, other = original.bale.values.get(name), retest.bale.values.get(name)
        if one is None or other is None:
            continue
        if name in tolerances:
            tolerance = _hundredths(tolerances[name])
            within = abs(one - other) <= tolerance
            told.measures.add(
                field=_field(name), original=one, retest=other, tolerance=tolerance, within=within
            )
        elif name in rules()["retest"]["codes"]["equal"]:
            within = one == other
            told.measures.add(field=_field(name), original=one, retest=other, within=within)
        else:
            continue
        told.within_tolerance = told.within_tolerance and within
    return told


def _prevails(kind: int, compared: readings_pb2.RetestComparison | None) -> bool:
    rule = rules()["retest"]["in_force"][_KIND.Name(cast("Any", kind)).rsplit("_", 1)[1].lower()]
    if rule == "never":
        return False
    return rule == "always" or compared is None or not compared.within_tolerance


@dataclass(eq=False)
class Lot:
    """One lot: its records by kind, each with the revision that brought it."""

    lot_no: str
    records: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    withdrawn: bool = False
    moves: int = 0
    touched_at: int = 0
    was_final: bool = False
    changed_since: bool = False
    state: State | None = None
    figures: tuple[object, ...] = ([], [], 0, 0, 0, 0, False)

    def last(self, kind: str) -> Any:
        """The record of a kind in force."""
        versions = self.records.get(kind)
        return versions[-1][1] if versions else None


class Snapshot(NamedTuple):
    """What held at one revision."""

    in_force: list[Row]
    first: list[Row]
    lots: dict[str, State]
    conflicts: dict[str, tuple[object, ...]]
    changes: list[Change]


_EMPTY: Final = Snapshot([], [], {}, {}, [])

_LOT_OUTCOMES: Final = {
    lots_pb2.LOT_OUTCOME_CREATED: "created",
    lots_pb2.LOT_OUTCOME_EXISTS: "existing",
    lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT: "conflicting",
    lots_pb2.LOT_OUTCOME_REJECTED: "rejected",
    lots_pb2.LOT_OUTCOME_CORRECTED: "corrected",
    lots_pb2.LOT_OUTCOME_SUPERSEDED: "superseded",
}


class Oracle:
    """Everything that was sent so far, and what became of it."""

    def __init__(self) -> None:
        """Starts with nothing."""
        self.revision = 0
        self.bales: dict[Key, History] = {}
        self.lots: dict[str, Lot] = {}
        self.conflicts: dict[str, Contested] = {}
        self.snapshots = [_EMPTY]

    def history(self, bale: Bale) -> History:
        """What is known of a bale."""
        return self.bales.setdefault(key_of(bale), History())

    def lot(self, lot_no: str) -> Lot:
        """What is known of a lot."""
        return self.lots.setdefault(lot_no, Lot(lot_no))

    @contextmanager
    def _moving(self, bale: Bale) -> Iterator[None]:
        """Notes for the lots concerned whether what counts of a bale changes."""
        before = self._counted(key_of(bale))
        yield
        moved = before ^ self._counted(key_of(bale))
        for _, read in moved:
            self.lot(read.bale.lot_no).moves += 1

    def _counted(self, key: Key) -> set[tuple[str, Read]]:
        history = self.bales.get(key)
        if history is None or history.withdrawn:
            return set()
        pair = ("in force", history.in_force), ("first", history.first)
        return {(what, read) for what, read in pair if read is not None}

    # Readings.

    def batch(self, bales: Sequence[Bale]) -> readings_pb2.BatchOutcome:
        """Stores a batch of readings; its answer."""
        self.revision += 1
        answer = readings_pb2.BatchOutcome(received=len(bales))
        registered = {lot_no for lot_no, lot in self.lots.items() if lot.last("lots") is not None}
        for row, bale in enumerate(bales):
            with self._moving(bale):
                told = self._reading(Read(bale, self.revision, row))
            told.row = row
            self._count(answer, told, bale, is_registered=bale.lot_no in registered)
        self._settle(())
        return answer

    def _count(
        self,
        answer: readings_pb2.BatchOutcome,
        told: readings_pb2.BaleOutcome,
        bale: Bale,
        *,
        is_registered: bool,
    ) -> None:
        name = _OUTCOME.Name(told.outcome).removeprefix("OUTCOME_")
        counts = {"CREATED": "created", "EXISTS": "existing", "REJECTED": "rejected"}
        counts |= {"CORRECTED": "corrected"}
        counts |= dict.fromkeys(("RETESTED", "RETESTED_IN_FORCE"), "retested")
        count = counts.get(name, "superseded" if name.startswith("SUPER") else "conflicting")
        setattr(answer, count, getattr(answer, count) + 1)
        if name == "EXISTS":
            runs = answer.existing_rows
            if runs and runs[-1].first + runs[-1].count == told.row:
                runs[-1].count += 1
            else:
                runs.add(first=told.row, count=1)
        elif name != "CREATED" or told.HasField("comparison"):
            told.bale = f"{bale.crop_year}/{bale.code}" if bale.crop_year else bale.code
            answer.outcomes.append(told)
        if count in {"created", "corrected", "retested"}:
            unlikely = warnings(bale)
            answer.warned += bool(unlikely)
            for name, rule, value, limit in unlikely:
                answer.warnings.add(
                    row=told.row,
                    field=_field(name),
                    rule=readings_pb2.Rule.Value(f"RULE_{rule}"),
                    received=value,
                    limit=limit,
                )
        answer.unregistered += count == "created" and not is_registered

    def _reading(self, read: Read) -> readings_pb2.BaleOutcome:
        refused = rejection(read.bale)
        if refused is not None:
            return _rejected(*refused)
        history = self.history(read.bale)
        told = self._taken(read, history)
        if told.outcome != readings_pb2.OUTCOME_REJECTED:
            self.lot(read.bale.lot_no)
        return told

    def _taken(self, read: Read, history: History) -> readings_pb2.BaleOutcome:
        if read.kind == CORRECTION:
            return self._correction(read, history)
        if read.kind != ORIGINAL:
            return self._retest(read, history)
        if not history.has_original:
            return self._first_reading(read, history)
        return self._repeat(read, history)

    def _of_another_lot(self, read: Read, history: History) -> readings_pb2.BaleOutcome | None:
        """Only a correction moves a bale; a re-test and its original name the same lot."""
        known = history.in_force or (history.retests[-1] if history.retests else None)
        if known is None or known.bale.lot_no == read.bale.lot_no:
            return None
        told = _rejected("lot_no", "DISAGREES", read.bale.lot_no, "")
        told.stored, told.stored_revision = known.bale.lot_no, known.revision
        return told

    def _first_reading(self, read: Read, history: History) -> readings_pb2.BaleOutcome:
        if (refused := self._of_another_lot(read, history)) is not None:
            return refused
        told = readings_pb2.BaleOutcome(outcome=readings_pb2.OUTCOME_CREATED)
        history.has_original, history.first = True, read
        before = history.in_force
        # A re-test of a bale whose original has not arrived is in force until it does: from then
        # on only where the rule gives it precedence. It speaks as it was corrected, if it was.
        # While the bale is withdrawn nothing comes into force.
        stands = before is not None and (
            history.withdrawn or _prevails(history.stands_for, comparison(read, before))
        )
        if stands:
            # As if it had come first: the re-test has its place.
            history.superseded.append((read, "RETEST"))
            told.stored_revision = 0 if history.withdrawn else history.since
        else:
            told.stored_revision = history.bring(read, read.revision, "RETEST")
            history.stands_for = 0
        if history.retests:
            # With the one that was in force, or the last where none was.
            beside = before or history.retests[-1]
            told.comparison.CopyFrom(comparison(read, beside))
            told.comparison.retest_in_force = history.in_force is beside and not history.withdrawn
        return told

    def _repeat(self, read: Read, history: History) -> readings_pb2.BaleOutcome:
        stored = history.in_force
        assert stored is not None
        in_force = 0 if history.withdrawn else history.since
        differs = difference(read.bale, stored.bale)
        if differs is None:
            if not history.withdrawn:
                return readings_pb2.BaleOutcome(outcome=readings_pb2.OUTCOME_EXISTS)
            return readings_pb2.BaleOutcome(outcome=readings_pb2.OUTCOME_SUPERSEDED_BY_WITHDRAWAL)
        for former, cause in history.superseded:
            if difference(read.bale, former.bale) is None:
                outcome = _OUTCOME.Value(f"OUTCOME_SUPERSEDED_BY_{cause}")
                return readings_pb2.BaleOutcome(outcome=outcome, stored_revision=in_force)
        known = [one for one in history.conflicts if difference(read.bale, one.read.bale) is None]
        if known:
            conflict = known[0]
            conflict.arrivals.append(read.revision)
        else:
            name = f"{read.revision}/{read.row}"
            conflict = Contested(name, read, history.since, differs, [read.revision])
            history.conflicts.append(conflict)
            self.conflicts[name] = conflict
        pair = [
            getattr(bale, differs)
            if differs in TEXTS
            else _spelled(differs, bale.values.get(differs))
            for bale in (read.bale, stored.bale)
        ]
        # Of a withdrawn bale it differs from the last reading that was in force.
        return readings_pb2.BaleOutcome(
            outcome=_OUTCOME.Value(f"OUTCOME_EXISTS_WITH_DIFFERENT_{differs.upper()}"),
            field=_field(differs),
            received=pair[0],
            stored=pair[1],
            stored_revision=history.since,
            conflict_id=conflict.id,
        )

    def _correction(self, read: Read, history: History) -> readings_pb2.BaleOutcome:
        named = read.bale.supersedes
        in_force = 0 if history.withdrawn or history.in_force is None else history.since
        for target, known in history.corrections:
            if target == named and difference(read.bale, known.bale) is None:
                return self._corrected_again(known, history, in_force)
        if named != in_force:
            return _rejected("supersedes_revision", "NOT_IN_FORCE", str(named), str(in_force))
        history.corrections.append((named, read))
        former = history.correct(read, read.revision)
        return readings_pb2.BaleOutcome(
            outcome=readings_pb2.OUTCOME_CORRECTED, stored_revision=former
        )

    def _corrected_again(
        self, known: Read, history: History, in_force: int
    ) -> readings_pb2.BaleOutcome:
        """A correction of the same target that says the same is a repeat, whoever decided."""
        if history.withdrawn:
            return readings_pb2.BaleOutcome(outcome=readings_pb2.OUTCOME_SUPERSEDED_BY_WITHDRAWAL)
        if known is history.in_force:
            return readings_pb2.BaleOutcome(outcome=readings_pb2.OUTCOME_EXISTS)
        cause = next(cause for former, cause in history.superseded if former is known)
        outcome = _OUTCOME.Value(f"OUTCOME_SUPERSEDED_BY_{cause}")
        return readings_pb2.BaleOutcome(outcome=outcome, stored_revision=in_force)

    def _retest(self, read: Read, history: History) -> readings_pb2.BaleOutcome:
        for known in history.retests:
            # Kept beside, whether or not it was ever in force.
            if known.kind == read.kind and difference(read.bale, known.bale) is None:
                return readings_pb2.BaleOutcome(outcome=readings_pb2.OUTCOME_EXISTS)
        if (refused := self._of_another_lot(read, history)) is not None:
            return refused
        history.retests.append(read)
        told = readings_pb2.BaleOutcome(outcome=readings_pb2.OUTCOME_RETESTED)
        compared = None
        if history.first is not None:
            compared = comparison(history.first, read)
        if _prevails(read.kind, compared) and not history.withdrawn:
            told.outcome = readings_pb2.OUTCOME_RETESTED_IN_FORCE
            told.stored_revision = history.bring(read, read.revision, "RETEST")
            history.stands_for = read.kind
        if compared is not None:
            compared.retest_in_force = told.outcome == readings_pb2.OUTCOME_RETESTED_IN_FORCE
            told.comparison.CopyFrom(compared)
        return told

    # Records of lots.

    def records(self, name: str, records: Sequence[Any]) -> lots_pb2.LotsOutcome:
        """Stores a request with records of lots; `name` is that of its field."""
        self.revision += 1
        answer = lots_pb2.LotsOutcome(received=len(records))
        born: list[str] = []
        for row, record in enumerate(records):
            told = self._objection(record) if name == "objections" else self._record(name, record)
            told.row, told.lot_no = row, record.lot_no
            count = _LOT_OUTCOMES[told.outcome]
            setattr(answer, count, getattr(answer, count) + 1)
            if told.outcome != lots_pb2.LOT_OUTCOME_CREATED:
                answer.results.append(told)
            elif name == "lots":
                born.append(record.lot_no)
        self._settle(born)
        return answer

    def _record(self, name: str, sent: Any) -> lots_pb2.LotResult:
        record = _completed(sent)
        chains = _chains(name, record)
        lot = self.lots.get(record.lot_no) or Lot(record.lot_no)
        met = [
            self._beside(lot.records.get(chain, []), _said(record, chain), record)
            for chain in chains
        ]
        found = [each.outcome for each in met]
        mixed = lots_pb2.LOT_OUTCOME_SUPERSEDED in found and lots_pb2.LOT_OUTCOME_CREATED in found
        if mixed:
            # One number is new and the other has been replaced: taking both would undo that.
            place = found.index(lots_pb2.LOT_OUTCOME_SUPERSEDED)
            versions = lot.records[chains[place]]
            return _differing(
                versions[-1], _said(versions[-1][1], chains[place]), record, chains[place]
            )
        severest = min(
            met,
            key=lambda each: [
                lots_pb2.LOT_OUTCOME_REJECTED,
                lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT,
                lots_pb2.LOT_OUTCOME_CORRECTED,
                lots_pb2.LOT_OUTCOME_CREATED,
                lots_pb2.LOT_OUTCOME_SUPERSEDED,
                lots_pb2.LOT_OUTCOME_EXISTS,
            ].index(each.outcome),
        )
        if severest.outcome in (lots_pb2.LOT_OUTCOME_CREATED, lots_pb2.LOT_OUTCOME_CORRECTED):
            kept = self.lot(record.lot_no)
            for chain, each in zip(chains, met, strict=True):
                # A certificate that is stored already stays as it was beside one that is new.
                if each.outcome in (lots_pb2.LOT_OUTCOME_CREATED, lots_pb2.LOT_OUTCOME_CORRECTED):
                    kept.records.setdefault(chain, []).append((self.revision, record))
            kept.touched_at = self.revision
        return severest

    def _beside(
        self, versions: Sequence[tuple[int, Any]], said: dict[str, object], record: Any
    ) -> lots_pb2.LotResult:
        chain = cast("str", said.pop("chain"))
        told = lots_pb2.LotResult()
        last = versions[-1] if versions else None
        told.stored_revision = last[0] if last else 0
        if record.HasField("amendment"):
            same = [version for version in versions if version[1] == record]
            if same:
                told.outcome = _again(same[-1] is last)
            elif last and record.amendment.supersedes_revision == last[0]:
                told.outcome = lots_pb2.LOT_OUTCOME_CORRECTED
            else:
                told.outcome = lots_pb2.LOT_OUTCOME_REJECTED
                told.field = common_pb2.FIELD_SUPERSEDES_REVISION
                told.received = str(record.amendment.supersedes_revision)
                told.stored = str(told.stored_revision)
            return told
        if last is None:
            told.outcome = lots_pb2.LOT_OUTCOME_CREATED
            return told
        known = [_plain(version, chain) for _, version in versions]
        if said in known:
            told.outcome = _again(known[-1] == said)
            return told
        return _differing(last, {**known[-1], "chain": chain}, record, chain)

    def _objection(self, record: lots_pb2.LotObjection) -> lots_pb2.LotResult:
        lot = self.lots.get(record.lot_no) or Lot(record.lot_no)
        chain = f"objection {record.objection_no}"
        versions = lot.records.get(chain, [])
        told = lots_pb2.LotResult(stored_revision=versions[-1][0] if versions else 0)
        same = [place for place, (_, known) in enumerate(versions) if known == record]
        if same:
            told.outcome = _again(same[-1] == len(versions) - 1)
            return told
        decided = ("decision", "decided_by", "decided_at_s", "note")
        if not versions or (
            record.decision
            and not versions[-1][1].decision
            and _without(versions[-1][1], decided) == _without(record, decided)
        ):
            told.outcome, told.stored_revision = lots_pb2.LOT_OUTCOME_CREATED, 0
            kept = self.lot(record.lot_no)
            kept.records.setdefault(chain, []).append((self.revision, record))
            kept.touched_at = self.revision
            return told
        return _differing(versions[-1], {**_plain(versions[-1][1], ""), "chain": ""}, record, "")

    # Decisions.

    def withdrawals(
        self, withdrawals: Sequence[amendments_pb2.Withdrawal]
    ) -> amendments_pb2.AmendmentsOutcome:
        """Stores a request with withdrawals."""
        return self._decisions(withdrawals, self._withdrawal)

    def resolutions(
        self, resolutions: Sequence[amendments_pb2.ConflictResolution]
    ) -> amendments_pb2.AmendmentsOutcome:
        """Stores a request with resolutions of conflicts."""
        return self._decisions(resolutions, self._resolution)

    def _decisions(
        self,
        decisions: Sequence[Any],
        decide: Callable[[Any], amendments_pb2.AmendmentResult],
    ) -> amendments_pb2.AmendmentsOutcome:
        self.revision += 1
        answer = amendments_pb2.AmendmentsOutcome(received=len(decisions))
        for row, decision in enumerate(decisions):
            told = decide(decision)
            told.row = row
            answer.applied += told.outcome == amendments_pb2.AMENDMENT_OUTCOME_APPLIED
            answer.existing += told.outcome == amendments_pb2.AMENDMENT_OUTCOME_EXISTS
            answer.rejected += told.outcome == amendments_pb2.AMENDMENT_OUTCOME_REJECTED
            if told.outcome != amendments_pb2.AMENDMENT_OUTCOME_APPLIED:
                answer.results.append(told)
        self._settle(())
        return answer

    def _withdrawal(self, withdrawal: amendments_pb2.Withdrawal) -> amendments_pb2.AmendmentResult:
        if withdrawal.HasField("lot_no"):
            return self._lot_withdrawal(withdrawal)
        return self._bale_withdrawal(withdrawal)

    def _lot_withdrawal(
        self, withdrawal: amendments_pb2.Withdrawal
    ) -> amendments_pb2.AmendmentResult:
        told = amendments_pb2.AmendmentResult(subject=withdrawal.lot_no)
        lot = self.lots.get(withdrawal.lot_no)
        if lot is None or not lot.touched_at:
            # Nothing of it, or nothing but what a reading that does not count says.
            return _not(told, common_pb2.FIELD_LOT_NO)
        told.stored_revision = lot.touched_at
        if withdrawal.amendment.supersedes_revision not in (0, lot.touched_at):
            return _not(told, common_pb2.FIELD_SUPERSEDES_REVISION)
        if lot.withdrawn != withdrawal.reinstate:
            told.outcome = amendments_pb2.AMENDMENT_OUTCOME_EXISTS
            return told
        lot.withdrawn = not withdrawal.reinstate
        lot.moves += 1
        told.outcome = amendments_pb2.AMENDMENT_OUTCOME_APPLIED
        return told

    def _bale_withdrawal(
        self, withdrawal: amendments_pb2.Withdrawal
    ) -> amendments_pb2.AmendmentResult:
        usda = withdrawal.usda_bale
        is_usda = withdrawal.HasField("usda_bale")
        subject = f"{usda.crop_year}/{usda.bale_id}" if is_usda else withdrawal.bale_code
        told = amendments_pb2.AmendmentResult(subject=subject)
        code = withdrawal.bale_code
        key = (
            (10**16 + usda.crop_year, int(usda.bale_id))
            if is_usda
            else (int(code[:16]), int(code[16:]))
        )
        history = self.bales.get(key)
        if history is None or history.in_force is None:
            return _not(told, common_pb2.FIELD_BALE_CODE)
        told.stored_revision = history.since
        if withdrawal.amendment.supersedes_revision not in (0, history.since):
            return _not(told, common_pb2.FIELD_SUPERSEDES_REVISION)
        if history.withdrawn != withdrawal.reinstate:
            told.outcome = amendments_pb2.AMENDMENT_OUTCOME_EXISTS
            return told
        with self._moving(history.in_force.bale):
            history.withdrawn = not withdrawal.reinstate
        told.outcome = amendments_pb2.AMENDMENT_OUTCOME_APPLIED
        return told

    def _resolution(
        self, resolution: amendments_pb2.ConflictResolution
    ) -> amendments_pb2.AmendmentResult:
        told = amendments_pb2.AmendmentResult(subject=resolution.conflict_id)
        conflict = self.conflicts.get(resolution.conflict_id)
        if conflict is None:
            return _not(told, common_pb2.FIELD_CONFLICT_ID)
        accepts = resolution.decision == amendments_pb2.CONFLICT_DECISION_ACCEPT
        wanted = (
            amendments_pb2.CONFLICT_STATE_ACCEPTED
            if accepts
            else amendments_pb2.CONFLICT_STATE_KEPT
        )
        history = self.history(conflict.read.bale)
        told.stored_revision = history.since
        if conflict.decision == wanted:
            told.outcome = amendments_pb2.AMENDMENT_OUTCOME_EXISTS
            return told
        if conflict.decision != amendments_pb2.CONFLICT_STATE_OPEN:
            return _not(told, common_pb2.FIELD_DECISION)
        named = resolution.amendment.supersedes_revision
        # Nobody overrides what they have not seen.
        unseen = accepts and not named and history.since != conflict.stored_revision
        if named not in (0, history.since) or unseen:
            return _not(told, common_pb2.FIELD_SUPERSEDES_REVISION)
        if accepts and history.withdrawn:
            return _not(told, common_pb2.FIELD_DECISION)
        conflict.decision, conflict.decided_at = wanted, self.revision
        if accepts:
            with self._moving(conflict.read.bale):
                history.correct(conflict.read, self.revision)
        told.outcome = amendments_pb2.AMENDMENT_OUTCOME_APPLIED
        return told

    # What held at a revision.

    def _settle(self, born: Sequence[str]) -> None:
        """Ends a revision: what counts, where lots stand, and what the feed tells of them."""
        reads = [
            (history.in_force, history.first)
            for history in self.bales.values()
            if not history.withdrawn
        ]
        in_force = [one for one, _ in reads if one is not None]
        first = [other for _, other in reads if other is not None]
        changes: list[Change] = []
        for lot in self.lots.values():
            changes += self._settle_lot(lot, in_force, first, is_new=lot.lot_no in born)
        counted = {lot.lot_no for lot in self.lots.values() if not lot.withdrawn}
        self.snapshots.append(
            Snapshot(
                in_force=sorted(one.told() for one in in_force if one.bale.lot_no in counted),
                first=sorted(one.told() for one in first if one.bale.lot_no in counted),
                lots={lot.lot_no: lot.state for lot in self.lots.values() if lot.state is not None},
                conflicts={
                    each.id: (
                        each.decision,
                        key_of(each.read.bale),
                        each.field,
                        each.stored_revision,
                        tuple(each.arrivals),
                    )
                    for each in self.conflicts.values()
                },
                changes=sorted(changes),
            )
        )

    def _settle_lot(
        self, lot: Lot, in_force: Sequence[Read], first: Sequence[Read], *, is_new: bool
    ) -> list[Change]:
        own = [
            sorted((one.revision, one.row) for one in reads if one.bale.lot_no == lot.lot_no)
            for reads in (in_force, first)
        ]
        kinds = ("lots", "weights", "closures")
        versions = [len(lot.records.get(kind, ())) for kind in kinds]
        figures = (*own, *versions, lot.moves, lot.withdrawn)
        before, is_touched = lot.state, figures != lot.figures
        lot.figures = figures
        if is_touched:
            lot.touched_at = self.revision
        if is_touched and lot.was_final:
            lot.changed_since = True
        if lot.touched_at == self.revision:
            lot.state = _state(lot, len(own[0]))
        elif before is None:
            return []
        was = before[0] if before else _STATE.LOT_STATE_UNREGISTERED
        assert lot.state is not None
        now = lot.state[0]
        told = []
        if is_new:
            told.append(_CHANGE.LOT_CHANGE_KIND_NEW)
        withdrawn = _STATE.LOT_STATE_WITHDRAWN
        if (was == withdrawn) != (now == withdrawn):
            left = _CHANGE.LOT_CHANGE_KIND_REINSTATED
            told.append(_CHANGE.LOT_CHANGE_KIND_WITHDRAWN if now == withdrawn else left)
        elif is_touched and lot.was_final and now != withdrawn:
            told.append(_CHANGE.LOT_CHANGE_KIND_REVISED)
        if now == _STATE.LOT_STATE_FINAL and not lot.was_final:
            # For the first time, also where it is so because a withdrawal was taken back.
            told.append(_CHANGE.LOT_CHANGE_KIND_FINAL)
            lot.was_final = True
        return [(self.revision, lot.lot_no, kind, was, now) for kind in told]


def _state(lot: Lot, bales: int) -> State:
    """Where a lot stands, and why it is held."""
    if lot.withdrawn:
        return _STATE.LOT_STATE_WITHDRAWN, ()
    holds = _holds(lot, bales)
    if lot.last("lots") is None:
        return _STATE.LOT_STATE_UNREGISTERED, holds
    if holds:
        return _STATE.LOT_STATE_HELD, holds
    weighed = lot.last("weights") is not None
    if lot.last("closures") is None:
        read = _STATE.LOT_STATE_READ, _STATE.LOT_STATE_READ_AND_WEIGHED
        unread = _STATE.LOT_STATE_REGISTERED, _STATE.LOT_STATE_WEIGHED
        return (read if bales else unread)[weighed], ()
    final = _STATE.LOT_STATE_REVISED if lot.changed_since else _STATE.LOT_STATE_FINAL
    return (final if weighed else _STATE.LOT_STATE_TESTED), ()


def _holds(lot: Lot, bales: int) -> tuple[int, ...]:
    registration, closure = lot.last("lots"), lot.last("closures")
    declared = registration.declared_bales if registration is not None else 0
    why: list[int] = []
    if declared and bales > declared:
        why.append(_STATE.LOT_HOLD_MORE_READ_THAN_DECLARED)
    if closure is not None:
        if declared and closure.bales_received != declared:
            why.append(_STATE.LOT_HOLD_RECEIVED_DIFFERS_FROM_DECLARED)
        if closure.bales_tested != closure.bales_received:
            why.append(_STATE.LOT_HOLD_TESTED_DIFFERS_FROM_RECEIVED)
        if closure.bales_tested != bales:
            why.append(_STATE.LOT_HOLD_TESTED_DIFFERS_FROM_READ)
    return tuple(why)


def _rejected(name: str, rule: str, received: str, limit: str) -> readings_pb2.BaleOutcome:
    return readings_pb2.BaleOutcome(
        outcome=readings_pb2.OUTCOME_REJECTED,
        field=_field(name),
        rule=readings_pb2.Rule.Value(f"RULE_{rule}"),
        received=received,
        limit=limit,
    )


def _not(
    told: amendments_pb2.AmendmentResult, name: common_pb2.Field.ValueType
) -> amendments_pb2.AmendmentResult:
    told.outcome, told.field = amendments_pb2.AMENDMENT_OUTCOME_REJECTED, name
    return told


def _again(is_last: object) -> lots_pb2.LotOutcome.ValueType:
    return lots_pb2.LOT_OUTCOME_EXISTS if is_last else lots_pb2.LOT_OUTCOME_SUPERSEDED


def _completed(sent: Any) -> Any:
    """A registration with gin and line as its lot number says them."""
    record = type(sent)()
    record.CopyFrom(sent)
    if isinstance(record, lots_pb2.Lot):
        record.gin_code = record.gin_code or record.lot_no[:5]
        record.production_line = record.production_line or record.lot_no[7]
    return record


_NUMBERS: Final = ("quality_certificate_no", "weight_certificate_no")


def _chains(name: str, record: Any) -> list[str]:
    """What a record is a record of: a lot has two certificates, and one of everything else."""
    return (
        [number for number in _NUMBERS if getattr(record, number)]
        if name == "certificates"
        else [name]
    )


def _plain(record: Any, chain: str) -> dict[str, object]:
    """What a record says of one thing, by field, without the amendment; None where absent."""
    said: dict[str, object] = {}
    for each in record.DESCRIPTOR.fields:
        is_other = chain in _NUMBERS and each.name in _NUMBERS and each.name != chain
        if each.name != "amendment" and not is_other:
            there = not each.has_presence or record.HasField(each.name)
            said[each.name] = getattr(record, each.name) if there else None
    return said


def _said(record: Any, chain: str) -> dict[str, object]:
    return {**_plain(record, chain), "chain": chain}


def _without(record: Any, names: Sequence[str]) -> dict[str, object]:
    return {name: value for name, value in _plain(record, "").items() if name not in names}


_KILOGRAMS: Final = ("gross", "tare", "regain", "trash", "resolution", "truck_gross", "truck_tare")


def _differing(
    last: tuple[int, Any], stored: dict[str, object], record: Any, chain: str
) -> lots_pb2.LotResult:
    received = _plain(record, chain)
    name = next(name for name, value in received.items() if stored[name] != value)

    def spelled(value: Any) -> str:
        if value is None:
            return ""
        if name in _KILOGRAMS:
            return f"{Decimal(value) / 100:.2f}"
        enum = record.DESCRIPTOR.fields_by_name[name].enum_type
        return str(value) if enum is None else str(enum.values_by_number[value].name)

    return lots_pb2.LotResult(
        outcome=lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT,
        field=_field(name),
        received=spelled(received[name]),
        stored=spelled(stored[name]),
        stored_revision=last[0],
    )


def same_batch(one: Sequence[Bale], other: Sequence[Bale]) -> bool:
    """Whether two batches say the same: a kind that is left out is an original."""
    return [replace(bale, kind=bale.kind or ORIGINAL) for bale in one] == [
        replace(bale, kind=bale.kind or ORIGINAL) for bale in other
    ]
