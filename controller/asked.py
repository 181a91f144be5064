"""Whom a question is about: a person or a card as typed, and what the door says to each."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from controller.cache import Cache
from controller.cards import CardFormat, card_hash, mask
from controller.errors import ConfigError, StoreError
from controller.explained import Case, decided
from controller.files import cache_of, clock_of, journal_of, key_of
from controller.journal import History
from controller.knowledge import Knowledge, Past
from controller.model import DoorRules, Facts, Mode, Now, Person, Strength
from controller.whom import Unclear, called, exactly, shown
from controller.wording import masked_cards

if TYPE_CHECKING:
    from controller.config import Config, Stanza

_NO_PIN = 8  # characters; what is shorter may be typed at a keypad


class AtDoor(NamedTuple):
    """One door at one moment."""

    rules: DoorRules
    mode: Mode
    now: Now


@dataclass(frozen=True, slots=True)
class Answer:
    """What the door would say to `whom`, with which of their `cards` (masked).

    `obstacle` is what keeps them out all the same; there is no case if it could not be decided.
    """

    whom: str
    case: Case | None
    obstacle: str = ""
    cards: tuple[str, ...] = ()
    card: str = field(default="", repr=False)  # canonical, where it may be asked about

    @property
    def known(self) -> bool:
        """Is it somebody's?"""
        return self.case is not None and bool(self.case.facts.holders)

    @property
    def opens(self) -> bool:
        return self.case is not None and self.case.decision.granted and not self.obstacle


@contextmanager
def questions(config: "Config") -> Iterator["Questions"]:
    """Whoever asks, of the files as they are now. Raises `DoorwardError`."""
    with ExitStack() as files:
        cache = files.enter_context(cache_of(config))
        try:
            past: Past = files.enter_context(journal_of(config))
        except StoreError:
            past = _NoPast()
        local = _keyholders(config)
        if local:
            files.callback(local.close)
        yield Questions(config, cache, Knowledge(cache, past, clock_of(config), b"", local))


class _NoPast:
    """A journal that is not there yet."""

    def history(self, *_: object) -> History:
        return History()

    def last_entry(self, *_: object) -> None:
        return None

    def place(self, *_: object) -> None:
        return None


@dataclass(slots=True)
class Questions:
    """Not for two threads. `know` hashes no card here: the key is asked for where it counts."""

    config: "Config"
    cache: Cache
    know: Knowledge

    def of_whom(self, who: str, there: AtDoor) -> list[Answer]:
        """What the door would say to a person or a card as typed; `Unclear`, `StoreError`."""
        who = who.strip()
        if person := exactly(self.config, self.cache, who):
            return list(self.of_person(person, there))
        cards, without_key = self._of_card(who, there)
        if any(answer.known for answer in cards):
            return sorted(cards, key=lambda answer: not answer.known)
        try:
            if person := called(self.cache, who):
                return list(self.of_person(person, there))
        except StoreError:
            if not any(answer.case for answer in cards):
                raise
        if without_key:
            raise without_key
        if not any(answer.case for answer in cards):
            why = "; ".join(f"{answer.whom}: {answer.obstacle}" for answer in cards)
            raise Unclear(f"nobody is called {shown(who)}, and it is no card here ({why})")
        return cards

    def of_person(self, person: Person, there: AtDoor) -> Iterator[Answer]:
        """One answer for all cards to which the door says the same."""
        cards = self.cache.cards_of(person.platform, person.key)
        whom = f"{person.name} ({person.platform}/{person.key})"
        if not cards:
            case = _decided(self.know.facts_of(person.platform, person.key, there.rules), there)
            why = f"no card and no PIN is known of them; give one at {person.platform}, then sync"
            yield Answer(whom, case, why)
        alike: dict[str, tuple[Case, list[str]]] = {}
        for hashed, last in cards:
            case = _decided(self.know.facts_by_hash(hashed, there.rules), there)
            alike.setdefault(repr((case.decision, case.trail)), (case, []))[1].append(last)
        for case, lasts in alike.values():
            masked = masked_cards(lasts)
            yield Answer(f"{whom} with {', '.join(masked)}", case, cards=tuple(masked))

    def _of_card(self, text: str, there: AtDoor) -> tuple[list[Answer], ConfigError | None]:
        """One answer for each way in which the door's readers write cards."""
        ways: dict[CardFormat, list[str]] = {}
        for name, reader in self.config.doors[there.rules.door].readers.items():
            ways.setdefault(reader.card.card_format(), []).append(name)
        try:
            return [self._at_readers(text, *way, there) for way in ways.items()], None
        except ConfigError as error:
            return [], error

    def _at_readers(self, text: str, card: CardFormat, readers: list[str], there: AtDoor) -> Answer:
        where = f"at reader {', '.join(readers)} ({card.form})"
        try:
            canonical = card.canonical(text)
        except ValueError as error:
            return Answer(f"card {_masked(text)} {where}", None, f"cannot be read: it {error}")
        hashed = card_hash(key_of(self.config), canonical)
        what = "PIN" if card.form == "pin" else f"card {_masked(text, canonical)}"
        facts = self.know.facts_by_hash(hashed, there.rules)
        if card.form == "pin":
            facts = facts._replace(strength=Strength.PIN)  # of a card only its reader can tell
        # Nobody asks about PINs: most that are nobody's are mistyped.
        card_number = "" if card.form == "pin" else canonical
        return Answer(f"{what} {where}", _decided(facts, there), card=card_number)


def _decided(facts: Facts, there: AtDoor) -> Case:
    return decided(there.rules, there.mode, facts, there.now)


def _masked(typed: str, canonical: str = "") -> str:
    """The end of a card, as events show it if it can be read; of what may be a PIN, nothing."""
    return mask(canonical.partition(":")[2] or typed) if len(typed) >= _NO_PIN else "…"


def _keyholders(config: "Config") -> Cache | None:
    """The controller's own list of them, if it keeps one."""
    path = config.run / "keyholders.db"
    kept = path.exists() and any(map(_is_keyholders, config.platforms.values()))
    return Cache(path) if kept else None


def _is_keyholders(stanza: "Stanza") -> bool:
    settings = stanza.settings
    if isinstance(settings, dict):  # not looked at by its platform
        return settings.get("keyholders") is True
    return bool(getattr(settings, "keyholders", False))
