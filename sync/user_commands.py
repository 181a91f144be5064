"""What sync.sock does about the console's users. Passwords come hashed."""

import re

import structlog

from controller.control import Answer, Command, Request, Say
from controller.errors import ConfigError
from sync.desk_users import Role, Users
from sync.office import Office

log = structlog.get_logger(__name__)


class UserCommands:
    """Commands by name; each takes the request, who asks, and how to report progress."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def table(self) -> dict[str, Command]:
        return {
            "users": self.list,
            "user_add": self.add,
            "user_remove": self.remove,
            "user_password": self.password,
            "user_role": self.role,
        }

    def list(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Everybody who can log in."""
        return {"users": [user._asdict() for user in self._users().all()]}

    def add(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Somebody new."""
        name, role = _text(request, "name"), _role(request)
        self._users().add(name, role, _hash(request), author, self._office.clock.wall())
        log.info("user added", name=name, role=role.value, author=author)
        return {"name": name, "role": role.value}

    def remove(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Somebody who shall not log in any more."""
        name = self._users().remove(_text(request, "name"))
        log.info("user removed", name=name, author=author)
        return {"name": name}

    def password(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """A new password."""
        wall = self._office.clock.wall()
        name = self._users().set_password(_text(request, "name"), _hash(request), wall)
        log.info("password changed", name=name, author=author)
        return {"name": name}

    def role(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Another role."""
        role, wall = _role(request), self._office.clock.wall()
        name = self._users().set_role(_text(request, "name"), role, wall)
        log.info("role changed", name=name, role=role.value, author=author)
        return {"name": name, "role": role.value}

    def _users(self) -> Users:
        if self._office.desk is None:
            raise ConfigError(self._office.desk_trouble)
        return Users(self._office.desk)


def _text(request: Request, name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a text")
    return value


def _role(request: Request) -> Role:
    try:
        return Role(_text(request, "role"))
    except ValueError:
        raise ConfigError(f"a role is one of {', '.join(Role)}") from None


def _hash(request: Request) -> str:
    """Never a password: what is not hashed is not taken."""
    value = _text(request, "hash")
    if not re.fullmatch(r"\$argon2id\$v=19\$[\w=,$+/-]{40,300}", value, re.ASCII):
        raise ConfigError("hash must be what Argon2id made of a password (PHC)")
    return value
