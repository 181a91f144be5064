"""What holds for every test."""

import logging
import os
from collections.abc import Iterator

import pytest
import serial  # noqa: F401 - imported inside a freeze it would keep freezegun's clocks for good
import structlog
from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(autouse=True)
def _logging_apart() -> Iterator[None]:
    """Logs go where pytest shows them, and a command under test sets up none but its own."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.KeyValueRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
