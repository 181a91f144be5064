"""What a checked configuration consists of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, InstanceOf, field_validator, model_validator

from controller.config_alerts import AlertSettings
from controller.config_areas import Area, JourneySettings, passage, unseen_leaving
from controller.config_hours import Demands, Unlocked
from controller.config_mail import MailSettings
from controller.config_targets import TargetSettings
from controller.config_types import (
    CardSettings,
    LabelText,
    LabelTexts,
    Location,
    MinuteOfDay,
    Seconds,
    SecretRef,
    Strict,
    Zone,
)
from controller.door_parts import Settings
from controller.doorstate import Timing
from controller.model import DoorRules, Labels, Reason, StaleRule, Strength


@dataclass(frozen=True, slots=True)
class Stanza:
    """One device or platform: `kind` as configured, the class that drives it, its settings.

    Where no table was given `factory` is None and `settings` the table of the file as it stands.
    """

    kind: str
    factory: Any
    settings: Any


@dataclass(frozen=True, slots=True)
class ReaderStanza(Stanza):
    """A reader, how it writes cards and where it is. The driver's own settings hold no such key."""

    card: CardSettings
    strength: Strength | None = None  # instead of what the driver says
    side: str = "outside"  # or "inside": by which one leaves


class Site(Strict):
    name: str = Field(default="Doorward", min_length=1, description="shown on reports and pages")
    data: Location = Field(
        default=Path("/var/lib/doorward"), description="databases and the device key"
    )
    run: Location = Field(default=Path("/run/doorward"), description="sockets of the two processes")
    zone: Zone | None = Field(default=None, description="time zone of the doors' own hours")
    holidays: tuple[date, ...] = Field(
        default=(), description="days on which doors do not unlock by themselves"
    )
    forgive_at: MinuteOfDay | None = Field(
        default=None, description="when every day it is forgotten who is in which area"
    )
    pin_digits: int = Field(default=4, ge=4, le=12, description="shorter PINs open nothing")


class ClockSettings(Strict):
    trust: Literal["auto", "always"] = "auto"
    guessed: Literal["deny", "allow"] = "deny"
    simulated: bool = Field(
        default=False, description="for a sandbox only: `doorward sim clock` moves it"
    )


class JournalSettings(Strict):
    keep: Seconds = Field(default=400 * 86400.0, ge=86400)
    max_mib: int = Field(default=512, ge=16)


class SyncSettings(Strict):
    every: Seconds = Field(default=300.0, ge=10)
    lost_share: float = Field(default=0.2, ge=0, le=1)
    lost_least: int = Field(default=10, ge=1)


class LiveSettings(Strict):
    deadline: Seconds = Field(
        default=1.5, ge=0.2, le=5, description="how long somebody at a door waits for an answer"
    )


class HttpSettings(Strict):
    """Where `syncd` listens, if anything needs it to."""

    console: bool = Field(default=True, description="show the console to a browser")
    address: str = Field(default="127.0.0.1", description="an IP address of this machine")
    port: int = Field(default=8460, ge=0, le=65535, description="0 takes any that is free")
    certificate: Location | None = Field(
        default=None, description="a PEM file with the certificate and its chain"
    )
    certificate_key: Location | None = Field(default=None, description="its key, a PEM file")
    api: bool = Field(
        default=False, description="the HTTP API, also where no platform is of kind 'api'"
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="addresses whose X-Forwarded-For and -Proto are believed"
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                ip_network(each)
            except ValueError:
                raise ValueError(
                    f"{each!r} is no IP address and no network; write '127.0.0.1' or '10.0.0.0/24'"
                ) from None
        return value

    metrics: bool = Field(default=False, description="/metrics for Prometheus")
    metrics_token: SecretRef | None = Field(
        default=None, description="the bearer token that whoever asks for /metrics must carry"
    )

    @model_validator(mode="after")
    def _not_in_the_clear(self) -> Self:
        try:
            loopback = ip_address(self.address).is_loopback
        except ValueError:
            raise ValueError(
                f"address: {self.address!r} is no IP address; write '127.0.0.1', '::1' or one of "
                "this machine's own"
            ) from None
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("certificate and certificate_key belong together; name both or none")
        if not loopback and self.certificate is None:
            raise ValueError(
                f"address {self.address} can be reached from outside, so certificate and "
                "certificate_key are needed; or listen on 127.0.0.1 behind a proxy or a tunnel"
            )
        if self.metrics and not loopback and self.metrics_token is None:
            raise ValueError(
                f"metrics: {self.address} can be reached from outside, so metrics_token is needed; "
                "make one by: openssl rand -hex 32"
            )
        return self


class Staleness(Strict):
    labels: LabelTexts = Field(description="whom this rule is for")
    warn_after: Seconds | None = None
    deny_after: Seconds | None = None

    @model_validator(mode="after")
    def _warns_before_it_denies(self) -> Self:
        if self.warn_after and self.deny_after and self.warn_after > self.deny_after:
            raise ValueError("warn_after is longer than deny_after; warn before you deny")
        return self

    def rule(self) -> StaleRule:
        return StaleRule(Labels(self.labels), self.warn_after, self.deny_after)


_ASKS = {
    "never": frozenset[Reason](),
    "unknown": frozenset({Reason.UNKNOWN}),
    "no_pass": frozenset({Reason.NO_PASS}),
    "both": frozenset({Reason.UNKNOWN, Reason.NO_PASS}),
}


class Door(Strict):
    """One door: its rules and its devices."""

    name: str = Field(default="", description="for people; the id if left out")
    admits: LabelTexts = Field(description="the labels this door admits, e.g. admits = ['plan:*']")
    refuses: tuple[LabelText, ...] = ()
    check_in: bool = True
    no_pass: Literal["deny", "admit"] = "deny"  # noqa: S105 - a time pass
    live: Literal["never", "unknown", "no_pass", "both"] = "never"
    open_for: Seconds = Field(default=5.0, gt=0, le=300)
    relock: Literal["time", "open"] = "time"
    check_in_on: Literal["grant", "open"] = "grant"
    held_warning: Seconds = 30.0
    held_after: Seconds = 60.0
    exit: Literal["unlock", "shunt"] = "unlock"
    on_fire: Literal["report", "unlock"] = "report"
    stuck_after: Seconds = 300.0
    interlock: tuple[str, ...] = ()
    duress: bool = False
    demands: tuple[Demands, ...] = ()
    unlocked: tuple[Unlocked, ...] = ()
    anti_passback: Seconds = 0.0
    outside: str = Field(default="", description="the area it leads from; none: the street")
    inside: str = Field(default="", description="the area it leads into")
    repeat_after: Seconds = 2.0
    lock: InstanceOf[Stanza] = Field(description="what holds the door shut")
    contact: InstanceOf[Stanza] | None = None
    exit_button: InstanceOf[Stanza] | None = None
    indicator: InstanceOf[Stanza] | None = None
    tamper: InstanceOf[Stanza] | None = None
    fire: InstanceOf[Stanza] | None = None
    readers: dict[str, InstanceOf[ReaderStanza]] = Field(
        min_length=1, description="a table [doors.<door>.readers.<name>] for each reader"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.contact is None and self.check_in_on == "open":
            raise ValueError('check_in_on = "open" needs a contact; add one, or take "grant"')
        if self.contact is None and self.relock == "open":
            raise ValueError('relock = "open" needs a contact; add one, or take "time"')
        if self.held_warning and self.held_after and self.held_warning >= self.held_after:
            raise ValueError("held_warning must be shorter than held_after; warn before the alarm")
        if self.interlock and self.contact is None:
            raise ValueError("interlock needs a contact that tells when the door is shut")
        if self.interlock and self.unlocked:
            raise ValueError("a door in an interlock cannot stand unlocked by hours")
        return self

    def timing(self) -> Timing:
        return Timing(
            self.open_for,
            self.relock == "open",
            self.held_warning,
            self.held_after,
            self.exit == "unlock",
            self.on_fire == "unlock",
        )


@dataclass(frozen=True)
class Config:
    """Everything that is configured, whole and checked."""

    path: Path
    site: Site
    clock: ClockSettings
    journal: JournalSettings
    sync: SyncSettings
    live: LiveSettings
    http: HttpSettings
    staleness: tuple[Staleness, ...]
    areas: Mapping[str, Area]
    journeys: tuple[JourneySettings, ...]
    doors: Mapping[str, Door]
    platforms: Mapping[str, Stanza]
    mail: MailSettings | None = None
    targets: Mapping[str, TargetSettings] = field(default_factory=dict)
    alerts: AlertSettings | None = None

    @property
    def data(self) -> Path:
        return self.site.data

    @property
    def run(self) -> Path:
        return self.site.run

    def rules(self, door_id: str) -> DoorRules:
        """What `decide` must know of a door."""
        door = self.doors[door_id]
        return DoorRules(
            door=door_id,
            admits=Labels(door.admits),
            refuses=Labels(door.refuses),
            check_in=door.check_in,
            admit_without_pass=door.no_pass == "admit",  # noqa: S105 - a time pass
            admit_on_guessed_clock=self.clock.guessed == "allow",
            anti_passback=door.anti_passback,
            staleness=tuple(each.rule() for each in self.staleness),
            demands=tuple(each.demand() for each in door.demands),
            zone=self.zone,
            duress=door.duress,
            passage=passage(door, self.areas, self.site.forgive_at),
            inside=frozenset(name for name, r in door.readers.items() if r.side == "inside"),
            pin_digits=self.site.pin_digits,
        )

    def settings(self, door_id: str) -> Settings:
        """What a door's own thread must know of it."""
        door = self.doors[door_id]
        return Settings(
            name=door.name,
            timing=door.timing(),
            repeat_after=door.repeat_after,
            counts_on_opening=door.check_in_on == "open",
            stuck_after=door.stuck_after,
            openings=tuple(each.opening() for each in door.unlocked),
            zone=self.zone,
            holidays=frozenset(self.site.holidays),
            partners=self.partners(door_id),
            asks=_ASKS[door.live],
            ask_within=self.live.deadline,
        )

    def partners(self, door_id: str) -> tuple[str, ...]:
        """The doors of which none may be open together with this one, whoever names the other."""
        own = self.doors[door_id].interlock
        named_by = (name for name, door in self.doors.items() if door_id in door.interlock)
        return tuple(dict.fromkeys((*own, *named_by)))

    @property
    def zone(self) -> ZoneInfo | None:
        return ZoneInfo(self.site.zone) if self.site.zone else None

    def every(self, platform: str) -> float:
        """Seconds between two fetches of a platform whose settings were validated."""
        return self.platforms[platform].settings.every or self.sync.every

    def warnings(self) -> Iterator[str]:
        """What is allowed and yet can hardly be meant."""
        yield from unseen_leaving(self.doors, self.areas)
        doors = self.doors.values()
        readers = {r.card.card_format().bits() for door in doors for r in door.readers.values()}
        for where, card in found_in(CardSettings, "platforms", self.platforms):
            bits = card.card_format().bits()
            if bits and "" not in readers and bits not in readers:
                yield f"{where}: no reader has cards of this kind ({bits}), so they open no door"

    def secrets(self) -> Iterator[tuple[str, SecretRef]]:
        """Every secret that validated devices and platforms name, with the key it stands under."""
        yield from found_in(SecretRef, "doors", self.doors)
        yield from found_in(SecretRef, "platforms", self.platforms)
        yield from found_in(SecretRef, "mail", self.mail)
        yield from found_in(SecretRef, "http", self.http)
        yield from found_in(SecretRef, "targets", self.targets)


Kind = TypeVar("Kind", bound=Strict)


def found_in(kind: type[Kind], where: str, value: object) -> Iterator[tuple[str, Kind]]:
    """Everything of that kind in settings, however deep, with its key."""
    if isinstance(value, kind):
        yield where, value
    elif isinstance(value, Stanza):
        yield from found_in(kind, where, value.settings)
    elif isinstance(value, Strict):
        for name in type(value).model_fields:
            yield from found_in(kind, f"{where}.{name}", getattr(value, name))
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from found_in(kind, f"{where}.{name}", each)
    elif isinstance(value, list | tuple):
        for i, each in enumerate(value):
            yield from found_in(kind, f"{where}[{i}]", each)
