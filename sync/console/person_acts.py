"""What staff do to one person: enrol, block and unblock cards, hand out a visitor's PIN."""

from collections.abc import Callable
from contextlib import closing
from functools import wraps

from controller.cache import Cache
from controller.cards import visitor_pin
from controller.errors import ConfigError, DoorwardError
from controller.model import Kind, Person
from controller.wording import masked_cards
from sync.blocking import block_hash, unblock
from sync.console.page import Answer, Asked, GoTo, NotThere, Page
from sync.console.people import VISITOR, person_url, the_person
from sync.desk_users import Role

_LONGEST = 200  # characters of a reason

Act = Callable[[Asked, Person], str]


def _done(act: Act) -> Callable[[Asked], Answer]:
    """Back to the person's page, with what the act says, or why it was not done."""

    @wraps(act)
    def page(asked: Asked) -> Answer:
        whom = the_person(asked)
        back = person_url(whom.platform, whom.key)
        try:
            return GoTo(back, act(asked, whom))
        except NotThere:
            raise
        except DoorwardError as error:
            return GoTo(back, str(error), wrong=True)

    return page


@_done
def enrol(asked: Asked, whom: Person) -> str:
    """Wait for a card at a door; the page tells how it goes."""
    door, replaces = asked.text("door"), asked.text("replaces")
    if door not in asked.office.config.doors:
        raise ConfigError("Choose the door at which the card is shown.")
    enrolments = asked.lookout.enrolments
    enrolments.begin(asked.user.name, asked.author, whom.platform, whom.key, door, replaces)
    return ""


@_done
def stop(asked: Asked, whom: Person) -> str:
    """No card is waited for any longer."""
    asked.lookout.enrolments.cancel(whom.platform, whom.key)
    return ""


@_done
def block(asked: Asked, whom: Person) -> str:
    """This card opens nothing here from now on."""
    why = asked.text("why")[:_LONGEST]
    if not why:
        raise ConfigError("Nothing was blocked: say why, for whoever finds it blocked later.")
    done = block_hash(asked.office, _chosen(asked, whom), whom, why, asked.author)
    return f"Card {done.masked} of {whom.name} is blocked: it opens no door here any more."


@_done
def unblock_card(asked: Asked, whom: Person) -> str:
    """What the platforms say of this card holds again."""
    done = unblock(asked.office, asked.author, last=asked.text("card"), person=whom[:2])
    return f"Card {done.masked} of {whom.name} is no longer blocked here."


@_done
def pin(asked: Asked, whom: Person) -> str:
    """A visitor's PIN, once; who asked for it is in the journal before it is told."""
    if not whom.key.startswith(VISITOR):
        raise ConfigError(f"{whom.name} is no visitor with a booking, and has no PIN from here.")
    note = {
        "kind": Kind.PINS_SHOWN.value,
        "platform": whom.platform,
        "person": whom.key,
        "name": whom.name,
        "author": asked.author,
    }
    asked.office.note(note)
    made = visitor_pin(asked.office.place.key, whom.key.removeprefix(VISITOR))
    return f"The PIN of {whom.name} is {made}. It is shown only now; who looked is in the journal."


def _chosen(asked: Asked, whom: Person) -> tuple[bytes, str]:
    """The card at the place among theirs that the page showed, if it is still the same."""
    with closing(Cache(asked.office.place.cache)) as cache:
        cards = cache.cards_of(*whom[:2])
    place, card = asked.text("place"), asked.text("card")
    if place.isdecimal() and int(place) < len(cards):
        hashed, end = cards[int(place)]
        if masked_cards([end])[0] == card:
            return bytes(hashed), str(end)
    raise ConfigError("Nothing was blocked: their cards have changed meanwhile. Look again.")


PAGES = (
    Page("POST", "/people/enrol", enrol, Role.STAFF),
    Page("POST", "/people/stop", stop, Role.STAFF),
    Page("POST", "/people/block", block, Role.STAFF),
    Page("POST", "/people/unblock", unblock_card, Role.STAFF),
    Page("POST", "/people/pin", pin, Role.STAFF),
)
