"""A day at four doors: who comes, what breaks, and what must have come of it."""

import random
import time
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from bench.rig.doors import NAMES, OPEN_FOR
from bench.rig.site import Rig
from bench.rig.witness import SLACK, Witness
from controller.cache import Cache
from controller.cards import mask
from controller.cli.sandbox import pause
from controller.cli.stage import Stage
from controller.clock import OFFSET
from controller.control import ask
from controller.model import Kind, Reason, Recorded
from sync.simulator.cobot_people import RESIDENT
from sync.simulator.townspeople import GYM, HARBOUR, RUTH, STRANGER, Player

_PROMPT = 2.0  # seconds in which a lock moves, or an event is on record
_QUIET = 0.3  # seconds in which nothing happens, to be sure that nothing does
_FRESH = 1.5  # seconds in which an OSDP line throws away what may be of before it was up
_REPEAT = 0.25  # seconds until the same card counts anew


class Guest(NamedTuple):
    """Somebody with a card, and where it opens."""

    platform: str
    id: str
    name: str
    card: str
    doors: frozenset[str]


class Day:
    """`play` it once. `scans`: about so many; `chance` decides who comes where."""

    def __init__(self, stage: Stage, rig: Rig, chance: random.Random, scans: int) -> None:
        self._stage, self._rig, self._chance, self._scans = stage, rig, chance, scans
        self._ends = rig.ends
        self.witness = Witness(rig.places.data, rig.ends.doors, OPEN_FOR)
        self._guests = _guests(rig.town("members")["members"])
        self._last: dict[str, tuple[str, float]] = {}
        self.moved: list[float] = []  # seconds from a card to its lock
        self.scanned = 0

    def play(self) -> None:
        for at, scene in (
            (7.0, self._morning),
            (9.5, self._noise),
            (11.0, self._unplugged),
            (12.5, self._cut),
            (15.0, self._contacts),
            (18.25, self._evening),
            (21.5, self._mended),
            (22.0, self._reckoning),
        ):
            self._goes_on(at)
            scene()

    # ---- scenes

    def _morning(self) -> None:
        stage, ends = self._stage, self._ends
        stage.scene("The doors are there")
        stage.tell(
            "Two serial readers, an LCUS relay, a Modbus board, an OSDP reader with a relay, "
            "a Wiegand reader, a contact, a button and a relay on GPIO. Only the metal is missing."
        )
        stage.comes("every device of every door is well", [], self._troubles)
        stage.doorward("status")
        stage.holds("the OSDP reader talks over a secure channel", True, ends.bus.secure())
        for door in NAMES:
            stage.holds_quietly(f"{door} is shut", [], self.witness.openings(door))
        pause(_FRESH)
        stage.holds("every lock has been shut since the start", True, True)
        self._people(0.3)

    def _noise(self) -> None:
        stage, front = self._stage, self._ends.front
        stage.scene("Bad weather on the lines")
        stage.tell("A wrong checksum, half a frame, and noise at the front reader.")
        before = self.witness.newest()
        front.send(b"\x026F0BADCAFE00\x03")
        front.send(b"\x026F5D0C")
        front.send(bytes(self._chance.randrange(256) for _ in range(40)) + b"\x03")
        self._comes_on_record("front", before, Kind.READ_REFUSED, "what came is refused")
        self._enters(self._someone("front"), "front")
        self._people(0.1)

    def _unplugged(self) -> None:
        stage, line = self._stage, self._ends.front.line
        stage.scene("Somebody trips over a cable")
        before = self.witness.newest()
        line.unplug()
        self._comes_on_record("front", before, Kind.DEVICE_LOST, "the front reader is missed")
        self._people(0.1, [door for door in NAMES if door != "front"])
        before = self.witness.newest()
        line.plug()
        self._comes_on_record("front", before, Kind.DEVICE_BACK, "it is back by itself")
        self._enters(self._someone("front"), "front")

    def _cut(self) -> None:
        stage = self._stage
        stage.scene("The network is cut")
        self._rig.town("cut")
        stage.doorward("sync", code=9)
        self._people(0.3)

    def _contacts(self) -> None:
        stage, gym, yard = self._stage, self._ends.doors["gym"], self._ends.doors["yard"]
        stage.scene("Doors are opened, held, left by the button, and forced")
        self._goes_out()
        assert gym.open
        assert yard.open
        before = self.witness.newest()
        self._enters(self._someone("gym"), "gym", leave_open=True)
        self._comes_on_record("gym", before, Kind.HELD_WARNING, "open for long: a warning")
        self._comes_on_record("gym", before, Kind.HELD, "open for too long: an alarm")
        gym.open(False)
        self._comes_on_record("gym", before, Kind.CLOSED, "somebody shuts it")
        before = self.witness.newest()
        self._is_shut("yard")
        pause(2.5)  # until an opening is no longer the last guest's
        yard.open(True)
        self._comes_on_record("yard", before, Kind.FORCED, "the yard is opened by nobody we know")
        yard.open(False)
        before = self.witness.newest()
        at = time.monotonic()
        self._is_shut("front")
        stage.doorward("unlock", "front")
        self._moves("front", at, "staff let somebody in by hand")
        self._comes_on_record("front", before, Kind.UNLOCKED, "and it is on record")
        self._people(0.1)

    def _evening(self) -> None:
        stage = self._stage
        stage.scene("After six nobody works alone")
        one, other = self._chance.sample([g for g in self._guests if "studio" in g.doors], 2)
        before = self.witness.newest()
        self._alone(one)
        at = self._show(other, "studio")
        self._moves("studio", at, f"{other.name} comes too: both are let in")
        both = self._decisions("studio", before, 2)
        expected = sorted((Reason.GRANTED.value, who.id) for who in (one, other))
        got = sorted((each.event.reason, each.event.person) for each in both)
        stage.holds("two entries of the journal, one opening", expected, got)
        self._passes("studio")
        self._people(0.2, ["front", "gym", "yard"])

    def _mended(self) -> None:
        stage = self._stage
        stage.scene("The network returns")
        self._rig.town("mend")
        stage.doorward("sync")
        stage.comes("nothing waits to be told any more", 0, self._waiting)

    def _reckoning(self) -> None:
        stage = self._stage
        stage.scene("The reckoning")
        for door, name in NAMES.items():
            self._is_shut(door)
            seen, wrong = self.witness.openings(door), self.witness.wrong(door)
            stage.holds(f"{name}: {len(seen)} openings, each with its reason and end", [], wrong)
        checked_in = self._checked_in()
        stage.comes(
            f"{checked_in.total()} check-ins, each told once", checked_in, self._told_by_platforms
        )
        stage.doorward("journal", "verify")

    # ---- what people do

    def _people(self, share: float, doors: list[str] | None = None) -> None:
        """So large a share of the day's scans, at these doors."""
        for _ in range(max(1, round(share * self._scans))):
            door = self._chance.choice(doors or list(NAMES))
            turn = self._chance.random()
            if turn < 0.12:
                self._refused(_guest(STRANGER), door, Reason.UNKNOWN)
            elif turn < 0.22 and (stray := self._outsider(door)):
                self._refused(stray, door, Reason.NO_LABEL)
            elif turn < 0.30:
                self._goes_out()
            else:
                self._enters(self._someone(door), door)

    def _enters(self, who: Guest, door: str, *, leave_open: bool = False) -> None:
        before = self.witness.newest()
        self._is_shut(door)
        at = self._show(who, door)
        move = self._ends.doors[door].wait_for(True, at, _PROMPT)
        if move is None:
            self._stage.fail(f"{who.name} at {door}", "the lock opens", self._said(door, before))
        [event] = self._decisions(door, before, 1)
        expected = (Reason.GRANTED.value, who.id)
        self._stage.holds_quietly("who", expected, (event.event.reason, event.event.person))
        self.moved.append(move.at - at)
        span = f"lock open after {(move.at - at) * 1000:.1f} ms"
        self._happens(who, door, f"{span} · entry {event.seq}")
        self._passes(door, leave_open=leave_open)

    def _refused(self, who: Guest, door: str, reason: Reason) -> None:
        before, openings = self.witness.newest(), len(self.witness.openings(door))
        self._show(who, door)
        [event] = self._decisions(door, before, 1)
        self._stage.holds_quietly("why", reason.value, event.event.reason)
        self._stage.holds_quietly("the lock", openings, len(self.witness.openings(door)))
        self._happens(who, door, f"{reason.value} · entry {event.seq}", good=False)

    def _alone(self, who: Guest) -> None:
        """Nothing is decided yet and nothing moves."""
        self._is_shut("studio")
        openings = len(self.witness.openings("studio"))
        self._show(who, "studio")
        pause(_QUIET)
        now = len(self.witness.openings("studio"))
        self._stage.holds_quietly("the lock stays shut", openings, now)
        self._happens(who, "studio", "waits for a second person", good=False)

    def _goes_out(self) -> None:
        before = self.witness.newest()
        self._is_shut("yard")
        at = self._ends.pins.press(True)
        self._moves("yard", at, "somebody leaves by the button")
        self._ends.pins.press(False)
        self._on_record("yard", before, Kind.EXIT)
        self._passes("yard")

    def _passes(self, door: str, *, leave_open: bool = False) -> None:
        """Through the door and shut behind, where there is a contact to see it."""
        end = self._ends.doors[door]
        if end.open is None:
            return
        before = self.witness.newest()
        end.open(True)
        self._on_record(door, before, Kind.OPENED)
        if not leave_open:
            end.open(False)
            self._on_record(door, before, Kind.CLOSED)

    def _show(self, who: Guest, door: str) -> float:
        """Hold a card to a reader; when that was."""
        card, at = self._last.get(door, ("", 0.0))
        if card == who.card:
            pause(max(0.0, at + _REPEAT - time.monotonic()))
        at = self._ends.doors[door].show(who.card)
        self._last[door] = who.card, at
        self.scanned += 1
        return at

    def _someone(self, door: str) -> Guest:
        return self._chance.choice([guest for guest in self._guests if door in guest.doors])

    def _outsider(self, door: str) -> Guest | None:
        strays = [guest for guest in self._guests if door not in guest.doors]
        return self._chance.choice(strays) if strays else None

    # ---- what must be so

    def _moves(self, door: str, since: float, what: str) -> None:
        move = self._ends.doors[door].wait_for(True, since, _PROMPT)
        self._stage.holds_quietly(what, True, move is not None)
        self._stage.happens(f"{NAMES[door]:12}{what}")

    def _is_shut(self, door: str) -> None:
        end = self._ends.doors[door]
        last = end.moves()[-1:]
        if last and last[0].open:
            shut = end.wait_for(False, last[0].at, OPEN_FOR + SLACK)
            self._stage.holds_quietly(f"{door} shuts in time", True, shut is not None)

    def _decisions(self, door: str, since: int, count: int) -> list[Recorded]:
        """So many, and no more."""
        found: list[Recorded] = []

        def come() -> bool:
            found[:] = self.witness.since(since, door, Kind.ACCESS)
            return len(found) >= count

        self._rig.wait_until(come, f"{door}: a decision on record", _PROMPT)
        self._stage.holds_quietly("no more decisions than scans", count, len(found))
        return found

    def _on_record(self, door: str, since: int, kind: Kind) -> None:
        def come() -> bool:
            return bool(self.witness.since(since, door, kind))

        self._rig.wait_until(come, f"{door}: {kind.value} on record", _PROMPT + 5.0)
        self._stage.checks += 1

    def _comes_on_record(self, door: str, since: int, kind: Kind, what: str) -> None:
        self._on_record(door, since, kind)
        self._stage.happens(f"{NAMES[door]:12}{what} ({kind.value})")

    def _troubles(self) -> list[Any]:
        """What the controller says is wrong."""
        doors = ask(self._rig.places.run / "door.sock", {"do": "status"})["doors"]
        return [(each["id"], each["unwell"]) for each in doors if each["unwell"]]

    def _said(self, door: str, since: int) -> str:
        found = self.witness.since(since, door)
        return ", ".join(f"{e.event.kind.value} {e.event.reason}" for e in found) or "nothing"

    def _happens(self, who: Guest, door: str, what: str, *, good: bool = True) -> None:
        card = f"{who.name} {mask(who.card)}"
        self._stage.happens(f"{NAMES[door]:12}{card:26}{what}", good=good)

    # ---- the calendar, and what was told

    def _goes_on(self, hour: float) -> None:
        """Set the rig's clock forward to that hour of its day."""
        stage = self._stage
        now = datetime.fromtimestamp(stage.now(), stage.zone)
        then = now.replace(hour=0, minute=0, second=0) + timedelta(hours=hour)
        if then > now:
            path = self._rig.places.run / OFFSET
            new = path.with_suffix(".new")
            new.write_text(str(float(path.read_text()) + (then - now).total_seconds()))
            new.replace(path)

    def _waiting(self) -> int:
        with closing(Cache(self._rig.places.data / "cache.db")) as cache:
            return len(cache.deliveries(("pending", "unknown", "refused", "late")))

    def _checked_in(self) -> Counter[tuple[str, str]]:
        """Whom the journal has as checked in."""
        found = [e for door in NAMES for e in self.witness.since(0, door, Kind.ACCESS)]
        return Counter((e.event.platform, e.event.person) for e in found if e.event.checks_in)

    def _told_by_platforms(self) -> Counter[tuple[str, str]]:
        told: list[dict[str, Any]] = self._rig.town("check_ins")["check_ins"]
        return Counter((each["platform"], each["person"]) for each in told)


def _guests(members: list[dict[str, Any]]) -> list[Guest]:
    """Those whom nothing but the door itself decides: no passes, no hours, a valid membership."""
    found = [_guest(RUTH, frozenset(NAMES), "keyholders")]
    for row in members:
        where: set[str] = set()
        if row["platform"] == HARBOUR and row["about"] == f"plan {RESIDENT.name}":
            where = {"front", "studio", "yard"}
        elif row["platform"] == GYM and row["about"] != "no door":
            known = {"Front door": {"front"}, "Gym": {"gym", "yard"}}
            where = set().union(*(known[each] for each in row["about"].split(" and ")))
        if where:
            about = row["platform"], row["id"], row["name"], row["card"]
            found.append(Guest(*about, frozenset(where)))
    return found


def _guest(who: Player, doors: frozenset[str] = frozenset(), platform: str = "") -> Guest:
    return Guest(platform, who.id, who.name, who.card, doors)
