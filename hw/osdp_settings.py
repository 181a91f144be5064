"""Where an OSDP device is, and the key it is spoken to with: common to all parts of a reader."""

import os
import string
from typing import Annotated

from pydantic import AfterValidator, Field

from controller.config import Attached, SecretRef, Strict
from controller.errors import ConfigError
from controller.secrets import read_secret

KEY_BYTES = 16
DEFAULT_KEY = bytes(range(0x30, 0x40))  # SCBK-D: it stands in the standard, so it is no secret
BAUDS = (9600, 19200, 38400, 57600, 115200, 230400)


def _port(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError(f"{value!r} is no path; write one such as /dev/serial/by-id/usb-…")
    return value


def _baud(value: int) -> int:
    if value not in BAUDS:
        raise ValueError(f"{value} is no speed of OSDP; there are: {', '.join(map(str, BAUDS))}")
    return value


class KeyRef(SecretRef):
    """Where the key of an OSDP device lies."""

    made_by = "doorward osdp pair DOOR/READER"


class OsdpPlace(Strict):
    """The RS-485 line, the address on it, and the key of the secure channel."""

    port: Annotated[str, AfterValidator(_port)] = Field(
        description="the path of the RS-485 adapter, best one in /dev/serial/by-id"
    )
    baud: Annotated[int, AfterValidator(_baud)] = Field(
        default=9600, description="bits per second; the same for all on one line"
    )
    address: int = Field(ge=0, le=126, description="the reader's address on its line, 0 to 126")
    key: KeyRef = Field(
        description='where its key lies, e.g. { file = "/etc/doorward/keys/front.key" }; '
        "doorward osdp pair makes it"
    )

    def shared(self, *unit: object) -> list[Attached]:
        """What a part of a device occupies: others may share line and device, not this `unit`."""
        line = os.path.realpath(self.port)
        mine = (self.address, *unit)
        return [
            Attached("port", ("port", line), ("osdp", self.baud), mine),
            Attached("key", ("osdp", line, self.address), ("key", str(self.key)), mine),
        ]


def read_key(ref: SecretRef) -> bytes:
    """The key; ConfigError says why there is none that can be used."""
    return as_key(read_secret(ref), str(ref))


def as_key(text: str, where: str) -> bytes:
    """32 hex digits as 16 bytes; ConfigError. Nothing of a wrong one is ever shown."""
    if len(text) != 2 * KEY_BYTES or set(text) - set(string.hexdigits):
        raise ConfigError(f"{where}: holds no key, which is {2 * KEY_BYTES} hex digits on one line")
    key = bytes.fromhex(text)
    if key == DEFAULT_KEY:
        raise ConfigError(f"{where}: holds the default key, which everybody knows")
    return key
