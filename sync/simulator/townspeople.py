"""The people of the sandbox: a cast with cards to try, and a few dozen more around them."""

from dataclasses import dataclass

from sync.simulator.cobot import SimulatedCobot
from sync.simulator.cobot_people import DAYS, RESIDENT
from sync.simulator.hive import Door, Membership, SimulatedHive, User

HARBOUR, GYM = "harbour", "gym"  # the two platforms: a Cobot, a Hive
GYM_DOORS = (
    Door("front-01", "Front door", membership_type_ids=(1, 2, 3), allow_instructors=True),
    Door("gym-02", "Gym", membership_type_ids=(1, 3), allow_instructors=True),
)
_SEEDS = {HARBOUR: 7, GYM: 11}  # different ones, or people of both would share cards
_AT_HARBOUR, _AT_GYM = 36, 30
_YEAR = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Player:
    """Someone with a name, and the card as a reader of the sandbox sends it."""

    id: str
    name: str
    card: str


NORA = Player("nora", "Nora Falk", "5D0C11A7")  # unlimited
WEN = Player("wen", "Wen Tiller", "3E91F0B4")  # unlimited
IDRIS = Player("idris", "Idris Okoye", "77AA01B2")  # pays as he goes, one day pass left
TOVE = Player("901", "Tove Brandal", "9C4D20E6")  # trains at the gym
RUTH = Player("caretaker", "Ruth Amsel", "1B2C3D4E")  # on the local list of keyholders
STRANGER = Player("", "a stranger", "0BADCAFE")  # known to nobody


def settle_harbour(cobot: SimulatedCobot) -> None:
    """Members of the coworking space."""
    cobot.populate(_SEEDS[HARBOUR], _AT_HARBOUR)
    for who, plan, passes in ((NORA, RESIDENT, 0), (WEN, RESIDENT, 0), (IDRIS, DAYS, 1)):
        token = f"{int(who.card, 16):010}"
        cobot.add_member(who.name, plan, cards=[token], passes=passes, id=who.id)


def settle_gym(hive: SimulatedHive, now: float) -> None:
    """Members of the gym."""
    hive.populate(_SEEDS[GYM], _AT_GYM)
    first, last = TOVE.name.split()
    membership = Membership(int(TOVE.id) * 10, 1, int(now) + _YEAR)
    hive.put(User(int(TOVE.id), first, last, TOVE.card, memberships=(membership,)))
