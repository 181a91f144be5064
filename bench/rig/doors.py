"""The four doors of the rig, as a technician would write them, and what hangs at them.

front: serial reader and LCUS relay. studio: an OSDP reader with relay and input. gym: serial
reader, Modbus relay and input. yard: Wiegand, relay, contact, button and LEDs on GPIO.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

OPEN_FOR = 0.6  # seconds
HELD_WARNING, HELD_AFTER = 1.0, 2.0
RELAY, CONTACT, BUTTON = 17, 27, 22  # GPIOs of the yard
CONTACT_INPUT = 0  # of the Modbus board and of the OSDP reader
_DOORS = """\
[doors.front]
name = "Front door"
admits = {front}
open_for = "{open_for}s"
repeat_after = "200ms"
lock = {{ driver = "serial-relay", port = "{lines}/front-relay", channel = 1 }}

[doors.front.readers.main]
driver = "serial"
port = "{lines}/front-reader"
framing = "stx"
card = {{ format = "hex", keep_bits = 32 }}

[doors.studio]
name = "Studio"
admits = {studio}
open_for = "{open_for}s"
repeat_after = "200ms"
check_in = false
lock = {{ driver = "osdp-output", port = "{lines}/studio-bus", address = 0, key = {key} }}
contact = {{ driver = "osdp-input", port = "{lines}/studio-bus", address = 0, key = {key}, \
input = {input}, normally = "open" }}
indicator = {{ driver = "osdp-indicator", port = "{lines}/studio-bus", address = 0, key = {key} }}
{demands}
[doors.studio.readers.main]
driver = "osdp"
port = "{lines}/studio-bus"
address = 0
key = {key}
raw = [32]
card = {{ format = "bits" }}

[doors.gym]
name = "Gym"
admits = {gym}
open_for = "{open_for}s"
repeat_after = "200ms"
held_warning = "{held_warning}s"
held_after = "{held_after}s"
lock = {{ driver = "modbus-relay", port = "{lines}/gym-board", unit = 1, channel = 1 }}
contact = {{ driver = "modbus-input", port = "{lines}/gym-board", unit = 1, channel = 1, \
normally = "open" }}

[doors.gym.readers.main]
driver = "serial"
port = "{lines}/gym-reader"
framing = "stx"
card = {{ format = "hex", keep_bits = 32 }}

[doors.yard]
name = "Yard"
admits = {yard}
open_for = "{open_for}s"
repeat_after = "200ms"
check_in = false
lock = {{ driver = "gpio-relay", pin = {relay} }}
contact = {{ driver = "gpio-input", pin = {contact}, normally = "open" }}
exit_button = {{ driver = "gpio-input", pin = {button}, normally = "open" }}
indicator = {{ driver = "gpio-indicator", green = 23, red = 24, buzzer = 25 }}

[doors.yard.readers.main]
driver = "wiegand"
d0 = 5
d1 = 6
formats = ["34"]
card = {{ format = "bits" }}
"""
_TWO = """
[[doors.studio.demands]]         # after six nobody works alone
begin = "18:00"
end = "05:59"
persons = 2
"""
NAMES = {"front": "Front door", "studio": "Studio", "gym": "Gym", "yard": "Yard"}


def doors(
    place: Path,
    admits: Mapping[str, str],
    *,
    open_for: float = OPEN_FOR,
    two_after_six: bool = False,
) -> str:
    """Their tables. Makes the key of the OSDP device; `admits` as TOML, by door."""
    make_key(place / "studio.key")
    return _DOORS.format(
        **admits,
        lines=lines(place),
        open_for=open_for,
        held_warning=HELD_WARNING,
        held_after=HELD_AFTER,
        key='{ file = "studio.key" }',
        demands=_TWO if two_after_six else "",
        input=CONTACT_INPUT,
        relay=RELAY,
        contact=CONTACT,
        button=BUTTON,
    )


def lines(place: Path) -> Path:
    """Where the serial lines of the rig are to be found."""
    path = place / "lines"
    path.mkdir(exist_ok=True)
    return path


def make_key(path: Path) -> str:
    """A new key in a file, unless there is one; 32 hex digits."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(f"{secrets.token_hex(16).upper()}\n")
    return path.read_text().strip()
