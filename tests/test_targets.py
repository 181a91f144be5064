"""Stories of programs elsewhere that are told what happens: webhooks out, over real HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from controller.config import load
from controller.event_names import NAMES, kinds_of, name_of
from controller.model import Event, Kind
from sync.desk_targets import Positions
from sync.office import Office
from sync.platforms import PLATFORMS
from tests.halls import Said, doorward
from tests.locks import TARGET, LockSystem, ada, lock_system, write_site
from tests.lofts import wait_for
from tests.receivers import SECRET, Receiver
from tests.worlds import DAY

HOUR = 3600.0
ALL = 'events = ["*"]\n'
GRANTED = {"reason": "granted", "platform": "smartlock", "person": "m-7", "name": "Ada"}


@pytest.fixture
def program() -> Iterator[Receiver]:
    with Receiver() as built:
        yield built


@pytest.fixture
def site(tmp_path: Path, program: Receiver) -> Iterator[LockSystem]:
    """Doors whose every event is told, and where everything so far was."""
    with lock_system(tmp_path, TARGET.format(url=program.url) + ALL) as built:
        caught_up(built)
        program.took.clear()
        yield built


def caught_up(site: LockSystem) -> None:
    site.settle()
    wait_for(lambda: [each["behind"] for each in lags(site)] == [0] * len(lags(site)))


def lags(site: LockSystem) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.sync("targets")["targets"]
    return found


def do(site: LockSystem, *words: str) -> Said:
    return doorward(site.config.path, *words)


def test_what_happens_is_told_in_order_and_signed(site: LockSystem, program: Receiver) -> None:
    site.ask("PUT", "/users/m-7", ada())
    wait_for(lambda: site.person("m-7"))
    site.scan("04A1B2C3")
    site.scan("0BADCAFE")
    site.ask("POST", "/doors/front/open", {})
    site.happens(kind="door_forced")
    told = program.wait_for(4)
    assert [each["kind"] for each in told] == [
        *("lock_opened", "access_denied", "lock_opened_by_hand", "door_forced"),
    ]
    opened, _, by_hand, _ = told
    assert opened["user"] == {"id": "m-7", "name": "Ada Ruiz", "platform": "smartlock"}
    assert opened["door"] == {"id": "front", "name": "Front door"}
    assert by_hand["author"].startswith("api token cobot, through ")
    assert told == site.ask("GET", "/events?limit=1000").body["events"][-4:]
    assert (program.asked, program.forged) == (4, 0)


def test_only_what_was_asked_for_is_told(tmp_path: Path, program: Receiver) -> None:
    with lock_system(tmp_path, TARGET.format(url=program.url)) as site:
        caught_up(site)
        for kind in ("door_opened", "door_forced", "door_closed", "door_held_open"):
            site.happens(kind=kind)
        site.happens(**GRANTED)
        program.wait_for(3)
        caught_up(site)
        assert program.kinds() == ["door_forced", "door_held_open", "lock_opened"]


def test_a_target_that_is_new_hears_of_nothing_old(tmp_path: Path, program: Receiver) -> None:
    with lock_system(tmp_path) as site:
        site.happens(**GRANTED)
    more = TARGET.format(url=program.url) + ALL
    with lock_system(tmp_path, more) as site:
        caught_up(site)
        site.happens(kind="door_forced")
        wait_for(lambda: "door_forced" in program.kinds())
        assert not {"lock_opened"} & {*program.kinds()}


def test_down_for_long_it_is_told_of_everything_once_it_is_back(
    site: LockSystem, program: Receiver
) -> None:
    program.status = 500
    for n in range(30):
        site.happens(**GRANTED | {"person": f"m-{n}"})
    program.wait_asked(1)
    (lag,) = wait_until_failing(site)
    assert "answered 500 instead of 2xx" in lag["failure"]
    site.clock.advance(3 * DAY)
    program.wait_asked(2)
    wait_for(lambda: lags(site)[0]["next_try_s"] > 0)
    program.status = 204
    site.clock.advance(3 * DAY)
    told = program.wait_for(30)
    assert [each["user"]["id"] for each in told] == [f"m-{n}" for n in range(30)]
    assert len({each["id"] for each in told}) == 30


def wait_until_failing(site: LockSystem) -> list[dict[str, Any]]:
    wait_for(lambda: lags(site)[0]["failure"])
    return lags(site)


def test_it_is_left_in_peace_as_long_as_it_asks(site: LockSystem, program: Receiver) -> None:
    program.status, program.headers = 503, {"Retry-After": "1800"}
    site.happens(**GRANTED)
    program.wait_asked(1)
    (lag,) = wait_until_failing(site)
    assert lag["next_try_s"] > 1700
    program.headers = {"Retry-After": "soon, or never"}
    site.clock.advance(1801)
    program.wait_asked(2)
    wait_for(lambda: 0 < lags(site)[0]["next_try_s"] < 100)


def test_a_restart_tells_nothing_twice_and_skips_nothing(
    site: LockSystem, program: Receiver
) -> None:
    site.happens(kind="door_opened")
    program.wait_for(1)
    caught_up(site)
    site.close_syncd()
    site.happens(kind="door_forced")
    site.open_syncd()
    program.wait_for(2)
    caught_up(site)
    assert program.kinds() == ["door_opened", "door_forced"]


def test_what_was_pruned_meanwhile_is_told_as_a_gap(site: LockSystem, program: Receiver) -> None:
    program.status = 500
    site.happens(**GRANTED)
    program.wait_asked(1)
    (first,) = site.ask("GET", "/events?kind=lock_opened").body["events"]
    site.happens(kind="door_opened")
    site.clock.advance(500 * DAY)
    site.happens(kind="door_forced")
    wait_until_failing(site)
    while site.controller.journal.prune(site.clock.wall() - HOUR, 1 << 40):
        pass
    program.status = 204
    site.clock.advance(HOUR)
    lost, forced = program.wait_for(2)
    number = int(first["cursor"].split(".")[1])
    assert (lost["kind"], lost["detail"]) == ("events_lost", {"first": number, "last": number + 1})
    assert forced["kind"] == "door_forced"
    assert "removed from the journal" in lost["reason"]


def test_another_journal_is_told_as_a_gap(site: LockSystem, program: Receiver) -> None:
    assert site.office.desk
    positions = Positions(site.office.desk)
    at = positions.of("cobot")
    assert at
    positions.put("cobot", at._replace(chain="feedbeef"))
    site.happens(kind="door_forced")
    wait_for(lambda: "door_forced" in program.kinds())
    lost, first, *_ = program.kinds()
    assert (lost, first) == ("events_lost", "controller_started"), "told from its beginning"
    caught_up(site)
    before = len(program.took)
    positions.put("cobot", at._replace(seq=10_000))
    site.happens(kind="door_closed")
    assert [each["kind"] for each in program.wait_for(before + 1)[before:]] == ["events_lost"]


def test_a_dead_target_delays_nobody(tmp_path: Path, program: Receiver) -> None:
    with ExitStack() as ends:
        mute = ends.enter_context(Receiver())
        mute.mute = True
        slow = TARGET.format(url=mute.url).replace("targets.cobot", "targets.slow")
        more = TARGET.format(url=program.url) + ALL + slow + ALL
        site = ends.enter_context(lock_system(tmp_path, more))
        site.happens(kind="door_forced")
        mute.wait_asked(1)
        site.happens(kind="door_held_open")
        wait_for(lambda: "door_held_open" in program.kinds())
        site.ask("PUT", "/users/m-7", ada())
        wait_for(lambda: site.scan("04A1B2C3") == "granted")


def test_a_redirect_is_not_followed(site: LockSystem, program: Receiver) -> None:
    with Receiver() as elsewhere:
        program.status, program.headers = 307, {"Location": elsewhere.url}
        site.happens(kind="door_forced")
        (lag,) = wait_until_failing(site)
        assert "answered 307 instead of 2xx" in lag["failure"]
        assert elsewhere.asked == 0


# What staff do


def test_targets_are_listed_tested_and_skipped(site: LockSystem, program: Receiver) -> None:
    told = do(site, "targets")
    assert (told.code, "0 events" in told.out, program.url in told.out) == (0, True, True)
    assert do(site, "targets", "test", "cobot").out == "cobot took it (204)\n"
    assert program.kinds() == ["test"]
    program.status = 500
    for _ in range(3):
        site.happens(kind="door_forced")
    wait_until_failing(site)
    told = do(site, "targets")
    assert (told.code, "3 events" in told.out, "tried again in" in told.out) == (1, True, True)
    assert do(site, "targets", "--json").json[0]["behind"] == 3
    status = do(site, "status")
    assert "target cobot is not told what happens: POST http" in status.out
    failed = do(site, "targets", "test", "cobot")
    assert (failed.code, "answered 500" in failed.err) == (9, True)
    assert do(site, "targets", "skip", "cobot", "--yes").out == "cobot is not told of 3 events\n"
    program.status = 204
    site.clock.advance(HOUR)
    site.happens(kind="door_opened")
    program.wait_for(2)
    caught_up(site)
    assert program.kinds() == ["test", "door_opened"]
    wrong = do(site, "targets", "test", "attic")
    assert (wrong.code, "there are: cobot" in wrong.err) == (3, True)


def test_a_target_without_its_secret_is_not_told_and_spoils_nothing(tmp_path: Path) -> None:
    with lock_system(tmp_path) as site:
        site.close_syncd()
        path = write_site(tmp_path, TARGET.format(url="http://127.0.0.1:9/"))
        for secret, words in (("short", "openssl rand -hex 32"), (None, "no such secret file")):
            (tmp_path / "secret").unlink()
            if secret:
                (tmp_path / "secret").write_text(secret)
            config = load(path, platforms=PLATFORMS)
            with closing(Office(config, threading.Event(), site.clock)) as office:
                assert words in office.targets.broken["cobot"]
            told = doorward(path, "targets")
            assert (told.code, words in told.out) == (1, True)
            told = doorward(path, "targets", "test", "cobot")
            assert (told.code, words in told.err) == (3, True)
            (tmp_path / "secret").touch()
        site.open_syncd()


def test_without_targets_there_is_nothing_to_list(tmp_path: Path) -> None:
    with lock_system(tmp_path) as site:
        told = do(site, "targets")
        assert (told.code, told.out, "no target" in told.err) == (0, "", True)


def test_one_that_is_no_longer_configured_begins_anew(tmp_path: Path, program: Receiver) -> None:
    with lock_system(tmp_path, TARGET.format(url=program.url)) as site:
        caught_up(site)
        wait_for(lambda: site.office.desk and Positions(site.office.desk).of("cobot"))
        site.close_syncd()
        config = load(write_site(tmp_path), platforms=PLATFORMS)
        with closing(Office(config, threading.Event(), site.clock)) as office:
            assert office.desk
            assert Positions(office.desk).of("cobot") is None
        site.open_syncd()


def test_every_kind_has_a_name_and_back() -> None:
    for kind in Kind:
        for reason in ("granted", "denied_unknown_credential"):
            name = name_of(Event(kind, reason=reason))
            assert name in NAMES
            assert kinds_of([name]) == (kind,)
    document = (Path(__file__).parent.parent / "docs" / "api.md").read_text()
    assert [name for name in NAMES if f"`{name}`" not in document] == []


def test_no_secret_is_told(site: LockSystem, program: Receiver, caplog: Any) -> None:
    site.ask("PUT", "/users/m-7", ada(pin="864213"))
    wait_for(lambda: site.scan("04A1B2C3") == "granted")
    program.status = 500
    site.happens(kind="door_forced")
    wait_until_failing(site)
    written = json.dumps(program.took) + json.dumps(lags(site)) + caplog.text
    for secret in ("04A1B2C3", "864213", SECRET):
        assert secret not in written
