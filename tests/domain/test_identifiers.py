"""Names of bales, lots and producers, and what can be read out of them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from cotton.inspection.v1 import common_pb2, readings_pb2
from cotton_server.domain.fields import TEXT_FIELD_NAMES, VALUE_FIELDS
from cotton_server.domain.identifiers import (
    BaleKey,
    bale_code_parts,
    bale_key,
    crop_year_of_lot,
    dates_are_plausible,
    gin_of_lot,
    gins_of,
    is_lot_no,
    is_producer_id,
    is_token,
    usda_bale_key,
)
from hypothesis import given
from hypothesis import strategies as st

REAL = "32651401611141221550000121114104"


@given(st.text("0123456789", min_size=32, max_size=32))
def test_a_code_of_32_digits_is_a_key_and_comes_back(code: str) -> None:
    key = bale_key(code)
    assert key is not None
    assert (key.code, str(key), key.is_usda) == (code, code, False)


@given(st.text("0123456789", min_size=12, max_size=12), st.integers(1980, 2100))
def test_a_usda_bale_id_is_a_key_in_its_crop_year_and_comes_back(bale_id: str, year: int) -> None:
    key = usda_bale_key(year, bale_id)
    assert key is not None
    assert (key.code, key.crop_year, key.is_usda) == (bale_id, year, True)
    assert str(key) == f"{year}/{bale_id}"


@pytest.mark.parametrize(
    "code", ["", REAL[1:], REAL + "0", REAL[:-1] + "x", "３" * 32, REAL + "\n"]
)
def test_other_texts_are_no_bale_codes(code: str) -> None:
    assert bale_key(code) is None


@pytest.mark.parametrize(
    ("year", "bale_id"),
    [(1979, "1" * 12), (2101, "1" * 12), (0, "1" * 12), (2021, "1" * 11), (2021, "1" * 13)],
)
def test_other_usda_ids_and_years_are_no_keys(year: int, bale_id: str) -> None:
    assert usda_bale_key(year, bale_id) is None


def test_no_chinese_bale_has_the_key_of_a_usda_bale() -> None:
    largest = bale_key("9" * 32)
    smallest = usda_bale_key(1980, "0" * 12)
    assert largest is not None
    assert smallest is not None
    assert largest.high < smallest.high


def test_gin_date_and_number_are_read_out_of_a_published_code() -> None:
    parts = bale_code_parts(REAL)
    assert (parts.gin_code, parts.baled_on, parts.bale_number) == (
        "65140",
        date(2016, 11, 14),
        "114104",
    )
    high = np.asarray([int(REAL[:16])], np.uint64)
    assert gins_of(high).tolist() == [65140]
    assert dates_are_plausible(high).tolist() == [True]


@pytest.mark.parametrize(
    ("digits", "plausible", "exists"),
    [("160101", True, True), ("161231", True, True), ("160230", True, False),
     ("161301", False, False), ("160001", False, False), ("160100", False, False),
     ("160132", False, False)],
)  # fmt: skip
def test_dates_in_codes(digits: str, plausible: bool, exists: bool) -> None:
    code = f"3265140{digits}{'0' * 19}"
    assert dates_are_plausible(np.asarray([int(code[:16])], np.uint64)).tolist() == [plausible]
    assert (bale_code_parts(code).baled_on is not None) == exists


def test_gin_and_crop_year_are_read_out_of_a_lot_number() -> None:
    assert is_lot_no("65140161077")
    assert (gin_of_lot("65140161077"), crop_year_of_lot("65140161077")) == ("65140", 2016)


@pytest.mark.parametrize("text", ["", "6514016107", "651401610770", "6514016107x", "６5140161077"])
def test_other_texts_are_no_lot_numbers(text: str) -> None:
    assert not is_lot_no(text)


@pytest.mark.parametrize(
    ("text", "producer", "token"),
    [("a", True, True), ("A.b-c_d:9", True, True), ("x" * 64, True, True), ("x" * 65, False, False),
     ("", False, False), ("a b", False, False), ("a/b", False, True), ("é", False, False),
     ("a\n", False, False), ("\x7f", False, False), ("~!", False, True)],
)  # fmt: skip
def test_producers_and_tokens(text: str, producer: bool, token: bool) -> None:
    assert (is_producer_id(text), is_token(text)) == (producer, token)


def test_every_field_has_its_number_and_its_outcome_in_the_contract_in_one_order() -> None:
    """The order of the fields is the order of precedence of differing repeats."""
    names = ["lot_no", *(field.name for field in VALUE_FIELDS), "standard", "laboratory"]
    fields = [name.removeprefix("FIELD_").lower() for name in common_pb2.Field.keys()]  # noqa: SIM118 - no dict
    outcomes = [
        name.removeprefix("OUTCOME_EXISTS_WITH_DIFFERENT_").lower()
        for name in readings_pb2.Outcome.keys()  # noqa: SIM118 - no dict
        if "DIFFERENT" in name
    ]
    assert [name for name in fields if name in names] == names == outcomes
    for field in VALUE_FIELDS:
        assert common_pb2.Field.Name(field.number) == f"FIELD_{field.name.upper()}"
        assert readings_pb2.Outcome.Name(field.differs).endswith(f"_{field.name.upper()}")
    columns = readings_pb2.ReadingColumns.DESCRIPTOR.fields_by_name
    rows = readings_pb2.Reading.DESCRIPTOR.fields_by_name
    for field in VALUE_FIELDS:
        assert columns[field.name].message_type is readings_pb2.IntColumn.DESCRIPTOR
        assert field.name in rows
    for name in TEXT_FIELD_NAMES:
        assert columns[name].message_type is readings_pb2.TextColumn.DESCRIPTOR
        assert common_pb2.Field.Value(f"FIELD_{name.upper()}")


def test_keys_of_bales_are_plain_values() -> None:
    assert BaleKey(1, 2) == BaleKey(1, 2)
    assert len({BaleKey(1, 2), BaleKey(1, 2), BaleKey(2, 1)}) == 2
