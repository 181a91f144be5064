"""Boots a container and a virtual machine on the images, and waits until they are done."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.machine.images import Images

GRACE = 10.0  # seconds that a machine has to go down by itself


class Contained(Protocol):
    """A whole Debian, and what it sees as /lab."""

    @property
    def root(self) -> Path: ...
    @property
    def share(self) -> Path: ...


def container(images: Contained, log: Path, seconds: float, look: Callable[[], None]) -> bool:
    """A real systemd on this machine's kernel, with no network and no devices."""
    command = [
        *("systemd-nspawn", "--quiet", "--boot", "--directory", str(images.root)),
        *("--register=no", "--keep-unit", "--private-network", f"--bind={images.share}:/lab"),
    ]
    return _until_gone(command, log, seconds, look)


def virtual(images: Images, log: Path, seconds: float, look: Callable[[], None]) -> bool:
    """A whole emulated PC with a kernel of its own; what it writes to its disk is forgotten."""
    kernel = "root=/dev/vda rw console=ttyS0 quiet panic=-1 mitigations=off"
    share = f"local,path={images.share},mount_tag=lab,security_model=none,multidevs=remap"
    command = [
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1024"),
        *("-smp", "2", "-nographic", "-no-reboot", "-nic", "none"),
        *("-kernel", str(images.kernel), "-initrd", str(images.initrd), "-append", kernel),
        *("-drive", f"file={images.disk},format=raw,if=virtio,snapshot=on"),
        *("-virtfs", share),
    ]
    return _until_gone(command, log, seconds, look)


def _until_gone(command: list[str], log: Path, seconds: float, look: Callable[[], None]) -> bool:
    """Run it, calling `look` every second; False if it had to be stopped after so many."""
    with (
        log.open("wb") as file,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file) as process,
    ):
        try:
            return _waited(process, seconds, look)
        finally:
            _end(process)


def _waited(process: "subprocess.Popen[bytes]", seconds: float, look: Callable[[], None]) -> bool:
    for _ in range(int(seconds)):
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            look()
        else:
            look()
            return True
    return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
