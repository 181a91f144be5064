"""How soon somebody at the desk sees the console: a real browser without a screen, on loopback."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.figures import Figures, percentile
from bench.place import configured, running
from controller.control import ask
from sync.passwords import hashed

_NAME, _PASSWORD = "Mira", "three plain words"
_LIGHT = "static/icon.svg"  # a drawing of some bytes: what the browser and the server take anyway
_PAINTED = """
const paint = performance.getEntriesByName("first-contentful-paint")[0];
return paint ? paint.startTime : null;
"""
_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


def measure(work: Path, *, loads: int = 30, scans: int = 20) -> Figures:
    """Address entered → first text or picture on the screen, of the page Now and of a small one."""
    config = configured(work / "console")
    run = config.parent / "run"
    with running("controller", config) as doors, running("syncd", config):
        for number in range(scans):
            doors.scan(f"{number:08X}")
        user = {"name": _NAME, "role": "staff", "hash": hashed(_PASSWORD)}
        ask(run / "sync.sock", {"do": "user_add", **user})
        url = ask(run / "sync.sock", {"do": "status"})["http"]["url"]
        with _browser() as browser:
            _log_in(browser, url)
            first = _painted(browser, f"{url}/")
            both = [
                (_painted(browser, f"{url}/{_LIGHT}"), _painted(browser, f"{url}/"))
                for _ in range(loads)
            ]
    floor, page = (sorted(each) for each in zip(*both, strict=True))
    print(f"  the first load {first:.0f} ms; then {page[0]:.0f} to {page[-1]:.0f} ms of {loads}")
    return {
        "console_first_paint_ms": round(percentile(page, 0.5), 1),
        "floor_first_paint_ms": round(percentile(floor, 0.5), 1),
    }


def _log_in(browser: Any, url: str) -> None:
    browser.get(f"{url}/login")
    browser.find_element("id", "name").send_keys(_NAME)
    browser.find_element("id", "password").send_keys(f"{_PASSWORD}\n")
    browser.find_element("id", "events")


def _painted(browser: Any, url: str) -> float:
    """Milliseconds. RuntimeError if nothing is ever to be seen."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(url)
    found = WebDriverWait(browser, 30, 0.01).until(lambda b: b.execute_script(_PAINTED))
    return float(found)


@contextmanager
def _browser() -> Iterator[Any]:
    from selenium import webdriver

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        raise RuntimeError(
            "no chromium with chromedriver: apt-get install chromium chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in _OPTIONS:
        options.add_argument(option)
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        made.implicitly_wait(30)
        yield made
    finally:
        made.quit()
