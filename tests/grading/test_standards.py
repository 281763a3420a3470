"""Standards as data: what is loaded, which one grades a lot, and what a wrong file is told."""

from datetime import date
from importlib import resources

import pytest
from cotton_server.grading.standard import Tiering, Units, unverified_parts
from cotton_server.grading.standard_file import StandardFileError, parse_standard
from cotton_server.grading.standards import choose_standard, collect_standards, load_standards

from tests.grading import oracle

OLD, NEW = "GB1103.1-2012", "GB1103.1-2023"
UPLAND = "SAW_GINNED_UPLAND"
FOLDER = resources.files("cotton_server.grading").joinpath("standards")
TEXT = FOLDER.joinpath(f"{NEW}.toml").read_text("utf-8")
OLD_TEXT = FOLDER.joinpath(f"{OLD}.toml").read_text("utf-8")


def test_both_editions_are_loaded_oldest_first() -> None:
    standards = load_standards()
    assert list(standards) == [OLD, NEW]
    assert standards[NEW].supersedes == OLD
    assert standards[OLD].in_force_to == date(2024, 8, 31)


@pytest.mark.parametrize("edition", [OLD, NEW])
def test_neighbours_and_classes_are_those_of_the_standard(edition: str) -> None:
    standard = load_standards()[edition]
    neighbours = {
        grade.name: {str(code) for code in grade.neighbours} for grade in standard.colour.grades
    }
    assert neighbours == {name: set(text.split()) for name, text in oracle.NEIGHBOURS.items()}
    assert list(neighbours) == [
        "11",
        "21",
        "31",
        "41",
        "51",
        "12",
        "22",
        "32",
        "13",
        "23",
        "33",
        "14",
        "24",
    ]
    classes = {n: [t.name for t in standard.measures[n].tiers] for n in oracle.CLASSES}
    assert classes == oracle.CLASSES
    assert standard.colour.main_share == 8000
    assert (standard.standard_trash.value, standard.official_regain.value) == (250, 850)


def test_what_is_not_known_is_said() -> None:
    """Short fibre tiers and the trash constant of 2023."""
    assert load_standards()[NEW].unknown_tierings == ("short_fibre",)
    assert load_standards()[NEW].measures["short_fibre"].tiering is Tiering.UNKNOWN
    assert load_standards()[NEW].unverified == ("weight.standard_trash",)
    assert load_standards()[OLD].unknown_tierings == ()
    assert load_standards()[OLD].unverified == ()
    assert unverified_parts(load_standards().values()) == (f"{NEW}: weight.standard_trash",)


def test_a_standard_says_which_bales_it_grades() -> None:
    """GB 1103.1 grades millimetres; a standard of other units says so in its file."""
    assert {each.units for each in load_standards().values()} == {Units.METRIC}
    usda = parse_standard(TEXT.replace('units = "metric"', 'units = "usda"'), "n")
    assert usda.grades_usda_bales
    assert not load_standards()[NEW].grades_usda_bales


@pytest.mark.parametrize(
    ("named", "cotton_type", "season", "expected"),
    [
        ("", UPLAND, 2023, OLD),
        ("", UPLAND, 2024, NEW),
        ("", UPLAND, 2016, OLD),
        ("", UPLAND, 2030, NEW),
        (OLD, UPLAND, 2024, OLD),
        (NEW, "IMPORTED_UPLAND", 2016, NEW),
        ("USDA", UPLAND, 2024, None),
        ("", "ROLLER_GINNED_UPLAND", 2024, None),
        ("", "EXTRA_LONG_STAPLE", 2024, None),
        ("", "IMPORTED_UPLAND", 2024, None),
        ("", "", 2024, None),
    ],
)
def test_choice(named: str, cotton_type: str, season: int, expected: str | None) -> None:
    chosen = choose_standard(load_standards(), named=named, cotton_type=cotton_type, season=season)
    assert (None if chosen is None else chosen.id) == expected


@pytest.mark.parametrize(
    ("right", "wrong", "place", "problem"),
    [
        ('from = "26.0", to = "26.9"', 'from = "26.1", to = "26.9"', "length.tiers", "gap"),
        ('from = "26.0", to = "26.9"', 'from = "25.9", to = "26.9"', "length.tiers", "overlap"),
        ('{ name = "25", to = "25.9" }', '{ name = "25", from = "1.0", to = "25.9" }',
         "length.tiers", "open downwards"),
        ('{ name = "32", from = "32.0" }', '{ name = "32", from = "32.0", to = "40.0" }',
         "length.tiers", "open upwards"),
        ('from = "26.0", to = "26.9"', 'from = "26.9", to = "26.0"', "tiers[2].to", "below from"),
        ('from = "26.0", to = "26.9"', 'from = "26.05", to = "26.9"', "from", "multiple"),
        ('from = "26.0", to = "26.9"', 'from = 26.0, to = "26.9"', "tiers[2].from", "type str"),
        ('{ name = "26"', '{ name = "25"', "length.tiers", "more than once"),
        ('{ name = "26"', '{ name = "2x"', "length.tiers", "two digits"),
        (', to = "3.6", grade = "B"', ', to = "3.6"', "micronaire.tiers", "Either every"),
        ('standard = "S3"', 'standard = "S9"', "strength.standard", "neither"),
        ('neighbours = ["41"]', 'neighbours = ["41", "61"]', "colour.grades", "no grade"),
        ('neighbours = ["41"]', 'neighbours = ["41", "11"]', "colour.grades", "vice versa"),
        ('neighbours = ["41"]', 'neighbours = ["41", "51"]', "colour.grades", "its own"),
        ('code = "51"', 'code = "5"', "colour.grades[5].code", "two digits"),
        ('code = "51"', 'code = "41"', "colour.grades", "more than once"),
        ('standard = "31"', 'standard = "61"', "colour.standard", "not among"),
        ('share_at_least = "80.00"', 'share_at_least = "50.00"', "share_at_least", "above 50"),
        ('share_at_least = "80.00"', 'share_at_least = "NaN"', "share_at_least", "decimals"),
        ('share_at_least = "80.00"', 'share_at_least = "80.001"', "share_at_least", "decimals"),
        ('share_at_least = "80.00"', 'share_at_least = "most"', "share_at_least", "no decimal"),
        ('rule = "half-even"', 'rule = "half-up"', "rounding.rule", "half-even"),
        ('value = "8.5"', 'value = "100"', "official_regain.value", "between"),
        ('standard = "P2"', 'standard = "P5"', "preparation.standard", "not among"),
        ("code = 2,", "code = 1,", "preparation.classes", "more than once"),
        ("code = 2,", "code = true,", "classes[2].code", "type int"),
        ('resolution = "0.1"', 'resolution = "0"', "length.resolution", "above 0"),
        ('confidence = "M"', 'confidence = "X"', "confidence", "none of H, M, L"),
        ('unit = "mm"\n', "", "measures.length.unit", "missing"),
        ('unit = "mm"\n', 'unit = "mm"\nunti = "mm"\n', "length.unti", "no such entry"),
        ("[measures.rd]", "[measures.redness]", "measures.rd", "missing"),
        ("first = 2024", "first = 2024\nlast = 2020", "seasons.last", "before"),
        ("in_force_from = 2024-09-01", "in_force_from = 2024-09-01\nin_force_to = 2020-01-01",
         "in_force_to", "before"),
        ('cotton_types = ["SAW_GINNED_UPLAND"]', "cotton_types = []", "cotton_types", "at least"),
        ('cotton_types = ["SAW_GINNED_UPLAND"]', "cotton_types = [1]", "cotton_types", "strings"),
        ('tiering = "unknown"', 'tiering = "listed"\ntiers = []\nstandard = "x"',
         "short_fibre.tiers", "none"),
        ('id = "GB1103.1-2023"', "id = ", "TOML", "Invalid"),
        ('units = "metric"\n', "", "units", "missing"),
        ('units = "metric"', 'units = "imperial"', "units", "none of metric, usda"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_its_place(
    right: str, wrong: str, place: str, problem: str
) -> None:
    assert right in TEXT
    with pytest.raises(StandardFileError) as error:
        parse_standard(TEXT.replace(right, wrong, 1), "wrong.toml")
    assert error.value.file == "wrong.toml"
    assert place in error.value.place
    assert problem in error.value.problem


def test_standards_must_agree_with_each_other() -> None:
    """The file's name, ids, what is superseded, and seasons."""
    new, old = parse_standard(TEXT, "n"), parse_standard(OLD_TEXT, "o")
    with pytest.raises(StandardFileError, match="not the file's name"):
        collect_standards([(new, "other.toml")])
    with pytest.raises(StandardFileError, match="more than once"):
        collect_standards([(old, f"{OLD}.toml"), (old, f"{OLD}.toml")])
    with pytest.raises(StandardFileError, match="is not there"):
        collect_standards([(new, f"{NEW}.toml")])
    early = parse_standard(TEXT.replace("first = 2024", "first = 2023"), "n")
    with pytest.raises(StandardFileError, match="claims some of the same seasons"):
        collect_standards([(old, f"{OLD}.toml"), (early, f"{NEW}.toml")])
