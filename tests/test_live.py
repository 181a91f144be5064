"""Somebody waits at a door while the platforms are asked: it opens by what the cache holds then."""

from pathlib import Path

import pytest

from controller.model import Kind, Mode
from controller.ports import Signal
from controller.question import Question, Said
from sync.simulator.server import Fault
from tests.houses import TEN_DAYS, gym_user
from tests.lives import SHORT, Mute, live_house, until

ADA, BEN, CLEO = "0000000017", "0000000018", "0000000019"
HELD_BACK = Fault("slow", "check_in_tokens", gap=60)  # all but a byte, until the fault is over
RESTING = {"sync": "not asked: it did not answer just now"}
UNKNOWN, NO_PASS = "denied_unknown_credential", "denied_credential_max_uses"


class TestSomebodyWhoCameAMinuteAgo:
    def test_a_new_member_gets_in_at_once(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            ada = place.member("Ada Ruiz", ADA)
            assert place.scan("front", ADA) == "granted"
            assert place.released("front")
            signals = [signal for signal, _ in place.light("front").history]
            assert signals[-2:] == [Signal.WAIT, Signal.GRANTED]
            assert place.asked()["loft"] == "known"
            place.deliver()
            assert [stay.member for stay in place.cobot.check_ins] == [ada.id]

    def test_and_is_no_longer_asked_about(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            place.member("Ada Ruiz", ADA)
            place.scan("front", ADA)
            served = place.cobot.served
            assert place.scan("front", ADA) == "granted"
            assert place.cobot.served == served
            assert place.asked() == {}

    def test_at_hive_too_and_nobody_is_checked_in_by_asking(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            place.hive.put(gym_user(7, "0BADCAFE"))
            assert place.scan("gym", "0BADCAFE") == "granted"
            assert place.asked()["gym"] == "known"
            assert place.hive.entries == []
            place.deliver()
            assert [entry.user_id for entry in place.hive.entries] == [7]
            assert place.states() == {"sent": 1}

    def test_a_card_added_to_a_known_member(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            ada = place.member("Ada Ruiz", ADA)
            place.sync()
            place.cobot.space.tokens.append((BEN, ada.id))
            assert place.scan("front", BEN) == "granted"
            assert place.scan("front", ADA) == "granted"

    def test_a_pass_bought_a_minute_ago(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            ada = place.member("Ada Ruiz", ADA, TEN_DAYS)
            place.sync()
            assert place.scan("front", ADA) == NO_PASS
            place.cobot.add_pass(ada)
            assert place.scan("front", ADA) == "granted"
            place.deliver()
            (stay,) = place.cobot.check_ins
            assert stay.time_pass

    def test_a_pass_that_is_used_up_is_not_used_twice(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            place.member("Ada Ruiz", ADA, TEN_DAYS, passes=1)
            place.sync()
            place.cobot.fault = Fault("status", method="POST", status=503)
            assert place.scan("front", ADA) == "granted"
            place.clock.advance(86_400)
            assert place.scan("front", ADA) == NO_PASS
            assert place.asked() == {"loft": "known"}

    def test_a_custom_field_as_card(self, tmp_path: Path) -> None:
        cards = 'fields = ["Area"]\n'
        with live_house(tmp_path, loft=cards) as place:
            ada = place.member("Ada Ruiz", ADA)
            ada.fields["Area"] = "Lab"
            place.cobot.space.field_labels.append("Area")
            assert place.scan("front", ADA) == "granted"


class TestWhatIsNotAsked:
    @pytest.mark.parametrize("live", ["never", "no_pass"])
    def test_unknown_cards(self, tmp_path: Path, live: str) -> None:
        with live_house(tmp_path, live=live) as place:
            place.member("Ada Ruiz", ADA)
            assert place.scan("front", ADA) == UNKNOWN
            assert Signal.WAIT not in [s for s, _ in place.light("front").history]

    @pytest.mark.parametrize("live", ["never", "unknown"])
    def test_missing_passes(self, tmp_path: Path, live: str) -> None:
        with live_house(tmp_path, live=live) as place:
            ada = place.member("Ada Ruiz", ADA, TEN_DAYS)
            place.sync()
            place.cobot.add_pass(ada)
            assert place.scan("front", ADA) == NO_PASS

    def test_who_may_not_enter_for_another_reason(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            place.member("Ada Ruiz", ADA)
            place.sync()
            place.controller.doors.working["front"].set_mode(Mode.LOCKDOWN, None, "ida")
            served = place.cobot.served
            assert place.scan("front", ADA) == "denied_deny_all"
            assert place.scan("front", BEN) == "denied_deny_all"
            assert place.cobot.served == served


class TestRefusals:
    def test_unknown_everywhere(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            assert place.scan("front", ADA) == UNKNOWN
            assert place.asked() == {"loft": "unknown", "gym": "unknown"}
            assert not place.released("front")

    def test_hives_own_reason_is_shown_and_kept(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            place.hive.put(gym_user(7, "0BADCAFE"))
            place.hive.refuses[7] = "Please sign your contract."
            assert place.scan("gym", "0BADCAFE") == UNKNOWN
            assert (Signal.DENIED, "Please sign your contract.") in place.light("gym").history
            assert place.asked()["gym"] == "refused: Please sign your contract."

    def test_no_reason_holds_the_card(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            place.hive.put(gym_user(7, "0BADCAFE"))
            place.hive.refuses[7] = "0badcafe is locked\nfor now"
            place.scan("gym", "0BADCAFE")
            assert place.asked()["gym"] == "refused: …CAFE is locked for now"

    def test_a_sign_up_that_nobody_confirmed(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            place.member("Ada Ruiz", ADA).confirmed = False
            assert place.scan("front", ADA) == "denied_point_no_access_rights"
            assert (Signal.DENIED, "sign-up not confirmed") in place.light("front").history

    def test_two_members_with_one_card(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            place.member("Ada Ruiz", ADA)
            place.member("Ben Ode", ADA)
            assert place.scan("front", ADA) == UNKNOWN
            assert not place.released("front")

    def test_what_ended_meanwhile_ends_here_too(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            ada = place.member("Ada Ruiz", ADA, TEN_DAYS)
            place.member("Ben Ode", BEN)
            place.sync()
            place.cobot.remove_member(ada)
            assert place.scan("front", ADA) == UNKNOWN
            assert place.scan("front", BEN) == "granted"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("hang"),
        Fault("slow", gap=0.5),
        Fault("garbage"),
        Fault("html"),
        Fault("truncate"),
        Fault("status", status=429, retry_after=600),
        Fault("status", status=401),
        Fault("status", status=500),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_a_line_that_does_not_answer_costs_one_deadline_then_nothing(
    tmp_path: Path, fault: Fault
) -> None:
    with live_house(tmp_path, SHORT) as place:
        place.member("Ada Ruiz", ADA)
        place.cobot.fault = fault
        assert place.scan("front", ADA) == UNKNOWN
        assert place.asked()["loft"] == "silent"
        served = place.cobot.served
        assert place.scan("front", BEN) == UNKNOWN
        place.clock.advance(3600)  # no back-off makes a member pay for finding out
        assert place.scan("front", BEN) == UNKNOWN
        assert place.asked()["loft"] == "down"
        assert place.cobot.served == served
        place.cobot.fault = None
        place.cobot.remove_member(*place.cobot.space.members.values())
        place.sync()
        place.member("Cleo Fox", CLEO)
        said = place.office.live.ask(Question("front", "32:00000013"), 5.0)
        assert Said("loft", "known") in said


def test_a_dead_line_does_not_keep_another_from_being_asked(tmp_path: Path) -> None:
    with live_house(tmp_path) as place:
        place.cobot.fault = Fault("hang")
        place.hive.put(gym_user(7, "0BADCAFE"))
        assert place.scan("gym", "0BADCAFE") == "granted"


def test_a_line_that_is_cut_is_fetched_again_as_soon_as_may_be(tmp_path: Path) -> None:
    with live_house(tmp_path) as place:
        place.cobot.cut()
        assert place.scan("front", ADA) == UNKNOWN
        assert place.asked()["loft"] == "silent"
        line = place.office.lines["loft"]
        assert line.retry
        assert line.resting()


def test_an_answer_that_comes_too_late_opens_nothing_and_is_there_the_next_time(
    tmp_path: Path,
) -> None:
    with live_house(tmp_path, SHORT) as place:
        place.member("Ada Ruiz", ADA)
        place.cobot.fault = HELD_BACK
        assert place.scan("front", ADA) == UNKNOWN
        assert place.asked()["loft"] == "silent"
        place.cobot.fault = None  # now it comes
        until(lambda: place.known("Ada Ruiz"))
        assert not place.released("front")
        assert place.scan("front", ADA) == "granted"
        assert place.asked() == {}


def test_others_are_served_meanwhile(tmp_path: Path) -> None:
    with live_house(tmp_path) as place:
        place.member("Ada Ruiz", ADA)
        place.sync()
        place.member("Ben Ode", BEN)
        place.cobot.fault = Fault("hang")
        place.present("front", BEN)
        assert place.light("front").shown == (Signal.WAIT, "one moment")
        place.present("front", ADA)
        assert place.released("front")
        place.present("front", BEN)  # again, still unanswered: it is one question
        place.clock.monotonic_time += 10
        place.present("front", ADA)
        reasons = [each.event.reason for each in place.events(Kind.ACCESS)]
        assert sorted(reasons) == sorted(["granted", UNKNOWN, "granted"])


def test_lockdown_between_question_and_answer_is_honoured(tmp_path: Path) -> None:
    with live_house(tmp_path) as place:
        place.member("Ada Ruiz", ADA)
        place.cobot.fault = HELD_BACK
        place.present("front", ADA)
        assert place.light("front").shown[0] is Signal.WAIT
        door = place.controller.doors.working["front"]
        door.set_mode(Mode.LOCKDOWN, None, "ida")
        place.cobot.fault = None  # the answer comes
        until(lambda: place.known("Ada Ruiz"))
        until(lambda: door.last)
        assert door.last
        assert door.last[1].reason.value == "denied_deny_all"
        assert not place.released("front")


def test_two_doors_ask_at_once(tmp_path: Path) -> None:
    with live_house(tmp_path) as place:
        place.member("Ada Ruiz", ADA)
        place.hive.put(gym_user(7, "0BADCAFE"))
        place.present("front", ADA)
        place.present("gym", "0BADCAFE")
        assert place.answer("front") == "granted"
        assert place.answer("gym") == "granted"


class TestSync:
    def test_not_running(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            place.member("Ada Ruiz", ADA)
            place.unserve()
            assert place.scan("front", ADA) == UNKNOWN
            assert place.asked() == {"sync": "does not run"}
            place.serve()
            assert place.scan("front", ADA) == "granted"

    def test_hanging_costs_one_deadline(self, tmp_path: Path) -> None:
        with live_house(tmp_path, SHORT) as place:
            place.unserve()
            with Mute(place.config.run / "sync.sock") as mute:
                assert place.scan("front", ADA) == UNKNOWN
                assert place.asked() == {"sync": "no answer in time"}
                until(lambda: place.scan("gym", "0BADCAFE") and place.asked() == RESTING)
                calls = mute.calls
                place.scan("gym", "0BADCAFE")
                assert mute.calls == calls

    @pytest.mark.parametrize(
        "word", [b'{"ok": true}\n', b"x\n", b'{"ok": true, "answers": [1]}\n', b"[]\n", b"\xff\n"]
    )
    def test_talking_nonsense(self, tmp_path: Path, word: bytes) -> None:
        with live_house(tmp_path) as place:
            place.unserve()
            with Mute(place.config.run / "sync.sock", word):
                assert place.scan("front", ADA) == UNKNOWN
                assert "sync" in place.asked()

    def test_lying_opens_nothing(self, tmp_path: Path) -> None:
        with live_house(tmp_path) as place:
            place.unserve()
            lie = (
                b'{"ok": true, "answers": [{"platform": "loft", "word": "known", "message": ""}]}\n'
            )
            with Mute(place.config.run / "sync.sock", lie):
                assert place.scan("front", ADA) == UNKNOWN
                assert not place.released("front")
