"""Unused time passes of those members who need them."""

from collections.abc import Callable, Iterable, Mapping

from controller.model import Hours
from sync.platform import Roster
from sync.platforms.cobot_api import CobotApi
from sync.platforms.cobot_members import Member
from sync.platforms.cobot_parse import Row, hours, member_of


def pour_passes(
    api: CobotApi,
    members: Mapping[str, Member],
    roster: Roster,
    progress: Callable[[str, int, int | None], None],
) -> list[Hours]:
    """Asks nothing if nobody is on a limited plan. Returns the hours of all that were poured."""
    limited = [member for member in members.values() if member.limited]
    if not limited:
        return []
    every = list(api.unused_passes())
    by_member: dict[str, list[Row]] = {member.id: [] for member in limited}
    told = [member_of(row) for row in every]
    for key, row in zip(told, every, strict=True):
        if key in by_member:
            by_member[key].append(row)
    # A list that does not say whose passes they are serves nobody. A pass shared within a team may
    # be listed under another of its members.
    ask = limited if None in told else [m for m in limited if m.in_team and not by_member[m.id]]
    for count, member in enumerate(ask, 1):
        by_member[member.id] = list(api.unused_passes_of(member.id))
        progress("passes", count, len(ask))
    return [h for key, found in by_member.items() for h in _pour(key, found, roster)]


def pour_passes_of(member: Member, found: Iterable[Row], roster: Roster) -> None:
    """Those of one member, as listed for them alone; none if they need none."""
    if member.limited:
        list(_pour(member.id, found, roster))


def _pour(member: str, found: Iterable[Row], roster: Roster) -> Iterable[Hours]:
    for row in found:
        if "used_at" not in row:
            windows = hours(row)
            roster.single_pass(member, row.id(), row.moment_if_any("expires_at"), windows)
            yield windows
