"""`[mail]`: the server that takes our mail. Without this table nothing is mailed."""

import re
from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from controller.config_types import Location, SecretRef, Strict

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(
    rf"(?=.{{3,254}}\Z)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_NAME}(?:\.{_NAME})+"
)
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_NAME}(?:\.{_NAME})*")
_PORTS = {"starttls": 587, "tls": 465, "none": 25, "insecure": 25}


def mail_address(text: str) -> str:
    """`text` if it is a plain address (RFC 5321, dot-string and a domain, ASCII); ValueError."""
    if not _ADDRESS.fullmatch(text):
        raise ValueError("is no mail address; write one like doors@example.org")
    return text


def _host(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        if not _HOST.fullmatch(text):
            raise ValueError("must be the name or the IP address of the mail server") from None
    return text


Address = Annotated[str, AfterValidator(mail_address)]


class MailSettings(Strict):
    """How mail leaves: an SMTP server of the operator's."""

    server: Annotated[str, AfterValidator(_host)] = Field(
        description="name or IP address of the mail server"
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="else 587 (starttls), 465 (tls), 25 (none)"
    )
    security: Literal["starttls", "tls", "none", "insecure"] = Field(
        default="starttls", description="'none' is for a server on this machine alone"
    )
    user: str | None = Field(default=None, min_length=1, description="if the server wants a login")
    password: SecretRef | None = Field(default=None, description="the password of that user")
    sender: Address = Field(description="the address that mail comes from")
    reply_to: Address | None = Field(default=None, description="where answers go instead")
    subject: str = Field(
        default="Your PIN for {{ room }}", min_length=1, max_length=200, description="a template"
    )
    template: Location | None = Field(default=None, description="a file with the visitors' text")
    cancelled_subject: str = Field(
        default="Your booking of {{ room }} is cancelled",
        min_length=1,
        max_length=200,
        description="a template",
    )
    cancelled_template: Location | None = Field(
        default=None, description="a file with the text for a booking that was cancelled"
    )
    ca_file: Location | None = Field(
        default=None, description="certificates of the authority to trust, instead of the usual"
    )

    @property
    def at_port(self) -> int:
        return self.port or _PORTS[self.security]

    @model_validator(mode="after")
    def _nothing_in_the_clear(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together; name both or none")
        if self.security == "none" and not _on_this_machine(self.server):
            raise ValueError(
                f"security: mail and PINs would go to {self.server} in the clear. Take 'starttls' "
                "or 'tls'; or, if the network up to there is yours alone, say 'insecure'"
            )
        if self.security == "insecure" and self.user:
            raise ValueError("security: a password is never sent in the clear; take 'starttls'")
        return self


def _on_this_machine(server: str) -> bool:
    try:
        return ip_address(server).is_loopback
    except ValueError:
        return server.lower() == "localhost"
