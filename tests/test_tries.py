"""Wrong PINs: how long nobody is heard, whose count it is, what a restart makes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.tries import (
    CODES_EACH,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    TRIES,
    Tried,
    Tries,
    digits_needed,
    keypad,
    person,
)

FRONT, LAB, ADA, BEN = (
    keypad("front", "main"),
    keypad("lab", "main"),
    person("cobot", "ada"),
    person("cobot", "ben"),
)


def wrong(tries: Tries, at: float, *whose: tuple[str, str, str], times: int = 1) -> list[float]:
    """The pauses that begin."""
    told = [tries.note(Tried(whose, False, at)) for _ in range(times)]
    return [pause for begun in told for _, _, pause in begun]


def test_the_pause_doubles_up_to_a_bound_and_a_right_pin_ends_the_count() -> None:
    tries, now, pauses = Tries(), 0.0, []
    for _ in range(TRIES + 30):
        wrong(tries, now, FRONT)
        pauses.append(tries.silent_for([FRONT], now))
        now += pauses[-1]
    assert pauses[: TRIES - 1] == [0.0] * (TRIES - 1)
    assert pauses[TRIES - 1 : TRIES + 3] == [FIRST_PAUSE * n for n in (1, 2, 4, 8)]
    assert set(pauses[TRIES + 3 :]) == {LONGEST_PAUSE}
    tries.note(Tried((FRONT,), True, now))
    assert wrong(tries, now, FRONT) == []
    assert tries.silent_for([FRONT], now) == 0.0


def test_who_tries_all_day_gets_few_tries() -> None:
    tries, now, times = Tries(), 0.0, 0
    while now < 86_400:
        if not tries.silent_for([FRONT], now):
            times += 1
            wrong(tries, now, FRONT)
        now += 1
    assert times <= TRIES + 4 + 86_400 / LONGEST_PAUSE


def test_each_keypad_and_each_person_has_a_count_of_their_own() -> None:
    tries = Tries()
    assert wrong(tries, 0.0, FRONT, ADA, times=TRIES - 1) == []
    assert wrong(tries, 0.0, LAB, ADA) == [FIRST_PAUSE], "hers alone, whatever the keypad"
    assert tries.silent_for([LAB, ADA], 0.0) == FIRST_PAUSE
    assert tries.silent_for([LAB, BEN], 0.0) == tries.silent_for([FRONT], 0.0) == 0.0
    assert tries.standing(FIRST_PAUSE / 2) == {ADA: FIRST_PAUSE / 2}
    assert tries.standing(FIRST_PAUSE) == {}


def test_a_right_pin_clears_nobody_elses_count() -> None:
    tries = Tries()
    wrong(tries, 0.0, FRONT, ADA, times=TRIES - 1)
    tries.note(Tried((FRONT, BEN), True, 0.0))
    assert wrong(tries, 0.0, FRONT, ADA) == [FIRST_PAUSE]


COUNTED = st.builds(
    Tried,
    st.sampled_from([(FRONT,), (FRONT, ADA), (LAB, ADA), (LAB, BEN)]),
    st.sampled_from([False, False, False, False, True]),
    st.just(0.0),
)


@given(st.lists(COUNTED, max_size=60), st.floats(0, 2000))
def test_what_is_recalled_counts_as_before(past: list[Tried], later: float) -> None:
    lived, recalled = Tries(), Tries()
    for tried in past:
        lived.note(tried)
    recalled.recall(past)
    for who in (FRONT, LAB, ADA, BEN):
        wait = lived.silent_for([who], later)
        assert recalled.silent_for([who], later) == wait <= LONGEST_PAUSE


@pytest.mark.parametrize(
    ("pins", "duress", "digits"),
    [
        (0, False, 0),
        (1, False, 3),
        (2, False, 4),
        (10, False, 4),
        (11, False, 5),
        (5, True, 4),
        (6, True, 5),
        (100, False, 5),
        (1000, False, 6),
        (250_000, False, 9),
    ],
)
def test_a_thousand_codes_for_each_pin(pins: int, duress: bool, digits: int) -> None:
    assert digits_needed(pins, duress=duress) == digits
    assert 10**digits >= pins * CODES_EACH * (1 + duress) or pins == 0
