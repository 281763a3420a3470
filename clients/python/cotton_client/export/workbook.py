"""Tables for people: an Excel workbook with the figures, what they rest on, and every column.

Numbers are written digit by digit from integers, so that a cell holds what the service said;
texts are always texts, whatever they begin with. The same table makes the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import xlsxwriter

from cotton_client import errors
from cotton_client.export.plain import words_lowered
from cotton_client.export.sheet_columns import SheetColumn, sheet_columns
from cotton_client.render.labels import in_language
from cotton_client.render.natural_order import natural_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import polars as pl

    from cotton_client.export.about import About
    from cotton_client.render.labels import Labels
    from cotton_client.tables import Table

ROWS_MAX: Final = 1_048_576
COLUMNS_MAX: Final = 16_384
"""What a sheet of Excel holds."""

_EXACT_BELOW: Final = 10**15
"""Excel keeps fifteen digits; a longer number is written as a text."""

_TEXT_MAX: Final = 32_767
_SAY_EVERY: Final = 1000
_WIDTH_MIN, _WIDTH_MAX = 9, 26
_WITHHELD: Final = "withheld 不公布"
_TOTAL: Final = "Total 合计"
_COLUMN_FACTS: Final = (
    "Name 名称",
    "English 英文",
    "Chinese 中文",
    "Unit 单位",
    "Decimals 小数位",
    "Standards 标准",
    "Season 年度",
)
_OPTIONS: Final = {
    # A row is written to the disk when the next begins.
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


def check_fits(rows: int, columns: int) -> None:
    """Raises Refused for more than a sheet holds, headings and total counted in."""
    if rows <= ROWS_MAX and columns <= COLUMNS_MAX:
        return
    raise errors.Refused(
        f"{rows} rows of {columns} columns do not fit a sheet of Excel, which has {ROWS_MAX} rows"
        f" and {COLUMNS_MAX} columns.",
        reason="TOO_LARGE_FOR_EXCEL",
        remedy="Ask for fewer rows or columns, or write CSV or Parquet.",
    )


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table and the name of its sheet, English and Chinese."""

    name: str
    table: Table


def write_workbook(
    path: Path,
    sheets: Sequence[Sheet],
    about: About,
    *,
    labels: Labels = "both",
    on_rows: Callable[[int, int], None] | None = None,
) -> None:
    """Writes a workbook with a sheet a table, and one that says what they rest on.

    Otherwise as write_excel; `on_rows` hears of each sheet by itself.
    """
    columns = [sheet_columns(each.table, labels) for each in sheets]
    for each, of_sheet in zip(sheets, columns, strict=True):
        _check_table(each.table, of_sheet, labels)
    with xlsxwriter.Workbook(str(path), _OPTIONS) as book:
        _set_properties(book, about, sheets[0].table)
        for each, of_sheet in zip(sheets, columns, strict=True):
            _Figures(book, each.table, of_sheet, labels, name=each.name).write(on_rows)
        _write_about(book, about, labels)


def write_excel(
    path: Path,
    table: Table,
    about: About,
    *,
    labels: Labels = "both",
    on_rows: Callable[[int, int], None] | None = None,
) -> None:
    """Writes a workbook of three sheets: figures, what they rest on, columns.

    `on_rows` hears of the rows that are written and of all there are. Raises Refused, before
    anything is written, for a table that is larger than a sheet.
    """
    columns = sheet_columns(table, labels)
    _check_table(table, columns, labels)
    with xlsxwriter.Workbook(str(path), _OPTIONS) as book:
        _set_properties(book, about, table)
        _Figures(book, table, columns, labels).write(on_rows)
        _write_about(book, about, labels)
        _write_columns(book, table, columns, labels)


def _check_table(table: Table, columns: Sequence[SheetColumn], labels: Labels) -> None:
    """Raises Refused for a table that is larger than a sheet."""
    lines = 2 if labels == "both" else 1
    check_fits(lines + table.frame.height + (table.total is not None), len(columns))


def _set_properties(book: Any, about: About, table: Table) -> None:
    """The workbook is of the instant of its revision, so that the same answer makes it again."""
    instant = datetime.fromtimestamp(table.header.received_at_us // 1_000_000, UTC)
    book.set_properties({"title": about.title, "created": instant.replace(tzinfo=None)})


class _Figures:
    """A sheet of figures: headings, a line a group or lot, the total."""

    def __init__(
        self,
        book: Any,
        table: Table,
        columns: Sequence[SheetColumn],
        labels: Labels,
        *,
        name: str = "Figures 数据",
    ) -> None:
        self._table = table
        self._above = [each.heading for each in columns]
        self._sources = [(each.source, each.english) for each in columns]
        self._keys = sum(each.source < len(table.keys) for each in columns)
        self._labels: Labels = labels
        self._sheet = book.add_worksheet(in_language(name, labels))
        self._heading = book.add_format(
            {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "bg_color": "#EEF2F6"}
        )
        self._dim = book.add_format({"italic": True, "font_color": "#808080"})
        plain, bold = {"num_format": "@"}, {"num_format": "@", "bold": True, "top": 1}
        self._text = book.add_format(plain)
        self._total_text = book.add_format(bold)
        of_table = [0] * len(table.keys) + [each.decimals for each in table.columns]
        decimals = [of_table[each.source] for each in columns]
        self._decimals = decimals
        numbers = {places: f"#,##0{'.' if places else ''}{'0' * places}" for places in {*decimals}}
        rows = {places: book.add_format({"num_format": form}) for places, form in numbers.items()}
        totals = {
            places: book.add_format({"num_format": form, "bold": True, "top": 1})
            for places, form in numbers.items()
        }
        self._numbers = [rows[places] for places in decimals]
        self._total_numbers = [totals[places] for places in decimals]

    def write(self, on_rows: Callable[[int, int], None] | None) -> None:
        """The whole sheet, from top to bottom."""
        table, sheet = self._table, self._sheet
        first = self._write_headings()
        height = table.frame.height
        frame = words_lowered(table.frame, table)
        for place, row in enumerate(_in_order(table)):
            self._write_row(first + place, frame.row(row), self._text, self._numbers)
            if table.withheld[row]:
                self._write_withheld(first + place)
            if on_rows is not None and (place + 1) % _SAY_EVERY == 0:
                on_rows(place + 1, height)
        if table.total is not None:
            self._write_total(first + height, table.total)
        if height:
            sheet.autofilter(first - 1, 0, first + height - 1, len(self._above) - 1)

    def _write_headings(self) -> int:
        """The lines of headings, which stay in sight; gives the first row below them."""
        sheet = self._sheet
        languages = {"both": ("english", "chinese"), "en": ("english",), "zh": ("chinese",)}
        lines = languages[self._labels]
        for place, each in enumerate(self._above):
            longest = max(len(each.english) // 2, len(each.chinese), _WIDTH_MIN)
            sheet.set_column(place, place, min(longest, _WIDTH_MAX))
        for row, language in enumerate(lines):
            for place, each in enumerate(self._above):
                _write_text(sheet, row, place, getattr(each, language), self._heading)
        sheet.freeze_panes(len(lines), self._keys or 1)
        sheet.repeat_rows(0, len(lines) - 1)
        sheet.set_landscape()
        return len(lines)

    def _write_row(
        self, row: int, values: Sequence[Any], text: Any, numbers: Sequence[Any]
    ) -> None:
        """One row: texts as texts, figures with all their digits, nothing where absent."""
        for place, (source, english) in enumerate(self._sources):
            value = values[source] if english is None else english.get(values[source])
            if value is None:
                continue
            if isinstance(value, str):
                _write_text(self._sheet, row, place, value, text)
                continue
            exact = Decimal(value).scaleb(-self._decimals[place])
            if abs(value) < _EXACT_BELOW:
                self._sheet.write_number(row, place, exact, numbers[place])
            else:
                _write_text(self._sheet, row, place, f"{exact:f}", numbers[place])

    def _write_total(self, row: int, total: pl.DataFrame) -> None:
        """The total, told apart by its line and its first cell."""
        (values,) = total.iter_rows()
        self._write_row(row, values, self._total_text, self._total_numbers)
        if self._keys:
            _write_text(self._sheet, row, 0, in_language(_TOTAL, self._labels), self._total_text)
        if self._table.total_withheld:
            self._write_withheld(row)

    def _write_withheld(self, row: int) -> None:
        """Says behind the keys of a row that its figures are withheld."""
        told = in_language(_WITHHELD, self._labels)
        _write_text(self._sheet, row, self._keys, told, self._dim)


def _in_order(table: Table) -> Iterable[int]:
    """Rows in the natural order of their keys, as on the page; lots in that of their numbers."""
    if not table.keys:
        return range(table.frame.height)
    keys = table.frame.select(table.key_names).rows()
    return sorted(range(len(keys)), key=lambda row: [natural_key(each or "") for each in keys[row]])


def _write_about(book: Any, about: About, labels: Labels) -> None:
    """The second sheet: what the figures rest on."""
    sheet = book.add_worksheet(in_language("About 说明", labels))
    title = book.add_format({"bold": True, "font_size": 14})
    label = book.add_format({"bold": True, "valign": "top", "text_wrap": True})
    value = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
    sheet.set_column(0, 0, 36)
    sheet.set_column(1, 1, 100)
    _write_text(sheet, 0, 0, in_language(f"{about.title} {about.title_zh}", labels), title)
    for row, line in enumerate(about.lines, 2):
        _write_text(sheet, row, 0, in_language(line.title, labels), label)
        _write_text(sheet, row, 1, line.value, value)


def _write_columns(book: Any, table: Table, columns: Sequence[SheetColumn], labels: Labels) -> None:
    """The third sheet: each column by its name for programs, where those have it."""
    sheet = book.add_worksheet(in_language("Columns 列", labels))
    bold = book.add_format({"bold": True, "bottom": 1})
    plain = book.add_format({"num_format": "@"})
    number = book.add_format({"num_format": "0"})
    sheet.set_column(0, 2, 44)
    sheet.set_column(3, 6, 16)
    sheet.freeze_panes(1, 0)
    for place, fact in enumerate(_COLUMN_FACTS):
        _write_text(sheet, 0, place, in_language(fact, labels), bold)
    for row, each in enumerate(columns, 1):
        heading = each.heading
        facts: tuple[str, ...] = (heading.name, heading.english, heading.chinese)
        if each.english is None and each.source >= len(table.keys):
            column = table.columns[each.source - len(table.keys)]
            season = "last season 上年度" if column.last_season else ""
            facts += (column.unit, "", ", ".join(column.standards), season)
            if not column.is_text:
                sheet.write_number(row, 4, column.decimals, number)
        for place, fact in enumerate(facts):
            if fact:
                _write_text(sheet, row, place, fact, plain)


def _write_text(sheet: Any, row: int, place: int, text: str, form: Any) -> None:
    """A text as a text, also where it begins as a formula does."""
    sheet.write_string(row, place, text[:_TEXT_MAX], form)
