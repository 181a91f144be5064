"""A PN532 over a pty and over an I²C bus, both with a chip at the far end that is a program."""

import queue
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from structlog.testing import capture_logs

from controller.model import Strength
from controller.ports import Card, Told
from hw.pn532_frames import ACK, Answer, Answers, command, framed, target
from hw.pn532_port import I2cPort, i2c_file
from hw.pn532_reader import GONE, Pn532Reader, Pn532Settings, Presence
from hw.reader_loop import Again, ReaderLoop
from tests.contract_hw import PATIENCE, Heard, ReaderContract, ReaderRig
from tests.pn532s import I2cChip, SerialChip

BRISK = Again(first=0.01, longest=0.02)
UID = "04A1B2C3D4E5F6"
FOUND = bytes.fromhex("D54B01010044000704A1B2C3D4E5F6")  # one target, 7 bytes of UID


def fed(*chunks: bytes) -> list[Answer]:
    answers = Answers()
    return [answer for chunk in chunks for answer in answers.feed(chunk)]


class TestFrames:
    def test_commands_are_those_of_the_manual(self) -> None:
        assert command(0x02) == bytes.fromhex("0000FF02FED4022A00")
        assert command(0x14, b"\x01\x00\x00") == bytes.fromhex("0000FF05FBD4140100001700")
        assert command(0x4A, b"\x01\x00") == bytes.fromhex("0000FF04FCD44A0100E100")

    def test_an_answer_is_taken_out_of_its_frame(self) -> None:
        firmware = bytes.fromhex("0000FF06FAD50332010607E800")
        assert fed(ACK + firmware) == [Answer(), Answer(3, bytes.fromhex("32010607"))]

    @given(st.lists(st.integers(0, 80), max_size=12), st.binary(max_size=8))
    def test_neither_chunks_nor_what_was_before_matter(self, cuts: list[int], dirt: bytes) -> None:
        sent = dirt.replace(b"\xff", b"") + b"\x00" + ACK + framed(FOUND) + framed(b"\xd5\x4b\x00")
        ends = [0, *sorted(cuts), len(sent)]
        chunks = [sent[begin:end] for begin, end in pairwise(ends)]
        assert fed(*chunks) == [Answer(), Answer(0x4B, FOUND[2:]), Answer(0x4B, b"\x00")]

    @given(st.integers(0, 8 * len(framed(FOUND)) - 1))
    def test_no_single_wrong_bit_makes_another_card(self, place: int) -> None:
        sent = bytearray(framed(FOUND))
        sent[place // 8] ^= 1 << place % 8
        told = [answer for answer in fed(bytes(sent)) if answer.code == 0x4B]
        assert told in ([], [Answer(0x4B, FOUND[2:])])  # of the preamble a bit does not matter

    @given(st.binary(max_size=600))
    def test_noise_is_no_answer(self, noise: bytes) -> None:
        for answer in fed(noise):
            content = bytes([0xD5, answer.code]) + answer.data
            really = framed(content)[1:-1] if answer.code else ACK[1:-1]
            assert answer.fault or really in noise

    def test_the_chips_complaint_and_other_faults_say_what_they_are(self) -> None:
        echo = framed(b"\xd4\x02")
        assert "did not understand" in fed(bytes.fromhex("0000FF01FF7F8100"))[0].fault
        assert "TX and RX" in fed(echo)[0].fault
        assert "checksum" in fed(framed(FOUND)[:-2] + b"\x00\x00")[0].fault
        assert "length" in fed(bytes.fromhex("0000FF0505D503"))[0].fault


class TestTargets:
    @pytest.mark.parametrize("uid", ["A35F1C2B", UID, "04A1B2C3D4E5F6010203"])
    def test_a_uid_is_taken_whole(self, uid: str) -> None:
        whole = bytes.fromhex(uid)
        data = bytes([1, 1, 0, 4, 8, len(whole)]) + whole
        found = target(data)
        assert found
        assert (found.uid, found.refused) == (whole, "")
        assert target(data + bytes.fromhex("0578807102")) == found  # what the card says of itself

    def test_a_made_up_uid_is_refused(self) -> None:
        found = target(bytes.fromhex("01010004200408112233"))
        assert found
        assert "a phone" in found.refused
        seven = target(bytes.fromhex("0101004420070811223344556677"[:26]))
        assert seven
        assert not seven.refused  # of seven bytes the first is the maker's number

    def test_a_uid_of_another_length_is_refused(self) -> None:
        found = target(bytes.fromhex("01010004080504A1B2C3D4"))
        assert found
        assert "5 bytes" in found.refused

    @pytest.mark.parametrize("data", ["", "01", "0101000408", "01010004080704A1B2", "010100040800"])
    def test_half_an_answer_is_no_card(self, data: str) -> None:
        with pytest.raises(ValueError, match="too short"):
            target(bytes.fromhex(data))

    def test_none_is_none(self) -> None:
        assert target(b"\x00") is None


class TestPresence:
    def test_a_card_that_lies_there_is_news_once(self) -> None:
        presence = Presence(repeat=0.0)
        assert [presence.is_news("A", float(now)) for now in range(100)] == [True] + 99 * [False]

    def test_a_card_that_was_missed_for_a_moment_is_no_news(self) -> None:
        presence = Presence(repeat=0.0)
        looks = ["A", *[""] * GONE, "A", *[""] * (GONE + 1), "A"]
        news = [place for place, card in enumerate(looks) if presence.is_news(card, 0.0)]
        assert news == [0, len(looks) - 1]

    def test_two_cards_at_once_are_news_once_each(self) -> None:
        presence = Presence(repeat=0.0)
        assert [presence.is_news(card, 0.0) for card in "ABABBAAB"] == [True, True, *[False] * 6]

    def test_a_card_held_for_long_is_told_again_if_wanted(self) -> None:
        presence = Presence(repeat=3.0)
        assert [presence.is_news("A", float(now)) for now in range(7)] == [
            *(True, False, False, True, False, False, True)
        ]

    def test_nothing_is_remembered_of_who_left(self) -> None:
        presence = Presence(repeat=0.0)
        for number in range(1000):
            presence.is_news(f"card {number}", 0.0)
        for _ in range(GONE + 1):
            presence.is_news("", 0.0)
        assert presence == Presence(repeat=0.0)


class Padded(Heard):
    """Hears a UID of seven bytes as the five in the middle."""

    def tell(self, told: Told) -> None:
        super().tell(told._replace(text=told.text[2:-2]) if isinstance(told, Card) else told)


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[SerialChip]:
    chip = SerialChip(tmp_path / "pn532")
    yield chip
    chip.unplug()


@pytest.fixture
def reader(chip: SerialChip) -> Iterator[Pn532Reader]:
    settings = Pn532Settings(port=str(chip.path), every=0.02)
    reader = Pn532Reader(settings, "front/main", again=BRISK)
    yield reader
    reader.stop()


@pytest.fixture
def heard(reader: Pn532Reader) -> Heard:
    heard = Heard()
    reader.start(heard.tell)
    assert heard.next_health() == (True, "")
    return heard


class TestOverSerial(ReaderContract):
    @pytest.fixture
    def rig(self, chip: SerialChip, reader: Pn532Reader) -> ReaderRig:
        return ReaderRig(
            reader, lambda card: chip.present(f"04{card}80"), chip.unplug, chip.plug, Padded()
        )


class TestOverI2c(ReaderContract):
    @pytest.fixture
    def rig(self) -> Iterator[ReaderRig]:
        chip = I2cChip()

        def open_port(settings: Pn532Settings, loop: ReaderLoop) -> I2cPort:
            return I2cPort(chip, loop.stopping.wait)

        settings = Pn532Settings(i2c="/dev/i2c-1", every=0.02)
        reader = Pn532Reader(settings, "front/main", open_port=open_port, again=BRISK)
        yield ReaderRig(
            reader, lambda card: chip.present(f"04{card}80"), chip.unplug, chip.plug, Padded()
        )
        reader.stop()
        assert "reader front/main" not in [thread.name for thread in threading.enumerate()]

    def test_waits_while_the_chip_is_busy(self) -> None:
        chip = I2cChip()
        pauses: list[float] = []
        chip.busy = 3
        chip.write(command(0x14, b"\x01\x00\x00"))
        port = I2cPort(chip, pauses.append)
        assert port.read(1.0, len(ACK)) == ACK
        assert len(pauses) == 3


class TestReader:
    def test_a_card_is_weak_and_its_uid_whole(self, chip: SerialChip, heard: Heard) -> None:
        chip.present(UID)
        told = heard.cards.get(timeout=PATIENCE)
        assert told == Card(UID, Strength.WEAK, "04 A1 B2 C3 D4 E5 F6")

    def test_a_card_left_on_the_reader_is_told_once(self, chip: SerialChip, heard: Heard) -> None:
        chip.lying = [UID]
        assert heard.next_text() == UID
        before = chip.looks
        while chip.looks < before + 10:
            with pytest.raises(queue.Empty):
                heard.texts.get(timeout=0.05)

    def test_a_phone_is_refused_once_though_it_makes_up_a_uid_at_each_look(
        self, chip: SerialChip, heard: Heard
    ) -> None:
        chip.coming.extend(f"08{number:06X}" for number in range(20))
        chip.coming.extend([""] * 10 + [UID])
        assert heard.next_text() == UID
        assert "a phone" in heard.refused.get(timeout=PATIENCE).why
        assert heard.refused.empty()

    def test_a_spoilt_answer_is_asked_for_again(self, chip: SerialChip, heard: Heard) -> None:
        wrong = bytearray(framed(FOUND))
        wrong[-2] ^= 1
        chip.spoilt.extend([bytes(wrong), b"\x00\x13\x37"])
        chip.coming.extend([UID, UID, "0011223344556677"[:14]])
        assert heard.next_text() == "00112233445566"
        assert heard.healths.empty()

    def test_an_answer_that_comes_too_late_is_no_card(self, chip: SerialChip) -> None:
        heard = Heard()
        settings = Pn532Settings(port=str(chip.path), every=0.3)
        reader = Pn532Reader(settings, "front/main", again=BRISK)
        reader.start(heard.tell)
        assert heard.next_health() == (True, "")
        chip.send(ACK + framed(FOUND))
        chip.present("00112233445566")
        assert heard.next_text() == "00112233445566"
        reader.stop()

    def test_noise_between_answers_does_no_harm(self, chip: SerialChip, heard: Heard) -> None:
        for _ in range(50):
            chip.send(bytes(range(256)))
        chip.present(UID)
        assert heard.next_text() == UID

    def test_a_chip_that_falls_silent_is_told_and_found_again(
        self, chip: SerialChip, heard: Heard
    ) -> None:
        chip.silent = True
        ok, why = heard.next_health()
        assert not ok
        assert f"reader front/main: {chip.path}: the chip does not take commands." in why
        assert "check power and wires" in why

        chip.silent, chip.awake, chip.configured, chip.patient = False, False, False, True
        assert heard.next_health() == (True, "")
        chip.present(UID)
        assert heard.next_text() == UID

    def test_a_chip_that_sends_garbage_is_told(self, chip: SerialChip, heard: Heard) -> None:
        chip.spoilt.extend([b"\x00\x00\xff\x05\x05garbage"] * 3)
        ok, why = heard.next_health()
        assert not ok
        assert "a frame's length is wrong" in why
        assert heard.next_health() == (True, "")
        assert heard.texts.empty()

    def test_a_chip_that_sends_nothing_but_garbage_is_told_once_and_no_card_is_made(
        self, chip: SerialChip, heard: Heard
    ) -> None:
        garbage = Random(532)
        chip.spoilt.extend(garbage.randbytes(garbage.randrange(1, 60)) for _ in range(30))
        assert not heard.next_health()[0]
        chip.spoilt.clear()
        assert heard.next_health() == (True, "")
        chip.present(UID)
        assert heard.next_text() == UID
        assert heard.texts.empty()
        assert heard.healths.empty()

    def test_a_uid_is_never_logged(self, chip: SerialChip, reader: Pn532Reader) -> None:
        with capture_logs() as logs:
            heard = Heard()
            reader.start(heard.tell)
            chip.coming.extend([UID, "08A1B2C3"])
            heard.refused.get(timeout=PATIENCE)
            chip.unplug()
            while heard.next_health()[0]:
                pass
        assert len(logs) == 3
        assert not [log for log in logs if "A1B2" in str(log).upper().replace(" ", "")]

    def test_a_missing_bus_is_told_with_what_to_do(self) -> None:
        heard = Heard()
        reader = Pn532Reader(Pn532Settings(i2c="/dev/i2c-99"), "front/main", again=BRISK)
        reader.start(heard.tell)
        ok, why = heard.next_health()
        reader.stop()
        assert not ok
        assert why.startswith("reader front/main: /dev/i2c-99, address 0x24 is not there")
        assert "raspi-config" in why

    def test_a_file_that_is_no_bus_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "i2c-1"
        path.touch()
        with pytest.raises(OSError, match="ioctl"):
            i2c_file(str(path), 0x24)


class TestSettings:
    @pytest.mark.parametrize(
        ("keys", "problem"),
        [
            ({}, "exactly one"),
            ({"port": "/dev/ttyUSB0", "i2c": "/dev/i2c-1"}, "exactly one"),
            ({"port": "COM3"}, "pattern"),
            ({"i2c": "/dev/i2c-1", "address": 3}, "greater than or equal to 8"),
            ({"i2c": "/dev/i2c-1", "every": "1ms"}, "0.02"),
        ],
    )
    def test_what_cannot_work_is_refused(self, keys: dict[str, object], problem: str) -> None:
        with pytest.raises(ValidationError, match=problem):
            Pn532Settings.model_validate(keys)

    def test_a_bus_is_shared_by_address_and_a_serial_line_by_nobody(self) -> None:
        (bus,) = Pn532Settings(i2c="/dev/i2c-1").attached()
        (line,) = Pn532Settings(port="/dev/ttyUSB0").attached()
        assert (bus.line, bus.speaks, bus.unit) == (
            ("i2c", "/dev/i2c-1"),
            ("i2c",),
            (0x24, "reader"),
        )
        assert (line.line, line.speaks) == (("port", "/dev/ttyUSB0"), None)
