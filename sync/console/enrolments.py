"""Enrolments on their way: a page shows how far one is, while a thread waits for the card."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from controller.errors import DoorwardError
from sync.enrolment import Enrolled, enroll
from sync.office import Office

log = structlog.get_logger(__name__)

_SECONDS = 60.0  # for the card to be shown
_KEPT = 600.0  # seconds for which a page tells how it ended
_MOST = 4  # at a time


class Cancelled(DoorwardError):
    """Staff changed their mind."""


@dataclass(slots=True)
class Progress:
    """One enrolment. `state`: waiting, registering, done or failed; `why` it failed.

    `left`: seconds to show a card. `taken`: what was shown and is not it, in words. `by_hand`: what
    is to be entered where, with the card's number: for `user` alone.
    """

    user: str
    platform: str
    person: str
    door: str
    state: str = "waiting"
    left: float = _SECONDS
    taken: str = ""
    card: str = ""
    by_hand: list[str] = field(default_factory=list)
    why: str = ""
    done: Enrolled | None = None
    cancelled: bool = False
    ended: float = 0.0  # monotonic

    @property
    def running(self) -> bool:
        return self.state in ("waiting", "registering")


class Enrolments:
    """Any thread may use it. `changed` is called whenever a page would show something else."""

    def __init__(self, office: Office, changed: Callable[[], None]) -> None:
        self._office, self._changed = office, changed
        self._guard = threading.Lock()
        self._all: dict[tuple[str, str], Progress] = {}
        self.turn = 0  # differs when something has changed

    def of(self, platform: str, person: str) -> Progress | None:
        """This person's, if there is one, or was a moment ago."""
        self._forget()
        with self._guard:
            return self._all.get((platform, person))

    def begin(
        self, user: str, author: str, platform: str, person: str, door: str, replaces: str
    ) -> None:
        """Wait for a card at a door. Raises `DoorwardError` if that cannot be begun now."""
        one = Progress(user, platform, person, door)
        with self._guard:
            running = [each for each in self._all.values() if each.running]
            if any(each.door == door for each in running):
                raise DoorwardError(
                    "somebody is enrolling a card at this door just now; take another door, or "
                    "wait for a minute"
                )
            if any((each.platform, each.person) == (platform, person) for each in running):
                raise DoorwardError("a card is being enrolled for this person already")
            if len(running) >= _MOST:
                raise DoorwardError("too many cards are being enrolled; wait for a minute")
            self._all[platform, person] = one
        work = (one, author, replaces)
        threading.Thread(target=self._run, args=work, name="enrolment", daemon=True).start()

    def cancel(self, platform: str, person: str) -> None:
        """Stop waiting; a card that is being registered already stays so."""
        with self._guard:
            if one := self._all.get((platform, person)):
                one.cancelled = True

    def _run(self, one: Progress, author: str, replaces: str) -> None:
        def say(said: dict[str, Any]) -> None:
            if one.cancelled or self._office.stopping.is_set():
                raise Cancelled("it was stopped before a card was taken; nothing was changed")
            self._heard(one, said)

        whom = one.platform, one.person, one.door
        try:
            done = enroll(self._office, *whom, author, say, _SECONDS, replaces=replaces)
            one.done, one.card, one.state = done, done.card, "done"
        except DoorwardError as error:
            one.why, one.state = str(error), "failed"
        except Exception:
            log.exception("an enrolment failed in a way nobody thought of", door=one.door)
            one.why, one.state = "something went wrong in Doorward; its log says what", "failed"
        one.ended = self._office.clock.monotonic()
        self._turned()

    def _heard(self, one: Progress, said: dict[str, Any]) -> None:
        word = said.get("say")
        if word == "waiting":
            one.left = float(said["left"])
            return  # the page counts for itself whoever waits
        if word == "taken":
            whose = said["name"] or "nobody"
            one.taken = f"{said['card']} is not it: it belongs to {whose}"
            if said["reason"] == "denied_credential_disabled":
                one.taken = f"{said['card']} is not it: it is blocked"
        elif word == "card":
            one.card = str(said["card"])
        elif word == "registering":
            one.state = "registering"
        elif word == "by_hand":
            one.by_hand.append(str(said["entry"]))
        self._turned()

    def _turned(self) -> None:
        with self._guard:
            self.turn += 1
        self._changed()

    def _forget(self) -> None:
        now = self._office.clock.monotonic()
        with self._guard:
            over = [k for k, o in self._all.items() if o.ended and now - o.ended > _KEPT]
            for key in over:
                del self._all[key]
