"""The whole product on simulated doors and platforms, in one directory: four processes."""

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from socket import create_server
from types import TracebackType
from typing import IO, Any

from controller.cache import Cache
from controller.cli.children import Children
from controller.cli.sandbox_files import Places
from controller.clock import OFFSET, SystemClock
from controller.control import ask
from controller.errors import DoorwardError, NotRunning, StoreError, Unavailable
from sync.simulator.town import PORT

PATIENCE = 30.0  # seconds
CONSOLE = 8460  # the port of the console, if nobody has it
_LOOK = 0.05  # seconds between looks
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PLATFORMS = {"harbour", "gym", "keyholders"}


class Sandbox:
    """Use as a context: inside it everything runs, after it nothing does.

    `keep`: go on with the databases of the last time. `offset`: seconds by which the sandbox's
    clock begins off. `port`: where the simulated platforms try to listen. Raises `DoorwardError` if
    it does not come up or is there already.
    """

    def __init__(
        self, home: Path, *, keep: bool = False, offset: float = 0.0, port: int = PORT
    ) -> None:
        self.places = Places(home.absolute())
        self._keep, self._offset, self._port = keep, offset, port
        self.children = Children(self.places.logs)
        self._clock = SystemClock(self.places.run, mode="always")
        self._lock: IO[str] | None = None

    def __enter__(self) -> "Sandbox":
        self.places.make()
        self._lock = _locked(self.places.lock)
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        unwell = self._stop()
        if unwell and kind in {None, KeyboardInterrupt}:
            raise DoorwardError(f"did not stop as it should: {', '.join(unwell)}; see the logs")

    def wait_until(
        self, come_true: Callable[[], bool], what: str, patience: float = PATIENCE
    ) -> None:
        """Wait for a condition while all processes live. Raises `ChildDied` or `Unavailable`."""
        until = self._clock.monotonic() + patience
        while not come_true():
            self.children.check()
            if self._clock.monotonic() >= until:
                raise Unavailable(f"{what}: not within {patience:.0f} s; see {self.places.logs}")
            pause()

    def town(self, do: str, **more: Any) -> dict[str, Any]:
        """Ask the simulated platforms something, or play fate with them."""
        return ask(self.places.town, {"do": do, **more})

    def console(self) -> str:
        """Where the console listens, once it does."""
        self.wait_until(lambda: bool(self._listening()), "the console")
        return self._listening()

    def _listening(self) -> str:
        return str(ask(self.places.run / "sync.sock", {"do": "status"})["http"].get("url", ""))

    def urls(self) -> dict[str, str]:
        """Where each simulated platform listens."""
        return {each["platform"]: each["url"] for each in self.town("status")["platforms"]}

    def furnish(self, urls: Mapping[str, str]) -> None:
        """Write what the two daemons are to find."""
        self.places.write(urls, _free(CONSOLE))

    def start_daemon(self, command: str) -> None:
        """`controller` or `syncd`."""
        self.children.start(command, "--config", str(self.places.config), command)

    def _start(self) -> None:
        places = self.places
        if not self._keep:
            places.begin_anew()
        if self._offset:
            (places.run / OFFSET).write_text(str(self._offset))
        self.children.start("platforms", "simulate", str(places.run), "--port", str(self._port))
        self.wait_until(lambda: _answers(places.town), "the simulated platforms")
        self.furnish(self.urls())
        for command in ("controller", "syncd"):
            self.start_daemon(command)
        for socket in ("door.sock", "sync.sock"):
            self.wait_until(lambda path=places.run / socket: _answers(path), socket)  # type: ignore[misc]
        self.wait_until(self._all_fetched, "the first rosters")

    def _all_fetched(self) -> bool:
        cache = Cache(self.places.data / "cache.db")
        try:
            rosters = cache.rosters()
        except StoreError:
            return False
        finally:
            cache.close()
        return {each["name"] for each in rosters if each["synced_at"]} >= _PLATFORMS

    def _stop(self) -> list[str]:
        # Who is impatient changes nothing any more.
        before = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDING}
        unwell = self.children.stop()
        if self._lock:
            self._lock.close()
        for number, handler in before.items():
            signal.signal(number, handler)
        return unwell


def pause(seconds: float = _LOOK) -> None:
    """Let a moment pass; a signal ends it."""
    threading.Event().wait(seconds)


def end_on_signals() -> None:
    """Let every signal that ends a program do so by KeyboardInterrupt."""
    for number in _ENDING:
        signal.signal(number, signal.default_int_handler)


def _free(port: int) -> int:
    """The same if nobody listens there, else 0."""
    try:
        with create_server(("127.0.0.1", port)):
            return port
    except OSError:
        return 0


def _answers(socket: Path) -> bool:
    try:
        return bool(ask(socket, {"do": "status"})["ok"])
    except NotRunning:
        return False


def _locked(path: Path) -> IO[str]:
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        who = file.read().strip() or "?"
        file.close()
        raise DoorwardError(
            f"a sandbox already runs in {path.parent} (process {who}): stop that one by Ctrl-C, or "
            "use another directory by --dir"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
