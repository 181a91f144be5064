"""What is mailed to visitors: our own text, or the operator's, filled in by sandboxed Jinja.

A template knows `name`, `site`, `room` (the names of all rooms), `booking` (for each room: `room`,
`begins`, `ends`, `zone`, and the datetimes `start` and `end`), `doors` (names of those that take
the PIN), `pin`, and `changed` (true: they were mailed before). That for a cancelled booking knows
no `doors`, `pin` and `changed`. What it is filled with is never read as a template.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from controller.config_mail import MailSettings
from controller.errors import ConfigError
from sync.smtp import one_line
from sync.visitors import Told

BOOKED = """\
Hello {{ name }},

{% if changed -%}
your booking at {{ site }} has changed. From now on it is:
{%- else -%}
you have booked at {{ site }}:
{%- endif %}

{% for each in booking -%}
- {{ each.room }}: {{ each.begins }} to {{ each.ends }} ({{ each.zone }})
{% endfor %}
Your PIN is {{ pin }}

{% if doors -%}
Type it at: {{ doors|join(", ") }}.
{% endif -%}
It works for the time of the booking, and shortly before and after it.
Please keep it to yourself: it opens the door to whoever types it.
"""
CANCELLED = """\
Hello {{ name }},

your booking at {{ site }} is cancelled:

{% for each in booking -%}
- {{ each.room }}: {{ each.begins }} to {{ each.ends }} ({{ each.zone }})
{% endfor %}
The PIN that you were sent for it opens no door any more.
"""
_LARGEST = 65536  # bytes of a template, and characters of what comes of it
_LONGEST_NAME = 80


class Texts:
    """The templates of `[mail]`; ConfigError says which of them is wrong, and where."""

    def __init__(self, settings: MailSettings, site: str) -> None:
        self._jinja = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined,
            autoescape=False,
            keep_trailing_newline=True,
        )
        self._site = one_line(site, _LONGEST_NAME)
        booked = _read("template", settings.template, BOOKED)
        cancelled = _read("cancelled_template", settings.cancelled_template, CANCELLED)
        self._booked = self._pair("", settings.subject, booked)
        self._cancelled = self._pair("cancelled_", settings.cancelled_subject, cancelled)
        self._try()

    def booked(
        self,
        name: str,
        rooms: tuple[Told, ...],
        zone: ZoneInfo,
        doors: list[str],
        pin: str,
        *,
        changed: bool,
    ) -> tuple[str, str]:
        """Subject and text. Raises `ConfigError`."""
        more = {"doors": [_named(door) for door in doors], "pin": pin, "changed": changed}
        return self._filled(self._booked, {**self._known(name, rooms, zone), **more})

    def cancelled(self, name: str, rooms: tuple[Told, ...], zone: ZoneInfo) -> tuple[str, str]:
        """Subject and text. Raises `ConfigError`."""
        return self._filled(self._cancelled, self._known(name, rooms, zone))

    def _known(self, name: str, rooms: tuple[Told, ...], zone: ZoneInfo) -> dict[str, Any]:
        names = dict.fromkeys(_named(each.room) for each in rooms)
        return {
            "name": _named(name),
            "site": self._site,
            "room": ", ".join(names),
            "booking": [_shown(each, zone) for each in rooms],
        }

    def _pair(self, which: str, subject: str, text: str) -> dict[str, Template]:
        return {
            f"{which}subject": self._template(f"{which}subject", subject),
            f"{which}template": self._template(f"{which}template", text),
        }

    def _template(self, key: str, text: str) -> Template:
        try:
            return self._jinja.from_string(text)
        except TemplateError as error:
            where = getattr(error, "lineno", 1)
            raise ConfigError(f"mail.{key}: line {where}: {error.message}") from None

    def _filled(self, pair: Mapping[str, Template], known: dict[str, Any]) -> tuple[str, str]:
        subject, text = (_rendered(key, each, known) for key, each in pair.items())
        return one_line(subject, 200), text

    def _try(self) -> None:
        """A mistake is found at the start, not when somebody has booked."""
        rooms, zone = (Told("Room", 0.0, 3600.0),), ZoneInfo("UTC")
        for changed in (False, True):
            self.booked("Name", rooms, zone, ["Door"], "000000", changed=changed)
        self.cancelled("Name", rooms, zone)


def _rendered(key: str, template: Template, known: dict[str, Any]) -> str:
    try:
        text = template.render(known)
    except Exception as error:
        raise ConfigError(f"mail.{key}: cannot be filled in: {error}") from error
    if not text.strip() or len(text) > _LARGEST:
        raise ConfigError(f"mail.{key}: comes to no text, or to more than {_LARGEST} characters")
    return "\n".join(text.splitlines()) + "\n"


def _read(key: str, path: Path | None, default: str) -> str:
    if path is None:
        return default
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise ConfigError(
            f"mail.{key}: {path} cannot be read ({why}); print one to begin with: "
            "doorward mail template"
        ) from error


def _shown(one: Told, zone: ZoneInfo) -> dict[str, object]:
    """`Mon 5 Jan 2026, 12:00` and `13:00`, in that zone, whose name is that at the end."""
    start, end = (datetime.fromtimestamp(at, zone) for at in (one.start, one.end))
    same = start.date() == end.date()
    named = f"{end:%Z}" if f"{start:%Z}" == f"{end:%Z}" else f"{start:%Z} to {end:%Z}"
    return {
        "room": _named(one.room),
        "begins": _day(start),
        "ends": f"{end:%H:%M}" if same else _day(end),
        "zone": f"{named}, {zone.key}",
        "start": start,
        "end": end,
    }


def _day(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b %Y}, {at:%H:%M}"


def _named(name: str) -> str:
    """Names are chosen by whoever books: one line, and no more than a name needs."""
    return one_line(name, _LONGEST_NAME)
