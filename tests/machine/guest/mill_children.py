"""The program of `tests.machine.guest.mill`: starts, releases and ends the driver, N times.

Usage, with the product's Python: mill_children.py N LABEL. Its last line says how many releases
each line was told.
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from controller.lock_list import ListedLock
from hw.gpio_relay import GpioRelay
from hw.lock_all import shut_all

LOCKS: tuple[dict[str, Any], ...] = (
    {"pin": 17},
    {"pin": 18, "active_high": False},
    {"pin": 19, "energize": "lock"},
)
DYING = 0.05  # seconds within which a child that is not waited for is killed


def main() -> None:
    import_module("hw.gpiod_pins")  # else each child does, with gpiod: half a second in a machine
    dice, told = random.Random(5), Counter({lock["pin"]: 0 for lock in LOCKS})
    for number in range(int(sys.argv[1])):
        settings = {**LOCKS[number % len(LOCKS)], "chip": sys.argv[2]}
        end = ENDS[number // len(LOCKS) % len(ENDS)]
        told[settings["pin"]] += end(settings, dice)
        _wait(_forked(partial(_lock_all, settings)))
    print(json.dumps(told))


def _killed_starting(settings: dict[str, Any], dice: random.Random) -> int:
    child = _forked(lambda: _hold(settings, -1))
    time.sleep(dice.uniform(0.0, DYING))
    return _ended(child, signal.SIGKILL)


def _killed_released(settings: dict[str, Any], dice: random.Random) -> int:
    return _released_and_ended(settings, signal.SIGKILL)


def _terminated_released(settings: dict[str, Any], dice: random.Random) -> int:
    return _released_and_ended(settings, signal.SIGTERM)


def _stopped(settings: dict[str, Any], dice: random.Random) -> int:
    def child() -> None:
        lock = GpioRelay(GpioRelay.Settings.model_validate(settings), "mill/lock")
        lock.release(5.0)
        lock.secure()
        lock.stop()

    _wait(_forked(child))
    return 1


def _raised(settings: dict[str, Any], dice: random.Random) -> int:
    def child() -> None:
        GpioRelay(GpioRelay.Settings.model_validate(settings), "mill/lock").release(5.0)
        raise RuntimeError("as if by a mistake of ours")

    _wait(_forked(child))
    return 1


def _released_and_ended(settings: dict[str, Any], how: signal.Signals) -> int:
    told, tell = os.pipe()
    child = _forked(lambda: _hold(settings, tell))
    os.close(tell)
    count = len(os.read(told, 1))
    os.close(told)
    _ended(child, how)
    return count


def _hold(settings: dict[str, Any], tell: int) -> None:
    lock = GpioRelay(GpioRelay.Settings.model_validate(settings), "mill/lock")
    if tell >= 0:
        lock.release(5.0)
        os.write(tell, b"1")
    time.sleep(60.0)


def _lock_all(settings: dict[str, Any]) -> None:
    outcomes = shut_all([ListedLock("mill", "gpio-relay", settings)])
    assert all(outcome.shut for outcome in outcomes), outcomes


def _forked(work: Callable[[], None]) -> int:
    """A child that does this, unhindered by handlers of ours; its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    finally:
        sys.stdout.flush()
        os._exit(code)


def _ended(child: int, how: signal.Signals) -> int:
    os.kill(child, how)
    _wait(child)
    return 0


def _wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


ENDS: tuple[Callable[[dict[str, Any], random.Random], int], ...] = (
    _killed_starting,
    _killed_released,
    _stopped,
    _killed_starting,
    _terminated_released,
    _raised,
)

if __name__ == "__main__":
    main()
