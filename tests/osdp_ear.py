"""What an OSDP peripheral hears and says, and how it may be made to say less."""

from collections.abc import Callable

from osdp import Capability, Channel


def _checked(frame: bytes) -> bytes:
    """With its checksum (CRC-16 of X.25's polynomial from 1D0F on) instead of the old one."""
    value = 0x1D0F
    for byte in frame[:-2]:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ (0x1021 if value & 0x8000 else 0)) & 0xFFFF
    return frame[:-2] + value.to_bytes(2, "little")


def _without_secure_channel(said: bytes) -> bytes:
    """libosdp's peripheral always says that it has one; here its osdp_PDCAP says no."""
    start = said.find(b"\x53")
    mark, frame = said[:start], bytearray(said[start:])
    if frame[5] == 0x46:
        for at in range(6, len(frame) - 2, 3):
            if frame[at] == Capability.CommunicationSecurity:
                frame[at + 1] = 0
    return mark + _checked(bytes(frame))


class Ear(Channel):  # type: ignore[misc]
    """What a peripheral hears and says."""

    def __init__(self, say: Callable[[bytes], None], *, secure: bool) -> None:
        super().__init__()
        self._say, self._secure, self.heard = say, secure, b""

    def read(self, max_bytes: int) -> bytes:
        chunk, self.heard = self.heard[:max_bytes], self.heard[max_bytes:]
        return chunk

    def write(self, buf: bytes) -> int:
        said = bytes(buf)
        self._say(said if self._secure else _without_secure_channel(said))
        return len(buf)

    def flush(self) -> None:
        self.heard = b""
