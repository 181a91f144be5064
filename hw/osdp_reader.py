"""Readers on an RS-485 line that speak OSDP v2, through libosdp: nothing is taken in plain text.

Replies as in SIA OSDP 2.2 (IEC 60839-11-5): card data (osdp_RAW), keys (osdp_KEYPAD: ASCII, 7F is
`*` and 0D is `#`), local status (osdp_LSTATR: tamper, then power).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import structlog
from osdp import CardFormat, Command, Event, StatusReportType
from pydantic import Field, model_validator

from controller.config import Attached
from controller.errors import HardwareError
from controller.model import Strength
from controller.ports import Alarm, Card, Health, Keys, Refused, Tell, Told
from hw.osdp_bus import BUSES, Buses
from hw.osdp_settings import OsdpPlace
from hw.osdp_station import INSECURE, Order, Part, State
from hw.osdp_words import explained
from hw.wiegand_bits import LONGEST, SHORTEST, decoded

log = structlog.get_logger(__name__)

Bits = Annotated[int, Field(ge=SHORTEST, le=LONGEST)]
MEANWHILE = "This reader takes no cards"
_KEYS = {0x7F: "*", 0x0D: "#", **{ord(key): key for key in "0123456789*#"}}
_ALARMS = (("tamper", "its housing was opened"), ("power", "its power fails"))
_LONGEST_TEXT = 64


class OsdpReaderSettings(OsdpPlace):
    """Which of a device's readers, and which cards it may tell."""

    driver: Literal["osdp"] = "osdp"
    reader: int | None = Field(
        default=None, ge=0, le=7, description="which, of a device that has several; else any"
    )
    formats: tuple[Literal["26", "34", "35", "37"], ...] = Field(
        default=("26", "34", "35", "37"), description="card data with parity that is taken"
    )
    raw: tuple[Bits, ...] = Field(
        default=(), description="so many bits are taken whole, without any parity being checked"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        both = [bits for bits in self.raw if str(bits) in self.formats]
        if both:
            raise ValueError(f"raw: {both[0]} bits are in formats already; take them out of one")
        return self

    def attached(self) -> list[Attached]:
        return self.shared("reader", self.reader)


class OsdpReader(Part):
    """Told of on the thread of its line."""

    Settings = OsdpReaderSettings

    def __init__(
        self, settings: OsdpReaderSettings, name: str, *, buses: Buses | None = None
    ) -> None:
        self.name = name
        self._settings = settings
        self._buses = buses or BUSES
        self._tell: Tell | None = None
        self._stopped = False
        self._well: bool | None = None
        self._alarms: dict[str, bool] = {}
        self._refused = 0

    def start(self, tell: Tell) -> None:
        if self._tell is not None or self._stopped:
            raise HardwareError(f"reader {self.name} was started before; make a new one")
        self._tell = tell
        try:
            self._buses.join(self._settings, self)
        except HardwareError as error:
            self._say(Health(False, f"reader {self.name}: {error}. {MEANWHILE}"))

    def stop(self) -> None:
        """Nothing is told after this. Safe at any time, any number of times."""
        self._stopped = True
        if self.link is not None:
            self.link.leave()

    # ---- on the bus's thread

    def changed(self, state: State) -> None:
        if state.ok:  # it is well when it is ready
            self._alarm("insecure", False, "")
            return
        why = explained(f"reader {self.name}", self._settings, state, MEANWHILE)
        if self._well is not False or state.trouble in INSECURE:
            self._well = False
            log.warning("reader lost", reader=self.name, why=why)
            self._say(Health(False, why))
        if state.trouble in INSECURE:
            self._alarm("insecure", True, why)

    def ready(self) -> None:
        """Ask how its housing and its power are: it tells by itself of changes only."""
        if not self._well:
            self._well = True
            log.info("reader is there", reader=self.name)
            self._say(Health(True))
        if self.link is not None:
            status = {"command": Command.Status, "type": StatusReportType.Local}
            self.link.send(Order(status, _whatever))

    def took(self, event: Mapping[str, Any]) -> None:
        if event["event"] == Event.Status:
            if event["type"] == StatusReportType.Local:
                self._status(bytes(event["report"]))
        elif self._settings.reader not in (None, event.get("reader_no")):
            return
        elif event["event"] == Event.CardRead:
            self._card(event)
        elif event["event"] == Event.KeyPress:
            self._keys(bytes(event["data"]))

    def _status(self, report: bytes) -> None:
        for (what, why), value in zip(_ALARMS, report, strict=False):
            self._alarm(what, value != 0, f"reader {self.name}: {why}" if value else "")

    def _alarm(self, what: str, on: bool, why: str) -> None:  # noqa: FBT001
        if self._alarms.get(what, False) != on:
            self._alarms[what] = on
            self._say(Alarm(what, on, why))

    def _card(self, event: Mapping[str, Any]) -> None:
        data = bytes(event["data"])
        if event["format"] == CardFormat.ASCII:
            self._text(data)
            return
        bits = _bits(data)[: event["length"]]
        card = decoded(bits, self._settings.formats, self._settings.raw)
        if card.refused:
            self._refuse(card.refused, bits)
        else:
            self._say(Card(card.text, Strength.SECURE, bits))

    def _text(self, data: bytes) -> None:
        text = data.split(b"\0")[0].decode("ascii", "replace").strip()
        if text and text.isascii() and text.isprintable() and len(text) <= _LONGEST_TEXT:
            self._say(Card(text, Strength.SECURE, text))
        else:
            self._refuse("card text that is no printable ASCII", data[:_LONGEST_TEXT].hex())

    def _keys(self, data: bytes) -> None:
        if data and all(key in _KEYS for key in data):
            self._say(Keys("".join(_KEYS[key] for key in data)))
        else:
            self._refuse("keys that are no digits, * or #", "")  # they may be part of a PIN

    def _refuse(self, why: str, raw: str) -> None:
        """Tell it, and log it now and then: what was sent is nobody's business."""
        self._say(Refused(why, raw))
        self._refused += 1
        if self._refused in (1, 10, 100) or self._refused % 1000 == 0:
            log.warning(
                "reader sent what cannot be read; nothing is taken from it",
                reader=self.name,
                why=why,
                times=self._refused,
            )

    def _say(self, what: Told) -> None:
        """A fault of whoever listens must not end the line's thread."""
        if self._stopped or self._tell is None:
            return
        try:
            self._tell(what)
        except Exception:
            log.exception("a read could not be handed on", reader=self.name)


def _bits(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)


def _whatever(done: bool) -> None:  # noqa: FBT001
    """Whether it was carried out shows by itself."""
