"""One person's answer and whole rosters: neither undoes what the other knows better."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from controller.cache import Cache
from controller.journal import History
from controller.model import Allowance, Grant, Pass
from controller.question import Question, Said
from sync.platform import Word
from sync.simulator.server import Fault
from tests.contract_platform import FAULTS
from tests.fakes import MONDAY
from tests.houses import House, gym_user, house
from tests.worlds import DAY, PATIENCE, Member, hash_of, member, pour, poured, roster_into

ADA, BEN, CLEO = "0000000017", "0000000018", "0000000019"
CARD = "32:00000011"  # Ada's, as a door reads it


@pytest.fixture
def place(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        made.sync()
        yield made


def ask(place: House, card: str = CARD, door: str = "front") -> dict[str, Word]:
    said = place.office.live.ask(Question(door, card), 5.0)
    return {each.platform: Word(each.word) for each in said}


def names(place: House) -> set[str]:
    with closing(Cache(place.config.data / "cache.db")) as cache:
        return {found.person.name for found in cache.people()}


def everything(path: Path, whose: str) -> list[Any]:
    """All rows of all people but one, and of the platforms."""
    tables = ("credential", "held", "pass", "allowance", "visit")
    with closing(sqlite3.connect(path)) as db:
        one = "(SELECT id FROM person WHERE key = ?)"
        rows = db.execute("SELECT * FROM person WHERE key <> ? ORDER BY id", (whose,)).fetchall()
        for table in tables:
            query = f"SELECT * FROM {table} WHERE person NOT IN {one} ORDER BY 1, 2, 3"
            rows += db.execute(query, (whose,)).fetchall()
        rows += db.execute("SELECT * FROM blocked ORDER BY 1").fetchall()
        return rows + db.execute("SELECT * FROM platform").fetchall()


def answered(path: Path, key: str, *one: Member, now: float = MONDAY) -> None:
    """The platform says this of one person, or that there is none."""
    with closing(poured(path)) as staging:
        for each in one:
            pour(staging, each)
        staging.apply_person(key, now)


class TestTheCache:
    @pytest.mark.parametrize("said", ["new", "less", "gone"])
    def test_only_that_person_changes(self, tmp_path: Path, said: str) -> None:
        path = tmp_path / "cache.db"
        ben = member("ben", "plan:1", passes=[Pass("p1")])
        ada = member("ada", "plan:1", "plan:2", passes=[Pass("p2"), Pass("p3")])
        roster_into(path, *([ben] if said == "new" else [ben, ada]), blocked=["text:lost"])
        roster_into(path, member("ada", "plan:1", platform="other"), platform="other")
        before = everything(path, "ada")
        less = member("ada", "plan:2", passes=[Pass("p3")])
        answered(path, "ada", *([] if said == "gone" else [less]))
        assert everything(path, "ada") == before
        with closing(Cache(path)) as cache:
            facts = cache.facts(hash_of("ada"), lambda *_: History())
            of_cobot = [h for h in facts.holders if h.person.platform == "cobot"]
            if said == "gone":
                assert of_cobot == []
                return
            (holder,) = of_cobot
            assert [grant.label for grant in holder.grants] == ["plan:2"]

    def test_nobody_else_slips_in_with_them(self, tmp_path: Path) -> None:
        path = tmp_path / "cache.db"
        roster_into(path, member("ben", "plan:1"))
        before = everything(path, "ada")
        answered(path, "ada", member("ada", "plan:1"), member("eve", "plan:1"), member("ben"))
        assert everything(path, "ada") == before

    @pytest.mark.parametrize(("days", "left"), [(1, 1), (40, 0)])
    def test_passes_of_a_new_month_are_not_counted_twice(
        self, tmp_path: Path, days: int, left: int
    ) -> None:
        path = tmp_path / "cache.db"
        flex = member(
            "ada", Grant("plan:1", uses_pass=True), allowances=[Allowance("0", 8, "month")]
        )
        roster_into(path, flex)
        answered(path, "ada", flex, now=MONDAY + days * DAY)
        with closing(Cache(path)) as cache:
            (holder,) = cache.facts(hash_of("ada"), lambda *_: History()).holders
            assert len(holder.allowances) == left


class TestOrder:
    def test_a_roster_that_was_under_way_does_not_undo_an_answer(self, place: House) -> None:
        place.cobot.fault = Fault("slow", "^/api/memberships$", gap=60)
        pulling = threading.Thread(target=place.office.lines["loft"].pull, args=[lambda *_: None])
        served = place.cobot.served
        pulling.start()
        assert place.cobot.wait_for_requests(served + 1, PATIENCE)
        place.member("Ada Ruiz", ADA)
        assert ask(place)["loft"] is Word.KNOWN
        place.cobot.fault = None
        pulling.join(PATIENCE)
        assert names(place) == {"Ada Ruiz"}
        place.cobot.remove_member(*place.cobot.space.members.values())
        place.member("Ben Ode", BEN)
        place.sync(accept=True)
        assert names(place) == {"Ben Ode"}

    def test_an_answer_does_not_undo_a_roster_begun_later(self, place: House) -> None:
        ada = place.member("Ada Ruiz", ADA)
        place.cobot.fault = Fault("slow", f"^/api/memberships/{ada.id}$", gap=60)
        asking = threading.Thread(target=ask, args=[place])
        served = place.cobot.served
        asking.start()
        # The token first, then the member's own state and what belongs to it.
        assert place.cobot.wait_for_requests(served + 4, PATIENCE)
        place.cobot.remove_member(ada)
        place.member("Ben Ode", BEN)
        place.sync()
        place.cobot.fault = None
        asking.join(PATIENCE)
        assert names(place) == {"Ben Ode"}


@pytest.mark.parametrize("fault", [f for f, _ in FAULTS], ids=lambda f: f"{f.kind}-{f.status}")
def test_whatever_goes_wrong_nobody_is_changed(place: House, fault: Fault) -> None:
    place.member("Ada Ruiz", ADA)
    place.hive.put(gym_user(7, "00000011"))
    place.cobot.fault = place.hive.fault = fault
    words = ask(place, door="gym")
    assert set(words.values()) == {Word.SILENT}
    assert names(place) == set()
    place.cobot.fault = place.hive.fault = None
    place.sync()
    assert names(place) == {"Ada Ruiz", "Guest 7"}


class TestHowOften:
    def test_a_flood_of_cards_leaves_the_platform_alone(self, place: House) -> None:
        served = place.cobot.served
        words = [ask(place, f"32:{number:08X}")["loft"] for number in range(40)]
        assert words == [Word.UNKNOWN] * 30 + [Word.BUSY] * 10
        assert place.cobot.served - served == 30
        place.clock.advance(61)
        assert ask(place)["loft"] is Word.UNKNOWN

    def test_who_has_no_place_within_the_platforms_limit_does_not_wait(self, place: House) -> None:
        ada = place.member("Ada Ruiz", ADA)
        question = Question("front", platform="loft", person=ada.id)
        line = place.office.lines["loft"]
        for _ in range(49):
            line.ask(question)
        for _ in range(2):
            said = place.office.live.ask(question, 5.0)
        assert said == [Said("loft", Word.BUSY)]
        assert not line.resting()


class TestWhoIsAsked:
    def test_only_whose_person_it_is(self, place: House) -> None:
        ada = place.member("Ada Ruiz", ADA)
        said = place.office.live.ask(Question("front", platform="loft", person=ada.id), 5.0)
        assert [(each.platform, each.word) for each in said] == [("loft", Word.KNOWN)]
        assert place.office.live.ask(Question("front", platform="gym", person="7"), 5.0) == []

    def test_hive_at_its_own_doors(self, place: House) -> None:
        place.hive.put(gym_user(7, "0BADCAFE"))
        served = place.hive.served
        assert ask(place, "32:0BADCAFE")["gym"] is Word.UNKNOWN
        assert place.hive.served == served
        assert ask(place, "32:0BADCAFE", "gym")["gym"] is Word.KNOWN
        assert place.hive.entries == []

    def test_visitors_have_no_membership_to_ask_about(self, place: House) -> None:
        served = place.cobot.served
        (said,) = place.office.live.ask(Question("front", platform="loft", person="visitor:9"), 5.0)
        assert said.word == Word.UNKNOWN
        assert place.cobot.served == served
