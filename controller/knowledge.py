"""All that a scan is looked up in: the cache, the keyholders, the journal, and the device key."""

import threading
from typing import Protocol

import structlog

from controller.cache import Cache
from controller.cards import card_hash
from controller.errors import StoreError
from controller.journal import History
from controller.journeys import Journeys
from controller.logs import Once
from controller.model import DoorRules, Facts, Holder, Now
from controller.passage import Place
from controller.ports import Clock
from controller.tries import Tries

log = structlog.get_logger(__name__)

_NOTHING = Facts(known=False)


class Past(Protocol):
    """What happened at the doors: the journal's writer knows it, and its reader."""

    def history(self, platform: str, person: str, chain: str, watermark: int) -> History: ...
    def last_entry(self, platform: str, person: str, door: str) -> float | None: ...
    def place(self, platform: str, person: str) -> Place | None: ...


class Knowledge:
    """Shared by the doors of one controller; look up and decide while holding `turn`.

    `keyholders` is a small cache of people who must get in even when cache.db is lost.
    """

    def __init__(
        self,
        cache: Cache,
        journal: Past,
        clock: Clock,
        key: bytes,
        keyholders: Cache | None = None,
    ) -> None:
        self.keyholders = keyholders
        self.trouble = ""  # why people cannot be looked up at present
        # Held from the first look-up until the journal has the event: two doors that decide on the
        # same last pass must see one another.
        self.turn = threading.Lock()
        self.tries, self.journeys = Tries(), Journeys()  # of all doors together
        self.knows_places = False  # are there areas?
        self.loose: dict[str, frozenset[str]] = {}  # door → areas between which people pass unseen
        self._cache, self._journal, self._clock, self._key = cache, journal, clock, key
        self._once = Once(log)

    def now(self) -> Now:
        return Now(self._clock.wall(), self._clock.trust())

    def prepare(self, canonical: str) -> None:
        """Do what is slow about looking this up, before taking the `turn` that others wait for."""
        card_hash(self._key, canonical)

    def facts(self, canonical: str, rules: DoorRules) -> Facts:
        """What is known of whoever presents this card."""
        return self.facts_by_hash(card_hash(self._key, canonical), rules)

    def facts_by_hash(self, hashed: bytes, rules: DoorRules) -> Facts:
        """The same for a card of which only the keyed hash is at hand."""
        facts = self._asked(hashed)
        if self.keyholders and not facts.holders and not facts.blocked:
            # Lost, damaged, not fetched yet, or too old to hold them: the local list decides.
            local = self._local(self.keyholders, hashed)
            facts = local._replace(known=facts.known)
        return self._with_moves(facts, rules)

    def facts_of(self, platform: str, person: str, rules: DoorRules) -> Facts:
        """The same for a person, whatever they would present. Raises `StoreError`."""
        facts = self._cache.facts_of(platform, person, self._journal.history)
        return self._with_moves(facts, rules)

    def close(self) -> None:
        """Let go of the files; the doors must have stopped."""
        for cache in (self._cache, self.keyholders):
            if cache:
                cache.close()

    def _with_moves(self, facts: Facts, rules: DoorRules) -> Facts:
        if not (rules.anti_passback or rules.passage):
            return facts
        return facts._replace(holders=tuple([self._moved(h, rules) for h in facts.holders]))

    def _moved(self, holder: Holder, rules: DoorRules) -> Holder:
        whom, past = holder.person[:2], self._journal
        last = past.last_entry(*whom, rules.door) if rules.anti_passback else None
        return holder._replace(last_entry=last, place=past.place(*whom) if rules.passage else None)

    def _asked(self, hashed: bytes) -> Facts:
        try:
            facts = self._cache.facts(hashed, self._journal.history)
        except StoreError as error:
            self.trouble = str(error)
            self._once.trouble("cache", "people cannot be looked up", error=str(error))
            return _NOTHING
        if self.trouble:
            self.trouble = ""
            self._once.fine("cache", "people can be looked up again")
        return facts

    def _local(self, keyholders: Cache, hashed: bytes) -> Facts:
        try:
            return keyholders.facts(hashed, self._journal.history)
        except StoreError as error:
            self._once.trouble("keyholders", "keyholders cannot be looked up", error=str(error))
            return _NOTHING
