"""What sync.sock does about visitors and mail."""

from typing import TYPE_CHECKING, Any

from controller.control import Answer, Command, Request, Say, ask
from controller.errors import ConfigError, DoorwardError, NotRunning, StoreError
from sync.desk_mails import Mail, MailKind
from sync.desk_visitors import VisitorBook
from sync.mail_plan import mailable
from sync.office import Office
from sync.visitors import Visitor, doors_of

if TYPE_CHECKING:
    from sync.mail import Post

_MOST = 1000  # numbers in one request
_SHOWN = 20  # names in the journal of those whose PINs were shown


class MailCommands:
    """Commands by name; each takes the request, who asks, and how to report progress."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def table(self) -> dict[str, Command]:
        return {
            "visitors": self.visitors,
            "mails": self.mails,
            "mail_retry": self.retry,
            "mail_drop": self.drop,
            "mail_test": self.test,
        }

    def visitors(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Who is coming; with `pins` their PINs as well, which the journal notes first."""
        now = self._office.clock.wall()
        coming = self._book().coming(now)
        pins = request.get("pins") is True
        if pins and coming:
            self._note(coming, author)
        mails = self._office.post.of_visitors() if self._office.post else {}
        return {
            "visitors": [
                self._as_data(each, mails.get((each.platform, each.person), []), pins=pins)
                for each in coming
            ]
        }

    def mails(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Every mail that is still kept."""
        return {"mails": [_mail_as_data(each) for each in self._post().all()]}

    def retry(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Send these, and all that waits, now."""
        return {"found": self._post().retry(_numbers(request))}

    def drop(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Never send these."""
        return {"found": self._post().drop(_numbers(request), author)}

    def test(self, request: Request, author: str, say: Say) -> Answer:  # noqa: ARG002
        """Send a test mail now."""
        return {"said": self._post().test(str(request.get("to", "")))}

    def _as_data(self, visitor: Visitor, mails: list[Mail], *, pins: bool) -> dict[str, Any]:
        data: dict[str, Any] = {
            "platform": visitor.platform,
            "person": visitor.person,
            "name": visitor.name,
            "zone": visitor.zone,
            "rooms": [
                {
                    "room": stay.told.room,
                    "start": stay.told.start,
                    "end": stay.told.end,
                    "since": stay.since,
                    "until": stay.until,
                }
                for stay in visitor.stays
            ],
            "doors": doors_of(self._office.config, visitor),
            "mail": self._mail_state(visitor, mails),
        }
        return {**data, "pin": self._office.pin(visitor.booking)} if pins else data

    def _mail_state(self, visitor: Visitor, mails: list[Mail]) -> str:
        if self._office.config.mail is None:
            return "off"
        if not visitor.address:
            return "no address"
        if not mailable(visitor.address):
            return "wrong address"
        return mails[-1].state.value if mails else "waiting"

    def _note(self, shown: list[Visitor], author: str) -> None:
        names = [each.name for each in shown[:_SHOWN]]
        request = {"do": "pins_shown", "on_behalf": author, "names": names, "number": len(shown)}
        try:
            ask(self._office.config.run / "door.sock", request)
        except NotRunning as error:
            raise NotRunning(
                "no PIN is shown, for the journal could not tell who looked: the controller does "
                "not answer. Without it: sudo -u doorward doorward people --visitors"
            ) from error

    def _book(self) -> VisitorBook:
        if self._office.visitors is None:
            raise StoreError(self._office.desk_trouble)
        return self._office.visitors

    def _post(self) -> "Post":
        if self._office.post:
            return self._office.post
        why = self._office.post_trouble
        raise ConfigError(why or "no mail is sent: there is no table [mail] in the configuration")


def mail_status(office: Office) -> dict[str, Any] | None:
    """How mail is; None if there is no [mail]."""
    if office.config.mail is None:
        return None
    nothing = {"server": office.config.mail.server, "counts": {}, "next_try_s": 0.0}
    if office.post is None:
        return {**nothing, "trouble": office.post_trouble}
    try:
        return office.post.status()
    except DoorwardError as error:
        return {**nothing, "trouble": str(error)}


def _mail_as_data(mail: Mail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "kind": mail.kind.value,
        "state": mail.state.value,
        "platform": mail.platform,
        "person": mail.person,
        "name": mail.name,
        "to": mail.address,
        "about": mail.subject if mail.kind is MailKind.TEXT else _rooms(mail),
        "queued": mail.queued,
        "until": mail.until,
        "tries": mail.tries,
        "error": mail.error,
    }


def _rooms(mail: Mail) -> str:
    return ", ".join(dict.fromkeys(each.room for each in mail.rooms))


def _numbers(request: Request) -> list[int]:
    value = request.get("numbers", [])
    if (
        not isinstance(value, list)
        or len(value) > _MOST
        or not all(type(each) is int for each in value)
    ):
        raise ConfigError(f"numbers must be a list of at most {_MOST} numbers of mails")
    return value
