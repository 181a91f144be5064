"""Stories about telling Nexudus who came: with the times of the visit, however late, and once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.config import load
from controller.daemon import Controller
from controller.errors import BadReply, DoorwardError, Unauthorized, Unavailable
from hw import TABLES
from hw.sim import SimReader
from sync.platform import LateCheckIn, Outcome, State
from sync.platforms.nexudus import Nexudus
from sync.simulator.nexudus_rest import CheckIn, SimulatedNexudusRest
from sync.simulator.server import Fault
from tests.fakes import MONDAY, FakeClock
from tests.lofts import jane, wait_for
from tests.rest_lofts import (
    DAY,
    EVERYTHING,
    HOUR,
    Lying,
    account,
    asked,
    entry,
    fetched,
    platform_at,
    rest_loft,
)

PATH = "/api/spaces/checkins"


@pytest.fixture
def rest() -> Iterator[SimulatedNexudusRest]:
    with account() as made:
        yield made


@pytest.fixture
def platform(rest: SimulatedNexudusRest, tmp_path: Path) -> Iterator[Nexudus]:
    made = platform_at(rest, tmp_path, **EVERYTHING)
    fetched(made)
    made.accepted()
    yield made
    made.close()


def told(rest: SimulatedNexudusRest) -> list[tuple[int, int, float, float | None]]:
    return [(c.coworker, c.business, c.since, c.to) for c in rest.account.check_ins]


def test_a_visit_is_told_with_its_times(rest: SimulatedNexudusRest, platform: Nexudus) -> None:
    late = entry(at=MONDAY - 3 * DAY, until=MONDAY - 3 * DAY + 8 * HOUR)
    assert platform.check_in(late) == Outcome(State.SENT, "checked in until 2026-01-02T18:00:00Z")
    assert told(rest) == [(9001, 501, MONDAY - 3 * DAY, MONDAY - 3 * DAY + 8 * HOUR)]
    assert rest.account.check_ins[0].system_id == late.uuid
    assert platform.capabilities.late_check_in is LateCheckIn.EXACT
    assert platform.capabilities.readable_check_ins


def test_a_visit_without_an_end_is_closed_all_the_same(
    rest: SimulatedNexudusRest, platform: Nexudus
) -> None:
    """Or she would look present for days."""
    platform.check_in(entry(until=None))
    assert told(rest) == [(9001, 501, MONDAY, MONDAY + 60)]


@pytest.mark.parametrize(
    ("since", "to", "business", "covers"),
    [
        (MONDAY - HOUR, MONDAY + HOUR, 501, True),
        (MONDAY - HOUR, None, 501, True),
        (MONDAY + 7 * HOUR, MONDAY + 9 * HOUR, 501, True),
        (MONDAY - 2 * HOUR, MONDAY - HOUR, 501, False),
        (MONDAY - 30 * HOUR, None, 501, False),
        (MONDAY + 9 * HOUR, None, 501, False),
        (MONDAY - HOUR, MONDAY + HOUR, 502, False),
    ],
)
def test_who_is_checked_in_is_not_checked_in_again(
    rest: SimulatedNexudusRest,
    platform: Nexudus,
    since: float,
    to: float | None,
    business: int,
    covers: bool,
) -> None:
    rest.account.check_ins.append(CheckIn(50, 9001, business, since, to))
    rest.account.check_ins.append(CheckIn(51, 9002, 501, MONDAY, None))
    assert platform.was_told(entry()) is covers
    outcome = platform.check_in(entry())
    assert outcome.state is State.SENT
    assert (outcome.message == "already checked in") is covers
    assert len(rest.account.check_ins) == (2 if covers else 3)


@pytest.mark.parametrize("keeps", [True, False])
def test_told_twice_is_told_once(
    rest: SimulatedNexudusRest, platform: Nexudus, keeps: bool
) -> None:
    """Whether or not Nexudus keeps the id that we gave it."""
    rest.keeps_system_ids = keeps
    for _ in range(3):
        assert platform.check_in(entry()).state is State.SENT
    assert len(told(rest)) == 1


@pytest.mark.parametrize(
    ("fault", "error", "maybe_sent", "made"),
    [
        (Fault("lose_answer"), Unavailable, True, 1),
        (Fault("truncate"), Unavailable, True, 1),
        (Fault("reset"), Unavailable, True, 1),
        (Fault("html"), BadReply, True, 0),
        (Fault("garbage"), BadReply, True, 0),
        (Fault("status", status=500), Unavailable, True, 0),
        (Fault("status", status=401), Unauthorized, False, 0),
        (Fault("status", status=429, retry_after=9), Unavailable, False, 0),
        (Fault("redirect"), BadReply, False, 0),
    ],
    ids=lambda value: f"{value.kind}{value.status}" if isinstance(value, Fault) else "",
)
def test_a_doubtful_answer_is_settled_by_reading(
    rest: SimulatedNexudusRest,
    platform: Nexudus,
    fault: Fault,
    error: type[DoorwardError],
    maybe_sent: bool,
    made: int,
) -> None:
    rest.fault = replace(fault, path=PATH, method="POST")
    with pytest.raises(error) as raised:
        platform.check_in(entry())
    assert getattr(raised.value, "maybe_sent", False) is maybe_sent
    rest.fault = None
    assert len(told(rest)) == made
    assert platform.was_told(entry()) is bool(made)
    platform.check_in(entry())
    assert len(told(rest)) == 1


def test_while_it_cannot_be_read_nothing_is_sent(
    rest: SimulatedNexudusRest, platform: Nexudus
) -> None:
    for fault in (Fault("status", status=500), Fault("garbage"), Fault("truncate")):
        rest.fault = replace(fault, path=PATH, method="GET")
        with pytest.raises((Unavailable, BadReply)) as raised:
            platform.check_in(entry())
        assert not getattr(raised.value, "maybe_sent", False)
    assert told(rest) == []


def test_nexudus_refuses_with_its_own_words(rest: SimulatedNexudusRest, platform: Nexudus) -> None:
    rest.refuses[9001] = "Customer has no\nvalid pass"
    assert platform.check_in(entry()) == Outcome(State.REFUSED, "Customer has no valid pass")
    del rest.account.coworkers[9001]
    outcome = platform.check_in(entry())
    assert outcome == Outcome(State.REFUSED, "Please check the fields CoworkerId is not valid")


@pytest.mark.parametrize("said", [None, "true", 1])
def test_a_success_that_says_nothing_is_in_doubt(tmp_path: Path, said: object) -> None:
    with account(kind=Lying) as rest:
        assert isinstance(rest, Lying)
        rest.path = PATH
        platform = platform_at(rest, tmp_path, **EVERYTHING)
        fetched(platform)
        platform.accepted()

        def lie(body: Any) -> None:
            if "WasSuccessful" in body:
                body["WasSuccessful"] = said

        type(rest).lie = staticmethod(lie)
        try:
            with pytest.raises(BadReply) as raised:
                platform.check_in(entry())
        finally:
            type(rest).lie = staticmethod(lambda _: None)
            platform.close()
    assert raised.value.maybe_sent


def test_check_ins_of_somebody_else_are_no_answer(tmp_path: Path) -> None:
    """As when a filter is not understood and everybody's are shown."""
    with account(kind=Lying) as rest:
        assert isinstance(rest, Lying)
        rest.path = PATH
        platform = platform_at(rest, tmp_path, **EVERYTHING)
        fetched(platform)
        platform.accepted()
        rest.account.check_ins.append(CheckIn(50, 9001, 501, MONDAY, None))
        type(rest).lie = staticmethod(lambda page: page["Records"][0].update(CoworkerId=9002))
        try:
            with pytest.raises(BadReply, match="CoworkerId"):
                platform.check_in(entry())
        finally:
            type(rest).lie = staticmethod(lambda _: None)
            platform.close()
    assert len(told(rest)) == 1


@pytest.mark.parametrize("person", ["stranger", "visitor:1"])
def test_whose_number_is_not_known_is_not_told(
    rest: SimulatedNexudusRest, platform: Nexudus, person: str
) -> None:
    outcome = platform.check_in(entry(person=person))
    assert outcome == Outcome(State.REFUSED, "Nexudus' number of this person is not known")
    with pytest.raises(BadReply):
        platform.was_told(entry(person=person))


def test_nobody_is_told_of_unless_the_operator_says_where(
    rest: SimulatedNexudusRest, tmp_path: Path
) -> None:
    platform = platform_at(rest, tmp_path)
    assert platform.capabilities.late_check_in is LateCheckIn.NONE
    fetched(platform)
    platform.accepted()
    assert platform.check_in(entry()).state is State.REFUSED
    platform.close()
    assert PATH not in asked(rest)


def test_an_entry_in_an_outage_of_days_is_told_with_its_own_times(tmp_path: Path) -> None:
    """From the scan at the door to the check-in at Nexudus, whose answer is lost the first time."""
    clock = FakeClock()
    with (
        account(clock) as rest,
        rest_loft(tmp_path, rest, clock, "check_in_at = 501") as space,
        Controller(load(tmp_path / "doorward.toml", devices=TABLES), clock) as controller,
    ):
        space.tell(jane(card="04A1B2C3", businesses=(501,), groups={501: {"main": None}}))
        rest.cut()
        front = controller.doors.working["front"]
        reader = front.parts.readers["main"][0]
        assert isinstance(reader, SimReader)
        reader.present("04A1B2C3")
        assert front.catch_up(5)
        assert front.last
        assert front.last[1].checks_in
        came = clock.wall()
        clock.advance(2 * DAY)
        with rest.lock:
            rest.fault = Fault("lose_answer", PATH, method="POST", times=1)
        rest.mend()

        def settled() -> bool:
            if space.office.lines["loft"].resting():  # left in peace for want of an answer
                clock.advance(60)
            return [row["state"] for row in space.cache.deliveries()] == ["sent"]

        wait_for(settled)
    four = 17 * HOUR  # the day ends at four in the morning, Berlin time
    assert told(rest) == [(9001, 501, int(came), MONDAY + four)]
