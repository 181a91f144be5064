"""Clocks that leap, that nobody vouches for, that change to summer time, and that pass 2037."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from controller.door import Settings
from controller.journal_read import JournalReader, newest_wall
from controller.model import Grant, Kind, Opening, Person, Trust
from sync.event_words import event_words
from sync.simulator.hive import Membership, User
from sync.simulator.server import Fault
from tests.fakes import MONDAY, FakeClock
from tests.halls import doorward
from tests.houses import TEN_DAYS, House, gym_user, house
from tests.kernels import Judged, Kernel
from tests.rigs import people, rig
from tests.test_daemon import Once
from tests.worlds import BERLIN, DAY, HOUR, at, span

ADA, BEN, CLEO, GUS = "0000000017", "0000000018", "0000000019", "0BADCAFE"
YEAR = 365 * DAY
LEAPS = [-YEAR, YEAR]
END_OF_32_BITS = 2.0**31


def look_after(place: House) -> None:
    """A turn of the controller's own thread: steps, signs of life, pruning."""
    place.controller.serve(Once())
    for thread in threading.enumerate():
        if thread.name == "prune":
            thread.join()


def intact(place: House) -> bool:
    reader = JournalReader(place.config.data / "journal.db")
    try:
        return reader.verify().broken_at is None
    finally:
        reader.close()


@pytest.mark.parametrize("leap", LEAPS)
def test_a_leap_and_back_costs_nobody_a_pass_or_a_visit(tmp_path: Path, leap: float) -> None:
    with house(tmp_path, loft='late = "push"') as place:
        ben = place.member("Ben Okri", BEN, TEN_DAYS, passes=3)
        place.sync()
        look_after(place)
        assert place.scan("front", BEN) == "granted"
        place.clock.step(leap)
        look_after(place)
        assert place.scan("front", BEN) == "granted", "another day, a second pass"
        place.clock.step(-leap)
        look_after(place)
        assert place.scan("front", BEN) == "granted", "his visit goes on"
        place.deliver()
        assert [stay.member for stay in place.cobot.check_ins] == [ben.id], "charged once there"
        assert place.states() == {"sent": 2}
        steps = [e.event.detail for e in place.events(Kind.CLOCK_STEPPED)]
        assert steps == [{"seconds": leap}, {"seconds": -leap}]
        assert intact(place)


@pytest.mark.parametrize("leap", LEAPS)
def test_no_leap_looks_like_a_door_that_hangs(tmp_path: Path, leap: float) -> None:
    with house(tmp_path) as place:
        place.clock.step(leap)
        assert place.controller.doors.stuck(1.0) == []
        place.clock.advance(2)
        assert place.controller.doors.stuck(1.0), "unlike time that really passes"


@pytest.mark.parametrize("leap", LEAPS)
def test_check_ins_are_told_in_the_order_in_which_they_happened(
    tmp_path: Path, leap: float
) -> None:
    with house(tmp_path, loft='late = "push"') as place:
        members = [place.member(f"Member {card}", card) for card in (ADA, BEN, CLEO)]
        place.sync()
        place.cobot.cut()
        assert place.scan("front", ADA) == "granted"
        place.clock.step(leap)
        assert place.scan("front", BEN) == "granted"
        place.deliver()
        place.clock.step(-leap)
        assert place.scan("front", CLEO) == "granted"
        place.cobot.mend()
        place.clock.advance(61)
        place.deliver()
        assert [stay.member for stay in place.cobot.check_ins] == [m.id for m in members]
        assert place.states() == {"sent": 3}


def test_a_leap_onwards_deletes_no_history(tmp_path: Path) -> None:
    with house(tmp_path, loft='late = "push"') as place:
        place.member("Ada Ruiz", ADA)
        place.sync()
        place.scan("front", ADA)
        look_after(place)
        place.clock.step(2 * YEAR)
        place.clock.advance(HOUR)
        look_after(place)
        assert place.events(Kind.ACCESS), "whoever set the clock may set it back"
        place.deliver()
        for _ in range(2):
            place.clock.advance(1.1 * DAY)
            look_after(place)
        assert place.events(Kind.ACCESS) == [], "a day later it is believed"


@pytest.mark.parametrize("step", [-2 * HOUR, 2 * HOUR])
def test_a_time_server_steps_the_clock_at_three_in_the_morning(tmp_path: Path, step: float) -> None:
    """Across the turn of Cobot's day, which is at four."""
    with house(tmp_path, FakeClock(at("2026-01-06 03:00"))) as place:
        place.member("Ben Okri", BEN, TEN_DAYS, passes=2)
        place.sync()
        look_after(place)
        assert place.scan("front", BEN) == "granted"
        assert place.scan("front", BEN) == "granted", "the same visit"
        place.clock.step(step)
        look_after(place)
        assert place.scan("front", BEN) == "granted"
        used = {e.event.pass_key for e in place.events(Kind.ACCESS)} - {""}
        assert len(used) == 2, "by the clock a new day, or none of his visits yet"
        place.clock.step(-step)
        assert place.scan("front", BEN) == "granted", "both are used up, and his visit goes on"
        assert intact(place)


@contextmanager
def judged(folder: Path, kernel: Kernel) -> Iterator[House]:
    run, kept = folder / "run", folder / "data" / "journal.db"
    run.mkdir(parents=True, exist_ok=True)
    clock = Judged(kernel, run, lambda: newest_wall(kept))
    with house(folder, clock) as place:
        yield place


def test_nine_hours_and_a_week_without_a_time_server_refuse_nobody(tmp_path: Path) -> None:
    kernel = Kernel(unsynchronised=False)
    with judged(tmp_path, kernel) as place:
        place.hive.put(gym_user(7, GUS))
        place.sync()
        assert place.scan("gym", GUS) == "granted"
        kernel.is_unsynchronised = True  # as the kernel says 8.9 hours after the last contact
        for hours in (9, 24 * 7):
            place.clock.advance(hours * HOUR)
            assert place.scan("gym", GUS) == "granted"
        assert {e.trust for e in place.events(Kind.ACCESS)} == {Trust.SYNCHRONIZED, Trust.HELD}


def test_a_leap_by_hand_in_an_outage_changes_nothing_at_the_door(tmp_path: Path) -> None:
    kernel = Kernel(unsynchronised=False)
    with judged(tmp_path, kernel) as place:
        ends = int(MONDAY + 30 * DAY)
        user = User(7, "Gus", "", GUS, memberships=(Membership(7, 1, ends),))
        place.hive.put(user)
        place.sync()
        for leap in (YEAR, -2 * YEAR):
            kernel.set_by_hand(leap)
            look_after(place)
            assert place.scan("gym", GUS) == "granted"
        kernel.pass_by(31 * DAY + 72 * HOUR)
        assert place.scan("gym", GUS) != "granted", "though the machine says that it is last year"
        assert not place.events(Kind.CLOCK_STEPPED), "ours was not"


def test_a_start_without_rtc_and_network_after_a_power_cut(tmp_path: Path) -> None:
    with judged(tmp_path, Kernel(unsynchronised=False)) as place:
        place.member("Ada Ruiz", ADA)
        place.hive.put(gym_user(7, GUS))
        place.sync()
        assert place.scan("gym", GUS) == "granted"
    for each in (tmp_path / "run").iterdir():  # it is no more after a boot
        each.unlink()
    too_early = Kernel(unsynchronised=True)  # the time that was saved last
    too_early.clock.step(-HOUR)
    with judged(tmp_path, too_early) as place:
        assert place.clock.trust() is Trust.GUESSED
        assert place.clock.wall() >= MONDAY
        assert place.scan("front", ADA) == "granted", "whatever the time is, she may come in"
        assert place.scan("gym", GUS) == "denied_clock_untrusted"
        too_early.ntp(5 * HOUR)
        assert place.scan("gym", GUS) == "granted"
        look_after(place)
        (step,) = place.events(Kind.CLOCK_STEPPED)
        assert step.event.detail
        assert 3 * HOUR < step.event.detail["seconds"] < 5 * HOUR
        assert intact(place)


@contextmanager
def two_days_later(tmp_path: Path, fault: str = "") -> Iterator[tuple[House, Kernel]]:
    """Ada comes in and Cobot is not told; the power is cut; the clock goes on where it stopped."""
    with judged(tmp_path, Kernel(unsynchronised=False)) as place:
        place.member("Ada Ruiz", ADA)
        place.sync()
        assert place.scan("front", ADA) == "granted"
        if fault:
            place.cobot.fault = Fault("reset", "work_sessions", method="POST")
        else:
            place.cobot.cut()
        place.deliver()
        assert place.states() == {"pending": 1}
    for each in (tmp_path / "run").iterdir():
        each.unlink()
    kernel = Kernel(unsynchronised=True)
    with judged(tmp_path, kernel) as again:
        yield again, kernel


def test_check_ins_wait_for_the_time_after_a_power_cut(tmp_path: Path) -> None:
    with two_days_later(tmp_path) as (place, kernel):
        place.deliver()
        assert place.states() == {"pending": 1}, "by the guess her visit still goes on"
        kernel.ntp(2 * DAY)
        place.deliver()
        assert place.states() == {"late": 1}
        assert place.cobot.check_ins == []


def test_but_not_for_ever(tmp_path: Path) -> None:
    with two_days_later(tmp_path) as (place, _):
        place.clock.advance(599)
        place.deliver()
        assert place.states() == {"pending": 1}
        place.clock.advance(1)
        place.deliver()
        assert place.states() == {"refused": 1}, "the new Cobot of this house knows nobody"


def test_what_is_in_doubt_is_never_sent_again_by_a_guess(tmp_path: Path) -> None:
    with two_days_later(tmp_path, fault="reset") as (place, _):
        place.clock.advance(600)
        place.deliver()
        assert place.states() == {"unknown": 1}
        (row,) = place.deliveries()
        assert "guess" in row["message"]


CHANGES = [  # zone, the night, by how many minutes it is shorter
    ("Europe/Berlin", "2026-03-29", 60),
    ("Europe/Berlin", "2026-10-25", -60),
    ("America/New_York", "2026-03-08", 60),
    ("America/New_York", "2026-11-01", -60),
    ("Australia/Lord_Howe", "2026-10-04", 30),
    ("Australia/Lord_Howe", "2026-04-05", -30),
    ("Europe/Berlin", "2040-03-25", 60),
    ("America/New_York", "2040-11-04", -60),
    ("Australia/Lord_Howe", "2040-10-07", 30),
]


@pytest.mark.parametrize(("zone", "night", "shorter"), CHANGES)
def test_a_door_and_a_member_through_the_night_of_the_change(
    tmp_path: Path, zone: str, night: str, shorter: int
) -> None:
    """Hours from 0:30 to 3:29 by the clock on the wall, which somebody there reads."""
    there, hours = ZoneInfo(zone), span("0:30-3:29")
    settings = Settings("Front", openings=(Opening(hours),), zone=there)
    with rig(tmp_path, settings=settings, clock=FakeClock(at(f"{night} 00:00", there))) as front:
        minutes = 0
        while (local := datetime.fromtimestamp(front.clock.wall(), there)).hour < 5:
            front.settle()
            inside = "00:30" <= f"{local:%H:%M}" <= "03:29"
            assert front.lock.released is inside, f"{local:%H:%M %z}"
            minutes += 10 * inside
            front.clock.advance(600)
        assert minutes == 180 - shorter


@pytest.mark.parametrize(("zone", "night", "shorter"), CHANGES)
def test_a_relay_and_a_lockout_take_no_notice_of_the_change(
    tmp_path: Path, zone: str, night: str, shorter: int
) -> None:
    there = ZoneInfo(zone)
    change = at(f"{night} 00:00", there)
    while (
        datetime.fromtimestamp(change, there).utcoffset()
        == datetime.fromtimestamp(change + 60, there).utcoffset()
    ):
        change += 60
    with rig(tmp_path, clock=FakeClock(change + 58)) as front:
        member = Person("cobot", "ada", "Ada")
        people(tmp_path, front.clock, (member, "32:04A1B2C3", Grant("plan:flex")))
        front.scan("04A1B2C3")
        for seconds in range(4):
            assert front.lock.released, f"{seconds} s"
            front.wait(1)
        front.wait(2)
        assert not front.lock.released
        before, after = (
            datetime.fromtimestamp(each, there).utcoffset() or timedelta()
            for each in (change, change + 60)
        )
        assert after - before == timedelta(minutes=shorter)


@pytest.mark.parametrize(
    "eve",
    [
        at("2037-12-31 23:59"),
        END_OF_32_BITS - 60,
        2.0**32 - 60,  # 2106
        at("2040-10-28 02:30", BERLIN, fold=1),  # beyond the zone files' own tables
    ],
)
def test_beyond_2037(tmp_path: Path, eve: float) -> None:
    with house(tmp_path, FakeClock(eve)) as place:
        ada = place.member("Ada Ruiz", ADA)
        place.member("Ben Okri", BEN, TEN_DAYS, passes=1)
        far = int(eve + 2 * YEAR)
        place.hive.put(User(7, "Gus", "", GUS, memberships=(Membership(7, 1, far),)))
        place.sync()
        assert place.scan("front", ADA) == "granted"
        place.clock.advance(120)  # across
        look_after(place)
        assert place.scan("front", ADA) == "granted"
        assert place.scan("front", BEN) == "granted"
        assert place.scan("gym", GUS) == "granted"
        place.deliver()
        assert place.states() == {"sent": 3}
        assert place.cobot.check_ins[0].member == ada.id
        place.sync()
        assert not place.events(Kind.CLOCK_STEPPED)
        first, *_, last = place.events(Kind.ACCESS)
        assert eve <= first.wall < eve + 60 < last.wall < eve + 150
        told = json.loads(json.dumps(event_words(last, "", {})))
        assert datetime.fromisoformat(told["time"]).timestamp() == pytest.approx(
            last.wall, abs=0.01
        )
        assert first.event.visit_until
        assert datetime.fromtimestamp(first.event.visit_until, BERLIN).hour == 4
        place.clock.advance(3 * YEAR)
        assert place.scan("gym", GUS) == "denied_credential_expired"
        assert intact(place)


def test_status_says_what_the_clock_is_worth(tmp_path: Path) -> None:
    kernel = Kernel(unsynchronised=False)
    with judged(tmp_path, kernel) as place:
        assert "synchronized: a time server keeps it" in status(place)
        kernel.is_unsynchronised = True
        place.clock.advance(9 * HOUR)
        said = status(place)
        assert "held: a time server kept it earlier in this boot" in said
        assert "was set" not in said
        kernel.set_by_hand(YEAR)
        assert "was set on by 365 d, and neither a time server nor" in status(place)
        assert f"{datetime.fromtimestamp(MONDAY, BERLIN):%Y-%m-%d}" in status(place)
        kernel.set_by_hand(-2 * YEAR)
        assert "was set back by 365 d" in status(place)


def status(place: House) -> str:
    """What `doorward status` prints, while `syncd` does not run."""
    done = doorward(place.config.path, "status")
    assert done.code == 1, done.err
    return " ".join(done.out.split())
