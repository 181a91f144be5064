"""From the scan to the platform and back, over real servers and real files."""

import math
import sqlite3
from pathlib import Path
from threading import Thread

import pytest

from controller.errors import BadReply, StoreError, SuspiciousRoster, Unauthorized, Unavailable
from controller.journal_read import JournalReader
from controller.model import Kind
from sync.platform import State
from sync.simulator.hive import Membership, User
from sync.simulator.server import Fault
from tests.houses import TEN_DAYS, House, house

ADA, BEN, CLEO = "0000000017", "0000000018", "0000000019"
FAR = 2_000_000_000
DAY = 86_400.0


def gym_user(number: int, card: str) -> User:
    return User(number, f"Guest {number}", "", card, memberships=(Membership(number, 1, FAR),))


def late(place: House) -> list[str]:
    return [row["uuid"] for row in place.deliveries() if row["state"] == "late"]


def test_a_member_enters_and_the_platform_hears_of_it_once(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        ada = place.member("Ada Ruiz", ADA)
        place.sync()
        assert place.scan("front", ADA) == "granted"
        assert place.released("front")
        place.deliver()
        place.scan("front", ADA)
        place.deliver()
        assert [stay.member for stay in place.cobot.check_ins] == [ada.id]
        assert place.states() == {"sent": 1}
        (told,) = place.events(Kind.TOLD)
        assert told.event.detail
        assert told.event.detail["state"] == "sent"


def test_an_outage_keeps_the_doors_open_and_loses_no_check_in(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        members = [place.member(f"Member {n}", f"{n:010}") for n in range(100, 120)]
        place.hive.put(gym_user(7, "0BADCAFE"))
        place.sync()
        place.cobot.cut()
        place.hive.cut()
        with pytest.raises(Unavailable):
            place.sync()
        for n in range(100, 120):
            assert place.scan("front", f"{n:010}") == "granted"
        assert place.scan("gym", "0BADCAFE") == "granted"
        place.deliver()
        assert place.states() == {"pending": 21}
        place.cobot.mend()
        place.hive.mend()
        place.clock.advance(61)
        place.deliver()
        assert [s.member for s in place.cobot.check_ins] == [m.id for m in members]
        assert [e.user_id for e in place.hive.entries] == [7]
        assert place.states() == {"sent": 21}


def test_the_last_pass_is_used_once_even_while_the_platform_is_away(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        place.member("Ben Okri", BEN, TEN_DAYS, passes=2)
        place.sync()
        place.cobot.cut()
        assert place.scan("front", BEN) == "granted"
        place.clock.advance(3600)
        assert place.scan("front", BEN) == "granted"  # the same visit
        place.clock.advance(DAY)
        assert place.scan("front", BEN) == "granted"  # the second pass
        place.clock.advance(DAY)
        assert place.scan("front", BEN) == "denied_credential_max_uses"


def test_a_used_pass_is_not_counted_twice_after_the_platform_knows(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        place.member("Ben Okri", BEN, TEN_DAYS, passes=2)
        place.sync()
        place.scan("front", BEN)
        place.deliver()
        place.sync()
        place.clock.advance(DAY)
        assert place.scan("front", BEN) == "granted"
        place.clock.advance(DAY)
        assert place.scan("front", BEN) == "denied_credential_max_uses"


def test_yesterdays_check_in_waits_for_a_persons_word(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        place.member("Ada Ruiz", ADA)
        place.member("Cléo Dupont", CLEO)
        place.sync()
        place.cobot.cut()
        place.scan("front", ADA)
        place.scan("front", CLEO)
        place.clock.advance(DAY)
        place.cobot.mend()
        place.deliver()
        assert place.states() == {"late": 2}
        assert place.cobot.check_ins == []
        first, second = late(place)
        assert place.office.ledger.push([first]) == [first]
        assert place.office.ledger.dismiss([second], "ida", place.clock.wall()) == [second]
        place.deliver()
        assert len(place.cobot.check_ins) == 1
        assert place.states() == {"sent": 1, "dismissed": 1}


def test_late_push_tells_them_all_in_order(tmp_path: Path) -> None:
    with house(tmp_path, loft='late = "push"') as place:
        ada, ben = place.member("Ada", ADA), place.member("Ben", BEN)
        place.sync()
        place.cobot.cut()
        place.scan("front", ADA)
        place.clock.advance(DAY)
        place.scan("front", BEN)
        place.clock.advance(DAY)
        place.cobot.mend()
        place.deliver()
        assert [stay.member for stay in place.cobot.check_ins] == [ada.id, ben.id]


@pytest.mark.parametrize("kind", ["lose_answer", "status", "html", "truncate", "reset"])
def test_a_lost_answer_is_settled_by_reading_cobot(tmp_path: Path, kind: str) -> None:
    with house(tmp_path) as place:
        place.member("Ada Ruiz", ADA)
        place.sync()
        place.scan("front", ADA)
        place.cobot.fault = Fault(kind, "work_sessions", times=1, method="POST")  # type: ignore[arg-type]
        place.deliver()
        assert place.states() == {"pending": 1}
        place.clock.advance(61)
        place.deliver()
        assert place.states() == {"sent": 1}
        assert len(place.cobot.check_ins) == 1


def test_a_lost_answer_of_hive_is_never_sent_again(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        place.hive.put(gym_user(7, "0BADCAFE"), gym_user(8, "0BADCAFF"))
        place.sync()
        place.scan("gym", "0BADCAFE")
        place.scan("gym", "0BADCAFF")
        place.hive.fault = Fault("lose_answer", "/access", times=1)
        for _ in range(3):
            place.deliver()
            place.clock.advance(61)
        assert place.states() == {"unknown": 1, "sent": 1}
        assert [e.user_id for e in place.hive.entries] == [7, 8]


def test_a_captive_portal_costs_at_most_one_check_in(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        place.hive.put(*(gym_user(n, f"0BADCA{n:02}") for n in range(10, 20)))
        place.sync()
        for n in range(10, 20):
            assert place.scan("gym", f"0BADCA{n:02}") == "granted"
        place.hive.fault = Fault("html")
        for _ in range(5):
            place.deliver()
            place.clock.advance(61)
        assert place.states() == {"unknown": 1, "pending": 9}
        place.hive.fault = None
        place.deliver()
        assert place.states() == {"unknown": 1, "sent": 9}


def test_killed_between_sending_and_noting(tmp_path: Path) -> None:
    """The mark that was on the disk before sending decides what happens after the restart."""
    with house(tmp_path) as place:
        ada = place.member("Ada Ruiz", ADA)
        place.hive.put(gym_user(7, "0BADCAFE"))
        place.sync()
        place.scan("front", ADA)
        place.scan("gym", "0BADCAFE")
        place.cobot.cut()
        place.hive.cut()
        place.deliver()
        for row in place.deliveries():
            place.office.ledger.begin(row["uuid"])
        place.close_office()
        place.cobot.mend()
        place.hive.mend()
        place.cobot.check_in(ada)  # it had arrived
        place.open_office()
        place.deliver()
        assert len(place.cobot.check_ins) == 1
        assert place.hive.entries == []
        assert place.states() == {"sent": 1, "unknown": 1}


def test_a_lost_cache_is_rebuilt_and_nothing_is_told_twice(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        place.member("Ada Ruiz", ADA)
        place.hive.put(gym_user(7, "0BADCAFE"), gym_user(8, "0BADCAFF"))
        place.sync()
        place.scan("front", ADA)
        place.scan("gym", "0BADCAFE")
        place.deliver()
        place.hive.cut()
        place.scan("gym", "0BADCAFF")
        place.deliver()
        place.close_office()
        for part in ("cache.db-wal", "cache.db-shm"):
            (place.config.data / part).unlink(missing_ok=True)
        (place.config.data / "cache.db").write_bytes(b"\0garbage" * 2048)
        place.hive.mend()
        place.open_office()
        place.sync()
        place.deliver()
        assert len(place.cobot.check_ins) == 1
        assert [e.user_id for e in place.hive.entries] == [7]
        # What may have been sent by the lost file cannot be known: a person decides.
        assert place.states() == {"unknown": 1}
        assert place.scan("front", ADA) == "granted"
        assert list(place.config.data.glob("cache.db.damaged-*"))


def test_a_refusal_is_final_and_kept_with_the_platforms_words(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        ben = place.member("Ben Okri", BEN, TEN_DAYS, passes=1)
        place.sync()
        place.scan("front", BEN)
        with place.cobot.lock:
            place.cobot.space.passes.clear()
        place.deliver()
        (row,) = place.deliveries()
        assert row["state"] == "refused"
        assert "pass" in row["message"].lower()
        assert row["person"] == ben.id


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
