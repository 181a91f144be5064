"""Random stories in which either process is killed again and again: what of it is survived."""

import random
import secrets
from pathlib import Path

from bench.crash import account
from bench.crash.house import FAULTS, MEMBERS, PLATFORMS, PROCESSES, House, house
from bench.figures import Figures

_HOUR, _DAY = 3600.0, 86_400.0
LEAPS = (_HOUR, -_HOUR, _DAY, -_DAY, 5 * _DAY, 365 * _DAY, -365 * _DAY)
_ENOUGH = 3 * 365 * _DAY


def measure(place: Path, kills: int = 400, in_one: int = 25, seed: int | None = None) -> Figures:
    """kill -9 of either process at random moments of random stories, and what holds after each."""
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    print(f"  seed {seed}")
    tried = survived = 0
    while tried < kills:
        story = house(place / f"kills-{seed}-{tried}")
        with story as at:
            try:
                _live(at, random.Random(f"{seed} {tried}"), min(in_one, kills - tried))
                survived += at.kills
            except AssertionError as error:
                print(f"  not survived, see {at.folder}: {error}")
            tried += at.kills
    return {
        "kills_tried": tried,
        "kills_survived": survived,
        "kills_not_survived": tried - survived,
    }


def _live(at: House, chance: random.Random, kills: int) -> None:
    while at.kills < kills:
        turn(at, chance)
    account.settle(at)
    account.check(at)


def turn(at: House, chance: random.Random) -> None:
    """Something happens; every third time somebody is killed."""
    chance.choices(_TURNS, _OFTEN)[0](at, chance)


def _scan(at: House, chance: random.Random) -> None:
    at.scan(*chance.choice(list(at.cards)))


def _sync(at: House, _: random.Random) -> None:
    at.sync("loft", "gym")


def _fault(at: House, chance: random.Random) -> None:
    at.fault(chance.choice(PLATFORMS), chance.choice(FAULTS), chance.randint(1, 2), "POST")


def _people(at: House, chance: random.Random) -> None:
    chance.choice((at.revoke, at.admit))(100 + chance.randrange(MEMBERS + 4))


def _line(at: House, chance: random.Random) -> None:
    chance.choice((at.cut, at.mend, at.mend))(chance.choice(PLATFORMS))


def _leap(at: House, chance: random.Random) -> None:
    leap = chance.choice(LEAPS)
    at.leap(leap if abs(at.offset + leap) < _ENOUGH else -at.offset)


def _operator(at: House, chance: random.Random) -> None:
    chance.choice((at.lose_everybody, at.lose_everybody, at.reconfigure, at.change_key))()


def _kill(at: House, chance: random.Random) -> None:
    after = chance.random() ** 2 * 0.05  # seconds
    match chance.randrange(4):
        case 0:
            at.kill(*chance.sample(PROCESSES, chance.randint(1, 2)))
        case 1:
            at.kill_while_scanning(*chance.choice(list(at.cards)), after)
        case 2:
            at.kill_while_syncing(after)
        case 3:
            at.scan(*chance.choice(list(at.cards)))
            at.kill("syncd", during=lambda: None, after=0.25 + after)  # while it tells


_TURNS = (_scan, _sync, _fault, _people, _line, _leap, _operator, _kill)
_OFTEN = (12, 3, 2, 2, 1, 1, 1.5, 10)
