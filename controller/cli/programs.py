"""Programs of the system that a command calls."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_LONGEST = 60.0  # seconds


class Ended(NamedTuple):
    """How a program ended: what it said, and why it failed or ""."""

    said: str
    why: str


def ran(
    command: Sequence[str | Path],
    *,
    within: float = _LONGEST,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run it to its end, `within` seconds. Only ever with words of our own."""
    try:
        done = subprocess.run(  # noqa: S603
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=within,
            check=False,
            env={**os.environ, **(environment or {})},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Ended("", str(error))
    failed = done.stderr.strip() or f"exit code {done.returncode}"
    return Ended(done.stdout, failed if done.returncode else "")


def call(command: Sequence[str | Path]) -> str:
    """Run it to its end; "" or why it failed."""
    return ran(command).why


def systemd_runs() -> bool:
    return Path("/run/systemd/system").exists()
