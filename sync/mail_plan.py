"""Which visitor is to be mailed what: by the bookings that are, and the mails that were."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from controller.config_mail import mail_address
from sync.desk_mails import Mail, MailKind, MailState, Wanted
from sync.visitors import Visitor

_OVERTAKEN = "the booking was cancelled before this was sent"
# Whom a mail in this state may have reached knows a PIN.
_TOLD = {MailState.SENT, MailState.SENDING, MailState.UNKNOWN}

Mails = Mapping[tuple[str, str], Sequence[Mail]]


@dataclass(frozen=True, slots=True)
class Step:
    """Queue `wanted`, perhaps `instead_of` a mail that waits; or `drop` that one, and why."""

    wanted: Wanted | None = None
    instead_of: int = 0
    drop: str = ""


def planned(
    visitors: Sequence[Visitor], mails: Mails, platforms: Set[str], now: float
) -> Iterator[Step]:
    """What is to be done. `mails`: those about bookings not yet over, the oldest first.

    One mail for each booking; another one if its rooms, times or address change; a word when a
    booking is gone of which somebody was told, before it would have ended. Of platforms that are
    not configured nothing is said.
    """
    coming = {(each.platform, each.person): each for each in visitors}
    for whose, visitor in coming.items():
        if now < visitor.end and mailable(visitor.address):
            yield from _for_booking(visitor, mails.get(whose, ()))
    for (platform, person), before in mails.items():
        if (platform, person) not in coming and platform in platforms:
            yield from _for_gone(before)


def mailable(address: str) -> bool:
    """Is it an address that can be written to?"""
    try:
        return bool(mail_address(address))
    except ValueError:
        return False


def _for_booking(visitor: Visitor, before: Sequence[Mail]) -> Iterator[Step]:
    last = before[-1] if before else None
    same = last and (last.rooms, last.address) == (visitor.rooms, visitor.address)
    if last and same and last.kind is not MailKind.CANCELLED:
        return
    told = any(mail.state in _TOLD for mail in before)
    kind = MailKind.CHANGED if told else MailKind.BOOKED
    waits = last.id if last and last.state is MailState.WAITING else 0
    yield Step(_about(visitor, kind), waits)


def _for_gone(before: Sequence[Mail]) -> Iterator[Step]:
    last = before[-1]
    if last.kind is MailKind.CANCELLED:
        return
    told = [mail for mail in before if mail.state in _TOLD]
    waits = last.id if last.state is MailState.WAITING else 0
    if told:
        yield Step(_cancelled(told[-1]), waits)
    elif waits:
        yield Step(None, waits, _OVERTAKEN)


def _about(visitor: Visitor, kind: MailKind) -> Wanted:
    v = visitor
    return Wanted(kind, v.address, v.end, v.platform, v.person, v.name, v.zone, v.rooms)


def _cancelled(told: Mail) -> Wanted:
    m, kind = told, MailKind.CANCELLED
    return Wanted(kind, m.address, m.until, m.platform, m.person, m.name, m.zone, m.rooms)
