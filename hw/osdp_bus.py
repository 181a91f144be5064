"""One RS-485 line and all OSDP devices on it: one thread, one control panel, shared by their parts.

`BUSES` holds the buses of this process. A bus begins with its first part and ends with its last.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from controller.errors import ConfigError, HardwareError
from hw.osdp_line import Line
from hw.osdp_panel import MOST, Panel, seed
from hw.osdp_settings import OsdpPlace, read_key
from hw.osdp_station import Order, Part, State, Station, Tempo, Trouble
from hw.reader_loop import monotonic

log = structlog.get_logger(__name__)

GATHER = (
    0.05  # seconds in which the parts of all doors come together, so that the panel is made once
)
TICK = 0.5
POLL = 0.0505  # seconds after a reply at which libosdp polls again, give or take its rounding
JITTER = 0.002
STALLED = 3.0  # seconds in which libosdp sends nothing although it should: it is made anew


@dataclass(eq=False)
class Member:
    """A part's place on a bus."""

    bus: "Bus"
    station: Station
    part: Part
    _gone: bool = field(default=False)

    def send(self, order: Order, *, urgent: bool = False) -> bool:
        """Send it when its turn comes; False if it cannot be: `done` then never hears."""
        if self._gone or not self.station.order(order, urgent=urgent):
            return False
        self.bus.wake()
        return True

    def withdraw(self, owner: object) -> None:
        """None of this owner's orders is carried out from now on."""
        self.station.withdraw(owner)
        self.bus.wake()

    def settled(self, seconds: float) -> bool:
        """Wait until all orders were carried out or dropped; False if not within so long."""
        return self.station.settled(seconds)

    def capability(self, which: int) -> tuple[int, int]:
        """(level, items) that the device stated; while a part is told something only."""
        return self.bus.capability(self.station.address, which)

    def leave(self) -> None:
        """Nothing is told any more. The last one ends the bus."""
        if not self._gone:
            self._gone = True
            self.bus.owner.leave(self)


class Bus:
    """The thread that polls one line. Made by `Buses` alone."""

    def __init__(self, owner: "Buses", place: OsdpPlace) -> None:
        self.owner = owner
        self.place = place
        self.members: list[Member] = []
        self.stations: dict[int, Station] = {}
        self.passes = 0
        self.line = Line(place.port, place.baud, owner.clock)
        self._clock = owner.clock
        self._tempo = owner.tempo
        self._guard = threading.RLock()  # of members and stations; held while parts are told
        self._stopping = threading.Event()
        self._over = False
        self._panel: Panel | None = None
        self._places: dict[int, OsdpPlace] = {}
        self._in_panel: list[Station] = []
        self._build_at = 0.0
        self._keys_at = 0.0
        self._open = False
        self._open_at = self._opened_at = 0.0
        self._wait = self._tempo.first
        self._tick_at = 0.0
        self._polled: dict[int, float] = {}  # when the next poll of an address is due
        self._writes = 0
        self._moved_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"osdp {place.port}", daemon=True)

    @property
    def polls(self) -> int:
        """Answers over secure channels so far, of all devices."""
        return sum(station.polls for station in self.stations.values())

    def join(self, place: OsdpPlace, part: Part) -> Member:
        """HardwareError if this line cannot bear it."""
        with self._guard:
            self._refuse_unfit(place)
            station = self.stations.get(place.address)
            if station is None:
                station = Station(place.address, None, self._tempo)
                self.stations[place.address] = station
                self._places[place.address] = place
                self._build_at = self._clock() + GATHER
            member = Member(self, station, part)
            self.members.append(member)
            part.link = member
            station.greet(part)
            if not self._thread.ident:
                self._thread.start()
        self.wake()
        return member

    def part_with(self, member: Member) -> bool:
        """Was it the last? Its device is polled on, lest the others lose a moment."""
        with self._guard:
            if member in self.members:
                self.members.remove(member)
                member.station.parts.remove(member.part)
            return not self.members

    def end(self) -> None:
        """The line is closed when this returns, unless it is called on the bus's own thread."""
        self._stopping.set()
        self.wake()
        if self._thread.ident and self._thread is not threading.current_thread():
            self._thread.join(2.0)

    def wake(self) -> None:
        with self._guard:
            if not self._over:
                self.line.wake()

    def capability(self, address: int, which: int) -> tuple[int, int]:
        return self._panel.capability(address, which) if self._panel else (0, 0)

    def _refuse_unfit(self, place: OsdpPlace) -> None:
        other = self._places.get(place.address)
        if place.baud != self.place.baud:
            raise HardwareError(
                f"{place.port} is set to {self.place.baud} baud by another device; "
                "all on one line need the same baud"
            )
        if other and other.key != place.key:
            raise HardwareError(
                f"address {place.address} at {place.port} has two keys, {other.key} and "
                f"{place.key}; all parts of one reader need the same"
            )
        if other is None and len(self.stations) >= MOST:
            raise HardwareError(f"{place.port} has {MOST} devices, and no line bears more")

    # ---- on the bus's thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
            except Exception as error:
                log.exception("an OSDP line failed in an unforeseen way", port=self.place.port)
                self._lost(error)
        with self._guard:
            if self._panel:
                self._panel.close()
            self.line.dispose()
            self._over = True

    def _turn(self) -> None:
        if not self._open:
            self._try_to_open()
            if not self._open:
                self.line.listen(max(0.0, self._open_at - self._clock()))
                return
        replies = self.line.listen(self._rest())
        self.passes += 1
        with self._guard:
            now = self._clock()
            if self._due(now):
                self._build(now)
            for reply in replies:
                if reply.address in self.stations:
                    self.stations[reply.address].heard(reply, now)
                    self._polled[reply.address] = now + POLL
            self._step(now)
        if self.line.fault:
            self._lost(self.line.fault)

    def _rest(self) -> float:
        """Seconds until something is to be done: the loop's own rest, or until the next poll."""
        now = self._clock()
        soon = (each - now for each in self._polled.values() if each > now - JITTER)
        return min(self._tempo.refresh, max(JITTER / 2, min(soon, default=1.0)))

    def _step(self, now: float) -> None:
        if self._panel is None:
            return
        self._panel.refresh()
        for station in self._in_panel:
            station.step(now, self._panel, self.line)
        self._panel.refresh()  # chooses what the next sends
        self._panel.refresh()
        if now >= self._tick_at:
            self._tick_at = now + TICK
            for member in list(self.members):
                member.part.tick()
            self._look_whether_it_moves(now)

    def _look_whether_it_moves(self, now: float) -> None:
        """libosdp goes by the wall clock: set back, it would wait until its time has come again."""
        if self.line.writes != self._writes or not any(each.trying for each in self._in_panel):
            self._writes, self._moved_at = self.line.writes, now
        elif now - self._moved_at > STALLED:
            log.warning("an OSDP line stood still; it is begun anew", port=self.place.port)
            self._moved_at = now
            self._build(now)

    def _due(self, now: float) -> bool:
        """Is another panel needed: a device has joined, or a key that was missing is there now?"""
        if self._build_at and now >= self._build_at:
            self._take_keys()
            return True
        if now >= self._keys_at and any(each.key is None for each in self.stations.values()):
            self._keys_at = now + self._tempo.longest
            return not self._build_at and self._take_keys()
        return False

    def _take_keys(self) -> bool:
        """Read the keys that are not known yet; True if there is one more."""
        more = False
        for address, station in self.stations.items():
            if station.key is None:
                try:
                    station.key = read_key(self._places[address].key)
                    more = True
                except ConfigError as error:
                    station.tell(State(Trouble.NO_KEY, error))
        return more

    def _build(self, now: float) -> None:
        """A panel of all devices whose keys are known."""
        self._build_at, self._keys_at = 0.0, now + self._tempo.longest
        if self._panel:
            self._panel.close()
        self._panel = None
        devices = [(each.address, each.key) for each in self.stations.values() if each.key]
        self._in_panel = [each for each in self.stations.values() if each.key]
        self._moved_at = now
        self._begin(now)
        if devices:
            seed()
            self._panel = Panel(self.line, devices)

    def _begin(self, now: float) -> None:
        self.line.muted.clear()
        self.line.asked.clear()
        for station in self._in_panel:
            station.begin(now)

    def _try_to_open(self) -> None:
        now = self._clock()
        if now < self._open_at:
            return
        if not self.line.open():
            self._lost(self.line.fault or OSError("it cannot be opened"))
            return
        log.info("OSDP line is open", port=self.place.port)
        self._open, self._opened_at = True, now
        with self._guard:
            self._build_at = self._build_at or now  # what libosdp had begun is long over

    def _lost(self, error: Exception) -> None:
        """Tell all, close the line, and try again later; what flaps is tried more slowly."""
        self.line.shut()
        now = self._clock()
        if self._open and now - self._opened_at > self._tempo.longest:
            self._wait = self._tempo.first
        self._open, self._open_at = False, now + self._wait
        self._wait = min(2 * self._wait, self._tempo.longest)
        with self._guard:
            for station in self.stations.values():
                station.port_lost(error)


class Buses:
    """The buses of a process, by the device behind the path of their line."""

    def __init__(self, tempo: Tempo | None = None, clock: Callable[[], float] = monotonic) -> None:
        self.tempo = tempo or Tempo()
        self.clock = clock
        self._guard = threading.Lock()
        self._buses: dict[str, Bus] = {}

    def join(self, place: OsdpPlace, part: Part) -> Member:
        """A place for this part; HardwareError if its line cannot bear it."""
        with self._guard:
            bus = self._buses.get(_line(place))
            if bus is None:
                bus = Bus(self, place)
            member = bus.join(place, part)
            self._buses[_line(place)] = bus
            return member

    def leave(self, member: Member) -> None:
        bus = member.bus
        with self._guard:
            last = bus.part_with(member)
            if last:
                self._buses = {key: each for key, each in self._buses.items() if each is not bus}
                bus.end()

    def at(self, place: OsdpPlace) -> Bus | None:
        """The bus of that line, if anybody is on it."""
        with self._guard:
            return self._buses.get(_line(place))


def _line(place: OsdpPlace) -> str:
    """The path as it stands: what it leads to changes when an adapter is plugged in again."""
    return os.path.normpath(place.port)


BUSES = Buses()
