"""The words of Doorward as values.

Instants are unix seconds (float, UTC). Minutes count from local midnight in the platform's zone.
What a scan makes anew each time is a named tuple: they are several times faster to make.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from controller.passage import Passage, Place


class Reason(StrEnum):
    """Why a read was granted or denied, in the order in which `decide` looks.

    Names are those of BACnetAccessEvent (ASHRAE 135, with underscores) where one fits; the rest are
    ours: ambiguous, roster_stale, clock_untrusted, interlocked.
    """

    GRANTED = "granted"
    LOCKDOWN = "denied_deny_all"
    NO_CACHE = "denied_authentication_unavailable"
    UNKNOWN = "denied_unknown_credential"
    AMBIGUOUS = "denied_credential_ambiguous"
    BLOCKED = "denied_credential_disabled"
    NOT_YET = "denied_credential_not_yet_active"
    EXPIRED = "denied_credential_expired"
    NO_LABEL = "denied_point_no_access_rights"
    OUT_OF_HOURS = "denied_out_of_time_range"
    NO_PASS = "denied_credential_max_uses"  # noqa: S105 - a reason, not a password
    STALE = "denied_roster_stale"
    CLOCK = "denied_clock_untrusted"
    PASSBACK = "denied_passback"
    WEAK = "denied_incorrect_authentication_factor"  # too weak a credential, or the wrong PIN
    # What `decide` leaves to the door, because it hangs on what else happens there.
    NO_FACTOR = "denied_authentication_factor_timeout"
    ALONE = "denied_no_accompaniment"
    ATTEMPTS = "denied_max_attempts"
    INTERLOCK = "denied_interlocked"
    ELSEWHERE = "denied_unexpected_location_usage"  # at another door just now, too far from here


class Trust(StrEnum):
    """What the wall clock is worth."""

    SYNCHRONIZED = "synchronized"
    HELD = "held"  # synchronized earlier in this boot, or kept by an RTC or a hypervisor
    GUESSED = "guessed"


class Strength(StrEnum):
    """How hard a credential is to copy or to guess, weakest first."""

    PIN = "pin"
    WEAK = "weak"  # a number that every reader can read: UID, EM4100, barcode
    WIEGAND = "wiegand"  # a formatted number over a wire that can be tapped
    SECURE = "secure"  # read and carried under keys: OSDP secure channel

    def reaches(self, least: "Strength") -> bool:
        return _STRENGTHS.index(self) >= _STRENGTHS.index(least)


_STRENGTHS = tuple(Strength)


class Mode(StrEnum):
    """What staff have set a door to."""

    NORMAL = "normal"
    UNLOCKED = "unlocked"
    LOCKDOWN = "lockdown"


class Now(NamedTuple):
    """One reading of the clock, good for one decision."""

    wall: float
    trust: Trust = Trust.SYNCHRONIZED


@dataclass(frozen=True, slots=True)
class Span:
    """A daily window; both minutes are included, `end < start` runs past midnight.

    `weekdays` are ISO (1 = Monday) and name the day the window begins; empty means every day.
    """

    start: int
    end: int
    weekdays: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Duration:
    """So many minutes from the check-in, on these ISO weekdays (empty: every day)."""

    minutes: int
    weekdays: frozenset[int] = frozenset()


Hours = tuple[Span | Duration, ...]  # alternatives; empty means always


class Person(NamedTuple):
    """Someone a platform knows. `key` is the platform's own id, unique within the platform."""

    platform: str
    key: str
    name: str
    since: float | None = None
    until: float | None = None
    blocked: bool = False
    checks_in: bool = True  # the platform can be told that this person came
    note: str = ""


class Grant(NamedTuple):
    """The person holds `label` in [since, until).

    `renews`: `until` is a renewal, not an end. `attends`: to use it is to check in (a booked room
    is not).
    """

    label: str
    since: float | None = None
    until: float | None = None
    hours: Hours = ()
    uses_pass: bool = False
    renews: bool = False
    attends: bool = True


class Pass(NamedTuple):
    """One unit of access, usable until it `expires`, in these hours."""

    key: str
    expires: float | None = None
    hours: Hours = ()


@dataclass(frozen=True, slots=True)
class Allowance:
    """The platform gives `count` new passes at the start of each `period` (week or month)."""

    key: str
    count: int
    period: str
    hours: Hours = ()


class Visit(NamedTuple):
    """Bought by a check-in: re-entry in [since, until) is free."""

    since: float
    until: float


class RosterState(NamedTuple):
    """The roster a person came with. `day_ends`: the local minute at which a day rolls over."""

    platform: str
    zone: ZoneInfo
    synced_at: float
    day_ends: int = 240
    renewal_grace: float = 72 * 3600.0
    keyholders: bool = False


class Holder(NamedTuple):
    """A person who holds the presented credential, with all that bears on the decision.

    `used`: keys of passes that the journal used up and the platform may not know of yet.
    """

    person: Person
    roster: RosterState
    grants: tuple[Grant, ...] = ()
    passes: tuple[Pass, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    visits: tuple[Visit, ...] = ()
    used: frozenset[str] = frozenset()
    last_entry: float | None = None  # by this door
    place: Place | None = None  # None: nobody knows


class Facts(NamedTuple):
    """Everything `decide` may know besides the door's rules and the time."""

    holders: tuple[Holder, ...] = ()
    blocked: bool = False  # the credential itself is on a block list
    known: bool = True  # every roster was fetched at least once
    strength: Strength | None = None  # of what was presented; None: nobody presents anything


class Labels:
    """A set of labels as a door names them: `plan:42`, `cobot/plan:42`, `plan:*`, `cobot/*`."""

    __slots__ = ("_exact", "_prefixes", "texts")

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.texts = tuple(texts)
        self._exact = frozenset(t for t in self.texts if not t.endswith("*"))
        self._prefixes = tuple(t[:-1] for t in self.texts if t.endswith("*"))

    def __contains__(self, platform_and_label: tuple[str, str]) -> bool:
        platform, label = platform_and_label
        if label in self._exact or label.startswith(self._prefixes):
            return True
        scoped = f"{platform}/{label}"
        return scoped in self._exact or scoped.startswith(self._prefixes)

    def __bool__(self) -> bool:
        return bool(self.texts)

    def __repr__(self) -> str:
        return f"Labels({list(self.texts)})"


@dataclass(frozen=True, slots=True)
class StaleRule:
    """How old a roster may be for holders of matching labels; seconds, None means no limit."""

    labels: Labels
    warn_after: float | None = None
    deny_after: float | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """What a door asks for besides a card that opens it, in these hours (empty: always).

    `strength`: the least; `pin`: the person's PIN after the card; `persons`: so many, one by one.
    """

    hours: tuple[Span, ...] = ()
    strength: Strength = Strength.PIN
    pin: bool = False
    persons: int = 1


@dataclass(frozen=True, slots=True)
class Opening:
    """Hours in which a door stands unlocked, by the site's clock.

    `first_person`: only from the first entry in them on. `on_holidays`: on those as well.
    """

    hours: Span
    first_person: bool = False
    on_holidays: bool = False


@dataclass(frozen=True, slots=True)
class DoorRules:
    """What a door asks of a person. `zone`: that of the site, for demands and forgiveness.

    `passage` is the way in; `inside` names the readers on the way out.
    """

    door: str
    admits: Labels
    refuses: Labels = Labels()  # noqa: RUF009 - immutable
    check_in: bool = True
    admit_without_pass: bool = False
    admit_on_guessed_clock: bool = False
    anti_passback: float = 0.0  # seconds; 0 is off
    staleness: tuple[StaleRule, ...] = ()
    demands: tuple[Demand, ...] = ()
    zone: ZoneInfo | None = None
    duress: bool = False  # a PIN whose last digit is one too high opens, and calls for help
    passage: Passage | None = None
    inside: frozenset[str] = frozenset()
    pin_digits: int = 4  # shorter PINs are nobody's


class Decision(NamedTuple):
    """One answer with exactly one reason.

    `visit` is "new" or "again" when granted with a visit, else "". `checks_in`: this entry is to be
    told to the platform. `notes`: what a person should know besides (stale roster, no pass …).
    """

    reason: Reason
    person: Person | None = None
    label: str = ""
    pass_key: str = ""
    visit: str = ""
    visit_until: float | None = None
    checks_in: bool = False
    notes: tuple[str, ...] = ()

    @property
    def granted(self) -> bool:
        return self.reason is Reason.GRANTED


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader saw: the text as the device sent it, and when (monotonic seconds)."""

    reader: str
    text: str
    at: float


class Kind(StrEnum):
    """Kinds of event. Those after ACCESS are not decisions."""

    ACCESS = "access"
    ENTERED = "entered"  # a person granted before opened the door: the check-in of such a door
    NO_ENTRY = "no_entry_after_granted"
    DURESS = "duress"
    LOCKOUT = "lockout_max_attempts"
    PASSBACK = "passback_detected"
    ELSEWHERE = "card_elsewhere"
    MOVED = "area_entered"  # a person is now in another area
    UNSURE = "places_unknown"  # people may have passed whom nobody recognised
    FORGIVEN = "passback_forgiven"
    OPENED = "door_opened"
    CLOSED = "door_closed"
    FORCED = "door_forced"
    HELD_WARNING = "door_held_warning"
    HELD = "door_held_open"
    PROPPED = "propping_allowed"
    HOURS = "hours_changed"
    FIRE = "fire_alarm"
    FIRE_OVER = "fire_alarm_over"
    ALARM = "alarm_raised"
    ALARM_OVER = "alarm_cleared"
    EXIT = "exit_request"
    UNLOCKED = "unlocked_by_hand"
    MODE = "mode_changed"
    READ_REFUSED = "read_refused"
    WATCHED = "devices_watched"
    PINS_SHOWN = "pins_shown"
    DEVICE_LOST = "device_lost"
    DEVICE_BACK = "device_back"
    CLOCK_STEPPED = "clock_stepped"
    STARTED = "controller_started"
    STOPPED = "controller_stopped"
    TOLD = "check_in_settled"
    RENEWED = "journal_renewed"
    RESTORED = "journal_restored"
    CARD_ENROLLED = "card_enrolled"
    CARD_BLOCKED = "card_blocked"
    CARD_UNBLOCKED = "card_unblocked"
    PUSHED = "check_ins_pushed"
    UPGRADING = "upgrade_begun"
    UPGRADED = "upgrade_done"
    ROLLED_BACK = "upgrade_rolled_back"
    LATER = "kind_of_later_release"  # that is not in force any more; `detail` has its name


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, before the journal gives it a place.

    `card` is masked. `detail` holds JSON values. `checks_in` opens a delivery to `platform`.
    """

    kind: Kind
    door: str = ""
    reason: str = ""
    platform: str = ""
    person: str = ""
    name: str = ""
    card: str = ""
    label: str = ""
    pass_key: str = ""
    visit: str = ""
    visit_until: float | None = None
    checks_in: bool = False
    author: str = ""
    detail: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event in its place: `seq` counts from 1, `uuid` is version 7, `hash` is the chain's."""

    seq: int
    uuid: str
    wall: float
    monotonic: float
    boot: str
    trust: Trust
    event: Event
    hash: bytes
