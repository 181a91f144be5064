"""Programs elsewhere that are told what happens at the doors."""

import re
from typing import Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, field_validator, model_validator

from controller.config_errors import meant
from controller.config_types import Location, SecretRef, Strict
from controller.event_names import ALERTS, NAMES

DEFAULT = ("lock_opened", "access_denied", "door_forced", "door_held_open")


class TargetSettings(Strict):
    """`[targets.<target>]`: a program elsewhere that is told of events."""

    url: str = Field(description="where to, e.g. 'https://example.org/doors'")
    secret: SecretRef = Field(description="what messages are signed with")
    events: tuple[str, ...] = Field(
        default=DEFAULT, description="which events it is told of; ['*'] are all"
    )
    allow_private: bool = Field(
        default=False, description="true: it may be in this machine's own network, over plain http"
    )
    ca_file: Location | None = Field(
        default=None, description="certificates of the authority to trust, instead of the usual"
    )

    @field_validator("events")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in (*NAMES, *ALERTS, "*"):
                raise ValueError(f"{name!r} is no event{meant(name, (*NAMES, *ALERTS))}")
        if not value:
            raise ValueError("is empty; name at least one event, or ['*'] for all")
        return value

    @model_validator(mode="after")
    def _not_in_the_clear(self) -> Self:
        parts = urlsplit(self.url)
        if not _is_web_address(parts) or not self.url.isascii():
            raise ValueError("url: is no web address; write one like 'https://example.org/doors'")
        if parts.username or parts.password or parts.fragment or re.search(r"\s", self.url):
            raise ValueError("url: must be a plain address: no user, no '#' and no blanks")
        if parts.scheme == "http" and not self.allow_private:
            raise ValueError(
                "url: must start with https://, or what is told could be read on its way; "
                "in a network of your own: allow_private = true"
            )
        return self


def _is_web_address(parts: SplitResult) -> bool:
    try:
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False
