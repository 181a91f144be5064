"""`/healthz` and `/metrics` over real HTTP, and who is told what."""

import http.client
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from controller.alerts import UNWELL
from controller.config import load
from controller.errors import ConfigError
from controller.model import Kind, Trust
from sync.daemon import Daemon
from tests.mails import MailServerHere
from tests.test_exposition import parsed
from tests.watches import Watch, watch
from tests.worlds import HOUR

FRESH = 5.0  # seconds after which it is looked at again
TOKEN = "metrics-token-7f3a"


@pytest.fixture
def server() -> Iterator[MailServerHere]:
    with MailServerHere() as made:
        yield made


class Served:
    """A house whose `syncd` runs, and what its web server says."""

    def __init__(self, site: Watch, url: str) -> None:
        self.site, self.url = site, url

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        address = urlsplit(self.url)
        with closing(http.client.HTTPConnection(address.hostname or "", address.port)) as line:
            line.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = line.getresponse()
            return answer.status, answer.read().decode()

    def health(self) -> tuple[int, str]:
        self.site.clock.advance(FRESH)
        return self.get("/healthz")

    def metrics(self, **headers: str) -> dict[tuple[str, str], float]:
        self.site.clock.advance(FRESH)
        assert self.site.place.controller.journal.flush(5)
        status, text = self.get("/metrics", **headers)
        assert status == 200, text
        return {(name, labels): value for name, labels, value in parsed(text)}


@contextmanager
def served(
    folder: Path, server: MailServerHere, http_table: str = "metrics = true"
) -> Iterator[Served]:
    (folder / "metrics-token").write_text(TOKEN)
    with watch(folder, server, http=f"port = 0\n{http_table}") as site:
        site.place.close_socket()
        with Daemon(site.place.office):
            yield Served(site, site.place.office.listening["url"])
        site.place.open_office()


OK, DEGRADED = (200, '{"status": "ok"}'), (503, '{"status": "degraded"}')


def test_all_is_well_until_a_device_is_lost(tmp_path: Path, server: MailServerHere) -> None:
    with served(tmp_path, server) as here:
        assert here.health() == OK
        here.site.reader().unplug()
        here.site.settle()
        assert here.health() == DEGRADED
        here.site.reader().plug()
        here.site.settle()
        assert here.health() == OK


def test_it_is_looked_at_now_and_then_however_many_ask(
    tmp_path: Path, server: MailServerHere
) -> None:
    with served(tmp_path, server) as here:
        assert here.health() == OK
        here.site.clock.trust_now = Trust.GUESSED
        assert here.get("/healthz") == OK
        assert here.health() == DEGRADED


@pytest.mark.parametrize("down", ["controller", "roster", "cache"])
def test_what_makes_it_degraded(tmp_path: Path, server: MailServerHere, down: str) -> None:
    with served(tmp_path, server) as here:
        if down == "controller":
            here.site.place.controller.close()
        elif down == "roster":
            here.site.clock.advance(7 * HOUR)
        else:
            (here.site.place.config.data / "cache.db.damaged-1").write_bytes(b"x")
        assert here.health() == DEGRADED
        name = ("doorward_controller_up", "")
        told = metrics_without_flush(here)
        assert told[name] == (down != "controller")


def metrics_without_flush(here: Served) -> dict[tuple[str, str], float]:
    status, text = here.get("/metrics")
    assert status == 200
    return {(name, labels): value for name, labels, value in parsed(text)}


def test_a_forced_door_is_no_illness_of_the_machine(tmp_path: Path, server: MailServerHere) -> None:
    with served(tmp_path, server) as here:
        here.site.happens(Kind.FORCED)
        assert here.health() == OK
    assert UNWELL


def test_metrics_count_what_happens_and_name_nobody(tmp_path: Path, server: MailServerHere) -> None:
    with served(tmp_path, server) as here:
        before = here.metrics()
        assert not [name for name, _ in before if name == "doorward_scans_total"]
        assert here.site.place.scan("front", "1234567001") == "denied_point_no_access_rights"
        for _ in range(2):
            here.site.place.scan("front", "1234567999")
        told = here.metrics()
        reason = 'door="front",reason="denied_unknown_credential"'
        assert told["doorward_scans_total", reason] == 2
        assert told["doorward_events_total", 'door="front",kind="access"'] == 3
        assert told["doorward_door_up", 'door="front"'] == 1
        assert told["doorward_door_last_scan_seconds", 'door="front"'] > 1e9
        assert told["doorward_clock_trust", 'trust="synchronized"'] == 1
        assert told["doorward_roster_age_seconds", 'platform="loft"'] < HOUR
        assert told["doorward_database_bytes", 'file="journal.db"'] > 0
        assert told["doorward_resident_bytes", 'process="syncd"'] > 1e6
        assert told["doorward_disk_free_bytes", ""] > 0
        assert told["doorward_uptime_seconds", ""] > 0
        _, text = here.get("/metrics")
        assert [each for each in ("Mia", "7001", "m-1") if each in text] == []
        names = {name for name, _ in told}
    document = (Path(__file__).parent.parent / "docs" / "reference.md").read_text()
    assert [name for name in sorted(names) if f"`{name}`" not in document] == []


def test_without_a_token_only_this_machine_is_told(tmp_path: Path, server: MailServerHere) -> None:
    with served(tmp_path, server) as here:
        status, text = here.get("/metrics", X_Forwarded_For="192.0.2.1")
        assert status == 403
        assert "metrics_token" in text


def test_with_a_token_who_has_it_is_told(tmp_path: Path, server: MailServerHere) -> None:
    table = 'metrics = true\nmetrics_token = { file = "metrics-token" }'
    with served(tmp_path, server, table) as here:
        assert here.get("/metrics")[0] == 401
        assert here.get("/metrics", Authorization="Bearer wrong")[0] == 401
        entitled = {"Authorization": f"Bearer {TOKEN}", "X_Forwarded_For": "192.0.2.1"}
        assert here.metrics(**entitled)["doorward_controller_up", ""] == 1
        assert here.health() == OK


def test_a_token_that_cannot_be_read_serves_nobody(tmp_path: Path, server: MailServerHere) -> None:
    table = 'metrics = true\nmetrics_token = { file = "gone" }'
    with served(tmp_path, server, table) as here:
        assert here.get("/metrics")[0] == 404
        assert here.health() == OK


def test_metrics_for_others_need_a_token(tmp_path: Path) -> None:
    path = tmp_path / "doorward.toml"
    path.write_text(
        '[http]\naddress = "192.0.2.1"\ncertificate = "c"\ncertificate_key = "k"\nmetrics = true\n'
    )
    with pytest.raises(ConfigError, match="metrics_token is needed"):
        load(path)
