"""Resident memory of `doorward syncd` with all that listens, at a quarter million people.

A Hive fills the cache, and a Cobot calls. It is measured after the first roster, some calls, and
the same roster again; the peak, while a roster of that size is staged, is printed.
"""

from pathlib import Path

from bench import webhooks
from bench.child import child
from bench.crowd import PEOPLE
from bench.figures import Figures
from bench.hive import hive
from bench.machine import memory
from bench.place import KEY, running
from controller.control import ask

_PATIENCE = 900.0  # seconds for a roster
_MEMBERS = 300  # of the space that calls
_HIVE = """
[platforms.gym]
kind = "hive"
url = "{hive}"
key = {{ file = "hive-key" }}
zone = "Europe/Berlin"
cards = [{{ source = "door_access_id", format = "hex" }}]
"""


def measure(work: Path, *, people: int = PEOPLE, changes: int = 10) -> Figures:
    """So many people at a Hive; so many changes at a Cobot that calls."""
    place = work / "memory"
    place.mkdir()
    (place / "hive-key").write_text(KEY)
    with child(hive, users=people) as gym, child(webhooks.space, members=_MEMBERS) as cobot:
        more = _HIVE.format(hive=gym.answer())
        config = webhooks.configured(place, str(cobot.answer()), more)
        with running("syncd", config) as syncd:
            idle, _ = memory(syncd.pid)
            _fetch(place)
            first, _ = memory(syncd.pid)
            webhooks.called(place)
            list(webhooks.changed(place, cobot, changes))
            _fetch(place)
            resident, peak = memory(syncd.pid)
    print(f"  {idle} MiB when ready, {first} after the first roster, {peak} at its peak")
    return {"sync_rss_mib": resident}


def _fetch(place: Path) -> None:
    request = {"do": "sync", "platforms": ["gym"]}
    answer = ask(place / "run" / "sync.sock", request, timeout=_PATIENCE)
    assert not answer["exit"], answer
