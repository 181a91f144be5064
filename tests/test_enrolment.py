"""A card nobody knows becomes somebody's: at the door, at the platform, and on record."""

from pathlib import Path

import pytest

from controller.cli.reach import own_name
from controller.control import Refused, ask
from controller.errors import DoorwardError, Unavailable
from controller.model import Kind, Mode
from sync.blocking import block_card
from sync.platform import ByHand, Taken
from sync.simulator.server import Fault
from tests.enrolments import ADA, BEN, NEW, Desk, desk_house, posts, tokens
from tests.lives import live_house

FIELD = "field:Card"
UNKNOWN, TOKENS = "denied_unknown_credential", "/api/check_in_tokens"


class TestACardIsEnrolled:
    def test_shown_while_the_desk_waits_it_opens_at_once(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            desk = Desk(place, ben).waits()
            assert place.scan("front", NEW) == UNKNOWN
            done = desk.result()
            assert (done.name, done.card, done.where) == ("Ben Ode", "…002A", "its check-in tokens")
            assert done.to_do == ()
            assert tokens(place, ben) == [NEW]
            assert place.scan("front", NEW) == "granted"
            assert place.released("front")

    def test_shown_a_moment_before_it_need_not_be_shown_again(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            place.scan("front", NEW)
            place.clock.advance(50)
            desk = Desk(place, ben)
            assert desk.result().card == "…002A"
            (said,) = desk.says("card")
            assert said["age"] >= 50
            assert not desk.says("waiting")

    def test_a_minute_later_it_is_forgotten(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            place.scan("front", NEW)
            assert (stranger(place) or {})["card"] == "…002A"
            place.clock.advance(61)
            assert stranger(place) is None
            desk = Desk(place, ben, seconds=0.05)
            assert "no unknown card was shown at front within 0.05 s" in desk.refusal()
            assert tokens(place, ben) == []

    def test_only_a_card_shown_from_now_on_counts_if_so_asked(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            place.scan("front", BEN)
            desk = Desk(place, ben, fresh=True).waits()
            place.scan("front", NEW)
            assert desk.result().card == "…002A"
            assert tokens(place, ben) == [NEW]

    def test_who_did_it_is_in_the_journal_and_no_number_is(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            place.scan("front", NEW)
            Desk(place, ben).result()
            (recorded,) = place.events(Kind.CARD_ENROLLED)
            event = recorded.event
            assert (event.door, event.name) == ("front", "Ben Ode")
            assert event.author == f"ida, through {own_name()}"
            assert (event.platform, event.person, event.card) == ("loft", ben.id, "…002A")
            assert event.detail == {"where": "its check-in tokens"}
            (watched,) = place.events(Kind.WATCHED)
            assert watched.event.author.startswith("ida, through ")
            kept = b"".join(p.read_bytes() for p in (tmp_path / "data").iterdir())
            assert NEW.encode() not in kept
            assert b"0000002A" not in kept

    def test_into_the_custom_field_that_cards_are_read_from(self, tmp_path: Path) -> None:
        with desk_house(tmp_path, FIELD) as (place, _, ben):
            with place.cobot.lock:
                ben.fields = {"Card": "0000000099", "Shoe size": "43"}
                place.cobot.space.field_labels += ["Card", "Shoe size"]
            place.sync()
            place.scan("front", NEW)
            assert Desk(place, ben).result().where == "the custom field 'Card'"
            assert ben.fields == {"Card": "0000000099, 0000000042", "Shoe size": "43"}
            assert place.scan("front", NEW) == "granted"
            assert place.scan("front", "0000000099") == "granted"


class TestACardThatIsSomebodys:
    def test_is_told_and_the_desk_waits_on(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            desk = Desk(place, ben).waits()
            assert place.scan("front", ADA) == "granted"
            place.scan("front", NEW)
            assert desk.result().card == "…002A"
            (taken,) = desk.says("taken")
            assert (taken["name"], taken["platform"]) == ("Ada Ruiz", "loft")

    def test_since_it_was_shown_is_not_given_away(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, ada, ben):
            place.scan("front", NEW)
            with place.cobot.lock:
                place.cobot.space.tokens.append((NEW, ada.id))
            place.sync()
            desk = Desk(place, ben).waits()
            place.scan("front", BEN)
            assert desk.result().card == "…0012"
            assert desk.says("taken")[0]["name"] == "Ada Ruiz"
            assert tokens(place, ben) == [BEN]

    def test_at_the_platform_alone_is_refused_with_the_owners_name(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, ada, ben):
            with place.cobot.lock:
                place.cobot.space.tokens.append((NEW, ada.id))
            place.scan("front", NEW)
            with pytest.raises(Taken, match="card …002A is Ada Ruiz's at loft"):
                Desk(place, ben).result()
            assert posts(place) == 0

    def test_two_at_once_one_wins_and_the_other_hears_who(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, ada, ben):
            desks = [Desk(place, ben).waits(), Desk(place, ada).waits()]
            place.scan("front", NEW)
            errors, won = [], []
            for desk in desks:
                try:
                    won.append(desk.result())
                except Taken as error:
                    errors.append(str(error))
            assert stranger(place) is None, "nobody is offered a card that is somebody's"
            assert posts(place) == len(won) == len(errors) == 1
            assert errors[0].startswith(f"card …002A belongs to {won[0].name} (loft/")
            assert place.scan("front", NEW) == "granted"

    def test_one_person_at_two_doors_has_both_cards(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            front, gym = Desk(place, ben).waits(), Desk(place, ben, "gym").waits()
            place.scan("front", NEW)
            place.scan("gym", "0BADCAFE")
            assert {front.result().card, gym.result().card} == {"…002A", "…CAFE"}
            assert sorted(tokens(place, ben)) == [NEW, "0195939070"]

    def test_the_same_card_of_the_same_person_twice_is_written_once(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            desks = [Desk(place, ben).waits(), Desk(place, ben).waits()]
            place.scan("front", NEW)
            assert sorted(desk.result().already for desk in desks) == [False, True]
            assert tokens(place, ben) == [NEW]
            assert len(place.events(Kind.CARD_ENROLLED)) == 1

    def test_a_blocked_card_is_told_and_no_blocked_card_is_given(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            place.scan("front", NEW)
            block_card(place.office, NEW, "found", "ida", "front")
            desk = Desk(place, ben).waits()
            place.scan("front", NEW)
            place.scan("front", BEN)
            assert desk.result().card == "…0012"
            told = [(each["reason"], each["name"]) for each in desk.says("taken")]
            assert told == [("denied_credential_disabled", "")] * 2

    def test_in_a_lockdown_the_desk_hears_why(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            door = place.controller.doors.working["front"]
            door.set_mode(Mode.LOCKDOWN, None, "ida")
            desk = Desk(place, ben).waits()
            place.scan("front", NEW)
            door.set_mode(Mode.NORMAL, None, "ida")
            place.scan("front", BEN)
            desk.result()
            assert [each["reason"] for each in desk.says("taken")] == ["denied_deny_all"]

    def test_a_pin_typed_meanwhile_is_no_card(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            keypad = place.controller.doors.working["front"].parts.readers["main"].reader
            desk = Desk(place, ben, seconds=0.5).waits()
            keypad.press("471108#")  # type: ignore[attr-defined]
            assert "no unknown card" in desk.refusal()
            assert not desk.says("taken")
            assert posts(place) == 0


class TestThePlatformIsUnwell:
    def test_down_nothing_changes_and_the_card_is_still_held(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            place.scan("front", NEW)
            place.cobot.cut()
            with pytest.raises(Unavailable, match="Nothing was registered: enrol the same card"):
                Desk(place, ben).result()
            assert place.events(Kind.CARD_ENROLLED) == []
            place.cobot.mend()
            assert Desk(place, ben).result().card == "…002A"

    @pytest.mark.parametrize("kind", ["lose_answer", "late_status", "truncate"])
    def test_an_answer_lost_after_the_writing_is_settled_by_reading(
        self, tmp_path: Path, kind: str
    ) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            place.scan("front", NEW)
            place.cobot.fault = Fault(kind, TOKENS, times=1, method="POST", status=503)  # type: ignore[arg-type]
            assert Desk(place, ben).result().card == "…002A"
            assert tokens(place, ben) == [NEW]
            assert place.scan("front", NEW) == "granted"

    def test_a_failure_before_the_writing_is_told_and_can_be_repeated(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            place.scan("front", NEW)
            place.cobot.fault = Fault("status", TOKENS, times=1, method="POST", status=500)
            with pytest.raises(Unavailable, match=r"Cobot answers 500\. Nothing was registered"):
                Desk(place, ben).result()
            assert tokens(place, ben) == []
            Desk(place, ben).result()
            assert tokens(place, ben) == [NEW]

    def test_neither_written_nor_read_it_is_in_doubt_and_never_sent_twice(
        self, tmp_path: Path
    ) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            place.scan("front", NEW)
            place.cobot.fault = Fault("lose_answer", TOKENS, after=1)
            with pytest.raises(Unavailable, match="it is not sent twice"):
                Desk(place, ben).result()
            place.cobot.fault = None
            assert Desk(place, ben).result().card == "…002A"
            assert tokens(place, ben) == [NEW]
            assert posts(place) == 1

    def test_written_but_not_read_back_says_what_is_left(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            place.scan("front", NEW)
            place.cobot.fault = Fault("status", f"/api/memberships/{ben.id}$", status=500)
            done = Desk(place, ben).result()
            assert "after the next sync" in done.to_do[0]
            assert len(place.events(Kind.CARD_ENROLLED)) == 1
            place.cobot.fault = None
            place.sync()
            assert place.scan("front", NEW) == "granted"

    def test_what_it_refuses_is_told_in_its_words(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            place.scan("front", NEW)
            place.cobot.fault = Fault("status", TOKENS, method="POST", status=422)
            with pytest.raises(DoorwardError, match="Cobot refuses the card: simulated fault"):
                Desk(place, ben).result()
            assert place.scan("front", NEW) == UNKNOWN


class TestByHand:
    def test_without_the_scope_staff_are_told_what_to_enter(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, _, ben):
            place.scan("front", NEW)
            place.cobot.fault = Fault("status", TOKENS, method="POST", status=403)
            desk = Desk(place, ben)
            refusal = desk.refusal()
            assert "…002A was registered nowhere" in refusal
            assert "doorward sync --platform loft" in refusal
            assert NEW not in refusal
            (told,) = desk.says("by_hand")
            assert told["entry"] == (
                "For Ben Ode. Cobot, “Manage check-in tokens”: add the token 0000000042"
            )

    def test_at_hive(self, tmp_path: Path) -> None:
        from tests.houses import gym_user

        with desk_house(tmp_path) as (place, _, _):
            place.hive.put(gym_user(7, "0BADCAFE"))
            place.sync()
            place.scan("gym", "00C0FFEE")
            ben = place.cobot.add_member("Ben Ode", id="7")
            desk = Desk(place, ben, "gym", platform="gym")
            with pytest.raises(ByHand):
                desk.result()
            (told,) = desk.says("by_hand")
            assert told["entry"].endswith("user 7, field door_access_id: 00C0FFEE")


class TestReplacing:
    def test_the_old_card_is_blocked_here_and_told_to_be_removed(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, ada, _):
            place.scan("front", NEW)
            desk = Desk(place, ada, replaces="…0011")
            done = desk.result()
            assert done.replaced == "…0011"
            assert done.to_do[0].startswith("take the old card away")
            assert desk.says("by_hand")[0]["entry"].endswith(f"remove the token {ADA}")
            assert place.scan("front", ADA) == "denied_credential_disabled"
            assert place.scan("front", NEW) == "granted"
            (event,) = place.events(Kind.CARD_BLOCKED)
            assert (event.event.name, event.event.detail) == ("Ada Ruiz", {"why": "replaced"})

    def test_a_desk_that_cannot_keep_it_leaves_that_to_do(self, tmp_path: Path) -> None:
        with desk_house(tmp_path) as (place, ada, _):
            place.scan("front", NEW)
            place.office.desk, place.office.desk_trouble = None, "desk.db is away"
            done = Desk(place, ada, replaces="0011").result()
            assert done.to_do[0].startswith("the old card is not blocked here")
            assert "desk.db is away" in done.to_do[0]
            assert len(place.events(Kind.CARD_ENROLLED)) == 1
            assert place.scan("front", NEW) == "granted"

    def test_in_a_custom_field_it_is_taken_out(self, tmp_path: Path) -> None:
        with desk_house(tmp_path, FIELD) as (place, _, ben):
            with place.cobot.lock:
                ben.fields = {"Card": "0000000099; 0000000098"}
                place.cobot.space.field_labels.append("Card")
            place.sync()
            place.scan("front", NEW)
            done = Desk(place, ben, replaces="0063").result()
            assert done.to_do == ()
            assert ben.fields == {"Card": "0000000098, 0000000042"}
            assert place.scan("front", "0000000099") == "denied_credential_disabled"

    def test_a_card_that_is_not_theirs_is_refused_before_anything_is_done(
        self, tmp_path: Path
    ) -> None:
        with desk_house(tmp_path) as (place, ada, _):
            refusal = Desk(place, ada, replaces="BEEF").refusal()
            assert "no card that ends in BEEF; they have: …0011" in refusal


def test_the_journal_hears_later_of_what_was_done_as_the_controller_ended(tmp_path: Path) -> None:
    with desk_house(tmp_path) as (place, _, ben):
        place.scan("front", NEW)
        socket = place.config.run / "door.sock"

        def say(told: dict[str, object]) -> None:
            if told["say"] == "registering":
                socket.rename(tmp_path / "away")

        assert Desk(place, ben, say=say).result().to_do == ()
        assert place.events(Kind.CARD_ENROLLED) == []
        (tmp_path / "away").rename(socket)
        place.office.note_settled()
        place.office.note_settled()
        assert len(place.events(Kind.CARD_ENROLLED)) == 1


def test_whoever_went_away_enrols_nothing(tmp_path: Path) -> None:
    with desk_house(tmp_path) as (place, _, ben):
        place.scan("front", NEW)

        def gone(told: dict[str, object]) -> None:
            raise DoorwardError("the desk went away")

        assert Desk(place, ben, say=gone).refusal() == "the desk went away"
        assert posts(place) == 0


def test_somebody_unknown_and_a_door_that_is_not_there(tmp_path: Path) -> None:
    with desk_house(tmp_path) as (place, _, ben):
        place.cobot.remove_member(ben)
        place.sync(accept=True)
        assert "loft knows nobody with the key" in Desk(place, ben).refusal()
        assert "there is no platform 'lofts'" in Desk(place, ben, platform="lofts").refusal()
        ada = place.cobot.space.members[next(iter(place.cobot.space.members))]
        assert "there is no door 'back'" in Desk(place, ada, "back").refusal()
        assert "at most 120" in Desk(place, ada, seconds=121.0).refusal()


def test_a_door_that_asks_the_platforms_holds_what_they_do_not_know(tmp_path: Path) -> None:
    with live_house(tmp_path, live="unknown") as place:
        ben = place.member("Ben Ode", BEN)
        assert place.scan("front", BEN) == "granted"
        assert place.scan("front", NEW) == UNKNOWN
        assert Desk(place, ben).result().card == "…002A"
        assert place.scan("front", NEW) == "granted"


def test_sync_can_note_what_staff_did_with_cards_and_nothing_else(tmp_path: Path) -> None:
    with desk_house(tmp_path) as (place, _, _):
        for kind in ("access", "unlocked_by_hand", "check_in_settled"):
            request = {"do": "note", "items": [{"kind": kind, "door": "front"}]}
            with pytest.raises(Refused, match="is nothing that sync can say"):
                ask(place.config.run / "door.sock", request)
        assert place.events(Kind.ACCESS) == []


def stranger(place: object) -> dict[str, object] | None:
    """The unknown card of the front door, as `status` shows it."""
    status = ask(place.config.run / "door.sock", {"do": "status"})  # type: ignore[attr-defined]
    found: dict[str, object] | None = status["doors"][0]["stranger"]
    return found
