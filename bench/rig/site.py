"""The rig as a sandbox: simulated platforms, the real controller on real ends, the real syncd."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from bench.rig.doors import doors
from bench.rig.ends import Ends, ends
from controller.cli.sandbox import Sandbox
from controller.cli.sandbox_files import ZONE

LAUNCHER = ("-m", "bench.rig.controller")
_HEAD = f"""\
# Written by the rig at each start.

[site]
name = "Harbour Loft"
data = "data"
run = "run"
zone = "{ZONE}"

[clock]
trust = "always"
simulated = true

[sync]
every = "1m"

[http]
port = 0

"""
_ADMITS = {
    "front": '["harbour/plan:*", "gym/door:front-01", "keyholders/*"]',
    "studio": '["harbour/plan:plan-resident", "keyholders/*"]',
    "gym": '["gym/door:gym-02", "keyholders/*"]',
    "yard": '["harbour/plan:plan-resident", "gym/door:gym-02", "keyholders/*"]',
}


class Rig(Sandbox):
    """Use as a context, as `Sandbox`; `ends` are there inside it."""

    ends: Ends

    def __init__(self, home: Path, *, offset: float, port: int) -> None:
        super().__init__(home, offset=offset, port=port)
        self._held = ExitStack()

    def __enter__(self) -> "Rig":
        super().__enter__()
        return self

    def furnish(self, urls: Mapping[str, str]) -> None:
        """The platforms of the sandbox, and doors of our own with their far ends."""
        super().furnish(urls)
        places = self.places
        (places.home / "pins.log").unlink(missing_ok=True)
        written = places.config.read_text()
        platforms = written[written.index("[platforms.") :]
        for kind in ("cobot", "hive"):
            platforms = platforms.replace(f'"{kind}"\n', f'"{kind}"\nlate = "push"\n')
        text = doors(places.home, _ADMITS, two_after_six=True)
        places.config.write_text(f"{_HEAD}{text}\n{platforms}")
        self.ends = self._held.enter_context(ends(places.home))

    def start_daemon(self, command: str) -> None:
        if command != "controller":
            super().start_daemon(command)
            return
        words = (str(self.places.home), "--config", str(self.places.config), command)
        self.children.start(command, *words, program=LAUNCHER)

    def _stop(self) -> list[str]:
        unwell = super()._stop()
        self._held.close()
        return unwell
