"""The two ways to a lesson: at a configured door, or at a serial port that no door uses."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from controller.cli.hw_hands import hands_at
from controller.cli.hw_learn import MOVES, Lesson, found_formats
from controller.cli.hw_list import stanzas
from controller.cli.hw_person import AtTerminal, Person
from controller.cli.hw_screen import ears_of, machine_clock, say_how
from controller.cli.hw_words import as_toml, card_settings
from controller.cli.output import lasting
from controller.cli.reach import clock_of, configured, known_door
from controller.errors import HardwareError
from hw.serial_tap import judge, tapped

if TYPE_CHECKING:
    from controller.config import Config

_ABOUT = 300.0  # seconds that a lesson takes


def learn_door(
    context: click.Context,
    door: str | None,
    printed: str | None,
    patience: float,
    lines: list[str],
) -> None:
    config = configured(context)
    name = _only_door(config) if door is None else known_door(config, door)
    person, ears = AtTerminal(), ears_of(clock_of(config))
    tables = {part: table for part, _, table in stanzas(config, name)}
    readers = config.doors[name].readers
    number = person.ask("Number printed on the card (Enter: none):") if printed is None else printed
    with hands_at(context, [name], ears, seconds=_ABOUT) as hands:
        say_how(context, hands)
        ears.forget()
        lesson = Lesson(name, tables, readers, ears, person, patience, lines)
        steps = [partial(lesson.read, number)]
        steps += [partial(lesson.move, part) for part in MOVES if part in tables]
        _all_of(steps, person)


def _all_of(steps: Sequence[Callable[[], None]], person: Person) -> None:
    """One that fails keeps no other from being done."""
    failed = 0
    for step in steps:
        try:
            step()
        except HardwareError as error:
            failed += 1
            person.say(f"  → {error}")
    if failed:
        raise HardwareError(f"{failed} of {len(steps)} things were not learnt: see above")


def learn_port(
    port: str, baud: int, printed: str | None, patience: float, lines: list[str]
) -> None:
    person, clock = AtTerminal(), machine_clock()
    number = person.ask("Number printed on the card (Enter: none):") if printed is None else printed
    why = "nothing came; check power and wiring"
    with tapped(port, baud) as tap:
        person.say(f"Hold the card to the reader at {port}.")
        end = clock.monotonic() + patience
        while clock.monotonic() < end:
            judged = judge(burst) if (burst := tap.burst()) else None
            if judged and judged.texts:
                break
            why = judged.why if judged else why
        else:
            raise HardwareError(f"{port}: no card within {lasting(patience)}: {why}")
    person.say(f"  framing {judged.framing}: {judged.texts[0]}  {judged.why}".rstrip())
    lines += ['driver = "serial"', f"port = {as_toml(port)}", *judged.settings.splitlines()]
    if baud != 9600:
        lines.append(f"baud = {baud}")
    for card in found_formats(judged.texts[0], number, person)[:1]:
        lines.append(f"card = {as_toml(card_settings(card))}")


def _only_door(config: "Config") -> str:
    if len(config.doors) > 1:
        raise click.UsageError(f"say which door: {', '.join(config.doors)}")
    return next(iter(config.doors))
