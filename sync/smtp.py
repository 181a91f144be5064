"""Handing mail to the operator's server: the one place where SMTP is spoken.

The content goes out after `begin` has returned, so that whoever keeps the mail can note on the disk
that from now on it may have been sent. One deadline holds from connecting to the last answer.
"""

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from controller.config import SecretRef
from controller.config_mail import MailSettings, mail_address
from controller.errors import ConfigError, DoorwardError, Unauthorized, Unavailable
from sync.names import NAMES, Names

_CONNECT = 20.0  # seconds for each address of the server
_LONGEST_SUBJECT = 200
_LONGEST_WORDS = 200  # characters of what a server says


class Rejected(DoorwardError):
    """The server does not take this one mail. `later`: it may take it another time."""

    def __init__(self, message: str, *, later: bool) -> None:
        super().__init__(message)
        self.later = later


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one address. `at`: wall seconds; `number` makes the same mail the same anew."""

    to: str
    subject: str
    text: str
    sender_name: str
    at: float
    number: str


class MailServer:
    """The server of `[mail]`; every hand-over is a connection of its own."""

    def __init__(
        self,
        settings: MailSettings,
        secret: Callable[[SecretRef], str],
        seconds: float = 60.0,
        names: Names = NAMES,
    ) -> None:
        self._settings, self._secret, self._seconds = settings, secret, seconds
        self._names = names
        self.name = settings.server

    def hand_over(self, letter: Letter, begin: Callable[[], None] = lambda: None) -> str:
        """Returns the server's words once it has taken the mail.

        Raises `Rejected`, or `Unavailable`, `Unauthorized`, `ConfigError` if it takes none at all;
        `Unavailable.maybe_sent` says that this one may have arrived nevertheless.
        """
        content = _content(letter, self._settings)
        with self._session() as session:
            self._answered(session.mail(self._settings.sender), "the sender", theirs=False)
            self._answered(session.rcpt(letter.to), letter.to)
            self._answered(session.docmd("DATA"), "the mail", good=354)
            begin()
            with _in_doubt(self.name):
                session.send(content)
                said = session.getreply()
            self._answered(said, "the mail")
            with suppress(OSError):
                session.quit()
            return _words(said[1])

    def log_in(self) -> None:
        """Reach it and log in as configured; nothing is sent. Raises as `hand_over`."""
        with self._session() as session, suppress(OSError):
            session.quit()

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """Greeted, encrypted as configured, and logged in."""
        with _translated(self.name):
            opened = self._connected()
            session = _Opened(opened)
            over = threading.Timer(self._seconds, session.cut)
            over.daemon = True
            over.start()
            try:
                self._begin(session)
                self._log_in(session)
                yield session
            finally:
                over.cancel()
                session.close()

    def _connected(self) -> socket.socket:
        port = self._settings.at_port
        *others, last = self._names.addresses(self.name, port, _CONNECT)
        for address in others:
            with suppress(OSError):
                return socket.create_connection((address, port), _CONNECT)
        return socket.create_connection((last, port), _CONNECT)

    def _begin(self, session: "_Opened") -> None:
        security = self._settings.security
        if security == "tls":
            session.encrypt(self._tls(), self.name)
        self._answered(session.getreply(), "us", good=220, theirs=False)
        session.ehlo_or_helo_if_needed()
        if security == "starttls":
            if not session.has_extn("starttls"):
                raise Unavailable(
                    f"{self.name} does not offer STARTTLS at port {self._settings.at_port}, so "
                    "nothing was sent; look at security and port in [mail]"
                )
            self._answered(session.docmd("STARTTLS"), "STARTTLS", good=220, theirs=False)
            session.encrypt(self._tls(), self.name)
            session.ehlo_or_helo_if_needed()

    def _log_in(self, session: smtplib.SMTP) -> None:
        user, password = self._settings.user, self._settings.password
        if not user or not password:
            return
        try:
            session.login(user, self._secret(password))
        except smtplib.SMTPAuthenticationError as error:
            if 400 <= error.smtp_code < 500:
                raise Unavailable(
                    f"{self.name} lets nobody log in now: {_words(error.smtp_error)}"
                ) from None
            raise Unauthorized(
                f"{self.name} does not accept user and password ({error.smtp_code}); "
                "put the right one into the file of [mail] password"
            ) from None
        except (smtplib.SMTPServerDisconnected, smtplib.SMTPResponseException):
            raise
        except (smtplib.SMTPException, UnicodeError):
            raise Unauthorized(
                f"{self.name} knows no way to log in with this password; look at [mail]"
            ) from None

    def _answered(
        self, said: tuple[int, bytes], whom: str, *, good: int = 250, theirs: bool = True
    ) -> None:
        """Raise unless the answer is good. `theirs`: a refusal is about this one mail."""
        code, words = said
        if code == good or (good == 250 and code == 251):
            return
        told = f"{self.name} does not take {whom}: {code} {_words(words)}"
        if code == 421 or code < 400:
            raise Unavailable(told)
        if theirs:
            raise Rejected(told, later=code < 500)
        raise Unavailable(told) if code < 500 else Unauthorized(told)

    def _tls(self) -> ssl.SSLContext:
        ca_file = self._settings.ca_file
        try:
            return ssl.create_default_context(cafile=ca_file)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"[mail] ca_file: {ca_file} cannot be used ({error}); name a PEM file with the "
                "certificate of the authority"
            ) from error


class _Opened(smtplib.SMTP):
    """On a connection that is there already."""

    def __init__(self, opened: socket.socket) -> None:
        host, *_ = opened.getsockname()
        own = f"[IPv6:{host}]" if ":" in host else f"[{host}]"
        super().__init__(local_hostname=own)  # else it would ask the name servers
        self.sock: socket.socket | None = opened

    def encrypt(self, tls: ssl.SSLContext, host: str) -> None:
        """From now on; what was said in the clear counts no more."""
        assert self.sock
        self.sock = tls.wrap_socket(self.sock, server_hostname=host)
        self.file = None
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False

    def cut(self) -> None:
        """End it, whatever it waits for."""
        if self.sock:
            with suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # no byte in the clear first


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise Unavailable(
            f"the certificate of {name} is not accepted ({error.verify_message}); nothing was "
            "sent. If its authority is your own, name its file as [mail] ca_file"
        ) from error
    except smtplib.SMTPException as error:
        raise Unavailable(f"{name} broke off, or speaks no SMTP: {_words(str(error))}") from error
    except OSError as error:
        raise Unavailable(
            f"{name} cannot be reached: {error.strerror or error or type(error).__name__}"
        ) from error


@contextmanager
def _in_doubt(name: str) -> Iterator[None]:
    """Whoever breaks off here may have taken the mail."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"the line to {name} was lost after the mail had gone out; it may have arrived",
            maybe_sent=True,
        ) from error


def one_line(text: str, longest: int) -> str:
    """Fit for a header, whoever chose it: printable, and no line end in it."""
    plain = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(plain.split())[:longest]


def _content(letter: Letter, settings: MailSettings) -> bytes:
    """As it goes over the line (RFC 5322): CRLF, dots doubled, and the dot that ends it."""
    mail = EmailMessage(policy=SMTP)
    name = one_line(letter.sender_name, 80)
    mail["From"] = Address(display_name=name, addr_spec=settings.sender)
    mail["To"] = Address(addr_spec=mail_address(letter.to))
    mail["Subject"] = one_line(letter.subject, _LONGEST_SUBJECT)
    mail["Date"] = format_datetime(datetime.fromtimestamp(letter.at, UTC))
    mail["Message-ID"] = f"<{letter.number}@{settings.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    if settings.reply_to:
        mail["Reply-To"] = Address(addr_spec=settings.reply_to)
    mail.set_content(letter.text, charset="utf-8", cte="quoted-printable")
    raw = mail.as_bytes()
    return re.sub(rb"(?m)^\.", b"..", raw) + (b"" if raw.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def _words(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return one_line(text, _LONGEST_WORDS) or "without a word"
