"""The sockets through which the CLI and the console act: JSON lines over a Unix socket.

A request is one line, `{"do": "unlock", "door": "front"}`. The answer is any number of lines
`{"say": …}` while work goes on, then `{"ok": true, …}` or `{"ok": false, "error": …, "exit": 5}`.
The peer's user id, which the kernel vouches for, says who asked. A process that acts for somebody
it knows itself, as the console does, names them as `on_behalf`; both are then the author.
"""

import json
import os
import pwd
import socket
import struct
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import structlog

from controller.errors import BadReply, DoorwardError, NotRunning

log = structlog.get_logger(__name__)

Request = dict[str, Any]
Answer = dict[str, Any]
Say = Callable[[Answer], None]
Command = Callable[[Request, str, Say], Answer]  # request, author, say → answer

_LONGEST = 4 * 1024 * 1024  # bytes of a line
_AT_ONCE = 16  # connections
_PATIENCE = 30.0  # seconds a client may take to send its line
_LONGEST_NAME = 80


class Server:
    """Serves `commands` on a socket that this user and its group may use."""

    def __init__(self, path: Path, commands: Mapping[str, Command]) -> None:
        self._path, self._commands = path, commands
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with ExitStack() as undo:
            undo.enter_context(self._socket)
            before = os.umask(0o117)  # 0660 from its first moment
            try:
                self._socket.bind(str(path))
            finally:
                os.umask(before)
            self._socket.listen(_AT_ONCE)
            undo.pop_all()
        threading.Thread(target=self._accept, name=path.name, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._places.acquire()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rwb") as lines:
                connection.settimeout(_PATIENCE)
                self._answer(lines, author_of(connection))
        except (OSError, ValueError):
            log.debug("client went away", socket=self._path.name)
        finally:
            self._places.release()

    def _answer(self, lines: Any, author: str) -> None:
        def say(answer: Answer) -> None:
            lines.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            lines.flush()

        try:
            request = json.loads(lines.readline(_LONGEST))
            command = self._commands[request["do"]]
        except (ValueError, KeyError, TypeError):
            known = ", ".join(sorted(self._commands))
            say({"ok": False, "exit": 2, "error": f"not understood; this socket does: {known}"})
            return
        try:
            say({"ok": True, **command(request, _author(request, author), say)})
        except DoorwardError as error:
            say({"ok": False, "exit": error.exit_code, "error": str(error)})
        except OSError:
            raise
        except Exception as error:
            log.exception("command failed", do=request["do"])
            say({"ok": False, "exit": 1, "error": f"{type(error).__name__}: {error}"})


class Refused(DoorwardError):
    """The other process refused; `exit_code` is the one it named."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def ask(path: Path, request: Request, *, timeout: float | None = 10.0) -> Answer:
    """Send one request and return its last answer. Raises `NotRunning` or `Refused`."""
    *_, answer = converse(path, request, timeout=timeout)
    return answer


def converse(
    path: Path, request: Request, *, timeout: float | None = 10.0
) -> Generator[Answer, None, None]:
    """The same, with every answer as it comes; `timeout` seconds for each."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps(request, ensure_ascii=False).encode() + b"\n")
            with connection.makefile("rb") as lines:
                yield from _answers(lines, path)
        except OSError as error:
            what = "controller" if path.name == "door.sock" else "syncd"
            raise NotRunning(
                f"{path} does not answer ({error.strerror or error}): is `doorward {what}` "
                "running, and may you use its socket?"
            ) from error


def author_of(connection: socket.socket) -> str:
    """Name of the user at the other end."""
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid = struct.unpack("3i", peer)[1]
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _author(request: Request, peer: str) -> str:
    """Whom the journal names: never without the user whom the kernel saw."""
    named = request.get("on_behalf")
    if not isinstance(named, str) or not named:
        return peer
    return f"{''.join(filter(str.isprintable, named))[:_LONGEST_NAME]}, through {peer}"


def _answers(lines: Any, path: Path) -> Iterator[Answer]:
    for line in lines:
        answer: Answer = json.loads(line)
        if answer.get("ok") is False:
            raise Refused(answer["error"], int(answer.get("exit", 1)))
        yield answer
        if answer.get("ok"):
            return
    raise BadReply(f"{path} closed the connection without an answer; look into its log")
