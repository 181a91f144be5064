"""What sync.sock does: status, fetching now, and what becomes of late check-ins."""

import os
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from controller.control import Answer, Command, Request, Say
from controller.errors import ConfigError, DoorwardError
from controller.question import Question
from sync import check_ins
from sync.alerts import alerts_told
from sync.api_commands import ApiCommands
from sync.card_commands import CardCommands
from sync.doctor_commands import DoctorCommands
from sync.line import Report
from sync.mail_commands import MailCommands, mail_status
from sync.office import Office, named
from sync.ordering import ACTS, minder_of, ordering
from sync.user_commands import UserCommands

_LONGEST_QUESTION = 10.0  # seconds


class SyncCommands:
    """Commands by name; each takes the request, who asks, and how to report progress."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def table(self) -> dict[str, Command]:
        return {
            "status": self.status,
            "sync": self.sync,
            "push": self.push,
            "dismiss": self.dismiss,
            "ask": self.ask,
            "webhooks": self.webhooks,
            **CardCommands(self._office).table(),
            **MailCommands(self._office).table(),
            **ApiCommands(self._office).table(),
            **UserCommands(self._office).table(),
            **DoctorCommands(self._office).table(),
        }

    def status(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """How each line is."""
        now, minders = self._office.clock.monotonic(), self._office.minders
        lines = [
            {
                "platform": name,
                "failure": line.failure,
                "next_try_s": round(line.backoff.wait(now), 1),
                "busy": line.busy.locked(),
                "webhooks": minders[name].failure if name in minders else "",
                "live": self._office.live.state(name),
            }
            for name, line in self._office.lines.items()
        ]
        broken = [{"platform": n, "failure": why} for n, why in self._office.broken.items()]
        return {
            "pid": os.getpid(),
            "version": version("doorward"),
            "platforms": lines + broken,
            "http": self._office.listening,
            "desk": self._office.desk_trouble,
            "mail": mail_status(self._office),
            "alerts": alerts_told(self._office),
            "targets": self._office.targets.failures(),
        }

    def sync(self, request: Request, author: str, say: Say) -> Answer:
        """Fetch now; a failed platform does not keep the others from being fetched."""
        asked = _texts(request, "platforms")
        names = named(self._office, asked)
        accept, dry_run = request.get("accept") is True, request.get("dry_run") is True
        reports: list[dict[str, Any]] = []
        first: DoorwardError | None = None
        for name in names:
            try:
                report = pull_and_tell(self._office, name, say, accept=accept, dry_run=dry_run)
                reports.append(report_as_data(report))
            except DoorwardError as error:
                first = first or error
                reports.append({"platform": name, "error": str(error), "exit": error.exit_code})
        for name, why in () if asked else self._office.broken.items():
            first = first or ConfigError(why)
            reports.append({"platform": name, "error": why, "exit": ConfigError.exit_code})
        return {"reports": reports, "exit": first.exit_code if first else 0, "author": author}

    def push(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Send check-ins that are late, refused or unknown, because a person says so."""
        return {"found": check_ins.push(self._office, _texts(request, "uuids"), author)}

    def dismiss(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Never send these check-ins."""
        return {"found": check_ins.dismiss(self._office, _texts(request, "uuids"), author)}

    def ask(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """A door asks about whoever stands before it; what is said is in the cache by then."""
        question = Question(*(_text(request, name) for name in Question._fields))
        within = request.get("within")
        if not isinstance(within, int | float) or not 0 < within <= _LONGEST_QUESTION:
            raise ConfigError(f"within must be a number of seconds, at most {_LONGEST_QUESTION}")
        return {"answers": [each._asdict() for each in self._office.live.ask(question, within)]}

    def webhooks(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Order, list or take away the calls of those platforms that have to be asked for them."""
        act, asked = _text(request, "act"), _texts(request, "platforms")
        if act not in ACTS:
            raise ConfigError(f"act must be one of {', '.join(ACTS)}")
        reports: list[dict[str, Any]] = []
        for name in asked or ordering(self._office):
            try:
                reports.append({"platform": name, **ACTS[act](minder_of(self._office, name))})
            except DoorwardError as error:
                reports.append({"platform": name, "error": str(error), "exit": error.exit_code})
        return {"reports": reports, "exit": next((r["exit"] for r in reports if r["exit"]), 0)}


def pull_and_tell(office: Office, name: str, say: Say, *, accept: bool, dry_run: bool) -> Report:
    """Fetch one platform, reporting progress as `{"say": …}` lines."""

    def progress(what: str, done: int, of: int | None) -> None:
        say({"say": "progress", "platform": name, "what": what, "done": done, "of": of})

    return office.lines[name].pull(progress, accept=accept, dry_run=dry_run)


def report_as_data(report: Report) -> dict[str, Any]:
    """A report as JSON values."""
    return {**asdict(report), "summary": report.changes.summary()}


def _text(request: Request, name: str) -> str:
    value = request.get(name, "")
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a text")
    return value


def _texts(request: Request, name: str) -> list[str]:
    value = request.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigError(f"{name} must be a list of texts")
    return value
