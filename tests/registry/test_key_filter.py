"""Which keys a part may have: none is ever missed, and hardly one is thought of that is not."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from cotton_server.domain.identifiers import USDA_HIGH
from cotton_server.registry import key_filter
from cotton_server.registry.key_filter import AskedKeys, KeyFilter, key_hashes
from cotton_server.registry.key_zones import ZONES_MAX, KeyZones, key_numbers
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.stored_rows import Key, code, keys_array, usda

numbers = st.integers(0, 2**64 - 1) | st.integers(0, 10**16 + 2100) | st.integers(0, 40)
keys_of = st.lists(st.tuples(numbers, numbers), max_size=200)
a_key = st.tuples(numbers, numbers)


def within(zones: KeyZones, keys: list[Key]) -> list[bool]:
    """Whether each key is in a range, said plainly."""
    pairs = [*zip(zones.firsts.tolist(), zones.lasts.tolist(), strict=True)]
    return [
        any(first <= number <= last for first, last in pairs)
        for number in key_numbers(*keys_array(keys)).tolist()
    ]


@given(keys_of, a_key, st.integers(2, 70))
def test_a_key_outside_of_all_zones_is_not_among_the_keys(
    keys: list[Key], other: Key, most: int
) -> None:
    with patch("cotton_server.registry.key_zones.ZONES_MAX", most):
        zones = KeyZones.of(*keys_array(keys))
    assert len(zones.firsts) == len(zones.lasts) <= most
    assert (zones.firsts <= zones.lasts).all()
    assert (zones.firsts[1:] > zones.lasts[:-1]).all()
    inside = within(zones, [*keys, other])
    assert all(inside[:-1])
    assert inside[-1] or other not in keys
    places = zones.places_in(key_numbers(*keys_array([*keys, other]))).tolist()
    assert places == np.flatnonzero(inside).tolist()


@given(st.lists(keys_of, max_size=4), st.lists(a_key, min_size=1, max_size=5), st.integers(2, 70))
@example(parts=[[(0, 0), (40, 0), (1000, 0)], [(10, 0)]], others=[(20, 0)], most=2)
def test_merged_zones_have_what_any_of_them_has(
    parts: list[list[Key]], others: list[Key], most: int
) -> None:
    with patch("cotton_server.registry.key_zones.ZONES_MAX", most):
        each = [KeyZones.of(*keys_array(keys)) for keys in parts]
    merged = KeyZones.merged(each)
    assert (merged.firsts[1:] > merged.lasts[:-1]).all()
    asked = [*others, *(key for keys in parts for key in keys)]
    expected = [any(some) for some in zip(*(within(one, asked) for one in each), strict=True)]
    assert within(merged, asked) == (expected or [False] * len(asked))
    places = merged.places_in(key_numbers(*keys_array(asked))).tolist()
    assert places == np.flatnonzero(expected).tolist()


def test_zones_are_apart_by_the_widest_gaps() -> None:
    """Bales of two weeks, one a second, a hundred mistyped dates, and a gin after the other."""
    seconds = np.arange(ZONES_MAX * 3, dtype=np.uint64)
    high = np.uint64(326500124) * np.uint64(10**7) + np.uint64(93000) + seconds % np.uint64(700)
    low = seconds // np.uint64(700) * np.uint64(2 * 10**13)
    typos = keys_array([code(1, day=100_000 + 3000 * number) for number in range(100)])
    zones = KeyZones.of(np.concatenate([high, typos[0]]), np.concatenate([low, typos[1]]))
    assert len(zones.firsts) == ZONES_MAX
    alone = set(zones.firsts[zones.firsts == zones.lasts].tolist())
    assert set(key_numbers(*typos).tolist()) <= alone
    found = KeyZones.of(*keys_array([usda(5, 2021), usda(6, 2021), usda(7 * 10**7, 2021)]))
    year = 2021 * 10**12
    assert found.firsts.tolist() == [year + 5, year + 7 * 10**7]
    assert found.lasts.tolist() == [year + 6, year + 7 * 10**7]


def test_of_gaps_that_are_equally_wide_the_first_are_taken() -> None:
    """So that a verification comes to the same bytes, whatever sorts there."""
    numbers = np.arange(3 * ZONES_MAX, dtype=np.uint64) * np.uint64(7)
    numbers[2 * ZONES_MAX :] += np.uint64(5)
    zones = KeyZones.of(np.zeros_like(numbers), numbers * np.uint64(10**13))
    expected = [*range(ZONES_MAX - 1), 2 * ZONES_MAX]
    assert zones.firsts.tolist() == numbers[expected].tolist()


@given(keys_of, st.lists(a_key, max_size=20), st.booleans())
def test_no_key_is_ever_missed(keys: list[Key], others: list[Key], colliding: bool) -> None:
    """Also where hashes are the same, or as few as somebody can make them."""
    high, low = keys_array([*keys, *others])
    hashing = (lambda high, low: high & low) if colliding else key_hashes
    with patch.object(key_filter, "key_hashes", hashing):
        made = KeyFilter.of(*keys_array(keys))
        hashes = key_filter.key_hashes(high, low)
    found = made.places_of(AskedKeys.of(hashes)).tolist()
    assert set(range(len(keys))) <= set(found)
    assert found == np.flatnonzero(np.isin(hashes, made.hashes)).tolist()


def test_hashes_are_the_same_always() -> None:
    """Files hold them: another function needs another form of these."""
    keys = [(0, 0), (1, 2), code(7), usda(123456789012)]
    assert key_hashes(*keys_array(keys)).tolist() == [
        5197578548964807871,
        17474652204475260503,
        6095861211451610022,
        13961547947473476103,
    ]


@pytest.mark.parametrize("kind", ["undated", "of a gin", "USDA"])
def test_words_tell_nearly_all_keys_that_are_not_there(kind: str) -> None:
    """Of keys that differ in their last digits alone, as bales of one gin do."""
    count = 100_000
    low = np.arange(2 * count, dtype=np.uint64)
    first = {"undated": 0, "of a gin": code(0)[0], "USDA": USDA_HIGH + 2021}[kind]
    high = np.full(len(low), first, np.uint64)
    made = KeyFilter.of(high[::2], low[::2])
    assert 8 * count + 2 * count <= made.size_bytes <= 8 * count + 4 * count
    asked = AskedKeys.of(key_hashes(high[1::2], low[1::2]))
    assert made.places_of(asked).tolist() == []
    numbers = (asked.hashes >> np.uint64(65 - len(made.words).bit_length())).astype(np.int64)
    maybe = np.count_nonzero(made.words[numbers] & asked.bits == asked.bits)
    assert maybe < count * 0.005
