"""A reader that pretends to be a keyboard: the kernel's own event bytes over a pipe.

What needs a real input device (grabbing it, its stamps) is tried in an emulated machine.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from controller.errors import HardwareError
from controller.model import Strength
from controller.ports import Card
from hw.input_events import EVENT, Keyboard, grabbed, keyboards
from hw.reader_loop import Again
from hw.wedge_reader import WedgeReader, WedgeSettings, found, opened
from tests.contract_hw import PATIENCE, Heard, ReaderContract, ReaderRig
from tests.wedges import ENTER, TAB, Wedge, stroke, typed

BRISK = Again(first=0.01, longest=0.02)
SETTINGS = WedgeSettings(device="/dev/input/by-id/usb-Sycreader-event-kbd")


@pytest.fixture
def wedge() -> Iterator[Wedge]:
    wedge = Wedge()
    yield wedge
    wedge.unplug()


@pytest.fixture
def rig(wedge: Wedge) -> Iterator[ReaderRig]:
    reader = WedgeReader(SETTINGS, "front/main", open_device=wedge.open, again=BRISK)
    yield ReaderRig(reader, wedge.type, wedge.unplug, wedge.plug)
    reader.stop()


@pytest.fixture
def heard(rig: ReaderRig) -> Heard:
    return rig.start_healthy()


class TestContract(ReaderContract):
    pass


class TestReader:
    def test_a_card_is_weak(self, wedge: Wedge, heard: Heard) -> None:
        wedge.type("0008075634")
        told = heard.cards.get(timeout=PATIENCE)
        assert told == Card("0008075634", Strength.WEAK, "0008075634")

    def test_half_an_event_is_waited_for(self, wedge: Wedge, heard: Heard) -> None:
        sent = b"".join(EVENT.pack(int(time.monotonic()), 0, *each) for each in typed("0008075634"))
        for begin in range(0, len(sent), 7):
            os.write(wedge.far, sent[begin : begin + 7])
        assert heard.next_text() == "0008075634"

    def test_a_number_without_enter_is_refused_after_a_silence(
        self, wedge: Wedge, heard: Heard
    ) -> None:
        wedge.send(stroke(2))
        assert "no Enter" in heard.refused.get(timeout=PATIENCE).why
        wedge.type("4711")
        assert heard.next_text() == "4711"

    def test_what_was_typed_long_ago_opens_nothing(self, wedge: Wedge, heard: Heard) -> None:
        wedge.send(typed("4711"), ago=5.0)
        assert "busy or asleep" in heard.refused.get(timeout=PATIENCE).why
        assert heard.texts.empty()

    def test_a_number_is_never_logged(self, wedge: Wedge, rig: ReaderRig) -> None:
        with capture_logs() as logs:
            heard = rig.start_healthy()
            wedge.type("0008075634")
            wedge.send([*stroke(2), *stroke(3), *stroke(TAB), *stroke(ENTER)])
            heard.refused.get(timeout=PATIENCE)
        assert len(logs) == 2
        assert not [log for log in logs if "8075634" in str(log) or "12<" in str(log)]

    def test_the_device_is_closed_before_it_is_opened_again(
        self, wedge: Wedge, heard: Heard
    ) -> None:
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        for _ in range(5):
            wedge.unplug()
            assert not heard.next_health()[0]
            wedge.plug()
            assert heard.next_health()[0]
        assert wedge.opened == 6
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208

    def test_an_outage_is_told_once_however_often_it_is_tried(
        self, wedge: Wedge, heard: Heard
    ) -> None:
        wedge.unplug()
        until = time.monotonic() + PATIENCE
        while wedge.failed < 5:
            assert time.monotonic() < until
        wedge.plug()
        assert [heard.next_health()[0] for _ in range(2)] == [False, True]
        assert heard.healths.empty()

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (errno.EBUSY, "is in use"),
            (errno.EACCES, "into the group input"),
            (errno.ENOENT, "is not there"),
            (errno.ENOTTY, "is no input device"),
        ],
    )
    def test_says_why_it_cannot_be_had_and_what_to_do(
        self, wedge: Wedge, rig: ReaderRig, error: int, words: str
    ) -> None:
        wedge.plugged, wedge.error = False, error
        rig.start()
        ok, why = rig.heard.next_health()
        assert not ok
        assert f"{SETTINGS.device} " in why
        assert words in why
        assert "keyboards here: " in why

    def test_one_that_is_nowhere_is_to_be_plugged_in(self) -> None:
        reader = WedgeReader(WedgeSettings(device="ABCD:0001"), "front/main", again=BRISK)
        heard = Heard()
        reader.start(heard.tell)
        ok, why = heard.next_health()
        reader.stop()
        assert not ok
        assert "no keyboard 'ABCD:0001' is plugged in" in why
        assert "To do: plug it in, or set device to one that is here" in why

    def test_a_file_that_is_no_input_device_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "event0"
        path.write_bytes(b"")
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        with pytest.raises(OSError, match="ioctl"):
            grabbed(str(path))
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def plugged(root: Path, number: int, name: str, ids: str, keys: str) -> None:
    """What the kernel shows of an input device."""
    about = root / "class" / f"event{number}" / "device"
    (about / "capabilities").mkdir(parents=True)
    (about / "id").mkdir()
    (about / "capabilities/key").write_text(f"{keys}\n")
    (about / "name").write_text(f"{name}\n")
    vendor, product = ids.split(":")
    (about / "id/vendor").write_text(f"{vendor}\n")
    (about / "id/product").write_text(f"{product}\n")
    (root / "nodes").mkdir(exist_ok=True)
    (root / "nodes" / f"event{number}").touch()


KEYBOARD = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
MOUSE = "1f0000 0 0 0 0"


class TestFinding:
    @pytest.fixture
    def here(self, tmp_path: Path) -> Callable[[], list[Keyboard]]:
        plugged(tmp_path, 2, "Sycreader USB Reader", "ffff:0035", KEYBOARD)
        plugged(tmp_path, 10, "Keyboard", "1a2c:0e24", KEYBOARD)
        plugged(tmp_path, 3, "Mouse", "1a2c:0e24", MOUSE)
        by_id = tmp_path / "nodes" / "by-id"
        by_id.mkdir()
        (by_id / "usb-Sycreader-event-kbd").symlink_to("../event2")
        return lambda: keyboards(tmp_path / "class", tmp_path / "nodes")

    def test_lists_keyboards_by_their_most_lasting_names(
        self, here: Callable[[], list[Keyboard]], tmp_path: Path
    ) -> None:
        assert here() == [
            Keyboard(
                f"{tmp_path}/nodes/by-id/usb-Sycreader-event-kbd",
                "Sycreader USB Reader",
                "FFFF:0035",
            ),
            Keyboard(f"{tmp_path}/nodes/event10", "Keyboard", "1A2C:0E24"),
        ]

    @pytest.mark.parametrize("wanted", ["ffff:0035", "FFFF:0035", "Sycreader USB Reader"])
    def test_finds_one_by_its_numbers_or_its_name(
        self, here: Callable[[], list[Keyboard]], wanted: str
    ) -> None:
        assert found(wanted, here()).name == "Sycreader USB Reader"

    def test_none_or_several_is_an_error_that_names_what_was_wanted(
        self, here: Callable[[], list[Keyboard]], tmp_path: Path
    ) -> None:
        with pytest.raises(HardwareError, match="no keyboard 'ABCD:0001' is plugged in"):
            found("ABCD:0001", here())
        plugged(tmp_path, 11, "Keyboard", "1a2c:0e24", KEYBOARD)
        with pytest.raises(HardwareError, match="2 keyboards are 'Keyboard'; write the path"):
            found("Keyboard", here())

    def test_one_that_is_just_leaving_is_left_out(
        self, here: Callable[[], list[Keyboard]], tmp_path: Path
    ) -> None:
        (tmp_path / "class/event2/device/name").unlink()
        assert [each.name for each in here()] == ["Keyboard"]

    def test_opening_what_is_not_here_says_so(self) -> None:
        with pytest.raises(HardwareError, match="no keyboard 'ABCD:0001' is plugged in"):
            opened(WedgeSettings(device="ABCD:0001"))
        with pytest.raises(FileNotFoundError):
            opened(WedgeSettings(device="/dev/input/by-id/no-such-reader"))


class TestSettings:
    def test_one_device_is_taken_however_it_is_written(self) -> None:
        places = [
            WedgeSettings(device=device).attached()[0].line for device in ("ffff:0035", "FFFF:0035")
        ]
        assert places == [("input", "FFFF:0035")] * 2

    @pytest.mark.parametrize("keys", [{"device": " "}, {}, {"device": "x", "layout": "dvorak"}])
    def test_what_cannot_work_is_refused(self, keys: dict[str, str]) -> None:
        with pytest.raises(ValidationError):
            WedgeSettings.model_validate(keys)
