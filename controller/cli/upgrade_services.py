"""The two services, as an upgrade sees them: started, stopped, asked how they are."""

import json
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Protocol

from controller.cli.programs import ran
from controller.control import ask
from controller.errors import DoorwardError, NotRunning
from controller.journal_read import JournalReader
from controller.model import Kind

CONTROLLER, SYNC = "doorward-controller.service", "doorward-sync.service"
_LENT = Path(f"/run/systemd/system/{CONTROLLER}.d/doorward-upgrade.conf")
_PROGRAM = "/usr/lib/doorward"
_ANSWERS = 5.0  # seconds
_ENDS = 150.0  # seconds; longer than either unit takes to start or stop


class Services(Protocol):
    """What the switch needs of them; none of it raises."""

    def status(self) -> dict[str, Any] | None: ...
    def sync_answers(self) -> bool: ...
    def active(self, unit: str) -> bool: ...
    def restarts(self, unit: str) -> int: ...
    def do(self, verb: str, unit: str) -> str: ...
    def lend(self, program: Path) -> str: ...
    def take_back(self) -> None: ...
    def note(self, kind: Kind, author: str, detail: Mapping[str, object]) -> bool: ...
    def newest(self) -> int: ...
    def starts(self, after: int) -> int: ...


class RealServices:
    """By systemd and the sockets. `run` and `data`: folders of the configuration, if any."""

    def __init__(self, run: Path | None, data: Path | None) -> None:
        self._run, self._data = run, data

    def status(self) -> dict[str, Any] | None:
        """The controller's; None if it does not answer."""
        return self._asked("door.sock", {"do": "status"})

    def sync_answers(self) -> bool:
        return self._asked("sync.sock", {"do": "status"}) is not None

    def active(self, unit: str) -> bool:
        return not ran(("systemctl", "is-active", "--quiet", unit)).why

    def restarts(self, unit: str) -> int:
        """How often systemd had to start it again by itself since it was started."""
        said = ran(("systemctl", "show", "--property=NRestarts", "--value", unit)).said.strip()
        return int(said) if said.isdigit() else 0

    def do(self, verb: str, unit: str) -> str:
        """ "" or why it failed."""
        return ran(("systemctl", verb, unit), within=_ENDS).why

    def lend(self, program: Path) -> str:
        """From its next start on the controller sees that folder as its own; "" or why not.

        Not longer than the machine runs.
        """
        try:
            _LENT.parent.mkdir(parents=True, exist_ok=True)
            _LENT.write_text(f"[Service]\nBindReadOnlyPaths={program}:{_PROGRAM}\n")
        except OSError as error:
            return str(error)
        return ran(("systemctl", "daemon-reload")).why

    def take_back(self) -> None:
        """From its next start on it sees what is installed."""
        if _LENT.exists():
            _LENT.unlink()
            ran(("systemctl", "daemon-reload"))

    def note(self, kind: Kind, author: str, detail: Mapping[str, object]) -> bool:
        """Have it in the journal; False if nobody takes it."""
        item = {"kind": kind.value, "author": author, "detail": dict(detail)}
        return self._asked("door.sock", {"do": "note", "items": [item]}) is not None

    def newest(self) -> int:
        """Position of the journal's last event; 0 if it cannot be read."""
        with suppress(DoorwardError, OSError), closing(JournalReader(self._journal())) as journal:
            return journal.newest()
        return 0

    def starts(self, after: int) -> int:
        """How often a controller has started since that position."""
        with suppress(DoorwardError, OSError), closing(JournalReader(self._journal())) as journal:
            return len(journal.events(after=after, kinds=(Kind.STARTED,)))
        return 0

    def _journal(self) -> Path:
        if self._data is None:
            raise NotRunning("there is no configuration")
        return self._data / "journal.db"

    def _asked(self, socket: str, request: dict[str, Any]) -> dict[str, Any] | None:
        if self._run is None:
            return None
        try:
            return ask(self._run / socket, request, timeout=_ANSWERS)
        except (DoorwardError, json.JSONDecodeError):
            return None
