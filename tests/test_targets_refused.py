"""Where no event is ever sent: addresses of the house, and targets that cannot be meant."""

import socket
import ssl
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from controller.config import load
from controller.config_targets import TargetSettings
from controller.errors import ConfigError, Unavailable
from sync.http import Line
from sync.platforms import PLATFORMS
from sync.public import is_public
from tests.fakes import FakeClock
from tests.halls import doorward
from tests.lines import Echo, self_signed
from tests.locks import TARGET, lock_system, write_site


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "10.0.0.5", "172.16.0.1"),
        *("192.168.1.1", "169.254.169.254", "100.64.0.1", "fe80::1", "fe80::1%eth0", "fd00::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "224.0.0.1"),
        *("ff02::1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "2001:db8::1", "fec0::1", "x"),
    ],
)
def test_what_is_not_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::9", "::ffff:9.9.9.9", "64:ff9b::909:909"])
def test_what_is(address: str) -> None:
    assert is_public(address)


def test_a_name_that_leads_into_the_house_is_refused_whenever_it_is_connected_to() -> None:
    """`localhost` is such a name; nothing is sent there, though something listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
        seen: list[str] = []

        def admits(address: str) -> bool:
            seen.append(address)
            return is_public(address)

        url = f"http://localhost:{port}"
        with Line(url, clock=FakeClock(), wait=lambda _: False, admits=admits) as line:
            for _ in range(2):
                with pytest.raises(Unavailable, match="is no address of the internet"):
                    line.request("POST", url, content=b"{}")
        assert len(seen) >= 2, "each time anew"
        listening.settimeout(0)
        with pytest.raises(BlockingIOError):
            listening.accept()
        unknown = "https://nowhere.invalid"
        with (
            Line(unknown, clock=FakeClock(), wait=lambda _: False, admits=admits) as line,
            pytest.raises(Unavailable, match="cannot be reached"),
        ):
            line.request("POST", unknown)


def test_every_address_of_a_name_is_tried() -> None:
    """`localhost` may have two, of which the first does not answer here."""
    with Echo() as platform:
        url = f"http://localhost:{platform.url.rpartition(':')[2]}"
        with Line(url, clock=FakeClock(), wait=lambda _: False, admits=lambda _: True) as line:
            assert line.request("POST", url, content=b"x").status == 200


def test_the_certificate_is_that_of_the_name_and_not_of_its_address(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with Echo() as platform:
        platform.stop()
        platform.start(tls=tls)
        for host, accepted in (("127.0.0.1", True), ("localhost", False)):
            url = f"https://{host}:{platform.url.rpartition(':')[2]}"
            with Line(
                url,
                clock=FakeClock(),
                wait=lambda _: False,
                ca_file=certificate,
                admits=lambda _: True,
            ) as line:
                if accepted:
                    assert line.request("POST", url, content=b"x").status == 200
                else:
                    with pytest.raises(Unavailable, match="certificate of localhost"):
                        line.request("POST", url, content=b"x")


def test_a_private_target_is_told_only_if_that_is_allowed(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
        more = TARGET.format(url=f"https://127.0.0.1:{port}/").replace("= true", "= false")
        with lock_system(tmp_path, more) as site:
            failed = doorward(site.config.path, "targets", "test", "cobot")
            assert (failed.code, "127.0.0.1 is no address of the internet" in failed.err) == (
                *(9, True),
            )
        listening.settimeout(0)
        with pytest.raises(BlockingIOError):
            listening.accept()


TABLE = {"url": "https://example.org/hook", "secret": {"file": "/etc/doorward/secret"}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "http://example.org/"}, "https://"),
        ({"url": "ftp://example.org/"}, "no web address"),
        ({"url": "https://"}, "no web address"),
        ({"url": "https://ada:pw@example.org/"}, "plain address"),
        ({"url": "https://example.org/#x"}, "plain address"),
        ({"url": "https://example.org/a b"}, "plain address"),
        ({"url": "https://exämple.org/"}, "no web address"),
        ({"url": "https://example.org:x/"}, "no web address"),
        ({"events": []}, "is empty"),
        ({"events": ["lock_open"]}, "did you mean 'lock_opened'"),
        ({"secret": "abc"}, "never stands in the configuration"),
    ],
)
def test_a_target_that_cannot_be_meant_is_refused(change: dict[str, Any], words: str) -> None:
    assert TargetSettings.model_validate(TABLE)
    with pytest.raises(ValidationError, match=words):
        TargetSettings.model_validate({**TABLE, **change})


def test_problems_of_a_target_are_told_with_its_key(tmp_path: Path) -> None:
    path = write_site(tmp_path, TARGET.format(url="ftp://x/"))
    with pytest.raises(ConfigError, match=r"targets\.cobot: url: is no web address"):
        load(path, platforms=PLATFORMS)
    path = write_site(tmp_path, 'targets = "x"')
    with pytest.raises(ConfigError, match="targets"):
        load(path, platforms=PLATFORMS)


def test_there_is_one_list_of_registered_users(tmp_path: Path) -> None:
    more = '[platforms.other]\nkind = "api"\nzone = "Europe/Berlin"\n'
    with pytest.raises(ConfigError, match="is taken by platforms"):
        load(write_site(tmp_path, more), platforms=PLATFORMS)
