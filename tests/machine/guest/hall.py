"""The site of the virtual machine: three doors whose relays and readers are all simulated metal.

front opens by a serial reader, side by Wiegand and a relay that pulls at low level, vault by a
reader that types and a lock that current holds shut.
"""

import json
from typing import Any, NamedTuple

from tests.machine.guest import chip, container, units, usb
from tests.machine.guest.lab import Failed, Lab, call, demand, until, wait

SITE = f"""
[doors.front]
admits = ["keyholders/*"]
open_for = "10s"
repeat_after = "1s"
lock = {{ driver = "gpio-relay", chip = "{chip.LABEL}", pin = 17 }}
contact = {{ driver = "gpio-input", chip = "{chip.LABEL}", pin = 5, normally = "open" }}
indicator = {{ driver = "gpio-indicator", chip = "{chip.LABEL}", green = 6, red = 7 }}
readers.main = {{ driver = "serial", port = "{usb.SERIAL_PORT}", card = {{ format = "dec10" }} }}

[doors.side]
admits = ["keyholders/*"]
open_for = "1s"
repeat_after = "1s"
lock = {{ driver = "gpio-relay", chip = "{chip.LABEL}", pin = 18, active_high = false }}
[doors.side.readers.main]
driver = "wiegand"
chip = "{chip.LABEL}"
d0 = 20
d1 = 21
card = {{ format = "bits" }}

[doors.vault]
admits = ["keyholders/*"]
open_for = "1s"
repeat_after = "1s"
lock = {{ driver = "gpio-relay", chip = "{chip.LABEL}", pin = 19, energize = "lock" }}
readers.main = {{ driver = "wedge", device = "{usb.KEYBOARD}", card = {{ format = "dec10" }} }}

[platforms.keyholders]
kind = "file"
path = "keyholders.csv"
card = {{ format = "hex" }}
keyholders = true
"""
PEOPLE = "id,name,card\n1,Ruth Amsel,007B3972\n2,Wen Tiller,7B3972\n"
DIGITS = "0008075634"  # Ruth's card, as readers that write decimals have it
FRAME = "00111101100111001011100101"  # Wen's, as Wiegand of 26 bits


class Relay(NamedTuple):
    """A door's output: its line, and the level at which the door can be opened."""

    line: int
    opens: str

    @property
    def shut(self) -> str:
        return chip.LOW if self.opens == chip.HIGH else chip.HIGH

    def releases(self) -> list[float]:
        """When the line went from shut to open, each time since the history began."""
        found, before = [], self.shut
        for step in chip.history(self.line):
            if step.level == self.opens != before:
                found.append(step.at)
            before = step.level
        return found

    def became(self, level: str, after: float, seconds: float = 60.0) -> float:
        """Wait until it was driven to that level after then; when that was."""

        def look() -> float:
            steps = chip.history(self.line)
            return next((s.at for s in steps if s.level == level and s.at > after), 0.0)

        return until(f"line {self.line} goes {level}", look, seconds)


FRONT, SIDE, VAULT = Relay(17, chip.HIGH), Relay(18, chip.LOW), Relay(19, chip.LOW)
RELAYS = (FRONT, SIDE, VAULT)


def open_up(*, fresh: bool = False) -> int:
    """Everything plugged in and at rest, the people known, the controller ready; its pid.

    The history begins anew: with the controller's start if that is asked for or was needed.
    """
    if not chip.is_plugged_in():
        _furnish()
    usb.plug_serial_in()
    usb.plug_keys_in()
    if fresh or not _goes_on():
        units.stop(units.CONTROLLER)
        call("systemctl", "reset-failed", units.CONTROLLER, good=(0, 1))
        (container.SITE / "doorward.toml").write_text(SITE)
        chip.forget()
        units.start(units.CONTROLLER)
    pid = units.ready()
    all_well()
    until("all doors are shut", lambda: all(chip.level(r.line) == r.shut for r in RELAYS))
    if not fresh:
        wait(1.5)  # after which a card counts again
        chip.forget()
    return pid


def _moves() -> dict[int, list[chip.Step]]:
    return {relay.line: chip.history(relay.line)[:50] for relay in RELAYS}


def _goes_on() -> bool:
    """The controller runs, on the right configuration."""
    right = (container.SITE / "doorward.toml").read_text() == SITE
    return right and units.show(units.CONTROLLER, "ActiveState") == "active"


def all_well() -> None:
    """Wait until every device works."""
    last = ""

    def look() -> bool:
        nonlocal last
        last = lacking()
        return not last

    try:
        until("all devices work", look)
    except Failed as failure:
        raise Failed(f"{failure}: {last}") from None


def all_shut() -> None:
    for relay in RELAYS:
        demand(chip.level(relay.line) == relay.shut, f"line {relay.line} is not as when shut")


def strays(wanted: dict[Relay, int]) -> int:
    """How often a relay let go of a door without having been told to."""
    found = {relay: len(relay.releases()) - wanted.get(relay, 0) for relay in RELAYS}
    missing = {relay.line: count for relay, count in found.items() if count < 0}
    demand(not missing, f"fewer releases than were asked for: {missing}")
    return sum(found.values())


def no_strays(lab: Lab, wanted: dict[Relay, int]) -> None:
    """Write down how many there were; there must be none."""
    lab.measured["stray_pulses"] = strays(wanted)
    demand(lab.measured["stray_pulses"] == 0, f"a relay moved untold: {_moves()}")


def scan(line: bytes = DIGITS.encode()) -> None:
    usb.send(line + b"\r\n")


def present(frame: str = FRAME) -> None:
    """A card at the Wiegand reader: pulses of 1 ms, 3 ms apart."""
    chip.pulses([21 if bit == "1" else 20 for bit in frame], 0.001, 0.003)


def events(since: float) -> list[dict[str, Any]]:
    """What the product's journal holds from that second of the monotonic clock on."""
    lines = call("doorward", "events", "--json", "--last", "200").splitlines()
    return [event for event in map(json.loads, lines) if event["monotonic"] >= since]


def _furnish() -> None:
    """What is done once: devices, and the list of people."""
    chip.plug_in()
    chip.pull(SIDE.line, SIDE.shut)  # the resistor that a relay board of this kind needs
    for line in (5, 20, 21):
        chip.pull(line, chip.HIGH)
    usb.plug_in()
    call("udevadm", "settle")
    container.site(SITE, PEOPLE)
    units.start(units.SYNC)
    units.ready(units.SYNC)
    call("doorward", "sync")
    units.stop(units.SYNC)


def lacking() -> str:
    """What is not as it should be at the doors now, "" if nothing is."""
    doors = units.ask("status")["doors"]
    unwell = [f"{door['id']}: {door['unwell']}" for door in doors if door["unwell"]]
    held = units.holds()
    readers = (usb.SERIAL_PORT, usb.KEYBOARD)
    loose = [f"{each} is not held" for each in readers if each.resolve() not in held]
    return "; ".join([*unwell, *loose])
