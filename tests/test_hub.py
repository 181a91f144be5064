"""A USB hub that drops everything at once: all readers say so, all come back, no card is made."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from controller.ports import Reader
from hw.pn532_reader import Pn532Reader, Pn532Settings
from hw.reader_loop import Again
from hw.serial_reader import SerialReader, SerialSettings
from hw.wedge_reader import WedgeReader, WedgeSettings
from tests.contract_hw import Heard
from tests.pn532s import SerialChip
from tests.serials import BRISK, Cable, plugged
from tests.wedges import Wedge, stroke

AGAIN = Again(first=0.01, longest=0.02)
RDM6300 = b"\x026F007B39725F\x03"


@dataclass
class Hub:
    """Four readers at one hub, and what each tells."""

    lines: Cable
    stx: Cable
    wedge: Wedge
    chip: SerialChip
    heard: list[Heard] = field(default_factory=list)

    def readers(self) -> Iterator[Reader]:
        lines = SerialSettings(port=str(self.lines.near))
        stx = SerialSettings(port=str(self.stx.near), framing="stx")
        wedge = WedgeSettings(device="FFFF:0035")
        chip = Pn532Settings(port=str(self.chip.path), every=0.02)
        yield SerialReader(lines, "front/lines", pace=BRISK)
        yield SerialReader(stx, "front/stx", pace=BRISK)
        yield WedgeReader(wedge, "front/wedge", open_device=self.wedge.open, again=AGAIN)
        yield Pn532Reader(chip, "front/chip", again=AGAIN)

    def begin_frames(self) -> None:
        """Half of what each reader would send."""
        self.lines.send(b"00080")
        self.stx.send(RDM6300[:7])
        self.wedge.send([*stroke(2), *stroke(3)])

    def drop(self) -> None:
        self._each(lambda device: device.unplug())

    def come_back(self) -> None:
        self._each(lambda device: device.plug())

    def present(self) -> None:
        self.lines.send(b"0008075634\r\n")
        self.stx.send(RDM6300)
        self.wedge.type("0008075634")
        self.chip.present("04A1B2C3D4E5F6")

    def healths(self) -> list[bool]:
        return [heard.next_health()[0] for heard in self.heard]

    def _each(self, do: Callable[[Cable | Wedge | SerialChip], None]) -> None:
        for device in (self.lines, self.stx, self.wedge, self.chip):
            do(device)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with ExitStack() as stack:
        lines = stack.enter_context(plugged(tmp_path / "lines"))
        stx = stack.enter_context(plugged(tmp_path / "stx"))
        hub = Hub(lines, stx, Wedge(), SerialChip(tmp_path / "pn532"))
        stack.callback(hub.chip.unplug)
        stack.callback(hub.wedge.unplug)
        for reader in hub.readers():
            hub.heard.append(Heard())
            stack.callback(reader.stop)
            reader.start(hub.heard[-1].tell)
        yield hub


def test_all_readers_are_lost_at_once_and_come_back_by_themselves(hub: Hub) -> None:
    assert hub.healths() == [True] * 4
    for _ in range(3):
        hub.begin_frames()
        hub.drop()
        assert hub.healths() == [False] * 4
        hub.come_back()
        assert hub.healths() == [True] * 4

        hub.present()

        got = [heard.next_text() for heard in hub.heard]
        assert got == ["0008075634", "6F007B3972", "0008075634", "04A1B2C3D4E5F6"]
    assert all(heard.texts.empty() for heard in hub.heard)
