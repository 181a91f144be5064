"""How Cobot writes things: its first API in plain JSON, its second as JSON:API."""

import re
from datetime import UTC, date, datetime
from typing import Any

from controller.model import Duration, Hours
from sync.simulator.cobot_space import Booking, Member, Plan, Space, Stay, TimePass

Said = dict[str, Any]


def moment(at: float | None) -> str | None:
    return None if at is None else f"{datetime.fromtimestamp(at, UTC):%Y/%m/%d %H:%M:%S} +0000"


def iso(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}Z"


def asked_moment(text: str) -> float | None:
    """A time in a query; None if it has no offset, as when its `+` was not encoded."""
    plain = re.sub(r"^(\d+)/(\d+)/(\d+)", r"\1-\2-\3", text)
    try:
        at = datetime.fromisoformat(plain.replace(" +", "+"))
    except ValueError:
        return None
    return None if at.tzinfo is None else at.timestamp()


def membership(member: Member) -> Said:
    return {
        "id": member.id,
        "name": member.name,
        "email": f"{member.id}@example.org",
        "phone": None,
        "user": {"id": f"u-{member.id}", "email": f"{member.id}@example.org"},
        "plan": {
            **_plan_of_member(member.plan, member.extras),
            "canceled_to": _day(member.plan_ends),
        },
        "upcoming_plan": _plan_of_member(member.upcoming, ()) if member.upcoming else None,
        "confirmed_at": "2025/02/03 09:10:11 +0000" if member.confirmed else None,
        "starts_at": _day(member.starts_at),
        "canceled_to": _day(member.canceled_to),
        "team_id": member.team,
        **member.oddities,
    }


def plan(one: Plan) -> Said:
    return {"id": one.id, "name": one.name, "hidden": one.hidden, "time_passes": _types(one)}


def token(member: Member, text: str) -> Said:
    return {"token": text, "membership": {"id": member.id, "name": member.name}}


def time_pass(one: TimePass) -> Said:
    return {
        "id": one.id,
        "name": one.name,
        "membership_id": one.member,
        "created_at": moment(one.created_at),
        "updated_at": moment(one.created_at),
        "expires_at": moment(one.expires_at),
        "used_at": moment(one.used_at),
        **_windows(one.hours),
    }


def check_in(stay: Stay, name: str) -> Said:
    said = {
        "id": stay.id,
        "valid_from": moment(stay.valid_from),
        "valid_until": moment(stay.valid_until),
        "membership": {"id": stay.member, "name": name},
    }
    return {**said, "time_pass": {"id": stay.time_pass}} if stay.time_pass else said


def custom_fields(member: Member, labels: list[str]) -> Said:
    fields = [
        {"id": f"cf-{place}", "label": label, "value": member.fields.get(label)}
        for place, label in enumerate(labels)
    ]
    return {"membership_id": member.id, "fields": fields}


def booking(one: Booking, space: Space) -> Said:
    member = space.members.get(one.member or "")
    return {
        "id": one.id,
        "from": moment(one.start),
        "to": moment(one.end),
        "title": None,
        "resource": {"id": one.resource, "name": space.resources.get(one.resource)},
        "membership": {"id": member.id, "name": member.name} if member else None,
    }


def booking_record(one: Booking) -> Said:
    visitor = one.visitor and {"type": "externalBookings", "id": one.visitor.id}
    return {
        "type": "bookings",
        "id": one.id,
        "attributes": {"from": iso(one.start), "to": iso(one.end), "title": None},
        "relationships": {
            "resource": {"data": {"type": "resources", "id": one.resource}},
            "externalBooking": {"data": visitor or None},
        },
    }


def visitor_record(one: Booking) -> Said:
    visitor = one.visitor
    assert visitor is not None
    attributes: Said = {"from": iso(one.start), "to": iso(one.end), "name": visitor.name}
    attributes["email"] = visitor.email
    return {
        "type": "externalBookings",
        "id": visitor.id,
        "attributes": {**attributes, "status": visitor.status, "numberOfVisitors": 1},
        "relationships": {"resource": {"data": {"type": "externalResources", "id": "ext-1"}}},
    }


def _plan_of_member(one: Plan, extras: tuple[str, ...]) -> Said:
    return {
        "name": one.name,
        "parent_plan": {"id": one.id},
        "canceled_to": None,
        "extras": [{"name": extra, "price": "0.0"} for extra in extras],
        "time_passes": _types(one),
    }


def _types(one: Plan) -> list[Said]:
    return [
        {
            "id": str(place),
            "name": kind.name,
            "included_per_timespan": kind.included,
            "included_timespan": kind.period,
            **_windows(kind.hours),
        }
        for place, kind in enumerate(one.types)
    ]


def _windows(hours: Hours) -> Said:
    parsed = []
    for window in hours:
        weekdays = sorted(window.weekdays)
        if isinstance(window, Duration):
            length = {
                "duration_hours": window.minutes // 60,
                "duration_minutes": window.minutes % 60,
            }
            parsed.append({**length, "weekdays": weekdays})
        else:
            start, end = divmod(window.start, 60), divmod(window.end, 60)
            span = dict(
                zip(("from_hour", "from_minute", "to_hour", "to_minute"), start + end, strict=True)
            )
            parsed.append({**span, "weekdays": weekdays})
    return {"timespans": "as parsed" if parsed else "", "parsed_timespans": parsed}


def _day(day: date | None) -> str | None:
    return f"{day:%Y/%m/%d}" if day else None
