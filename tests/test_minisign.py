"""Signatures of releases: what minisign itself made is understood, and nothing else passes."""

import base64
from pathlib import Path

import pytest

from controller.errors import ReleaseError
from controller.minisign import public_key, shown, verified
from release.sign import ROOT, SignError, new_key, secret_key, sign

# Made by minisign 0.11 over the twelve bytes "doors of old".
KEY = """\
untrusted comment: doorward release key D28257D4EA4CE9E2
RWTi6Uzq1FeC0iJowKhqHh1vTBa7sBsKaJ2FedduG0LvMAni4CYDlrgy
"""
SIGNATURE = """\
untrusted comment: signature from minisign secret key
RUTi6Uzq1FeC0njHZ0r0uE3MiIRWYJG6c1Kbo6rkUOTdBebKx5iH/RTofjo//9dTDp19cblBVuOuVRO+UgxVCnFxhzSpW76AYg4=
trusted comment: file:vector.deb
a6y/6g9uQrK/uYfxGR6lgO8Nkas8A9PaZdipgOq0wlgukcEOSSXL7hiy5Yl02sJPodSisJPsId0E8b2tqiDpCQ==
"""
LEGACY = """\
untrusted comment: signature from minisign secret key
RWTi6Uzq1FeC0uLO3LWrkMreNOE8gsPq5Ms/bLAYB7bAD71pCErwYqw7q29sBFYxEMArjC7DWCcekWOBY8pb9rPshch5UeFJ4QA=
trusted comment: timestamp:1795769211	file:vector.deb
rT+xmUnitLlF6yA5sOngS00VTJ690jj/Bv19H9PZjo9uNn5D0R8W9vHrTzWEmdAsT8HOa1r4bCQcukiYgfy3Dw==
"""
# Of `minisign -G -W`, which leaves the checksum out.
SECRET = (
    "untrusted comment: minisign encrypted secret key\n"
    "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADygE9K2VTjX8j1LgJsGOAqz/"
    "FTaC9fcvsCvxj+Vu5Rgf/3xQby6spG84ntvj1XjaPdi4hGHwhc8dPQsWoj3gT+3RlA+26gdaAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAA=\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "k.pub").write_text(KEY)
    (tmp_path / "vector.deb.minisig").write_text(SIGNATURE)
    (tmp_path / "vector.deb").write_text("doors of old")
    return tmp_path / "vector.deb"


def look(file: Path, key: str = "k.pub") -> str:
    signature = file.with_name(f"{file.name}.minisig")
    return verified(file, signature, [public_key(file.with_name(key))])[1]


def no_key() -> str:
    raise AssertionError("nobody has to be asked for a passphrase")


def test_what_minisign_signed_is_verified_with_its_trusted_comment(file: Path) -> None:
    assert look(file) == "file:vector.deb"
    assert public_key(file.with_name("k.pub")).name == "D28257D4EA4CE9E2"


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("vector.deb", "old", "gold", "is not what was signed"),
        ("vector.deb.minisig", "file:vector", "file:victor", "trusted comment .* was changed"),
        ("vector.deb.minisig", "\ntrusted comment: ", "\ncomment: ", "no signature of minisign"),
        ("vector.deb.minisig", "RUTi6Uzq1FeC0nj", "RUTi6Uzq1FeC0n!", "no signature of minisign"),
        ("vector.deb.minisig", "RUTi6Uzq1FeC0njHZ0", "RUTi6Uzq1FeC0njHZ1", "not what was signed"),
        ("vector.deb.minisig", "RUTi6", "RUTi7", "key D28257D4EA4CEDE2, which is not trusted here"),
        ("vector.deb.minisig", "RUTi", "RVTi", "no signature of minisign"),
        ("vector.deb.minisig", SIGNATURE, "", "no signature of minisign"),
        ("vector.deb.minisig", SIGNATURE, LEGACY, "sign without -l"),
        ("k.pub", "lrgy", "", "no public key of minisign"),
        ("k.pub", "RWTi", "RUTi", "no public key of minisign"),
        ("k.pub", KEY, "", "no public key of minisign"),
    ],
)
def test_what_is_not_as_it_was_signed_is_refused(
    file: Path, name: str, old: str, new: str, said: str
) -> None:
    place = file.with_name(name)
    assert old in place.read_text()
    place.write_text(place.read_text().replace(old, new, 1))
    with pytest.raises(ReleaseError, match=said):
        look(file)


def test_a_signature_that_is_missing(file: Path) -> None:
    file.with_name("vector.deb.minisig").unlink()
    with pytest.raises(ReleaseError, match=r"vector\.deb\.minisig is missing"):
        look(file)


def test_no_key_at_all_trusts_nobody(file: Path) -> None:
    with pytest.raises(ReleaseError, match=r"trusted: none.*--key FILE\.pub"):
        verified(file, file.with_name("vector.deb.minisig"), [])


def test_what_we_sign_is_verified_by_the_new_key_alone(file: Path, tmp_path: Path) -> None:
    new_key(tmp_path / "new.key", tmp_path / "new.pub")
    key = secret_key(tmp_path / "new.key", no_key)
    sign(file, key, 1.0)
    assert look(file, "new.pub") == "timestamp:1\tfile:vector.deb\thashed"
    assert (tmp_path / "new.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ReleaseError, match=f"signed by key {shown(key.id)}, which is not trusted"):
        look(file, "k.pub")


def test_a_key_behind_a_passphrase(file: Path, tmp_path: Path) -> None:
    new_key(tmp_path / "new.key", tmp_path / "new.pub", "open sesame")
    with pytest.raises(SignError, match="not the passphrase"):
        secret_key(tmp_path / "new.key", lambda: "open barley")
    sign(file, secret_key(tmp_path / "new.key", lambda: "open sesame"), 1.0)
    assert look(file, "new.pub")


def test_a_private_key_of_minisign_itself_signs_too(file: Path, tmp_path: Path) -> None:
    (tmp_path / "m.key").write_text(SECRET)
    key = secret_key(tmp_path / "m.key", no_key)
    (tmp_path / "m.pub").write_text(f"x\n{base64.b64encode(b'Ed' + key.id + key.public).decode()}")
    sign(file, key, 1.0)
    assert look(file, "m.pub")


def test_no_key_is_made_over_another_or_within_the_tree(tmp_path: Path) -> None:
    new_key(tmp_path / "a.key", tmp_path / "a.pub")
    for secret, public in (("a.key", "b.pub"), ("b.key", "a.pub")):
        with pytest.raises(SignError, match="there already"):
            new_key(tmp_path / secret, tmp_path / public)
    with pytest.raises(SignError, match="lies in the tree"):
        new_key(ROOT / "release/secret.key", tmp_path / "c.pub")


def test_what_is_no_private_key(tmp_path: Path) -> None:
    for text in ("", "one\ntwo!", KEY):
        (tmp_path / "x").write_text(text)
        with pytest.raises(SignError, match="no private key"):
            secret_key(tmp_path / "x", no_key)
