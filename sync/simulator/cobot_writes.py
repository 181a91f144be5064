"""What of a simulated space can be written: check-in tokens, and the custom fields of a member.

Where Cobot leaves it open, a careless client is punished: a token sent twice is there twice, and a
field left out loses its value.
"""

from typing import Any

from sync.simulator import cobot_said as said
from sync.simulator.cobot_space import Space
from sync.simulator.messages import Request, Response

_GONE = Response(404, {"error": "Membership not found"})


def add_token(space: Space, request: Request) -> Response:
    asked = _object(request)
    member = space.members.get(str(asked.get("membership_id")))
    token = str(asked.get("token") or "").strip()
    if member is None:
        return _GONE
    if not token:
        return Response(422, {"errors": {"token": "can't be blank"}})
    space.tokens.append((token, member.id))
    return Response(201, said.token(member, token))


def fields_of(space: Space, member_id: str) -> Response:
    member = space.members.get(member_id)
    return Response(body=said.custom_fields(member, space.field_labels)) if member else _GONE


def set_fields(space: Space, request: Request, member_id: str) -> Response:
    member, rows = space.members.get(member_id), _object(request).get("fields")
    if member is None:
        return _GONE
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return Response(422, {"errors": {"fields": "is missing"}})
    given = {row.get("id"): row.get("value") for row in rows}
    member.fields = {label: given.get(f"cf-{n}") for n, label in enumerate(space.field_labels)}
    return fields_of(space, member_id)


def _object(request: Request) -> dict[str, Any]:
    """The JSON object or the form that was sent."""
    try:
        value = request.json()
    except ValueError:
        return dict(request.form())
    return value if isinstance(value, dict) else {}
