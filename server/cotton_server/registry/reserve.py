"""Memory made ready before it is needed: a first touch of fresh pages stops who touches them."""

from __future__ import annotations

import ctypes
import mmap
import threading
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy.typing as npt

    from cotton_server.registry.registry import Registry

LOOK_S: Final = 0.05
"""How often is looked whether memory runs short: the fastest bulk fills half of what is kept
ready in twice that time."""

_MADV_POPULATE_WRITE: Final = 23
"""Linux 5.14 and newer: pages are there as if they had been written, and keep what they hold."""

_PAGE: Final = mmap.PAGESIZE

_AT_ONCE_BYTES: Final = 256 << 10
"""While the kernel provides pages nobody else of the process gets memory: a millisecond."""


def populate(array: npt.NDArray[Any]) -> None:
    """Has the kernel provide the memory of an array now; what it holds stays as it is.

    Where the kernel cannot, nothing happens: pages are then provided as they are touched.
    """
    if array.nbytes == 0 or _MADVISE is None:
        return
    start = array.ctypes.data // _PAGE * _PAGE
    end = -(-(array.ctypes.data + array.nbytes) // _PAGE) * _PAGE
    for some in range(start, end, _AT_ONCE_BYTES):
        _MADVISE(some, min(_AT_ONCE_BYTES, end - some), _MADV_POPULATE_WRITE)
        time.sleep(0)


class Reserve:
    """A thread that keeps memory ready for the next bales, and for the index to grow."""

    def __init__(self, registry: Registry) -> None:
        """Starts the thread."""
        self._registry = registry
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reserve", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            self._registry.bales.reserve()


def _madvise() -> Any:
    try:
        call = ctypes.CDLL(None, use_errno=True).madvise
    except (OSError, AttributeError):
        return None
    call.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    call.restype = ctypes.c_int
    return call


_MADVISE: Final = _madvise()
