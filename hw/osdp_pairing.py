"""Gives an OSDP device its key: for an operator who stands beside it, never for the controller.

A device in install mode takes a key over a channel under the default key (SCBK-D), which stands in
the standard: whoever listens on the wires at that moment learns the new key.
"""

import errno
from collections.abc import Callable
from contextlib import closing

from osdp import Capability, Command

from controller.errors import HardwareError
from hw.line_faults import cause
from hw.osdp_line import Line
from hw.osdp_panel import Panel, completed, seed, went_offline
from hw.osdp_settings import OsdpPlace
from hw.reader_loop import monotonic
from hw.serial_ports import present_ports

PROOF = 5.0  # seconds in which a device that has its key must show that it has
REFUSALS = 2  # a first one may be noise
RESPITE = 0.3  # seconds until a device that gave up is greeted again
STOP = "stop the controller first: systemctl stop doorward-controller"


class Pairing:
    """Holds the line, which nobody else may have meanwhile; HardwareError if somebody does."""

    def __init__(self, place: OsdpPlace, clock: Callable[[], float] = monotonic) -> None:
        self._place, self._clock = place, clock
        self._line = Line(place.port, place.baud, clock)
        self._answered = False
        if not self._line.open():
            error = self._line.fault or OSError("it cannot be opened")
            self.close()
            raise HardwareError(_unusable(place.port, error))

    def close(self) -> None:
        self._line.dispose()

    def give(self, fresh: bytes, known: bytes | None, seconds: float) -> None:
        """Put the key into the device: over a channel under its `known` key, else in install mode.

        Returns when the device has proven that it has the fresh one; HardwareError if it has not.
        """
        until = self._clock() + seconds
        if not (known and self._renewed(fresh, known, until)):
            self._installed(fresh, until)
        with closing(self._panel(fresh)) as panel:
            if not self._secure(panel, self._clock() + PROOF):
                raise HardwareError(
                    f"{self._where} took the key and does not use it; pair it once more"
                )

    @property
    def _where(self) -> str:
        return f"the OSDP device of address {self._place.address} at {self._place.port}"

    def _panel(self, key: bytes, *, enforce: bool = True) -> Panel:
        seed()
        return Panel(self._line, [(self._place.address, key)], enforce=enforce)

    def _renewed(self, fresh: bytes, known: bytes, until: float) -> bool:
        """False if it does not have the key that we know, which may as well be the fresh one."""
        address = self._place.address
        with closing(self._panel(known)) as panel:
            if not self._secure(panel, min(until, self._clock() + PROOF), REFUSALS):
                return False
            panel.submit(address, {"command": Command.Keyset, "type": 1, "data": fresh})
            while self._clock() < until:
                self._turn(panel)
                answers = [completed(event) for event in panel.events(address)]
                if True in answers or False in answers:
                    return True in answers
        return False

    def _installed(self, fresh: bytes, until: float) -> None:
        address = self._place.address
        with closing(self._panel(fresh, enforce=False)) as panel:
            if self._secure(panel, until):
                return
            level, _ = panel.capability(address, Capability.CommunicationSecurity)
        if not self._answered:
            raise HardwareError(
                f"{self._where} did not answer. Check its power, the wires A and B (exchanged?), "
                "its address and its baud; then pair it again"
            )
        if not level & 1:
            raise HardwareError(f"{self._where} offers no secure channel; it cannot be used")
        raise HardwareError(
            f"{self._where} answers, and takes neither our key nor the default one: "
            "it has another. Put it into install mode, or reset it (its manual says how); "
            "then pair it again"
        )

    def _secure(self, panel: Panel, until: float, refusals: int | None = None) -> bool:
        """Wait until it has proven its key; whenever libosdp gives it up it is greeted again.

        Not after so many `refusals`.
        """
        address, again, given_up = self._place.address, 0.0, 0
        while self._clock() < until:
            self._turn(panel)
            if panel.secure(address):
                return True
            if any(went_offline(event) for event in panel.events(address)):
                given_up += self._answered
                if given_up == refusals:
                    return False
                panel.disable(address)
                again = self._clock() + RESPITE
            elif not panel.enabled(address) and self._clock() >= again:
                panel.enable(address)
        return False

    def _turn(self, panel: Panel) -> None:
        replies = self._line.listen(0.01)
        self._answered |= any(reply.address == self._place.address for reply in replies)
        panel.refresh()
        panel.refresh()
        if self._line.fault:
            raise HardwareError(_unusable(self._place.port, self._line.fault))


def _unusable(port: str, error: Exception) -> str:
    what, remedy = cause(port, error, present_ports())
    args = [*error.args, *(error.__context__.args if error.__context__ else ())]
    if errno.EAGAIN in args or errno.EBUSY in args:
        remedy = STOP
    return f"{port} {what}. To do: {remedy}"
