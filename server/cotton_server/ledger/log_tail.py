"""Commits of a write-ahead log that SQLite does without, because a page before them has changed.

Whoever opens a ledger after a kill takes what its log holds up to the first frame that is not what
was written. SQLite cannot tell whether that was torn by the kill, which is how a log ends that was
never acknowledged, or has rotted since, with commits behind it that were. What lies behind tells:
a commit is begun when the one before has been synced, so more than one of them is no torn end.

The form is that of https://www.sqlite.org/walformat.html: a head of 32 bytes, then frames, each a
head of 24 bytes and a page. A frame's checksum goes on from that of the frame before.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_HEAD_BYTES: Final = 32
_FRAME_HEAD_BYTES: Final = 24
_CHECKED_BYTES: Final = 8
"""Of the head of a frame: which page it is, and how large the file is after a commit."""
_MAGIC: Final = 0x377F0682
"""With a 1 in the last bit where words are summed up as big-endian ones."""
_PAGE_SIZE_AT: Final = slice(16, 18)
"""Of the file itself; its largest page, of 64 KiB, is written as 1."""
_PAGE_BYTES_MAX: Final = 1 << 16
_AT_ONCE_BYTES: Final = 8 << 20
_TORN_COMMITS: Final = 1
"""Commits that may lie behind a frame that is torn: the last one, which was not acknowledged."""

_Words = np.ndarray[Any, np.dtype[np.uint32]]


def commits_lost(file: Path) -> int:
    """How many commits lie in the log beside an SQLite file behind a frame that has changed.

    0 where all frames are what was written, where the end is torn as a kill leaves it, where there
    is no log, and where somebody begins it anew meanwhile. They were acknowledged, but for the
    last; and but for those that free payloads, which nobody waits for, so that a power failure may
    tear more than one of these. Raises OSError.
    """
    try:
        with file.with_name(f"{file.name}-wal").open("rb") as log:
            head = log.read(_HEAD_BYTES)
            lost = _commits_behind(log, head, file)
            log.seek(0)
            is_same = log.read(_HEAD_BYTES) == head
    except FileNotFoundError:
        return 0
    return lost if is_same and lost > _TORN_COMMITS else 0


def _commits_behind(log: BinaryIO, head: bytes, file: Path) -> int:
    """Commits behind the first frame, or head, that is not what was written."""
    is_whole = _is_head(head)
    page_bytes = int.from_bytes(head[8:12]) if is_whole else _page_bytes(file)
    order = ">" if is_whole and head[3] & 1 else "<"
    if not page_bytes:
        return 0
    frame = np.dtype(
        [
            ("page", ">u4"),
            ("size_after_commit", ">u4"),
            ("salts", ">u4", 2),
            ("sums", ">u4", 2),
            ("content", np.uint8, page_bytes),
        ]
    )
    salts, before = np.frombuffer(head.ljust(_HEAD_BYTES, b"\0"), ">u4")[4:].reshape(2, 2)
    if not is_whole:
        # Those of the head may be what has changed.
        salts = np.frombuffer(log.read(_FRAME_HEAD_BYTES).ljust(_FRAME_HEAD_BYTES), ">u4")[2:4]
        log.seek(_HEAD_BYTES)
    lost = 0
    while read := log.read(max(_AT_ONCE_BYTES // frame.itemsize, 1) * frame.itemsize):
        frames = np.frombuffer(read, frame, len(read) // frame.itemsize)
        if not len(frames):
            break
        right = _right(frames, order, before) & (frames["salts"] == salts).all(1)
        wrong = 0
        if is_whole:
            is_whole = bool(right.all())
            wrong = len(right) if is_whole else int(right.argmin())
        lost += int((right[wrong:] & (frames["size_after_commit"][wrong:] != 0)).sum())
        before = frames["sums"][-1]
    return lost


def _is_head(head: bytes) -> bool:
    """Whether the head of a log is what was written."""
    if len(head) < _HEAD_BYTES or int.from_bytes(head[:4]) & ~1 != _MAGIC:
        return False
    words = np.frombuffer(head[:24], ">u4" if head[3] & 1 else "<u4")
    is_page = 0 < int.from_bytes(head[8:12]) <= _PAGE_BYTES_MAX
    return is_page and _sums(words[np.newaxis])[0].astype(">u4").tobytes() == head[24:]


def _page_bytes(file: Path) -> int:
    """The size of the pages of an SQLite file, 0 where it is none."""
    with file.open("rb") as opened:
        said = int.from_bytes(opened.read(_PAGE_SIZE_AT.stop)[_PAGE_SIZE_AT])
    return _PAGE_BYTES_MAX if said == 1 else said


def _right(frames: Any, order: str, before: Any) -> NDArray[np.bool_]:
    """Whether each frame goes on from the one before it; `before` is the checksum of that."""
    raw = frames.view(np.uint8).reshape(len(frames), -1)
    checked = np.concatenate([raw[:, :_CHECKED_BYTES], raw[:, _FRAME_HEAD_BYTES:]], axis=1)
    said = frames["sums"].astype(np.uint32)
    seeds = np.concatenate([before.astype(np.uint32)[np.newaxis], said[:-1]])
    right: NDArray[np.bool_] = np.equal(_sums(checked.view(f"{order}u4"), seeds), said).all(1)
    return right


def _sums(words: Any, seeds: _Words | None = None) -> _Words:
    """Checksums of rows of words, each from its seed on (a row of two), else from zero.

    A pair of words x, y makes of the sums a, b: a + b + x, then b + that + y. What a pair adds to
    the sums in the end is a matrix to the power of how many pairs follow.
    """
    pairs = np.ascontiguousarray(words).astype(np.uint32).reshape(len(words), -1, 2)
    powers = _powers(pairs.shape[1])
    first, both = pairs[..., 0], pairs[..., 0] + pairs[..., 1]
    found = np.empty((len(words), 2), np.uint32)
    for place in (0, 1):
        added = first * powers[1:, place, 0] + both * powers[1:, place, 1]
        found[:, place] = added.sum(1, dtype=np.uint32)
        if seeds is not None:
            found[:, place] += (seeds * powers[0, place]).sum(1, dtype=np.uint32)
    return found


@lru_cache(maxsize=4)
def _powers(count: int) -> _Words:
    """The powers from `count` down to 0 of the matrix of one step, modulo 2**32."""
    powers = np.empty((count + 1, 2, 2), np.uint32)
    one = [[1, 0], [0, 1]]
    for place in range(count, -1, -1):
        powers[place] = one
        (a, b), (_, d) = one
        # The matrix is [[1, 1], [1, 2]], and so are its powers symmetric.
        one = [[(a + b) % 2**32, (b + d) % 2**32], [(b + d) % 2**32, (b + 2 * d) % 2**32]]
    return powers
