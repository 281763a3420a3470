"""Tables as files: read back, every figure is what the service said, and every text is a text."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import openpyxl
import polars as pl
import pytest
from cotton.inspection.v1 import summary_pb2
from cotton_client import errors, grades_query
from cotton_client.export import (
    About,
    about_certificates,
    about_grades,
    drafts,
    plain_frame,
    workbook,
    write_csv,
    write_excel,
    write_parquet,
)
from cotton_client.render.natural_order import natural_key
from cotton_client.tables import Table, decode_page
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.grades_service import (
    CERTIFICATE_COLUMNS,
    COLUMNS,
    DIVISIONS,
    KEYS,
    LABELS_EN,
    LOT_NOS,
    REVISION,
    TOTAL,
    certificates_page,
    grades_page,
    header,
)
from tests.support.tables import encode_page, figure_column

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_client.render.labels import Labels

QUERY = grades_query(
    KEYS,
    {summary_pb2.SUMMARY_KEY_SEASON: ["2024"], summary_pb2.SUMMARY_KEY_GIN: ["65140", ""]},
    with_last_season=True,
    withhold_below=500,
)


@pytest.fixture
def table() -> Table:
    """A table of grades by division and state."""
    frame, withheld = decode_page(grades_page(0, len(DIVISIONS)), KEYS, COLUMNS)
    texts, *figures = TOTAL
    total, _ = decode_page(encode_page(1, texts=[texts], figures=figures), KEYS, COLUMNS)
    return Table(header(), KEYS, COLUMNS, frame, withheld, total)


@pytest.fixture
def certificates() -> Table:
    """A table of certificates."""
    frame, withheld = decode_page(certificates_page(LOT_NOS), (), CERTIFICATE_COLUMNS)
    return Table(header(), (), CERTIFICATE_COLUMNS, frame, withheld)


def test_csv_is_the_table(table: Table, tmp_path: Path) -> None:
    """Read back it is the frame in real units, with the digits that each column has."""
    frame = plain_frame(table, with_withheld=True)
    write_csv(tmp_path / "a.csv", frame)
    again = pl.read_csv(tmp_path / "a.csv", schema=frame.schema)
    assert again.equals(frame)
    first, second, *_ = (tmp_path / "a.csv").read_text("utf-8").splitlines()
    assert first == (
        "revision,division,state,withheld,main_colour,bales,conditioned,"
        "length.mean_to_hundredths,colour.31.share,last_season.bales"
    )
    assert second == "812,第一师,final,false,31,1200,272400.51,29.68,73.12,1000"


def test_parquet_is_the_table(table: Table, tmp_path: Path) -> None:
    """Counts are integers and figures decimals; what they rest on is in the metadata."""
    frame = plain_frame(table)
    write_parquet(tmp_path / "a.parquet", frame, about_grades(table, QUERY))
    again = pl.read_parquet(tmp_path / "a.parquet")
    assert again.equals(frame)
    assert again.schema["bales"] == pl.Int64
    assert again.schema["conditioned"] == pl.Decimal(38, 2)
    metadata = pl.read_parquet_metadata(tmp_path / "a.parquet")
    assert '"revision": "812"' in metadata["cotton"]


@pytest.mark.parametrize("labels", ["both", "en", "zh"])
def test_excel_is_the_table(table: Table, tmp_path: Path, labels: Labels) -> None:
    """Opened by another library: headings, every figure as its decimal, the total, what rests."""
    path = tmp_path / "a.xlsx"
    write_excel(path, table, about_grades(table, QUERY), labels=labels)
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    lines = 2 if labels == "both" else 1
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    named = 0 if labels == "zh" else 1
    english = ["Division", "Division in English", "State", "Main colour grade", "Bales"]
    chinese = ["师", *["师英文名"] * named, "状态", "主体颜色级", "包数"]
    assert rows[0][: len(chinese)] == (chinese if labels == "zh" else english)
    assert labels != "both" or rows[1][:5] == chinese
    assert rows[0][-1] == ("上年度：包数" if labels == "zh" else "Last season: Bales")
    data, (total,) = rows[lines:-1], rows[-1:]
    assert len(data) == len(DIVISIONS)
    assert [row[0] for row in data] == sorted(DIVISIONS, key=natural_key)
    by_division = {row[0]: row for row in data}
    for number, column in enumerate(table.columns):
        if column.is_text:
            continue
        values = table.frame[table.names[number]]
        for place, value in enumerate(values):
            if not table.withheld[place]:
                cell = by_division[DIVISIONS[place]][2 + named + number]
                assert number_of(cell) == exact(value, column.decimals)
    if named:
        assert {name: row[1] for name, row in by_division.items() if row[1]} == LABELS_EN
        assert total[1] is None
    assert number_of(total[4 + named]) == Decimal("681506987.40")
    assert total[0] == {"both": "Total 合计", "en": "Total", "zh": "合计"}[labels]
    assert sheet.freeze_panes == f"{'CD'[named]}{lines + 1}"
    assert sheet.cell(lines + 1, 5 + named).number_format == "#,##0.00"


def exact(value: int | None, decimals: int) -> Decimal | None:
    """An integer of a table in its unit."""
    return None if value is None else Decimal(value).scaleb(-decimals)


def number_of(value: object) -> Decimal | None:
    """A cell as the decimal that is written in the file."""
    return None if value is None else Decimal(str(value))


def test_withheld_rows_have_their_keys_alone(table: Table, tmp_path: Path) -> None:
    """And say so in the cell behind them."""
    write_excel(tmp_path / "a.xlsx", table, about_grades(table, QUERY))
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
    (row,) = (row for row in sheet.iter_rows(values_only=True) if row[0] == "第二师")
    assert list(row) == ["第二师", None, "final", "withheld 不公布", *[None] * 5]


def test_a_withheld_total_is_told(table: Table, tmp_path: Path) -> None:
    """Below the rows, as they are."""
    keys = encode_page(1, texts=[[None]], figures=[[None]] * 5)
    total, _ = decode_page(keys, KEYS, COLUMNS)
    told = replace(table, total=total, total_withheld=True)
    write_excel(tmp_path / "a.xlsx", told, about_grades(table, QUERY))
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
    row = [cell.value for cell in sheet[3 + len(DIVISIONS)]]
    assert row == ["Total 合计", None, None, "withheld 不公布", *[None] * 5]


def test_the_second_sheet_says_what_the_figures_rest_on(table: Table, tmp_path: Path) -> None:
    """Whoever finds the file in years can ask for the same again."""
    write_excel(tmp_path / "a.xlsx", table, about_grades(table, QUERY))
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[1]
    said = {str(row[0].value): str(row[1].value) for row in sheet.iter_rows(min_row=3)}
    assert said["Revision 版本"] == str(REVISION)
    assert said["The revision was received 版本时间"] == (
        "2024-12-01T09:50:15.123456Z (2024-12-01 17:50 +08)"
    )
    assert said["Filters 筛选"] == "season = 2024; gin = 65140 or not given"
    assert said["Grouped by 分组"] == "division, state"
    assert said["Days of inspection 检验日期"] == "2024-10-01 to 2024-12-01"
    assert said["Last season, days of inspection 上年度检验日期"] == "2023-10-01 to 2023-12-01"
    assert said["Withheld 不公布"].startswith(
        "1 of 6 rows: rows of at least one bale and fewer than 500,"
    )
    assert said["English names 英文名"] == "第一师 = First Division; 第八师 = Eighth Division"
    assert "GB1103.1-2023: weight.standard_trash" in said["Not verified 未核实"]
    assert "largest remainder" in said["Shares 占比"]
    assert "0.01 %" in said["Shares 占比"]
    assert {
        "Standards 标准",
        "Grading rules 规则版本",
        "Colour charts 颜色图",
        "Organisation of revision 机构版本",
        "Readings that count 数据口径",
        "Year on year 同比",
        "Placing of lots 归属",
        "Weighting 加权",
        "Rounding 修约",
        "Units 单位",
    } <= set(said)


def test_the_third_sheet_names_every_column(table: Table, tmp_path: Path) -> None:
    """By the name that programs use, with unit, decimals, standards and season."""
    write_excel(tmp_path / "a.xlsx", table, about_grades(table, QUERY))
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[2]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    division, *others = [*table.key_names, *table.names]
    assert [row[0] for row in rows] == [division, None, *others]
    assert rows[1][1:3] == ["Division in English", "师英文名"]
    assert rows[5][:5] == [
        "conditioned",
        "Conditioned weight [kg]",
        "公定重量 [kg]",
        "kg",
        2,
    ]
    assert rows[-1][6] == "last season 上年度"


def test_certificates_have_a_workbook_too(certificates: Table, tmp_path: Path) -> None:
    """Without total; a lot that was not read has empty cells; shares by the rule of lots."""
    about = about_certificates(certificates, QUERY.filters, 1)
    write_excel(tmp_path / "a.xlsx", certificates, about)
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    rows = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows(min_row=3)]
    assert [row[0] for row in rows] == list(LOT_NOS)
    assert rows[1][10:13] == [0, 42580, None]
    assert rows[0][1] == "final"
    assert rows[0][3:5] == ["第八师", "Eighth Division"]
    shares = next(line for line in about.lines if line.name == "shares")
    assert "the last class takes the rest" in shares.value
    assert "0.1 %" in shares.value


def test_no_text_becomes_a_formula(table: Table, tmp_path: Path) -> None:
    """A name that begins as a formula does is shown, never computed."""
    write_excel(tmp_path / "a.xlsx", table, about_grades(table, QUERY))
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        sheets = "".join(
            archive.read(name).decode() for name in archive.namelist() if "sheet" in name
        )
    assert "<f>" not in sheets
    assert "=1+1" in sheets
    assert "=cmd|x" in sheets
    cells = [
        cell
        for row in openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0].iter_rows()
        for cell in row
        if str(cell.value).startswith("=")
    ]
    assert [cell.data_type for cell in cells] == ["s", "s"]


def test_the_same_table_makes_the_same_bytes(table: Table, tmp_path: Path) -> None:
    """A report of one revision can be compared byte by byte."""
    for name in ("a.xlsx", "b.xlsx"):
        write_excel(tmp_path / name, table, about_grades(table, QUERY))
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5), st.integers(0, 4))
def test_a_cell_holds_every_digit(
    tmp_path_factory: pytest.TempPathFactory, values: list[int], decimals: int
) -> None:
    """As a number where Excel can keep it, else as a text."""
    columns = (figure_column("a", decimals=decimals),)
    page = encode_page(len(values), figures=[values])
    frame, withheld = decode_page(page, (), columns)
    table = Table(header(), (), columns, frame, withheld)
    path = tmp_path_factory.mktemp("cell") / "a.xlsx"
    write_excel(path, table, About("a", "b", ()), labels="en")
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    body = sheet.partition('<row r="2"')[2]
    cells = re.findall(r"<v>([^<]+)</v>|<t[^>]*>([^<]+)</t>", body)
    assert [Decimal(number or text) for number, text in cells] == [
        exact(value, decimals) for value in values
    ]
    for (number, _), value in zip(cells, values, strict=True):
        assert bool(number) == (abs(value) < 10**15)


def test_what_a_sheet_cannot_hold_is_refused_before_writing(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With headings and total counted in; CSV and Parquet have no such limit."""
    workbook.check_fits(1_048_576, 16_384)
    for rows, columns in ((1_048_577, 1), (1, 16_385)):
        with pytest.raises(errors.Refused, match="do not fit a sheet") as caught:
            workbook.check_fits(rows, columns)
        assert caught.value.reason == "TOO_LARGE_FOR_EXCEL"
    monkeypatch.setattr(workbook, "ROWS_MAX", len(DIVISIONS) + 2)
    with pytest.raises(errors.Refused):
        write_excel(tmp_path / "a.xlsx", table, about_grades(table, QUERY))
    assert not list(tmp_path.iterdir())


def test_progress_is_told_while_rows_are_written(tmp_path: Path) -> None:
    """A large workbook takes a while."""
    rows = 2500
    columns = (figure_column("bales"),)
    frame, withheld = decode_page(encode_page(rows, figures=[list(range(rows))]), (), columns)
    heard: list[tuple[int, int]] = []
    write_excel(
        tmp_path / "a.xlsx",
        Table(header(), (), columns, frame, withheld),
        About("a", "b", ()),
        on_rows=lambda *rows: heard.append(rows),
    )
    assert heard == [(1000, 2500), (2000, 2500)]


def test_columns_of_two_families_are_told_apart_in_headings(tmp_path: Path) -> None:
    """By their standards, in the names and above the figures."""
    columns = (
        figure_column("length.min", title="Length: least", unit="mm", standards=["A", "B"]),
        figure_column("length.min", title="Length: least", unit="in", standards=["USDA"]),
    )
    frame, withheld = decode_page(encode_page(1, figures=[[1], [2]]), (), columns)
    table = Table(header(), (), columns, frame, withheld)
    write_excel(tmp_path / "a.xlsx", table, About("a", "b", ()), labels="en")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
    assert [cell.value for cell in sheet[1]] == [
        "Length: least [mm] (A, B)",
        "Length: least [in] (USDA)",
    ]
    assert plain_frame(table).columns == ["revision", "length.min@A+B", "length.min@USDA"]


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """Unless it is to be replaced; then the old one stands until the new one is whole."""
    path = tmp_path / "a.csv"
    path.write_text("old", "utf-8")
    with (
        pytest.raises(errors.ConfigurationError, match="is there already") as caught,
        drafts([path]),
    ):
        pass
    assert caught.value.reason == "FILE_EXISTS"
    with drafts([path], force=True) as (draft,):
        draft.write_text("new", "utf-8")
        assert path.read_text("utf-8") == "old"
    assert path.read_text("utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_came_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """Somebody else may have written it while the answer was computed."""
    path = tmp_path / "a.csv"

    def write() -> None:
        with drafts([path]) as (draft,):
            draft.write_text("ours", "utf-8")
            path.write_text("theirs", "utf-8")

    with pytest.raises(errors.ConfigurationError):
        write()
    assert path.read_text("utf-8") == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    """Neither the file nor a draft of it; of several files all or none."""

    def write() -> None:
        with drafts([tmp_path / "a", tmp_path / "b"]) as (first, _):
            first.write_text("half", "utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("paths", [["a", "a"], ["nowhere/a"], ["."]])
def test_files_that_cannot_be_written_are_said_first(tmp_path: Path, paths: list[str]) -> None:
    """Before anything is asked or computed."""
    with pytest.raises(errors.ConfigurationError), drafts([tmp_path / each for each in paths]):
        raise AssertionError
