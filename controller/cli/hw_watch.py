"""`doorward hw watch`: what devices tell, and the bytes of a line that no door uses."""

from typing import TYPE_CHECKING

import click

from controller.cli.hw_ears import Seen
from controller.cli.hw_hands import hands_at
from controller.cli.hw_screen import ears_of, machine_clock, say_how
from controller.cli.hw_words import as_data, canonical_forms, kind, told
from controller.cli.output import iso, local, plain, print_json_lines
from controller.cli.reach import clock_of, configured, known_door
from hw.serial_reader import printable
from hw.serial_tap import Framing, Judged, judge, tapped

if TYPE_CHECKING:
    from controller.config import ReaderStanza


def watch_doors(context: click.Context, door: str | None, seconds: float | None) -> None:
    config = configured(context)
    doors = [known_door(config, door)] if door is not None else list(config.doors)
    clock, ears = clock_of(config), ears_of(clock_of(config))
    with hands_at(context, doors, ears, seconds=seconds) as hands:
        say_how(context, hands)
        for seen in ears.all(seconds):
            reader = config.doors[seen.door].readers.get(seen.part)
            _print_seen(context, seen, clock.wall(), reader)


def _print_seen(
    context: click.Context, seen: Seen, at: float, reader: "ReaderStanza | None"
) -> None:
    if context.obj.json:
        print_json_lines([as_data(seen, iso(at, "milliseconds"), reader)])
        return
    first, *more = told(seen, reader)
    where = f"{seen.door}/{seen.part}"
    click.echo(plain(f"{_time(at)}  {where:<20}  {kind(seen):<8}  {first}"))
    for line in more:
        click.echo(plain(f"{'':10}{'':22}  {line}"))


def watch_port(
    context: click.Context, port: str, baud: int, framing: Framing, seconds: float | None
) -> None:
    clock = machine_clock()
    end = None if seconds is None else clock.monotonic() + seconds
    with tapped(port, baud) as tap:
        click.echo(f"Listening at {port}, {baud} 8N1; hold a card to the reader.", err=True)
        while end is None or clock.monotonic() < end:
            if burst := tap.burst():
                _print_burst(context, burst, judge(burst, framing), clock.wall())


def _print_burst(context: click.Context, burst: bytes, judged: Judged, at: float) -> None:
    if context.obj.json:
        data = {"at": iso(at, "milliseconds"), "raw": burst.hex(" ").upper(), **judged._asdict()}
        print_json_lines([data])
        return
    click.echo(f"{_time(at)}  {burst.hex(' ').upper()}  {printable(burst)}")
    for text in judged.texts:
        click.echo(plain(f"{'':10}{judged.framing:8} {text}"))
        for name, made in canonical_forms(text):
            click.echo(plain(f"{'':10}  {name:8} {made}"))
    if judged.why:
        click.echo(plain(f"{'':10}REFUSED: {judged.why}"))


def _time(at: float) -> str:
    return local(at).split(" ")[1]
