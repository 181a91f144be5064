"""What `doorward lock-all` does. Without click, pydantic and the like: it has to start at once."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from controller import lock_list
from controller.errors import ConfigError
from hw.lock_all import Outcome, shut_all

PATH = "/etc/doorward/doorward.toml"  # as `controller.config.default_path`, which is too heavy here


def run(config: str = "", *, as_json: bool = False) -> int:
    """Shut every lock and say so, a line each; the exit code.

    0: every lock was driven shut. 1: at least one may stand open. 3: nobody knows which locks
    there are.
    """
    path = Path(config or os.environ.get("DOORWARD_CONFIG") or PATH).absolute()
    try:
        listed = lock_list.read(path)
    except ConfigError as error:
        sys.stderr.write(f"doorward: {error}\n")
        return error.exit_code
    for remark in listed.remarks:
        sys.stderr.write(f"doorward: {remark}\n")
    outcomes = shut_all(listed.locks)
    _print(outcomes, as_json=as_json)
    return 0 if all(outcome.shut for outcome in outcomes) else 1


def _print(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    if as_json:
        data = [outcome._asdict() for outcome in outcomes]
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
        return
    for outcome in outcomes:
        to = sys.stdout if outcome.shut else sys.stderr
        to.write(f"{outcome}\n")
        to.flush()
