"""What a door consists of: its devices, and what it is set to."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from controller.cards import CardFormat
from controller.doorstate import Timing
from controller.model import Opening, Reason, Strength
from controller.ports import Indicator, Input, Lock, Reader, Tell


class Fitted(NamedTuple):
    """A reader at a door: how it writes cards, and how hard to copy they are if it cannot tell."""

    reader: Reader
    form: CardFormat
    strength: Strength | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """The devices of a door."""

    lock: Lock
    readers: Mapping[str, Fitted]
    contact: Input | None = None
    exit_button: Input | None = None
    indicator: Indicator | None = None
    tamper: Input | None = None
    fire: Input | None = None

    def inputs(self) -> Iterator[tuple[str, Input]]:
        for name in ("contact", "exit_button", "tamper", "fire"):
            if device := getattr(self, name):
                yield name, device

    def listen(self, hears: Callable[[str], Tell]) -> None:
        """Have all that tell something tell it; `hears` makes the listener of one part."""
        for name, fitted in self.readers.items():
            fitted.reader.start(hears(name))
        for name, device in self.inputs():
            device.start(hears(name))

    def hush(self) -> None:
        """None of them tells anything any more."""
        for fitted in self.readers.values():
            fitted.reader.stop()
        for _, device in self.inputs():
            device.stop()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a door is set to, besides its rules; seconds. `zone` is the site's, for `openings`."""

    name: str
    timing: Timing = Timing()  # noqa: RUF009 - immutable
    repeat_after: float = 2.0
    counts_on_opening: bool = False
    stuck_after: float = 0.0
    openings: tuple[Opening, ...] = ()
    zone: ZoneInfo | None = None
    holidays: frozenset[date] = frozenset()
    partners: tuple[str, ...] = ()
    asks: frozenset[Reason] = frozenset()  # refusals before which the platforms are asked
    ask_within: float = 1.5
