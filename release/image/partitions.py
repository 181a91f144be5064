"""Where the parts of a disk lie. Pure: texts and numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MIB = 1 << 20
SECTOR = 512
TAIL = 1  # MiB at the end, for the second partition table of GPT
DISK = "646f6f72"  # "door": the disk's id, by which the kernel finds its partitions


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of the disk. `label`: of its file system; `kind`: sfdisk's word for its type."""

    label: str
    mib: int
    kind: str
    fat: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """A partition table (`scheme`: "gpt" or "dos") and the parts, from `first` MiB on."""

    scheme: str
    first: int
    parts: Sequence[Partition]

    @property
    def mib(self) -> int:
        return self.first + sum(part.mib for part in self.parts) + TAIL

    def placed(self) -> Iterator[tuple[Partition, int]]:
        """Each with its first MiB."""
        at = self.first
        for part in self.parts:
            yield part, at
            at += part.mib

    def offset(self, label: str) -> int:
        """In bytes."""
        return next(at for part, at in self.placed() if part.label == label) * MIB

    def uuid(self, label: str) -> str:
        """PARTUUID: the same in every image, and so no two of them belong into one machine."""
        number = 1 + [part.label for part in self.parts].index(label)
        if self.scheme == "dos":
            return f"{DISK}-{number:02}"
        return f"{DISK}-0000-4000-8000-{number:012}"

    def script(self) -> str:
        """sfdisk(8)'s input."""
        identity = f"0x{DISK}" if self.scheme == "dos" else self._guid(0)
        lines = [f"label: {self.scheme}", f"label-id: {identity}"]
        for number, (part, at) in enumerate(self.placed(), 1):
            own = f", uuid={self._guid(number)}" if self.scheme == "gpt" else ""
            start, size = at * MIB // SECTOR, part.mib * MIB // SECTOR
            lines.append(f"start={start}, size={size}, type={part.kind}{own}")
        return "\n".join([*lines, ""])

    def _guid(self, number: int) -> str:
        return f"{DISK}-0000-4000-8000-{number:012}"

    def command_line(self) -> str:
        """What the kernel is told. `panic`: it starts again rather than offer anybody a shell"""
        return (
            f"root=PARTUUID={self.uuid('doorroot')} ro quiet rootwait panic=10 "
            f"doorward.data=PARTUUID={self.uuid('doordata')}"
        )

    def fstab(self) -> str:
        """/data, and what lies on it, is mounted before systemd: see initramfs-tools/scripts."""
        small = "mode=1777,nosuid,nodev,size=25%"
        # A setup file is not to be missed because a slow machine still looks for its devices.
        late = "nofail,x-systemd.device-timeout=4min"
        boot = f"ro,umask=0077,nosuid,nodev,noexec,{late}"
        return "".join(
            f"{line}\n"
            for line in (
                f"PARTUUID={self.uuid('doorroot')} / ext4 ro,noatime 0 1",
                f"PARTUUID={self.uuid('DOORBOOT')} /boot/firmware vfat {boot} 0 2",
                f"tmpfs /tmp tmpfs {small} 0 0",
                f"tmpfs /var/tmp tmpfs {small} 0 0",
            )
        )
