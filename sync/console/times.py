"""Instants as people at a desk say them, in the zone of the site."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from controller.errors import ConfigError

_LATEST = 253_402_000_000.0  # in every zone this is still the year 9999


class Times:
    """`zone` None: that of this machine."""

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone

    def local(self, at: float) -> datetime:
        moment = datetime.fromtimestamp(min(max(at, 0.0), _LATEST), UTC)
        return moment.astimezone(self._zone)

    def short(self, at: float, now: float, *, exact: bool = False) -> str:
        """`14:05` today, else `yesterday 14:05`, `Mon 14:05`, `21 Nov 2026, 14:05`."""
        moment, today = self.local(at), self.local(now).date()
        clock = f"{moment:%H:%M:%S}" if exact else f"{moment:%H:%M}"
        days = (today - moment.date()).days
        if days == 0:
            return clock
        if days in (1, -1):
            return f"{'yesterday' if days > 0 else 'tomorrow'} {clock}"
        if abs(days) < 7:
            return f"{moment:%a} {clock}"
        return f"{moment.day} {moment:%b %Y}, {clock}"

    def whole(self, at: float) -> str:
        """`2026-11-21 14:05:09 CET`"""
        return f"{self.local(at):%Y-%m-%d %H:%M:%S %Z}"

    def iso(self, at: float) -> str:
        return self.local(at).isoformat(timespec="seconds")

    def next(self, clock: str, now: float) -> float:
        """The next time that clocks here show `18:30`. ConfigError if that is no time of day."""
        try:
            wanted = time.fromisoformat(clock)
        except ValueError:
            raise ConfigError(f"{clock!r} is no time of day; write one like 18:30") from None
        today = self.local(now).date()
        at = self._instant(today, wanted)
        return at if at > now else self._instant(today + timedelta(days=1), wanted)

    def _instant(self, day: date, clock: time) -> float:
        moment = datetime.combine(day, clock.replace(tzinfo=None))
        zoned = moment.replace(tzinfo=self._zone) if self._zone else moment.astimezone()
        return zoned.timestamp()
