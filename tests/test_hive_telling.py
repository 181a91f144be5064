"""Stories about telling Hive who came, and never telling it twice."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from controller.errors import BadReply, DoorwardError, Unauthorized, Unavailable
from sync.platform import Capabilities, LateCheckIn, Outcome, State
from sync.platforms.hive import Hive
from sync.simulator.hive import Entry, SimulatedHive
from sync.simulator.server import Fault
from tests.fakes import MONDAY, FakeClock
from tests.hives import (
    DOORS,
    KEY,
    Vague,
    asked,
    entry,
    hive_at,
    small_gym,
)


@pytest.fixture
def gym() -> Iterator[SimulatedHive]:
    with small_gym() as simulated:
        yield simulated


@pytest.fixture
def hive(gym: SimulatedHive) -> Iterator[Hive]:
    made = hive_at(gym)
    yield made
    made.close()


def test_an_entry_is_told_once_and_without_check_only(gym: SimulatedHive, hive: Hive) -> None:
    assert hive.check_in(entry()) == Outcome(State.SENT)
    assert gym.entries == [Entry(MONDAY, 201, "front-01")]
    (request,) = gym.requests
    assert request.form() == {"id": "201", "door_id": "front-01"}


def test_a_door_nobody_mapped(gym: SimulatedHive, hive: Hive) -> None:
    outcome = hive.check_in(entry(door="back"))
    assert outcome.state is State.REFUSED
    assert outcome.message == "door back has no Hive door: add it under [platforms.gym] doors"
    assert gym.requests == []


@pytest.mark.parametrize("status", [200, 403, 404, 422])
@pytest.mark.parametrize("shows_user", [True, False])
def test_hive_refuses_with_its_own_words(
    gym: SimulatedHive, hive: Hive, status: int, shows_user: bool
) -> None:
    """Whatever the status: the key still serves, so it is the person who is refused."""
    gym.denial_status, gym.denial_shows_user = status, shows_user
    gym.refuses[201] = "Please sign\nyour contract"
    assert hive.check_in(entry()) == Outcome(State.REFUSED, "Please sign your contract")
    assert hive.check_in(entry(person=999)).message == "User not found"
    assert gym.entries == []


@pytest.mark.parametrize(
    ("fault", "error", "maybe_sent"),
    [
        (Fault("lose_answer"), Unavailable, True),
        (Fault("truncate"), Unavailable, True),
        (Fault("reset"), Unavailable, True),
        (Fault("html"), BadReply, True),
        (Fault("garbage"), BadReply, True),
        (Fault("status", status=500), Unavailable, True),
        (Fault("status", status=401), Unauthorized, False),
        (Fault("status", status=429, retry_after=9), Unavailable, False),
        (Fault("status", status=404), BadReply, False),
        (Fault("redirect"), BadReply, False),
    ],
    ids=lambda value: f"{value.kind}{value.status}" if isinstance(value, Fault) else "",
)
def test_after_a_doubtful_answer_it_says_so_and_never_sends_twice(
    gym: SimulatedHive, hive: Hive, fault: Fault, error: type[DoorwardError], maybe_sent: bool
) -> None:
    gym.fault = replace(fault, path="/access")
    with pytest.raises(error) as raised:
        hive.check_in(entry())
    assert getattr(raised.value, "maybe_sent", False) is maybe_sent
    assert asked(gym).count("POST /access") == 1
    assert len(gym.entries) <= 1


@pytest.mark.parametrize(
    ("status", "body", "error", "maybe_sent"),
    [
        (200, {"message": "welcome"}, BadReply, True),
        (200, {"success": "true"}, BadReply, True),
        (200, ["success"], BadReply, True),
        (422, {"message": "The door id field is required."}, BadReply, False),
        (401, {"message": "Unauthenticated."}, Unauthorized, False),
        (502, {"success": False, "message": "upstream"}, Unavailable, True),
    ],
)
def test_answers_that_are_neither_yes_nor_no(
    status: int, body: object, error: type[DoorwardError], maybe_sent: bool
) -> None:
    with Vague(FakeClock(), KEY, DOORS) as gym:
        gym.vaguely = (status, body)
        hive = hive_at(gym)
        with pytest.raises(error) as raised:
            hive.check_in(entry())
        hive.close()
    assert getattr(raised.value, "maybe_sent", False) is maybe_sent


def test_a_yes_counts_whatever_its_status() -> None:
    with Vague(FakeClock(), KEY, DOORS) as gym:
        hive = hive_at(gym)
        for status in (200, 201, 403, 500):
            gym.vaguely = (status, {"success": True, "user": []})
            assert hive.check_in(entry()).state is State.SENT
        gym.vaguely = (200, {"success": False})
        assert hive.check_in(entry()) == Outcome(State.REFUSED, "without a reason")
        hive.close()


def test_it_cannot_be_asked_who_came(hive: Hive) -> None:
    can = Capabilities(LateCheckIn.NOW_ONLY, confirms_absence=True, live_cards=True)
    assert hive.capabilities == can
    with pytest.raises(BadReply, match="does not show check-ins"):
        hive.was_told(entry())
