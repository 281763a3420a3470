"""Organisations: what is read of a file, and every way in which one is refused."""

from __future__ import annotations

from datetime import date

import pytest
from cotton_server.reference.organisation import (
    BYTES_MAX,
    ROWS_MAX,
    OrganisationFileError,
    contradiction,
    parse_organisation,
)
from cotton_server.reference.units import EPOCH, OPEN_FROM, OPEN_TO

from tests.support.organisations import HEADING, LOCAL, XPCC, text

REGION, DIVISION = "region,x,兵团,,,,", "division,8,第八师,,x,,"


def test_an_organisation_is_read_with_its_periods() -> None:
    units = parse_organisation(text(*XPCC), "xpcc").units
    assert [(unit.level, unit.code, unit.parent) for unit in units[2:5]] == [
        ("division", "7", "xpcc"),
        ("regiment", "150", "8"),
        ("regiment", "150", "7"),
    ]
    moved = (date(2019, 8, 31) - EPOCH).days
    assert [(unit.first, unit.last) for unit in units[3:5]] == [
        (OPEN_FROM, moved),
        (moved + 1, OPEN_TO),
    ]
    assert units[0].name_en == "XPCC"


def test_what_surrounds_the_rows_makes_no_difference() -> None:
    """A byte order mark, remarks, blank lines, line ends, quotes, blanks, order of columns."""
    plain = parse_organisation(text(REGION, DIVISION), "x").units
    written = (
        "\ufeff# a remark, with a comma\r\n\r\n"
        "code, name,level,parent,valid_to,valid_from,name_en\r\n"
        ' x ,"兵团",region,,,,\r\n'
        "8,第八师\u3000,division,x,,,"
    )
    read = parse_organisation(written, "x").units
    assert [(unit.level, unit.code, unit.name, unit.parent) for unit in read] == [
        (unit.level, unit.code, unit.name, unit.parent) for unit in plain
    ]
    assert [unit.line for unit in read] == [4, 5]


@pytest.mark.parametrize(
    ("rows", "line", "problem"),
    [
        ([], 1, "There are no rows."),
        ([REGION, "village,v,v,,x,,"], 3, '"village" is no level.'),
        ([REGION, "division,8"], 3, "The row has 2 values, the heading 7."),
        ([REGION, 'division,"8,第八师,,x,,'], 3, "The row has quotes that cannot be read."),
        ([REGION, "division,,第八师,,x,,"], 3, "The code is missing."),
        ([REGION, "division,8,,,x,,"], 3, "The name is missing."),
        ([REGION, f"division,8,{'师' * 65},,x,,"], 3, "cannot be a name"),
        ([REGION, "division,8,第\u202e师,,x,,"], 3, "cannot be a name"),
        ([REGION, f"division,{'8' * 65},第八师,,x,,"], 3, "cannot be a code"),
        (["region,x,兵团,,y,,"], 2, "A region has no parent."),
        ([REGION, "division,8,第八师,,,,"], 3, "The parent of the division is missing."),
        ([REGION, "regiment,1,一团,,,,"], 3, "The parent of the regiment is missing."),
        ([REGION, "division,8,第八师,,y,,"], 3, 'the region "y", is not there at all.'),
        ([REGION, "regiment,1,一团,,x,,"], 3, 'the division "x", is not there at all.'),
        ([REGION, "county,c,c,,y,,"], 3, 'the region "y", is not there at all.'),
        (
            [REGION, "division,8,第八师,,x,2012-09-01,", "regiment,1,一团,,8,,"],
            4,
            "is not there from the beginning on.",
        ),
        (
            [REGION, "division,8,第八师,,x,,2012-08-31", "regiment,1,一团,,8,2012-08-01,"],
            4,
            'the division "8", is not there on 2012-09-01.',
        ),
        (
            [
                REGION,
                "division,8,第八师,,x,,2012-08-31",
                "division,8,第八师,,x,2012-09-02,",
                "regiment,1,一团,,8,,",
            ],
            5,
            "is not there on 2012-09-01.",
        ),
        ([REGION, "division,8,第八师,,x,2012-9-1,"], 3, '"2012-9-1" of valid_from is no day.'),
        ([REGION, "division,8,第八师,,x,20120901,"], 3, '"20120901" of valid_from is no day.'),
        ([REGION, "division,8,第八师,,x,,2012-02-30"], 3, '"2012-02-30" of valid_to is no day.'),
        (
            [REGION, "division,8,第八师,,x,2012-09-02,2012-09-01"],
            3,
            "The period ends on 2012-09-01, before it begins on 2012-09-02.",
        ),
        (
            [REGION, "division,8,第八师,,x,,2012-09-01", "division,8,八师,,x,2012-09-01,"],
            4,
            'The division "8" is in force twice on 2012-09-01: line 3 has it too.',
        ),
        (
            [REGION, DIVISION, "division,9,第八师,,x,2012-09-01,"],
            4,
            '"第八师" names two units of the level division on 2012-09-01: line 3 has it too.',
        ),
        (
            [REGION, "division,第八师,九师,,x,,", DIVISION],
            4,
            '"第八师" names two units of the level division on the beginning: line 3 has it too.',
        ),
        ([REGION] * (ROWS_MAX + 1), ROWS_MAX + 2, f"There are more than {ROWS_MAX} rows."),
        (["#" * BYTES_MAX], 1, f"at most {BYTES_MAX} are read."),
    ],
)
def test_a_bad_file_is_refused_with_its_line(rows: list[str], line: int, problem: str) -> None:
    with pytest.raises(OrganisationFileError) as refused:
        parse_organisation(text(*rows), "name")
    assert problem in refused.value.problem
    assert refused.value.line == line
    assert refused.value.remedy.endswith(".")
    assert str(refused.value).startswith(f"name: line {line}: ")


@pytest.mark.parametrize(
    ("heading", "problem"),
    [
        (HEADING.replace(",parent", ""), "The column parent is not in the heading."),
        (f"{HEADING},code", "The column code is twice in the heading."),
        (f"{HEADING},colour", '"colour" is no column of an organisation.'),
    ],
)
def test_a_bad_heading_is_refused(heading: str, problem: str) -> None:
    with pytest.raises(OrganisationFileError) as refused:
        parse_organisation(f"# remark\n{heading}\n", "name")
    assert refused.value.problem == problem
    assert refused.value.line == 2


def test_what_is_quoted_of_a_file_is_cut() -> None:
    """No error is as long as what it is about."""
    with pytest.raises(OrganisationFileError) as refused:
        parse_organisation(text(f"{'v' * 5000},v,v,,x,,"), "name")
    assert len(str(refused.value)) < 200


def test_periods_may_touch_and_names_may_pass_on() -> None:
    """A name that one unit gives up another may take on the next day; levels share no names."""
    rows = (
        "region,x,兵团,,,,",
        "division,8,第八师,,x,,2012-08-31",
        "division,8,石河子师,,x,2012-09-01,",
        "division,9,第八师,,x,2012-09-01,",
        "regiment,8,第八师,,8,,",
        "county,c,兵团,,,,",
    )
    assert len(parse_organisation(text(*rows), "x").units) == 6


def test_of_several_pairs_of_rows_the_same_is_named_by_every_process() -> None:
    """What is named is on record: it must not follow the order of words in a set."""
    for number in range(12):
        a, b, c = f"a{number}", f"b{number}", f"c{number}"
        one = parse_organisation(text(f"region,{b},{a},,,,"), "one")
        other = parse_organisation(text(f"region,{a},{c},,,,", f"region,{b},x,,,,"), "other")
        assert contradiction(one, other) == (one.units[0], other.units[0])
        assert contradiction(other, one) == (other.units[0], one.units[0])
        with pytest.raises(OrganisationFileError) as refused:
            parse_organisation(
                text(f"region,{a},{c},,,,", f"region,{b},x,,,,", f"region,{c},{b},,,,"), "three"
            )
        assert refused.value.problem == (
            f'"{c}" names two units of the level region on the beginning: line 2 has it too.'
        )


def test_the_indices_of_an_organisation_are_made_once() -> None:
    organisation = parse_organisation(text(*XPCC), "xpcc")
    assert organisation.by_word is organisation.by_word
    assert organisation.by_code is organisation.by_code


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (LOCAL, None),
        (("region,xpcc,别的,,,,",), "xpcc"),
        (("region,r,兵团,,,,",), "兵团"),
        (("region,兵团,r,,,,",), "兵团"),
        ((*LOCAL, "division,l,地方师,,local,,", "regiment,149,x,,l,,2012-08-31"), None),
        ((*LOCAL, "division,l,地方师,,local,,", "regiment,149,x,,l,,2012-09-01"), "149"),
    ],
)
def test_two_organisations_contradict_each_other_on_a_day(
    other: tuple[str, ...], words: str | None
) -> None:
    """A code or name in force in both at once, whichever is asked of which."""
    one, two = (parse_organisation(text(*rows), "x") for rows in (XPCC, other))
    for pair in (contradiction(one, two), (contradiction(two, one) or (None, None))[::-1]):
        if words is None:
            assert pair in (None, (None, None))
        else:
            assert pair is not None
            ours, theirs = pair
            assert ours is not None
            assert theirs is not None
            assert ours in one.units
            assert theirs in two.units
            assert words in {*ours.words} & {*theirs.words}
