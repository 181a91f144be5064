"""`doorward hw test` from its beginning to the protocol, whatever ends it."""

import platform
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, get_args

import click

from controller.cli.hw_bench import Bench, Outcome, Step
from controller.cli.hw_ears import Ears, Hands
from controller.cli.hw_hands import hands_at
from controller.cli.hw_list import stanzas
from controller.cli.hw_person import AtTerminal, NoAnswer, Person
from controller.cli.hw_screen import ears_of, say_how
from controller.cli.hw_words import where
from controller.cli.output import local
from controller.cli.reach import clock_of, own_name
from controller.cli.signals import ended_by_signals
from controller.errors import DoorwardError

if TYPE_CHECKING:
    from controller.config import Config

_ABOUT = 300.0  # seconds that a test takes
_UNASKED = ", or with --yes, which asks nothing and unlocks the door"


def tested(
    context: click.Context, config: "Config", door: str, *, yes: bool, patience: float
) -> tuple[list[str], int]:
    """The protocol's lines and the exit code; whatever ends the test, what was done is in them."""
    clock = clock_of(config)
    ears, ended, code = ears_of(clock), "", 0
    head = _head(config, door, clock.wall())
    bench: Bench | None = None
    try:
        there = hands_at(context, [door], ears, lock=True, seconds=_ABOUT)
        with ended_by_signals(), there as hands:
            say_how(context, hands)
            head["way"] = hands[door].how
            person = AtTerminal(yes=yes, instead=_UNASKED)
            bench = _bench(config, door, hands[door], ears, person, patience)
            bench.run()
    except KeyboardInterrupt:
        ended, code = "interrupted", 130
    except NoAnswer as error:
        ended, code = str(error), 1
    except DoorwardError as error:
        if bench is None:
            raise
        ended, code = str(error), error.exit_code
    steps = bench.steps if bench else []
    failed = any(step.outcome == "failed" for step in steps)
    return list(protocol(head, steps, ended=ended)), code or int(failed)


def _bench(
    config: "Config", door: str, hands: Hands, ears: Ears, person: Person, patience: float
) -> Bench:
    devices = {part: where(kind, table) for part, kind, table in stanzas(config, door)}
    readers = config.doors[door].readers
    wait = threading.Event().wait
    return Bench(door, devices, readers, hands, ears, person, wait, patience)


def _head(config: "Config", door: str, at: float) -> dict[str, str]:
    name = config.doors[door].name
    return {
        "protocol": f"test of door {door}" + (f" ({name})" if name != door else ""),
        "date": local(at),
        "machine": f"{platform.node()}, doorward {version('doorward')}",
        "configuration": str(config.path),
        "by": own_name(),
    }


def protocol(head: Mapping[str, str], steps: Sequence[Step], *, ended: str = "") -> Iterator[str]:
    """The lines to keep; `ended`: why it was not finished."""
    width = max(map(len, head))
    yield from (f"{name:{width}}  {value}" for name, value in head.items())
    yield ""
    for number, step in enumerate(steps, 1):
        device = f" ({step.device})" if step.device else ""
        yield f"{number:2}. {step.outcome:7}  {step.part}{device}: {step.seen}"
    if ended:
        yield f"    ENDED EARLY: {ended}; what is not listed was not tried"
    yield ""
    count = {word: sum(step.outcome == word for step in steps) for word in get_args(Outcome)}
    yield "Result: " + ", ".join(f"{number} {word}" for word, number in count.items())
