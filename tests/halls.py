"""A house whose staff type commands: both sockets answer, and each command is the real one."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from controller.cli import main
from controller.config import Config, load
from controller.control import Server
from hw import TABLES
from sync.commands import SyncCommands
from sync.platforms import PLATFORMS
from tests.houses import KEY, TOKEN, House, config_text

KEYS = """\
id,name,card,pin,labels
k1,Ida Keys,04A1B2C3,,keyholder
k2,Pim Pin,,8264,keyholder
"""
KEYPAD_AND_KEYS = """
[clock]
trust = "always"
[doors.front.readers.keypad]
driver = "sim"
card = { format = "pin" }
[platforms.keys]
kind = "file"
path = "keys.csv"
keyholders = true
card = { format = "hex" }
"""
_DEVICES = "".join(f'{part} = {{ driver = "sim" }}\n' for part in ("contact", "exit_button"))


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def all(self) -> str:
        return self.out + self.err


def doorward(config: Path, *words: str) -> Said:
    """Run `doorward WORDS` as the shell would."""
    out, err, code = StringIO(), StringIO(), 0
    before, sys.argv = sys.argv, ["doorward", "--config", str(config), *words]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before
    return Said(code, out.getvalue(), err.getvalue())


class Hall(House):
    """A house with a keypad, a keyholders' list and visitors; `do` types a command."""

    def open(self, ends: ExitStack) -> None:
        super().open(ends)
        self._listen()
        ends.callback(self.close_socket)

    def do(self, *words: str) -> Said:
        assert self.controller.journal.flush(5)
        return doorward(self.config.path, *words)

    def close_socket(self) -> None:
        """As if `syncd` had ended; the office is still open."""
        self.socket.close()

    @contextmanager
    def without_syncd(self) -> Iterator[None]:
        """`syncd` does not run meanwhile."""
        self.close_socket()
        self.close_office()
        try:
            yield
        finally:
            self.open_office()
            self._listen()

    def _listen(self) -> None:
        commands = SyncCommands(self.office)
        self.socket = Server(self.config.run / "sync.sock", commands.table())

    def _configured(self) -> Config:
        for name, text in (("cobot-token", TOKEN), ("hive-key", KEY), ("keys.csv", KEYS)):
            (self.folder / name).write_text(text)
        loft = f'visitors = true\napi2_url = "{self.cobot.url}"'
        text = config_text(self.cobot.url, self.hive.url, loft=loft, gym='late = "push"')
        text = text.replace(
            'admits = ["plan:*"]\n',
            f'admits = ["plan:*", "keyholder", "resource:*"]\nname = "Front door"\n{_DEVICES}',
        )
        path = self.folder / "doorward.toml"
        path.write_text(text + KEYPAD_AND_KEYS)
        return load(path, TABLES, PLATFORMS)


@contextmanager
def hall(folder: Path) -> Iterator[Hall]:
    with ExitStack() as ends:
        built = Hall(folder)
        built.open(ends)
        yield built


@contextmanager
def in_berlin() -> Iterator[None]:
    """The machine stands in Berlin."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    try:
        yield
    finally:
        with suppress(KeyError):
            del os.environ["TZ"]
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()
