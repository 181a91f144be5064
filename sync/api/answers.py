"""What an operation of the API is asked, and what it answers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from sync.api.models import Error, Problem
from sync.inbound import Answer

_PROBLEMS = 20
_LONGEST_FIELD = 100  # characters


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked. `token`: the name of the token that asks; `headers` in lower case."""

    token: str = ""
    path: Mapping[str, str] = field(default_factory=dict)
    query: Any = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing the API does. `path` below /api/v1; `scope` "" needs no token.

    `gives`: what is answered, by status; errors that any operation may answer are left out.
    """

    method: str
    path: str
    summary: str
    scope: str
    answer: Callable[[Call], Answer]
    gives: Mapping[int, type[BaseModel] | None]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None


class Refusal(Exception):
    """A request is answered with an error."""

    def __init__(
        self,
        status: int,
        error: str,
        problems: Iterable[Problem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        said = Error(error=error, problems=list(problems))
        self.answer = Answer(status, said.model_dump(), headers or {})


def misfit(error: ValidationError, what: str) -> Refusal:
    """Everything wrong with a body or a query; no value of it is repeated."""
    found = error.errors(include_url=False, include_input=False)
    problems = [_problem(each["loc"], each["msg"]) for each in found[:_PROBLEMS]]
    return Refusal(400, f"the {what} is not as it should be: see problems", problems)


def wrong(name: str, why: str) -> Refusal:
    """One field is wrong."""
    return Refusal(
        400, "the request is not as it should be: see problems", [_problem((name,), why)]
    )


def _problem(loc: Iterable[int | str], message: str) -> Problem:
    where = ".".join(map(str, loc))[:_LONGEST_FIELD]
    return Problem(field=where, error=message.removeprefix("Value error, "))
