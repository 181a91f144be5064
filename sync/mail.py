"""Mail: visitors are told their PIN once, and whoever else has something to say queues a text.

Nothing goes out twice by itself. What waits is on the disk and outlasts outages and restarts; the
PIN is not: a visitor's mail is written when it is sent, from what is known of the booking then.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from controller.config import Config, SecretRef
from controller.config_mail import MailSettings, mail_address
from controller.errors import ConfigError, DoorwardError, Unauthorized, Unavailable
from controller.logs import Once
from controller.ports import Clock
from sync.backoff import Backoff
from sync.desk_mails import Mail, MailBox, MailKind, MailState, Wanted
from sync.desk_visitors import VisitorBook
from sync.mail_plan import planned
from sync.mail_text import Texts
from sync.smtp import Letter, MailServer, Rejected
from sync.visitors import doors_of

log = structlog.get_logger(__name__)

_DAY = 86_400.0
_LOOK_AGAIN = 60.0  # seconds: a booking ends, and a mail for it is late, without anybody's word


class _NoLonger(DoorwardError):
    """Somebody dropped the mail meanwhile."""


class Post:
    """The mail of one office. One thread takes `turn`s; any may queue."""

    def __init__(
        self,
        config: Config,
        settings: MailSettings,
        box: MailBox,
        book: VisitorBook,
        clock: Clock,
        pin: Callable[[str], str],
        secret: Callable[[SecretRef], str],
    ) -> None:
        """`pin(booking)` derives a visitor's PIN. ConfigError if a template is wrong."""
        self._config, self._box, self._book = config, box, book
        self._clock, self._pin = clock, pin
        self._texts = Texts(settings, config.site.name)
        self._server = MailServer(settings, secret)
        self._backoff = Backoff(first=5.0)
        # One that is not let in is not to knock so often that it is locked out for it.
        self._not_let_in = Backoff(first=5.0, longest=600.0)
        self._deferred: dict[int, Backoff] = {}  # mails that the server does not take at present
        self._stumbled: Counter[int] = Counter()  # mails at which the line broke off
        self._look_at = 0.0  # monotonic: when to look at the bookings again
        self._once, self._turning = Once(log), threading.Lock()
        self.trouble = ""  # why no mail goes out at present

    def send(self, to: str, subject: str, text: str, key: str, *, keep: float = 3 * _DAY) -> bool:
        """Queue a text; False if one with that `key` was queued before. Never put a PIN into it.

        It is given up after `keep` seconds. Raises `ConfigError` for a wrong address.
        """
        now = self._clock.wall()
        wanted = Wanted(MailKind.TEXT, _address(to), now + keep, subject=subject, text=text)
        return self._box.add(wanted, now, key)

    def look(self) -> None:
        """Bookings have changed."""
        self._look_at = 0.0

    def retry(self, numbers: Sequence[int]) -> list[int]:
        """A person says: send these, and all that waits, now. Returns those found."""
        found = self._box.retry(numbers)
        self._backoff.worked()
        self._deferred.clear()
        return found

    def drop(self, numbers: Sequence[int], author: str) -> list[int]:
        """A person says: do not send these. Returns those found."""
        return self._box.drop(numbers, author)

    def turn(self, stopping: Callable[[], bool]) -> int:
        """Send what can be sent now; how many mails were settled. Raises `StoreError`."""
        with self._turning:
            return self._turn(stopping)

    def _turn(self, stopping: Callable[[], bool]) -> int:
        if self._box.interrupted():
            log.warning("mails were being sent when the program ended; see doorward mail list")
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_AGAIN
            self._plan()
        settled = 0
        # One at which the server breaks off each time must not keep the others from going out.
        for mail in sorted(self._box.waiting(), key=lambda each: self._stumbled[each.id]):
            if stopping() or self._backoff.wait(self._clock.monotonic()):
                break
            settled += self._take(mail)
        return settled

    def of_visitors(self) -> dict[tuple[str, str], list[Mail]]:
        """Mails about bookings that are not over, by platform and person, the oldest first."""
        return self._box.of_visitors(self._clock.wall())

    def all(self) -> list[Mail]:
        """Every mail that is still kept, the oldest first."""
        return self._box.all()

    def forget(self, before: float) -> None:
        """Drop what is over since before that time (wall)."""
        self._box.forget(before)

    def test(self, to: str) -> str:
        """Send a mail now; the server's words. Raises `DoorwardError`."""
        text = f"This is a test: {self._config.site.name} can send mail.\n"
        letter = self._sealed(_address(to), "Doorward: a test", text, "test")
        said = self._server.hand_over(letter)
        self._worked()
        return said

    def log_in(self) -> str:
        """Try the server without sending; the server's name. Raises `DoorwardError`."""
        self._server.log_in()
        return self._server.name

    def status(self) -> dict[str, Any]:
        """How it is: counts by state, and what is wrong."""
        now = self._clock.monotonic()
        return {
            "server": self._server.name,
            "counts": self._box.counts(self._clock.wall()),
            "trouble": self.trouble,
            "next_try_s": round(self._backoff.wait(now), 1),
        }

    def _plan(self) -> None:
        now = self._clock.wall()
        known = self._box.of_visitors(now)
        for step in planned(self._book.coming(now), known, set(self._config.platforms), now):
            if step.drop:
                self._box.settle(step.instead_of, MailState.DROPPED, step.drop)
            elif step.wanted and step.instead_of:
                self._box.change(step.instead_of, step.wanted, now)
            elif step.wanted:
                self._box.add(step.wanted, now)

    def _take(self, mail: Mail) -> bool:
        """Send one, or leave it where it is; is it settled?"""
        deferred = self._deferred.get(mail.id)
        if self._clock.wall() >= mail.until:
            self._settle(mail, MailState.LATE, "there was no way to send it in time")
            return True
        if deferred and deferred.wait(self._clock.monotonic()):
            return False
        try:
            letter = self._letter(mail)
        except ConfigError as error:
            self._settle(mail, MailState.FAILED, str(error))
            return True
        if letter is None:
            self._settle(mail, MailState.DROPPED, "the booking is another by now, or gone")
            self.look()
            return True
        return self._sent(mail, letter)

    def _sent(self, mail: Mail, letter: Letter) -> bool:
        begun = False

        def begin() -> None:
            nonlocal begun
            if not self._box.begin(mail.id):
                raise _NoLonger
            begun = True

        try:
            self._server.hand_over(letter, begin)
        except _NoLonger:
            return False
        except Rejected as error:
            self._worked()
            return self._rejected(mail, error)
        except (Unavailable, Unauthorized, ConfigError) as error:
            return self._failed(mail, error, begun=begun)
        self._worked()
        self._settle(mail, MailState.SENT)
        return True

    def _rejected(self, mail: Mail, error: Rejected) -> bool:
        if not error.later:
            self._settle(mail, MailState.FAILED, self._told(mail, error))
            return True
        self._box.not_sent(mail.id, self._told(mail, error))
        wait = self._deferred.setdefault(mail.id, Backoff(first=60.0, longest=1800.0))
        wait.failed(self._clock.monotonic(), random.random())  # noqa: S311
        return False

    def _failed(self, mail: Mail, error: DoorwardError, *, begun: bool) -> bool:
        """Nothing goes out at present; this one may have, if it had begun."""
        self.trouble = self._told(mail, error)
        self._stumbled[mail.id] += 1
        now, at_least = self._clock.monotonic(), 0.0
        if not isinstance(error, Unavailable):
            at_least = self._not_let_in.failed(now, random.random())  # noqa: S311
        self._backoff.failed(now, random.random(), at_least)  # noqa: S311
        self._once.trouble("mail", "mail waits", error=self.trouble)
        if getattr(error, "maybe_sent", False):
            self._settle(mail, MailState.UNKNOWN, self.trouble)
            return True
        if begun:
            self._box.not_sent(mail.id, self.trouble)
        return False

    def _worked(self) -> None:
        self.trouble = ""
        self._backoff.worked()
        self._not_let_in.worked()
        self._once.fine("mail", "mail is sent again")

    def _settle(self, mail: Mail, state: MailState, why: str = "") -> None:
        self._box.settle(mail.id, state, why)
        self._deferred.pop(mail.id, None)
        del self._stumbled[mail.id]
        say = log.info if state is MailState.SENT else log.warning
        say("mail settled", mail=mail.id, kind=mail.kind.value, state=state.value, why=why)

    def _letter(self, mail: Mail) -> Letter | None:
        """As it reads now; None if the booking is no longer what the mail is about."""
        number = f"{mail.id}.{int(mail.queued)}"
        if mail.kind is MailKind.TEXT:
            return self._sealed(mail.address, mail.subject, mail.text, number)
        zone, whose = ZoneInfo(mail.zone), (mail.platform, mail.person)
        coming = self._book.coming(self._clock.wall())
        visitor = next((v for v in coming if (v.platform, v.person) == whose), None)
        if mail.kind is MailKind.CANCELLED:
            written = self._texts.cancelled(mail.name, mail.rooms, zone)
            return None if visitor else self._sealed(mail.address, *written, number)
        if visitor is None or visitor.rooms != mail.rooms:
            return None
        written = self._texts.booked(
            visitor.name,
            visitor.rooms,
            zone,
            doors_of(self._config, visitor),
            self._pin(visitor.booking),
            changed=mail.kind is MailKind.CHANGED,
        )
        return self._sealed(mail.address, *written, number)

    def _sealed(self, to: str, subject: str, text: str, number: str) -> Letter:
        now = self._clock.wall()
        number = f"doorward.{number}" if number != "test" else f"doorward.test.{int(now)}"
        return Letter(to, subject, text, self._config.site.name, now, number)

    def _told(self, mail: Mail, error: DoorwardError) -> str:
        """The error, should a server repeat the PIN, without it."""
        pin = self._pin(mail.person.partition(":")[2]) if mail.person else ""
        return str(error).replace(pin, "…") if pin else str(error)


def _address(text: str) -> str:
    try:
        return mail_address(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} {error}") from None
