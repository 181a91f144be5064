"""What people type: lengths of time, moments, names of doors and platforms, the wish for JSON."""

import re
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_MOMENT = '"2026-11-21 18:30", "18:30" or ISO 8601'


class Length(click.ParamType[float]):
    """`90s`, `5m`, `2h` or a number of seconds; more than none."""

    name = "length"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        from controller.config_types import seconds

        try:
            number = seconds(float(value) if re.fullmatch(r"[0-9.]+", str(value)) else value)
        except ValueError:
            why = f'{value!r} is no length of time; write one like "90s", "5m" or "2h"'
            self.fail(why, param, ctx)
        assert isinstance(number, float)
        if not 0 < number < 1e9:
            self.fail(f"{value!r} is too {'long' if number else 'short'}", param, ctx)
        return number


def json_option(command: Command) -> Command:
    """`--json` after the command means the same as before it."""

    def note(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001
        if value and context.obj:
            context.obj.json = True

    option = click.option(
        "--json", is_flag=True, expose_value=False, callback=note, help="Print JSON."
    )
    return option(command)


def moment(text: str, now: float, *, whole_day: bool = False) -> float:
    """A moment as typed, in this machine's zone; a time of day is today's.

    A day without a time is its first instant, with `whole_day` that of the next.
    """
    try:
        if found := _time_of_day(text):
            return datetime.combine(_today(now), found).timestamp()
        typed = datetime.fromisoformat(text.strip())
        if whole_day and re.fullmatch(r"[0-9-]+", text.strip()):
            typed += timedelta(days=1)
        return typed.timestamp()
    except (ValueError, OverflowError, OSError):
        raise click.UsageError(f"{text!r} is no time; write one like {_MOMENT}") from None


def next_moment(text: str, now: float) -> float:
    """The same, but to come: a time of day that is past today is tomorrow's."""
    at = moment(text, now)
    if at <= now and (found := _time_of_day(text)):
        at = datetime.combine(_today(now) + timedelta(days=1), found).timestamp()
    if at <= now:
        raise click.UsageError(f"{text!r} is past")
    return at


def complete_doors(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    return _configured(context, "doors", incomplete)


def complete_platforms(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    return _configured(context, "platforms", incomplete)


def _time_of_day(text: str) -> time | None:
    return time.fromisoformat(text) if re.fullmatch(r"[0-9]{2}:[0-9]{2}", text.strip()) else None


def _today(now: float) -> date:
    return datetime.fromtimestamp(now, UTC).astimezone().date()


def _configured(context: click.Context, table: str, incomplete: str) -> list[str]:
    """Names in a table of the configuration, read without checking it: the shell is waiting."""
    from controller.config import default_path

    path = context.find_root().params.get("path") or default_path()
    try:
        names = tomllib.loads(path.read_text("utf-8")).get(table, {})
    except (OSError, ValueError):
        return []
    return [name for name in names if name.startswith(incomplete)]
