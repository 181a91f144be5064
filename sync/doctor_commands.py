"""What sync.sock does for `doorward doctor`: tries each line to the outside for real."""

from collections.abc import Callable, Iterator
from typing import Any

from controller.control import Answer, Command, Request, Say
from controller.errors import DoorwardError
from sync.mail_commands import mail_status
from sync.office import Office

Check = dict[str, Any]  # part, ok (None: cannot tell), said, next


class DoctorCommands:
    """Commands by name, as those of `sync.commands`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def table(self) -> dict[str, Command]:
        return {"doctor": self.doctor}

    def doctor(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Ask each platform with its key, log in to the mail server; nothing is sent or changed."""
        found = []
        for check in self._checks():
            found.append(check)
            say({"say": "tried", "part": check["part"]})
        return {"checks": found}

    def _checks(self) -> Iterator[Check]:
        office = self._office
        for name, why in office.broken.items():
            yield _bad(f"platform {name}", why, "doorward config check")
        for name, line in office.lines.items():
            yield _tried(f"platform {name}", line.platform.test, f"doorward sync --platform {name}")
        for name, minder in office.minders.items():
            again = f"doorward webhooks install {name}"
            part = f"webhooks of {name}"
            yield _bad(part, minder.failure, again) if minder.failure else _good(part, "in order")
        yield from self._mail()
        yield from self._targets()
        yield self._desk()

    def _mail(self) -> Iterator[Check]:
        office = self._office
        if office.post:
            address = "doorward mail test ADDRESS"
            yield _tried("mail server", lambda: f"{_post(office)} lets us in", address)
        elif status := mail_status(office):
            yield _bad("mail server", status["trouble"], "doorward config check")

    def _targets(self) -> Iterator[Check]:
        targets = self._office.targets
        for name, why in targets.broken.items():
            yield _bad(f"target {name}", why, "doorward config check")
        for name, target in targets.all.items():
            again = f"doorward targets test {name}"
            try:
                lag = target.lag()
            except DoorwardError as error:
                yield _bad(f"target {name}", str(error), again)
                continue
            if lag["failure"]:
                yield _bad(f"target {name}", lag["failure"], again)
            else:
                yield _good(f"target {name}", f"{lag['behind']} events wait for it")

    def _desk(self) -> Check:
        desk = self._office.desk
        if desk is None:
            return _bad("desk.db", self._office.desk_trouble, "see docs/operator.md, Backups")
        try:
            counts = desk.read(
                "SELECT (SELECT count(*) FROM users) AS u, (SELECT count(*) FROM tokens) AS t"
            )[0]
        except DoorwardError as error:
            return _bad("desk.db", str(error), "df; dmesg")
        return _good("users", f"{counts['u']} of the console, {counts['t']} tokens of the API")


def _post(office: Office) -> str:
    assert office.post
    return office.post.log_in()


def _tried(part: str, test: Callable[[], str], then: str) -> Check:
    try:
        return _good(part, test())
    except DoorwardError as error:
        return _bad(part, str(error), then)


def _good(part: str, said: str) -> Check:
    return {"part": part, "ok": True, "said": said, "next": ""}


def _bad(part: str, said: str, then: str) -> Check:
    return {"part": part, "ok": False, "said": said, "next": then}
