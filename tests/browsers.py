"""A real Chromium without a screen, and what can be asked of a page in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.worlds import PATIENCE

PICTURES = Path(__file__).parent.parent / "build" / "console"
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--hide-scrollbars", "--lang=en-GB", "--no-first-run", "--disable-background-networking"),
)
# The weakest contrast of any text that is shown, against the nearest background behind it.
_WEAKEST = """
const parse = (c) => [...c.match(/[0-9.]+/g).map(Number), 1].slice(0, 4);
const light = (c) => c.slice(0, 3).map((v) => { v /= 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
}).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (e) => { for (; e; e = e.parentElement) {
  const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; }
  return [255, 255, 255, 1]; };
let weakest = [21, ""];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement, box = e.getBoundingClientRect();
  const seen = walker.currentNode.data.trim() && box.width > 2;
  if (!seen || e.closest("[hidden], :disabled")) continue;
  const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
  const contrast = (a + 0.05) / (b + 0.05);
  if (contrast < weakest[0]) weakest = [contrast, walker.currentNode.data.trim()];
}
return weakest;
"""


class Page:
    """One window. Everything waits for what is to come."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def go(self, url: str) -> None:
        self.driver.get(url)

    def at(self, css: str) -> WebElement:
        """The first of these that is shown."""
        look = lambda: next((e for e in self._all(css) if e.is_displayed()), None)  # noqa: E731
        found: WebElement = self._comes(look, css)
        return found

    def says(self, text: str, css: str = "main") -> None:
        """It is on the page, now or soon."""
        self._comes(lambda: any(text in e.text for e in self._all(css)), f"{text!r} in {css}")

    def fill(self, css: str, text: str) -> None:
        self.at(css).clear()
        self.at(css).send_keys(text)

    def click(self, css: str) -> None:
        """Again, if the page put another in its place at that moment."""

        def clicked() -> bool:
            self.at(css).click()
            return True

        self._comes(clicked, css)

    def script(self, text: str) -> Any:
        return self.driver.execute_script(text)

    def becomes(self, script: str, value: object) -> None:
        """What this expression is, now or soon."""
        self._comes(lambda: self.script(f"return {script}") == value, f"{script} is {value!r}")

    def window(self, width: int, height: int, *, dark: bool = False) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})

    def picture(self, name: str) -> None:
        """Kept in `build/`, to be looked at."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(PICTURES / f"{name}.png"))

    def weakest_contrast(self) -> tuple[float, str]:
        """And the text that has it."""
        found = self.script(_WEAKEST)
        return round(found[0], 2), found[1]

    def nameless(self) -> list[str]:
        """Things to use that a screen reader has no name for."""
        tree = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        usable = {"button", "link", "textbox", "combobox", "checkbox", "InputTime", "searchbox"}
        return [
            node["role"]["value"]
            for node in tree
            if node.get("role", {}).get("value") in usable
            if not node.get("ignored") and not node.get("name", {}).get("value", "").strip()
        ]

    def complaints(self) -> list[str]:
        """What the browser itself found wrong since the last call: scripts, CSP, requests."""
        return [each["message"] for each in self.driver.get_log("browser")]

    def _all(self, css: str) -> list[WebElement]:
        found: list[WebElement] = self.driver.find_elements(By.CSS_SELECTOR, css)
        return found

    def _comes(self, look: Any, what: str) -> Any:
        from selenium.common.exceptions import StaleElementReferenceException

        waiting = WebDriverWait(
            self.driver, PATIENCE, 0.02, ignored_exceptions=[StaleElementReferenceException]
        )
        return waiting.until(lambda _: look(), f"never came: {what}")


@contextmanager
def browser() -> Iterator[Page]:
    """Skips where there is none, unless CI says that there must be."""
    chromium = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        why = "no chromium with chromedriver here: apt-get install chromium chromium-driver"
        assert not os.environ.get("CI"), why
        pytest.skip(why)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in _OPTIONS:
        options.add_argument(option)
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield Page(made)
    finally:
        made.quit()
