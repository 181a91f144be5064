"""A day at the desk: the console in a real browser, over the two real processes.

One story, so that one browser is enough. What it looked like lies in `build/console/`.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.control import ask
from controller.errors import DoorwardError
from tests.browsers import Page, browser
from tests.desks import CONFIG, HASHED, PASSWORD, PEOPLE
from tests.lives import until
from tests.worlds import PATIENCE

pytestmark = pytest.mark.slow

DESK, PHONE = (1280, 860), (360, 740)
ADA, NOBODY = "04A1B2C3", "0BADBEEF"


class House:
    """`doorward controller` and `doorward syncd` on simulated hardware."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "people.csv").write_text(PEOPLE)
        config = CONFIG.replace('name = "Studio"', 'name = "Studio"\nopen_for = "2s"')
        (folder / "doorward.toml").write_text(f"{config}\n[http]\nport = 0\n")

    def start(self, ends: ExitStack) -> None:
        for name in ("controller", "syncd"):
            ends.enter_context(self._running(name))
        until(lambda: self._answers("door.sock"))
        until(self.url)
        self.sync("sync")
        self.sync("user_add", name="Mira Holt", role="admin", hash=HASHED)

    def url(self) -> str:
        """Where the console is; "" until it listens."""
        answer = self._answers("sync.sock")
        return str(answer.get("http", {}).get("url", ""))

    def sync(self, do: str, **what: object) -> None:
        ask(self.folder / "run" / "sync.sock", {"do": do, **what})

    def scan(self, door: str, card: str) -> str:
        request = {"do": "sim", "door": door, "act": "scan", "text": card}
        answer = ask(self.folder / "run" / "door.sock", request)
        return str(answer["last"]["reason"])

    def doors(self) -> dict[str, Any]:
        return {each["id"]: each for each in self._answers("door.sock")["doors"]}

    def _answers(self, name: str) -> dict[str, Any]:
        try:
            return ask(self.folder / "run" / name, {"do": "status"})
        except DoorwardError:
            return {}

    @contextmanager
    def _running(self, name: str) -> Iterator[None]:
        words = ["-m", "controller.cli", "--config", str(self.folder / "doorward.toml"), name]
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, *words], stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with ExitStack() as ends:
        made = House(tmp_path)
        made.start(ends)
        yield made


def test_a_day_at_the_desk(house: House) -> None:
    with browser() as page:
        page.window(*DESK)
        logs_in(page, house)
        sees_a_refused_card_at_once(page, house)
        opens_a_door(page, house)
        locks_down_and_lifts_it(page, house)
        unlocks_until_the_evening(page, house)
        goes_by_keyboard(page, house)
        reads_it_in_the_dark_and_on_the_phone(page, house)
        assert page.complaints() == [], "scripts, styles, requests that the browser refused"
        is_sent_away_when_removed(page, house)


def logs_in(page: Page, house: House) -> None:
    page.go(house.url())
    page.fill("#name", "mira holt")
    page.fill("#password", "not the password\n")
    page.says("do not belong together")
    page.picture("login")
    page.fill("#password", f"{PASSWORD}\n")
    page.says("All is well", "#whole")
    assert any("401" in each for each in page.complaints()), "that was the wrong password"


def sees_a_refused_card_at_once(page: Page, house: House) -> None:
    page.script("window.neverLoadedAnew = true")
    assert house.scan("front", NOBODY) == "denied_unknown_credential"
    page.says("An unknown card", "#events")
    page.says("Somebody unknown was refused", "#doors")
    assert house.scan("front", ADA) == "granted"
    page.says("Ada Quill", "#events")
    assert page.script("return window.neverLoadedAnew")


def opens_a_door(page: Page, house: House) -> None:
    page.click("#now-open-studio")
    page.says("Studio is open for 2 seconds", "#told")
    assert house.doors()["studio"]["released"]
    page.says("Mira Holt opened it", "#events")
    page.picture("now")
    page.becomes("document.querySelector('#doors').innerText.includes('Released')", False)
    assert page.script("return window.neverLoadedAnew")


def locks_down_and_lifts_it(page: Page, house: House) -> None:
    page.click("nav a[href='/doors']")
    page.picture("doors")
    page.click("#lockdown-studio")
    page.says("Lock down?")
    page.picture("lockdown-asked")
    assert house.doors()["studio"]["mode"] == "normal", "only asked"
    page.click("#confirm")
    page.says("Studio is in lockdown", "#told")
    assert house.doors()["studio"]["mode"] == "lockdown"
    assert house.doors()["front"]["mode"] == "normal"
    page.says("Mira Holt locked it down", "#door-studio")
    page.picture("doors-lockdown")
    page.click("#lift-studio")
    page.click("#confirm")
    page.says("Studio is back to normal", "#told")


def unlocks_until_the_evening(page: Page, house: House) -> None:
    page.script("document.querySelector('#until-front').value = '23:59'")
    page.click("#unlock-front")
    page.says("Front door is unlocked for everybody until 23:59", "#told")
    assert house.doors()["front"]["mode"] == "unlocked"
    page.click("#lock-front")
    page.says("Front door is locked", "#told")
    assert house.doors()["front"]["mode"] == "normal"


def goes_by_keyboard(page: Page, house: House) -> None:
    page.go(house.url())
    keys = {"type": "keyDown", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
    page.driver.execute_cdp_cmd("Input.dispatchKeyEvent", keys)
    page.becomes("document.activeElement.className", "skip")
    page.driver.execute_cdp_cmd("Input.dispatchKeyEvent", keys)
    page.becomes("document.activeElement.getAttribute('href')", "/")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.script(f"return {outline}") == "solid", "the focus can be seen"
    page.script("document.querySelector('#now-open-front').focus()")
    keys = {"type": "keyDown", "key": "Enter", "code": "Enter", "text": "\r"}
    page.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {**keys, "windowsVirtualKeyCode": 13})
    page.says("Front door is open", "#told")
    page.becomes("document.activeElement.id", "now-open-front")


def reads_it_in_the_dark_and_on_the_phone(page: Page, house: House) -> None:
    for path in ("", "doors", "doors/lockdown", "settings"):
        for size in (DESK, PHONE):
            for dark in (False, True):
                page.window(*size, dark=dark)
                page.go(f"{house.url()}/{path}")
                wide = page.script("return document.documentElement.scrollWidth")
                assert wide <= size[0], f"/{path} must be moved sideways"
                contrast, text = page.weakest_contrast()
                assert contrast >= 4.5, f"/{path}: {text!r} has {contrast}"
                where = "phone" if size == PHONE else "desk"
                name = f"{path.replace('/', '-') or 'now'}-{where}-{'dark' if dark else 'light'}"
                page.picture(name)
        assert page.nameless() == []
        body = page.script("return getComputedStyle(document.body).backgroundColor")
        assert all(int(part) < 60 for part in body.strip("rgb()").split(",")), "it is dark"
    page.window(*DESK)


def is_sent_away_when_removed(page: Page, house: House) -> None:
    page.go(house.url())
    page.says("What happens")
    house.sync("user_remove", name="Mira Holt")
    page.at("#password")
    page.says("doorward users add")
    page.picture("nobody-yet")
