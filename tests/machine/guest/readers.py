"""Readers and a contact of the virtual machine: cards, pulled cables, keys that leak nowhere."""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from tests.machine.guest import chip, hall, units, usb
from tests.machine.guest.hall import FRONT, SIDE, VAULT
from tests.machine.guest.lab import Failed, Lab, demand, never, now, until, wait

EVIOCGRAB = 0x40044590  # linux/input.h: _IOW('E', 0x90, int)
CONSOLE = Path("/dev/vcs1")  # what stands on the first console
CONTACT = 5


def unplugged(lab: Lab) -> None:
    """The serial reader's cable is pulled and put back: told, and it reads again by itself."""
    hall.open_up()
    _opens(lab, "first_card_ms", hall.scan)
    pulled = now()
    usb.pull_serial_out()
    until("the loss is told", lambda: "front" in hall.lacking())
    lab.measured["loss_told_s"] = round(now() - pulled, 1)
    began = now()
    usb.plug_serial_in()
    hall.all_well()
    lab.measured["back_s"] = round(now() - began, 1)
    until("it has locked again", lambda: chip.level(FRONT.line) == FRONT.shut)
    _opens(lab, "card_after_ms", hall.scan)
    hall.no_strays(lab, {FRONT: 2})
    _told_loss_and_return(pulled)


def grabbed(lab: Lab) -> None:
    """What a reader types opens the door, and nobody else gets to see it."""
    hall.open_up()
    before = _console()
    began = now()
    usb.type_in(hall.DIGITS)
    lab.measured["card_ms"] = round((VAULT.became(VAULT.opens, began) - began) * 1000)
    demand(_second_grab() == errno.EBUSY, "another program can grab the keyboard as well")
    never("the card is on the console", lambda: _console() != before, 2.0)
    until("it has locked again", lambda: chip.level(VAULT.line) == VAULT.shut)
    hall.no_strays(lab, {VAULT: 1})
    units.stop()
    usb.type_in(hall.DIGITS)
    until("without the controller it is on the console", lambda: hall.DIGITS in _console())


def keys_unplugged(lab: Lab) -> None:
    """The keyboard reader's cable is pulled and put back: grabbed again, and it reads."""
    hall.open_up()
    pulled = now()
    usb.pull_keys_out()
    until("the loss is told", lambda: "vault: " in hall.lacking())
    usb.plug_keys_in()
    hall.all_well()
    before, began = _console(), now()
    usb.type_in(hall.DIGITS)
    lab.measured["card_ms"] = round((VAULT.became(VAULT.opens, began) - began) * 1000)
    demand(_console() == before, "the card is on the console")
    hall.no_strays(lab, {VAULT: 1})
    _told_loss_and_return(pulled)


def wiegand(lab: Lab) -> None:
    """Ten frames over two lines, a broken one among them; each good one opens the door."""
    hall.open_up()
    frames = 10
    presented = 0
    for number in range(1, frames + 1):
        presented += _presented_until_it_opens(number)
        until("it has locked again", lambda: chip.level(SIDE.line) == SIDE.shut)
        wait(1.2)  # after which the same card counts again
    hall.present(hall.FRAME[:-1] + "0")
    never("a broken frame opens", lambda: len(SIDE.releases()) > frames, 3.0)
    lab.measured["frames"] = frames
    lab.measured["presented"] = presented
    hall.no_strays(lab, {SIDE: frames})


def contact(lab: Lab) -> None:
    """A contact that bounces tells one opening and one closing; a blip of 10 ms tells nothing."""
    hall.open_up()
    began = now()
    chip.pull(CONTACT, chip.LOW)
    wait(0.01)
    chip.pull(CONTACT, chip.HIGH)
    wait(1.0)
    for level in (chip.LOW, chip.HIGH):
        _bounce(level)
        wait(2.0)
    kinds = [event["kind"] for event in hall.events(began) if event["door"] == "front"]
    lab.measured["told"] = ", ".join(kinds)
    opened = kinds.count("door_forced") + kinds.count("door_opened")
    demand(opened == 1, f"one opening, told as {kinds}")
    demand(kinds.count("door_closed") == 1, f"one closing, told as {kinds}")


def _bounce(level: str) -> None:
    other = chip.LOW if level == chip.HIGH else chip.HIGH
    for _ in range(5):
        chip.pull(CONTACT, level)
        wait(0.004)
        chip.pull(CONTACT, other)
        wait(0.002)
    chip.pull(CONTACT, level)


def _opens(lab: Lab, key: str, show: Callable[[], None]) -> None:
    began = now()
    show()
    lab.measured[key] = round((FRONT.became(chip.HIGH, began) - began) * 1000)


def _presented_until_it_opens(number: int) -> int:
    """How often, as a person would: an overloaded host's simulated chip loses edges.

    The driver notices and refuses such a frame.
    """
    for times in range(1, 6):
        hall.present()
        try:
            until(f"card {number} opens", lambda: len(SIDE.releases()) == number, 15.0)
        except Failed:
            continue
        return times
    raise Failed(f"card {number} does not open")


def _told_loss_and_return(since: float) -> None:
    kinds = [event["kind"] for event in hall.events(since)]
    demand("device_lost" in kinds, f"the loss is not in the journal: {kinds}")
    demand("device_back" in kinds, f"the return is not in the journal: {kinds}")


def _second_grab() -> int:
    """The error of a program that wants the keyboard for itself; 0 if it gets it."""
    fd = os.open(usb.KEYBOARD, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, EVIOCGRAB, 1)
    except OSError as error:
        return error.errno or -1
    finally:
        os.close(fd)
    return 0


def _console() -> str:
    return CONSOLE.read_bytes().decode("latin-1")
