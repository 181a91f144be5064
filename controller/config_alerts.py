"""`[alerts]`: who is told when something is wrong, and from when on. Without it nobody is."""

from pydantic import Field

from controller.alerts import AlertKind
from controller.config_mail import Address
from controller.config_types import Seconds, Strict


class AlertSettings(Strict):
    """Its defaults also say when `/healthz` is no longer content."""

    to: tuple[Address, ...] = Field(default=(), description="mail addresses; needs [mail]")
    kinds: tuple[AlertKind, ...] = Field(default=(), description="only these; all if none is named")
    queue_older_than: Seconds = Field(
        default=3600.0, gt=0, description="how long a check-in may wait to be told"
    )
    roster_older_than: Seconds = Field(
        default=6 * 3600.0, gt=0, description="how old the last good fetch of a platform may be"
    )
    disk_below_mib: int = Field(default=300, ge=1, description="least room on the disk")

    def wants(self, kind: AlertKind) -> bool:
        return not self.kinds or kind in self.kinds
