"""The sandbox's platforms: people with cards to try, lines to cut, a calendar to turn."""

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.clock import OFFSET
from controller.control import Refused, ask
from sync.simulator.town import SOCKET, Town
from sync.simulator.townspeople import IDRIS, NORA, TOVE

DAY = 86_400.0
PORT = 20_000 + os.getpid() % 10_000  # test processes must not take each other's cut lines


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with Town(tmp_path, PORT) as town:
        yield town


def play(tmp_path: Path, do: str, **more: Any) -> dict[str, Any]:
    return ask(tmp_path / SOCKET, {"do": do, **more})


def status_of(url: str) -> int:
    """What a platform answers to somebody without a key."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.usefixtures("town")
def test_everybody_has_a_card_of_their_own(tmp_path: Path) -> None:
    people = play(tmp_path, "members")["members"]
    cards = [each["card"] for each in people]
    assert len(people) > 50
    assert len(set(cards)) == len(cards)
    assert all(len(card) == 8 and int(card, 16) for card in cards)
    known = {each["name"]: each for each in people}
    assert known[NORA.name]["card"] == NORA.card
    assert known[TOVE.name]["about"] == "Front door and Gym"
    assert (known[NORA.name]["passes"], known[IDRIS.name]["passes"]) == (None, 1)


def test_a_cut_line_refuses_and_a_mended_one_answers_at_the_same_address(
    town: Town, tmp_path: Path
) -> None:
    url = town.cobot.url
    assert status_of(f"{url}/api/memberships") == 401

    play(tmp_path, "cut", platform="harbour")
    with pytest.raises(urllib.error.URLError, match="refused"):
        status_of(f"{url}/api/memberships")
    assert status_of(f"{town.hive.url}/users") == 401
    assert [each["cut"] for each in play(tmp_path, "status")["platforms"]] == [True, False]

    play(tmp_path, "mend")
    assert town.cobot.url == url
    assert status_of(f"{url}/api/memberships") == 401


def test_a_fault_lasts_until_it_is_mended(town: Town, tmp_path: Path) -> None:
    play(tmp_path, "fault", platform="gym", kind="status", status=503)
    assert status_of(f"{town.hive.url}/users") == 503
    assert play(tmp_path, "status", platform="gym")["platforms"][0]["fault"] == "status"
    play(tmp_path, "mend", platform="gym")
    assert status_of(f"{town.hive.url}/users") == 401


def test_the_platforms_lists_show_who_was_told_and_when(town: Town, tmp_path: Path) -> None:
    nora = town.cobot.space.members[NORA.id]
    with town.cobot.lock:
        town.cobot.space.check_in(nora)
    (told,) = play(tmp_path, "check_ins")["check_ins"]
    assert (told["platform"], told["name"], told["used_pass"]) == ("harbour", NORA.name, False)
    assert told["at"] == town.cobot.check_ins[0].valid_from
    assert play(tmp_path, "check_ins", platform="gym")["check_ins"] == []


def test_the_calendar_of_the_platforms_is_that_of_the_sandbox(town: Town, tmp_path: Path) -> None:
    before = town.cobot.now()
    (tmp_path / OFFSET).write_text(str(3 * DAY))
    assert town.cobot.now() >= before + 3 * DAY


def test_two_towns_find_ports_of_their_own(town: Town, tmp_path: Path) -> None:
    with Town(tmp_path / "other", PORT) as other:
        urls = [p.url for each in (town, other) for p in each.platforms.values()]
        assert len(set(urls)) == 4


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"do": "cut", "platform": "harbor"}, "there are: harbour, gym"),
        ({"do": "fault", "kind": "gremlins"}, "a fault is one of status"),
    ],
)
def test_what_there_is_not_is_refused(asked: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=told):
        ask(tmp_path / SOCKET, asked)
