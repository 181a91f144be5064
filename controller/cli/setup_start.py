"""The wizard's end: the services started, people fetched, and a real card held to the reader."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.cli.doors import last_scan
from controller.cli.hw_screen import machine_clock
from controller.cli.output import lasting
from controller.cli.programs import call, systemd_runs
from controller.cli.provision_file import CONFIG, ETC
from controller.cli.setup_ask import Asking
from controller.cli.setup_card import SIMULATED
from controller.config import Config, load
from controller.control import ask, converse
from controller.errors import DoorwardError

UNITS = ("doorward-sync.service", "doorward-controller.service")
_LOOK = 0.2  # seconds between looks
_STARTS = 30.0  # seconds for both to answer


@dataclass
class First:
    """The first scan at `door`, by the configuration at `path`."""

    ask: Asking
    path: Path
    door: str
    patience: float
    simulated: bool

    def run(self) -> None:
        """Ends well also if it is put off: all is written."""
        config = load(self.path)
        if not self._started(config):
            self.ask.say("Later: doorward status says whether all is well.")
            return
        self._fetched(config)
        while not self._granted(config):
            help_ = "doorward explain NAME DOOR shows every rule that led to an answer."
            if not self.ask.yes("Once more?", help_, default=False):
                break
        self.ask.say(
            "Done. Next: doorward hw test DOOR tries every part and ends with a protocol to keep; "
            "docs/technician.md has the checklist."
        )

    def _started(self, config: Config) -> bool:
        if self.path == ETC / CONFIG and systemd_runs():
            if not self.ask.yes("Start the doors now?", "At each start, too.", default=True):
                return False
            for command in (("enable", *UNITS), ("restart", *UNITS)):
                if why := call(("systemctl", *command)):
                    self.ask.say(f"  → {why}; see: journalctl -u 'doorward-*'")
        else:
            own = "" if self.path == ETC / CONFIG else f" --config {self.path}"
            self.ask.say("systemd does not start them here. In two other terminals type:")
            for process in ("controller", "syncd"):
                self.ask.say(f"  doorward{own} {process}")
            if not self.ask.yes("Do both run now?", "n puts the scan off.", default=True):
                return False
        return self._answering(config)

    def _answering(self, config: Config) -> bool:
        for socket in ("door.sock", "sync.sock"):
            if not self._patiently(lambda each=socket: self._status(config, each), _STARTS):
                self.ask.say(f"  → nobody answers at {config.run / socket}; see doorward status")
                return False
        return True

    def _fetched(self, config: Config) -> None:
        answer: dict[str, Any] = {"reports": []}
        try:
            wanted = {"do": "sync", "platforms": [], "dry_run": False, "accept": False}
            *_, answer = converse(config.run / "sync.sock", wanted, timeout=None)
        except DoorwardError as error:
            self.ask.say(f"  → {error}")
        for report in answer.get("reports", ()):
            words = report.get("error") or report["summary"]
            self.ask.say(f"  {report['platform']}: {words}")

    def _granted(self, config: Config) -> bool:
        before = self._last(config)
        if self.simulated:
            help_ = "The reader is simulated: this is held to it. doorward sim scan does so later."
            card = self.ask.words("A card's number", help_, SIMULATED.sent)
            try:
                words = {"do": "sim", "door": self.door, "act": "scan", "text": card}
                ask(config.run / "door.sock", words)
            except DoorwardError as error:
                self.ask.say(f"  → {error}")
                return False
        else:
            self.ask.say(f"Hold a card that is to open to the reader ({lasting(self.patience)}).")

        def fresh() -> Any:
            last = self._last(config)
            return last if last != before else None

        last = self._patiently(fresh, self.patience)
        if not last:
            self.ask.say("  → no card came; doorward hw watch shows what the reader sends")
            return False
        self.ask.say(f"  {self.door}: {last_scan(last)}")
        return bool(last["reason"] == "granted")

    def _last(self, config: Config) -> Any:
        found = self._status(config, "door.sock") or {"doors": []}
        return next((each.get("last") for each in found["doors"] if each["id"] == self.door), None)

    def _status(self, config: Config, socket: str) -> dict[str, Any] | None:
        try:
            return ask(config.run / socket, {"do": "status"})
        except DoorwardError:
            return None

    def _patiently(self, found: Any, seconds: float) -> Any:
        """What is found within so long, or None."""
        clock, pause = machine_clock(), threading.Event()
        end = clock.monotonic() + seconds
        while not (what := found()) and clock.monotonic() < end:
            pause.wait(_LOOK)
        return what
