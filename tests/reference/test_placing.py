"""Lots in the organisation of their day, beside a slow model of the same rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
import pytest
from cotton_server.reference.organisation import (
    Organisation,
    OrganisationFileError,
    contradiction,
    parse_organisation,
)
from cotton_server.reference.placing import DIFFERS, Placing
from cotton_server.reference.units import EPOCH, LEVELS
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.organisations import LOCAL, XPCC, text

BEFORE, AFTER = date(2019, 8, 31), date(2019, 9, 1)
Lot = tuple[str, str, str, str, date]


def placed(placing: Placing, lots: list[Lot]) -> list[tuple[str, str, str, str, bool]]:
    """Where lots (region, division, regiment, county, day) are placed."""
    frame = pl.DataFrame(
        {
            "lot": range(len(lots)),
            **{name: [lot[place] for lot in lots] for place, name in enumerate(LEVELS)},
            "day": [(lot[4] - EPOCH).days for lot in lots],
        },
        schema={
            "lot": pl.Int32(),
            **dict.fromkeys(LEVELS, pl.String()),
            "day": pl.Int32(),
        },
    )
    answer = placing.place(frame, "day")
    assert answer.columns == [*frame.columns, DIFFERS]
    assert answer["lot"].to_list() == frame["lot"].to_list()
    assert answer["day"].to_list() == frame["day"].to_list()
    return answer.select(*LEVELS, DIFFERS).rows()


def organisation(*rows: str) -> Organisation:
    """An organisation of rows."""
    return parse_organisation(text(*rows), "x")


BOTH = Placing([organisation(*XPCC), organisation(*LOCAL)])


@pytest.mark.parametrize(
    ("lot", "expected"),
    [
        (("", "", "150", "", BEFORE), ("兵团", "第八师", "一五〇团", "", False)),
        (("", "", "150", "", AFTER), ("兵团", "第七师", "一五〇团", "", False)),
        (("", "", "一五〇团", "", AFTER), ("兵团", "第七师", "一五〇团", "", False)),
        (("xpcc", "8", "150", "", BEFORE), ("兵团", "第八师", "一五〇团", "", False)),
        (("xpcc", "8", "150", "", AFTER), ("兵团", "第七师", "一五〇团", "", True)),
        (("地方", "7", "150", "", AFTER), ("兵团", "第七师", "一五〇团", "", True)),
        (("", "8师", "150", "", BEFORE), ("兵团", "第八师", "一五〇团", "", True)),
        (("", "第八师", "老团场", "", AFTER), ("兵团", "第八师", "老团场", "", False)),
        (("地方", "第八师", "老团场", "", AFTER), ("兵团", "第八师", "老团场", "", True)),
        (("地方", "第九师", "", "", AFTER), ("地方", "第九师", "", "", False)),
        (("xpcc", "第九师", "", "shawan", AFTER), ("兵团", "第九师", "", "沙湾县", False)),
        (("", "", "", "shawan", AFTER), ("地方", "", "", "沙湾县", False)),
        (("兵团", "", "", "沙湾县", AFTER), ("地方", "", "", "沙湾县", True)),
        (("", "", "149", "沙湾县", AFTER), ("兵团", "第八师", "一四九团", "沙湾县", False)),
        (("", "", "149", "", date(2012, 8, 31)), ("", "", "149", "", False)),
        (("", "", "149", "", date(2012, 9, 1)), ("兵团", "第八师", "一四九团", "", False)),
        (("内地", "", "", "", AFTER), ("内地", "", "", "", False)),
        (("", "", "", "", EPOCH), ("", "", "", "", False)),
    ],
)
def test_a_lot_is_placed_by_its_words_and_its_day(
    lot: Lot, expected: tuple[str, str, str, str, bool]
) -> None:
    """Regiment before division before region; a county only of a lot without either."""
    assert placed(BOTH, [lot]) == [expected]


def test_no_lots_are_placed_nowhere() -> None:
    assert placed(BOTH, []) == []


def test_english_names_are_the_latest_by_level() -> None:
    renamed = Placing(
        [organisation("region,x,兵团,Corps,,,2019-08-31", "region,x,兵团,XPCC,,2019-09-01,")]
    )
    assert renamed.english_names["region"] == {"兵团": "XPCC"}
    assert BOTH.english_names["county"] == {"沙湾县": "Shawan"}
    assert "一四九团" not in BOTH.english_names["regiment"]


@dataclass(frozen=True)
class Row:
    """A row of a file, its days as they are written."""

    level: str
    code: str
    name: str
    parent: str
    first: date | None
    last: date | None

    def holds(self, day: date) -> bool:
        """Whether it is in force."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def __str__(self) -> str:
        """The line of the file."""
        days = (day.isoformat() if day else "" for day in (self.first, self.last))
        return ",".join((self.level, self.code, self.name, "", self.parent, *days))


DAYS = [date(2020, 1, 1) + timedelta(days=number) for number in range(8)]
CODES = {level: [f"{level[0:3]}{number}" for number in range(3)] for level in LEVELS}
NAMES = {level: [f"{level}-{number}" for number in range(4)] for level in LEVELS}
ABOVE = {"division": "region", "regiment": "division", "county": "region"}


@st.composite
def rows_of(draw: st.DrawFn, level: str, parents: list[str]) -> Row:
    """Any row of a level below these parents, more often than not with open ends."""
    optional = [""] if level in ("region", "county") else []
    day = st.one_of(st.none(), st.sampled_from(DAYS))
    return Row(
        level,
        draw(st.sampled_from(CODES[level])),
        draw(st.sampled_from([*NAMES[level], CODES[level][0]])),
        draw(st.sampled_from([*optional, *parents])),
        draw(day),
        draw(day),
    )


@st.composite
def documents(draw: st.DrawFn) -> list[tuple[list[Row], Organisation]]:
    """One or two organisations that go together: of any rows, those that fit."""
    found: list[tuple[list[Row], Organisation]] = []
    for _ in range(draw(st.integers(1, 2))):
        rows: list[Row] = []
        read = None
        for level in LEVELS:
            above = ABOVE.get(level)
            parents = sorted({row.code for row in rows if row.level == above})
            if above and not parents:
                continue
            some = st.lists(rows_of(level, parents), min_size=2, max_size=5)
            for row in draw(some):
                try:
                    more = organisation(*map(str, [*rows, row]))
                except OrganisationFileError:
                    continue
                if all(contradiction(more, other) is None for _, other in found):
                    rows, read = [*rows, row], more
        if read is not None:
            found.append((rows, read))
    return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[tuple[list[Row], Organisation]], list[Lot]]:
    """Organisations, and lots that name their units, other words, or nothing."""
    found = draw(documents())
    known = [row for rows, _ in found for row in rows]

    def words(level: str) -> st.SearchStrategy[str]:
        units = [word for row in known if row.level == level for word in (row.code, row.name)]
        return st.sampled_from(["", "unknown", *CODES[level], *units])

    days = st.sampled_from([date(1970, 1, 1), *DAYS, date(2030, 1, 1)])
    lots = st.tuples(*map(words, LEVELS), days)
    return found, draw(st.lists(lots, max_size=40))


def modelled(rows: list[Row], lot: Lot) -> tuple[str, str, str, str, bool]:
    """The rules, one lot at a time."""
    region, division, regiment, county, day = lot

    def found(level: str, word: str) -> Row | None:
        matching = [
            row
            for row in rows
            if row.level == level and word in (row.code, row.name) and row.holds(day)
        ]
        assert len(matching) <= 1
        return matching[0] if matching else None

    of_regiment, of_county = found("regiment", regiment), found("county", county)
    of_division = found("division", of_regiment.parent if of_regiment else division)
    if of_division:
        of_region = found("region", of_division.parent)
    elif of_county and of_county.parent and not division and not regiment:
        of_region = found("region", of_county.parent)
    else:
        of_region = found("region", region)
    differs = any(
        row and word and word not in (row.code, row.name)
        for row, word in ((of_division, division), (of_region, region))
    )
    return (
        of_region.name if of_region else region,
        of_division.name if of_division else division,
        of_regiment.name if of_regiment else regiment,
        of_county.name if of_county else county,
        differs,
    )


@settings(max_examples=200)
@given(cases())
def test_placing_is_what_the_model_says(
    case: tuple[list[tuple[list[Row], Organisation]], list[Lot]],
) -> None:
    """Any organisations that go together, any words, any days."""
    found, lots = case
    placing = Placing([read for _, read in found])
    rows = [row for some, _ in found for row in some]
    assert placed(placing, lots) == [modelled(rows, lot) for lot in lots]
