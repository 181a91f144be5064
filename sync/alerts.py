"""Alerts: who is told when something is wrong, once, and when it is over.

What was told is in desk.db, so that no alert repeats after a restart; mail to be sent waits there
too, for as long as the mail server is down.
"""

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import structlog

from controller.alerts import AT_DOORS, Alert, AlertKind, Fact, Phase, judge
from controller.config_alerts import AlertSettings
from controller.errors import StoreError
from controller.journal_read import journal_at
from controller.logs import Once
from sync.alert_facts import SIGHTED, sighted, standing
from sync.alert_words import written
from sync.desk_alerts import AlertBook
from sync.office import Office
from sync.vitals import Vitals

log = structlog.get_logger(__name__)

LOOK = 5.0  # seconds
_KEEP = 3 * 86_400.0  # how long a notice is worth telling
_AT_ONCE = 500  # events


class Alerts:
    """The alerts of one office. One thread takes `look`s."""

    def __init__(
        self,
        office: Office,
        settings: AlertSettings,
        book: AlertBook,
        examine: Callable[[], Vitals],
    ) -> None:
        self._office, self._settings, self._book = office, settings, book
        self._examine, self._once = examine, Once(log)
        self._alerts: dict[str, Alert] = book.known()

    def run(self, stopping: threading.Event) -> None:
        """Look again and again until told to stop."""
        while not stopping.is_set():
            try:
                self.look()
                self._once.fine("desk", "alerts are kept again")
            except StoreError as error:
                self._once.trouble("desk", "alerts wait for the disk", error=str(error))
            except Exception:
                log.exception("alerting failed in a way nobody thought of")
            stopping.wait(LOOK)

    def look(self) -> None:
        """Judge how things are, and queue what is to be told. Raises `StoreError`."""
        vitals, before = self._examine(), dict(self._alerts)
        seen, events = self._lately()
        facts = [f for f in (*standing(self._settings, vitals), *events)
                 if self._settings.wants(f.kind)]  # fmt: skip
        unknown = AT_DOORS if vitals.controller is None else ()
        judged = judge(before, facts, vitals.wall, unknown)
        kept = {key: each for key, each in before.items() if each.phase is not Phase.PENDING}
        self._book.keep(kept, judged, vitals.wall, seen)
        self._alerts = dict(judged.alerts)
        for alert in judged.raised:
            log.warning("alert", kind=alert.fact.kind.value, why=alert.fact.text)
        for alert in judged.cleared:
            log.info("alert over", kind=alert.fact.kind.value, about=alert.fact.about)
        self.queue_mail()

    def queue_mail(self) -> None:
        """Put what was not mailed yet into the queue of mails. Raises `StoreError`."""
        post, now = self._office.post, self._office.clock.wall()
        site = self._office.config.site.name
        if post is None and self._settings.to:
            return  # [mail] cannot be used as it stands; the status says why
        for notice in self._book.not_mailed():
            subject, text = written(notice, site)
            # That no mail goes out, mail cannot tell; targets can be.
            worth = now - notice.at < _KEEP and notice.fact.kind is not AlertKind.MAIL
            for to in self._settings.to if post and worth else ():
                assert post
                post.send(to, subject, text, f"alert:{notice.uuid}:{to}", keep=_KEEP)
            self._book.mailed(notice)

    def forget(self, before: float) -> None:
        """Drop notices older than that (wall)."""
        self._book.forget(before)

    def _lately(self) -> tuple[tuple[str, int], list[Fact]]:
        """The position in the journal, and what was seen on the way there."""
        reader, before = journal_at(self._office.place.journal), self._book.watched()
        if reader is None:
            return before or ("", 0), []
        with closing(reader):
            newest = (reader.chain, reader.newest())
            if before is None:
                return newest, []  # what was before anybody asked for alerts
            after = before[1] if before[0] == reader.chain else 0
            found, last = reader.page(after, limit=_AT_ONCE, scan=1 << 40, kinds=tuple(SIGHTED))
            return (reader.chain, last), list(sighted(found))


def alerts_told(office: Office) -> list[dict[str, Any]]:
    """What was told to have begun and not to be over; nothing if nobody is to be alerted."""
    if not office.config.alerts or not office.desk:
        return []
    try:
        known = AlertBook(office.desk).known().values()
    except StoreError:
        return []  # the status says of the desk itself what is wrong
    return [
        {"kind": a.fact.kind.value, "about": a.fact.about, "text": a.fact.text, "at": a.begun}
        for a in known
        if a.phase in (Phase.RAISED, Phase.CALMING)
    ]
