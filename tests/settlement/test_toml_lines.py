"""Where the entries of a document stand, that it is read as TOML is, and what is refused."""

from __future__ import annotations

import time
import tomllib
from typing import Final

import pytest
from cotton_server.settlement.library import Shipped, shipped
from cotton_server.settlement.toml_lines import (
    BYTES_MAX,
    VALUES_MAX,
    TomlError,
    TomlText,
    place_of,
    steps_of,
)
from hypothesis import given
from hypothesis import strategies as st

TEXT: Final = '''\
# A comment with [brackets] and = signs.
kind = "schedule" # and one behind
note = """
first \\
    second"""
list = [
    "x", # [not] a list
    { name = "y", to = "3" }, ["z",
    "w"],
]
[rounding]
mode = 'half even'
[[factors]]
name = "colour"
rates = { "21" = "300", 31 = "0" }
[[factors]]
name = "length"
bands = [
    { name = "28", from = "28.0" },
    {
        name = "29" },
]
[[factors.axes]]
item = "leaf"
[[factors.axes]]
item = "length"
'''.replace("{\n        name", "{ name")


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("kind", 2),
        ("note", 3),
        ("list", 6),
        ("list[1]", 7),
        ("list[2].to", 8),
        ("list[3]", 8),
        ("list[3][2]", 9),
        ("rounding", 11),
        ("rounding.mode", 12),
        ("factors", 13),
        ("factors[1].rates.31", 15),
        ("factors[2]", 16),
        ("factors[2].bands[1].from", 19),
        ("factors[2].bands[2].name", 20),
        ("factors[2].axes[1].item", 23),
        ("factors[2].axes[2].item", 25),
    ],
)
def test_the_line_of_an_entry(place: str, line: int) -> None:
    assert TomlText(TEXT).line_of(steps_of(place)) == line
    assert place_of(steps_of(place)) == place


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("factors[2].bands[2].to", 20),
        ("factors[2].bands[3].to", 18),
        ("factors[1].ties", 13),
        ("factors[9].name", 13),
        ("rounding.money_from", 11),
        ("title", 1),
        ("", 1),
    ],
)
def test_what_is_missing_is_at_the_closest_entry_around_it(place: str, line: int) -> None:
    assert TomlText(TEXT).line_of(steps_of(place)) == line


def test_elements_go_by_their_names_too() -> None:
    text = TomlText(TEXT)
    assert text.indexed(("factors", "length", "bands", "29", "to")) == ("factors", 2, "bands", 2)
    assert text.line_of(("factors", "length", "bands", "29", "to")) == 20


def test_it_is_read_as_toml_is() -> None:
    assert TomlText(TEXT).entries == tomllib.loads(TEXT)
    for each in shipped():
        assert TomlText(each.text).entries == tomllib.loads(each.text), each.id


def test_ends_of_lines_and_byte_order_marks_change_nothing() -> None:
    text = TomlText("\ufeff" + TEXT.replace("\n", "\r\n"))
    assert text.entries == TomlText(TEXT).entries
    assert text.line_of(("rounding", "mode")) == 12


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a = "1"\nb = \n', 2),
        ('a = "1"\nb "2"\n', 2),
        ('a = "1"\na = "2"\n', 2),
        ("[a]\n[b]\n[a]\n", 3),
        ('[[a]]\nb = "1"\n[a]\n', 3),
        ('a = ["1"\nb = "2"\n', 2),
        ('a = { b = "1"\n', 1),
        ('a = "1\n', 1),
        ('a = "\\q"\n', 1),
        ('a = "1" "2"\n', 1),
        ("a = 0.5\n", 1),
        ("\na = 2016-09-01\n", 2),
        ('a = "1"\nb = "\x01"\n', 2),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(TomlError) as refused:
        TomlText(text)
    assert refused.value.line == line
    assert refused.value.problem
    assert refused.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 50_000,
        "a = " + "{ a = " * 20_000,
        "a = " + "9" * 100_000,
        "a" + ".a" * 50_000 + " = 1",
        "[a" + ".a" * 50_000 + "]",
        "a = [" + "1," * (VALUES_MAX + 1) + "]",
        "#" * (BYTES_MAX + 1),
        'a = """' + "\\" * 100_000,
    ],
)
def test_what_is_made_to_exhaust_the_service_is_refused_at_once(text: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(TomlError):
        TomlText(text)
    assert time.perf_counter() - begun < 5


@given(
    st.sampled_from(shipped()),
    st.integers(0, 8000),
    st.integers(0, 60),
    st.text("'\"[]{}=,.#\n\\ a1-", max_size=4),
)
def test_what_is_read_of_a_damaged_file_is_what_toml_says(
    file: Shipped, at: int, length: int, put: str
) -> None:
    """It refuses more than TOML does, and never reads something else."""
    at %= len(file.text)
    text = file.text[:at] + put + file.text[at + length :]
    try:
        found = TomlText(text).entries
    except TomlError:
        return
    assert found == tomllib.loads(text)


@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\u3000", "\u00a0"])
def test_a_long_text_goes_on_where_the_next_line_begins(blank: str) -> None:
    """Blanks of TOML only are left out; an ideographic one is a character as others are."""
    text = f'a = """x\\\n{blank}y"""\n'
    assert TomlText(text).entries == tomllib.loads(text)
