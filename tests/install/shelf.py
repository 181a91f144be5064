"""The releases that are tried: all from one package, relabelled, changed, and signed."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from release.deb import SITE, relabelled, version
from release.sign import new_key, secret_key, sign

# In the order in which they are newer. The last two change what is to be noticed.
NAMES = ("first", "second", "third-dead", "third-sour", "third-whole")
_DEAD = """

def run(path):
    raise SystemExit("this release is broken")
"""
# It works, adds to the journal's schema, and ends by itself a while later.
_ADDS = """
MIGRATIONS = (*MIGRATIONS, ("ALTER TABLE event ADD COLUMN later TEXT NOT NULL DEFAULT 'l'",))
"""
_SOUR = """
import os as _os
_end = threading.Timer(12.0, lambda: _os._exit(1))
_end.daemon = True
_end.start()
"""


def stocked(package: Path, shelf: Path, names: Sequence[str] = NAMES) -> None:
    """Each release and its signature in `shelf`, and a key that signs, but is not trusted."""
    shutil.rmtree(shelf, ignore_errors=True)
    shelf.mkdir(parents=True)
    keys = {}
    with TemporaryDirectory() as private:
        for name in ("ours", "foreign"):
            new_key(Path(private, name), shelf / f"{name}.pub")
            keys[name] = secret_key(Path(private, name), str)
    for number, name in enumerate(names, 1):
        made = relabelled(package, f"{version()}+{number}{name}", _changed(name, shelf))
        sign(made.replace(shelf / f"{name}.deb"), keys["ours"], 1.0)
    shutil.copy(shelf / "second.deb", shelf / "foreign.deb")
    sign(shelf / "foreign.deb", keys["foreign"], 1.0)
    shutil.copy(shelf / "second.deb.minisig", shelf / "forged.deb.minisig")
    shutil.copy(shelf / "third-dead.deb", shelf / "forged.deb")


def _changed(name: str, shelf: Path) -> Callable[[Path], None]:
    def change(tree: Path) -> None:
        keys = tree / "usr/share/doorward/release-keys"
        keys.mkdir(parents=True, exist_ok=True)
        shutil.copy(shelf / "ours.pub", keys)
        if name == "third-dead":
            _append(tree / SITE / "controller/daemon.py", _DEAD)
        if name == "third-sour":
            _append(tree / SITE / "controller/daemon.py", _SOUR)
            _append(tree / SITE / "controller/journal_file.py", _ADDS)

    return change


def _append(module: Path, text: str) -> None:
    module.write_text(module.read_text() + text)
