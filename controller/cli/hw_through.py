"""Hands at a door through the controller that runs: it has the devices, and goes on working."""

import json
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from controller.cli.hw_ears import INPUTS, Hear, Seen
from controller.cli.reach import ask_controller
from controller.control import Refused
from controller.errors import DoorwardError, HardwareError, NotRunning
from controller.model import Strength
from controller.ports import Alarm, Card, Health, Keys, Level, Signal, Told
from controller.ports import Refused as RefusedRead

if TYPE_CHECKING:
    from controller.config import Config

LONGEST = 3600.0  # seconds for which the controller lets itself be watched
_PATIENCE = 10.0  # seconds for the controller to begin


class ThroughController:
    """The controller has the devices and goes on with its work; it is asked over door.sock."""

    how = "through the controller, which goes on working"

    def __init__(self, config: "Config", door: str, hear: Hear, seconds: float = LONGEST) -> None:
        """`seconds`: how long it is asked to tell; after that it is asked again."""
        self._config, self._door, self._hear = config, door, hear
        self._seconds = max(1.0, min(seconds, LONGEST))
        self._begun, self._over = threading.Event(), threading.Event()
        self._line = socket.socket(socket.AF_UNIX)
        try:
            self._status()
            self._line.close()
            self._line = self._connected()
            threading.Thread(target=self._listen, name=f"watch {door}", daemon=True).start()
            self._begun.wait(_PATIENCE)
            self._tell_how_it_stands(self._status())
        except DoorwardError as error:
            self._line.close()
            hear(error)

    def release(self, seconds: float) -> None:
        if (mode := self._status()["mode"]) != "normal":
            raise HardwareError(
                f"{self._door} is in mode {mode}, so its lock cannot be tried; set it to normal "
                f"first: doorward mode {self._door} normal"
            )
        ask_controller(self._config, "unlock", door=self._door, seconds=seconds)

    def trouble(self) -> str:
        about = self._status()
        if about["released"]:
            return "the controller still holds it released"
        return str(about["unwell"].get("lock", ""))

    def show(self, signal: Signal, seconds: float) -> None:
        asked = {"door": self._door, "signal": signal.value, "seconds": seconds}
        ask_controller(self._config, "show", **asked)

    def close(self) -> None:
        self._over.set()
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        try:
            while not self._over.is_set():
                with self._line, self._line.makefile("rb") as lines:
                    self._follow(lines)
                self._line = self._connected()
        except (DoorwardError, OSError, ValueError) as error:
            if not self._over.is_set():
                gone = NotRunning(f"the controller has gone ({error}); see `doorward status`")
                self._hear(error if isinstance(error, DoorwardError) else gone)
        finally:
            self._line.close()
            self._begun.set()

    def _follow(self, lines: Iterable[bytes]) -> None:
        """Until the controller has shown what it was asked for. Here `ok` may be a device's."""
        for line in lines:
            answer = json.loads(line)
            if "told" in answer:
                self._hear(Seen(self._door, str(answer["part"]), as_told(answer)))
            elif answer.get("ok") is False:
                raise Refused(str(answer["error"]), int(answer.get("exit", 1)))
            elif answer.get("ok"):
                return
            self._begun.set()
        raise OSError("it closed the connection")

    def _connected(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(str(self._config.run / "door.sock"))
            request = {"do": "watch", "door": self._door, "seconds": self._seconds}
            line.sendall(json.dumps(request).encode() + b"\n")
        except BaseException:
            line.close()
            raise
        return line

    def _tell_how_it_stands(self, about: dict[str, Any]) -> None:
        for part in ("lock", *self._config.doors[self._door].readers, *self._inputs()):
            why = about["unwell"].get(part, "")
            self._hear(Seen(self._door, part, Health(not why, why)))
        if about.get("open") is not None:
            self._hear(Seen(self._door, "contact", Level(about["open"])))
        for what, why in about.get("alarms", {}).items():
            self._hear(Seen(self._door, what, Alarm(what, on=True, why=why)))

    def _inputs(self) -> Iterator[str]:
        return (part for part in INPUTS if getattr(self._config.doors[self._door], part))

    def _status(self) -> dict[str, Any]:
        doors = ask_controller(self._config, "status")["doors"]
        about: dict[str, Any] = next((d for d in doors if d["id"] == self._door), {})
        if not about.get("works"):
            why = about.get("unwell", {}).get("door", "the controller does not know it")
            raise HardwareError(f"door {self._door} does not work: {why}")
        return about


def as_told(answer: dict[str, Any]) -> Told:
    """A line of the controller's `watch` as what a device told."""
    match answer["told"]:
        case "card":
            strength = Strength(answer["strength"])
            return Card(str(answer["text"]), strength, str(answer.get("raw", "")))
        case "keys":
            return Keys("•" * int(answer["count"]))
        case "refused":
            return RefusedRead(str(answer["why"]), str(answer.get("raw", "")))
        case "level":
            return Level(bool(answer["active"]))
        case "health":
            return Health(bool(answer["ok"]), str(answer.get("why", "")))
        case _:
            what, why = str(answer.get("what", answer["told"])), str(answer.get("why", ""))
            return Alarm(what, bool(answer.get("on", True)), why)
