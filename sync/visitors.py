"""Visitors who have booked: what is kept of them, and which doors take their PIN."""

from dataclasses import dataclass

from controller.config import Config

PREFIX = "visitor:"  # how the keys of persons begin who come from a visitor's booking


@dataclass(frozen=True, slots=True)
class Told:
    """One room of a booking, `start` and `end` in unix seconds."""

    room: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Stay:
    """The same with the label it is, and from when until when the PIN works: with the buffers."""

    told: Told
    label: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Visitor:
    """One visitor's booking. `zone` is the IANA zone of the space; `address` is as it came."""

    platform: str
    person: str
    name: str
    address: str
    zone: str
    stays: tuple[Stay, ...]

    @property
    def rooms(self) -> tuple[Told, ...]:
        return tuple(stay.told for stay in self.stays)

    @property
    def end(self) -> float:
        """When the last room is over, without the buffer."""
        return max(stay.told.end for stay in self.stays)

    @property
    def booking(self) -> str:
        """What the PIN is derived from."""
        return self.person.removeprefix(PREFIX)


def doors_of(config: Config, visitor: Visitor) -> list[str]:
    """Names of the doors that take the visitor's PIN at some time: a keypad, and a right label."""
    found = []
    for name, door in config.doors.items():
        rules = config.rules(name)
        keypad = any(reader.card.format == "pin" for reader in door.readers.values())
        labels = [(visitor.platform, stay.label) for stay in visitor.stays]
        if (
            keypad
            and any(label in rules.admits for label in labels)
            and not any(label in rules.refuses for label in labels)
        ):
            found.append(door.name)
    return found
