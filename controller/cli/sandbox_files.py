"""The files of a sandbox: one directory with a configuration, invented keys and a local list."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.clock import OFFSET
from controller.errors import ConfigError
from sync.simulator.town import SOCKET, TOKENS
from sync.simulator.townspeople import GYM, HARBOUR, RUTH

ZONE = "Europe/Berlin"
_LONGEST_SOCKET = 107  # bytes; the kernel's bound on the path of a Unix socket
_CONFIGURATION = """\
# Written by `doorward sandbox` at each start.

[site]
name = "Harbour Loft"
data = "data"
run = "run"

[clock]
trust = "always"
simulated = true                 # `doorward sim clock +1d` brings tomorrow

[sync]
every = "1m"

[http]
port = @PORT@

[doors.front]
name = "Front door"
admits = ["harbour/plan:*", "harbour/resource:*", "gym/door:front-01", "keyholders/*"]
open_for = "3s"
lock = { driver = "sim" }
contact = { driver = "sim" }
exit_button = { driver = "sim" }
tamper = { driver = "sim" }
fire = { driver = "sim" }
indicator = { driver = "sim" }

[doors.front.readers.main]
driver = "sim"
card = { format = "hex", keep_bits = 32 }

[doors.front.readers.keypad]     # for visitors with a booking
driver = "sim"
card = { format = "pin" }

[doors.studio]
name = "Studio"
admits = ["harbour/plan:plan-resident", "keyholders/*"]
check_in = false
lock = { driver = "sim" }
indicator = { driver = "sim" }

[doors.studio.readers.main]
driver = "sim"
card = { format = "hex", keep_bits = 32 }

[doors.gym]
name = "Gym"
admits = ["gym/door:gym-02", "keyholders/*"]
lock = { driver = "sim" }
indicator = { driver = "sim" }

[doors.gym.readers.main]
driver = "sim"
card = { format = "hex", keep_bits = 32 }

[platforms.harbour]
kind = "cobot"
url = "@HARBOUR@"
www_url = "@HARBOUR@"
api2_url = "@HARBOUR@"
subdomain = "harbour"
token = { file = "cobot-token" }
cards = [{ source = "tokens", format = "dec10" }]
no_access_plans = ["plan-break"]
bookings = true
visitors = true

[platforms.gym]
kind = "hive"
url = "@GYM@"
key = { file = "hive-key" }
zone = "@ZONE@"
cards = [{ source = "door_access_id", format = "hex" }]
doors = { front = "front-01", gym = "gym-02" }

[platforms.keyholders]
kind = "file"
path = "keyholders.csv"
card = { format = "hex" }
keyholders = true
"""


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything of one sandbox lies."""

    home: Path

    @property
    def config(self) -> Path:
        return self.home / "doorward.toml"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def town(self) -> Path:
        return self.run / SOCKET

    @property
    def lock(self) -> Path:
        return self.home / "sandbox.lock"

    def make(self) -> None:
        """Make the directories. Raises ConfigError if sockets would find no place in them."""
        if len(bytes(self.town)) > _LONGEST_SOCKET:
            raise ConfigError(
                f"{self.home}: this path is too long for sockets; give a shorter one by --dir"
            )
        for each in (self.home, self.data, self.run, self.logs):
            each.mkdir(parents=True, exist_ok=True)

    def begin_anew(self) -> None:
        """Forget what the doors of an earlier sandbox did: its platforms have forgotten it too."""
        for database in ("cache.db", "journal.db", "desk.db"):
            for part in self.data.glob(f"{database}*"):
                part.unlink()
        (self.run / OFFSET).unlink(missing_ok=True)

    def write(self, urls: Mapping[str, str], console: int = 0) -> None:
        """Write configuration, keys and the list of keyholders.

        `urls` of the platforms; `console`: its port, 0 for any that is free.
        """
        text = _CONFIGURATION.replace("@ZONE@", ZONE).replace("@PORT@", str(console))
        for name, url in urls.items():
            text = text.replace(f"@{name.upper()}@", url)
        self.config.write_text(text)
        _write_secret(self.home / "cobot-token", TOKENS[HARBOUR])
        _write_secret(self.home / "hive-key", TOKENS[GYM])
        who = f"{RUTH.id},{RUTH.name},{RUTH.card}"
        (self.home / "keyholders.csv").write_text(f"id,name,card\n{who}\n")


def _write_secret(path: Path, secret: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(f"{secret}\n")
