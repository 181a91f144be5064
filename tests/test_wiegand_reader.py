"""A Wiegand reader at two lines that are no metal, but a real descriptor with real edge events."""

import errno
import queue
import threading
from collections.abc import Callable, Iterator

import pytest
from gpiod.line import Bias, Clock, Direction, Edge
from pydantic import ValidationError
from structlog.testing import capture_logs

from bench.wiegand import decoded_bits_per_s, frames_read
from controller.errors import HardwareError
from controller.model import Strength
from controller.ports import Card, Keys, Told
from hw.reader_loop import Again
from hw.wiegand_bits import written
from hw.wiegand_reader import Lines, WiegandReader, WiegandSettings, line_settings, opened
from tests.contract_hw import PATIENCE, Heard, ReaderContract, ReaderRig
from tests.edges import D0, D1, FakeLines, Wires, framed, stamps

BRISK = Again(first=0.01, longest=0.02)
CARD = "00111101100111001011100101"  # printed 123,14706
WRONG = "00111101100111001011100100"


class Unprefixed(Heard):
    """Hears a raw card of 40 bits as its ten digits."""

    def tell(self, told: Told) -> None:
        if isinstance(told, Card):
            told = told._replace(text=told.text.removeprefix("40:"))
        super().tell(told)


def settings(**keys: object) -> WiegandSettings:
    return WiegandSettings.model_validate({"d0": D0, "d1": D1, **keys})


@pytest.fixture
def wires() -> Wires:
    return Wires()


@pytest.fixture
def listen(wires: Wires) -> Iterator[Callable[..., Heard]]:
    """Start a reader with these settings; gives what it tells."""
    readers = []

    def start(
        open_lines: Callable[[WiegandSettings], Lines] | None = None, **keys: object
    ) -> Heard:
        reader = WiegandReader(
            settings(**keys), "front/main", open_lines=open_lines or wires.open, again=BRISK
        )
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
    def rig(self, wires: Wires) -> Iterator[ReaderRig]:
        reader = WiegandReader(settings(raw=[40]), "front/main", open_lines=wires.open, again=BRISK)

        def present(card: str) -> None:
            wires.send(f"{int(card, 16):040b}")

        yield ReaderRig(reader, present, wires.unplug, wires.plug, Unprefixed())
        reader.stop()


class TestCards:
    def test_a_card_is_told_with_its_bits(self, wires: Wires, listen: Callable[..., Heard]) -> None:
        heard = listen()
        wires.send(CARD)
        told = heard.cards.get(timeout=PATIENCE)
        assert told == Card("24:7B3972", Strength.WIEGAND, CARD)

    def test_a_frame_with_a_wrong_bit_is_told_as_refused_and_the_next_is_read(
        self, wires: Wires, listen: Callable[..., Heard]
    ) -> None:
        heard = listen()
        wires.send(WRONG)
        wires.send(CARD)
        refused = heard.refused.get(timeout=PATIENCE)
        assert refused.why == "parity is wrong: second half (odd, bits 14-26)"
        assert refused.raw == WRONG
        assert heard.next_text() == "24:7B3972"

    def test_only_formats_that_are_set_are_taken(
        self, wires: Wires, listen: Callable[..., Heard]
    ) -> None:
        heard = listen(formats=["34"], raw=[32])
        wires.send(CARD)
        wires.send("01" * 16)
        assert heard.next_text() == "32:55555555"
        assert heard.refused.get(timeout=PATIENCE).raw == CARD

    def test_two_cards_one_after_the_other_are_two(
        self, wires: Wires, listen: Callable[..., Heard]
    ) -> None:
        heard = listen()
        other = f"{0x123456:024b}"
        wires.send(CARD)
        wires.send(framed(other))
        assert [heard.next_text(), heard.next_text()] == ["24:7B3972", written(other)]

    def test_a_number_is_never_logged(self, wires: Wires, listen: Callable[..., Heard]) -> None:
        with capture_logs() as logs:
            heard = listen()
            wires.send(CARD)
            wires.send(WRONG)
            heard.refused.get(timeout=PATIENCE)
            wires.unplug()
            heard.next_health()
        assert len(logs) == 3
        assert not [
            log for log in logs if CARD in str(log) or WRONG in str(log) or "7B" in str(log)
        ]


class TestKeypad:
    def test_bursts_of_four_and_eight_bits_are_keys(
        self, wires: Wires, listen: Callable[..., Heard]
    ) -> None:
        heard = listen(keypad=True)
        for burst in ("0001", "0000", "1010", "11100001", "01001011"):
            wires.send(burst)
        assert [heard.keys.get(timeout=PATIENCE) for _ in range(5)] == [*"10*1#"]

    def test_a_burst_that_is_no_key_is_refused(
        self, wires: Wires, listen: Callable[..., Heard]
    ) -> None:
        heard = listen(keypad=True)
        wires.send("1111")
        wires.send("11100000")
        assert heard.refused.get(timeout=PATIENCE) == ("4 bits that are no key", "")
        assert heard.refused.get(timeout=PATIENCE) == ("8 bits that are no key", "")
        assert heard.keys.empty()

    def test_without_a_keypad_a_burst_is_refused_and_says_what_it_may_be(
        self, wires: Wires, listen: Callable[..., Heard]
    ) -> None:
        heard = listen()
        wires.send("0001")
        refused = heard.refused.get(timeout=PATIENCE)
        assert "keypad = true" in refused.why
        assert not refused.raw, "a key is shown to nobody"
        assert heard.keys.empty()

    def test_a_pin_sent_as_a_card_is_keys_and_never_a_card(
        self, wires: Wires, listen: Callable[..., Heard]
    ) -> None:
        heard = listen(pin_facility=255)
        wires.send(framed(f"{255:08b}{42:016b}"))
        wires.send(framed(f"{255:08b}{47110:016b}"))
        wires.send(CARD)
        assert heard.next_text() == "24:7B3972"
        assert [heard.keys.get_nowait() for _ in range(2)] == ["*0042#", "*47110#"]
        assert heard.texts.empty()
        spoilt = framed(f"{255:08b}{47110:016b}")[:-1] + "1"
        wires.send(spoilt)
        refused = heard.refused.get(timeout=PATIENCE)
        assert "parity" in refused.why
        assert not refused.raw, "a PIN is shown to nobody"


class TestTrouble:
    def test_a_thread_that_comes_late_misses_nothing(
        self, wires: Wires, listen: Callable[..., Heard]
    ) -> None:
        def with_a_crowd_before(wanted: WiegandSettings) -> Lines:
            lines = wires.open(wanted)
            for _ in range(15):
                wires.send(CARD, ago=1.5)
            return lines

        heard = listen(with_a_crowd_before)
        assert [heard.next_text() for _ in range(15)] == ["24:7B3972"] * 15

    def test_what_was_shown_long_ago_opens_nothing(
        self, wires: Wires, listen: Callable[..., Heard]
    ) -> None:
        heard = listen()
        wires.send(CARD, ago=5.0)
        assert "busy or asleep" in heard.refused.get(timeout=PATIENCE).why
        assert heard.texts.empty()

    def test_when_the_kernel_drops_edges_nothing_is_made_of_the_rest(
        self, listen: Callable[..., Heard]
    ) -> None:
        lines = FakeLines(kept=26)

        def too_many_before(_: WiegandSettings) -> Lines:
            lines.put([*stamps("0101"), *stamps(CARD, 10**9)])
            return Lines(lines, (D0, D1))

        heard = listen(too_many_before)
        assert "edges were lost" in heard.refused.get(timeout=PATIENCE).why
        assert heard.texts.empty()

    def test_a_lost_edge_spoils_one_frame(self, wires: Wires, listen: Callable[..., Heard]) -> None:
        heard = listen()
        wires.line.lose(1)
        wires.send(CARD)
        assert "edges were lost" in heard.refused.get(timeout=PATIENCE).why
        wires.send(CARD)
        assert heard.next_text() == "24:7B3972"

    def test_edges_of_two_lines_may_come_in_the_wrong_order(
        self, wires: Wires, listen: Callable[..., Heard]
    ) -> None:
        heard = listen()
        wires.send(CARD, disorder=True)
        assert heard.next_text() == "24:7B3972"

    def test_noise_yields_no_card_and_ends_without_harm(
        self, wires: Wires, listen: Callable[..., Heard]
    ) -> None:
        heard = listen()
        for _ in range(20):
            wires.send("0110" * 200, spacing=10_000)
        wires.send("01" * 13, spacing=10_000)
        wires.send(CARD)
        assert heard.next_text() == "24:7B3972"
        assert 0 < heard.refused.qsize() <= 21  # what the buffer cannot hold is not even seen
        assert heard.texts.empty()

    def test_a_fault_of_whoever_listens_does_not_end_the_reading(self, wires: Wires) -> None:
        heard: queue.Queue[Told] = queue.Queue()

        def tell(told: Told) -> None:
            heard.put(told)
            raise RuntimeError("the listener is broken")

        reader = WiegandReader(settings(keypad=True), "front/main", open_lines=wires.open)
        reader.start(tell)
        heard.get(timeout=PATIENCE)
        with capture_logs():
            wires.send("0001")
            assert heard.get(timeout=PATIENCE) == Keys("1")
            wires.send("0010")
            assert heard.get(timeout=PATIENCE) == Keys("2")
        reader.stop()

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (errno.EBUSY, "GPIO lines 17 and 18 are in use"),
            (errno.EACCES, "into the group gpio"),
            (errno.ENOTSUP, 'try pull = "none"'),
        ],
    )
    def test_says_why_the_lines_cannot_be_had_and_what_to_do(
        self, wires: Wires, error: int, words: str
    ) -> None:
        wires.plugged, wires.error = False, error
        heard = Heard()
        reader = WiegandReader(settings(), "front/main", open_lines=wires.open, again=BRISK)
        reader.start(heard.tell)
        ok, why = heard.next_health()
        assert not ok
        assert words in why
        wires.plug()
        assert heard.next_health() == (True, "")
        reader.stop()

    def test_a_chip_that_is_not_here_is_told_with_what_there_is(self) -> None:
        heard = Heard()
        reader = WiegandReader(settings(chip="no-such-chip"), "front/main", again=BRISK)
        reader.start(heard.tell)
        ok, why = heard.next_health()
        assert not ok
        assert why.startswith("reader front/main: no GPIO chip 'no-such-chip' is here")
        reader.stop()
        with pytest.raises(HardwareError, match="no-such-chip"):
            opened(settings(chip="no-such-chip"))

    def test_stop_gives_the_lines_back_and_ends_the_thread(
        self, wires: Wires, listen: Callable[..., Heard]
    ) -> None:
        reader = WiegandReader(settings(), "back/main", open_lines=wires.open)
        heard = Heard()
        reader.start(heard.tell)
        heard.next_health()
        reader.stop()
        assert wires.line.released
        assert "reader back/main" not in [thread.name for thread in threading.enumerate()]
        with pytest.raises(HardwareError, match="started before"):
            reader.start(heard.tell)


class TestSettings:
    @pytest.mark.parametrize(
        ("keys", "problem"),
        [
            ({"d1": "GPIO17"}, "two data wires"),
            ({"d0": -1}, "must be a GPIO number"),
            ({"d0": "BOARD1"}, "is no GPIO of the header"),
            ({"raw": [26]}, "are in formats already"),
            ({"raw": [12]}, "greater than or equal to 16"),
            ({"formats": []}, "nothing would be taken"),
            ({"formats": ["27"]}, "'26', '34', '35' or '37'"),
            ({"formats": ["34"], "pin_facility": 1}, 'add "26" to formats'),
            ({"gap": "1ms"}, "0.005"),
        ],
    )
    def test_what_cannot_work_is_refused(self, keys: dict[str, object], problem: str) -> None:
        with pytest.raises(ValidationError, match=problem):
            settings(**keys)

    def test_both_lines_are_taken_whatever_they_are_called(self) -> None:
        places = settings(d0="BOARD11", d1="GPIO18", chip="pinctrl-rp1").attached()
        assert [(place.key, place.line) for place in places] == [
            ("d0", ("pin", "pinctrl-rp1", 17)),
            ("d1", ("pin", "pinctrl-rp1", 18)),
        ]

    def test_the_kernel_is_asked_for_bare_edges_with_monotonic_stamps(self) -> None:
        asked = line_settings(settings())
        assert asked.direction is Direction.INPUT
        assert asked.edge_detection is Edge.FALLING
        assert asked.bias is Bias.PULL_UP
        assert asked.event_clock is Clock.MONOTONIC
        assert not asked.debounce_period
        assert line_settings(settings(edge="rising", pull="none")).edge_detection is Edge.RISING


def test_the_software_keeps_up_with_bits_closer_than_any_readers() -> None:
    assert frames_read(60, spacing=100.0) == 60
    assert decoded_bits_per_s(10) > 0
