"""Summaries of random histories: every printed figure against a recount from single bales."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from cotton.inspection.v1 import summary_pb2
from cotton_server.api.figures import row_messages
from cotton_server.errors import Reason, ServiceError
from cotton_server.summary import at_revision, cube, standing
from cotton_server.summary.errors import FiguresDisagreeError
from cotton_server.summary.query import checked_query
from cotton_server.summary.summarise import Summary
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.grading import oracle as grades
from tests.support.bales import LOT, OTHER_LOT, bale
from tests.support.chronicles import Author, Chronicle, Reader, fresh_reader
from tests.support.figures_oracle import answer, counted, rows_of
from tests.support.histories import History, lot_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.summary.summarise import Answer

SEASON, LOT_KEY, DAY = (
    summary_pb2.SUMMARY_KEY_SEASON,
    summary_pb2.SUMMARY_KEY_LOT,
    summary_pb2.SUMMARY_KEY_DAY,
)
DIVISION, GIN, STATE = (
    summary_pb2.SUMMARY_KEY_DIVISION,
    summary_pb2.SUMMARY_KEY_GIN,
    summary_pb2.SUMMARY_KEY_STATE,
)
LABORATORY, STANDARD = summary_pb2.SUMMARY_KEY_LABORATORY, summary_pb2.SUMMARY_KEY_STANDARD
WEEK = summary_pb2.SUMMARY_KEY_WEEK

Request = summary_pb2.SummariseGradesRequest
Response = summary_pb2.SummariseGradesResponse

seeds = st.integers(0, 2**32 - 1)


def plain(response: Response) -> Response:
    """An answer without what names the version of the service, and its labels."""
    bare = Response.FromString(response.SerializeToString())
    for name in ("grading_version", "next_page_token"):
        bare.ClearField(name)
    bare.header.ClearField("grading_version")
    bare.header.ClearField("labels")
    return bare


def check_shares(row: summary_pb2.SummaryRow) -> None:
    """What is printed of an item totals 100 %, and nothing is negative."""
    for figures in (row.figures, *row.other_figures):
        items = [
            *(getattr(figures, name).classes for name in grades.CLASSES),
            *(figures.colours, figures.colour_types, figures.preparations),
            *(figures.micronaire_grades, figures.visual_grades, figures.leaf_grades),
        ]
        for classes in items:
            assert not classes or sum(each.share for each in classes) == 10_000
            assert all(each.share >= 0 for each in classes)


def written(seed: int, steps: int) -> Author:
    """A history of some steps that is over."""
    author = Author(seed)
    for _ in range(steps):
        author.step()
    return author


@given(seed=seeds, steps=st.integers(1, 30), parts_max=st.sampled_from([1, 2, 12]))
@settings(max_examples=30)
def test_every_figure_is_that_of_a_recount_and_stays_what_it_was(
    seed: int, steps: int, parts_max: int
) -> None:
    """Asked between batches, and asked again of every revision when more has come.

    Kept up to date in parts that are made one soon or late, read in portions of a few bales, with
    combinations of keys that are numbered anew.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at_revision, "PARTS_MAX", parts_max)
        patch.setattr(standing, "BALES_AT_ONCE_MAX", 9)
        patch.setattr(at_revision, "LOTS_TOGETHER", 3)
        patch.setattr(cube, "_NUMBERS_SPARE", 0)
        author = Author(seed)
        chronicle = author.chronicle
        given_then: list[tuple[Request, Response]] = []
        for _ in range(steps):
            author.step()
            if chronicle.revision and author.chance.random() < 0.3:
                request = author.question(revision=chronicle.revision)
                response = chronicle.reader.summarise(request)
                assert plain(response) == answer(chronicle.past, request)
                for row in (*response.rows, response.total):
                    check_shares(row)
                given_then.append((request, response))
        for request, response in given_then[:: 1 + len(given_then) // 4]:
            assert chronicle.reader.summarise(request) == response
        if chronicle.revision:
            fresh = fresh_reader(chronicle.history)
            for _ in range(2):
                revision = author.chance.randint(1, chronicle.revision)
                request = author.question(revision=revision)
                assert plain(fresh.summarise(request)) == answer(chronicle.pasts[revision], request)


def printed(made: Answer) -> list[summary_pb2.SummaryRow]:
    """The rows of a part of a summary."""
    return row_messages(made)


@given(seed=seeds, steps=st.integers(4, 25))
@settings(max_examples=10)
def test_combinations_of_keys_give_what_lots_give(seed: int, steps: int) -> None:
    """With lots added up beforehand and without; kept up to date and made afresh."""
    author = Author(seed)
    reader = author.chronicle.reader
    names = reader.handlers._names
    for number in range(steps):
        author.step()
        if number % 4 == 3:
            reader.lots.all_lots(None)
    keys = ["division", "state", "standard", "gin", "agency", "season", "region"]
    for _ in range(3):
        chosen = author.chance.sample(keys, author.chance.randint(0, 3))
        query = checked_query(chosen, {}, standards=reader.gradings.standards)
        lots = reader.lots.all_lots(None)
        assert lots.cube is not None
        made = [
            Summary(each, query, names, share_decimals=2).total_and_part(0, 1000)
            for each in (lots, replace(lots, cube=None))
        ]
        (total, rows), (total_of_lots, rows_of_lots) = made
        assert printed(rows) == printed(rows_of_lots)
        assert printed(total) == printed(total_of_lots)


@given(seed=seeds, steps=st.integers(5, 25))
@settings(max_examples=10)
def test_last_season_is_what_the_question_of_last_season_gives(seed: int, steps: int) -> None:
    """Beside this season the one before, its days a year earlier, row by row."""
    author = written(seed, steps)
    reader = author.chronicle.reader
    keys = author.chance.sample([DIVISION, GIN, STATE, LABORATORY], author.chance.randint(0, 2))
    this = Request(
        keys=keys,
        filters=[{"key": SEASON, "values": ["2024"]}],  # type: ignore[list-item]  # as a mapping
        inspected_from="2024-02-29",
        inspected_through="2024-10-05",
    )
    last = Request(
        keys=keys,
        filters=[{"key": SEASON, "values": ["2023"]}],  # type: ignore[list-item]  # as a mapping
        inspected_from="2023-02-28",
        inspected_through="2023-10-05",
    )
    both = Request()
    both.CopyFrom(this)
    both.with_last_season = True
    beside = reader.summarise(both)
    apart = [reader.summarise(each) for each in (this, last)]
    header = beside.header
    assert (header.last_inspected_from, header.last_inspected_through) == (
        last.inspected_from,
        last.inspected_through,
    )
    mine = {tuple(key.value for key in row.keys): row for row in beside.rows}
    of_this, of_last = ({tuple(k.value for k in r.keys): r for r in a.rows} for a in apart)
    assert [*mine] == sorted({*of_this, *of_last})
    for key, row in mine.items():
        expected = summary_pb2.SummaryRow()
        if key in of_this:
            expected.CopyFrom(of_this[key])
        before = of_last.get(key, summary_pb2.SummaryRow())
        if row.HasField("last_season"):
            before.ClearField("keys")
            assert row.last_season == before
        else:
            assert (before.bales, before.lots, before.lots_withdrawn) == (0, 0, 0)
        if key in of_this:
            for name in ("last_season", "bales_on_last_season", "conditioned_on_last_season"):
                row.ClearField(name)
            assert row == expected
        else:
            assert (row.bales, row.lots) == (0, 0)


@given(seed=seeds, page_size=st.integers(1, 7), rows_max=st.sampled_from([3, 1000]))
@settings(max_examples=10)
def test_pages_make_up_the_whole_whatever_arrives_between_them(
    seed: int, page_size: int, rows_max: int
) -> None:
    """Of the revision of the first page, with the total over all pages on each."""
    author = written(seed, 18)
    chronicle = author.chronicle
    reader = Reader(chronicle.history, rows_max=rows_max)
    question = author.question(with_last_season=False)
    whole = answer(chronicle.past, question)
    revision = chronicle.revision
    if not revision:
        return
    question.page_size = page_size
    rows: list[summary_pb2.SummaryRow] = []
    while True:
        page = reader.summarise(question)
        assert page.revision == page.header.revision == revision
        assert (page.total, page.header.rows) == (whole.total, len(whole.rows))
        assert page.header.rows_withheld == sum(row.withheld for row in whole.rows)
        assert len(page.rows) <= min(page_size, rows_max)
        rows += page.rows
        if not page.next_page_token:
            break
        author.step()
        question.page_token = page.next_page_token
    assert rows == list(whole.rows)


def a_few_lots() -> Chronicle:
    """Two lots of one season, read on two days, one of them registered."""
    chronicle = Chronicle()
    chronicle.record("lots", lot_of(LOT, declared_bales=2, division="8"))
    day_s = 1_476_000_000
    chronicle.read([replace(bale(n), laboratory="L1", inspected_at_s=day_s) for n in (1, 2)])
    chronicle.read([replace(bale(3, OTHER_LOT), laboratory="L2", inspected_at_s=day_s + 86_400)])
    return chronicle


def _key(number: int) -> summary_pb2.SummaryKey.ValueType:
    """A key, or any other number that may be sent for one."""
    return cast("summary_pb2.SummaryKey.ValueType", number)


def by(*filters: tuple[int, list[str]], **fields: Any) -> Request:
    """A question with filters."""
    request = Request(**fields)
    for key, values in filters:
        request.filters.add(key=_key(key), values=values)
    return request


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (by(keys=[0]), "keys or filters"),
        (by(keys=[99]), "keys or filters"),
        (by(keys=[SEASON, SEASON]), "keys"),
        (by((0, ["x"])), "keys or filters"),
        (by((SEASON, [])), "filters"),
        (by((SEASON, ["2016"]), (SEASON, ["2017"])), "filters"),
        (by((STATE, ["DONE"])), "filters"),
        (by((STATE, [""])), "filters"),
        (by((DAY, ["2024-13-01"])), "filters"),
        (by((DAY, ["20241005"])), "filters"),
        (by((DAY, ["2024-W40-1"])), "filters"),
        (by((WEEK, ["2024-W60"])), "filters"),
        (by((WEEK, ["99999999999-W01"])), "filters"),
        (by((summary_pb2.SUMMARY_KEY_MONTH, ["2024-1"])), "filters"),
        (by(inspected_from="2024-02-30"), "inspected_from"),
        (by(inspected_from="20240201"), "inspected_from"),
        (by(inspected_through="2024-W40-1"), "inspected_through"),
        (by(inspected_through="yesterday"), "inspected_through"),
        (by(inspected_from="2024-02-02", inspected_through="2024-02-01"), "inspected_through"),
        (by(with_last_season=True), "with_last_season"),
        (by((SEASON, ["2016", "2017"]), with_last_season=True), "with_last_season"),
        (by((SEASON, [""]), with_last_season=True), "with_last_season"),
        (by((SEASON, ["²"]), with_last_season=True), "with_last_season"),
        (by((SEASON, ["2016"]), keys=[SEASON], with_last_season=True), "with_last_season"),
        (by((SEASON, ["2016"]), keys=[WEEK], with_last_season=True), "with_last_season"),
        (by(withhold_below=-1), "withhold_below"),
        (by(share_decimals=3), "share_decimals"),
        (by(basis=7), "basis"),
        *((by(page_token=token), "page_token") for token in ("garbage", "ü" * 8, "AAAA")),
        (by(revision=1, as_of_us=1), "as_of_us"),
    ],
)  # fmt: skip
def test_questions_without_an_answer(request_: Request, field: str) -> None:
    """Each is refused with the field at fault; none is an error of the service."""
    with pytest.raises(ServiceError) as refused:
        a_few_lots().reader.summarise(request_)
    assert refused.value.reason is Reason.INVALID_FIELD
    assert list(refused.value.violations) == [field]


def test_a_revision_that_is_not_there_and_a_standard_that_nobody_has() -> None:
    reader = a_few_lots().reader
    with pytest.raises(ServiceError) as refused:
        reader.summarise(Request(revision=99))
    assert refused.value.reason is Reason.FUTURE_REVISION
    with pytest.raises(ServiceError) as refused:
        reader.summarise(by((STANDARD, ["GB0"])))
    assert refused.value.reason is Reason.UNKNOWN_STANDARD


@pytest.mark.parametrize(
    "other",
    [
        by((SEASON, ["2016"]), keys=[LOT_KEY]),
        by(keys=[LABORATORY]),
        by(keys=[LOT_KEY], share_decimals=1),
        by(keys=[LOT_KEY], basis=2),
        by(keys=[LOT_KEY], withhold_below=2),
        by(keys=[LOT_KEY], inspected_from="2016-01-01"),
    ],
)
def test_a_page_token_is_of_one_question(other: Request) -> None:
    """Whatever tells another question from it; the size of a page is free to change."""
    chronicle = a_few_lots()
    first = chronicle.reader.summarise(by(keys=[LOT_KEY], page_size=1))
    assert [row.keys[0].value for row in first.rows] == [LOT]
    last = chronicle.reader.summarise(
        by(keys=[LOT_KEY], page_size=5, page_token=first.next_page_token)
    )
    assert [row.keys[0].value for row in last.rows] == [OTHER_LOT]
    other.page_token = first.next_page_token
    with pytest.raises(ServiceError) as refused:
        chronicle.reader.summarise(other)
    assert list(refused.value.violations) == ["page_token"]


def test_a_page_is_of_no_other_revision() -> None:
    """Its own may be named beside the token; another, or an instant, may not."""
    chronicle = a_few_lots()
    first = chronicle.reader.summarise(by(keys=[LOT_KEY], page_size=1))
    question = by(keys=[LOT_KEY], page_token=first.next_page_token, revision=first.revision)
    assert len(chronicle.reader.summarise(question).rows) == 1
    for revision, as_of_us in ((1, 0), (0, 1_480_000_000_000_000)):
        other = by(
            keys=[LOT_KEY],
            page_token=first.next_page_token,
            revision=revision,
            as_of_us=as_of_us,
        )
        with pytest.raises(ServiceError) as refused:
            chronicle.reader.summarise(other)
        assert refused.value.reason is Reason.INVALID_FIELD


@pytest.mark.parametrize("value", ["²", "02016", "２０１６", "0000", "9" * 5000, "-1", "1e3"])
def test_what_is_no_season_has_no_lots(value: str) -> None:
    """A filter on it is a filter that nothing passes, as of any other text."""
    response = a_few_lots().reader.summarise(by((SEASON, [value])))
    assert (response.total.lots, response.total.bales) == (0, 0)


def test_days_before_the_calendar_have_no_bales() -> None:
    """A year before the first one is none, and no error of the service either."""
    request = by((SEASON, ["2016"]), with_last_season=True, inspected_through="0001-12-31")
    assert a_few_lots().reader.summarise(request).total.bales == 0


def test_a_day_closes_at_midnight_in_china() -> None:
    """The last second of a day in China, 15:59:59 UTC, and the first of the next."""
    history = History()
    history.register()
    last_s = 1_475_683_199  # 2016-10-05 15:59:59 UTC
    history.read([replace(bale(1), inspected_at_s=last_s)])
    history.read([replace(bale(2), inspected_at_s=last_s + 1)])
    reader = Reader(history)
    rows = reader.summarise(by(keys=[DAY])).rows
    assert [(row.keys[0].value, row.bales) for row in rows] == [
        ("2016-10-05", 1),
        ("2016-10-06", 1),
    ]
    for day, first in (("2016-10-05", "inspected_through"), ("2016-10-06", "inspected_from")):
        assert reader.summarise(by(**{first: day})).total.bales == 1


def test_a_lot_counts_once_where_most_of_its_bales_were_read() -> None:
    """The laboratory with most bales, of that the instrument, of that the day; last on a tie."""
    history = History()
    history.register(declared_bales=5)
    history.weigh()
    read_at = [
        ("L2", "I1", 5), ("L1", "I1", 4), ("L1", "I2", 4), ("L1", "I2", 5), ("L2", "I1", 4),
        ("L2", "I1", 5),
    ]  # fmt: skip
    for number, (laboratory, instrument, day) in enumerate(read_at):
        reading = replace(
            bale(number),
            laboratory=laboratory,
            instrument=instrument,
            inspected_at_s=1_475_625_600 + day * 86_400,
        )
        history.read([reading])
    reader = Reader(history)
    keys = [LABORATORY, summary_pb2.SUMMARY_KEY_INSTRUMENT, DAY]
    rows = reader.summarise(by(keys=keys)).rows
    where = {tuple(key.value for key in row.keys): row for row in rows}
    # Three bales each: the laboratory that was first heard of last, L1, and there I2 on day 5.
    at = ("L1", "I2", "2016-10-10")
    assert {key: row.lots for key, row in where.items() if row.lots} == {at: 1}
    assert where[at].declared_bales == 5
    assert where[at].lots_weighed == 1
    assert sum(row.bales for row in rows) == 6
    total = reader.summarise(by((LABORATORY, ["L2"]))).total
    assert (total.lots, total.bales, total.conditioned) == (0, 3, 0)


def test_a_standard_that_is_no_lots_own_has_a_row_of_its_own() -> None:
    """A bale that names another standard than the rest of its lot, in the first summary ever."""
    history = History()
    history.register()
    history.read([bale(1), bale(2), replace(bale(3), standard="GB1103.1-2023")])
    reader = Reader(history)
    rows = reader.summarise(by(keys=[STANDARD])).rows
    assert [(row.keys[0].value, row.lots, row.bales) for row in rows] == [
        ("GB1103.1-2012", 1, 2),
        ("GB1103.1-2023", 0, 1),
    ]
    assert [list(row.figures.standards) for row in rows] == [[row.keys[0].value] for row in rows]
    total = reader.summarise(by((STANDARD, ["GB1103.1-2023"]))).total
    assert (total.lots, total.bales) == (0, 1)
    whole = reader.summarise(by()).total
    assert list(whole.figures.standards) == ["GB1103.1-2012", "GB1103.1-2023"]
    assert whole.figures.bales == 3


def test_a_new_organisation_places_every_lot_anew() -> None:
    """Lots that nothing else happened to as well; what was answered before stays."""
    chronicle = a_few_lots()
    question = by(keys=[DIVISION])
    before = chronicle.reader.summarise(question)
    assert [row.keys[0].value for row in before.rows] == ["", "8"]
    chronicle.organise()
    after = chronicle.reader.summarise(question)
    assert [row.keys[0].value for row in after.rows] == ["", "第八师"]
    assert after.header.organisation_revision == after.revision == before.revision + 1
    question.revision = before.revision
    assert chronicle.reader.summarise(question) == before


def test_a_weighed_lot_that_is_not_read_weighs_no_bale() -> None:
    """Its weight is in the sum, and not in the weight a bale."""
    history = History()
    history.register()
    history.register(OTHER_LOT)
    history.read([bale(number) for number in range(200)])
    for lot_no in (LOT, OTHER_LOT):
        history.weigh(lot_no)
    total = Reader(history).summarise(by()).total
    assert (total.conditioned, total.lots_with_conditioned_weight) == (2 * 4257900, 2)
    # 42 579 kg over 200 bales are 212.895 kg, of which the even hundredth is printed.
    assert total.conditioned_per_bale == 21290


@example(seed=1, steps=1)
@given(seed=seeds, steps=st.integers(1, 20))
@settings(max_examples=4)
def test_before_anything_had_arrived_there_is_nothing(seed: int, steps: int) -> None:
    """At an instant before the first entry every row of a later answer is gone."""
    chronicle = written(seed, steps).chronicle
    if not chronicle.revision:
        return
    response = chronicle.reader.summarise(by(keys=[LOT_KEY], as_of_us=1))
    assert (response.revision, len(response.rows)) == (0, 0)
    assert plain(response).total == answer(chronicle.pasts[0], by(keys=[LOT_KEY])).total


def test_figures_that_disagree_are_never_answered() -> None:
    """Lots that say that they have read more bales than their cells count."""
    reader = a_few_lots().reader
    lots = reader.lots.all_lots(None)
    stands = lots.standing
    wrong = stands.lots.with_columns(bales_read=stands.lots["bales_read"] + 1)
    stale = replace(lots, standing=replace(stands, lots=wrong), cube=None)
    query = checked_query(["gin"], {}, standards=reader.gradings.standards)
    with pytest.raises(FiguresDisagreeError, match="rebuild"):
        Summary(stale, query, reader.handlers._names, share_decimals=1)


def test_the_oracle_sees_lots_and_bales() -> None:
    """What everything above is compared with is not empty."""
    (row,) = rows_of(counted(a_few_lots().past, 0), (), {}, "", "").values()
    assert ([each.lot.lot_no for each in row.lots], len(row.bales)) == ([LOT, OTHER_LOT], 3)
    made = set(_kinds(written(3, 80)))
    assert made >= {"registered", "withdrawn", "usda", "without lot", "FINAL", "REVISED"}


def _kinds(author: Author) -> Iterator[str]:
    for past in author.chronicle.pasts:
        for lot in past.lots:
            if lot.registration is not None:
                yield "registered"
            if lot.withdrawn:
                yield "withdrawn"
            yield lot.state
        for stored in past.bales[1]:
            yield "usda" if stored.bale.crop_year else "gb"
            if not stored.bale.lot_no:
                yield "without lot"
