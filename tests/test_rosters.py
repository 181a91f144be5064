"""Rosters in force: what a sync changes at the doors, and what it must never change."""

import math
import sqlite3
from pathlib import Path
from threading import Thread

import pytest

from controller.errors import BadReply, StoreError, SuspiciousRoster, Unauthorized, Unavailable
from controller.journal_read import JournalReader
from sync.platform import State
from sync.simulator.hive import User
from sync.simulator.server import Fault
from tests.houses import gym_user, house

ADA, BEN = "0000000017", "0000000018"
DAY = 86_400.0


def test_revocation_takes_effect_with_the_next_sync(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        ada = place.member("Ada Ruiz", ADA)
        place.member("Ben", BEN)
        place.hive.put(gym_user(7, "0BADCAFE"), gym_user(8, "0BADCAFF"))
        place.sync()
        assert place.scan("front", ADA) == "granted"
        place.cobot.remove_member(ada)
        place.hive.put(User(7, "Guest 7", "", "0BADCAFE"))
        place.sync()
        assert place.scan("front", ADA) == "denied_unknown_credential"
        assert place.scan("gym", "0BADCAFE") == "denied_unknown_credential"


def test_an_emptied_roster_is_refused_until_a_person_accepts_it(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        people = [place.member(f"Member {n}", f"{n:010}") for n in range(50)]
        place.sync()
        for each in people:
            place.cobot.remove_member(each)
        with pytest.raises(SuspiciousRoster, match="--accept"):
            place.sync()
        assert place.scan("front", f"{7:010}") == "granted"
        place.sync(accept=True)
        assert place.scan("front", f"{7:010}") == "denied_unknown_credential"


def test_many_who_vanish_at_once_from_hive_are_not_asked_about_one_by_one(tmp_path: Path) -> None:
    with house(tmp_path, gym="confirm_at_most = 3") as place:
        place.hive.put(*(gym_user(n, f"0BAD{n:04}") for n in range(100)))
        place.sync()
        place.hive.remove(*range(5))
        with pytest.raises(SuspiciousRoster, match="5 people vanished"):
            place.sync()
        assert place.scan("gym", "0BAD0003") == "granted"
        place.sync(accept=True)
        assert place.scan("gym", "0BAD0003") == "denied_unknown_credential"


def test_who_is_skipped_by_a_page_of_hives_list_keeps_access(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        place.hive.put(*(gym_user(n, f"0BAD{n:04}") for n in range(50)))
        place.sync()
        place.hive.skipped.add(7)
        place.sync()
        assert place.hive.requests[-1].form()["check_only"] == "1"
        assert place.scan("gym", "0BAD0007") == "granted"


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        place.member("Ada Ruiz", ADA)
        report = place.office.lines["loft"].pull(lambda *_: None, dry_run=True)
        assert report.changes.rows["person"] == (1, 0)
        assert not report.applied
        assert place.scan("front", ADA) == "denied_authentication_unavailable"


FAULTS = [
    (Fault("status", status=401), Unauthorized),
    (Fault("status", status=402), Unauthorized),
    (Fault("status", status=403), Unauthorized),
    (Fault("status", status=404), BadReply),
    (Fault("status", status=429, retry_after=1000), Unavailable),
    (Fault("status", status=500), Unavailable),
    (Fault("html"), BadReply),
    (Fault("truncate"), Unavailable),
    (Fault("reset"), Unavailable),
    (Fault("redirect"), BadReply),
    (Fault("garbage"), BadReply),
    (Fault("empty_list", "memberships"), SuspiciousRoster),
]


@pytest.mark.parametrize(("fault", "error"), FAULTS, ids=lambda f: getattr(f, "kind", ""))
def test_no_fault_of_the_platform_empties_the_cache(
    tmp_path: Path, fault: Fault, error: type[Exception]
) -> None:
    with house(tmp_path) as place:
        for n in range(12):
            place.member(f"Member {n}", f"{n:010}")
        place.sync()
        place.cobot.fault = fault
        with pytest.raises(error):
            place.office.lines["loft"].pull(lambda *_: None)
        assert place.scan("front", f"{7:010}") == "granted"
        place.cobot.fault = None
        place.clock.advance(2000)
        place.sync()
        assert place.office.lines["loft"].failure == ""


def test_one_platform_down_leaves_the_other_alone(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        place.member("Ada Ruiz", ADA)
        place.hive.put(gym_user(7, "0BADCAFE"))
        place.cobot.cut()
        with pytest.raises(Unavailable):
            place.office.lines["loft"].pull(lambda *_: None)
        place.office.lines["gym"].pull(lambda *_: None)
        assert place.scan("gym", "0BADCAFE") == "granted"
        # A card that is not Hive's may be a member's of Cobot, which was never reached.
        assert place.scan("front", ADA) == "denied_authentication_unavailable"


def test_rosters_fetched_at_the_same_time_do_not_mix(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        for n in range(40):
            place.member(f"Member {n}", f"{n:010}")
            place.hive.put(gym_user(n + 1, f"0BAD{n:04}"))
        lines = place.office.lines.values()
        pulls = [Thread(target=line.pull, args=(lambda *_: None,)) for line in lines]
        for pull in pulls:
            pull.start()
        for pull in pulls:
            pull.join()
        for n in range(40):
            assert place.scan("front", f"{n:010}") == "granted"
            assert place.scan("gym", f"0BAD{n:04}") == "granted"


def test_two_members_with_one_card_are_refused_and_told_apart(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        place.member("Ada Ruiz", ADA)
        place.member("Ben Okri", ADA)
        place.sync()
        assert place.scan("front", ADA) == "denied_credential_ambiguous"


def test_a_platform_taken_out_of_the_configuration_admits_nobody(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        place.member("Ada Ruiz", ADA)
        place.sync()
        assert place.office.ledger.forget_platforms(["gym"]) == ["loft"]
        assert place.scan("front", ADA) == "denied_unknown_credential"


def test_an_unchanged_roster_writes_next_to_nothing(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        for n in range(200):
            place.member(f"Member {n}", f"{n:010}")
        place.sync()
        wal = place.config.data / "cache.db-wal"
        db = sqlite3.connect(place.config.data / "cache.db")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        place.clock.advance(61)
        place.office.lines["loft"].pull(lambda *_: None)
        assert wal.stat().st_size <= 16 * 1024
        db.close()


def test_only_one_process_may_write(tmp_path: Path) -> None:
    with house(tmp_path) as place, pytest.raises(StoreError, match="in use"):
        place.open_office()


def test_the_journal_stays_whole_through_it_all(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        place.member("Ada Ruiz", ADA)
        place.sync()
        for _ in range(5):
            place.scan("front", ADA)
            place.deliver()
            place.clock.advance(DAY)
        assert place.controller.journal.flush(5)
        reader = JournalReader(place.config.data / "journal.db")
        assert reader.verify().broken_at is None
        assert reader.watermark("loft") == reader.newest()
        reader.close()


def test_back_off_grows_and_ends_with_the_outage(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        line = place.office.lines["loft"]
        place.cobot.cut()
        waits = []
        for _ in range(8):
            with pytest.raises(Unavailable):
                line.pull(lambda *_: None)
            waits.append(line.backoff.wait(place.clock.monotonic()))
            place.clock.advance(math.ceil(waits[-1]))
        assert all(1 < wait <= 68 for wait in waits)
        assert waits[0] < waits[3] < waits[-1]
        place.cobot.mend()
        line.pull(lambda *_: None)
        assert not line.resting()
        assert State.PENDING.value not in place.states()
