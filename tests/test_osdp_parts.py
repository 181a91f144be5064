"""Locks, inputs and indicators of OSDP devices, at libosdp's own peripheral."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.errors import HardwareError
from controller.ports import Signal
from tests.contract_hw import (
    PATIENCE,
    Heard,
    IndicatorContract,
    IndicatorRig,
    InputContract,
    InputRig,
    LockContract,
    LockRig,
)
from tests.osdps import (
    BRISK,
    SHOWN,
    Command,
    Device,
    OsdpIndicator,
    OsdpInput,
    OsdpOutput,
    Site,
    site,
)

LIGHTS = {s: (x.colour, x.other, x.on, x.off) for s, x in SHOWN.items()}


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Site]:
    made = site(tmp_path)
    yield made
    made.wire.unplug()


Fit = Callable[..., Any]


@pytest.fixture
def fit(line: Site) -> Iterator[Fit]:
    """Make a part of the device of the line, and take it away at the end."""
    fitted = []

    def make(driver: Any, **keys: Any) -> Any:
        settings = driver.Settings.model_validate(line.stanza(**keys))
        fitted.append(driver(settings, "front/part", buses=line.buses))
        return fitted[-1]

    yield make
    for part in fitted:
        part.stop()


def told_to_shut(lock: OsdpOutput, device: Device) -> OsdpOutput:
    device.until(lambda each: each.outputs)
    return lock


class TestLockContract(LockContract):
    @pytest.fixture(params=["unlock", "lock"])
    def rig(self, line: Site, request: pytest.FixtureRequest) -> Iterator[LockRig]:
        settings = OsdpOutput.Settings.model_validate(line.stanza(energize=request.param))
        lock = told_to_shut(OsdpOutput(settings, "front/lock", buses=line.buses), line.device)
        holds = request.param == "lock"
        yield LockRig(lock, lambda: line.device.on() is not holds)
        lock.stop()


class TestLock:
    @pytest.mark.parametrize(("energize", "shut", "pulse"), [("unlock", 1, 5), ("lock", 2, 6)])
    def test_the_device_itself_ends_each_release(
        self, line: Site, fit: Fit, energize: str, shut: int, pulse: int
    ) -> None:
        lock = told_to_shut(fit(OsdpOutput, energize=energize, output=1), line.device)
        lock.release(5)
        lock.release(300)
        lock.release(0.01)
        assert lock.secure() == ""
        assert line.device.outputs == [
            (1, shut, 0),
            (1, pulse, 50),
            (1, pulse, 255),
            (1, pulse, 1),
            (1, shut, 0),
        ]

    def test_a_lock_that_was_just_made_waits_for_its_device(self, line: Site, fit: Fit) -> None:
        lock = fit(OsdpOutput)
        assert lock.secure() == ""
        assert fit(OsdpOutput, output=1).secure() == ""

    def test_a_device_that_is_not_there_opens_nothing_and_is_told(
        self, line: Site, fit: Fit
    ) -> None:
        line.wire.unplug()
        lock = fit(OsdpOutput)
        with pytest.raises(HardwareError, match=r"front/part.*door does not open"):
            lock.release(5)
        assert "ends a release by itself" in lock.secure()
        line.wire.plug()
        told_to_shut(lock, line.device)
        lock.release(5)
        assert line.device.on()

    def test_what_was_not_carried_out_in_time_is_not_done_later(
        self, tmp_path: Path, fit: Fit
    ) -> None:
        line = site(tmp_path / "slow", tempo=replace(BRISK, patience=10.0))
        settings = OsdpOutput.Settings.model_validate(line.stanza())
        lock = told_to_shut(OsdpOutput(settings, "front/lock", buses=line.buses), line.device)
        line.wire.mute = True
        with pytest.raises(HardwareError, match="does not switch its output"):
            lock.release(5)
        line.wire.mute = False
        line.device.until(lambda device: len(device.outputs) > 1)  # told to shut: it is back
        assert lock.secure() == ""
        assert {code for _, code, _ in line.device.outputs} == {1}
        lock.stop()
        line.wire.unplug()

    def test_a_device_that_comes_back_is_told_to_shut_before_anything_else(
        self, line: Site, fit: Fit
    ) -> None:
        lock = told_to_shut(fit(OsdpOutput), line.device)
        lock.release(25)
        line.wire.unplug()
        line.wire.plug()
        line.device.until(lambda device: device.outputs[-1][1] == 1)
        assert not line.device.on()

    def test_a_device_that_refuses_opens_nothing_and_reads_on(self, line: Site, fit: Fit) -> None:
        lock = told_to_shut(fit(OsdpOutput), line.device)
        line.device.refuses = (Command.Output,)
        with pytest.raises(HardwareError, match="does not switch its output 0"):
            lock.release(5)
        line.device.refuses = ()
        line.device.until(lambda device: len(device.outputs) > 1)  # it is back, and told to shut
        assert lock.secure() == ""
        assert {code for _, code, _ in line.device.outputs} == {1}

    def test_a_line_that_cannot_be_shared_is_a_fault_of_the_configuration(
        self, line: Site, fit: Fit
    ) -> None:
        fit(OsdpOutput)
        with pytest.raises(HardwareError, match=r"lock front/part: .*same baud.*stays shut"):
            fit(OsdpOutput, baud=9600)


class TestInputContract(InputContract):
    @pytest.fixture(params=["open", "closed"])
    def rig(self, line: Site, request: pytest.FixtureRequest) -> Iterator[InputRig]:
        normally = request.param
        settings = OsdpInput.Settings.model_validate(line.stanza(normally=normally, input=2))
        part = OsdpInput(settings, "front/contact", buses=line.buses)
        line.device.inputs[2] = int(normally == "closed")
        yield InputRig(
            part, lambda active: line.device.move(2, int(active is (normally == "open")))
        )
        part.stop()


class TestInput:
    def started(self, fit: Fit, **keys: Any) -> Heard:
        heard = Heard()
        fit(OsdpInput, normally="open", **keys).start(heard.tell)
        assert heard.next_health() == (True, "")
        return heard

    def test_a_state_that_is_none_is_no_pressed_button(self, line: Site, fit: Fit) -> None:
        heard = self.started(fit)
        assert heard.levels.get(timeout=PATIENCE) is False
        line.device.move(0, 2)
        ok, why = heard.next_health()
        assert not ok
        assert "no state of a contact" in why
        assert heard.levels.empty()
        line.device.move(0, 1)
        assert heard.next_health() == (True, "")
        assert heard.levels.get(timeout=PATIENCE) is True

    def test_an_input_that_the_device_does_not_have_is_told(self, line: Site, fit: Fit) -> None:
        ok, why = self.started(fit, input=9).next_health()
        assert not ok
        assert "has 4 inputs" in why

    def test_a_change_while_it_was_away_is_told_when_it_is_back(self, line: Site, fit: Fit) -> None:
        heard = self.started(fit)
        assert heard.levels.get(timeout=PATIENCE) is False
        line.wire.unplug()
        assert not heard.next_health()[0]
        line.device.inputs[0] = 1
        line.wire.plug()
        assert heard.next_health() == (True, "")
        assert heard.levels.get(timeout=PATIENCE) is True

    @pytest.mark.slow
    def test_it_is_asked_now_and_then_lest_a_change_be_lost(self, line: Site, fit: Fit) -> None:
        heard = self.started(fit)
        assert heard.levels.get(timeout=PATIENCE) is False
        line.device.inputs[0] = 1
        assert heard.levels.get(timeout=PATIENCE) is True


class TestIndicatorContract(IndicatorContract):
    @pytest.fixture
    def rig(self, line: Site) -> Iterator[IndicatorRig]:
        settings = OsdpIndicator.Settings.model_validate(line.stanza(led=1))
        part = OsdpIndicator(settings, "front/indicator", buses=line.buses)
        line.device.until(lambda device: device.light)
        seen = {light: signal for signal, light in LIGHTS.items()}

        def shown() -> Signal:
            line.idle()
            assert line.device.light
            return seen[line.device.light]

        yield IndicatorRig(part, shown)
        part.stop()


class TestIndicator:
    def test_no_two_signals_look_alike(self) -> None:
        assert len(set(LIGHTS.values())) == len(Signal)

    def test_what_is_shown_is_shown_again_after_a_loss_without_a_sound(
        self, line: Site, fit: Fit
    ) -> None:
        indicator = fit(OsdpIndicator)
        line.device.until(lambda device: device.light)
        indicator.show(Signal.DENIED, "Kein Paß für Zoë")
        line.device.until(lambda device: device.tones)
        line.wire.unplug()
        line.device.light = None
        line.wire.plug()
        line.device.until(lambda device: device.light)
        line.idle()
        assert line.device.light == LIGHTS[Signal.DENIED]
        assert line.device.texts[-1] == "Kein Pass fur Zo"
        assert line.device.tones == [(2, 1, 1, 3)]

    def test_a_lasting_tone_ends_with_its_signal(self, line: Site, fit: Fit) -> None:
        indicator = fit(OsdpIndicator)
        line.device.until(lambda device: device.light)
        indicator.show(Signal.HELD)
        line.device.until(lambda device: device.tones)
        indicator.show(Signal.IDLE)
        line.device.until(lambda device: len(device.tones) == 2)
        assert line.device.tones[-1][0] == 1

    def test_a_device_is_told_nothing_that_it_says_it_cannot_do(
        self, tmp_path: Path, fit: Fit
    ) -> None:
        line = site(tmp_path / "plain", Device(capabilities=()))
        settings = OsdpIndicator.Settings.model_validate(line.stanza())
        indicator = OsdpIndicator(settings, "front/indicator", buses=line.buses)
        line.device.until(lambda device: line.well())
        for signal in Signal:
            indicator.show(signal, "text")
        line.idle()
        assert not line.device.lights
        assert not line.device.tones
        assert not line.device.texts
        assert line.device.challenges == 1  # nothing was refused, so nothing broke
        indicator.stop()
        line.wire.unplug()

    def test_without_a_line_nothing_is_raised(self, line: Site, fit: Fit) -> None:
        line.wire.unplug()
        indicator = fit(OsdpIndicator)
        indicator.show(Signal.GRANTED)
