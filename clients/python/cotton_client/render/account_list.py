"""Records of what money needs, a line each, and what they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cotton.inspection.v1 import accounts_pb2
from rich.cells import cell_len
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.parts import UNKNOWN, or_unknown, padded
from cotton_client.render.values import china_time, count, counted, kilograms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cotton.inspection.v1.accounts_pb2 import AccountRecord

    from cotton_client.render.account_totals import AccountTotals

_GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class _Column:
    """A column: its headings, and its cell of the message of a record."""

    heading: str
    heading_zh: str
    cell: Callable[[Any], str]
    right: bool = False


def _amount(hundredths: int) -> str:
    """Any amount in hundredths, with both decimals, in groups of three."""
    return kilograms(hundredths, 2)


_ORGANISATION: Final = (
    _Column("Region", "区域", lambda each: or_unknown(each.region)),
    _Column("Division", "师", lambda each: or_unknown(each.division)),
    _Column("Regiment", "团场", lambda each: or_unknown(each.regiment)),
)
_SEASON: Final = _Column("Season", "年度", lambda each: str(each.season))
_UNIT: Final = _Column("Unit", "追溯单元", lambda each: each.traceability_unit)

_COLUMNS: Final[Mapping[int, tuple[_Column, ...]]] = {
    accounts_pb2.ACCOUNT_KIND_DELIVERY: (
        _SEASON,
        _Column("Delivery", "交售单号", lambda each: each.delivery_no),
        _UNIT,
        *_ORGANISATION,
        _Column("Gin", "加工厂", lambda each: or_unknown(each.gin_code)),
        _Column("Delivered", "交售时间", lambda each: or_unknown(china_time(each.delivered_at_s))),
        _Column("kg", "籽棉净重", lambda each: _amount(each.weight), right=True),
    ),
    accounts_pb2.ACCOUNT_KIND_AREA: (
        _SEASON,
        _UNIT,
        *_ORGANISATION,
        _Column("mu", "面积（亩）", lambda each: _amount(each.area), right=True),
    ),
    accounts_pb2.ACCOUNT_KIND_MARKET_PRICE: (
        _Column("Series", "价格系列", lambda each: each.series),
        _Column("Day", "日期", lambda each: each.day),
        _Column("Mark", "等级", lambda each: or_unknown(each.mark)),
        _Column("Lot", "批号", lambda each: or_unknown(each.lot_no)),
        _Column(
            "Basis",
            "品种",
            lambda each: (
                names.PRICE_BASES.get(each.basis, names.price_basis(each.basis)) or UNKNOWN
            ),
        ),
        _Column("yuan/t", "元/吨", lambda each: _amount(each.price), right=True),
        _Column(
            "Volume kg",
            "成交量",
            lambda each: _amount(each.volume) if each.volume else UNKNOWN,
            right=True,
        ),
    ),
    accounts_pb2.ACCOUNT_KIND_BALE_WEIGHT: (
        _Column("Bale", "包", lambda each: each.bale),
        _Column("Net", "净重", lambda each: _amount(each.net), right=True),
        _Column("Unit", "单位", lambda each: names.MASS_UNITS.get(each.unit, UNKNOWN)),
    ),
}
_REVISION: Final = ("Revision", "版本")
_VERSIONS: Final = ("Versions", "版次")

_NOUNS: Final[Mapping[int, str]] = {
    accounts_pb2.ACCOUNT_KIND_DELIVERY: "delivery",
    accounts_pb2.ACCOUNT_KIND_AREA: "area",
    accounts_pb2.ACCOUNT_KIND_MARKET_PRICE: "price",
    accounts_pb2.ACCOUNT_KIND_BALE_WEIGHT: "weight",
}


class AccountLines:
    """The lines of a list that is printed as it comes, in blocks of records.

    Columns are as wide as what has been printed so far, so that those of a first block that
    is the whole list fit.
    """

    def __init__(self, kind: int) -> None:
        self._columns = _COLUMNS[kind]
        headings = [(each.heading, each.heading_zh) for each in self._columns]
        self._headings = list(zip(*headings, _REVISION, _VERSIONS, strict=True))
        self._right = [*(each.right for each in self._columns), True, True]
        self._widths = [0] * len(self._right)
        self._begun = False

    def lines(self, records: Sequence[AccountRecord]) -> Iterator[Text]:
        """The next records, before the first of them the headings."""
        rows = [self._cells(each) for each in records]
        above = [] if self._begun else self._headings
        for row in (*self._headings, *rows):
            self._widths = [
                max(width, cell_len(cell)) for width, cell in zip(self._widths, row, strict=True)
            ]
        self._begun = True
        for row in above:
            yield Text(self._laid_out(row), style="dim")
        for row in rows:
            yield Text(self._laid_out(row))

    def _cells(self, record: AccountRecord) -> tuple[str, ...]:
        message = getattr(record, str(record.WhichOneof("record")))
        said = (each.cell(message) for each in self._columns)
        return (*said, str(record.revision), count(record.versions))

    def _laid_out(self, cells: Sequence[str]) -> str:
        laid = zip(cells, self._widths, self._right, strict=True)
        return _GAP.join(padded(cell, width, right=right) for cell, width, right in laid).rstrip()


def end(kind: int, totals: AccountTotals, revision: int, limit: int) -> Iterator[Text]:
    """How many there were, and what they add up to."""
    if not totals.records:
        yield Text("Nothing of that is recorded 无记录", style="yellow")
    said = [counted(totals.records, _NOUNS[kind])]
    said += [
        f"{_amount(hundredths)} {name.rpartition('_')[2]}"
        for name, hundredths in totals.sums.items()
        if hundredths
    ]
    if limit and totals.records == limit:
        said.append("the list ends here by --limit")
    yield Text(f"\n{' · '.join(said)} · revision 版本 {revision}", style="dim")
