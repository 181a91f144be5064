"""What is configured for Nexudus."""

from typing import Literal

from pydantic import Field, field_validator

from controller.config import CardSettings, PlatformCommon, SecretRef, Zone

ADMIN = "Nexudus, Settings → Integrations → Custom ACS"


class NexudusCards(CardSettings):
    """How Nexudus writes credentials in one of its fields."""

    source: Literal["accessCardId", "keyFobNumber", "accessPincode"] = Field(
        description="the field of a Nexudus customer that holds the credential"
    )


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
