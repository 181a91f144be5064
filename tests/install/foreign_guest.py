"""The steps, inside an emulated Debian, as root, with nothing but Python's own library."""

import json
import pwd
import socket
import subprocess
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.install.guest import CONFIG, ETC, KEPT
from tests.machine.guest.lab import LAB, PATIENCE, Failed, Lab, call, demand, now, until
from tests.machine.report import FAILED, PASSED, Result, append

OURS = ("runuser", "-u", "doorward", "--", "doorward")
RUN = Path("/run/doorward")
COMPILED = ("_cffi_backend", "gpiod", "osdp", "osdp_sys", "pydantic_core", "markupsafe._speedups")
Step = Callable[[Lab], None]


def installed(lab: Lab) -> None:
    """By apt, without a network: nothing is needed that Depends does not name."""
    began = now()
    apt = ("apt-get", "install", "--yes", "--no-install-recommends")
    call(*apt, LAB / "first.deb", seconds=600)
    lab.measured["install_s"] = round(now() - began, 1)
    demand(not call("dpkg", "--audit"), "dpkg is not content")
    demand(pwd.getpwnam("doorward").pw_dir == str(KEPT), "the user has no home of its own")


def compiled_for_it(lab: Lab) -> None:
    """Every compiled module can be loaded, and what uses cffi works."""
    lab.measured["arch"] = call("dpkg", "--print-architecture").strip()
    seal = "from cryptography.fernet import Fernet as F; F(F.generate_key()).encrypt(b'')"
    words = f"import {', '.join(COMPILED)}; {seal}"
    call("/usr/lib/doorward/bin/python3", "-I", "-c", words)


def answering(lab: Lab) -> None:
    """The commands that one types first."""
    began = now()
    demand(call("doorward", "--version").strip(), "no version")
    lab.measured["version_s"] = round(now() - began, 1)
    demand("--help" in call("doorward", "setup", "--help"), "no help")
    _configure(call("doorward", "config", "example"), "")
    checked = call("sh", "-c", f"{' '.join(OURS)} config check 2>&1", good=(3,)).splitlines()
    wrong = [line for line in checked if "there is no such secret file" not in line]
    demand(checked and not wrong, f"wrong with the example besides its secrets: {wrong}")


def deciding(lab: Lab) -> None:
    """Both services run; a keyholder gets in, a stranger does not, and the record holds."""
    _configure(CONFIG, "id,name,card\n1,Ruth Amsel,0A1B2C3D\n")
    call(*OURS, "config", "check")
    for folder in (RUN, KEPT):
        folder.mkdir(exist_ok=True)
        call("chown", "doorward:doorward", folder)
    began = now()
    with _service("controller") as controller, _service("syncd") as sync:
        until("the controller answers", _answers)
        until("the keyholder gets in", lambda: _scan("0A1B2C3D"), 2 * PATIENCE)
        lab.measured["open_s"] = round(now() - began, 1)
        demand(not _scan("DEADBEEF"), "a stranger got in")
        demand(
            controller.poll() is None and sync.poll() is None, "a service has ended; see its log"
        )
        call(*OURS, "journal", "verify")
    demand(controller.returncode == 0, f"the controller ended with {controller.returncode}")
    demand(sync.returncode == 0, f"sync ended with {sync.returncode}")


def removed(_: Lab) -> None:
    """All of ours goes, but for the configuration and the record."""
    call("dpkg", "--remove", "doorward")
    demand(not Path("/usr/lib/doorward").exists(), "parts of it are left")
    demand((ETC / "doorward.toml").exists(), "the configuration is gone")
    demand((KEPT / "journal.db").exists(), "the journal is gone")


def purged(_: Lab) -> None:
    """Nothing is left."""
    call("dpkg", "--purge", "doorward")
    left = [path for path in (ETC, KEPT, Path("/usr/lib/doorward")) if path.exists()]
    demand(not left, f"left: {left}")


STEPS: dict[str, Step] = {
    step.__name__.replace("_", " "): step
    for step in (installed, compiled_for_it, answering, deciding, removed, purged)
}


@contextmanager
def _service(name: str) -> Iterator["subprocess.Popen[bytes]"]:
    """It runs as its user, told to end at the end."""
    with (LAB / f"{name}.log").open("wb") as log:
        command = ("setpriv", "--reuid=doorward", "--regid=doorward", "--init-groups", "doorward")
        process = subprocess.Popen([*command, name], stdout=log, stderr=log, cwd=KEPT)
        try:
            yield process
            process.terminate()
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()


def _configure(text: str, people: str) -> None:
    (ETC / "doorward.toml").write_text(text)
    (ETC / "keyholders.csv").write_text(people)
    call("chgrp", "-R", "doorward", ETC)
    (ETC / "keyholders.csv").chmod(0o640)


def _answers() -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        return line.connect_ex(str(RUN / "door.sock")) == 0


def _scan(card: str) -> bool:
    """Does this card open the door?"""
    said = call("doorward", "--json", "sim", "scan", "front", card, good=(0, 1, 2, 4))
    decided = json.loads(said)["decided"]
    return bool(decided and decided["reason"] == "granted")


def _play(name: str) -> Result:
    lab, began = Lab(), now()
    outcome, why = PASSED, ""
    try:
        STEPS[name](lab)
    except Failed as failure:
        outcome, why = FAILED, str(failure)
    except Exception as error:  # noqa: BLE001 - the next step has its turn all the same
        traceback.print_exc()
        outcome, why = FAILED, f"{type(error).__name__}: {error}"
    return Result(name, outcome, round(now() - began, 1), why, lab.measured)


if __name__ == "__main__":
    for each in STEPS:
        result = _play(each)
        print(result, flush=True)
        append(LAB / "results.jsonl", result)
