"""Keeps freed memory in the process, so that large tensors are not faulted in page by page every time."""

import ctypes
from functools import cache
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_MAX: Final = -4
_ARENA_MAX: Final = -8


@cache
def keep_freed_memory() -> bool:
    """Makes glibc's allocator give no memory back to the system, once for the process; false where there is no glibc.

    By default each tensor above some megabytes is mapped again and faulted in page by page, which can cost more than the
    arithmetic on it: twice the time of an evaluation, a fifth of a training's, on a virtual machine.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    return all(
        mallopt(option, value) for option, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_ARENA_MAX, 1))
    )
