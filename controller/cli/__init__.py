"""The command `doorward`: `lock-all` without any detour, everything else through click."""

import sys


def main() -> None:
    """Entry point."""
    match sys.argv[1:]:
        case ["lock-all"]:
            _lock_all("")
        case ["--config", path, "lock-all"]:
            _lock_all(path)
        case _:
            from controller.cli import group

            group.main()


def _lock_all(path: str) -> None:
    from controller.cli.lock_all import run

    sys.exit(run(path))
