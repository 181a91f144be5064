"""People, from what Nexudus told by calling and what it said when it was asked.

Groups are told, all else is read; of credentials and names the later word counts. Who was read to
be inactive holds nothing, and whom the list leaves out nothing but what ends by itself, unless
Nexudus told of them after that reading began.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.model import Grant, Person
from sync.inbox import Inbox, Listed, Told
from sync.platform import Roster
from sync.platforms.nexudus_reading import Reading, State
from sync.platforms.nexudus_settings import ADMIN, NexudusSettings

_NAMED = 10  # in one warning
_FEW = 100  # people for whom it is not worth while to read what was said of everybody
Groups = dict[str, float | None]


class People:
    """Pours people of one account."""

    def __init__(self, name: str, settings: NexudusSettings, inbox: Inbox) -> None:
        self._name, self._settings, self._inbox = name, settings, inbox
        self._locations = {location.strip().lower() for location in settings.locations}

    def pour(self, keys: Iterable[str], roster: Roster, reading: Reading | None = None) -> "Notes":
        """All that is known of them; `reading`: a newer one than what is kept."""
        keys, notes = list(keys), Notes(self._settings.groups)
        said = self._said(keys, reading)
        for key, rows in zip(keys, self._inbox.told(self._name, keys), strict=True):
            here = [row for row in rows if self._counts(row)]
            self._pour_one(_Known(key, rows, here, said.of(key), said.whole), roster, notes)
        return notes

    def _pour_one(self, known: "_Known", roster: Roster, notes: "Notes") -> None:
        groups, state = _united(known.groups()), known.useful_state()
        if not known.here and state is None:
            notes.elsewhere += bool(known.rows)
            return
        about = known.newest()
        checks_in, note = bool(about["number"]), about.get("note", "")
        name = known.name()
        roster.person(Person(self._name, known.key, name, checks_in=checks_in, note=note))
        for card in about["cards"]:
            roster.card(known.key, card)
        for group, until in groups.items():
            roster.grant(known.key, Grant(f"group:{group}", until=until))
            notes.group(group)
        for grant in _grants(state) if state else ():
            roster.grant(known.key, grant)
        notes.odd(name, about)

    def _said(self, keys: list[str], reading: Reading | None) -> "_Said":
        if self._settings.api is None:
            return _Said({}, 0)
        if reading:
            listed = {k: Listed(reading.turn, state) for k, state in reading.states.items()}
            return _Said(listed, reading.turn)
        whole = self._inbox.read_in(self._name)
        if len(keys) > _FEW:
            return _Said(self._inbox.listed(self._name), whole)
        some = {key: self._inbox.listed_one(self._name, key) for key in keys}
        return _Said({key: one for key, one in some.items() if one}, whole)

    def _counts(self, row: Told) -> bool:
        return not self._locations or bool(
            self._locations & {row.location, str(row.state["business"])}
        )


@dataclass(frozen=True, slots=True)
class _Said:
    """What was said of people, and the turn of the last reading of everybody; 0: none."""

    people: Mapping[str, Listed]
    whole: int

    def of(self, key: str) -> Listed | None:
        """As of the last reading that had them."""
        one = self.people.get(key)
        return one and Listed(max(one.turn, self.whole), one.state)


@dataclass(frozen=True, slots=True)
class _Known:
    """All that is known of one person: all that was told, that which counts here, what was said."""

    key: str
    rows: list[Told]
    here: list[Told]
    said: Listed | None
    whole: int

    def newest(self) -> State:
        """The later word on who they are and what they carry."""
        if self.said and (not self.rows or max(row.turn for row in self.rows) <= self.said.turn):
            return self.said.state
        return self.rows[0].state

    def name(self) -> str:
        words = (self.newest()["name"], self.said.state["name"] if self.said else "")
        number = str(self.newest()["number"] or self.key)
        return next(filter(None, words), f"customer {number}")

    def groups(self) -> Iterator[Groups]:
        """What they hold by each message that counts."""
        as_of = self.said.turn if self.said else self.whole
        for row in self.here:
            groups: Groups = row.state["groups"]
            if row.turn > as_of or (self.said and self.said.state["active"]):
                yield groups
            elif self.said is None:
                yield {group: until for group, until in groups.items() if until is not None}

    def useful_state(self) -> State | None:
        """What was said of them, if it opens anything."""
        if self.said is None or not self.said.state["active"]:
            return None
        state = self.said.state
        belongs = state["here"] and (state["cards"] or state["teams"])
        return state if belongs or state["held"] or self.here else None


class Notes:
    """What staff should know of all that was told."""

    def __init__(self, configured: Mapping[str, str]) -> None:
        self.elsewhere = 0
        self._configured = configured
        self._unknown = set[str]()
        self._odd: list[str] = []

    def group(self, group: str) -> None:
        if group not in self._configured:
            self._unknown.add(group)

    def odd(self, name: str, state: State) -> None:
        for field in sorted(set(state["misfits"])):
            self._odd.append(f"{name}: {field} does not fit its format and opens nothing")
        self._odd += [f"{name}: {each}" for each in sorted(set(state.get("oddities", ())))]

    def warnings(self) -> Iterable[str]:
        if self._unknown:
            some = ", ".join(sorted(self._unknown)[:_NAMED])
            yield f"people hold groups that are not configured: {some}; choose anew in {ADMIN}"
        if self.elsewhere:
            yield f"people of locations that do not count here: {self.elsewhere}"
        yield from self._odd[:_NAMED]
        if len(self._odd) > _NAMED:
            yield f"and {len(self._odd) - _NAMED} more such"


def _grants(state: State) -> Iterator[Grant]:
    if state["here"]:
        yield from (Grant(f"team:{team}") for team in state["teams"])
    for label, since, until, attends in state["held"]:
        if state["here"] or not attends:
            yield Grant(label, since, until, attends=attends)


def _united(groups: Iterable[Groups]) -> Groups:
    """Held by what any location says, until the latest that any says."""
    ends: dict[str, Any] = {}
    for each in groups:
        for group, until in each.items():
            before = ends.get(group, 0.0)
            ends[group] = None if until is None or before is None else max(before, until)
    return ends
