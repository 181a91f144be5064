"""Pieces shared by the tests of serial readers."""

import os
import queue
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from hw.serial_reader import Pace, SerialReader
from tests.contract_hw import Heard

BRISK = Pace(read=0.01, first=0.01, longest=0.02)


def listening(reader: SerialReader) -> Heard:
    heard = Heard()
    reader.start(heard.tell)
    assert heard.next_health() == (True, "")
    return heard


def until_read(send: Callable[[bytes], None], heard: Heard) -> None:
    """Present a card until the reader has opened its line, flushed it, and takes the card."""
    for _ in range(1000):
        send(b"CARD\r\n")
        with suppress(queue.Empty):
            heard.texts.get(timeout=0.02)
            return
    pytest.fail("the reader never read")


@dataclass
class Cable:
    """A pty pair made by socat: `near` is ours, `far` is where the card reader sits."""

    near: Path
    far: Path
    socat: "subprocess.Popen[str] | None" = None

    def plug(self) -> None:
        ends = [f"pty,raw,echo=0,link={end}" for end in (self.near, self.far)]
        self.socat = subprocess.Popen(
            ["socat", "-d", "-d", *ends], stderr=subprocess.PIPE, text=True
        )
        assert self.socat.stderr
        for line in self.socat.stderr:
            if "starting data transfer" in line:
                return
        pytest.fail("socat ended before it began")

    def unplug(self) -> None:
        if self.socat:
            self.socat.kill()
            self.socat.wait()
            for end in (self.near, self.far):  # the pty's number may be another test's by now
                end.unlink(missing_ok=True)
            assert self.socat.stderr
            self.socat.stderr.close()
            self.socat = None

    def send(self, sent: bytes) -> None:
        line = os.open(self.far, os.O_WRONLY | os.O_NOCTTY)
        try:
            os.write(line, sent)
        finally:
            os.close(line)


@contextmanager
def plugged(folder: Path) -> Iterator[Cable]:
    """A cable with its ends in that folder; skips where socat is missing."""
    if not shutil.which("socat"):
        if os.environ.get("CI"):
            pytest.fail("socat is missing; CI must have it: apt-get install socat")
        pytest.skip("needs socat: apt-get install socat")
    folder.mkdir(exist_ok=True)
    cable = Cable(folder / "near", folder / "far")
    cable.plug()
    yield cable
    cable.unplug()
