"""Plays the scenarios that are asked for, one after the other, and writes down how each went."""

import traceback

from tests.machine.guest import SCENARIOS, units
from tests.machine.guest.lab import LAB, Failed, Lab, now, task
from tests.machine.report import FAILED, PASSED, Result, append


def play(name: str, starts: int, services: int) -> Result:
    lab, began = Lab(starts, services), now()
    print(f"=== {name}", flush=True)
    since = units.cursor()
    outcome, why = PASSED, ""
    try:
        SCENARIOS[name](lab)
    except Failed as failure:
        outcome, why = FAILED, str(failure)
        print(units.words(since=since), flush=True)
    except Exception as error:  # noqa: BLE001 - the next scenario has its turn all the same
        traceback.print_exc()
        outcome, why = FAILED, f"{type(error).__name__}: {error}"
    return Result(name, outcome, round(now() - began, 1), why, lab.measured)


asked = task()
for each in asked["scenarios"]:
    append(LAB / "results.jsonl", play(each, asked["starts"], asked["services"]))
