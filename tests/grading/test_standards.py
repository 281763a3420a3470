"""Standards as data: what is loaded, which one grades a lot, and what a wrong file is told."""

import re
from datetime import date
from importlib import resources

import pytest
from cotton_server.grading.families import families
from cotton_server.grading.standard import Tiering, Units, unverified_parts
from cotton_server.grading.standard_file import StandardFileError, parse_standard
from cotton_server.grading.standards import choose_standard, collect_standards, load_standards
from cotton_server.intake.rules import CURRENT, rule_set

from tests.grading import oracle

OLD, NEW = oracle.OLD, oracle.NEW
ROLLER, LONG_STAPLE, USDA = oracle.ROLLER, oracle.LONG_STAPLE, oracle.USDA
UPLAND = "SAW_GINNED_UPLAND"
FOLDER = resources.files("cotton_server.grading").joinpath("standards")
TEXT = FOLDER.joinpath(f"{NEW}.toml").read_text("utf-8")
OLD_TEXT = FOLDER.joinpath(f"{OLD}.toml").read_text("utf-8")


def test_all_standards_are_loaded_oldest_first() -> None:
    """Those whose day is not known come last."""
    standards = load_standards()
    assert list(standards) == list(oracle.STANDARDS)
    assert standards[NEW].supersedes == OLD
    assert standards[OLD].in_force_to == date(2024, 8, 31)
    assert standards[ROLLER].in_force_from == date(2013, 9, 1)
    assert standards[LONG_STAPLE].in_force_from is None


def test_intake_knows_every_standard_that_grades() -> None:
    """A reading that names one is not warned about."""
    assert set(load_standards()) <= rule_set(CURRENT).known_standards


@pytest.mark.parametrize("edition", [OLD, NEW])
def test_neighbours_and_classes_are_those_of_the_standard(edition: str) -> None:
    standard = load_standards()[edition]
    assert standard.colour is not None
    assert standard.colour.main is not None
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
    assert standard.colour.main.share == 8000
    assert constants(edition) == (250, 850)


def constants(standard: str) -> tuple[int | None, int | None]:
    """Standard trash and official regain."""
    loaded = load_standards()[standard]
    trash, regain = loaded.standard_trash, loaded.official_regain
    return (None if trash is None else trash.value, None if regain is None else regain.value)


@pytest.mark.parametrize(
    ("standard", "types"),
    [
        (OLD, {"white": 5, "light_spotted": 3, "light_yellow_tinged": 3, "yellow_tinged": 2}),
        (NEW, {"white": 5, "light_spotted": 3, "light_yellow_tinged": 3, "yellow_tinged": 2}),
        (USDA, {"white": 8, "light_spotted": 7, "spotted": 7, "tinged": 5, "yellow_stained": 3}),
    ],
)
def test_colour_types_and_how_many_grades_each_has(standard: str, types: dict[str, int]) -> None:
    colour = load_standards()[standard].colour
    assert colour is not None
    assert {each.name: len(colour.grades_of(each)) for each in colour.types} == types
    assert sorted(grade.name for grade in colour.grades) == sorted(oracle.colours(standard))


def test_upland_of_the_roller_gin_is_graded_by_eye() -> None:
    """No colour grades, seven visual grades, of which the third is the standard one."""
    standard = load_standards()[ROLLER]
    assert standard.colour is None
    grades = standard.items["visual_grade"]
    assert [each.name for each in grades.classes] == list("1234567")
    assert (grades.standard, grades.column) == ("3", "visual_grade")
    assert constants(ROLLER) == (300, 850)


def test_usda_upland_has_staple_and_leaf_and_no_rule_of_a_main_grade() -> None:
    standard = load_standards()[USDA]
    assert standard.grades_usda_bales
    assert standard.colour is not None
    assert (standard.colour.main, standard.colour.standard) == (None, None)
    assert [tier.name for tier in standard.measures["length"].tiers] == [
        *(name for name, _ in oracle.STAPLES),
        "44",
    ]
    assert [each.code for each in standard.items["leaf"].classes] == list(range(1, 9))
    untiered = {n for n, measure in standard.measures.items() if measure.tiering is Tiering.NONE}
    assert untiered == set(oracle.MEASURES) - {"length"}
    assert constants(USDA) == (None, None)


UNTIERED = ("length", "micronaire", "strength", "uniformity", "short_fibre")


@pytest.mark.parametrize(
    ("standard", "unknown"),
    [
        (OLD, []),
        (NEW, ["measures.short_fibre"]),
        (ROLLER, [*(f"measures.{name}" for name in UNTIERED), "preparation"]),
        (LONG_STAPLE, [*(f"measures.{name}" for name in UNTIERED), "in_force_from", "colour",
                       "preparation", "visual_grade.standard", "weight.standard_trash"]),
        (USDA, ["in_force_from", "weight.standard_trash", "weight.official_regain"]),
    ],
)  # fmt: skip
def test_what_is_not_known_is_said_and_stays_empty(standard: str, unknown: list[str]) -> None:
    """Never filled in: a part that is there has a source, one that is unknown is not there."""
    loaded = load_standards()[standard]
    assert list(loaded.unknown) == unknown
    assert not {part for part in unknown if not part.startswith("measures.")} & set(loaded.parts)
    assert all(not loaded.measures[n].tiers for n in UNTIERED if f"measures.{n}" in unknown)
    assert all(provenance.source for provenance in loaded.parts.values())


def test_what_is_not_verified_is_said() -> None:
    """The trash constant of 2023."""
    assert load_standards()[NEW].unverified == ("weight.standard_trash",)
    assert load_standards()[OLD].unverified == ()
    assert unverified_parts(load_standards().values()) == (f"{NEW}: weight.standard_trash",)


def test_a_part_can_be_unknown_where_another_standard_has_it() -> None:
    """Unknown is not the same as not there, which says nothing."""
    unknown = parse_standard(
        re.sub(r"(?s)\[colour.main\]\n.*?\n\n", "[colour.main]\nunknown = true\n\n", TEXT), "n"
    )
    absent = parse_standard(re.sub(r"(?s)\[colour.main\]\n.*?\n\n", "", TEXT), "n")
    assert unknown.colour is not None
    assert absent.colour is not None
    assert unknown.colour.main is None is absent.colour.main
    assert "colour.main" in unknown.unknown
    assert "colour.main" not in absent.unknown


def test_a_standard_says_which_bales_it_grades() -> None:
    """GB 1103.1 grades millimetres, USDA inches."""
    units = {each.id: each.units for each in load_standards().values()}
    assert units.pop(USDA) is Units.USDA
    assert set(units.values()) == {Units.METRIC}


@pytest.mark.parametrize(
    ("named", "cotton_type", "season", "expected"),
    [
        ("", UPLAND, 2023, OLD),
        ("", UPLAND, 2024, NEW),
        ("", UPLAND, 2016, OLD),
        ("", UPLAND, 2030, NEW),
        (OLD, UPLAND, 2024, OLD),
        (NEW, "IMPORTED_UPLAND", 2016, NEW),
        (USDA, UPLAND, 2024, USDA),
        ("GB1103.1-2007", UPLAND, 2024, None),
        ("", "ROLLER_GINNED_UPLAND", 2013, ROLLER),
        ("", "ROLLER_GINNED_UPLAND", 2012, None),
        ("", "EXTRA_LONG_STAPLE", 2024, LONG_STAPLE),
        ("", "EXTRA_LONG_STAPLE", 2023, None),
        ("", "IMPORTED_UPLAND", 2024, USDA),
        ("", "IMPORTED_UPLAND", 1999, USDA),
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
        ('code = "51"', 'code = "55"', "colour.grades", "none of the types"),
        ("digit = 4", "digit = 3", "colour.types", "more than once"),
        ("digit = 4", "digit = 5", "colour.types", "has no grade"),
        ("digit = 4", "digit = 14", "colour.types[4].digit", "1 to 9"),
        ('name = "yellow_tinged"', 'name = "white"', "colour.types", "more than once"),
        ("[colour.main]", "[colour.main]\nunknown = true", "colour.main.share_at_least",
         "no such entry"),
        ("[preparation]", "[preparation]\nunknown = 1", "preparation.unknown", "must be true"),
        ("[preparation]", "[preparation]\nunknown = true", "preparation.title", "no such entry"),
        ("in_force_from = 2024-09-01", 'in_force_from = "soon"', "in_force_from", "type date"),
        ("in_force_from = 2024-09-01\n", "", "in_force_from", "missing"),
        ("code = 2,", "code = 0,", "classes[2].code", "between 1 and"),
        ('[weight.official_regain]\nvalue = "8.5"', "[weight.official_regain]\nunknown = true",
         "official_regain.source", "no such entry"),
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


def test_a_slash_in_an_id_is_left_out_of_the_file_name() -> None:
    text = FOLDER.joinpath("GBT19635-2024.toml").read_text("utf-8")
    standard = parse_standard(text, "n")
    assert list(collect_standards([(standard, "GBT19635-2024.toml")])) == ["GB/T19635-2024"]
    with pytest.raises(StandardFileError, match="not the file's name"):
        collect_standards([(standard, "GB-T19635-2024.toml")])


def family_ids(*texts: str) -> list[str]:
    """The families of standards whose files have these texts."""
    return [each.id for each in families(parse_standard(text, "n") for text in texts)]


def test_editions_with_the_same_classes_are_one_family() -> None:
    """Though of short fibre one says that it has no tiers, the other that they are not known."""
    found = families(load_standards().values())
    assert [each.id for each in found] == [OLD, ROLLER, LONG_STAPLE, USDA]
    assert [each.id for each in found[0].standards] == [OLD, NEW]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('反射率"\nunit = "%"\nresolution = "0.1"', '反射率"\nunit = "%"\nresolution = "0.01"'),
        ('from = "26.0", to = "26.9"', 'from = "26.0", to = "26.8"'),
        ('name = "S1"', 'name = "S0"'),
        ('to = "3.6", grade = "B"', 'to = "3.6", grade = "A"'),
        ('name = "P3"', 'name = "P4"'),
        ('title = "ginning preparation"\n', 'title = "ginning"\n'),
        ('value = "2.5"', 'value = "2.4"'),
        ('share_at_least = "80.00"', 'share_at_least = "75.00"'),
        ('units = "metric"', 'units = "usda"'),
    ],
)
def test_what_makes_another_family(right: str, wrong: str) -> None:
    """Anything that figures are added up by does; titles, constants and the main grade do not."""
    assert right in TEXT
    other = TEXT.replace(right, wrong, 1).replace(
        'to = "26.8" },\n    { name = "27", from = "27.0"',
        'to = "26.8" },\n    { name = "27", from = "26.9"',
    )
    same = any(word in right for word in ("title", "value", "share"))
    assert family_ids(TEXT, other) == [NEW] * (1 if same else 2)
