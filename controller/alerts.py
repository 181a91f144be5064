"""What people are alerted to, once each, and that it is over. Pure.

    none → pending → raised ⇄ calming → quiet → none (or pending again)

A trouble is told when it has stood for some time, and is over when it has not come back for some
time; that grows with each return, so that a line that comes and goes is told a few times a day.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple


class AlertKind(StrEnum):
    """What somebody should come and look at."""

    FORCED = "door_forced"
    HELD = "door_held_open"
    FIRE = "fire_alarm"
    DURESS = "duress"
    LOCKOUT = "lockout_max_attempts"
    ELSEWHERE = "card_elsewhere"
    DEVICE = "device_lost"
    ALARM = "alarm"
    CONTROLLER = "controller_down"
    JOURNAL = "journal_failing"
    DAMAGED = "database_damaged"
    DISK = "disk_full"
    CLOCK = "clock_guessed"
    QUEUE = "queue_old"
    ROSTER = "roster_old"
    MAIL = "mail_failing"
    TARGET = "target_failing"


# What only the controller can tell: while it does not, these neither come nor go.
AT_DOORS = frozenset(
    {
        *(AlertKind.FORCED, AlertKind.HELD, AlertKind.FIRE, AlertKind.LOCKOUT),
        *(AlertKind.DEVICE, AlertKind.ALARM, AlertKind.JOURNAL),
    }
)
# What is wrong with this installation, rather than at a door.
UNWELL = frozenset(
    {
        *(AlertKind.DEVICE, AlertKind.CONTROLLER, AlertKind.JOURNAL, AlertKind.DAMAGED),
        *(AlertKind.DISK, AlertKind.CLOCK, AlertKind.QUEUE, AlertKind.ROSTER),
    }
)
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_STANDS = {  # seconds until it is told; at once where none is named
    AlertKind.DEVICE: _MINUTE,
    AlertKind.CONTROLLER: _MINUTE,
    AlertKind.JOURNAL: _MINUTE,
    AlertKind.DAMAGED: _MINUTE,
    AlertKind.CLOCK: 5 * _MINUTE,
    AlertKind.TARGET: _HOUR,
    AlertKind.MAIL: _HOUR,
}
_CALM = {AlertKind.ELSEWHERE: _HOUR, AlertKind.DURESS: _HOUR}
_USUAL_CALM, _LONGEST_CALM = 5 * _MINUTE, 6 * _HOUR
_REMEMBERED = _DAY  # what was over for so long begins anew


class Fact(NamedTuple):
    """One trouble that stands now. `about`: a door, device, platform or file; never a person."""

    kind: AlertKind
    about: str
    text: str  # what it is, and what to do

    @property
    def key(self) -> str:
        return f"{self.kind.value}:{self.about}"


class Phase(StrEnum):
    """PENDING was not told yet, CALMING is gone and not told over, QUIET is over and remembered."""

    PENDING = "pending"
    RAISED = "raised"
    CALMING = "calming"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Alert:
    """One trouble and how far it was told. Times are wall seconds."""

    fact: Fact
    phase: Phase
    since: float  # when this phase began
    begun: float  # when the trouble began
    returns: int = 0  # how often it came back before it was told to be over
    rounds: int = 0  # how often it was told to be over lately


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known from now on, and what is to be told."""

    alerts: Mapping[str, Alert]
    raised: tuple[Alert, ...] = ()
    cleared: tuple[Alert, ...] = ()


def judge(
    before: Mapping[str, Alert],
    facts: Iterable[Fact],
    now: float,
    unknown: Collection[AlertKind] = (),
) -> Judgement:
    """`unknown`: kinds of which nobody can tell at present whether they stand."""
    standing = {fact.key: fact for fact in facts}
    after: dict[str, Alert] = {}
    raised, cleared = [], []
    for key in {**before, **standing}:
        old, fact = before.get(key), standing.get(key)
        if old and fact is None and old.fact.kind in unknown:
            after[key] = old
            continue
        new = _stands(old, fact, now) if fact else _gone(old, now)
        if new is None:
            continue
        after[key] = new
        if new.phase is Phase.RAISED and (old is None or old.phase in (Phase.PENDING, Phase.QUIET)):
            raised.append(new)
        elif new.phase is Phase.QUIET and old and old.phase is Phase.CALMING:
            cleared.append(new)
    return Judgement(after, tuple(raised), tuple(cleared))


def calm_after(alert: Alert) -> float:
    """Seconds for which it must be gone to be over: twice as long with each time."""
    first = _CALM.get(alert.fact.kind, _USUAL_CALM)
    return min(first * float(2 ** min(alert.rounds, 10)), max(first, _LONGEST_CALM))


def _stands(old: Alert | None, fact: Fact, now: float) -> Alert:
    if old is None or old.phase is Phase.QUIET:
        rounds = old.rounds if old else 0
        old = Alert(fact, Phase.PENDING, now, now, rounds=rounds)
    if old.phase is Phase.CALMING:
        return replace(old, phase=Phase.RAISED, since=now, returns=old.returns + 1)
    if old.phase is Phase.PENDING and _lasted(old, now) >= _STANDS.get(fact.kind, 0.0):
        return replace(old, fact=fact, phase=Phase.RAISED, since=now)
    # A clock that was set back must not let it wait for as long again.
    return replace(old, since=min(old.since, now)) if old.since > now else old


def _gone(old: Alert | None, now: float) -> Alert | None:
    if old is None or old.phase is Phase.PENDING:
        return None
    if old.phase is Phase.RAISED:
        return replace(old, phase=Phase.CALMING, since=now)
    if old.phase is Phase.CALMING and _lasted(old, now) >= calm_after(old):
        return replace(old, phase=Phase.QUIET, since=now, rounds=old.rounds + 1)
    if old.phase is Phase.QUIET and _lasted(old, now) >= _REMEMBERED:
        return None
    return replace(old, since=now) if old.since > now else old


def _lasted(alert: Alert, now: float) -> float:
    return now - alert.since
