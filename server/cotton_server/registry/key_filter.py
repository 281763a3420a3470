"""Whether a part has a key, told by hashes that are the same always, so that files may keep them.

A hash that is not there means that the key is not: no key is ever missed. One that is there nearly
always means that it is, and whole keys are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cotton_server.domain.identifiers import UInt64Array

_BITS_A_KEY: Final = 16
"""Bits of words for each key, at least; with four of them set, 3 of 1000 keys that are not there
have theirs set by others."""

_WORD_BITS: Final = 64
_PLACE: Final = np.uint64(_WORD_BITS - 1)
_SHIFTS: Final = tuple(map(np.uint64, (0, 6, 12, 18)))
"""Where in a hash the places of its four bits are; its word is told by the first bits."""

_ONE: Final = np.uint64(1)
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


def key_hashes(high: UInt64Array, low: UInt64Array) -> UInt64Array:
    """64-bit hashes of keys, the same in every version: files hold them.

    With `mix` as the finaliser of SplitMix64, `mix(mix(low + 0x9e3779b97f4a7c15) + high)`, all
    modulo 2**64.
    """
    return _mixed(_mixed(low + _STEP) + high)


@dataclass(frozen=True, slots=True, eq=False)
class AskedKeys:
    """Keys that parts are asked for: their hashes, and the bits of their words."""

    hashes: UInt64Array
    bits: UInt64Array

    @staticmethod
    def of(hashes: UInt64Array) -> AskedKeys:
        """By the hashes of keys; those in ascending order are found fastest."""
        bits = _ONE << (hashes & _PLACE)
        for shift in _SHIFTS[1:]:
            bits |= _ONE << (hashes >> shift & _PLACE)
        return AskedKeys(hashes, bits)

    def at(self, places: npt.NDArray[np.int64]) -> AskedKeys:
        """Some of them."""
        return AskedKeys(self.hashes[places], self.bits[places])


@dataclass(frozen=True, slots=True, eq=False)
class KeyFilter:
    """The hashes of the keys of a part, ascending, and words in which four bits are set of each.

    One word tells of nearly every key that is not there. There are 2**n words, at least two, and
    the first n bits of a hash are the number of its word. `size_bytes` is their memory: none where
    it is the system's, which reads it from a file when it likes to.
    """

    words: UInt64Array
    hashes: UInt64Array
    size_bytes: int

    @staticmethod
    def of(high: UInt64Array, low: UInt64Array) -> KeyFilter:
        """In memory, of keys."""
        hashes = np.sort(key_hashes(high, low))
        words = np.zeros(words_for(len(hashes)), np.uint64)
        np.bitwise_or.at(words, _numbers(hashes, len(words)), AskedKeys.of(hashes).bits)
        return KeyFilter(words, hashes, words.nbytes + hashes.nbytes)

    def places_of(self, asked: AskedKeys) -> npt.NDArray[np.int64]:
        """Places of the asked keys whose hashes are here: all keys that are, hardly another."""
        words = self.words.take(_numbers(asked.hashes, len(self.words)))
        words &= asked.bits
        maybe = np.flatnonzero(words == asked.bits)
        if len(maybe) == 0:
            return maybe
        hashes = asked.hashes[maybe]
        least = np.searchsorted(self.hashes, hashes)
        found: npt.NDArray[np.int64] = maybe[self.hashes.take(least, mode="clip") == hashes]
        return found


def words_for(keys: int) -> int:
    """How many words the filter of this many keys has."""
    return 1 << max(1, (keys * _BITS_A_KEY // _WORD_BITS).bit_length())


def _numbers(hashes: UInt64Array, words: int) -> npt.NDArray[np.int64]:
    return (hashes >> np.uint64(_WORD_BITS - (words.bit_length() - 1))).view(np.int64)


def _mixed(values: UInt64Array) -> UInt64Array:
    mixed = (values ^ values >> np.uint64(30)) * _FIRST
    mixed = (mixed ^ mixed >> np.uint64(27)) * _SECOND
    return mixed ^ mixed >> np.uint64(31)
