"""What goes over the wire to and from a PN532. Pure.

Source: NXP, PN532 User Manual UM0701-02, 6.2 (frames) and 7.3 (commands).
"""

from dataclasses import dataclass, field

ACK = bytes.fromhex("00 00 FF 00 FF 00")
# On a serial line the chip sleeps until it has seen 55; the zeros give it time.
WAKE_UP = bytes.fromhex("55 55 00 00 00 00 00 00 00 00 00 00 00 00 00 00")

SAM_CONFIGURATION = 0x14
RF_CONFIGURATION = 0x32
IN_LIST_PASSIVE_TARGET = 0x4A
NORMAL_MODE = bytes.fromhex("01 00 00")  # no SAM, no time-out, no interrupt line
FEW_RETRIES = bytes.fromhex("05 FF 01 03")  # item 5: look for a card a few times, not for ever
ONE_TYPE_A = bytes.fromhex("01 00")  # one target, 106 kbit/s type A

UID_LENGTHS = (4, 7, 10)
RANDOM = 0x08  # what a UID of four bytes begins with if it was made up (ISO/IEC 14443-3, 6.5.4)

_TO_CHIP, _FROM_CHIP, _FAULT = 0xD4, 0xD5, 0x7F


@dataclass(frozen=True, slots=True)
class Answer:
    """`code`: the command's plus one; 0 for an acknowledgement; `fault`: what came is none."""

    code: int = 0
    data: bytes = field(default=b"", repr=False)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A card in the field: its whole UID, or why it is refused."""

    uid: bytes = field(repr=False)
    refused: str = ""


def command(code: int, data: bytes = b"") -> bytes:
    """The frame of a command with at most 253 bytes of data."""
    return framed(bytes([_TO_CHIP, code]) + data)


def framed(content: bytes) -> bytes:
    """Content (TFI first) between preamble and postamble."""
    length = len(content)
    head = bytes([0, 0, 0xFF, length, -length & 0xFF])
    return head + content + bytes([-sum(content) & 0xFF, 0])


class Answers:
    """Bytes → answers, however the bytes are cut up. What is between frames is skipped."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, chunk: bytes) -> list[Answer]:
        self._bytes += chunk
        answers = []
        while (answer := self._next()) is not None:
            answers.append(answer)
        return answers

    def _next(self) -> Answer | None:
        start = self._bytes.find(b"\x00\xff")
        if start < 0:
            del self._bytes[: max(0, len(self._bytes) - 1)]  # the last one may begin a frame
            return None
        del self._bytes[:start]
        if len(self._bytes) < 4:
            return None
        length, check = self._bytes[2:4]
        if length == 0 and check == 0xFF:
            return self._taken(4, Answer())
        if (length + check) & 0xFF or length < 2:
            return self._unframed(length)
        whole = 4 + length + 1
        if len(self._bytes) < whole:
            return None
        return self._taken(whole, _judged(bytes(self._bytes[4:whole])))

    def _unframed(self, length: int) -> Answer:
        if length == 1:  # D4 or D5 alone says nothing, 7F is the chip's complaint
            why = "the chip did not understand the command"
        else:
            why = "a frame's length is wrong"
        return self._taken(2, Answer(fault=why))

    def _taken(self, count: int, answer: Answer) -> Answer:
        del self._bytes[:count]
        return answer


def target(data: bytes) -> Target | None:
    """The card that InListPassiveTarget found, None if there is none; ValueError: no such answer.

    Number of targets, then Tg, SENS_RES (2), SEL_RES, length of the UID, UID, perhaps ATS.
    """
    if data[:1] == b"\x00":
        return None
    uid = data[6 : 6 + data[5]] if len(data) > 5 else b""
    if not uid or len(uid) != data[5]:
        raise ValueError("the chip's answer about a card is too short")
    if len(uid) not in UID_LENGTHS:
        return Target(uid, f"a UID of {len(uid)} bytes is none: there are 4, 7 and 10")
    if len(uid) == 4 and uid[0] == RANDOM:
        why = "the UID is made up anew each time (a phone, or a card with privacy on)"
        return Target(uid, f"{why}; use a plain card or fob")
    return Target(uid)


def _judged(content: bytes) -> Answer:
    if sum(content) & 0xFF:
        return Answer(fault="a frame's checksum is wrong")
    if content[0] != _FROM_CHIP:
        return Answer(fault="a frame is not from the chip: are TX and RX connected to each other?")
    return Answer(content[1], content[2:-1])
