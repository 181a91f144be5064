"""Hours in a configuration: when a door stands unlocked, and when it asks for more than a card."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from controller.config_types import MinuteOfDay, Strict
from controller.model import Demand, Opening, Span, Strength


def _iso_days(value: tuple[int, ...]) -> tuple[int, ...]:
    if any(not 1 <= day <= 7 for day in value):
        raise ValueError("weekdays are 1 (Monday) to 7 (Sunday)")
    return value


Weekdays = Annotated[tuple[int, ...], AfterValidator(_iso_days)]


class Unlocked(Strict):
    """`[[doors.<door>.unlocked]]`: the door stands unlocked in these hours."""

    begin: MinuteOfDay = Field(description='first minute, e.g. begin = "08:00"')
    end: MinuteOfDay = Field(description='last minute, e.g. end = "17:59"; before begin: next day')
    weekdays: Weekdays = Field(default=(), description="1 (Monday) to 7; none: every day")
    first_person: bool = Field(default=False, description="only once somebody has entered in them")
    holidays: Literal["locked", "as usual"] = "locked"

    def opening(self) -> Opening:
        span = Span(self.begin, self.end, frozenset(self.weekdays))
        return Opening(span, self.first_person, self.holidays == "as usual")


class Demands(Strict):
    """`[[doors.<door>.demands]]`: in these hours, or always, a card alone is not enough."""

    begin: MinuteOfDay | None = Field(default=None, description="none: always")
    end: MinuteOfDay | None = None
    weekdays: Weekdays = ()
    strength: Strength = Field(default=Strength.PIN, description="the weakest that will do")
    pin: bool = Field(default=False, description="the person's PIN after the card")
    persons: int = Field(default=1, ge=1, le=5, description="so many, one after the other")

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if (self.begin is None) != (self.end is None):
            raise ValueError("`begin` and `end` go together; without both the demand holds always")
        if self.weekdays and self.begin is None:
            raise ValueError('weekdays need hours; write begin = "00:00" and end = "23:59"')
        if self.strength is Strength.PIN and not self.pin and self.persons == 1:
            raise ValueError("asks for nothing; set strength, pin or persons")
        return self

    def demand(self) -> Demand:
        hours: tuple[Span, ...] = ()
        if self.begin is not None and self.end is not None:
            hours = (Span(self.begin, self.end, frozenset(self.weekdays)),)
        return Demand(hours, self.strength, self.pin, self.persons)
