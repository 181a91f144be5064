"""The command as a whole: nothing running, nonsense typed, data for programs, masking."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from controller.cli.group import COMMANDS, cli
from tests.halls import Hall, doorward, hall, in_berlin
from tests.worlds import DAY

ADA, STRANGER, PIN = "1234567001", "3210987654", "8264"
OURS = (
    *("status", "doors", "unlock", "lock", "mode", "lockdown", "people", "explain", "events"),
    *("checkins", "journal", "sync", "sim", "visitors", "mail"),
)
PROGRAM = "from controller.cli import main; main()"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """A day at which everything happened."""
    with in_berlin(), hall(tmp_path_factory.mktemp("h")) as built:
        built.member("Ada Ruiz", ADA)
        built.sync()
        for card in (ADA, STRANGER):
            built.scan("front", card)
        built.do("sim", "scan", "front", "--reader", "keypad", PIN)
        built.clock.advance(DAY)
        built.deliver()
        built.sync()
        yield built


def shell(path: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """As a process of its own."""
    where = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), **more}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "--config", str(path), *words],
        env=where,
        capture_output=True,
        text=True,
        check=False,
    )


# Data for programs

DATA = (
    *("status", "doors", "people", "people --visitors", "explain ada front", "explain 123 front"),
    *("checkins", "journal verify", "sync --platform keys", "unlock front", "lock front"),
    *("sync --platform keys --dry-run", "visitors"),
    *("mode gym unlocked --for 5m", "lockdown on", "lockdown off", "sim state", "sim press front"),
    *("sim scan front 1234567001", "checkins dismiss --all-late", "checkins push --all-late"),
)


@pytest.mark.parametrize("words", DATA)
def test_json_before_or_after_the_command_is_one_document(place: Hall, words: str) -> None:
    for said in (place.do("--json", *words.split()), place.do(*words.split(), "--json")):
        assert said.code in {0, 1}, said.err
        assert isinstance(json.loads(said.out), dict | list)


def test_no_output_of_any_command_holds_a_card_number_or_pin(place: Hall) -> None:
    said = [place.do(*words.split()) for words in DATA]
    said += [place.do("--json", *words.split()) for words in DATA]
    said += [
        place.do("explain", card, "front", *how)
        for card in (ADA, STRANGER, PIN, "04A1B2C3")
        for how in ((), ("--json",))
    ]
    said += [
        place.do(*words.split())
        for words in (
            *("events --last 500", "events --last 500 --json", "journal export -"),
            *("journal export - --format jsonl", "checkins export -", "people 8264"),
            *("sim scan front 1234567001", "sim scan front --reader keypad 8264"),
            *("explain 04A1B2C3 cellar", "explain …4567001 front", "explain keys/8264 front"),
        )
    ]
    everything = "".join(each.all for each in said)
    assert "Ada Ruiz" in everything
    for secret in (ADA, STRANGER, "04A1B2C3", f"{int(ADA):08X}", f"{int(STRANGER):08X}"):
        assert secret.casefold() not in everything.casefold()
    assert not re.search(rf"(?<![0-9a-f.:-]){PIN}(?![0-9a-f.])", everything)


# Nothing runs


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A configuration, and nothing that was ever started."""
    path = tmp_path / "doorward.toml"
    path.write_text(
        '[site]\ndata = "data"\nrun = "run"\n[doors.front]\nadmits = ["*"]\n'
        'lock = { driver = "sim" }\n[doors.front.readers.main]\ndriver = "sim"\n'
        'card = { format = "hex" }\n'
    )
    return path


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("status", 1, "controller: NOT RUNNING"),
        ("doors", 5, "is `doorward controller` running"),
        ("unlock front", 5, "is `doorward controller` running"),
        ("lock front", 5, "is `doorward controller` running"),
        ("mode front unlocked", 5, "is `doorward controller` running"),
        ("mode front unlocked --for 1h", 5, "is `doorward controller` running"),
        ("lockdown on", 5, "is `doorward controller` running"),
        ("sim scan front 04A1B2C3", 5, "is `doorward controller` running"),
        ("sim state", 5, "is `doorward controller` running"),
        ("people", 8, "run `doorward sync`"),
        ("people --visitors", 8, "run `doorward sync`"),
        ("explain Ida front", 8, "run `doorward sync`"),
        ("explain keys/k1 front", 8, "run `doorward sync`"),
        ("explain 04A1B2C3 front", 8, "run `doorward sync`"),
        ("events", 8, "nothing has happened at these doors yet"),
        ("events -f", 8, "nothing has happened at these doors yet"),
        ("checkins", 8, "run `doorward sync`"),
        ("checkins push --all-late", 8, "run `doorward sync`"),
        ("checkins export -", 8, "run `doorward sync`"),
        ("visitors", 0, "no visitor is coming"),
        ("mail list", 3, "there is no table [mail]"),
        ("journal verify", 8, "nothing has happened at these doors yet"),
        ("journal export -", 8, "nothing has happened at these doors yet"),
        ("sync", 0, "no platform is configured"),
        ("sim clock", 3, "simulated = true"),
    ],
)
def test_before_anything_ran_each_command_says_what_is_missing(
    bare: Path, words: str, code: int, said: str
) -> None:
    told = doorward(bare, *words.split())
    assert said in told.all
    assert told.code == code


@pytest.mark.parametrize("command", OURS)
def test_without_a_configuration_each_command_says_so(tmp_path: Path, command: str) -> None:
    more = {"mode": "a normal", "sim": "state", "lockdown": "on", "journal": "verify"}
    more["mail"] = "list"
    words = {"unlock": "a", "lock": "a", "explain": "a b", **more}.get(command, "")
    told = doorward(tmp_path / "none.toml", command, *words.split())
    assert (told.code, told.out) == (3, "")
    assert "there is no such file" in told.err


@pytest.mark.parametrize("file", ["cache.db", "journal.db"])
def test_a_damaged_file_is_named(bare: Path, file: str) -> None:
    data = bare.parent / "data"
    data.mkdir()
    (data / file).write_bytes(b"no database at all, " * 500)
    told = doorward(bare, "people" if file == "cache.db" else "events")
    assert (told.code, told.out) == (8, "")
    assert f"{file} cannot be read" in told.err
    shown = doorward(bare, "status")
    assert shown.code == 1
    assert f"{file} cannot be read" in shown.out


# Nonsense

# What keeps a command from writing files of odd names, and from asking all platforms too often.
FIRST = {"journal": ("verify",), "sync": ("--platform", "keys")}
NONSENSE = ("", "-", "--", "--no-such", "\x00", "ü" * 300, "'; DROP TABLE event", "\udcff", "%s%n")


@pytest.mark.parametrize("command", OURS)
def test_nonsense_is_never_a_traceback(place: Hall, command: str) -> None:
    for word in NONSENSE:
        for words in ([word], [word] * 2, ["front", word], [word, "front"], ["front", word, word]):
            told = place.do(command, *FIRST.get(command, ()), *words)
            assert told.code in {0, 1, 2, 3, 8}, (words, told)
            assert "Traceback" not in told.all


# The command as a program


def test_every_command_has_help_and_its_options_too() -> None:
    def commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command
            yield " ".join((*path, name)), command
            if isinstance(command, click.Group):
                yield from commands(command, *path, name)

    found = dict(commands(cli))
    assert set(COMMANDS) <= set(found)
    assert not [name for name, command in found.items() if not command.help]


def test_the_reference_names_every_command_and_option() -> None:
    text = (Path(__file__).parent.parent / "docs" / "reference.md").read_text()
    section = text.partition("\n## Commands\n")[2]
    context = click.Context(cli)
    for name in OURS:
        command = cli.get_command(context, name)
        assert command
        group = command.list_commands(context) if isinstance(command, click.Group) else []
        for each in (name, *(f"{name} {sub}" for sub in group)):
            assert f"`doorward {each}" in section
        subs = [command.get_command(context, sub) for sub in group]  # type: ignore[attr-defined]
        for each in (command, *subs):
            for option in (o for p in each.params if isinstance(p, click.Option) for o in p.opts):
                assert f"`{option}" in section or f" {option}" in section, (name, option)


@pytest.mark.slow
def test_the_real_program_ends_with_the_codes_of_the_reference(bare: Path) -> None:
    assert shell(bare, "doors").returncode == 5
    assert shell(bare, "door").returncode == 2
    listed = shell(bare, "--help")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert all(f"\n  {name} " in listed.stdout for name in OURS)


@pytest.mark.slow
def test_a_reader_that_stops_is_no_trouble(place: Hall) -> None:
    command = shlex.join([sys.executable, "-c", PROGRAM, "--config", str(place.config.path)])
    where = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    for words in ("events --json", "events --follow", "journal export -"):
        piped = subprocess.run(
            ["bash", "-c", f"{{ {command} {words}; echo ended $? >&2; }} | true"],
            env=where,
            capture_output=True,
            text=True,
            check=False,
        )
        assert piped.stderr == "ended 141\n", words


@pytest.mark.slow
def test_the_shell_completes_commands_and_names(place: Hall) -> None:
    def completed(words: str) -> list[str]:
        where = {"COMP_WORDS": f"doorward {words}", "COMP_CWORD": str(len(words.split(" ")))}
        program = "import sys; sys.argv[0] = 'doorward'; " + PROGRAM
        found = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **where, "_DOORWARD_COMPLETE": "bash_complete"}
            | {"DOORWARD_CONFIG": str(place.config.path)}
            | {"PYTHONPATH": str(Path(__file__).parent.parent)},
            capture_output=True,
            text=True,
            check=True,
        )
        return [line.partition(",")[2] for line in found.stdout.splitlines()]

    assert completed("lock") == ["lock", "lock-all", "lockdown"]
    assert completed("unlock ") == ["front", "gym"]
    assert completed("unlock f") == ["front"]
    assert completed("sync --platform l") == ["loft"]
    assert completed("checkins ") == ["dismiss", "export", "push"]
