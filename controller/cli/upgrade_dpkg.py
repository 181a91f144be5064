"""What an upgrade asks of Debian's package tools; `root` is where the system lies."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.cli.programs import ran
from controller.errors import ReleaseError

NAME = "doorward"
# What our maintainer scripts look at: the upgrade starts and stops the services itself, goes back
# where it has to, and compiles later what is in a hurry now.
DRIVEN = {"DOORWARD_UPGRADE": "1"}
HURRIED = {**DRIVEN, "DOORWARD_COMPILE": "later"}
BACK = {**HURRIED, "DOORWARD_DOWNGRADE": "1"}
_LONGEST = 900.0  # seconds; a small machine compiles for minutes
_PART = re.compile(
    r"\s*([a-z0-9][a-z0-9+.-]*)(?::\w+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*(\S+)\s*\))?\s*"
)
_CONTROL = ("preinst", "postinst", "prerm", "postrm", "triggers", "conffiles")


@dataclass(frozen=True, slots=True)
class Dpkg:
    """Methods that ask raise `ReleaseError`; those that change return "" or why they failed."""

    root: Path = Path("/")

    def fields(self, deb: Path) -> dict[str, str]:
        """What its control file says."""
        said = self._asked("dpkg-deb", "--field", deb)
        return dict(re.findall(r"^([\w-]+): (.*)$", said, re.MULTILINE))

    def installed(self) -> str:
        """The version that is in place, unpacked at least; "" if there is none."""
        status, _, version = self._shown(NAME, "${db:Status-Status} ${Version}").partition(" ")
        return "" if status in {"not-installed", "config-files"} else version

    def architecture(self) -> str:
        return self._asked("dpkg", "--print-architecture").strip()

    def holds(self, version: str, relation: str, other: str) -> bool:
        """As `dpkg --compare-versions`; relation as in "lt", "eq", ">="."""
        return not ran(("dpkg", "--compare-versions", version, relation, other)).why

    def lacking(self, depends: str) -> list[str]:
        """Clauses of a Depends field that this system does not fulfil."""
        there = self._packages()
        clauses = filter(None, (clause.strip() for clause in depends.split(",")))
        return [
            clause
            for clause in clauses
            if not any(self._there(each, there) for each in clause.split("|"))
        ]

    def unpack(self, deb: Path, folder: Path) -> None:
        self._asked("dpkg-deb", "--extract", deb, folder)

    def pack(self, tree: Path, deb: Path) -> None:
        self._asked("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, deb)

    def files(self) -> list[Path]:
        """All that the installed package consists of, folders too."""
        listed = self._asked("dpkg-query", f"--admindir={self.admin}", "--listfiles", NAME)
        return [Path(line) for line in listed.splitlines() if line.startswith("/")]

    def control(self) -> dict[str, str]:
        """The installed package's control files, by name."""
        stanza = self._asked("dpkg-query", f"--admindir={self.admin}", "--status", NAME)
        lines = re.sub(r"^(Status|Conffiles):.*\n( .*\n)*", "", stanza, flags=re.MULTILINE)
        info = self.admin / "info"
        kept = {name: info / f"{NAME}.{name}" for name in _CONTROL}
        scripts = {name: path.read_text() for name, path in kept.items() if path.exists()}
        return {"control": lines.strip() + "\n", **scripts}

    def install(self, deb: Path, environment: Mapping[str, str]) -> str:
        """First what a power cut left half done. What others do after it is left to `finish`."""
        self._changed(environment, "--no-triggers", "--configure", "-a")
        return self._changed(environment, "--no-triggers", "--install", deb)

    def finish(self) -> str:
        """What takes its time and no door waits for: triggers, such as an index of manuals."""
        return self._changed(DRIVEN, "--configure", "-a")

    @property
    def admin(self) -> Path:
        return self.root / "var/lib/dpkg"

    def _there(self, alternative: str, there: Mapping[str, list[str]]) -> bool:
        found = _PART.fullmatch(alternative)
        if not found:
            return False
        name, relation, wanted = found.groups()
        versions = there.get(name, [])
        return any(not relation or self.holds(each, relation, wanted) for each in versions)

    def _packages(self) -> dict[str, list[str]]:
        """Versions of all that is installed, by name; "" where a name is only provided."""
        form = "${db:Status-Status}\t${Package}\t${Version}\t${Provides}\n"
        query = ("dpkg-query", f"--admindir={self.admin}", "--show", f"--showformat={form}")
        found: dict[str, list[str]] = {}
        for line in self._asked(*query).splitlines():
            status, name, version, provides = line.split("\t")
            if status == "installed":
                found.setdefault(name, []).append(version)
                for provided, as_version in _provided(provides):
                    found.setdefault(provided, []).append(as_version)
        return found

    def _shown(self, package: str, form: str) -> str:
        query = ("dpkg-query", f"--admindir={self.admin}", "--show", f"--showformat={form}")
        return ran((*query, package)).said

    def _changed(self, environment: Mapping[str, str], *words: str | Path) -> str:
        where = () if self.root == Path("/") else (f"--root={self.root}", "--force-not-root")
        noninteractive = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        command = ("dpkg", "--force-confold", *where, *words)
        return ran(command, within=_LONGEST, environment={**noninteractive, **environment}).why

    def _asked(self, *command: str | Path) -> str:
        ended = ran(command, within=_LONGEST)
        if ended.why:
            raise ReleaseError(f"{command[0]}: {ended.why}")
        return ended.said


def _provided(text: str) -> Iterator[tuple[str, str]]:
    for each in text.split(","):
        if found := _PART.fullmatch(each):
            yield found[1], found[3] or ""
