"""Keys → PINs. Pure; PINs are never shown."""

from dataclasses import dataclass

LONGEST = 12  # digits
BETWEEN_KEYS = 5.0  # seconds; after that a PIN begins anew


@dataclass(slots=True)
class Keypad:
    """One keypad. `#` ends a PIN, `*` begins it anew; instants are of the boottime clock."""

    _digits: str = ""
    _pressed: float = 0.0

    def feed(self, keys: str, at: float) -> list[str]:
        """The PINs that these keys complete. One that is too long is nobody's and comes as ""."""
        if at - self._pressed > BETWEEN_KEYS:
            self._digits = ""
        self._pressed = at
        done = []
        for key in keys:
            if key == "#":
                if self._digits:
                    done.append(self._digits if len(self._digits) <= LONGEST else "")
                self._digits = ""
            elif key == "*":
                self._digits = ""
            elif key.isdigit() and key.isascii():
                self._digits = (self._digits + key)[: LONGEST + 1]
        return done


def meant_under_duress(pin: str) -> str:
    """The PIN of whoever is forced to type this one: its last digit is one less."""
    return f"{pin[:-1]}{(int(pin[-1]) - 1) % 10}" if pin else ""
