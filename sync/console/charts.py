"""Pictures as shapes: where everything goes, in a plane WIDTH wide. `charts.html` draws them.

They are narrow so that a phone shows them whole and the writing stays large enough to be read.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

WIDTH = 340
_LEFT, _RIGHT = 32, 2  # room for what is written beside
_CELL = 18  # height of a row of the heat map
_HEIGHT = 120  # of the columns
_ROW, _BAR = 34, 12  # a lying bar: with what is written above it, and alone
_FEWEST = 1.5  # width of a band that would hardly be seen


class Box(NamedTuple):
    """A rectangle, and what is told of it. `level`: 0..1, how dark; `sure`: else it is hatched."""

    x: float
    y: float
    width: float
    height: float
    words: str
    level: float = 1.0
    sure: bool = True


class Text(NamedTuple):
    """Something written, on this line; `anchor`: start, middle or end."""

    x: float
    y: float
    words: str
    anchor: str = "start"


class Line(NamedTuple):
    """A thin line across, or down."""

    x1: float
    y1: float
    x2: float
    y2: float


class Chart(NamedTuple):
    """A picture. `tracks`: what lies below the boxes. `head` and `rows`: all of it as a table."""

    height: float
    boxes: tuple[Box, ...]
    texts: tuple[Text, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[Line, ...] = ()
    tracks: tuple[Box, ...] = ()

    @property
    def width(self) -> int:
        return WIDTH


class Item(NamedTuple):
    """One bar: what stands below or above it ("" for nothing), how much, and that in words."""

    label: str
    value: float
    words: str
    name: str  # in the table


class Stretch(NamedTuple):
    """From begin to end, 0..1 of the whole; see `Box`."""

    begin: float
    end: float
    words: str
    sure: bool = True


def heat(
    values: Sequence[Sequence[int]], rows: Sequence[str], columns: Sequence[str], one: str
) -> Chart:
    """A field of squares, darker for more. Every third column is named. `one`: "entry"."""
    across = (WIDTH - _LEFT - _RIGHT) / len(columns)
    most = max(map(max, values)) or 1
    boxes = tuple(
        Box(
            round(_LEFT + across * x + 0.8, 1),
            16 + _CELL * y + 1,
            round(across - 1.6, 1),
            _CELL - 2,
            f"{rows[y]} {columns[x]}: {value} {one}",
            round(value / most, 3),
        )
        for y, line in enumerate(values)
        for x, value in enumerate(line)
    )
    texts = [Text(_LEFT - 6, 16 + _CELL * y + 13, name[:3], "end") for y, name in enumerate(rows)]
    texts += [
        Text(round(_LEFT + across * x, 1), 11, columns[x][:2]) for x in range(0, len(columns), 3)
    ]
    table = tuple((columns[x], *(str(line[x]) for line in values)) for x in range(len(columns)))
    return Chart(16 + _CELL * len(rows) + 2, boxes, tuple(texts), ("", *rows), table)


def columns(items: Sequence[Item], head: tuple[str, str]) -> Chart:
    """Standing bars, with a scale beside them."""
    scale = _scale(max((item.value for item in items), default=0))
    bottom, top = 8 + _HEIGHT, scale[-1] or 1
    across = (WIDTH - _LEFT - _RIGHT) / max(len(items), 1)
    width = max(across * 0.72, 1)
    boxes, texts, lines = [], [], []
    for place, item in enumerate(items):
        height = _HEIGHT * item.value / top
        x = _LEFT + across * place + (across - width) / 2
        if item.value:
            boxes.append(_box(x, bottom - height, width, height, item.words))
        if item.label:
            texts.append(Text(round(x + width / 2, 1), bottom + 17, item.label, "middle"))
    for value in scale:
        y = round(bottom - _HEIGHT * value / top, 1)
        lines.append(Line(_LEFT, y, WIDTH - _RIGHT, y))
        texts.append(Text(_LEFT - 6, y + 4, f"{value:g}", "end"))
    rows = tuple((item.name, f"{item.value:g}") for item in items)
    return Chart(bottom + 24, tuple(boxes), tuple(texts), head, rows, tuple(lines))


def bars(items: Sequence[Item], head: tuple[str, str]) -> Chart:
    """Lying bars, each below its name."""
    most = max((item.value for item in items), default=0) or 1
    boxes, texts, tracks = [], [], []
    for place, item in enumerate(items):
        y = _ROW * place
        width = WIDTH * item.value / most
        tracks.append(_box(0, y + 18, WIDTH, _BAR, ""))
        boxes.append(_box(0, y + 18, width, _BAR, item.words))
        texts.append(Text(0, y + 13, item.label))
        texts.append(Text(WIDTH, y + 13, f"{item.value:g}", "end"))
    rows = tuple((item.name, f"{item.value:g}") for item in items)
    height = _ROW * len(items) + 2
    return Chart(height, tuple(boxes), tuple(texts), head, rows, (), tuple(tracks))


def bands(
    rows: Iterable[tuple[str, Sequence[Stretch]]],
    marks: Sequence[tuple[float, str]],
    head: tuple[str, ...],
    table: Iterable[tuple[str, ...]],
) -> Chart:
    """Stretches of time, a row for each thing; `marks`: places (0..1) with something written."""
    boxes, texts, tracks = [], [], []
    bottom = 0
    for name, stretches in rows:
        texts.append(Text(0, bottom + 13, name))
        tracks.append(_box(0, bottom + 18, WIDTH, _BAR, ""))
        for each in stretches:
            x = WIDTH * each.begin
            width = max(WIDTH * (each.end - each.begin), _FEWEST)
            box = _box(min(x, WIDTH - width), bottom + 18, width, _BAR, each.words)
            boxes.append(box._replace(sure=each.sure))
        bottom += _ROW
    lines = [Line(round(WIDTH * at, 1), 18, round(WIDTH * at, 1), bottom + 2) for at, _ in marks]
    texts += [Text(round(WIDTH * at + 3, 1), bottom + 13, words) for at, words in _apart(marks)]
    return Chart(
        bottom + 20, tuple(boxes), tuple(texts), head, tuple(table), tuple(lines), tuple(tracks)
    )


def _box(x: float, y: float, width: float, height: float, words: str) -> Box:
    return Box(round(x, 1), round(y, 1), round(width, 1), round(height, 1), words)


def _scale(most: float) -> list[float]:
    """Three or four round numbers from 0 up, the last not below `most`."""
    step = 1.0
    while most > step * 3:
        step *= 2.5 if str(step)[0] == "2" else 2
    count = max(1, -(-int(most) // int(step)))
    return [step * n for n in range(count + 1)]


def _apart(marks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """As many of them as can be written side by side; none that runs over the edge."""
    if not marks:
        return []
    room = 54 / WIDTH
    gap = min((b - a for (a, _), (b, _) in pairwise(marks)), default=1.0)
    every = max(1, -(-int(room * 1000) // max(1, int(gap * 1000))))
    return [mark for mark in marks[::every] if mark[0] <= 1 - room / 2]
