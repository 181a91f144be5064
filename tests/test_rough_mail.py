"""Mail over a rough network: what may have arrived is in doubt, what surely did not is not."""

from pathlib import Path

import pytest

from controller.config_mail import MailSettings
from controller.errors import Unavailable
from sync.smtp import Letter, MailServer
from tests.fakes import MONDAY
from tests.mails import MailServerHere, certificate
from tests.rough import Certificates, Rough, Way

SHORT = 0.3  # seconds for a whole hand-over
BROKEN = (
    *(Way.REFUSED, Way.SILENT, Way.CUT, Way.LOST, Way.LATE, Way.TRICKLE),
    *(Way.TRUNCATED, Way.RESET),
)


@pytest.mark.parametrize("way", BROKEN)
def test_mail_that_may_have_arrived_is_never_called_not_sent(way: Way) -> None:
    letter = Letter("ada@example.net", "A", "Hello", "Loft", MONDAY, "m.1")
    with MailServerHere() as server, Rough(server.port) as line:
        settings = MailSettings.model_validate(
            {
                "server": "127.0.0.1",
                "security": "none",
                "sender": "doors@example.org",
                "port": line.port,
            }
        )
        line.way = way
        begun: list[bool] = []
        with pytest.raises(Unavailable) as caught:
            MailServer(settings, str, SHORT).hand_over(letter, lambda: begun.append(True))
        assert "127.0.0.1" in str(caught.value)
        assert caught.value.maybe_sent or not server.mails
        line.way = Way.THROUGH
        assert MailServer(settings, str).hand_over(letter) == "taken"
        assert len(server.mails) == 1


def test_mail_goes_to_the_mail_servers_own_certificate_alone(tmp_path: Path) -> None:
    made, own = Certificates(tmp_path), tmp_path / "own.pem"
    own.write_bytes(certificate())
    letter = Letter("ada@example.net", "A", "Hello", "Loft", MONDAY, "m.1")
    for presented in (made.expired(), made.other_name(), made.self_signed()):
        with MailServerHere() as server, Rough(server.port, tls=presented) as line:
            table = {"server": "127.0.0.1", "security": "tls", "sender": "doors@example.org"}
            settings = MailSettings.model_validate(
                {**table, "port": line.port, "ca_file": made.ca_file}
            )
            with pytest.raises(Unavailable, match=r"not accepted .* nothing was sent"):
                MailServer(settings, str).hand_over(letter)
            line.tls = made.good()
            assert MailServer(settings, str).hand_over(letter) == "taken"
