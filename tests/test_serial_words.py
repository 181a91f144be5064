"""What a serial reader says of an outage, and which settings it takes."""

import errno
import os
import socket
from pathlib import Path

import pytest
import serial
from pydantic import ValidationError

from controller.errors import HardwareError
from hw.line_faults import explained
from hw.present import Present
from hw.serial_ports import found_port, present_ports
from hw.serial_reader import SerialReader, SerialSettings
from tests.contract_hw import Heard
from tests.serials import BRISK


class TestWhatItSays:
    """Each outage names the place, what is there instead, and what to do."""

    @pytest.mark.parametrize(
        ("number", "what", "remedy"),
        [
            (errno.ENOENT, "is not there", "plug the adapter in"),
            (errno.EACCES, "may not be opened", "dialout"),
            (errno.EIO, "was unplugged", "cable and power"),
            (errno.EBUSY, "is in use", "stop the other program"),
        ],
    )
    def test_about_a_path(self, number: int, what: str, remedy: str) -> None:
        error = serial.SerialException(number, os.strerror(number))
        present = ["/dev/serial/by-id/usb-Acme_7 (Acme)"]

        text = explained("front/main", "/dev/ttyUSB0", error, present)

        assert text.startswith(f"reader front/main: /dev/ttyUSB0 {what}")
        assert "serial ports here: /dev/serial/by-id/usb-Acme_7 (Acme)" in text
        assert "all else goes on" in text
        assert remedy in text

    def test_about_an_adapter_that_is_searched_for(self) -> None:
        with pytest.raises(FileNotFoundError) as missing:
            found_port("1A86:7523", [])
        text = explained("front/main", "1A86:7523", missing.value, ["/dev/ttyS0 (UART)"])
        assert "1A86:7523 is not there" in text
        assert "serial ports here: /dev/ttyS0 (UART)" in text

    def test_about_two_adapters_alike(self) -> None:
        two = [adapter("/dev/serial/by-path/usb-1"), adapter("/dev/serial/by-path/usb-2")]
        with pytest.raises(HardwareError) as several:
            found_port("1A86:7523", two)
        text = explained("front/main", "1A86:7523", several.value, [])
        assert (
            "1A86:7523 are 2 adapters: /dev/serial/by-path/usb-1, /dev/serial/by-path/usb-2" in text
        )
        assert "To do: set port to the path of one of them." in text

    def test_that_no_port_is_there_at_all(self) -> None:
        error = serial.SerialException(errno.ENOENT, "no")
        assert "serial ports here: none" in explained("front/main", "/dev/ttyUSB0", error, [])

    def test_of_something_that_is_no_serial_port(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.touch()
        assert "is no serial port" in why_not(str(file))

    def test_of_a_server_that_is_not_there(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        why = why_not(f"socket://127.0.0.1:{port}")
        assert f"socket://127.0.0.1:{port} does not answer" in why
        assert "serial ports here" not in why

    def test_ports_are_listed_even_where_there_are_none(self) -> None:
        assert all("/" in port for port in present_ports())


class TestSettings:
    def test_of_a_common_reader(self) -> None:
        settings = SerialSettings.model_validate({"driver": "serial", "port": "/dev/ttyUSB0"})
        assert (settings.baud, settings.framing, settings.require_checksum) == (9600, "lines", True)

    @pytest.mark.parametrize(
        "port",
        ["/dev/serial/by-id/usb-Acme_7", "socket://10.0.0.7:4001", "1A86:7523", "loop://"],
    )
    def test_take_paths_and_addresses(self, port: str) -> None:
        assert SerialSettings(port=port).port == port

    @pytest.mark.parametrize("port", ["1a86:7523", "hwgrep://1A86:7523"])
    def test_take_an_adapter_by_its_usb_ids(self, port: str) -> None:
        settings = SerialSettings(port=port)
        assert settings.attached()[0].line == ("port", "1A86:7523")
        here = [adapter("/dev/serial/by-id/usb-Acme", usb="0403:6001"), adapter("/dev/ttyUSB7")]
        assert found_port(settings.port, here) == "/dev/ttyUSB7"

    @pytest.mark.parametrize(
        "port",
        [
            "ttyUSB0",
            "COM3",
            "",
            "/",
            "http://reader",
            "socket://box",
            "spy:///dev/ttyUSB0",
            "hwgrep://x",
        ],
    )
    def test_refuse_what_is_no_port(self, port: str) -> None:
        with pytest.raises(ValidationError, match="/dev/serial/by-id"):
            SerialSettings(port=port)


def adapter(name: str, usb: str = "1A86:7523") -> Present:
    return Present("serial", name, name, "an adapter", usb)


def why_not(port: str) -> str:
    """What a reader says of a port that cannot be opened."""
    reader = SerialReader(SerialSettings(port=port), "front/main", pace=BRISK)
    heard = Heard()
    reader.start(heard.tell)
    ok, why = heard.next_health()
    reader.stop()
    assert not ok
    return why
