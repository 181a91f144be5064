"""`doorward hw learn`: format, framing and polarity, told from one scan and one opening."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from controller.cards import FORMS, CardFormat
from controller.cards_match import Meeting, match
from controller.cli.hw_ears import Ears, Seen, level_of
from controller.cli.hw_person import Person
from controller.cli.hw_words import as_toml, canonical_forms, card_settings, level, told
from controller.cli.output import lasting
from controller.config import ReaderStanza
from controller.errors import HardwareError
from controller.ports import Card, Refused

OFFERED = 3  # formats of which one is to be chosen
OTHER = {"open": "closed", "closed": "open"}


class Move(NamedTuple):
    """What a person does to an input: to its rest, away from it, and back."""

    rest: str
    do: str
    undo: str


MOVES = {
    "contact": Move(
        "Shut the door",
        "Open the door (by its handle or key, or with doorward unlock).",
        "Shut the door again.",
    ),
    "exit_button": Move("Let go of the exit button", "Press the exit button.", "Let go of it."),
}


@dataclass
class Lesson:
    """What is learnt at one door. `tables`: part → its table in the configuration as it stands."""

    door: str
    tables: Mapping[str, Mapping[str, Any]]
    readers: Mapping[str, ReaderStanza]
    ears: Ears
    person: Person
    patience: float = 60.0
    lines: list[str] = field(default_factory=list)  # of the configuration, to copy
    sent: str = ""  # of the card, by its reader
    form: CardFormat | None = None  # in which that is to be read

    def read(self, printed: str) -> None:
        """One scan at any reader: how it writes cards. HardwareError if none can be used."""
        refused: list[Seen] = []

        def card(seen: Seen) -> Seen | None:
            if isinstance(seen.told, Refused):
                refused.append(seen)
                self._say_refused(seen)
            return seen if isinstance(seen.told, Card) and seen.part in self.readers else None

        self.person.say(f"Hold the card to a reader of {self.door}.")
        seen = self.ears.first(card, self.patience)
        if seen is None or not isinstance(seen.told, Card):
            raise HardwareError(self._unread(refused))
        text, reader = seen.told.text, self.readers[seen.part]
        if reader.card.format == "pin":
            self.person.say(f"Reader {seen.part} is set to read PINs: nothing is to be learnt.")
            return
        self.person.say(f"  {seen.part} sent: {text}")
        formats = found_formats(text, printed, self.person)
        if formats:
            self.sent, self.form = text, formats[0]
            self._suggest(seen.part, formats[0])

    def move(self, part: str) -> None:
        """Contact or exit button moved once: which way round it is. HardwareError if it is mute."""
        lesson = MOVES[part]
        known = self.ears.levels.get((self.door, part))
        self.person.ask(f"{lesson.rest}, then press Enter.")
        self.ears.forget()
        resting = self.ears.levels.get((self.door, part), known)
        self.person.say(lesson.do)
        moved = self.ears.first(level_of(part), self.patience)
        if moved is None:
            raise HardwareError(
                f"{part} of {self.door}: it told nothing within {lasting(self.patience)} while it "
                "was moved. Check magnet or button, wire and pin; doorward hw list shows what is "
                "there"
            )
        self.person.say(f"  it told {level(part, active=moved)!r}")
        self.person.say(lesson.undo)
        if self.ears.first(level_of(part), self.patience) is None:
            self.person.say("  it told nothing at that: look at it with doorward hw watch")
        if resting is moved:
            self.person.say("  it told the same before: do this once more to be sure")
        self._polarity(part, right=moved)

    def _polarity(self, part: str, *, right: bool) -> None:
        table = dict(self.tables[part])
        normally = OTHER.get(str(table.get("normally", "")))
        if normally is None:
            how = "right" if right else "wrong"
            self.person.say(f"The {part} is the {how} way round; its driver has no normally = ….")
            return
        if right:
            normally = OTHER[normally]
            self.person.say(f'The {part} is the right way round: normally = "{normally}".')
        else:
            self.person.say(f'The {part} is the wrong way round: write normally = "{normally}".')
        self.lines.append(f"{part} = {as_toml({**table, 'normally': normally})}")

    def _suggest(self, reader: str, card: CardFormat) -> None:
        strength = self.readers[reader].strength
        own = {"strength": strength.value} if strength else {}
        table = {**self.tables[reader], **own, "card": card_settings(card)}
        self.lines.append(f"readers.{reader} = {as_toml(table)}")

    def _say_refused(self, seen: Seen) -> None:
        first, *raw = told(seen, self.readers.get(seen.part))
        for line in (f"{seen.part}: {first}", *raw):
            self.person.say(f"  {line}")

    def _unread(self, refused: list[Seen]) -> str:
        where = f"readers of {self.door} ({', '.join(self.readers)})"
        if not refused:
            ill = [health.why for _, health in self.ears.healths.items() if not health.ok]
            why = "; ".join(ill) or "check power, wiring and port"
            return f"{where}: no card came within {lasting(self.patience)}: {why}"
        whys = "; ".join(dict.fromkeys(s.told.why for s in refused if isinstance(s.told, Refused)))
        return (
            f"{where}: all that came was refused: {whys}. Correct framing and speed; without the "
            "controller, doorward hw learn --port PORT finds the framing by itself"
        )


def found_formats(text: str, printed: str, person: Person) -> list[CardFormat]:
    """The formats that fit what was read, best first, and said so; by the printed number if any."""
    found = list(dict.fromkeys(_formats(text, printed, person)))[:OFFERED]
    for number, card in enumerate(found, 1):
        person.say(f"  {number}. card = {as_toml(card_settings(card))}   → {card.canonical(text)}")
    if len(found) > 1:
        person.say("  Take the first, unless a second card tells otherwise (doorward cards match).")
    return found


def _formats(text: str, printed: str, person: Person) -> Iterator[CardFormat]:
    if printed:
        meetings = match(text, printed)
        if not meetings:
            person.say(
                "What was read and what is printed meet under no settings: another card, or a "
                "number that does not stand on the chip. What fits the reader alone:"
            )
        yield from _by_print(meetings, person)
        if meetings:
            return
    fits = [name for name, _ in canonical_forms(text)]
    # `24:7B3972` is hex as well, but a colon after the number of bits is no chance.
    fits.sort(key=lambda name: (name == "text", not _typical(name, text), name != "bits"))
    yield from (CardFormat(name) for name in fits)


def _by_print(meetings: list[Meeting], person: Person) -> Iterator[CardFormat]:
    sound = [each for each in meetings if not each.weak]
    if meetings and not sound:
        person.say("Only the last 16 bits agree, which many cards share.")
    for each in sound or meetings:
        yield each.reader


def _typical(name: str, text: str) -> bool:
    import re

    return bool(re.fullmatch(FORMS[name].typical, text))
