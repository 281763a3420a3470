"""Grades of readings that are not stored, as a page for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl
from rich.text import Text

from cotton_client.render.parts import UNKNOWN, heading, table
from cotton_client.render.values import count, counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from cotton_client.grading import Graded, GradedFile

BALES_SHOWN: Final = 40
"""Bales of a file that a page lists unless told otherwise."""

_COLUMNS: Final = (
    ("Colour 颜色级", ("colour_grade",)),
    ("By chart 据图", ("chart_colour_grade",)),
    ("Visual 品级", ("visual_grade",)),
    ("Leaf", ("leaf_grade",)),
    ("Length 长度级", ("length_level",)),
    ("Micronaire 马克隆值", ("micronaire_tier", "micronaire_grade")),
    ("Strength 强度", ("strength_tier",)),
    ("Uniformity 整齐度", ("uniformity_tier",)),
    ("Short fibre 短纤维", ("short_fibre_tier",)),
    ("Preparation 轧工", ("preparation",)),
)
"""Headings, and what stands below them; columns that no bale of a file has are left out."""


class GradesPage:
    """The page of graded files."""

    def __init__(self, graded: Graded, limit: int, csv_file: Path | None) -> None:
        self._graded = graded
        self._limit = limit
        self._csv = csv_file

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Every file with its bales, then what was not graded and what it rests on."""
        graded = self._graded
        for each in graded.files:
            yield heading(each.file)
            yield from _file(each, self._limit)
        if graded.unverified:
            yield Text(f"Unverified 未核实: {', '.join(graded.unverified)}", style="yellow")
        if self._csv is not None:
            rows = sum(each.bales.height for each in graded.files)
            yield Text(f"{self._csv}: {counted(rows, 'row')}")
        yield Text(
            f"Nothing was stored 未入库; charts of revision 版本 {graded.revision},"
            f" grading version 定级版本 {graded.grading_version or UNKNOWN}",
            style="dim",
        )


def _file(each: GradedFile, limit: int) -> Iterator[RenderableType]:
    yield Text.assemble(
        f"{counted(each.bales.height, 'reading')}: {count(each.graded)} graded 已定级, ",
        (f"{count(each.ungraded)} ungraded 未定级", "yellow" if each.ungraded else ""),
        ", ",
        (f"{count(each.rejected)} would be rejected 将被拒收", "red" if each.rejected else ""),
    )
    taken = each.bales.filter(pl.col("standard").is_not_null())
    if taken.height and limit:
        yield _grades(taken.head(limit))
        if taken.height > limit:
            more = count(taken.height - limit)
            yield Text(f"and {more} more; --limit lists more, --csv writes all", style="dim")
    rejected = each.bales.with_row_index("record", offset=1).filter(
        pl.col("rejected").is_not_null()
    )
    for row in rejected.head(limit).iter_rows(named=True):
        yield Text(f"  record {row['record']}, {row['bale']}: {row['rejected']}", style="red")
    if each.ungraded:
        yield Text(
            "What is ungraded names no standard that grades it: give --standard, or --cotton-type,"
            " of the units of the bales.",
            style="yellow",
        )


def _grades(bales: pl.DataFrame) -> RenderableType:
    shown = [
        (title, names)
        for title, names in _COLUMNS
        if any(bales[name].null_count() < bales.height for name in names)
    ]
    listed = table(
        [
            ("Bale 棉包", ""),
            ("Lot 批号", ""),
            ("Standard 标准", ""),
            *((title, "") for title, _ in shown),
            ("Is also 另属", ""),
        ]
    )
    for row in bales.iter_rows(named=True):
        listed.add_row(
            row["bale"],
            row["lot_no"] or "",
            row["standard"],
            *(_cell(row, names) for _, names in shown),
            " ".join(row["definitions"]),
        )
    return listed


def _cell(row: dict[str, Any], names: tuple[str, ...]) -> Text:
    """What stands in one cell: B2 B; what a chart gives in place of the laboratory is marked."""
    texts = list(dict.fromkeys(row[name] for name in names if row[name]))
    from_chart = names == ("colour_grade",) and row["colour_from_chart"]
    return Text(" ".join(texts) or UNKNOWN, style="italic" if from_chart else "")
