"""`doorward status`: how doors, platforms and check-ins are, and what to do next."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from controller.cli.inputs import json_option
from controller.cli.output import ago, iso, lasting, local, plain, print_json, print_table
from controller.cli.reach import configured

if TYPE_CHECKING:
    from controller.config import Config


@click.command()
@json_option
@click.pass_context
def status(context: click.Context) -> None:
    """Show how everything is, and what to do next; ends with 1 if something needs attention."""
    from controller.overview import gather, todo

    config = configured(context)
    found = gather(config)
    needed = list(todo(config, found))
    if context.obj.json:
        print_json(_as_data(found) | {"well": not needed, "todo": needed})
    else:
        _print(config, found, needed)
    if needed:
        context.exit(1)


def _print(config: "Config", found: dict[str, Any], needed: list[str]) -> None:
    click.echo(plain(f"{found['site']} ({config.path})"))
    for process in ("controller", "syncd"):
        click.echo(f"{process + ':':<12}{_process(found[process])}")
    click.echo(f"{'clock:':<12}{_clock(config, found['clock'])}")
    click.echo(f"{'check-ins:':<12}{_check_ins(found['check_ins'])}")
    if mail := found["syncd"].get("mail"):
        click.echo(f"{'mail:':<12}{_check_ins(mail['counts'])}")
    if found["controller"]["running"]:
        _print_doors(found["controller"]["doors"])
    if found["platforms"]:
        click.echo()
        _print_platforms(config, found)
    click.echo()
    if not needed:
        click.echo("All is well.")
    for number, each in enumerate(needed, 1):
        click.echo(f"{number}. {plain(each)}")


def _process(found: dict[str, Any]) -> str:
    if found["running"]:
        return f"running, pid {found['pid']}"
    return "DOES NOT ANSWER" if found["why"] else "NOT RUNNING"


def _clock(config: "Config", clock: dict[str, Any]) -> str:
    from controller.model import Trust
    from controller.words import GUESSED, TRUST

    trust = Trust(clock["trust"])
    worth = TRUST[trust] + (f"; {GUESSED[config.clock.guessed]}" * (trust is Trust.GUESSED))
    simulated = " (simulated)" if config.clock.simulated else ""
    return f"{local(clock['wall'])}{simulated}, {trust.value}: {worth}"


def _check_ins(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(counts.items())) or "none yet"


def _print_doors(doors: list[dict[str, Any]]) -> None:
    from controller.cli.doors import COLUMNS, door_row

    click.echo()
    print_table(COLUMNS, [door_row(door) for door in doors])


def _print_platforms(config: "Config", found: dict[str, Any]) -> None:
    columns = ("platform", "kind", "people", "last good sync", "next try", "trouble")
    now = found["clock"]["wall"]
    print_table(columns, [_platform_row(config, each, now) for each in found["platforms"]])
    for platform in found["platforms"]:
        for warning in platform["warnings"]:
            click.echo(plain(f"{platform['platform']}: warning: {warning}"))
    if any(door.live != "never" for door in config.doors.values()):
        for platform in found["platforms"]:
            if platform["live"]:
                said = ", ".join(_live(platform["live"], now))
                click.echo(plain(f"{platform['platform']}: asked at the door: {said}"))


def _live(live: dict[str, Any], now: float) -> Iterator[str]:
    """How questions while somebody waits went last."""
    if live["answered_at"] is not None:
        yield f"answered {ago(now - live['answered_at'])} ({live['answer']})"
    if live["trouble_at"] is not None:
        yield f"no answer {ago(now - live['trouble_at'])} ({live['trouble'].partition('. ')[0]})"
    if live["rests"]:
        yield "not asked now, until it has worked again"
    if live["answered_at"] is live["trouble_at"] is None and not live["rests"]:
        yield "never since syncd started"


def _platform_row(config: "Config", platform: dict[str, Any], now: float) -> tuple[str, ...]:
    synced, name = platform["synced_at"], platform["platform"]
    return (
        name,
        config.platforms[name].kind,
        str(platform["people"]),
        f"{local(synced)} ({ago(now - synced)})" if synced else "never",
        _next_try(config, platform),
        platform["failure"].partition(". ")[0],
    )


def _next_try(config: "Config", platform: dict[str, Any]) -> str:
    from controller.config_types import seconds

    waits = platform["next_try_s"]
    if platform["busy"]:
        return "going on"
    if waits is None:
        return "–"
    if waits:
        return f"in {lasting(waits)}"
    own = config.platforms[platform["platform"]].settings.get("every", config.sync.every)
    try:
        return f"within {lasting(float(str(seconds(own))))}"
    except ValueError:
        return "–"


def _as_data(found: dict[str, Any]) -> dict[str, Any]:
    from controller.cli.doors import door_as_data

    controller = dict(found["controller"])
    if "doors" in controller:
        controller["doors"] = [door_as_data(door) for door in controller["doors"]]
    for process in (controller, syncd := dict(found["syncd"])):
        for name in ("ok", "clock", "platforms"):
            process.pop(name, None)
    if "alerts" in syncd:
        syncd["alerts"] = [{**each, "at": iso(each["at"])} for each in syncd["alerts"]]
    clock = found["clock"]
    return {
        **found,
        "clock": {**clock, "wall": iso(clock["wall"])},
        "controller": controller,
        "syncd": syncd,
        "platforms": [
            {
                **each,
                "live": _live_as_data(each["live"]),
                "synced_at": iso(each["synced_at"]),
                "failed_at": iso(each["failed_at"]),
            }
            | {"age_s": clock["wall"] - each["synced_at"] if each["synced_at"] else None}
            for each in found["platforms"]
        ],
    }


def _live_as_data(live: dict[str, Any] | None) -> dict[str, Any] | None:
    times = ("answered_at", "trouble_at")
    return live and {**live, **{name: iso(live[name]) for name in times}}
