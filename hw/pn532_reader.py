"""NFC cards and fobs at a PN532, over a serial line or I²C: their UIDs, which anybody can copy.

Source: NXP, PN532 User Manual UM0701-02 (frames, commands), 6.2.3 HSU, 6.2.4 I²C.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Self

from pydantic import Field, model_validator

from controller.config import Attached, Seconds, Strict
from controller.errors import HardwareError
from controller.model import Strength
from controller.ports import Card, Tell
from hw.line_faults import explained
from hw.pn532_frames import (
    FEW_RETRIES,
    IN_LIST_PASSIVE_TARGET,
    NORMAL_MODE,
    ONE_TYPE_A,
    RF_CONFIGURATION,
    SAM_CONFIGURATION,
    target,
)
from hw.pn532_port import Chip, I2cPort, Port, SerialPort, i2c_file
from hw.reader_loop import Again, ReaderLoop, monotonic
from hw.serial_ports import present_ports

TRIES = 3  # questions in a row without an answer; then all begins anew
GONE = 5  # looks without seeing it: a card that is still there is missed now and then


class Pn532Settings(Strict):
    """How to reach the chip, and how often to look for a card."""

    driver: Literal["pn532"] = "pn532"
    port: str | None = Field(
        default=None, pattern="^/", description="serial: a path, best one in /dev/serial/by-id"
    )
    baud: int = Field(default=115_200, ge=9600, le=1_288_000, description="of the serial line")
    i2c: str | None = Field(default=None, pattern="^/", description="or I²C: e.g. '/dev/i2c-1'")
    address: int = Field(default=0x24, ge=0x08, le=0x77, description="of the chip on the I²C bus")
    every: Seconds = Field(default=0.1, ge=0.02, le=2, description="how often to look for a card")
    repeat: Seconds = Field(
        default=0.0, description="tell a card that stays there again after so long; 0: never"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.port is None) == (self.i2c is None):
            raise ValueError("needs exactly one of port = '/dev/…' and i2c = '/dev/i2c-1'")
        return self

    @property
    def where(self) -> str:
        return self.port or f"{self.i2c}, address {self.address:#04x}"

    def attached(self) -> list[Attached]:
        if self.port:
            return [Attached("port", ("port", os.path.realpath(self.port)))]
        bus = os.path.realpath(self.i2c or "")
        return [Attached("i2c", ("i2c", bus), ("i2c",), (self.address, "reader"))]


OpenPort = Callable[[Pn532Settings, ReaderLoop], Port]


@dataclass(slots=True)
class Presence:
    """Which cards lie at the reader, so that each is told once; `repeat` and instants: seconds."""

    repeat: float
    _unseen: dict[str, int] = field(default_factory=dict, repr=False)  # for so many looks
    _told: dict[str, float] = field(default_factory=dict, repr=False)

    def is_news(self, card: str, now: float) -> bool:
        """A look saw this card, "" for none: is it new here, or there for longer than `repeat`?"""
        self._unseen = {
            each: looks + 1 for each, looks in self._unseen.items() if looks < GONE and each != card
        }
        if card:
            self._unseen[card] = 0
        self._told = {each: at for each, at in self._told.items() if each in self._unseen}
        told = self._told.get(card)
        if not card or (told is not None and not 0 < self.repeat <= now - told):
            return False
        self._told[card] = now
        return True


class Pn532Reader:
    """One thread asks the chip over and over whether there is a card."""

    Settings = Pn532Settings

    def __init__(
        self,
        settings: Pn532Settings,
        name: str,
        *,
        open_port: OpenPort | None = None,
        again: Again | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self._settings = settings
        self._open_port = open_port or opened
        self._clock = clock
        self._presence = Presence(settings.repeat)
        self._loop = ReaderLoop(name, self._session, self._explained, again)

    def start(self, tell: Tell) -> None:
        self._loop.start(tell)

    def stop(self) -> None:
        self._loop.stop()

    def _session(self) -> None:
        port = self._open_port(self._settings, self._loop)
        try:
            chip = Chip(port, self._clock, self._loop.stopping)
            port.wake()
            self._ask(chip, SAM_CONFIGURATION, NORMAL_MODE)
            self._ask(chip, RF_CONFIGURATION, FEW_RETRIES)
            self._loop.works()
            while not self._loop.stopping.wait(self._settings.every):
                self._look(self._ask(chip, IN_LIST_PASSIVE_TARGET, ONE_TYPE_A))
        finally:
            port.close()

    def _ask(self, chip: Chip, code: int, data: bytes) -> bytes:
        """The answer, asked for again if it is spoilt: wires pick up noise."""
        for _ in range(TRIES - 1):
            try:
                return chip.ask(code, data)
            except HardwareError:
                if self._loop.stopping.is_set():
                    break
        return chip.ask(code, data)

    def _look(self, answer: bytes) -> None:
        try:
            card = target(answer)
        except ValueError as error:
            raise HardwareError(str(error)) from None
        text = card.uid.hex().upper() if card else ""
        # One that makes up a UID at each look is one card all the same.
        which = card.refused or text if card else ""
        if not self._presence.is_news(which, self._clock()) or card is None:
            return
        raw = card.uid.hex(" ").upper()
        if card.refused:
            self._loop.refuse(card.refused, raw)
        else:
            self._loop.tell(Card(text, Strength.WEAK, raw))

    def _explained(self, error: Exception) -> str:
        own = self._settings
        if isinstance(error, HardwareError):
            why, remedy = f"{own.where}: {error}", _ANSWERLESS
        elif own.port:
            return explained(self.name, own.port, error, present_ports())
        else:
            number = (error.errno if isinstance(error, OSError) else 0) or 0
            what, remedy = _CAUSES.get(number, ("does not work", _ANSWERLESS))
            why = f"{own.where} {what} ({os.strerror(number) if number else error})"
        return (
            f"reader {self.name}: {why}. This reader takes no cards; all else goes on, and it is "
            f"tried again by itself. To do: {remedy}."
        )


def opened(settings: Pn532Settings, loop: ReaderLoop) -> Port:
    """The way to the chip; OSError."""
    if settings.port:
        return SerialPort(settings.port, settings.baud, loop.ready)
    return I2cPort(i2c_file(settings.i2c or "", settings.address), loop.stopping.wait)


_ANSWERLESS = (
    "check power and wires, that the board's switches select this interface, and port, i2c and baud"
)
_CAUSES = {
    errno.ENOENT: (
        "is not there",
        "switch I²C on (on a Raspberry Pi: raspi-config), or correct i2c",
    ),
    errno.EACCES: ("may not be opened", "let the service's user into the group i2c"),
    errno.EBUSY: ("is in use", "unload the kernel driver of that address, or correct address"),
    errno.ENOTTY: ("is no I²C bus", "correct i2c"),
}
