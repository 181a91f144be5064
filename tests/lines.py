"""What tests of network lines share: waits that turn the clock, a clock that runs, an echo."""

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sync.http import Line
from sync.simulator.server import Request, Response, SimulatedPlatform
from tests.fakes import FakeClock


@dataclass
class Waiting:
    """`wait` as the program hands it out: remembers each pause and lets the clock move on by it."""

    clock: FakeClock
    pauses: list[float] = field(default_factory=list)
    stopping: bool = False

    def __call__(self, seconds: float) -> bool:
        if seconds:
            self.pauses.append(seconds)
            self.clock.advance(seconds)
        return self.stopping


class RunningClock(FakeClock):
    """Its wall clock stands still, its monotonic clock runs: for deadlines on real sockets."""

    def monotonic(self) -> float:
        return time.monotonic()


class Echo(SimulatedPlatform):
    """Answers with `answer`, by default with what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.answer_with: Response | None = None

    def handle(self, request: Request) -> Response:
        if self.answer_with is not None:
            return self.answer_with
        said = {"method": request.method, "path": request.path, "query": request.query}
        return Response(200, {**said, "body": request.body.decode()})


def line_to(platform: SimulatedPlatform, clock: FakeClock | None = None, **options: Any) -> Line:
    clock = clock or FakeClock()
    options.setdefault("wait", Waiting(clock))
    return Line(platform.url, clock=clock, **options)


def self_signed(directory: Path, name: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate for `name` that nobody has vouched for, and its key."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    about = ["-subj", "/CN=simulated", "-addext", f"subjectAltName=IP:{name}"]
    files: list[str | Path] = ["-keyout", key, "-out", certificate]
    subprocess.run([*command.split(), *about, *files], check=True, capture_output=True)
    return certificate, key
