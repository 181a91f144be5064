"""The story of a door, a line that is cut, and a last day pass: nine scenes on a real sandbox.

Each step is checked against whoever knows: the devices, the journal, the simulated platforms.
"""

import socket
from contextlib import closing
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from controller.cache import Cache
from controller.cards import mask
from controller.cli.sandbox import pause
from controller.cli.sandbox_files import ZONE
from controller.cli.stage import Stage, Untrue
from controller.control import ask
from controller.errors import DoorwardError
from controller.journal_read import JournalReader
from controller.model import Kind, Reason, Recorded
from sync.simulator.townspeople import (
    GYM,
    HARBOUR,
    IDRIS,
    NORA,
    RUTH,
    STRANGER,
    TOVE,
    WEN,
    Player,
)

_TUESDAY = 1
_BEGINS = time(17, 42)
_REPEAT = 2.5  # seconds; a card held to a reader again within two counts once
_NAMES = {"front": "Front door", "studio": "Studio", "gym": "Gym"}
_WORDS = {HARBOUR: "the Cobot", GYM: "the Hive"}


def beginning(now: float) -> float:
    """The next Tuesday afternoon: the day after it is a day like any other for every plan."""
    today = datetime.fromtimestamp(now, ZoneInfo(ZONE))
    days = (_TUESDAY - today.weekday()) % 7
    start = datetime.combine(today.date() + timedelta(days=days), _BEGINS, today.tzinfo)
    return (start if start >= today else start + timedelta(days=7)).timestamp()


class Story:
    """`play` it once. `sabotage` leaves one deed undone, to see that the story notices."""

    def __init__(self, stage: Stage, sabotage: str | None = None) -> None:
        self._stage, self._sabotage = stage, sabotage
        self._places = stage.sandbox.places
        self._last_scan: dict[str, tuple[str, float]] = {}  # door → card and when (monotonic)

    def play(self) -> None:
        """Raises `Untrue` at the first step that does not come true, or when a process fails."""
        for scene in (
            self._connected,
            self._stranger,
            self._cut,
            self._still_open,
            self._last_pass,
            self._next_day,
            self._mended,
            self._late,
            self._proof,
        ):
            try:
                scene()
            except Untrue:
                raise
            except DoorwardError as error:
                self._stage.fail("something failed", "every process does its work", str(error))

    def _connected(self) -> None:
        stage = self._stage
        stage.scene("The line is up")
        stage.tell(
            "When it started, Doorward asked the platforms who may enter where, and kept the "
            "answer. It asks again: nothing is new."
        )
        stage.doorward("sync")
        self._enters(NORA, "front", "new")
        stage.comes("the Cobot itself shows her as checked in, once", [NORA.name], self._told)

    def _stranger(self) -> None:
        stage = self._stage
        stage.scene("A stranger")
        stage.tell("Somebody tries a card found in the street.")
        stage.comes("the front door has locked itself again", False, self._is_released)
        self._refused(STRANGER, "front", Reason.UNKNOWN)
        stage.holds("the platforms hear nothing of it", [NORA.name], self._told())

    def _cut(self) -> None:
        stage = self._stage
        stage.scene("The network is cut")
        stage.tell("Somebody digs up the cable: both platforms close their ports.")
        if self._sabotage != "cut":
            stage.sandbox.town("cut")
        for name, url in stage.sandbox.urls().items():
            stage.holds(f"{_WORDS[name]} at {url} refuses connections", "refused", _knock(url))
        stage.doorward("sync", code=9)

    def _still_open(self) -> None:
        stage = self._stage
        stage.scene("The doors go on")
        stage.tell("Two members, one who had forgotten her umbrella, and the caretaker.")
        self._enters(WEN, "front", "new")
        self._enters(TOVE, "gym", "new")
        self._enters(NORA, "front", "again")
        self._enters(RUTH, "studio", "")
        waiting = [WEN.name, TOVE.name]
        stage.comes("two check-ins wait; Nora’s visit was told", waiting, self._waiting)
        stage.holds("the platforms know of none of it", [NORA.name], self._told())

    def _last_pass(self) -> None:
        stage = self._stage
        stage.scene("The last day pass")
        stage.tell("Idris pays as he goes. The Cobot has one day pass of his, and cannot be asked.")
        left = {who["id"]: who["passes"] for who in self._members(HARBOUR)}
        stage.holds("one day pass is left on the Cobot’s own list", 1, left[IDRIS.id])
        event = self._enters(IDRIS, "front", "new")
        stage.holds("the journal notes that it is used up", True, bool(event.event.pass_key))

    def _next_day(self) -> None:
        stage = self._stage
        stage.pass_by("A night goes by, and a day. The line is still down.")
        stage.doorward("sim", "clock", "+1d")
        stage.scene("The next day")
        self._refused(IDRIS, "front", Reason.NO_PASS)
        stage.tell("Nobody was asked: the door counted by itself.")
        stage.doorward("explain", IDRIS.name, "front", code=1)
        self._enters(NORA, "front", "new")
        self._enters(TOVE, "gym", "new")
        stage.holds("the platforms have still not heard a word", [NORA.name], self._told())

    def _mended(self) -> None:
        stage = self._stage
        stage.scene("The network returns")
        if self._sabotage != "mend":
            stage.sandbox.town("mend")
        stage.doorward("sync")
        told = [NORA.name, NORA.name, TOVE.name]
        stage.comes("today’s check-ins arrive, once each", sorted(told), self._told)
        late = sorted([WEN.name, TOVE.name, IDRIS.name])
        stage.comes("yesterday’s are held back: they would be stamped today", late, self._late_ones)
        self._refused(IDRIS, "front", Reason.NO_PASS)
        stage.tell("The Cobot still counts Idris’ pass as unused. The door knows better.")

    def _late(self) -> None:
        stage = self._stage
        stage.scene("Somebody decides")
        listed = stage.doorward("checkins", "--state", "late").splitlines()
        late = {who: _first_word(listed, who.name) for who in (WEN, IDRIS, TOVE)}
        stage.tell("Wen and Idris are to be on the Cobot’s list. Tove is on the Hive’s already.")
        stage.doorward("checkins", "push", late[WEN], late[IDRIS])
        stage.doorward("checkins", "dismiss", late[TOVE])
        stage.comes("the Cobot has them, and has charged the pass", True, self._is_charged)

    def _proof(self) -> None:
        stage = self._stage
        stage.scene("The reckoning")
        stage.doorward("sync")
        stage.doorward("sandbox", "check-ins")
        told = sorted([NORA.name, NORA.name, WEN.name, IDRIS.name, TOVE.name])
        stage.holds("every visit is on its platform’s own list, and none twice", told, self._told())
        stage.holds("nothing waits any more", [], self._waiting())
        stage.doorward("journal", "verify")

    def _enters(self, who: Player, door: str, visit: str) -> Recorded:
        """Somebody is let in, really, and it is on record. `visit` as in `Decision`."""
        stage = self._stage
        before = self._newest()
        seen = self._scan(who, door)
        stage.holds_quietly("the lock is released", True, seen["lock"]["released"])
        light = (seen["indicator"]["signal"], seen["indicator"]["text"])
        stage.holds_quietly("the light is green", ("granted", who.name), light)
        about = {"new": ", and a visit begins", "again": ", back within the same visit"}
        self._happens(who, door, f"green “{light[1]}” · lock released")
        event = self._event_since(before)
        expected = (Reason.GRANTED.value, who.id, visit)
        got = (event.event.reason, event.event.person, event.event.visit)
        stage.holds(f"entry {event.seq} of the journal{about.get(visit, '')}", expected, got)
        return event

    def _refused(self, who: Player, door: str, reason: Reason) -> None:
        """Somebody is not let in, for this reason, by a door that was shut and stays so."""
        stage, sandbox = self._stage, self._stage.sandbox
        sandbox.wait_until(lambda: not self._is_released(door), f"{door} is locked again")
        before, locked = self._newest(), self._devices(door)["lock"]
        seen = self._scan(who, door)
        light = (seen["indicator"]["signal"], seen["indicator"]["text"])
        stage.holds_quietly("the light is red", ("denied", reason.value), light)
        stage.holds_quietly("the lock does not move", locked, seen["lock"])
        self._happens(who, door, f"red “{light[1]}” · lock shut", good=False)
        event = self._event_since(before)
        stage.holds(f"entry {event.seq} of the journal", reason.value, event.event.reason)

    def _happens(self, who: Player, door: str, what: str, *, good: bool = True) -> None:
        card = f"{who.name} {mask(who.card)}"
        self._stage.happens(f"{_NAMES[door]:12}{card:22}{what}", good=good)

    def _scan(self, who: Player, door: str) -> dict[str, Any]:
        last, at = self._last_scan.get(door, ("", 0.0))
        while last == who.card and self._stage.clock.monotonic() < at + _REPEAT:
            pause()
        self._last_scan[door] = (who.card, self._stage.clock.monotonic())
        return self._sim(door, act="scan", text=who.card)

    def _devices(self, door: str) -> dict[str, Any]:
        return self._sim(door, act="state")

    def _sim(self, door: str, **what: str) -> dict[str, Any]:
        return ask(self._places.run / "door.sock", {"do": "sim", "door": door, **what})

    def _is_released(self, door: str = "front") -> bool:
        return bool(self._devices(door)["lock"]["released"])

    def _newest(self) -> int:
        with closing(self._journal()) as journal:
            return journal.newest()

    def _event_since(self, seq: int) -> Recorded:
        """The decision recorded after this position; nobody waits at the door for a refusal's."""
        with closing(self._journal()) as journal:

            def found() -> list[Recorded]:
                return journal.events(after=seq, kinds=(Kind.ACCESS,))

            self._stage.sandbox.wait_until(lambda: bool(found()), "an entry of the journal")
            return found()[0]

    def _journal(self) -> JournalReader:
        return JournalReader(self._places.data / "journal.db")

    def _told(self) -> list[str]:
        """Whom the platforms have on their own lists."""
        return sorted(each["name"] for each in self._stage.sandbox.town("check_ins")["check_ins"])

    def _members(self, platform: str) -> list[dict[str, Any]]:
        people: list[dict[str, Any]] = self._stage.sandbox.town("members", platform=platform)[
            "members"
        ]
        return people

    def _deliveries(self, *states: str) -> list[dict[str, Any]]:
        with closing(Cache(self._places.data / "cache.db")) as cache:
            return cache.deliveries(states)

    def _waiting(self) -> list[str]:
        return [row["name"] for row in self._deliveries("pending", "unknown", "refused", "late")]

    def _late_ones(self) -> list[str]:
        return sorted(row["name"] for row in self._deliveries("late"))

    def _is_charged(self) -> bool:
        told = self._stage.sandbox.town("check_ins", platform=HARBOUR)["check_ins"]
        names = [each["name"] for each in told if each["name"] in {WEN.name, IDRIS.name}]
        used = [each["name"] for each in told if each["used_pass"]]
        return sorted(names) == sorted([WEN.name, IDRIS.name]) and used == [IDRIS.name]


def _first_word(lines: list[str], name: str) -> str:
    """The short id in the row of a table that names this person; empty if there is none."""
    return next((line.split()[0] for line in lines if name in line), "")


def _knock(url: str) -> str:
    """What becomes of a connection to this address."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), 5.0).close()
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return str(error)
    return "accepted"
