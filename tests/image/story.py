"""What is to come true on a machine with the image: each step begins where the last one ended."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from release.image.partitions import MIB
from tests.image.machines import NAMED, Machine
from tests.machine.guest.lab import demand, never, now, until

BOOT = 420.0  # seconds; an emulated machine is ten to thirty times slower than a real one
SETUP, ERRORS, DONE = (f"doorward-setup{end}" for end in (".toml", "-errors.txt", "-done.txt"))
TROUBLE = "doorward-trouble.txt"
CARD, SECRET = "0A1B2C3D", "ruth-amsel-was-here-4711"  # the second as a platform's key would be
CUT_AFTER = 5  # entries
CLOCK_KEPT = 90  # seconds by which it may fall behind: it is written down each minute
UNITS = ("doorward-controller.service", "doorward-sync.service")
SETUP_FILE = """\
[setup]
ssh_keys = ["{key}"]
timezone = "Europe/Berlin"

[setup.secrets]
"a-key" = "{secret}"
"keyholders.csv" = \"\"\"
id,name,card
1,Ruth Amsel,{card}
\"\"\"

[doors.front]
admits = ["keyholders/*"]
lock = {{ driver = "sim" }}
readers.main = {{ driver = "sim", card = {{ format = "hex" }} }}
repeat_after = "0s"

[platforms.keyholders]
kind = "file"
path = "keyholders.csv"
card = {{ format = "hex" }}
keyholders = true
"""


@dataclass
class Told:
    """The machine, and what one step leaves for those after it."""

    machine: Machine
    key: str
    arch: str
    shelf: Path  # releases, see tests/install/shelf.py
    measured: dict[str, Any] = field(default_factory=dict)
    identity: str = ""
    entries: int = 0
    last: int = 0  # unix seconds


def mistake_told(told: Told) -> None:
    """A setup file with a mistake: told beside it; nobody gets in, by door or by network."""
    card, machine = told.machine.card, told.machine
    # Another secret: the emulated laptop replaces the file later, and leaves this one's blocks.
    card.put(SETUP, _setup(told).replace("ssh_keys", "ssh_key").replace(SECRET, "not-this-one"))
    machine.switch_on()
    until(f"{ERRORS} is there", lambda: ERRORS in card.names(), BOOT)
    demand("ssh_key" in card.text(ERRORS), f"it says: {card.text(ERRORS)}")
    demand(SETUP in card.names(), "the setup file is gone")
    never("something answers at the network", machine.lets_in, 15.0)
    machine.cut_power()


def set_up(told: Told) -> None:
    """A right one: applied, its secrets wiped; the services run and a card opens the door."""
    card, machine = told.machine.card, told.machine
    card.put(SETUP, _setup(told))
    machine.switch_on()
    until(f"{DONE} is there", lambda: DONE in card.names(), BOOT)
    demand(SETUP not in card.names() and ERRORS not in card.names(), f"left: {card.names()}")
    until("somebody may log in", machine.lets_in, BOOT)
    until_active(told)
    told.measured["first_boot_to_ready_s"] = _ready_after(told)
    demand(not card.holds(SECRET), "a secret can still be read on the boot partition")
    until("the keyholder gets in", lambda: scan(told))
    demand(not scan(told, "DEADBEEF"), "a stranger got in")
    told.identity = _identity(told)


def as_it_should_be(told: Told) -> None:
    """Name, ids, partitions, clock, watchdog, log: as the documents say."""
    machine = told.machine
    demand(
        "0 loaded units" in machine.type("systemctl --failed"), machine.type("systemctl --failed")
    )
    name = machine.type("hostname").strip()
    demand(
        re.fullmatch(NAMED.get(told.arch, r"doorward-[0-9a-f]{8}"), name), f"it is called {name}"
    )
    demand(len(machine.type("cat /etc/machine-id").strip()) == 32, "it has no id")
    size = int(machine.type("df --output=size --block-size=1 /data | tail -1"))
    demand(size > 1024 * MIB, f"the data partition has {size} bytes")
    demand(
        "active" in machine.type("systemctl is-active systemd-timesyncd"), "no time is asked for"
    )
    if told.arch == "amd64":
        secure = machine.type("od -An -tu1 /sys/firmware/efi/efivars/SecureBoot-*").split()
        demand(secure[-1] == "1", "it was not started by Secure Boot")
        dog = machine.type("cd /sys/class/watchdog/watchdog0 && cat state timeout")
        demand(dog.split() == ["active", "14"], f"the watchdog: {dog}")
    log = machine.type("systemd-analyze cat-config systemd/journald.conf")
    demand("SystemMaxUse=100M" in log, "the log is not bounded")
    demand("/var/log" in machine.type("journalctl --header | grep ^File.path"), "no lasting log")


def read_only(told: Told) -> None:
    """What must not change cannot; what must, can; each lies where it outlives an upgrade."""
    machine = told.machine
    for place in ("/usr", "/var/lib/dpkg", "/opt", "/boot", "/boot/firmware"):
        said = machine.type(f"touch {place}/x 2>&1", good=(1,))
        demand("Read-only" in said, f"{place}: {said}")
    for place in ("/etc", "/var/lib/doorward", "/var/lib/doorward-upgrade", "/var/log", "/tmp"):
        machine.type(f"touch {place}/.x && rm {place}/.x")
    for place in ("/var/lib/doorward", "/var/lib/doorward-upgrade", "/var/lib/systemd"):
        source = machine.type(f"findmnt --noheadings --output SOURCE {place}")
        demand("/dev/" in source, f"{place} lies on {source}")
    machine.type("mount -o remount,rw / && touch /usr/x && rm /usr/x && mount -o remount,ro /")


def closed(told: Told) -> None:
    """Nobody has a password, and nothing listens but SSH, by keys alone, and the console."""
    machine = told.machine
    shadow = [line.split(":")[1] for line in machine.type("cat /etc/shadow").splitlines()]
    demand(all(word.startswith(("!", "*")) for word in shadow), f"passwords: {shadow}")
    settings = machine.type("sshd -T").splitlines()
    for line in ("passwordauthentication no", "kbdinteractiveauthentication no"):
        demand(line in settings, f"sshd: not {line!r}")
    listening = machine.type("ss --no-header --listening --tcp --udp --numeric | awk '{print $5}'")
    open_ = {each for each in listening.split() if not each.startswith(("127.", "[::1]"))}
    dhcp = {each for each in open_ if each.endswith((":68", ":546"))}
    demand(open_ - dhcp == {"0.0.0.0:22", "[::]:22"}, f"listening: {sorted(open_)}")


def power_cut(told: Told) -> None:
    """While cards are read."""
    scan = f"doorward --json sim scan front {CARD} | grep -q granted && date +%s"
    for line in told.machine.lines(f"while :; do {scan}; done"):
        told.last = int(line)
        told.entries += 1
        if told.entries == CUT_AFTER:
            told.machine.cut_power()
            break
    demand(told.entries == CUT_AFTER, f"{told.entries} entries were told")


def up_again(told: Told) -> None:
    """The same machine, its record whole; the clock does not fall behind without a battery."""
    machine = told.machine
    machine.switch_on(*(("-rtc", "base=2019-05-01T00:00:00") if told.arch == "amd64" else ()))
    until("somebody may log in", machine.lets_in, BOOT)
    until_active(told)
    told.measured["boot_to_ready_s"] = _ready_after(told)
    told.measured["emulated_by"] = machine.accelerator.partition(",")[0]
    said = machine.type("doorward journal verify")
    demand("Unbroken" in said, said)
    events = machine.type("doorward --json events --kind access --last 1000 | grep -c granted")
    demand(int(events) > told.entries, f"{events.strip()} entries are left of {told.entries} and 1")
    demand(_identity(told) == told.identity, "it is another machine now")
    until("the keyholder gets in", lambda: scan(told))
    behind = told.last - int(machine.type("date +%s"))
    demand(behind < CLOCK_KEPT, f"the clock is {behind} s behind where it was")
    machine.cut_power()


def data_hurt(told: Told) -> None:
    """The data partition begins with zeros: it is repaired as it starts, and nothing is lost."""
    card, machine = told.machine.card, told.machine
    card.hurt_data()
    machine.switch_on()
    until("somebody may log in", machine.lets_in, BOOT)
    until_active(told)
    said = machine.type("doorward journal verify")
    demand("Unbroken" in said, said)
    demand(_identity(told) == told.identity, "it is another machine now")
    until("the keyholder gets in", lambda: scan(told))
    machine.cut_power()


def data_lost(told: Told) -> None:
    """The data partition is gone: it starts, says so where a laptop reads it, and opens nothing."""
    card, machine = told.machine.card, told.machine
    card.lose_data()
    card.put(SETUP, _setup(told))
    machine.switch_on()
    until(f"{TROUBLE} is there", lambda: card.text(TROUBLE), BOOT)
    demand("All doors stay locked" in card.text(TROUBLE), card.text(TROUBLE))
    never("something answers at the network", machine.lets_in, 20.0)
    demand(SETUP in card.names(), "the setup file was applied to nothing")
    machine.cut_power()


def scan(told: Told, card: str = CARD) -> bool:
    """Does this card open the door?"""
    said = told.machine.type(f"doorward --json sim scan front {card}", good=(0, 1, 2, 4))
    decided = json.loads(said)["decided"] if said.strip() else None
    return bool(decided and decided["reason"] == "granted")


def until_active(told: Told) -> None:
    def active() -> bool:
        said = told.machine.type(f"systemctl is-active {' '.join(UNITS)}", good=(0, 3, 4, 255))
        return said.split() == ["active"] * len(UNITS)

    until("both services are active", active, BOOT)


STEPS: dict[str, Callable[[Told], None]] = {
    step.__name__.replace("_", " "): step
    for step in (*(mistake_told, set_up, as_it_should_be, read_only, closed, power_cut, up_again),)
}
LAST = {"data hurt": data_hurt, "data lost": data_lost}


def _setup(told: Told) -> str:
    return SETUP_FILE.format(key=told.key, secret=SECRET, card=CARD)


def _ready_after(told: Told) -> float:
    """Seconds from power to both services active, the firmware's own included."""
    show = "systemctl show --property=ActiveEnterTimestampMonotonic --value"
    said = told.machine.type(f"cut -d' ' -f1 /proc/uptime; {show} {' '.join(UNITS)}").split()
    kernel_began = now() - float(said[0])
    return round(kernel_began + max(map(int, said[1:])) / 1e6 - told.machine.began, 1)


def _identity(told: Told) -> str:
    key = "/etc/ssh/ssh_host_ed25519_key.pub"
    return told.machine.type(
        f"cat /etc/machine-id /etc/hostname {key} /var/lib/doorward/device.machine"
    )
