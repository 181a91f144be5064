"""What door.sock does for staff, for `sync` and for the simulator's user."""

import os
import queue
import threading
from collections.abc import Callable, Mapping, Set
from importlib.metadata import version
from typing import Any

import structlog

from controller.areas import EVERYWHERE
from controller.assembly import Doors
from controller.clock import clock_state
from controller.control import Answer, Command, Request, Say
from controller.door import Door
from controller.doorstate import Phase
from controller.enrolling import Enrolling, since_then
from controller.errors import ConfigError, DoorwardError, HardwareError
from controller.knowledge import Knowledge
from controller.model import Event, Kind, Mode
from controller.ports import Card, Keys, Refused, Signal, Told

log = structlog.get_logger(__name__)

_LONGEST = 86400.0  # seconds for which a door is released or propped at one word
_NOTED = (
    *(Kind.CARD_ENROLLED, Kind.CARD_BLOCKED, Kind.CARD_UNBLOCKED),
    *(Kind.PINS_SHOWN, Kind.PUSHED, Kind.UPGRADING, Kind.UPGRADED, Kind.ROLLED_BACK),
)
_NOTE_TEXTS = ("door", "platform", "person", "name", "card", "author")
Play = Callable[[Mapping[str, object], str, str], Answer]


class DoorCommands:
    """Commands by name; each takes the request, who asks, and how to report progress."""

    def __init__(self, doors: Doors, knowledge: Knowledge, play: Play) -> None:
        """`play` acts on simulated devices: a door's by part, what to do, and a text."""
        self._doors, self._knowledge, self._play = doors, knowledge, play
        self._journal, self._clock = doors.journal, doors.clock

    def table(self) -> dict[str, Command]:
        return {
            "status": self.status,
            "unlock": self.unlock,
            "mode": self.mode,
            "settled": self.settled,
            "note": self.note,
            "enroll": self.enroll,
            "prop": self.prop,
            "forgive": self.forgive,
            "watch": self.watch,
            "show": self.show,
            "pins_shown": self.pins_shown,
            "sim": self.sim,
        }

    def status(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """How the controller and each door are."""
        doors = [self._door_status(name) for name in self._doors.config.doors]
        return {
            "pid": os.getpid(),
            "data": str(self._doors.config.data),
            "version": version("doorward"),
            "clock": clock_state(self._clock),
            "journal": {"failing": self._journal.failing, "lost": self._journal.dropped},
            "cache": {"failing": self._knowledge.trouble},
            "silent": self._silent(),
            "doors": doors,
        }

    def unlock(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Release one door for some seconds."""
        door = self._door(request)
        if door.mode is Mode.LOCKDOWN:
            raise DoorwardError(
                f"{door.id} is in lockdown; lift it first: doorward lockdown off {door.id}"
            )
        if partner := door.barred_by:
            raise DoorwardError(
                f"{door.id} is interlocked with {partner}, which is not shut, or cannot tell; "
                f"shut it first: doorward doors"
            )
        seconds = _number(request, "seconds")
        if seconds and seconds > _LONGEST:
            raise ConfigError(f"at most a day; for longer: doorward mode {door.id} unlocked")
        door.unlock(author, seconds)
        door.catch_up(2.0)
        return {"door": door.id, "seconds": seconds or door.settings.timing.open_for}

    def mode(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Set one door, or all if none is named, to a mode, for ever or until a wall time."""
        try:
            mode = Mode(request.get("mode", ""))
        except ValueError:
            raise ConfigError(f"a mode is one of {', '.join(Mode)}") from None
        named = request.get("door")
        doors = [self._door(request)] if named else list(self._doors.working.values())
        for door in doors:
            door.set_mode(mode, _number(request, "until"), author)
        for door in doors:
            door.catch_up(2.0)
        return {"doors": [door.id for door in doors], "mode": mode.value}

    def prop(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Let one door stand open for some seconds without an alarm."""
        door, seconds = self._door(request), _number(request, "seconds")
        if door.parts.contact is None:
            raise ConfigError(f"{door.id} has no contact: nobody notices whether it stands open")
        if not seconds or seconds > _LONGEST:
            raise ConfigError("say for how long, at most a day")
        if door.state.phase is Phase.FORCED:
            raise DoorwardError(
                f"{door.id} was forced open, which no permission excuses; look after it, shut it"
            )
        door.prop(author, seconds)
        door.catch_up(2.0)
        return {"door": door.id, "seconds": seconds}

    def forgive(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Forget where a person is and when they entered, or where everybody is."""
        whom = [str(request.get(name, "")) for name in ("platform", "person", "name")]
        if request.get("everybody") is True:
            event = Event(Kind.FORGIVEN, author=author, detail={"unsure": [EVERYWHERE]})
        elif all(whom[:2]):
            platform, person, name = whom
            event = Event(Kind.FORGIVEN, "", "", platform, person, name, author=author)
        else:
            raise ConfigError("say whom: platform and person, or everybody")
        if not self._journal.append(event).wait(5.0):
            log.warning("forgiven, though the journal does not take entries at present")
        return {"forgiven": whom[1] or "everybody"}

    def show(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Show a signal on one door's indicator, to see whether it works."""
        door, name = self._door(request), str(request.get("signal", ""))
        if door.parts.indicator is None:
            raise ConfigError(f"{door.id} has no indicator")
        if name not in list(Signal):
            raise ConfigError(f"a signal is one of {', '.join(Signal)}")
        seconds = min(_number(request, "seconds") or 2.0, 60.0)
        door.show(Signal(name), seconds)
        door.catch_up(2.0)
        return {"door": door.id, "signal": name, "seconds": seconds}

    def watch(self, request: Request, author: str, say: Say) -> Answer:
        """Say all that one door's devices tell, as they tell it, for so many seconds.

        Whole card numbers, for a technician's screen: that somebody looks is in the journal.
        """
        door = self._door(request)
        seconds = min(_number(request, "seconds") or 60.0, 3600.0)
        told: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        detail = {"seconds": seconds}
        self._journal.append(Event(Kind.WATCHED, door.id, author=author, detail=detail))
        pins = {name for name, each in door.parts.readers.items() if each.form.form == "pin"}
        end = door.watch(lambda part, what: told.put(_as_answer(part, what, pins)))
        over = threading.Timer(seconds, lambda: told.put(None))
        over.daemon = True
        over.start()
        try:
            say({"watching": door.id, "seconds": seconds})
            while (answer := told.get()) is not None:
                say(answer)
        finally:
            end()
            over.cancel()
        return {"door": door.id}

    def pins_shown(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Somebody is about to see visitors' PINs: on record before they do."""
        detail = {"number": int(request["number"]), "names": list(map(str, request["names"]))}
        if not self._journal.append(Event(Kind.PINS_SHOWN, author=author, detail=detail)).wait(5.0):
            raise DoorwardError("the journal does not take entries at present")
        return {}

    def settled(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """`sync` says what became of check-ins; kept, so that none is ever told twice."""
        tickets = [
            self._journal.append(
                Event(
                    Kind.TOLD,
                    str(item["door"]),
                    platform=str(item["platform"]),
                    person=str(item["person"]),
                    name=str(item["name"]),
                    author=str(item.get("author", "")),
                    detail={key: item[key] for key in ("seq", "uuid", "state", "message")},
                )
            )
            for item in request["items"]
            if item["chain"] == self._journal.chain
        ]
        if tickets and not tickets[-1].wait(5.0):
            raise DoorwardError("the journal does not take entries at present")
        return {"noted": len(tickets)}

    def enroll(self, request: Request, author: str, say: Say) -> Answer:
        """Hand out the unknown card shown at one door a moment ago, or next, for enrolment.

        A whole card number: that somebody asked for it is in the journal.
        """
        door, seconds = self._door(request), _number(request, "seconds") or 60.0
        detail = {"seconds": seconds, "for": "enrolment"}
        self._journal.append(Event(Kind.WATCHED, door.id, author=author, detail=detail))
        waiting = Enrolling(door, self._knowledge, self._clock, say)
        return waiting.card(seconds, fresh=request.get("fresh") is True)

    def note(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """`sync` says what staff did with cards; kept as events, with their author and its own."""
        tickets = [self._journal.append(_noted(item, author)) for item in request["items"]]
        if tickets and not tickets[-1].wait(5.0):
            raise DoorwardError("the journal does not take entries at present")
        return {"noted": len(tickets)}

    def sim(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Act on a simulated device, as `doorward sim` does."""
        door = self._door(request)
        act, text = str(request.get("act", "")), str(request.get("text", ""))
        self._play(_devices(door), act, text)
        door.catch_up(2.0)
        state = self._play(_devices(door), "state", "")
        return {**state, "last": _last(door), "waits": door.waits}

    def _silent(self) -> list[dict[str, Any]]:
        """Keypads, and people after whose cards, no PIN is looked at for so many seconds."""
        standing = self._knowledge.tries.standing(self._clock.boottime())
        return [
            {"counted": kind, "whose": "/".join(name), "seconds": round(seconds)}
            for (kind, *name), seconds in standing.items()
        ]

    def _door(self, request: Request) -> Door:
        name = str(request.get("door", ""))
        if name in self._doors.missing:
            raise HardwareError(f"door {name} does not work: {self._doors.missing[name]}")
        if name not in self._doors.working:
            known = ", ".join(self._doors.config.doors)
            raise ConfigError(f"there is no door {name!r}; there are: {known}")
        return self._doors.working[name]

    def _door_status(self, name: str) -> dict[str, Any]:
        config = self._doors.config.doors[name]
        about: dict[str, Any] = {"id": name, "name": config.name}
        if name in self._doors.missing:
            return {**about, "works": False, "unwell": {"door": self._doors.missing[name]}}
        door = self._doors.working.get(name)
        if door is None:
            return {**about, "works": False, "unwell": {"door": "starting"}}
        until = door.state.mode_until if door.mode is door.state.mode else None
        now = {"mode": door.mode.value, "mode_until": until, "released": door.released}
        return {
            **about,
            "works": True,
            **now,
            "open": door.state.open if door.parts.contact else None,
            "last": _last(door),
            "word": door.word,
            "phase": door.state.phase.value,
            "unwell": dict(door.condition.unwell),
            "alarms": dict(door.condition.alarms),
            "stranger": self._stranger(door),
        }

    def _stranger(self, door: Door) -> dict[str, Any] | None:
        """The unknown card that could be enrolled at this door now, masked."""
        now = self._clock.monotonic()
        shown = door.strangers.last(now)
        if shown is None or since_then(door, self._knowledge, shown):
            return None
        return {"card": shown.masked, "age": round(now - shown.at, 1)}


def _noted(item: dict[str, Any], peer: str) -> Event:
    kind = Kind(item["kind"])
    if kind not in _NOTED:
        raise ConfigError(f"{kind.value} is nothing that sync can say")
    door, platform, person, name, card, author = (str(item.get(n, "")) for n in _NOTE_TEXTS)
    if author != peer and not author.endswith(f"through {peer}"):
        author = f"{author}, through {peer}" if author else peer
    detail = dict(item.get("detail") or {})
    return Event(kind, door, "", platform, person, name, card, author=author, detail=detail)


def _last(door: Door) -> dict[str, Any] | None:
    if door.last is None:
        return None
    at, decision = door.last
    name = decision.person.name if decision.person else ""
    return {
        "at": at,
        "reason": decision.reason.value,
        "name": name,
        "visit": decision.visit,
        "notes": list(decision.notes),
    }


def _as_answer(part: str, told: Told, pins: Set[str]) -> Answer:
    """What a device told, for the screen; never a PIN. `pins`: readers that send nothing else."""
    about = {"part": part, "told": type(told).__name__.lower()}
    if isinstance(told, Keys):
        return {**about, "count": len(told.text)}
    if part in pins and isinstance(told, Card | Refused):
        told = told._replace(raw="")
        told = told._replace(text="…") if isinstance(told, Card) else told
    return {**about, **told._asdict()}


def _devices(door: Door) -> dict[str, Any]:
    parts = door.parts
    named = {name: fitted.reader for name, fitted in parts.readers.items()}
    return {"lock": parts.lock, "indicator": parts.indicator, **dict(parts.inputs()), **named}


def _number(request: Request, name: str) -> float | None:
    value = request.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise ConfigError(f"{name} must be a number, and not negative")
    return value
