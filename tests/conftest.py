"""What holds for every test."""

import os

import serial  # noqa: F401 - imported inside a freeze it would keep freezegun's clocks for good
from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
