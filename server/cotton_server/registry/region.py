"""Address space for arrays: it costs nothing before it is touched, and parts can be given back."""

from __future__ import annotations

import ctypes
import mmap
import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

PAGE: Final = mmap.PAGESIZE

_MAP_NORESERVE: Final = 0x4000
"""Linux: address space that is not counted as memory before it is touched."""

_POPULATE_WRITE: Final = 23
"""Linux 5.14 and newer: pages are there as if they had been written, and keep what they hold."""

_AT_ONCE_BYTES: Final = 256 << 10
"""While the kernel provides pages nobody else of the process gets memory: a millisecond."""


class Region:
    """Bytes of zeros at one address, as arrays of any type.

    Lives as long as it or one of its arrays does.
    """

    def __init__(self, size_bytes: int) -> None:
        """Takes the address space; raises MemoryError when there is not as much."""
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
        self.size_bytes = max(size_bytes, PAGE)
        try:
            self._map = mmap.mmap(-1, self.size_bytes, flags=flags)
        except OSError as error:
            raise MemoryError(f"no address space for {self.size_bytes} bytes") from error
        self._address = np.frombuffer(self._map, np.uint8, 1).ctypes.data

    def array(self, dtype: npt.DTypeLike, count: int, start: int = 0) -> npt.NDArray[Any]:
        """`count` values from byte `start` on."""
        return np.frombuffer(self._map, dtype, count, start)

    def use_large_pages(self, start: int, stop: int) -> None:
        """Lets the kernel provide bytes [start, stop), from a page's first on, in large pages.

        Reads at random places then miss the translation of addresses less often.
        """
        if hasattr(mmap, "MADV_HUGEPAGE") and stop > start:
            self._map.madvise(mmap.MADV_HUGEPAGE, start, stop - start)

    def give_back(self, start: int, stop: int) -> None:
        """Gives the whole pages of bytes [start, stop) back to the system: they are zeros again."""
        first, last = -(-start // PAGE) * PAGE, stop // PAGE * PAGE
        if _MADVISE is not None and last > first:
            _MADVISE(self._address + first, last - first, mmap.MADV_DONTNEED)


def populate(array: npt.NDArray[Any]) -> None:
    """Has the kernel provide the memory of an array now; what it holds stays as it is.

    Where the kernel cannot, nothing happens: pages are then provided as they are touched.
    """
    if array.nbytes == 0 or _MADVISE is None:
        return
    start = array.ctypes.data // PAGE * PAGE
    end = -(-(array.ctypes.data + array.nbytes) // PAGE) * PAGE
    for some in range(start, end, _AT_ONCE_BYTES):
        _MADVISE(some, min(_AT_ONCE_BYTES, end - some), _POPULATE_WRITE)
        time.sleep(0)


def _madvise() -> Any:
    # Called through ctypes, not by the mmap object: that would hold the interpreter's lock.
    try:
        call = ctypes.CDLL(None, use_errno=True).madvise
    except (OSError, AttributeError):
        return None
    call.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    call.restype = ctypes.c_int
    return call


_MADVISE: Final = _madvise()
