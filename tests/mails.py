"""A real SMTP server on loopback, with faults to switch on, and a house that mails its visitors."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from controller.config import Config, load
from controller.control import Server
from hw import TABLES
from sync.commands import SyncCommands
from sync.inbound import Route
from sync.news import News
from sync.platform import Roster
from sync.platforms import PLATFORMS
from sync.platforms.cobot import Cobot
from sync.simulator.cobot_space import Booking
from tests.fakes import MONDAY
from tests.houses import KEY, TOKEN, House, config_text
from tests.rosters import Recorded
from tests.worlds import HOUR, PATIENCE

USER, PASSWORD = "doors@example.org", "correct horse"
OK = "250 taken"


@dataclass
class Faults:
    """What the server does instead of taking mail. All may be changed at any time."""

    rcpt: dict[str, str] = field(default_factory=dict)  # address → the answer to RCPT
    data: str = OK  # the answer to the content; "drop": the line is lost after it
    sender: str = OK
    hold: threading.Event | None = None  # waits for it before it answers the content


class MailServerHere:
    """Takes mail for anybody. `with` it; `mails` holds what it took, in order."""

    def __init__(
        self, *, starttls: bool = False, tls: bool = False, login: bool = False, port: int = 0
    ) -> None:
        self.faults = Faults()
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.encrypted: list[bool] = []
        self.reached = threading.Event()  # some content has come
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port = self._listening.getsockname()[1]
        self._controller = _Controller(
            _Hands(self),
            self._listening,
            ssl_context=_context() if tls else None,
            tls_context=_context() if starttls else None,
            require_starttls=starttls,
            auth_required=login,
            auth_require_tls=starttls,
            authenticator=_authenticated if login else None,
            auth_exclude_mechanism=() if login else ("LOGIN", "PLAIN"),
            server_hostname="mail.example.org",
        )

    def __enter__(self) -> "MailServerHere":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def only(self) -> EmailMessage:
        (mail,) = self.mails
        return mail


class _Hands:
    """What aiosmtpd calls."""

    def __init__(self, server: MailServerHere) -> None:
        self.server = server

    async def handle_MAIL(self, _s: Any, _x: Any, envelope: Any, address: str, _o: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        return self.server.faults.sender

    async def handle_RCPT(self, _s: Any, _x: Any, envelope: Any, address: str, _o: Any) -> str:  # noqa: N802
        answer = self.server.faults.rcpt.get(address, OK)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.server.reached.set()
        if self.server.faults.hold:
            await asyncio.to_thread(self.server.faults.hold.wait, PATIENCE)
        if self.server.faults.data in (OK, "drop"):
            self.server.mails.append(message_from_bytes(envelope.content, policy=policy.default))
            self.server.recipients += envelope.rcpt_tos
            hidden = session.ssl or server.transport.get_extra_info("ssl_object")
            self.server.encrypted.append(bool(hidden))
        if self.server.faults.data == "drop":
            server.transport.abort()
        return self.server.faults.data if self.server.faults.data != "drop" else OK


class _Controller(Controller):
    def __init__(self, handler: Any, listening: socket.socket, **more: Any) -> None:
        host, port = listening.getsockname()
        super().__init__(handler, host, port, **more)
        self._listening = listening

    def _create_server(self) -> Any:
        return self.loop.create_server(
            self._factory_invoker, sock=self._listening, ssl=self.ssl_context
        )

    def _trigger_server(self) -> None:
        """Nothing needs to be tried: it listens already."""
        self._factory_invoker()


def _authenticated(_s: Any, _x: Any, _e: Any, _m: str, login: object) -> AuthResult:
    assert isinstance(login, LoginPassword)
    right = (login.login, login.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@cache
def certificate() -> bytes:
    """A certificate for localhost that signs itself, and its key: PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.org")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return made.public_bytes(pem) + key.private_bytes(pem, *plain)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        path = Path(folder, "cert.pem")
        path.write_bytes(certificate())
        context.load_cert_chain(path)
    return context


_KEYPADS = """
[doors.front.readers.keypad]
driver = "sim"
card = { format = "pin" }
[doors.gym.readers.keypad]
driver = "sim"
card = { format = "pin" }
[clock]
trust = "always"
"""


class HearingCobot(Cobot):
    """Cobot as it is when it calls us: one person can be read again alone."""

    def __init__(self, *how: Any) -> None:
        super().__init__(*how)
        self.news = News()

    def routes(self) -> Sequence[Route]:
        return ()

    def told_of(self) -> Iterable[str]:
        return ()

    def pour(self, keys: Iterable[str], roster: Roster) -> None:
        keys, whole = list(keys), Recorded()
        if keys:
            self.fetch(whole, lambda *_: None)
        for key in keys:
            for person in (each for each in whole.persons if each.key == key):
                roster.person(person)
            for card in whole.cards.get(key, ()):
                roster.card(key, card)
            for grant in whole.grants.get(key, ()):
                roster.grant(key, grant)
            for booked in whole.visitors.get(key, ()):
                roster.booked(key, booked)


class GuestHouse(House):
    """Two doors with keypads, rooms at Cobot, and `[mail]` if a server is given."""

    def __init__(
        self, folder: Path, server: MailServerHere | None, mail: str, loft: str, http: str
    ) -> None:
        super().__init__(folder, http=http)
        self.server, self.mail, self._loft = server, mail, loft

    def open(self, ends: ExitStack) -> None:
        super().open(ends)
        self.serve()
        ends.callback(self.close_socket)

    def close_socket(self) -> None:
        self.socket.close()

    def serve(self) -> None:
        """`syncd` answers."""
        self.socket = Server(self.config.run / "sync.sock", SyncCommands(self.office).table())

    def restart(self) -> None:
        """`syncd` ends and starts anew."""
        self.socket.close()
        self.close_office()
        self.open_office()
        self.serve()

    def fetch(self, *, accept: bool = False) -> None:
        self.office.lines["loft"].pull(lambda *_: None, accept=accept)

    def post(self) -> int:
        """Fetch, and let the mail thread take its turn; how many mails were settled."""
        self.fetch()
        return self.turn()

    def turn(self) -> int:
        assert self.office.post
        return self.office.post.turn(lambda: False)

    def pin(self, door: str, digits: str) -> str:
        """Type a PIN at a door; returns the reason."""
        at = self.controller.doors.working[door]
        self.clock.advance(3)
        at.parts.readers["keypad"][0].present(digits)  # type: ignore[attr-defined]
        assert at.catch_up(PATIENCE)
        assert at.last
        return at.last[1].reason.value

    def mail_states(self) -> list[str]:
        """Of all mails, in order."""
        assert self.office.post
        return [mail.state.value for mail in self.office.post.all()]

    def errors(self) -> list[str]:
        assert self.office.post
        return [mail.error for mail in self.office.post.all()]

    def _configured(self) -> Config:
        (self.folder / "cobot-token").write_text(TOKEN)
        (self.folder / "hive-key").write_text(KEY)
        (self.folder / "mail-password").write_text(PASSWORD)
        (self.folder / "ca.pem").write_bytes(certificate())
        loft = f'visitors = true\napi2_url = "{self.cobot.url}"\n{self._loft}'
        text = config_text(self.cobot.url, self.hive.url, **{**self._more, "loft": loft})
        text = text.replace('admits = ["plan:*"]', 'admits = ["resource:*"]\nname = "Front door"')
        text = text.replace(
            'admits = ["door:', 'name = "Side door"\nadmits = ["resource:room-9", "door:'
        )
        text = text.replace("[site]", '[site]\nname = "Harbour Loft"') + _KEYPADS
        if self.server:
            text += mail_table(self.server.port, self.mail)
        path = self.folder / "doorward.toml"
        path.write_text(text)
        return load(path, TABLES, {**PLATFORMS, "cobot": "tests.mails:HearingCobot"})


def mail_table(port: int, more: str = "") -> str:
    more = more or 'security = "none"'
    return f'[mail]\nserver = "localhost"\nport = {port}\nsender = "doors@example.org"\n{more}\n'


@contextmanager
def guest_house(
    folder: Path, server: MailServerHere | None, mail: str = "", loft: str = "", http: str = ""
) -> Iterator[GuestHouse]:
    """`mail`, `loft`, `http`: lines for those tables."""
    with ExitStack() as ends:
        built = GuestHouse(folder, server, mail, loft, http)
        built.open(ends)
        yield built


NOON = MONDAY + HOUR  # in Berlin
ADA, BO = "ada@example.net", "bo@example.net"


def book(
    place: GuestHouse, email: str | None = ADA, name: str = "Ada Ruiz", at: float = NOON
) -> Booking:
    place.cobot.space.resources["room-1"] = "Harbour room"
    return place.cobot.book("room-1", at, at + HOUR, visitor=name, email=email)


def cancel(place: GuestHouse, booking: Booking) -> None:
    with place.cobot.lock:
        place.cobot.space.bookings.remove(booking)


def text(server: MailServerHere, which: int = -1) -> str:
    return str(server.mails[which].get_content()).replace("\r\n", "\n")


def pin_in(body: str) -> str:
    return body.partition("Your PIN is ")[2].partition("\n")[0]
