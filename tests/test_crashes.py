"""Random stories over both real processes, killed again and again, with platforms that fail."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from bench import kills
from bench.crash import account
from bench.crash.house import FAULTS, MEMBERS, PLATFORMS, PROCESSES, House, house
from bench.crash.rights import Rights

pytestmark = pytest.mark.slow

SEED = "DOORWARD_CRASH_SEED"  # set it to play the very same stories again
STORIES, TURNS = 3, 16

platforms = st.sampled_from(PLATFORMS)
numbers = st.integers(100, 103 + MEMBERS)
moments = st.integers(0, 40).map(lambda ms: ms / 1000)
somebody = st.integers(0, 2 * MEMBERS)


class Crashes(RuleBasedStateMachine):
    """Each rule checks what can be checked at once; the account at the end checks the rest."""

    def __init__(self) -> None:
        super().__init__()
        self._ends = ExitStack()
        folder = self._ends.enter_context(tempfile.TemporaryDirectory(prefix="doorward-crash-"))
        self.at: House = self._ends.enter_context(house(Path(folder)))

    def _whom(self, number: int) -> tuple[str, str]:
        everybody = list(self.at.cards)
        return everybody[number % len(everybody)]

    @rule(who=somebody)
    def scan(self, who: int) -> None:
        note(self.at.scan(*self._whom(who)))

    @rule(who=somebody, again=somebody)
    def crowd(self, who: int, again: int) -> None:
        for each in (who, again, who):
            self.at.scan(*self._whom(each))

    @rule()
    def sync(self) -> None:
        note(repr(self.at.sync(*PLATFORMS)))

    @rule(names=st.sampled_from([PROCESSES[:1], PROCESSES[1:], PROCESSES]))
    def kill(self, names: tuple[str, ...]) -> None:
        self.at.kill(*names)

    @rule(who=somebody, after=moments)
    def kill_while_scanning(self, who: int, after: float) -> None:
        self.at.kill_while_scanning(*self._whom(who), after)

    @rule(after=moments)
    def kill_while_syncing(self, after: float) -> None:
        self.at.kill_while_syncing(after)

    @rule(platform=platforms, kind=st.sampled_from(FAULTS), times=st.integers(1, 2))
    def lose_answers(self, platform: str, kind: str, times: int) -> None:
        self.at.fault(platform, kind, times, "POST")

    @rule(platform=platforms)
    def cut(self, platform: str) -> None:
        self.at.cut(platform)

    @rule(platform=platforms)
    def mend(self, platform: str) -> None:
        self.at.mend(platform)

    @rule(number=numbers)
    def revoke(self, number: int) -> None:
        self.at.revoke(number)

    @rule(number=numbers)
    def admit(self, number: int) -> None:
        self.at.admit(number)

    @rule()
    def lose_everybody(self) -> None:
        self.at.lose_everybody()

    @rule(seconds=st.sampled_from(kills.LEAPS))
    def leap(self, seconds: float) -> None:
        self.at.leap(seconds)

    @rule()
    def reconfigure(self) -> None:
        self.at.reconfigure()

    @rule()
    def change_key(self) -> None:
        self.at.change_key()

    def teardown(self) -> None:
        with self._ends:
            account.settle(self.at)
            account.check(self.at)


def test_random_stories_with_kills() -> None:
    number = int(os.environ.get(SEED, secrets.randbelow(1_000_000)))
    print(f"to play these stories again: {SEED}={number}")
    run_state_machine_as_test(
        seed(number)(Crashes),
        settings=settings(
            max_examples=STORIES,
            stateful_step_count=TURNS,
            deadline=None,
            database=None,
            derandomize=False,
            phases=[
                Phase.generate
            ],  # a story of real processes is not made shorter by repeating it
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def at(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path / "house") as opened:
        yield opened


def test_the_account_notices_what_is_told_twice_or_never(at: House) -> None:
    at.scan("gym", "100")
    account.settle(at)
    at.gym.entries.append(at.gym.entries[0])
    with pytest.raises(AssertionError, match="2 records, 1 sent"):
        account.check(at)


def test_the_house_notices_who_is_let_in_without_a_right(at: House) -> None:
    at.rights["gym"] = Rights([])
    with pytest.raises(AssertionError, match="had no right"):
        at.scan("gym", "100")
