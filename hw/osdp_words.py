"""What is wrong with an OSDP device, in words for whoever installs or runs the door."""

from hw.line_faults import cause
from hw.osdp_settings import OsdpPlace
from hw.osdp_station import State, Trouble
from hw.serial_ports import present_ports


def explained(part: str, place: OsdpPlace, state: State, meanwhile: str) -> str:
    """`part`: "reader front/main"; `meanwhile`: what does not work until then."""
    why, remedy = _cause(place, state, part.rpartition(" ")[2])
    return (
        f"{part}: {why}. {meanwhile}; all else goes on, and it is tried again by itself. "
        f"To do: {remedy}."
    )


def _cause(place: OsdpPlace, state: State, name: str) -> tuple[str, str]:
    device = f"the OSDP device of address {place.address} at {place.port}"
    if state.trouble is Trouble.PORT:
        what, remedy = cause(place.port, state.error or OSError("is lost"), present_ports())
        return f"{place.port} {what}", remedy
    if state.trouble is Trouble.NO_KEY:
        return f"{state.error}", f"pair it: doorward osdp pair {name}"
    why, remedy = _CAUSES[state.trouble]
    return f"{device} {why}", remedy.format(name=name)


_CAUSES = {
    Trouble.NONE: ("works", "nothing"),
    Trouble.SILENT: (
        "does not answer",
        "check its power, the wires A and B (exchanged?), its address and its baud",
    ),
    Trouble.GARBLED: (
        "cannot be understood: something answers, but no whole frame comes through",
        "see that no other has its address, that baud is right, and that the line is terminated",
    ),
    Trouble.PLAIN: (
        "offers no secure channel, so it is refused: whoever gets at its wires could open the door",
        "switch its secure channel on, or take a reader that has one",
    ),
    Trouble.KEY: (
        "does not prove that it has our key: it was reset or exchanged, or two have this address",
        "if it is the right one, and alone, pair it: doorward osdp pair {name} --again",
    ),
}
