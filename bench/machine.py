"""What a measurement ran on, and what Linux counts of a process."""

import hashlib
import os
import platform
import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

_SCHED = 2  # which clock of a process: the scheduler's, in nanoseconds (posix-timers.h of Linux)
ROOT = Path(__file__).parent.parent


def measured_on(directory: Path) -> dict[str, str]:
    """The circumstances without which a figure says nothing; `directory` holds the databases."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cpu": f"{os.cpu_count()} × {_cpu()}",
        "file_system": _file_system(directory),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def memory(pid: int | str) -> tuple[float, float]:
    """Resident MiB of a process now, and at its peak.

    The peak is that of the program alone: `ru_maxrss` would begin with its parent's.
    """
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return round(int(kib["VmRSS"]) / 1024, 1), round(int(kib["VmHWM"]) / 1024, 1)


def busy(pid: int) -> float:
    """Seconds of processor time that a process has used so far, in all its threads.

    By its CPU clock: what /proc has of it is counted in ticks, and wrong for what wakes up in time
    with them.
    """
    return time.clock_gettime(((~pid) << 3) | _SCHED)


def written(pid: int | str) -> tuple[int, int]:
    """Bytes a process caused to be sent to disks, and bytes it handed to `write` calls."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    counts = dict(line.split(": ") for line in lines)
    return int(counts["write_bytes"]), int(counts["wchar"])


def forget_cached(directory: Path) -> None:
    """Have the kernel drop what it holds in memory of the files in a directory."""
    for path in directory.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _commit() -> str:
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changes = _git("diff", "HEAD", "--", ".", ":!bench/results.json")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} and changes {_short(changes)}" if changes else commit


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:7]


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=ROOT, check=True, capture_output=True, text=True, timeout=10
    )
    return done.stdout.strip()


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model"}:
            return value.strip()
    return platform.machine()


def _file_system(directory: Path) -> str:
    """Kind and device of what the directory lies on."""
    here, best, found = str(directory.resolve()), "", "unknown"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        device, mounted, kind = line.split()[:3]
        inside = here == mounted or here.startswith(mounted.rstrip("/") + "/")
        if inside and len(mounted) >= len(best):
            best, found = mounted, f"{kind} on {device}"
    return found
