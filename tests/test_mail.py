"""Visitors are mailed once: a real mail server, outages, restarts and kills."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import ConfigError
from sync.daemon import Daemon
from sync.line import Visitors
from sync.office import Office
from tests.halls import doorward
from tests.mails import (
    ADA,
    BO,
    NOON,
    PASSWORD,
    USER,
    GuestHouse,
    MailServerHere,
    book,
    cancel,
    guest_house,
    pin_in,
    text,
)
from tests.worlds import DAY, HOUR, PATIENCE


@pytest.fixture
def server() -> Iterator[MailServerHere]:
    with MailServerHere() as made:
        yield made


@pytest.fixture
def place(tmp_path: Path, server: MailServerHere) -> Iterator[GuestHouse]:
    with guest_house(tmp_path, server) as made:
        made.member("Mia Member", "1234567001")
        yield made


def test_fetching_again_and_restarting_mail_nobody_again(
    place: GuestHouse, server: MailServerHere
) -> None:
    book(place)
    place.post()
    place.post()
    place.restart()
    place.post()
    (place.config.data / "cache.db").unlink()
    place.restart()
    place.post()
    assert len(server.mails) == 1
    assert place.mail_states() == ["sent"]


def test_a_change_of_times_is_told(place: GuestHouse, server: MailServerHere) -> None:
    booking = book(place)
    place.post()
    booking.start, booking.end = NOON + 2 * HOUR, NOON + 3 * HOUR
    place.post()
    assert "your booking at Harbour Loft has changed. From now on it is:" in text(server)
    assert "14:00 to 15:00" in text(server)
    assert pin_in(text(server)) == pin_in(text(server, 0))
    place.post()
    assert len(server.mails) == 2


def test_who_was_not_told_yet_hears_of_the_newest_times_alone(tmp_path: Path) -> None:
    with MailServerHere() as gone:
        port = gone.port
    with guest_house(tmp_path, gone) as place:
        booking = book(place)
        assert place.post() == 0
        booking.start, booking.end = NOON + 2 * HOUR, NOON + 3 * HOUR
        place.fetch()
        place.clock.advance(HOUR)
        with MailServerHere(port=port) as server:
            assert place.turn() == 1
            assert "you have booked" in text(server)
            assert "14:00 to 15:00" in text(server)
            assert place.turn() == 0


def test_what_waits_outlasts_an_outage_of_days_and_restarts(tmp_path: Path) -> None:
    with MailServerHere() as gone:
        port = gone.port
    with guest_house(tmp_path, gone) as place:
        book(place, at=NOON + 3 * DAY)
        place.post()
        assert place.office.post
        waits = []
        for _ in range(12):
            waits.append(place.office.post.status()["next_try_s"])
            place.clock.advance(waits[-1] + 0.1)
            assert place.turn() == 0
        assert waits[0] < waits[3]
        assert max(waits) <= 60
        assert "Connection refused" in place.office.post.trouble
        assert place.office.post.status()["counts"] == {"waiting": 1}
        place.restart()
        place.clock.advance(2 * DAY)
        with MailServerHere(port=port) as server:
            assert place.turn() == 1
            assert len(server.mails) == 1
        assert place.office.post.trouble == ""


def test_nothing_is_sent_for_a_booking_that_is_over(tmp_path: Path) -> None:
    with MailServerHere() as gone:
        port = gone.port
    with guest_house(tmp_path, gone) as place:
        book(place)
        place.post()
        place.clock.advance(3 * HOUR)
        with MailServerHere(port=port) as server:
            assert place.turn() == 1
            assert server.mails == []
        assert place.mail_states() == ["late"]


def test_one_that_was_perhaps_taken_is_never_sent_again_by_itself(
    place: GuestHouse, server: MailServerHere
) -> None:
    book(place)
    server.faults.data = "drop"
    assert place.post() == 1
    assert place.mail_states() == ["unknown"]
    assert "it may have arrived" in place.errors()[0]
    server.faults.data = "250 fine"
    place.clock.advance(20 * 60)
    place.restart()
    assert place.post() == 0
    assert len(server.mails) == 1
    assert place.office.post
    assert place.office.post.retry([1]) == [1]
    server.faults.data = "250 taken"
    place.turn()
    assert place.mail_states() == ["sent"]
    assert server.mails[0]["Message-ID"] == server.mails[1]["Message-ID"]


def test_a_program_that_is_killed_while_it_sends_leaves_it_in_doubt(
    place: GuestHouse, server: MailServerHere
) -> None:
    begins = time.time() + HOUR  # the process goes by the real clock
    book(place, at=begins)
    server.faults.hold = threading.Event()
    place.close_socket()
    place.close_office()
    command = [sys.executable, "-m", "controller.cli", "--config", str(place.config.path), "sync"]
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE) as process:
        assert server.reached.wait(PATIENCE)
        process.kill()
    server.faults.data = "drop"
    server.faults.hold.set()
    place.open_office()
    place.serve()
    place.clock.wall_time = begins - HOUR
    for _ in range(3):
        assert place.post() == 0
        place.clock.advance(600)
    assert place.mail_states() == ["unknown"]
    assert "it may have arrived" in place.errors()[0]


@pytest.mark.parametrize("where", ["rcpt", "data"])
def test_a_server_that_says_later_is_asked_later_and_others_do_not_wait(
    place: GuestHouse, server: MailServerHere, where: str
) -> None:
    book(place)
    if where == "rcpt":
        server.faults.rcpt[ADA] = "450 greylisted"
    else:
        server.faults.data = "451 greylisted"
    place.post()
    assert place.mail_states() == ["waiting"]
    assert "greylisted" in place.errors()[0]
    server.faults.data = "250 taken"
    book(place, BO, "Bo", NOON + 3 * HOUR)
    place.post()
    assert place.mail_states() == ["waiting", "sent"]
    server.faults.rcpt.clear()
    assert place.turn() == 0, "not so soon"
    place.clock.advance(70)
    assert place.turn() == 1
    assert place.mail_states() == ["sent", "sent"]


def test_one_at_which_the_server_breaks_off_does_not_keep_others(
    place: GuestHouse, server: MailServerHere
) -> None:
    book(place)
    server.faults.rcpt[ADA] = "421 I have had enough"
    place.post()
    book(place, BO, "Bo", NOON + 3 * HOUR)
    place.fetch()
    for _ in range(2):
        place.clock.advance(30)
        place.turn()
    assert place.mail_states() == ["waiting", "sent"]


@pytest.mark.parametrize("where", ["rcpt", "data"])
def test_what_is_refused_for_good_is_not_tried_again(
    place: GuestHouse, server: MailServerHere, where: str
) -> None:
    booking = book(place)
    if where == "rcpt":
        server.faults.rcpt[ADA] = "550 nobody here"
    else:
        server.faults.data = "554 spam"
    place.post()
    place.clock.advance(600)
    place.post()
    assert place.mail_states() == ["failed"]
    server.faults.rcpt.clear()
    server.faults.data = "250 taken"
    assert booking.visitor
    booking.visitor.email = BO
    place.post()
    assert server.recipients == [BO], "a corrected address is a reason to write again"
    assert "you have booked" in text(server)


def test_a_dropped_mail_stays_so(place: GuestHouse, server: MailServerHere) -> None:
    book(place)
    server.faults.rcpt[ADA] = "450 later"
    place.post()
    assert place.office.post
    assert place.office.post.drop([1], "ida") == [1]
    assert place.office.post.drop([1], "ida") == []
    server.faults.rcpt.clear()
    place.clock.advance(600)
    assert place.post() == 0
    assert (place.mail_states(), place.errors()) == (["dropped"], ["dropped by ida"])
    assert place.office.post.retry([1, 77]) == [1]
    assert place.turn() == 1


def test_a_booking_that_comes_back_is_told_again(place: GuestHouse, server: MailServerHere) -> None:
    booking = book(place)
    place.post()
    cancel(place, booking)
    place.post()
    with place.cobot.lock:
        place.cobot.space.bookings.append(booking)
    place.post()
    assert len(server.mails) == 3
    assert "has changed" in text(server)
    assert place.office.post
    place.office.post.retry([2])
    assert place.turn() == 0, "one that was sent is not sent again"


# Others, and set-up


def test_any_text_can_be_queued_once_under_its_key(
    place: GuestHouse, server: MailServerHere
) -> None:
    post = place.office.post
    assert post
    assert post.send("desk@example.org", "Door held\r\nX: y", "Front door is open.\n", "held-1")
    assert not post.send("desk@example.org", "Again", "…", "held-1")
    assert place.turn() == 1
    assert server.only["Subject"] == "Door held X: y"
    assert text(server) == "Front door is open.\n"
    with pytest.raises(ConfigError, match="no mail address"):
        post.send("desk", "s", "t", "k")
    post.forget(place.clock.wall() + 4 * DAY)
    assert place.mail_states() == []


def test_without_a_mail_table_nobody_is_mailed(tmp_path: Path) -> None:
    with guest_house(tmp_path, None) as place:
        book(place)
        place.fetch()
        assert place.office.post is None
        assert place.office.visitors
        assert [each.name for each in place.office.visitors.coming(place.clock.wall())] == [
            "Ada Ruiz"
        ]


def test_a_wrong_password_is_told_and_mended_without_a_restart(tmp_path: Path) -> None:
    login = (
        f'security = "starttls"\nca_file = "ca.pem"\nuser = "{USER}"\n'
        'password = { file = "mail-password" }'
    )
    with (
        MailServerHere(starttls=True, login=True) as server,
        guest_house(tmp_path, server, login) as place,
    ):
        (tmp_path / "mail-password").write_text("wrong")
        book(place)
        assert place.post() == 0
        assert place.office.post
        assert "does not accept user and password" in place.office.post.trouble
        (tmp_path / "mail-password").write_text(PASSWORD)
        place.clock.advance(10)
        assert place.turn() == 1
        assert server.encrypted == [True]


def test_a_platform_that_is_no_longer_configured_mails_nobody(
    place: GuestHouse, server: MailServerHere
) -> None:
    book(place)
    place.post()
    assert place.office.visitors
    place.office.visitors.forget_platforms(["gym"])
    assert place.office.visitors.coming(place.clock.wall()) == []


def test_news_of_one_visitor_leaves_the_others_alone(place: GuestHouse) -> None:
    book(place)
    book(place, BO, "Bo")
    place.fetch()
    visitors = place.office.visitors
    assert visitors
    first, second = visitors.coming(place.clock.wall())
    told = Visitors("loft", first.zone, {}, frozenset({first.person}))
    assert visitors.note(told)
    assert visitors.coming(place.clock.wall()) == [second]
    assert not visitors.note(told)


def test_syncd_mails_by_itself_and_ends_only_when_that_is_done(
    place: GuestHouse, server: MailServerHere
) -> None:
    book(place)
    place.close_socket()
    place.close_office()
    server.faults.hold = threading.Event()
    with Daemon(Office(place.config, threading.Event(), place.clock)):
        assert server.reached.wait(PATIENCE)
        threading.Timer(0.1, server.faults.hold.set).start()
    place.open_office()
    place.serve()
    assert place.mail_states() == ["sent"]
    assert place.post() == 0


def test_a_desk_that_cannot_be_read_costs_the_mail_and_nothing_else(
    place: GuestHouse, server: MailServerHere
) -> None:
    book(place)
    place.close_socket()
    place.close_office()
    (place.config.data / "desk.db").write_bytes(b"no database at all, " * 500)
    place.open_office()
    place.serve()
    place.sync()
    told = doorward(place.config.path, "status")
    assert "no mail is sent: " in told.out
    assert "desk.db" in told.out
    for words in ("visitors", "mail list"):
        told = doorward(place.config.path, *words.split())
        assert told.code in (3, 8)
        assert "desk.db" in told.err
    place.clock.wall_time = NOON
    found = doorward(place.config.path, "people", "--visitors", "--json").json
    assert place.pin("front", found[0]["pin"]) == "granted"
