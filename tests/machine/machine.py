"""The state machine: random histories against the oracle, looked at after every step."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from cotton.inspection.v1 import amendments_pb2, common_pb2, lots_pb2
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.committer import Stored
from cotton_server.intake.content import (
    CERTIFICATES,
    CLOSURES,
    LOTS,
    OBJECTIONS,
    READINGS,
    RESOLUTIONS,
    WEIGHTS,
    WITHDRAWALS,
)
from cotton_server.intake.replay import replay
from cotton_server.registry.registry import Registry
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.machine import drafts
from tests.machine.core import PRODUCERS, Answer, Core, Message, everything, replayed, told_at
from tests.machine.drafts import LOTS as LOT_NOS
from tests.machine.drafts import RIGHT, TARGETS, Draft, amendment, batches, target_of
from tests.support.committing import BOUNDS
from tests.support.oracle import Oracle, same_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.bales import Bale
    from tests.support.oracle import Snapshot

FIELDS: Final = {
    LOTS: "lots",
    WEIGHTS: "weights",
    CLOSURES: "closures",
    CERTIFICATES: "certificates",
    OBJECTIONS: "objections",
}

lot_nos = st.sampled_from(LOT_NOS)
targets = st.sampled_from(TARGETS)
amended = st.none() | targets
producers = st.sampled_from(PRODUCERS)
shapes = st.sampled_from(["rows", "columns"])
places = st.integers(0, 1 << 16)


class CoreMachine(RuleBasedStateMachine):
    """Everything that a producer, an office or a power cut can do to the core."""

    def __init__(self) -> None:
        """Starts with an empty ledger."""
        super().__init__()
        self.core = Core()
        self.oracle = Oracle()
        self.next = dict.fromkeys(PRODUCERS, 1)
        self.log: list[tuple[Message, Stored]] = []
        self.by_identity: dict[tuple[str, int | str], int] = {}
        self.given: list[Snapshot] = [told_at(self.core.registry, 0)]
        self.names = count(1)
        self.steps = 0
        self.is_sound = True

    # What is sent.

    @rule(producer=producers, batch=batches(), shape=shapes)
    def append(self, producer: str, batch: list[Draft], shape: str) -> None:
        """The next batch of a producer."""
        self._send([self._in_order(producer, batch, shape)])

    @rule(producer=producers, batch=batches(), shape=shapes)
    def upload(self, producer: str, batch: list[Draft], shape: str) -> None:
        """A batch under an id."""
        bales = self._bales(batch)
        self._send([Message(READINGS, producer, f"b{next(self.names)}", bales, shape)])

    @rule(producer=producers, batch=batches(), ahead=st.integers(1, 3))
    def skip(self, producer: str, batch: list[Draft], ahead: int) -> None:
        """A batch after a gap."""
        sequence = self.next[producer] + ahead
        self._send([Message(READINGS, producer, sequence, self._bales(batch))])

    @precondition(lambda self: self.log)
    @rule(place=places, shape=shapes)
    def repeat(self, place: int, shape: str) -> None:
        """Something that was stored, once more, in whatever shape."""
        message, _ = self.log[place % len(self.log)]
        self._send([replace(message, shape=shape)])

    @precondition(lambda self: self.log)
    @rule(place=places, batch=batches())
    def reuse(self, place: int, batch: list[Draft]) -> None:
        """An identity that was used, for other readings."""
        message, _ = self.log[place % len(self.log)]
        self._send([replace(message, kind=READINGS, parts=self._bales(batch))])

    @rule(
        producer=producers,
        several=st.lists(
            st.tuples(batches(), st.sampled_from("nnnugrr"), places), min_size=2, max_size=5
        ),
        shape=shapes,
    )
    def crowd(self, producer: str, several: list[tuple[list[Draft], str, int]], shape: str) -> None:
        """Messages that queue up behind one: next, after a gap, again, and under ids."""
        messages: list[Message] = []
        following = self.next[producer]
        for batch, what, place in several:
            bales = self._bales(batch)
            if what == "r" and messages:
                messages.append(replace(messages[place % len(messages)], shape=shape))
            elif what == "u":
                messages.append(Message(READINGS, producer, f"b{next(self.names)}", bales, shape))
            else:
                sequence = following + (what == "g")
                messages.append(Message(READINGS, producer, sequence, bales, shape))
                following += what != "g"
        self._send(messages, together=True)

    # What is recorded of lots.

    @rule(
        lot_no=lot_nos,
        declared=st.sampled_from([0, 1, 2, "right"]),
        aim=amended,
        producer=producers,
    )
    def register(self, lot_no: str, declared: int | str, aim: str | None, producer: str) -> None:
        """A lot is booked in, or that is corrected."""
        bales = self._bales_of(lot_no) if declared == "right" else declared
        lot = lots_pb2.Lot(
            lot_no=lot_no,
            cotton_type=common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND,
            declared_bales=int(bales),
        )
        self._record(LOTS, lot, aim, producer)

    @rule(
        lot_no=lot_nos,
        gross=st.sampled_from([4_262_000, 4_262_100]),
        aim=amended,
        regain=st.sampled_from([None, 750]),
    )
    def weigh(self, lot_no: str, gross: int, aim: str | None, regain: int | None) -> None:
        """A lot is weighed, or that is corrected."""
        weight = lots_pb2.LotWeight(
            lot_no=lot_no, gross=gross, tare=1000, resolution=10, regain=regain
        )
        self._record(WEIGHTS, weight, aim)

    @rule(lot_no=lot_nos, off=st.sampled_from([(0, 0), (0, 0), (1, 0), (1, 1)]), aim=amended)
    def close(self, lot_no: str, off: tuple[int, int], aim: str | None) -> None:
        """The laboratory closes a lot, with counts that agree or not."""
        bales = self._bales_of(lot_no)
        closure = lots_pb2.LotClosure(
            lot_no=lot_no,
            laboratory="L1",
            bales_received=max(bales + off[0], 1),
            bales_tested=bales + off[1],
        )
        self._record(CLOSURES, closure, aim)

    @rule(lot_no=lot_nos)
    def finish(self, lot_no: str) -> None:
        """All that makes a lot final, with counts that agree with what is read."""
        bales = self._bales_of(lot_no)
        lot = self.oracle.lots.get(lot_no)
        parts: list[tuple[str, Any]] = [
            (
                LOTS,
                lots_pb2.Lot(lot_no=lot_no, cotton_type=common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND),
            ),
            (WEIGHTS, lots_pb2.LotWeight(lot_no=lot_no, gross=4_262_000, tare=1000, resolution=10)),
        ]
        for kind, record in parts:
            if lot is None or lot.last(FIELDS[kind]) is None:
                self._record(kind, record, None)
        closure = lots_pb2.LotClosure(
            lot_no=lot_no, laboratory="L1", bales_received=max(bales, 1), bales_tested=bales
        )
        closed = lot is not None and lot.last("closures") is not None
        self._record(CLOSURES, closure, RIGHT if closed else None)

    @rule(
        lot_no=lot_nos,
        quality=st.sampled_from(["", "Q1", "Q2"]),
        weight=st.sampled_from(["", "W1", "W2"]),
        aim=amended,
    )
    def certify(self, lot_no: str, quality: str, weight: str, aim: str | None) -> None:
        """Certificates are issued, or issued again."""
        if quality or weight:
            record = lots_pb2.LotCertificates(
                lot_no=lot_no, quality_certificate_no=quality, weight_certificate_no=weight
            )
            self._record(CERTIFICATES, record, aim)

    @rule(lot_no=lot_nos, number=st.sampled_from("12"), decision=st.sampled_from([0, 0, 1, 2]))
    def object_to(self, lot_no: str, number: str, decision: int) -> None:
        """An owner objects, or the objection is decided."""
        objection = lots_pb2.LotObjection(
            lot_no=lot_no, objection_no=number, raised_by="owner", raised_at_s=1_480_000_000
        )
        if decision:
            objection.decision = decision  # type: ignore[assignment]
            objection.decided_by, objection.decided_at_s = "office", 1_480_000_001
        self._send([self._request(OBJECTIONS, [objection])])

    # What is decided.

    @rule(place=places, reinstate=st.booleans(), aim=targets)
    def withdraw_bale(self, place: int, reinstate: bool, aim: str) -> None:
        """A bale is withdrawn, or that is taken back."""
        self._send([self._request(WITHDRAWALS, [self._withdrawal(place, reinstate, aim)])])

    @rule(lot_no=lot_nos, reinstate=st.booleans(), aim=targets)
    def withdraw_lot(self, lot_no: str, reinstate: bool, aim: str) -> None:
        """A lot is withdrawn, or that is taken back."""
        lot = self.oracle.lots.get(lot_no)
        since = lot.touched_at if lot is not None else 0
        withdrawal = amendments_pb2.Withdrawal(
            lot_no=lot_no,
            reinstate=reinstate,
            amendment=amendment(aim, since, self.oracle.revision),
        )
        self._send([self._request(WITHDRAWALS, [withdrawal])])

    @rule(
        several=st.lists(st.tuples(places, st.booleans(), targets), min_size=1, max_size=3),
    )
    def resolve(self, several: list[tuple[int, bool, str]]) -> None:
        """Conflicts are decided, some that are none among them."""
        resolutions = []
        for place, accepts, aim in several:
            known = list(self.oracle.conflicts.values())
            # One more than there are: an id that is nobody's.
            choice = place % (len(known) + 1)
            since, name = 0, "99999/0"
            if choice < len(known):
                name = known[choice].id
                since = self.oracle.history(known[choice].read.bale).since
            resolutions.append(
                amendments_pb2.ConflictResolution(
                    conflict_id=name,
                    decision=amendments_pb2.CONFLICT_DECISION_ACCEPT
                    if accepts
                    else amendments_pb2.CONFLICT_DECISION_KEEP,
                    amendment=amendment(aim, since, self.oracle.revision),
                )
            )
        self._send([self._request(RESOLUTIONS, resolutions)])

    # What goes wrong.

    @rule()
    def restart(self) -> None:
        """The server is stopped in order and started again."""
        self.core.restart()

    @rule(bales=st.integers(1, 6), free=st.booleans(), resident=st.sampled_from([0, 4, 1000]))
    def seal(self, bales: int, free: bool, resident: int) -> None:
        """What there is becomes sealed history, some of it not in memory, and is started from."""
        self.core.seal(bales=bales, free=free, resident=resident)

    @rule(producer=producers, batch=batches(), in_flight=st.booleans())
    def kill(self, producer: str, batch: list[Draft], in_flight: bool) -> None:
        """The process is killed, with a batch on its way; what had no answer was not stored."""
        self.core.kill([self._in_order(producer, batch, "rows")] if in_flight else [])

    # What must hold.

    @rule(place=places)
    def look_back(self, place: int) -> None:
        """What is answered of an earlier revision is what held then, and what was said then."""
        self._check_at(place % (self.oracle.revision + 1))

    @invariant()
    def stands_as_it_should(self) -> None:
        """The latest revision and an earlier one are answered as the oracle has them."""
        sound, self.is_sound = self.is_sound, False
        registry = self.core.registry
        assert registry.revision == self.oracle.revision == len(self.oracle.snapshots) - 1
        for producer, following in self.next.items():
            assert registry.producers.next_sequence(producer) == following
        for revision in range(len(self.given), registry.revision + 1):
            self.given.append(told_at(registry, revision))
            self._check_at(revision)
        self.steps += 1
        self._check_at(self.steps * 31 % (self.oracle.revision + 1))
        assert [change.moment.position for change in registry.changes] == sorted(
            change.moment.position for change in registry.changes
        )
        self.is_sound = sound

    def teardown(self) -> None:
        """Replay of the whole ledger, and of every prefix, gives what there was."""
        try:
            if self.is_sound:  # else there is something better to tell
                self._check_replay()
        finally:
            self.core.close()

    def _check_replay(self) -> None:
        entries = self.core.entries()
        assert [entry.position for entry in entries] == list(range(1, self.oracle.revision + 1))
        held = everything(self.core.registry)
        _same(everything(replayed(entries)), held)
        growing = Registry(bales_max=BOUNDS.bales_max)
        for entry in entries:
            replay([entry], growing, of=0)
            assert told_at(growing, entry.position) == self.given[entry.position]
        _same(everything(growing), held)
        middle = len(entries) // 2
        assert told_at(replayed(entries[:middle]), middle) == self.given[middle]

    def _check_at(self, revision: int) -> None:
        told = told_at(self.core.registry, revision)
        expected = self.oracle.snapshots[revision]
        for name, now, wanted, before in zip(
            told._fields, told, expected, self.given[revision], strict=True
        ):
            assert now == wanted, f"{name} at revision {revision}"
            assert now == before, f"{name} at revision {revision}, as it was told then"

    # How it is sent, and what must be answered.

    def _send(self, messages: Sequence[Message], *, together: bool = False) -> None:
        self.is_sound = False
        answers = self.core.send(messages, together=together)
        for message, answer in zip(messages, answers, strict=True):
            self._check_answer(message, answer)
        self.is_sound = True

    def _check_answer(self, message: Message, answer: Answer) -> None:
        stored = self.by_identity.get((message.producer, message.identity))
        if stored is not None:
            self._check_repeat(message, *self.log[stored], answer)
            return
        following = self.next[message.producer]
        if isinstance(message.identity, int):
            if message.identity > following:
                assert isinstance(answer, ServiceError)
                assert answer.reason is Reason.SEQUENCE_GAP
                assert answer.metadata == {"next_sequence": str(following)}
                return
            assert message.identity == following
            self.next[message.producer] += 1
        assert isinstance(answer, Stored), answer
        assert not answer.repeated
        expected = self._expected(message)
        assert answer.revision == self.oracle.revision
        told = _unworded(answer.outcome)
        assert told == expected, f"{told}\ninstead of\n{expected}"
        self.by_identity[message.producer, message.identity] = len(self.log)
        self.log.append((message, answer))

    def _check_repeat(
        self, message: Message, first: Message, first_answer: Stored, answer: Answer
    ) -> None:
        is_same = message.kind == first.kind and (
            same_batch(message.parts, first.parts)
            if message.kind == READINGS
            else list(message.parts) == list(first.parts)
        )
        if is_same:
            assert answer == replace(first_answer, repeated=True)
            return
        assert isinstance(answer, ServiceError)
        assert answer.reason is Reason.BATCH_REUSED
        assert answer.metadata == {"revision": str(first_answer.revision)}

    def _expected(self, message: Message) -> Any:
        if message.kind == READINGS:
            return self.oracle.batch(message.parts)
        if message.kind == WITHDRAWALS:
            return self.oracle.withdrawals(message.parts)
        if message.kind == RESOLUTIONS:
            return self.oracle.resolutions(message.parts)
        return self.oracle.records(FIELDS[message.kind], message.parts)

    def _in_order(self, producer: str, batch: Sequence[Draft], shape: str) -> Message:
        return Message(READINGS, producer, self.next[producer], self._bales(batch), shape)

    def _bales(self, batch: Sequence[Draft]) -> list[Bale]:
        """The readings of a batch, with the targets of its corrections as they are now."""
        revision = self.oracle.revision
        return [
            replace(
                draft.bale,
                supersedes=target_of(draft.target, self.oracle.history(draft.bale).since, revision),
            )
            if draft.bale.kind == drafts.CORRECTION
            else draft.bale
            for draft in batch
        ]

    def _request(self, kind: str, records: Sequence[Any], producer: str = "p") -> Message:
        return Message(kind, producer, f"r{next(self.names)}", records)

    def _record(self, kind: str, record: Any, aim: str | None, producer: str = "p") -> None:
        if aim is not None:
            lot = self.oracle.lots.get(record.lot_no)
            versions = lot.records.get(self._chain(kind, record), []) if lot is not None else []
            since = versions[-1][0] if versions else 0
            record.amendment.CopyFrom(amendment(aim, since, self.oracle.revision))
        self._send([self._request(kind, [record], producer)])

    @staticmethod
    def _chain(kind: str, record: Any) -> str:
        if kind != CERTIFICATES:
            return FIELDS[kind]
        return (
            "quality_certificate_no" if record.quality_certificate_no else "weight_certificate_no"
        )

    def _withdrawal(self, place: int, reinstate: bool, aim: str) -> amendments_pb2.Withdrawal:
        chosen = drafts.POOL[place % len(drafts.POOL)]
        withdrawal = amendments_pb2.Withdrawal(
            reinstate=reinstate,
            amendment=amendment(aim, self.oracle.history(chosen).since, self.oracle.revision),
        )
        if chosen.crop_year:
            withdrawal.usda_bale.crop_year = chosen.crop_year
            withdrawal.usda_bale.bale_id = chosen.code
        else:
            withdrawal.bale_code = chosen.code
        return withdrawal

    def _bales_of(self, lot_no: str) -> int:
        """Bales of a lot in force."""
        return sum(row[0] == lot_no for row in self.oracle.snapshots[-1].in_force)


def _unworded(outcome: Any) -> Any:
    """An answer without the sentences for people, of which the contract says no more."""
    told = type(outcome)()
    told.CopyFrom(outcome)
    for result in getattr(told, "results", ()):
        result.message = ""
    return told


def _same(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, held in one.items():
        if isinstance(held, dict) and isinstance(other[name], dict) and held != other[name]:
            _same(held, other[name])
        assert held == other[name], f"{name}: {held} instead of {other[name]}"
