"""What this machine takes for the same way without a door: the floors of `bench.wire`."""

import os
import time
import tty
from pathlib import Path

from bench.child import Talk, child
from bench.rig.lines import Line

_BYTES = 4


def echo(path: str) -> Talk:
    """Child: sends back what it reads at this line."""
    port = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(port)
    yield "ready"
    while chunk := os.read(port, 64):
        os.write(port, chunk)


def round_trips(work: Path, count: int) -> list[float]:
    """Seconds from a few bytes into a pty, through another process, until they are back."""
    line, spans = Line(work / "echo"), []
    with child(echo, path=str(line.path)) as far:
        far.answer()
        far.send()
        for _ in range(count):
            begin = time.monotonic()
            os.write(line.far, bytes(_BYTES))
            got = 0
            while got < _BYTES:
                got += len(os.read(line.far, 64))
            spans.append(time.monotonic() - begin)
            time.sleep(0.002)
        far.process.terminate()
    line.close()
    return spans
