"""What the wall clock is worth. Pure.

After a power cut a machine without a battery-backed clock goes on from the last time it saved:
too early by the length of the outage, and plausible to look at.
"""

from controller.model import Trust


def assess(
    *, unsynchronised: bool, was_synchronised: bool, has_rtc: bool, wall: float, floor: float
) -> Trust:
    """Judge the clock.

    `unsynchronised` is the kernel's word for now; it says so too some nine hours after the last
    contact with a time server, when the clock is still right: hence `was_synchronised`, earlier in
    this boot. `has_rtc`: the time was kept while the machine was off, by a battery-backed clock or
    by the host of a virtual machine; it is believed unless behind `floor`, a time that has been.
    """
    if not unsynchronised:
        return Trust.SYNCHRONIZED
    if was_synchronised or (has_rtc and wall >= floor):
        return Trust.HELD
    return Trust.GUESSED
