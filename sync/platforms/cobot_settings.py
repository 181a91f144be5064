"""What is configured for a Cobot space."""

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from controller.config import CardSettings, Location, PlatformCommon, Seconds, SecretRef
from sync.http import web_address

_HOST = ".cobot.me"
_MINUTES = 60.0
_DAYS = 86400.0


class CobotCards(CardSettings):
    """How Cobot writes cards in one place."""

    source: str = Field(
        description="'tokens' for check-in tokens, or 'field:<label>' for a custom field",
        pattern=r"^(tokens|field:.*\S.*)$",
    )

    @property
    def field(self) -> str:
        """Label or id of the custom field; "" for check-in tokens."""
        return self.source.partition(":")[2].strip()


class CobotSettings(PlatformCommon):
    """`[platforms.<name>]` with `kind = "cobot"`."""

    kind: Literal["cobot"]
    url: str = Field(description="address of the space, e.g. 'https://harbour.cobot.me'")
    subdomain: str | None = Field(
        default=None,
        description="the space's name at Cobot, if url is a domain of its own",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$",
    )
    www_url: str = Field(
        default="https://www.cobot.me", description="where Cobot tells about spaces"
    )
    api2_url: str = Field(
        default="https://api.cobot.me", description="where visitors' bookings are asked for"
    )
    token: SecretRef = Field(description="an access token of the space, best a space token")
    cards: tuple[CobotCards, ...] = Field(
        default=(),
        description="where Cobot keeps cards, e.g. [{ source = 'tokens', format = 'dec10' }]",
    )
    fields: tuple[str, ...] = Field(
        default=(), description="custom fields (label or id) whose values become labels"
    )
    no_access_plans: tuple[str, ...] = Field(
        default=(), description="ids of plans that open no door, e.g. that of paused members"
    )
    bookings: bool = Field(default=False, description="booked rooms become labels resource:<id>")
    bookings_ahead: Seconds = Field(
        default=14 * _DAYS, description="how far ahead bookings are fetched"
    )
    booking_before: Seconds = Field(
        default=10 * _MINUTES, description="a booked room opens so long before"
    )
    booking_after: Seconds = Field(
        default=10 * _MINUTES, description="and stays open to its booker so long after"
    )
    visitors: bool = Field(
        default=False, description="visitors with a booking get a PIN (needs Cobot's add-on)"
    )
    webhook_url: str | None = Field(
        default=None,
        description="where the internet reaches syncd, e.g. 'https://door.example.org': then Cobot "
        "calls when something changes",
    )
    ca_file: Location | None = Field(
        default=None, description="certificates of the authority to trust, instead of the usual"
    )

    @property
    def space(self) -> str | None:
        """The space's subdomain at Cobot, if it is known."""
        host = urlsplit(self.url).hostname or ""
        inferred = host.removesuffix(_HOST) if host.endswith(_HOST) else None
        return self.subdomain or inferred

    @field_validator("url", "www_url", "api2_url", "webhook_url")
    @classmethod
    def _sound(cls, value: str | None) -> str | None:
        return None if value is None else web_address(value)

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.space is None and (self.zone is None or self.visitors):
            raise ValueError(
                "the time zone and the id of the space cannot be asked for: "
                "add subdomain = '<name at Cobot>'"
                + (" or zone = 'Europe/Berlin'" if not self.visitors else "")
            )
        if not self.cards and not self.visitors:
            raise ValueError(
                "cards: is missing, so nobody could be known by a card; "
                "e.g. cards = [{ source = 'tokens', format = 'dec10' }]"
            )
        return self
