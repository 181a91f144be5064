"""`doorward upgrade`: what is refused before anything is changed, the switch, and the way back."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from controller.cli.upgrade_before import keep
from controller.cli.upgrade_begin import Begun
from controller.cli.upgrade_health import worse
from controller.cli.upgrade_release import KEYS, Wanted, on_sticks, taken
from controller.cli.upgrade_try import migrate, no_way_back, tried
from controller.errors import ReleaseError
from controller.store import Breaking, Schema, open_writer, schema_of
from release.sign import new_key, secret_key, sign
from tests.cut_site import Site
from tests.cut_stories import at_work
from tests.cut_upgrade import FILES
from tests.torn import Recording
from tests.upgrades import MIGRATES, System, Told, begun, real_python

GONE = Path("/nowhere")
OTHER = "riscv64"


@pytest.fixture
def system(tmp_path: Path) -> System:
    made = System(tmp_path)
    made.installed("1.0")
    made.place.folder.mkdir(parents=True)
    return made


def take(system: System, deb: Path, **wanted: Any) -> str:
    return taken(deb, system.place, system.dpkg, Wanted(**wanted)).version


class TestBefore:
    def test_a_newer_signed_release_is_taken(self, system: System) -> None:
        assert take(system, system.release("1.1", Depends="python3 (>= 3.11), bash | python3")) == (
            "1.1"
        )
        assert system.there == "1.0"

    @pytest.mark.parametrize(
        ("version", "fields", "said"),
        [
            ("0.9", {}, "older than 1.0"),
            ("1.0~rc1", {}, "older than 1.0"),
            ("1.0", {}, "installed already.*--again"),
            ("1.1", {"Architecture": OTHER}, f"it is for {OTHER}, and this machine is"),
            (
                "1.1",
                {"Depends": "python3 (>= 3.11), python3 (<< 3.11)"},
                r"needs python3 \(<< 3.11",
            ),
            ("1.1", {"Depends": "libmissing | libother (= 2)"}, "needs libmissing | libother"),
            ("1.1", {"Package": "frontward"}, "is the package of 'frontward'"),
        ],
    )
    def test_what_is_not_for_here_is_refused(
        self, system: System, version: str, fields: dict[str, str], said: str
    ) -> None:
        with pytest.raises(ReleaseError, match=said):
            take(system, system.release(version, **fields))
        assert system.there == "1.0"

    def test_the_same_version_is_taken_again_where_that_is_asked_for(self, system: System) -> None:
        assert take(system, system.release("1.0"), again=True) == "1.0"
        with pytest.raises(ReleaseError, match="older"):
            take(system, system.release("0.9"), again=True)

    def test_what_another_package_provides_counts(self, system: System) -> None:
        fine = "python3-supported-min, python3-supported-min (>= 3.11)"
        assert take(system, system.release("1.1", Depends=fine))
        with pytest.raises(ReleaseError, match="needs python3-supported-min"):
            take(system, system.release("1.2", Depends="python3-supported-min (>= 3.13)"))

    def test_without_a_signature_nothing_is_even_opened(self, system: System) -> None:
        with pytest.raises(ReleaseError, match="minisig cannot be read"):
            take(system, system.deb("1.1"))

    def test_a_changed_package_is_refused_by_its_own_name(self, system: System) -> None:
        deb = system.release("1.1")
        with deb.open("ab") as file:
            file.write(b"!")
        with pytest.raises(ReleaseError, match=r"doorward_1\.1_\w+\.deb is not what was signed"):
            take(system, deb)

    def test_who_has_no_key_is_told_what_to_do_and_can_trust_one_by_hand(
        self, system: System, tmp_path: Path
    ) -> None:
        deb = system.deb("1.1")
        new_key(tmp_path / "other.key", tmp_path / "other.pub")
        sign(deb, secret_key(tmp_path / "other.key", str), 1.0)
        with pytest.raises(ReleaseError, match="not trusted here"):
            take(system, deb)
        (system.root / KEYS / "ours.pub").unlink()
        with pytest.raises(ReleaseError, match=r"built without one.*--key FILE\.pub"):
            take(system, deb)
        assert take(system, deb, keys=(tmp_path / "other.pub",)) == "1.1"

    def test_a_file_that_is_not_there_or_no_package(self, system: System) -> None:
        with pytest.raises(ReleaseError, match=r"nothing\.deb cannot be read .*stick"):
            take(system, system.stick / "nothing.deb")
        bad = system.stick / "bad.deb"
        bad.write_text("no package")
        sign(bad, secret_key(system.folder / "ours.key", str), 1.0)
        with pytest.raises(ReleaseError, match="dpkg-deb"):
            take(system, bad)

    def test_where_there_is_no_package_none_is_replaced(self, tmp_path: Path) -> None:
        bare = System(tmp_path / "bare")
        bare.place.folder.mkdir(parents=True)
        with pytest.raises(ReleaseError, match=r"not installed as a package.*apt install"):
            take(bare, bare.release("1.1"))

    def test_sticks_are_looked_through(self, system: System) -> None:
        names = [system.release("1.1").name, system.release("0.9").name, system.deb("1.2").name]
        found = {
            each.path.name: each.standing for each in on_sticks(system.place, system.dpkg, Wanted())
        }
        assert found[names[0]].startswith("newer than 1.0, signed by ")
        assert "older than 1.0" in found[names[1]]
        assert found[names[2]].startswith("no: ")
        assert "minisig is missing" in found[names[2]]


class TestBeside:
    """The new release's own code on copies."""

    def try_out(self, system: System, python: str, data: Path = GONE, config: Path = GONE) -> Any:
        deb = system.release("1.1", python=python)
        release = taken(deb, system.place, system.dpkg, Wanted())
        return tried(system.place, system.dpkg, release, config, data, lambda _: None)

    def test_copies_are_migrated_by_the_new_program_and_the_configuration_is_read(
        self, system: System, tmp_path: Path
    ) -> None:
        (tmp_path / "site").mkdir()
        site = Site(tmp_path / "site")
        at_work(site, Recording())
        before = {name: (site.data / name).read_bytes() for name in FILES}
        example = tmp_path / "doorward.toml"
        example.write_text(site.config.path.read_text().partition("[platforms")[0])
        found = self.try_out(system, real_python(), site.data, example)
        assert found.files == {n: schema_of(site.data / n) for n in FILES}
        assert no_way_back(found) == []
        assert {name: (site.data / name).read_bytes() for name in FILES} == before

    @pytest.mark.parametrize(
        ("python", "said"),
        [
            ("echo it breaks >&2; exit 3", "fails at `upgrade --migrate .*: it breaks"),
            ("exit 3", "exit code 3"),
            ("echo so what", "does not say what it did: 'so what"),
            ('echo "[]"', "does not say what it did"),
            (
                f"case \"$*\" in *check*) echo no key y >&2; exit 3;; esac; echo '{MIGRATES % 1}'",
                "fails at `--config .* config check --json`: no key y",
            ),
        ],
    )
    def test_whatever_goes_wrong_is_said_and_nothing_is_changed(
        self, system: System, tmp_path: Path, python: str, said: str
    ) -> None:
        config = tmp_path / "doorward.toml"
        config.touch()
        with pytest.raises(ReleaseError, match=said):
            self.try_out(system, python, config=config)
        assert system.there == "1.0"

    def test_files_that_this_program_could_not_use_any_more_are_named(self, system: System) -> None:
        newer = '{"version": "2", "files": {"cache.db": {"version": 9, "lowest": 9}, "journal.db": '
        python = f'echo \'{newer} {{"version": 9, "lowest": 1}}}}}}\''
        assert no_way_back(self.try_out(system, python)) == ["cache.db"]

    def test_a_damaged_database_is_mended_first(self, system: System, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data/desk.db").write_bytes(b"junk" * 5000)
        with pytest.raises(ReleaseError, match=r"desk\.db cannot be read.*mend that first"):
            self.try_out(system, "exit 0", tmp_path / "data")

    def test_what_has_no_room_is_not_begun(self, system: System) -> None:
        deb = system.release("1.1")
        release = taken(deb, system.place, system.dpkg, Wanted())
        huge = type(release)(
            **{f: getattr(release, f) for f in release.__slots__} | {"size": 1 << 60}
        )
        with pytest.raises(ReleaseError, match=r"too little room: .* MiB more are needed"):
            tried(system.place, system.dpkg, huge, GONE, GONE, lambda _: None)

    def test_what_a_release_tells_of_its_files(self, tmp_path: Path) -> None:
        cache = FILES["cache.db"][0]
        open_writer(tmp_path / "cache.db", cache).close()
        assert migrate(tmp_path)["files"] == {"cache.db": {"version": len(cache), "lowest": 1}}
        open_writer(
            tmp_path / "inbox.db", (*FILES["inbox.db"][0], Breaking(["CREATE TABLE x(y)"]))
        ).close()
        assert schema_of(tmp_path / "inbox.db") == Schema(len(FILES["inbox.db"][0]) + 1, 3)


def test_the_package_that_is_kept_is_the_one_that_is_installed(system: System) -> None:
    keep(system.place, system.dpkg)
    (system.root / "usr/lib/doorward/version").write_text("broken")
    assert system.dpkg.install(system.place.old_deb, {}) == ""
    assert system.there == "1.0"
    assert (system.root / "usr/lib/doorward/link").readlink() == Path("version")
    assert system.dpkg.installed() == "1.0"
    assert os.access(system.root / "usr/lib/doorward/bin/python3", os.X_OK)


def test_only_one_upgrade_at_a_time(system: System) -> None:
    busy = pytest.raises(ReleaseError, match="another upgrade is under way")
    with system.place.alone(), busy, system.place.alone():
        pass
    with system.place.alone():
        assert system.place.folder.stat().st_mode & 0o777 == 0o700


def status(**more: Any) -> dict[str, Any]:
    door = {"id": "front", "works": True, "unwell": {}, **more}
    return {"version": "2", "doors": [door], "journal": {"failing": "", "lost": 0}}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (None, "does not answer"),
        (status() | {"version": "1"}, "is 1 and not 2"),
        (status(works=False, unwell={"door": "no lock"}), "front does not work: no lock"),
        (status(unwell={"main": "silent"}), "front: main: silent"),
        (status() | {"doors": []}, "front does not work: it is gone"),
        (status() | {"journal": {"failing": "full", "lost": 0}}, "cannot be written: full"),
        (status() | {"journal": {"failing": "", "lost": 2}}, "2 events were lost"),
        (status(id="back"), "front does not work"),
    ],
)
def test_what_is_worse_than_before(now: dict[str, Any] | None, said: str) -> None:
    (found,) = worse({"front": []}, now, "2")
    assert said in found


def test_what_is_no_worse_than_before() -> None:
    assert worse({"front": ["main"]}, status(unwell={"main": "silent"}), "2") == []
    assert worse({}, status(works=False), "") == []


class TestTheCommand:
    """What comes before the switch, as one."""

    def begun(self, system: System, *, way_back: bool = True) -> tuple[Begun, list[str]]:
        said: list[str] = []
        return Begun(Wanted(), 60.0, way_back, said.append, system.place, system.dpkg), said

    def test_a_check_says_what_would_be_and_leaves_nothing(self, system: System) -> None:
        asked, said = self.begun(system)
        asked.check(system.release("1.1"))
        assert "1.1, signed by" in said[0]
        assert said[-1].startswith("1.1 could be taken; nothing was changed")
        with pytest.raises(ReleaseError, match="older"):
            asked.check(system.release("0.9"))
        assert list(system.place.folder.iterdir()) == []
        assert system.there == "1.0"

    def test_what_could_not_be_rolled_back_has_to_be_asked_for(self, system: System) -> None:
        schema = '{"version": 9, "lowest": 9}'
        told = f'echo \'{{"version": "1.1", "files": {{"cache.db": {schema}}}}}\''
        deb = system.release("1.1", python=told)
        with pytest.raises(ReleaseError, match=r"changes cache\.db such that 1\.0 .*--no-way-back"):
            self.begun(system)[0].check(deb)
        asked, _ = self.begun(system, way_back=False)
        asked.check(deb)
        assert not asked.way_back
        asked, _ = self.begun(system, way_back=False)
        asked.check(system.release("1.2"))
        assert asked.way_back, "there is one, so it is kept"

    def test_nothing_is_begun_while_another_is_under_way(self, system: System) -> None:
        begun(system, system.deb("1.1"), Told(system))
        with pytest.raises(ReleaseError, match=r"under way, or was cut off.*--go-on"):
            self.begun(system)[0].check(system.release("1.2"))
        assert system.place.state(), "that one is left alone"

    def test_what_the_unit_says_is_repeated_until_its_end(self, system: System) -> None:
        asked, said = self.begun(system)
        system.place.say("installed")
        system.place.end({"exit": 12, "said": "rolled back"})
        assert asked.follow(threading.Event()) == {"exit": 12, "said": "rolled back"}
        assert said == ["installed"]

    def test_who_is_not_root_is_told_so(self) -> None:
        script = (
            "import os, sys, controller.cli.upgrade\n"
            "from controller.cli.group import main\n"
            "os.getuid() or os.setuid(65534)\n"
            "sys.argv = ['doorward', 'upgrade', 'x.deb']\n"
            "main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        assert done.returncode == 11
        assert "only root can upgrade" in done.stderr
        assert "sudo doorward upgrade" in done.stderr
