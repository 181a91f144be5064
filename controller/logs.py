"""What the program says while it runs: structlog on stderr, and everything of others through it.

Under systemd, and wherever nobody looks at a terminal, one JSON object a line; else readable lines.
No full card number, PIN or secret leaves by this way.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from controller.cards import mask

_SECRETS = frozenset({"token", "secret", "password", "authorization", "device_key"})
_CARDS = frozenset({"card", "credential", "number", "text", "raw", "pin"})
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def configure(process: str, level: str = "info") -> None:
    """Set logging up, once, as the first thing a process does. `level` is the least that shows."""
    shown = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _named(process),
            masked,
            *(_lines() if _machine_reads() else _console()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(shown),
        logger_factory=_Stderr,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Forward()]
    root.setLevel(logging.WARNING)


def masked(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Processor: of cards the last four characters, of PINs and secrets nothing."""
    return {key: _safe(key, value) for key, value in event.items()}


class Once:
    """Says a trouble once, not each time it is met; and that it is over, and how often it came."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._times: dict[str, int] = {}
        self._lock = threading.Lock()

    def trouble(self, key: str, event: str, **fields: Any) -> None:
        """A warning the first time `key` is in trouble, then at debug level until it is fine."""
        with self._lock:
            times = self._times[key] = self._times.get(key, 0) + 1
        say = self._log.warning if times == 1 else self._log.debug
        say(event, times=times, **fields)

    def fine(self, key: str, event: str, **fields: Any) -> None:
        """Told with the number of times if `key` was in trouble, else nothing."""
        with self._lock:
            times = self._times.pop(key, 0)
        if times:
            self._log.info(event, times=times, **fields)


class _Stderr:
    """Writes a line to where stderr is now. A log that cannot be written stops no door."""

    _lock = threading.Lock()

    def __init__(self, *_names: str) -> None:
        pass

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError), self._lock:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = warn = error = critical = fatal = exception = log = msg


class _Forward(logging.Handler):
    """Carries the records of libraries (APScheduler, httpx) over."""

    def emit(self, record: logging.LogRecord) -> None:
        error = {"exc_info": record.exc_info} if record.exc_info else {}
        log = structlog.get_logger()
        log.log(record.levelno, record.getMessage(), logger=record.name, **error)


def _machine_reads() -> bool:
    return "JOURNAL_STREAM" in os.environ or not sys.stderr.isatty()


def _lines() -> list[Processor]:
    lines: list[Processor] = [
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    render = structlog.processors.JSONRenderer(ensure_ascii=False)
    return [*lines, _with_priority(render) if _journal_is_stderr() else render]


def _console() -> list[Processor]:
    return [
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        _printable,
        # The default shows the variables of each frame, and with them keys and card numbers.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]


def _journal_is_stderr() -> bool:
    """Does stderr go to the journal, which takes a line's priority from its first characters?"""
    with suppress(OSError, ValueError):
        found = os.fstat(sys.stderr.fileno())
        return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
    return False


def _with_priority(render: Callable[[Any, str, EventDict], str | bytes]) -> Processor:
    def prefixed(logger: Any, method: str, event: EventDict) -> str:
        return f"<{_PRIORITIES.get(event.get('level', ''), 6)}>{render(logger, method, event)!s}"

    return prefixed


def _named(process: str) -> Processor:
    def add(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return add


def _printable(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Names come from outside: what would steer the terminal is written out instead."""
    return {
        key: value.encode("unicode_escape").decode()
        if isinstance(value, str) and not value.isprintable()
        else value
        for key, value in event.items()
    }


def _safe(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {inner: _safe(str(inner), item) for inner, item in value.items()}
    if value in (None, "", ()):
        return value
    if key in _SECRETS:
        return "****"
    if key in _CARDS:
        return _masked(key, value)
    return value


def _masked(key: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_masked(key, item) for item in value]
    text = str(value)
    if key == "pin":
        return "…"
    return text if text.startswith("…") and len(text) <= 5 else mask(text)
