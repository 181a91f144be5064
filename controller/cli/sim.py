"""`doorward sim`: act on simulated devices, and move the clock of a sandbox."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from controller.cli.doors import last_scan
from controller.cli.inputs import complete_doors, json_option
from controller.cli.output import iso, lasting, local, plain, print_json, print_table
from controller.cli.reach import ask_controller, clock_of, configured, known_door
from controller.errors import ConfigError

if TYPE_CHECKING:
    from controller.config import Config

Command = Callable[..., Any]
_WAITS = "nothing was decided yet: it waits for the PIN and #, or for another person"
_FURTHEST = 100 * 365 * 86_400.0  # seconds by which a simulated clock may be off


@click.group()
def sim() -> None:
    """Act on simulated devices, and move the clock of a sandbox."""


@sim.command()
@click.argument("door", shell_complete=complete_doors)
@click.argument("card")
@click.option("--reader", default="", help="Which reader, if the door has several.")
@json_option
@click.pass_context
def scan(context: click.Context, door: str, card: str, reader: str) -> None:
    """Hold CARD to a reader of DOOR, as the reader would send it."""
    config = configured(context)
    known_door(config, door)
    before = ask_controller(config, "sim", door=door, act="state")["last"]
    text = f"{reader}={card}" if reader else card
    answer = ask_controller(config, "sim", door=door, act="scan", text=text)
    fresh = answer["last"] if answer["last"] != before else None
    if context.obj.json:
        last = fresh and {**fresh, "at": iso(fresh["at"])}
        print_json({"door": door, **_devices(answer), "decided": last})
    elif fresh:
        click.echo(plain(f"{door}: {last_scan(fresh)}"))
    elif answer["waits"]:
        click.echo(f"{door}: {_WAITS}")
    else:
        click.echo(f"{door}: nothing was decided: {_why_not(config, door, reader, card)}")


@sim.command("type")
@click.argument("door", shell_complete=complete_doors)
@click.argument("keys")
@click.option("--reader", default="", help="Which, if there are several.")
@json_option
@click.pass_context
def type_(context: click.Context, door: str, keys: str, reader: str) -> None:
    """Press KEYS (0-9, * and #) at a keypad of DOOR."""
    config = configured(context)
    known_door(config, door)
    text = f"{reader}={keys}" if reader else keys
    answer = ask_controller(config, "sim", door=door, act="type", text=text)
    if context.obj.json:
        print_json({"door": door, **_devices(answer)})
    else:
        click.echo(plain(f"{door}: {_WAITS if answer['waits'] else last_scan(answer['last'])}"))


def _act(name: str, words: str, *, at_reader: bool = False) -> None:
    """Add the command for one act at a door."""

    def act(context: click.Context, door: str, reader: str = "") -> None:
        config = configured(context)
        known_door(config, door)
        text = f"{reader}=" if reader else ""
        answer = ask_controller(config, "sim", door=door, act=name, text=text)
        if context.obj.json:
            print_json({"door": door, **_devices(answer)})
        else:
            _print_devices({door: answer})

    command: Command = click.pass_context(act)
    if at_reader:
        command = click.option("--reader", default="", help="Which, if there are several.")(command)
    command = click.argument("door", shell_complete=complete_doors)(json_option(command))
    sim.command(name, help=words)(command)


_act("open", "Open DOOR, as its contact sees it.")
_act("close", "Close DOOR, as its contact sees it.")
_act("press", "Press the exit button of DOOR.")
_act("release", "Let go of the exit button of DOOR.")
_act("tamper", "Open a housing at DOOR.")
_act("untamper", "Close it again.")
_act("fire", "Let the fire alarm of DOOR go off.")
_act("extinguish", "End the fire alarm of DOOR.")
_act("unplug", "Pull the cable of a reader of DOOR.", at_reader=True)
_act("plug", "Plug the cable of a reader of DOOR in again.", at_reader=True)


@sim.command()
@click.argument("door", required=False, shell_complete=complete_doors)
@json_option
@click.pass_context
def state(context: click.Context, door: str | None) -> None:
    """Show every simulated device of DOOR, or of all doors."""
    config = configured(context)
    doors = [known_door(config, door)] if door is not None else list(config.doors)
    found = {each: ask_controller(config, "sim", door=each, act="state") for each in doors}
    if context.obj.json:
        print_json([{"door": each, **_devices(answer)} for each, answer in found.items()])
    else:
        _print_devices(found)


# `-1h` is a shift here, and no bundle of options that holds -h.
@sim.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("shift", default="", metavar="[+1d|-2h|reset]")
@json_option
@click.pass_context
def clock(context: click.Context, shift: str) -> None:
    """Move the simulated clock by so much more, or back to the true time; or show it."""
    config = configured(context)
    if not config.clock.simulated:
        raise ConfigError(
            f"{config.path}: the clock is not simulated; only a sandbox may move it, by "
            "[clock] simulated = true"
        )
    if shift:
        _set_offset(config, 0.0 if shift == "reset" else _offset(config) + _seconds(shift))
    now, offset = clock_of(config).wall(), _offset(config)
    if context.obj.json:
        print_json({"offset_s": offset, "unix": now})
    else:
        moved = f"{'+' if offset > 0 else '-'}{lasting(abs(offset))}" if offset else "as it is"
        click.echo(f"{local(now)} ({moved})")


def _why_not(config: "Config", door: str, reader: str, card: str) -> str:
    """Why a scan led to no decision."""
    readers = config.doors[door].readers
    name = reader or next((n for n, each in readers.items() if each.kind == "sim"), "")
    try:
        readers[name].card.card_format().canonical(card)
    except ValueError as error:
        return f"that is no card by the settings of reader {name}: it {error}"
    except KeyError:
        return "there is no such reader"
    again = lasting(config.doors[door].repeat_after)
    return f"the same card again within {again} counts once"


def _seconds(shift: str) -> float:
    from controller.config_types import seconds

    sign, length = (shift[0], shift[1:]) if shift[0] in "+-" else ("+", shift)
    try:
        number = float(str(seconds(length)))
    except ValueError:
        raise click.UsageError(f"{shift!r} is no shift; write +1d, +2h, -30m or reset") from None
    return -number if sign == "-" else number


def _offset(config: "Config") -> float:
    from controller.clock import OFFSET

    try:
        return float((config.run / OFFSET).read_text() or 0)
    except (OSError, ValueError):
        return 0.0


def _set_offset(config: "Config", offset: float) -> None:
    """Put in place whole: the clock is read at any moment."""
    from controller.clock import OFFSET

    if abs(offset) > _FURTHEST:
        raise click.UsageError("that is further than any calendar goes here; try reset")
    path = config.run / OFFSET
    fresh = path.with_name(f"{OFFSET}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(f"{offset:.3f}")
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def _devices(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        name: each for name, each in answer.items() if isinstance(each, dict) and name != "last"
    }


def _print_devices(doors: dict[str, dict[str, Any]]) -> None:
    print_table(
        ("door", "device", "state"),
        [
            (door, device, ", ".join(f"{name} {_word(value)}" for name, value in state.items()))
            for door, answer in doors.items()
            for device, state in _devices(answer).items()
        ],
    )


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "–"
