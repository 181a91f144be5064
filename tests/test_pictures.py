"""What the documents show of the console and of the command line must be so."""

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from controller.cli.group import Context, cli
from controller.errors import DoorwardError
from release.day import day
from release.transcripts import DOCUMENTS, Clerk, blocks, commands, play, rewritten, shape

DOCS = Path(__file__).parent.parent / "docs"
PAGES = [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]
SHOWN = [each for name in DOCUMENTS for each in blocks((DOCS / name).read_text()).items()]
_LARGEST, _ALL = 80 * 1024, 600 * 1024


def test_every_picture_that_a_page_names_is_there_and_every_one_is_named() -> None:
    named = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in re.findall(r"(?:\]\(|src=\")([^)#:\"]+\.(?:png|svg))", page.read_text())
    }
    assert {path for path in named if not path.is_file()} == set()
    assert {path.resolve() for path in (DOCS / "pictures").iterdir()} == named


def test_the_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (DOCS / "pictures").glob("*.png")}
    assert {name for name, size in sizes.items() if size > _LARGEST} == set()
    assert sum(sizes.values()) <= _ALL


def test_the_documents_show_transcripts_each_once() -> None:
    names = [name for name, _ in SHOWN]
    assert len(names) == len(set(names))
    assert {"status", "outage", "late"} <= set(names)
    marks = sum((DOCS / name).read_text().count("<!-- transcript:") for name in DOCUMENTS)
    assert marks == len(names), "each is whole: mark, fence, text, fence, end"


@pytest.mark.parametrize(("name", "text"), SHOWN, ids=[name for name, _ in SHOWN])
def test_each_command_of_a_transcript_is_one(name: str, text: str) -> None:
    typed = commands(text)
    assert typed, "it shows what was typed"
    for line in typed:
        understood(shlex.split(line))


def understood(words: list[str]) -> None:
    """Raises `click.UsageError` unless these words name a command with options that it has."""
    command: click.Command = cli
    context = click.Context(cli, info_name="doorward", obj=Context())
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"no command {words[0]}")
        command, words = found, words[1:]
    command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("words", ["sinc", "checkins --stale late", "enroll", "cards forget X"])
def test_one_that_is_none_would_be_noticed(words: str) -> None:
    with pytest.raises(click.UsageError):
        understood(words.split())


def test_no_transcript_shows_a_whole_card_or_this_machine() -> None:
    for _, text in SHOWN:
        assert not re.search(r"\b(?=\w*\d)[0-9A-F]{8}\b|/tmp|127\.0\.0\.1", text)


def test_only_what_differs_by_more_than_numbers_is_written_anew() -> None:
    document = (
        "a\n<!-- transcript: x -->\n```\n$ doorward y\n2 rows, 3 s ago\n```\n<!-- end -->\nb\n"
    )
    assert rewritten(document, {"x": "$ doorward y\n14  rows, 1 min 3 s ago\n"}) == document
    changed = rewritten(document, {"x": "$ doorward y\n2 lines, 3 s ago\n"})
    assert changed == document.replace("rows", "lines")


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def in_this_process(words: list[str]) -> tuple[int, str]:
    """As `release.transcripts.as_process`, without a second for each."""
    done = CliRunner().invoke(cli, words)
    if isinstance(done.exception, DoorwardError):
        return done.exception.exit_code, f"{done.output}doorward: {done.exception}\n"
    return done.exit_code, done.output


@pytest.mark.slow
@pytest.mark.usefixtures("berlin")
def test_the_transcripts_are_what_the_commands_say(tmp_path: Path) -> None:
    with day(tmp_path) as told:
        clerk = Clerk(told, in_this_process)
        play(clerk)
    for name, text in SHOWN:
        assert shape(clerk.said[name]) == shape(text), f"{name}: make pictures"
