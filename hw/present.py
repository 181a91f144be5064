"""What is plugged into this machine, by the name that outlasts a reboot, from /dev and /sys alone.

Nothing is opened and nothing is sent: it is safe while a controller drives the same devices. The
roots are arguments, so that a tree of files can stand for a machine.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from controller.errors import HardwareError
from hw.gpio_chips import HEADERS, found_chips

Sort = Literal["serial", "keyboard", "gpio", "i2c", "usb"]

# What a driver's name begins with → it can be for a device of that sort.
FITTING: Mapping[Sort, tuple[str, ...]] = {
    "serial": ("serial", "osdp", "lcus", "modbus", "pn532"),
    "keyboard": ("wedge",),
    "gpio": ("gpio", "wiegand"),
    "i2c": ("pn532",),
    "usb": (),
}
# Vendor:product → what it is. A converter does not tell what is connected behind it.
KNOWN = {
    "0403:6001": "FTDI FT232R",
    "0403:6010": "FTDI FT2232",
    "0403:6011": "FTDI FT4232H",
    "0403:6014": "FTDI FT232H",
    "0403:6015": "FTDI FT-X",
    "067B:2303": "Prolific PL2303",
    "067B:23A3": "Prolific PL2303GS",
    "10C4:EA60": "Silicon Labs CP210x",
    "1A86:5523": "QinHeng CH341",
    "1A86:55D3": "QinHeng CH343",
    "1A86:7523": "QinHeng CH340",
    "08FF:0009": "USB card reader that types",
    "FFFF:0035": "USB card reader that types",
    "072F:2200": "ACR122U, a PC/SC reader",
    "16C0:05DF": "USB HID relay",
}
READERS_THAT_TYPE = ("08FF:0009", "FFFF:0035")
_KEYS = (*range(2, 12), 28)  # 1 to 0 and Enter: input-event-codes.h
_USB_HUB = "09"
_BUILT_IN = "0011"  # BUS_I8042: the keyboard of a laptop


@dataclass(frozen=True, slots=True)
class Present:
    """A device, or a bus of them. `name`: what to write down; `node`: what it is called now.

    `stanza`: one line for a door's table in the configuration; `note`: what is odd about it.
    """

    sort: Sort
    name: str
    node: str
    what: str
    usb: str = ""  # vendor:product
    says: str = ""  # what it calls itself
    stanza: str = ""
    note: str = ""

    def called(self, name: str) -> bool:
        """Does this path, chip's label, own name or `vendor:product` mean it?"""
        if name.startswith("/"):
            return str(Path(name).resolve()) == str(Path(self.node).resolve())
        names = (self.name, self.usb, self.says, Path(self.node).name)
        return name.casefold() in map(str.casefold, names)


def present(dev: Path = Path("/dev"), sys: Path = Path("/sys")) -> list[Present]:
    """Serial ports, keyboards, GPIO chips, I²C buses, and USB devices that are none of these."""
    found = [*serial_ports(dev, sys), *_keyboards(dev, sys), *_gpio(dev, sys), *_i2c(dev, sys)]
    return [*found, *_other_usb(sys, {each.usb for each in found})]


def fitting(sort: Sort, tables: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The drivers of `hw.TABLES` that can be for such a device."""
    names = dict.fromkeys(name for table in tables.values() for name in table)
    return [name for name in names if name.startswith(FITTING[sort] or ("\0",))]


class _Usb(NamedTuple):
    """What a USB device says of itself."""

    number: str
    words: str
    serial: str

    @property
    def what(self) -> str:
        known = KNOWN.get(self.number, "")
        return f"{known or self.words or 'USB'} ({self.number})" + (
            f", says {self.words!r}" if known and self.words else ""
        )


def serial_ports(dev: Path = Path("/dev"), sys: Path = Path("/sys")) -> list[Present]:
    """Those of `present` that are serial ports."""
    found = [
        (_one_serial(dev, dev / tty.name, usb), usb)
        for tty, usb in _ttys(sys)
        if (dev / tty.name).exists()
    ]
    alike = [usb.number for _, usb in found if usb and not usb.serial]
    return [
        _by_path(each, dev / "serial") if usb and alike.count(usb.number) > 1 else each
        for each, usb in found
    ]


def _ttys(sys: Path) -> Iterator[tuple[Path, _Usb | None]]:
    """Ports with metal behind them: a console has no device, an empty 8250 slot is of type 0."""
    for tty in _sorted(sys / "class/tty"):
        if (tty / "device").exists() and _text(tty / "type") != "0":
            yield tty, _usb_above(tty / "device", sys)


def _one_serial(dev: Path, node: Path, usb: _Usb | None) -> Present:
    lasting = _links(dev / "serial/by-id", node) + _links(dev / "serial/by-path", node)
    if not usb:
        lasting = [dev / name for name in ("serial0", "serial1") if _same(dev / name, node)]
    name = str(lasting[0] if lasting else node)
    note = "" if lasting else "has no lasting name: it may be another after the next start"
    if not usb:
        note = "a UART of this machine: take it from the login console before use"
    what = usb.what if usb else "UART"
    return _serial_stanza(
        Present("serial", name, str(node), what, usb.number if usb else "", note=note)
    )


def _by_path(found: Present, links: Path) -> Present:
    """Two adapters alike share one name in by-id: where they are plugged in tells them apart."""
    note = "another one like it is plugged in: only the socket tells them apart; do not swap them"
    places = _links(links / "by-path", Path(found.node))
    name = str(places[0]) if places else found.node
    return _serial_stanza(replace(found, name=name, note=note))


def _serial_stanza(found: Present) -> Present:
    port = json.dumps(found.name)
    made = f'readers.main = {{ driver = "serial", port = {port}, card = {{ format = "hex" }} }}'
    return replace(found, stanza=made)


def _keyboards(dev: Path, sys: Path) -> Iterator[Present]:
    for event in _sorted(sys / "class/input"):
        about, node = event / "device", dev / "input" / event.name
        if not _types(about) or not node.exists() or _text(about / "id/bustype") == _BUILT_IN:
            continue
        usb = f"{_text(about / 'id/vendor')}:{_text(about / 'id/product')}".upper()
        yield _keyboard(dev, node, usb, _text(about / "name"))


def _keyboard(dev: Path, node: Path, usb: str, says: str) -> Present:
    names = [
        link
        for folder in ("by-id", "by-path")
        for link in _links(dev / "input" / folder, node)
        if link.name.endswith("-event-kbd")
    ]
    name = str(names[0] if names else node)
    note = "" if names else "has no lasting name: it may be another after the next start"
    if usb not in READERS_THAT_TYPE:
        note = "a reader that types, or somebody's keyboard, which would then type nothing else"
    what = f"{KNOWN.get(usb, 'keyboard')} ({usb}), says {says!r}"
    card = 'card = { format = "dec10" }'
    stanza = f'readers.main = {{ driver = "wedge", device = {json.dumps(name)}, {card} }}'
    return Present("keyboard", name, str(node), what, usb, says, stanza, note)


def _types(about: Path) -> bool:
    """Can it type digits and Enter? The last word of the bitmap holds the keys below 32."""
    words = _text(about / "capabilities/key").split()
    try:
        keys = int(words[-1], 16) if words else 0
    except ValueError:
        return False
    return all(keys >> key & 1 for key in _KEYS)


def _gpio(dev: Path, sys: Path) -> Iterator[Present]:
    labels = _labels_asked(dev)
    for node in sorted(dev.glob("gpiochip*")):
        if node.is_symlink():
            continue  # a Raspberry Pi 5 has one chip under two names
        label = labels.get(str(node)) or _gpio_label(sys, node.name)
        header = label in HEADERS
        note = "" if header else "not the pins of a Raspberry Pi's header"
        chip = "" if header else f"chip = {json.dumps(label or str(node))}, "
        stanza = f'lock = {{ driver = "gpio-relay", {chip}pin = 17 }}'
        what = "GPIO of the header" if header else "GPIO chip"
        yield Present("gpio", label or str(node), str(node), what, stanza=stanza, note=note)


def _labels_asked(dev: Path) -> dict[str, str]:
    """What the chips of this very machine answer; nothing without the extra, or for a mere tree."""
    try:
        chips: Sequence[tuple[object, ...]] = found_chips() if dev == Path("/dev") else []
    except HardwareError:
        return {}
    return {str(chip[0]): str(chip[1]) for chip in chips}


def _gpio_label(sys: Path, name: str) -> str:
    """From sysfs: of the chip itself, or of the old interface's chip on the same device."""
    chip = sys / "bus/gpio/devices" / name
    if label := _text(chip / "label"):
        return label
    parent = chip.resolve().parent
    for old in _sorted(sys / "class/gpio"):
        if old.name.startswith("gpiochip") and _same(old / "device", parent):
            return _text(old / "label")
    return ""


def _i2c(dev: Path, sys: Path) -> Iterator[Present]:
    for node in sorted(dev.glob("i2c-*")):
        says = _text(sys / "class/i2c-dev" / node.name / "name")
        i2c = f'driver = "pn532", i2c = {json.dumps(str(node))}, card = {{ format = "hex" }}'
        stanza = f"readers.main = {{ {i2c} }}"
        yield Present("i2c", str(node), str(node), f"I²C bus {says}".strip(), stanza=stanza)


def _other_usb(sys: Path, taken: set[str]) -> Iterator[Present]:
    for device in _sorted(sys / "bus/usb/devices"):
        usb = _usb(device)
        if usb and usb.number not in taken and _text(device / "bDeviceClass") != _USB_HUB:
            note = "no driver of ours: neither a serial port nor a keyboard to this machine"
            yield Present("usb", usb.number, str(device), usb.what, usb.number, note=note)


def _usb_above(place: Path, sys: Path) -> _Usb | None:
    """The USB device that this is a part of."""
    real, root = place.resolve(), sys.resolve()
    for folder in (real, *real.parents):
        if folder == root:
            return None
        if found := _usb(folder):
            return found
    return None


def _usb(folder: Path) -> _Usb | None:
    vendor, product = _text(folder / "idVendor"), _text(folder / "idProduct")
    if not vendor:
        return None
    says = f"{_text(folder / 'manufacturer')} {_text(folder / 'product')}".strip()
    return _Usb(f"{vendor}:{product}".upper(), says, _text(folder / "serial"))


def _links(folder: Path, node: Path) -> list[Path]:
    return [link for link in _sorted(folder) if _same(link, node)]


def _same(one: Path, other: Path) -> bool:
    return one.exists() and one.resolve() == other.resolve()


def _sorted(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
