"""What a door makes of answers: real sockets, a stand-in for all of `sync` behind them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.control import Server
from controller.door import Settings
from controller.live import Asker
from controller.model import Decision, Demand, DoorRules, Grant, Labels, Mode, Person, Reason
from controller.ports import Signal
from controller.question import Heard, Question, Said
from tests.fakes import FakeClock
from tests.lives import until
from tests.rigs import Member, Rig, members, people, rig
from tests.worlds import PATIENCE

ASKS = Settings("Front", asks=frozenset({Reason.UNKNOWN, Reason.NO_PASS}), ask_within=5.0)
DOOR = DoorRules("front", Labels(["plan:*"]))
ADA = (Person("cobot", "m-1", "Ada Ruiz"), "32:04A1B2C3", Grant("plan:flex"))
Answer = dict[str, Any]


class Oracle:
    """Answers on sync.sock: what `answer` returns, after `may` is set. Notes what it was asked."""

    def __init__(self, path: Path) -> None:
        self.asked: list[dict[str, Any]] = []
        self.may = threading.Event()
        self.may.set()
        self.answer: Callable[[], list[Answer]] = list
        self._server = Server(path, {"ask": self._ask})

    def close(self) -> None:
        self.may.set()
        self._server.close()

    def _ask(self, request: dict[str, Any], _author: str, _say: object) -> Answer:
        self.asked.append(request)
        self.may.wait(PATIENCE)
        return {"answers": self.answer()}


@contextmanager
def front_door(
    data: Path, rules: DoorRules = DOOR, settings: Settings = ASKS
) -> Iterator[tuple[Rig, Oracle]]:
    clock = FakeClock()
    oracle = Oracle(data / "sync.sock")
    try:
        asker = Asker(data / "sync.sock", clock)
        with rig(data, rules, settings, clock=clock, asker=asker) as front:
            members(data, clock, Member("Somebody", ("32:0B0B0B0B",)))
            yield front, oracle
    finally:
        oracle.close()


def decided(front: Rig) -> None:
    """Wait until nothing is waited for any more."""
    until(lambda: not front.door.waits)
    front.settle()


def said(word: str, message: str = "", platform: str = "cobot") -> Answer:
    return {"platform": platform, "word": word, "message": message}


def test_a_question_holds_the_card_or_the_person_never_both(tmp_path: Path) -> None:
    with front_door(tmp_path) as (front, oracle):
        members(tmp_path, front.clock, Member("Ada", ("32:04A1B2C3",), passes=0))
        front.scan("04A1B2C3")
        decided(front)
        front.scan("DEADBEEF")
        decided(front)
        asked = [{k: v for k, v in each.items() if k != "within"} for each in oracle.asked]
        assert asked == [
            {"do": "ask", "door": "front", "card": "", "platform": "cobot", "person": "ada"},
            {"do": "ask", "door": "front", "card": "32:DEADBEEF", "platform": "", "person": ""},
        ]
        assert all(0 < each["within"] <= 5 for each in oracle.asked)


def test_a_pin_that_is_nobodys_is_never_asked_about(tmp_path: Path) -> None:
    with front_door(tmp_path) as (front, oracle):
        front.press("4711#")
        front.keypad.present("4711")
        front.settle()
        assert front.reasons() == ["denied_unknown_credential"] * 2
        assert oracle.asked == []


def test_where_a_pin_follows_it_is_typed_after_the_answer(tmp_path: Path) -> None:
    rules = DoorRules("front", Labels(["plan:*"]), demands=(Demand(pin=True),))
    with front_door(tmp_path, rules) as (front, oracle):

        def joins() -> list[Answer]:
            members(tmp_path, front.clock, Member("Ada", ("32:04A1B2C3", "pin:4711")))
            return [said("known")]

        oracle.answer = joins
        front.scan("04A1B2C3")
        until(lambda: front.indicator.shown == (Signal.WAIT, "PIN, then #"))
        front.press("4711#")
        assert front.reasons() == ["granted"]
        assert front.lock.released


def test_no_more_than_four_are_asked_about_at_once(tmp_path: Path) -> None:
    with front_door(tmp_path) as (front, oracle):
        oracle.may.clear()
        for number in range(6):
            front.scan(f"DEADBEE{number}")
        assert front.reasons() == ["denied_unknown_credential"] * 2
        oracle.may.set()
        decided(front)
        assert len(front.reasons()) == 6
        assert len(oracle.asked) == 4


def test_the_deadline_is_the_doors_own(tmp_path: Path) -> None:
    with front_door(tmp_path) as (front, oracle):
        oracle.may.clear()
        front.scan("04A1B2C3")
        front.wait(4.9)
        assert front.reasons() == []
        front.wait(0.2)
        assert front.reasons() == ["denied_unknown_credential"]
        people(tmp_path, front.clock, ADA)
        oracle.may.set()
        front.settle()
        assert not front.lock.releases
        assert front.reasons() == ["denied_unknown_credential"]


def test_unlocked_by_staff_meanwhile_the_answer_still_counts(tmp_path: Path) -> None:
    with front_door(tmp_path) as (front, oracle):
        oracle.may.clear()
        front.scan("04A1B2C3")
        front.door.set_mode(Mode.UNLOCKED, None, "ida")
        people(tmp_path, front.clock, ADA)
        oracle.may.set()
        decided(front)
        assert front.check_ins() == ["Ada Ruiz"]


def test_a_door_that_stops_does_not_wait(tmp_path: Path) -> None:
    with front_door(tmp_path) as (front, oracle):
        oracle.may.clear()
        front.scan("04A1B2C3")
        front.door.stop()
        assert not front.lock.released


WORDS = st.sampled_from(["known", "unknown", "refused", "silent", "down", "busy", "granted", ""])
ANSWERS = st.lists(st.builds(said, WORDS, st.text(max_size=20), st.sampled_from("ab")), max_size=4)
STATES = st.sampled_from(["absent", "member", "ended", "blocked", "elsewhere"])


@settings(max_examples=30)
@given(st.lists(st.tuples(STATES, ANSWERS), max_size=6))
def test_no_door_opens_without_a_right_in_the_cache(story: list[tuple[str, list[Answer]]]) -> None:
    """Whatever is said, and whatever becomes of the cache while it is asked for."""
    with TemporaryDirectory() as folder, front_door(Path(folder)) as (front, oracle):
        ada, card, flex = ADA
        rows = {
            "absent": (),
            "member": ((ada, card, flex),),
            "ended": ((ada._replace(until=front.clock.wall() - 1), card, flex),),
            "blocked": ((ada._replace(blocked=True), card, flex),),
            "elsewhere": ((ada, card, Grant("other:1")),),
        }
        for state, answers in story:
            people(front.data, front.clock)  # nobody is known when the card is shown

            def answer(state: str = state, answers: list[Answer] = answers) -> list[Answer]:
                people(front.data, front.clock, *rows[state])
                return answers

            oracle.answer = answer
            front.wait(10)
            before = front.lock.releases
            front.scan("04A1B2C3")
            decided(front)
            assert (front.lock.releases > before) == (state == "member")


@pytest.mark.parametrize(
    ("person", "shown"), [(None, "first"), ("a", "of a"), ("b", "of b"), ("c", "")]
)
def test_the_reason_shown_is_that_of_whose_person_it_is(person: str | None, shown: str) -> None:
    heard = Heard(
        (
            Said("x", "unknown"),
            Said("y", "refused", "first"),
            Said("a", "known", "of a"),
            Said("b", "refused", "of b"),
        )
    )
    decision = Decision(Reason.NO_LABEL, Person(person, "1", "Ada") if person else None)
    assert heard.words_for(decision) == shown
    assert heard.words_for(Decision(Reason.GRANTED)) == ""


def test_a_question_can_be_logged_without_the_card() -> None:
    assert "04A1B2C3" not in repr(Question("front", card="32:04A1B2C3"))
