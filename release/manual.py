"""The man page and the shells' completion, made from the commands themselves."""

from collections.abc import Iterator

import click
from click.shell_completion import get_completion_class

_FILES = (
    ("/etc/doorward/doorward.toml", "the configuration; `doorward config example` shows every key"),
    ("/var/lib/doorward/journal.db", "what happened at the doors: the record of truth"),
    ("/var/lib/doorward/cache.db", "what the platforms said; fetched anew if it is lost"),
    ("/run/doorward/", "sockets by which the commands reach the two services"),
    (
        "/usr/share/doc/doorward/",
        "guides for operators and technicians, every key, reason and event",
    ),
)


def manual(version: str) -> str:
    """doorward(1), in the language of man(7)."""
    return "\n".join(_lines(version)) + "\n"


def completion(shell: str) -> str:
    """What a shell ("bash", "zsh", "fish") sources to complete our commands."""
    found = get_completion_class(shell)
    assert found
    return found(_commands(), {}, "doorward", "_DOORWARD_COMPLETE").source()


def _lines(version: str) -> Iterator[str]:
    group = _commands()
    context = click.Context(group, info_name="doorward")
    yield f'.TH DOORWARD 1 "" "doorward {version}" "Doorward"'
    yield from (".SH NAME", "doorward \\- access controller for doors", ".SH SYNOPSIS")
    yield from (".B doorward", "[OPTIONS] COMMAND [ARGS]...", ".SH DESCRIPTION")
    yield _plain(group.help or "")
    yield ".SH OPTIONS"
    yield from _options(group, context)
    yield ".SH COMMANDS"
    yield from _described(group, context)
    yield ".SH FILES"
    for path, what in _FILES:
        yield from (".TP", f".I {_plain(path)}", _plain(what))


def _described(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        below = click.Context(command, info_name=name, parent=context)
        pieces = command.collect_usage_pieces(below)
        yield from (".TP", f".B {_plain(' '.join((*_path(below), *pieces)))}")
        yield _plain(command.help or "")
        if isinstance(command, click.Group):
            yield from _described(command, below)
        else:
            yield from (".RS", *_options(command, below), ".RE")


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        if (record := parameter.get_help_record(context)) is not None:
            yield from (".TP", f".B {_plain(record[0])}", _plain(record[1]))


def _path(context: click.Context) -> list[str]:
    return context.command_path.split()[1:]


def _plain(text: str) -> str:
    """As it is read; what roff would take for its own is escaped."""
    lines = (line.strip() for line in text.replace("\\", "\\e").replace("-", "\\-").splitlines())
    return "\n".join(
        f"\\&{line}" if line.startswith((".", "'")) else line for line in lines if line
    )


def _commands() -> click.Group:
    from controller.cli.group import cli

    assert isinstance(cli, click.Group)
    return cli
