"""An OSDP line in trouble: keys, wires, noise, floods. Nothing is taken that is not proven."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract_hw import PATIENCE, Heard
from tests.osdps import BRISK, Device, OsdpOutput, OsdpReader, Replies, Reply, Site, Tempo, site

CARD = "00111101100111001011100101"
OTHER = "10000000100000000000000010"


class Hall:
    """A site of which a test starts what it needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Any] = []
        self.site: Site

    def build(self, *devices: Device, tempo: Tempo = BRISK) -> Site:
        self.site = site(self.folder, *devices, tempo=tempo)
        return self.site

    def reader(self, number: int = 0, **keys: Any) -> Heard:
        settings = OsdpReader.Settings.model_validate({**self.site.stanza(number), **keys})
        reader = OsdpReader(settings, f"door/{number}", buses=self.site.buses)
        self.started.append(reader)
        heard = Heard()
        reader.start(heard.tell)
        return heard

    def well(self, number: int = 0) -> Heard:
        heard = self.reader(number)
        assert heard.next_health() == (True, "")
        return heard

    def close(self) -> None:
        for part in self.started:
            part.stop()
        self.site.wire.unplug()


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    made = Hall(tmp_path)
    yield made
    made.close()


class TestSeveral:
    def test_two_readers_on_a_line_tell_their_own_cards(self, hall: Hall) -> None:
        line = hall.build(Device(3), Device(4))
        first, second = hall.reader(0), hall.reader(1)
        assert first.next_health() == second.next_health() == (True, "")

        line.wire.devices[0].card(CARD)
        line.wire.devices[1].card(OTHER)

        assert first.next_text() == "24:7B3972"
        assert second.next_text() == "24:010001"
        assert first.texts.empty()
        assert second.texts.empty()

    def test_one_without_power_keeps_no_other_from_reading(self, hall: Hall) -> None:
        line = hall.build(Device(3), Device(4, deaf=True))
        first, second = hall.reader(0), hall.reader(1)
        assert first.next_health() == (True, "")

        ok, why = second.next_health()
        assert not ok
        assert "address 4" in why
        assert "does not answer" in why
        line.device.card(CARD)
        assert first.next_text() == "24:7B3972"
        assert first.healths.empty()

    def test_one_that_joins_later_costs_the_others_nothing(self, hall: Hall) -> None:
        line = hall.build(Device(3), Device(4))
        first = hall.well(0)
        second = hall.well(1)
        for device in line.wire.devices:
            device.card(CARD)
        assert first.next_text() == second.next_text() == "24:7B3972"
        assert first.healths.empty()

    def test_the_last_that_leaves_gives_the_line_back(self, hall: Hall) -> None:
        line = hall.build(Device(3), Device(4))
        hall.well(0)
        hall.well(1)
        hall.close()
        line.wire.plug()
        assert hall.well(0)

    def test_what_cannot_share_a_line_is_told_so(self, hall: Hall) -> None:
        hall.build(Device(3), Device(4))
        heard = hall.well(0)
        ok, why = hall.reader(1, baud=9600).next_health()
        assert not ok
        assert "all on one line need the same baud" in why
        ok, why = hall.reader(0, key={"credential": "other"}).next_health()
        assert not ok
        assert "has two keys" in why
        assert heard.healths.empty()


class TestKeys:
    def test_a_wrong_key_is_refused_and_alarmed(self, hall: Hall) -> None:
        line = hall.build()
        (line.folder / "5.key").write_text(secrets.token_hex(16))
        heard = hall.reader()

        ok, why = heard.next_health()
        assert not ok
        assert "does not prove that it has our key" in why
        assert "or two have this address" in why
        assert "doorward osdp pair door/0 --again" in why
        assert heard.alarms.get(timeout=PATIENCE) == ("insecure", True, why)
        line.device.card(CARD)
        line.device.until(lambda device: device.challenges > 5)
        assert heard.texts.empty()
        assert line.device.keysets == []

    def test_a_reader_that_offers_no_secure_channel_is_refused_and_alarmed(
        self, hall: Hall
    ) -> None:
        line = hall.build(Device(secure=False))
        heard = hall.reader()
        ok, why = heard.next_health()
        assert not ok
        assert "offers no secure channel" in why
        assert heard.alarms.get(timeout=PATIENCE) == ("insecure", True, why)
        line.device.card(CARD)
        line.device.until(lambda device: device.greetings > 5)
        assert heard.texts.empty()

    def test_a_reader_that_was_never_paired_is_given_no_key(self, hall: Hall) -> None:
        line = hall.build(Device(key=None))
        (line.folder / "5.key").write_text(secrets.token_hex(16))
        heard = hall.reader()
        ok, why = heard.next_health()
        assert not ok
        assert "our key" in why
        line.device.until(lambda device: device.challenges > 5)
        assert line.device.keysets == []

    def test_a_reader_with_another_key_than_before_is_refused_until_it_has_ours_again(
        self, hall: Hall
    ) -> None:
        line = hall.build()
        heard = hall.well()
        ours, line.device.key = line.device.key, secrets.token_bytes(16)

        line.wire.restart(line.device)
        assert not heard.next_health()[0]
        assert heard.alarms.get(timeout=PATIENCE).on
        line.device.card(CARD)
        line.device.until(lambda device: device.challenges > 3)
        assert heard.texts.empty()
        assert line.device.keysets == []

        line.device.key = ours
        line.wire.restart(line.device)
        assert heard.alarms.get(timeout=PATIENCE) == ("insecure", False, "")
        assert heard.next_health()[0]
        line.device.card(OTHER)
        assert heard.next_text() == "24:010001"

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, "there is no such secret file; it is made by: doorward osdp pair"),
            ("abc", "holds no key"),
            ("g" * 32, "holds no key"),
            (bytes(range(0x30, 0x40)).hex(), "default key"),
        ],
    )
    def test_without_a_key_one_reader_is_unwell_and_the_others_go_on(
        self, hall: Hall, content: str | None, words: str
    ) -> None:
        line = hall.build(Device(3), Device(4))
        line.stanza(1)
        key = line.folder / "4.key"
        good = key.read_text()
        key.unlink()
        if content is not None:
            key.write_text(content)
        second = hall.reader(1)
        first = hall.reader(0)

        ok, why = second.next_health()
        assert not ok
        assert words in why
        assert content is None or content not in why
        assert first.next_health() == (True, "")

        key.write_text(good)
        assert second.next_health() == (True, "")
        assert first.healths.empty()


class TestAway:
    @pytest.mark.slow
    def test_a_reader_without_power_is_told_and_is_back_within_seconds(self, hall: Hall) -> None:
        line = hall.build()
        heard = hall.well()
        for _ in range(2):
            line.device.deaf = True
            ok, why = heard.next_health()
            assert not ok
            assert "does not answer" in why
            line.wire.restart(line.device)
            line.device.deaf = False
            assert heard.next_health() == (True, "")
        line.device.card(CARD)
        assert heard.next_text() == "24:7B3972"

    @pytest.mark.slow
    def test_a_card_held_there_while_nobody_listened_opens_nothing_later(self, hall: Hall) -> None:
        line = hall.build()
        heard = hall.well()
        line.device.deaf = True
        assert not heard.next_health()[0]
        line.device.card(CARD)
        line.device.keys(b"1234#")
        line.device.deaf = False
        assert heard.next_health() == (True, "")
        line.device.card(OTHER)
        assert heard.next_text() == "24:010001"
        assert heard.keys.empty()
        assert line.station(0).dropped == 2

    @pytest.mark.slow
    def test_a_card_in_a_gap_that_nobody_was_told_of_opens_nothing_either(self, hall: Hall) -> None:
        """Too short for a loss to be told, too long for the card to be of now."""
        line = hall.build(tempo=replace(BRISK, patience=10.0))
        heard = hall.well()
        line.wire.mute = True
        sent = line.device.asks.total()
        line.device.until(lambda device: device.asks.total() >= sent + 3)
        line.device.card(CARD)
        line.wire.mute = False
        line.device.until(lambda device: line.station(0).dropped == 1)
        line.device.until(lambda device: line.ready())
        line.device.card(OTHER)
        assert heard.next_text() == "24:010001"

    def test_an_adapter_that_comes_back_by_another_name_is_found(self, hall: Hall) -> None:
        line = hall.build()
        heard = hall.well()
        before = line.wire.path.resolve()
        line.wire.unplug()
        assert not heard.next_health()[0]
        line.wire.plug(others=2)
        assert line.wire.path.resolve() != before
        assert heard.next_health() == (True, "")


class TestNoise:
    def test_garbage_between_frames_is_got_over(self, hall: Hall) -> None:
        line = hall.build()
        heard = hall.well()
        for value in range(20):
            line.wire.garbage(b"\x00\xffS\x85\x08\x00" + bytes([value]) * 11)
            line.next_polls(2)
        line.device.card(CARD)
        assert heard.next_text() == "24:7B3972"

    def test_two_readers_on_one_address_are_not_believed(self, hall: Hall) -> None:
        line = hall.build(Device(5), Device(5))
        heard = hall.reader(0)
        assert not heard.next_health()[0]
        line.device.card(CARD)
        assert heard.texts.empty()

        line.wire.devices[1].deaf = True
        assert heard.next_health() == (True, "")

    def test_a_line_of_noise_alone_is_told_as_that(self, hall: Hall) -> None:
        line = hall.build()
        line.wire.spoil = lambda said: bytes(255 - byte for byte in said)
        ok, why = hall.reader().next_health()
        assert not ok
        assert "cannot be understood" in why

    @pytest.mark.slow
    def test_a_flood_of_events_leaves_nothing_behind_and_the_lock_obeys(self, hall: Hall) -> None:
        line = hall.build()
        heard = hall.well()
        lock = OsdpOutput(
            OsdpOutput.Settings.model_validate(line.stanza()), "door/lock", buses=line.buses
        )
        hall.started.append(lock)
        line.device.until(lambda device: device.outputs)
        for _ in range(1000):  # the device tells one of them at each poll
            line.device.card(CARD)
        for _ in range(20):
            lock.release(3)
            assert line.device.on()
            assert lock.secure() == ""
            line.next_polls(4)
            assert line.waiting() <= 1
        assert heard.texts.qsize() > 60


class TestReplies:
    """Whole replies are found however they are cut up."""

    FRAME = bytes.fromhex("ff5385080005401234")

    @pytest.mark.parametrize("size", [1, 2, 3, 100])
    def test_pieces(self, size: int) -> None:
        replies = Replies()
        stream = b"\x00\x53" + self.FRAME + bytes.fromhex("5305080005601234") + self.FRAME
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        found = [reply for piece in pieces for reply in replies.feed(piece)]
        assert found[-1] == Reply(5, 0x40)

    def test_a_false_beginning_costs_no_memory(self) -> None:
        replies = Replies()
        for _ in range(100):
            replies.feed(b"\x53\x85\xff\x04" + b"\x53" * 1000)
        assert replies.feed(b"\x00" * 2000 + self.FRAME) == [Reply(5, 0x40)]
