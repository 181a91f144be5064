"""The two images: what is in each, and how it is started."""

from collections.abc import Sequence
from dataclasses import dataclass

from release.image.partitions import Layout, Partition

SUITE = "bookworm"
# What makes an image: program → Debian's package.
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "sfdisk": "fdisk",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
    "mke2fs": "e2fsprogs",
    "xz": "xz-utils",
}
PACKAGES = (
    *("systemd-sysv", "systemd-timesyncd", "systemd-resolved", "udev", "dbus", "kmod", "tzdata"),
    *("python3", "ca-certificates", "openssh-server", "iproute2", "procps", "sudo", "less", "nano"),
    *("e2fsprogs", "dosfstools", "fdisk", "initramfs-tools", "busybox", "zstd"),
)
# Windows shows a partition of this type, and not the one that a PC starts from.
_SHOWN = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
_ROOT = Partition("doorroot", 1536, "linux")
_DATA = Partition("doordata", 256, "linux")  # grows to the end of the card at the first start


@dataclass(frozen=True, slots=True)
class Kind:
    """One image. `fetched`: packages of which files are taken and nothing is installed."""

    arch: str
    layout: Layout
    packages: Sequence[str]
    fetched: Sequence[str] = ()
    components: str = "main"


KINDS = {
    "amd64": Kind(
        "amd64",
        Layout(
            "gpt",
            1,
            (
                Partition("DOOREFI", 64, "uefi", fat=True),
                Partition("DOORBOOT", 64, _SHOWN, fat=True),
                _ROOT,
                _DATA,
            ),
        ),
        (*PACKAGES, "linux-image-amd64"),
        fetched=("shim-signed", "grub-efi-amd64-signed"),
    ),
    "arm64": Kind(
        "arm64",
        Layout("dos", 4, (Partition("DOORBOOT", 256, "c", fat=True), _ROOT, _DATA)),
        (
            *(*PACKAGES, "linux-image-arm64", "raspi-firmware"),
            *("firmware-brcm80211", "wpasupplicant", "wireless-regdb"),
        ),
        components="main,non-free-firmware",
    ),
}
