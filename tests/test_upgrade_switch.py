"""The switch to a release and the way back, on real packages; the power goes wherever it can."""

import fcntl
from pathlib import Path
from typing import IO, Any

import pytest

from controller.cli.upgrade_place import Place, Step
from controller.cli.upgrade_switch import FAILED, OK, ROLLED_BACK
from controller.errors import ReleaseError
from controller.model import Kind
from controller.ports import Clock
from tests.fakes import FakeClock
from tests.upgrades import System, Ticks, Told, begun, switching


@pytest.fixture
def system(tmp_path: Path) -> System:
    made = System(tmp_path)
    made.installed("1.0")
    return made


class TestSwitch:
    def switched(self, system: System, version: str, services: Told, **more: Any) -> int:
        begun(system, system.deb(version), services, **more)
        code = switching(system, services).go_on()
        assert system.place.state() is None
        assert not system.place.hold.exists()
        assert not system.place.before.exists(), "nothing is left"
        return code

    def test_a_good_release_is_in_force(self, system: System) -> None:
        services = Told(system)
        assert self.switched(system, "1.1", services) == OK
        assert (system.there, services.running, services.sync) == ("1.1", "1.1", True)
        assert services.held_while_watched, "sync waits until the doors are well"
        kind, author, detail = services.noted[-1]
        assert (kind, author, detail["from"], detail["to"]) == (Kind.UPGRADED, "anna", "1.0", "1.1")
        assert (system.place.folder / "doorward_1.0.deb").exists(), "the old one stays at hand"

    @pytest.mark.parametrize(
        "version", ["1.1+dead", "1.1+sick", "1.1+again", "1.1+dumb", "1.1+lock"]
    )
    def test_a_release_that_does_not_hold_is_rolled_back(
        self, system: System, version: str
    ) -> None:
        services = Told(system)
        services.unwell = {"1.1+sick": {"main": "no answer"}, "1.1+lock": {"lock": "gone"}}
        services.again, services.sync_dumb = {"1.1+again": 9}, "1.1+dumb"
        assert self.switched(system, version, services) == ROLLED_BACK
        assert (system.there, services.running, services.sync) == ("1.0", "1.0", True)
        kind, _, detail = services.noted[-1]
        assert kind is Kind.ROLLED_BACK
        assert detail["why"]
        result = system.place.result()
        assert result
        assert "1.0 is in force again, and the doors are well" in result["said"]

    @pytest.mark.parametrize("lends_not", ["", "no room in /run"])
    def test_the_doors_need_not_wait_for_dpkg_on_the_way_back(
        self, system: System, lends_not: str
    ) -> None:
        services = Told(system)
        services.lends_not = lends_not
        assert self.switched(system, "1.1+dead", services) == ROLLED_BACK
        result = system.place.result()
        assert result
        assert ("rollback_s" in result) is (not lends_not)
        assert services.running == system.there == "1.0"

    def test_what_was_lost_before_need_not_be_there_now(self, system: System) -> None:
        services = Told(system)
        services.unwell = {"1.0": {"main": "off"}, "1.1": {"main": "off"}}
        assert self.switched(system, "1.1", services) == OK

    def test_a_package_that_cannot_be_installed_is_rolled_back(self, system: System) -> None:
        services = Told(system)
        begun(system, system.deb("1.1"), services)
        system.place.deb.write_bytes(b"no package any more")
        assert switching(system, services).go_on() == ROLLED_BACK
        assert (system.there, services.running) == ("1.0", "1.0")

    def test_a_package_that_cannot_be_put_back_waits_for_a_person(self, system: System) -> None:
        services = Told(system)
        begun(system, system.deb("1.1+dead"), services)
        kept = system.place.old_deb.read_bytes()
        system.place.old_deb.write_bytes(b"no package any more")
        with pytest.raises(ReleaseError, match=r"(?s)1\.0 could not be .* --go-on"):
            switching(system, services).go_on()
        state = system.place.state()
        assert state
        assert state.step is Step.BACK
        system.place.old_deb.write_bytes(kept)
        assert switching(system, services).go_on() == ROLLED_BACK
        assert system.there == "1.0"

    def test_whoever_else_installs_something_is_waited_for(self, system: System) -> None:
        services = Told(system)
        begun(system, system.deb("1.1"), services)
        switch = switching(system, services)
        with (system.dpkg.admin / "lock-frontend").open("w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            waited = switch.pause = Unlocking(switch.clock, lock)
            assert switch.go_on() == OK
        assert waited.times
        assert system.there == "1.1"

    @pytest.mark.parametrize("version", ["1.1", "1.1+dead"])
    def test_a_root_that_is_read_only_is_so_again_at_the_end(
        self, system: System, version: str
    ) -> None:
        """Perhaps not at once: somebody may have a file open that was replaced."""
        place = system.place = ReadOnly(system.root)
        services = Told(system)
        begun(system, system.deb(version), services, read_only=True)
        switching(system, services).go_on()
        assert place.did[0] == "rw"
        assert place.did[-2:] == ["ro", "ro"]

    def test_a_root_that_cannot_be_made_writable_is_left_as_it_is(self, system: System) -> None:
        with pytest.raises(ReleaseError, match="read-only and stays so: "):
            system.place.make_writable()

    def test_where_there_is_no_way_back_the_new_one_stays(self, system: System) -> None:
        services = Told(system)
        assert self.switched(system, "1.1+dead", services, way_back=False) == FAILED
        assert system.there == "1.1+dead"
        result = system.place.result()
        assert result
        assert "files-before" in result["said"]

    def test_doors_that_did_not_answer_before_are_not_waited_for(self, system: System) -> None:
        services = Told(system)
        services.running = "dead"
        begun(system, system.deb("1.1"), services)
        assert switching(system, services).go_on() == OK
        assert system.there == "1.1"

    def test_a_service_that_did_not_run_is_not_started(self, system: System) -> None:
        services = Told(system)
        services.sync = False
        assert self.switched(system, "1.1", services) == OK
        assert not services.sync

    @pytest.mark.parametrize("version", ["1.1", "1.1+dead"])
    def test_whenever_the_power_goes_the_next_start_brings_it_to_its_end(
        self, system: System, version: str
    ) -> None:
        new, cuts = system.deb(version), 0
        while True:
            system.dpkg.install(system.stick / f"doorward_1.0_{system.dpkg.architecture()}.deb", {})
            power = Power(after=cuts)
            services = Told(system, power.used)
            services.running = system.there
            begun(system, new, services)
            try:
                code = switching(system, services).go_on()
            except PowerCut:
                power.after = 1000
                services.boot()
                switching(system, services).repair()
                services.boot()
                code = switching(system, services).go_on()
            assert code == (ROLLED_BACK if "dead" in version else OK)
            assert services.running == system.there == ("1.0" if "dead" in version else "1.1")
            assert services.sync
            assert system.place.state() is None
            if power.used_up < cuts:
                break
            cuts += 1
        assert cuts > 3

    def test_a_cut_in_the_middle_of_dpkg_is_repaired(self, system: System) -> None:
        """Half a package is on the disk, and dpkg's records say so."""
        services = Told(system)
        begun(system, system.deb("1.1"), services)
        half = system.root / "usr/lib/doorward/version.dpkg-new"
        half.write_text("hal")
        status = (system.dpkg.admin / "status").read_text()
        broken = status.replace("Status: install ok installed\nPriority", "").replace(
            "Package: doorward\nStatus: install ok installed",
            "Package: doorward\nStatus: install reinstreq half-installed",
        )
        assert broken != status
        (system.dpkg.admin / "status").write_text(broken)
        switching(system, services).repair()
        services.boot()
        watching, compiled = switching(system, services), list[str]()
        watching.compile = lambda: compiled.append(system.there)
        assert watching.go_on() == OK
        assert system.there == "1.1"
        assert not half.exists()
        assert compiled == ["1.1"]  # no door waited for it


class ReadOnly(Place):
    """Says what was asked of it; busy at first."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.did: list[str] = []

    def make_writable(self) -> None:
        self.did.append("rw")

    def make_read_only(self) -> str:
        self.did.append("ro")
        return "busy" if self.did.count("ro") == 1 else ""


class Unlocking(Ticks):
    """Whoever waits for long meets no lock afterwards."""

    def __init__(self, clock: Clock, lock: IO[str]) -> None:
        assert isinstance(clock, FakeClock)
        super().__init__(clock)
        self._lock, self.times = lock, 0

    def wait(self, timeout: float | None = None) -> bool:
        if (timeout or 0) > 1:
            self.times += 1
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
        return super().wait(timeout)


class PowerCut(Exception):
    """Nothing after this is done."""


class Power:
    """Goes with the use after so many."""

    def __init__(self, after: int) -> None:
        self.after, self.used_up = after, 0

    def used(self) -> None:
        if self.used_up == self.after:
            raise PowerCut
        self.used_up += 1


def test_steps_are_written_as_they_are_read(system: System) -> None:
    services = Told(system)
    begun(system, system.deb("1.1"), services, step=Step.BACK, measured={"rollback_s": 1.5})
    state = system.place.state()
    assert state
    assert (state.step, state.measured, state.well) == (
        Step.BACK,
        {"rollback_s": 1.5},
        {"front": []},
    )
