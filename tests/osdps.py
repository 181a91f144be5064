"""OSDP devices that are libosdp's own peripheral, on one pty that stands for an RS-485 line."""

import os
import secrets
import select
import threading
import tty
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("osdp", reason="libosdp is not installed (extra doorward[osdp])")

from osdp import (
    Capability,
    CardFormat,
    Command,
    Event,
    LibFlag,
    LogLevel,
    PDCapabilities,
    PDInfo,
    PeripheralDevice,
    StatusReportType,
)

from hw.osdp_bus import Bus, Buses
from hw.osdp_indicator import LIGHTS as SHOWN
from hw.osdp_indicator import OsdpIndicator
from hw.osdp_input import OsdpInput
from hw.osdp_line import Replies, Reply
from hw.osdp_output import OsdpOutput
from hw.osdp_reader import OsdpReader
from hw.osdp_station import Station, Tempo
from tests.contract_hw import PATIENCE
from tests.osdp_ear import Ear
from tests.osdp_in_c import HANDLER, take_commands

__all__ = [
    "BRISK",
    "SHOWN",
    "CardFormat",
    "Command",
    "Device",
    "Event",
    "OsdpIndicator",
    "OsdpInput",
    "OsdpOutput",
    "OsdpReader",
    "Replies",
    "Reply",
    "Site",
    "Tempo",
    "Wire",
    "site",
]

INPUTS, OUTPUTS = 4, 2
EVERYTHING = (
    (Capability.ContactStatusMonitoring, 1, INPUTS),
    (Capability.OutputControl, 1, OUTPUTS),
    (Capability.LEDControl, 1, 2),
    (Capability.AudibleControl, 1, 1),
    (Capability.TextOutput, 1, 1),
)
SECURE = (Capability.CommunicationSecurity, 1, 1)
# The protocol's own waits remain; what is ours is short.
BRISK = Tempo(refresh=0.002, answer=0.3, gap=1.5, quiet=0.2, patience=1.6, first=0.02, longest=0.05)

Light = tuple[int, int, int, int]  # colours and times of on and off


@dataclass
class Device:
    """One reader. `key` None: it was never paired, so it takes the default key and then ours.

    `deaf`: it has no power. `refuses`: commands that it answers with NAK.
    """

    address: int = 5
    key: bytes | None = field(default_factory=lambda: secrets.token_bytes(16))
    secure: bool = True
    capabilities: tuple[tuple[int, int, int], ...] = EVERYTHING
    deaf: bool = False
    refuses: tuple[int, ...] = ()
    inputs: list[int] = field(default_factory=lambda: [0] * INPUTS)
    local: list[int] = field(default_factory=lambda: [0, 0])
    light: Light | None = None
    lights: list[Light] = field(default_factory=list)
    tones: list[tuple[int, int, int, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    outputs: list[tuple[int, int, int]] = field(default_factory=list)  # number, code, tenths
    keysets: list[bytes] = field(default_factory=list)
    asked: int = 0  # how often its inputs were
    refused: int = 0
    asks: Counter[int] = field(default_factory=Counter)  # commands that were sent to it, by code
    changed: threading.Condition = field(default_factory=threading.Condition)

    def appear(self, say: Callable[[bytes], None]) -> None:
        """It gets power: a new session, nothing of before is known."""
        with self.changed:
            self._ear = Ear(say, secure=self.secure)
            flags = [LibFlag.InstallMode] if self.key is None else [LibFlag.EnforceSecure]
            self._pd = PeripheralDevice(
                PDInfo(self.address, self._ear, scbk=self.key, flags=flags),
                PDCapabilities([*self.capabilities, SECURE]),
                log_level=LogLevel.Emergency,
            )
            self._pd.lock = threading.RLock()
            self._handler = HANDLER(self._command)
            take_commands(self._pd, self._handler)

    def hear(self, chunk: bytes) -> None:
        """Bytes of the line, or none: time has passed."""
        with self.changed:
            if self.deaf:
                return
            self._ear.heard += chunk
            for _ in range(4):
                self._pd.ctx.refresh()

    @property
    def greetings(self) -> int:
        """How often it was asked who it is: with this every attempt begins."""
        return self.asks[0x61]

    @property
    def challenges(self) -> int:
        return self.asks[0x76]

    def note(self, chunk: bytes) -> None:
        """Count the commands to it, whether it hears them or not."""
        for frame in chunk.split(b"\xff\x53")[1:]:
            if len(frame) > 6 and frame[0] == self.address:
                code = 4 + (frame[4] if frame[3] & 8 else 0)
                with self.changed:
                    self.asks[frame[code]] += 1
                    self.changed.notify_all()

    def tell(self, event: dict[str, Any]) -> bool:
        """False if it holds as many as it can."""
        with self.changed:
            return bool(self._pd.submit_event(event))

    def card(self, bits: str, form: int = CardFormat.Wiegand, reader: int = 0) -> bool:
        data = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
        return self.tell(
            {
                "event": Event.CardRead,
                "reader_no": reader,
                "direction": 0,
                "length": len(bits),
                "format": form,
                "data": data,
            }
        )

    def hex_card(self, digits: str) -> None:
        self.card(f"{int(digits, 16):0{4 * len(digits)}b}", CardFormat.Unspecified)

    def keys(self, data: bytes) -> None:
        self.tell({"event": Event.KeyPress, "reader_no": 0, "data": data})

    def status(self, *, tamper: int = 0, power: int = 0) -> None:
        self.local = [tamper, power]
        report = bytes(self.local)
        self.tell({"event": Event.Status, "type": StatusReportType.Local, "report": report})

    def move(self, number: int, value: int) -> None:
        if self.inputs[number] != value:
            self.inputs[number] = value
            report = bytes(self.inputs)
            self.tell({"event": Event.Status, "type": StatusReportType.Input, "report": report})

    def until(self, true: Callable[["Device"], Any]) -> None:
        """Wait until it is so."""
        with self.changed:
            assert self.changed.wait_for(lambda: true(self), PATIENCE), "it never came true"

    def on(self, number: int = 0) -> bool:
        """Is that output on, before any time of its own has run out?"""
        permanent = temporary = False
        with self.changed:
            for output, code, _ in self.outputs:
                if output == number:
                    permanent = code == 2 if code in (1, 2) else permanent
                    temporary = code in (5, 6)
        return permanent != temporary

    def _command(self, _: object, pointer: Any) -> int:
        command = pointer.contents
        if command.id in self.refuses:
            self.refused += 1
            self.changed.notify_all()
            return -1
        of = command.of
        match command.id:
            case Command.Output:
                self.outputs.append((of.output.number, of.output.code, of.output.timer))
            case Command.LED:
                led = of.led.permanent
                self.light = (led.colour, led.other, led.on, led.off)
                self.lights.append(self.light)
            case Command.Buzzer:
                buzzer = of.buzzer
                self.tones.append((buzzer.code, buzzer.on, buzzer.off, buzzer.times))
            case Command.Text:
                self.texts.append(bytes(of.text.data[: of.text.length]).decode())
            case Command.Keyset:
                self.keysets.append(bytes(of.keyset.data[:16]))
            case Command.Status:
                self._report(of.status)
        self.changed.notify_all()
        return 0

    def _report(self, status: Any) -> None:
        local = status.type == StatusReportType.Local
        values = self.local if local else self.inputs
        self.asked += not local
        status.count = len(values)
        for place, value in enumerate(values):
            status.report[place] = value


class Wire:
    """A pty with devices at its far end; `path` leads to the near end while it is plugged in."""

    def __init__(self, path: Path, devices: Sequence[Device]) -> None:
        self.path = path
        self.devices = list(devices)
        self.mute = False  # what is sent reaches nobody
        self.spoil: Callable[[bytes], bytes] | None = None  # what becomes of what devices say
        self._said: list[bytes] = []
        self._others: list[int] = []
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        for device in self.devices:
            device.appear(self._say)
        self.plug()

    def plug(self, others: int = 0) -> None:
        """Under another name if there are `others` that took the old one."""
        if self._thread:
            return
        self._others += [fd for _ in range(others) for fd in os.openpty()]
        self._far, self._near = os.openpty()
        tty.setraw(self._far)
        tty.setraw(self._near)
        self._bell, self._ring = os.pipe()
        self._thread = threading.Thread(target=self._run, name="rs-485", daemon=True)
        self._thread.start()
        self.path.symlink_to(os.ttyname(self._near))

    def unplug(self) -> None:
        """The adapter is gone; the devices have their power all the same."""
        if self._thread:
            os.write(self._ring, b"!")
            self._thread.join()
            self._thread = None
            self.path.unlink()
            with self._guard:
                for fd in (self._far, self._near, self._bell, self._ring, *self._others):
                    os.close(fd)
                self._far, self._others = -1, []

    def restart(self, device: Device) -> None:
        device.appear(self._say)

    def garbage(self, noise: bytes) -> None:
        with self._guard, suppress(OSError):
            os.write(self._far, noise)

    def _say(self, said: bytes) -> None:
        self._said.append(self.spoil(said) if self.spoil else said)

    def _send(self) -> None:
        """What one device said; what several said at once is nobody's any more."""
        said, self._said = self._said, []
        if said:
            longest = max(map(len, said))
            padded = (each.ljust(longest, b"\xff") for each in said)
            self.garbage(bytes(reduce(and_, together) for together in zip(*padded, strict=True)))

    def _run(self) -> None:
        while True:
            readable, _, _ = select.select([self._far, self._bell], [], [], 0.02)
            if self._bell in readable:
                return
            chunk = b""
            if readable:
                with suppress(OSError):
                    chunk = os.read(self._far, 4096)
            for device in self.devices:
                device.note(chunk)
                device.hear(b"" if self.mute else chunk)
            self._send()


@dataclass
class Site:
    """A line, its devices, and what the product has of it."""

    folder: Path
    wire: Wire
    buses: Buses
    keyed: set[int] = field(default_factory=set)

    @property
    def device(self) -> Device:
        return self.wire.devices[0]

    def stanza(self, number: int = 0, **more: Any) -> dict[str, Any]:
        """How the device of that number is configured; its key file is made if there is none."""
        device = self.wire.devices[number]
        key = self.folder / f"{device.address}.key"
        if device.address not in self.keyed and device.key and not key.exists():
            self.keyed.add(device.address)
            key.write_text(device.key.hex() + "\n")
        place = {"port": str(self.wire.path), "baud": 115200, "address": device.address}
        return {**place, "key": {"file": str(key)}, **more}

    def station(self, number: int = 0) -> Station:
        """What the product knows of the device of that number."""
        return self._bus().stations[self.wire.devices[number].address]

    def well(self, number: int = 0) -> bool:
        state = self.station(number).state
        return state is not None and state.ok

    def ready(self, number: int = 0) -> bool:
        """Is what that device tells taken for something of now?"""
        return self.station(number)._ready

    def idle(self) -> None:
        """Wait until everything that was to be sent has been carried out."""
        if self.buses._buses:
            assert self.station().settled(PATIENCE)

    def next_polls(self, count: int) -> None:
        """Wait until the first device has been heard so many times more."""
        station = self.station(0)
        wanted = station.polls + count
        self.device.until(lambda _: station.polls >= wanted)

    def waiting(self) -> int:
        """Events and orders that lie somewhere between libosdp and the doors."""
        bus = self._bus()
        assert bus._panel
        kept: int = sum(each.qsize() for each in bus._panel._panel.event_queue)
        return kept + sum(len(each._orders) + len(each._urgent) for each in bus.stations.values())

    def _bus(self) -> Bus:
        (bus,) = self.buses._buses.values()
        return bus


def site(folder: Path, *devices: Device, tempo: Tempo = BRISK) -> Site:
    folder.mkdir(exist_ok=True)
    wire = Wire(folder / "rs485", devices or [Device()])
    return Site(folder, wire, Buses(tempo))
