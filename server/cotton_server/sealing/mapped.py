"""Files as arrays that the system reads when it likes to, and that take no memory of the process.

Not by the module mmap: until Python 3.13 it keeps a file open as long as it is mapped, and there
may be thousands.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_FAILED: Final = ctypes.c_void_p(-1).value


def mapped(descriptor: int, size: int) -> npt.NDArray[np.uint8]:
    """The first `size` bytes of an open file, at least one, which it must have; raises OSError.

    The array is of the file that is open, whatever has its name later, and outlives the
    descriptor. Where the disk does not give a page, or somebody cut the file, reading it there ends
    the process.
    """
    address = _MMAP(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
    if address == _FAILED:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    memory = (ctypes.c_uint8 * size).from_address(address)
    # When nobody has it any more; at the end of the process some thread may still read.
    weakref.finalize(memory, _MUNMAP, address, size).atexit = False
    array: npt.NDArray[np.uint8] = np.frombuffer(memoryview(memory), np.uint8)
    array.flags.writeable = False
    return array


def _calls() -> tuple[Any, Any]:
    library = ctypes.CDLL(None, use_errno=True)
    map_, unmap = library.mmap, library.munmap
    number = ctypes.c_int
    map_.argtypes = (ctypes.c_void_p, ctypes.c_size_t, number, number, number, ctypes.c_long)
    map_.restype = ctypes.c_void_p
    unmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    return map_, unmap


_MMAP, _MUNMAP = _calls()
