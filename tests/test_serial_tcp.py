"""A serial reader behind a box that offers its line over TCP."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from hw.serial_reader import Pace, SerialReader, SerialSettings
from tests.contract_hw import PATIENCE, Heard
from tests.serials import BRISK, until_read


@dataclass
class SerialServer:
    """A box that offers a serial line over TCP, for one client at a time."""

    port: int = 0
    listener: socket.socket | None = None
    client: socket.socket | None = None

    def plug(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]

    def unplug(self) -> None:
        """The power goes: the listener first, then the line, by a reset."""
        if self.listener:
            self.listener.close()
            self.listener = None
        self.hang_up()

    def hang_up(self) -> None:
        if self.client:
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.client.close()
            self.client = None

    def accept(self) -> None:
        assert self.listener
        self.listener.settimeout(PATIENCE)
        self.client, _ = self.listener.accept()


@pytest.mark.slow
class TestOverTcp:
    @pytest.fixture
    def server(self) -> Iterator[SerialServer]:
        server = SerialServer()
        server.plug()
        yield server
        server.unplug()

    @pytest.fixture
    def reader(self, server: SerialServer) -> Iterator[SerialReader]:
        settings = SerialSettings(port=f"socket://127.0.0.1:{server.port}")
        reader = SerialReader(settings, "front/main", pace=BRISK)
        yield reader
        reader.stop()

    def test_reads_and_survives_a_power_cut_at_the_far_end(
        self, server: SerialServer, reader: SerialReader
    ) -> None:
        heard = Heard()
        reader.start(heard.tell)

        for card in ("0008075634", "0012345678"):
            server.accept()
            assert heard.next_health() == (True, "")
            assert server.client
            server.client.sendall(card.encode() + b"\r\n")
            assert heard.next_text() == card
            server.unplug()
            assert not heard.next_health()[0]
            server.plug()

    def test_a_server_that_hangs_up_on_us_is_not_called_healthy(self, server: SerialServer) -> None:
        settings = SerialSettings(port=f"socket://127.0.0.1:{server.port}")
        waits = Pace(read=PATIENCE, first=0.01, longest=0.02)
        reader = SerialReader(settings, "front/main", pace=waits)
        heard = Heard()
        reader.start(heard.tell)
        for _ in range(2):
            server.accept()
            server.hang_up()

        server.accept()
        assert server.client
        until_read(server.client.sendall, heard)
        server.unplug()
        reader.stop()

        assert heard.next_health()[0] is False
        assert heard.next_health() == (True, "")

    def test_asks_the_kernel_to_notice_a_silent_death(
        self, server: SerialServer, reader: SerialReader
    ) -> None:
        heard = Heard()
        reader.start(heard.tell)
        server.accept()
        heard.next_health()

        watched = [
            line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            for line in connections_to(server.port)
        ]
        assert watched == [1]


def connections_to(port: int) -> Iterator[socket.socket]:
    """Our own ends of TCP connections to this port."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):
            if not entry.is_socket():
                continue
            with socket.socket(fileno=os.dup(int(entry.name))) as line:
                if line.family == socket.AF_INET and line.getpeername()[1] == port:
                    yield line
