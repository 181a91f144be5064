"""Giving memory back: what a large roster took would stay with the process, though unused."""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Hand freed memory back to the kernel, where the C library can (glibc)."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
