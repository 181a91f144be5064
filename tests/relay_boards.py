"""Relay boards at the far end of a pty: one that never answers, one that answers as a test says."""

import fcntl
import os
import pty
import queue
import select
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from hw.relay_frames import coil_is, rtu
from tests.contract_hw import PATIENCE

MARK = b"\xee"  # in no frame of these boards


class Socket:
    """A place to plug an adapter into: its path is there while one is plugged in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.master = self.slave = -1

    def plug(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.path.symlink_to(os.ttyname(self.slave))

    def unplug(self) -> None:
        if self.master >= 0:
            self.path.unlink()
            os.close(self.master)
            os.close(self.slave)
            self.master = self.slave = -1

    def said(self) -> bytes:
        """What was written to it before this moment."""
        os.write(self.slave, MARK)
        got = b""
        while not got.endswith(MARK):
            got += self._piece()
        return got.removesuffix(MARK)

    def next_piece(self) -> bytes:
        return self._piece()

    def _piece(self) -> bytes:
        ready, _, _ = select.select([self.master], (), (), PATIENCE)
        assert ready, "nothing was written"
        return os.read(self.master, 256)


class LcusBoard(Socket):
    """Switches its relays as an LCUS board does, and remembers every command in order.

    Firmware of the simplest kind: it waits for A0, takes three more bytes, checks the sum.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.commands: list[tuple[int, bool]] = []
        self.on: set[int] = set()
        self._rest = b""

    def unplug(self) -> None:
        super().unplug()
        self.on.clear()  # its power came over the same cable
        self._rest = b""

    def history(self) -> list[tuple[int, bool]]:
        self.hear(self.said())
        return self.commands

    def is_on(self, channel: int = 1) -> bool:
        self.hear(self.said())
        return channel in self.on

    def wait_for(self, command: tuple[int, bool]) -> None:
        while command not in self.commands:
            self.hear(self.next_piece())

    def hear(self, chunk: bytes) -> None:
        """Bytes, however they are cut up."""
        self._rest += chunk
        while len(self._rest) >= 4:
            frame, self._rest = self._rest[:4], self._rest[4:]
            if frame[0] != 0xA0:
                self._rest = frame[1:] + self._rest
            elif sum(frame[:3]) & 0xFF == frame[3] and frame[2] in (0, 1):
                self._switch(frame[1], bool(frame[2]))

    def _switch(self, channel: int, on: bool) -> None:
        self.commands.append((channel, on))
        (self.on.add if on else self.on.discard)(channel)


@contextmanager
def lcus_board(path: Path) -> Iterator[LcusBoard]:
    board = LcusBoard(path)
    board.plug()
    yield board
    board.unplug()


class RawUnit(Socket):
    """A serial unit whose answer to each piece is what a function makes of it, b"" for none."""

    def __init__(self, path: Path, answer: Callable[[bytes], bytes]) -> None:
        super().__init__(path)
        self.answer = answer
        self.heard: queue.Queue[bytes] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._bell = os.pipe()

    def plug(self) -> None:
        super().plug()
        self._thread = threading.Thread(target=self._serve, args=(self.master,), daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        if self._thread:
            os.write(self._bell[1], b"!")
            self._thread.join(PATIENCE)
            assert not self._thread.is_alive()
            os.read(self._bell[0], 1)
            self._thread = None
        super().unplug()

    def close(self) -> None:
        self.unplug()
        for end in self._bell:
            os.close(end)

    def send(self, late: bytes) -> None:
        """Unasked, and it has arrived."""
        os.write(self.master, late)
        patiently(lambda: fcntl.ioctl(self.slave, termios.FIONREAD, b"1234") != bytes(4))

    def next_question(self) -> bytes:
        return self.heard.get(timeout=PATIENCE)

    def _serve(self, master: int) -> None:
        with suppress(OSError):
            while True:
                ready, _, _ = select.select([master, self._bell[0]], (), ())
                if self._bell[0] in ready:
                    return
                piece = os.read(master, 256)
                self.heard.put(piece)
                os.write(master, self.answer(piece))


class Obedient:
    """The answers of a board that does as it is told: function 05, and 01 for one coil."""

    def __init__(self) -> None:
        self.on: set[int] = set()

    def __call__(self, question: bytes) -> bytes:
        unit, function, coil = question[0], question[1], question[3]
        if function == 1:
            return rtu(unit, coil_is(on=coil in self.on))
        (self.on.add if question[4] else self.on.discard)(coil)
        return question


@contextmanager
def raw_unit(path: Path, answer: Callable[[bytes], bytes]) -> Iterator[RawUnit]:
    unit = RawUnit(path, answer)
    unit.plug()
    yield unit
    unit.close()


def patiently(true: Callable[[], bool]) -> None:
    """Give other threads their turn until something has come true."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.005)):
        if true():
            return
        pause.wait(0.005)
    pytest.fail("it never came true")
