"""The technician in front of the screen: what is said to them, and what they answer."""

import sys
from pathlib import Path
from typing import Protocol

import click

from controller.cli.output import plain
from controller.errors import DoorwardError

_WORDS = {"y": True, "yes": True, "j": True, "n": False, "no": False, "": False}


class NoAnswer(DoorwardError):
    """Nobody is there to answer, or the answers have run out."""


class Person(Protocol):
    """A technician. Questions may raise `NoAnswer`."""

    def say(self, text: str) -> None: ...

    def consents(self, question: str) -> bool:
        """May this be done?"""

    def saw(self, question: str) -> bool | None:
        """Did it happen? None where nobody is to be asked."""

    def ask(self, question: str) -> str:
        """A word, "" for none."""


class AtTerminal:
    """Questions on standard output, answers from standard input; with `yes` none is asked."""

    def __init__(self, *, yes: bool = False, instead: str = "") -> None:
        """`instead`: what else can be done where nobody can answer."""
        self._yes, self._instead = yes, instead

    def say(self, text: str) -> None:
        click.echo(plain(text))

    def consents(self, question: str) -> bool:
        return self._yes or self._decided(question)

    def saw(self, question: str) -> bool | None:
        return None if self._yes else self._decided(question)

    def ask(self, question: str) -> str:
        return "" if self._yes else self._answer(question)

    def _decided(self, question: str) -> bool:
        while True:
            answer = self._answer(f"{question} [y/N]").casefold()
            if answer in _WORDS:
                return _WORDS[answer]
            self.say("Please answer y or n.")

    def _answer(self, question: str) -> str:
        click.echo(f"{plain(question)} ", nl=False)
        line = sys.stdin.readline()
        if line:
            return line.strip()
        click.echo("")
        raise NoAnswer(
            f"there is no answer to read: do this in a terminal (ssh -t …){self._instead}"
        )


def checked_file(path: Path | None) -> None:
    """`DoorwardError` now rather than when all is done, if nothing can be written there."""
    if path is None:
        return
    try:
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise DoorwardError(
            f"{path} cannot be written ({error.strerror}); name another by --protocol"
        ) from error
