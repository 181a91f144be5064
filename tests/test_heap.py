"""What was freed goes back to the kernel."""

from bench.machine import memory
from sync.heap import give_back


def test_what_lies_below_something_kept_is_given_back() -> None:
    blocks = [b"x" * (1000 + number % 7) for number in range(60_000)]
    kept = blocks[-1]
    del blocks
    before, _ = memory("self")
    give_back()
    after, _ = memory("self")
    assert before - after > 30
    assert kept
