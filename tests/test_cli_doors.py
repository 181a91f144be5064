"""Staff at the doors: `doors`, `unlock`, `lock`, `mode`, `lockdown`, `status`, `sim`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.model import Kind
from tests.fakes import MONDAY
from tests.halls import Hall, doorward, hall, in_berlin
from tests.worlds import DAY

ADA = "0000000017"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    with in_berlin(), hall(tmp_path_factory.mktemp("h")) as place:
        place.member("Ada Ruiz", ADA)
        place.sync()
        yield place


@pytest.fixture
def place(built: Hall) -> Hall:
    """The same hall for every story, at one moment and with its doors as they were."""
    built.clock.wall_time = MONDAY
    built.do("lockdown", "on")
    built.do("lockdown", "off")
    return built


def doors(place: Hall) -> dict[str, dict[str, object]]:
    return {door["id"]: door for door in place.do("doors", "--json").json}


def test_the_table_shows_what_became_of_the_last_card(place: Hall) -> None:
    place.scan("front", ADA)
    shown = place.do("doors")
    assert shown.code == 0
    head, front, gym = shown.out.splitlines()
    assert head.split() == ["door", "name", "mode", "lock", "contact", "last", "scan", "trouble"]
    assert "Front door" in front
    assert "2026-01-05 11:00:03 CET: granted, Ada Ruiz" in front
    assert "released" in front
    assert "locked" in gym


def test_somebody_is_let_in_once(place: Hall) -> None:
    assert place.do("unlock", "front", "--for", "3s").out == "front is unlocked for 3 s\n"
    assert place.released("front")
    assert place.do("lock", "front").code == 0
    assert not place.released("front")
    assert place.do("unlock", "front", "--json").json == {"door": "front", "seconds": 5.0}
    assert place.events(Kind.UNLOCKED)[-1].event.author


def test_a_mode_ends_at_a_time_of_day_to_come(place: Hall) -> None:
    told = place.do("mode", "front", "unlocked", "--until", "18:00")
    assert "front is unlocked for everybody until 2026-01-05 18:00:00 CET" in told.out
    assert place.released("front")
    place.clock.wall_time += DAY
    assert doors(place)["front"]["mode"] == "normal"
    told = place.do("mode", "front", "unlocked", "--until", "09:00", "--json")
    assert told.json == [
        {"door": "front", "mode": "unlocked", "until": "2026-01-07T09:00:00+01:00"}
    ]
    told = place.do("mode", "gym", "lockdown", "--for", "2h")
    assert "until 2026-01-06 13:00:00 CET" in told.out


def test_lock_ends_a_mode_but_no_lockdown(place: Hall) -> None:
    place.do("mode", "front", "unlocked")
    assert place.released("front")
    assert "is locked" in place.do("lock", "front").out
    assert doors(place)["front"]["mode"] == "normal"
    place.do("lockdown", "on", "front")
    assert "stays in lockdown" in place.do("lock", "front").out
    assert doors(place)["front"]["mode"] == "lockdown"


def test_a_lockdown_is_for_all_doors_and_its_end_only_for_those_in_it(place: Hall) -> None:
    assert len(place.do("lockdown", "on").out.splitlines()) == 2
    assert place.scan("front", ADA) == "denied_deny_all"
    refused = place.do("unlock", "front")
    assert (refused.code, refused.out) == (1, "")
    assert "doorward lockdown off front" in refused.err
    assert place.do("lockdown", "off", "front").code == 0
    place.do("mode", "front", "unlocked")
    assert place.do("lockdown", "off").out.startswith("gym is back to normal")
    assert doors(place)["front"]["mode"] == "unlocked"
    again = place.do("lockdown", "off")
    assert (again.code, again.out) == (0, "")
    assert "nothing was changed" in again.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["unlock", "frnt"], "did you mean 'front'?"),
        (["unlock", "front", "--for", "0"], "too short"),
        (["unlock", "front", "--for", "a while"], "no length of time"),
        (["unlock", "front", "--for", "1.2.3"], "no length of time"),
        (["mode", "front", "ajar"], "ajar"),
        (["mode", "front", "normal", "--for", "2h"], "normal"),
        (["mode", "front", "unlocked", "--for", "2h", "--until", "18:00"], "exclude"),
        (["mode", "front", "unlocked", "--until", "soon"], "no time"),
        (["mode", "front", "unlocked", "--until", "2020-01-01"], "past"),
        (["mode", "front", "unlocked", "--until", "99999-01-01"], "no time"),
        (["lockdown", "on", "cellar"], "there is no door 'cellar'"),
        (["lockdown", "maybe"], "maybe"),
        (["sim", "scan", "frnt", ADA], "did you mean 'front'?"),
        (["sim", "state", ""], "there is no door"),
    ],
)
def test_what_is_mistyped_is_said_and_changes_nothing(
    place: Hall, words: list[str], said: str
) -> None:
    before = place.events()
    told = place.do(*words)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert [each.seq for each in place.events()] == [each.seq for each in before]


# Status


def test_all_is_well(place: Hall) -> None:
    shown = place.do("status")
    assert shown.code == 0
    assert shown.out.endswith("All is well.\n")
    assert "clock:      2026-01-05 11:00:00 CET, synchronized: a time server keeps it" in shown.out
    found = place.do("--json", "status").json
    assert found["well"]
    assert [each["people"] for each in found["platforms"]] == [1, 0, 2]


def test_a_platform_that_does_not_answer_needs_attention(place: Hall) -> None:
    place.cobot.cut()
    try:
        failed = place.do("sync", "--platform", "loft")
        assert failed.code == 9
        shown = place.do("status")
    finally:
        place.cobot.mend()
    assert shown.code == 1
    assert "1. loft: " in shown.out
    assert "next try" in shown.out
    found = place.do("status", "--json").json
    assert not found["well"]
    assert found["platforms"][0]["next_try_s"] > 0
    place.clock.advance(90)
    assert place.do("sync", "--platform", "loft").code == 0
    assert place.do("status").code == 0


def test_a_damaged_desk_needs_attention_and_the_doors_go_on(place: Hall) -> None:
    desk, garbage = place.config.data / "desk.db", b"no database at all, " * 500
    with place.without_syncd():
        kept = desk.read_bytes()
        desk.write_bytes(garbage)
    try:
        shown = place.do("status")
        assert shown.code == 1
        assert "1. no console, no API and no mail, and no card can be blocked: " in shown.out
        assert "put its backup in its place" in shown.out
        assert desk.read_bytes() == garbage, "left as it is"
        assert place.do("sync", "--platform", "loft").code == 0
    finally:
        with place.without_syncd():
            desk.write_bytes(kept)
    assert place.do("status").code == 0


def test_a_missing_reader_needs_attention(place: Hall) -> None:
    assert place.do("sim", "unplug", "front", "--reader", "keypad").code == 0
    try:
        shown = place.do("status")
        assert shown.code == 1
        assert "door front: reader front/keypad: unplugged" in shown.out
    finally:
        place.do("sim", "plug", "front", "--reader", "keypad")
    assert place.do("status").code == 0


def test_the_doors_go_on_without_syncd_and_status_says_so(place: Hall) -> None:
    with place.without_syncd():
        shown = place.do("status")
    assert shown.code == 1
    assert "syncd:      NOT RUNNING" in shown.out
    assert "1. syncd does not answer: the doors go on" in shown.out
    assert "2. " not in shown.out


# Simulated devices


def test_a_card_is_held_to_a_reader_from_another_terminal(place: Hall) -> None:
    place.clock.advance(10)
    told = place.do("sim", "scan", "front", ADA)
    assert (told.code, told.out.split(": ")[-1]) == (0, "granted, Ada Ruiz\n")
    again = place.do("sim", "scan", "front", ADA)
    assert "the same card again within 2 s counts once" in again.out
    keypad = place.do("sim", "scan", "front", "--reader", "keypad", "8264", "--json").json
    assert keypad["decided"]["name"] == "Pim Pin"
    assert keypad["keypad"]["last"] == "…"
    noise = place.do("sim", "scan", "front", "~~")
    assert "no card by the settings of reader main" in noise.out


def test_contact_and_button_are_moved(place: Hall) -> None:
    place.do("unlock", "front")
    assert place.do("sim", "open", "front", "--json").json["contact"] == {"active": True}
    assert doors(place)["front"]["open"] is True
    assert place.do("sim", "close", "front", "--json").json["contact"] == {"active": False}
    assert place.do("sim", "press", "front").code == 0
    assert place.do("sim", "release", "front").code == 0
    kinds = [each.event.kind for each in place.events()][-3:]
    assert kinds == [Kind.OPENED, Kind.CLOSED, Kind.EXIT]
    state = place.do("sim", "state").out
    assert "front  exit_button  active no" in state
    assert "gym    lock" in state


def test_a_device_that_is_not_there_cannot_be_moved(place: Hall) -> None:
    told = place.do("sim", "open", "gym")
    assert (told.code, told.out) == (3, "")
    assert "contact is not simulated at this door" in told.err


def test_the_clock_of_a_real_door_is_not_moved(place: Hall) -> None:
    told = place.do("sim", "clock", "+1d")
    assert (told.code, told.out) == (3, "")
    assert "simulated = true" in told.err
    assert not (place.config.run / "clock-offset").exists()


def test_the_clock_of_a_sandbox_is_moved_by_ever_more(place: Hall, tmp_path: Path) -> None:
    text = place.config.path.read_text()
    path = tmp_path / "sandbox.toml"
    path.write_text(text.replace('trust = "always"', 'trust = "always"\nsimulated = true'))
    for shift, seconds in (("+1d", DAY), ("2h", DAY + 7200), ("-1h", DAY + 3600), ("", DAY + 3600)):
        told = doorward(path, "sim", "clock", *filter(None, [shift]), "--json")
        assert (told.code, told.json["offset_s"]) == (0, seconds), told.err
    offset = tmp_path / "run" / "clock-offset"
    assert float(offset.read_text()) == DAY + 3600
    assert "(+1 d 1 h)" in doorward(path, "sim", "clock").out
    assert doorward(path, "sim", "clock", "reset", "--json").json["offset_s"] == 0
    for nonsense in ("tomorrow", "+", "9999999d", "-", "1"):
        assert doorward(path, "sim", "clock", nonsense).code == 2, nonsense
    assert float(offset.read_text()) == 0
