"""Visitors are mailed their PIN once: real doors, a real mail server, outages and kills."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from controller.errors import ConfigError
from sync.simulator.cobot_space import Booking, Visitor
from tests.fakes import MONDAY
from tests.mails import PASSWORD, USER, GuestHouse, MailServerHere, guest_house
from tests.worlds import DAY, HOUR, PATIENCE

NOON = MONDAY + HOUR  # in Berlin
ADA, BO = "ada@example.net", "bo@example.net"
GRANTED, UNKNOWN, EXPIRED = "granted", "denied_unknown_credential", "denied_credential_expired"


@pytest.fixture
def server() -> Iterator[MailServerHere]:
    with MailServerHere() as made:
        yield made


@pytest.fixture
def place(tmp_path: Path, server: MailServerHere) -> Iterator[GuestHouse]:
    with guest_house(tmp_path, server) as made:
        made.member("Mia Member", "1234567001")
        yield made


def book(
    place: GuestHouse, email: str | None = ADA, name: str = "Ada Ruiz", at: float = NOON
) -> Booking:
    place.cobot.space.resources["room-1"] = "Harbour room"
    return place.cobot.book("room-1", at, at + HOUR, visitor=name, email=email)


def cancel(place: GuestHouse, booking: Booking) -> None:
    with place.cobot.lock:
        place.cobot.space.bookings.remove(booking)


def text(server: MailServerHere, place: int = -1) -> str:
    return str(server.mails[place].get_content()).replace("\r\n", "\n")


def pin_in(body: str) -> str:
    return body.partition("Your PIN is ")[2].partition("\n")[0]


# What a PIN is worth


def test_the_mailed_pin_opens_the_room_for_the_booking_and_its_buffers(
    place: GuestHouse, server: MailServerHere
) -> None:
    book(place)
    assert place.post() == 1
    pin = pin_in(text(server))
    assert len(pin) == 6
    for at, reason in (
        (NOON - 10 * 60 - 10, "denied_credential_not_yet_active"),
        (NOON - 9 * 60, GRANTED),
        (NOON + HOUR + 9 * 60, GRANTED),
        (NOON + HOUR + 10 * 60 + 1, EXPIRED),
    ):
        place.clock.wall_time = at - 3
        assert place.pin("front", pin) == reason, at - NOON
    place.clock.wall_time = NOON
    assert place.pin("gym", pin) == "denied_point_no_access_rights", "another room's door"


@pytest.mark.parametrize("how", ["gone", "canceled"])
def test_a_cancelled_booking_is_dead_with_the_next_word_from_the_platform(
    place: GuestHouse, server: MailServerHere, how: str
) -> None:
    booking = book(place)
    place.post()
    pin = pin_in(text(server))
    place.clock.wall_time = NOON
    assert place.pin("front", pin) == GRANTED
    if how == "gone":
        cancel(place, booking)
    else:
        assert booking.visitor
        booking.visitor.status = how
    place.fetch()
    assert place.pin("front", pin) == UNKNOWN


def test_only_who_was_mailed_hears_that_the_booking_is_cancelled(
    place: GuestHouse, server: MailServerHere
) -> None:
    booking = book(place)
    place.post()
    pin = pin_in(text(server))
    cancel(place, booking)
    assert place.post() == 1
    assert place.mail_states() == ["sent", "sent"]
    assert server.mails[1]["Subject"] == "Your booking of Harbour room is cancelled"
    assert "The PIN that you were sent for it opens no door any more." in text(server)
    assert pin not in text(server)
    assert place.post() == 0
    server.faults.rcpt[BO] = "450 later"
    booking = book(place, BO)
    place.post()
    cancel(place, booking)
    place.post()
    assert place.mail_states() == ["sent", "sent", "dropped"]
    assert len(server.mails) == 2


def test_a_booking_that_just_ended_is_no_cancelled_one(
    place: GuestHouse, server: MailServerHere
) -> None:
    book(place)
    place.post()
    place.clock.advance(2 * HOUR + 11 * 60)
    assert place.post() == 0
    place.clock.advance(DAY)
    assert place.post() == 0
    assert len(server.mails) == 1


# What the mail says


def test_the_text_has_all_that_a_visitor_needs(place: GuestHouse, server: MailServerHere) -> None:
    book(place)
    place.post()
    mail = server.only
    assert mail["To"] == ADA
    assert mail["From"] == "Harbour Loft <doors@example.org>"
    assert mail["Subject"] == "Your PIN for Harbour room"
    for words in (
        "Hello Ada Ruiz,",
        "you have booked at Harbour Loft:",
        "- Harbour room: Mon 5 Jan 2026, 12:00 to 13:00 (CET, Europe/Berlin)",
        "Type it at: Front door.",
    ):
        assert words in text(server)


def test_no_pin_is_on_the_disk_nor_in_what_is_kept_of_the_mail(
    place: GuestHouse, server: MailServerHere
) -> None:
    booking = book(place)
    server.faults.data = "554 no mail like this"
    place.post()
    assert booking.visitor
    pin = place.office.pin(booking.visitor.id)
    server.faults.data = f"554 we do not like {pin}"
    assert place.office.post
    place.office.post.retry([1])
    place.turn()
    assert place.errors() == ["localhost does not take the mail: 554 we do not like …"]
    for file in place.config.data.iterdir():
        assert pin.encode() not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("zone", "at", "shown"),
    [
        ("Europe/Berlin", "2026-10-25T01:00Z", "Sun 25 Oct 2026, 02:00 to 03:00 (CET, "),
        ("Europe/Berlin", "2026-10-25T00:30Z", "Sun 25 Oct 2026, 02:30 to 02:30 (CEST to CET, "),
        ("Europe/Berlin", "2026-07-31T21:30Z", "Fri 31 Jul 2026, 23:30 to Sat 1 Aug 2026, 00:30 ("),
        ("America/New_York", "2026-03-08T06:30Z", "Sun 8 Mar 2026, 01:30 to 03:30 (EST to EDT, "),
    ],
)
def test_times_are_those_on_the_spaces_wall(
    tmp_path: Path, server: MailServerHere, zone: str, at: str, shown: str
) -> None:
    begins = datetime.fromisoformat(at).timestamp()
    with guest_house(tmp_path, server, loft=f'zone = "{zone}"') as place:
        place.clock.wall_time = begins - DAY
        book(place, at=begins)
        place.post()
        assert shown in text(server)
        assert f"{zone})" in text(server)


def test_several_rooms_are_one_mail(tmp_path: Path, server: MailServerHere) -> None:
    with guest_house(tmp_path, server) as place:
        for hours, room in enumerate(("room-1", "room-9")):
            start = NOON + hours * HOUR
            place.cobot.book(room, start, start + HOUR).visitor = Visitor("eb", "Ada", email=ADA)
        place.post()
        assert server.only["Subject"] == "Your PIN for room-1, room-9"
        assert "Type it at: Front door, Side door." in text(server)


HOSTILE = "Ada\r\nBcc: all@example.com\r\n\r\n{{ pin }}{% for x in y %} \x1b[31m" + "x" * 300


def test_a_hostile_name_is_a_name_and_no_more(place: GuestHouse, server: MailServerHere) -> None:
    with place.cobot.lock:
        place.cobot.space.resources["room-1"] = HOSTILE
    place.cobot.book("room-1", NOON, NOON + HOUR, visitor=HOSTILE, email=ADA)
    place.post()
    mail = server.only
    assert mail["Bcc"] is None
    assert server.recipients == [ADA]
    assert "Hello Ada Bcc: all@example.com {{ pin }}{% for" in text(server)
    assert "\x1b" not in text(server)
    assert "x" * 81 not in text(server)
    assert mail["Subject"].startswith("Your PIN for Ada Bcc: all@example.com")


@pytest.mark.parametrize(
    "address", [None, "", "ada", "ada@example.net\r\nBcc: x@y.de", "a@b.de, c@d.de", "<a@b.de>"]
)
def test_who_has_no_address_gets_in_and_no_mail(
    place: GuestHouse, server: MailServerHere, address: str | None
) -> None:
    booking = book(place, address)
    assert place.post() == 0
    assert booking.visitor
    place.clock.wall_time = NOON
    assert place.pin("front", place.office.pin(booking.visitor.id)) == GRANTED
    assert server.mails == []


# Once, and never twice


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
        assert waits[0] < waits[3] < waits[6] <= 675
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
    from sync.line import Visitors

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


OWN = "{% for e in booking %}{{ e.start.strftime('%d.%m.%Y %H:%M') }} {% endfor %}PIN {{ pin }}"


def test_the_operators_own_text(tmp_path: Path, server: MailServerHere) -> None:
    (tmp_path / "own.txt").write_text(OWN)
    more = 'security = "none"\ntemplate = "own.txt"\nsubject = "PIN für {{ room }}"'
    with guest_house(tmp_path, server, more) as place:
        book(place)
        place.post()
        assert server.only["Subject"] == "PIN für Harbour room"
        assert text(server).startswith("05.01.2026 12:00 PIN ")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("Hello {{ nmae }}", "'nmae' is undefined"),
        ("Hello {% if %}", "line 1"),
        ("{{ name.__class__.__mro__ }}", "unsafe"),
        ("{{ booking.append(1) }}", "unsafe|not callable|undefined"),
        ("{% if changed %}Hello{% endif %}", "comes to no text"),
        ("{{ 'x' * 99999 }}", "more than 65536"),
        (None, "cannot be read"),
    ],
)
def test_a_wrong_template_is_found_at_the_start(
    tmp_path: Path, server: MailServerHere, wrong: str | None, why: str
) -> None:
    if wrong is not None:
        (tmp_path / "own.txt").write_text(wrong)
    more = 'security = "none"\ntemplate = "own.txt"'
    with guest_house(tmp_path, server, more) as place:
        assert place.office.post is None
        assert "mail.template" in place.office.post_trouble
        assert any(word in place.office.post_trouble for word in why.split("|"))
        place.fetch()  # all else works
