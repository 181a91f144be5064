"""What a page of the console is made of. `sync.console` tells how they fit together."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.control import ask
from controller.errors import DoorwardError
from sync.console.lookout import Lookout
from sync.desk_users import Role, User
from sync.office import Office

LOCAL = re.compile(r"/(?:[a-z][\w/.-]*)?", re.ASCII)  # a page of ours, whatever a link says


class NotThere(DoorwardError):
    """The address names a door, a person … that there is not: told as 404."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of somebody who is logged in and may make it.

    `path`: what stands for {…} in the page's address. `query` and `form`: all values by name.
    """

    user: User
    office: Office
    lookout: Lookout
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, list[str]] = field(default_factory=dict)
    form: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def author(self) -> str:
        """Whom the journal and the lists name."""
        return f"{self.user.name} (console)"

    def text(self, name: str) -> str:
        """One field of the form, or else of the query; "" if it is missing."""
        return next(iter(self.form.get(name) or self.query.get(name) or [""])).strip()

    def texts(self, name: str) -> list[str]:
        """All fields of that name: ticked boxes."""
        return self.form.get(name) or self.query.get(name) or []

    def back(self, otherwise: str) -> str:
        """The page that a form names as the one to come back to (`<input name="back">`)."""
        named = self.text("back")
        return named if LOCAL.fullmatch(named) else otherwise

    def may(self, role: str) -> bool:
        return self.user.role.reaches(Role(role))

    def act(self, do: str, **what: object) -> dict[str, Any]:
        """Have the controller do something in this user's name. Raises `DoorwardError`."""
        try:
            request = {"do": do, "on_behalf": self.author, **what}
            return ask(self.office.config.run / "door.sock", request)
        finally:
            self.lookout.forget()


@dataclass(frozen=True, slots=True)
class Shown:
    """A page: a template, and what it shows."""

    template: str
    data: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class GoTo:
    """After something was done: which page comes next, and what is told there once.

    `wrong`: it was not done, and `told` says why.
    """

    path: str
    told: str = ""
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A file to keep."""

    name: str
    content: bytes
    kind: str = "text/csv; charset=utf-8"


Answer = Shown | GoTo | Sent


@dataclass(frozen=True, slots=True)
class Page:
    """Requests of one method to one address. `role`: the least that may make them.

    `answer` runs on a thread and may wait for the disk and the other process. A `DoorwardError`
    that it raises is shown: instead of the page, or, after a POST, on the page that the form names
    as `back`, else on `back` here, else on that of the first part of the address.
    """

    method: str
    path: str  # "/people/{platform}/{person}/block"
    answer: Callable[[Asked], Answer]
    role: Role = Role.VIEWER
    back: str = ""

    def home(self) -> str:
        return self.back or "/" + self.path.split("/")[1]
