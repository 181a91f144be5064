"""Until when a certificate is good: the only place besides the console that reads one."""

from pathlib import Path

from cryptography import x509


def good_until(path: Path) -> float:
    """Wall time at which the first certificate of a PEM file ends. OSError, ValueError."""
    return x509.load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc.timestamp()
