"""The far ends of the four doors: hands that show cards and move contacts, eyes on each lock."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.child import child
from bench.rig.board import FarBoard, board
from bench.rig.doors import BUTTON, CONTACT, CONTACT_INPUT, RELAY, lines, make_key
from bench.rig.history import LOG, Move, pin_moves
from bench.rig.lines import Line, RelayRecorder, SerialCards
from bench.rig.osdp import FarDevices, devices
from controller.control import ask
from tests.edges import framed

_LOOK = 0.002  # seconds between looks at the log of the pins
_GPIO = "GPIO{}"
WaitFor = Callable[[bool, float, float], Move | None]  # open?, since, seconds


@dataclass(frozen=True)
class End:
    """What is outside of one door. `show` and the others give the moment at which they began."""

    door: str
    show: Callable[[str], float]
    moves: Callable[[], list[Move]]
    wait_for: WaitFor
    open: Callable[[bool], None] | None = None  # the leaf, where there is a contact


@dataclass(frozen=True)
class Ends:
    """All of them, and what else can be played with."""

    doors: dict[str, End]
    front: SerialCards
    relay: RelayRecorder
    bus: FarDevices
    board: FarBoard
    pins: "FarPins"


class FarPins:
    """The mock pins in the controller, as seen from another process."""

    def __init__(self, place: Path) -> None:
        self._socket, self._log = place / "pins.sock", place / LOG

    def drive(self, pin: int, high: bool) -> float:
        at: float = ask(self._socket, {"do": "drive", "pin": pin, "high": high})["at"]
        return at

    def press(self, pressed: bool) -> float:
        return self.drive(BUTTON, high=not pressed)

    def show(self, card: str, reader: str = "yard/main") -> float:
        """Eight hex digits as a frame of 34 bits; when its last bit fell."""
        bits = framed(f"{int(card, 16):032b}")
        at: float = ask(self._socket, {"do": "wiegand", "reader": reader, "bits": bits})["at"]
        return at

    def moves(self, pin: int = RELAY) -> list[Move]:
        return pin_moves(self._log, _GPIO.format(pin))

    def wait_for(self, opened: bool, since: float, seconds: float, pin: int = RELAY) -> Move | None:
        until = time.monotonic() + seconds
        while True:
            for move in self.moves(pin):
                if move.at >= since and move.open is opened:
                    return move
            if time.monotonic() > until:
                return None
            time.sleep(_LOOK)


@contextmanager
def ends(place: Path) -> Iterator[Ends]:
    """All far ends of the doors that `doors.doors` wrote for this place."""
    where = lines(place)
    with ExitStack() as stack:

        def line(name: str) -> Line:
            made = Line(where / name)
            stack.callback(made.close)
            return made

        keys = {"0": make_key(place / "studio.key")}
        far_devices = stack.enter_context(child(devices, path=str(where / "studio-bus"), keys=keys))
        far_board = stack.enter_context(child(board, path=str(where / "gym-board")))
        for each in (far_devices, far_board):
            assert each.answer() == "ready"
        front, gym = SerialCards(line("front-reader")), SerialCards(line("gym-reader"))
        relay = RelayRecorder(line("front-relay"))
        stack.callback(relay.close)
        bus, modbus, gpio = FarDevices(far_devices), FarBoard(far_board), FarPins(place)
        doors = [
            End("front", front.show, relay.history.moves, relay.history.wait_for),
            End("studio", bus.show, bus.moves, bus.wait_for, _mover(bus.set_input)),
            End("gym", gym.show, modbus.moves, modbus.wait_for, _mover(modbus.set_input)),
            End("yard", gpio.show, gpio.moves, gpio.wait_for, lambda o: _leaf(gpio, o)),
        ]
        yield Ends({each.door: each for each in doors}, front, relay, bus, modbus, gpio)


def _mover(set_input: Callable[[int, bool], None]) -> Callable[[bool], None]:
    return lambda opened: set_input(CONTACT_INPUT, opened)


def _leaf(gpio: FarPins, opened: bool) -> None:
    """Its contact closes to ground when the door opens."""
    gpio.drive(CONTACT, high=not opened)
