"""A name for a machine that nobody named: made of its serial number, as it stands on its label."""

import re
from pathlib import Path

from controller.errors import ConfigError

# A Raspberry Pi's, then those of a PC (SMBIOS), the likeliest to be true first.
PLACES = (
    "proc/device-tree/serial-number",
    *(f"sys/class/dmi/id/{name}_serial" for name in ("product", "board", "chassis")),
)
# What makers leave there instead.
EMPTY = re.compile(
    r"(to be filled.*|default.*|system.?serial.*|not.*|none|n/?a|unknown|invalid|oem|0*123456789.*"
    r"|empty|chassis.*|base.?board.*|(.)\2*)",
    re.IGNORECASE,
)
LONGEST = 8


def name_by_serial(root: Path) -> str:
    """`doorward-<the serial number's end>`; of the machine's id where there is none."""
    for place in PLACES:
        if tail := _tail(_read(root / place)):
            return f"doorward-{tail}"
    if not (known := _read(root / "etc/machine-id")):
        raise ConfigError(
            f"{root / 'etc/machine-id'}: this machine has neither a serial number nor an id; "
            "type: systemd-machine-id-setup"
        )
    return f"doorward-{known[:8]}"


def _tail(serial: str) -> str:
    """The last letters and digits of it, "" if it is none."""
    kept = re.sub(r"[^a-z0-9]", "", serial.lower())
    return "" if EMPTY.fullmatch(serial) or len(kept) < 4 else kept.lstrip("0")[-LONGEST:]


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("ascii", "ignore").strip(" \0\n")
    except OSError:
        return ""
