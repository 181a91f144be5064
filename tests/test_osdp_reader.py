"""OSDP readers: what libosdp's own peripheral tells over a pty, secure channel on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.model import Strength
from controller.ports import Alarm, Card, Told
from tests.contract_hw import PATIENCE, Heard, ReaderContract, ReaderRig
from tests.osdps import CardFormat, Command, Event, OsdpReader, Site, site

CARD = "00111101100111001011100101"  # printed 123,14706
Listen = Callable[..., Heard]


class Unprefixed(Heard):
    """Hears a raw card of 40 bits as its ten digits."""

    def tell(self, told: Told) -> None:
        if isinstance(told, Card):
            told = told._replace(text=told.text.removeprefix("40:"))
        super().tell(told)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Site]:
    made = site(tmp_path)
    yield made
    made.wire.unplug()


@pytest.fixture
def listen(line: Site) -> Iterator[Listen]:
    """Start a reader with these settings; gives what it tells once it is well."""
    readers = []

    def start(**keys: Any) -> Heard:
        settings = OsdpReader.Settings.model_validate(line.stanza(**keys))
        reader = OsdpReader(settings, "front/main", buses=line.buses)
        readers.append(reader)
        heard = Heard()
        reader.start(heard.tell)
        assert heard.next_health() == (True, "")
        return heard

    yield start
    for reader in readers:
        reader.stop()


class TestContract(ReaderContract):
    @pytest.fixture
    def rig(self, line: Site) -> Iterator[ReaderRig]:
        settings = OsdpReader.Settings.model_validate(line.stanza(raw=[40]))
        reader = OsdpReader(settings, "front/main", buses=line.buses)
        wire = line.wire
        yield ReaderRig(reader, line.device.hex_card, wire.unplug, wire.plug, Unprefixed())
        reader.stop()


class TestCards:
    def test_a_card_is_the_same_as_at_a_wiegand_reader_and_secure(
        self, line: Site, listen: Listen
    ) -> None:
        heard = listen()
        line.device.card(CARD)
        told = heard.cards.get(timeout=PATIENCE)
        assert told == Card("24:7B3972", Strength.SECURE, CARD)

    def test_wrong_parity_is_told_as_refused_and_the_next_is_read(
        self, line: Site, listen: Listen
    ) -> None:
        heard = listen()
        line.device.card(CARD[:-1] + "0")
        line.device.card(CARD)
        assert "parity is wrong" in heard.refused.get(timeout=PATIENCE).why
        assert heard.next_text() == "24:7B3972"

    def test_data_of_no_format_is_taken_only_where_its_length_is_named(
        self, line: Site, listen: Listen
    ) -> None:
        heard = listen(raw=[56])
        line.device.hex_card("04A1B2C3")
        line.device.hex_card("04A1B2C3D4E5F6")
        assert "32 bits" in heard.refused.get(timeout=PATIENCE).why
        assert heard.next_text() == "56:04A1B2C3D4E5F6"

    def test_a_card_at_another_reader_of_the_device_is_not_ours(
        self, line: Site, listen: Listen
    ) -> None:
        heard = listen(reader=1)
        line.device.card(CARD, reader=0)
        line.device.card(CARD, reader=1)
        assert heard.next_text() == "24:7B3972"
        assert heard.texts.empty()

    @pytest.mark.parametrize(
        ("data", "told"),
        [
            (b"TICKET-77\0\0", "TICKET-77"),
            (b" 0008075634\r", "0008075634"),
            (b"\x80\x81", None),
            (b"A\x07B", None),
            (b"", None),
            (b"A" * 65, None),
        ],
    )
    def test_card_text_is_taken_if_it_is_printable(
        self, listen: Listen, data: bytes, told: str | None
    ) -> None:
        """As devices send it that libosdp's peripheral cannot be made to be."""
        heard = listen()
        settings = OsdpReader.Settings.model_validate(
            {"port": "/dev/none", "address": 1, "key": {"file": "/none"}}
        )
        reader = OsdpReader(settings, "front/main")
        reader._tell = heard.tell
        reader.took(
            {"event": Event.CardRead, "reader_no": 0, "format": CardFormat.ASCII, "data": data}
        )
        if told is None:
            assert heard.refused.get_nowait().why
        else:
            assert heard.cards.get_nowait() == Card(told, Strength.SECURE, told)


class TestKeypad:
    def test_keys_are_told_in_order_and_both_ways_of_star_and_hash(
        self, line: Site, listen: Listen
    ) -> None:
        heard = listen()
        line.device.keys(b"\x7f12")
        line.device.keys(b"3\x0d")
        line.device.keys(b"*90#")
        keys = [heard.keys.get(timeout=PATIENCE) for _ in range(3)]
        assert keys == ["*12", "3#", "*90#"]

    def test_other_keys_are_refused_and_never_shown(self, line: Site, listen: Listen) -> None:
        heard = listen()
        line.device.keys(b"12A4")
        refused = heard.refused.get(timeout=PATIENCE)
        assert refused.why
        assert refused.raw == ""
        assert heard.keys.empty()


class TestHousing:
    def test_tamper_and_power_are_alarms_until_they_are_over(
        self, line: Site, listen: Listen
    ) -> None:
        heard = listen()
        line.device.status(tamper=1)
        line.device.status(tamper=1, power=1)
        line.device.status()
        told = [heard.alarms.get(timeout=PATIENCE) for _ in range(4)]
        assert [(alarm.what, alarm.on) for alarm in told] == [
            ("tamper", True),
            ("power", True),
            ("tamper", False),
            ("power", False),
        ]
        assert told[0].why == "reader front/main: its housing was opened"

    def test_a_housing_that_was_open_before_is_told_at_once(
        self, line: Site, listen: Listen
    ) -> None:
        line.device.local[:] = [1, 0]
        heard = listen()
        alarm = heard.alarms.get(timeout=PATIENCE)
        assert alarm == Alarm("tamper", True, "reader front/main: its housing was opened")

    def test_a_reader_that_cannot_tell_reads_cards_all_the_same(
        self, line: Site, listen: Listen
    ) -> None:
        line.device.refuses = (Command.Status,)
        heard = listen()
        line.device.until(lambda device: device.refused >= 3)
        line.device.card(CARD)
        assert heard.next_text() == "24:7B3972"
        assert heard.healths.empty()
