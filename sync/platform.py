"""The port to a membership platform, and what crosses it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from controller.config import SecretRef
from controller.errors import DoorwardError
from controller.model import Grant, Hours, Person
from controller.ports import Clock
from controller.question import Question
from sync.inbound import Route
from sync.news import News


class LateCheckIn(StrEnum):
    """Can the platform be told of an entry after the fact?"""

    EXACT = "exact"  # with the time of the entry
    NOW_ONLY = "now_only"  # it stamps the arrival of the message
    NONE = "none"  # it cannot be told at all


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a platform can do."""

    late_check_in: LateCheckIn
    readable_check_ins: bool = False  # `was_told` can settle an ambiguous answer
    confirms_absence: bool = False  # `still_admitted` can be asked before a revocation
    bookings_ahead: bool = False
    live_cards: bool = False  # `ask` can say whose card one is
    live_people: bool = False  # `ask` can say how one person stands
    enrols: bool = False  # `register_card` can write; then `ask` can say how one person stands


class Word(StrEnum):
    """What came of asking one platform about one person, in a word.

    The platform itself says the first three, the rest is said of it.
    """

    KNOWN = "known"  # this is the person; the cache has them as they are now
    UNKNOWN = "unknown"  # nobody there has this card, or is this person any more
    REFUSED = "refused"  # it says no, and why
    SILENT = "silent"  # no answer in time, or none that can be understood
    DOWN = "down"  # not asked: it did not answer before, and has not since
    BUSY = "busy"  # not asked: too many questions lately


@dataclass(frozen=True, slots=True)
class Answer:
    """A platform's word on one question, and its own words.

    `person`: who is to be in the cache as poured with this answer, and not at all if not poured;
    "": nobody's rows change.
    """

    word: Word
    person: str = ""
    message: str = ""


class ByHand(DoorwardError):
    """Staff must act: what is to be changed at the platform cannot be changed by us.

    `entry` says what to enter where, with the card's number: for the eyes of who asked, no log's.
    """

    def __init__(self, message: str, entry: str) -> None:
        super().__init__(message)
        self.entry = entry


class Taken(DoorwardError):
    """Staff must act: the card is somebody else's."""


class State(StrEnum):
    """Where a delivery stands. PENDING moves by itself, the rest only by a person's word."""

    PENDING = "pending"
    SENT = "sent"
    REFUSED = "refused"
    LATE = "late"
    UNKNOWN = "unknown"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class CheckIn:
    """One entry to be told: `at` and `visit_until` in unix seconds, `door` is our door's id."""

    uuid: str
    person: str
    door: str
    at: float
    visit_until: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The platform's own answer to a check-in: SENT or REFUSED, with its words."""

    state: State
    message: str = ""


class Roster(Protocol):
    """Where a platform pours what it says, record by record. Persons may come after what they hold.

    `canonical` is a card in canonical form (`controller.cards`); it is hashed at once and not kept.
    A record given twice replaces or repeats the first; that is no error.
    """

    def person(self, person: Person) -> None: ...
    def card(self, key: str, canonical: str) -> None: ...
    def block(self, canonical: str) -> None: ...
    def grant(self, key: str, grant: Grant) -> None: ...
    def single_pass(self, key: str, pass_key: str, expires: float | None, hours: Hours) -> None: ...
    def allowance(
        self, key: str, pass_type: str, count: int, period: str, hours: Hours
    ) -> None: ...
    def visit(self, key: str, since: float, until: float) -> None: ...
    def forget(self, key: str) -> None:
        """Drop what was poured in of this person so far."""

    def zone(self, name: str) -> None:
        """The IANA zone in which this platform's hours and dates are meant."""

    def warn(self, text: str) -> None:
        """Something staff should know that does not spoil the roster; no full card numbers."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a platform is given besides its settings.

    `wait(seconds)` sleeps and returns True when the program is stopping. `visitor_pin(booking id)`
    derives digits that need not be stored. `hash_card(canonical)` makes of a card what may be
    stored and poured in its place. `data` is the directory for what cannot be asked for again.
    """

    clock: Clock
    wait: Callable[[float], bool]
    secret: Callable[[SecretRef], str]
    visitor_pin: Callable[[str], str]
    hash_card: Callable[[str], str] = str
    data: Path = Path()


Progress = Callable[[str, int, int | None], None]  # what, how many so far, of how many if known


class Platform(Protocol):
    """One membership platform.

    Every method may raise `Unavailable`, `Unauthorized` or `BadReply`, and blocks its thread.
    """

    name: str
    capabilities: Capabilities

    def test(self) -> str:
        """Prove that address and key work; one line on what answered."""

    def fetch(self, roster: Roster, progress: Progress) -> None:
        """Pour the whole roster, or raise. Never a part of it without an error."""

    def still_admitted(self, key: str, roster: Roster) -> bool:
        """Has someone who vanished from the list kept access? If so, pour them in again."""

    def ask(self, question: Question, roster: Roster) -> Answer:
        """Whose card is this, or how does this person stand? Pours that one person whole.

        Checks nobody in. Only questions that `capabilities` names are asked.
        """

    def check_in(self, check_in: CheckIn) -> Outcome:
        """Tell of one entry. Never sends twice; raises with `maybe_sent` when in doubt."""

    def was_told(self, check_in: CheckIn) -> bool:
        """Does the platform have a check-in of this person that covers this entry?"""

    def close(self) -> None: ...


@runtime_checkable
class Hearing(Protocol):
    """A platform that calls us, besides: what it tells of a person is in force at once.

    It puts the keys of those it was told of into `news` once that is on the disk.
    """

    news: News

    def routes(self) -> Sequence[Route]: ...

    def told_of(self) -> Iterable[str]:
        """Keys of all people it ever told of."""

    def pour(self, keys: Iterable[str], roster: Roster) -> None:
        """Pour in what is known of these people; nothing of who is not to be known any more."""


@runtime_checkable
class Enrolling(Protocol):
    """A platform that knows cards, besides: it says where, or can be told.

    Every method may raise as those of `Platform` do, or `ByHand`. No error but `ByHand.entry`
    holds a card's number.
    """

    def register_card(self, person: str, canonical: str) -> str:
        """Make this card this person's, in addition to those they have; returns where it stands.

        Once: it reads before it writes, and again when in doubt; an error that still says
        `maybe_sent` could not be settled. Raises `Taken`.
        """

    def remove_card(self, person: str, hashed: bytes) -> str:
        """Take this card (keyed hash) from this person; returns where it stood."""
