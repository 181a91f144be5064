"""What nobody expects is refused by an error of ours, whoever reads it; nothing else happens.

Few cases of each parser, for they run every time; `python -m bench fuzz` runs many.
"""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.fuzz import PARSERS, check, like, run
from controller.control import ask
from tests.halls import Hall, hall

CASES = 40


@pytest.mark.parametrize("name", PARSERS)
def test_every_parser_refuses_or_reads(name: str) -> None:
    assert run(PARSERS[name], CASES) >= 1


def test_a_parser_that_fails_would_be_noticed() -> None:
    careless = PARSERS["Hive doors"]
    with pytest.raises(AssertionError, match="repeated"):
        check(type(careless)(careless.fed, _repeats, (ValueError,)), "4A1B2C3D5E")
    with pytest.raises(ZeroDivisionError):
        check(type(careless)(careless.fed, lambda _: 1 / 0, (ValueError,)), 7)


def _repeats(value: str) -> None:
    raise ValueError(f"cannot read {value}")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    with hall(tmp_path_factory.mktemp("h")) as built:
        yield built


def lines(path: Path, sent: bytes) -> list[Any]:
    """What a socket answers to these bytes."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(30)
        line.connect(str(path))
        line.sendall(sent)
        line.shutdown(socket.SHUT_WR)
        with line.makefile("rb") as answers:
            return [json.loads(answer) for answer in answers]


@pytest.mark.parametrize("name", ["door.sock", "sync.sock"])
def test_a_socket_survives_any_line(place: Hall, name: str) -> None:
    path = place.config.run / name

    @settings(max_examples=CASES, deadline=None, database=None)
    @given(st.binary(max_size=300))
    def each(sent: bytes) -> None:
        assert [answer["ok"] for answer in lines(path, sent)] in ([False], [])

    each()
    assert ask(path, {"do": "status"})["ok"]


REQUEST = {
    "door": "front", "mode": "normal", "seconds": 5, "until": 1.0, "items": [{"seq": 1}],
    "act": "scan", "text": "7", "reader": "main", "platform": "loft", "person": "m-1",
    "reason": "granted", "person_name": "Ada",
}  # fmt: skip
# All but those that answer only when something happens at a door.
COMMANDS = ("status", "unlock", "lock", "mode", "prop", "forgive", "note", "settled", "show", "sim")


@pytest.mark.parametrize("do", COMMANDS)
def test_a_command_survives_any_request(place: Hall, do: str) -> None:
    path = place.config.run / "door.sock"

    @settings(
        max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(like(REQUEST).filter(lambda v: isinstance(v, dict)))
    def each(request: dict[str, Any]) -> None:
        sent = json.dumps({**request, "do": do}).encode() + b"\n"
        assert isinstance(lines(path, sent)[-1]["ok"], bool)

    each()
    assert ask(path, {"do": "status"})["ok"]
    assert not place.released("gym")
