"""The kinds of value a configuration is made of: lengths of time, times of day, places, secrets."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    model_validator,
)

from controller.cards import FORMS, CardFormat
from controller.config_errors import meant

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


@dataclass(frozen=True, slots=True)
class Around:
    """What a value may have to know of the file it stands in."""

    here: Path  # relative paths count from here
    platforms: frozenset[str] = frozenset()


class Attached(NamedTuple):
    """Where a device is attached. Two at one `line` must speak the same and be different units.

    `line`: ("port", path), ("pin", chip, number) …; `speaks`: protocol and speed on it, None: it
    is not to be shared at all; `unit`: (address, "reader") and the like.
    """

    key: str  # of the stanza, for the message
    line: tuple[object, ...]
    speaks: tuple[object, ...] | None = None
    unit: tuple[object, ...] = ()


class Strict(BaseModel):
    """Parent of all settings: frozen, and a key it does not know is an error."""

    def attached(self) -> "list[Attached]":
        """What this device occupies, so that no other is put there."""
        return []

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        validate_default=False,
    )


def seconds(value: object) -> object:
    """`90s`, `5m`, `72h`, `7d` or a number of seconds, as a float."""
    if isinstance(value, str):
        parts = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h|d|w)", value.strip())
        value = float(parts[1]) * UNITS[parts[2]] if parts else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError('must be a length of time, e.g. "90s", "5m", "72h" or "7d"')
    return float(value)


def seconds_text(value: float) -> str:
    """The shortest way to write so many seconds: `5m`."""
    for unit in ("d", "h", "m", "s"):
        if value and value % UNITS[unit] == 0:
            return f"{value / UNITS[unit]:.0f}{unit}"
    return f"{value:g}s"


def minute_of_day(value: object) -> object:
    """`04:00` as 240."""
    parts = (
        re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", value) if isinstance(value, str) else None
    )
    if parts:
        return int(parts[1]) * 60 + int(parts[2])
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1440:
        raise ValueError('must be a time of day, e.g. "04:00"')
    return value


def minute_text(value: int) -> str:
    return f"{value // 60:02}:{value % 60:02}"


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is no time zone; write one like 'Europe/Berlin'") from None
    return value


def _located(value: Path, info: ValidationInfo) -> Path:
    path = value.expanduser()
    return info.context.here / path if isinstance(info.context, Around) else path


def _form(value: str) -> str:
    if value not in FORMS:
        raise ValueError(f"{value!r} is no way to write cards{meant(value, FORMS)}")
    return value


def _label(value: str, info: ValidationInfo) -> str:
    if not value.strip("*") and value != "*":
        raise ValueError(
            "must not be empty; write a label like 'plan:42', 'plan:*' or 'gym/door:7'"
        )
    if value != value.strip() or "*" in value[:-1]:
        raise ValueError(
            f"{value!r} is no label: '*' may stand at the end only, and no blanks around"
        )
    platform, slash, _ = value.partition("/")
    if not slash or ":" in platform or not isinstance(info.context, Around):
        return value
    if platform not in info.context.platforms:
        known = ", ".join(sorted(info.context.platforms)) or "none"
        raise ValueError(f"{value!r} names no platform of [platforms] (there are: {known})")
    return value


def _some(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("names nobody; write at least one label, e.g. ['plan:*']")
    return value


Seconds = Annotated[
    float, BeforeValidator(seconds), PlainSerializer(seconds_text, when_used="json")
]
MinuteOfDay = Annotated[
    int, BeforeValidator(minute_of_day), PlainSerializer(minute_text, when_used="json")
]
Zone = Annotated[str, AfterValidator(_zone)]
Location = Annotated[Path, AfterValidator(_located)]  # relative: counts from the configuration file
FormName = Annotated[str, AfterValidator(_form)]
LabelText = Annotated[str, AfterValidator(_label)]
LabelTexts = Annotated[tuple[LabelText, ...], AfterValidator(_some)]


class SecretRef(Strict):
    """Where a secret lies; exactly one of the two. `controller.secrets.read_secret` reads it."""

    made_by: ClassVar[str] = ""  # the command that makes it, where people do not

    file: Location | None = Field(
        default=None, description="a file that holds nothing but the secret"
    )
    credential: str | None = Field(
        default=None,
        description="the name of a systemd credential",
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$",
    )

    @model_validator(mode="before")
    @classmethod
    def _no_secret_here(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError(  # noqa: TRY004 - what pydantic turns into a problem
                'must be { file = "/path" } or { credential = "name" }: '
                "a secret never stands in the configuration itself; put it into a file of mode 0600"
            )
        return value

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.file is None) == (self.credential is None):
            raise ValueError('needs exactly one of file = "/path" and credential = "name"')
        return self

    def __str__(self) -> str:
        return f"file {self.file}" if self.file else f"systemd credential {self.credential}"


class CardSettings(Strict):
    """How cards are written, by a reader or at a platform."""

    format: FormName = Field(description="how the number is written, e.g. 'hex' or 'dec10'")
    keep_bits: int | None = Field(default=None, description="keep so many of the low bits")
    byte_order: Literal["as-read", "reversed"] = Field(
        default="as-read", description="turn the bytes round"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self.card_format()
        return self

    def card_format(self) -> CardFormat:
        return CardFormat(self.format, self.keep_bits, self.byte_order == "reversed")


class PlatformCommon(Strict):
    """What is set for every platform, whatever its kind."""

    kind: str = Field(description="which platform this is, e.g. 'cobot'")
    every: Seconds | None = Field(
        default=None, ge=10, description="how often to fetch, instead of [sync] every"
    )
    zone: Zone | None = Field(
        default=None, description="time zone, where it is not asked from the platform"
    )
    day_ends: MinuteOfDay = Field(
        default=240, description="when a visit without a span of its own ends"
    )
    renewal_grace: Seconds = Field(
        default=72 * 3600.0,
        description="how long a renewing member may enter though no sync could confirm it",
    )
    late: Literal["visit", "push"] = Field(
        default="visit", description="'push': tell late check-ins always"
    )
