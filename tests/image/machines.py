"""Emulated machines that start from a card: a PC with UEFI, and a Raspberry Pi 3."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from release.tools import lacking
from tests.image.card import Card
from tests.machine.guest.lab import Failed, now

SERIAL = "PX-0042-17"
NAMED = {"amd64": "doorward-px004217"}  # an emulated Pi has no serial number
FIRMWARE = Path("/usr/share/OVMF")
NEEDED = {
    "amd64": {"qemu-system-x86_64": "qemu-system-x86"},
    "arm64": {"qemu-system-aarch64": "qemu-system-arm", "fdtput": "device-tree-compiler"},
}
ALSO = {
    "mcopy": "mtools",
    "mkfs.vfat": "dosfstools",
    "ssh": "openssh-client",
    "fallocate": "util-linux",
}
# Of a PC's USB reader, by the place of its socket.
READER = "/dev/doorward/serial-pci-0000_00_10_0-usb-0_1_1_0"
# In a boot sector: tell the emulator's exit device so, and halt.
DONE = bytes([0xB0, 1, 0xE6, 0xF4, 0xF4, 0xEB, 0xFD]).ljust(510, b"\0") + b"\x55\xaa"


def missing(arch: str) -> list[str]:
    """Debian's packages that are lacking here."""
    found = lacking(NEEDED[arch] | ALSO)
    if arch == "amd64" and not (FIRMWARE / "OVMF_CODE_4M.ms.fd").exists():
        found.append("ovmf")
    return found


class Machine:
    """Switched on and off; `key` is what its setup file let in."""

    def __init__(self, arch: str, card: Card, key: Path, folder: Path) -> None:
        self.card, self._arch, self._key, self._folder = card, arch, key, folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port, self.began = 0, 0.0
        self.accelerator = _accelerator(arch)

    def switch_on(self, *more: str) -> None:
        assert self._process is None
        self._port = _free_port()
        network = f"user,id=net,hostfwd=tcp:127.0.0.1:{self._port}-:22"
        command = [*COMMANDS[self._arch](self.card, self._folder), "-netdev", network, *more]
        # To look into one that does not get on: socat - unix-connect:…
        monitor = f"unix:{self._socket('monitor')},server,nowait"
        command += ["-accel", self.accelerator, "-display", "none", "-monitor", monitor]
        self.began = now()
        with (self._folder / f"{self._arch}-qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def plug_in(self, stick: Path) -> None:
        """A USB stick with that content, while the machine runs."""
        drive = f"drive_add 0 if=none,id=stick,format=raw,file={stick}"
        self._tell("monitor", f"{drive}\ndevice_add usb-storage,drive=stick,bus=usb.0\n")

    def read(self, card: str) -> None:
        """A card is held to the serial reader in the first USB socket."""
        self._tell("reader", f"{card}\r\n")

    def cut_power(self) -> None:
        """Whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def lets_in(self) -> bool:
        """Does anything answer as SSH does?"""
        try:
            with socket.create_connection(("127.0.0.1", self._port), 5.0) as line:
                return line.recv(4).startswith(b"SSH")
        except OSError:
            return False

    def type(self, command: str, *, good: Sequence[int] = (0,), seconds: float = 300.0) -> str:
        """By SSH. Raises `Failed` if it ends in another way."""
        done = subprocess.run(
            self._ssh(command), capture_output=True, text=True, timeout=seconds, check=False
        )
        if done.returncode not in good:
            said = (done.stderr or done.stdout).strip()[-600:]
            raise Failed(f"{command}: ended with {done.returncode}: {said}")
        return done.stdout

    def send(self, source: Path, target: str) -> None:
        """A file, by SSH."""
        with source.open("rb") as file:
            subprocess.run(self._ssh(f"cat > {target}"), stdin=file, check=True)

    def lines(self, command: str) -> Iterator[str]:
        """What it says, line by line, as long as there is power."""
        words = self._ssh(command)
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            yield from process.stdout
            process.kill()

    def _tell(self, whom: str, text: str) -> None:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self._socket(whom)))
            line.sendall(text.encode())
            line.settimeout(1.0)
            with suppress(TimeoutError):  # it is heard, and not cut off in the middle
                while line.recv(4096):
                    pass

    def _socket(self, name: str) -> Path:
        return self._folder / f"{self._arch}-{name}.sock"

    def _ssh(self, command: str) -> list[str]:
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes")
        more = ("ConnectTimeout=20", "LogLevel=ERROR", "PasswordAuthentication=no")
        chosen = [word for option in (*options, *more) for word in ("-o", option)]
        place = ("-p", str(self._port), "-i", str(self._key), "root@127.0.0.1")
        return ["ssh", *chosen, *place, command]


def _pc(card: Card, folder: Path) -> list[str]:
    """Its firmware is as a new board's: Secure Boot is on, with the makers' keys."""
    settings = folder / "uefi.fd"
    shutil.copy(FIRMWARE / "OVMF_VARS_4M.ms.fd", settings)
    return [
        *("qemu-system-x86_64", "-machine", "q35,smm=on", "-cpu", "max", "-m", "1024", "-smp", "2"),
        *("-global", "driver=cfi.pflash01,property=secure,value=on"),
        *("-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE / 'OVMF_CODE_4M.ms.fd'}"),
        *("-drive", f"if=pflash,format=raw,file={settings}"),
        *("-drive", f"if=none,id=disk,format=raw,file={card.path}"),
        *("-device", "ahci,id=sata", "-device", "ide-hd,drive=disk,bus=sata.0,bootindex=0"),
        *("-device", "e1000,netdev=net,romfile=", "-device", "i6300esb"),
        *("-chardev", f"socket,id=reader,path={folder}/amd64-reader.sock,server=on,wait=off"),
        *("-device", "qemu-xhci,id=usb,addr=0x10"),
        *("-device", "usb-serial,chardev=reader,bus=usb.0,always-plugged=on"),
        # No screen, as at a door: drawing the kernel's messages would take half of the time.
        *("-vga", "none", "-smbios", f"type=1,serial={SERIAL}"),
    ]


def _pi(card: Card, folder: Path) -> list[str]:
    """What a real one's firmware does is done here: kernel and all are read from the card."""
    kernel = card.take("vmlinuz-*", folder)
    initrd = card.take("initrd.img-*", folder)
    tree = card.take("bcm2837-rpi-3-b.dtb", folder)
    subprocess.run(["fdtput", "-p", "-c", tree, "/system"], check=True)
    revision = ["fdtput", "-t", "x", str(tree), "/system", "linux,revision", "0xa02082"]
    subprocess.run(revision, check=True)
    # The emulated watchdog does not count, and starts the machine again as soon as it is set; and
    # the wrong one of two drivers takes the emulated network.
    line = f"{card.text('cmdline.txt').strip()} systemd.watchdog_sec=0 module_blacklist=cdc_subset"
    return [
        *("qemu-system-aarch64", "-machine", "raspi3b", "-m", "1G", "-kernel", str(kernel)),
        *("-initrd", str(initrd), "-dtb", str(tree), "-append", line),
        *("-drive", f"if=sd,format=raw,file={card.path}"),
        *("-device", "usb-net,netdev=net"),
    ]


COMMANDS: dict[str, Callable[[Card, Path], list[str]]] = {"amd64": _pc, "arm64": _pi}


def _accelerator(arch: str) -> str:
    """ "kvm" where a boot sector runs by it; a device that is there may refuse to work."""
    words = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "max", "-m", "64", "-nodefaults"]
    words += ["-display", "none", "-device", "isa-debug-exit,iobase=0xf4", "-drive"]
    if arch == "arm64" or not Path("/dev/kvm").exists():
        return "tcg,thread=multi"
    with tempfile.NamedTemporaryFile() as sector:
        sector.write(DONE)
        sector.flush()
        words += [f"if=floppy,format=raw,file={sector.name}"]
        try:
            done = subprocess.run(words, timeout=10, capture_output=True, check=False)
        except subprocess.TimeoutExpired:
            return "tcg,thread=multi"
    return "kvm" if done.returncode == 3 else "tcg,thread=multi"


def _free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])
