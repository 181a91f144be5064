"""What the controller reads of people: exactly what was told, and what is so at one moment."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from controller.cache import Cache, Found
from controller.errors import StoreError
from controller.journal import History
from controller.model import (
    Allowance,
    Duration,
    Facts,
    Grant,
    Holder,
    Pass,
    Person,
    RosterState,
    Visit,
)
from controller.store import set_aside
from sync.staging import Roll
from tests.fakes import MONDAY
from tests.worlds import (
    DAY,
    HOUR,
    Member,
    card_of,
    hash_of,
    member,
    poured,
    roster_into,
    span,
)

NOTHING = History()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


@pytest.fixture
def cache(path: Path) -> Iterator[Cache]:
    with closing(Cache(path)) as cache:
        yield cache


def no_past(platform: str, person: str, chain: str, watermark: int) -> History:
    return NOTHING


def ask(cache: Cache, card: str) -> Facts:
    return cache.facts(hash_of(card), no_past)


def names(cache: Cache, card: str) -> list[str]:
    return sorted(holder.person.name for holder in ask(cache, card).holders)


def only(cache: Cache, card: str) -> Holder:
    (holder,) = ask(cache, card).holders
    return holder


class TestFacts:
    FULL = Member(
        Person("cobot", "ada", "Ada Quill", MONDAY - DAY, MONDAY + DAY, note="paused soon"),
        (card_of("ada"), "32:007B3972"),
        (
            Grant("plan:1", MONDAY - DAY, MONDAY + DAY, (span("22:00-5:59", 5),), uses_pass=True),
            Grant("plan:2", renews=True, until=MONDAY + DAY),
            Grant("resource:7", attends=False, hours=(span("9:00-17:30"), Duration(1500))),
        ),
        (Pass("bought"), Pass("month", MONDAY + DAY, (span("4:00-3:59"),))),
        (Allowance("0", 8, "month", (Duration(120, frozenset({1, 7})),)),),
        (Visit(MONDAY - HOUR, MONDAY + HOUR), Visit(MONDAY - DAY, MONDAY)),
    )

    def test_come_back_as_they_were_told(self, path: Path, cache: Cache) -> None:
        roster_into(path, self.FULL)
        for card in (card_of("ada"), "32:007B3972"):
            found = only(cache, card)
            assert found.person == self.FULL.person
            assert set(found.grants) == set(self.FULL.grants)
            assert set(found.passes) == set(self.FULL.passes)
            assert found.allowances == self.FULL.allowances
            assert set(found.visits) == set(self.FULL.visits)
            assert (found.used, found.last_entry) == (frozenset(), None)

    def test_are_the_same_by_card_and_by_person(self, path: Path, cache: Cache) -> None:
        roster_into(path, self.FULL)
        assert cache.facts_of("cobot", "ada", no_past) == ask(cache, "ada")
        assert cache.facts_of("hive", "ada", no_past) == Facts()

    def test_of_someone_with_nothing_but_a_card(self, path: Path, cache: Cache) -> None:
        roster_into(path, member("bo"))
        plain = only(cache, "bo")
        assert plain.person == Person("cobot", "bo", "Bo")
        assert plain[2:] == ((), (), (), (), frozenset(), None, None)

    def test_of_a_stranger(self, path: Path, cache: Cache) -> None:
        roster_into(path, member("bo"))
        assert ask(cache, "stranger") == Facts()

    def test_cards_differ_by_every_character(self, path: Path, cache: Cache) -> None:
        roster_into(path, member("ada", cards=["32:000012AB"]), member("bo", cards=["32:00000012"]))
        assert names(cache, "32:000012AB") == ["Ada"]
        assert names(cache, "32:00000012") == ["Bo"]
        for near in ("24:0012AB", "32:000012ab", "dec10:12", "text:12"):
            assert ask(cache, near).holders == ()

    def test_one_card_of_two_people_has_two_holders(self, path: Path, cache: Cache) -> None:
        shared = ["text:shared"]
        roster_into(path, member("ada", cards=shared), member("bo", cards=shared))
        roster_into(path, member("zoe", cards=shared, platform="hive"), platform="hive")
        assert names(cache, "text:shared") == ["Ada", "Bo", "Zoe"]

    def test_a_blocked_card(self, path: Path, cache: Cache) -> None:
        roster_into(path, member("ada"), blocked=[card_of("ada"), "text:lost"])
        assert (names(cache, "ada"), ask(cache, "ada").blocked) == (["Ada"], True)
        assert ask(cache, "text:lost") == Facts(blocked=True)
        roster_into(path, member("ada"))
        assert not ask(cache, "ada").blocked

    def test_a_block_list_holds_for_people_of_other_platforms(
        self, path: Path, cache: Cache
    ) -> None:
        roster_into(path, member("ada"))
        roster_into(path, platform="hive", blocked=[card_of("ada")])
        assert ask(cache, "ada").blocked
        roster_into(path, blocked=[card_of("ada")])
        roster_into(path, platform="hive")
        assert ask(cache, "ada").blocked, "each platform lifts its own"

    def test_the_roster_they_came_with(self, path: Path, cache: Cache) -> None:
        with closing(poured(path, member("ada"), platform="local")) as staging:
            staging.zone("Asia/Tokyo")
            told = Roll("local", MONDAY, "c", 3, 60, HOUR, keyholders=True)
            staging.apply(staging.changes(MONDAY), told)
        assert only(cache, "ada").roster == RosterState(
            "local", ZoneInfo("Asia/Tokyo"), MONDAY, 60, HOUR, keyholders=True
        )

    def test_the_journal_is_asked_with_the_rosters_own_mark(self, path: Path, cache: Cache) -> None:
        asked: list[tuple[str, str, str, int]] = []
        past = History((Visit(MONDAY, MONDAY + 1),), frozenset({"p1"}))

        def journal(platform: str, person: str, chain: str, watermark: int) -> History:
            asked.append((platform, person, chain, watermark))
            return past

        roster_into(path, member("ada", visits=[Visit(1, 2)]), chain="abc", watermark=42)
        (found,) = cache.facts(hash_of("ada"), journal).holders
        assert asked == [("cobot", "ada", "abc", 42)]
        assert (found.visits, found.used) == ((Visit(1, 2), *past.visits), past.used)

    def test_are_of_one_moment(self, path: Path, cache: Cache) -> None:
        """A sync ends between two look-ups for one scan."""
        roster_into(path, member("ada", "plan:old"))

        def synced(platform: str, person: str, chain: str, watermark: int) -> History:
            roster_into(path, member("ada", "plan:new", blocked=True))
            return NOTHING

        (found,) = cache.facts(hash_of("ada"), synced).holders
        assert (found.person.blocked, [g.label for g in found.grants]) == (False, ["plan:old"])
        now = only(cache, "ada")
        assert (now.person.blocked, [g.label for g in now.grants]) == (True, ["plan:new"])


class TestWhetherAnythingIsKnown:
    def test_once_a_roster_was_fetched_even_an_empty_one(self, path: Path, cache: Cache) -> None:
        roster_into(path)
        assert ask(cache, "ada") == Facts()

    def test_not_while_one_platform_was_never_fetched(self, path: Path, cache: Cache) -> None:
        roster_into(path, member("ada"))
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute(
                "INSERT INTO platform(name, zone, day_ends, renewal_grace, keyholders, chain,"
                " watermark, failure) VALUES ('hive', 'UTC', 240, 0, 0, '', 0, 'no answer')"
            )
        assert ask(cache, "stranger") == Facts(known=False), "they may be a member there"
        assert ask(cache, "ada").known


class TestTheFile:
    def test_is_missing_and_comes_later(self, path: Path, cache: Cache) -> None:
        with pytest.raises(StoreError, match="doorward sync"):
            ask(cache, "ada")
        roster_into(path, member("ada"))
        assert names(cache, "ada") == ["Ada"]

    def test_is_replaced_by_another(self, path: Path, cache: Cache) -> None:
        roster_into(path, member("ada"))
        assert names(cache, "ada") == ["Ada"]
        set_aside(path, MONDAY)
        with pytest.raises(StoreError, match="is missing"):
            ask(cache, "ada")
        roster_into(path, member("bo"))
        assert (names(cache, "ada"), names(cache, "bo")) == ([], ["Bo"])

    def test_is_replaced_at_once(self, path: Path, cache: Cache) -> None:
        roster_into(path, member("ada"))
        assert names(cache, "ada") == ["Ada"]
        other = path.with_name("other.db")
        roster_into(other, member("bo"))
        other.replace(path)
        assert (names(cache, "ada"), names(cache, "bo")) == ([], ["Bo"])

    def test_is_garbled(self, path: Path, cache: Cache) -> None:
        path.write_bytes(b"no database" * 1000)
        with pytest.raises(StoreError, match="cannot be read") as refused:
            ask(cache, "ada")
        assert refused.value.damaged

    def test_is_garbled_while_it_is_read(self, path: Path, cache: Cache) -> None:
        roster_into(path, *[member(f"p{n}", "plan:1") for n in range(500)])
        assert names(cache, "p7") == ["P7"]
        with closing(sqlite3.connect(path)) as db:
            db.execute("UPDATE platform SET watermark = 1")
            db.commit()
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        length = path.stat().st_size
        with path.open("r+b") as file:
            file.write(os.urandom(length))
        with pytest.raises(StoreError, match="cannot be read") as refused:
            ask(cache, "p7")
        assert refused.value.damaged
        set_aside(path, MONDAY)
        roster_into(path, member("bo"))
        assert names(cache, "bo") == ["Bo"]

    def test_is_of_a_newer_doorward(self, path: Path, cache: Cache) -> None:
        roster_into(path, member("ada"))
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version=99")
            db.execute("PRAGMA application_id=99")
        with pytest.raises(StoreError, match="newer Doorward") as refused:
            ask(cache, "ada")
        assert refused.value.newer
        assert not refused.value.damaged

    @pytest.mark.parametrize("question", ["people", "rosters", "deliveries", "delivery_counts"])
    def test_that_is_missing_is_told_to_everybody(self, cache: Cache, question: str) -> None:
        with pytest.raises(StoreError, match="is missing"):
            getattr(cache, question)()


class TestSearchingForPeople:
    @pytest.fixture(autouse=True)
    def crowd(self, path: Path) -> None:
        people = [
            ("1", "Ada Quill", "32:007B3972"),
            ("2", "Bo_Lind 100%", "32:0000ABCD"),
            ("3", "Änne Ørsted", "text:long\\abc"),
            ("m-4", "ada lower", "pin:4711"),
        ]
        roster_into(
            path,
            *[Member(Person("cobot", k, n), (card,), (Grant("plan:1"),)) for k, n, card in people],
        )

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("", ["Ada Quill", "Bo_Lind 100%", "ada lower", "Änne Ørsted"]),
            ("ada", ["Ada Quill", "ada lower"]),
            ("m-4", ["ada lower"]),
            ("3972", ["Ada Quill"]),
            ("abcd", ["Bo_Lind 100%"]),
            ("%", ["Bo_Lind 100%"]),
            ("_", ["Bo_Lind 100%"]),
            ("\\", ["Änne Ørsted"]),
            ("a_a", []),
            ("Ørs", ["Änne Ørsted"]),
            ("änne", ["Änne Ørsted"]),
            ("'; DROP TABLE person; --", []),
            ("4711", []),
        ],
    )
    def test_by_name_key_or_the_end_of_a_card(
        self, cache: Cache, text: str, found: list[str]
    ) -> None:
        assert [one.person.name for one in cache.people(text)] == found

    def test_shows_what_they_hold(self, cache: Cache) -> None:
        ada = Person("cobot", "1", "Ada Quill")
        assert cache.people("Quill") == [Found(ada, ("3972",), ("plan:1",))]

    def test_shows_so_many(self, cache: Cache) -> None:
        assert len(cache.people(limit=2)) == 2


def test_rosters_by_platform(path: Path, cache: Cache) -> None:
    roster_into(path, member("ada"), member("bo"))
    roster_into(path, platform="hive", keyholders=True)
    told = [(r["name"], r["people"], r["synced_at"], r["keyholders"]) for r in cache.rosters()]
    assert told == [("cobot", 2, int(MONDAY), 0), ("hive", 0, int(MONDAY), 1)]
