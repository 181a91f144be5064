"""What staff decide of check-ins that wait for their word."""

from collections.abc import Sequence

import structlog

from controller.errors import DoorwardError
from controller.model import Kind
from sync.office import Office

log = structlog.get_logger(__name__)


def push(office: Office, uuids: Sequence[str], author: str) -> list[str]:
    """Tell the platforms of these all the same; returns those found. Who said so is on record."""
    found = office.ledger.push(uuids)
    if found:
        note = {"kind": Kind.PUSHED.value, "author": author, "detail": {"check_ins": found}}
        try:
            office.note(note)
        except DoorwardError as error:
            log.critical(
                "who pushed check-ins is not in the journal", author=author, why=str(error)
            )
    return found


def dismiss(office: Office, uuids: Sequence[str], author: str) -> list[str]:
    """Never tell of these; returns those found. The journal has it once `note_settled` ran."""
    return office.ledger.dismiss(uuids, author, office.clock.wall())
