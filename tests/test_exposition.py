"""The text that Prometheus reads, against the format's own rules."""

import math
import re
from collections.abc import Iterator

import pytest

from sync.exposition import Family, exposed

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*"'
_VALUE = r"(?:[-+]?(?:[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?|Inf)|NaN)"
SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? ({_VALUE})")
HEAD = re.compile(rf"# (HELP|TYPE) ({_NAME}) (.+)")


def parsed(text: str) -> Iterator[tuple[str, str, float]]:
    """Name, labels as written, value of each sample; AssertionError if it is not the format.

    Every family has HELP and TYPE once, then its samples without another between them.
    """
    assert text == "" or text.endswith("\n")
    families: list[str] = []
    kinds: dict[str, set[str]] = {}
    seen: set[tuple[str, str]] = set()
    for line in text.splitlines():
        if head := HEAD.fullmatch(line):
            what, name, words = head.groups()
            assert what not in kinds.setdefault(name, set()), line
            kinds[name].add(what)
            if what == "HELP":
                families.append(name)
            else:
                assert words in ("gauge", "counter"), line
                assert (words == "counter") == name.endswith("_total"), line
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, line
        name, labels, value = sample.groups()
        assert name == families[-1], line
        assert kinds[name] == {"HELP", "TYPE"}, line
        assert (name, labels) not in seen, line
        seen.add((name, labels))
        yield name, labels or "", float(value.replace("Inf", "inf"))
    assert len(families) == len(set(families))


def test_a_family_has_its_head_once_and_each_sample_a_line() -> None:
    doors = Family("x_open", "gauge", "is it open", (({"door": "a"}, 1.0), ({"door": "b"}, 0.0)))
    assert exposed([doors, Family("x_none", "gauge", "nothing", ())]) == (
        '# HELP x_open is it open\n# TYPE x_open gauge\nx_open{door="a"} 1\nx_open{door="b"} 0\n'
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (True, "1"), (1.5, "1.5"), (3e9, "3000000000"), (-2.0, "-2"), (1e300, None)],
)
def test_numbers(value: float, written: str | None) -> None:
    ((_, _, read),) = parsed(text := exposed([Family("x", "gauge", "x", (({}, value),))]))
    assert read == value
    assert written is None or text.endswith(f"x {written}\n")


def test_numbers_that_are_none_or_without_end() -> None:
    odd = (({"n": "1"}, math.nan), ({"n": "2"}, math.inf), ({"n": "3"}, -math.inf))
    lines = exposed([Family("x", "gauge", "x", odd)]).splitlines()[2:]
    assert lines == ['x{n="1"} NaN', 'x{n="2"} +Inf', 'x{n="3"} -Inf']


def test_what_would_end_a_label_or_a_line_is_escaped() -> None:
    nasty = Family("x", "gauge", "a\nb \\ c", (({"door": 'a"b\\c\nd'}, 1.0),))
    text = exposed([nasty])
    assert "# HELP x a\\nb \\\\ c\n" in text
    assert text.endswith('x{door="a\\"b\\\\c\\nd"} 1\n')
    assert len(list(parsed(text))) == 1
