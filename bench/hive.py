"""A simulated Hive without rate limit, in a process of its own."""

import tempfile
from pathlib import Path
from typing import Any

from bench.child import Talk
from bench.place import KEY
from controller.clock import SystemClock
from sync.simulator.hive import SimulatedHive

FIRST = 201  # user id of the first invented user


def hive(users: int) -> Talk:
    """Child: yields its address, then, asked anything, the ids of all who checked in, in order."""
    with tempfile.TemporaryDirectory() as folder:
        simulated = SimulatedHive(SystemClock(Path(folder), mode="always"), KEY, keep_log=False)
        simulated.populate(1, users)
        with simulated:
            answer: Any = simulated.url
            while True:
                yield answer
                with simulated.lock:
                    answer = [entry.user_id for entry in simulated.entries]
