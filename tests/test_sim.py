"""The simulated devices keep the ports' promises, and show what they do."""

import importlib
import threading
from typing import get_args

import pytest

from controller.config import Strict
from controller.errors import HardwareError
from controller.ports import Signal
from hw import TABLES
from hw.sim import SimIndicator, SimInput, SimLock, SimReader, SimSettings
from tests.contract_hw import (
    PATIENCE,
    Heard,
    IndicatorContract,
    IndicatorRig,
    InputContract,
    InputRig,
    LockContract,
    LockRig,
    ReaderContract,
    ReaderRig,
)

SIM = SimSettings()


@pytest.mark.parametrize(
    ("driver", "place"), [(d, p) for table in TABLES.values() for d, p in table.items()]
)
def test_every_driver_of_the_tables_can_be_loaded_by_its_name(driver: str, place: str) -> None:
    module, _, name = place.partition(":")
    settings = getattr(importlib.import_module(module), name).Settings

    assert issubclass(settings, Strict)
    assert get_args(settings.model_fields["driver"].annotation) == (driver,)


def test_the_simulated_devices_cover_every_part_of_a_door() -> None:
    assert all("sim" in table for table in TABLES.values())


class TestSimReader(ReaderContract):
    @pytest.fixture
    def reader(self) -> SimReader:
        return SimReader(SIM, "front/main")

    @pytest.fixture
    def rig(self, reader: SimReader) -> ReaderRig:
        return ReaderRig(reader, reader.present, reader.unplug, reader.plug)

    def test_nothing_can_be_presented_to_an_unplugged_reader(self, reader: SimReader) -> None:
        heard = Heard()
        reader.start(heard.tell)
        reader.unplug()

        with pytest.raises(HardwareError, match="front/main is unplugged"):
            reader.present("04A1B2C3")

        assert heard.texts.empty()

    def test_nothing_can_be_presented_to_a_reader_that_is_not_started(
        self, reader: SimReader
    ) -> None:
        with pytest.raises(HardwareError, match="front/main is not started"):
            reader.present("04A1B2C3")

    def test_pulling_a_loose_cable_changes_nothing(self, reader: SimReader) -> None:
        heard = Heard()
        reader.start(heard.tell)
        reader.plug()
        reader.unplug()
        reader.unplug()

        assert [heard.next_health()[0] for _ in range(2)] == [True, False]
        assert heard.healths.empty()

    def test_shows_the_last_card_masked_and_no_digit_of_a_pin(self, reader: SimReader) -> None:
        reader.start(lambda told: None)
        reader.present("04A1B2C3")
        assert reader.state() == {"plugged": True, "reads": 1, "last": "…B2C3"}

        reader.present("471108")
        assert reader.state() == {"plugged": True, "reads": 2, "last": "…"}

    def test_no_card_is_lost_when_many_threads_present_at_once(self, reader: SimReader) -> None:
        heard = Heard()
        reader.start(heard.tell)

        def presents(hand: int) -> None:
            for i in range(50):
                reader.present(f"{hand:04}{i:04}")

        hands = [threading.Thread(target=presents, args=(hand,)) for hand in range(4)]
        for thread in hands:
            thread.start()
        for thread in hands:
            thread.join()

        assert len({heard.next_text() for _ in range(200)}) == 200
        assert reader.state()["reads"] == 200


class TestSimLock(LockContract):
    @pytest.fixture
    def lock(self) -> SimLock:
        return SimLock(SIM, "front/lock")

    @pytest.fixture
    def rig(self, lock: SimLock) -> LockRig:
        return LockRig(lock, lambda: lock.released)

    def test_remembers_every_change_and_counts_every_release(self, lock: SimLock) -> None:
        lock.secure()
        lock.release(5)
        lock.release(5)
        lock.secure()
        lock.release(5)
        lock.stop()

        assert lock.history == ("released", "secured", "released", "secured")
        assert lock.releases == 3
        assert lock.state() == {"released": False, "jammed": False, "releases": 3}

    def test_a_jammed_lock_fails_until_it_is_freed(self, lock: SimLock) -> None:
        lock.jam()
        with pytest.raises(HardwareError, match="front/lock is jammed"):
            lock.release(5)
        assert not lock.released

        lock.free()
        lock.release(5)
        assert lock.released

    def test_one_can_wait_for_the_door(self, lock: SimLock) -> None:
        somebody = threading.Thread(target=lock.release, args=(5,))
        somebody.start()

        assert lock.wait_for(released=True, timeout=PATIENCE)
        assert not lock.wait_for(released=False, timeout=0)
        somebody.join()


class TestSimInput(InputContract):
    @pytest.fixture
    def contact(self) -> SimInput:
        return SimInput(SIM, "front/contact")

    @pytest.fixture
    def rig(self, contact: SimInput) -> InputRig:
        return InputRig(contact, contact.set)

    def test_shows_its_state(self, contact: SimInput) -> None:
        assert contact.state() == {"active": False}
        contact.set(True)
        assert contact.active
        assert contact.state() == {"active": True}


class TestSimIndicator(IndicatorContract):
    @pytest.fixture
    def light(self) -> SimIndicator:
        return SimIndicator(SIM, "front/indicator")

    @pytest.fixture
    def rig(self, light: SimIndicator) -> IndicatorRig:
        return IndicatorRig(light, lambda: light.shown[0])

    def test_remembers_what_it_showed(self, light: SimIndicator) -> None:
        light.show(Signal.WAIT)
        light.show(Signal.GRANTED, "Welcome back")

        assert light.history == ((Signal.WAIT, ""), (Signal.GRANTED, "Welcome back"))
        assert light.state() == {"signal": "granted", "text": "Welcome back"}

    def test_one_can_wait_for_a_signal(self, light: SimIndicator) -> None:
        somebody = threading.Thread(target=light.show, args=(Signal.DENIED,))
        somebody.start()

        assert light.wait_for(Signal.DENIED, timeout=PATIENCE)
        assert not light.wait_for(Signal.GRANTED, timeout=0)
        somebody.join()
