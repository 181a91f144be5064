"""The switch to a new release, and the way back: whatever is found in the state file is done.

It runs with the program of before, from beside, in a unit of its own; a step that was cut off is
done again. The services are held so that no entry is told twice: `sync` begins only once the doors
are well.
"""

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from controller.cli.upgrade_dpkg import BACK, DRIVEN, HURRIED, Dpkg
from controller.cli.upgrade_place import PROGRAM, Place, State, Step
from controller.cli.upgrade_services import CONTROLLER, SYNC, Services
from controller.cli.upgrade_watch import Seen, Watch
from controller.errors import ReleaseError
from controller.model import Kind
from controller.ports import Clock

OK, FAILED, ROLLED_BACK = 0, 1, 12
_LOCKED = re.compile("dpkg (frontend|database) lock|dpkg status database is locked")
_TRIES = 12  # of dpkg, while somebody else installs something
_BETWEEN = 5.0  # seconds


@dataclass(slots=True)
class Switch:
    """`compile`: makes what a program starts sooner with, where that was put off."""

    place: Place
    dpkg: Dpkg
    services: Services
    clock: Clock
    pause: threading.Event
    tell: Callable[[str], None]
    compile: Callable[[], object] = lambda: None

    def go_on(self) -> int:
        """To the end; the exit code."""
        while state := self.place.state():
            match state.step:
                case Step.SWITCH:
                    self._switch(state)
                case Step.WATCH:
                    self._watch(state)
                case Step.BACK:
                    self._back(state)
                case Step.RETURN:
                    self._return(state)
        return int((self.place.result() or {"exit": FAILED})["exit"])

    def repair(self) -> None:
        """At the machine's start, before the services: have a whole package in place."""
        state = self.place.state()
        if state is None:
            return
        self._say(
            f"the machine was started anew at the step {state.step.value}: it is gone on with"
        )
        state = replace(state, restart=False, seq=self.services.newest())
        self.place.put(state)
        if state.step is Step.SWITCH:
            state = replace(self._switch(state, HURRIED), restart=False)
        if state.step is Step.BACK:
            state = replace(self._back(state), restart=False)
        self.place.put(state)

    def _switch(self, state: State, how: Mapping[str, str] = DRIVEN) -> State:
        """Install it; the old program goes on deciding meanwhile."""
        self.place.hold_sync()
        if state.sync and state.restart:
            self.services.do("stop", SYNC)
        if why := self._installed(self.place.deb, how, state):
            return self._next(state, Step.BACK, f"it cannot be installed: {why}")
        self._say(f"installed: {state.new}")
        return self._next(state, Step.WATCH)

    def _watch(self, state: State) -> None:
        began = self.clock.monotonic()
        self._restart(state)
        watch = self._watching(state, state.told)
        taken = self.clock.monotonic() - began
        seen = watch.doors(0, state.seq) if state.well is not None else Seen("")
        if not seen.why and state.well is not None:
            down = round((taken + seen.after) * 1000)
            state = self._measured(state, downtime_ms=down)
            self._say(f"the doors decide again after {down} ms; watched for {state.watch:g} s")
            seen = watch.doors(state.watch, state.seq)
        if why := seen.why or self._sync_begun(state, watch):
            self._say(f"not well: {why}")
            self._next(state, Step.BACK, why) if state.way_back else self._left(state, why)
            return
        self._note(Kind.UPGRADED, state)
        self._finish(state)
        if not state.restart:
            self.compile()
        self.place.keep_old(state.old)
        self._end(state, OK, f"{state.new} is in force, and the doors are well")

    def _back(self, state: State) -> State:
        """The program of before opens the doors from beside, and is installed meanwhile."""
        self._say(f"going back to {state.old}")
        self.place.hold_sync()
        if state.restart:
            self.services.do("stop", SYNC)
            state = self._lent(state)
        if why := self._installed(self.place.old_deb, BACK, state):
            self._say(f"{state.old} cannot be installed again: {why}")
            self._stuck(state, why)
        return self._next(state, Step.RETURN)

    def _lent(self, state: State) -> State:
        """Doors need not wait for dpkg."""
        began = self.clock.monotonic()
        if state.well is None or self.services.lend(self.place.before / PROGRAM):
            return state
        self.services.do("restart", CONTROLLER)
        if self._watching(state, "").doors(0, state.seq).why:
            return state
        took = round(self.clock.monotonic() - began, 1)
        self._say(f"the doors decide again, after {took} s, by {state.old} from beside")
        return self._measured(state, rollback_s=took)

    def _return(self, state: State) -> None:
        self.services.take_back()
        self._restart(state)
        watch = self._watching(state, "")
        seen = watch.doors(0, state.seq) if state.well is not None else Seen("")
        why = seen.why or self._sync_begun(state, watch)
        self._note(Kind.ROLLED_BACK, state)
        self._finish(state)
        self.compile()
        if why:
            said = f"{state.old} is in force again, but: {why}; see doorward status"
            self._end(state, FAILED, f"rolled back ({state.why}); {said}")
            return
        well = "and the doors are well" if state.well else "as before"
        self._end(
            state, ROLLED_BACK, f"rolled back: {state.why}. {state.old} is in force again, {well}"
        )

    def _sync_begun(self, state: State, watch: Watch) -> str:
        """Why it does not run as before, ""."""
        self.place.release_sync()
        if not state.sync:
            return ""
        self.services.do("start", SYNC)
        return watch.sync()

    def _restart(self, state: State) -> None:
        """What did not run is left alone; at the machine's start all come by themselves."""
        if state.restart:
            self.services.do("try-restart" if state.well is None else "restart", CONTROLLER)

    def _watching(self, state: State, version: str) -> Watch:
        return Watch(self.services, self.clock, state.well or {}, version, self.pause)

    def _installed(self, deb: Path, how: Mapping[str, str], state: State) -> str:
        """ "" or why not; waits while somebody else has the lock of dpkg."""
        try:
            if state.read_only:
                self.place.make_writable()
        except ReleaseError as error:
            return str(error)
        for _ in range(_TRIES):
            why = self.dpkg.install(deb, how)
            if not _LOCKED.search(why):
                break
            self.pause.wait(_BETWEEN)
        return why

    def _left(self, state: State, why: str) -> None:
        """There is no way back."""
        self.place.release_sync()
        self.services.do("start", SYNC)
        self._end(
            state,
            FAILED,
            f"{state.new} is in force and not well: {why}. There is no way back, as was accepted "
            f"by --no-way-back; the files of before are in {self.place.kept}",
        )

    def _stuck(self, state: State, why: str) -> None:
        """The package cannot be put back: all of it stays for a person, and for the next start."""
        self.place.release_sync()
        for unit in (CONTROLLER, SYNC) if state.restart else ():
            self.services.do("restart", unit)
        raise ReleaseError(
            f"{state.old} could not be installed again ({why}). Type: dpkg --configure -a; "
            "doorward upgrade --go-on"
        )

    def _next(self, state: State, step: Step, why: str = "") -> State:
        state = replace(state, step=step, why=why or state.why, restart=True)
        self.place.put(state)
        return state

    def _measured(self, state: State, **found: float) -> State:
        state = replace(state, measured={**state.measured, **found})
        self.place.put(state)
        return state

    def _note(self, kind: Kind, state: State) -> None:
        detail: dict[str, Any] = {"from": state.old, "to": state.new, **state.measured}
        if state.why:
            detail["why"] = state.why
        if state.well is not None and not self.services.note(kind, state.author, detail):
            self._say("the journal did not take a note of it")

    def _end(self, state: State, code: int, said: str) -> None:
        self._say(said)
        self.place.end({"exit": code, "said": said, **state.measured})
        if state.read_only:
            self._read_only_again()

    def _read_only_again(self) -> None:
        """Once nobody has a file open that was replaced, such as whoever asked for the upgrade."""
        for _ in range(_TRIES):
            if not (why := self.place.make_read_only()):
                return
            self.pause.wait(_BETWEEN)
        self.tell(f"the root file system is read-only again from the next start on: {why}")

    def _finish(self, state: State) -> None:
        """What no door waits for."""
        with suppress(ReleaseError):
            if state.read_only:
                self.place.make_writable()
            self.dpkg.finish()

    def _say(self, line: str) -> None:
        self.place.say(line)
        self.tell(line)
