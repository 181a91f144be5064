"""The Debian package, installed for real: `python -m tests.install`, as root."""
