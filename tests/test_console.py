"""The console over HTTP: who gets in, what they see, and what they can do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desks import Desk, desk


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        yield opened


def test_nobody_sees_anything_without_logging_in(site: Desk) -> None:
    stranger = site.browser()
    assert stranger.get("/").headers["Location"] == "/login"
    assert "doorward users add" in stranger.get("/login").text
    ada = site.browser("Ada")
    assert "Front door" in ada.get("/").text
