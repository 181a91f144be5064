"""What relay boards are told, byte by byte. Pure and without any library, for `lock-all`.

LCUS (boards with a CH340, also sold as "USB relay 5 V", 9600 8N1): A0, channel, 01 on or 00 off,
the sum of the three; product sheet of the LCUS-1 and LCUS-2. No board ever answers.

Modbus: Application Protocol 1.1b3 section 6.5 (write single coil: the answer is an echo), Messaging
on TCP 1.0b section 3.1 (the header before it), over Serial Line 1.02 section 6.2.2 (the checksum).
Pulses that the board ends itself: Waveshare "Modbus RTU Relay", protocol V2: the same function at
0200 + coil (on for a while) and 0400 + coil (off for a while), the value in tenths of a second.
"""

import re
import struct

ON, OFF = 0xFF00, 0x0000
FLASH_ON, FLASH_OFF = 0x0200, 0x0400
LONGEST_FLASH = 0x7FFF  # tenths of a second
TCP_PORT = 502

_HOST = re.compile(r"(\[[0-9A-Fa-f:.%a-z]+\]|[^\s:/\[\]]+)(?::([0-9]{1,5}))?")


def lcus(channel: int, *, on: bool) -> bytes:
    """Switch a relay of an LCUS board; channels count from 1."""
    head = bytes([0xA0, channel, on])
    return head + bytes([sum(head) & 0xFF])


def write_coil(address: int, value: int) -> bytes:
    """The Modbus request, without what its line puts around it; addresses count from 0."""
    return struct.pack(">BHH", 5, address, value)


def read_coil(address: int) -> bytes:
    """Is it on? (Application Protocol, 6.1)."""
    return struct.pack(">BHH", 1, address, 1)


def coil_is(*, on: bool) -> bytes:
    """The answer to that."""
    return bytes([1, 1, on])


def rtu(unit: int, request: bytes) -> bytes:
    """As it is sent over a serial line; the checksum comes low byte first."""
    frame = bytes([unit]) + request
    check = 0xFFFF
    for byte in frame:
        check ^= byte
        for _ in range(8):
            check = check >> 1 ^ (0xA001 if check & 1 else 0)
    return frame + struct.pack("<H", check)


def tcp(unit: int, request: bytes, number: int = 1) -> bytes:
    """As it is sent over TCP: number, protocol 0, length, unit."""
    return struct.pack(">HHHB", number, 0, len(request) + 1, unit) + request


def host_port(text: str) -> tuple[str, int]:
    """`10.0.0.5`, `board.lan:4196`, `[fd00::5]:502` as host and port; ValueError."""
    parts = _HOST.fullmatch(text)
    if not parts or not 0 < int(parts[2] or TCP_PORT) < 65536:
        raise ValueError(f'{text!r} is no address; write "10.0.0.5" or "10.0.0.5:{TCP_PORT}"')
    return parts[1].strip("[]"), int(parts[2] or TCP_PORT)
