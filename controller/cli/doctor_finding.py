"""One line of `doorward doctor`."""

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """YELLOW: nobody can tell, or not whoever asks."""

    GREEN = "green"
    RED = "red"
    YELLOW = "yellow"


class Finding(NamedTuple):
    """`next`: what to type, or where to look."""

    part: str
    state: State
    said: str
    next: str = ""


def good(part: str, said: str) -> Finding:
    return Finding(part, State.GREEN, said)


def bad(part: str, said: str, then: str) -> Finding:
    return Finding(part, State.RED, said, then)


def unsure(part: str, said: str, then: str = "") -> Finding:
    return Finding(part, State.YELLOW, said, then)
