"""A thousand starts and ends of the lock's driver on the simulated chip.

A start of the whole service takes an emulated machine half a minute, nearly all of it imports. So
here one program has everything imported and forks: each child makes the driver on the real line, is
ended at some moment in some way, and another child is `lock-all`.
"""

import json

from tests.machine.guest import chip, hall, units
from tests.machine.guest.lab import LAB, Lab, call, demand, now

PYTHON = "/opt/doorward/bin/python"


def driver_starts(lab: Lab) -> None:
    """So many starts of three kinds of relay, ended in every way: no pulse without a release."""
    hall.open_up()
    units.stop()
    chip.forget()
    began = now()
    program = LAB / "source/tests/machine/guest/mill_children.py"
    said = call(PYTHON, program, str(lab.starts), chip.LABEL, seconds=900.0)
    wanted = {int(line): count for line, count in json.loads(said.splitlines()[-1]).items()}
    lab.measured["starts_tried"] = lab.starts
    lab.measured["releases"] = sum(wanted.values())
    lab.measured["ms_each"] = round((now() - began) * 1000 / lab.starts)
    hall.no_strays(lab, {r: wanted[r.line] for r in hall.RELAYS})
    hall.all_shut()
    demand(sum(wanted.values()) > lab.starts / 10, "hardly any start got as far as a release")
