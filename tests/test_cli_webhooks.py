"""`doorward webhooks`, and what `syncd` sees to by itself: our orders at Cobot, and only ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.simulator.cobot import SimulatedCobot
from sync.simulator.server import Fault
from tests.callers import ADA, Called, called, free_port, write_site
from tests.fakes import FakeClock
from tests.halls import Said, doorward
from tests.houses import TOKEN
from tests.lofts import wait_for

BASIC = 13  # events that are wanted in any case
WANTED = BASIC + 2 + 3  # with tokens and rooms
FOREIGN = "https://zapier.example/hooks/1"


class Site:
    """A configured machine on which nothing runs, and its Cobot."""

    def __init__(self, folder: Path, cobot: SimulatedCobot, more: str = "") -> None:
        self.cobot = cobot
        self.port = free_port()
        self.path = write_site(folder, cobot.url, self.port, more)

    def do(self, *words: str) -> Said:
        return doorward(self.path, "webhooks", *words)

    def ours(self) -> dict[str, bool]:
        """Events that Cobot is to call us for, and whether it will."""
        here = f"http://127.0.0.1:{self.port}/"
        with self.cobot.lock:
            found = self.cobot.calls.subscriptions
            return {s.event: s.active for s in found if s.callback_url.startswith(here)}

    def edit(self, old: str, new: str) -> None:
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with SimulatedCobot(FakeClock().wall, token=TOKEN) as cobot:
        yield Site(tmp_path, cobot)


def test_install_list_and_remove(site: Site) -> None:
    listed = site.do("list")
    assert listed.code == 1
    assert listed.out.count("missing") == WANTED
    told = site.do("install")
    assert (told.code, told.err) == (0, "")
    first, ordered = told.out.splitlines()
    assert first == f"harbour: calls http://127.0.0.1:{site.port}/cobot/harbour/****"
    assert ordered.startswith("  ordered: confirmed_membership, ")
    assert list(site.ours().values()) == [True] * WANTED
    again = site.do("install", "harbour")
    assert again.code == 0
    assert "in order before: confirmed_membership" in again.out
    assert "ordered:" not in again.out
    listed = site.do("list")
    assert (listed.code, listed.out.count(" active")) == (0, WANTED)
    removed = site.do("remove")
    assert (removed.code, removed.out) == (0, f"harbour: {WANTED} orders taken away\n")
    assert "take webhook_url out" in removed.err
    assert site.ours() == {}
    assert site.do("remove").out == "harbour: 0 orders taken away\n"


def test_only_the_events_that_matter_here(site: Site) -> None:
    site.edit("bookings = true", "")
    site.edit('"tokens"', '"field:Card"')
    site.do("install")
    assert len(site.ours()) == BASIC + 1
    assert "updated_custom_field" in site.ours()


def test_those_of_others_are_never_touched(site: Site) -> None:
    here = f"http://127.0.0.1:{site.port}"
    others = (
        FOREIGN,
        f"{here}1/cobot/harbour/x",
        f"{here}/cobot/harbour2/x",
        f"{here}/hive/harbour/x",
    )
    with site.cobot.lock:
        for other in others:
            site.cobot.calls.subscribe("confirmed_membership", other)
        site.cobot.calls.subscriptions[0].active = False
    for act in ("install", "list", "install", "remove"):
        site.do(act)
        with site.cobot.lock:
            left = [s.callback_url for s in site.cobot.calls.subscriptions]
        assert left[: len(others)] == list(others)
    assert len(left) == len(others)


def test_given_up_stale_and_doubled_ones_are_put_right(site: Site) -> None:
    site.do("install")
    old = f"http://127.0.0.1:{site.port}/cobot/harbour/an-old-secret"
    with site.cobot.lock:
        site.cobot.calls.subscriptions[3].active = False
        site.cobot.calls.subscribe("confirmed_membership", old)
        site.cobot.calls.subscribe("created_invoice", old)
        given_up = site.cobot.calls.subscriptions[3].event
    listed = site.do("list", "--json")
    assert listed.code == 1
    standings = [each["standing"] for each in listed.json[0]["webhooks"]]
    assert (standings.count("inactive"), standings.count("stale")) == (1, 2)
    done = site.do("install", "--json")
    (report,) = done.json
    assert done.code == 0
    assert report["renewed"] == [given_up]
    assert report["removed"] == ["confirmed_membership", "created_invoice"]
    assert len(report["kept"]) == WANTED - 1
    assert report["created"] == []
    assert site.do("list").code == 0


def test_one_that_is_there_and_not_listed_is_as_good(site: Site) -> None:
    """Cobot lists those of one user and application; the same order may be another's."""
    site.cobot.fault = Fault("status", "/api/subscriptions", method="POST", status=409)
    done = site.do("install", "--json")
    assert done.code == 0
    assert len(done.json[0]["kept"]) == WANTED


def test_an_event_that_cobot_does_not_know_costs_that_event(site: Site) -> None:
    site.cobot.fault = Fault("status", "/api/subscriptions", method="POST", status=422, times=1)
    told = site.do("install")
    assert told.code == 1
    assert "REFUSED: confirmed_membership: simulated fault" in told.err
    assert len(site.ours()) == WANTED - 1


@pytest.mark.parametrize(("status", "code"), [(403, 6), (500, 9), (404, 10)])
def test_the_exit_code_says_who_must_act(site: Site, status: int, code: int) -> None:
    site.cobot.fault = Fault("status", "/api/subscriptions", status=status)
    for act in ("install", "list", "remove"):
        told = site.do(act)
        assert (told.code, told.out) == (code, "")
        assert told.err.startswith("harbour: FAILED: ")
    (report,) = site.do("list", "--json").json
    assert report["exit"] == code


def test_half_a_list_changes_nothing(site: Site) -> None:
    site.do("install")
    for fault in (Fault("garbage"), Fault("truncate"), Fault("html")):
        site.cobot.fault = fault
        assert site.do("install").code in {9, 10}
        assert len(site.ours()) == WANTED


def test_it_says_what_is_missing(site: Site) -> None:
    site.edit(f'webhook_url = "http://127.0.0.1:{site.port}"', "")
    told = site.do("install")
    assert told.code == 3
    assert 'webhook_url = "https://door.example.org"' in told.err
    assert site.do("list", "harbor").code == 2
    site.edit(
        "[platforms.harbour]",
        '[platforms.keys]\nkind = "file"\npath = "x.csv"\n'
        'card = { format = "hex" }\n[platforms.harbour]',
    )
    (site.path.parent / "x.csv").write_text("id,name,card\nk1,Ida Keys,04A1B2C3\n")
    told = site.do("install", "keys")
    assert told.code == 3
    assert "of kind 'file' has no webhooks" in told.err


def test_a_platform_that_cannot_even_be_tried_is_not_left_out(site: Site) -> None:
    (site.path.parent / "cobot-token").unlink()
    told = site.do("list")
    assert told.code == 3
    assert "harbour: FAILED: platform harbour is not used: " in told.err
    assert "cobot-token" in told.err


def test_a_public_address_in_the_clear_is_refused(site: Site) -> None:
    site.edit(f'"http://127.0.0.1:{site.port}"', '"http://door.example.org"')
    told = doorward(site.path, "config", "check")
    assert told.code == 3
    assert "webhook_url: must start with https://" in told.all


def test_where_no_platform_can_be_asked(tmp_path: Path) -> None:
    from tests.sites import small_site

    small_site(tmp_path)
    told = doorward(tmp_path / "doorward.toml", "webhooks", "install")
    assert told.code == 3
    assert "no platform has webhooks to manage" in told.err


def test_through_syncd_as_well(tmp_path: Path) -> None:
    with called(tmp_path) as space:
        told = doorward(space.config.path, "webhooks", "remove", "--json")
        assert (told.code, len(told.json[0]["removed"])) == (0, WANTED)
        assert not space.called()
        assert doorward(space.config.path, "webhooks", "install").code == 0
        assert space.called()
        space.cobot.add_member("Ada Ruiz", cards=[ADA])
        wait_for(lambda: space.holds(ADA))
        assert space.secret not in doorward(space.config.path, "webhooks", "list").all
        assert doorward(space.config.path, "config", "show").code == 0


def test_the_path_is_this_machines_own(tmp_path: Path, site: Site) -> None:
    def paths(where: Path) -> set[str]:
        port, cobot = free_port(), SimulatedCobot(FakeClock().wall, token=TOKEN)
        with cobot:
            path = write_site(where, cobot.url, port)
            for _ in range(2):
                assert doorward(path, "webhooks", "install").code == 0
            return {s.callback_url.rpartition("/")[2] for s in cobot.calls.subscriptions}

    (tmp_path / "other").mkdir()
    here, there = paths(tmp_path), paths(tmp_path / "other")
    assert len(here) == len(there) == 1
    assert here != there
    assert all(len(secret) == 32 for secret in here | there)


# By itself


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[Called]:
    with called(tmp_path, daemon=False) as built:
        yield built


def subscriptions(space: Called) -> list[Any]:
    with space.cobot.lock:
        return list(space.cobot.calls.subscriptions)


def test_once_a_day_what_cobot_gave_up_is_ordered_anew(quiet: Called) -> None:
    quiet.minder.look()
    assert quiet.called()
    asked = len(quiet.asked())
    subscriptions(quiet)[0].active = False
    quiet.clock.advance(86_000)
    quiet.minder.look()
    assert not quiet.called()
    assert len(quiet.asked()) == asked + 1, "it was not looked at meanwhile"
    quiet.clock.advance(500)
    quiet.minder.look()
    assert quiet.called()


def test_cobot_gives_up_on_who_does_not_answer(quiet: Called) -> None:
    """Our server does not listen: so it is when a tunnel is down for a day."""
    quiet.minder.look()
    quiet.cobot.add_member("Ada Ruiz", cards=[ADA])
    wait_for(lambda: quiet.cobot.calls.delivered)
    assert quiet.cobot.calls.delivered == [("confirmed_membership", 0, 11)]
    standings = {each.event: each.standing for each in quiet.minder.listed()}
    assert standings.pop("confirmed_membership") == "inactive"
    assert set(standings.values()) == {"active"}


def test_a_failure_is_told_once_and_tried_again_soon(
    quiet: Called, caplog: pytest.LogCaptureFixture
) -> None:
    quiet.cobot.scopes.discard("write_subscriptions")
    for _ in range(3):
        quiet.minder.look()
        quiet.clock.advance(300)
    assert "403" in quiet.minder.failure
    assert [r.levelname for r in caplog.records if "not seen to" in r.getMessage()] == ["WARNING"]
    quiet.line.pull(lambda *_: None)
    assert quiet.line.failure == "", "polling goes on"
    quiet.cobot.scopes.add("write_subscriptions")
    quiet.minder.look()
    assert (quiet.minder.failure, quiet.called()) == ("", True)


def test_status_says_that_nobody_calls(tmp_path: Path) -> None:
    with called(tmp_path) as space:
        assert space.status()["webhooks"] == ""
        space.cobot.fault = Fault("status", "/api/subscriptions", status=403)
        assert doorward(space.config.path, "webhooks", "install").code == 6
        told = doorward(space.config.path, "status")
        assert "harbour: may not call us, so changes are seen only when it is polled" in told.out
        assert "doorward webhooks install harbour" in told.out
        space.cobot.fault = None
        assert doorward(space.config.path, "webhooks", "install").code == 0
        assert "may not call us" not in doorward(space.config.path, "status").out


def test_the_test_of_a_platform_names_scopes_that_are_lacking(quiet: Called) -> None:
    quiet.cobot.scopes -= {"read_subscriptions", "write_subscriptions"}
    assert "lacks the scopes read_subscriptions, write_subscriptions" in quiet.platform.test()
