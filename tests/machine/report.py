"""How each scenario went: a line as it ends, a table at the end, and a file."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario. `why`: of a failure or a skip; `measured`: whatever it found out."""

    name: str
    outcome: str
    seconds: float = 0.0
    why: str = ""
    measured: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        found = "  ".join(f"{key}={value}" for key, value in self.measured.items())
        return f"{self.name:<20} {self.outcome:<8} {self.seconds:6.1f} s  {self.why or found}"


def read(path: Path) -> list[Result]:
    """What a machine has told so far: one JSON object a line."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]  # the last one may still be half written
    return [Result(**json.loads(line)) for line in lines]


def append(path: Path, result: Result) -> None:
    with path.open("a") as file:
        file.write(json.dumps(asdict(result)) + "\n")


def table(results: Sequence[Result]) -> str:
    count = {each: [r.outcome for r in results].count(each) for each in (PASSED, FAILED, SKIPPED)}
    total = ", ".join(f"{number} {outcome}" for outcome, number in count.items())
    seconds = sum(result.seconds for result in results)
    return "\n".join([*map(str, results), f"{len(results)} scenarios: {total}; {seconds:.0f} s"])


def summary(results: Iterable[Result]) -> dict[str, Any]:
    """For results.json: every scenario, and the numbers that are asked for by name."""
    kept = list(results)
    sums = {
        key: sum(r.measured[key] for r in kept if key in r.measured)
        for key in ("stray_pulses", "starts_tried")
    }
    return {**sums, "scenarios": [asdict(result) for result in kept]}
