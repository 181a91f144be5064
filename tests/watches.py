"""A guest house whose alerts are looked for when a test says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from controller.alerts import Fact
from controller.config_alerts import AlertSettings
from controller.model import Event, Kind
from hw.sim import SimReader
from sync.alert_facts import standing
from sync.alerts import Alerts
from sync.desk_alerts import AlertBook
from sync.vitals import examine
from tests.mails import GuestHouse, MailServerHere, guest_house
from tests.receivers import SECRET
from tests.worlds import PATIENCE

TO = "desk@example.org"
CALM = 301.0  # seconds after which most troubles are over
_TARGET = """
[targets.watch]
url = "{url}"
secret = {{ file = "secret" }}
allow_private = true
events = {events}
"""


class Watch:
    """What would run beside `syncd`, a step at a time."""

    def __init__(self, place: GuestHouse) -> None:
        self.place, self.clock = place, place.clock
        self.begin()

    def begin(self) -> None:
        """Anew, as after a restart."""
        office, settings = self.place.office, self.place.config.alerts
        assert settings
        assert office.desk
        self.alerts = Alerts(office, settings, AlertBook(office.desk), partial(examine, office))

    def restart(self) -> None:
        self.place.restart()
        self.begin()

    def look(self, after: float = 0.0) -> None:
        """Time goes by; alerts are judged, mail and targets told what can be told."""
        self.clock.advance(after)
        assert self.place.controller.journal.flush(PATIENCE)
        self.alerts.look()
        self.place.turn()
        for target in self.place.office.targets.all.values():
            target.tell_alerts()

    def facts(self) -> list[Fact]:
        settings = self.place.config.alerts or AlertSettings()
        return list(standing(settings, examine(self.place.office)))

    def happens(self, kind: Kind, door: str = "front") -> None:
        event = Event(kind, door, name="Ada Ruiz", person="m-1", platform="loft", card="…7001")
        assert self.place.controller.journal.append(event).wait(PATIENCE)

    def reader(self, door: str = "front") -> SimReader:
        found = self.place.controller.doors.working[door].parts.readers["main"][0]
        assert isinstance(found, SimReader)
        return found

    def settle(self, door: str = "front") -> None:
        """What the devices of a door told has come through."""
        assert self.place.controller.doors.working[door].catch_up(PATIENCE)


@contextmanager
def watch(
    folder: Path,
    server: MailServerHere | None,
    *,
    target: str = "",
    events: str = '["*"]',
    more: str = "",
    http: str = "",
) -> Iterator[Watch]:
    """Alerts to `TO`, and to a target at that address; rosters are fetched, nothing is wrong."""
    table = f'security = "none"\n[alerts]\n{more}\n'
    table += f'to = ["{TO}"]\n' if server else ""
    if target:
        (folder / "secret").write_text(SECRET)
        table += _TARGET.format(url=target, events=events)
    with guest_house(folder, server, table, http=http) as place:
        place.member("Mia Member", "1234567001")
        place.sync()
        yield Watch(place)
