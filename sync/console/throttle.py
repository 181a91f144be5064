"""How long somebody who guesses passwords must wait: pure, and bounded in memory.

An attempt counts when it begins, so that a thousand at once are a thousand. Waiting grows from a
second to five minutes; who keeps still for an hour begins anew.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

_FREE = {"name": 3, "address": 12}  # attempts before anybody waits; many may share an address
_LONGEST = 300.0  # seconds
_FORGOTTEN = 3600.0  # seconds
_REMEMBERED = 4096  # names and addresses, each


@dataclass(slots=True)
class _Record:
    times: int = 0
    last: float = 0.0


@dataclass(slots=True)
class Throttle:
    """Used by one thread."""

    _records: dict[str, OrderedDict[bytes, _Record]] = field(
        default_factory=lambda: {kind: OrderedDict() for kind in _FREE}
    )

    def attempt(self, name: str, address: str, now: float) -> float:
        """Seconds to wait (monotonic `now`); 0: go on, and it is counted as failed so far."""
        keys = {"name": _digest(name.casefold()), "address": _digest(_network(address))}
        wait = max(self._wait(kind, key, now) for kind, key in keys.items())
        if wait <= 0:
            for kind, key in keys.items():
                self._count(kind, key, now)
        return max(wait, 0.0)

    def succeeded(self, name: str) -> None:
        """That was the right password; the address stays under suspicion for a while."""
        self._records["name"].pop(_digest(name.casefold()), None)

    def _wait(self, kind: str, key: bytes, now: float) -> float:
        record = self._records[kind].get(key)
        if record is None or now - record.last >= _FORGOTTEN:
            return 0.0
        over = record.times - _FREE[kind]
        return record.last + min(2.0**over, _LONGEST) - now if over >= 0 else 0.0

    def _count(self, kind: str, key: bytes, now: float) -> None:
        records = self._records[kind]
        record = records.pop(key, None)
        if record is None or now - record.last >= _FORGOTTEN:
            record = _Record()
        record.times, record.last = min(record.times + 1, 64), now
        records[key] = record
        if len(records) > _REMEMBERED:
            records.popitem(last=False)


def _digest(text: str) -> bytes:
    """However long a name is that somebody sends."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _network(address: str) -> str:
    """One house has one IPv4 address, or 2**64 of IPv6."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(int(parsed) >> 64) if isinstance(parsed, IPv6Address) else address
