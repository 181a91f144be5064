"""Two USB readers that the kernel plays to itself: a serial one, and one that types.

Source of the report descriptor: the boot keyboard of the HID 1.11 specification, appendix B.
"""

import os
import tty
from pathlib import Path

from tests.machine.guest.lab import call, until, wait

SERIAL_PORT = Path("/dev/serial/by-id/usb-ACME_Card_Reader_SN0001-if00")
KEYBOARD = Path("/dev/input/by-id/usb-Sycreader_USB_Reader_08FF20140315-event-kbd")
_GADGETS = Path("/sys/kernel/config/usb_gadget")
_MODULES = ("libcomposite", "usb_f_acm", "usb_f_hid", "cdc_acm", "usbhid")
_BOOT_KEYBOARD = bytes.fromhex(
    "05010906a101050719e029e71500250175019508810295017508810395057501"
    "050819012905910295017503910395067508150025650507190029658100c0"
)
_ENTER = 0x28


def plug_in() -> None:
    """Both readers; returns when the system has named them."""
    if not (_GADGETS / "serial").exists():
        call("modprobe", "dummy_hcd", "num=2")
        for module in _MODULES:
            call("modprobe", module)
        _gadget("serial", "1a86", "7523", "ACME", "Card Reader", "SN0001", "acm.0")
        _gadget("keys", "ffff", "0035", "Sycreader", "USB Reader", "08FF20140315", "hid.0")
    plug_serial_in()
    plug_keys_in()


def plug_serial_in() -> None:
    _bind("serial", "dummy_udc.0")
    until("udev names the serial reader", SERIAL_PORT.exists)


def plug_keys_in() -> None:
    _bind("keys", "dummy_udc.1")
    until("udev names the keyboard reader", KEYBOARD.exists)


def pull_keys_out() -> None:
    (_GADGETS / "keys/UDC").write_text("\n")
    until("the keyboard reader is gone", lambda: not KEYBOARD.exists())


def pull_serial_out() -> None:
    (_GADGETS / "serial/UDC").write_text("\n")
    until("the serial reader is gone", lambda: not SERIAL_PORT.exists())


def send(line: bytes) -> None:
    """What the serial reader says."""
    end = os.open("/dev/ttyGS0", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(end)
        os.write(end, line)
        wait(0.2)  # closing would throw away what is still on its way
    finally:
        os.close(end)


def type_in(digits: str) -> None:
    """What the keyboard reader types: digits and Enter."""
    with Path("/dev/hidg0").open("wb", buffering=0) as keys:
        for digit in digits:
            _press(keys.fileno(), 0x27 if digit == "0" else 0x1E + int(digit) - 1)
        _press(keys.fileno(), _ENTER)


def _press(keys: int, usage: int) -> None:
    for code in (usage, 0):
        os.write(keys, bytes([0, 0, code, 0, 0, 0, 0, 0]))
        wait(0.002)


def _gadget(
    name: str, vendor: str, product: str, maker: str, what: str, serial: str, function: str
) -> None:
    gadget = _GADGETS / name
    words = gadget / "strings/0x409"
    for folder in (gadget, words, gadget / "configs/c.1", gadget / "functions" / function):
        folder.mkdir(exist_ok=True)
    (gadget / "idVendor").write_text(f"0x{vendor}")
    (gadget / "idProduct").write_text(f"0x{product}")
    for key, value in (("manufacturer", maker), ("product", what), ("serialnumber", serial)):
        (words / key).write_text(value)
    if function.startswith("hid"):
        for key, number in (("protocol", "1"), ("subclass", "1"), ("report_length", "8")):
            (gadget / "functions" / function / key).write_text(number)
        (gadget / "functions" / function / "report_desc").write_bytes(_BOOT_KEYBOARD)
    (gadget / "configs/c.1" / function).symlink_to(gadget / "functions" / function)


def _bind(name: str, controller: str) -> None:
    port = _GADGETS / name / "UDC"
    if not port.read_text().strip():
        port.write_text(controller)
