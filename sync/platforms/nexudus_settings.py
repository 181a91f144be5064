"""What is configured for Nexudus."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from controller.config import (
    CardSettings,
    Location,
    PlatformCommon,
    Seconds,
    SecretRef,
    Strict,
    Zone,
)
from sync.http import web_address

ADMIN = "Nexudus, Settings → Integrations → Custom ACS"
_MINUTES = 60.0
_DAYS = 86400.0


class NexudusCards(CardSettings):
    """How Nexudus writes credentials in one of its fields."""

    source: Literal["accessCardId", "keyFobNumber", "accessPincode"] = Field(
        description="the field of a Nexudus customer that holds the credential"
    )


class NexudusApiSettings(Strict):
    """`[platforms.<name>.api]`: what is asked of Nexudus' REST API, and as whom."""

    url: str = Field(default="https://spaces.nexudus.com", description="where Nexudus' REST API is")
    user: str | None = Field(
        default=None, description="e-mail address of an administrator kept for this alone"
    )
    password: SecretRef | None = Field(default=None, description="the password of that user")
    token: SecretRef | None = Field(
        default=None, description="a bearer token, instead of user and password"
    )
    contracts: bool = Field(
        default=False, description="plans of active contracts become labels plan:<id>"
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
    visitors: bool = Field(default=False, description="visitors of a booking get a PIN")
    check_in_at: int | None = Field(
        default=None,
        ge=1,
        description="number of the location at which entries become check-ins; none without it",
    )
    pause: Seconds = Field(
        default=1.0, description="seconds from one request to the next, at least"
    )
    ca_file: Location | None = Field(
        default=None, description="certificates of the authority to trust, instead of the usual"
    )

    @field_validator("url")
    @classmethod
    def _sound(cls, value: str) -> str:
        return web_address(value)

    @model_validator(mode="after")
    def _who_asks(self) -> Self:
        if bool(self.user) != (self.password is not None) or bool(self.user) == bool(self.token):
            raise ValueError("needs user and password, or token instead of both")
        return self


class NexudusSettings(PlatformCommon):
    """`[platforms.<name>]` with `kind = "nexudus"`."""

    kind: Literal["nexudus"]
    webhook_token: SecretRef = Field(description=f"the Webhook Bearer entered in {ADMIN}")
    groups_token: SecretRef | None = Field(
        default=None, description=f"the access groups API Access Token entered in {ADMIN}"
    )
    groups: dict[str, str] = Field(
        description="our access groups, id and name, e.g. { main = 'Main entrance' }"
    )
    locations: tuple[str, ...] = Field(
        default=(), description="ids of the Nexudus locations that count here; all if empty"
    )
    zone: Zone = Field(description="Nexudus does not tell it; e.g. zone = 'Europe/Berlin'")
    cards: tuple[NexudusCards, ...] = Field(
        description="where Nexudus keeps cards, e.g. [{ source = 'accessCardId', format = 'hex' }]"
    )

    api: NexudusApiSettings | None = Field(
        default=None, description="what is asked of Nexudus' REST API; nothing without it"
    )

    @field_validator("groups")
    @classmethod
    def _named(cls, value: dict[str, str]) -> dict[str, str]:
        if not value or not all(key.strip() and name.strip() for key, name in value.items()):
            raise ValueError("needs at least one group, each with an id and a name")
        return value

    @field_validator("cards")
    @classmethod
    def _some(cls, value: tuple[NexudusCards, ...]) -> tuple[NexudusCards, ...]:
        if not value:
            raise ValueError("is empty, so nobody could be known by a card; name at least one")
        return value

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        odd = [each for each in self.locations if not each.strip().isdecimal()]
        if self.api and odd:
            raise ValueError(
                f"locations: {odd[0]!r} is no number, and the REST API knows locations by their "
                "numbers; write e.g. locations = ['501']"
            )
        return self
