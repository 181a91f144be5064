"""Acting on simulated devices from outside: what `doorward sim` does at a door."""

from collections.abc import Mapping
from typing import Any, TypeVar

from controller.errors import ConfigError
from hw.sim import SimIndicator, SimInput, SimLock, SimReader

ACTS = (
    *("scan", "type", "open", "close", "press", "release", "unplug", "plug"),
    *("tamper", "untamper", "fire", "extinguish", "state"),
)
_Device = TypeVar("_Device", SimReader, SimInput)
_INPUTS = {
    "open": ("contact", True),
    "close": ("contact", False),
    "press": ("exit_button", True),
    "release": ("exit_button", False),
    "tamper": ("tamper", True),
    "untamper": ("tamper", False),
    "fire": ("fire", True),
    "extinguish": ("fire", False),
}


def play(devices: Mapping[str, object], act: str, text: str = "") -> dict[str, Any]:
    """Do one act of ACTS; returns the state of every simulated device by its name.

    `devices` are a door's by part; `text` is the card to scan or the keys to type, or `READER=CARD`
    where a door has several readers. ConfigError if the door has no such simulated device.
    """
    if act in _INPUTS:
        part, active = _INPUTS[act]
        _one(devices, part, SimInput).set(active)
    elif act in ("scan", "type", "unplug", "plug"):
        _on_reader(devices, act, text)
    elif act != "state":
        raise ConfigError(f"{act!r} cannot be simulated; there are: {', '.join(ACTS)}")
    simulated = SimReader | SimInput | SimLock | SimIndicator
    return {part: d.state() for part, d in devices.items() if isinstance(d, simulated)}


def _on_reader(devices: Mapping[str, object], act: str, text: str) -> None:
    name, equals, card = text.partition("=")
    readers = [part for part, device in devices.items() if isinstance(device, SimReader)]
    if not equals or name not in devices:
        name, card = readers[0] if readers else "a reader", text
    reader = _one(devices, name, SimReader)
    if act == "scan":
        if not card:
            raise ConfigError("say which card to scan, e.g. doorward sim scan front 04A1B2C3")
        reader.present(card)
    elif act == "type":
        reader.press(card)
    elif act == "unplug":
        reader.unplug()
    else:
        reader.plug()


def _one(devices: Mapping[str, object], part: str, kind: type[_Device]) -> _Device:
    device = devices.get(part)
    if not isinstance(device, kind):
        raise ConfigError(f'{part} is not simulated at this door; set driver = "sim" for it')
    return device
