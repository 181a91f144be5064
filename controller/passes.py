"""What is left of a person's passes, and which visit an entry belongs to."""

import math

from controller.model import Allowance, Holder, Pass, RosterState, Visit
from controller.schedule import day_end, midnight, open_until, period_end, period_start

_MOST = 500  # more than anybody uses in a month; a wrong number from afar must not stall a door


def remaining(holder: Holder, wall: float) -> list[Pass]:
    """Passes neither expired nor used, earliest to expire first, renewed ones included."""
    passes = list(holder.passes)
    for allowance in holder.allowances:
        passes += renewed(allowance, holder.roster, wall)
    left = [
        p for p in passes if p.key not in holder.used and (p.expires is None or wall < p.expires)
    ]
    return sorted(left, key=lambda p: (math.inf if p.expires is None else p.expires, p.key))


def renewed(allowance: Allowance, roster: RosterState, wall: float) -> list[Pass]:
    """The passes of the present week or month, if it began after the roster was fetched.

    Before that the roster itself names them. Their keys are made up here, the same at each call, so
    that the journal can say which are used.
    """
    first = period_start(wall, roster.zone, allowance.period)
    if midnight(first, roster.zone) <= roster.synced_at:
        return []
    expires = midnight(period_end(first, allowance.period), roster.zone)
    keys = (f"renewed:{allowance.key}:{first}:{n}" for n in range(min(allowance.count, _MOST)))
    return [Pass(key, expires, allowance.hours) for key in keys]


def current_visit(holder: Holder, wall: float) -> Visit | None:
    """The visit that makes this entry a re-entry, the longest of several."""
    current = [v for v in holder.visits if v.since <= wall < v.until]
    return max(current, key=lambda v: v.until, default=None)


def visit_end(one: Pass | None, roster: RosterState, wall: float) -> float:
    """When a visit that begins now ends: with the pass's window, else when the day rolls over."""
    end = open_until(one.hours, wall, roster.zone) if one else math.inf
    if end is None or math.isinf(end):
        end = day_end(wall, roster.zone, roster.day_ends)
    return end
