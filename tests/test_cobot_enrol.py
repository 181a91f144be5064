"""What is written at Cobot when a card becomes a member's, and what is left alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from controller.cards import card_hash
from controller.errors import BadReply, DoorwardError, Unavailable
from sync.platform import ByHand, Taken
from sync.platforms import PLATFORMS
from sync.platforms.cobot import Cobot
from sync.simulator.cobot import Member
from sync.simulator.server import Fault, Request, Response
from tests.spaces import Loft, cobot_at, posts

FIELDS = "/custom_fields$"
CARD, NUMBER = "32:0000002A", "0000000042"
OLD = "0000000099"


class Odd(Loft):
    """Loses the field that `drops` names, whatever is sent; refuses tokens in the words `says`."""

    drops = says = ""

    def handle(self, request: Request) -> Response:
        if request.method == "POST" and self.says:
            return Response(422, {"errors": {"token": self.says}})
        answer = super().handle(request)
        if request.method == "PUT" and self.drops:
            for member in self.space.members.values():
                member.fields[self.drops] = None
        return answer


@pytest.fixture
def loft() -> Iterator[Odd]:
    with Odd() as made:
        yield made


@pytest.fixture
def ben(loft: Loft) -> Member:
    return loft.add_member("Ben Ode", fields={"Card": OLD, "Shoe size": "43"})


def by_field(loft: Loft, form: str = "dec10") -> Cobot:
    return cobot_at(loft, cards=[{"source": "field:Card", "format": form}])


def puts(loft: Loft) -> list[Any]:
    return [request.json() for request in loft.requests if request.method == "PUT"]


class TestTokens:
    def test_it_is_written_as_cobot_writes_cards(self, loft: Loft, ben: Member) -> None:
        assert cobot_at(loft).register_card(ben.id, CARD) == "its check-in tokens"
        assert loft.space.tokens == [(NUMBER, ben.id)]
        (request,) = (r for r in loft.requests if r.method == "POST")
        assert request.json() == {"membership_id": ben.id, "token": NUMBER}

    def test_a_second_time_nothing_is_sent(self, loft: Loft, ben: Member) -> None:
        for _ in range(2):
            cobot_at(loft).register_card(ben.id, CARD)
        assert posts(loft) == ["/api/check_in_tokens"]

    def test_a_former_members_card_is_theirs_still(self, loft: Loft, ben: Member) -> None:
        loft.add_member("Zoe Gone", cards=[NUMBER], confirmed=False)
        with pytest.raises(Taken, match="card …002A is Zoe Gone's at harbour"):
            cobot_at(loft).register_card(ben.id, CARD)
        assert posts(loft) == []

    def test_a_number_that_would_be_read_as_a_pin_is_refused(self, loft: Loft, ben: Member) -> None:
        cards = [{"source": "tokens", "format": form} for form in ("pin", "dec8")]
        with pytest.raises(DoorwardError, match="cannot be written in any format"):
            cobot_at(loft, cards=cards).register_card(ben.id, "24:01E240")
        assert posts(loft) == []

    @pytest.mark.parametrize("card", ["40:000000002A", "text:ABC-1", "pin:471108"])
    def test_what_has_no_way_to_be_written_is_refused(
        self, loft: Loft, ben: Member, card: str
    ) -> None:
        with pytest.raises(DoorwardError, match="doorward cards match"):
            cobot_at(loft).register_card(ben.id, card)
        assert posts(loft) == []

    @pytest.mark.parametrize("status", [403, 404, 405])
    def test_where_it_may_not_be_written_staff_must(
        self, loft: Loft, ben: Member, status: int
    ) -> None:
        loft.fault = Fault("status", "tokens", method="POST", status=status)
        with pytest.raises(ByHand) as caught:
            cobot_at(loft).register_card(ben.id, CARD)
        assert caught.value.entry.endswith(f"add the token {NUMBER}")
        assert NUMBER not in str(caught.value)

    def test_cobots_own_words_are_told_without_the_number(self, loft: Odd, ben: Member) -> None:
        loft.says = f"{NUMBER} is too short"
        with pytest.raises(DoorwardError, match="refuses the card: token: …0042 is too short"):
            cobot_at(loft).register_card(ben.id, CARD)

    def test_how_a_token_is_removed_is_said_not_done(self, loft: Loft, ben: Member) -> None:
        loft.space.tokens.append((NUMBER, ben.id))
        with pytest.raises(ByHand) as caught:
            cobot_at(loft).remove_card(ben.id, hash_of(CARD))
        assert caught.value.entry.endswith(f"remove the token {NUMBER}")

    def test_a_visitor_has_no_card(self, loft: Loft) -> None:
        with pytest.raises(DoorwardError, match="a visitor has a PIN"):
            cobot_at(loft).register_card("visitor:bk-1", CARD)


class TestACustomField:
    def test_all_fields_are_sent_and_one_is_changed(self, loft: Loft, ben: Member) -> None:
        assert by_field(loft).register_card(ben.id, CARD) == "the custom field 'Card'"
        assert puts(loft) == [
            {
                "fields": [
                    {"id": "cf-0", "label": "Card", "value": f"{OLD}, {NUMBER}"},
                    {"id": "cf-1", "label": "Shoe size", "value": "43"},
                ]
            }
        ]

    def test_an_empty_one_holds_the_number_alone(self, loft: Loft, ben: Member) -> None:
        ben.fields["Card"] = None
        by_field(loft).register_card(ben.id, CARD)
        assert ben.fields["Card"] == NUMBER

    def test_numbers_with_a_comma_inside_are_kept_apart(self, loft: Loft, ben: Member) -> None:
        ben.fields["Card"] = "001,00099"
        by_field(loft, "3-5").register_card(ben.id, "24:7B3972")
        assert ben.fields["Card"] == "001,00099; 123,14706"

    def test_the_old_number_alone_is_taken_out(self, loft: Loft, ben: Member) -> None:
        ben.fields["Card"] = f"{OLD}; {NUMBER}"
        assert by_field(loft).remove_card(ben.id, hash_of("32:00000063"))
        assert ben.fields == {"Card": NUMBER, "Shoe size": "43"}
        assert by_field(loft).remove_card(ben.id, hash_of("32:00000063")) == ""

    def test_a_member_without_the_field_is_for_staff(self, loft: Loft) -> None:
        zoe = loft.add_member("Zoe Null")
        with pytest.raises(ByHand, match="has no custom field 'Card'"):
            by_field(loft).register_card(zoe.id, CARD)

    @pytest.mark.parametrize("status", [400, 403, 404, 405, 422])
    def test_a_refusal_is_for_staff(self, loft: Loft, ben: Member, status: int) -> None:
        loft.fault = Fault("status", FIELDS, method="PUT", status=status)
        with pytest.raises(ByHand) as caught:
            by_field(loft).register_card(ben.id, CARD)
        assert caught.value.entry == f"Cobot, the member's custom field 'Card': add {NUMBER}"
        assert ben.fields["Card"] == OLD

    @pytest.mark.parametrize("kind", ["late_status", "lose_answer", "truncate"])
    def test_a_lost_answer_is_looked_up(self, loft: Loft, ben: Member, kind: Any) -> None:
        loft.fault = Fault(kind, FIELDS, method="PUT", times=1, status=503)
        by_field(loft).register_card(ben.id, CARD)
        assert ben.fields["Card"] == f"{OLD}, {NUMBER}"
        assert len(puts(loft)) == 1

    def test_a_failure_is_told(self, loft: Loft, ben: Member) -> None:
        loft.fault = Fault("status", FIELDS, method="PUT", times=1, status=503)
        with pytest.raises(Unavailable):
            by_field(loft).register_card(ben.id, CARD)
        assert ben.fields["Card"] == OLD

    def test_fields_that_are_lost_on_the_way_are_noticed(self, loft: Odd, ben: Member) -> None:
        loft.drops = "Shoe size"
        with pytest.raises(BadReply, match="other custom fields of member"):
            by_field(loft).register_card(ben.id, CARD)


def hash_of(canonical: str) -> bytes:
    """As a platform without a device key hashes in these tests."""
    return card_hash(b"", canonical)


@pytest.mark.parametrize("kind", PLATFORMS)
def test_every_platform_says_what_becomes_of_a_card(kind: str) -> None:
    from importlib import import_module

    module, _, name = PLATFORMS[kind].partition(":")
    platform = getattr(import_module(module), name)
    assert callable(platform.register_card)
    assert callable(platform.remove_card)
    assert platform.capabilities.enrols == (kind == "cobot")
