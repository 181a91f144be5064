"""Cobot calls: what changed there is in force here at once, and nothing it says is believed."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from sync.hints import Hint
from sync.platforms.cobot_messages import read_message
from sync.simulator.cobot_hooks import post
from sync.simulator.server import Fault
from tests.callers import ADA, BEN, Called, called
from tests.fakes import MONDAY
from tests.houses import TEN_DAYS
from tests.lofts import wait_for
from tests.spaces import HOUR, settings
from tests.worlds import PATIENCE


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Called]:
    with called(tmp_path) as built:
        yield built


def about(kind: str, name: str, host: str = "https://harbour.cobot.me") -> bytes:
    return json.dumps({"url": f"{host}/api/{kind}/{name}"}).encode()


# What changes at Cobot


def test_who_joins_is_known_at_once_and_nobody_else_is_asked_for(space: Called) -> None:
    before = space.lists()
    ada = space.cobot.add_member("Ada Ruiz", cards=[ADA])
    wait_for(lambda: space.holds(ADA) == ["plan:plan-resident"])
    assert f"/api/memberships/{ada.id}" in space.asked()
    assert space.lists() == before, "the list of everybody was not needed"


def test_who_leaves_is_out_at_once(space: Called) -> None:
    ada = space.cobot.add_member("Ada Ruiz", cards=[ADA])
    wait_for(lambda: space.holds(ADA))
    space.cobot.alter(ada, "canceled_membership", canceled_to=date(2026, 1, 5))
    wait_for(lambda: (space.facts(ADA).holders[0].person.until or MONDAY) < MONDAY)
    space.cobot.remove_member(ada)
    wait_for(lambda: not space.facts(ADA).holders)


def test_cards_passes_rooms_and_stays(space: Called) -> None:
    ada = space.cobot.add_member("Ada Ruiz", TEN_DAYS, passes=1, cards=[ADA])
    wait_for(lambda: space.passes(ADA) == 1)
    space.cobot.add_pass(ada)
    wait_for(lambda: space.passes(ADA) == 2)
    space.cobot.check_in(ada)
    wait_for(lambda: space.passes(ADA) == 1 and space.facts(ADA).holders[0].visits)
    room = space.cobot.book("attic", MONDAY + HOUR, MONDAY + 2 * HOUR, ada)
    wait_for(lambda: "resource:attic" in space.holds(ADA))
    space.cobot.unbook(room)
    wait_for(lambda: "resource:attic" not in space.holds(ADA))
    space.cobot.give_card(ada, BEN)
    wait_for(lambda: space.passes(BEN) == 1)
    space.cobot.take_card(ADA)
    wait_for(lambda: not space.facts(ADA).holders)
    assert space.passes(BEN) == 1


def test_a_form_as_of_old_is_understood(space: Called) -> None:
    space.cobot.calls.form = True
    space.cobot.add_member("Ada Ruiz", cards=[ADA])
    wait_for(lambda: space.holds(ADA))


def test_a_booking_that_opens_no_door_here_costs_little(space: Called) -> None:
    far = MONDAY + 60 * 86400
    before = space.lists()
    space.cobot.book("attic", far, far + HOUR, space.cobot.add_member("Ben Ode", cards=[BEN]))
    wait_for(lambda: space.holds(BEN))
    assert space.lists() == before


def test_many_changes_at_once_are_one_roster(space: Called) -> None:
    before = space.lists()
    with space.cobot.lock:
        for number in range(40):
            space.cobot.add_member(f"Member {number}", cards=[f"{number + 100:010}"])
    wait_for(lambda: all(space.holds(f"{number + 100:010}") for number in range(40)))
    assert space.lists() - before == 1
    assert sum(path.startswith("/api/memberships/") for path in space.asked()) <= 20


def test_a_visitors_booking_is_seen_by_a_roster(tmp_path: Path) -> None:
    with called(tmp_path, "visitors = true") as space:
        ada = space.cobot.add_member("Ada Ruiz", cards=[ADA])
        before = space.lists()
        space.cobot.book("attic", MONDAY, MONDAY + HOUR, ada)
        wait_for(lambda: "resource:attic" in space.holds(ADA))
        assert space.lists() == before, "hers is her own matter"
        space.cobot.book("attic", MONDAY, MONDAY + HOUR, visitor="Vera Gast")
        wait_for(lambda: space.lists() > before)


# What nobody believes


def test_a_forged_message_makes_us_contact_nobody_it_names(space: Called) -> None:
    ada = space.cobot.add_member("Ada Ruiz", cards=[ADA])
    wait_for(lambda: space.holds(ADA))
    with closing(socket.create_server(("127.0.0.1", 0))) as elsewhere:
        elsewhere.setblocking(False)
        host = f"http://127.0.0.1:{elsewhere.getsockname()[1]}"
        with space.cobot.lock:
            ada.name = "Ada Quill"  # of which Cobot itself says nothing
        assert post(space.callback(), about("memberships", ada.id, host)) == 200
        wait_for(lambda: space.facts(ADA).holders[0].person.name == "Ada Quill")
        for body in (
            about("memberships", f"{ada.id}?x=1", host),
            about("../../memberships", ada.id, host),
            json.dumps({"url": host, "membership": {"id": ada.id}}).encode(),
        ):
            assert post(space.callback(), body) == 200
        wait_for(lambda: space.lists() == 2)  # what cannot be told is a roster, once
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


@pytest.mark.parametrize("path", ["", "/x", "/{secret}x", "/{secret}/", "/{secret}/x"])
def test_who_does_not_know_the_path_is_told_nothing(space: Called, path: str) -> None:
    base = f"http://127.0.0.1:{space.port}/cobot/harbour"
    asked = len(space.asked())
    assert post(base + path.format(secret=space.secret), about("memberships", "m-1")) == 404
    assert not space.platform.hints.wait(0)
    assert len(space.asked()) == asked


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (about("memberships", "m-1"), Hint("memberships", "m-1")),
        (about("memberships", "m-1/time_passes/5"), Hint("memberships", "m-1")),
        (
            about("memberships", "m-1", "http://members.example.org:8080"),
            Hint("memberships", "m-1"),
        ),
        (about("check_ins", "ci-1"), Hint("check_ins", "ci-1")),
        (about("bookings", "b_1/"), Hint("bookings", "b_1")),
        (about("check_in_tokens", "0004%3A711"), Hint("check_in_tokens", "0004:711")),
        (b"url=https%3A%2F%2Fx.cobot.me%2Fapi%2Fbookings%2Fb1", Hint("bookings", "b1")),
        (about("time_passes", "5"), None),
        (about("bookings", "b1/x"), None),
        (about("memberships", "a b"), None),
        (about("memberships", "a\n"), None),
        (about("memberships", "١"), None),
        (about("memberships", ".."), None),
        (about("memberships", "m-1/../../plans"), None),
        (about("memberships", "x" * 65), None),
        (about("memberships", "m-1", "ftp://x"), None),
        (about("memberships", "m-1", "https://user:word@x"), None),
        (b'{"url": 7}', None),
        (b'{"membership": {"id": "m-1"}}', None),
        (b"[]", None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"[" * 60_000, None),
        (b"&" * 60_000, None),
        (b'{"url": "https://x/api/bookings/b1", "x": "' + b"x" * 70_000 + b'"}', None),
    ],
)
def test_a_message_is_read_by_its_pattern_alone(body: bytes, hint: Hint | None) -> None:
    assert read_message(body) == hint


def test_a_hint_does_not_show_what_may_be_a_card() -> None:
    assert ADA not in repr(Hint("check_in_tokens", ADA))


def test_our_address_must_be_safe() -> None:
    for address in ("http://door.example.org", "door.example.org", "https://u:p@door.example.org"):
        with pytest.raises(ValidationError):
            settings("https://harbour.cobot.me", webhook_url=address)
    kept = settings("https://harbour.cobot.me", webhook_url="https://door.example.org/")
    assert kept.webhook_url == "https://door.example.org"


# When Cobot does not answer, or is asked for too much


def test_polling_alone_is_complete(space: Called) -> None:
    with space.cobot.lock:
        space.cobot.calls.subscriptions.clear()
        space.cobot.add_member("Ada Ruiz", cards=[ADA])
    space.line.pull(lambda *_: None)
    assert space.holds(ADA)


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[Called]:
    """Nothing happens by itself, and its clock stands still."""
    with called(tmp_path, daemon=False) as built:
        built.line.pull(lambda *_: None)
        yield built


def test_one_by_one_twenty_a_minute_then_one_roster_a_minute(quiet: Called) -> None:
    follower, wanted = quiet.follower()
    for number in range(20):
        quiet.platform.hints.add(Hint("memberships", f"m-{number}"))
        follower.step(0)
    assert wanted == []
    for number in range(30):
        quiet.platform.hints.add(Hint("memberships", f"n-{number}"))
        follower.step(0)
    assert wanted == ["roster"], "and no second one within a minute"
    assert sum(path.startswith("/api/memberships/m-") for path in quiet.asked()) == 40
    quiet.clock.advance(59)
    follower.step(0)
    assert wanted == ["roster"]
    quiet.clock.advance(1)
    follower.step(0)
    assert wanted == ["roster", "roster"], "the one that was owed"
    quiet.platform.hints.add(Hint("memberships", "m-99"))
    follower.step(0)
    assert "/api/memberships/m-99" in quiet.asked()
    follower.step(0)
    assert len(wanted) == 2


def test_of_more_than_ten_at_once_none_is_kept(quiet: Called) -> None:
    hints = quiet.platform.hints
    for number in range(1000):
        hints.add(Hint("memberships", f"m-{number}"))
    assert hints.take() is None
    assert hints.take() == frozenset()
    for _ in range(1000):
        hints.add(Hint("memberships", "m-1"))
    assert hints.take() == {Hint("memberships", "m-1")}


def test_a_roster_under_way_may_be_too_old(quiet: Called) -> None:
    follower, wanted = quiet.follower()
    quiet.platform.hints.add(None)
    with quiet.line.busy:
        follower.step(0)
        assert wanted == []
    follower.step(0)
    assert wanted == ["roster"]


def test_a_line_that_is_down_is_left_alone_and_polled_later(quiet: Called) -> None:
    follower, wanted = quiet.follower()
    quiet.cobot.cut()
    quiet.platform.hints.add(Hint("memberships", "m-1"))
    follower.step(0)
    assert quiet.line.resting()
    assert quiet.line.retry
    quiet.cobot.mend()
    quiet.line.retry, asked = False, len(quiet.asked())
    for hint in (Hint("memberships", "m-1"), None):
        quiet.platform.hints.add(hint)
        follower.step(0)
        assert quiet.line.retry
        quiet.line.retry = False
    assert len(quiet.asked()) == asked, "it rests"
    assert wanted == []


def test_an_answer_that_nobody_understands_is_for_a_roster_to_tell(quiet: Called) -> None:
    follower, wanted = quiet.follower()
    ada = quiet.cobot.add_member("Ada Ruiz", cards=[ADA])
    quiet.line.pull(lambda *_: None)
    quiet.cobot.fault = Fault("garbage", f"/api/memberships/{ada.id}$")
    quiet.platform.hints.add(Hint("memberships", ada.id))
    follower.step(0)
    assert wanted == ["roster"]
    assert quiet.holds(ADA), "she keeps what she has"


def test_half_an_answer_changes_nobody(quiet: Called) -> None:
    follower, _ = quiet.follower()
    ada = quiet.cobot.add_member("Ada Ruiz", TEN_DAYS, passes=2, cards=[ADA])
    quiet.line.pull(lambda *_: None)
    for path in ("check_in_tokens", "check_ins", "bookings", "time_passes/unused"):
        quiet.cobot.fault = Fault("status", path, status=500)
        quiet.platform.hints.add(Hint("memberships", ada.id))
        follower.step(0)
        assert quiet.passes(ADA) == 2
        quiet.clock.advance(3600)
        assert not quiet.line.resting()


def test_a_roster_read_before_the_change_does_not_undo_it(quiet: Called) -> None:
    """It is in the midst of its lists when the hint is followed, and ends after it."""
    follower, _ = quiet.follower()
    ada = quiet.cobot.add_member("Ada Ruiz", cards=[ADA])
    quiet.line.pull(lambda *_: None)
    quiet.cobot.fault = Fault("slow", "/api/bookings", times=1, gap=PATIENCE)
    roster = threading.Thread(target=quiet.line.pull, args=(lambda *_: None,))
    served = quiet.cobot.served
    roster.start()
    assert quiet.cobot.wait_for_requests(served + 4)
    quiet.cobot.take_card(ADA)
    quiet.cobot.give_card(ada, BEN)
    quiet.platform.hints.add(Hint("memberships", ada.id))
    follower.step(0)
    assert quiet.holds(BEN)
    quiet.cobot.fault = None
    roster.join(PATIENCE)
    assert quiet.line.failure == ""
    assert not quiet.facts(ADA).holders
    assert quiet.holds(BEN)
