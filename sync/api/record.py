"""What happened, and who may enter: read from the journal and the cache."""

import hashlib
import math
from contextlib import closing
from pathlib import Path

from controller.cache import Cache, Found
from controller.config import Config
from controller.event_names import kinds_of, name_of
from controller.journal_read import JournalReader, journal_at
from controller.model import Grant, Span
from sync.api.answers import Call
from sync.api.models import CardOut, EventsQuery, Held, HoursOut, Member, Roster
from sync.event_words import Words, cursor, event_words, instant, position, time_of_day
from sync.inbound import Answer

_SCAN = 50_000  # events looked at for one answer
_NOWHERE = "0"  # the chain of a journal that is not there yet


class Record:
    """Each method takes a `Call` that was checked; may raise `StoreError`."""

    def __init__(self, config: Config) -> None:
        self._journal: Path = config.data / "journal.db"
        self._cache: Path = config.data / "cache.db"
        self._names = {name: door.name for name, door in config.doors.items()}

    def events(self, call: Call) -> Answer:
        """Those after a cursor, in order, and the cursor to go on from."""
        reader = journal_at(self._journal)
        if reader is None:
            return Answer(200, _page([], cursor(_NOWHERE, 0)))
        with closing(reader):
            newest = reader.newest()
            if call.query.after == "newest":
                return Answer(200, _page([], cursor(reader.chain, newest)))
            return Answer(200, self._after(call.query, reader, newest))

    def roster(self, call: Call) -> Answer:
        """People of all platforms; 304 if they are as the caller has them."""
        query = call.query
        with closing(Cache(self._cache)) as cache:
            rows = cache.roster(query.after, query.limit)
        people = [_member(found, grants) for _, found, grants in rows]
        after = rows[-1][0] if len(rows) == query.limit else None
        said = Answer(200, Roster(people=people, next=after).model_dump())
        tag = f'"{hashlib.sha256(said.encoded()).hexdigest()[:32]}"'
        if _matches(call.headers.get("if-none-match", ""), tag):
            return Answer(304, headers={"ETag": tag})
        return Answer(200, said.body, {"ETag": tag})

    def _after(self, query: EventsQuery, reader: JournalReader, newest: int) -> Words:
        chain, seq = position(query.after) if query.after else (reader.chain, 0)
        strange = chain != reader.chain or seq > newest
        lost = strange and chain != _NOWHERE
        seq = 0 if strange else seq
        found, end = reader.page(
            seq,
            limit=query.limit,
            scan=_SCAN,
            door=query.door or "",
            person=query.person or "",
            kinds=kinds_of(query.kind),
            since=query.since or 0.0,
            until=math.inf if query.until is None else query.until,
        )
        words = [
            event_words(each, reader.chain, self._names)
            for each in found
            if not query.kind or name_of(each.event) in query.kind
        ]
        lost = lost or bool(query.after and reader.pruned(seq, end))
        return _page(words, cursor(reader.chain, end), more=end < newest, lost=lost)


def _page(events: list[Words], after: str, *, more: bool = False, lost: bool = False) -> Words:
    return {"events": events, "next": after, "more": more, "lost": lost}


def _matches(given: str, tag: str) -> bool:
    tags = {each.strip().removeprefix("W/") for each in given.split(",")}
    return bool(tags & {tag, "*"})


def _member(found: Found, grants: tuple[Grant, ...]) -> Member:
    person = found.person
    return Member(
        platform=person.platform,
        id=person.key,
        name=person.name,
        blocked=bool(person.blocked),
        valid_from=instant(person.since),
        valid_until=instant(person.until),
        cards=[CardOut(last4=last) for last in found.cards],
        grants=[_held(grant) for grant in grants],
    )


def _held(grant: Grant) -> Held:
    """A span from the check-in is shown as the days on which there can be one."""
    hours = [
        HoursOut(
            begin=time_of_day(each.start if isinstance(each, Span) else 0),
            end=time_of_day(each.end if isinstance(each, Span) else 1439),
            weekdays=sorted(each.weekdays),
        )
        for each in grant.hours
    ]
    since, until = instant(grant.since), instant(grant.until)
    uses_pass = bool(grant.uses_pass)
    return Held(label=grant.label, since=since, until=until, hours=hours, uses_pass=uses_pass)
