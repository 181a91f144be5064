"""What the console says of doors, events and the health of every part."""

from typing import Any

import pytest

from controller.config import Config
from controller.model import Event, Kind, Reason, Recorded, Trust
from sync.console.door_view import door_view
from sync.console.health import Part, parts, summary, worst
from sync.console.said import SHOWN, said
from tests.desks import desk
from tests.fakes import MONDAY
from tests.worlds import DAY, HOUR

WELL: dict[str, Any] = {
    "clock": {"wall": MONDAY, "trust": "synchronized"},
    "controller": {
        "running": True,
        "doors": [],
        "cache": {"failing": ""},
        "journal": {"failing": "", "lost": 0},
    },
    "syncd": {"running": True},
    "platforms": [],
    "check_ins": {},
    "files": {},
    "disk": {"free_mib": 9000, "low": False},
}
COPY = {"kind": "card_elsewhere", "about": "front", "text": "perhaps a copy", "at": MONDAY}
DOOR: dict[str, Any] = {
    "id": "front",
    "name": "Front door",
    "works": True,
    "mode": "normal",
    "mode_until": None,
    "released": False,
    "open": False,
    "last": None,
    "word": "locked",
    "unwell": {},
    "alarms": {},
}
LIST = {"platform": "list", "people": 2, "synced_at": MONDAY - 60, "failure": "", "warnings": []}
DEAD = {"running": False, "why": "it hangs"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    with desk(tmp_path_factory.mktemp("words")) as site:
        return site.config


def controller(**more: Any) -> dict[str, Any]:
    return {"controller": {**WELL["controller"], **more}}


def unwell(found: dict[str, Any], config: Config) -> list[Part]:
    return [part for part in parts(found, config) if part.state != "good"]


def test_a_well_house_needs_nobody(config: Config) -> None:
    found = {**WELL, **controller(doors=[DOOR]), "platforms": [LIST], "check_ins": {"pending": 3}}
    assert unwell(found, config) == []
    assert (worst(parts(found, config)), summary(parts(found, config))) == ("good", "All is well")


@pytest.mark.parametrize(
    ("change", "state", "words"),
    [
        ({"controller": DEAD}, "bad", "no card opens a door. it hangs"),
        (
            controller(doors=[{**DOOR, "works": False, "unwell": {"door": "no pin"}}]),
            "bad",
            "Front door: does not work",
        ),
        (controller(cache={"failing": "damaged"}), "bad", "Nobody can be looked up: damaged"),
        (
            controller(doors=[{**DOOR, "unwell": {"main": "unplugged"}}]),
            "bad",
            "Front door, main: does not answer",
        ),
        (controller(doors=[{**DOOR, "alarms": {"tamper": "opened"}}]), "bad", "alarm, tamper"),
        ({"platforms": [{**LIST, "failure": "line down"}]}, "warn", "list of 1 min ago"),
        (
            {"platforms": [{**LIST, "failure": "line down", "synced_at": None}]},
            "bad",
            "There is no list yet",
        ),
        ({"platforms": [{**LIST, "synced_at": None}]}, "warn", "never fetched yet"),
        ({"platforms": [{**LIST, "synced_at": MONDAY - 5 * HOUR}]}, "warn", "5 h ago"),
        ({"check_ins": {"late": 1}}, "warn", "1 check-in waits for somebody"),
        ({"clock": {"wall": MONDAY, "trust": "guessed"}}, "bad", "only a guess"),
        (controller(journal={"failing": "disk full", "lost": 0}), "bad", "disk full"),
        ({"files": {"cache.db": "cache.db is damaged"}}, "bad", "cache.db is damaged"),
        ({"disk": {"free_mib": 90, "low": True}}, "warn", "90 MB left"),
        (controller(data="/run/doorward/without-disk"), "bad", "Keyholders alone get in"),
        ({"clock": {**WELL["clock"], "disbelieved": 400 * DAY}}, "warn", "set on by 400 d"),
        ({"syncd": {"running": True, "alerts": [COPY]}}, "warn", "perhaps a copy"),
    ],
)
def test_what_is_not_well_is_said_with_what_to_do(
    change: dict[str, Any], state: str, words: str, config: Config
) -> None:
    (found,) = unwell({**WELL, **change}, config)
    assert found.state == state
    assert words in found.words
    assert found.act
    assert summary(parts({**WELL, **change}, config)) == "1 thing needs attention"


@pytest.mark.parametrize(
    ("change", "colour", "pill"),
    [
        ({}, "quiet", "Locked"),
        ({"released": True}, "good", "Released"),
        ({"word": "lockdown", "mode": "lockdown"}, "bad", "Lockdown"),
        ({"word": "unlocked by hand", "mode": "unlocked"}, "warn", "Unlocked"),
        ({"word": "unlocked by hours"}, "warn", "Unlocked by its hours"),
        ({"word": "forced", "open": True}, "bad", "Forced open"),
        ({"word": "held", "open": True}, "bad", "Open for too long"),
        ({"word": "fire"}, "bad", "Fire alarm"),
        ({"unwell": {"main": "unplugged"}}, "warn", "Locked"),
        ({"works": False, "unwell": {"door": "no pin"}}, "bad", "Does not work"),
    ],
)
def test_how_a_door_is(change: dict[str, Any], colour: str, pill: str) -> None:
    view = door_view({**DOOR, **change})
    assert view.colour == colour
    assert view.pills[0][1] == pill


def happened(kind: Kind, **more: Any) -> str:
    event = Event(kind, "front", **more)
    recorded = Recorded(1, "u", MONDAY, 0.0, "b", Trust.SYNCHRONIZED, event, b"")
    told = said(recorded, {"front": "Front door"})
    return f"{told.short}: {told.text}" + (f" ({told.why})" if told.why else "")


@pytest.mark.parametrize("kind", SHOWN)
def test_every_kind_of_event_has_words(kind: Kind) -> None:
    words = happened(kind, reason="granted", author="root")
    assert "{" not in words
    assert len(words) > 8


def test_a_refusal_says_why_and_never_a_whole_card() -> None:
    unknown = happened(Kind.ACCESS, reason=Reason.UNKNOWN, card="…BEEF")
    assert unknown == "Refused: An unknown card (nobody’s card, …BEEF)"
    assert happened(Kind.ACCESS, reason=Reason.NO_PASS, name="Ada") == (
        "Refused: Ada (no pass is left)"
    )
    assert happened(Kind.ACCESS, reason="denied_by_the_moon", name="Ada") == (
        "Refused: Ada (denied by the moon)"
    )


def test_names_with_braces_are_only_names() -> None:
    assert happened(Kind.ACCESS, reason="granted", name="{who} {0}") == "Let in: {who} {0}"


def test_who_acted_is_named_as_the_desk_knows_them() -> None:
    words = happened(
        Kind.MODE, author="Mira (console), through doorward", detail={"mode": "lockdown"}
    )
    assert words == "Lockdown: Mira locked it down"
    assert happened(Kind.UNLOCKED, author="root") == "Opened: root opened it"
