"""People from a CSV or JSON file: for sites without a platform, and for keyholders."""

from typing import NoReturn

from controller.cards_written import written
from controller.errors import BadReply
from controller.question import Question
from sync.platform import (
    Answer,
    ByHand,
    Capabilities,
    CheckIn,
    LateCheckIn,
    Outcome,
    Progress,
    Roster,
    State,
    Surroundings,
)
from sync.platforms.file_entries import Entry, FileSettings, read_entries


class FilePlatform:
    """A `sync.platform.Platform` that is a file on this machine.

    Every method raises ConfigError with all problems of the file at once.
    """

    Settings = FileSettings
    capabilities = Capabilities(late_check_in=LateCheckIn.NONE)

    def __init__(self, name: str, settings: FileSettings, around: Surroundings) -> None:  # noqa: ARG002
        self.name = name
        self.settings = settings

    def test(self) -> str:
        return f"{self.settings.path}: {len(read_entries(self.name, self.settings))} people"

    def fetch(self, roster: Roster, progress: Progress) -> None:
        entries = read_entries(self.name, self.settings)
        roster.zone(self.settings.zone or "UTC")
        for entry in entries:
            _pour(entry, roster)
        _warn_of_empty_hands(entries, roster)
        progress("people", len(entries), len(entries))

    def still_admitted(self, key: str, roster: Roster) -> bool:  # noqa: ARG002
        return False  # the file is the whole truth

    def ask(self, question: Question, roster: Roster) -> Answer:  # noqa: ARG002
        raise BadReply(f"{self.settings.path} is a file; all it says is known already")

    def check_in(self, check_in: CheckIn) -> Outcome:  # noqa: ARG002
        return Outcome(State.REFUSED, f"{self.settings.path} is a file and cannot be told")

    def was_told(self, check_in: CheckIn) -> bool:  # noqa: ARG002
        raise BadReply(f"{self.settings.path} is a file and keeps no check-ins")

    def register_card(self, person: str, canonical: str) -> NoReturn:
        path, form = self.settings.path, self.settings.card.card_format()
        number = next(iter(written(form, canonical)), "as it is printed")
        raise ByHand(
            f"{self.name}: {path} is a file that is kept by hand",
            f"{path}: in column card of {person}: {number}",
        )

    def remove_card(self, person: str, hashed: bytes) -> NoReturn:  # noqa: ARG002
        path = self.settings.path
        raise ByHand(
            f"{self.name}: {path} is a file that is kept by hand",
            f"{path}: take the old card out of column card of {person}",
        )

    def close(self) -> None:
        pass


def _pour(entry: Entry, roster: Roster) -> None:
    key = entry.person.key
    roster.person(entry.person)
    for card in entry.cards:
        roster.card(key, card)
    for card in entry.blocks:
        roster.block(card)
    for grant in entry.grants:
        roster.grant(key, grant)


def _warn_of_empty_hands(entries: list[Entry], roster: Roster) -> None:
    names = [e.person.name for e in entries if not e.cards and not e.person.blocked]
    if names:
        some = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        roster.warn(f"without card or PIN, so no door opens for them: {len(names)} ({some})")
