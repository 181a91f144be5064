"""What is configured for a Hive."""

from typing import Literal

from pydantic import Field, field_validator

from controller.config import (
    CardSettings,
    Location,
    MinuteOfDay,
    PlatformCommon,
    SecretRef,
    Zone,
)
from sync.http import web_address

ADMIN = "Hive admin, Settings → External Door API"


class HiveCards(CardSettings):
    """How Hive writes cards in one of its fields."""

    source: Literal["door_access_id", "barcode_id"] = Field(
        description="the field of a Hive user that holds the card"
    )


class HiveSettings(PlatformCommon):
    """`[platforms.<name>]` with `kind = "hive"`."""

    kind: Literal["hive"]
    url: str = Field(description=f"the base endpoint url shown in {ADMIN}")
    key: SecretRef = Field(description=f"the API key set in {ADMIN}")
    zone: Zone = Field(description="Hive does not tell its time zone; e.g. zone = 'Europe/Berlin'")
    day_ends: MinuteOfDay = Field(default=0, description="when a visit ends")
    cards: tuple[HiveCards, ...] = Field(
        description="where Hive keeps cards, e.g. [{ source = 'door_access_id', format = 'hex' }]"
    )
    doors: dict[str, str] = Field(
        default_factory=dict, description="Hive's door id for each door of ours, to check in by"
    )
    ca_file: Location | None = Field(
        default=None, description="certificates of the authority to trust, instead of the usual"
    )
    confirm_at_most: int = Field(
        default=100, ge=0, description="if more vanish at once, Hive is not asked about each"
    )

    @field_validator("url")
    @classmethod
    def _sound(cls, value: str) -> str:
        return web_address(value)

    @field_validator("cards")
    @classmethod
    def _some(cls, value: tuple[HiveCards, ...]) -> tuple[HiveCards, ...]:
        if not value:  # min_length would also count cards that are wrong
            raise ValueError("is empty, so nobody could be known by a card; name at least one")
        return value
