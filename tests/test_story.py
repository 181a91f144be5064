"""From the scan to the platform and back, over real servers and real files."""

import threading
from pathlib import Path
from typing import Any

import pytest

from controller.control import Server
from controller.errors import Unavailable
from controller.model import Kind
from sync.simulator.server import Fault
from tests.houses import TEN_DAYS, House, gym_user, house

ADA, BEN, CLEO = "0000000017", "0000000018", "0000000019"
DAY = 86_400.0


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


def test_two_lines_that_settle_at_once_have_each_check_in_noted_once(tmp_path: Path) -> None:
    with house(tmp_path) as place:
        place.member("Ada Ruiz", ADA)
        place.sync()
        place.scan("front", ADA)
        assert place.controller.journal.flush(5)
        place.office.deliver("loft")
        noted: list[str] = []
        other = threading.Thread(target=place.office.note_settled)
        came_too = threading.Event()

        def settled(request: dict[str, Any], *_: object) -> dict[str, Any]:
            noted.extend(each["uuid"] for each in request["items"])
            if len(noted) > 1:
                came_too.set()
            else:
                other.start()
                came_too.wait(0.2)  # it would have come by now
            return {}

        slow = Server(place.config.run / "door.sock", {"settled": settled})
        place.office.note_settled()
        other.join()
        slow.close()
        assert len(noted) == 1
