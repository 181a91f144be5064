"""Staff see who is coming, with the PIN if they ask, and what became of the mail to each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.model import Kind
from tests.fakes import MONDAY
from tests.halls import Said, doorward, in_berlin
from tests.mails import GuestHouse, MailServerHere, guest_house
from tests.worlds import HOUR

NOON = MONDAY + HOUR
ADA = "ada@example.net"


@pytest.fixture
def server() -> Iterator[MailServerHere]:
    with MailServerHere() as made:
        yield made


@pytest.fixture
def place(tmp_path: Path, server: MailServerHere) -> Iterator[GuestHouse]:
    with in_berlin(), guest_house(tmp_path, server) as made:
        made.member("Mia Member", "1234567001")
        made.cobot.book("room-1", NOON, NOON + HOUR, visitor="Ada Ruiz", email=ADA)
        yield made


def do(place: GuestHouse, *words: str) -> Said:
    assert place.controller.journal.flush(5)
    return doorward(place.config.path, *words)


def test_who_is_coming_and_whether_they_were_mailed(place: GuestHouse) -> None:
    place.cobot.book("room-9", NOON + HOUR, NOON + 2 * HOUR, visitor="Bo", email="nowhere")
    place.cobot.book("room-9", NOON + 2 * HOUR, NOON + 3 * HOUR, visitor="Cleo")
    assert do(place, "visitors").out == "no visitor is coming\n"
    place.post()
    _, *rows = do(place, "visitors").out.splitlines()
    ada, bo, cleo = (" ".join(row.split()) for row in rows)
    assert ada == "Ada Ruiz room-1 2026-01-05 12:00 CET 2026-01-05 13:00 CET Front door sent"
    assert bo.endswith("Front door, Side door wrong address")
    assert cleo.endswith("no address")
    listed = do(place, "visitors", "--json").json
    assert listed[0]["rooms"] == [
        {
            "room": "room-1",
            "start": "2026-01-05T12:00:00+01:00",
            "end": "2026-01-05T13:00:00+01:00",
            "since": "2026-01-05T11:50:00+01:00",
            "until": "2026-01-05T13:10:00+01:00",
        }
    ]
    assert "pin" not in listed[0]


def test_whoever_looks_at_pins_is_in_the_journal(place: GuestHouse) -> None:
    place.fetch()
    (visitor,) = do(place, "visitors", "--pins", "--json").json
    assert visitor["pin"] in do(place, "visitors", "--pins").out
    assert visitor["pin"] not in do(place, "visitors").out
    place.clock.wall_time = NOON
    assert place.pin("front", visitor["pin"]) == "granted"
    first, _ = place.events(Kind.PINS_SHOWN)
    assert first.event.detail == {"number": 1, "names": ["Ada Ruiz"]}
    assert first.event.author
    assert visitor["pin"] not in do(place, "events", "--json").out


def test_without_the_journal_no_pin_is_shown(place: GuestHouse) -> None:
    place.fetch()
    place.controller.close()
    told = do_without_controller(place, "visitors", "--pins")
    assert (told.code, told.out) == (5, "")
    assert "doorward people --visitors" in told.err
    assert do_without_controller(place, "visitors").code == 0


def do_without_controller(place: GuestHouse, *words: str) -> Said:
    return doorward(place.config.path, *words)


def test_mail_is_listed_with_what_became_of_it(place: GuestHouse, server: MailServerHere) -> None:
    assert do(place, "mail", "list").out == "there is no mail yet\n"
    server.faults.rcpt[ADA] = "550 nobody\x1b[31m here"
    place.post()
    shown = do(place, "mail", "list").out
    assert ADA in shown
    assert "failed" in shown
    assert "550 nobody" in shown
    assert "\x1b" not in shown
    (row,) = do(place, "mail", "list", "--json").json
    assert (row["id"], row["kind"], row["state"], row["about"]) == (1, "booked", "failed", "room-1")
    assert do(place, "mail", "list", "--state", "sent").out == "there is no such mail\n"


def test_failed_mail_is_sent_again_by_a_persons_word(
    place: GuestHouse, server: MailServerHere
) -> None:
    server.faults.rcpt[ADA] = "550 nobody"
    place.post()
    server.faults.rcpt.clear()
    told = do(place, "mail", "retry", "--all-failed")
    assert "waiting" in told.out
    place.turn()
    assert place.mail_states() == ["sent"]
    again = do(place, "mail", "retry", "1", "7")
    assert again.code == 1
    assert "2 mails are not there, or beyond that" in again.err
    assert do(place, "mail", "retry").out == "what waits is tried now\n"
    assert do(place, "mail", "retry", "1", "--all-failed").code == 2


def test_mail_can_be_dropped(place: GuestHouse, server: MailServerHere) -> None:
    server.faults.rcpt[ADA] = "450 later"
    place.post()
    assert do(place, "mail", "drop").code == 2
    (dropped,) = do(place, "mail", "drop", "1", "--json").json
    assert dropped["state"] == "dropped"
    assert dropped["error"].startswith("dropped by ")
    server.faults.rcpt.clear()
    place.clock.advance(600)
    assert place.turn() == 0


def test_the_server_can_be_tried(place: GuestHouse, server: MailServerHere) -> None:
    told = do(place, "mail", "test", "desk@example.org")
    assert told.out == "sent to desk@example.org; the server says: taken\n"
    assert server.only["To"] == "desk@example.org"
    assert do(place, "mail", "test", "desk@example.org", "--json").json["said"] == "taken"
    wrong = do(place, "mail", "test", "desk")
    assert (wrong.code, wrong.out) == (3, "")
    assert "no mail address" in wrong.err
    server.faults.rcpt["x@example.org"] = "550 nobody"
    refused = do(place, "mail", "test", "x@example.org")
    assert refused.code == 1
    assert "550 nobody" in refused.err


def test_status_says_what_mail_needs_a_person(place: GuestHouse, server: MailServerHere) -> None:
    place.sync()
    place.turn()
    assert "mail:       1 sent" in do(place, "status").out
    assert do(place, "status", "--json").json["syncd"]["mail"]["counts"] == {"sent": 1}
    server.faults.data = "drop"
    place.cobot.book("room-1", NOON + HOUR, NOON + 2 * HOUR, visitor="Bo", email="bo@example.net")
    place.post()
    server.faults.data = "250 taken"
    place.clock.advance(30)
    server.faults.rcpt["cleo@example.net"] = "550 nobody"
    place.cobot.book("room-1", NOON + HOUR, NOON + 2 * HOUR, visitor="C", email="cleo@example.net")
    place.post()
    shown = do(place, "status")
    assert shown.code == 1
    assert "1 mail failed: the mail server does not take it. See doorward mail list" in shown.out
    assert "1 mail unknown: sent, and no answer came; it may have arrived" in shown.out
    server.faults.sender = "553 who are you"
    place.cobot.book("room-1", NOON + HOUR, NOON + 2 * HOUR, visitor="D", email="dan@example.net")
    place.post()
    assert "1 mail waits: localhost does not take the sender: 553 who" in do(place, "status").out
    place.clock.advance(4 * HOUR)
    place.turn()
    over = do(place, "status").out
    assert "mail failed" not in over, "nobody needs to act any more"
    assert "mail unknown" not in over


def test_without_a_mail_table_it_says_so(tmp_path: Path) -> None:
    with guest_house(tmp_path, None) as place:
        place.cobot.book("room-1", NOON, NOON + HOUR, visitor="Ada Ruiz", email=ADA)
        place.fetch()
        assert do(place, "visitors", "--json").json[0]["mail"] == "off"
        for words in ("list", "test a@b.de", "retry 1", "drop 1"):
            told = do(place, "mail", *words.split())
            assert told.code == 3
            assert "there is no table [mail]" in told.err
        assert "mail:" not in do(place, "status").out


def test_a_wrong_template_is_told_by_status(tmp_path: Path, server: MailServerHere) -> None:
    more = 'security = "none"\nsubject = "{{ nothing }}"'
    with guest_house(tmp_path, server, more) as place:
        assert "no mail is sent: mail.subject: cannot be filled in" in do(place, "status").out
        assert "mail.subject" in do(place, "mail", "list").err


def test_by_itself_it_does_what_syncd_would(place: GuestHouse, server: MailServerHere) -> None:
    place.fetch()
    place.close_socket()
    place.close_office()
    try:
        assert do(place, "mail", "test", "desk@example.org").code == 0
        # The machine's own clock rules here, and by it the booking is long over.
        assert do(place, "visitors").out == "no visitor is coming\n"
        assert do(place, "mail", "list").out == "there is no mail yet\n"
        assert do(place, "mail", "retry").out == "what waits is tried now\n"
        assert len(server.mails) == 1
    finally:
        place.open_office()
        place.serve()


def test_the_text_to_begin_with_can_be_printed(place: GuestHouse) -> None:
    assert "Your PIN is {{ pin }}" in do(place, "mail", "template").out
    assert "cancelled" in do(place, "mail", "template", "--cancelled").out
