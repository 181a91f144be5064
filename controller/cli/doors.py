"""`doorward doors`, `unlock`, `lock`, `mode`, `lockdown`: what staff do at the doors."""

from typing import TYPE_CHECKING, Any

import click

from controller.cli.inputs import Length, complete_doors, json_option, next_moment
from controller.cli.output import iso, lasting, local, print_json, print_table
from controller.cli.reach import ask_controller, configured, known_door

if TYPE_CHECKING:
    from controller.config import Config

_MODES = ("normal", "unlocked", "lockdown")
COLUMNS = ("door", "name", "mode", "lock", "contact", "last scan", "trouble")


@click.command()
@json_option
@click.pass_context
def doors(context: click.Context) -> None:
    """Show every door: mode, lock, contact, last scan, trouble."""
    found = ask_controller(configured(context), "status")["doors"]
    if context.obj.json:
        print_json([door_as_data(door) for door in found])
    else:
        print_table(COLUMNS, [door_row(door) for door in found])


@click.command()
@click.argument("door", shell_complete=complete_doors)
@click.option("--for", "seconds", type=Length(), help="How long, e.g. 30s; else open_for.")
@json_option
@click.pass_context
def unlock(context: click.Context, door: str, seconds: float | None) -> None:
    """Let somebody in by DOOR once."""
    config = configured(context)
    asked = {"door": known_door(config, door), "seconds": seconds}
    answer = ask_controller(config, "unlock", **asked)
    if context.obj.json:
        print_json({"door": door, "seconds": answer["seconds"]})
    else:
        click.echo(f"{door} is unlocked for {lasting(answer['seconds'])}")


@click.command()
@click.argument("door", shell_complete=complete_doors)
@json_option
@click.pass_context
def lock(context: click.Context, door: str) -> None:
    """End whatever holds DOOR unlocked. A lockdown stays."""
    config = configured(context)
    known_door(config, door)
    if _modes(config)[door] == "lockdown":
        _tell(context, [door], "lockdown", "is locked, and stays in lockdown")
        return
    ask_controller(config, "mode", door=door, mode="normal")
    words = "is locked, and opens for whom it admits"
    if _door_status(config, door)["word"] == "unlocked by hours":
        words = f"is unlocked by its hours; to shut it all the same: doorward lockdown on {door}"
    _tell(context, [door], "normal", words)


@click.command()
@click.argument("door", shell_complete=complete_doors)
@click.argument("mode", type=click.Choice(_MODES))
@click.option("--for", "seconds", type=Length(), help="For so long, then normal, e.g. 2h.")
@click.option("--until", help="Until then, then normal, e.g. 18:00.")
@json_option
@click.pass_context
def mode(
    context: click.Context, door: str, mode: str, seconds: float | None, until: str | None
) -> None:
    """Set what DOOR does: normal, unlocked for everybody, or lockdown.

    A mode outlasts restarts; without --for or --until it stays until it is changed.
    """
    if seconds and until:
        raise click.UsageError("--for and --until exclude each other")
    if mode == "normal" and (seconds or until):
        raise click.UsageError("normal is what follows when a mode ends; it has no end itself")
    config = configured(context)
    known_door(config, door)
    end = _end(config, seconds, until)
    ask_controller(config, "mode", door=door, mode=mode, until=end)
    _tell(context, [door], mode, f"is {_said(mode)}", end)


@click.command()
@click.argument("door", shell_complete=complete_doors)
@click.option("--for", "seconds", type=Length(), required=True, help="How long, e.g. 15m.")
@json_option
@click.pass_context
def prop(context: click.Context, door: str, seconds: float) -> None:
    """Let DOOR stand open for so long without an alarm."""
    config = configured(context)
    ask_controller(config, "prop", door=known_door(config, door), seconds=seconds)
    if context.obj.json:
        print_json({"door": door, "seconds": seconds})
    else:
        click.echo(f"{door} may stand open for {lasting(seconds)}")


@click.command()
@click.argument("state", type=click.Choice(("on", "off")))
@click.argument("doors", nargs=-1, shell_complete=complete_doors)
@json_option
@click.pass_context
def lockdown(context: click.Context, state: str, doors: tuple[str, ...]) -> None:
    """Keep everybody out of DOORS, or of all doors if none is named; `off` ends it.

    The exit button still works. `off` leaves doors alone that are not in lockdown.
    """
    config = configured(context)
    modes = _modes(config)
    wanted = [known_door(config, door) for door in doors] or list(modes)
    broken = [door for door in wanted if modes[door] is None]
    if state == "on":
        changed = [door for door in wanted if modes[door] is not None]
    else:
        changed = [door for door in wanted if modes[door] == "lockdown"]
    new = "lockdown" if state == "on" else "normal"
    for door in changed:
        ask_controller(config, "mode", door=door, mode=new)
    _tell(context, changed, new, f"is {_said(new)}")
    for door in broken:
        click.echo(f"{door} does not work and was not set; doorward doors says why", err=True)
    if not changed and not broken:
        click.echo("no door was in lockdown; nothing was changed", err=True)
    if broken:
        context.exit(1)


def door_row(door: dict[str, Any]) -> tuple[str, ...]:
    """A door of the controller's status as a row of `COLUMNS`."""
    wrong = {**door["unwell"], **door.get("alarms", {})}
    trouble = "; ".join(f"{part}: {why}" for part, why in wrong.items())
    if not door["works"]:
        return (door["id"], door["name"], "–", "locked", "–", "–", trouble)
    mode, until = door["mode"], door["mode_until"]
    return (
        door["id"],
        door["name"],
        f"{mode} until {local(until)}" if until else mode,
        "released" if door["released"] else "locked",
        _leaf(door),
        last_scan(door["last"]),
        trouble,
    )


def _leaf(door: dict[str, Any]) -> str:
    """How the contact sees the door, and whether it should be so."""
    if door["open"] is None:
        return "–"
    grave = {"forced": "forced open", "held": "held open"}
    return grave.get(door["phase"], "open" if door["open"] else "closed")


def last_scan(last: dict[str, Any] | None) -> str:
    """What became of the last card at a door."""
    if last is None:
        return "–"
    who = f", {last['name']}" if last["name"] else ""
    return f"{local(last['at'])}: {last['reason']}{who}"


def door_as_data(door: dict[str, Any]) -> dict[str, Any]:
    """The same for programs, with times as ISO 8601."""
    data = {**door, "last": None}
    if "mode_until" in data:
        data["mode_until"] = iso(data["mode_until"])
    if last := door.get("last"):
        data["last"] = {**last, "at": iso(last["at"])}
    return data


def _modes(config: "Config") -> dict[str, str | None]:
    """Mode of each door; None where the door does not work."""
    found = ask_controller(config, "status")["doors"]
    return {door["id"]: door["mode"] if door["works"] else None for door in found}


def _door_status(config: "Config", door: str) -> dict[str, Any]:
    found = ask_controller(config, "status")["doors"]
    return next(each for each in found if each["id"] == door)


def _end(config: "Config", seconds: float | None, until: str | None) -> float | None:
    """When a mode shall end, by the controller's clock."""
    if not seconds and not until:
        return None
    now: float = ask_controller(config, "status")["clock"]["wall"]
    return now + seconds if seconds else next_moment(str(until), now)


def _tell(
    context: click.Context, doors: list[str], mode: str, words: str, until: float | None = None
) -> None:
    if context.obj.json:
        print_json([{"door": door, "mode": mode, "until": iso(until)} for door in doors])
        return
    for door in doors:
        click.echo(f"{door} {words}" + (f" until {local(until)}" if until else ""))


def _said(mode: str) -> str:
    return {
        "normal": "back to normal: it opens for whom it admits",
        "unlocked": "unlocked for everybody",
        "lockdown": "in lockdown: it opens for nobody from outside",
    }[mode]
