"""Parts of a measurement in processes of their own: their work and memory must not count.

A child runs a generator. Each thing it yields is an answer; what it is sent is the next question.
"""

import importlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from bench.machine import ROOT

Talk = Generator[Any, Any, None]  # of and with what JSON can say
_STOP_WITHIN = 30.0  # seconds


class Child:
    """One process that answers."""

    def __init__(self, work: Callable[..., Talk], arguments: dict[str, Any]) -> None:
        self._what = f"{work.__module__}:{work.__qualname__}"
        words = [sys.executable, "-m", "bench.child", self._what, json.dumps(arguments)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe)

    def ask(self, question: Any = None) -> Any:
        self.send(question)
        return self.answer()

    def send(self, question: Any = None) -> None:
        """Ask without waiting; `answered` tells when `answer` will not wait either."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()

    def answered(self) -> bool:
        assert self.process.stdout
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def answer(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait(_STOP_WITHIN)
            raise RuntimeError(f"{self._what} ended with code {code} instead of an answer")
        return json.loads(line)

    def close(self) -> None:
        """No more questions: it ends by itself."""
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()
        try:
            self.process.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def child(work: Callable[..., Talk], **arguments: Any) -> Iterator[Child]:
    """`work` in a process of its own, until the end of the block. Its first answer waits."""
    started = Child(work, arguments)
    try:
        yield started
    finally:
        started.close()


def result(work: Callable[..., Talk], **arguments: Any) -> Any:
    """What `work` yields first."""
    with child(work, **arguments) as started:
        return started.answer()


def _main(what: str, arguments: str) -> None:
    from controller.logs import configure

    configure("bench", "warning")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who is interrupted closes our stdin
    # Whatever prints, prints to stderr: stdout carries the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, _, name = what.partition(":")
    talk: Talk = getattr(importlib.import_module(module), name)(**json.loads(arguments))
    answer = next(talk)
    while True:
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()
        question = sys.stdin.readline()
        if not question:
            talk.close()
            return
        answer = talk.send(json.loads(question))


if __name__ == "__main__":
    _main(*sys.argv[1:])
