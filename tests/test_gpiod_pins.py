"""gpiozero's devices on our factory, over a chip that is no metal; on real lines: tests/machine."""

import queue
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import gpiod
import pytest
from gpiod.line import Bias, Clock, Direction, Edge, Value
from gpiozero import Device, DigitalInputDevice, GPIOPinInUse, OutputDevice
from gpiozero.exc import PinInvalidFunction, PinInvalidPin, PinSetInput
from gpiozero.pins.mock import MockFactory
from structlog.testing import capture_logs

from controller.errors import HardwareError
from hw.gpio_input import GpioInput, InputSettings
from hw.gpio_pins import Output, pins_of, reason
from hw.gpio_relay import GpioRelay, RelaySettings
from hw.gpiod_pins import GpiodFactory
from hw.reader_loop import Again
from tests.chips import FakeChip
from tests.contract_hw import PATIENCE, Heard

BRISK = Again(first=0.01, longest=0.02)
OUT_LOW = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value.INACTIVE)
OUT_HIGH = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value.ACTIVE)


@pytest.fixture
def chip() -> Iterator[FakeChip]:
    chip = FakeChip()
    yield chip
    assert not chip.held, "every line was given back"
    assert not chip.opened, "the chip is not kept open"
    for request in chip.asked:
        request.hang_up()


@pytest.fixture
def factory(chip: FakeChip) -> Iterator[GpiodFactory]:
    factory = GpiodFactory("/dev/gpiochip0", chip)
    before = set(threading.enumerate())
    yield factory
    factory.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "no line, no thread"


class Told:
    """What the edges of one line brought."""

    def __init__(self) -> None:
        self.edges: queue.Queue[tuple[float, bool]] = queue.Queue()
        self.fails = False

    def tell(self, at: float, high: bool) -> None:
        self.edges.put((at, high))
        if self.fails:
            raise RuntimeError("whoever listens stumbled")

    def next(self) -> tuple[float, bool]:
        return self.edges.get(timeout=PATIENCE)


@pytest.fixture
def listen(factory: GpiodFactory) -> Callable[[int], Told]:
    kept = factory  # listeners are held weakly

    def listen(line: int) -> Told:
        told = Told()
        kept.pin(line).when_changed = told.tell
        return told

    return listen


class TestOutputs:
    @pytest.mark.parametrize("active_high", [True, False])
    @pytest.mark.parametrize("on", [True, False])
    def test_level_and_direction_come_in_one_step(
        self, factory: GpiodFactory, chip: FakeChip, active_high: bool, on: bool
    ) -> None:
        device = Output(17, on=on, active_high=active_high, pins=factory)
        (request,) = chip.asked
        assert request.settings == [OUT_HIGH if on is active_high else OUT_LOW]
        assert request.levels == [on is active_high]
        device.close()
        assert len(request.settings) == 1, "it is let go of as it is"

    @pytest.mark.parametrize("active_high", [True, False])
    @pytest.mark.parametrize("energize", ["unlock", "lock"])
    def test_a_lock_drives_nothing_but_what_it_is_told(
        self, factory: GpiodFactory, chip: FakeChip, active_high: bool, energize: str
    ) -> None:
        settings = RelaySettings.model_validate(
            {"pin": 17, "active_high": active_high, "energize": energize}
        )
        opens = active_high is (energize == "unlock")
        relay = GpioRelay(settings, "front/lock", pins=lambda _: factory)
        relay.release(5)
        relay.secure()
        relay.release(5)
        relay.stop()
        (request,) = chip.asked
        assert request.levels == [not opens, opens, not opens, opens, not opens]
        assert len(request.settings) == 1
        assert request.released

    def test_an_output_is_never_made_of_whatever_level_there_was(
        self, factory: GpiodFactory, chip: FakeChip
    ) -> None:
        with pytest.raises(PinInvalidFunction, match="with its level or not at all"):
            OutputDevice(17, initial_value=None, pin_factory=factory)
        assert chip.asked == []

    def test_an_input_cannot_be_driven(self, factory: GpiodFactory) -> None:
        with pytest.raises(PinSetInput):
            factory.pin(17).state = True

    def test_an_input_becomes_an_output_without_being_let_go_of(
        self, factory: GpiodFactory, chip: FakeChip
    ) -> None:
        pin = factory.pin(17)
        assert pin.state == 1
        pin.output_with_state(True)
        (request,) = chip.asked
        assert request.settings[-1] == OUT_HIGH
        assert request.levels == [True]
        assert pin.function == "output"

    def test_a_relay_whose_chip_was_unplugged_is_shut_when_it_is_back(
        self, factory: GpiodFactory, chip: FakeChip
    ) -> None:
        relay = GpioRelay(RelaySettings(pin=17), "front/lock", pins=lambda _: factory)
        relay.release(5)
        with capture_logs():
            chip.unplug()
            assert "GPIO pin 17 is gone" in relay.secure()
            assert "may stand open" in relay.secure()
            chip.plugged = True
            assert relay.secure() == ""
        assert chip.asked[-1].levels == [False]
        relay.stop()


class TestInputs:
    def test_all_that_was_set_is_asked_for_at_once(
        self, factory: GpiodFactory, chip: FakeChip
    ) -> None:
        device = DigitalInputDevice(22, pull_up=True, bounce_time=0.05, pin_factory=factory)
        (request,) = chip.asked
        assert request.settings == [
            gpiod.LineSettings(
                direction=Direction.INPUT,
                bias=Bias.PULL_UP,
                edge_detection=Edge.BOTH,
                debounce_period=timedelta(milliseconds=50),
                event_clock=Clock.MONOTONIC,
            )
        ]
        device.close()

    @pytest.mark.parametrize(
        ("pull", "bias"),
        [("up", Bias.PULL_UP), ("down", Bias.PULL_DOWN), ("none", Bias.DISABLED)],
    )
    def test_an_input_of_a_door_from_its_stanza_to_the_line(
        self, factory: GpiodFactory, chip: FakeChip, pull: str, bias: Bias
    ) -> None:
        settings = InputSettings.model_validate(
            {"pin": 22, "normally": "closed", "pull": pull, "debounce": "100ms"}
        )
        contact = GpioInput(settings, "front/contact", pins=lambda _: factory, again=BRISK)
        heard = Heard()
        contact.start(heard.tell)
        assert heard.levels.get(timeout=PATIENCE) is (pull != "down")  # the line is high
        (request,) = chip.asked
        assert [(each.bias, each.debounce_period) for each in request.settings] == [
            (bias, timedelta(milliseconds=100))
        ]
        request.edge(False)
        assert heard.levels.get(timeout=PATIENCE) is (pull == "down")
        contact.stop()

    def test_an_input_whose_chip_was_unplugged_is_found_again(
        self, factory: GpiodFactory, chip: FakeChip
    ) -> None:
        contact = GpioInput(
            InputSettings(pin=22, normally="open"),
            "front/contact",
            pins=lambda _: factory,
            again=BRISK,
            reread=0.01,
        )
        heard = Heard()
        with capture_logs():
            contact.start(heard.tell)
            assert heard.next_health() == (True, "")
            chip.unplug()
            ok, why = heard.next_health()
            assert not ok
            assert "GPIO pin 22 is gone" in why
            chip.plugged = True
            assert heard.next_health() == (True, "")
            contact.stop()

    def test_settings_that_change_are_asked_for_anew(
        self, factory: GpiodFactory, chip: FakeChip, listen: Callable[[int], Told]
    ) -> None:
        told = listen(22)
        pin = factory.pin(22)
        pin.pull, pin.bounce, pin.edges = "down", 0.2, "falling"
        (request,) = chip.asked
        last = request.settings[-1]
        assert (last.bias, last.edge_detection) == (Bias.PULL_DOWN, Edge.FALLING)
        assert last.debounce_period == timedelta(milliseconds=200)
        assert pin.when_changed == told.tell

        pin.when_changed = None
        assert request.settings[-1].edge_detection is Edge.NONE


class TestEdges:
    def test_are_told_with_the_kernels_own_time(
        self, chip: FakeChip, listen: Callable[[int], Told]
    ) -> None:
        told = listen(22)
        chip.held[22].edge(False, at=1234.5)
        chip.held[22].edge(True, at=1234.75)
        assert [told.next(), told.next()] == [(1234.5, False), (1234.75, True)]

    def test_one_that_stumbles_silences_no_other(
        self, chip: FakeChip, listen: Callable[[int], Told]
    ) -> None:
        bad, good = listen(22), listen(23)
        bad.fails = True
        with capture_logs() as logs:
            for high in (False, True, False):
                chip.held[22].edge(high)
                assert bad.next()[1] is high
                chip.held[23].edge(high)
                assert good.next()[1] is high
        assert [(log["log_level"], log["line"]) for log in logs] == [
            ("error", "line 22 of /dev/gpiochip0")
        ] * 3

    def test_lost_ones_are_noticed(
        self, factory: GpiodFactory, chip: FakeChip, listen: Callable[[int], Told]
    ) -> None:
        told = listen(22)
        request = chip.held[22]
        with capture_logs() as logs:
            request.edge(False)
            assert told.next()[1] is False
            request.lose(3)
            request.edge(True)
            assert told.next()[1] is True
            request.edge(False)
            assert told.next()[1] is False
        assert [(log["event"], log["edges"]) for log in logs] == [
            ("edges of a GPIO line were lost", 3)
        ]
        assert factory.edges.lost == 3

    def test_a_line_that_hangs_up_leaves_the_others_alone(
        self, chip: FakeChip, listen: Callable[[int], Told]
    ) -> None:
        listen(22)
        other = listen(23)
        with capture_logs() as logs:
            chip.held[22].hang_up()
            chip.held[23].edge(False)
            assert other.next()[1] is False
            chip.held[23].edge(True)
            assert other.next()[1] is True
        assert [log["line"] for log in logs] == ["line 22 of /dev/gpiochip0"]

    def test_none_is_told_after_the_line_was_let_go_of_and_its_descriptor_taken_by_another(
        self, factory: GpiodFactory, chip: FakeChip, listen: Callable[[int], Told]
    ) -> None:
        gone = listen(22)
        old = chip.held[22]
        factory.pin(22).close()
        now = listen(23)
        assert chip.held[23].fd == old.fd
        chip.held[23].edge(False)
        assert now.next()[1] is False
        assert gone.edges.empty()

    def test_the_thread_comes_back_with_the_next_line(
        self, factory: GpiodFactory, chip: FakeChip, listen: Callable[[int], Told]
    ) -> None:
        for _ in range(3):
            told = listen(22)
            chip.held[22].edge(False)
            assert told.next()[1] is False
            factory.pin(22).close()


class TestWhoHasALine:
    def test_two_devices_on_one_line_are_refused(
        self, factory: GpiodFactory, chip: FakeChip
    ) -> None:
        first = Output(17, on=False, active_high=True, pins=factory)
        with pytest.raises(GPIOPinInUse):
            Output("BOARD11", on=True, active_high=True, pins=factory)
        with pytest.raises(GPIOPinInUse):
            DigitalInputDevice("DOOR_LOCK", pin_factory=factory)
        assert chip.held[17].levels == [False]

        first.close()
        Output("DOOR_LOCK", on=False, active_high=True, pins=factory).close()

    def test_a_line_of_another_program_is_refused_and_taken_once_it_is_free(
        self, factory: GpiodFactory, chip: FakeChip
    ) -> None:
        chip.foreign.add(17)
        with pytest.raises(
            HardwareError, match=r"front/lock: .*pin 17 is in use \(another"
        ) as kept:
            GpioRelay(RelaySettings(pin=17), "front/lock", pins=lambda _: factory)
        chip.foreign.clear()
        assert kept.tb  # somebody still looks at the error: it holds nothing that holds the pin
        GpioRelay(RelaySettings(pin=17), "front/lock", pins=lambda _: factory).stop()

    @pytest.mark.parametrize("missing", [54, "NO_SUCH_LINE"])
    def test_a_line_that_there_is_not(self, factory: GpiodFactory, missing: int | str) -> None:
        with pytest.raises(PinInvalidPin, match=r"/dev/gpiochip0 has no line"):
            Output(missing, on=False, active_high=True, pins=factory)

    def test_one_device_may_be_forgotten_without_being_closed(self, factory: GpiodFactory) -> None:
        class Requester:
            pass

        requester = Requester()
        factory.reserve_pins(requester, 17, 18)
        factory.release_pins(requester, 17)
        factory.reserve_pins(Requester(), 17)
        factory.release_all(requester)
        factory.reserve_pins(Requester(), 18)


class TestWhosePins:
    @pytest.fixture(autouse=True)
    def nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """gpiozero as a program finds it that has set nothing."""
        monkeypatch.setattr(Device, "pin_factory", None)
        monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)

    def test_a_chip_that_is_not_there_is_never_stood_in_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("", "lgpio", "none-such"):
            monkeypatch.setenv("GPIOZERO_PIN_FACTORY", name)
            with pytest.raises(HardwareError, match="no GPIO chip 'no such chip' is here"):
                pins_of("no such chip")

    def test_mock_pins_only_by_name_and_not_in_silence(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
        with capture_logs() as logs:
            found = pins_of("no such chip")
        assert isinstance(found, MockFactory)
        assert pins_of("another") is found
        assert [log["log_level"] for log in logs] == ["warning"]

    def test_what_a_program_set_goes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        board = MockFactory()
        monkeypatch.setattr(Device, "pin_factory", board)
        assert pins_of("") is board


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "may not be used.*group gpio"),
        (OSError(19, "No such device"), "is gone.*Plug"),
        (OSError(22, "Invalid argument"), 'does not take these settings.*pull = "none"'),
        (OSError(5, "Input/output error"), r"does not work \(Input/output error\)"),
        (RuntimeError("odd"), r"does not work \(RuntimeError: odd\)"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(error: Exception, words: str) -> None:
    with pytest.raises(HardwareError, match=rf"GPIO pin 17 {words}"):
        raise HardwareError(reason(error, "GPIO pin 17"))


def made(**keys: Any) -> GpiodFactory:
    return GpiodFactory("/dev/gpiochip0", FakeChip(**keys))


def test_time_is_the_clock_by_which_edges_are_stamped() -> None:
    factory = made()
    earlier = factory.ticks()
    assert factory.ticks_diff(factory.ticks(), earlier) >= 0
