"""What keys a sealed range may have, in a file beside its readings, from which it follows.

sealed/keys/<first>-<last>.keys, numbers as unsigned little-endian 64-bit ones where not said
otherwise:

    8 bytes    FORM
    32         chained digest of the last entry of the range, of which the keys are thereby
    3 numbers  how many keys, zones and words there are
    32         SHA-256 of words and hashes
    32         SHA-256 of all before this, and of the zones
    zones      first numbers of `KeyZones`, then the last ones
    words      of the `KeyFilter`
    hashes     of the keys that are the first of their bale, ascending

Nothing names such a file: it says itself what it is of, and where it is missing, damaged or of
another form it is made again. It is read through once before it counts for anything.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest, sha256
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Final

import numpy as np

from cotton_server.registry.key_filter import KeyFilter, words_for
from cotton_server.registry.key_zones import ZONES_MAX, KeyZones
from cotton_server.sealing.files import KEYS, SealedFileError, range_name, write_whole
from cotton_server.sealing.mapped import mapped

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.domain.readings import BoolArray

FORM: Final = b"hvikeys2"
"""Of all that gives a key its place: the numbers and zones of `key_zones`, the hashes, words and
bits of `key_filter`, and the file. Where one of them changes, the last byte of this does."""

_HEAD: Final = struct.Struct("<8s32sQQQ32s")
_DIGEST_BYTES: Final = 32
_NUMBER: Final = np.dtype("<u8")


class KeyFileError(Exception):
    """A file of keys is not there, or is not one of its range: to be made again."""


class KeysDamagedError(SealedFileError):
    """The same, where it is told: a start makes it again."""

    _remedy: ClassVar[str] = "Remove it: it follows from the readings, and a start makes it again."


@dataclass(frozen=True, slots=True, eq=False)
class KnownKeys:
    """Of the keys of a range where they lie and which they may be."""

    zones: KeyZones
    filter: KeyFilter

    @staticmethod
    def of(high: UInt64Array, low: UInt64Array, is_first: BoolArray) -> KnownKeys:
        """Of rows by the columns of these names: of the keys of those that are first."""
        high, low = high[is_first], low[is_first]
        return KnownKeys(KeyZones.of(high, low), KeyFilter.of(high, low))

    def content(self, digest: bytes) -> bytes:
        """What the file of a range holds, of whose last entry `digest` is the chained digest."""
        zones = b"".join(map(_bytes, (self.zones.firsts, self.zones.lasts)))
        body = b"".join(map(_bytes, (self.filter.words, self.filter.hashes)))
        counts = len(self.filter.hashes), len(self.zones.firsts), len(self.filter.words)
        head = _HEAD.pack(FORM, digest, *counts, sha256(body).digest())
        return b"".join((head, sha256(head + zones).digest(), zones, body))


class KeyFile:
    """The file of keys of a sealed range."""

    def __init__(self, root: Path, first: int, last: int, digest: bytes, keys: int) -> None:
        """Takes the directory of the sealed history, the positions of the range and what it has.

        That is the chained digest of the entry at `last`, and how many keys.
        """
        self.path = key_path(root, first, last)
        self._digest, self._keys = digest, keys

    def write(self, known: KnownKeys, *, top: Path) -> None:
        """Writes it, whole or not at all; `top` is a directory above with a durable name.

        Raises OSError.
        """
        content = known.content(self._digest)
        write_whole(self.path, partial(_write, content), top=top)

    def zones(self) -> KeyZones:
        """Where the keys lie; raises KeyFileError."""
        try:
            with self.path.open("rb") as file:
                return self._head(file).zones
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def filter(self) -> KeyFilter:
        """Which keys there may be, on disk: the file is read through; raises KeyFileError."""
        try:
            with self.path.open("rb") as file:
                head = self._head(file)
                start = file.tell()
                if file_digest(file, "sha256").digest() != head.body:
                    raise KeyFileError(f"{self.path} does not have the digest that it names")
                body = mapped(file.fileno(), file.tell())[start:].view(_NUMBER)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        return KeyFilter(body[: head.words], body[head.words :], 0)

    def _head(self, file: BinaryIO) -> _Head:
        """What comes before the words, read and compared."""
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            raise KeyFileError(f"{self.path} is cut")
        form, digest, keys, zones, words, body = _HEAD.unpack(head)
        if form != FORM:
            raise KeyFileError(f"{self.path} is of another form")
        if digest != self._digest or keys != self._keys:
            raise KeyFileError(f"{self.path} is of other entries")
        size = _HEAD.size + _DIGEST_BYTES + (2 * zones + words + keys) * _NUMBER.itemsize
        is_whole = os.fstat(file.fileno()).st_size == size
        if zones > ZONES_MAX or words != words_for(keys) or not is_whole:
            raise KeyFileError(f"{self.path} is cut, or longer than it was written")
        said = file.read(_DIGEST_BYTES)
        numbers = file.read(2 * zones * _NUMBER.itemsize)
        if sha256(head + numbers).digest() != said:
            raise KeyFileError(f"{self.path} does not have the digest that it names")
        both = np.frombuffer(numbers, _NUMBER).astype(np.uint64)
        return _Head(KeyZones(both[:zones], both[zones:]), words, body)


@dataclass(frozen=True, slots=True)
class _Head:
    zones: KeyZones
    words: int
    body: bytes


def key_path(root: Path, first: int, last: int) -> Path:
    """Where the file of keys of a range lies below the directory of the sealed history."""
    return root / KEYS / f"{range_name(first, last)}.keys"


def is_of_other_form(content: bytes) -> bool:
    """Whether another version of the service wrote this as a file of keys."""
    return content.startswith(FORM[:-1]) and not content.startswith(FORM)


def _bytes(numbers: UInt64Array) -> bytes:
    return numbers.astype(_NUMBER, copy=False).tobytes()


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _unreadable(path: Path, error: OSError) -> KeyFileError:
    return KeyFileError(f"{path} cannot be read: {error.strerror or error}")
