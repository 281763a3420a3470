"""The page of figures describes every column that a service sends, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cotton_client.render.class_names import class_name
from cotton_client.render.joint_names import JOINT
from cotton_client.render.labels import parts
from cotton_server.grading.definitions import load_definitions
from cotton_server.grading.standards import load_standards
from cotton_server.summary.catalogue import (
    certificate_columns,
    grade_columns,
    row_columns,
    year_on_year_columns,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parents[2] / "docs" / "figures.md"

MEASURES = "length|micronaire|strength|uniformity|rd|plus_b|short_fibre"
PLACES = {
    "state": "[a-z_]+",
    "measure": MEASURES,
    "class": "[A-Za-z0-9_]+",
    "definition": "[a-z0-9_]+",
}


def section(heading: str) -> str:
    """A part of the page."""
    (found,) = [
        part
        for part in PAGE.read_text("utf-8").split("\n## ")
        if part.partition("\n")[0] == heading
    ]
    return found


def patterns(text: str) -> list[re.Pattern[str]]:
    """The names in backticks of some text, with their places filled by what may stand there."""
    names = re.findall(r"`([a-z_<>.]+)`", text)
    return [
        re.compile(
            re.sub(
                r"<([a-z]+)>",
                lambda place: f"(?:{PLACES[place[1]]})",
                name.replace(".", r"\."),
            )
        )
        for name in names
    ]


def sent(heading: str) -> Iterator[str]:
    """The names of the columns that a service sends of a kind."""
    if heading == "Rows of a summary":
        yield from (each.name for each in (*row_columns(), *year_on_year_columns()))
    elif heading == "Certificates of lots":
        yield from (each.name for each in certificate_columns())
    else:
        for standard in load_standards().values():
            yield from (each.name for each in grade_columns([standard], load_definitions()))


@pytest.mark.parametrize("heading", ["Rows of a summary", "Grades", "Certificates of lots"])
def test_every_column_is_described(heading: str) -> None:
    """Each in the table of its kind."""
    known = patterns(section(heading))
    assert known
    missing = [name for name in sent(heading) if not any(each.fullmatch(name) for each in known)]
    assert missing == []


@pytest.mark.parametrize("heading", ["Rows of a summary", "Grades"])
def test_nothing_is_described_that_is_not_sent(heading: str) -> None:
    """A first cell of the table names columns that are there."""
    columns = list(sent(heading))
    cells = re.findall(r"^\| (`[^|]*) \|", section(heading), re.MULTILINE)
    for each in patterns("\n".join(cells)):
        assert any(each.fullmatch(name) for name in columns), each.pattern


def test_every_definition_has_its_name() -> None:
    """The page of a summary calls them as the service's files do."""
    for each in load_definitions():
        assert JOINT[each.id] == f"{each.title} {each.title_zh}"


def test_every_class_of_gb_1103_has_its_name() -> None:
    """Colours, their types and preparations by the standard's own Chinese names."""
    standard = load_standards()["GB1103.1-2023"]
    colour = standard.colour
    assert colour is not None
    for grade in colour.grades:
        assert parts(class_name("colour", grade.name))[1] == grade.title_zh
    for each in colour.types:
        assert parts(class_name("colour_type", each.name))[1] == each.title_zh
    for item in standard.items.values():
        for each_class in item.classes:
            named = class_name(item.name, each_class.name)
            assert named == f"{each_class.title} {each_class.title_zh}"


def test_classes_of_another_standard_have_no_wrong_name() -> None:
    """The colour 31 of USDA is not that of GB 1103.1, nor its length 28."""
    assert class_name("colour", "31", metric=False) == ""
    assert class_name("length", "28", metric=False) == ""
    assert class_name("colour_type", "yellow_stained", metric=False) == "yellow stained"
    assert class_name("colour", "99") == ""
    assert class_name("visual_grade", "3") == "grade 三级"
