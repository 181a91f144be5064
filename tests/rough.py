"""A rough network between us and a service: a proxy on loopback that can be switched as it runs.

What goes wrong is a `Way`; a change of way ends every open connection.
"""

import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: close() sends a reset
_PIECE = 65_536
GAP = 0.05  # seconds between the bytes of a trickle


class Way(Enum):
    """What becomes of whoever connects."""

    THROUGH = "through"
    DELAYED = "delayed"  # the answer comes a little later
    REFUSED = "refused"  # nobody listens
    SILENT = "silent"  # connects, and nothing comes back
    CUT = "cut"  # half of the request arrives, then the end
    LOST = "lost"  # the request arrives, then the end
    LATE = "late"  # the request arrives, the answer when nobody waits any more
    TRUNCATED = "truncated"  # half of the answer, then the end
    RESET = "reset"  # half of the answer, then a reset
    TRICKLE = "trickle"  # the answer byte by byte
    CORRUPT = "corrupt"  # the answer, some of its bytes wrong
    PAGE = "page"  # a portal: 200 and a page, whatever is asked
    LOGIN = "login"  # a portal: 302 to its page
    OTHER_JSON = "other_json"  # 200 and JSON, of another shape


def _said(status: str, kind: str, body: bytes, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}"
    return head.encode() + b"Connection: close\r\n\r\n" + body


_PORTAL = b"<!doctype html><title>Welcome</title><form>Accept our terms</form>"
_INSTEAD = {
    Way.PAGE: _said("200 OK", "text/html", _PORTAL),
    Way.LOGIN: _said("302 Found", "text/html", b"", "Location: http://127.0.0.1:9/login\r\n"),
    Way.OTHER_JSON: _said("200 OK", "application/json", b'{"portal": "please log in"}'),
}
_HALVES = {Way.TRUNCATED, Way.RESET}


class Rough:
    """Listens at `host` for the service at `upstream`, a port of 127.0.0.1. Use as a context.

    `tls`: it speaks TLS to whoever connects, and plainly to the service; may be changed.
    """

    def __init__(
        self, upstream: int, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.upstream, self.host, self.tls = upstream, host, tls
        self.port = self.connections = 0
        self.delay = 0.05  # seconds, of what is delayed
        self._way, self._changed = Way.REFUSED, threading.Event()
        self._guard = threading.Lock()
        self._listening: socket.socket | None = None
        self._open: dict[threading.Thread, list[socket.socket]] = {}

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    @property
    def way(self) -> Way:
        return self._way

    @way.setter
    def way(self, way: Way) -> None:
        self._end_all()
        self._way, self._changed = way, threading.Event()
        if way is not Way.REFUSED:
            self._listen()

    def __enter__(self) -> "Rough":
        self.way = Way.THROUGH
        return self

    def __exit__(self, *_: object) -> None:
        self.way = Way.REFUSED

    def _listen(self) -> None:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening = socket.create_server((self.host, self.port), family=family, backlog=128)
        self._listening, self.port = listening, listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                with self._guard:
                    if self._listening is not listening:
                        client.close()
                        return
                    self._open[thread] = [client]
                thread.start()

    def _end_all(self) -> None:
        with self._guard:
            listening, self._listening = self._listening, None
            threads = list(self._open)
            self._changed.set()
            for each in (each for ends in self._open.values() for each in ends):
                _shut(each)
        if listening:
            _shut(listening)
            listening.close()
        for thread in threads:
            thread.join()

    def _serve(self, client: socket.socket) -> None:
        way, changed, ends = self._way, self._changed, [client]
        try:
            with suppress(OSError):
                if self.tls:
                    client = self.tls.wrap_socket(client, server_side=True)
                    ends.append(self._note(client))
                self._converse(client, way, changed, ends)
        finally:
            with self._guard:
                del self._open[threading.current_thread()]
            if way is Way.RESET:
                with suppress(OSError):
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            for each in ends:
                each.close()

    def _converse(
        self, client: socket.socket, way: Way, changed: threading.Event, ends: list[socket.socket]
    ) -> None:
        if way is Way.SILENT:
            changed.wait()
        elif way in _INSTEAD:
            client.recv(_PIECE)
            client.sendall(_INSTEAD[way])
        else:
            server = self._note(socket.create_connection(("127.0.0.1", self.upstream)))
            ends.append(server)
            up = threading.Thread(target=_up, args=(client, server, way), daemon=True)
            up.start()
            try:
                _down(server, client, way, changed, self.delay)
            finally:
                _shut(server)
                _shut(client, reset=way is Way.RESET)
                up.join()

    def _note(self, end: socket.socket) -> socket.socket:
        with self._guard:
            self._open[threading.current_thread()].append(end)
            if self._changed.is_set():
                _shut(end)
        return end


def _up(client: socket.socket, server: socket.socket, way: Way) -> None:
    with suppress(OSError):
        while piece := client.recv(_PIECE):
            if way is Way.CUT:
                server.sendall(piece[: len(piece) // 2])
                break
            server.sendall(piece)
    with suppress(OSError):
        server.shutdown(socket.SHUT_WR)


def _down(
    server: socket.socket,
    client: socket.socket,
    way: Way,
    changed: threading.Event,
    delay: float,
) -> None:
    while piece := server.recv(_PIECE):
        if way in {Way.LOST, Way.CUT}:
            return
        if way is Way.LATE:
            changed.wait()
        if way is Way.DELAYED:
            changed.wait(delay)
        if way in _HALVES:
            client.sendall(piece[: len(piece) // 2])
            return
        for part in _parts(piece) if way is Way.TRICKLE else [_seen(piece, way)]:
            client.sendall(part)
            if way is Way.TRICKLE and changed.wait(GAP):
                return


def _parts(piece: bytes) -> Iterable[bytes]:
    return (piece[at : at + 1] for at in range(len(piece)))


def _seen(piece: bytes, way: Way) -> bytes:
    """With every eleventh byte of a body wrong, as a broken box on the way leaves it."""
    if way is not Way.CORRUPT:
        return piece
    head, end, body = piece.partition(b"\r\n\r\n")
    return head + end + bytes(b ^ 0x80 if at % 11 == 0 else b for at, b in enumerate(body))


def _shut(end: socket.socket, *, reset: bool = False) -> None:
    with suppress(OSError):
        if reset:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            socket.socket.shutdown(end, socket.SHUT_RD)
        else:
            socket.socket.shutdown(end, socket.SHUT_RDWR)


class Certificates:
    """What a server may present, and the file of the authority that vouches for some of it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = _named("an authority")
        self.ca_file = folder / "authority.pem"
        whole = self._made(self._name, self._key, [], ends=2, authority=True)
        self.ca_file.write_bytes(whole.public_bytes(_PEM))

    def good(self) -> ssl.SSLContext:
        return self._context(["127.0.0.1", "localhost"], 2)

    def expired(self) -> ssl.SSLContext:
        return self._context(["127.0.0.1", "localhost"], -1)

    def other_name(self) -> ssl.SSLContext:
        return self._context(["elsewhere.example.org"], 2)

    def self_signed(self) -> ssl.SSLContext:
        return self._context(["127.0.0.1", "localhost"], 2, itself=True)

    def _context(self, names: list[str], ends: int, *, itself: bool = False) -> ssl.SSLContext:
        key, subject = ec.generate_private_key(ec.SECP256R1()), _named("a service")
        signer = key if itself else self._key
        made = self._made(subject, key, names, ends, issuer=subject if itself else None, by=signer)
        plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        path = self._folder / "presented.pem"
        path.write_bytes(made.public_bytes(_PEM) + key.private_bytes(_PEM, *plain))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _made(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: list[str],
        ends: int,
        *,
        issuer: x509.Name | None = None,
        by: ec.EllipticCurvePrivateKey | None = None,
        authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=5))
            .not_valid_after(now + timedelta(days=ends))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(_of_authority((by or self._key).public_key()), False)
        )
        if authority:
            made = made.add_extension(_SIGNS, critical=True)
        if names:
            alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
            made = made.add_extension(alternatives, critical=False)
        return made.sign(by or self._key, hashes.SHA256())


_PEM = serialization.Encoding.PEM
_SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _of_authority(key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    """Asked for by the strict checks of Python 3.13."""
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def holdings(pid: int | None = None) -> tuple[int, int]:
    """How many files and sockets, and how many threads, a process has (this one)."""
    proc = Path("/proc", str(pid or os.getpid()))
    return len(list((proc / "fd").iterdir())), len(list((proc / "task").iterdir()))


def settles(measure: Callable[[], int], most: int, patience: float = 30.0) -> int:
    """What is measured, once it is no more than that; what ends needs a moment."""
    pause = threading.Event()
    for _ in range(int(patience / 0.05)):
        if (found := measure()) <= most:
            return found
        pause.wait(0.05)
    return found
