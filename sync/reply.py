"""An answer of a web service, received whole, and read strictly as JSON."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from controller.errors import BadReply


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, received whole."""

    status: int
    headers: Mapping[str, str]  # found whatever their case
    body: bytes
    where: str = "the platform"
    maybe_sent: bool = False

    def json(self) -> Any:
        """The body as JSON, every string of it proper Unicode; BadReply if it is anything else."""
        if not self.body.strip():
            raise BadReply(f"{self.where}: the answer is empty", maybe_sent=self.maybe_sent)
        try:
            value = json.loads(self.body.decode("utf-8-sig"), parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            what = _looks_like(self.body, error)
            raise BadReply(
                f"{self.where}: the answer is not JSON but {what}",
                maybe_sent=self.maybe_sent,
                passing=_is_page(self.body),
            ) from error
        return _mended(value) if _HALF_PAIR.search(self.body) else value


def _looks_like(body: bytes, error: Exception) -> str:
    if _is_page(body):
        return "a web page, as a login page or a captive portal would send"
    return f"something else or a part of it ({error})"


def _is_page(body: bytes) -> bool:
    return body.lstrip()[:1] == b"<"


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


def _mended(value: Any) -> Any:
    """Halves of surrogate pairs cannot be stored as UTF-8; they become question marks."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_mended(each) for each in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(each) for key, each in value.items()}
    return value
