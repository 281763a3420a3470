"""Identifiers: their form, and what is read out of them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from cotton_client.identifiers import (
    CHINA_TIME,
    BaleCode,
    BaleCodeError,
    IdentifierError,
    LotNumber,
    LotNumberError,
    UsdaBaleId,
    UsdaBaleIdError,
    digit_matrix,
    digits_to_numbers,
)
from hypothesis import given
from hypothesis import strategies as st

REAL_CODE = "32651401611141221550000121114104"


def test_a_real_bale_code_gives_gin_time_and_bale_number() -> None:
    code = BaleCode(REAL_CODE)
    assert code.gin_code == "65140"
    assert code.baled_at == datetime(2016, 11, 14, 12, 21, 55, tzinfo=CHINA_TIME)
    assert code.bale_number == "114104"
    assert f"{code.high:016d}{code.low:016d}" == REAL_CODE


def test_a_code_whose_digits_hold_no_time_has_none() -> None:
    assert BaleCode("32" + "65140" + "161399999999" + "0" * 13).baled_at is None


@pytest.mark.parametrize(
    "text", ["", REAL_CODE[:-1], REAL_CODE + "1", REAL_CODE[:-1] + "x", "３" * 32, " " + REAL_CODE]
)
def test_any_other_text_is_no_bale_code(text: str) -> None:
    with pytest.raises(BaleCodeError, match="not 32 digits"):
        BaleCode(text)


def test_a_real_lot_number_gives_its_parts() -> None:
    lot = LotNumber("65140161077")
    assert (lot.gin_code, lot.crop_year, lot.production_line, lot.serial) == ("65140", 2016, 1, 77)


@pytest.mark.parametrize("text", ["6514016107", "651401610777", "6514016107a", "65140 61077"])
def test_any_other_text_is_no_lot_number(text: str) -> None:
    with pytest.raises(LotNumberError, match="not 11 digits"):
        LotNumber(text)


def test_a_usda_bale_has_gin_and_gin_bale() -> None:
    bale = UsdaBaleId("960891871766", 2006)
    assert (bale.gin_code, bale.gin_bale) == ("96089", "1871766")


@pytest.mark.parametrize(("text", "year"), [("96089187176", 2006), ("960891871766", 6)])
def test_a_usda_bale_needs_twelve_digits_and_a_crop_year(text: str, year: int) -> None:
    with pytest.raises(UsdaBaleIdError):
        UsdaBaleId(text, year)


def test_all_errors_of_identifiers_are_one_family() -> None:
    for error in (BaleCodeError, LotNumberError, UsdaBaleIdError):
        assert issubclass(error, IdentifierError)
        assert issubclass(error, ValueError)


@given(st.lists(st.integers(0, 10**16 - 1), min_size=1, max_size=40))
def test_many_identifiers_are_the_numbers_that_each_is(numbers: list[int]) -> None:
    """The vectorised conversion agrees with int() for all 16-digit texts."""
    matrix, wrong = digit_matrix(pl.Series([f"{number:016d}" for number in numbers]), 16)
    assert wrong is None
    assert digits_to_numbers(matrix).tolist() == numbers


@given(st.integers(1, 16), st.data())
def test_shorter_identifiers_are_padded(digits: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, 10**digits - 1))
    matrix, wrong = digit_matrix(pl.Series([f"{number:0{digits}d}"]), digits)
    assert wrong is None
    assert digits_to_numbers(matrix).tolist() == [number]


@pytest.mark.parametrize("bad", ["12345", "1234567", "12345a", "12345٣", "-12345", ""])
def test_the_first_malformed_identifier_is_named(bad: str) -> None:
    _, wrong = digit_matrix(pl.Series(["123456", "654321", bad, bad]), 6)
    assert wrong == 2


def test_no_identifiers_make_an_empty_matrix() -> None:
    matrix, wrong = digit_matrix(pl.Series([], dtype=pl.String), 32)
    assert (matrix.shape, wrong) == ((0, 32), None)
    assert digits_to_numbers(matrix[:, :16]).dtype == np.uint64
