"""What is plugged in, read from trees of files that look like a machine's /dev and /sys."""

import os
import pty
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.errors import HardwareError
from hw import TABLES
from hw.present import Present, fitting, present
from hw.serial_tap import judge, tapped

CH340 = ("1a86", "7523", "", "USB Serial")
FTDI = ("0403", "6001", "A50285BI", "FT232R USB UART")
TYPES = "3 0 0 0 10000 0 1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"


@dataclass
class Machine:
    """A machine made of files."""

    root: Path

    @property
    def dev(self) -> Path:
        return self.root / "dev"

    @property
    def sys(self) -> Path:
        return self.root / "sys"

    def present(self) -> list[Present]:
        return present(self.dev, self.sys)

    def only(self) -> Present:
        (found,) = self.present()
        return found

    def write(self, path: str, text: str) -> Path:
        whole = self.root / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(f"{text}\n")
        return whole

    def link(self, path: str, to: Path) -> None:
        whole = self.root / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.symlink_to(to)

    def usb(self, place: str, vendor: str, product: str, serial: str, says: str) -> Path:
        """A device at a place such as `1-1`, with its interface; returns the interface."""
        home = f"sys/devices/usb1/{place}"
        parts = {"idVendor": vendor, "idProduct": product, "product": says, "bDeviceClass": "00"}
        for name, text in {**parts, **({"serial": serial} if serial else {})}.items():
            self.write(f"{home}/{name}", text)
        self.link(f"sys/bus/usb/devices/{place}", self.root / home)
        interface = self.root / home / f"{place}:1.0"
        interface.mkdir()
        return interface

    def adapter(self, node: str, place: str, kind: tuple[str, str, str, str]) -> None:
        """A USB serial adapter as udev would show it."""
        interface = self.usb(place, *kind)
        self.link(f"sys/class/tty/{node}/device", interface)
        device = self.write(f"dev/{node}", "")
        by_id = "_".join(filter(None, (f"usb-{kind[0]}", kind[3].replace(" ", "_"), kind[2])))
        name = self.dev / f"serial/by-id/{by_id}-if00-port0"
        name.unlink(missing_ok=True)  # the one that came last has it
        self.link(str(name.relative_to(self.root)), device)
        self.link(f"dev/serial/by-path/usb-0:{place}:1.0-port0", device)

    def keyboard(self, node: str, usb: tuple[str, str], keys: str = TYPES, bus: str = "3") -> None:
        home = f"sys/class/input/{node}/device"
        about = {"name": "A Reader", "id/vendor": usb[0], "id/product": usb[1]}
        for name, text in {**about, "id/bustype": f"{bus:>04}", "capabilities/key": keys}.items():
            self.write(f"{home}/{name}", text)
        self.write(f"dev/input/{node}", "")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_machine_without_anything_has_nothing(machine: Machine) -> None:
    assert machine.present() == []


def test_an_adapter_is_called_by_the_name_that_lasts(machine: Machine) -> None:
    machine.adapter("ttyUSB3", "1-1", FTDI)

    found = machine.only()

    assert found.sort == "serial"
    assert Path(found.name).name == "usb-0403_FT232R_USB_UART_A50285BI-if00-port0"
    assert found.node.endswith("dev/ttyUSB3")
    assert found.what == "FTDI FT232R (0403:6001), says 'FT232R USB UART'"
    assert f'driver = "serial", port = "{found.name}"' in found.stanza
    assert found.note == ""
    for name in (found.name, found.node, "ttyUSB3", "0403:6001"):
        assert found.called(name), name
    assert not found.called("/dev/ttyUSB4")


def test_two_adapters_alike_are_told_apart_by_where_they_are_plugged_in(machine: Machine) -> None:
    machine.adapter("ttyUSB0", "1-1", CH340)
    machine.adapter("ttyUSB1", "1-2", CH340)

    found = machine.present()

    assert [Path(each.name).parent.name for each in found] == ["by-path", "by-path"]
    assert len({each.name for each in found}) == 2
    assert all("only the socket tells them apart" in each.note for each in found)
    assert all(each.name in each.stanza for each in found)


def test_two_adapters_with_serial_numbers_keep_their_names(machine: Machine) -> None:
    machine.adapter("ttyUSB0", "1-1", FTDI)
    machine.adapter("ttyUSB1", "1-2", (*FTDI[:2], "B7", FTDI[3]))
    assert [Path(each.name).parent.name for each in machine.present()] == ["by-id", "by-id"]


def test_a_uart_is_named_as_the_system_does_and_an_empty_slot_is_none(machine: Machine) -> None:
    for node, kind in (("ttyS0", "0"), ("ttyS1", "4"), ("tty1", "")):
        machine.write(f"dev/{node}", "")
        machine.write(f"sys/class/tty/{node}/type", kind)
    (machine.sys / "class/tty/ttyS0/device").mkdir()
    (machine.sys / "class/tty/ttyS1/device").mkdir()
    machine.link("dev/serial0", machine.dev / "ttyS1")

    found = machine.only()

    assert Path(found.name).name == "serial0"
    assert "login console" in found.note


def test_a_reader_that_types_is_known_from_a_keyboard_and_a_button(machine: Machine) -> None:
    machine.keyboard("event0", ("ffff", "0035"))
    machine.link("dev/input/by-id/usb-A_Reader-event-kbd", machine.dev / "input/event0")
    machine.keyboard("event1", ("046d", "c31c"))
    machine.keyboard("event2", ("0000", "0001"), keys="10000000000000 0")  # a power button
    machine.keyboard("event3", ("0001", "0001"), bus="11")  # built into a laptop

    reader, keyboard = machine.present()

    assert Path(reader.name).name == "usb-A_Reader-event-kbd"
    assert "USB card reader that types (FFFF:0035)" in reader.what
    assert reader.note == ""
    assert reader.name in reader.stanza
    assert "somebody's keyboard" in keyboard.note
    for name in (reader.name, "FFFF:0035", "ffff:0035", "A Reader"):
        assert reader.called(name), name


def test_a_gpio_chip_is_called_by_its_label_new_and_old_interface(machine: Machine) -> None:
    for chip, label in (("gpiochip0", "pinctrl-bcm2711"), ("gpiochip1", "raspberrypi-exp-gpio")):
        machine.write(f"dev/{chip}", "")
        home = machine.write(f"sys/devices/{label}/{chip}/dev", "254:0").parent
        machine.link(f"sys/bus/gpio/devices/{chip}", home)
        machine.write(f"sys/class/gpio/{chip}12/label", label)
        machine.link(f"sys/class/gpio/{chip}12/device", home.parent)
    machine.link("dev/gpiochip4", machine.dev / "gpiochip0")

    header, other = machine.present()

    assert (header.name, header.what) == ("pinctrl-bcm2711", "GPIO of the header")
    assert "chip =" not in header.stanza
    assert other.name == "raspberrypi-exp-gpio"
    assert 'chip = "raspberrypi-exp-gpio"' in other.stanza
    assert header.called("gpiochip0")
    assert header.called("pinctrl-bcm2711")


def test_an_i2c_bus_is_named_and_not_asked(machine: Machine) -> None:
    node = machine.write("dev/i2c-1", "")
    machine.write("sys/class/i2c-dev/i2c-1/name", "bcm2835 (i2c@7e804000)")
    node.chmod(0)
    assert machine.only().what == "I²C bus bcm2835 (i2c@7e804000)"


def test_a_usb_device_that_no_driver_fits_is_said_to_be_there(machine: Machine) -> None:
    machine.usb("1-4", "072f", "2200", "", "ACR122U PICC Interface")
    machine.usb("1-5", "1d6b", "0002", "", "Hub")
    machine.write("sys/devices/usb1/1-5/bDeviceClass", "09")
    machine.adapter("ttyUSB0", "1-1", CH340)

    serial, other = machine.present()

    assert serial.sort == "serial"
    assert other.what.startswith("ACR122U, a PC/SC reader (072F:2200)")
    assert "no driver of ours" in other.note
    assert fitting(other.sort, TABLES) == []


def test_the_drivers_that_fit_are_those_that_there_are(machine: Machine) -> None:
    assert "serial" in fitting("serial", TABLES)
    assert "gpio-relay" in fitting("gpio", TABLES)
    assert "sim" not in fitting("serial", TABLES)
    assert fitting("i2c", {"reader": {"pn532": "x:Y", "serial": "x:Z"}}) == ["pn532"]


# Framing


@pytest.mark.parametrize(
    ("burst", "framing", "text", "settings"),
    [
        (b"\x026F007B39725F\x03", "stx", "6F007B3972", 'framing = "stx"'),
        (b"\x026F007B39725F\r\n\x03", "stx", "6F007B3972", 'framing = "stx"'),
        (b"\x026F007B397200\x03", "stx", "6F007B3972", "require_checksum = false"),
        (b"0008075634\r\n", "lines", "0008075634", 'framing = "lines"'),
        (b"123,14706\r", "lines", "123,14706", 'framing = "lines"'),
    ],
)
def test_a_framing_is_recognised(burst: bytes, framing: str, text: str, settings: str) -> None:
    judged = judge(burst)
    assert (judged.framing, judged.texts) == (framing, (text,))
    assert settings in judged.settings


@pytest.mark.parametrize(
    ("burst", "why"),
    [
        (b"0008075634", "without CR or LF"),
        (bytes.fromhex("F8 00 E0 9C 80 FE 1C"), "try --baud"),
        (bytes.fromhex("FF 53 65 08 00 04 60 60 90"), "OSDP"),
        (bytes.fromhex("00 00 FF 00 FF 00"), "PN532"),
    ],
)
def test_what_is_not_recognised_is_explained(burst: bytes, why: str) -> None:
    judged = judge(burst)
    assert (judged.framing, judged.texts) == ("", ())
    assert why in judged.why


def test_a_framing_that_is_asked_for_is_not_changed() -> None:
    assert 'framing = "stx"' in judge(b"\x026F007B39725F\x03\r\n", "lines").why
    assert judge(b"0008075634\r\n", "stx").texts == ()


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """The far end of a serial line, and the path of the near one."""
    far, near = pty.openpty()
    tty.setraw(near)
    yield far, os.ttyname(near)
    os.close(far)
    os.close(near)


def test_a_burst_is_all_that_comes_until_there_is_a_pause(line: tuple[int, str]) -> None:
    far, path = line
    with tapped(path, 9600) as tap:
        assert tap.burst() == b""
        os.write(far, b"00080")
        os.write(far, b"75634\r\n")
        assert tap.burst() == b"0008075634\r\n"


def test_a_port_that_is_not_there_or_in_use_says_what_to_do(line: tuple[int, str]) -> None:
    missing = r"no-such-port is not there .* To do: plug it in"
    with pytest.raises(HardwareError, match=missing), tapped("/dev/no-such-port", 9600):
        pass
    taken = r"is in use .* doorward hw watch DOOR"
    with tapped(line[1], 9600), pytest.raises(HardwareError, match=taken), tapped(line[1], 9600):
        pass
