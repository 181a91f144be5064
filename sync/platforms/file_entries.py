"""What a list of people means: each record as a person with cards and grants."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from controller.cards import CardFormat, hashed, mask
from controller.config import CardSettings, Location, PlatformCommon
from controller.model import Grant, Hours, Person
from sync.platforms.file_hours import moment, needs_zone, span
from sync.platforms.file_records import NOBODY, Problems, Record, read_records

KEYHOLDER, MEMBER = "keyholder", "member"
_YES, _NO = frozenset({"yes", "true", "1", "x"}), frozenset({"", "no", "false", "0"})
_PIN = CardFormat("pin")


class FileSettings(PlatformCommon):
    """`[platforms.<name>]` with `kind = "file"`."""

    kind: Literal["file"]
    path: Location = Field(description="the list of people, CSV or (named .json) JSON")
    card: CardSettings = Field(description="how cards are written in it")
    keyholders: bool = Field(
        default=False, description="these people get in even when everything else is lost"
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One person of the list, understood. Cards are canonical, a PIN is one of them."""

    person: Person
    cards: tuple[str, ...]
    grants: tuple[Grant, ...]
    blocks: tuple[str, ...] = ()


def read_entries(platform: str, settings: FileSettings) -> list[Entry]:
    """Everybody in the file; ConfigError holds all its problems."""
    problems = Problems()
    reading = _Reading(platform, settings, problems)
    entries = [reading.entry(record) for record in read_records(settings.path, problems)]
    if not entries and not problems.found:
        problems.add(str(settings.path), NOBODY)
    problems.check()
    return entries


class _Reading:
    """One file on its way to entries: goes on after a problem, to find the next."""

    def __init__(self, name: str, settings: FileSettings, problems: Problems) -> None:
        self._name, self._settings, self._problems = name, settings, problems
        self._zone = ZoneInfo(settings.zone or "UTC")
        self._format = settings.card.card_format()
        self._ids: dict[str, str] = {}
        self._holders: dict[str, str] = {}
        self._zone_is_missed = False

    def entry(self, record: Record) -> Entry:
        person = self._person(record)
        cards = self._cards(record, "card", self._card)
        pins = self._cards(record, "pin", _PIN.canonical)
        if not person.blocked:
            self._check_holders(
                record, {**dict.fromkeys(pins, "pin"), **dict.fromkeys(cards, "card")}
            )
        blocks = cards if person.blocked else ()
        return Entry(person, cards + pins, self._grants(record), blocks)

    def _person(self, record: Record) -> Person:
        key = self._key(record)
        since = self._moment(record, "from", last=False)
        until = self._moment(record, "until", last=True)
        if since is not None and until is not None and until <= since:
            self._problems.add(record.where + "until", "is before `from`")
        name = record.one("name") or key
        blocked = self._blocked(record)
        return Person(self._name, key, name, since, until, blocked, checks_in=False)

    def _key(self, record: Record) -> str:
        key, place = record.one("id"), record.where + "id"
        first = self._ids.setdefault(key, record.where)
        if not key and not self._problems.has(place):
            self._problems.add(place, "is empty; each person needs an id")
        elif key and first != record.where:
            self._problems.add(place, f"is taken: see {_line(first)}")
        return key

    def _grants(self, record: Record) -> tuple[Grant, ...]:
        labels = dict.fromkeys(record.several("labels"))
        if any("*" in label for label in labels):
            self._problems.add(
                record.where + "labels", "holds a '*'; doors may ask for plan:*, people hold plan:1"
            )
        if self._settings.keyholders:
            labels[KEYHOLDER] = None
        hours = self._hours(record)
        return tuple(Grant(label, hours=hours) for label in labels or {MEMBER: None})

    def _hours(self, record: Record) -> Hours:
        texts = record.several("hours")
        if texts:
            self._require_zone()
        windows = []
        for text in texts:
            try:
                windows.append(span(text))
            except ValueError as error:
                self._problems.add(record.where + "hours", str(error))
        return tuple(windows)

    def _moment(self, record: Record, column: str, *, last: bool) -> float | None:
        text = record.one(column)
        if not text:
            return None
        if needs_zone(text):
            self._require_zone()
        try:
            return moment(text, self._zone, last=last)
        except ValueError as error:
            self._problems.add(record.where + column, str(error))
            return None

    def _blocked(self, record: Record) -> bool:
        text = record.one("blocked").lower()
        if text not in _YES | _NO:
            self._problems.add(record.where + "blocked", "must be yes or no")
        return text not in _NO

    def _cards(
        self, record: Record, column: str, canonical: Callable[[str], str]
    ) -> tuple[str, ...]:
        cards = []
        for text in record.several(column):
            try:
                cards.append(canonical(text))
            except ValueError as error:
                shown = "" if column == "pin" else f" {mask(text)}"
                self._problems.add(record.where + column, f"the {column}{shown} {error}")
        return tuple(dict.fromkeys(cards))

    def _card(self, text: str) -> str:
        return hashed(text) if text.startswith("hash:") else self._format.canonical(text)

    def _check_holders(self, record: Record, credentials: dict[str, str]) -> None:
        for canonical, column in credentials.items():
            first = self._holders.setdefault(canonical, record.where)
            if first != record.where:
                self._problems.add(
                    record.where + column,
                    f"the {column} {mask(canonical)} is somebody else's: see {_line(first)}",
                )

    def _require_zone(self) -> None:
        if self._settings.zone is None and not self._zone_is_missed:
            self._zone_is_missed = True
            self._problems.add(
                str(self._settings.path),
                "has dates or hours and it is not known where they are meant; "
                f'add e.g. zone = "Europe/Berlin" under [platforms.{self._name}]',
            )


def _line(where: str) -> str:
    """`staff.csv line 3, column ` without its end."""
    return where.rpartition(", ")[0]
