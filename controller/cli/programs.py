"""Programs of the system that a command calls."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

_LONGEST = 60.0  # seconds


def call(command: Sequence[str | Path]) -> str:
    """Run it to its end; "" or why it failed. Only ever with words of our own."""
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=_LONGEST, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else ""


def systemd_runs() -> bool:
    return Path("/run/systemd/system").exists()
