"""What hangs at the USB sockets of a PC with the image: a reader, and a stick that comes later."""

from collections.abc import Callable

from tests.image.card import stick
from tests.image.machines import READER
from tests.image.story import BOOT, CARD, Told, until_active
from tests.image.upgrades import on_stick
from tests.machine.guest.lab import demand, until

_READER = f"""
[doors.front.readers.usb]
driver = "serial"
port = "{READER}"
card = {{ format = "hex" }}
"""
_READ = "doorward --json events --kind access --last 1 | grep granted | grep -c usb"
_APPLIED = "journalctl --unit=doorward-firstboot --grep='nothing is done' | grep -c nothing"


def usb_reader(told: Told) -> None:
    """A serial reader is found by its socket, and a card opens the door; left switched on."""
    machine = told.machine
    machine.switch_on()
    until("somebody may log in", machine.lets_in, BOOT)
    until_active(told)
    demand(READER in machine.type("ls /dev/doorward/*"), "it has no name by its socket")
    machine.type(f"cat >> /etc/doorward/doorward.toml << 'END'\n{_READER}END")
    machine.type("doorward config check && systemctl restart doorward-controller")
    until_active(told)

    def opens() -> bool:
        machine.read(CARD)
        return machine.type(_READ, good=(0, 1)).strip() == "1"

    until("the keyholder gets in", opens, BOOT)


def stick_plugged_in(told: Told) -> None:
    """One called DOORSETUP, with releases and no setup file, is looked at by itself."""
    machine = told.machine
    before = machine.type(_APPLIED, good=(0, 1))
    machine.plug_in(stick(told.shelf / "stick.img", "DOORSETUP", on_stick(told)))
    until("it is looked at", lambda: machine.type(_APPLIED, good=(0, 1)) != before, BOOT)


STEPS: dict[str, Callable[[Told], None]] = {
    step.__name__.replace("_", " "): step for step in (usb_reader, stick_plugged_in)
}
