"""What a new roster would change, and whether that is believable. Pure."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Changes:
    """Differences between the roster in force and a new one.

    `rows` counts added and removed rows per table. `had` people can enter somewhere now, `lost` of
    them would lose a label, all their cards or everything; `losers` names some of them.
    """

    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    people_before: int = 0
    people_after: int = 0
    had: int = 0
    lost: int = 0
    losers: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not any(added or removed for added, removed in self.rows.values())

    def summary(self) -> str:
        """One line for a person."""
        if self.empty:
            return f"nothing changed ({_people(self.people_after)})"
        parts = [
            f"{table} +{added} −{removed}" for table, (added, removed) in self.rows.items()
            if added or removed
        ]  # fmt: skip
        return f"{_people(self.people_after)}; {', '.join(parts)}; {self.lost} lose access"


def believable(changes: Changes, share: float, least: int) -> str:
    """Why this roster should not be believed without a person's word; "" if it can be.

    A platform that forgets everybody, or more than `share` of the people (and at least `least`), is
    more likely broken than right.
    """
    if changes.had and not changes.people_after:
        verb = "is" if changes.people_before == 1 else "are"
        return f"it is empty, while {_people(changes.people_before)} {verb} known"
    if changes.lost >= least and changes.lost > share * changes.had:
        return f"it takes access from {changes.lost} of {changes.had} people"
    return ""


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"
