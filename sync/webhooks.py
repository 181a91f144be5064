"""The port to a platform's list of whom it calls: our orders there, and what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Standing(StrEnum):
    """How one order of ours stands at the platform."""

    ACTIVE = "active"  # we are called
    INACTIVE = "inactive"  # the platform has given up calling us
    MISSING = "missing"  # wanted, and not there
    STALE = "stale"  # ours, and of no use: another path of ours, not wanted, or there twice


@dataclass(frozen=True, slots=True)
class Ordered:
    """One kind of event, and how our order for it stands."""

    event: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Installed:
    """What was done so that all wanted events are told to us; each is named in one place only.

    `refused`: events that the platform does not tell, with its words.
    """

    kept: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()  # those that the platform had given up
    removed: tuple[str, ...] = ()  # those that were stale
    refused: Mapping[str, str] = field(default_factory=dict)


class Webhooks(Protocol):
    """Our orders at one platform; those of others are never touched.

    Every method may raise `Unavailable`, `Unauthorized` or `BadReply`, and may be tried again.
    """

    @property
    def address(self) -> str:
        """Where the platform is to call us, without what nobody may know."""

    def listed(self) -> list[Ordered]:
        """All ours, and what is missing."""

    def install(self) -> Installed:
        """Order what is missing, renew what was given up, take away what is stale."""

    def remove(self) -> list[str]:
        """Take all ours away; the events they were for."""
