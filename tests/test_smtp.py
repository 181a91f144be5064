"""The border to SMTP, against a real server: what is taken, what is refused, what is in doubt."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.config_mail import MailSettings, mail_address
from controller.errors import ConfigError, DoorwardError, Unauthorized, Unavailable
from sync.smtp import Letter, MailServer, Rejected
from tests.fakes import MONDAY
from tests.mails import PASSWORD, USER, MailServerHere, certificate

ADA = "ada@example.net"
LETTER = Letter(ADA, "Your PIN", "Hello\n.\n..two dots\nGrüße\n", "Harbour Loft", MONDAY, "m.1")


def to(server: MailServerHere, seconds: float = 30.0, **more: Any) -> MailServer:
    settings = {"server": "localhost", "security": "none", "sender": "doors@example.org", **more}
    made = MailSettings.model_validate({**settings, "port": server.port})
    return MailServer(made, lambda _: PASSWORD, seconds)


def refusal(server: MailServer, letter: Letter = LETTER) -> tuple[DoorwardError, bool]:
    """What comes of handing it over, and whether its content went out."""
    begun: list[bool] = []
    with pytest.raises(DoorwardError) as caught:
        server.hand_over(letter, lambda: begun.append(True))
    return caught.value, bool(begun)


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(certificate())
    return path


def test_a_mail_arrives_as_it_was_written() -> None:
    with MailServerHere() as server:
        assert to(server, reply_to="desk@example.org").hand_over(LETTER) == "taken"
        mail = server.only
    assert mail.get_content().replace("\r\n", "\n") == LETTER.text
    assert mail["From"] == "Harbour Loft <doors@example.org>"
    assert mail["To"] == ADA
    assert mail["Reply-To"] == "desk@example.org"
    assert mail["Date"] == "Mon, 05 Jan 2026 10:00:00 +0000"
    assert mail["Message-ID"] == "<m.1@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert server.encrypted == [False]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_it_goes_encrypted_to_a_server_whose_certificate_is_known(ca: Path, security: str) -> None:
    kind = {security: True}
    with MailServerHere(**kind) as server:
        to(server, security=security, ca_file=ca).hand_over(LETTER)
        assert server.encrypted == [True]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_ends_it(security: str) -> None:
    kind = {security: True}
    with MailServerHere(**kind) as server:
        error, begun = refusal(to(server, security=security))
        assert isinstance(error, Unavailable)
        assert "certificate of localhost is not accepted" in str(error)
        assert "ca_file" in str(error)
        assert (begun, server.mails) == (False, [])


def test_without_starttls_nothing_goes_out(ca: Path) -> None:
    with MailServerHere() as server:
        error, begun = refusal(to(server, security="starttls", ca_file=ca))
        assert "does not offer STARTTLS" in str(error)
        assert (begun, server.mails) == (False, [])


def test_it_logs_in(ca: Path) -> None:
    known: dict[str, Any] = {
        "user": USER,
        "password": {"file": "x"},
        "security": "starttls",
        "ca_file": ca,
    }
    with MailServerHere(starttls=True, login=True) as server:
        to(server, **known).hand_over(LETTER)
        assert len(server.mails) == 1
        error, begun = refusal(to(server, **{**known, "user": "somebody"}))
        assert isinstance(error, Unauthorized)
        assert PASSWORD not in str(error)
        assert not begun
        error, _ = refusal(to(server, security="starttls", ca_file=ca))
        assert isinstance(error, Unauthorized), "a server that wants a login says so at MAIL"


def test_a_server_that_knows_no_login() -> None:
    with MailServerHere() as server:
        error, _ = refusal(to(server, user=USER, password={"file": "x"}))
        assert isinstance(error, Unauthorized)
        assert "no way to log in" in str(error)


@pytest.mark.parametrize(("answer", "later"), [("450 later", True), ("550 nobody", False)])
def test_a_recipient_that_is_refused(answer: str, later: bool) -> None:
    with MailServerHere() as server:
        server.faults.rcpt[ADA] = answer
        error, begun = refusal(to(server))
        assert isinstance(error, Rejected)
        assert (error.later, begun) == (later, False)
        assert answer in str(error)
        assert ADA in str(error)


@pytest.mark.parametrize(("answer", "later"), [("452 full", True), ("554 spam", False)])
def test_content_that_is_refused_was_certainly_not_taken(answer: str, later: bool) -> None:
    with MailServerHere() as server:
        server.faults.data = answer
        error, begun = refusal(to(server))
        assert isinstance(error, Rejected)
        assert (error.later, begun) == (later, True)


@pytest.mark.parametrize(
    ("answer", "kind"), [("451 not now", Unavailable), ("553 who", Unauthorized)]
)
def test_a_sender_that_is_refused_is_no_fault_of_this_mail(
    answer: str, kind: type[DoorwardError]
) -> None:
    with MailServerHere() as server:
        server.faults.sender = answer
        assert isinstance(refusal(to(server))[0], kind)


def test_a_line_lost_after_the_content_leaves_it_in_doubt() -> None:
    with MailServerHere() as server:
        server.faults.data = "drop"
        error, begun = refusal(to(server))
        assert isinstance(error, Unavailable)
        assert (error.maybe_sent, begun) == (True, True)
        assert len(server.mails) == 1, "and it had arrived"


def test_a_server_that_never_answers_the_content_leaves_it_in_doubt() -> None:
    with MailServerHere() as server:
        server.faults.hold = threading.Event()
        error, begun = refusal(to(server, seconds=0.3))
        assert isinstance(error, Unavailable)
        assert (error.maybe_sent, begun) == (True, True)
        server.faults.hold.set()


class Raw:
    """Says what it is told to whoever connects, and nothing else."""

    def __init__(self, talk: Callable[[socket.socket], None]) -> None:
        self._listening, self._talk = socket.create_server(("127.0.0.1", 0)), talk
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "Raw":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            self._talk(connection)


def drip(connection: socket.socket) -> None:
    """A greeting without an end, a byte at a time, until the other side is gone."""
    pause = threading.Event()
    try:
        while True:
            connection.sendall(b"2")
            pause.wait(0.02)
    except OSError:
        return


def refused_at_once(connection: socket.socket) -> None:
    connection.sendall(b"421 too many of you\r\n")


def nonsense(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH\r\n")


@pytest.mark.parametrize("talk", [drip, refused_at_once, nonsense, socket.socket.close])
def test_a_server_that_is_none_costs_a_deadline_at_most(
    talk: Callable[[socket.socket], None],
) -> None:
    with Raw(talk) as server:
        error, begun = refusal(to(server, seconds=0.5))  # type: ignore[arg-type]
        assert isinstance(error, Unavailable)
        assert (error.maybe_sent, begun) == (False, False)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = MailSettings(server="127.0.0.1", port=port, security="none", sender="a@example.org")
    error, _ = refusal(MailServer(settings, lambda _: ""))
    assert isinstance(error, Unavailable)
    assert "cannot be reached: Connection refused" in str(error)


def test_an_authority_that_is_none_is_the_installers_business(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with MailServerHere(starttls=True) as server:
        error, _ = refusal(to(server, security="starttls", ca_file=tmp_path / "ca.pem"))
        assert isinstance(error, ConfigError)
        assert "ca_file" in str(error)


@pytest.mark.parametrize(
    "hostile",
    [
        "Bcc: all@example.com",
        "\r\nBcc: all@example.com\r\n\r\nbody",
        "\u2028Bcc: x",
        "\x00\x1b[31m",
    ],
)
def test_names_put_in_no_header(hostile: str) -> None:
    letter = Letter(ADA, f"PIN for {hostile}", f"Hello {hostile}", f"Loft {hostile}", MONDAY, "m.2")
    with MailServerHere() as server:
        to(server).hand_over(letter)
        mail = server.only
        assert server.recipients == [ADA]
    assert mail["Bcc"] is None
    assert set(mail.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    }
    assert mail["From"].addresses[0].addr_spec == "doors@example.org"


@pytest.mark.parametrize("good", ["a@b.de", "o'neil+x@mail.example.org", "x_1.y-z@EXAMPLE.ORG"])
def test_addresses_that_are_some(good: str) -> None:
    assert mail_address(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        *("", "ada", "ada@", "@example.org", "ada@localhost", "a@b@example.org", "a b@example.org"),
        *("ada@example.org\r\nBcc: x@y.z", "ada@example.org\n", "<ada@example.org>"),
        *('"ada"@example.org', "ada@example..org", ".ada@example.org", "ada.@example.org"),
        *("a..b@example.org", "ada@-example.org", "ada@[127.0.0.1]", "ädá@example.org"),
        *(f"{'a' * 65}@example.org", f"a@{'b' * 250}.org", "ada@example.org,bo@example.org"),
        *("ada@exämple.org", "ada@example.org ", "ada\x00@example.org"),
    ],
)
def test_addresses_that_are_none(bad: str) -> None:
    with pytest.raises(ValueError, match="no mail address"):
        mail_address(bad)
    with MailServerHere() as server:
        letter = Letter(bad, "s", "t", "n", MONDAY, "m")
        with pytest.raises(ValueError, match="no mail address"):
            to(server).hand_over(letter)
