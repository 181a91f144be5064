"""Clock, units, certificate and versions, for `doorward doctor`."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.cli.doctor_finding import Finding, bad, good, unsure
from controller.cli.output import counted, local

if TYPE_CHECKING:
    from controller.config import Config

UNITS = ("doorward-controller.service", "doorward-sync.service")
_ASKED = "ActiveState,UnitFileState,NRestarts,WatchdogUSec,Result,LoadState"
_SOON = 14 * 86_400.0  # seconds in which a certificate must be renewed
_MANY = 3  # restarts that need an explanation
_PATIENCE = 10.0


def clock(config: "Config", found: dict[str, Any]) -> Iterator[Finding]:
    """What it is worth, and why."""
    from controller.clock import Machine

    trust, at = found["clock"]["trust"], local(found["clock"]["wall"])
    kernel = "is not" if Machine().unsynchronised() else "is"
    said = f"{at}, {trust}; the kernel says it {kernel} in step with a time server; {_rtc()}"
    if trust == "guessed":
        yield bad("clock", said, "timedatectl; let it reach a time server, or fit an RTC")
    elif found["clock"].get("disbelieved"):
        yield bad("clock", f"{said}; it was set and is not followed", "doorward status says why")
    elif config.clock.simulated:
        yield bad("clock", f"{said}; [clock] simulated is for a sandbox", "doorward config check")
    else:
        yield good("clock", said)


def _rtc() -> str:
    return "there is a battery-backed clock" if Path("/sys/class/rtc/rtc0").exists() else "no RTC"


def units() -> Iterator[Finding]:
    """As systemd has them."""
    if not Path("/run/systemd/system").exists():
        yield unsure("units", "systemd does not run here, so nothing restarts the services")
        return
    for unit in UNITS:
        yield from unit_says(unit, _shown(unit))


def _shown(unit: str) -> dict[str, str]:
    command = ["systemctl", "show", "-p", _ASKED, unit]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {name: value for name, _, value in pairs}


def unit_says(unit: str, shown: dict[str, str]) -> Iterator[Finding]:
    """What `systemctl show` told of one."""
    if not shown:
        yield unsure(unit, "systemctl does not answer", f"systemctl status {unit}")
        return
    if shown.get("LoadState") == "not-found":
        yield unsure(unit, "is not installed here", "see README.md, Installing")
        return
    if shown.get("ActiveState") != "active":
        said = f"is {shown.get('ActiveState')} ({shown.get('Result')})"
        yield bad(unit, said, f"systemctl start {unit}; journalctl -u {unit} -n 50")
    elif shown.get("UnitFileState") not in ("enabled", "enabled-runtime"):
        yield bad(unit, "does not start with the machine", f"systemctl enable {unit}")
    elif shown.get("WatchdogUSec") in ("0", "infinity"):
        yield bad(unit, "has no watchdog: nobody notices if it hangs", f"systemctl cat {unit}")
    else:
        times = int(shown.get("NRestarts") or 0)
        said = f"active, enabled, watched over; {counted(times, 'restart')}"
        if times >= _MANY:
            yield bad(unit, said, f"journalctl -u {unit} -p warning -n 50")
        else:
            yield good(unit, said)


def certificate(config: "Config", now: float) -> Iterator[Finding]:
    """That of [http], if there is one."""
    from sync.certificate import good_until

    path = config.http.certificate
    if path is None:
        return
    if path.exists() and not os.access(path, os.R_OK):
        then = "sudo -u doorward doorward doctor"
        yield unsure("certificate", f"{path} is not for you to read", then)
        return
    try:
        until = good_until(path)
    except (OSError, ValueError) as error:
        yield bad("certificate", f"{path}: {error}", "put a PEM file there, chain included")
        return
    if until - now < _SOON:
        word = "has ended on" if until < now else "ends on"
        yield bad("certificate", f"{path} {word} {local(until)}", "renew it; no restart is needed")
    else:
        yield good("certificate", f"{path} is good until {local(until)}")


def versions(found: dict[str, Any]) -> Iterator[Finding]:
    """Does each process run what is installed?"""
    from importlib.metadata import version

    installed = version("doorward")
    for process, unit in zip(("controller", "syncd"), UNITS, strict=True):
        running = found[process].get("version")
        if running and running != installed:
            said = f"runs version {running}, and {installed} is installed"
            yield bad(process, said, f"systemctl restart {unit}")
    yield good("version", f"{installed} is installed")
