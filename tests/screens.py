"""A real browser, without a screen: Debian's Chromium, which shows pages and keeps pictures."""

import base64
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from sync.desk_users import Role
from tests.desks import Desk
from tests.worlds import PATIENCE

PICTURES = Path(__file__).parent.parent / "build" / "console"
_TALLEST = 4000
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")


class Screen:
    """One window. `driver` is Selenium's."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def enter(self, site: Desk, name: str, role: Role = Role.STAFF) -> None:
        """Somebody has logged in."""
        if not site.users.called(name):
            site.user(name, role)
        self._url = site.server.url
        self.go("/login")
        self.driver.add_cookie({"name": "doorward", "value": site.session(name)})

    def go(self, path: str) -> None:
        self.driver.get(self._url + path)

    def by(self, name: str) -> WebElement:
        return self.driver.find_element(By.ID, name)

    def text(self, name: str) -> str:
        """What is written there now; parts of a page are replaced at any time."""
        script = "return (document.getElementById(arguments[0]) || {}).innerText || ''"
        return str(self.driver.execute_script(script, name))

    def waits_for(self, true: Callable[[], object]) -> None:
        WebDriverWait(self.driver, PATIENCE, poll_frequency=0.05).until(lambda _: true())

    def wide(self, *, dark: bool = False) -> None:
        self._metrics(1280, 900, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._do("Emulation.setEmulatedMedia", features=[scheme])

    def phone(self) -> None:
        self._metrics(375, 740, mobile=True)
        self._do("Emulation.setEmulatedMedia", features=[])

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        root = "document.documentElement"
        return int(self.driver.execute_script(f"return {root}.scrollWidth - {root}.clientWidth"))

    def smallest_writing(self) -> float:
        """The size in pixels of the smallest letters that are seen, pictures included."""
        script = """
            return Math.min(...[...document.querySelectorAll("body *")].flatMap((e) => {
                const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
                if (!own || !e.checkVisibility() || e.closest("title, desc, .unseen")) return [];
                const scale = e.getScreenCTM ? e.getScreenCTM().a : 1;
                return [parseFloat(getComputedStyle(e).fontSize) * scale];
            }))"""
        return float(self.driver.execute_script(script))

    def keeps(self, name: str) -> None:
        """A picture of the whole page."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        size = self._do("Page.getLayoutMetrics")["cssContentSize"]
        height = min(size["height"], _TALLEST)
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1}
        made = self._do("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        (PICTURES / f"{name}.png").write_bytes(base64.b64decode(made["data"]))

    def _metrics(self, width: int, height: int, *, mobile: bool) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self._do("Emulation.setDeviceMetricsOverride", **size)

    def _do(self, command: str, **how: object) -> dict[str, Any]:
        made: dict[str, Any] = self.driver.execute_cdp_cmd(command, how)
        return made


@contextmanager
def screen() -> Iterator[Screen]:
    """Skips where there is no Chromium with its driver."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not chromedriver:
        pytest.skip("needs Debian's packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in _FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    try:
        yield Screen(driver)
    finally:
        driver.quit()
