"""Tells systemd how this process is: the datagrams of sd_notify(3)."""

import os
import socket
import struct


class Notifier:
    """Where systemd does not listen, every call does nothing. None raises, none waits for long."""

    def __init__(self, address: str | None = None, patience: float = 1.0) -> None:
        """`address` is a path, or `@` and an abstract name; by default $NOTIFY_SOCKET.

        `patience`: seconds for which a listener that does not read is waited for.
        """
        self._patience = struct.pack("@ll", int(patience), round(patience % 1 * 1e6))
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address

    @property
    def watchdog_every(self) -> float | None:
        """Call `watchdog` once in so many seconds (half of what is allowed); None: not awaited."""
        if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
            return None
        allowed = os.environ.get("WATCHDOG_USEC", "")
        return int(allowed) / 2_000_000 if self._address and allowed.isdigit() else None

    def ready(self, status: str = "") -> bool:
        """The process does its work from now on."""
        return self._send("READY=1", *_status(status))

    def status(self, text: str) -> bool:
        """One line for `systemctl status`."""
        return self._send(*_status(text))

    def watchdog(self) -> bool:
        return self._send("WATCHDOG=1")

    def stopping(self, status: str = "") -> bool:
        return self._send("STOPPING=1", *_status(status))

    def _send(self, *lines: str) -> bool:
        if not (self._address and lines):
            return False
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                # The kernel's own bound: by `settimeout` Python would spin while nobody reads.
                line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, self._patience)
                line.sendto("\n".join(lines).encode(errors="replace"), address)
        except OSError:
            return False
        return True


def _status(text: str) -> list[str]:
    return [f"STATUS={' '.join(text.split())}"] if text else []
