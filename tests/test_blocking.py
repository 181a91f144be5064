"""A lost card is blocked here: at once, without any line, and for as long as staff say."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.cli.reach import own_name
from controller.config import load
from controller.daemon import Controller
from controller.errors import ConfigError, StoreError
from controller.journal_read import JournalReader
from controller.model import Kind
from hw import TABLES
from sync.blocking import block_card, block_of_person, blocked, unblock
from sync.office import Office
from sync.platforms import PLATFORMS
from sync.simulator.cobot_space import Member
from tests.fakes import FakeClock
from tests.houses import KEY, TOKEN, House, config_text, house

ADA, SPARE = "0000000017", "0000000018"
BLOCKED, UNKNOWN = "denied_credential_disabled", "denied_unknown_credential"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as built:
        yield built


@pytest.fixture
def ada(place: House) -> Member:
    made = place.member("Ada Ruiz", ADA)
    place.sync()
    return made


def test_by_its_number_at_once_and_with_every_line_down(place: House, ada: Member) -> None:
    place.cobot.cut()
    block = block_card(place.office, ADA, "lost", "ida")
    assert (block.masked, block.name, block.why, block.by) == ("…0011", "Ada Ruiz", "lost", "ida")
    assert place.scan("front", ADA) == BLOCKED
    assert not place.released("front")


def test_as_a_reader_sends_it_too(place: House, ada: Member) -> None:
    assert block_card(place.office, "00000011", "lost", "ida").name == "Ada Ruiz"
    assert place.scan("front", ADA) == BLOCKED


def test_of_a_person_by_its_end(place: House, ada: Member) -> None:
    place.cobot.space.tokens.append((SPARE, ada.id))
    place.sync()
    with pytest.raises(ConfigError, match="more than one card; they have: …0011, …0012"):
        block_of_person(place.office, "loft", ada.id, "", "lost", "ida")
    with pytest.raises(ConfigError, match="no card that ends in BEEF"):
        block_of_person(place.office, "loft", ada.id, "beef", "lost", "ida")
    block_of_person(place.office, "loft", ada.id, "…0011", "lost", "ida")
    assert place.scan("front", ADA) == BLOCKED
    assert place.scan("front", SPARE) == "granted"


def test_a_card_that_nobody_has_yet_is_not_let_in_later(place: House, ada: Member) -> None:
    assert block_card(place.office, "0000000099", "found", "ida", "front").name == ""
    place.member("Ben Ode", "0000000099")
    place.sync()
    assert place.scan("front", "0000000099") == BLOCKED


def test_it_outlasts_syncs_restarts_and_a_new_cache(place: House, ada: Member) -> None:
    block_card(place.office, ADA, "lost", "ida")
    place.member("Ben Ode", SPARE)
    place.sync()
    assert place.scan("front", ADA) == BLOCKED
    place.close_office()
    place.open_office()
    place.office.forget_unconfigured()
    assert place.scan("front", ADA) == BLOCKED
    place.office.replace_cache()
    assert place.scan("front", ADA) == "denied_authentication_unavailable"
    place.sync()
    assert place.scan("front", ADA) == BLOCKED
    assert place.scan("front", SPARE) == "granted"


def test_a_cache_lost_while_nothing_ran_holds_it_again(place: House, ada: Member) -> None:
    block_card(place.office, ADA, "lost", "ida")
    place.close_office()
    for part in place.config.data.glob("cache.db*"):
        part.unlink()
    place.open_office()
    place.sync()
    assert place.scan("front", ADA) == BLOCKED


@pytest.mark.parametrize("how", [{"number": ADA}, {"last": "…0011"}, {"person": True}])
def test_unblocked_it_opens_what_the_platforms_say(
    place: House, ada: Member, how: dict[str, object]
) -> None:
    block_card(place.office, ADA, "lost", "ida")
    if "person" in how:
        how = {"person": ("loft", ada.id)}
    assert unblock(place.office, "pim", **how).name == "Ada Ruiz"  # type: ignore[arg-type]
    assert place.scan("front", ADA) == "granted"
    assert blocked(place.office) == []
    with pytest.raises(ConfigError, match="no such card is blocked here"):
        unblock(place.office, "pim", number=ADA)


def test_of_several_one_must_be_named(place: House, ada: Member) -> None:
    for number in (ADA, "0000000099"):
        block_card(place.office, number, "lost", "ida", "front")
        place.clock.advance(1)
    with pytest.raises(ConfigError, match="could be …0011 Ada Ruiz, …0063; say which"):
        unblock(place.office, "pim")


def test_who_did_it_is_in_the_journal(place: House, ada: Member) -> None:
    block_card(place.office, ADA, "lost", f"ida, through {own_name()}")
    block_card(place.office, ADA, "stolen", "pim")
    assert [block.why for block in blocked(place.office)] == ["lost"]
    unblock(place.office, "pim", number=ADA)
    done, undone = (each.event for each in place.events(Kind.CARD_BLOCKED, Kind.CARD_UNBLOCKED))
    us = own_name()
    assert (done.kind, done.author) == (Kind.CARD_BLOCKED, f"ida, through {us}")
    assert (done.name, done.card, done.detail) == ("Ada Ruiz", "…0011", {"why": "lost"})
    assert (undone.kind, undone.author) == (Kind.CARD_UNBLOCKED, f"pim, through {us}")


def test_a_number_that_can_be_several_cards_is_not_guessed(place: House, ada: Member) -> None:
    with pytest.raises(ConfigError, match=r"card …6789 can stand for more than one card"):
        block_card(place.office, "0123456789", "lost", "ida")
    with pytest.raises(ConfigError, match=r"there is no door 'back'"):
        block_card(place.office, "0123456789", "lost", "ida", "back")
    with pytest.raises(ConfigError, match=r"card …lnil fits no format"):
        block_card(place.office, "nil-nil-nil", "lost", "ida")
    assert blocked(place.office) == []


def test_a_platform_that_blocks_the_same_card_goes_on_blocking_it(tmp_path: Path) -> None:
    people = 'kind = "file"\npath = "keys.csv"\ncard = { format = "dec10" }\n'
    (tmp_path / "keys.csv").write_text(f"id,name,card,blocked\nk1,Ida Keys,{ADA},yes\n")
    with house(tmp_path, gym=f"[platforms.keys]\n{people}") as place:
        place.sync()
        before = place.scan("front", ADA)
        assert before == BLOCKED
        block_card(place.office, ADA, "lost", "ida")
        unblock(place.office, "ida", number=ADA)
        assert place.scan("front", ADA) == BLOCKED


def test_no_file_holds_the_number(place: House, ada: Member) -> None:
    block_card(place.office, "0000654321", "lost", "ida", "front")
    kept = b"".join(p.read_bytes() for p in place.config.data.iterdir() if p.is_file())
    assert b"0000654321" not in kept
    assert b"0009FBF1" not in kept


def test_without_the_controller_it_is_blocked_and_the_journal_hears_later(tmp_path: Path) -> None:
    for name, text in (("cobot-token", TOKEN), ("hive-key", KEY)):
        (tmp_path / name).write_text(text)
    path = tmp_path / "doorward.toml"
    path.write_text(config_text("http://127.0.0.1:9", "http://127.0.0.1:9"))
    config, clock = load(path, TABLES, PLATFORMS), FakeClock()
    office = Office(config, threading.Event(), clock)
    try:
        block_card(office, ADA, "lost", "ida", "front")
        with Controller(config, clock) as controller:
            office.note_settled()
            office.note_settled()
            assert controller.journal.flush(5)
            reader = JournalReader(config.data / "journal.db")
            events = reader.events(kinds=(Kind.CARD_BLOCKED,))
            reader.close()
        assert [each.event.author for each in events] == [f"ida, through {own_name()}"]
    finally:
        office.close()


def test_without_desk_db_nothing_is_blocked_and_what_is_stays(place: House, ada: Member) -> None:
    block_card(place.office, ADA, "lost", "ida")
    place.close_office()
    for part in place.config.data.glob("desk.db*"):
        part.unlink()
    (place.config.data / "desk.db").write_bytes(b"no database" * 1000)
    place.open_office()
    place.sync()
    assert place.scan("front", ADA) == BLOCKED
    with pytest.raises(StoreError, match="cards cannot be blocked here"):
        block_card(place.office, SPARE, "lost", "ida", "front")


def test_a_desk_that_fails_keeps_no_check_in_from_the_journal(place: House, ada: Member) -> None:
    assert place.office.desk
    place.office.desk.write("DROP TABLE notes")
    assert place.scan("front", ADA) == "granted"
    place.deliver()
    assert len(place.events(Kind.TOLD)) == 1
