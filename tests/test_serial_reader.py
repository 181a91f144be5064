"""A serial reader over real lines: a pty pair with socat at the far end, a TCP port, a dead path.

Unplugging is killing socat. Cards are sent by writing to the far end.
"""

import errno
import os
import queue
import select
import shutil
import socket
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import serial
from pydantic import ValidationError
from structlog.testing import capture_logs

from controller.errors import HardwareError
from hw.line_faults import explained
from hw.serial_reader import Pace, SerialReader, SerialSettings, present_ports
from tests.contract_hw import PATIENCE, Heard, ReaderContract, ReaderRig

BRISK = Pace(read=0.01, first=0.01, longest=0.02)
PATIENT = Pace(read=3600.0, first=3600.0, longest=3600.0)  # nothing but `stop` ends such a wait


@dataclass
class Cable:
    """A pty pair made by socat: `near` is ours, `far` is where the card reader sits."""

    near: Path
    far: Path
    socat: "subprocess.Popen[str] | None" = None

    def plug(self) -> None:
        ends = [f"pty,raw,echo=0,link={end}" for end in (self.near, self.far)]
        self.socat = subprocess.Popen(
            ["socat", "-d", "-d", *ends], stderr=subprocess.PIPE, text=True
        )
        assert self.socat.stderr
        for line in self.socat.stderr:
            if "starting data transfer" in line:
                return
        pytest.fail("socat ended before it began")

    def unplug(self) -> None:
        if self.socat:
            self.socat.kill()
            self.socat.wait()
            assert self.socat.stderr
            self.socat.stderr.close()
            self.socat = None

    def send(self, sent: bytes) -> None:
        line = os.open(self.far, os.O_WRONLY | os.O_NOCTTY)
        try:
            os.write(line, sent)
        finally:
            os.close(line)


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    if not shutil.which("socat"):
        if os.environ.get("CI"):
            pytest.fail("socat is missing; CI must have it: apt-get install socat")
        pytest.skip("needs socat: apt-get install socat")
    cable = Cable(tmp_path / "near", tmp_path / "far")
    cable.plug()
    yield cable
    cable.unplug()


@pytest.fixture
def reader(cable: Cable) -> Iterator[SerialReader]:
    reader = SerialReader(SerialSettings(port=str(cable.near)), "front/main", pace=BRISK)
    yield reader
    reader.stop()


def listening(reader: SerialReader) -> Heard:
    heard = Heard()
    reader.start(heard.text, heard.health)
    assert heard.next_health() == (True, "")
    return heard


def threads_of(name: str) -> int:
    return sum(1 for thread in threading.enumerate() if thread.name == name)


def open_lines() -> int:
    """How many terminals this process holds open."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one that lists the directory is gone by now
            count += str(entry.readlink()).startswith("/dev/pts/")
    return count


class TestOverLines(ReaderContract):
    @pytest.fixture
    def rig(self, cable: Cable, reader: SerialReader) -> ReaderRig:
        def present(card: str) -> None:
            cable.send(f"{card}\r\n".encode())

        return ReaderRig(reader, present, cable.unplug, cable.plug)


class TestOverStx(ReaderContract):
    @pytest.fixture
    def rig(self, cable: Cable) -> Iterator[ReaderRig]:
        settings = SerialSettings(port=str(cable.near), framing="stx")
        reader = SerialReader(settings, "front/main", pace=BRISK)

        def present(card: str) -> None:
            checksum = 0
            for byte in bytes.fromhex(card):
                checksum ^= byte
            cable.send(f"\x02{card}{checksum:02X}\x03".encode())

        yield ReaderRig(reader, present, cable.unplug, cable.plug)
        reader.stop()


class TestTheLine:
    def test_takes_a_card_that_another_program_sends(
        self, cable: Cable, reader: SerialReader
    ) -> None:
        heard = listening(reader)
        subprocess.run(["sh", "-c", f"printf '0008075634\\r\\n' > {cable.far}"], check=True)
        assert heard.next_text() == "0008075634"

    def test_puts_together_what_comes_in_pieces(self, cable: Cable, reader: SerialReader) -> None:
        heard = listening(reader)
        for byte in b"0008075634\r\n":
            cable.send(bytes([byte]))
        assert heard.next_text() == "0008075634"

    def test_hands_on_a_tag_as_often_as_it_is_sent(self, cable: Cable) -> None:
        settings = SerialSettings(port=str(cable.near), framing="stx")
        reader = SerialReader(settings, "front/main", pace=BRISK)
        heard = listening(reader)
        cable.send(b"\x026F007B39725F\x03" * 20)
        assert [heard.next_text() for _ in range(20)] == ["6F007B3972"] * 20
        reader.stop()

    def test_forgets_what_was_sent_while_nobody_listened(
        self, cable: Cable, reader: SerialReader
    ) -> None:
        cable.send(b"OLD-CARD\r\n")
        assert arrived(cable)

        heard = listening(reader)
        cable.send(b"NEW-CARD\r\n")

        assert heard.next_text() == "NEW-CARD"

    def test_never_joins_halves_from_before_and_after_an_outage(
        self, cable: Cable, reader: SerialReader
    ) -> None:
        heard = listening(reader)
        cable.send(b"0008075634\r\n00080")
        assert heard.next_text() == "0008075634"

        cable.unplug()
        assert not heard.next_health()[0]
        cable.plug()
        assert heard.next_health()[0]
        cable.send(b"75634\r\n")

        assert heard.next_text() == "75634"

    def test_belongs_to_one_reader_alone(self, cable: Cable, reader: SerialReader) -> None:
        heard = Heard()
        with serial.Serial(str(cable.near), exclusive=True):
            reader.start(heard.text, heard.health)
            ok, why = heard.next_health()
            assert not ok
            assert f"{cable.near} is in use" in why
            assert "stop the other program" in why

        assert heard.next_health() == (True, "")

    def test_outages_leave_neither_threads_nor_open_lines_behind(
        self, cable: Cable, reader: SerialReader
    ) -> None:
        heard = listening(reader)
        lines = open_lines()

        for _ in range(5):
            cable.unplug()
            assert not heard.next_health()[0]
            assert open_lines() == lines - 1
            assert threads_of("reader front/main") == 1
            cable.plug()
            assert heard.next_health()[0]

        assert open_lines() == lines
        assert threads_of("reader front/main") == 1

    def test_one_outage_is_logged_once_however_often_it_is_tried(
        self, cable: Cable, reader: SerialReader
    ) -> None:
        heard = listening(reader)
        with capture_logs() as logs:
            cable.unplug()
            heard.next_health()
            cable.plug()
            heard.next_health()

        assert [(log["event"], log["log_level"]) for log in logs] == [
            ("reader lost", "warning"),
            ("reader is there", "info"),
        ]

    def test_a_fault_of_the_listener_does_not_end_the_reading(
        self, cable: Cable, reader: SerialReader
    ) -> None:
        heard = Heard()

        def chokes_on_the_first(text: str) -> None:
            heard.text(text)
            if text == "FIRST":
                raise RuntimeError("choked")

        reader.start(chokes_on_the_first, heard.health)
        heard.next_health()
        with capture_logs() as logs:
            cable.send(b"FIRST\r\nSECOND\r\n")
            assert [heard.next_text(), heard.next_text()] == ["FIRST", "SECOND"]

        assert [log["event"] for log in logs] == ["a read could not be handed on"]

    def test_a_noisy_line_warns_now_and_then_and_never_with_a_number(
        self, cable: Cable, reader: SerialReader
    ) -> None:
        heard = listening(reader)
        with capture_logs() as logs:
            cable.send(b"0008075634\xff\r\n" * 12)
            cable.send(b"END\r\n")
            assert heard.next_text() == "END"

        assert [log["times"] for log in logs] == [1, 10]
        assert "FF is not printable" in logs[0]["why"]
        assert "8075634" not in str(logs)


class TestStopping:
    def test_wakes_a_reader_that_waits_for_a_card(self, cable: Cable) -> None:
        reader = SerialReader(SerialSettings(port=str(cable.near)), "front/patient", pace=PATIENT)
        heard = Heard()
        reader.start(heard.text, heard.health)
        until_read(cable.send, heard)

        reader.stop()

        assert threads_of("reader front/patient") == 0

    def test_wakes_a_reader_that_waits_for_its_line(self, tmp_path: Path) -> None:
        reader = SerialReader(
            SerialSettings(port=str(tmp_path / "nothing")), "front/patient", pace=PATIENT
        )
        heard = Heard()
        reader.start(heard.text, heard.health)
        heard.next_health()

        reader.stop()

        assert threads_of("reader front/patient") == 0

    def test_may_come_from_its_own_callback(self, cable: Cable, reader: SerialReader) -> None:
        heard = Heard()

        def stop_at_once(text: str) -> None:
            reader.stop()
            heard.text(text)

        reader.start(stop_at_once, heard.health)
        heard.next_health()
        cable.send(b"LAST\r\nNEVER\r\n")
        assert heard.next_text() == "LAST"

        for thread in threading.enumerate():
            if thread.name == "reader front/main":
                thread.join(PATIENCE)
        assert heard.texts.empty()

    def test_is_for_good(self, reader: SerialReader) -> None:
        listening(reader)
        reader.stop()
        with pytest.raises(HardwareError, match="front/main was started before"):
            reader.start(lambda text: None, lambda ok, why: None)


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
        error = serial.SerialException("no ports found matching regexp")
        text = explained("front/main", "hwgrep://1A86:7523", error, ["/dev/ttyS0 (n/a)"])
        assert "hwgrep://1A86:7523 is not there" in text
        assert "serial ports here: /dev/ttyS0 (n/a)" in text

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
        ["/dev/serial/by-id/usb-Acme_7", "socket://10.0.0.7:4001", "hwgrep://1A86:7523", "loop://"],
    )
    def test_take_paths_and_addresses(self, port: str) -> None:
        assert SerialSettings(port=port).port == port

    @pytest.mark.parametrize(
        "port", ["ttyUSB0", "COM3", "", "/", "http://reader", "socket://box", "spy:///dev/ttyUSB0"]
    )
    def test_refuse_what_is_no_port(self, port: str) -> None:
        with pytest.raises(ValidationError, match="/dev/serial/by-id"):
            SerialSettings(port=port)

    def test_reach_the_line(self, cable: Cable) -> None:
        settings = SerialSettings(port=str(cable.near), baud=19200, stopbits=2)
        reader = SerialReader(settings, "front/main", pace=BRISK)
        listening(reader)

        with cable.near.open("rb", buffering=0) as line:
            attributes = termios.tcgetattr(line)
        reader.stop()

        assert attributes[4] == termios.B19200
        assert attributes[2] & termios.CSTOPB


@dataclass
class SerialServer:
    """A box that offers a serial line over TCP, for one client at a time."""

    port: int = 0
    listener: socket.socket | None = None
    client: socket.socket | None = None

    def plug(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]

    def unplug(self) -> None:
        """The power goes: the listener first, then the line, by a reset."""
        if self.listener:
            self.listener.close()
            self.listener = None
        self.hang_up()

    def hang_up(self) -> None:
        if self.client:
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.client.close()
            self.client = None

    def accept(self) -> None:
        assert self.listener
        self.listener.settimeout(PATIENCE)
        self.client, _ = self.listener.accept()


@pytest.mark.slow
class TestOverTcp:
    @pytest.fixture
    def server(self) -> Iterator[SerialServer]:
        server = SerialServer()
        server.plug()
        yield server
        server.unplug()

    @pytest.fixture
    def reader(self, server: SerialServer) -> Iterator[SerialReader]:
        settings = SerialSettings(port=f"socket://127.0.0.1:{server.port}")
        reader = SerialReader(settings, "front/main", pace=BRISK)
        yield reader
        reader.stop()

    def test_reads_and_survives_a_power_cut_at_the_far_end(
        self, server: SerialServer, reader: SerialReader
    ) -> None:
        heard = Heard()
        reader.start(heard.text, heard.health)

        for card in ("0008075634", "0012345678"):
            server.accept()
            assert heard.next_health() == (True, "")
            assert server.client
            server.client.sendall(card.encode() + b"\r\n")
            assert heard.next_text() == card
            server.unplug()
            assert not heard.next_health()[0]
            server.plug()

    def test_a_server_that_hangs_up_on_us_is_not_called_healthy(self, server: SerialServer) -> None:
        settings = SerialSettings(port=f"socket://127.0.0.1:{server.port}")
        waits = Pace(read=PATIENCE, first=0.01, longest=0.02)
        reader = SerialReader(settings, "front/main", pace=waits)
        heard = Heard()
        reader.start(heard.text, heard.health)
        for _ in range(2):
            server.accept()
            server.hang_up()

        server.accept()
        assert server.client
        until_read(server.client.sendall, heard)
        server.unplug()
        reader.stop()

        assert heard.next_health()[0] is False
        assert heard.next_health() == (True, "")

    def test_asks_the_kernel_to_notice_a_silent_death(
        self, server: SerialServer, reader: SerialReader
    ) -> None:
        heard = Heard()
        reader.start(heard.text, heard.health)
        server.accept()
        heard.next_health()

        watched = [
            line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            for line in connections_to(server.port)
        ]
        assert watched == [1]


def why_not(port: str) -> str:
    """What a reader says of a port that cannot be opened."""
    reader = SerialReader(SerialSettings(port=port), "front/main", pace=BRISK)
    heard = Heard()
    reader.start(heard.text, heard.health)
    ok, why = heard.next_health()
    reader.stop()
    assert not ok
    return why


def arrived(cable: Cable) -> bool:
    """Has what was sent crossed the cable, so that it lies in the buffer of our end?"""
    with cable.near.open("rb", buffering=0) as line:
        return bool(select.select([line], [], [], PATIENCE)[0])


def until_read(send: Callable[[bytes], None], heard: Heard) -> None:
    """Present a card until the reader has opened its line, flushed it, and takes the card."""
    for _ in range(1000):
        send(b"CARD\r\n")
        with suppress(queue.Empty):
            heard.texts.get(timeout=0.02)
            return
    pytest.fail("the reader never read")


def connections_to(port: int) -> Iterator[socket.socket]:
    """Our own ends of TCP connections to this port."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):
            if not entry.is_socket():
                continue
            with socket.socket(fileno=os.dup(int(entry.name))) as line:
                if line.family == socket.AF_INET and line.getpeername()[1] == port:
                    yield line
