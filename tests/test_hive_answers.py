"""Stories about a Hive whose answers are odd, wrong, or none at all."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.errors import BadReply, ConfigError, DoorwardError, Unauthorized, Unavailable
from sync.platform import State
from sync.platforms.hive import Hive
from sync.platforms.hive_pages import pages
from sync.platforms.hive_said import Said
from sync.simulator.hive import Door, SimulatedHive, User
from sync.simulator.server import Fault
from tests.contract_platform import FAULTS, PlatformContract, World
from tests.fakes import MONDAY, FakeClock
from tests.hives import (
    ADA,
    BEN,
    DOORS,
    KEY,
    SOON,
    Lying,
    entry,
    fetched,
    hive_at,
    member,
    oddly,
    small_gym,
)
from tests.lines import self_signed


@pytest.fixture
def gym() -> Iterator[SimulatedHive]:
    with small_gym() as simulated:
        yield simulated


@pytest.fixture
def hive(gym: SimulatedHive) -> Iterator[Hive]:
    made = hive_at(gym)
    yield made
    made.close()


# Types as PHP sends them


@pytest.mark.parametrize(
    ("expires", "until"),
    [
        (SOON, SOON),
        (str(SOON), SOON),
        (float(SOON), SOON),
        (SOON * 1000, SOON),
        (str(SOON * 1000 + 500), SOON + 0.5),
        (0, None),
        ("0", None),
        (None, None),
        (False, None),
        ("", None),
    ],
)
def test_ends_in_all_their_forms(
    gym: SimulatedHive, hive: Hive, expires: object, until: float | None
) -> None:
    gym.put(member(expires=expires))
    ends = {grant.until for grant in fetched(hive).grants["201"]}
    assert ends == {until}


@pytest.mark.parametrize("yes", [True, 1, "true", "1", "True"])
@pytest.mark.parametrize("no", [False, 0, "false", "0"])
def test_flags_in_all_their_forms(gym: SimulatedHive, hive: Hive, yes: object, no: object) -> None:
    gym.put_door(replace(DOORS[0], oddities={"active": yes, "allow_instructors": no}))
    gym.put(oddly(BEN, is_instructor=yes), oddly(ADA, is_instructor=no))
    roster = fetched(hive)
    assert roster.labels("202") == ["instructor"]
    assert roster.labels("201") == ["door:front-01", "type:1"]


def test_ids_as_numbers_and_as_digits(gym: SimulatedHive, hive: Hive) -> None:
    gym.put_door(Door("77", membership_type_ids=(1,), oddities={"door_id": 77}))
    said = {"membership_id": "9", "membership_type_id": "1", "expires": None, "door_ids": [77]}
    gym.put(oddly(ADA, id="201", memberships=[said], door_access_id=12345678))
    roster = fetched(hive)
    assert roster.labels("201") == ["door:77", "type:1"]
    assert roster.cards["201"] == ["32:12345678"]


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (oddly(ADA, id=None), "user 1: id is null, not an id"),
        (oddly(ADA, id=-5), "user 1: id is another number, not an id"),
        (oddly(ADA, id="2o1"), "user 1: id is another text, not an id"),
        (oddly(ADA, id="٢٠١"), "user 1: id is another text, not an id"),
        (oddly(ADA, is_instructor="maybe"), "user 201: is_instructor is another text"),
        (oddly(ADA, is_instructor=None), "user 201: is_instructor is null, not true or false"),
        (oddly(ADA, is_instructor=2), "user 201: is_instructor is another number"),
        (oddly(ADA, first_name=["Amina"]), "user 201: first_name is a list, not text"),
        (oddly(ADA, door_access_id={"a": 1}), "user 201: door_access_id is an object, not text"),
        (oddly(ADA, door_access_id=1.5), "user 201: door_access_id is another number, not text"),
        (oddly(ADA, door_access_id=True), "user 201: door_access_id is true, not text"),
        (oddly(ADA, memberships={"1": {}}), "user 201: memberships is an object, not a list"),
        (oddly(ADA, memberships=["1"]), "user 201, membership: is another text, not an object"),
        (member(expires="2026-03-31"), "user 201, membership 1: expires is another text"),
        (member(expires=True), "user 201, membership 1: expires is true, not a unix time"),
        (member(expires=-1), "user 201, membership 1: expires is another number"),
        (member(expires=1e300), "user 201, membership 1: expires is another number"),
        (member(door_ids="front-01"), "user 201, membership 1: door_ids is another text, not a"),
        (member(door_ids=None), "user 201, membership 1: door_ids is null, not a list"),
        (member(door_ids=[None, []]), "user 201, membership 1, door_ids: door_id is a list"),
        (member(membership_type_id="x"), "user 201, membership 1: membership_type_id is another"),
    ],
)
def test_a_wrong_type_spoils_the_roster_and_is_named(
    gym: SimulatedHive, hive: Hive, user: User, expected: str
) -> None:
    gym.put(user)
    with pytest.raises(BadReply) as raised:
        fetched(hive)
    assert expected in str(raised.value)


@pytest.mark.parametrize(
    ("oddities", "expected"),
    [
        ({"active": "yes"}, "door front-01: active is another text, not true or false"),
        ({"active": None}, "door front-01: active is null"),
        ({"allow_instructors": []}, "door front-01: allow_instructors is a list"),
        ({"door_id": ""}, "door 1: door_id is empty, not an id"),
        ({"door_id": True}, "door 1: door_id is true, not text"),
    ],
)
def test_a_door_that_cannot_be_understood(
    gym: SimulatedHive, hive: Hive, oddities: dict[str, Any], expected: str
) -> None:
    gym.put_door(replace(DOORS[0], oddities=oddities))
    with pytest.raises(BadReply) as raised:
        fetched(hive)
    assert expected in str(raised.value)


# Pages that lie


def short_page(page: int, body: dict[str, Any]) -> None:
    if page == 2:
        del body["users"][50:]


def empty_page(page: int, body: dict[str, Any]) -> None:
    if page in {1, 2}:
        body["users"] = []


def first_page_for_ever(page: int, body: dict[str, Any]) -> None:
    body["page"], body["next_page"] = 1, 2


def same_users_for_ever(page: int, body: dict[str, Any]) -> None:
    body["users"] = [{**ADA.said(DOORS, MONDAY)}]
    body["page"], body["next_page"] = page, page + 1


def back_to_the_start(page: int, body: dict[str, Any]) -> None:
    if page == 2:
        body["next_page"] = 1


def leaps(page: int, body: dict[str, Any]) -> None:
    if page == 1:
        body["next_page"] = 3


def says_true(page: int, body: dict[str, Any]) -> None:
    body["next_page"] = True


def no_list(page: int, body: dict[str, Any]) -> None:
    del body["users"]


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        (short_page, "p=2: holds 50 users and is not the last page, though the first holds 100"),
        (empty_page, "p=1: holds 0 users and is not the last page"),
        (first_page_for_ever, "p=2: page 1 was answered"),
        (same_users_for_ever, "p=2: holds the same users as the page before it"),
        (back_to_the_start, "p=2: names page 1 as the next"),
        (leaps, "p=1: names page 3 as the next"),
        (says_true, "p=1: next_page is true, not an id"),
        (no_list, "p=1: users is missing"),
    ],
)
def test_a_list_that_is_not_whole_is_refused(
    lie: Callable[[int, dict[str, Any]], object], expected: str
) -> None:
    with Lying(FakeClock(), KEY, DOORS) as gym:
        gym.lie = lie
        gym.populate(1, 320)
        hive = hive_at(gym)
        with pytest.raises(BadReply) as raised:
            fetched(hive)
        hive.close()
    assert expected in str(raised.value)


@pytest.mark.parametrize("end", [False, None, 0, "", "false", "0", "absent"])
def test_the_last_page_says_so_in_many_ways(end: object) -> None:
    def ending(page: int, body: dict[str, Any]) -> None:
        body["page"] = str(page)
        body["next_page"] = str(page + 1) if body["next_page"] else end
        if end == "absent" and page == 4:
            del body["next_page"]
            del body["page"]

    with Lying(FakeClock(), KEY, DOORS) as gym:
        gym.lie = ending
        gym.populate(1, 320)
        hive = hive_at(gym)
        assert len(fetched(hive).persons) == 320
        hive.close()


def test_pages_without_end_come_to_one() -> None:
    asked = []

    def ask(page: int) -> Said:
        asked.append(page)
        users = [{"id": page}]
        return Said("x", {"users": users, "page": page, "next_page": page + 1})

    with pytest.raises(BadReply, match="more than 10000 pages"):
        for _ in pages(ask):
            pass
    assert len(asked) == 10_000


# When the answer is no answer


class TestTheContract(PlatformContract):
    @pytest.fixture
    def world(self, gym: SimulatedHive, hive: Hive) -> World:
        return World(hive, gym, ("/door-api/3f9c/doors", "/door-api/3f9c/users"))


@pytest.mark.parametrize(
    ("fault", "error"), FAULTS, ids=[f"{fault.kind}-{fault.status}" for fault, _ in FAULTS]
)
def test_a_page_that_fails_in_the_middle_fails_the_roster(
    gym: SimulatedHive, hive: Hive, fault: Fault, error: type[DoorwardError]
) -> None:
    gym.populate(1, 250)
    gym.fault = replace(fault, path="/users", after=1)
    with pytest.raises(error) as raised:
        fetched(hive)
    assert KEY not in str(raised.value)
    gym.fault = None
    assert len(fetched(hive).persons) == 253, "and afterwards all is well"


def test_the_right_moment_to_come_back(gym: SimulatedHive, hive: Hive) -> None:
    gym.fault = Fault("status", status=429, retry_after=3600)
    with pytest.raises(Unavailable) as raised:
        fetched(hive)
    assert raised.value.retry_after == 3600
    gym.fault = Fault("status", status=429, retry_after=2, times=1)
    assert len(fetched(hive).persons) == 3


def test_a_slow_server_is_waited_for(gym: SimulatedHive, hive: Hive) -> None:
    gym.fault = Fault("slow", piece=16, gap=0.0)
    assert len(fetched(hive).persons) == 3


def test_no_line_at_all(gym: SimulatedHive, hive: Hive) -> None:
    gym.cut()
    with pytest.raises(Unavailable) as raised:
        hive.check_in(entry())
    assert not raised.value.maybe_sent
    gym.mend()
    assert hive.check_in(entry()).state is State.SENT


def test_empty_lists_are_believed_by_the_platform_alone(gym: SimulatedHive, hive: Hive) -> None:
    gym.fault = Fault("empty_list", path="/users")
    assert fetched(hive).persons == []
    gym.fault = Fault("empty_list", path="/doors")
    roster = fetched(hive)
    assert len(roster.persons) == 3
    assert roster.labels("201") == []


def test_a_wrong_key(gym: SimulatedHive) -> None:
    hive = hive_at(gym, key="another")
    for ask in (hive.test, lambda: fetched(hive), lambda: hive.check_in(entry())):
        with pytest.raises(Unauthorized, match=r"Invalid API key.*External Door API"):
            ask()
    hive.close()
    assert gym.entries == []
    with pytest.raises(ConfigError, match="holds no API key"):
        hive_at(gym, key="schlüssel")


def test_a_list_of_users_that_is_not_enabled_says_what_to_switch_on(
    gym: SimulatedHive, hive: Hive
) -> None:
    gym.list_users = False
    with pytest.raises(Unauthorized) as raised:
        fetched(hive)
    assert "The users endpoint is not enabled" in str(raised.value)
    assert "switch on the list of users in Hive admin" in str(raised.value)
    assert "stay in force" in str(raised.value)


@pytest.mark.parametrize("success", ["true", 1, None, {}])
def test_success_is_nothing_but_true(success: object) -> None:
    def almost(page: int, body: dict[str, Any]) -> None:
        body["success"] = success

    with Lying(FakeClock(), KEY, DOORS) as gym:
        gym.lie = almost
        hive = hive_at(gym)
        with pytest.raises(BadReply, match="success is"):
            fetched(hive)
        hive.close()


def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    gym = SimulatedHive(FakeClock(), KEY, DOORS)
    gym.start(tls=context)
    try:
        distrustful, trusting = hive_at(gym), hive_at(gym, ca_file=certificate)
        with pytest.raises(Unavailable, match="certificate"):
            distrustful.test()
        assert trusting.test() == f"{gym.url} answers and accepts the key"
        distrustful.close()
        trusting.close()
    finally:
        gym.stop()
