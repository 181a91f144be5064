"""Each platform over a rough network: the old roster stays, nothing is told twice or lost."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from controller.config import Config, load
from controller.errors import BadReply, DoorwardError, Unavailable
from controller.question import Question
from hw import TABLES
from sync.daemon import Daemon
from sync.deadline import within
from sync.platform import State
from sync.platforms import PLATFORMS
from sync.simulator.cobot import SimulatedCobot
from sync.simulator.hive import SimulatedHive
from sync.simulator.nexudus import SimulatedNexudus
from tests.hives import DOORS
from tests.houses import KEY, TOKEN, House, config_text, gym_user
from tests.lives import MovingClock
from tests.lofts import GROUPS_TOKEN, HARBOUR, WEBHOOK_TOKEN, jane, loft, wait_for
from tests.receivers import SECRET, Receiver
from tests.rest_lofts import EVERYTHING, account, entry, fetched, platform_at
from tests.rough import Rough, Way, holdings, settles

SHORT = 0.3  # seconds that something unanswered is waited for
MINUTE = 60.0
ADA, BEN, CLEO, DAN = "0000000017", "0000000018", "0BAD0001", "0BAD0002"
NOBODY_ANSWERS = (Way.REFUSED, Way.SILENT, Way.CUT, Way.LOST, Way.LATE, Way.TRICKLE)
BROKEN = (*NOBODY_ANSWERS, Way.TRUNCATED, Way.RESET)
ODD = (Way.CORRUPT, Way.PAGE, Way.LOGIN, Way.OTHER_JSON)
TARGET = """
[targets.program]
url = "{url}"
secret = {{ file = "secret" }}
events = ["*"]
allow_private = true
"""


class RoughHouse(House):
    """A house whose platforms, and a program that it tells, are behind rough lines."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.clock = MovingClock()
        self.cobot = SimulatedCobot(self.clock.wall, token=TOKEN)
        self.hive = SimulatedHive(self.clock, KEY, DOORS)
        self.lines: list[Rough] = []

    @property
    def way(self) -> Way:
        return self.lines[0].way

    @way.setter
    def way(self, way: Way) -> None:
        for line in self.lines:
            line.way = way

    def mended(self) -> None:
        """The network is back, and a minute goes by."""
        self.way = Way.THROUGH
        self.clock.advance(MINUTE)
        self.deliver()
        self.sync()
        self.deliver()

    def open(self, ends: ExitStack) -> None:
        self.program = ends.enter_context(Receiver())
        self._ends = ends
        super().open(ends)

    def _configured(self) -> Config:
        for url in (self.cobot.url, self.hive.url, self.program.url):
            self.lines.append(self._ends.enter_context(Rough(urlsplit(url).port or 0)))
        for name, text in (("cobot-token", TOKEN), ("hive-key", KEY), ("secret", SECRET)):
            (self.folder / name).write_text(text)
        cobot, hive, program = (line.url for line in self.lines)
        text = config_text(cobot, hive, gym=TARGET.format(url=f"{program}/lock_open"))
        (self.folder / "doorward.toml").write_text(text)
        return load(self.folder / "doorward.toml", TABLES, PLATFORMS)


@contextmanager
def rough_house(folder: Path) -> Iterator[RoughHouse]:
    with ExitStack() as ends:
        built = RoughHouse(folder)
        built.open(ends)
        yield built


@pytest.fixture
def place(tmp_path: Path) -> Iterator[RoughHouse]:
    """Ada and Cleo are known; Ben and Dan joined since."""
    with rough_house(tmp_path) as built:
        built.member("Ada", ADA)
        built.hive.put(gym_user(1, CLEO))
        built.sync()
        built.member("Ben", BEN)
        built.hive.put(gym_user(2, DAN))
        yield built


def failures(place: RoughHouse) -> list[DoorwardError]:
    """What comes of fetching each roster."""
    found = []
    for line in place.office.lines.values():
        with within(place.clock.monotonic() + SHORT), pytest.raises(DoorwardError) as caught:
            line.pull(lambda *_: None)
        found.append(caught.value)
    return found


def try_to_tell(place: RoughHouse) -> None:
    assert place.controller.journal.flush(5)
    for name in place.office.lines:
        with within(place.clock.monotonic() + SHORT):
            place.office.deliver(name)


@pytest.mark.parametrize("way", [*BROKEN, *ODD])
def test_a_fetch_that_fails_leaves_the_old_roster_in_force(place: RoughHouse, way: Way) -> None:
    place.way = way
    for error in failures(place):
        assert isinstance(error, Unavailable if way in BROKEN else (BadReply, Unavailable))
        assert "127.0.0.1" in str(error) or "stays in force" in str(error), "it says where"
        assert TOKEN not in str(error)
        assert KEY not in str(error)
    assert (place.scan("front", ADA), place.scan("gym", CLEO)) == ("granted", "granted")
    assert place.scan("front", BEN) == "denied_unknown_credential"
    place.mended()
    assert (place.scan("front", BEN), place.scan("gym", DAN)) == ("granted", "granted")


@pytest.mark.parametrize("way", [Way.DELAYED, Way.THROUGH])
def test_an_answer_that_takes_its_time_is_an_answer(place: RoughHouse, way: Way) -> None:
    place.way = way
    place.sync()
    assert (place.scan("front", BEN), place.scan("gym", DAN)) == ("granted", "granted")


@pytest.mark.parametrize("way", [*BROKEN, *ODD])
def test_no_check_in_is_told_twice_or_lost(place: RoughHouse, way: Way) -> None:
    assert (place.scan("front", ADA), place.scan("gym", CLEO)) == ("granted", "granted")
    place.way = way
    try_to_tell(place)
    place.mended()
    place.clock.advance(MINUTE)
    place.deliver()
    assert len(place.cobot.check_ins) == 1, "Cobot can be read, so no doubt is left"
    states = {row["platform"]: row["state"] for row in place.deliveries()}
    assert states["loft"] == "sent"
    assert states["gym"] in {"sent", "unknown"}
    told = [each.user_id for each in place.hive.entries]
    assert told == [1] or (states["gym"], told) == ("unknown", [])


def test_a_line_that_failed_at_telling_is_asked_for_news_once(place: RoughHouse) -> None:
    line = place.office.lines["loft"]
    place.way = Way.REFUSED
    assert place.scan("front", ADA) == "granted"
    try_to_tell(place)
    assert line.retry
    line.retry = False
    place.clock.advance(MINUTE)
    try_to_tell(place)
    assert not line.retry, "a fetch that worked would have let it be told again at once, for ever"
    place.mended()
    place.way = Way.REFUSED
    assert place.scan("front", BEN) == "granted"
    try_to_tell(place)
    assert line.retry, "another outage, other news"


def test_an_answer_that_is_awaited_when_syncd_stops_is_still_heard(place: RoughHouse) -> None:
    with Daemon(place.office):
        place.lines[1].delay = 0.5
        place.lines[1].way = Way.DELAYED
        assert place.scan("gym", CLEO) == "granted"
        wait_for(lambda: place.hive.entries)
    assert {row["state"] for row in place.deliveries()} == {"sent"}


def test_a_platform_may_ask_for_an_hour_and_not_for_years(place: RoughHouse) -> None:
    line = place.office.lines["loft"]
    line.failed(Unavailable("come again", retry_after=999_999_999.0))
    assert line.backoff.wait(place.clock.monotonic()) <= 3600


@pytest.mark.parametrize("way", [*BROKEN, *ODD])
def test_a_line_that_failed_rests_ever_longer_and_never_beyond_a_minute(
    place: RoughHouse, way: Way
) -> None:
    """A platform that answers, but not what is expected, is asked again at its regular time."""
    place.way = way
    rests = []
    for _ in range(7):
        failures(place)
        line = place.office.lines["loft"]
        rests.append(line.backoff.wait(place.clock.monotonic()))
        place.clock.advance(MINUTE)
        if way is Way.OTHER_JSON:
            assert not line.retry
            return
        assert not line.resting()
        if way is not Way.CORRUPT:
            assert line.retry
        place.way = way = Way.REFUSED  # the rest of them at once
    assert rests[-1] > 30
    assert max(rests) <= MINUTE - 9, "and a fetch has to fit into that minute"


@pytest.mark.parametrize("way", [*BROKEN, *ODD])
def test_who_waits_at_a_door_waits_for_one_deadline_once(place: RoughHouse, way: Way) -> None:
    place.way = way
    ask = place.office.live.ask
    (said,) = ask(Question("gym", f"32:{DAN}"), SHORT)[:1]
    assert said.word == "silent"
    before = place.lines[1].connections
    assert {each.word for each in ask(Question("gym", f"32:{DAN}"), SHORT)} == {"down"}
    assert place.lines[1].connections == before, "a line that is down is left alone"
    place.mended()
    answers = {each.platform: each.word for each in ask(Question("gym", f"32:{DAN}"), 20.0)}
    assert answers["gym"] == "known"


@pytest.mark.parametrize("way", [*BROKEN, *ODD])
def test_a_program_elsewhere_hears_of_everything_in_order(place: RoughHouse, way: Way) -> None:
    target = place.office.targets.all["program"]
    target.begin()
    place.way = way
    assert place.scan("front", ADA) == "granted"
    assert place.controller.journal.flush(5)
    with within(place.clock.monotonic() + SHORT):
        assert not target.tell()
    place.way = Way.THROUGH
    place.clock.advance(MINUTE)
    assert place.scan("gym", CLEO) == "granted"
    assert place.controller.journal.flush(5)
    while target.tell():
        pass
    assert not target.failure
    ids = [each["id"] for each in place.program.took]
    once = list(dict.fromkeys(ids))
    assert ids[-len(once) :] == once, "what came twice came first, with the same id"
    # A portal's 200 cannot be told from the program's own, where nothing is encrypted.
    assert once or way in {Way.PAGE, Way.OTHER_JSON}
    assert place.program.forged == 0


@pytest.mark.parametrize("way", [*BROKEN, *ODD])
def test_nothing_is_left_open_after_ten_failures(place: RoughHouse, way: Way) -> None:
    place.way = Way.REFUSED
    failures(place)
    files, threads = holdings()
    place.way = way
    for _ in range(2 if way in {Way.SILENT, Way.LATE, Way.TRICKLE} else 10):
        failures(place)
        place.clock.advance(MINUTE)
    place.way = Way.REFUSED
    failures(place)  # a connection kept for the next request is let go with it
    assert settles(lambda: holdings()[0], files) <= files
    assert settles(lambda: holdings()[1], threads) <= threads


def test_wi_fi_that_flaps_for_an_hour(place: RoughHouse) -> None:
    """Five seconds up, five down: everybody who came is told, once, and nothing is left open."""
    members = [place.member(f"Member {n}", f"{n:010}") for n in range(100, 112)]
    place.sync()
    assert place.scan("gym", CLEO) == "granted"
    place.deliver()  # what is read while telling is open from now on
    place.way = Way.REFUSED
    failures(place)
    files, _ = holdings()
    tries = 0
    for second in range(0, 3600, 5):
        place.way = Way.REFUSED if second % 10 else Way.THROUGH
        if second % 300 == 0:
            assert place.scan("front", f"{100 + second // 300:010}") == "granted"
        before = place.lines[0].connections
        assert place.controller.journal.flush(5)
        place.office.deliver("loft")
        line = place.office.lines["loft"]
        if second % 300 == 5 and not line.resting():
            with pytest.raises(Unavailable):
                line.pull(lambda *_: None)
        tries += place.lines[0].connections - before
        place.clock.advance(5)
    place.mended()
    told = sorted(each.member for each in place.cobot.check_ins)
    assert told == sorted(member.id for member in members)
    assert set(place.states()) == {"sent"}
    assert tries <= 100, "back-off, not one attempt a second"
    place.way = Way.REFUSED
    failures(place)
    kept = files + 2  # Cobot's other addresses keep a connection until they are asked again
    assert settles(lambda: holdings()[0], kept) <= kept


# Nexudus: asked over REST, and calling us


@pytest.mark.parametrize("way", [*BROKEN, *ODD])
def test_nexudus_is_told_once_and_asked_where_there_was_a_doubt(tmp_path: Path, way: Way) -> None:
    clock = MovingClock()
    with account(clock) as rest, Rough(urlsplit(rest.url).port or 0) as line:
        behind: Any = line
        with closing(platform_at(behind, tmp_path, clock=clock, **EVERYTHING)) as nexudus:
            fetched(nexudus)
            nexudus.accepted()
            line.way = way
            with within(clock.monotonic() + SHORT), pytest.raises((Unavailable, BadReply)):
                fetched(nexudus)
            with within(clock.monotonic() + SHORT), pytest.raises(DoorwardError) as caught:
                nexudus.check_in(entry())
            line.way = Way.THROUGH
            arrived = bool(rest.account.check_ins)
            doubt = getattr(caught.value, "maybe_sent", False)
            assert doubt or not arrived, "what may have arrived is never called not sent"
            if not doubt or not nexudus.was_told(entry()):
                assert nexudus.check_in(entry()).state is State.SENT
            assert len(rest.account.check_ins) == 1


@pytest.mark.parametrize("way", [*BROKEN, *ODD])
def test_what_nexudus_tells_over_a_rough_line_is_in_force_once_it_tells_again(
    tmp_path: Path, way: Way
) -> None:
    with loft(tmp_path) as space, Rough(urlsplit(space.url).port or 0) as line:
        sender = SimulatedNexudus(
            space.clock,
            f"{line.url}/nexudus/loft",
            webhook_token=WEBHOOK_TOKEN,
            groups_token=GROUPS_TOKEN,
        )
        message = sender.message(jane(card="04A1B2C3", groups={501: {"main": None}}), HARBOUR)
        if way not in {Way.SILENT, Way.LATE, Way.TRICKLE}:  # the sender would wait for long
            line.way = way
            with suppress(ValueError):  # the sender can make nothing of the answer
                sender.deliver(message)
        line.way = Way.THROUGH
        space.clock.advance(1)
        assert sender.deliver(message).status == 200
        space.settle()
        assert space.labels() == ["group:main"]
        assert len(space.cache.people("Jane")) == 1


def test_callers_that_break_off_leave_nothing_open(tmp_path: Path) -> None:
    with loft(tmp_path) as space, Rough(urlsplit(space.url).port or 0) as line:
        sender = SimulatedNexudus(
            space.clock, f"{line.url}/nexudus/loft", webhook_token=WEBHOOK_TOKEN
        )
        message = sender.message(jane(), HARBOUR)
        sender.deliver(message)
        files, _ = holdings()
        for way in (Way.CUT, Way.LOST, Way.TRUNCATED, Way.RESET) * 5:
            line.way = way
            sender.deliver(message)
        line.way = Way.THROUGH
        assert settles(lambda: holdings()[0], files) <= files
