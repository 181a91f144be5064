"""Every parser is fed what it never expects. tests/test_fuzz.py runs a few of these cases."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hw
from bench.figures import Figures
from controller.backup import Contents
from controller.cards import FORMS, CardFormat
from controller.config import load
from controller.config_example import EXAMPLE
from controller.errors import BadReply, ConfigError, StoreError
from controller.sealing import Sealer, Unsealer
from hw.framing import LONGEST, Lines, Stx
from hw.input_events import Event
from hw.pn532_frames import ACK, Answers, framed, target
from hw.relay_frames import host_port
from hw.wedge_keys import Typist
from hw.wiegand_bits import decoded, key
from sync.platforms import PLATFORMS, cobot_messages, nexudus_said
from sync.platforms.cobot_members import Memberships, pour
from sync.platforms.cobot_parse import member_of, rows
from sync.platforms.file_entries import FileSettings, read_entries
from sync.platforms.hive_said import read_doors, read_users, said
from sync.platforms.nexudus_rows import records

CANARY = "4A1B2C3D5E"  # stands where cards do: no error may repeat it
CASES = 2_000  # of each parser
_PHRASE, _CHEAP = "correct horse battery staple", {"n": 2, "r": 8, "p": 2}
_ODD = (0, -1, 1 << 63, 10**400, 1e308, float("nan"), float("inf"), "", "\ud800", "\0")


@dataclass(frozen=True, slots=True)
class Parser:
    """What it is fed, what reads it, and the only errors it may end in."""

    fed: st.SearchStrategy[Any]
    read: Callable[[Any], object]
    errors: tuple[type[Exception], ...] = ()


def check(parser: Parser, given_it: Any) -> None:
    """It reads, or says so by an error of ours that repeats no value."""
    try:
        parser.read(given_it)
    except parser.errors as error:
        told = f"{error} {error.__cause__ or ''}"
        assert CANARY not in told, f"repeated: {told}"


def measure(work: Path, cases: int = CASES) -> Figures:  # noqa: ARG001
    """All parsers, so many cases each, other ones at each run."""
    ran = 0
    for name, parser in PARSERS.items():
        done = run(parser, cases)
        print(f"  {name}: {done:,} cases")
        ran += done
    return {"fuzz_cases": ran}


def run(parser: Parser, cases: int) -> int:
    """Raises whatever a case brings to light; how many were run."""
    done = 0

    @settings(
        max_examples=cases, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(parser.fed)
    def each(given_it: Any) -> None:
        nonlocal done
        done += 1
        check(parser, given_it)

    each()
    return done


def like(example: Any) -> st.SearchStrategy[Any]:
    """JSON values like this one, with parts left out, or replaced by what nobody expects."""
    junk = st.one_of(
        st.sampled_from((*_ODD, CANARY)), st.none(), st.booleans(), st.text(max_size=9), _DEEP
    )
    if isinstance(example, dict):
        # Messages name ids, so no card stands there.
        ids = st.one_of(st.sampled_from(_ODD), st.none(), st.booleans(), st.text(max_size=9))
        parts = {
            name: st.one_of(*[st.just(value)] * 4, ids)
            if name.lower().endswith("id")
            else like(value)
            for name, value in example.items()
        }
        whole = st.fixed_dictionaries(parts)
        return st.one_of(whole, whole, st.fixed_dictionaries({}, optional=parts), junk)
    if isinstance(example, list):
        return st.one_of(st.lists(st.one_of([like(each) for each in example]), max_size=3), junk) \
            if example else st.one_of(st.just([]), junk)  # fmt: skip
    return st.one_of(*[st.just(example)] * 6, junk)


_DEEP = st.recursive(
    st.one_of(st.none(), st.integers(), st.just(CANARY)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=4,
)


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """These bytes with a stretch replaced, or others altogether."""
    spot = st.tuples(st.integers(0, len(content)), st.integers(0, 20), st.binary(max_size=20))
    return st.one_of(
        st.binary(max_size=200),
        spot.map(lambda s: content[: s[0]] + s[2] + content[s[0] + s[1] :]),
    )


def torn(content: bytes) -> st.SearchStrategy[list[bytes]]:
    """The same, in pieces as a line delivers them."""
    return st.lists(damaged(content), max_size=4)


def _fed(framer: Lines | Stx, chunks: list[bytes]) -> None:
    for chunk in chunks:
        for frame in (*framer.feed(chunk), *(framer.silence() if len(chunk) % 3 == 0 else ())):
            assert len(frame.raw) <= LONGEST + 1, "memory is bounded"
            assert bool(frame.text) != bool(frame.refused)


def _chip(chunks: list[bytes]) -> None:
    answers = Answers()
    for chunk in chunks:
        for answer in answers.feed(chunk):
            assert len(answer.data) < 256
            target(answer.data)


def _typed(events: list[tuple[int, int, int]]) -> None:
    typist = Typist("us")
    for at, (kind, code, value) in enumerate(events):
        for typed in typist.feed(Event(float(at), kind, code, value)):
            assert len(typed.text) <= 256
    typist.silence()


def _card(form_and_text: tuple[str, str]) -> None:
    form, text = form_and_text
    CardFormat(form).canonical(text)


def _wiegand(bits: str) -> None:
    frame = decoded(bits, raw=(32, 64))
    assert bool(frame.text) != bool(frame.refused)
    if len(bits) in (4, 8):
        key(bits)


def _memberships(listed: object) -> None:
    from tests.rosters import Recorded

    reader = Memberships(ZoneInfo("Europe/Berlin"), ["p"], 1.7e9)
    for row in rows("Cobot memberships", listed):
        pour("loft", reader.read(row), (), Recorded())
    list(reader.warnings())


def _tokens(listed: object) -> None:
    for row in rows("Cobot tokens", listed):
        member_of(row)
        row.text("token")
        row.moment_if_any("created_at")


def _nexudus(listed: object) -> None:
    for row in records("Nexudus coworkers", listed):
        for field in row.raw:
            for read in (row.text, row.moment_if_any, row.number_if_any, row.numbers, row.flag):
                check(Parser(st.nothing(), read, (BadReply,)), field)


@cache
def _folder() -> Path:
    """Files to be parsed; in memory where there is such a place."""
    memory = Path("/dev/shm")
    held = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
    _HELD.append(held)
    return Path(held.name)


_HELD: list[tempfile.TemporaryDirectory[str]] = []


def _list(content: tuple[str, bytes]) -> None:
    path = _folder() / content[0]
    path.write_bytes(content[1])
    table = {"kind": "file", "path": path, "card": {"format": "hex"}, "zone": "Europe/Berlin"}
    read_entries("crew", FileSettings.model_validate(table))


def _config(text: bytes) -> None:
    path = _folder() / "doorward.toml"
    path.write_bytes(text)
    load(path, hw.TABLES, PLATFORMS)


def _sealed(content: bytes) -> None:
    plain = Unsealer(BytesIO(content), Path("x"), _PHRASE)
    while plain.read(1000):
        pass


def _archive(inside: bytes) -> None:
    list(Contents(BytesIO(_seal(inside)), Path("x"), _PHRASE).members())


def _seal(inside: bytes) -> bytes:
    file = BytesIO()
    sealer = Sealer(file, _PHRASE, _CHEAP)
    sealer.write(inside)
    sealer.finish()
    return file.getvalue()


def _json(example: Any) -> st.SearchStrategy[bytes]:
    """As bytes: mostly JSON, sometimes not."""
    text = json.dumps(example).encode()
    return st.one_of(like(example).map(lambda v: json.dumps(v).encode()), damaged(text))


_MEMBERSHIP = {
    "id": "m-1",
    "name": "Ada",
    "starts_at": "2026-01-01",
    "canceled_to": None,
    "confirmed_at": "2026/01/01",
    "team_id": None,
    "plan": {
        "id": "p-1",
        "parent_plan": {"id": "p"},
        "extras": [{"name": "Locker"}],
        "time_passes": [
            {"id": "t", "included_per_timespan": 2, "included_timespan": "week", "name": "Day"}
        ],
        "canceled_to": None,
    },
    "upcoming_plan": {"id": "p-2", "parent_plan": {"id": "q"}, "time_passes": [], "extras": []},
}
_TOKEN = {"token": CANARY, "membership": {"id": "m-1"}, "created_at": "2026-01-01T10:00:00Z"}
_HIVE_USER = {
    "id": 201,
    "first_name": "Ada",
    "last_name": "Ruiz",
    "is_instructor": False,
    "door_access_id": CANARY,
    "barcode_id": None,
    "memberships": [
        {"membership_id": 1, "membership_type_id": 2, "expires": 1767607200, "door_ids": ["f"]}
    ],
}
_HIVE_DOOR = {"door_id": "f", "name": "Front", "active": 1, "allow_instructors": True}
_TOLD = {
    "coworker": {"id": 9001, "unique_id": "F1E2", "full_name": "Jane", "accessCardId": CANARY,
                 "keyFobNumber": "", "accessPincode": "0471"},
    "business": {"id": 501, "unique_id": "B1"},
    "time": "2026-01-05T10:00:00Z",
    "access_control_groups": [{"id": "main", "schedule": [{"end": "2026-01-06T10:00:00Z"}]}],
}  # fmt: skip
_COWORKER = {"Id": 9001, "FullName": "Jane", "AccessCardId": CANARY, "Active": True,
             "CreatedOn": "2026-01-05T10:00:00Z", "TeamIds": [1, 2]}  # fmt: skip
_HINT = {"url": "https://harbour.cobot.me/api/memberships/m-1", "event": "created_membership"}
_CSV = b"id,name,card,pin,labels,from,until,hours\n1,Ada,04A1B2C3,4711,a;b,2026-01-01,,mo-fr 9-17\n"
_LISTED = [{"id": 1, "name": "Ada", "card": CANARY, "labels": ["a"], "blocked": False}]

PARSERS: dict[str, Parser] = {
    "serial lines": Parser(torn(b"0008075634\r\n"), lambda c: _fed(Lines(), c)),
    "RDM6300 frames": Parser(torn(b"\x0204007B397202\x03"), lambda c: _fed(Stx(), c)),
    "PN532 frames": Parser(
        torn(ACK + framed(bytes.fromhex("D5 4B 01 01 00 04 08 04 04 A1 B2 C3"))),
        _chip, (ValueError,),
    ),
    "Wiegand bits": Parser(st.text("01", max_size=140), _wiegand),
    "typed keys": Parser(
        st.lists(st.tuples(st.integers(0, 4), st.integers(0, 255), st.integers(-1, 3))), _typed
    ),
    "addresses of boards": Parser(st.text(max_size=40), host_port, (ValueError,)),
    "card numbers": Parser(
        st.tuples(
            st.sampled_from([*FORMS]),
            st.one_of(st.text(), st.text("0123456789ABCDEF:, ", max_size=300), st.just(CANARY)),
        ),
        _card, (ValueError,),
    ),
    "Cobot memberships": Parser(like([_MEMBERSHIP]), _memberships, (BadReply,)),
    "Cobot tokens": Parser(like([_TOKEN]), _tokens, (BadReply,)),
    "Cobot calls": Parser(_json(_HINT), cobot_messages.read_message),
    "Hive users": Parser(
        like({"users": [_HIVE_USER]}), lambda v: list(read_users(said("page", v))), (BadReply,)
    ),
    "Hive doors": Parser(
        like({"doors": [_HIVE_DOOR]}), lambda v: read_doors(said("doors", v)), (BadReply,)
    ),
    "Nexudus calls": Parser(_json(_TOLD), nexudus_said.read_message, (BadReply,)),
    "Nexudus rows": Parser(like([_COWORKER]), _nexudus, (BadReply,)),
    "lists in CSV": Parser(damaged(_CSV).map(lambda b: ("crew.csv", b)), _list, (ConfigError,)),
    "lists in JSON": Parser(_json(_LISTED).map(lambda b: ("crew.json", b)), _list, (ConfigError,)),
    "configurations": Parser(damaged(EXAMPLE.encode()), _config, (ConfigError,)),
    "sealed files": Parser(
        damaged(_seal(b"some content")).filter(lambda b: b'"n": 2' in b[:80]), _sealed,
        (StoreError,),
    ),
    "archives": Parser(damaged(b"manifest.json" + bytes(600)), _archive, (StoreError,)),
}  # fmt: skip
