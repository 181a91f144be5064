"""What a mailed PIN is worth at the door, and what visitors are told, in whose words."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from sync.simulator.cobot_space import Visitor
from tests.mails import (
    ADA,
    BO,
    NOON,
    GuestHouse,
    MailServerHere,
    book,
    cancel,
    guest_house,
    pin_in,
    text,
)
from tests.worlds import DAY, HOUR

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
@pytest.mark.parametrize("heard", [True, False])
def test_a_cancelled_booking_is_dead_with_the_next_word_from_the_platform(
    place: GuestHouse, server: MailServerHere, how: str, heard: bool
) -> None:
    booking, other = book(place), book(place, BO, "Bo")
    place.post()
    pin, others = pin_in(text(server, 0)), pin_in(text(server, 1))
    place.clock.wall_time = NOON
    assert place.pin("front", pin) == GRANTED
    assert booking.visitor
    if how == "gone":
        cancel(place, booking)
    else:
        booking.visitor.status = how
    if heard:
        place.office.lines["loft"].refresh([f"visitor:{booking.visitor.id}"])
    else:
        place.fetch()
    assert place.pin("front", pin) == UNKNOWN
    assert place.pin("front", others) == GRANTED
    assert other.visitor
    assert place.turn() == 1
    assert server.recipients == [ADA, BO, ADA]
    assert "is cancelled" in text(server)


def test_times_that_change_hold_at_once_and_are_told(
    place: GuestHouse, server: MailServerHere
) -> None:
    booking = book(place)
    place.post()
    booking.start, booking.end = NOON + 2 * HOUR, NOON + 3 * HOUR
    assert booking.visitor
    place.office.lines["loft"].refresh([f"visitor:{booking.visitor.id}"])
    assert place.turn() == 1
    place.clock.wall_time = NOON
    assert place.pin("front", pin_in(text(server))) == "denied_credential_not_yet_active"
    place.clock.wall_time = NOON + 2 * HOUR
    assert place.pin("front", pin_in(text(server))) == GRANTED
    assert "14:00 to 15:00 (CET, Europe/Berlin)" in text(server)


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
