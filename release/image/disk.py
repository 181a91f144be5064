"""The disk: a file system for each part, and all of them in one file. No loop device is needed."""

import os
import shutil
import subprocess
from pathlib import Path

from release.image.kinds import Kind
from release.image.partitions import MIB, Partition
from release.image.root import LOADER, data
from release.tools import run

HERE = Path(__file__).parent
FIRMWARE = "boot/firmware"
# Debian 12's grub reads no newer ones.
PLAIN = "^metadata_csum_seed,^orphan_file"
SIGNED = {  # UEFI starts the first by its name; shim starts grub beside it
    "usr/lib/shim/shimx64.efi.signed": "EFI/BOOT/BOOTX64.EFI",
    "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed": "EFI/BOOT/grubx64.efi",
}


def written(kind: Kind, root: Path, folder: Path, image: Path) -> None:
    """Make `image` of the files of `root`, which it takes some of. Raises CalledProcessError."""
    contents = {"DOORBOOT": _boot(root, folder)}
    if (root / LOADER).exists():
        contents["DOOREFI"] = _efi(kind, root, folder)
    contents |= {"doordata": data(root, folder), "doorroot": root}
    image.unlink(missing_ok=True)
    image.touch()
    os.truncate(image, kind.layout.mib * MIB)
    subprocess.run(["sfdisk", "--quiet", image], input=kind.layout.script(), text=True, check=True)
    for part, at in kind.layout.placed():
        made = folder / f"{kind.arch}-{part.label}.part"
        _file_system(part, contents[part.label], made)
        run("dd", f"if={made}", f"of={image}", "bs=1M", f"seek={at}", *_DD)
        made.unlink()


_DD = ("conv=notrunc,sparse", "status=none")


def packed(image: Path) -> Path:
    """Beside it, by xz; with its sum, as `sha256sum --check` takes it."""
    small = image.with_name(f"{image.name}.xz")
    run("xz", "--threads=0", "-6", "--keep", "--force", image)
    listed = subprocess.run(
        ["sha256sum", small.name], cwd=small.parent, capture_output=True, check=True
    )
    small.with_name(f"{small.name}.sha256").write_bytes(listed.stdout)
    return small


def _boot(root: Path, folder: Path) -> Path:
    """The partition that any laptop shows: the firmware's files, if it starts by them, and ours."""
    there = folder / f"{root.name}-boot"
    shutil.rmtree(there, ignore_errors=True)
    shutil.move(root / FIRMWARE, there)
    (root / FIRMWARE).mkdir()
    for path in sorted((HERE / "fat").iterdir()):
        lines = path.read_text().splitlines()
        (there / path.name).write_bytes("".join(f"{line}\r\n" for line in lines).encode())
    return there


def _efi(kind: Kind, root: Path, folder: Path) -> Path:
    there = folder / f"{root.name}-efi"
    shutil.rmtree(there, ignore_errors=True)
    for source, target in SIGNED.items():
        (there / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / LOADER / source, there / target)
    config = (HERE / "grub.cfg").read_text().replace("@CMDLINE@", kind.layout.command_line())
    (there / "EFI/debian").mkdir()
    (there / "EFI/debian/grub.cfg").write_text(config)
    shutil.rmtree(root / LOADER)
    return there


def _file_system(part: Partition, content: Path, made: Path) -> None:
    made.unlink(missing_ok=True)
    made.touch()
    os.truncate(made, part.mib * MIB)
    if not part.fat:
        ext4 = ("-q", "-t", "ext4", "-m", "1", "-O", PLAIN, "-L", part.label)
        run("mke2fs", *ext4, "-d", content, made)
        return
    run("mkfs.vfat", "-F", "32", "-s", "1", "-n", part.label, made)
    run("mcopy", "-s", "-i", made, *sorted(content.iterdir()), "::")
