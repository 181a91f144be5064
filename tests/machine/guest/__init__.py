"""What runs inside the machines, as root, with nothing but Python's own library."""

from collections.abc import Callable

from tests.machine.guest import container, mill, readers, relays
from tests.machine.guest.lab import Lab

Scenario = Callable[[Lab], None]

INSTALL = "install"
CONTAINER: dict[str, Scenario] = {
    "start": container.start_up,
    "killed": container.killed,
    "hung": container.hung,
    "stopped": container.stopped,
    "misconfigured": container.misconfigured,
}
VIRTUAL: dict[str, Scenario] = {
    "relay-released": relays.released,
    "relay-low-active": relays.low_active,
    "relay-killed": relays.killed,
    "relay-hung": relays.hung,
    "relay-restarted": relays.restarted,
    "relay-misconfigured": relays.misconfigured,
    "serial-unplugged": readers.unplugged,
    "keys-grabbed": readers.grabbed,
    "keys-unplugged": readers.keys_unplugged,
    "wiegand": readers.wiegand,
    "contact": readers.contact,
    "relay-stopped": relays.stopped,
    "driver-starts": mill.driver_starts,
    "service-starts": relays.service_starts,
}
SCENARIOS: dict[str, Scenario] = {INSTALL: container.install, **CONTAINER, **VIRTUAL}
