"""A real `syncd` over a rough network: what fails leaves no socket, no file and no thread open."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.houses import KEY, TOKEN, UNLIMITED, config_text
from tests.rough import Rough, Way, holdings, settles
from tests.test_processes import Processes, until

pytestmark = pytest.mark.slow

ROUGH = (Way.REFUSED, Way.CUT, Way.LOST, Way.TRUNCATED, Way.RESET, Way.CORRUPT, Way.PAGE)


@pytest.fixture
def rough(tmp_path: Path) -> Iterator[tuple[Processes, list[Rough]]]:
    made = Processes(tmp_path)
    with ExitStack() as ends:
        lines = []
        for platform in (made.cobot, made.hive):
            ends.enter_context(platform)
            lines.append(ends.enter_context(Rough(urlsplit(platform.url).port or 0)))
        (tmp_path / "cobot-token").write_text(TOKEN)
        (tmp_path / "hive-key").write_text(KEY)
        (tmp_path / "doorward.toml").write_text(config_text(*(line.url for line in lines)))
        try:
            yield made, lines
        finally:
            for process in made.running.values():
                process.kill()
                process.wait()


def test_nothing_is_left_open_and_a_stop_is_heeded(rough: tuple[Processes, list[Rough]]) -> None:
    place, lines = rough
    members = [place.cobot.add_member(f"M {n}", UNLIMITED, cards=[f"{n:010}"]) for n in range(8)]
    place.start("controller")
    place.start("syncd")
    place.sync()
    assert place.scan("front", f"{7:010}") == "granted"
    until(lambda: len(place.cobot.check_ins) == 1, "everything that stays open is")
    syncd = place.running["syncd"].pid
    files, threads = holdings(syncd)
    for number, way in enumerate(ROUGH):
        for line in lines:
            line.way = way
        # Cobot may be asked six times a minute; telling it of check-ins does the rest.
        assert place.ask("syncd", {"do": "sync", "platforms": ["gym"]})["exit"] != 0
        assert place.scan("front", f"{number:010}") == "granted", "doors do not notice"
    for line in lines:
        line.way = Way.THROUGH
    until(lambda: len(place.cobot.check_ins) == 8, "everybody was told")
    assert settles(lambda: holdings(syncd)[1], threads) <= threads
    most = files + 4  # a connection each that is kept for the next request
    assert settles(lambda: holdings(syncd)[0], most) <= most
    place.stop()
    assert sorted(stay.member for stay in place.cobot.check_ins) == sorted(m.id for m in members)
