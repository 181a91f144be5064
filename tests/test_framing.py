"""Bytes become frames, however they arrive; what is not exactly right is refused and says why."""

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hw.framing import LONGEST, Frame, Framer, Lines, Stx

RDM6300 = b"\x026F007B39725F\x03"
ID12 = b"\x026F007B39725F\r\n\x03"
MAKERS: list[Callable[[], Framer]] = [Lines, Stx]
SPEEDS = (1200, 2400, 4800, 9600, 14400, 19200, 38400, 57600, 115200)  # bits per second

# Bytes as lines carry them, and such as nobody expects.
pieces = st.sampled_from(
    [
        RDM6300,
        ID12,
        b"\x02",
        b"\x03",
        b"\r",
        b"\n",
        b"\r\n",
        b"0008075634\r\n",
        b"6F00",
        b"\x00\xff",
    ]
)
streams = st.lists(pieces | st.binary(max_size=90), max_size=8).map(b"".join)


def texts(frames: list[Frame]) -> list[str]:
    assert not any(frame.refused for frame in frames), frames
    return [frame.text for frame in frames]


def refusal(frames: list[Frame]) -> str:
    (frame,) = frames
    assert frame.text == ""
    assert frame.refused
    return frame.refused


class TestLines:
    @pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\r\n\n"])
    def test_any_line_end_will_do(self, end: bytes) -> None:
        assert texts(Lines().feed(b"0008075634" + end + b"123,14706" + end)) == [
            "0008075634",
            "123,14706",
        ]

    def test_the_text_is_as_it_was_sent(self) -> None:
        assert texts(Lines().feed(b" 6f:00 ~x \n")) == [" 6f:00 ~x "]

    def test_a_pause_does_not_end_a_line(self) -> None:
        lines = Lines()
        assert lines.feed(b"00080") == []
        assert lines.feed(b"") == []
        assert texts(lines.feed(b"75634\r")) == ["0008075634"]

    @pytest.mark.parametrize("noise", [b"\x00", b"\x7f", b"\xff", b"\t", b"\x1b"])
    def test_a_line_with_noise_is_refused_not_repaired(self, noise: bytes) -> None:
        lines = Lines()

        assert f"{noise[0]:02X}" in refusal(lines.feed(b"00080" + noise + b"75634\r\n"))
        assert texts(lines.feed(b"0008075634\r\n")) == ["0008075634"]

    @pytest.mark.parametrize("sent", [ID12, RDM6300 + b"\r\n"])
    def test_a_reader_that_frames_by_stx_gives_itself_away(self, sent: bytes) -> None:
        assert 'framing = "stx"' in Lines().feed(sent * 2)[0].refused

    def test_the_longest_line_passes_and_one_byte_more_is_refused_once(self) -> None:
        lines = Lines()
        assert texts(lines.feed(b"7" * LONGEST + b"\n")) == ["7" * LONGEST]

        assert "no end of line" in refusal(lines.feed(b"7" * 1000 + b"\n"))
        assert texts(lines.feed(b"0008075634\n")) == ["0008075634"]


class TestStx:
    @pytest.mark.parametrize("sent", [RDM6300, ID12])
    def test_gives_the_forty_bits_of_the_tag(self, sent: bytes) -> None:
        assert texts(Stx().feed(sent * 3)) == ["6F007B3972"] * 3

    def test_a_wrong_checksum_is_refused(self) -> None:
        stx = Stx()
        assert "checksum 5E is wrong" in refusal(stx.feed(b"\x026F007B39725E\x03"))
        assert texts(stx.feed(RDM6300)) == ["6F007B3972"]

    @pytest.mark.parametrize("place", range(1, 13))
    def test_no_digit_can_be_garbled_unnoticed(self, place: int) -> None:
        garbled = bytearray(RDM6300)
        garbled[place] = ord("1") if garbled[place] != ord("1") else ord("2")
        assert refusal(Stx().feed(bytes(garbled)))

    def test_clones_with_wrong_checksums_can_be_let_through(self) -> None:
        lenient = Stx(require_checksum=False)
        assert texts(lenient.feed(b"\x026F007B397200\x03")) == ["6F007B3972"]
        assert refusal(lenient.feed(b"\x026F007B3972\x03"))

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"6F007B39725",
            b"6F007B39725F0",
            b"6F007B39725G",
            b"+F007B39725F",
            b"6F007B3972 5",
            b"6F007B39725F\n",
            b"6F007B39725F\r\n\r\n",
            b"6F\r\n007B39725F",
            b"6F007B3972\xb5\xc6",
        ],
    )
    def test_anything_but_twelve_hex_digits_is_refused(self, body: bytes) -> None:
        for stx in (Stx(), Stx(require_checksum=False)):
            assert refusal(stx.feed(b"\x02" + body + b"\x03"))
            assert texts(stx.feed(RDM6300)) == ["6F007B3972"]

    def test_a_frame_cut_off_by_the_next_does_not_spoil_it(self) -> None:
        cut, whole = Stx().feed(b"\x026F007B" + RDM6300)
        assert "cut off" in cut.refused
        assert whole.text == "6F007B3972"

    def test_noise_between_frames_is_shown_and_does_no_harm(self) -> None:
        first, noise, second = Stx().feed(RDM6300 + b"\xff\x00" + RDM6300)
        assert (first.text, second.text) == ("6F007B3972", "6F007B3972")
        assert "outside a frame" in noise.refused
        assert noise.raw == b"\xff\x00"

    def test_a_reader_that_sends_lines_gives_itself_away(self) -> None:
        assert 'framing = "lines"' in refusal(Stx().feed(b"0008075634\r\n"))

    def test_a_frame_without_end_is_given_up(self) -> None:
        endless, *rest = Stx().feed(b"\x02" + b"6" * (LONGEST + 1))
        assert "no ETX" in endless.refused
        assert not rest


@pytest.mark.parametrize("make", MAKERS)
class TestEveryFramer:
    @given(stream=streams, cuts=st.lists(st.integers(min_value=1, max_value=40)))
    @example(stream=ID12 + b"\xff" + RDM6300, cuts=[1] * 31)
    def test_cutting_the_stream_changes_nothing(
        self, make: Callable[[], Framer], stream: bytes, cuts: list[int]
    ) -> None:
        whole, pieced = make(), make()
        frames, at = [], 0
        for cut in [*cuts, len(stream)]:
            frames += pieced.feed(stream[at : at + cut])
            at += cut

        assert frames == whole.feed(stream)
        assert (pieced.accepted, pieced.refused) == (whole.accepted, whole.refused)

    @given(stream=streams)
    def test_every_frame_is_good_or_says_why_not_and_is_counted(
        self, make: Callable[[], Framer], stream: bytes
    ) -> None:
        framer = make()
        frames = framer.feed(stream)

        assert all(bool(frame.text) != bool(frame.refused) for frame in frames)
        assert all(len(frame.raw) <= LONGEST + 1 for frame in frames)
        assert framer.accepted == sum(1 for frame in frames if frame.text)
        assert framer.refused == sum(1 for frame in frames if frame.refused)

    @given(garbage=streams)
    def test_a_card_after_any_garbage_is_read(
        self, make: Callable[[], Framer], garbage: bytes
    ) -> None:
        framer = make()
        framer.feed(garbage + b"\n")
        card = b"6F007B3972\n" if isinstance(framer, Lines) else RDM6300
        assert framer.feed(card)[-1].text == "6F007B3972"

    @pytest.mark.parametrize("junk", [b"7" * 1024, b"\x02" + b"7" * 1023, b"\x00\xff" * 512])
    def test_endless_junk_takes_no_memory(self, make: Callable[[], Framer], junk: bytes) -> None:
        framer = make()
        framer.feed(junk)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(50):
                framer.feed(junk)
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert after - before < 4096

    def test_a_frame_does_not_print_the_number(self, make: Callable[[], Framer]) -> None:
        for sent in (RDM6300, ID12, b"6F007B3972\n", b"6F007B3972\xff\n"):
            assert "7B3972" not in repr(make().feed(sent))


class TestSilence:
    @pytest.mark.parametrize(
        ("make", "half", "rest"),
        [(Lines, b"00080", b"75634\r\n"), (Stx, b"\x026F007B", b"39725F\x03")],
    )
    def test_two_halves_with_a_silence_between_never_become_one(
        self, make: Callable[[], Framer], half: bytes, rest: bytes
    ) -> None:
        framer = make()
        assert not framer.waiting
        for count in range(1, 61):
            assert framer.feed(half) == []
            assert framer.waiting
            assert "within 2 s" in refusal(framer.silence())
            assert (framer.waiting, framer.refused) == (False, count)
            assert framer.silence() == []

        assert all(frame.refused for frame in framer.feed(rest))

    def test_after_a_line_that_was_cut_off_the_next_is_not_believed_and_the_one_after_is(
        self,
    ) -> None:
        lines = Lines()
        lines.feed(b"00080")
        lines.silence()
        assert "present it again" in refusal(lines.feed(b"75634\r\n"))
        assert texts(lines.feed(b"0008075634\r\n")) == ["0008075634"]

    def test_a_flood_without_end_is_over_when_it_stops(self) -> None:
        for framer, card in ((Lines(), b"0008075634\r"), (Stx(), RDM6300)):
            assert "within 64 bytes" in refusal(framer.feed(b"\x02" + b"0" * 70)[:1])
            framer.silence()
            assert len(texts(framer.feed(card))) == 1

    def test_noise_that_ends_is_told(self) -> None:
        stx = Stx()
        stx.feed(b"noise")
        assert "no STX" in refusal(stx.silence())


class TestWrongSpeed:
    @pytest.mark.parametrize("heard", SPEEDS)
    @pytest.mark.parametrize("sent", SPEEDS)
    def test_a_tag_sent_at_another_speed_is_never_a_card(self, sent: int, heard: int) -> None:
        framer = Stx()
        frames = framer.feed(misheard(RDM6300 * 20, sent, heard)) + framer.silence()
        cards = {frame.text for frame in frames if not frame.refused}
        assert cards == ({"6F007B3972"} if sent == heard else set())

    @pytest.mark.parametrize("heard", SPEEDS)
    @pytest.mark.parametrize("sent", SPEEDS)
    def test_nor_is_a_line_the_card_it_was(self, sent: int, heard: int) -> None:
        lines = Lines()
        frames = lines.feed(misheard(b"0008075634\r\n" * 20, sent, heard)) + lines.silence()
        assert ("0008075634" in {frame.text for frame in frames}) is (sent == heard)


def misheard(data: bytes, sent: int, heard: int) -> bytes:
    """What a UART makes of bytes, 8N1, that came at another speed (both in bits per second)."""
    levels = [1] * 20
    for byte in data:
        levels += [0, *(byte >> bit & 1 for bit in range(8)), 1]
    levels += [1] * 20
    got, at, step = bytearray(), 0.0, sent / heard

    def level(place: float) -> int:
        return levels[int(place)] if place < len(levels) else 1

    while at < len(levels):
        if level(at):
            at += step / 16  # as UARTs do, it looks sixteen times in a bit
            continue
        bits = [level(at + (1.5 + bit) * step) for bit in range(9)]
        if bits[8]:  # without a stop bit the kernel hands on nothing, or a zero
            got.append(sum(bit << place for place, bit in enumerate(bits[:8])))
        at += 9.5 * step
    return bytes(got)
