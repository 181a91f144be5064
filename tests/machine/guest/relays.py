"""What the relays do, by the kernel's own history of their lines, whatever befalls the controller.

The simulated chip keeps a level whose owner died, as a Raspberry Pi may: only `lock-all` shuts it.
"""

import os
import random
import signal
from collections.abc import Callable
from typing import NamedTuple

from tests.machine.guest import chip, container, hall, units
from tests.machine.guest.hall import FRONT, RELAYS, SIDE
from tests.machine.guest.lab import Lab, call, demand, never, now, until, wait

SCAN_AGAIN = 5.0  # seconds; a reader that is not opened yet throws away what it is shown


def released(lab: Lab) -> None:
    """Start: nothing moves. A card: released once, shut after its time, all by itself."""
    hall.open_up(fresh=True)
    hall.all_shut()
    demand(hall.strays({}) == 0, f"the start alone moved a lock: {chip.history(FRONT.line)}")
    began = now()
    hall.scan()
    opened = FRONT.became(chip.HIGH, began)
    shut = FRONT.became(chip.LOW, opened)
    lab.measured["scan_to_relay_ms"] = round((opened - began) * 1000)
    lab.measured["released_s"] = round(shut - opened, 2)
    hall.no_strays(lab, {FRONT: 1})
    demand(9.5 < shut - opened < 15, f"10 s were asked for, it was {shut - opened:.2f}")


def low_active(lab: Lab) -> None:
    """The same for a relay that pulls at low level: its line is high from the first moment on."""
    hall.open_up(fresh=True)
    first = chip.history(SIDE.line)[0]
    demand(first.level == chip.HIGH, "the first thing it did was to pull the relay")
    began = now()
    hall.present()
    opened = SIDE.became(chip.LOW, began)
    shut = SIDE.became(chip.HIGH, opened)
    lab.measured["released_s"] = round(shut - opened, 2)
    hall.no_strays(lab, {SIDE: 1})


def killed(lab: Lab) -> None:
    """`kill -9` while released: the line stays up until `lock-all` has shut it."""
    _ended(lab, units.kill_hard)


def hung(lab: Lab) -> None:
    """A process that hangs while released: ended by the watchdog, then shut by `lock-all`."""
    since = units.cursor()
    _ended(lab, units.freeze)
    demand("result 'watchdog'" in units.words(since=since), "it was not the watchdog")


def restarted(lab: Lab) -> None:
    """`systemctl restart` while released."""
    _ended(lab, lambda pid: call("systemctl", "restart", "--no-block", units.CONTROLLER))


def stopped(lab: Lab) -> None:
    """`systemctl stop` while released: shut, and it stays so."""
    hall.open_up()
    hall.scan()
    FRONT.became(chip.HIGH, 0.0)
    began = now()
    units.stop()
    lab.measured["to_shut_ms"] = round((FRONT.became(chip.LOW, began) - began) * 1000)
    never("a relay moved", lambda: hall.strays({FRONT: 1}), 2.0)
    hall.all_shut()
    hall.no_strays(lab, {FRONT: 1})


def misconfigured(lab: Lab) -> None:
    """A mistake in the configuration: a line that was left up is shut, and nothing else moves."""
    hall.open_up()
    hall.scan()
    FRONT.became(chip.HIGH, 0.0)
    wrong = hall.SITE.replace("admits", "admit", 1)
    (container.SITE / "doorward.toml").write_text(wrong)
    since, began = units.cursor(), now()
    units.kill_hard(units.main_pid())
    lab.measured["to_shut_ms"] = round((FRONT.became(chip.LOW, began) - began) * 1000)
    until("it says what is wrong", lambda: "admit" in units.words(since=since))
    until("it was tried again", lambda: units.restarts() >= 2)
    hall.all_shut()
    hall.no_strays(lab, {FRONT: 1})


def service_starts(lab: Lab) -> None:
    """So many starts, ended at any moment and in every way: each release has a card behind it."""
    pid = hall.open_up()
    began = now()
    units.kill_hard(pid)
    pid = units.ready(other_than=pid)
    usual, dice = now() - began, random.Random(3)
    chip.forget()
    wanted, slowest = 0, 0.0
    for number in range(lab.services):
        way = _ENDINGS[number % len(_ENDINGS)]
        _until_its_moment(way, dice.uniform(0.0, usual))
        if way.scanned:
            wanted += 1
            _scanned_through(wanted)
        slowest = max(slowest, _ended_and_begun(way, pid))
        pid = units.begun(other_than=pid)
    hall.all_shut()
    lab.measured["starts_tried"] = lab.services
    lab.measured["releases"] = wanted
    lab.measured["slowest_to_shut_ms"] = round(slowest * 1000)
    hall.no_strays(lab, {FRONT: wanted})


def _until_its_moment(way: "_Ending", moment: float) -> None:
    if way.ready:
        units.ready()
    else:
        wait(moment)


def _scanned_through(count: int) -> None:
    """Hold the card to the reader until the door has opened for the so-and-so-many-th time."""
    last = 0.0

    def look() -> bool:
        nonlocal last
        if len(FRONT.releases()) == count:
            return True
        if now() - last > SCAN_AGAIN:
            hall.scan()
            last = now()
        return False

    until("a card opens", look)


def _ended_and_begun(way: "_Ending", pid: int) -> float:
    """End it; seconds until every lock was shut, if one was released."""
    began = now()
    way.end(pid)
    until("all is shut", lambda: all(chip.level(each.line) == each.shut for each in RELAYS))
    seconds = now() - began
    if way.end is _stop:
        units.start("--no-block", units.CONTROLLER)
    return seconds if way.scanned else 0.0


def _ended(lab: Lab, end: Callable[[int], object]) -> None:
    """Released, ended in that way, shut, started again by systemd, and it opens again."""
    pid = hall.open_up()
    hall.scan()
    FRONT.became(chip.HIGH, 0.0)
    began = now()
    end(pid)
    shut = FRONT.became(chip.LOW, began)
    lab.measured["to_shut_ms"] = round((shut - began) * 1000)
    units.ready(other_than=pid)
    lab.measured["back_s"] = round(now() - began, 2)
    hall.all_shut()
    hall.all_well()
    demand(hall.strays({FRONT: 1}) == 0, "the end or the new start moved a relay")
    hall.scan()
    FRONT.became(chip.HIGH, shut)
    hall.no_strays(lab, {FRONT: 2})


class _Ending(NamedTuple):
    """How one start ends, and in which state: ready or not, with a door released or not."""

    end: Callable[[int], object]
    ready: bool = True
    scanned: bool = False


def _stop(_pid: int) -> None:
    units.stop()


def _terminate(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)


_ENDINGS = (
    _Ending(units.kill_hard, ready=False),
    _Ending(units.kill_hard),
    _Ending(units.kill_hard, scanned=True),
    _Ending(_terminate, ready=False),
    _Ending(_terminate, scanned=True),
    _Ending(units.kill_hard, ready=False),
    _Ending(_stop, scanned=True),
)
