"""GPIO without metal: gpiozero's mock pins, at circuits that hold their level and can break."""

import queue
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin


class Pin(MockPin):  # type: ignore[misc]  # gpiozero is untyped
    """A pin that tells each level it is given, keeps that of its circuit, and can break."""

    def __init__(self, *args: Any) -> None:
        self.levels: queue.Queue[bool] = queue.Queue()
        self.broken = False
        super().__init__(*args)

    def close(self) -> None:
        if not self.broken:
            super().close()

    def move(self, high: bool) -> None:
        """The circuit at an input takes that level."""
        self.drive_high() if high else self.drive_low()

    def move_unseen(self, high: bool) -> None:
        """The same, and the edge gets lost."""
        self._change_state(high)

    def history(self) -> list[bool]:
        """The level it was found at, and every change since."""
        return [change.state for change in self.states]

    def _set_pull(self, value: str) -> None:
        self._pull = value

    def _get_state(self) -> bool:
        self._answer()
        return bool(super()._get_state())

    def _set_state(self, value: bool) -> None:
        self._answer()
        super()._set_state(value)
        self.levels.put(bool(value))

    def _answer(self) -> None:
        if self.broken:
            raise OSError("the chip does not answer")


class Board(MockFactory):  # type: ignore[misc]
    """Pins of one chip, which a driver takes as its `pins`."""

    def __init__(self) -> None:
        super().__init__(pin_class=Pin)
        self.asked: list[str] = []

    def __call__(self, chip: str) -> "Board":
        self.asked.append(chip)
        return self
