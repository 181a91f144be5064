"""From exec of `doorward controller` to the first decision possible.

The end is READY=1, as systemd would get it. A scan at once afterwards proves that it is true.
"""

import statistics
import time
from pathlib import Path

from bench.crowd import EVENTS, PEOPLE, card, frequent, stocked
from bench.figures import Figures
from bench.place import configured, running

_MEMBER, _STRANGER = "granted", "denied_authentication_unavailable"


def measure(work: Path, *, people: int = PEOPLE, events: int = EVENTS, starts: int = 7) -> Figures:
    """The median of some starts with warm files; the first without databases by itself."""
    text = card(frequent(people, 1)[0])
    ready, answered = _start(configured(work / "nothing-yet"), text, _STRANGER)
    print(f"  first start, no databases: ready after {ready} ms, a scan answered at {answered} ms")
    config = configured(stocked(work, people, events))
    _start(config, text, _MEMBER)
    spans = [_start(config, text, _MEMBER) for _ in range(starts)]
    print(f"  ready after {', '.join(str(ready) for ready, _ in spans)} ms")
    print(f"  a scan answered at {', '.join(str(answered) for _, answered in spans)} ms")
    return {"start_to_ready_ms": round(statistics.median(ready for ready, _ in spans), 1)}


def _start(config: Path, text: str, expected: str) -> tuple[float, float]:
    """Milliseconds until ready, and until the answer to a scan made thereupon."""
    with running("controller", config) as controller:
        reason = controller.scan(text)
        answered = time.perf_counter() - controller.began
    if reason != expected:
        raise RuntimeError(f"the first scan was answered {reason}, not {expected}")
    return round(controller.ready_after * 1000, 1), round(answered * 1000, 1)
