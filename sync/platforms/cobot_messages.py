"""What Cobot calls us with: the address of something that changed. Nothing else of it is believed.

Neither host nor query is used, and the event is not named; deletions carry an object, which is not
read. Documented as JSON; older senders write a form.
"""

import json
import re
from typing import Any
from urllib.parse import parse_qs, unquote

from sync.hints import Hint

MEMBERSHIP, CHECK_IN, BOOKING, TOKEN = "memberships", "check_ins", "bookings", "check_in_tokens"
_LARGEST = 64 * 1024  # bytes; a deletion carries one object
_HOST = r"https?://[A-Za-z0-9.\[\]:_-]{1,255}"
_ID = r"[A-Za-z0-9_-]{1,64}"
_BEHIND = r"(?:/[A-Za-z0-9_/-]{0,120})?"  # of a member: their passes, check-ins, fields
_PATHS = (
    rf"(?P<kind>{MEMBERSHIP})/(?P<id>{_ID}){_BEHIND}",
    rf"(?P<kind>{CHECK_IN}|{BOOKING})/(?P<id>{_ID})/?",
    rf"(?P<kind>{TOKEN})/(?P<id>[A-Za-z0-9._~%:+-]{{1,200}})/?",
)
_ADDRESSES = [re.compile(rf"{_HOST}/api/{path}", re.ASCII) for path in _PATHS]
_LONGEST = 600


def read_message(body: bytes) -> Hint | None:
    """What changed; None if that cannot be told."""
    address = _address(body) if len(body) <= _LARGEST else None
    if not isinstance(address, str) or len(address) > _LONGEST:
        return None
    for pattern in _ADDRESSES:
        if found := pattern.fullmatch(address):
            return Hint(found["kind"], unquote(found["id"]))
    return None


def _address(body: bytes) -> Any:
    try:
        said = json.loads(body)
    except RecursionError:
        return None
    except ValueError:
        return _of_form(body)
    return said.get("url") if isinstance(said, dict) else None


def _of_form(body: bytes) -> str | None:
    try:
        return parse_qs(body.decode(), max_num_fields=50).get("url", [None])[0]
    except ValueError:
        return None
