"""Drives every lock to its shut state and lets go of it: `doorward lock-all`.

Runs when the controller is gone, whatever it died of, so it shares nothing with it but the frames
of the relay boards and the way a GPIO chip is found, and imports what a lock needs if there is one.
"""

import errno
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from controller.errors import HardwareError
from controller.lock_list import ListedLock

if TYPE_CHECKING:
    from hw.relay_exchange import Line

LONGEST = 8.0  # seconds for all of them; one by itself takes a second at most

Settings = Mapping[str, Any]
Drive = Callable[[str, int | str, bool], str]  # chip, line, high or low; says which line that is


class Outcome(NamedTuple):
    """How it went with one lock. `words`: what was done, or why not and what to do."""

    door: str
    driver: str
    shut: bool
    words: str

    def __str__(self) -> str:
        return f"{self.door}: {'shut' if self.shut else 'MAY STAND OPEN'}: {self.words}"


def shut_all(locks: Sequence[ListedLock], drive: Drive | None = None) -> list[Outcome]:
    """Shut each by itself, so that one that fails keeps no other, within `LONGEST` seconds.

    Those that never have to wait come first and without a thread. What hangs on one port is done
    in turn, several ports side by side. `drive` stands in for the GPIO of this machine.
    """
    outcomes = [Outcome(lock.door, lock.driver, False, _LATE) for lock in locks]
    by_port: dict[str, list[int]] = {}
    for number, lock in enumerate(locks):
        by_port.setdefault(_port(lock), []).append(number)

    def in_turn(port: str) -> None:
        for number in by_port[port]:
            outcomes[number] = _shut(locks[number], drive)

    if "" in by_port:
        in_turn("")
    _side_by_side(in_turn, [port for port in by_port if port])
    return list(outcomes)


def _port(lock: ListedLock) -> str:
    """The line it hangs on, "" if nobody has to wait for it."""
    port = str(lock.settings.get("port") or lock.settings.get("host") or "")
    try:
        return os.path.realpath(port) if port.startswith("/") else port
    except ValueError:  # a NUL in it: whoever opens it will say so
        return port


def _side_by_side(work: Callable[[str], None], ports: Sequence[str]) -> None:
    workers = [threading.Thread(target=work, args=(port,), daemon=True) for port in ports]

    def all_of_them() -> None:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    if workers:
        overall = threading.Thread(target=all_of_them, daemon=True)
        overall.start()
        overall.join(LONGEST)


def _shut(lock: ListedLock, drive: Drive | None) -> Outcome:
    shut = False
    try:
        way = WAYS.get(lock.driver)
        if way is None:
            raise HardwareError(
                f"the driver {lock.driver!r} is not known; correct [doors.{lock.door}.lock] and "
                "start the controller"
            )
        words = way(lock.settings, drive)
        shut = True
    except HardwareError as error:
        words = str(error)
    except OSError as error:
        words = _HELD if error.errno in _BUSY else f"{_words(error)}. {_REMEDY}"
    except Exception as error:  # noqa: BLE001 - a stanza of any content must not keep other locks open
        words = f"its settings cannot be used ({type(error).__name__}: {error}); correct them"
    return Outcome(lock.door, lock.driver, shut, words)


def _words(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


def _gpio(own: Settings, drive: Drive | None) -> str:
    from hw import gpio_chips  # noqa: PLC0415 - for those who have such a lock

    high = _energized(own) == _flag(own, "active_high", default=True)
    line = (drive or gpio_chips.drive)(own.get("chip") or "", own["pin"], high)
    return f"{line} is {'high' if high else 'low'}"


def _lcus(own: Settings, drive: Drive | None) -> str:  # noqa: ARG001
    from hw import relay_exchange, relay_frames  # noqa: PLC0415

    on = _energized(own)
    frame = relay_frames.lcus(_number(own, "channel", 1, most=16), on=on)
    relay_exchange.tell(relay_exchange.Line(_path(own)), frame)
    return f"relay told to be {_level(on)}; such a board does not answer"


def _modbus(own: Settings, drive: Drive | None) -> str:  # noqa: ARG001
    from hw import relay_exchange, relay_frames  # noqa: PLC0415

    on = _energized(own)
    coil = _number(own, "channel", 1, most=256) - 1
    unit = _number(own, "unit", 1, most=247)
    request = relay_frames.write_coil(coil, relay_frames.ON if on else relay_frames.OFF)
    # The first answer is an echo, which a faulty adapter makes as well.
    for question, answer in (
        (request, request),
        (relay_frames.read_coil(coil), relay_frames.coil_is(on=on)),
    ):
        if own.get("host"):
            host, port = relay_frames.host_port(own["host"])
            framed = [relay_frames.tcp(unit, each) for each in (question, answer)]
            relay_exchange.ask_tcp(host, port, *framed)
        else:
            framed = [relay_frames.rtu(unit, each) for each in (question, answer)]
            relay_exchange.ask(_modbus_line(own), *framed)
    return f"relay is {_level(on)}, as the board confirms"


def _osdp(own: Settings, drive: Drive | None) -> str:  # noqa: ARG001
    return "nothing to do: the reader itself ends what it was told, after seconds at most"


def _sim(own: Settings, drive: Drive | None) -> str:  # noqa: ARG001
    return "nothing to do: it is simulated"


def _modbus_line(own: Settings) -> "Line":
    from hw.relay_exchange import Line  # noqa: PLC0415

    baud = _number(own, "baud", 9600, most=921_600)
    return Line(_path(own), baud, own.get("parity", "none"), own.get("stopbits", 1))


def _path(own: Settings) -> str:
    """Of its port, which may be written as USB vendor:product."""
    from hw.serial_ports import found_port  # noqa: PLC0415

    try:
        return found_port(own["port"])
    except HardwareError as error:
        raise HardwareError(f"{own['port']} {error}") from error


def _level(on: bool) -> str:  # noqa: FBT001
    return "on" if on else "off"


def _energized(own: Settings) -> bool:
    """Is the relay or coil on while the door is shut?"""
    energize = own.get("energize", "unlock")
    if energize not in ("unlock", "lock"):
        raise ValueError(f'energize is "unlock" or "lock", not {energize!r}')
    return bool(energize == "lock")


def _flag(own: Settings, key: str, *, default: bool) -> bool:
    value = own.get(key, default)
    if not isinstance(value, bool):
        raise TypeError(f"{key} is true or false, not {value!r}")
    return value


def _number(own: Settings, key: str, default: int, *, most: int) -> int:
    value = own.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most:
        raise ValueError(f"{key} is a number from 1 to {most}, not {value!r}")
    return value


_BUSY = (errno.EBUSY, errno.EAGAIN)
_HELD = "another program holds it: the controller runs. Use doorward lockdown, or stop it first"
_LATE = f"no answer within {LONGEST:g} s. See that it has power; cut the lock's power to be sure"
_REMEDY = "See that it is plugged in and has power; cut the lock's power to be sure"
WAYS: dict[str, Callable[[Settings, Drive | None], str]] = {
    "gpio-relay": _gpio,
    "serial-relay": _lcus,
    "modbus-relay": _modbus,
    "osdp-output": _osdp,
    "sim": _sim,
}
DRIVERS = frozenset(WAYS)
