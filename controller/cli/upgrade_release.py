"""A release as it comes: a package and its signature, looked at before anything is changed."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from controller.cli.sticks import PLACES
from controller.cli.upgrade_dpkg import NAME, Dpkg
from controller.cli.upgrade_place import Place
from controller.errors import ReleaseError
from controller.minisign import PublicKey, public_key, verified

KEYS = "usr/share/doorward/release-keys"
_LARGEST = 1 << 30  # bytes of a package


@dataclass(frozen=True, slots=True)
class Release:
    """A package that was verified. `size`: bytes that it takes installed."""

    version: str
    arch: str
    depends: str
    size: int
    signer: str
    comment: str


class Wanted(NamedTuple):
    """What is asked for besides: keys trusted by hand, and what is put up with."""

    keys: Sequence[Path] = ()
    again: bool = False


class OnStick(NamedTuple):
    """A package found on a stick; `standing`: whether and why it could be taken."""

    path: Path
    standing: str


def trusted_keys(root: Path, by_hand: Sequence[Path]) -> list[PublicKey]:
    """Those that came with this release, and those given by hand. Raises `ReleaseError`."""
    shipped = sorted((root / KEYS).glob("*.pub"))
    if not shipped and not by_hand:
        raise ReleaseError(
            f"there is no key in {root / KEYS}: this package was built without one, so nobody's "
            "releases are trusted. Get the maintainers' public key from where you trust it, and "
            "pass it: doorward upgrade --key FILE.pub …"
        )
    return [public_key(path) for path in (*shipped, *by_hand)]


def taken(file: Path, place: Place, dpkg: Dpkg, wanted: Wanted) -> Release:
    """Copied to where nobody else can change it, verified, and for here. Raises `ReleaseError`."""
    keys = trusted_keys(place.root, wanted.keys)
    _copied(file, place.deb)
    _copied(file.with_name(f"{file.name}.minisig"), place.signature, "the signature lies beside it")
    try:
        key, comment = verified(place.deb, place.signature, keys)
    except ReleaseError as error:
        raise ReleaseError(str(error).replace(place.deb.name, file.name)) from error
    release = read(place.deb, dpkg, f"{key.name} ({key.comment})", comment)
    if problems := list(unfit(release, dpkg, again=wanted.again)):
        raise ReleaseError("\n".join(f"{file.name}: {each}" for each in problems))
    return release


def read(deb: Path, dpkg: Dpkg, signer: str = "", comment: str = "") -> Release:
    """Raises `ReleaseError`."""
    fields = dpkg.fields(deb)
    if fields.get("Package") != NAME:
        raise ReleaseError(f"{deb.name} is the package of {fields.get('Package')!r}, not {NAME}")
    size = int(fields.get("Installed-Size", "0")) * 1024
    depends = fields.get("Depends", "")
    return Release(fields["Version"], fields["Architecture"], depends, size, signer, comment)


def unfit(release: Release, dpkg: Dpkg, *, again: bool) -> Iterator[str]:
    """Why this machine cannot have it, with the remedy."""
    here, arch = dpkg.installed(), dpkg.architecture()
    if not here:
        yield "Doorward is not installed as a package here; type: sudo apt install ./FILE.deb"
    if release.arch not in {arch, "all"}:
        yield f"it is for {release.arch}, and this machine is {arch}: take the package for {arch}"
    if here and dpkg.holds(release.version, "lt", here):
        yield (
            f"it is {release.version}, older than {here}, which is installed; older programs may "
            "not understand the databases, so it is not taken"
        )
    if here and dpkg.holds(release.version, "eq", here) and not again:
        yield f"{here} is installed already; to install it anew all the same: --again"
    if lacking := dpkg.lacking(release.depends):
        yield (
            f"it needs {', '.join(lacking)}, which is not there: upgrade this machine's Debian "
            "first (apt), or take a release made for it"
        )


def on_sticks(place: Place, dpkg: Dpkg, wanted: Wanted) -> list[OnStick]:
    """Every package of ours on a mounted stick, by name."""
    patterns = (f"{each}/{NAME}_*.deb" for each in PLACES)
    found = {path for each in patterns for path in place.root.glob(each) if path.is_file()}
    return [OnStick(path, _standing(path, place, dpkg, wanted)) for path in sorted(found)]


def _standing(path: Path, place: Place, dpkg: Dpkg, wanted: Wanted) -> str:
    try:
        keys = trusted_keys(place.root, wanted.keys)
        key, comment = verified(path, path.with_name(f"{path.name}.minisig"), keys)
        release = read(path, dpkg, key.name, comment)
    except ReleaseError as error:
        return f"no: {error}"
    why = "; ".join(unfit(release, dpkg, again=wanted.again))
    signed = f"signed by {key.name}"
    return f"no: {why} ({signed})" if why else f"newer than {dpkg.installed()}, {signed}"


def _copied(file: Path, target: Path, hint: str = "is the stick in its place?") -> None:
    try:
        if file.stat().st_size > _LARGEST:
            raise ReleaseError(f"{file} is too large to be a release")
        shutil.copyfile(file, target)
    except OSError as error:
        raise ReleaseError(f"{file} cannot be read ({error.strerror}); {hint}") from error
