"""What every platform owes us when its line or its answers go wrong: a whole roster or an error."""

from dataclasses import dataclass

import pytest

from controller.errors import BadReply, DoorwardError, Unauthorized, Unavailable
from sync.platform import Platform
from sync.simulator.server import Fault, SimulatedPlatform
from tests.rosters import Recorded

FAULTS: tuple[tuple[Fault, type[DoorwardError]], ...] = (
    (Fault("status", status=401), Unauthorized),
    (Fault("status", status=402), Unauthorized),
    (Fault("status", status=403), Unauthorized),
    (Fault("status", status=404), BadReply),
    (Fault("status", status=429), Unavailable),
    (Fault("status", status=429, retry_after=600), Unavailable),
    (Fault("status", status=500), Unavailable),
    (Fault("status", status=503, retry_after=5), Unavailable),
    (Fault("html"), BadReply),
    (Fault("garbage"), BadReply),
    (Fault("redirect"), BadReply),
    (Fault("truncate"), Unavailable),
    (Fault("reset"), Unavailable),
    (Fault("lose_answer"), Unavailable),
)


@dataclass
class World:
    """A platform with some people in it, ours and theirs.

    `lists`: paths of all that is fetched; `optional`: those a platform may do without (404).
    """

    platform: Platform
    simulated: SimulatedPlatform
    lists: tuple[str, ...]
    optional: tuple[str, ...] = ()


class PlatformContract:
    """A test class joins by inheriting this and giving a fixture `world`."""

    @pytest.mark.parametrize(
        ("fault", "error"), FAULTS, ids=[f"{f.kind}-{f.status}" for f, _ in FAULTS]
    )
    def test_no_part_of_a_roster_passes_for_a_whole_one(
        self, world: World, fault: Fault, error: type[DoorwardError]
    ) -> None:
        before = _poured(world)
        lists = set(world.lists) - set(world.optional if fault.status == 404 else ())
        for path in sorted(lists):
            world.simulated.fault = _on(fault, path)
            with pytest.raises(error):
                _poured(world)
        world.simulated.fault = None
        assert _poured(world).everything() == before.everything()

    def test_a_line_that_is_cut_is_unavailable_until_mended(self, world: World) -> None:
        before = _poured(world)
        world.simulated.cut()
        with pytest.raises(Unavailable):
            _poured(world)
        world.simulated.mend()
        assert _poured(world).everything() == before.everything()

    def test_an_empty_list_is_an_answer(self, world: World) -> None:
        for path in world.lists:
            world.simulated.fault = Fault("empty_list", path)
            _poured(world)

    def test_it_can_be_told_whether_address_and_key_work(self, world: World) -> None:
        assert world.platform.test()
        world.simulated.fault = Fault("status", status=401)
        with pytest.raises(Unauthorized):
            world.platform.test()


def _poured(world: World) -> Recorded:
    roster = Recorded()
    world.platform.fetch(roster, lambda *_: None)
    return roster


def _on(fault: Fault, path: str) -> Fault:
    return Fault(
        fault.kind, f"^{path}$", status=fault.status, retry_after=fault.retry_after, method="GET"
    )
