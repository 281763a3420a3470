"""Any history of lots: state, figures and feed at every revision, against what the words say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cotton.inspection.v1 import lifecycle_pb2, readings_pb2, summary_pb2
from cotton_server.api.figures import certificate_message
from cotton_server.summary.basis import Basis
from cotton_server.summary.certificates import certificates
from cotton_server.summary.changes import ChangeFeed, ChangeFilter, Place
from cotton_server.summary.selecting import LotKeys
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.bales import LOT, OTHER_LOT, bale
from tests.support.chronicles import Reader
from tests.support.histories import History, amendment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cotton_server.registry.lifecycle import LotChange

LOTS = (LOT, OTHER_LOT)
BALES = range(4)
MICRONAIRES = (420, 425, 450)
TOLERANCE = 10
REVIEW, CORRECTION = readings_pb2.READING_KIND_REVIEW, readings_pb2.READING_KIND_CORRECTION
EVERYTHING = ChangeFilter(frozenset(), LotKeys({}, Reader(History()).gradings))

Told = tuple[int, str, str]
"""Revision, lot and kind of a change."""


@dataclass
class ModelBale:
    """One bale: where its reading in force and its first inspection count, and with what."""

    lot: str
    micronaire: int
    since: int
    first_lot: str
    first_micronaire: int
    first_in_force: bool = True
    withdrawn: bool = False
    reviews: set[tuple[str, int]] = field(default_factory=set)


@dataclass
class ModelLot:
    """One lot as the words have it: what has been recorded, and whether it was ever final."""

    declared: int | None = None
    registration: int = 0
    weighed: bool = False
    weight: int = 0
    closed: tuple[int, int] | None = None
    closure: int = 0
    withdrawn: bool = False
    was_final: bool = False
    revised: bool = False
    known: bool = False


class Model:
    """Lots and bales in dictionaries, and the changes that they come to."""

    def __init__(self) -> None:
        """Nothing is known."""
        self.lots = {lot_no: ModelLot() for lot_no in LOTS}
        self.bales: dict[int, ModelBale] = {}
        self.told: list[Told] = []

    def of_lot(self, lot_no: str) -> list[ModelBale]:
        """The bales in force in a lot, also while the lot is withdrawn."""
        return [b for b in self.bales.values() if b.lot == lot_no and not b.withdrawn]

    def state(self, lot_no: str) -> str:
        """REGISTERED, then WEIGHED or TESTED, either first, FINAL, then REVISED or WITHDRAWN."""
        lot, read = self.lots[lot_no], len(self.of_lot(lot_no))
        if lot.withdrawn:
            return "WITHDRAWN"
        if lot.declared is None:
            return "UNREGISTERED"
        agrees = read <= lot.declared
        if lot.closed is not None:
            agrees = lot.closed == (lot.declared, read) and lot.declared == read
        if not agrees:
            return "HELD"
        if lot.closed is None:
            stages = ("REGISTERED", "WEIGHED", "READ", "READ_AND_WEIGHED")
            return stages[lot.weighed + 2 * bool(read)]
        if not lot.weighed:
            return "TESTED"
        return "REVISED" if lot.revised else "FINAL"

    def touched(self, revision: int, lots: set[str], *, was_withdrawn: bool | None = None) -> None:
        """Something that counts has changed in these lots; notes what is to be told."""
        for lot_no in sorted(lots, key=self.order.index):
            lot = self.lots[lot_no]
            lot.known = True
            before_final = lot.was_final
            lot.revised |= before_final
            state = self.state(lot_no)
            lot.was_final |= state == "FINAL"
            if was_withdrawn is not None:
                kind = "REINSTATED" if was_withdrawn else "WITHDRAWN"
            elif state == "WITHDRAWN":
                continue
            elif state == "FINAL" and not before_final:
                kind = "FINAL"
            elif before_final:
                kind = "REVISED"
            else:
                continue
            self.told.append((revision, lot_no, kind))

    order: tuple[str, ...] = LOTS


class Life:
    """A history and its model, driven side by side."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self.history = History()
        self.model = Model()
        # Lots are told in order of first mention: both are mentioned in one weight request.
        self.reader = Reader(self.history)

    @property
    def next(self) -> int:
        """The revision of what comes next."""
        return self.history.registry.revision + 1

    def register(self, lot_no: str, declared: int, amends: bool) -> None:
        """The first registration counts, and any later one that amends."""
        lot, revision = self.model.lots[lot_no], self.next
        is_new = lot.declared is None
        fields: dict[str, Any] = {"declared_bales": declared}
        if amends and not is_new:
            fields["amendment"] = amendment(lot.registration, str(revision))
        self.history.register(lot_no, **fields)
        if is_new or amends:
            lot.declared, lot.registration = declared, revision
            if is_new:
                self.model.told.append((revision, lot_no, "NEW"))
            self.model.touched(revision, {lot_no})

    def weigh(self, lot_no: str, amends: bool) -> None:
        """The first weight counts, and any later one that amends."""
        lot, revision = self.model.lots[lot_no], self.next
        fields: dict[str, Any] = {}
        if amends and lot.weighed:
            fields = {"gross": 4263000, "amendment": amendment(lot.weight, str(revision))}
        self.history.weigh(lot_no, **fields)
        if amends or not lot.weighed:
            lot.weighed, lot.weight = True, revision
            self.model.touched(revision, {lot_no})

    def close(self, lot_no: str, received: int, tested: int, amends: bool) -> None:
        """The first closure counts, and any later one that amends."""
        lot, revision = self.model.lots[lot_no], self.next
        fields: dict[str, Any] = {"bales_tested": tested}
        if amends and lot.closed is not None:
            fields["amendment"] = amendment(lot.closure, str(revision))
        is_new = lot.closed is None
        self.history.close(received, lot_no, **fields)
        if is_new or amends:
            lot.closed, lot.closure = (received, tested), revision
            self.model.touched(revision, {lot_no})

    def finish(self, lot_no: str) -> None:
        """All that a lot needs to be final, where nothing is in the way."""
        count = max(1, len(self.model.of_lot(lot_no)))
        self.register(lot_no, count, amends=True)
        self.weigh(lot_no, amends=False)
        self.close(lot_no, count, count, amends=True)

    def read(self, number: int, lot_no: str, micronaire: int) -> None:
        """The first reading of a bale counts; a later one changes nothing."""
        revision = self.next
        self.history.read([bale(number, lot_no, micronaire=micronaire)])
        if number not in self.model.bales:
            self.model.bales[number] = ModelBale(lot_no, micronaire, revision, lot_no, micronaire)
            self.model.touched(revision, {lot_no})

    def correct(self, number: int, lot_no: str, micronaire: int) -> None:
        """Takes the place of the reading in force, and of the first inspection if it is that."""
        one, revision = self.model.bales.get(number), self.next
        since = 0 if one is None else one.since
        self.history.read(
            [bale(number, lot_no, micronaire=micronaire)],
            kind=CORRECTION,
            amendment=amendment(since),
        )
        if one is None or one.withdrawn:
            return
        lots = {one.lot, lot_no}
        one.lot, one.micronaire, one.since = lot_no, micronaire, revision
        if one.first_in_force:
            one.first_lot, one.first_micronaire = lot_no, micronaire
        self.model.touched(revision, lots)

    def review(self, number: int, micronaire: int) -> None:
        """A re-test out of tolerance takes the place of what is in force, not of the first."""
        one, revision = self.model.bales.get(number), self.next
        if one is None:
            return
        self.history.read([bale(number, one.lot, micronaire=micronaire)], kind=REVIEW)
        known = (one.lot, micronaire) in one.reviews
        one.reviews.add((one.lot, micronaire))
        if known or one.withdrawn or abs(micronaire - one.first_micronaire) <= TOLERANCE:
            return
        one.micronaire, one.since, one.first_in_force = micronaire, revision, False
        self.model.touched(revision, {one.lot})

    def withdraw_bale(self, number: int, reinstate: bool) -> None:
        """A bale counts nowhere while it is withdrawn."""
        one, revision = self.model.bales.get(number), self.next
        self.history.withdraw(bale_code=bale(number).code, reinstate=reinstate)
        if one is not None and one.withdrawn == reinstate:
            one.withdrawn = not reinstate
            self.model.touched(revision, {one.lot, one.first_lot})

    def withdraw_lot(self, lot_no: str, reinstate: bool) -> None:
        """A lot is in no figure while it is withdrawn."""
        lot, revision = self.model.lots[lot_no], self.next
        self.history.withdraw(lot_no=lot_no, reinstate=reinstate)
        if lot.known and lot.withdrawn == reinstate:
            lot.withdrawn = not reinstate
            self.model.touched(revision, {lot_no}, was_withdrawn=reinstate)

    def annotate(self, lot_no: str) -> None:
        """A certificate and an objection: they are told in the status, and revise nothing."""
        self.history.certify(lot_no, quality_certificate_no=f"Q{lot_no}")
        self.history.object_to(lot_no, raised_at_s=self.history.received_at_s[-1])
        self.model.lots[lot_no].known = True

    def answers(self, revision: int) -> tuple[dict[tuple[str, Basis], bytes], list[bytes]]:
        """What is answered at a revision: certificates by lot and basis, and summaries."""
        registry, views = self.history.registry, self.history.views()
        as_of = views.at_entry(revision)
        found = [views.view(number, as_of) for number in views.numbers()]
        there = [view for view in found if view is not None]
        certified = {
            (made.view.lot.lot_no, basis): certificate_message(made).SerializeToString()
            for basis in Basis
            for made in certificates(
                there, registry, self.reader.gradings, share_decimals=1, basis=basis
            )
        }
        questions = (
            summary_pb2.SummariseGradesRequest(
                keys=[summary_pb2.SUMMARY_KEY_LOT],
                revision=revision,
                basis=int(basis),  # type: ignore[arg-type]  # the numbers of that enum
            )
            for basis in Basis
        )
        return certified, [self.reader.summarise(each).SerializeToString() for each in questions]


def check_now(
    life: Life, certified: dict[tuple[str, Basis], bytes], summaries: list[bytes]
) -> None:
    """State and figures of every lot against the model."""
    model = life.model
    by_first: dict[Basis, Callable[[ModelBale], tuple[str, int]]] = {
        Basis.IN_FORCE: lambda one: (one.lot, one.micronaire),
        Basis.FIRST_INSPECTION: lambda one: (one.first_lot, one.first_micronaire),
    }
    assert {lot_no for lot_no, _ in certified} == {
        lot_no for lot_no, lot in model.lots.items() if lot.known
    }
    for (lot_no, basis), payload in certified.items():
        found = summary_pb2.GetLotCertificateResponse.FromString(payload)
        lot = model.lots[lot_no]
        assert summary_pb2.LotState.Name(found.state) == f"LOT_STATE_{model.state(lot_no)}"
        assert found.state == found.status.state
        counted = [
            by_first[basis](one)
            for one in model.bales.values()
            if not one.withdrawn and by_first[basis](one)[0] == lot_no and not lot.withdrawn
        ]
        assert found.bales == len(counted)
        if lot.declared is not None:
            assert found.figures.micronaire.sum == sum(
                micronaire // 10 * 10 + 10 * (micronaire % 10 > 5 or micronaire % 20 == 15)
                for _, micronaire in counted
            )
        assert found.HasField("weight") == (lot.weighed and not lot.withdrawn)
        assert found.status.bales == (0 if lot.withdrawn else len(model.of_lot(lot_no)))
        singly = sum(one.withdrawn and one.lot == lot_no for one in model.bales.values())
        assert found.status.bales_withdrawn == singly
        assert found.status.HasField("withdrawal") == lot.withdrawn
    for payload in summaries:
        total = summary_pb2.SummariseGradesResponse.FromString(payload).total
        known = [lot for lot in model.lots.values() if lot.known]
        assert total.lots == sum(not lot.withdrawn for lot in known)
        assert total.lots_withdrawn == sum(lot.withdrawn for lot in known)
        assert total.lots_weighed == sum(lot.weighed and not lot.withdrawn for lot in known)
        assert total.declared_bales == sum(lot.declared or 0 for lot in known if not lot.withdrawn)
        assert total.bales_withdrawn == sum(
            one.withdrawn or model.lots[one.lot].withdrawn for one in model.bales.values()
        )


lot_nos = st.sampled_from(LOTS)
numbers = st.sampled_from(list(BALES))
counts = st.integers(1, 3)
values = st.sampled_from(MICRONAIRES)
steps = st.one_of(
    st.tuples(st.just("register"), lot_nos, counts, st.booleans()),
    st.tuples(st.just("weigh"), lot_nos, st.booleans()),
    st.tuples(st.just("close"), lot_nos, counts, counts, st.booleans()),
    st.tuples(st.just("finish"), lot_nos),
    st.tuples(st.just("finish"), lot_nos),
    st.tuples(st.just("read"), numbers, lot_nos, values),
    st.tuples(st.just("correct"), numbers, lot_nos, values),
    st.tuples(st.just("review"), numbers, values),
    st.tuples(st.just("withdraw_bale"), numbers, st.booleans()),
    st.tuples(st.just("withdraw_lot"), lot_nos, st.booleans()),
    st.tuples(st.just("annotate"), lot_nos),
)


def lived(chosen: Sequence[tuple[Any, ...]]) -> tuple[Life, list[Any]]:
    """The history of these steps, and what was answered at each revision when it was the last."""
    life = Life()
    given: list[Any] = [None]  # 0 is no revision to ask for: it stands for the latest
    for name, *arguments in chosen:
        getattr(life, name)(*arguments)
        life.model.order = tuple(entry.lot_no for entry in life.history.registry.lots) + LOTS
        # Steps of several contents are answered at their end only.
        given += [None] * (life.history.registry.revision - len(given))
        if len(given) == life.history.registry.revision:
            answers = life.answers(life.history.registry.revision)
            check_now(life, *answers)
            given.append(answers)
    return life, given


# A re-test in force is corrected into the other lot, and everything is withdrawn and taken back.
MUCH_HAPPENS: list[tuple[Any, ...]] = [
    ("read", 0, LOT, 420),
    ("read", 1, LOT, 420),
    ("finish", LOT),
    ("review", 0, 450),
    ("annotate", LOT),
    ("correct", 0, OTHER_LOT, 425),
    ("withdraw_bale", 0, False),
    ("finish", OTHER_LOT),
    ("withdraw_lot", LOT, False),
    ("weigh", LOT, True),
    ("withdraw_bale", 0, True),
    ("withdraw_lot", LOT, True),
]


@given(st.lists(steps, max_size=10))
@example(MUCH_HAPPENS)
@settings(max_examples=9, deadline=None)
def test_states_and_figures_follow_the_words_and_are_answered_alike_ever_after(
    chosen: list[tuple[Any, ...]],
) -> None:
    """At each step against the model; at the end every revision is asked for once more."""
    life, given_then = lived(chosen)
    for revision, answers in enumerate(given_then):
        if answers is not None:
            assert life.answers(revision) == answers


def told(life: Life, changes: Sequence[LotChange]) -> list[Told]:
    """Changes as the model tells them."""
    lots = life.history.registry.lots
    return [(each.moment.position, lots[each.lot].lot_no, each.kind.name) for each in changes]


def read_from(
    feed: ChangeFeed, revision: int, wanted: ChangeFilter = EVERYTHING
) -> list[tuple[LotChange, int]]:
    """All changes after a revision, each with the revision to resume at after it."""
    place, _ = feed.begin(revision)
    found: list[tuple[LotChange, int]] = []
    while True:
        page = feed.read(place, wanted)
        assert page.after.revision >= place.revision
        found += zip(page.changes, page.resume_at, strict=True)
        place = page.after
        if page.complete:
            return found


@given(st.lists(steps, max_size=10), st.integers(1, 3), st.integers(1, 4))
@example(MUCH_HAPPENS, 1, 2)
@settings(max_examples=8, deadline=None)
def test_the_feed_tells_what_the_words_say_from_any_revision_on(
    chosen: list[tuple[Any, ...]], page_max: int, scan_max: int
) -> None:
    """Whoever resumes at what a change says misses nothing, and is told nothing older."""
    life, _ = lived(chosen)
    registry, views = life.history.registry, life.history.views()
    feed = ChangeFeed(registry, views, page_changes_max=page_max, scan_changes_max=scan_max)
    expected = life.model.told
    for revision in range(registry.revision + 1):
        found = read_from(feed, revision)
        assert told(life, [change for change, _ in found]) == [
            each for each in expected if each[0] > revision
        ]
    everything = read_from(feed, 0)
    for count, (_, resume_at) in enumerate(everything, 1):
        so_far = told(life, [change for change, _ in everything[:count]])
        resumed = told(life, [change for change, _ in read_from(feed, resume_at)])
        assert sorted({*so_far, *resumed}) == sorted(expected)
        assert all(each in so_far for each in expected if each[0] <= resume_at)
    for kind in lifecycle_pb2.LotChangeKind.values()[1:]:
        keys = LotKeys({"lot": [LOT]}, life.reader.gradings)
        wanted = ChangeFilter(frozenset({kind}), keys)
        name = lifecycle_pb2.LotChangeKind.Name(kind).removeprefix("LOT_CHANGE_KIND_")
        assert told(life, [change for change, _ in read_from(feed, 0, wanted)]) == [
            each for each in expected if each[1:] == (LOT, name)
        ]
    page = feed.read(Place(0, 0), EVERYTHING, until=registry.revision // 2)
    assert all(each.moment.position <= registry.revision // 2 for each in page.changes)


@given(st.lists(steps, max_size=8))
@example(MUCH_HAPPENS)
@settings(max_examples=8, deadline=None)
def test_before_and_after_of_a_change_are_the_certificates_of_those_revisions(
    chosen: list[tuple[Any, ...]],
) -> None:
    """All at once as one by one; and before is what was after, where nothing came in between."""
    life, _ = lived(chosen)
    registry, views = life.history.registry, life.history.views()
    feed = ChangeFeed(registry, views)
    changes = list(registry.changes)
    shown, sides = feed.sides(changes)
    made = [
        certificate_message(each)
        for each in certificates(shown, registry, life.reader.gradings, share_decimals=1)
    ]
    latest: dict[int, summary_pb2.GetLotCertificateResponse] = {}
    for change, before, after in zip(changes, sides[::2], sides[1::2], strict=True):
        position = change.moment.position
        assert after is not None
        expected = {
            lot_no: payload
            for (lot_no, basis), payload in life.answers(position)[0].items()
            if basis is Basis.IN_FORCE
        }
        assert made[after].SerializeToString() == expected[made[after].lot.lot_no]
        assert made[after].status.changed_revision == position
        assert (before is None) >= (change.kind.name == "NEW")
        if before is not None:
            assert made[before].revision == position - 1
            assert int(made[before].state) == change.before
            if (told_last := latest.get(change.lot)) is not None and (
                made[before].status.changed_revision == told_last.revision
            ):
                assert _timeless(made[before]) == _timeless(told_last)
        latest[change.lot] = made[after]


def _timeless(
    certificate: summary_pb2.GetLotCertificateResponse,
) -> summary_pb2.GetLotCertificateResponse:
    """A certificate without the revision and the instant that it is told at."""
    bare = summary_pb2.GetLotCertificateResponse.FromString(certificate.SerializeToString())
    bare.revision = 0
    bare.status.as_of_s = 0
    for each in bare.status.objections:
        each.overdue = False
    return bare
