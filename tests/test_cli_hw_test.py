"""`doorward hw test`: every part of a door tried, through the controller and without it."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.cli.hw_bench import Bench
from controller.cli.hw_directly import Directly
from controller.cli.hw_ears import Ears, Seen
from controller.cli.hw_protocol import protocol
from controller.clock import SystemClock
from controller.config import Config, Stanza, load
from controller.errors import HardwareError, NotRunning
from controller.model import Kind, Mode
from controller.ports import Health, Refused, Signal
from hw import TABLES
from hw.sim import SimIndicator, SimInput, SimLock, SimSettings
from tests.contract_hw import PATIENCE
from tests.technicians import CARD, Acting, Place, benched, place_at, site, typed


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with place_at(tmp_path) as built:
        yield built


def outcomes(bench: Bench) -> dict[str, str]:
    return {step.part: step.outcome for step in bench.steps}


def kept(bench: Bench) -> str:
    return "\n".join(protocol({"protocol": "test"}, bench.steps))


# hw test, through the controller


def test_a_door_that_works_passes_in_every_part(place: Place) -> None:
    bench = place.bench(person := place.acting())

    bench.run()

    parts = ("health", "lock", "indicator", "contact", "exit_button", "main", "pad")
    assert outcomes(bench) == dict.fromkeys(parts, "passed"), kept(bench)
    assert place.lock.history[:2] == ("released", "secured")
    shown = [signal for signal, _ in place.device("indicator", SimIndicator).history]
    assert set(shown) == set(Signal)
    assert Kind.WATCHED in place.kinds()
    assert Kind.FORCED not in place.kinds()
    assert CARD in person.all, "the technician sees the whole number"
    assert CARD not in kept(bench)
    assert "…3972" in kept(bench)
    assert "4711" not in kept(bench) + person.all
    assert "Result: 7 passed, 0 failed, 0 skipped" in kept(bench)


def test_the_fire_alarm_is_left_to_those_who_run_it(place: Place) -> None:
    bench = place.bench(place.acting())
    bench.devices = {**bench.devices, "fire": "gpio-input 5"}
    bench.ears.hear(Seen("front", "fire", Health(True)))
    bench.run()
    (fire,) = [step for step in bench.steps if step.part == "fire"]
    assert fire.outcome == "skipped"
    assert "whoever runs the fire alarm" in fire.seen


def test_without_consent_nothing_is_unlocked(place: Place) -> None:
    bench = place.bench(place.acting(consent=False, acts={"Press the exit": lambda: None}), 0.1)
    bench.run()
    assert outcomes(bench)["lock"] == outcomes(bench)["contact"] == "skipped"
    assert place.lock.history == ()


def test_what_the_person_does_not_see_has_failed(place: Place) -> None:
    bench = place.bench(place.acting(blind=True))
    bench.run()
    assert (outcomes(bench)["lock"], outcomes(bench)["indicator"]) == ("failed", "failed")
    assert "the lock did not move" in kept(bench)
    assert "granted, denied" in kept(bench)


def test_one_dead_part_is_named_and_the_others_are_tried(place: Place) -> None:
    idle: dict[str, Callable[[], object]] = {"Press the exit": lambda: None}
    bench = place.bench(place.acting(acts=idle), 0.5)
    bench.run()
    assert [part for part, each in outcomes(bench).items() if each == "failed"] == ["exit_button"]
    assert "nothing came within" in kept(bench)


def test_a_contact_the_wrong_way_round_is_told_from_a_dead_one(place: Place) -> None:
    place.device("contact", SimInput).set(True)
    bench = place.bench(place.acting())
    bench.run()
    assert outcomes(bench)["contact"] == "failed"
    assert "polarity is the wrong way round" in kept(bench)


def test_a_reader_that_is_lost_is_said_at_once(place: Place) -> None:
    place.main.unplug()
    bench = place.bench(person := place.acting())
    bench.run()
    assert (outcomes(bench)["health"], outcomes(bench)["main"]) == ("failed", "failed")
    assert "reader front/main: unplugged" in kept(bench)
    assert "Hold a card to reader main" not in person.all


def test_a_jammed_lock_fails_and_says_why(place: Place) -> None:
    place.lock.jam()
    bench = place.bench(place.acting())
    bench.run()
    assert outcomes(bench)["lock"] == "failed"
    assert "jammed" in kept(bench)


@pytest.mark.parametrize("mode", [Mode.LOCKDOWN, Mode.UNLOCKED])
def test_a_door_in_another_mode_is_left_in_it(place: Place, mode: Mode) -> None:
    place.door.set_mode(mode, None, "staff")
    place.pass_time(0)
    before = place.lock.history
    bench = place.bench(place.acting(acts={"Press the exit": lambda: None}), 0.1)
    bench.run()
    assert outcomes(bench)["lock"] == "failed"
    assert f"in mode {mode}" in kept(bench)
    assert place.lock.history == before


def test_a_card_that_the_stanza_cannot_read_has_failed(place: Place) -> None:
    def present() -> None:
        place.main.present("0008-ROSE")

    bench = place.bench(place.acting(acts={"Hold a card to reader main": present}))
    bench.run()
    assert outcomes(bench)["main"] == "failed"
    assert "is not written in hex digits; doorward hw learn" in kept(bench)
    assert "ROSE" in kept(bench)
    assert "0008-ROSE" not in kept(bench)


def test_a_button_the_wrong_way_round_is_told_from_a_dead_one(place: Place) -> None:
    button = place.device("exit_button", SimInput)
    button.set(True)
    bench = place.bench(place.acting(acts={"Press the exit": lambda: button.set(False)}))
    bench.run()
    assert outcomes(bench)["exit_button"] == "failed"
    assert "told 'let go' at 'Press the exit button.'" in kept(bench)


def test_a_reader_that_sends_only_noise_has_failed_and_no_number_is_kept(place: Place) -> None:
    def noise() -> None:
        bench.ears.hear(Seen("front", "main", Refused(f"{CARD} has no end", CARD)))

    bench = place.bench(place.acting(acts={"Hold a card to reader main": noise}), 0.5)
    bench.run()
    assert outcomes(bench)["main"] == "failed"
    assert "nothing but refused reads: …3972 has no end" in kept(bench)
    assert CARD not in kept(bench)


# hw test, directly


@contextmanager
def direct(folder: Path, **lock: Any) -> Iterator[tuple[Directly, Ears, dict[str, Any]]]:
    """The devices of a site, made without a controller, and those that were made by part."""
    config = load(site(folder), devices=TABLES)
    made: dict[str, Any] = {}

    def noted(stanza: Stanza, part: str) -> Any:
        def factory(settings: Any, name: str) -> Any:
            made[part] = stanza.factory(settings, name)
            return made[part]

        return lock.get(part, factory)

    front = config.doors["front"]
    update: dict[str, Any] = {
        part: Stanza("sim", noted(getattr(front, part), part), SimSettings())
        for part in ("lock", "contact", "exit_button", "indicator")
    }
    doors = {"front": front.model_copy(update=update)}
    config = Config(**{**vars(config), "doors": doors})
    ears = Ears(SystemClock(config.run).monotonic)
    hands = Directly(config, "front", ears.hear, lock=True)
    try:
        yield hands, ears, made
    finally:
        hands.close()


def test_without_a_controller_the_lock_is_driven_and_given_back(tmp_path: Path) -> None:
    with direct(tmp_path) as (hands, _, made):
        hands.release(60)
        assert made["lock"].released
    assert not made["lock"].released
    with pytest.raises(HardwareError, match="stopped"):
        made["lock"].release(1)


def test_a_lock_that_does_not_time_itself_is_locked_again(tmp_path: Path) -> None:
    with direct(tmp_path) as (hands, _, made):
        hands.release(0.05)
        assert made["lock"].wait_for(released=False, timeout=PATIENCE)
        assert made["lock"].history == ("released", "secured")


def test_a_lock_that_is_missing_keeps_nothing_else_from_being_tried(tmp_path: Path) -> None:
    def missing(settings: Any, name: str) -> Any:
        raise HardwareError(f"lock {name}: no such chip; correct chip")

    with direct(tmp_path, lock=missing) as (hands, ears, made):
        contact = made["contact"]
        moves = {"Open": lambda: contact.set(True), "Shut": lambda: contact.set(False)}
        person = Acting({f"{word} the door": act for word, act in moves.items()})
        config = load(tmp_path / "doorward.toml")
        bench = benched(config, hands, ears, person, lambda _: None, 0.05)
        bench.run()
    assert outcomes(bench)["health"] == outcomes(bench)["lock"] == "failed"
    assert "no such chip" in kept(bench)
    assert outcomes(bench)["indicator"] == "passed"


def test_a_failure_while_devices_are_made_secures_the_lock(tmp_path: Path) -> None:
    locks: list[SimLock] = []

    def lock(settings: Any, name: str) -> Any:
        locks.append(SimLock(settings, name))
        locks[-1].release(5)
        return locks[-1]

    def broken(settings: Any, name: str) -> Any:
        raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError), direct(tmp_path, lock=lock, contact=broken):
        pass
    assert not locks[0].released


def test_a_test_that_is_interrupted_ends_with_what_was_done(tmp_path: Path) -> None:
    path, notes = site(tmp_path), tmp_path / "protocol.txt"
    words = ("hw", "test", "front", "--yes", "--protocol", str(notes))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with typed(path, *words) as command:
            command.until("Released for 3 s")
            assert command.interrupt(number) == 130
        assert "ENDED EARLY: interrupted" in notes.read_text()
        assert "Result: 1 passed, 0 failed, 0 skipped" in notes.read_text()
        assert "Traceback" not in command.all


def test_where_nobody_can_answer_nothing_is_unlocked(tmp_path: Path) -> None:
    with typed(site(tmp_path), "hw", "test", "front") as command:
        assert command.end() == 1
    assert "do this in a terminal (ssh -t …), or with --yes" in command.all
    assert "skipped  lock (sim): nobody answered" in command.all


def test_answers_are_read_from_a_person_who_types(tmp_path: Path) -> None:
    words = ("hw", "test", "front", "--wait", "50ms")
    with typed(site(tmp_path), *words, answers="maybe\nn\ny\n") as command:
        assert command.end() == 1
    assert "Please answer y or n." in command.all
    assert "skipped  lock (sim): no consent to unlock the door" in command.all
    assert "Did the indicator show granted?" in command.all


def test_a_protocol_that_cannot_be_written_is_said_before_anything_is_done(tmp_path: Path) -> None:
    words = ("hw", "test", "front", "--yes", "--protocol", "/nowhere/p.txt")
    with typed(site(tmp_path), *words) as command:
        assert command.end() == 1
    assert "/nowhere/p.txt cannot be written" in command.all
    assert "Released" not in command.all


def test_a_controller_that_cannot_be_asked_still_has_the_devices(tmp_path: Path) -> None:
    path = site(tmp_path)
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "run" / "door.sock"))
        with typed(path, "hw", "test", "front", "--yes") as command:
            assert command.end() == NotRunning.exit_code
    assert "Released" not in command.all
