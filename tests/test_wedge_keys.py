"""What is made of the keys of a reader that pretends to be a keyboard."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.input_events import EVENT, Event, Events
from hw.wedge_keys import LAYOUTS, LONGEST, SILENCE, Typed, Typist
from tests.wedges import (
    CAPS,
    DROPPED,
    ENTER,
    KEY,
    KEYPAD_ENTER,
    LEFT_SHIFT,
    MSC,
    REPORT,
    RIGHT_SHIFT,
    SYN,
    TAB,
    Stroke,
    shifted,
    stroke,
    typed,
)

STEP = 0.001  # seconds between two events


def lines(layout: str, *strokes: list[Stroke], begin: float = 0.0) -> list[Typed]:
    """What a typist makes of these strokes, and of the silence after them."""
    typist = Typist(layout)
    events = [event for each in strokes for event in each]
    made = [
        line
        for place, event in enumerate(events)
        for line in typist.feed(Event(begin + place * STEP, *event))
    ]
    return made + typist.silence()


def texts(layout: str, *strokes: list[Stroke]) -> list[str]:
    return [line.text for line in lines(layout, *strokes)]


class TestLayouts:
    @pytest.mark.parametrize(
        ("layout", "text", "codes"),
        [
            ("us", "0123456789", [11, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
            ("us", "abcdef", [30, 48, 46, 32, 18, 33]),
            ("us", "yz-;", [21, 44, 12, 39]),
            ("uk", "0019af#'", [11, 11, 2, 10, 30, 33, 43, 40]),
            ("de", "0019af", [11, 11, 2, 10, 30, 33]),
            ("de", "yz-", [44, 21, 53]),
            ("fr", "aqwzm", [16, 30, 44, 17, 39]),
        ],
    )
    def test_keys_mean_what_stands_on_them(self, layout: str, text: str, codes: list[int]) -> None:
        assert texts(layout, *(stroke(code) for code in codes), stroke(ENTER)) == [text]

    @pytest.mark.parametrize(
        ("layout", "text", "codes"),
        [
            ("us", "ABCDEF:", [30, 48, 46, 32, 18, 33, 39]),
            ("uk", 'AF@"', [30, 33, 40, 3]),
            ("de", "YZ:;", [44, 21, 52, 51]),
            ("fr", "0123456789", [11, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
            ("fr", "AQWZM./", [16, 30, 44, 17, 39, 51, 52]),
        ],
    )
    def test_with_shift_they_mean_what_stands_above(
        self, layout: str, text: str, codes: list[int]
    ) -> None:
        left = [*(shifted(code) for code in codes), stroke(ENTER)]
        right = [*(shifted(code, RIGHT_SHIFT) for code in codes), stroke(ENTER)]
        assert texts(layout, *left) == texts(layout, *right) == [text]

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_the_keypad_types_digits_everywhere(self, layout: str) -> None:
        codes = [82, 79, 80, 81, 75, 76, 77, 71, 72, 73]
        keys = [*(stroke(code) for code in codes), stroke(KEYPAD_ENTER)]
        assert texts(layout, *keys) == ["0123456789"]

    @pytest.mark.parametrize("layout", LAYOUTS)
    @given(number=st.text("0123456789abcdefABCDEF", min_size=1, max_size=LONGEST))
    def test_every_number_comes_back_from_every_layout(self, layout: str, number: str) -> None:
        assert texts(layout, typed(number, layout)) == [number]

    def test_caps_lock_turns_letters_and_shift_turns_them_back(self) -> None:
        keys = [stroke(CAPS), stroke(30), stroke(2), shifted(30), stroke(CAPS), stroke(30)]
        assert texts("us", *keys, stroke(ENTER)) == ["A1aa"]

    def test_caps_lock_gives_digits_on_azerty(self) -> None:
        keys = [stroke(CAPS), stroke(2), stroke(3), shifted(2), stroke(ENTER)]
        assert texts("fr", *keys) == ["12&"]

    def test_a_reader_with_another_layout_is_refused_not_guessed(self) -> None:
        (line,) = lines("fr", typed("0123", "us"))
        assert not line.text
        assert line.refused == "'à' is in no card number: is layout the reader's own?"

    @pytest.mark.parametrize(
        ("reader", "number", "here"),
        [("fr", "0008075634", "us"), ("us", "4568", "fr"), ("fr", "0008075634", "de")],
    )
    def test_digits_of_another_layout_are_no_card(
        self, reader: str, number: str, here: str
    ) -> None:
        (line,) = lines(here, typed(number, reader))
        assert not line.text
        assert "is layout the reader's own?" in line.refused


class TestTypist:
    def test_only_pressing_counts(self) -> None:
        held = [(KEY, 2, 1), *[(KEY, 2, 2)] * 30, (KEY, 2, 0)]
        assert texts("us", held, stroke(ENTER)) == ["1"]

    def test_an_empty_line_is_nothing(self) -> None:
        assert lines("us", stroke(ENTER), stroke(KEYPAD_ENTER), stroke(CAPS)) == []

    def test_two_lines_are_two_cards(self) -> None:
        assert texts("us", typed("0008075634"), typed("0A00C0FFEE")) == ["0008075634", "0A00C0FFEE"]

    @pytest.mark.parametrize("modifier", [29, 97, 56, 100, 125])
    def test_a_key_with_ctrl_or_alt_is_no_character(self, modifier: int) -> None:
        keys = [(KEY, modifier, 1), *stroke(2), (KEY, modifier, 0)]
        (line,) = lines("us", keys, typed("23"))
        assert "Ctrl or Alt" in line.refused

    def test_a_key_without_a_character_spoils_its_line_alone(self) -> None:
        first, second = lines("us", stroke(2), stroke(TAB), typed("3"), typed("45"))
        assert (first.text, first.raw) == ("", "1<15>3")
        assert "key 15" in first.refused
        assert (second.text, second.refused) == ("45", "")

    def test_what_is_not_ended_is_refused_and_not_put_before_the_next(self) -> None:
        half = lines("us", stroke(2))
        assert [line.refused for line in half] == [
            "no Enter within 0.5 s: let the reader send Enter after the number"
        ]
        typist = Typist("us")
        typist.feed(Event(1.0, KEY, 2, 1))
        late = typist.feed(Event(1.0 + SILENCE + STEP, KEY, 3, 1))
        assert [line.raw for line in late] == ["1"]
        done = typist.feed(Event(2.0, KEY, ENTER, 1))
        assert [line.text for line in done] == ["2"]

    def test_typing_into_the_void_is_told_once_and_keeps_little(self) -> None:
        void = [event for _ in range(5000) for event in stroke(2)]
        typist = Typist("us")
        made = [
            line
            for place, event in enumerate(void)
            for line in typist.feed(Event(place * STEP, *event))
        ]
        assert [line.refused for line in made] == [f"more than {LONGEST} characters without Enter"]
        assert len(made[0].raw) <= LONGEST
        assert typist.feed(Event(len(void) * STEP, KEY, ENTER, 1)) == []

        again = [Event(60 + place * STEP, *event) for place, event in enumerate(typed("4711"))]
        assert [line.text for event in again for line in typist.feed(event)] == ["4711"]

    @pytest.mark.parametrize("before", [0, 12, 30])
    def test_what_the_kernel_dropped_is_never_half_a_card(self, before: int) -> None:
        number = typed("0008075634")
        # Until the next report what comes is what was pressed before the loss.
        dropped = [*number[:before], (SYN, DROPPED, 0), (KEY, 5, 1), (SYN, REPORT, 0)]
        first, second = lines("us", [*dropped, *number[36:]], typed("4711"), begin=100.0)
        assert not first.text
        assert "kernel dropped keys" in first.refused
        assert second.text == "4711"

    def test_shift_that_was_lost_is_not_held_for_ever(self) -> None:
        keys = [(KEY, LEFT_SHIFT, 1), (SYN, DROPPED, 0), (KEY, RIGHT_SHIFT, 1), (SYN, REPORT, 0)]
        assert texts("us", keys, stroke(ENTER), typed("4711")) == ["", "4711"]

    @given(
        st.lists(
            st.tuples(st.sampled_from([SYN, KEY, MSC]), st.integers(0, 300), st.integers(0, 2)),
            max_size=400,
        )
    )
    def test_any_noise_gives_plain_short_text_or_a_reason(self, noise: list[Stroke]) -> None:
        for line in lines("us", noise, [(SYN, REPORT, 0)], stroke(ENTER)):
            assert bool(line.text) is not bool(line.refused)
            assert line.text.isascii()
            assert len(line.text) <= LONGEST

    def test_a_line_does_not_show_itself_in_a_typist(self) -> None:
        typist = Typist("us")
        typist.feed(Event(0.0, KEY, 5, 1))
        assert "'4'" not in repr(typist)


class TestBytes:
    def test_an_event_is_as_long_as_this_process_has_longs(self) -> None:
        assert EVENT.size == 2 * struct.calcsize("l") + 8

    @given(st.lists(st.integers(0, 200), max_size=20))
    def test_chunks_do_not_matter(self, cuts: list[int]) -> None:
        sent = b"".join(EVENT.pack(7, 500_000, KEY, code, 1) for code in range(8))
        events = Events()
        ends = [*sorted(cuts), len(sent)]
        chunks = [sent[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        got = [event for chunk in chunks for event in events.feed(chunk)]
        assert got == [Event(7.5, KEY, code, 1) for code in range(8)]
