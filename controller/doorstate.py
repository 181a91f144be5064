"""What a door does: a table of its phases, the times at which it moves by itself, and its lock.

Two things make up the state. The *phase* follows people and the contact (`TABLE`). Over it lies who
rules the door: fire, lockdown, staff, hours. Pure; instants are monotonic but for `mode_until`.
Every function returns the next state and the kinds of event to record, in order; the state it is
given has been brought up to now by `advance`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from controller.model import Kind, Mode

AFTER_RELEASE = 2.0  # seconds after the lock is shut again in which an opening is still the guest's


class Phase(StrEnum):
    """What goes on between people and the leaf of the door."""

    LOCKED = "locked"
    GRANTED = "granted"  # released for somebody who has not opened yet
    OPEN = "open"
    HELD = "held"  # open for too long
    FORCED = "forced"  # opened though nobody was let in or out
    FREE = "free"  # unlocked for everybody


class Cue(StrEnum):
    """What makes a door change its phase."""

    LET = "let"  # somebody is let in or out
    OPENED = "opened"
    EXPECTED = "expected"  # opened, and nobody need wonder
    CLOSED = "closed"
    ENDED = "ended"  # the release is over
    WARNED = "warned"  # open for long
    OVERDUE = "overdue"  # open for too long
    ALLOWED = "allowed"  # may stay open
    FREED = "freed"
    BOUND = "bound"  # no longer free, and shut
    BOUND_OPEN = "bound_open"


# What is not listed changes nothing.
TABLE: dict[tuple[Phase, Cue], tuple[Phase, Kind | None]] = {
    (Phase.LOCKED, Cue.LET): (Phase.GRANTED, None),
    (Phase.LOCKED, Cue.OPENED): (Phase.FORCED, Kind.FORCED),
    (Phase.LOCKED, Cue.EXPECTED): (Phase.OPEN, Kind.OPENED),
    (Phase.LOCKED, Cue.FREED): (Phase.FREE, None),
    (Phase.GRANTED, Cue.OPENED): (Phase.OPEN, Kind.OPENED),
    (Phase.GRANTED, Cue.EXPECTED): (Phase.OPEN, Kind.OPENED),
    (Phase.GRANTED, Cue.ENDED): (Phase.LOCKED, None),
    (Phase.GRANTED, Cue.FREED): (Phase.FREE, None),
    (Phase.OPEN, Cue.CLOSED): (Phase.LOCKED, Kind.CLOSED),
    (Phase.OPEN, Cue.WARNED): (Phase.OPEN, Kind.HELD_WARNING),
    (Phase.OPEN, Cue.OVERDUE): (Phase.HELD, Kind.HELD),
    (Phase.OPEN, Cue.FREED): (Phase.FREE, None),
    (Phase.HELD, Cue.CLOSED): (Phase.LOCKED, Kind.CLOSED),
    (Phase.HELD, Cue.ALLOWED): (Phase.OPEN, None),
    (Phase.HELD, Cue.FREED): (Phase.FREE, None),
    (Phase.FORCED, Cue.CLOSED): (Phase.LOCKED, Kind.CLOSED),
    (Phase.FORCED, Cue.FREED): (Phase.FREE, None),
    (Phase.FREE, Cue.OPENED): (Phase.FREE, Kind.OPENED),
    (Phase.FREE, Cue.EXPECTED): (Phase.FREE, Kind.OPENED),
    (Phase.FREE, Cue.CLOSED): (Phase.FREE, Kind.CLOSED),
    (Phase.FREE, Cue.BOUND): (Phase.LOCKED, None),
    (Phase.FREE, Cue.BOUND_OPEN): (Phase.OPEN, None),
}


class At(NamedTuple):
    """One reading of both clocks."""

    wall: float
    monotonic: float


@dataclass(frozen=True, slots=True)
class Timing:
    """How a door is set; seconds, and 0 for never."""

    open_for: float = 5.0
    relock_on_open: bool = False  # else when the time is over
    held_warning: float = 0.0
    held_after: float = 0.0
    exit_unlocks: bool = True  # else the exit button only says that the opening is no break-in
    fire_unlocks: bool = False  # else fire is reported, and the wiring opens the door


@dataclass(frozen=True, slots=True)
class DoorState:
    """`mode_until` is wall time, None: no end. All other instants are monotonic."""

    phase: Phase = Phase.LOCKED
    mode: Mode = Mode.NORMAL
    mode_until: float | None = None
    by_hours: bool = False
    fire: bool = False
    open: bool = False
    released_until: float = 0.0
    exit_until: float = 0.0
    expected_until: float = 0.0  # an opening until then is nobody's break-in
    opened_at: float = 0.0
    propped_until: float = 0.0
    warned: bool = False

    def mode_at(self, wall: float) -> Mode:
        """The mode in force: one that has run out is normal again."""
        over = self.mode_until is not None and wall >= self.mode_until
        return Mode.NORMAL if over else self.mode

    def free_at(self, wall: float, timing: Timing) -> bool:
        """Is the door unlocked for everybody?"""
        if self.fire and timing.fire_unlocks:
            return True
        mode = self.mode_at(wall)
        return mode is Mode.UNLOCKED or (mode is Mode.NORMAL and self.by_hours)

    def released_at(self, at: At, timing: Timing) -> bool:
        """Should the lock be released? Who wants out is let out in any mode."""
        if at.monotonic < self.exit_until or self.free_at(at.wall, timing):
            return True
        return self.mode_at(at.wall) is Mode.NORMAL and at.monotonic < self.released_until

    def passable(self, monotonic: float) -> bool:
        """Can people pass whom nobody let in?"""
        propped = self.phase is Phase.OPEN and monotonic < self.propped_until
        return self.fire or propped or self.phase in (Phase.FREE, Phase.HELD, Phase.FORCED)

    def word(self, wall: float, timing: Timing) -> str:
        """What a person would call this: who rules the door, else its phase."""
        mode = self.mode_at(wall)
        if self.fire:
            return "fire"
        if mode is Mode.LOCKDOWN:
            return "lockdown"
        if self.phase is Phase.FREE or self.free_at(wall, timing):
            return "unlocked by hand" if mode is Mode.UNLOCKED else "unlocked by hours"
        return self.phase.value

    def next_change(self, monotonic: float, timing: Timing) -> float | None:
        """When something is due by itself, if anything is."""
        ends = [self.released_until, self.exit_until]
        if self.phase is Phase.OPEN and not self.fire:
            since = max(self.opened_at, self.propped_until)
            ends += [since + s for s in (timing.held_warning, timing.held_after) if s]
        return min((end for end in ends if end > monotonic), default=None)


Step = tuple[DoorState, tuple[Kind, ...]]


def let_in(state: DoorState, at: At, seconds: float, timing: Timing) -> Step:
    """Release for so long; a second person extends, never shortens. Lockdown lets nobody in."""
    if state.mode_at(at.wall) is Mode.LOCKDOWN:
        return state, ()
    until = max(state.released_until, at.monotonic + seconds)
    return _let(replace(state, released_until=until), until, at, timing)


def let_out(state: DoorState, at: At, timing: Timing) -> Step:
    """Somebody pressed the exit button."""
    until = at.monotonic + timing.open_for
    if not timing.exit_unlocks:
        return replace(state, expected_until=max(state.expected_until, until)), ()
    until = max(state.exit_until, until)
    return _let(replace(state, exit_until=until), until, at, timing)


def moved(
    state: DoorState,
    is_open: bool,  # noqa: FBT001
    at: At,
    timing: Timing,
    *,
    found: bool = False,
) -> Step:
    """The contact tells that the door was opened or closed.

    `found`: it stands so after a start or an outage; nobody was seen to move it, or to force it.
    """
    if is_open == state.open:
        return state, ()
    state = replace(state, open=is_open)
    if not is_open:
        state, told = _cue(state, Cue.CLOSED)
        return _ruled(_still_let(state, at, timing), at, timing, told)
    expected = found or state.fire or at.monotonic < state.expected_until
    state = replace(state, opened_at=at.monotonic, warned=False)
    state, told = _cue(state, Cue.EXPECTED if expected else Cue.OPENED)
    if timing.relock_on_open and state.phase is Phase.OPEN:
        state = _used_up(state, at.monotonic)
    return _ruled(state, at, timing, told)


def set_mode(state: DoorState, mode: Mode, until: float | None, at: At, timing: Timing) -> Step:
    """What staff say ends whatever release was under way."""
    state = replace(state, mode=mode, mode_until=until, released_until=0.0)
    return advance(state, at, timing)


def set_hours(state: DoorState, unlocked: bool, at: At, timing: Timing) -> Step:  # noqa: FBT001
    """The hours in which the door stands unlocked began or ended."""
    if unlocked == state.by_hours:
        return state, ()
    return _ruled(replace(state, by_hours=unlocked), at, timing, (Kind.HOURS,))


def set_fire(state: DoorState, burning: bool, at: At, timing: Timing) -> Step:  # noqa: FBT001
    """The fire input."""
    if burning == state.fire:
        return state, ()
    told = (Kind.FIRE if burning else Kind.FIRE_OVER,)
    return _ruled(replace(state, fire=burning, opened_at=at.monotonic), at, timing, told)


def prop(state: DoorState, until: float) -> Step:
    """The door may stand open so long without an alarm."""
    state, told = _cue(replace(state, propped_until=until, warned=False), Cue.ALLOWED)
    return state, (Kind.PROPPED, *told)


def advance(state: DoorState, at: At, timing: Timing) -> Step:
    """Whatever is due by now."""
    told: list[Kind] = []
    now = at.monotonic
    if state.phase is Phase.GRANTED and not state.released_at(at, timing):
        state, more = _cue(state, Cue.ENDED)
        told += more
    since = now - max(state.opened_at, state.propped_until)
    if state.phase is Phase.OPEN and not state.fire:
        if timing.held_warning and not state.warned and since >= timing.held_warning:
            state, more = _cue(replace(state, warned=True), Cue.WARNED)
            told += more
        if timing.held_after and since >= timing.held_after:
            state, more = _cue(state, Cue.OVERDUE)
            told += more
    return _ruled(state, at, timing, tuple(told))


def _let(state: DoorState, until: float, at: At, timing: Timing) -> Step:
    until = max(state.expected_until, until + AFTER_RELEASE)
    state, told = _cue(replace(state, expected_until=until), Cue.LET)
    return _ruled(state, at, timing, told)


def _cue(state: DoorState, cue: Cue) -> Step:
    phase, kind = TABLE.get((state.phase, cue), (state.phase, None))
    return replace(state, phase=phase), (kind,) if kind else ()


def _ruled(state: DoorState, at: At, timing: Timing, told: tuple[Kind, ...]) -> Step:
    """Whoever rules the door has the last word on whether it is free."""
    free = state.free_at(at.wall, timing)
    if free and state.phase is not Phase.FREE:
        state, _ = _cue(state, Cue.FREED)
    elif not free and state.phase is Phase.FREE:
        expected = max(state.expected_until, at.monotonic + AFTER_RELEASE)
        state = replace(state, opened_at=at.monotonic, warned=False, expected_until=expected)
        state, _ = _cue(state, Cue.BOUND_OPEN if state.open else Cue.BOUND)
        state = _still_let(state, at, timing)
    return state, told


def _still_let(state: DoorState, at: At, timing: Timing) -> DoorState:
    """Shut, but the release goes on."""
    if state.phase is Phase.LOCKED and state.released_at(at, timing):
        state, _ = _cue(state, Cue.LET)
    return state


def _used_up(state: DoorState, now: float) -> DoorState:
    """One opening was let through, and it was that; a leaf that bounces is the same one."""
    return replace(
        state,
        released_until=min(state.released_until, now),
        exit_until=min(state.exit_until, now),
        expected_until=min(state.expected_until, now + AFTER_RELEASE),
    )
