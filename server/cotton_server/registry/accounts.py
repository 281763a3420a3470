"""The records that money needs: deliveries, areas, market prices, weights of single bales.

Every version is a row of columns that only grow; what was in force at a revision are the rows up
to it without those whose place another of them took.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import numpy as np
import polars as pl
from cotton.inspection.v1 import accounts_pb2, common_pb2

from cotton_server.registry.account_records import (
    AREA,
    BALE_WEIGHT,
    DELIVERY,
    LAYOUTS,
    MARKET_PRICE,
    Account,
    Texts,
)
from cotton_server.registry.columns import NameColumn, NumberColumn
from cotton_server.registry.records import Version
from cotton_server.registry.texts import TextBook

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    import numpy.typing as npt

    from cotton_server.registry.account_records import AccountMessage, Key, Kind, Layout, Values
    from cotton_server.registry.lifecycle import Moment

RowArray: TypeAlias = "npt.NDArray[np.int32]"

_T = TypeVar("_T")

KEPT_MAX: Final = 4
"""Orders, and frames, that are kept: of two million records each has up to 100 MB."""

_PARTS: Final = 256
"""Dictionaries that the keys are spread over: one alone stops everything for 50 ms as it grows."""

_NO_ROW: Final = -1

DELIVERIES: Final = pl.Schema(
    {
        "delivery_no": pl.String(),
        "traceability_unit": pl.String(),
        "region": pl.String(),
        "division": pl.String(),
        "regiment": pl.String(),
        "gin_code": pl.String(),
        "weight": pl.Int64(),
    }
)
"""Columns of deliveries; weight in hundredths of a kilogram."""

AREAS: Final = pl.Schema(
    {
        "traceability_unit": pl.String(),
        "region": pl.String(),
        "division": pl.String(),
        "regiment": pl.String(),
        "area": pl.Int64(),
    }
)
"""Columns of areas, in hundredths of a mu (亩)."""

PRICES: Final = pl.Schema(
    {
        "series": pl.String(),
        "day": pl.Int32(),
        "mark": pl.String(),
        "lot_no": pl.String(),
        "basis": pl.String(),
        "price": pl.Int64(),
        "volume": pl.Int64(),
    }
)
"""Columns of prices: the day counted from 1970-01-01, basis LINT or SEED_COTTON, price in
hundredths of a yuan per tonne, volume in hundredths of a kilogram (0: not known)."""

BALE_WEIGHTS: Final = pl.Schema(
    {
        "high": pl.UInt64(),
        "low": pl.UInt64(),
        "net": pl.Int64(),
        "is_pound": pl.Boolean(),
    }
)
"""Columns of weights of bales: both halves of the key, net in hundredths of a kilogram or pound."""

_BASES: Final = {
    number: name.removeprefix("PRICE_BASIS_")
    for name, number in accounts_pb2.PriceBasis.items()
    if number
}


class _SharedTexts:
    """Texts of which many rows have the same."""

    def __init__(self) -> None:
        self._book = TextBook()
        self._numbers = NumberColumn(np.int32)

    def __getitem__(self, row: int) -> str:
        return self._book[self._numbers[row]]

    def extend(self, texts: Sequence[str]) -> None:
        self._numbers.extend([self._book.enter(text) for text in texts])

    def begin_with(self, texts: pl.Series) -> None:
        """Takes texts into an empty column."""
        # In order of first use, as `extend` would have entered them.
        known = [text for text in texts.unique(maintain_order=True).to_list() if text]
        self._book.begin_with(("", *known))
        numbers = pl.DataFrame({"text": ["", *known]}).with_row_index("number")
        found = pl.DataFrame({"text": texts}).join(
            numbers, on="text", how="left", maintain_order="left"
        )
        self._numbers.begin_with(found["number"].to_numpy())

    def first(self, count: int) -> pl.Series:
        """The first `count` texts."""
        numbers = pl.Series(self._numbers.first(count))
        known = [self._book[number] for number in range(len(self._book))]
        return pl.Series(known, dtype=pl.String()).gather(numbers)


@dataclass(frozen=True, slots=True)
class AccountRows:
    """All rows of a table, to be kept and to begin another with.

    `values` has a column for each of the layout, `position` (UInt32) and `amendment` (Binary, null
    without); `earlier` and `later` are the rows of each two versions that follow one another, in
    order of the later; `in_force` the rows in force, sorted by what names a record.
    """

    values: pl.DataFrame
    earlier: RowArray
    later: RowArray
    in_force: RowArray


class AccountTable:
    """All versions of all records of one kind, a row each in order of the ledger.

    One thread appends; any thread may look at rows that were there when it began. In memory a
    delivery has about 300 bytes, the weight of a bale about 200.
    """

    def __init__(self, layout: Layout) -> None:
        """Starts empty."""
        self.layout = layout
        self._columns = {name: _column(store) for name, store in layout.columns.items()}
        self._naming = [self._columns[name] for name in layout.sorted_by]
        self._positions = NumberColumn(np.uint32)
        self._amendments: dict[int, Any] = {}
        self._last: tuple[dict[Key, int], ...] = tuple({} for _ in range(_PARTS))
        # Rows that the table began with and that were in force then, sorted by what names them:
        # searched in place of a dictionary, which would take most of the memory and of a start.
        self._sorted = np.zeros(0, np.int32)
        self._before: dict[int, int] = {}
        self._later = NumberColumn(np.int32)
        self._earlier = NumberColumn(np.int32)

    def __len__(self) -> int:
        """Rows: records with all their versions."""
        return len(self._positions)

    def has_first(self, message: AccountMessage) -> bool:
        """Whether a message can bring nothing: its record is stored, and it amends nothing."""
        key = self.layout.key_of(message)
        return (
            key is not None and self._last_row(key) != _NO_ROW and not message.HasField("amendment")
        )

    def extend(self, accounts: Sequence[Account], position: int) -> None:
        """Appends records that come into force at a position, in order."""
        start = len(self)
        by_column = zip(*(each.values for each in accounts), strict=True)
        for column, values in zip(self._columns.values(), by_column, strict=True):
            column.extend(values)
        for row, account in enumerate(accounts, start):
            before = self._last_row(account.key)
            self._part(account.key)[account.key] = row
            if account.amendment is not None:
                self._amendments[row] = account.amendment
            if before != _NO_ROW:
                self._before[row] = before
                # In this order: whoever finds a later row finds the earlier one beside it.
                self._earlier.extend([before])
                self._later.extend([row])
        # Last: a row that has a position is there as a whole.
        self._positions.extend([position] * len(accounts))

    def versions(self, key: Key) -> list[Version[Account]]:
        """Every version of a record, oldest first, as the thread that appends sees it."""
        row = self._last_row(key)
        versions: list[Version[Account]] = []
        while row != _NO_ROW:
            account = Account(key, self.values(row), self.amendment(row))
            versions.append(Version(self.position(row), 0, account))
            row = self._before.get(row, _NO_ROW)
        return versions[::-1]

    def values(self, row: int) -> Values:
        """The values of a row, in the order of the layout."""
        return tuple(column[row] for column in self._columns.values())

    def amendment(self, row: int) -> Any:
        """The amendment of a row, None of one that took the place of no other."""
        return self._amendments.get(row)

    def position(self, row: int) -> int:
        """The revision that brought a row."""
        return self._positions[row]

    def versions_up_to(self, row: int) -> int:
        """Versions of the record of a row up to this one, which is counted."""
        count = 1
        while (row := self._before.get(row, _NO_ROW)) != _NO_ROW:
            count += 1
        return count

    def count_at(self, revision: int) -> int:
        """Rows that were stored at a revision."""
        return bisect_right(range(len(self)), revision, key=self.position)

    def in_force(self, count: int) -> RowArray:
        """Of the first `count` rows those in force then, sorted by what names a record."""
        later = self._later.first(len(self._later))
        earlier = self._earlier.first(len(later))
        counts = np.ones(count, np.bool_)
        counts[earlier[later < count]] = False
        rows = np.flatnonzero(counts).astype(np.int32)
        by = list(self.layout.sorted_by)
        frame = pl.DataFrame([self.column(name, count, rows) for name in by])
        order = frame.with_columns(row=rows).sort(by)["row"].to_numpy()
        return np.asarray(order, np.int32)

    def column(self, name: str, count: int, rows: RowArray) -> pl.Series:
        """A column of `rows`, which are below `count`: Int8 to UInt64 or String."""
        values = self._columns[name].first(count)
        if isinstance(values, pl.Series):
            return values.gather(rows).alias(name)
        return pl.Series(name, values[rows])

    def rows(self) -> AccountRows:
        """All rows, while nobody appends."""
        count = len(self)
        every = np.arange(count, dtype=np.int32)
        amendments = [
            None if each is None else each.SerializeToString(deterministic=True)
            for each in map(self.amendment, range(count))
        ]
        values = pl.DataFrame(
            [
                *(self.column(name, count, every) for name in self._columns),
                pl.Series("position", self._positions.first(count)),
                pl.Series("amendment", amendments, dtype=pl.Binary()),
            ]
        )
        links = len(self._later)
        return AccountRows(
            values, self._earlier.first(links), self._later.first(links), self.in_force(count)
        )

    def begin_with(self, rows: AccountRows) -> None:
        """Takes all rows of another table of the layout into an empty one."""
        if len(self):
            raise AssertionError("rows that were there come before all others")
        for name, column in self._columns.items():
            values = rows.values[name]
            column.begin_with(values.to_numpy() if values.dtype.is_integer() else values)
        amended = rows.values.select("amendment").with_row_index().drop_nulls().rows()
        self._amendments = {
            row: common_pb2.Amendment.FromString(amendment) for row, amendment in amended
        }
        self._before = dict(zip(rows.later.tolist(), rows.earlier.tolist(), strict=True))
        self._earlier.begin_with(rows.earlier)
        self._later.begin_with(rows.later)
        self._sorted = rows.in_force
        self._positions.begin_with(rows.values["position"].to_numpy())

    def _last_row(self, key: Key) -> int:
        """The row in force of a record, _NO_ROW for none."""
        row = self._part(key).get(key)
        if row is not None:
            return row
        wanted, columns = self.layout.parts_of(key), self._naming
        place = bisect_left(
            self._sorted, wanted, key=lambda row: tuple(column[row] for column in columns)
        )
        if place == len(self._sorted):
            return _NO_ROW
        row = int(self._sorted[place])
        return row if tuple(column[row] for column in columns) == wanted else _NO_ROW

    def _part(self, key: Key) -> dict[Key, int]:
        return self._last[hash(key) % _PARTS]


class AccountBook:
    """The records of every kind.

    One thread adds, in the order of the ledger; any thread may ask about a revision that is
    published, without a lock.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self._tables = {kind: AccountTable(layout) for kind, layout in LAYOUTS.items()}
        self._lock = threading.Lock()
        self._orders: OrderedDict[Hashable, RowArray] = OrderedDict()
        self._frames: OrderedDict[Hashable, pl.DataFrame] = OrderedDict()

    def table(self, kind: Kind) -> AccountTable:
        """All versions of the records of a kind."""
        return self._tables[kind]

    def add(self, kind: Kind, accounts: Sequence[Account], moment: Moment) -> None:
        """Puts records of a kind into force."""
        if accounts:
            self._tables[kind].extend(accounts, moment.position)

    def changed_at(self, kind: Kind, revision: int) -> int:
        """The last position up to a revision that changed a kind; 0 for none."""
        table = self._tables[kind]
        count = table.count_at(revision)
        return table.position(count - 1) if count else 0

    def in_force(self, kind: Kind, revision: int) -> RowArray:
        """Rows of a kind's table in force at a revision, sorted by what names a record."""
        table = self._tables[kind]
        count = table.count_at(revision)
        return self._kept(self._orders, (kind, count), lambda: table.in_force(count))

    def deliveries(self, revision: int, season: int) -> pl.DataFrame:
        """Deliveries of a season at a revision, by number: DELIVERIES."""
        return self._frame(DELIVERY, revision, DELIVERIES, season)

    def areas(self, revision: int, season: int) -> pl.DataFrame:
        """Areas of a season at a revision, by unit: AREAS."""
        return self._frame(AREA, revision, AREAS, season)

    def prices(self, revision: int) -> pl.DataFrame:
        """Prices at a revision, by series, day, mark and lot: PRICES."""
        return self._frame(MARKET_PRICE, revision, PRICES)

    def bale_weights(self, revision: int) -> pl.DataFrame:
        """Weights of bales at a revision, by key: BALE_WEIGHTS."""
        return self._frame(BALE_WEIGHT, revision, BALE_WEIGHTS)

    def _frame(
        self,
        kind: Kind,
        revision: int,
        schema: pl.Schema,
        season: int | None = None,
    ) -> pl.DataFrame:
        count = self._tables[kind].count_at(revision)

        def made() -> pl.DataFrame:
            table, rows = self._tables[kind], self.in_force(kind, revision)
            if season is not None:
                rows = rows[table.column("season", count, rows).to_numpy() == season]
            return pl.DataFrame([_told(table, name, count, rows) for name in schema]).cast(schema)

        return self._kept(self._frames, (kind, count, season), made)

    def _kept(self, kept: OrderedDict[Hashable, _T], key: Hashable, make: Callable[[], _T]) -> _T:
        """What was made before under a key; the rows that it is made of never change."""
        with self._lock:
            if key in kept:
                kept.move_to_end(key)
                return kept[key]
        made = make()
        with self._lock:
            kept[key] = made
            while len(kept) > KEPT_MAX:
                kept.popitem(last=False)
        return made


def _column(store: type[np.integer[Any]] | Texts) -> Any:
    if store is Texts.SHARED:
        return _SharedTexts()
    return NameColumn() if store is Texts.OWN else NumberColumn(store)


def _told(table: AccountTable, name: str, count: int, rows: RowArray) -> pl.Series:
    """A column as readers get it, values in words and days counted."""
    if name == "is_pound":
        return (table.column("unit", count, rows) == accounts_pb2.MASS_UNIT_POUND).alias(name)
    column = table.column(name, count, rows)
    if name == "day":
        return column.str.to_date("%Y-%m-%d").to_physical()
    if name == "basis":
        return column.replace_strict(_BASES, return_dtype=pl.String())
    return column
