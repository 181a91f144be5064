"""Whom a question is about: a person or a card as typed, and what the door says to each."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from controller.cards import CardFormat, card_hash, mask
from controller.cli.explained import Case, decided
from controller.cli.output import masked_cards
from controller.cli.reach import cache_of, clock_of, journal_of, key_of
from controller.cli.whom import called, exactly, person_meant, shown
from controller.errors import ConfigError, StoreError
from controller.journal import History
from controller.knowledge import Knowledge, Past
from controller.model import DoorRules, Facts, Mode, Now, Person, Strength

if TYPE_CHECKING:
    from controller.cache import Cache
    from controller.config import Config

_NO_PIN = 8  # characters; what is shorter may be typed at a keypad


@dataclass(frozen=True, slots=True)
class Answer:
    """What the door would say to `whom`.

    `obstacle` is what keeps them out all the same; there is no case if it could not be decided.
    """

    whom: str
    case: Case | None
    obstacle: str = ""
    card: str = field(default="", repr=False)  # canonical, where it may be asked about

    @property
    def known(self) -> bool:
        """Is it somebody's?"""
        return self.case is not None and bool(self.case.facts.holders)

    @property
    def opens(self) -> bool:
        return self.case is not None and self.case.decision.granted and not self.obstacle


def answers(config: "Config", who: str, door: str, mode: Mode, now: Now) -> list[Answer]:
    """What `door` would say to a person or a card. Raises UsageError or `DoorwardError`."""
    with ExitStack() as files:
        cache = files.enter_context(cache_of(config))
        try:
            past: Past = files.enter_context(journal_of(config))
        except StoreError:
            past = _NoPast()
        local = _keyholders(config)
        if local:
            files.callback(local.close)
        know = Knowledge(cache, past, clock_of(config), b"", local)
        return _Question(config, config.rules(door), mode, now, cache, know).answers(who.strip())


def somebody(config: "Config", who: str) -> Person:
    """The one person meant. Raises UsageError or `StoreError`."""
    with cache_of(config) as cache:
        return person_meant(config, cache, who)


class _NoPast:
    """A journal that is not there yet."""

    def history(self, *_: object) -> History:
        return History()

    def last_entry(self, *_: object) -> None:
        return None

    def place(self, *_: object) -> None:
        return None


@dataclass(slots=True)
class _Question:
    """One door at one moment. `know` hashes no card here: the key is asked for where it counts."""

    config: "Config"
    rules: DoorRules
    mode: Mode
    now: Now
    cache: "Cache"
    know: Knowledge

    def answers(self, who: str) -> list[Answer]:
        if person := exactly(self.config, self.cache, who):
            return list(self._of_person(person))
        cards, without_key = self._of_card(who)
        if any(answer.known for answer in cards):
            return sorted(cards, key=lambda answer: not answer.known)
        try:
            if person := called(self.cache, who):
                return list(self._of_person(person))
        except StoreError:
            if not any(answer.case for answer in cards):
                raise
        if without_key:
            raise without_key
        if not any(answer.case for answer in cards):
            why = "; ".join(f"{answer.whom}: {answer.obstacle}" for answer in cards)
            raise click.UsageError(f"nobody is called {shown(who)}, and it is no card here ({why})")
        return cards

    def _of_person(self, person: Person) -> Iterator[Answer]:
        """One answer for all cards to which the door says the same."""
        cards = self.cache.cards_of(person.platform, person.key)
        whom = f"{person.name} ({person.platform}/{person.key})"
        if not cards:
            case = self._decided(self.know.facts_of(person.platform, person.key, self.rules))
            why = f"no card and no PIN is known of them; give one at {person.platform}, then sync"
            yield Answer(whom, case, why)
        alike: dict[str, tuple[Case, list[str]]] = {}
        for hashed, last in cards:
            case = self._decided(self.know.facts_by_hash(hashed, self.rules))
            alike.setdefault(repr((case.decision, case.trail)), (case, []))[1].append(last)
        for case, lasts in alike.values():
            yield Answer(f"{whom} with {', '.join(masked_cards(lasts))}", case)

    def _of_card(self, text: str) -> tuple[list[Answer], ConfigError | None]:
        """One answer for each way in which the door's readers write cards."""
        ways: dict[CardFormat, list[str]] = {}
        for name, reader in self.config.doors[self.rules.door].readers.items():
            ways.setdefault(reader.card.card_format(), []).append(name)
        try:
            return [self._at_readers(text, *way) for way in ways.items()], None
        except ConfigError as error:
            return [], error

    def _at_readers(self, text: str, card: CardFormat, readers: list[str]) -> Answer:
        where = f"at reader {', '.join(readers)} ({card.form})"
        try:
            canonical = card.canonical(text)
        except ValueError as error:
            return Answer(f"card {_masked(text)} {where}", None, f"cannot be read: it {error}")
        hashed = card_hash(key_of(self.config), canonical)
        what = "PIN" if card.form == "pin" else f"card {_masked(text, canonical)}"
        facts = self.know.facts_by_hash(hashed, self.rules)
        if card.form == "pin":
            facts = facts._replace(strength=Strength.PIN)  # of a card only its reader can tell
        # Nobody asks about PINs: most that are nobody's are mistyped.
        card_number = "" if card.form == "pin" else canonical
        return Answer(f"{what} {where}", self._decided(facts), card=card_number)

    def _decided(self, facts: Facts) -> Case:
        return decided(self.rules, self.mode, facts, self.now)


def _masked(typed: str, canonical: str = "") -> str:
    """The end of a card, as events show it if it can be read; of what may be a PIN, nothing."""
    return mask(canonical.partition(":")[2] or typed) if len(typed) >= _NO_PIN else "…"


def _keyholders(config: "Config") -> "Cache | None":
    """The controller's own list of them, if it keeps one."""
    from controller.cache import Cache
    from sync.keyholders import is_keyholders

    path = config.run / "keyholders.db"
    kept = path.exists() and any(is_keyholders(each) for each in config.platforms.values())
    return Cache(path) if kept else None
