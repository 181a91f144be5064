"""What sync.sock does for the API and the webhooks out: tokens and targets."""

import re
from typing import Any

import structlog

from controller.control import Answer, Command, Request, Say
from controller.errors import ConfigError, StoreError
from sync.desk_tokens import SCOPES, Tokens
from sync.office import Office
from sync.targets import Target

log = structlog.get_logger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class ApiCommands:
    """Commands by name, as those of `sync.commands`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def table(self) -> dict[str, Command]:
        return {
            "tokens": self.tokens,
            "token-add": self.add_token,
            "token-remove": self.remove_token,
            "targets": self.targets,
            "target-test": self.test_target,
            "target-skip": self.skip_target,
        }

    def tokens(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Every token of the API, without what it shows."""
        return {
            "tokens": [
                {
                    "name": token.name,
                    "scopes": sorted(token.scopes),
                    "added": token.added,
                    "added_by": token.added_by,
                    "used": token.used,
                }
                for token in self._tokens().all()
            ]
        }

    def add_token(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Make one; this answer is the only place where it is shown."""
        name, scopes = str(request.get("name", "")), request.get("scopes")
        if not _NAME.fullmatch(name):
            raise ConfigError("a token's name is letters, digits, '.', '_' and '-', at most 64")
        if not isinstance(scopes, list) or not scopes or not set(map(str, scopes)) <= {*SCOPES}:
            raise ConfigError(f"say what it may do, by at least one of: {', '.join(SCOPES)}")
        shown = self._tokens().add(name, map(str, scopes), author, self._office.clock.wall())
        if not shown:
            raise ConfigError(
                f"there is a token {name!r} already, and it stays as it is; take another name, or "
                f"first: doorward tokens remove {name}"
            )
        log.info("a token of the API was added", name=name, scopes=scopes, author=author)
        return {"name": name, "shown": shown}

    def remove_token(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """It is refused from the next request on."""
        name = str(request.get("name", ""))
        if not self._tokens().remove(name):
            known = ", ".join(token.name for token in self._tokens().all()) or "none"
            raise ConfigError(f"there is no token {name!r}; there are: {known}")
        log.info("a token of the API was removed", name=name, author=author)
        return {"name": name}

    def targets(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """How each target of webhooks is, and how far behind."""
        found = self._office.targets
        broken = [_broken(name, why) for name, why in found.broken.items()]
        return {"targets": [*(target.lag() for target in found.all.values()), *broken]}

    def test_target(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Send it one message that is no event."""
        return {"said": self._target(request).test()}

    def skip_target(self, request: Request, author: str, say: Say) -> Answer:
        """Tell it nothing of what waits for it."""
        del say
        target = self._target(request)
        skipped = target.skip()
        log.warning("what waited for a target is not told", target=target.name, author=author)
        return {"skipped": skipped}

    def _tokens(self) -> Tokens:
        if self._office.desk is None:
            raise StoreError(self._office.desk_trouble)
        return Tokens(self._office.desk)

    def _target(self, request: Request) -> Target:
        name, found = str(request.get("target", "")), self._office.targets
        if name in found.broken:
            raise ConfigError(f"target {name} is not told: {found.broken[name]}")
        if name not in found.all:
            known = ", ".join(found.all) or "none"
            raise ConfigError(f"there is no target {name!r}; there are: {known}")
        return found.all[name]


def _broken(name: str, why: str) -> dict[str, Any]:
    about: dict[str, Any] = {"target": name, "url": "", "events": [], "behind": 0}
    return {**about, "failure": why, "next_try_s": 0}
