"""The requests of Hive's Door Access API.

Success is told in the body. Which HTTP status a refusal has is not documented, so the body is read
first, whatever the status.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from controller.errors import BadReply, ConfigError, Unauthorized, Unavailable
from sync.http import Line
from sync.platform import Surroundings
from sync.platforms.hive_pages import pages
from sync.platforms.hive_said import Said, said
from sync.platforms.hive_settings import ADMIN, HiveSettings
from sync.reply import Reply

_READ = (*range(200, 300), *(status for status in range(400, 500) if status not in {408, 429}))
_READ_AFTER_SENDING = (*_READ, *range(500, 600))
_KEY_REFUSED = (401, 402, 403)
_LONGEST_MESSAGE = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """Hive's answer on one person at one door."""

    granted: bool
    message: str = ""
    user: Said | None = None


class HiveApi:
    """One Hive, spoken to with one key."""

    def __init__(self, settings: HiveSettings, around: Surroundings) -> None:
        key = around.secret(settings.key)
        if not key.isascii():
            raise ConfigError(f"{settings.key}: holds no API key of Hive; copy it from {ADMIN}")
        self._url = settings.url
        self._line = Line(
            settings.url,
            clock=around.clock,
            wait=around.wait,
            headers={"X-DOOR-API-KEY": key},
            secrets=(key,),
            ca_file=settings.ca_file,
        )

    def close(self) -> None:
        self._line.close()

    def test(self) -> None:
        self._accepted("/test")

    def doors(self) -> Said:
        return self._accepted("/doors")

    def users(self) -> Iterator[Said]:
        """The pages of all users with access to a door."""
        return pages(self._users)

    def access(
        self, who: str, door_id: str, *, field: str = "id", check_only: bool = False
    ) -> Verdict:
        """May the user with this in this field enter? Unless `check_only` it is on record then."""
        form = {field: who, "door_id": door_id}
        if check_only:
            form["check_only"] = "1"  # any text but "" and "0" is true to PHP, "false" as well
        reply = self._line.request("POST", "/access", form=form, accept=_READ_AFTER_SENDING)
        answer = self._body(reply, "/access", sent=True)
        if answer.raw["success"]:
            user = answer.raw.get("user")
            return Verdict(True, user=said("user", user) if isinstance(user, dict) else None)
        if reply.status >= 500:
            raise Unavailable(f"{answer.what}: {_message(answer)}", maybe_sent=True)
        if reply.status in _KEY_REFUSED and not answer.raw.get("user"):
            self.test()  # raises if it is the key that is refused and not this person
        return Verdict(False, _message(answer))

    def _users(self, page: int) -> Said:
        answer = self._get("/users", page)
        if not answer.raw["success"]:
            raise Unauthorized(
                f"{self._url}/users: Hive does not give out its users ({_message(answer)}); "
                f"switch on the list of users in {ADMIN}. The people known so far stay in force"
            )
        return answer

    def _accepted(self, path: str) -> Said:
        answer = self._get(path)
        if not answer.raw["success"]:
            raise Unauthorized(
                f"{self._url}: Hive does not accept the key ({_message(answer)}); "
                f"compare it with {ADMIN}"
            )
        return answer

    def _get(self, path: str, page: int | None = None) -> Said:
        params = None if page is None else {"p": page}
        reply = self._line.request("GET", path, params=params, accept=_READ)
        return self._body(reply, path if page is None else f"{path}?p={page}")

    def _body(self, reply: Reply, path: str, *, sent: bool = False) -> Said:
        """The JSON object answered, in which `success` is true or false and nothing else.

        `sent`: the request may have had an effect.
        """
        what = f"{self._url}{path}"
        try:
            answer = said(what, reply.json())
            if not isinstance(answer.raw.get("success"), bool):
                raise answer.bad("success", "true or false")
        except BadReply as error:
            if reply.status in _KEY_REFUSED:
                why = f"{what}: answers {reply.status}; compare the key with {ADMIN}"
                raise Unauthorized(why) from error
            if reply.status >= 500:
                raise Unavailable(f"{what}: answers {reply.status}", maybe_sent=sent) from error
            status = f" (HTTP {reply.status})" if reply.status >= 400 else ""
            doubt = sent and not status
            raise BadReply(f"{error}{status}", maybe_sent=doubt, passing=error.passing) from error
        return answer


def _message(answer: Said) -> str:
    message = answer.raw.get("message")
    words = " ".join(message.split()) if isinstance(message, str) else ""
    return words[:_LONGEST_MESSAGE] or "without a reason"
