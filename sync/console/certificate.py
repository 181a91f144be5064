"""A certificate that this machine signs itself, for browsers that are told to trust it (X.509)."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS = 825  # the most that browsers take
_BEFORE = timedelta(hours=1)  # clocks of browsers may be behind
_LONGEST_NAME = 64  # of a subject


class Made(NamedTuple):
    """PEM files, how to recognise them, and until when they are good."""

    certificate: bytes
    key: bytes
    fingerprint: str  # SHA-256, as browsers show it
    until: float


def made(names: Iterable[str], now: float) -> Made:
    """`names`: those under which the console is called, hosts and IP addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    listed, begin = list(names), datetime.fromtimestamp(now, UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, listed[0][:_LONGEST_NAME])])
    until = begin + timedelta(days=DAYS) - _BEFORE
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - _BEFORE)
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName(map(_general, listed)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    digest = certificate.fingerprint(SHA256()).hex(":").upper()
    return Made(certificate.public_bytes(Encoding.PEM), secret, digest, until.timestamp())


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
