"""Summaries against a recomputation from single bales, for any keys and filters."""

from collections import defaultdict
from importlib import resources
from typing import Any

import polars as pl
import pytest
from cotton.inspection.v1 import summary_pb2
from cotton_server.api.figures import summary_key_name, summary_message
from cotton_server.grading.rollup import roll_up
from cotton_server.grading.shares import ShareDecimalsError, ShareRule
from cotton_server.grading.standard_file import parse_standard
from cotton_server.grading.standards import load_standards
from cotton_server.summary.basis import Basis
from cotton_server.summary.errors import (
    EmptyFilterError,
    FiguresDisagreeError,
    RepeatedKeyError,
    TooManyRowsError,
    UnknownKeyError,
)
from cotton_server.summary.figures import FigureReader
from cotton_server.summary.keys import SUMMARY_KEYS
from cotton_server.summary.leading import leading_standards
from cotton_server.summary.summarise import GradeSummary, SummaryRow, summarise
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.lots import bale_frame, random_bales
from tests.grading import oracle

STANDARDS = load_standards()
TOML_2023 = (
    resources.files("cotton_server.grading")
    .joinpath("standards", "GB1103.1-2023.toml")
    .read_text("utf-8")
)
IDS = list(STANDARDS)
TEXT_KEYS = ("region", "division", "regiment", "county", "warehouse", "cotton_type",
             "picking_mode", "channel", "traceability_unit", "agency")  # fmt: skip
LOT_SCHEMA = {
    "lot": pl.Int32, "lot_no": pl.String, "registered": pl.Boolean, "withdrawn": pl.Boolean,
    "season": pl.Int32,
    "gin": pl.String, **dict.fromkeys(TEXT_KEYS, pl.String),
    **dict.fromkeys(
        ("declared_bales", "bales", "bales_without_standard", "bales_withdrawn"), pl.Int64
    ),
    "standard": pl.String,
    **dict.fromkeys(("gross", "tare", "net", "conditioned"), pl.Int64),
}  # fmt: skip

Lot = dict[str, Any]
Bales = list[tuple[int, str, dict[str, int | None]]]
"""Ordinal of the lot, id of the standard or "", and the reading."""


def frames(lots: list[Lot], bales: Bales) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """Roll-ups by standard and the frame of lots."""
    rollups = {}
    for standard in IDS:
        mine = [(lot, values) for lot, name, values in bales if name == standard]
        frame = bale_frame(
            lot=[lot for lot, _ in mine],
            **{name: [values[name] for _, values in mine] for name in VALUES},
        )
        rollups[standard] = roll_up(frame, STANDARDS[standard])
    for lot in lots:
        mine_all = [name for ordinal, name, _ in bales if ordinal == lot["lot"]]
        lot |= {"bales": len(mine_all), "bales_without_standard": mine_all.count("")}
        lot.setdefault("withdrawn", False)
        lot.setdefault("bales_withdrawn", 0)
        lot.setdefault("standard", leading(lot, bales))
    return rollups, pl.DataFrame(lots, schema=LOT_SCHEMA)


VALUES = [*oracle.MEASURES, "colour_grade", "preparation", "foreign_fibre"]


def value_of(lot: Lot, key: str) -> str:
    """A lot's value of a key, as text."""
    value = lot["lot_no"] if key == "lot" else lot[key]
    return str(value or "")


def leading(lot: Lot, bales: Bales) -> str:
    """The standard with most of the lot's bales, the younger on a tie, "" without any."""
    counts = {s: sum(o == lot["lot"] and n == s for o, n, _ in bales) for s in reversed(IDS)}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else ""


def brute_force(
    lots: list[Lot], bales: Bales, keys: list[str], filters: dict[str, list[str]]
) -> dict[tuple[str, ...], dict[str, int]]:
    """Facts and counts by key values, one lot and one bale at a time."""
    rows: dict[tuple[str, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def place(lot: Lot, standard: str) -> tuple[str, ...] | None:
        values = {key: value_of(lot, key) for key in SUMMARY_KEYS if key != "standard"}
        values["standard"] = standard
        if any(values[key] not in wanted for key, wanted in filters.items()):
            return None
        return tuple(values[key] for key in keys)

    def count(row: dict[str, int], **more: int | None) -> None:
        for name, number in more.items():
            row[name] += number or 0

    for lot in lots:
        if (at := place(lot, lot["standard"])) is not None:
            numbered = bool(lot["lot_no"])
            count(
                rows[at], lots=numbered and not lot["withdrawn"],
                lots_unregistered=numbered and not lot["registered"] and not lot["withdrawn"],
                lots_withdrawn=numbered and lot["withdrawn"],
                bales_withdrawn=lot["bales_withdrawn"],
                lots_weighed=lot["gross"] is not None, declared_bales=lot["declared_bales"],
                lots_with_conditioned_weight=lot["conditioned"] is not None,
                **{name: lot[name] for name in ("gross", "tare", "net", "conditioned")},
            )  # fmt: skip
    for ordinal, standard, _ in bales:
        lot = next(each for each in lots if each["lot"] == ordinal)
        if (at := place(lot, standard)) is not None:
            count(
                rows[at], bales=1, bales_unregistered=not lot["registered"],
                bales_without_lot=not lot["lot_no"], bales_without_standard=not standard,
            )  # fmt: skip
    return rows


def graded_at(
    row_keys: tuple[str, ...], lots: list[Lot], bales: Bales, keys: list[str],
    filters: dict[str, list[str]],
) -> list[dict[str, int | None]]:  # fmt: skip
    """The graded readings that belong to a row."""
    by_ordinal = {lot["lot"]: lot for lot in lots}
    found = []
    for ordinal, standard, values in bales:
        of = {key: value_of(by_ordinal[ordinal], key) for key in SUMMARY_KEYS if key != "standard"}
        of["standard"] = standard
        if (
            standard
            and tuple(of[key] for key in keys) == row_keys
            and all(of[key] in wanted for key, wanted in filters.items())
        ):
            found.append(values)
    return found


FACTS = ("lots", "lots_unregistered", "lots_weighed", "declared_bales", "bales",
         "bales_unregistered", "bales_without_lot", "bales_without_standard", "gross", "tare",
         "net", "conditioned",
         "lots_with_conditioned_weight", "lots_withdrawn", "bales_withdrawn")  # fmt: skip


def check_row(
    row: SummaryRow, expected: dict[str, int], graded: list[dict[str, int | None]]
) -> None:
    """Facts, and figures by another way: from a row of the oracle."""
    assert {name: getattr(row, name) for name in FACTS} == {
        name: expected.get(name, 0) for name in FACTS
    }
    reader = FigureReader([STANDARDS[IDS[0]]], rule=ShareRule.LARGEST_REMAINDER, share_decimals=2)
    if graded:
        assert row.figures == reader.read(oracle.roll_up(graded))
    else:
        assert row.figures == FigureReader([], rule=ShareRule.CERTIFICATE, share_decimals=1).read(
            {}
        )


reading = st.fixed_dictionaries(
    {
        **dict.fromkeys(oracle.MEASURES, st.one_of(st.none(), st.integers(300, 9000))),
        "colour_grade": st.sampled_from([31, 21, 41, 61, None]),
        "preparation": st.sampled_from([1, 2, 3, None]),
        "foreign_fibre": st.sampled_from([0, 1, None]),
    }
)
weight = st.one_of(st.none(), st.integers(0, 10**7))


@st.composite
def data(draw: st.DrawFn) -> tuple[list[Lot], Bales]:
    """A few lots of a few organisations, registered or not, weighed or not, and their bales."""
    lots = []
    for ordinal in range(draw(st.integers(0, 6))):
        has_number = draw(st.integers(0, 4)) > 0
        registered = has_number and draw(st.booleans())
        text = st.sampled_from(["", "甲", "b"]) if registered else st.just("")
        gross, conditioned = draw(weight), draw(weight)
        withdrawn = draw(st.integers(0, 3)) == 0
        if withdrawn:
            gross = None
        lots.append(
            {
                "lot": ordinal, "lot_no": f"6507916{ordinal:04}" if has_number else "",
                "registered": registered,
                "season": draw(st.sampled_from([2016, 2023, 2024, None])), "gin": "65079",
                **{key: draw(text) for key in TEXT_KEYS},
                "declared_bales": 186 if registered and not withdrawn else 0, "gross": gross,
                "withdrawn": withdrawn, "bales_withdrawn": draw(st.integers(0, 3)),
                "tare": None if gross is None else 5, "net": None if gross is None else gross - 5,
                "conditioned": None if gross is None else conditioned,
                # A lot without graded bales has a standard by its registration, or none.
                **({"standard": draw(st.sampled_from(IDS))} if draw(st.booleans()) else {}),
            }
        )  # fmt: skip
    if not lots:
        return lots, []
    counted = [place for place, lot in enumerate(lots) if not lot["withdrawn"]]
    if not counted:
        return lots, []
    one = st.tuples(st.sampled_from(counted), st.sampled_from([*IDS, ""]), reading)
    return lots, draw(st.lists(one, max_size=12))


@given(
    data(),
    st.lists(st.sampled_from(SUMMARY_KEYS), unique=True, max_size=4),
    st.dictionaries(
        st.sampled_from(["season", "division", "standard", "gin", "warehouse"]),
        st.lists(st.sampled_from(["", "甲", "2016", "2024", "65079", *IDS]), min_size=1),
        max_size=2,
    ),
)
@settings(max_examples=80, deadline=None)
def test_any_summary_equals_a_recomputation_from_single_bales(
    given_data: tuple[list[Lot], Bales], keys: list[str], filters: dict[str, list[str]]
) -> None:
    lots, bales = given_data
    rollups, frame = frames(lots, bales)
    summary = summarise(rollups, frame, STANDARDS, keys=keys, filters=filters, share_decimals=2)
    expected = brute_force(lots, bales, keys, filters)
    if not keys:
        expected.setdefault((), {})
    assert [tuple(value for _, value in row.keys) for row in summary.rows] == sorted(expected)
    for row in summary.rows:
        assert [key for key, _ in row.keys] == keys
        at = tuple(value for _, value in row.keys)
        check_row(row, expected[at], graded_at(at, lots, bales, keys, filters))
    (total,) = brute_force(lots, bales, [], filters).values() or [{}]
    check_row(summary.total, total, graded_at((), lots, bales, [], filters))
    assert summary.total.keys == ()
    assert list(summary.standards) == [
        name for name in IDS
        if graded_at((name,), lots, bales, ["standard"], filters)
    ]  # fmt: skip


def one_lot(**more: Any) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """A registered lot of three bales: two under the older standard, one under the younger."""
    nothing: dict[str, int | None] = dict.fromkeys(VALUES)
    lot = {
        "lot": 0, "lot_no": "65079161001", "registered": True, "season": 2023, "gin": "65079",
        **dict.fromkeys(TEXT_KEYS, "x"), "declared_bales": 186,
        "gross": 7, "tare": 2, "net": 5, "conditioned": 6,
    }  # fmt: skip
    bales = [(0, name, nothing | more) for name in (IDS[0], IDS[0], IDS[1])]
    return frames([lot], bales)


def summary_of(keys: list[str], **filters: list[str]) -> GradeSummary:
    """A summary of `one_lot`."""
    rollups, lots = one_lot(length=2900)
    return summarise(rollups, lots, STANDARDS, keys=keys, filters=filters, share_decimals=1)


def test_a_lot_under_two_standards_counts_once() -> None:
    """Its weight stands under the standard of most bales; its bales under their own."""
    older, younger = summary_of(["standard"]).rows
    assert (older.lots, older.declared_bales, older.conditioned, older.bales) == (1, 186, 6, 2)
    assert (younger.lots, younger.declared_bales, younger.conditioned, younger.bales) == (
        0, 0, 0, 1,
    )  # fmt: skip
    total = summary_of(["standard"]).total
    assert (total.lots, total.declared_bales, total.conditioned, total.bales) == (1, 186, 6, 3)
    assert summary_of(["division"]).rows[0].figures == total.figures
    only_younger = summary_of([], standard=[IDS[1]]).total
    assert (only_younger.lots, only_younger.bales) == (0, 1)


def test_unverified_parts_of_the_standards_that_graded_or_weighed() -> None:
    """Those of a standard that neither graded nor weighed are no matter of the figures."""
    part = f"{IDS[1]}: weight.standard_trash"
    assert summary_of([]).unverified == (part,)
    assert summary_of([], standard=[IDS[0]]).unverified == ()
    rollups, lots = one_lot()
    unread = {name: rollup.clear() for name, rollup in rollups.items()}
    lots = lots.with_columns(bales=pl.lit(0, dtype=pl.Int64), standard=pl.lit(IDS[1]))
    assert summary_message(
        summarise(unread, lots, STANDARDS, keys=[], filters={}, share_decimals=1),
        revision=1,
        basis=Basis.IN_FORCE,
    ).unverified == [part]
    unweighed = lots.with_columns(conditioned=pl.lit(None, dtype=pl.Int64))
    assert (
        summarise(unread, unweighed, STANDARDS, keys=[], filters={}, share_decimals=1).unverified
        == ()
    )


def test_leading_standard_of_a_tie_is_the_one_given_last() -> None:
    frame = roll_up(bale_frame(lot=[4], rd=[1]), STANDARDS[IDS[0]])
    assert leading_standards({"a": frame, "b": frame}).rows() == [(4, "b")]
    assert leading_standards({"b": frame, "a": frame}).rows() == [(4, "a")]
    assert leading_standards({}).schema == {"lot": pl.Int32, "standard": pl.String}


def test_classes_of_different_standards_stand_side_by_side() -> None:
    """A made-up edition with another name for S1: no tier of the mean where they disagree."""
    rollups, lots = one_lot(strength=3150)
    text = TOML_2023.replace('name = "S1"', 'name = "S0"')
    other = parse_standard(text, "other")
    rollups[IDS[1]] = rollups[IDS[1]].rename(
        {f"strength.S1.{what}": f"strength.S0.{what}" for what in ("bales", "sum")}
    )
    standards = {IDS[0]: STANDARDS[IDS[0]], IDS[1]: other}
    summary = summarise(rollups, lots, standards, keys=[], filters={}, share_decimals=1)
    strength = summary.total.figures.strength
    assert [(c.name, c.bales, c.share) for c in strength.classes] == [
        ("S1", 2, 6670), ("S0", 1, 3330),
    ]  # fmt: skip
    assert strength.tier is None
    per_standard = summarise(
        rollups, lots, standards, keys=["standard"], filters={}, share_decimals=1
    )
    assert [row.figures.strength.tier for row in per_standard.rows] == ["S1", "S0"]


def test_requests_without_an_answer() -> None:
    with pytest.raises(UnknownKeyError, match="colour"):
        summary_of(["colour"])
    with pytest.raises(UnknownKeyError, match="weather"):
        summary_of([], weather=["fine"])
    with pytest.raises(RepeatedKeyError, match="season"):
        summary_of(["season", "season"])
    with pytest.raises(EmptyFilterError, match="season"):
        summary_of([], season=[])
    rollups, lots = one_lot()
    with pytest.raises(ShareDecimalsError):
        summarise(rollups, lots, STANDARDS, keys=[], filters={}, share_decimals=0)


def test_more_rows_than_are_given() -> None:
    """A summary of as many rows as allowed is given; of one more it is refused."""
    rollups, lots = one_lot()

    def by_lot(rows_max: int) -> GradeSummary:
        return summarise(
            rollups,
            lots,
            STANDARDS,
            keys=["lot"],
            filters={},
            share_decimals=2,
            rows_max=rows_max,
        )

    assert len(by_lot(1).rows) == 1
    with pytest.raises(TooManyRowsError, match="1 rows; at most 0"):
        by_lot(0)


def test_figures_that_disagree_are_never_answered() -> None:
    """Roll-ups that lack a bale of their lot, and roll-ups of a standard that is not loaded."""
    rollups, lots = one_lot()
    stale = lots.with_columns(pl.col("bales") + 1)
    with pytest.raises(FiguresDisagreeError, match="rebuild"):
        summarise(rollups, stale, STANDARDS, keys=["gin"], filters={}, share_decimals=1)
    with pytest.raises(FiguresDisagreeError, match="not loaded"):
        summarise(rollups, lots, {}, keys=[], filters={}, share_decimals=1)


def test_summary_message() -> None:
    summary = summary_of(["gin", "standard"])
    message = summary_message(summary, revision=7, basis=Basis.FIRST_INSPECTION)
    assert message.basis == summary_pb2.BASIS_FIRST_INSPECTION
    assert (message.revision, list(message.standards), message.weighting) == (7, IDS, "bales")
    assert [(k.key, k.value) for k in message.rows[0].keys] == [
        (summary_pb2.SUMMARY_KEY_GIN, "65079"),
        (summary_pb2.SUMMARY_KEY_STANDARD, IDS[0]),
    ]
    for row, source in zip([*message.rows, message.total], [*summary.rows, summary.total],
                           strict=True):  # fmt: skip
        assert {name: getattr(row, name) for name in FACTS} == {
            name: getattr(source, name) for name in FACTS
        }
        assert row.figures.bales == source.figures.bales
    assert message.total.figures.length.mean_to_tenths == 2900
    assert message.total.figures.length.tier == "29"


def test_key_numbers_of_the_contract() -> None:
    numbers = [n for n in summary_pb2.SummaryKey.values() if n]
    assert sorted(summary_key_name(n) for n in numbers) == sorted(SUMMARY_KEYS)
    for number in (0, 99):
        with pytest.raises(UnknownKeyError):
            summary_key_name(number)


def test_many_lots_in_any_order() -> None:
    """Roll-ups sorted by lot, the frame of lots shuffled: rows join by ordinal, not by place."""
    bales = random_bales(5_000, 60, 8)
    rollup = roll_up(bales, STANDARDS[IDS[0]])
    lots = rollup.select("lot", "bales").with_columns(
        lot_no=pl.col("lot").cast(pl.String), registered=pl.lit(value=True),
        withdrawn=pl.lit(value=False), bales_withdrawn=pl.lit(0, dtype=pl.Int64),
        season=pl.lit(2016, dtype=pl.Int32), gin=pl.lit("g"),
        division=(pl.col("lot") % 7).cast(pl.String),
        **{key: pl.lit("") for key in TEXT_KEYS if key != "division"},
        declared_bales=pl.col("bales"), bales_without_standard=pl.lit(0, dtype=pl.Int64),
        standard=pl.lit(IDS[0]),
        **{name: pl.lit(1, dtype=pl.Int64) for name in ("gross", "tare", "net", "conditioned")},
    )  # fmt: skip
    for frame in (lots, lots.reverse()):
        summary = summarise(
            {IDS[0]: rollup}, frame, STANDARDS, keys=["division"], filters={}, share_decimals=2
        )
        for row in summary.rows:
            mine = bales.filter(pl.col("lot") % 7 == int(row.keys[0][1])).select(VALUES)
            graded = mine.rows(named=True)
            reader = FigureReader(
                [STANDARDS[IDS[0]]], rule=ShareRule.LARGEST_REMAINDER, share_decimals=2
            )
            assert row.figures == reader.read(oracle.roll_up(graded))
