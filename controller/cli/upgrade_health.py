"""Whether the doors are as well after an upgrade as they were before. No I/O."""

from collections.abc import Iterator, Mapping
from typing import Any

Well = Mapping[str, list[str]]  # doors that work → parts of them that are lost


def well_in(status: Mapping[str, Any]) -> dict[str, list[str]]:
    """By the controller's own word."""
    return {door["id"]: sorted(door["unwell"]) for door in status["doors"] if door["works"]}


def worse(before: Well, status: Mapping[str, Any] | None, version: str) -> list[str]:
    """What is not as it should be; nothing if all is well. `version`: of the program, "" if any."""
    if status is None:
        return ["the controller does not answer"]
    return list(_worse(before, status, version))


def _worse(before: Well, status: Mapping[str, Any], version: str) -> Iterator[str]:
    if version and status["version"] != version:
        yield f"the controller is {status['version']} and not {version}"
    doors = {door["id"]: door for door in status["doors"]}
    for name, lost in before.items():
        door = doors.get(name, {"works": False, "unwell": {"door": "it is gone"}})
        troubles = {part: why for part, why in door["unwell"].items() if part not in lost}
        if not door["works"]:
            yield f"{name} does not work: {'; '.join(door['unwell'].values()) or 'no reason given'}"
        else:
            yield from (f"{name}: {part}: {why}" for part, why in troubles.items())
    if failing := status["journal"]["failing"]:
        yield f"the journal cannot be written: {failing}"
    if lost_events := status["journal"]["lost"]:
        yield f"{lost_events} events were lost"
