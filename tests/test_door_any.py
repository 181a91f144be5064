"""Whatever happens at real doors, in any order: the journal explains each release; they lock."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.door import Settings
from controller.doorstate import Timing
from controller.model import Demand, DoorRules, Kind, Labels, Mode, Opening, Recorded
from controller.passage import Passage, Passback
from tests.rigs import Member, Rig, members, rig
from tests.worlds import BERLIN, span

PEOPLE = (
    Member("Ada", ("32:04A1B2C3", "pin:4711"), passes=1),
    Member("Ben", ("32:0B0B0B0B", "pin:8264")),
)
CARDS = ("04A1B2C3", "0B0B0B0B", "DEADBEEF", "noise")
KEYS = ("4711#", "4712#", "8264#", "0000#", "47", "*")
OPEN_FOR = 5.0
FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
DO: dict[str, Callable[[Rig, Any], None]] = {
    "scan": Rig.scan,
    "press": Rig.press,
    "exit": lambda door, _: door.exit(),
    "open": lambda door, _: door.open(),
    "close": lambda door, _: door.close(),
    "wait": Rig.wait,
    "mode": lambda door, what: door.door.set_mode(
        what[0], what[1] and door.clock.wall() + what[1], "ida"
    ),
    "unlock": lambda door, seconds: door.door.unlock("ida", seconds),
    "prop": lambda door, seconds: door.door.prop("ida", seconds),
    "fire": lambda door, on: door.fire.set(active=on),
    "tamper": lambda door, on: door.tamper.set(active=on),
    "contact": lambda door, on: door.contact.set_plugged(on),
    "reader": lambda door, on: door.reader.plug() if on else door.reader.unplug(),
    "jam": lambda door, on: door.lock.jam() if on else door.lock.free(),
}
MODES = [(mode, seconds) for mode in Mode for seconds in (None, 60.0)]
SECONDS = st.sampled_from([0.1, 1.0, 2.5, 5.0, 31.0, 61.0, 3600.0])
DOINGS = st.one_of(
    st.tuples(st.just("scan"), st.sampled_from(CARDS)),
    st.tuples(st.just("press"), st.sampled_from(KEYS)),
    st.tuples(st.sampled_from(["exit", "open", "close"]), st.none()),
    st.tuples(st.just("wait"), SECONDS),
    st.tuples(st.just("mode"), st.sampled_from(MODES)),
    st.tuples(st.sampled_from(["unlock", "prop"]), st.sampled_from([1.0, 20.0])),
    st.tuples(st.sampled_from(["fire", "tamper", "contact", "reader", "jam"]), st.booleans()),
)
RULES = st.builds(
    DoorRules,
    st.just("front"),
    st.just(Labels(["plan:*"])),
    demands=st.sampled_from([(), (Demand(pin=True),), (Demand(persons=2),)]),
    zone=st.just(BERLIN),
    duress=st.booleans(),
    anti_passback=st.sampled_from([0.0, 30.0]),
    passage=st.sampled_from(
        [None, Passage("", "in", Passback.SOFT), Passage("", "in", Passback.HARD)]
    ),
    inside=st.sampled_from([frozenset(), frozenset({"keypad"})]),
)
SETTINGS = st.builds(
    Settings,
    st.just("Front"),
    st.builds(
        Timing,
        open_for=st.just(OPEN_FOR),
        relock_on_open=st.booleans(),
        held_warning=st.just(30.0),
        held_after=st.just(60.0),
        exit_unlocks=st.booleans(),
        fire_unlocks=st.booleans(),
    ),
    counts_on_opening=st.booleans(),
    stuck_after=st.just(300.0),
    openings=st.sampled_from([(), (Opening(span("11:00-11:59"), first_person=True),)]),
    zone=st.just(BERLIN),
)


def done(door: Rig, name: str, value: object) -> None:
    if name in ("scan", "press") and not door.reader.state()["plugged"]:
        return
    DO[name](door, value)
    door.settle()


def let_until(event: Recorded) -> float:
    """Until when (monotonic) this entry of the journal explains a released lock."""
    about, at = event.event, event.monotonic
    if about.kind is Kind.ACCESS and about.reason == "granted":
        return at + OPEN_FOR
    if about.kind is Kind.EXIT and not (about.detail or {}).get("barred_by"):
        return at + OPEN_FOR
    if about.kind is Kind.UNLOCKED:
        return at + float((about.detail or {})["seconds"])
    return 0.0


class Free:
    """By the journal alone: is the door free for everybody?"""

    def __init__(self, events: list[Recorded], wall: float, *, fire_unlocks: bool) -> None:
        mode, until, hours, fire = "normal", None, False, False
        for each in events:
            kind, detail = each.event.kind, each.event.detail or {}
            if kind is Kind.MODE:
                mode, until = detail["mode"], detail.get("until")
            elif kind is Kind.HOURS:
                hours = detail["unlocked"]
            elif kind in (Kind.FIRE, Kind.FIRE_OVER):
                fire = kind is Kind.FIRE
        if until is not None and wall >= until:
            mode = "normal"
        self.fire = fire and fire_unlocks
        self.lockdown = mode == "lockdown"
        self.now = self.fire or mode == "unlocked" or (mode == "normal" and hours)


def check(door: Rig) -> None:
    """Is the lock released for a reason that is on record?"""
    if not door.lock.released:
        return
    events, now = door.events(), door.clock.monotonic()
    free = Free(events, door.clock.wall(), fire_unlocks=door.door.settings.timing.fire_unlocks)
    kinds = (Kind.EXIT,) if free.lockdown else (Kind.ACCESS, Kind.EXIT, Kind.UNLOCKED)
    let = max((let_until(e) for e in events if e.event.kind in kinds), default=0.0)
    assert free.now or now < let, [e.event.kind for e in events]


@FEW
@given(RULES, SETTINGS, st.lists(DOINGS, min_size=1, max_size=14))
def test_never_released_without_a_cause_and_always_locked_again(
    rules: DoorRules, own: Settings, doings: list[tuple[str, object]]
) -> None:
    with tempfile.TemporaryDirectory() as data, rig(Path(data), rules, own) as door:
        members(door.data, door.clock, *PEOPLE)
        for name, value in doings:
            done(door, name, value)
            check(door)
        door.lock.free()
        door.fire.set(active=False)
        door.door.set_mode(Mode.LOCKDOWN, None, "ida")
        door.wait(21)
        assert not door.lock.released
        passes = [e.event.pass_key for e in door.events() if e.event.pass_key]
        assert len(passes) == len(set(passes))  # none is used twice


@FEW
@given(RULES, SETTINGS, st.lists(DOINGS, max_size=6), st.lists(DOINGS, max_size=10))
def test_a_lockdown_lets_nobody_in(
    rules: DoorRules,
    own: Settings,
    before: list[tuple[str, object]],
    during: list[tuple[str, object]],
) -> None:
    with tempfile.TemporaryDirectory() as data, rig(Path(data), rules, own) as door:
        members(door.data, door.clock, *PEOPLE)
        for name, value in before:
            done(door, name, value)
        door.fire.set(active=False)
        door.door.set_mode(Mode.LOCKDOWN, None, "ida")
        door.wait(6)
        releases, granted = door.lock.releases, door.reasons().count("granted")
        for name, value in during:
            if name not in ("mode", "exit", "fire"):
                done(door, name, value)
                assert not door.lock.released
        assert door.lock.releases == releases
        assert door.reasons().count("granted") == granted


@FEW
@given(st.lists(st.tuples(st.booleans(), DOINGS), min_size=1, max_size=14))
def test_interlocked_doors_are_never_both_released(
    doings: list[tuple[bool, tuple[str, object]]],
) -> None:
    made = [
        (DoorRules(name, Labels(["plan:*"])), Settings(name, partners=(partner,)))
        for name, partner in (("a", "b"), ("b", "a"))
    ]
    with (
        tempfile.TemporaryDirectory() as data,
        rig(Path(data), *made[0]) as one,
        rig(Path(data), *made[1], beside=one) as other,
    ):
        members(one.data, one.clock, *PEOPLE)
        both = (one, other)
        seen = Both(both)
        for first, (name, value) in doings:
            done(one if first else other, name, value)
            for door in both:
                door.settle()
            assert not all(door.lock.released for door in both)
        assert not seen.at_once


class Both:
    """Looks at each release whether the other lock is released at that moment."""

    def __init__(self, doors: tuple[Rig, Rig]) -> None:
        self.at_once = False
        for door, partner in (doors, doors[::-1]):
            watched = self._watched(door, partner)
            door.lock.release = watched  # type: ignore[method-assign,assignment]

    def _watched(self, door: Rig, partner: Rig) -> Callable[[float], None]:
        release = door.lock.release

        def watched(seconds: float) -> None:
            self.at_once = self.at_once or partner.lock.released
            release(seconds)

        return watched
