"""Definitions as data: what each asks, whom it applies to, and what a wrong file is told."""

from importlib import resources

import polars as pl
import pytest
from cotton_server.grading.bales import grade_codes
from cotton_server.grading.definition_file import (
    DefinitionFileError,
    collect_definitions,
    parse_definitions,
)
from cotton_server.grading.definitions import has_items, load_definitions, meets
from cotton_server.grading.standards import load_standards

from tests.golden.lots import bale_frame, random_bales
from tests.grading import oracle

BY_ID = {each.id: each for each in load_definitions()}
FOLDER = resources.files("cotton_server.grading").joinpath("definitions")
TEXT = FOLDER.joinpath("joint.toml").read_text("utf-8")


def test_definitions_come_in_the_order_of_the_files() -> None:
    assert list(BY_ID) == list(oracle.DEFINITIONS)
    assert all(each.provenance.source and each.title_zh for each in BY_ID.values())


@pytest.mark.parametrize("standard", oracle.STANDARDS)
def test_a_definition_applies_where_its_units_and_tiers_are(standard: str) -> None:
    """Where tiers are not known, those without tiers apply; in inches none does."""
    applying = [
        each.id for each in load_definitions() if each.applies_to(load_standards()[standard])
    ]
    untiered = ["double_28", "double_29", "double_30", "length_28", "length_29"]
    expected = {oracle.OLD: list(BY_ID), oracle.NEW: list(BY_ID), oracle.USDA: []}
    assert applying == expected.get(standard, untiered)


def test_a_definition_says_what_it_asks() -> None:
    standard = load_standards()[oracle.NEW]
    assert BY_ID["double_29b2"].text(standard) == (
        "length >= 29.0 mm and strength >= 29.0 cN/tex and micronaire B2"
    )
    assert BY_ID["micronaire_a_b"].text(standard) == "micronaire A or B1 or B2"
    assert BY_ID["double_29"].measures == ("length", "strength")


@pytest.mark.parametrize("name", oracle.DEFINITIONS)
def test_expressions_agree_with_decimals(name: str) -> None:
    """Over a frame of official values: who meets it, and who has what it asks for."""
    standard = load_standards()[oracle.NEW]
    frame = random_bales(20_000, 1, 4)
    official = grade_codes(frame, standard).select(oracle.MEASURES)
    found = official.select(met=meets(BY_ID[name], standard), whole=has_items(BY_ID[name]))
    assert set(found.dtypes) == {pl.Boolean}
    bales = list(frame.iter_rows(named=True))
    asked = oracle.DEFINITIONS[name]
    items = [item for item, each in zip(oracle.DEFINED_OF, asked, strict=True) if each]
    assert found["met"].to_list() == [name in oracle.defined_of(b, oracle.NEW) for b in bales]
    assert found["whole"].to_list() == [all(b[item] is not None for item in items) for b in bales]


def test_an_absent_item_is_not_met_and_not_null() -> None:
    standard = load_standards()[oracle.NEW]
    official = grade_codes(bale_frame(length=[3000, None]), standard)
    for definition in load_definitions():
        assert official.select(meets(definition, standard)).to_series().null_count() == 0


@pytest.mark.parametrize(
    ("right", "wrong", "place", "problem"),
    [
        ('id = "double_28"', 'id = "Double 28"', "definitions[1].id", "small letters"),
        ('id = "double_28"', "", "definitions[1].id", "missing"),
        ('units = "metric"', 'units = "feet"', "definitions[1].units", "none of metric, usda"),
        ('measure = "length"', 'measure = "width"', "conditions[1].measure", "none of length"),
        (', at_least = "28.0"', "", "conditions[1].at_least", "needs at_least, tiers"),
        (', at_least = "28.0"', ', at_least = "x"', "conditions[1].at_least", "no decimal"),
        (', at_least = "28.0"', ', at_most = "28.0"', "conditions[1].at_most", "no such entry"),
        ('measure = "strength"', 'measure = "length"', "[1].conditions", "more than once"),
        ('tiers = ["A"]', 'tiers = ["A", "A"]', "conditions[3].tiers", "more than once"),
        ("[[definitions]]", "[[definition]]", "definition", "no such entry"),
        ("[[definitions]]", "definitions", "TOML", ""),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_its_place(
    right: str, wrong: str, place: str, problem: str
) -> None:
    assert right in TEXT
    with pytest.raises(DefinitionFileError) as error:
        parse_definitions(TEXT.replace(right, wrong, 1), "wrong.toml")
    assert place in error.value.place
    assert problem in error.value.problem
    assert error.value.file == "wrong.toml"


def test_an_id_stands_in_one_file() -> None:
    definitions = parse_definitions(TEXT, "a.toml")
    with pytest.raises(DefinitionFileError, match=r"b\.toml.*double_28 occurs more"):
        collect_definitions([(definitions, "a.toml"), (definitions, "b.toml")])


def test_a_definition_asks_something() -> None:
    text = """
        [[definitions]]
        id = "a"
        title = "a"
        title_zh = "甲"
        units = "metric"
        source = "s"
        confidence = "L"
        conditions = []
    """
    with pytest.raises(DefinitionFileError, match="There are none"):
        parse_definitions(text, "a.toml")
