"""Cobot's dates, spans, ids and words, in all the forms in which they are met."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import BadReply
from controller.model import Duration, Span
from sync.http import Reply
from sync.platforms.cobot_parse import (
    Row,
    hours,
    member_of,
    moment_text,
    parse_day,
    parse_moment,
    rows,
    words,
)
from sync.simulator.cobot_said import asked_moment, moment
from tests.fakes import MONDAY

NO = BadReply("no")
JSON = st.recursive(
    st.none() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "text",
    [
        "2026/01/05 10:00:00 +0000",
        "2026-01-05 10:00:00 +0000",
        "2026-01-05T10:00:00Z",
        "2026-01-05T10:00Z",
        "2026-01-05T10:00:00.123+00:00",
        "2026/1/5 11:00:00 +0100",
        "2026-01-05 05:00 -0500",
        " 2026/01/05 10:00:00 UTC ",
    ],
)
def test_times_in_all_forms(text: str) -> None:
    assert parse_moment(text, NO) == MONDAY


@pytest.mark.parametrize(
    "value",
    [
        None,
        1767607200,
        "",
        "2026/01/05",
        "2026/01/05 10:00:00",
        "2026/13/05 10:00:00 +0000",
        "2026/01/05 24:00:00 +0000",
        "2026/01/05 10:00:00 +9900",
        "0000/01/05 10:00:00 +0000",
        "9999/12/31 23:59:59 -1200",
        "٢٠٢٦/٠١/٠٥ 10:00:00 +0000",
    ],
)
def test_times_that_are_none(value: object) -> None:
    with pytest.raises(BadReply):
        parse_moment(value, NO)


@given(st.integers(31_536_000, 4_000_000_000))
def test_a_time_survives_the_way_there_and_back(at: int) -> None:
    assert parse_moment(moment_text(at), NO) == at
    assert parse_moment(moment(at), NO) == at
    assert asked_moment(moment_text(at)) == at


@given(st.dates(date(1971, 1, 1), date(8999, 12, 31)), st.sampled_from("/-"))
def test_a_date_is_read_with_slashes_and_dashes(day: date, sign: str) -> None:
    text = day.isoformat().replace("-", sign)
    assert parse_day(text, NO) == day
    assert parse_day(f"{text} 00:00:00 +0000", NO) == day


@given(st.text() | st.integers() | st.none() | st.lists(st.integers(), max_size=2))
def test_anything_else_is_no_date_and_no_time(value: object) -> None:
    for parse in (parse_day, parse_moment):
        try:
            found: object = parse(value, NO)
        except BadReply:
            continue
        assert isinstance(found, date | float)


def test_a_date_with_a_time_of_day_is_no_date() -> None:
    with pytest.raises(BadReply):
        parse_day("2026/01/05 10:00:00 +0000", NO)


# Spans


def window(**fields: Any) -> object:
    (found,) = hours(Row("pass", {"parsed_timespans": [fields]}))
    return found


def clock(start: tuple[object, object], end: tuple[object, object], **more: Any) -> object:
    names = "from_hour", "from_minute", "to_hour", "to_minute"
    return window(**dict(zip(names, start + end, strict=True)), **more)


@pytest.mark.parametrize(
    ("start", "end", "meant"),
    [
        ((9, 0), (17, 30), Span(540, 1050)),
        ((4, 0), (3, 59), Span(240, 239)),
        (("9", "00"), ("17", "30"), Span(540, 1050)),
        ((22, 0), (6, 0), Span(1320, 360)),
        ((4, 0), (4, 0), Span(240, 239)),
        ((0, 0), (0, 0), Span(0, 1439)),
        ((0, 0), (24, 0), Span(0, 1439)),
        ((9, 0), (24, 0), Span(540, 1439)),
        ((9, None), (17, None), Span(540, 1020)),
    ],
)
def test_fixed_spans(start: tuple[object, object], end: tuple[object, object], meant: Span) -> None:
    assert clock(start, end) == meant


@pytest.mark.parametrize(
    ("weekdays", "meant"),
    [([], set()), (None, set()), ([1, 7], {1, 7}), (["2", "3"], {2, 3})],
)
def test_weekdays_are_iso_and_none_means_all(weekdays: object, meant: set[int]) -> None:
    assert clock((9, 0), (17, 0), weekdays=weekdays) == Span(540, 1020, frozenset(meant))


@pytest.mark.parametrize("weekdays", ["123", [0], [8], [True], [1.5], {"1": 2}, [None]])
def test_other_weekdays_are_not_guessed(weekdays: object) -> None:
    with pytest.raises(BadReply, match="weekdays"):
        clock((9, 0), (17, 0), weekdays=weekdays)


def test_durations_may_be_longer_than_a_day() -> None:
    assert window(duration_hours=2, duration_minutes=30) == Duration(150)
    assert window(duration_hours="168", weekdays=[1]) == Duration(10_080, frozenset({1}))
    assert window(duration_minutes=45) == Duration(45)


@pytest.mark.parametrize(
    ("start", "end"),
    [((9, 60), (10, 0)), ((24, 1), (3, 0)), ((-1, 0), (3, 0)), ((9.5, 0), (10, 0))],
)
def test_times_of_day_that_do_not_exist(
    start: tuple[object, object], end: tuple[object, object]
) -> None:
    with pytest.raises(BadReply):
        clock(start, end)


def test_no_spans_at_all_mean_always() -> None:
    assert hours(Row("pass", {})) == ()
    assert hours(Row("pass", {"parsed_timespans": [], "timespans": ""})) == ()
    assert len(hours(Row("p", {"parsed_timespans": [{"duration_hours": n} for n in (1, 2)]}))) == 2


# Records


def test_records_are_called_by_id_or_place() -> None:
    found = rows("pass", [{"id": "a"}, {}, {"id": 3}, {"id": True}])
    assert [row.what for row in found] == ["pass a", "pass number 2", "pass 3", "pass number 4"]


@pytest.mark.parametrize("listed", [None, {}, {"errors": []}, "x", 3])
def test_only_a_list_is_a_list(listed: object) -> None:
    with pytest.raises(BadReply, match="should be a list; the last roster stays in force"):
        list(rows("pass", listed))


@pytest.mark.parametrize(
    ("fields", "whose"),
    [
        ({"membership_id": "a"}, "a"),
        ({"membership_id": 7}, "7"),
        ({"membership_id": None, "membership": {"id": "b"}}, "b"),
        ({"membership": {"url": "https://x.cobot.me/api/memberships/c"}}, "c"),
        ({"membership_url": "https://x.cobot.me/api/memberships/d/"}, "d"),
        ({"membership": "https://x.cobot.me/api/memberships/e?f=1"}, "e"),
        ({"membership": None}, None),
        ({"membership": {"name": "x"}, "url": "https://x.cobot.me/api/time_passes/9"}, None),
        ({}, None),
    ],
)
def test_whose_a_record_is(fields: dict[str, Any], whose: str | None) -> None:
    assert member_of(Row("pass", fields)) == whose


def test_an_error_never_repeats_the_value() -> None:
    with pytest.raises(BadReply) as caught:
        Row("token", {"token": {"x": "04A1B2C3"}}).text("token")
    assert "04A1B2C3" not in str(caught.value)


# Words


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        ({"base": ["No time passes left."]}, "No time passes left."),
        ({"errors": {"base": ["Too", "late"]}}, "Too late"),
        ({"errors": {"base": "Too late"}}, "Too late"),
        ({"errors": {"token": "is unknown"}}, "token: is unknown"),
        ({"errors": ["one", "two"]}, "one two"),
        ({"error": "closed\n today"}, "closed today"),
        (
            {"errors": [{"detail": "No time passes left.", "source": {"pointer": "/data"}}]},
            "No time passes left.",
        ),
        ({"errors": [{"title": "Not found"}]}, "Not found"),
        ({}, "without a reason (422)"),
        ([None, 3], "without a reason (422)"),
        (b"", "without a reason (422)"),
        (b"<html>", "without a reason (422)"),
        ({"error": "x" * 1000}, "x" * 200),
    ],
)
def test_the_words_of_a_refusal(body: object, meant: str) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert words(Reply(422, {}, raw)) == meant


@given(JSON)
def test_there_are_always_words(body: object) -> None:
    said = words(Reply(422, {}, json.dumps(body).encode()))
    assert said
    assert len(said) <= 200


def test_the_moment_of_the_tests_is_what_it_says() -> None:
    assert datetime(2026, 1, 5, 10, tzinfo=UTC).timestamp() == MONDAY
