"""Commands as libosdp hands them to a peripheral in C (`osdp.h` of 3.2.9).

Its Python cannot answer how inputs stand; the same shared object offers the interface in C.
"""

import ctypes
from typing import Any

import pytest

osdp_sys = pytest.importorskip("osdp_sys", reason="libosdp is not installed (doorward[osdp])")

u8, u16 = ctypes.c_uint8, ctypes.c_uint16


class _Output(ctypes.Structure):
    _fields_ = (("number", u8), ("code", u8), ("timer", u16))


class _Led(ctypes.Structure):
    _fields_ = (
        ("control", u8),
        ("on", u8),
        ("off", u8),
        ("colour", u8),
        ("other", u8),
        ("timer", u16),
    )


class _Leds(ctypes.Structure):
    _fields_ = (("reader", u8), ("number", u8), ("temporary", _Led), ("permanent", _Led))


class _Buzzer(ctypes.Structure):
    _fields_ = (("reader", u8), ("code", u8), ("on", u8), ("off", u8), ("times", u8))


class _Text(ctypes.Structure):
    _fields_ = (
        *((name, u8) for name in ("reader", "code", "time", "row", "column", "length")),
        ("data", u8 * 32),
    )


class _Keyset(ctypes.Structure):
    _fields_ = (("type", u8), ("length", u8), ("data", u8 * 32))


class _Status(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("count", ctypes.c_int), ("report", u8 * 64))


class _Which(ctypes.Union):
    _fields_ = (
        ("output", _Output),
        ("led", _Leds),
        ("buzzer", _Buzzer),
        ("text", _Text),
        ("keyset", _Keyset),
        ("status", _Status),
    )


class CommandInC(ctypes.Structure):
    _fields_ = (
        ("node", ctypes.c_void_p * 2),
        ("id", ctypes.c_int),
        ("flags", ctypes.c_uint32),
        ("of", _Which),
    )


HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(CommandInC))
_lib = ctypes.CDLL(osdp_sys.__file__)
_lib.osdp_pd_set_command_callback.argtypes = (ctypes.c_void_p, HANDLER, ctypes.c_void_p)
_lib.osdp_pd_set_command_callback.restype = None
_CONTEXT = 80  # bytes into libosdp's Python object for a peripheral


def take_commands(peripheral: Any, handler: Any) -> None:
    """From now on `handler`, a `HANDLER` that the caller keeps, gets what is sent to it."""
    context = ctypes.c_void_p.from_address(id(peripheral.ctx) + _CONTEXT).value
    _lib.osdp_pd_set_command_callback(context, handler, None)
