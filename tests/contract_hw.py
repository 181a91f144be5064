"""What every device must do, simulated or real. A driver joins by one class with its rig."""

import queue
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from controller.errors import HardwareError
from controller.ports import (
    Alarm,
    Card,
    Health,
    Indicator,
    Input,
    Keys,
    Level,
    Lock,
    Reader,
    Refused,
    Signal,
    Told,
)

PATIENCE = 10.0  # seconds until a test gives up on something that should have happened at once


@dataclass
class Heard:
    """What a device told."""

    cards: "queue.Queue[Card]" = field(default_factory=queue.Queue)
    texts: "queue.Queue[str]" = field(default_factory=queue.Queue)
    keys: "queue.Queue[str]" = field(default_factory=queue.Queue)
    refused: "queue.Queue[Refused]" = field(default_factory=queue.Queue)
    levels: "queue.Queue[bool]" = field(default_factory=queue.Queue)
    healths: "queue.Queue[tuple[bool, str]]" = field(default_factory=queue.Queue)
    alarms: "queue.Queue[Alarm]" = field(default_factory=queue.Queue)

    def tell(self, told: Told) -> None:
        match told:
            case Card():
                self.cards.put(told)
                self.texts.put(told.text)
            case Keys():
                self.keys.put(told.text)
            case Refused():
                self.refused.put(told)
            case Level():
                self.levels.put(told.active)
            case Health():
                self.healths.put((told.ok, told.why))
            case Alarm():
                self.alarms.put(told)

    def next_text(self) -> str:
        return self.texts.get(timeout=PATIENCE)

    def next_health(self) -> tuple[bool, str]:
        return self.healths.get(timeout=PATIENCE)


@dataclass
class ReaderRig:
    """A reader that was not started yet, and hands for its card and its cable."""

    reader: Reader
    present: Callable[[str], None]
    unplug: Callable[[], None]
    plug: Callable[[], None]
    heard: Heard = field(default_factory=Heard)

    def start(self) -> None:
        self.reader.start(self.heard.tell)

    def start_healthy(self) -> Heard:
        self.start()
        assert self.heard.next_health() == (True, "")
        return self.heard


class ReaderContract:
    """Subclasses give the fixture `rig`."""

    def test_hands_on_each_card_in_order(self, rig: ReaderRig) -> None:
        heard = rig.start_healthy()

        for card in ("6F007B3972", "0A00C0FFEE", "6F007B3972"):
            rig.present(card)

        assert [heard.next_text() for _ in range(3)] == ["6F007B3972", "0A00C0FFEE", "6F007B3972"]

    def test_a_missing_device_is_reported_not_raised_and_found_when_it_comes(
        self, rig: ReaderRig
    ) -> None:
        rig.unplug()
        rig.start()

        ok, why = rig.heard.next_health()
        assert not ok
        assert why.startswith("reader front/main: ")

        rig.plug()
        assert rig.heard.next_health() == (True, "")
        rig.present("6F007B3972")
        assert rig.heard.next_text() == "6F007B3972"

    def test_each_outage_is_told_once_and_so_is_its_end(self, rig: ReaderRig) -> None:
        heard = rig.start_healthy()

        for _ in range(2):
            rig.unplug()
            ok, why = heard.next_health()
            assert not ok
            assert why
            rig.plug()
            assert heard.next_health() == (True, "")

        rig.present("6F007B3972")
        assert heard.next_text() == "6F007B3972"
        assert heard.healths.empty()

    def test_is_silent_after_stop(self, rig: ReaderRig) -> None:
        heard = rig.start_healthy()

        rig.reader.stop()
        rig.unplug()

        assert heard.texts.empty()
        assert heard.healths.empty()

    def test_can_be_stopped_twice_and_before_it_starts(self, rig: ReaderRig) -> None:
        rig.reader.stop()
        rig.reader.stop()

    def test_can_be_stopped_during_an_outage(self, rig: ReaderRig) -> None:
        rig.unplug()
        rig.start()
        rig.heard.next_health()

        rig.reader.stop()
        rig.plug()

        assert rig.heard.healths.empty()


@dataclass
class LockRig:
    """A lock, and eyes that see from outside whether the door can be opened."""

    lock: Lock
    released: Callable[[], bool]


class LockContract:
    """Subclasses give the fixture `rig`."""

    def test_begins_secured(self, rig: LockRig) -> None:
        assert not rig.released()

    def test_releases_until_it_is_secured(self, rig: LockRig) -> None:
        rig.lock.release(5)
        assert rig.released()

        rig.lock.secure()
        assert not rig.released()

    def test_one_secure_ends_any_number_of_releases(self, rig: LockRig) -> None:
        rig.lock.release(5)
        rig.lock.release(5)
        rig.lock.secure()
        assert not rig.released()

    def test_securing_twice_is_securing(self, rig: LockRig) -> None:
        rig.lock.secure()
        rig.lock.secure()
        assert not rig.released()

        rig.lock.release(5)
        assert rig.released()

    def test_ends_secured(self, rig: LockRig) -> None:
        rig.lock.release(5)
        rig.lock.stop()
        assert not rig.released()

    def test_a_stopped_lock_refuses_to_release_and_lets_itself_be_secured(
        self, rig: LockRig
    ) -> None:
        rig.lock.stop()

        with pytest.raises(HardwareError, match="front/lock"):
            rig.lock.release(5)
        rig.lock.secure()
        rig.lock.stop()

        assert not rig.released()


@dataclass
class InputRig:
    """An input, and the hand that moves it."""

    input: Input
    move: Callable[[bool], None]
    heard: Heard = field(default_factory=Heard)

    def next_level(self) -> bool:
        return self.heard.levels.get(timeout=PATIENCE)


class InputContract:
    """Subclasses give the fixture `rig`."""

    @pytest.mark.parametrize("active", [False, True])
    def test_tells_at_once_how_it_stands(self, rig: InputRig, active: bool) -> None:
        rig.move(active)

        rig.input.start(rig.heard.tell)

        assert rig.next_level() is active
        assert rig.heard.next_health() == (True, "")

    def test_tells_each_change_once(self, rig: InputRig) -> None:
        rig.input.start(rig.heard.tell)
        told = [rig.next_level()]

        for active in (True, True, False, False, True):
            changes = active is not told[-1]
            rig.move(active)
            if changes:
                told.append(rig.next_level())

        assert told == [False, True, False, True]
        assert rig.heard.levels.empty()

    def test_is_silent_after_stop(self, rig: InputRig) -> None:
        rig.input.start(rig.heard.tell)
        rig.next_level()

        rig.input.stop()
        rig.move(True)
        rig.input.stop()

        assert rig.heard.levels.empty()


@dataclass
class IndicatorRig:
    """An indicator, and eyes on it."""

    indicator: Indicator
    shown: Callable[[], Signal]


class IndicatorContract:
    """Subclasses give the fixture `rig`."""

    @pytest.mark.parametrize("signal", list(Signal))
    def test_shows_every_signal(self, rig: IndicatorRig, signal: Signal) -> None:
        rig.indicator.show(signal)
        assert rig.shown() is signal

    def test_shows_the_latest_signal(self, rig: IndicatorRig) -> None:
        rig.indicator.show(Signal.GRANTED, "Welcome")
        rig.indicator.show(Signal.DENIED, "No pass left")
        assert rig.shown() is Signal.DENIED

    def test_a_stopped_indicator_is_idle_and_takes_no_harm(self, rig: IndicatorRig) -> None:
        rig.indicator.show(Signal.GRANTED)
        rig.indicator.stop()
        assert rig.shown() is Signal.IDLE
        rig.indicator.stop()
