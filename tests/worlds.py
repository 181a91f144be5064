"""Small worlds to tell stories in: people, doors, rosters and the files that hold them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from controller.cards import card_hash
from controller.journal import Journal
from controller.model import (
    Allowance,
    DoorRules,
    Event,
    Facts,
    Grant,
    Holder,
    Kind,
    Labels,
    Pass,
    Person,
    RosterState,
    Span,
    Visit,
)
from sync.plan import Changes
from sync.staging import Roll, Staging
from tests.fakes import MONDAY

BERLIN = ZoneInfo("Europe/Berlin")
DEVICE_KEY = bytes(range(32))
PATIENCE = 30.0  # seconds until a test gives up; never part of what is tested
HOUR = 3600.0
DAY = 24 * HOUR


def at(text: str, zone: ZoneInfo = BERLIN, *, fold: int = 0) -> float:
    """`at("2026-01-05 11:00")`: the instant at which the local clock shows this."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def span(text: str, *weekdays: int) -> Span:
    """`span("9:00-17:30", 1, 2)`"""
    start, end = (_minute(part) for part in text.split("-"))
    return Span(start, end, frozenset(weekdays))


def holder(
    *grants: Grant | str,
    person: Person | None = None,
    roster: RosterState | None = None,
    passes: Iterable[Pass] = (),
    allowances: Iterable[Allowance] = (),
    visits: Iterable[Visit] = (),
    used: Iterable[str] = (),
    last_entry: float | None = None,
) -> Holder:
    """Ada of the platform `cobot`, synced on MONDAY, with these grants (or labels held freely)."""
    return Holder(
        person or Person("cobot", "ada", "Ada Quill"),
        roster or roster_state(),
        tuple(Grant(g) if isinstance(g, str) else g for g in grants),
        tuple(passes),
        tuple(allowances),
        tuple(visits),
        frozenset(used),
        last_entry,
    )


def roster_state(synced_at: float = MONDAY, *, keyholders: bool = False) -> RosterState:
    return RosterState("cobot", BERLIN, synced_at, keyholders=keyholders)


def facts(*holders: Holder, blocked: bool = False, known: bool = True) -> Facts:
    return Facts(holders, blocked, known)


def rules(
    *admits: str,
    refuses: Iterable[str] = (),
    check_in: bool = True,
    admit_without_pass: bool = False,
    admit_on_guessed_clock: bool = False,
    anti_passback: float = 0.0,
) -> DoorRules:
    """The front door, which admits these labels (`plan:*` if none is named)."""
    return DoorRules(
        "front",
        Labels(admits or ("plan:*",)),
        Labels(refuses),
        check_in,
        admit_without_pass,
        admit_on_guessed_clock,
        anti_passback,
    )


@dataclass(frozen=True)
class Member:
    """One person of a roster with all they hold. `cards` are in canonical form."""

    person: Person
    cards: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()
    passes: tuple[Pass, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    visits: tuple[Visit, ...] = ()


def member(
    key: str,
    *grants: Grant | str,
    cards: Iterable[str] | None = None,
    platform: str = "cobot",
    passes: Iterable[Pass] = (),
    allowances: Iterable[Allowance] = (),
    visits: Iterable[Visit] = (),
    until: float | None = None,
    blocked: bool = False,
) -> Member:
    """Someone called like their key, with a card of their own unless told otherwise."""
    return Member(
        Person(platform, key, key.title(), None, until, blocked),
        (card_of(key),) if cards is None else tuple(cards),
        tuple(Grant(g) if isinstance(g, str) else g for g in grants),
        tuple(passes),
        tuple(allowances),
        tuple(visits),
    )


def card_of(key: str) -> str:
    """The card this person has unless a story says otherwise."""
    return f"text:card of {key}"


def hash_of(key_or_card: str) -> bytes:
    """What the controller looks up: of a canonical card, or of the card of this person."""
    known = ":" in key_or_card
    return card_hash(DEVICE_KEY, key_or_card if known else card_of(key_or_card))


def poured(
    path: Path, *members: Member, platform: str = "cobot", blocked: Iterable[str] = ()
) -> Staging:
    """A staged roster, not yet compared with what is in force; close it."""
    staging = Staging(path, DEVICE_KEY, platform, checks_in=True)
    staging.zone("Europe/Berlin")
    for one in members:
        pour(staging, one)
    for card in blocked:
        staging.block(card)
    return staging


def pour(staging: Staging, one: Member) -> None:
    key = one.person.key
    staging.person(one.person)
    for card in one.cards:
        staging.card(key, card)
    for grant in one.grants:
        staging.grant(key, grant)
    for p in one.passes:
        staging.single_pass(key, p.key, p.expires, p.hours)
    for a in one.allowances:
        staging.allowance(key, a.key, a.count, a.period, a.hours)
    for visit in one.visits:
        staging.visit(key, *visit)


def roll(
    platform: str = "cobot",
    synced_at: float = MONDAY,
    *,
    chain: str = "",
    watermark: int = 0,
    keyholders: bool = False,
) -> Roll:
    return Roll(platform, synced_at, chain, watermark, keyholders=keyholders)


def roster_into(
    path: Path,
    *members: Member,
    platform: str = "cobot",
    blocked: Iterable[str] = (),
    now: float = MONDAY,
    chain: str = "",
    watermark: int = 0,
    keyholders: bool = False,
) -> Changes:
    """Put a whole roster in force in this cache.db; what changed."""
    staging = poured(path, *members, platform=platform, blocked=blocked)
    try:
        changes = staging.changes(now)
        position = roll(platform, now, chain=chain, watermark=watermark, keyholders=keyholders)
        staging.apply(changes, position)
    finally:
        staging.close()
    return changes


def entry(
    person: str = "ada",
    *,
    door: str = "front",
    visit: str = "new",
    until: float | None = MONDAY + 16 * HOUR,
    pass_key: str = "",
    platform: str = "cobot",
    checks_in: bool = True,
) -> Event:
    """Somebody was let in."""
    return Event(
        Kind.ACCESS,
        door,
        "granted",
        platform,
        person,
        person.title(),
        "…B2C3",
        "plan:1",
        pass_key,
        visit,
        until if visit else None,
        checks_in,
    )


def keep(journal: Journal, *events: Event) -> None:
    """Append them and wait until they are on disk."""
    for ticket in [journal.append(event) for event in events]:
        assert ticket.wait(PATIENCE)


def settled(seq: int, platform: str = "cobot") -> Event:
    """The delivery of the check-in at this position is over."""
    return Event(Kind.TOLD, platform=platform, detail={"seq": seq})


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
