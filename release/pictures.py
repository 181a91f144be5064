"""`python -m release.pictures`: pictures of the console and transcripts of the command line.

Both come from the real product at simulated doors and platforms, on a day that is always the same.
Pictures are written to docs/pictures, transcripts into the documents that name them. Needs
chromium and chromedriver; with pngquant the pictures are smaller.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.cli.sandbox import pause
from controller.model import Reason
from release.day import Day, day, past_weeks
from release.transcripts import Clerk, at_home, play, put_into
from sync.passwords import hashed
from sync.simulator.townspeople import IDRIS, NORA, RUTH, STRANGER, TOVE, WEN, Player
from tests.browsers import Page, browser

DOCS = Path(__file__).parent.parent / "docs"
PICTURES = DOCS / "pictures"
WIDTH, PHONE = 1200, (390, 800)
_USERS = {"Mira Holt": "admin", "Jon Ahlers": "staff", "Ada Quill": "viewer"}
_PASSWORD = "three plain words"
_TWO_WEEKS = "from=2026-02-17&to=2026-03-03"
_COLOURS = "96"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("--only", choices=("pictures", "transcripts"), help="half of it")
    only = parser.parse_args().only
    if only != "pictures":
        with _home() as home, day(home) as told:
            clerk = Clerk(told)
            play(clerk)
        changed = put_into(DOCS, clerk.said)
        print("transcripts:", ", ".join(changed) or "as they were")
    if only != "transcripts":
        with _home() as home:
            past_weeks(home)
            with day(home, "2026-03-02 17:24:00", keep=True) as told:
                _evening(told)
            with day(home, "2026-03-03 08:52:00", keep=True) as told, browser() as page:
                _morning(told)
                Album(told, page).fill()


@contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="doorward-") as home:
        yield Path(home)


def _evening(told: Day) -> None:
    """The Cobot cannot be told of two of its members, and the night comes."""
    told.sandbox.town("cut", platform="harbour")
    for door, who in (("front", WEN), ("front", IDRIS), ("studio", NORA)):
        _comes(told, door, who)
    told.comes(lambda: len(told.check_ins("pending")) == 2, "both check-ins wait")


def _morning(told: Day) -> None:
    """It can be told again; four come. No clock leaps: the page says so when one does."""
    told.settled()
    for door, who in (("front", NORA), ("gym", TOVE), ("front", STRANGER), ("studio", RUTH)):
        _comes(told, door, who)
        pause(3.0)
    told.settled()
    told.shut()


def _comes(told: Day, door: str, who: Player) -> None:
    if told.scan(door, who.card) == Reason.GRANTED.value and door == "front":
        told.sim(door, "open")
        told.sim(door, "close")


class Album:
    """Takes the pictures, one after another."""

    def __init__(self, told: Day, page: Page) -> None:
        self._day, self._page = told, page
        self._url = told.sandbox.console()

    def fill(self) -> None:
        self._sign_in()
        self._now_and_doors()
        self._take("people", "people?q=ri", "Farid", 640)
        self._take(
            "person", f"people/person?platform=harbour&key={IDRIS.id}", "No pass is left", 900
        )
        self._take("check-ins", "check-ins", "Waiting for your word", 720)
        self._take("attendance", f"attendance?{_TWO_WEEKS}", "Entries by hour", 1180)
        self._take("settings", "settings", "Who can log in", 800)
        self._take("phone", "", "What happens", PHONE[1], width=PHONE[0])

    def _sign_in(self) -> None:
        for name, role in _USERS.items():
            self._day.sync("user_add", name=name, role=role, hash=hashed(_PASSWORD))
        self._page.window(900, 520)
        self._page.go(self._url)
        self._page.fill("#name", next(iter(_USERS)))
        self._page.fill("#password", _PASSWORD)
        self._keep("sign-in")
        self._page.click("form button")
        self._page.says("What happens")

    def _now_and_doors(self) -> None:
        self._take("now", "", "What happens", 860)
        self._page.go(f"{self._url}/doors")
        self._page.script("document.querySelector('#until-gym').value = '12:00'")
        self._page.click("#unlock-gym")
        self._page.says("Gym is unlocked", "#told")
        self._page.window(WIDTH, 510)
        self._keep("doors")

    def _take(self, name: str, path: str, words: str, height: int, width: int = WIDTH) -> None:
        """Of this page, once it says these words."""
        self._page.window(width, height)
        self._page.go(f"{self._url}/{path}")
        self._page.says(words)
        self._keep(name)

    def _keep(self, name: str) -> None:
        path = PICTURES / f"{name}.png"
        self._page.script(_as_at_home(self._day))
        assert self._page.driver.save_screenshot(str(path))
        _shrink(path)
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")


def _as_at_home(told: Day) -> str:
    """Paths and addresses as on a machine at a door, as in the transcripts."""
    return f"""
for (const each of document.querySelectorAll("main dd, main td, main dd code")) {{
  if (each.children.length) continue;
  for (const [ours, theirs] of {json.dumps(at_home(told))}) {{
    each.textContent = each.textContent.replaceAll(ours, theirs);
    each.textContent = each.textContent.replace(/process [0-9]+/, "process 812");
  }}
}}"""


def _shrink(path: Path) -> None:
    if quant := shutil.which("pngquant"):
        subprocess.run([quant, "--force", "--ext=.png", "--speed=1", _COLOURS, path], check=True)


if __name__ == "__main__":
    main()
