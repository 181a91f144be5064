"""A serial reader over real lines: a pty pair with socat at the far end, a TCP port, a dead path.

Unplugging is killing socat. Cards are sent by writing to the far end.
"""

import queue
import select
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
import serial
from structlog.testing import capture_logs

from controller.errors import HardwareError
from controller.ports import Card, Refused, Told
from hw.serial_reader import Pace, SerialReader, SerialSettings
from tests.contract_hw import PATIENCE, Heard, ReaderContract, ReaderRig
from tests.serials import BRISK, Cable, listening, plugged, until_read

PATIENT = Pace(read=3600.0, first=3600.0, longest=3600.0)  # nothing but `stop` ends such a wait


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    with plugged(tmp_path) as cable:
        yield cable


@pytest.fixture
def reader(cable: Cable) -> Iterator[SerialReader]:
    reader = SerialReader(SerialSettings(port=str(cable.near)), "front/main", pace=BRISK)
    yield reader
    reader.stop()


@dataclass
class Hours:
    """A clock that runs only while something is waited for."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_until(self, told: "queue.Queue[Refused]") -> Refused:
        for _ in range(1000):
            self.now += 60.0
            with suppress(queue.Empty):
                return told.get(timeout=0.02)
        pytest.fail("it was never told")


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
            reader.start(heard.tell)
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

        def chokes_on_the_first(told: Told) -> None:
            heard.tell(told)
            if isinstance(told, Card) and told.text == "FIRST":
                raise RuntimeError("choked")

        reader.start(chokes_on_the_first)
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

    def test_half_frames_over_an_hour_are_no_card(self, cable: Cable) -> None:
        clock = Hours()
        settings = SerialSettings(port=str(cable.near))
        reader = SerialReader(settings, "front/main", pace=BRISK, clock=clock)
        heard = listening(reader)
        for half in (b"00080", b"75634", b"0008", b"07563", b"4") * 2:
            cable.send(half)
            assert "no end of line within 2 s" in clock.pass_until(heard.refused).why
        cable.send(b"0008075634\r\n0008075634\r\n")
        assert "present it again" in clock.pass_until(heard.refused).why
        assert heard.next_text() == "0008075634"
        assert heard.texts.empty()
        reader.stop()

    def test_a_thousand_reads_at_once_are_a_thousand(
        self, cable: Cable, reader: SerialReader
    ) -> None:
        heard = listening(reader)
        cards = [f"{number:010}" for number in range(1000)]
        for begin in range(0, len(cards), 50):  # what a terminal holds without a reader is less
            cable.send("".join(f"{card}\r\n" for card in cards[begin : begin + 50]).encode())
        assert [heard.next_text() for _ in cards] == cards

    @pytest.mark.parametrize("baud", [300, 1200, 9600, 38400, 115200, 921600])
    def test_noise_at_any_speed_is_refused_and_the_next_card_is_read(
        self, cable: Cable, baud: int
    ) -> None:
        settings = SerialSettings(port=str(cable.near), baud=baud, framing="stx")
        reader = SerialReader(settings, "front/main", pace=BRISK)
        heard = listening(reader)
        cable.send(Random(baud).randbytes(2000))
        cable.send(b"\x026F007B39725F\x03")
        assert heard.next_text() == "6F007B3972"
        assert not heard.refused.empty()
        assert heard.texts.empty()
        reader.stop()


class TestStopping:
    def test_wakes_a_reader_that_waits_for_a_card(self, cable: Cable) -> None:
        reader = SerialReader(SerialSettings(port=str(cable.near)), "front/patient", pace=PATIENT)
        heard = Heard()
        reader.start(heard.tell)
        until_read(cable.send, heard)

        reader.stop()

        assert threads_of("reader front/patient") == 0

    def test_wakes_a_reader_that_waits_for_its_line(self, tmp_path: Path) -> None:
        reader = SerialReader(
            SerialSettings(port=str(tmp_path / "nothing")), "front/patient", pace=PATIENT
        )
        heard = Heard()
        reader.start(heard.tell)
        heard.next_health()

        reader.stop()

        assert threads_of("reader front/patient") == 0

    def test_may_come_from_its_own_callback(self, cable: Cable, reader: SerialReader) -> None:
        heard = Heard()

        def stop_at_once(told: Told) -> None:
            if isinstance(told, Card):
                reader.stop()
            heard.tell(told)

        reader.start(stop_at_once)
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
            reader.start(lambda told: None)


class TestSettings:
    def test_reach_the_line(self, cable: Cable) -> None:
        settings = SerialSettings(port=str(cable.near), baud=19200, stopbits=2)
        reader = SerialReader(settings, "front/main", pace=BRISK)
        listening(reader)

        with cable.near.open("rb", buffering=0) as line:
            attributes = termios.tcgetattr(line)
        reader.stop()

        assert attributes[4] == termios.B19200
        assert attributes[2] & termios.CSTOPB


def arrived(cable: Cable) -> bool:
    """Has what was sent crossed the cable, so that it lies in the buffer of our end?"""
    with cable.near.open("rb", buffering=0) as line:
        return bool(select.select([line], [], [], PATIENCE)[0])
