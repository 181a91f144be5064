"""Pieces shared by the tests of serial readers."""

import queue
from collections.abc import Callable
from contextlib import suppress

import pytest

from hw.serial_reader import Pace, SerialReader
from tests.contract_hw import Heard

BRISK = Pace(read=0.01, first=0.01, longest=0.02)


def listening(reader: SerialReader) -> Heard:
    heard = Heard()
    reader.start(heard.text, heard.health)
    assert heard.next_health() == (True, "")
    return heard


def until_read(send: Callable[[bytes], None], heard: Heard) -> None:
    """Present a card until the reader has opened its line, flushed it, and takes the card."""
    for _ in range(1000):
        send(b"CARD\r\n")
        with suppress(queue.Empty):
            heard.texts.get(timeout=0.02)
            return
    pytest.fail("the reader never read")
