"""Tokens of Nexudus: each serves once, and no power cut at any moment locks us out."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import BadReply, ConfigError, DoorwardError, Unauthorized, Unavailable
from sync.platform import Surroundings
from sync.platforms.nexudus import Nexudus
from sync.platforms.nexudus_settings import NexudusApiSettings
from sync.simulator.nexudus_rest import SimulatedNexudusRest
from sync.simulator.server import Fault, Request, Response
from tests.fakes import FakeClock
from tests.lines import Waiting
from tests.rest_lofts import PASSWORD, account, asked, platform_at, settings

FILE = "nexudus-loft.token"


@pytest.fixture
def rest() -> Iterator[SimulatedNexudusRest]:
    with account() as made:
        yield made


def kept(folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((folder / FILE).read_text())
    return found


def test_the_first_login_is_by_password(rest: SimulatedNexudusRest, tmp_path: Path) -> None:
    platform = platform_at(rest, tmp_path)
    assert "customers: 2" in platform.test()
    assert "customers: 2" in platform.test()
    platform.close()
    assert rest.logins == ["password"], "one token serves for long"
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert kept(tmp_path)["refresh_token"].startswith("refresh-")
    first = rest.requests[0]
    assert first.form()["username"] == "acs@example.org"
    assert first.headers["client_id"] == kept(tmp_path)["client_id"] != "acs@example.org"
    assert PASSWORD not in (tmp_path / FILE).read_text()


def test_a_new_one_is_on_the_disk_before_it_is_used(tmp_path: Path) -> None:
    seen: list[str] = []

    class Watching(SimulatedNexudusRest):
        def handle(self, request: Request) -> Response:
            if request.path != "/api/token":
                seen.append(kept(tmp_path)["refresh_token"])
            return super().handle(request)

    with account(kind=Watching) as rest:
        platform = platform_at(rest, tmp_path)
        platform.test()
        rest.end_access()
        platform.test()
        platform.close()
        assert rest.logins == ["password", "refresh_token"]
        assert seen[-1] == kept(tmp_path)["refresh_token"] != seen[0]


def test_a_restart_needs_no_password(rest: SimulatedNexudusRest, tmp_path: Path) -> None:
    for _ in range(3):
        platform = platform_at(rest, tmp_path)
        platform.test()
        platform.close()
    assert rest.logins == ["password", "refresh_token", "refresh_token"]
    assert len({r.headers["client_id"] for r in rest.requests if r.path == "/api/token"}) == 1


def test_an_access_token_is_not_used_beyond_its_end(
    rest: SimulatedNexudusRest, tmp_path: Path
) -> None:
    clock = FakeClock()
    rest.token_seconds = 600.0
    platform = platform_at(rest, tmp_path, clock=clock)
    platform.test()
    clock.advance(500)
    platform.test()
    assert rest.logins == ["password"]
    clock.advance(45)
    platform.test()
    platform.close()
    assert rest.logins == ["password", "refresh_token"]


KILLED = """
import sys
from pathlib import Path
from tests.rest_lofts import platform_at
class At: url = sys.argv[1]
platform_at(At, Path(sys.argv[2])).test()
"""


def test_killed_between_the_new_token_and_the_disk(tmp_path: Path) -> None:
    """The worst moment: the old one is used up, the new one is known to nobody."""

    class Killing(SimulatedNexudusRest):
        victim: subprocess.Popen[bytes] | None = None

        def handle(self, request: Request) -> Response:
            answer = super().handle(request)
            if self.victim and request.path == "/api/token":
                os.kill(self.victim.pid, signal.SIGKILL)
                self.victim.wait()
            return answer

    with account(kind=Killing) as rest:
        assert isinstance(rest, Killing)
        platform = platform_at(rest, tmp_path)
        platform.test()
        platform.close()
        before = kept(tmp_path)
        with rest.lock:
            command = [sys.executable, "-c", KILLED, rest.url, str(tmp_path)]
            rest.victim = subprocess.Popen(command, cwd=Path(__file__).parent.parent)
        assert rest.victim.wait(30) == -signal.SIGKILL
        rest.victim = None
        assert kept(tmp_path) == before, "what is there serves no more"
        platform = platform_at(rest, tmp_path)
        platform.test()
        platform.close()
    assert rest.logins == ["password", "refresh_token", "refresh_token", "password"]
    assert kept(tmp_path)["client_id"] == before["client_id"]


@pytest.mark.parametrize("kind", ["lose_answer", "truncate", "garbage", "html"])
def test_a_lost_answer_locks_nobody_out(
    rest: SimulatedNexudusRest, tmp_path: Path, kind: str
) -> None:
    platform = platform_at(rest, tmp_path)
    platform.test()
    rest.end_access()
    rest.fault = Fault(kind, "/api/token", times=1)  # type: ignore[arg-type]
    with pytest.raises((Unavailable, BadReply)):
        platform.test()
    platform.test()
    platform.close()
    assert rest.logins[0] == "password"
    assert rest.logins[-1] in ("password", "refresh_token")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"client_id": "x", "refresh_token": "y"}', '{"client_id": 5}', "\x00"]
)
def test_a_file_that_makes_no_sense_is_begun_anew(
    rest: SimulatedNexudusRest, tmp_path: Path, text: str
) -> None:
    (tmp_path / FILE).write_text(text)
    (tmp_path / f"{FILE}.new").write_text("half of")
    platform = platform_at(rest, tmp_path)
    platform.test()
    platform.close()
    assert rest.logins == ["password"]
    assert kept(tmp_path)["refresh_token"]


def test_what_cannot_be_kept_is_not_used(rest: SimulatedNexudusRest, tmp_path: Path) -> None:
    (tmp_path / f"{FILE}.new").mkdir()
    platform = platform_at(rest, tmp_path)
    with pytest.raises(Unavailable, match="cannot be kept"):
        platform.test()
    assert asked(rest) == []
    (tmp_path / f"{FILE}.new").rmdir()
    platform.test()
    platform.close()


def test_a_wrong_password_says_who_must_act(rest: SimulatedNexudusRest, tmp_path: Path) -> None:
    rest.password = "another"
    platform = platform_at(rest, tmp_path)
    with pytest.raises(Unauthorized, match=r"user and password.*invalid_grant") as raised:
        platform.test()
    platform.close()
    assert PASSWORD not in str(raised.value)


def test_tokens_revoked_at_nexudus_are_replaced(rest: SimulatedNexudusRest, tmp_path: Path) -> None:
    platform = platform_at(rest, tmp_path)
    platform.test()
    rest.forget_tokens()
    platform.test()
    platform.close()
    assert rest.logins == ["password", "refresh_token", "password"]


def test_a_missing_right_is_asked_for_once_more_and_told(
    rest: SimulatedNexudusRest, tmp_path: Path
) -> None:
    rest.rights.clear()
    platform = platform_at(rest, tmp_path)
    with pytest.raises(Unauthorized, match="Give it the rights"):
        platform.test()
    platform.close()
    assert asked(rest) == ["/api/spaces/coworkers"] * 2


def test_no_token_is_in_an_error(rest: SimulatedNexudusRest, tmp_path: Path) -> None:
    class Telltale(SimulatedNexudusRest):
        def handle(self, request: Request) -> Response:
            if request.path == "/api/token":
                return super().handle(request)
            return Response(500, {"you sent": request.headers["Authorization"]})

    with account(kind=Telltale) as telltale:
        platform = platform_at(telltale, tmp_path)
        with pytest.raises(DoorwardError) as raised:
            platform.test()
        platform.close()
    assert "you sent" in str(raised.value)
    assert "access-" not in str(raised.value)
    assert "****" in str(raised.value)


def test_a_token_brought_by_the_operator(rest: SimulatedNexudusRest, tmp_path: Path) -> None:
    asking = platform_at(rest, tmp_path / "other")
    asking.test()
    asking.close()
    (token,) = rest._access
    brought = settings(rest.url, user=None, password=None, token={"file": "/token"})
    clock, words = FakeClock(), iter(["a-bearer-for-the-webhook", token])
    around = Surroundings(clock, Waiting(clock), lambda _: next(words), str, str, tmp_path)
    platform = Nexudus("loft", brought, around)
    assert "customers: 2" in platform.test()
    rest.end_access()
    with pytest.raises(Unauthorized, match="put a new key into its file"):
        platform.test()
    platform.close()
    assert rest.logins == ["password"]
    assert not (tmp_path / FILE).exists()
    words = iter(["a-bearer-for-the-webhook", "no bearer"])
    with pytest.raises(ConfigError, match="no bearer token"):
        Nexudus("loft", brought, around)


@pytest.mark.parametrize(
    "change",
    [
        {"user": None},
        {"password": None},
        {"user": None, "password": None},
        {"token": {"file": "/t"}},
        {"url": "http://spaces.example.org"},
        {"check_in_at": 0},
        {"passwort": "x"},
    ],
)
def test_what_cannot_work_is_refused(change: dict[str, object]) -> None:
    table = {"user": "acs@example.org", "password": {"file": "/pw"}}
    NexudusApiSettings.model_validate(table)
    with pytest.raises(ValueError, match=r"needs user|https://|greater|permitted"):
        NexudusApiSettings.model_validate({**table, **change})
