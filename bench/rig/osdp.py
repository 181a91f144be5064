"""OSDP devices on one line, in a process of their own: libosdp's peripheral side, on a pty.

Each has a reader, a relay that ends its own pulses, inputs, and a secure channel under its own key.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from osdp import Command

from bench.child import Child, Talk
from bench.rig.history import History, Move
from tests.osdps import Device, Wire

_OFF, _ON, _ON_FOR, _OFF_FOR = 1, 2, 5, 6  # control codes of osdp_OUT


class _Reader(Device):
    """A device whose first output is a relay with a history."""

    def __init__(self, address: int, key: bytes) -> None:
        super().__init__(address, key)
        self.relay = History()
        self.counting, self.polled = False, list[float]()
        self._permanent = False
        self._end: threading.Timer | None = None

    def _command(self, pointless: object, pointer: Any) -> int:
        at, command = time.monotonic(), pointer.contents
        if command.id == Command.Output and command.of.output.number == 0:
            self._switch(command.of.output.code, command.of.output.timer, at)
        for kept in (self.lights, self.tones, self.texts, self.outputs):
            del kept[:-50]
        return super()._command(pointless, pointer)

    def _switch(self, code: int, tenths: int, at: float) -> None:
        if self._end:
            self._end.cancel()
        if code in (_OFF, _ON):
            self._permanent = code == _ON
            self.relay.note(self._permanent, at)
        elif code in (_ON_FOR, _OFF_FOR):
            self.relay.note(code == _ON_FOR, at)
            self._end = threading.Timer(tenths / 10, lambda: self.relay.note(self._permanent))
            self._end.daemon = True
            self._end.start()

    def talks_securely(self) -> bool:
        return bool(self._pd.is_sc_active())

    def hear(self, chunk: bytes) -> None:
        if self.counting and self.address in _addressed(chunk):
            self.polled.append(time.monotonic())
        super().hear(chunk)


def _addressed(chunk: bytes) -> Iterator[int]:
    """To whom its commands go: SOM, address, length in two bytes (SIA OSDP 2.2, section 5)."""
    while (start := chunk.find(0x53)) >= 0 and len(chunk) - start >= 4:
        yield chunk[start + 1]
        chunk = chunk[start + max(int.from_bytes(chunk[start + 2 : start + 4], "little"), 4) :]


def devices(path: str, keys: dict[str, str]) -> Talk:
    """Child: devices at this path; `keys`: address → 32 hex digits. Asked {"do": …}."""
    known = {int(each): _Reader(int(each), bytes.fromhex(key)) for each, key in keys.items()}
    Path(path).unlink(missing_ok=True)
    Wire(Path(path), list(known.values()))
    answer: Any = "ready"
    while True:
        asked = yield answer
        answer = _polls(known, asked) if asked["do"] == "polls" else _told(known, asked)


def _polls(known: dict[int, _Reader], asked: dict[str, Any]) -> dict[int, list[float]]:
    found: defaultdict[int, list[float]] = defaultdict(list)
    for address, device in known.items():
        if device.counting:
            found[address] = device.polled
        device.counting, device.polled = asked["count"], []
    return found


def _told(known: dict[int, _Reader], asked: dict[str, Any]) -> Any:
    device, at = known[asked["address"]], time.monotonic()
    match asked["do"]:
        case "moves":
            return device.relay.moves()
        case "wait":
            return device.relay.wait_for(asked["open"], asked["since"], asked["seconds"])
        case "card":
            device.hex_card(asked["card"])
        case "input":
            device.move(asked["number"], int(asked["on"]))
        case "secure":
            return device.talks_securely()
    return at


class FarDevices:
    """The devices as their parent sees them."""

    def __init__(self, child: Child) -> None:
        self._child = child

    def show(self, card: str, address: int = 0) -> float:
        """Eight hex digits as 32 bits; when (monotonic) the device had them."""
        at: float = self._child.ask({"do": "card", "address": address, "card": card})
        return at

    def set_input(self, number: int, on: bool, address: int = 0) -> None:
        self._child.ask({"do": "input", "address": address, "number": number, "on": on})

    def secure(self, address: int = 0) -> bool:
        return bool(self._child.ask({"do": "secure", "address": address}))

    def moves(self, address: int = 0) -> list[Move]:
        return [Move(*each) for each in self._child.ask({"do": "moves", "address": address})]

    def wait_for(self, opened: bool, since: float, seconds: float, address: int = 0) -> Move | None:
        when = {"open": opened, "since": since, "seconds": seconds}
        found = self._child.ask({"do": "wait", "address": address, **when})
        return Move(*found) if found else None

    def polls(self, count: bool) -> dict[int, list[float]]:
        """When each was asked since the last call; `count` from now on."""
        found = self._child.ask({"do": "polls", "count": count})
        return {int(address): stamps for address, stamps in found.items()}
