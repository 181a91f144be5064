"""Stories of people who are told that something is wrong: real mail, real HTTP, real files."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controller.alerts import AlertKind
from controller.config import load
from controller.errors import ConfigError
from controller.model import Kind, Trust
from controller.overview import gather, only_alerted
from sync.daemon import Daemon
from tests.lofts import wait_for
from tests.mails import MailServerHere
from tests.receivers import Receiver
from tests.watches import CALM, TO, Watch, watch
from tests.worlds import DAY, HOUR


@pytest.fixture
def server() -> Iterator[MailServerHere]:
    with MailServerHere() as made:
        yield made


@pytest.fixture
def program() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def site(tmp_path: Path, server: MailServerHere) -> Iterator[Watch]:
    with watch(tmp_path, server) as made:
        made.look()
        assert server.mails == []
        yield made


def subjects(server: MailServerHere) -> list[str]:
    return [str(mail["Subject"]).removeprefix("Harbour Loft: ") for mail in server.mails]


def texts(server: MailServerHere) -> str:
    return "".join(str(mail.get_content()) for mail in server.mails)


def test_a_forced_door_is_told_once_and_that_it_is_over(
    site: Watch, server: MailServerHere
) -> None:
    site.happens(Kind.FORCED)
    site.look()
    site.happens(Kind.FORCED)
    site.look(30)
    site.look(1)
    assert subjects(server) == ["door forced (front)"]
    assert server.recipients == [TO]
    site.look(CALM)
    site.look(CALM)
    assert subjects(server) == ["door forced (front)", "over: door forced (front)"]
    assert "Look there" in texts(server)
    assert "2026-01-05 10:00:00 UTC" in texts(server)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Kind.HELD, "door held open (front)"),
        (Kind.DURESS, "duress (front)"),
        (Kind.LOCKOUT, "lockout max attempts (front)"),
        (Kind.ELSEWHERE, "card elsewhere (front)"),
    ],
)
def test_what_happens_at_doors_is_told_without_names(
    site: Watch, server: MailServerHere, kind: Kind, told: str
) -> None:
    site.happens(kind)
    site.look()
    assert subjects(server) == [told]
    assert "Ada" not in texts(server)
    assert "7001" not in texts(server)


def test_a_device_that_is_lost_and_back(site: Watch, server: MailServerHere) -> None:
    site.reader().unplug()
    site.settle()
    site.look()
    assert subjects(server) == []
    site.look(61)
    assert subjects(server) == ["device lost (front/main)"]
    site.reader().plug()
    site.settle()
    site.look()
    site.look(CALM)
    assert subjects(server)[1:] == ["over: device lost (front/main)"]


def test_a_restart_repeats_nothing_and_forgets_nothing(site: Watch, server: MailServerHere) -> None:
    site.happens(Kind.FORCED)
    site.look()
    for _ in range(3):
        site.restart()
        site.look()
    assert subjects(server) == ["door forced (front)"]
    site.look(CALM)
    site.restart()
    site.look()
    assert subjects(server) == ["door forced (front)", "over: door forced (front)"]


def test_what_happened_while_nobody_looked_is_told(site: Watch, server: MailServerHere) -> None:
    site.happens(Kind.FORCED)
    site.restart()
    site.look()
    assert subjects(server) == ["door forced (front)"]


def test_alerts_that_are_new_tell_nothing_old(tmp_path: Path, server: MailServerHere) -> None:
    with watch(tmp_path, server) as site:
        site.happens(Kind.FORCED)
        site.look()
        site.look()
        assert subjects(server) == []


def test_mail_that_cannot_go_out_waits_and_is_sent_once(
    site: Watch, server: MailServerHere
) -> None:
    server.faults.sender = "451 later"
    site.happens(Kind.FORCED)
    site.look()
    site.look(HOUR)
    site.restart()
    site.look(HOUR)
    assert subjects(server) == []
    assert AlertKind.MAIL in {fact.kind for fact in site.facts()}
    server.faults.sender = "250 taken"
    site.look(HOUR)
    site.look(HOUR)
    assert sorted(subjects(server)) == ["door forced (front)", "over: door forced (front)"]


def test_a_controller_that_is_down_and_what_it_alone_knows(
    site: Watch, server: MailServerHere
) -> None:
    site.reader().unplug()
    site.settle()
    site.look()
    site.look(61)
    site.place.controller.close()
    site.alerts.look()
    site.clock.advance(61)
    site.alerts.look()
    site.clock.advance(HOUR)
    site.alerts.look()
    site.place.turn()
    assert subjects(server) == ["device lost (front/main)", "controller down"]
    assert "systemctl start doorward-controller" in texts(server)


def test_check_ins_that_wait_and_rosters_that_grow_old(site: Watch, server: MailServerHere) -> None:
    with closing(sqlite3.connect(site.place.config.data / "cache.db")) as db, db:
        at = int(site.clock.wall())
        db.execute(
            "INSERT INTO delivery VALUES"
            " ('u1', 1, 'c', 'loft', 'm-1', 'Ada', 'front', ?, ?, 'pending', 0, 0, '', NULL, 1, 0)",
            (at, at),
        )
    site.look()
    assert subjects(server) == []
    site.look(HOUR + 1)
    assert subjects(server) == ["queue old (loft)"]
    told = list(only_alerted(gather(site.place.config)))
    assert [each.partition(" (alerted ")[0] for each in told] == [site.facts()[0].text]
    site.look(6 * HOUR)
    assert sorted(subjects(server)[1:]) == ["roster old (gym)", "roster old (loft)"]
    site.place.sync()
    site.look()
    site.look(CALM)
    assert len(list(only_alerted(gather(site.place.config)))) == 1, "the queue is as old as it was"
    assert {"over: roster old (gym)", "over: roster old (loft)"} < {*subjects(server)}


def test_a_clock_that_is_a_guess(site: Watch, server: MailServerHere) -> None:
    site.clock.trust_now = Trust.GUESSED
    site.look()
    site.look(CALM)
    assert subjects(server) == ["clock guessed"]


def test_a_database_that_was_set_aside(site: Watch, server: MailServerHere) -> None:
    kept = site.place.config.data / "cache.db.damaged-1767607200"
    kept.write_bytes(b"x")
    kept.with_name(f"{kept.name}-wal").write_bytes(b"x")
    site.look()
    site.look(61)
    assert subjects(server) == [f"database damaged ({kept.name})"]
    kept.unlink()
    site.look()
    site.look(CALM)
    assert subjects(server)[1:] == [f"over: database damaged ({kept.name})"]


def test_a_disk_that_is_nearly_full(tmp_path: Path, server: MailServerHere) -> None:
    with watch(tmp_path, server, more="disk_below_mib = 1000000000") as site:
        site.look()
        assert subjects(server) == ["disk full"]
        assert "MiB left" in texts(server)


def test_only_what_is_wanted(tmp_path: Path, server: MailServerHere) -> None:
    with watch(tmp_path, server, more='kinds = ["card_elsewhere"]') as site:
        site.look()
        site.happens(Kind.FORCED)
        site.happens(Kind.ELSEWHERE)
        site.look()
        assert subjects(server) == ["card elsewhere (front)"]


def test_a_program_is_told_too_in_order_and_once(
    tmp_path: Path, server: MailServerHere, program: Receiver
) -> None:
    with watch(tmp_path, server, target=program.url, events='["alert_raised"]') as site:
        site.look()
        program.status = 500
        site.happens(Kind.FORCED)
        site.look()
        assert program.took == []
        program.status = 204
        site.look(HOUR)
        site.restart()
        site.look(HOUR)
        (told,) = program.took
        assert (told["kind"], told["reason"]) == ("alert_raised", "door_forced")
        assert told["detail"]["about"] == "front"
        assert told["user"] is None
        assert site.place.office.targets.all["watch"].skip() >= 0
        assert program.forged == 0


def test_a_program_hears_the_end_if_it_asked_for_all(tmp_path: Path, program: Receiver) -> None:
    with MailServerHere() as unused, watch(tmp_path, unused, target=program.url) as site:
        site.look()
        site.happens(Kind.FORCED)
        site.look()
        site.look()
        site.look(CALM)
        assert program.kinds() == ["alert_raised", "alert_cleared"]
        assert len({each["id"] for each in program.took}) == 2


def test_one_that_did_not_ask_is_told_nothing(tmp_path: Path, program: Receiver) -> None:
    with (
        MailServerHere() as unused,
        watch(tmp_path, unused, target=program.url, events='["door_forced"]') as site,
    ):
        site.look()
        site.happens(Kind.FORCED)
        site.look()
        assert program.asked == 0


def test_what_a_target_was_not_told_can_be_skipped(tmp_path: Path, program: Receiver) -> None:
    with MailServerHere() as unused, watch(tmp_path, unused, target=program.url) as site:
        site.look()
        program.status = 500
        site.happens(Kind.FORCED)
        site.look()
        site.place.office.targets.all["watch"].skip()
        program.status = 204
        site.look(HOUR / 60)
        site.look(HOUR)
        assert "alert_raised" not in program.kinds()


def test_a_disk_that_takes_nothing_loses_no_alert(site: Watch, server: MailServerHere) -> None:
    desk = site.place.office.desk
    assert desk
    site.happens(Kind.FORCED)
    desk.read("PRAGMA query_only=1")
    with pytest.raises(Exception, match=r"desk\.db cannot be written"):
        site.alerts.look()
    desk.read("PRAGMA query_only=0")
    site.look()
    site.look()
    assert subjects(server) == ["door forced (front)"]


def test_syncd_itself_alerts(tmp_path: Path, server: MailServerHere) -> None:
    with watch(tmp_path, server, more="disk_below_mib = 1000000000") as site:
        site.place.close_socket()
        office = site.place.office
        with Daemon(office):
            wait_for(lambda: subjects(server))
        assert subjects(server) == ["disk full"]
        site.place.open_office()


def test_notices_go_after_a_while(site: Watch) -> None:
    site.happens(Kind.FORCED)
    site.look()
    desk = site.place.office.desk
    assert desk
    assert len(desk.read("SELECT * FROM notices")) == 1
    site.alerts.forget(site.clock.wall() + DAY)
    assert desk.read("SELECT * FROM notices") == []


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('to = ["desk@example.org"]', "alerts.to: needs a mail server"),
        ('to = ["nobody"]', "is no mail address"),
        ('kinds = ["door_opened"]', r"alerts\.kinds\[0\]: must be 'door_forced'"),
        ("disk_below_mib = 0", "disk_below_mib"),
        ('queue_older_than = "soon"', "must be a length of time"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, table: str, problem: str) -> None:
    path = tmp_path / "doorward.toml"
    path.write_text(f"[alerts]\n{table}\n")
    with pytest.raises(ConfigError, match=problem):
        load(path)
