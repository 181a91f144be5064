"""A sealed file gives back what went in, to whoever knows the passphrase, or nothing at all."""

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import StoreError
from controller.sealing import PIECE, Sealer, Unsealer, weakness

PHRASE = "correct horse battery staple"
CHEAP = {"n": 2, "r": 8, "p": 2}
NAME = Path("house.backup")
SIZES = (0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE)


def sealed(content: bytes, phrase: str = PHRASE) -> bytes:
    file = BytesIO()
    sealer = Sealer(file, phrase, CHEAP)
    for at in range(0, len(content), 50_000):
        sealer.write(content[at : at + 50_000])
    sealer.finish()
    return file.getvalue()


def unsealed(content: bytes, phrase: str = PHRASE) -> bytes:
    plain, file = b"", Unsealer(BytesIO(content), NAME, phrase)
    while piece := file.read(10_000):
        plain += piece
    return plain


@pytest.mark.parametrize("size", SIZES)
def test_comes_back_as_it_was(size: int) -> None:
    content = bytes(i * 7 & 255 for i in range(size))
    assert unsealed(sealed(content)) == content


def test_nothing_of_it_can_be_read_and_no_two_are_alike() -> None:
    one, other = sealed(b"secret" * 100), sealed(b"secret" * 100)
    assert b"secret" not in one
    assert one != other


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(StoreError, match="the passphrase is another one"):
        unsealed(sealed(b"x"), "wrong horse battery staple")


@pytest.mark.parametrize("size", SIZES)
def test_cut_off_anywhere_is_noticed(size: int) -> None:
    whole = sealed(bytes(size))
    head = whole.index(b"}\n") + 2
    ends = {head + n * (PIECE + 16) for n in range(4)} | {0, 10, head - 1, len(whole) - 1}
    for end in ends:
        if end < len(whole):
            with pytest.raises(StoreError):
                unsealed(whole[:end])


def test_pieces_left_out_moved_or_added_are_noticed() -> None:
    whole = sealed(bytes(3 * PIECE))
    head, size = whole.index(b"}\n") + 2, PIECE + 16
    pieces = [whole[at : at + size] for at in range(head, len(whole), size)]
    for wrong in ([pieces[1], pieces[0], *pieces[2:]], pieces[1:], [*pieces, pieces[-1]]):
        with pytest.raises(StoreError):
            unsealed(whole[:head] + b"".join(wrong))


WHOLE = sealed(b"x" * 200)


@given(st.integers(0, len(WHOLE) * 8 - 1))
def test_any_changed_bit_is_noticed(bit: int) -> None:
    changed = bytearray(WHOLE)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(StoreError):
        unsealed(bytes(changed))


def test_a_file_cannot_ask_for_endless_work() -> None:
    head = b'{"format": 1, "kdf": "scrypt", "n": 2, '
    for greedy in (b'"n": 1073741824, ', b'"n": -2, ', b'"n": 3, ', b'"n": null, '):
        with pytest.raises(StoreError, match="its head"):
            unsealed(WHOLE.replace(head, head.replace(b'"n": 2, ', greedy)))


@pytest.mark.parametrize("weak", ["", "short", "aaaaaaaaaaaaaaaaaaaa", "12121212121212"])
def test_weak_passphrases_are_told(weak: str) -> None:
    assert weakness(weak)
    assert not weakness(PHRASE)
