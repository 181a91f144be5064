"""Questions while somebody waits at a door: all platforms that could know, within one deadline.

A line that did not answer is not asked again before it has worked, so that a dead one costs one
deadline. An answer that comes too late still goes into the cache: the next scan finds it there.
"""

import queue
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import structlog

from controller.errors import BadReply, DoorwardError, Unauthorized, Unavailable
from controller.logs import Once
from controller.ports import Clock
from controller.question import Heard, Question, Said
from sync.deadline import NotNow, within
from sync.line import Line
from sync.platform import Word

log = structlog.get_logger(__name__)

_WAY_BACK = 0.05  # seconds kept for the answer's way to the door
_AFTERWARDS = 10.0  # seconds for which a question runs on when nobody waits any more
_MOST, _MINUTE = 30, 60.0  # questions to one platform: the rest of its limit is for rosters


@dataclass(frozen=True, slots=True)
class Standing:
    """How questions to one platform went last; times in wall seconds, None: not since the start."""

    answered_at: float | None = None
    answer: str = ""
    trouble_at: float | None = None
    trouble: str = ""


class Live:
    """Asks the lines of one office; any thread may."""

    def __init__(self, lines: Mapping[str, Line], clock: Clock) -> None:
        self._lines, self._clock = lines, clock
        self._down: dict[str, int] = {}  # line → how often it had worked when it did not answer
        self._standing: dict[str, Standing] = {}
        self._lately = {name: deque[float](maxlen=_MOST) for name in lines}
        self._once = Once(log)

    def ask(self, question: Question, seconds: float) -> list[Said]:
        """What each platform says. One that knows the person is enough; else all are waited for."""
        until = self._clock.monotonic() + seconds - min(_WAY_BACK, seconds / 2)
        answers: queue.SimpleQueue[Said] = queue.SimpleQueue()
        said, waiting = [], []
        for name, line in self._who_could_know(question):
            if word := self._not_now(name, line):
                said.append(Said(name, word.value))
                continue
            waiting.append(name)
            work = (line, question, until, answers)
            threading.Thread(target=self._ask_one, args=work, daemon=True).start()
        said += self._gather(answers, waiting, until)
        told = Heard(tuple(said)).detail()
        log.info("asked while somebody waits", door=question.door, answers=told)
        return said

    def state(self, name: str) -> dict[str, Any] | None:
        """How questions to one platform stand; None if it cannot be asked any.

        `rests`: it is not asked before it has worked again.
        """
        can = self._lines[name].platform.capabilities
        if not (can.live_cards or can.live_people):
            return None
        rests = self._down_now(name, self._lines[name])
        return {"rests": rests, **asdict(self._standing.get(name, Standing()))}

    def _who_could_know(self, question: Question) -> Iterator[tuple[str, Line]]:
        for name, line in self._lines.items():
            can = line.platform.capabilities
            if (question.card and can.live_cards) or (
                question.person and name == question.platform and can.live_people
            ):
                yield name, line

    def _not_now(self, name: str, line: Line) -> Word | None:
        """Why this line is not asked; None: it is."""
        if self._down_now(name, line):
            return Word.DOWN
        now, lately = self._clock.monotonic(), self._lately[name]
        if len(lately) == _MOST and now - lately[0] < _MINUTE:
            return Word.BUSY
        lately.append(now)
        return None

    def _down_now(self, name: str, line: Line) -> bool:
        return line.resting() or self._down.get(name) == line.proofs

    def _gather(
        self, answers: "queue.SimpleQueue[Said]", waiting: list[str], until: float
    ) -> Iterator[Said]:
        while waiting:
            left = until - self._clock.monotonic()
            try:
                one = answers.get(timeout=max(0.0, left))
            except queue.Empty:
                break
            waiting.remove(one.platform)
            yield one
            if one.word == Word.KNOWN.value:
                return
        for name in waiting:
            self._failed(self._lines[name], Unavailable("did not answer while somebody waited"))
            yield Said(name, Word.SILENT.value)

    def _ask_one(
        self, line: Line, question: Question, until: float, answers: "queue.SimpleQueue[Said]"
    ) -> None:
        name = line.platform.name
        try:
            with within(self._clock.monotonic() + _AFTERWARDS):
                answer = line.ask(question)
        except NotNow:
            answers.put(Said(name, Word.BUSY.value))
        except DoorwardError as error:
            self._failed(line, error)
            answers.put(Said(name, Word.SILENT.value))
        except Exception:
            log.exception("a question failed in a way nobody thought of", platform=name)
            self._failed(line, BadReply("see the log"))
            answers.put(Said(name, Word.SILENT.value))
        else:
            if self._clock.monotonic() <= until:
                self._once.fine(name, "questions are answered again", platform=name)
                line.worked()
            self._note(name, answered_at=self._clock.wall(), answer=answer.word.value)
            answers.put(Said(name, answer.word.value, answer.message))

    def _failed(self, line: Line, error: DoorwardError) -> None:
        """Leave the line alone until it has worked: soon, a fetch finds out whether it does."""
        name = line.platform.name
        self._down[name] = line.proofs
        self._note(name, trouble_at=self._clock.wall(), trouble=str(error))
        self._once.trouble(name, "a question was not answered", platform=name, error=str(error))
        if isinstance(error, Unavailable | Unauthorized):  # else the line itself is well
            line.failed(error)
            line.retry = True

    def _note(self, name: str, **what: Any) -> None:
        self._standing[name] = replace(self._standing.get(name, Standing()), **what)
