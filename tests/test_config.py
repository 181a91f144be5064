"""The configuration: what is right loads whole; all that is wrong is named, with a remedy."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from controller.cards import CardFormat
from controller.config import (
    Attached,
    CardSettings,
    Config,
    Location,
    PlatformCommon,
    SecretRef,
    Strict,
    default_path,
    load,
)
from controller.errors import ConfigError
from controller.secrets import read_secret
from controller.toml_written import toml


class Plain:
    """A device that needs nothing."""

    class Settings(Strict):
        driver: Literal["plain"]


class Wired:
    """A device on a pin, as drivers describe theirs."""

    class Settings(Strict):
        driver: Literal["wired"]
        pin: int | str = Field(description="the number of the pin, e.g. 17")
        chip: str | None = None

        def attached(self) -> list[Attached]:
            return [Attached("pin", ("pin", self.chip, str(self.pin).removeprefix("GPIO")))]


class Line:
    """A reader on a serial line."""

    class Settings(Strict):
        driver: Literal["line"]
        port: str = Field(description="the serial line, e.g. /dev/ttyUSB0")

        def attached(self) -> list[Attached]:
            return [Attached("port", ("port", str(Path(self.port).resolve())))]


class Club:
    """A platform with everything that the checks look at."""

    class Source(CardSettings):
        source: Literal["tokens", "field"]

    class Settings(PlatformCommon):
        kind: Literal["club"]
        url: str
        token: SecretRef
        doors: dict[str, str] = Field(default_factory=dict)
        cards: tuple["Club.Source", ...] = ()
        list_file: Location | None = None


HERE = "tests.test_config"
INPUTS = {"plain": f"{HERE}:Plain", "wired": f"{HERE}:Wired"}
DEVICES = {
    "reader": {"plain": f"{HERE}:Plain", "line": f"{HERE}:Line", "rotten": "no.such.module:Reader"},
    "lock": INPUTS,
    "input": INPUTS,
    "indicator": INPUTS,
}
PLATFORMS = {"club": f"{HERE}:Club", "clan": "no.such.module:Clan"}

GOOD: dict[str, Any] = tomllib.loads(
    """
    [site]
    name = "Harbour Loft"
    data = "data"
    [[staleness]]
    labels = ["plan:*"]
    warn_after = "24h"
    deny_after = "7d"
    [doors.front]
    admits = ["plan:42", "gym/plan:*"]
    refuses = ["group:banned"]
    no_pass = "admit"
    anti_passback = "10m"
    lock = { driver = "wired", pin = 17 }
    contact = { driver = "wired", pin = 18 }
    [doors.front.readers.main]
    driver = "line"
    port = "/dev/ttyUSB0"
    card = { format = "hex", keep_bits = 32, byte_order = "reversed" }
    [platforms.gym]
    kind = "club"
    url = "https://gym.example"
    token = { file = "token" }
    doors = { front = "d-1" }
    cards = [{ source = "tokens", format = "dec10" }]
    """
)


def changed(path: str, value: Any = None) -> dict[str, Any]:
    """GOOD with one key set, or taken away."""
    whole: dict[str, Any] = json.loads(json.dumps(GOOD))
    table: Any = whole
    *outer, last = path.split(".")
    for key in outer:
        table = table.setdefault(key, {})
    if value is None:
        del table[last]
    else:
        table[last] = value
    return whole


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "doorward.toml"


def loaded(file: Path, data: Mapping[str, Any], **tables: Any) -> Config:
    file.write_text(toml(data), "utf-8")
    both: dict[str, Any] = {"devices": DEVICES, "platforms": PLATFORMS}
    return load(file, **(both | tables))


def problems(file: Path, data: Mapping[str, Any], **tables: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(file, data, **tables)
    prefix = f"{file}: "
    assert all(line.startswith(prefix) for line in caught.value.problems)
    return [line.removeprefix(prefix) for line in caught.value.problems]


# What is right


def test_a_good_file_becomes_doors_platforms_and_rules(file: Path) -> None:
    config = loaded(file, GOOD)
    door = config.doors["front"]
    assert (door.name, door.open_for, door.repeat_after) == ("front", 5.0, 2.0)
    assert (door.lock.kind, door.lock.factory, door.lock.settings.pin) == ("wired", Wired, 17)
    assert door.exit_button is None
    reader = door.readers["main"]
    assert reader.settings.port == "/dev/ttyUSB0"
    assert reader.card.card_format() == CardFormat("hex", 32, reverse=True)
    gym = config.platforms["gym"]
    assert gym.factory is Club
    assert gym.settings.renewal_grace == 72 * 3600
    assert gym.settings.cards[0].card_format() == CardFormat("dec10")


def test_rules_say_what_decide_must_know(file: Path) -> None:
    rules = loaded(file, changed("clock", {"guessed": "allow"})).rules("front")
    assert ("gym", "plan:9") in rules.admits
    assert ("other", "plan:9") not in rules.admits
    assert ("other", "group:banned") in rules.refuses
    assert (rules.door, rules.check_in, rules.anti_passback) == ("front", True, 600)
    assert (rules.admit_without_pass, rules.admit_on_guessed_clock) == (True, True)
    assert rules.staleness[0].deny_after == 7 * 86400


def test_a_platform_is_asked_as_often_as_it_says_or_as_all_are(file: Path) -> None:
    assert loaded(file, changed("sync", {"every": "7m"})).every("gym") == 420
    assert loaded(file, changed("platforms.gym.every", "1h")).every("gym") == 3600


def test_relative_paths_count_from_the_file(file: Path) -> None:
    config = loaded(file, changed("platforms.gym.list_file", "list.csv"))
    assert config.data == file.parent / "data"
    assert config.platforms["gym"].settings.token.file == file.parent / "token"
    assert config.platforms["gym"].settings.list_file == file.parent / "list.csv"
    assert config.run == Path("/run/doorward")


def test_what_a_process_does_not_drive_it_neither_checks_nor_imports(file: Path) -> None:
    strange = changed("platforms.gym", {"kind": "not yet invented", "any": "key"})
    config = loaded(file, strange | {"doors": GOOD["doors"]}, platforms=None)
    assert config.platforms["gym"].factory is None
    assert config.platforms["gym"].settings["any"] == "key"
    config = loaded(file, changed("doors.front.lock", {"driver": "laser"}), devices=None)
    assert config.doors["front"].lock.settings == {"driver": "laser"}


def test_the_file_is_found_where_the_environment_says(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(file, GOOD)
    monkeypatch.setenv("DOORWARD_CONFIG", str(file))
    assert load().site.name == "Harbour Loft"
    monkeypatch.delenv("DOORWARD_CONFIG")
    assert default_path() == Path("/etc/doorward/doorward.toml")


# What is wrong

WRONG: list[tuple[dict[str, Any], str]] = [
    (changed("sites", {}), "sites: is not known; did you mean 'site'?"),
    (changed("site.nam", "x"), "site.nam: is not known; did you mean 'name'?"),
    (changed("doors.front.admit", []), "doors.front.admit: is not known; did you mean 'admits'?"),
    (changed("doors.front.lok", {}), "doors.front.lok: is not known; did you mean 'lock'?"),
    (changed("clock.trust", "alway"), "clock.trust: must be 'auto' or 'always', not 'alway'"),
    (changed("journal.keep", "soon"), "journal.keep: must be a length of time"),
    (changed("journal.max_mib", "much"), "journal.max_mib: must be a valid integer"),
    (changed("sync.lost_share", 2), "sync.lost_share: must be less than or equal to 1"),
    (
        changed("staleness", {"labels": ["a"]}),
        "staleness: must be a list of tables; write [[staleness]]",
    ),
    (changed("staleness", [{"labels": []}]), "staleness[0].labels: names nobody"),
    (
        changed("staleness", [{"labels": ["a"], "warn_after": "8d", "deny_after": "7d"}]),
        "staleness[0]: warn_after is longer than deny_after",
    ),
    (changed("sync", 5), "sync: must be a table"),
    (changed("doors.front.readers", {"a.b": {}}), "doors.front.readers.a.b: is no id"),
    (changed("doors", {}), "doors: there is no door"),
    (changed("doors", []), "doors: must hold tables"),
    (changed("doors.front", 1), "doors.front: must be a table; write [doors.front]"),
    (changed("doors.Back", GOOD["doors"]["front"]), "doors.Back: is no id: write a-z"),
    (changed("doors.front.lock"), "doors.front.lock: is missing; what holds the door shut"),
    (changed("doors.front.readers"), "doors.front.readers: is missing; a table"),
    (changed("doors.front.readers", {}), "doors.front.readers: is empty; a table"),
    (changed("doors.front.admits"), "doors.front.admits: is missing; the labels this door admits"),
    (changed("doors.front.admits", []), "doors.front.admits: names nobody"),
    (changed("doors.front.admits", ["a*b"]), "doors.front.admits[0]: 'a*b' is no label"),
    (changed("doors.front.admits", ["", "x"]), "doors.front.admits[0]: must not be empty"),
    (
        changed("doors.front.refuses", ["gim/plan:*"]),
        "doors.front.refuses[0]: 'gim/plan:*' names no platform of [platforms] (there are: gym)",
    ),
    (changed("doors.front.open_for", "0s"), "doors.front.open_for: must be greater than 0"),
    (changed("doors.front.lock", "wired"), "doors.front.lock: must be a table with driver"),
    (
        changed("doors.front.lock.driver", "wird"),
        "doors.front.lock.driver: 'wird' is not known; did you mean 'wired'?",
    ),
    (
        changed("doors.front.lock.driver", "magic"),
        "doors.front.lock.driver: 'magic' is not known; there are: plain, wired",
    ),
    (
        changed("doors.front.lock.pin"),
        "doors.front.lock.pin: is missing; the number of the pin, e.g. 17",
    ),
    (
        changed("doors.front.readers.main.driver", "rotten"),
        "doors.front.readers.main.driver: 'rotten' cannot be loaded (No module named 'no')",
    ),
    (
        changed("doors.front.readers.main.prot", "x"),
        "doors.front.readers.main.prot: is not known; did you mean 'port'?",
    ),
    (
        changed("doors.front.readers.main.card"),
        "doors.front.readers.main.card: is missing; say how this reader writes cards",
    ),
    (
        changed("doors.front.readers.main.card.format", "hexx"),
        "doors.front.readers.main.card.format: 'hexx' is no way to write cards; did you mean",
    ),
    (
        changed("doors.front.readers.main.card", {"format": "dec8", "keep_bits": 32}),
        "doors.front.readers.main.card: keep_bits must be from 16 to 24 for 'dec8'",
    ),
    (
        changed("doors.front.contact.pin", 17),
        "doors.front.contact.pin: is taken by doors.front.lock; each device needs its own",
    ),
    (
        changed("doors.front.contact.pin", "GPIO17"),
        "doors.front.contact.pin: is taken by doors.front.lock",
    ),
    (
        changed("doors.front.readers.exit", GOOD["doors"]["front"]["readers"]["main"]),
        "doors.front.readers.exit.port: is taken by doors.front.readers.main",
    ),
    (changed("platforms.gym.kind", "clubb"), "platforms.gym.kind: 'clubb' is not known; did you"),
    (changed("platforms.gym.kind", "clan"), "platforms.gym.kind: 'clan' cannot be loaded"),
    (changed("platforms.gym.kind"), "platforms.gym.kind: is missing, or no text; there are: club"),
    (changed("platforms.gym.zone", "Europe/Atlantis"), "platforms.gym.zone: 'Europe/Atlantis' is"),
    (changed("platforms.gym.zone", "../shadow"), "platforms.gym.zone: '../shadow' is no time zone"),
    (changed("platforms.gym.day_ends", "25:00"), "platforms.gym.day_ends: must be a time of day"),
    (
        changed("platforms.gym.doors", {"frnt": "d-1"}),
        "platforms.gym.doors.frnt: there is no such door; did you mean 'front'?",
    ),
    (
        changed("platforms.gym.cards", [{"format": "hex", "sauce": 1}]),
        "platforms.gym.cards[0].sauce: is not known; did you mean 'source'?",
    ),
    (
        changed("platforms.gym.token", {"file": "a", "credential": "b"}),
        "platforms.gym.token: needs exactly one of file",
    ),
    (changed("platforms.gym.token", {}), "platforms.gym.token: needs exactly one of file"),
    (
        changed("platforms.gym.token", {"credential": "../../etc/shadow"}),
        "platforms.gym.token.credential:",
    ),
]


@pytest.mark.parametrize(("data", "problem"), WRONG, ids=[problem for _, problem in WRONG])
def test_each_mistake_is_named_by_its_key_with_a_remedy(
    file: Path, data: dict[str, Any], problem: str
) -> None:
    found = problems(file, data)
    assert [line for line in found if line.startswith(problem)], found
    keys = [line.split(":")[0] for line in found]
    assert len(keys) == len(set(keys)), found


def test_one_mistake_is_one_line(file: Path) -> None:
    assert len(problems(file, changed("doors.front.admits", ["a*b"]))) == 1


def test_equal_pins_on_two_chips_are_two_pins(file: Path) -> None:
    contact = {"driver": "wired", "pin": 17, "chip": "gpiochip1"}
    assert loaded(file, changed("doors.front.contact", contact))


def test_two_names_of_one_serial_line_are_one_line(file: Path) -> None:
    other = file.parent / "by-id"
    other.symlink_to("/dev/ttyUSB0")
    second = {"driver": "line", "port": str(other), "card": {"format": "hex"}}
    found = problems(file, changed("doors.front.readers.second", second))
    assert len(found) == 1
    assert "second.port: is taken by doors.front.readers.main" in found[0]


def test_every_mistake_is_told_at_once(file: Path) -> None:
    data = changed("sites", 1)
    data["site"]["nam"] = "x"
    data["journal"] = {"keep": "soon"}
    data["doors"]["front"]["contact"]["pin"] = 17
    data["doors"]["front"]["readers"]["main"]["card"]["format"] = "hexx"
    data["platforms"]["gym"]["doors"]["back"] = "d-2"
    del data["platforms"]["gym"]["url"]
    keys = {line.split(":")[0] for line in problems(file, data)}
    assert keys == {
        "sites",
        "site.nam",
        "journal.keep",
        "doors.front.contact.pin",
        "doors.front.readers.main.card.format",
        "platforms.gym.url",
    }


def test_a_secret_in_the_wrong_place_is_refused_and_not_repeated(file: Path) -> None:
    data = changed("platforms.gym.token", "t0ps3cret")
    data["platforms"]["gym"]["tokn"] = "t0ps3cret"
    found = problems(file, data)
    assert "t0ps3cret" not in "\n".join(found)
    assert "platforms.gym.token: must be { file = " in "\n".join(found)


def test_secrets_are_tried_only_by_whom_they_serve(file: Path) -> None:
    assert loaded(file, GOOD)
    found = problems(file, GOOD, secret=read_secret)
    assert len(found) == 1
    assert found[0].startswith(f"platforms.gym.token: {file.parent}/token: there is no such")
    (file.parent / "token").write_text("s3cret")
    config = loaded(file, GOOD, secret=read_secret)
    assert [(key, str(ref)) for key, ref in config.secrets()] == [
        ("platforms.gym.token", f"file {file.parent}/token")
    ]


def test_a_missing_file_says_what_to_type(file: Path) -> None:
    with pytest.raises(ConfigError, match=f"doorward config example > {file}"):
        load(file)


NO_TOML = (b'[site]\nname = "x\n', r"not valid TOML.*line 2")


@pytest.mark.parametrize(("content", "why"), [(b"\xff[site]", "is not UTF-8"), NO_TOML])
def test_what_cannot_be_read_is_a_configuration_error(file: Path, content: bytes, why: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(file.parent)
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=why):
        load(file)
