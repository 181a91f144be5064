"""What is told of an alert: the text of a mail, the message to a target."""

from collections.abc import Iterator
from datetime import UTC, datetime

from controller.event_names import CLEARED, RAISED
from sync.desk_alerts import Notice
from sync.event_words import Words, moment


def written(notice: Notice, site: str) -> tuple[str, str]:
    """Subject and text of a mail."""
    fact = notice.fact
    what = fact.kind.value.replace("_", " ") + (f" ({fact.about})" if fact.about else "")
    subject = f"{site}: {'over: ' if notice.over else ''}{what}"
    return subject[:200], "\n".join(_lines(notice, site)) + "\n"


def notice_words(notice: Notice) -> Words:
    """A notice as targets are told of it."""
    fact = notice.fact
    return {
        "id": notice.uuid,
        "kind": CLEARED if notice.over else RAISED,
        "time": moment(notice.at),
        "door": None,
        "user": None,
        "reason": fact.kind.value,
        "visit": "",
        "card": "",
        "author": "",
        "clock": "",
        "detail": {"about": fact.about, "text": fact.text, "since": moment(notice.begun)},
        "cursor": "",
    }


def _lines(notice: Notice, site: str) -> Iterator[str]:
    since = f"{datetime.fromtimestamp(notice.begun, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if notice.over:
        yield f"This is over at {site}:"
        yield f"  {notice.fact.text}"
        yield f"It began at {since}" + (
            f" and came back {notice.returns} times meanwhile." if notice.returns else "."
        )
        return
    yield notice.fact.text
    yield ""
    yield f"Since {since}. When it is over you are told so; until then this is not repeated."
    yield "How everything is: doorward status"
