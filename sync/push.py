"""Telling one platform who came: in order, once each, for as long as it takes."""

from collections.abc import Callable

import structlog

from controller.errors import BadReply, DoorwardError, Unauthorized, Unavailable
from controller.logs import Once
from controller.model import Trust
from sync.ledger import Delivery, Ledger
from sync.line import Line
from sync.platform import LateCheckIn, Outcome, State

log = structlog.get_logger(__name__)

_AT_ONCE = 200
_AWAITS_TIME = 600.0  # seconds after the start in which a time server may still be found


class Pusher:
    """Works through the pending deliveries of one line. `step` until it returns False."""

    def __init__(self, line: Line, ledger: Ledger) -> None:
        self._line, self._ledger = line, ledger
        self._platform, self._clock = line.platform, line.clock
        self._can = line.platform.capabilities
        self._once = Once(log.bind(platform=line.platform.name))
        # After an unclear answer from a platform that cannot be read back, nothing more is risked
        # on this line before it has proved to be itself again.
        self._prove = False
        self._guesses_from = self._clock.monotonic() + _AWAITS_TIME
        self._told_off = False  # the line failed, and nothing was told since

    def drain(self, stopping: Callable[[], bool]) -> int:
        """Tell of some that can be told now; returns how many deliveries were settled.

        Not of all at once: the journal is to hear of them now and then.
        """
        if self._awaits_time():
            return 0
        settled = 0
        while settled < _AT_ONCE and not (stopping() or self._line.resting()) and self._step():
            settled += 1
        return settled

    def _awaits_time(self) -> bool:
        """Is the clock a guess that may soon be none?

        By a guess a visit of the day before yesterday still goes on, and would cost a pass today;
        nor could it be told which of the platform's check-ins is ours.
        """
        return self._guessed() and self._clock.monotonic() < self._guesses_from

    def _guessed(self) -> bool:
        return self._clock.trust() is Trust.GUESSED

    def _step(self) -> bool:
        """Settle the oldest delivery; False if there is none or it must wait."""
        delivery = self._ledger.oldest(self._platform.name)
        if delivery is None:
            return False
        try:
            outcome = self._judged(delivery) or self._sent(delivery)
        except (Unavailable, Unauthorized, BadReply) as error:
            return self._failed(delivery, error)
        self._line.worked()
        self._told_off = False
        self._once.fine("push", "check-ins are told again")
        self._settle(delivery, outcome)
        return True

    def _judged(self, delivery: Delivery) -> Outcome | None:
        """What becomes of it without sending; None: send it."""
        if self._can.late_check_in is LateCheckIn.NONE:
            return Outcome(State.REFUSED, "this platform cannot be told of check-ins")
        if self._prove:
            self._platform.test()
            self._prove = False
        if delivery.in_doubt:
            if not self._can.readable_check_ins:
                why = "no answer came, and this platform cannot be asked whether it took it"
                return Outcome(State.UNKNOWN, why)
            if self._guessed():
                return Outcome(State.UNKNOWN, "no answer came, and the clock is only a guess")
            if self._platform.was_told(delivery.check_in):
                return Outcome(State.SENT, "found at the platform")
        return Outcome(State.LATE, "its visit is over") if self._too_late(delivery) else None

    def _too_late(self, delivery: Delivery) -> bool:
        if delivery.forced or self._line.push_late:
            return False
        until = delivery.check_in.visit_until or delivery.check_in.at
        return self._can.late_check_in is LateCheckIn.NOW_ONLY and self._clock.wall() >= until

    def _sent(self, delivery: Delivery) -> Outcome:
        self._ledger.begin(delivery.check_in.uuid)
        return self._platform.check_in(delivery.check_in)

    def _failed(self, delivery: Delivery, error: DoorwardError) -> bool:
        """An error is not an answer: keep the delivery, and the doubt where there is one."""
        self._line.failed(error)
        if isinstance(error, Unavailable) and not self._told_off:
            # What changed there meanwhile is missing here: once per outage, a fetch follows it.
            self._told_off = self._line.retry = True
        self._once.trouble("push", "check-ins wait", error=str(error))
        if not getattr(error, "maybe_sent", False):
            if not delivery.in_doubt:
                self._ledger.not_sent(delivery.check_in.uuid, str(error))
            return False
        if not self._can.readable_check_ins:
            self._prove = True
            self._settle(delivery, Outcome(State.UNKNOWN, str(error)))
        return False

    def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        uuid = delivery.check_in.uuid
        self._ledger.settle(uuid, outcome.state, outcome.message, self._clock.wall())
        say = log.info if outcome.state is State.SENT else log.warning
        say(
            "check-in settled",
            platform=self._platform.name,
            person=delivery.check_in.person,
            state=outcome.state.value,
            message=outcome.message,
        )
