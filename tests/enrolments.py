"""A house where staff enrol and block cards: real sockets, real HTTP, a reader held a card to."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from controller.cards import card_hash
from controller.config import Config, load
from controller.errors import DoorwardError
from hw import TABLES
from sync.enrolment import Enrolled, enroll
from sync.platforms import PLATFORMS
from sync.simulator.cobot_space import Member
from tests.houses import UNLIMITED
from tests.lives import AMPLE, LiveHouse, until
from tests.worlds import PATIENCE

ADA, BEN, NEW = "0000000017", "0000000018", "0000000042"
Told = dict[str, Any]


class Desk:
    """Somebody at the desk who enrols a card: on a thread, as they wait for it to be shown."""

    def __init__(self, place: LiveHouse, member: Member, door: str = "front", **how: Any) -> None:
        self.heard: list[Told] = []
        self.done: Enrolled | None = None
        self.error: DoorwardError | None = None
        self._work = (place, member.id, door, how)
        self._thread = threading.Thread(target=self._enrol)
        self._thread.start()

    def waits(self) -> "Desk":
        """Wait until the door waits for a card."""
        until(lambda: self.says("waiting") or not self._thread.is_alive())
        return self

    def says(self, what: str) -> list[Told]:
        return [told for told in self.heard if told["say"] == what]

    def result(self) -> Enrolled:
        self._thread.join(PATIENCE)
        if self.error:
            raise self.error
        assert self.done
        return self.done

    def refusal(self) -> str:
        self._thread.join(PATIENCE)
        assert self.done is None
        return str(self.error)

    def _enrol(self) -> None:
        place, person, door, how = self._work
        how = {"platform": "loft", "author": "ida", "seconds": 60.0, **how}
        platform, author = how.pop("platform"), how.pop("author")
        say = how.pop("say", self.heard.append)
        try:
            self.done = enroll(place.office, platform, person, door, author, say, **how)
        except DoorwardError as error:
            self.error = error


class DeskHouse(LiveHouse):
    """A house whose doors ask nobody; `source`: where Cobot keeps cards."""

    def __init__(self, folder: Path, source: str) -> None:
        super().__init__(folder, AMPLE, "never")
        self._source = source

    def _configured(self) -> Config:
        path = super()._configured().path
        text = path.read_text().replace('source = "tokens"', f'source = "{self._source}"')
        path.write_text(text)
        tables = {**TABLES, "indicator": {"sim": "tests.lives:Light"}}
        return load(path, tables, PLATFORMS)


@contextmanager
def desk_house(folder: Path, source: str = "tokens") -> Iterator[tuple[DeskHouse, Member, Member]]:
    """A house, and two members of its loft: Ada with a card, Ben without."""
    with ExitStack() as ends:
        place = DeskHouse(folder, source)
        place.open(ends)
        place.sync()
        ada = place.member("Ada Ruiz", ADA)
        ben = place.cobot.add_member("Ben Ode", UNLIMITED)
        place.sync()
        yield place, ada, ben


def tokens(place: LiveHouse, member: Member) -> list[str]:
    """This member's check-in tokens at Cobot."""
    with place.cobot.lock:
        return [token for token, whose in place.cobot.space.tokens if whose == member.id]


def posts(place: LiveHouse) -> int:
    """How often Cobot was told of a card."""
    return sum(r.method == "POST" and "check_in_tokens" in r.path for r in place.cobot.requests)


def hash_at(place: LiveHouse, canonical: str) -> bytes:
    return card_hash(place.office.place.key, canonical)
