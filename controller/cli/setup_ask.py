"""The wizard's questions: each with a line of help and a default. Plain lines, for any terminal."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from controller.cli.output import plain
from controller.config import BAD_ID, ID

Check = Callable[[str], str]  # why an answer will not do, or ""
ID_RULE = "It stands in the configuration and in commands: a-z, 0-9, _ and -."


def id_problem(given: str) -> str:
    return "" if ID.fullmatch(given) else f"{given!r} {BAD_ID}"


class Asking:
    """A `hw_person.Person` besides. Every question may raise `click.Abort` (Ctrl-C, Ctrl-D)."""

    def say(self, text: str) -> None:
        click.echo(plain(text))

    def title(self, text: str) -> None:
        click.echo(f"\n{click.style(plain(text), bold=True)}")

    def words(self, question: str, help_: str, default: str, check: Check = lambda _: "") -> str:
        """A line of text, asked again until `check` is content."""
        while True:
            self._help(help_)
            given = str(
                click.prompt(plain(question), default=default, show_default=bool(default), type=str)
            ).strip()
            if not (why := check(given)):
                return given
            self.say(f"That will not do: {why}")

    def secret(self, question: str, help_: str) -> str:
        """Not shown while it is typed; "" for none."""
        self._help(help_)
        return str(
            click.prompt(plain(question), default="", hide_input=True, show_default=False)
        ).strip()

    def choice(self, question: str, help_: str, options: Sequence[str], default: int = 1) -> int:
        """The number of one of them, from 1."""
        self._help(help_)
        for number, option in enumerate(options, 1):
            self.say(f"  {number}. {option}")
        return int(
            click.prompt(plain(question), default=default, type=click.IntRange(1, len(options)))
        )

    def yes(self, question: str, help_: str, *, default: bool) -> bool:
        self._help(help_)
        return click.confirm(plain(question), default=default)

    # As a `Person`.

    def consents(self, question: str) -> bool:
        return click.confirm(plain(question), default=False)

    def saw(self, question: str) -> bool | None:
        return click.confirm(plain(question), default=True)

    def ask(self, question: str) -> str:
        answer: Any = click.prompt(plain(question), default="", show_default=False)
        return str(answer).strip()

    def _help(self, text: str) -> None:
        if text:
            click.echo(click.style(f"  {plain(text)}", dim=True))
