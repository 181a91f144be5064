"""A relay on mock pins, for its tests: `board`, its `pin`, `alarms`, and `make`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from hw.gpio_relay import GpioRelay, RelaySettings
from tests.pins import Board, Pin

KINDS = [
    {"active_high": active_high, "energize": energize}
    for active_high in (True, False)
    for energize in ("unlock", "lock")
]


@dataclass
class Alarms:
    """Alarms that ring when the test says so."""

    pending: dict[int, tuple[float, Callable[[], None]]] = field(default_factory=dict)
    count: int = 0

    def __call__(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        self.count += 1
        number = self.count
        self.pending[number] = seconds, action
        return lambda: self.pending.pop(number, None) and None

    @property
    def seconds(self) -> list[float]:
        return [seconds for seconds, _ in self.pending.values()]

    def ring(self) -> None:
        (number,) = self.pending
        _, action = self.pending.pop(number)
        action()


def settings(**keys: Any) -> RelaySettings:
    return RelaySettings.model_validate({"pin": 17, **keys})


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    yield board
    board.reset()


@pytest.fixture
def pin(board: Board) -> Pin:
    found: Pin = board.pin(17)
    return found


@pytest.fixture
def alarms() -> Alarms:
    return Alarms()


@pytest.fixture
def make(board: Board, alarms: Alarms) -> Iterator[Callable[..., GpioRelay]]:
    """A relay with these keys; it rings when the test says so."""
    made = []

    def make(after: Callable[..., Callable[[], None]] | None = None, **keys: Any) -> GpioRelay:
        relay = GpioRelay(settings(**keys), "front/lock", pins=board, after=after or alarms)
        made.append(relay)
        return relay

    yield make
    for relay in made:
        relay.stop()
