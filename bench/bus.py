"""An OSDP line with eight readers: how often each is asked, and what that costs the controller.

The readers are libosdp's own peripherals on a pty, in another process. A pty has no baud rate: on a
real line the bytes themselves take longer, and the processor has more rest between them.
"""

import statistics
import time
from itertools import pairwise
from pathlib import Path

from bench.child import child
from bench.figures import Figures, percentile
from bench.four import HEAD, PLATFORM, all_well, launcher, secret
from bench.machine import busy
from bench.place import running
from bench.rig.doors import lines, make_key
from bench.rig.osdp import FarDevices, devices

READERS = 8
_DOOR = """
[doors.d{number}]
admits = ["plan:*"]
lock = {{ driver = "sim" }}
[doors.d{number}.readers.main]
driver = "osdp"
port = "{port}"
baud = 115200
address = {number}
key = {{ file = "{number}.key" }}
card = {{ format = "bits" }}
"""


def measure(work: Path, *, readers: int = READERS, seconds: float = 20.0) -> Figures:
    """So many readers on one line, nobody at any of them, for so long."""
    place = work / "bus"
    place.mkdir()
    secret(place)
    port = lines(place).absolute() / "bus"
    keys = {str(number): make_key(place / f"{number}.key") for number in range(readers)}
    config = place / "doorward.toml"
    stanzas = "".join(_DOOR.format(number=number, port=port) for number in range(readers))
    config.write_text(f"{HEAD}{stanzas}{PLATFORM}")
    with child(devices, path=str(port), keys=keys) as made:
        made.answer()
        far = FarDevices(made)
        with running("controller", config, launcher(place)) as controller:
            all_well(place)
            far.polls(count=True)
            before, begin = busy(controller.pid), time.monotonic()
            time.sleep(seconds)
            share = (busy(controller.pid) - before) / (time.monotonic() - begin)
            polls = far.polls(count=False)
    spans = [later - at for stamps in polls.values() for at, later in pairwise(stamps)]
    if len(polls) < readers or not spans:
        raise RuntimeError(f"only {len(polls)} of {readers} readers were asked")
    print(f"  each of {readers} readers asked every {statistics.mean(spans) * 1000:.1f} ms,")
    print(
        f"  half of the times within {percentile(spans, 0.5) * 1000:.1f} ms, "
        f"99 % within {percentile(spans, 0.99) * 1000:.1f} ms, {len(spans):,} times"
    )
    return {
        "osdp_poll_interval_ms": round(statistics.mean(spans) * 1000, 1),
        "osdp_cpu_percent_8_readers": round(share * 100, 1),
    }
