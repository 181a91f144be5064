"""The two real processes and a live question, one of them killed in the midst of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.simulator.server import Fault
from tests.houses import KEY, TOKEN, UNLIMITED, config_text, gym_user
from tests.test_processes import PATIENCE, Processes, until

pytestmark = pytest.mark.slow

ADA = "0000000017"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    with made.cobot, made.hive:
        (tmp_path / "cobot-token").write_text(TOKEN)
        (tmp_path / "hive-key").write_text(KEY)
        text = config_text(made.cobot.url, made.hive.url)
        asking = text.replace("lock = {", 'live = "both"\nrepeat_after = 0\nlock = {')
        (tmp_path / "doorward.toml").write_text(f'{asking}\n[live]\ndeadline = "5s"\n')
        made.start("controller")
        made.start("syncd")
        made.sync()
        try:
            yield made
        finally:
            for process in made.running.values():
                process.kill()
                process.wait()


def reason(site: Processes, door: str = "front") -> str:
    """That of the last scan, once it was decided."""

    def decided() -> str:
        answer = site.ask("controller", {"do": "sim", "door": door, "act": "state"})
        return "" if answer["waits"] or not answer["last"] else str(answer["last"]["reason"])

    return str(until(decided, "the scan is decided"))


def scan(site: Processes, door: str, card: str) -> None:
    site.ask("controller", {"do": "sim", "door": door, "act": "scan", "text": card})


def test_members_of_both_platforms_get_in_a_minute_after_they_joined(site: Processes) -> None:
    site.cobot.add_member("Ada Ruiz", UNLIMITED, cards=[ADA])
    site.hive.put(gym_user(7, "0BADCAFE"))
    scan(site, "front", ADA)
    assert reason(site) == "granted"
    scan(site, "gym", "0BADCAFE")
    assert reason(site, "gym") == "granted"
    until(lambda: len(site.cobot.check_ins) == len(site.hive.entries) == 1, "both are told")
    site.stop()
    assert len(site.cobot.check_ins) == len(site.hive.entries) == 1


def test_sync_killed_while_it_is_asked_the_cache_decides_at_once(site: Processes) -> None:
    site.cobot.add_member("Ada Ruiz", UNLIMITED, cards=[ADA])
    site.cobot.fault = Fault("hang")
    served = site.cobot.served
    scan(site, "front", ADA)
    assert site.cobot.wait_for_requests(served + 1, PATIENCE)
    site.kill("syncd")
    assert reason(site) == "denied_unknown_credential"
    site.cobot.fault = None
    site.start("syncd")
    scan(site, "front", ADA)
    assert reason(site) == "granted"
    site.stop()


def test_no_file_and_no_log_holds_the_number_of_a_card_asked_about(site: Processes) -> None:
    for card in ("0123456789", "9876543210"):
        scan(site, "front", card)
        reason(site)
    site.hive.put(gym_user(7, "DEADBEEF"))
    site.hive.refuses[7] = "deadbeef is blocked"
    scan(site, "gym", "DEADBEEF")
    reason(site, "gym")
    site.stop()
    written = b"".join(p.read_bytes() for p in site.folder.rglob("*") if p.is_file())
    for secret in (b"0123456789", b"9876543210", b"075BCD15", b"DEADBEEF", b"deadbeef"):
        assert secret not in written
