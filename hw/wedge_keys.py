"""Keys of a keyboard → what a reader typed. Pure; what is not exactly right is refused.

Codes: linux/input-event-codes.h. A keyboard sends places, not characters: which character stands
at a place is the layout that the reader was set to.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from hw.input_events import EV_KEY, EV_SYN, PRESSED, RELEASED, SYN_DROPPED, SYN_REPORT, Event

LONGEST = 64  # characters
SILENCE = 0.5  # seconds without a key: what was typed so far is over

ENTERS = {28, 96, 101}  # Enter, that of the keypad, line feed
SHIFTS = {42, 54}
CAPS_LOCK, NUM_LOCK = 58, 69
OTHER_MODIFIERS = {29, 97, 56, 100, 125, 126}  # Ctrl, Alt, AltGr, Meta
KEYPAD = dict(zip((71, 72, 73, 75, 76, 77, 79, 80, 81, 82), "7894561230", strict=True))
SIGNS = {55: "*", 74: "-", 78: "+", 83: ".", 98: "/", 57: " "}  # around the keypad; the space bar
# Where the rows begin; then the keys beside Enter, beside the left shift, and left of 1.
BEGINS = (2, 16, 30, 44, 43, 86, 41)
# What stands there, plain and with shift. Of what is no ASCII no card is made.
ROWS = {
    "us": (
        "1234567890-= qwertyuiop[] asdfghjkl;' zxcvbnm,./ \\ < `",
        '!@#$%^&*()_+ QWERTYUIOP{} ASDFGHJKL:" ZXCVBNM<>? | > ~',
    ),
    "uk": (
        "1234567890-= qwertyuiop[] asdfghjkl;' zxcvbnm,./ # \\ `",
        '!"£$%^&*()_+ QWERTYUIOP{} ASDFGHJKL:@ ZXCVBNM<>? ~ | ¬',
    ),
    "de": (
        "1234567890ß´ qwertzuiopü+ asdfghjklöä yxcvbnm,.- # < ^",
        "!\"§$%&/()=?` QWERTZUIOPÜ* ASDFGHJKLÖÄ YXCVBNM;:_ ' > °",
    ),
    "fr": (
        "&é\"'(-è_çà)= azertyuiop^$ qsdfghjklmù wxcvbn,;:! * < ²",
        "1234567890°+ AZERTYUIOP¨£ QSDFGHJKLM% WXCVBN?./§ µ > ·",
    ),
}


def _placed(plain: str, shifted: str) -> dict[int, tuple[str, str]]:
    keys = {code: (sign, sign) for code, sign in (KEYPAD | SIGNS).items()}
    for begin, low, high in zip(BEGINS, plain.split(), shifted.split(), strict=True):
        keys |= enumerate(zip(low, high, strict=True), start=begin)
    return keys


LAYOUTS = {name: _placed(*rows) for name, rows in ROWS.items()}  # code → plain, with shift


class Typed(NamedTuple):
    """What was typed before Enter, or why it is refused; `raw`: as far as it can be shown.

    Both may be a card number: never log them.
    """

    text: str
    refused: str = ""
    raw: str = ""
    at: float = 0.0  # of the last key, in seconds


@dataclass(slots=True)
class Typist:
    """One keyboard from the moment it was opened. Feed it every event, in order.

    `silence` is to be called when nothing came for `SILENCE` while it is `typing`.
    """

    layout: str
    _text: str = field(default="", repr=False)
    _why: str = ""  # this line is refused
    _told: bool = False  # and that was said: it is too long
    _held: set[int] = field(default_factory=set)
    _caps: bool = False
    _dropped: bool = False  # until the next report nothing can be believed
    _at: float = 0.0

    @property
    def typing(self) -> bool:
        return bool(self._text or self._why)

    def feed(self, event: Event) -> list[Typed]:
        if event.kind == EV_SYN:
            self._synchronise(event)
        if event.kind != EV_KEY or self._dropped:
            return []
        paused = self.typing and event.at - self._at > SILENCE
        typed = self.silence() if paused else []
        if event.value == RELEASED:
            self._held.discard(event.code)
        elif event.value == PRESSED:
            self._at = event.at
            typed += self._press(event.code)
        return typed

    def silence(self) -> list[Typed]:
        why = f"no Enter within {SILENCE:g} s: let the reader send Enter after the number"
        return self._end(self._why or why) if self.typing else []

    def _synchronise(self, event: Event) -> None:
        if event.code == SYN_DROPPED:
            self._dropped, self._at = True, event.at
            self._held.clear()
            self._why = self._why or "the kernel dropped keys: the machine is overloaded"
        elif event.code == SYN_REPORT:
            self._dropped = False

    def _press(self, code: int) -> list[Typed]:
        self._held.add(code)
        if code in ENTERS:
            return self._end(self._why) if self.typing else []
        if code == CAPS_LOCK:
            self._caps = not self._caps
        elif code not in SHIFTS and code not in OTHER_MODIFIERS and code != NUM_LOCK:
            return self._type(code)
        return []

    def _type(self, code: int) -> list[Typed]:
        character = self._character(code)
        if len(self._text) < LONGEST:
            self._text += character or f"<{code}>"
        elif not self._told:
            self._told = True
            self._why = f"more than {LONGEST} characters without Enter"
            return [Typed("", self._why, self._text, self._at)]
        if self._held & OTHER_MODIFIERS:
            self._why = self._why or "Ctrl or Alt is held: set the reader to send plain keys"
        elif not character.isascii() or not character:
            what = repr(character) if character else f"key {code}"
            self._why = self._why or f"{what} is in no card number: is layout the reader's own?"
        return []

    def _character(self, code: int) -> str:
        plain, shifted = LAYOUTS[self.layout].get(code, ("", ""))
        shift = bool(self._held & SHIFTS)
        # As Windows does it, which readers are made for: on AZERTY it turns the digits as well.
        locks = plain.isalpha() or (
            self.layout == "fr" and shifted.isdigit() and code not in KEYPAD
        )
        return shifted if shift is not (self._caps and locks) else plain

    def _end(self, why: str) -> list[Typed]:
        text, told = self._text, self._told
        self._text, self._why, self._told = "", "", False
        if not why and not any(map(str.isalnum, text)):
            why = "signs only, no digit and no letter: is layout the reader's own?"
        if told:
            return []
        return [Typed("" if why else text, why, text, self._at)]
