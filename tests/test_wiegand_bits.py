"""Wiegand bits and edges: published frames, every single wrong bit, edges in any order, noise."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.wiegand_bits import FORMATS, decoded, key, written
from hw.wiegand_edges import MOST, Edge, Frame, Framer
from tests.edges import GAP, SPACING, Stamp, framed, stamps

CARD = "00111101100111001011100101"  # printed 123,14706
NOISE = 100_000  # nanoseconds; closer bits are noise


def corporate(company: int, number: int) -> str:
    """A Corporate 1000 frame, its parity written out bit for bit (counted from 1)."""
    bits = dict(enumerate(f"{company:012b}{number:020b}", start=3))
    even = (3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19, 21, 22, 24, 25, 27, 28, 30, 31, 33, 34)
    bits[2] = str(sum(bits[bit] == "1" for bit in even) % 2)
    odd = (2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 20, 21, 23, 24, 26, 27, 29, 30, 32, 33)
    bits[35] = str(1 - sum(bits[bit] == "1" for bit in odd) % 2)
    bits[1] = str(1 - sum(bits[bit] == "1" for bit in range(2, 36)) % 2)
    return "".join(bits[bit] for bit in range(1, 36))


def flipped(bits: str, place: int) -> str:
    return f"{bits[:place]}{'10'[int(bits[place])]}{bits[place + 1 :]}"


def payloads(*lengths: int) -> st.SearchStrategy[str]:
    """Payloads that could be a card's: neither all zeros nor all ones."""
    return st.sampled_from(lengths).flatmap(
        lambda bits: st.integers(1, 2**bits - 2).map(lambda value: f"{value:0{bits}b}")
    )


class TestFormats:
    @pytest.mark.parametrize(
        ("bits", "text", "what"),
        [
            (CARD, "24:7B3972", "H10301, 26 bits: facility 123, number 14706"),
            (
                "0000000000111101100111001011100101",
                "32:007B3972",
                "H10306, 34 bits: facility 123, number 14706",
            ),
            (
                "1000001001101001000000110000001110011",
                "35:026903039",
                "H10304, 37 bits: facility 1234, number 12345; or H10302: number 646983737",
            ),
            (
                "1000000001110101101111001101000101011",
                "35:0075BCD15",
                "H10304, 37 bits: facility 235, number 249109; or H10302: number 123456789",
            ),
            (
                corporate(3522, 123456),
                "32:DC21E240",
                "HID Corporate 1000, 35 bits: facility 3522, number 123456",
            ),
        ],
    )
    def test_published_frames_are_understood(self, bits: str, text: str, what: str) -> None:
        card = decoded(bits)
        assert (card.text, card.refused, card.what) == (text, "", what)

    @given(payloads(24, 32, 35), st.data())
    def test_a_single_wrong_bit_is_refused(self, payload: str, data: st.DataObject) -> None:
        frame = framed(payload)
        assert decoded(frame).text == written(payload)

        wrong = decoded(flipped(frame, data.draw(st.integers(0, len(frame) - 1))))

        assert not wrong.text
        assert wrong.refused

    @given(st.integers(1, 2**12 - 1), st.integers(0, 2**20 - 2), st.integers(0, 34))
    def test_a_single_wrong_bit_of_corporate_1000_is_refused(
        self, company: int, number: int, place: int
    ) -> None:
        frame = corporate(company, number)
        assert decoded(frame).text == f"32:{company << 20 | number:08X}"
        assert "parity is wrong" in decoded(flipped(frame, place)).refused

    def test_says_which_half_is_wrong(self) -> None:
        first = decoded(flipped(CARD, 3)).refused
        second = decoded(flipped(CARD, 20)).refused
        assert first == "parity is wrong: first half (even, bits 1-13)"
        assert second == "parity is wrong: second half (odd, bits 14-26)"

    @given(payloads(24, 32))
    def test_exchanged_wires_are_recognised(self, payload: str) -> None:
        turned = framed(payload).translate({48: "1", 49: "0"})
        assert "D0 and D1 exchanged" in decoded(turned).refused

    def test_a_card_of_37_bits_needs_both_overlapping_parities(self) -> None:
        overlapping = flipped("1000001001101001000000110000001110011", 18)
        assert decoded(overlapping).refused.count("half") == 2

    @pytest.mark.parametrize("count", [26, 34, 35, 37])
    def test_a_line_that_is_stuck_is_no_card(self, count: int) -> None:
        assert decoded("0" * count).refused == "all zeros: is D1 connected?"
        assert decoded("1" * count).refused == "all ones: is D0 connected?"

    def test_an_empty_or_full_payload_is_no_card_though_its_parity_is_right(self) -> None:
        assert decoded(framed("0" * 24)).refused == "payload: all zeros: is D1 connected?"
        assert decoded(framed("1" * 24)).refused == "payload: all ones: is D0 connected?"

    @given(st.text("01", max_size=200))
    def test_other_lengths_are_refused_and_say_what_is_taken(self, bits: str) -> None:
        if str(len(bits)) not in FORMATS:
            assert decoded(bits).refused == (
                f"{len(bits)} bits; this reader is set to take 26, 34, 35, 37"
            )

    def test_a_format_that_is_not_set_is_a_wrong_count(self) -> None:
        assert (
            decoded(CARD, ["34"], [32]).refused == "26 bits; this reader is set to take 34, 32 raw"
        )
        assert not decoded(CARD, [], [32]).text

    @pytest.mark.parametrize(
        ("bits", "text"),
        [("10" * 8, "16:AAAA"), ("0" * 32 + "1", "33:000000001"), ("01" * 64, "128:" + "5" * 32)],
    )
    def test_raw_lengths_are_given_whole(self, bits: str, text: str) -> None:
        assert decoded(bits, [], [len(bits)]).text == text

    def test_a_raw_length_is_refused_if_it_is_monotonous_or_no_card(self) -> None:
        assert "all zeros" in decoded("0" * 32, [], [32]).refused
        assert "16 to 128" in decoded("01" * 7, [], [14]).refused

    def test_what_was_decoded_does_not_show_itself(self) -> None:
        assert "7B3972" not in repr(decoded(CARD))
        assert "14706" not in repr(decoded(CARD))


class TestKeys:
    def test_four_bits_are_a_key(self) -> None:
        keys = [key(f"{value:04b}") for value in range(16)]
        assert keys == [*"0123456789*#", "", "", "", ""]

    def test_eight_bits_are_a_key_if_their_first_half_is_the_complement(self) -> None:
        codes = "F0 E1 D2 C3 B4 A5 96 87 78 69 5A 4B"
        assert "".join(key(f"{int(code, 16):08b}") for code in codes.split()) == "0123456789*#"
        right = {f"{int(code, 16):08b}" for code in codes.split()}
        assert not any(key(f"{value:08b}") for value in range(256) if f"{value:08b}" not in right)


def numbered(edges: list[Stamp]) -> list[Edge]:
    """With the numbers that the kernel gives them, in order of time."""
    return [Edge(edge.at, edge.bit, number) for number, edge in enumerate(sorted(edges), start=1)]


def told(framer: Framer, chunks: list[list[Edge]]) -> list[Frame]:
    return [frame for chunk in chunks for frame in framer.feed(chunk)] + framer.silence()


def sent(*frames: str, spacing: int = SPACING, pause: int = GAP + SPACING) -> list[list[Edge]]:
    """Frames one after the other, each as its edges."""
    begins = accumulate((len(bits) * spacing + pause for bits in frames), initial=0)
    edges = numbered(
        [
            edge
            for bits, begin in zip(frames, begins, strict=False)
            for edge in stamps(bits, begin, spacing)
        ]
    )
    ends = [*accumulate(len(bits) for bits in frames)]
    return [edges[end - len(bits) : end] for bits, end in zip(frames, ends, strict=True)]


class TestFramer:
    @given(st.lists(st.text("01", min_size=1, max_size=MOST), max_size=5), st.data())
    def test_neither_chunks_nor_the_order_within_a_frame_matter(
        self, frames: list[str], data: st.DataObject
    ) -> None:
        shuffled = [edge for each in sent(*frames) for edge in data.draw(st.permutations(each))]
        cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=6)))
        ends = [*cuts, len(shuffled)]
        chunks = [shuffled[a:b] for a, b in zip([0, *cuts], ends, strict=True)]

        heard = told(Framer(GAP, NOISE), chunks)

        assert [(frame.bits, frame.refused) for frame in heard] == [(bits, "") for bits in frames]

    def test_a_frame_comes_as_soon_as_the_next_one_shows_that_it_ended(self) -> None:
        framer = Framer(GAP, NOISE)
        first, second = sent(CARD, "0101")
        assert framer.feed(first) == []
        assert framer.waiting
        assert [frame.bits for frame in framer.feed(second[:1])] == [CARD]

    def test_silence_ends_a_frame_once(self) -> None:
        framer = Framer(GAP, NOISE)
        assert framer.silence() == []
        framer.feed(sent(CARD)[0])
        assert [frame.bits for frame in framer.silence()] == [CARD]
        assert framer.silence() == []
        assert not framer.waiting

    @given(st.integers(0, 25))
    def test_a_frame_with_a_lost_edge_is_refused_and_the_next_is_read(self, lost: int) -> None:
        first, second = sent(CARD, CARD)
        del first[lost]

        heard = told(Framer(GAP, NOISE), [[*first, *second]])

        assert len(heard) == 2
        assert sum("lost" in frame.refused for frame in heard) == 1
        # Of an edge lost at the very end only the next frame's number can tell.
        assert bool(heard[1].refused) is (lost == 25)
        assert not decoded(heard[0].bits).text

    def test_an_edge_that_comes_after_its_frame_spoils_it(self) -> None:
        first, second, third = sent(CARD, CARD, CARD)
        late = first.pop(20)

        heard = told(Framer(GAP, NOISE), [first, second[:1], [late], second[1:], third])

        assert [frame.bits for frame in heard if not frame.refused] == [CARD, CARD]
        assert len(heard) == 4

    @given(st.text("01", min_size=2, max_size=MOST), st.integers(0, NOISE - 1), st.data())
    def test_bits_faster_than_any_reader_are_noise(
        self, bits: str, between: int, data: st.DataObject
    ) -> None:
        place = data.draw(st.integers(1, len(bits) - 1))
        edges = stamps(bits)
        late = [Stamp(edge.at - SPACING + between, edge.bit) for edge in edges[place:]]

        (frame,) = told(Framer(GAP, NOISE), [numbered([*edges[:place], *late])])

        assert "so it is noise" in frame.refused

    def test_bits_as_close_as_allowed_are_taken(self) -> None:
        (frame,) = told(Framer(GAP, NOISE), sent(CARD, spacing=NOISE))
        assert (frame.bits, frame.refused) == (CARD, "")

    @given(
        st.lists(
            st.tuples(st.integers(0, GAP), st.integers(0, 1)), min_size=MOST + 1, max_size=1000
        ),
        st.integers(1, 400),
    )
    def test_a_flood_of_noise_yields_no_card_and_is_told_once(
        self, flood: list[tuple[int, int]], chunk: int
    ) -> None:
        times = accumulate(step for step, _ in flood)
        stamped = [Stamp(at, bit) for at, (_, bit) in zip(times, flood, strict=True)]
        edges = numbered(stamped)
        framer = Framer(GAP, NOISE)
        chunks = [edges[begin : begin + chunk] for begin in range(0, len(edges), chunk)]

        heard = told(framer, chunks)

        assert [frame.refused.split(":")[0] for frame in heard] == [
            f"more than {MOST} bits without a pause"
        ]

    def test_what_follows_a_flood_is_read(self) -> None:
        flood, card = sent("01" * 300, CARD)
        heard = told(Framer(GAP, NOISE), [flood[:50], flood[50:], card])
        assert [frame.bits for frame in heard if not frame.refused] == [CARD]

    def test_a_flood_keeps_little(self) -> None:
        framer = Framer(GAP, NOISE)
        (flood,) = sent("01" * 5000)
        for edge in flood:
            framer.feed([edge])
        assert len(framer.__dict__["_edges"]) <= MOST
