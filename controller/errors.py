"""Errors say who must act. A denial is a `Decision`, never an error.

A message says what failed, for whom, what stays in force and what to type.
"""


class DoorwardError(Exception):
    """Root of all errors this program raises on purpose. `exit_code` is what the CLI ends with."""

    exit_code = 1


class ConfigError(DoorwardError):
    """The installer must act: `problems` holds every one found, a line each with its remedy."""

    exit_code = 3

    def __init__(self, problems: list[str] | str) -> None:
        self.problems = [problems] if isinstance(problems, str) else problems
        super().__init__("\n".join(self.problems))


class HardwareError(DoorwardError):
    """The installer must act: a device is missing, wrong or in use."""

    exit_code = 4


class NotRunning(DoorwardError):
    """The operator must act: the process that should answer does not."""

    exit_code = 5


class Unauthorized(DoorwardError):
    """The operator must act: a platform does not accept our key, or not for this."""

    exit_code = 6


class SuspiciousRoster(DoorwardError):
    """The operator must act: a roster would take access from too many people at once."""

    exit_code = 7


class StoreError(DoorwardError):
    """The operator must act: a database is missing, damaged or too new, or the disk fails.

    `damaged`: its content cannot be read, so it may be set aside. `newer`: this program is too old
    for it and must leave it alone.
    """

    exit_code = 8

    def __init__(self, message: str, *, damaged: bool = False, newer: bool = False) -> None:
        super().__init__(message)
        self.damaged, self.newer = damaged, newer


class Unavailable(DoorwardError):
    """Nobody must act; it is tried again.

    `retry_after`: seconds the platform asked for. `maybe_sent`: it may have been carried out.
    """

    exit_code = 9

    def __init__(
        self, message: str, *, retry_after: float | None = None, maybe_sent: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.maybe_sent = maybe_sent


class BadReply(DoorwardError):
    """We must act: a platform answered something this program does not understand.

    `maybe_sent` as in `Unavailable`. `passing`: somebody else may have answered in its place, as a
    captive portal does; it is tried again soon.
    """

    exit_code = 10

    def __init__(self, message: str, *, maybe_sent: bool = False, passing: bool = False) -> None:
        super().__init__(message)
        self.maybe_sent, self.passing = maybe_sent, passing


class ReleaseError(DoorwardError):
    """The operator must act: a release is not what it should be, or not for here.

    Nothing was changed.
    """

    exit_code = 11


class RolledBack(DoorwardError):
    """A new release did not hold, and the one before is in force again."""

    exit_code = 12


def nobody_listens(error: DoorwardError) -> bool:
    """Does the process not run, rather than not answer, or not answer us?"""
    cause = error.__cause__
    return isinstance(error, NotRunning) and isinstance(
        cause, FileNotFoundError | ConnectionRefusedError
    )
