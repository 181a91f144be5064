"""What a door's lock should do: a pure function of what staff set, who was let in, and the time."""

from dataclasses import dataclass, replace

from controller.model import Mode

AFTER_GRANT = 2.0  # seconds after the lock is shut again in which an opening is still the guest's


@dataclass(frozen=True, slots=True)
class DoorState:
    """`mode_until` is wall time, None: no end. `released_until` and `exit_until` are monotonic."""

    mode: Mode = Mode.NORMAL
    mode_until: float | None = None
    released_until: float = 0.0
    exit_until: float = 0.0
    open: bool = False

    def mode_at(self, wall: float) -> Mode:
        """The mode in force: one that has run out is normal again."""
        over = self.mode_until is not None and wall >= self.mode_until
        return Mode.NORMAL if over else self.mode

    def released_at(self, wall: float, monotonic: float) -> bool:
        """Should the lock be released? Who wants out is let out in any mode."""
        if monotonic < self.exit_until:
            return True
        mode = self.mode_at(wall)
        let_in = mode is Mode.NORMAL and monotonic < self.released_until
        return let_in or mode is Mode.UNLOCKED

    def next_change(self, monotonic: float) -> float | None:
        """When a release ends (monotonic), if one is under way."""
        ends = [end for end in (self.released_until, self.exit_until) if end > monotonic]
        return min(ends, default=None)

    def opening_expected(self, wall: float, monotonic: float) -> bool:
        """Is an opening at this moment someone who may, rather than a forced door?"""
        last = max(self.released_until, self.exit_until)
        return monotonic < last + AFTER_GRANT or self.mode_at(wall) is Mode.UNLOCKED


def let_in(state: DoorState, monotonic: float, seconds: float) -> DoorState:
    """Release for so long; a second person extends, never shortens."""
    return replace(state, released_until=max(state.released_until, monotonic + seconds))


def let_out(state: DoorState, monotonic: float, seconds: float) -> DoorState:
    """The same for someone who presses the exit button."""
    return replace(state, exit_until=max(state.exit_until, monotonic + seconds))


def set_mode(state: DoorState, mode: Mode, until: float | None) -> DoorState:
    """What staff say ends whatever release was under way."""
    return replace(state, mode=mode, mode_until=until, released_until=0.0)
