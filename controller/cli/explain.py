"""`doorward explain`: whether a person or a card may enter, rule by rule, and what to do."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from controller.cli.inputs import complete_doors, json_option, moment
from controller.cli.output import iso, local, plain, print_json
from controller.cli.reach import configured, known_door
from controller.model import Mode, Now
from controller.words import NOTES, REASONS

if TYPE_CHECKING:
    from controller.asked import Answer
    from controller.config import Config


@click.command()
@click.argument("who", metavar="PERSON-OR-CARD")
@click.argument("door", shell_complete=complete_doors)
@click.option("--at", help='When, e.g. "2026-11-21 18:30" or 18:30; else now.')
@click.option("--live", is_flag=True, help="Ask the platforms first, as a door with `live` would.")
@json_option
@click.pass_context
def explain(context: click.Context, who: str, door: str, at: str | None, *, live: bool) -> None:
    """Would DOOR open for PERSON-OR-CARD? Ends with 0 if it would, with 1 if not.

    A person is part of a name, platform/key, or a masked card (…B2C3); a card is what the door's
    reader would send. The answer goes by what is known now, also with --at. What a platform says
    with --live is known from then on, as if the card had been held to the door.
    """
    from controller.asked import AtDoor, questions
    from controller.cli.explain_live import ask_platforms, lines
    from controller.doors_now import doors_now, mode_then
    from controller.logs import configure
    from controller.whom import Unclear

    if live and at:
        raise click.UsageError("--live asks about now; leave out --at")

    configure("doorward", "critical")
    config = configured(context)
    known_door(config, door)
    modes, now = doors_now(config)
    if at:
        now = now._replace(wall=moment(at, now.wall))
    mode = mode_then(modes, door, now.wall)
    there, asked = AtDoor(config.rules(door), mode, now), None
    try:
        with questions(config) as asking:
            found = asking.of_whom(who, there)
            if live and (asked := ask_platforms(config, door, found)):
                found = asking.of_whom(who, there)
    except Unclear as error:
        raise click.UsageError(str(error)) from error
    if context.obj.json:
        print_json(_as_data(found, door, mode, now) | ({} if asked is None else {"asked": asked}))
    else:
        for line in () if asked is None else lines(config, door, asked):
            click.echo(plain(line))
        _print(config, found, door, now)
    if not any(answer.opens for answer in found):
        context.exit(1)


def _print(config: "Config", found: "list[Answer]", door: str, now: Now) -> None:
    for answer in found:
        if found[0].known and not answer.known:
            click.echo(plain(f"{answer.whom}: {answer.obstacle or 'nobody holds it'}"))
            continue
        click.echo(plain(f"{answer.whom} at {config.doors[door].name}, {local(now.wall)}"))
        for line in _lines(answer):
            click.echo(plain(line))


def _lines(answer: "Answer") -> Iterator[str]:
    from controller.explained import how

    case = answer.case
    if case is None:
        yield f"  ✗ {answer.obstacle}"
        return
    for rule, passed, facts in case.told():
        yield f"  {'✓' if passed else '✗'} {rule}"
        yield from (f"      {fact}" for fact in facts)
    decision = case.decision
    meaning, remedy = REASONS[decision.reason]
    yield f"{'GRANTED' if decision.granted else 'DENIED'} ({decision.reason}): {meaning}"
    yield from (f"  {line}" for line in how(decision))
    yield from (f"  {note}: {NOTES[note]}" for note in decision.notes)
    if answer.obstacle:
        yield f"  But: {answer.obstacle}"
    if remedy:
        yield f"  What to do: {remedy}"


def _as_data(found: "list[Answer]", door: str, mode: Mode, now: Now) -> dict[str, Any]:
    return {
        "door": door,
        "mode": mode.value,
        "at": iso(now.wall),
        "trust": now.trust.value,
        "opens": any(answer.opens for answer in found),
        "answers": [_answer_as_data(answer) for answer in found],
    }


def _answer_as_data(answer: "Answer") -> dict[str, Any]:
    data: dict[str, Any] = {"whom": answer.whom, "opens": answer.opens}
    if answer.obstacle:
        data["obstacle"] = answer.obstacle
    if answer.case is None:
        return data
    decision = answer.case.decision
    person = decision.person
    return {
        **data,
        "reason": decision.reason.value,
        "meaning": REASONS[decision.reason][0],
        "remedy": REASONS[decision.reason][1],
        "person": person and {"platform": person.platform, "key": person.key, "name": person.name},
        "label": decision.label,
        "pass_key": decision.pass_key,
        "visit": decision.visit,
        "visit_until": iso(decision.visit_until),
        "checks_in": bool(decision.checks_in),
        "notes": list(decision.notes),
        "rules": [
            {"rule": rule, "passed": passed, "facts": facts}
            for rule, passed, facts in answer.case.told()
        ],
    }
