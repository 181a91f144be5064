"""What reasons, notes, states and trust mean, and what to do: for people who have no manual."""

from controller.model import Duration, Grant, Hours, Reason, Span, Trust

REASONS: dict[Reason, tuple[str, str]] = {  # what it means, what to do about it
    Reason.GRANTED: ("the door opens", ""),
    Reason.LOCKDOWN: ("the door is in lockdown", "doorward lockdown off, when it is over"),
    Reason.NO_CACHE: (
        "no roster was ever fetched, so nobody is known",
        "doorward status says why; doorward sync tries again",
    ),
    Reason.UNKNOWN: (
        "no platform knows this credential",
        "sync if the person is new; doorward cards match if it is written in another way there",
    ),
    Reason.AMBIGUOUS: (
        "two people hold this credential, so it is nobody's",
        "take it from one of them at the platform, then doorward sync",
    ),
    Reason.BLOCKED: (
        "the person or the credential is blocked",
        "settle it where it is blocked: here (doorward cards list --blocked) or at the platform",
    ),
    Reason.NOT_YET: (
        "the membership, or every grant for this door, begins later",
        "wait, or move the beginning at the platform, then doorward sync",
    ),
    Reason.EXPIRED: (
        "the membership, or every grant for this door, has ended",
        "renew at the platform, then doorward sync",
    ),
    Reason.NO_LABEL: (
        "the person holds no label that this door admits, or one that it refuses",
        "change the plan at the platform, or admits and refuses of the door in the configuration",
    ),
    Reason.OUT_OF_HOURS: (
        "outside the hours of every grant, or of every pass that is left",
        "come within the hours, or change them at the platform",
    ),
    Reason.NO_PASS: (
        "no pass is left",
        'the person buys one, then doorward sync; or no_pass = "admit" for the door',
    ),
    Reason.STALE: (
        "the platform was last heard too long ago for this label",
        "doorward status says why; mend the line to the platform, then doorward sync",
    ),
    Reason.CLOCK: (
        "hours, an end or a pass decide, and the clock is only a guess",
        'let the machine reach a time server, fit an RTC, or set [clock] guessed = "allow"',
    ),
    Reason.PASSBACK: (
        "the person entered here less than anti_passback ago, or is in another area by the record",
        "find out who has their card; then doorward forgive PERSON, or doorward unlock",
    ),
    Reason.WEAK: (
        "what was presented is weaker than the door demands now, or the PIN was not theirs",
        "present a card of the strength that [[doors.<door>.demands]] asks for, and the own PIN",
    ),
    Reason.NO_FACTOR: (
        "the card was good, and no PIN followed in time",
        "present the card again, then type the PIN and #",
    ),
    Reason.ALONE: (
        "the door demands more than one person now, and nobody else followed in time",
        "let all present their cards, one soon after the other",
    ),
    Reason.ATTEMPTS: (
        "too many wrong PINs at this keypad or after this card: it waits for some minutes",
        "wait; a card still works where it is enough",
    ),
    Reason.INTERLOCK: (
        "the other door of the interlock is open or unlocked, or its contact is lost",
        "shut it first, or mend its contact; doorward doors shows which",
    ),
    Reason.ELSEWHERE: (
        "the same card was at another door just now, and nobody gets here so soon",
        "find out who has the other one; a copied card is changed at the platform",
    ),
}
BRIEF: dict[Reason, str] = {  # refusals in a few words, for pictures and lists
    Reason.LOCKDOWN: "lockdown",
    Reason.NO_CACHE: "no list of members yet",
    Reason.UNKNOWN: "unknown card",
    Reason.AMBIGUOUS: "card of two people",
    Reason.BLOCKED: "blocked",
    Reason.NOT_YET: "begins later",
    Reason.EXPIRED: "ended",
    Reason.NO_LABEL: "not for this door",
    Reason.OUT_OF_HOURS: "outside their hours",
    Reason.NO_PASS: "no pass left",
    Reason.STALE: "platform silent for too long",
    Reason.CLOCK: "time not sure",
    Reason.PASSBACK: "is inside already",
    Reason.ELSEWHERE: "card was elsewhere just now",
    Reason.WEAK: "too weak, or wrong PIN",
    Reason.NO_FACTOR: "no PIN followed",
    Reason.ALONE: "nobody came along",
    Reason.ATTEMPTS: "too many wrong PINs",
    Reason.INTERLOCK: "other door of the sluice open",
}
DESK: dict[Reason, str] = {  # what staff can do about it who have the console before them
    Reason.LOCKDOWN: "Lift the lockdown on the page Now, once it is over.",
    Reason.NO_CACHE: "No list of members was ever fetched. The page Now says what is in the way.",
    Reason.UNKNOWN: "If the card is new, enrol it on this page. If they joined a moment ago, "
    "fetch the platforms on the page People.",
    Reason.AMBIGUOUS: "Two people hold this card. Take it from one of them at the platform.",
    Reason.BLOCKED: "A card that was found again is unblocked on this page. A blocked person or "
    "list is settled at the platform.",
    Reason.NOT_YET: "It begins later. If that is wrong, move the beginning at the platform.",
    Reason.EXPIRED: "Renew it at the platform, then ask the platform anew.",
    Reason.NO_LABEL: "Nothing that they hold counts at this door. Change their plan at the "
    "platform, or have the door's settings changed.",
    Reason.OUT_OF_HOURS: "They may come within these hours; to change them, change the plan at the "
    "platform.",
    Reason.NO_PASS: "They need another pass. Once they have it, ask the platform anew.",
    Reason.STALE: "The platform has not answered for too long. The page Now says what is wrong.",
    Reason.CLOCK: "This machine only guesses the time. Until it has reached a time server, open "
    "the door for them on the page Now.",
    Reason.PASSBACK: "By the record they are inside already. If they stand outside, perhaps "
    "somebody used their card: look who it is, then open the door on the page Doors, or type "
    "doorward forgive.",
    Reason.ELSEWHERE: "The card was at another door too short a time ago to be here now. Look who "
    "holds it; if it was copied, block it on this page.",
    Reason.WEAK: "The door asks for a stronger card, or for the card and the PIN.",
}
RULES = {  # each check of `controller.decide`: what is so if it passes, and if it does not
    "no lockdown": ("The door is not in lockdown", "The door is in lockdown"),
    "a roster is known": ("The list of members is there", "No list of members was ever fetched"),
    "credential known": ("The card is known", "Nobody has this card"),
    "one person holds it": ("The card is one person's", "More than one person has this card"),
    "not blocked": ("Neither person nor card is blocked", "The person or the card is blocked"),
    "membership has begun": ("The membership has begun", "The membership begins later"),
    "membership has not ended": ("The membership has not ended", "The membership has ended"),
    "holds a label this door admits": (
        "They hold what this door admits",
        "They hold nothing that this door admits",
    ),
    "the label is in force": ("It is in force today", "It is not in force today"),
    "within hours": ("It is within their hours", "It is outside their hours"),
    "a pass is left, or none is needed": (
        "A pass is left, or none is needed",
        "No pass is left",
    ),
    "roster fresh enough": (
        "The platform was heard lately enough",
        "The platform was heard too long ago",
    ),
    "clock trusted enough": ("The time is sure enough", "The time is only a guess"),
    "no passback": ("They are not inside already", "By the record they are inside already"),
    "presented strongly enough": (
        "The card is strong enough for this door now",
        "The door asks for more than this now",
    ),
}
NOTES = {
    "passed_back": "by the record the person is in another area than this door leads from; the "
    'area says passback = "soft"',
    "renewal_grace": "the paid period ended while the platform could not be reached; admitted for "
    "its renewal_grace",
    "without_pass": 'no pass was left, and the door says no_pass = "admit"',
    "stale_roster": "the platform was last heard longer ago than warn_after",
    "clock_guessed": 'admitted although the clock is a guess, as [clock] guessed = "allow" says',
}
TRUST = {
    Trust.SYNCHRONIZED: "a time server keeps it; hours and ends are decided by it",
    Trust.HELD: "a time server kept it earlier in this boot, or a battery-backed clock or the host "
    "did while the machine was off; hours and ends are decided by it",
    Trust.GUESSED: "a guess: since the power came back nobody has told this machine the time, and "
    "it may be behind by the length of the outage",
}
GUESSED = {
    "deny": "where hours, an end or a pass decide, people are refused",
    "allow": "people are admitted all the same, and it is noted",
}
# States that wait for a person's word, and what that could be.
CHECK_INS = {
    "late": "their visit was over before the platform could be told",
    "refused": "the platform answered no; its words are in the list",
    "unknown": "sent, and no answer came; look at the platform",
}
PLATFORMS_SAID = {  # each `sync.platform.Word`
    "known": "this is the person; they are known as they are there now",
    "unknown": "nobody there has this card, or is this person any more",
    "refused": "it says no",
    "silent": "no answer within the deadline, or none that can be understood",
    "down": "not asked: it did not answer before, and has not since",
    "busy": "not asked: too many questions in the last minute",
}
MAILS = {
    "failed": "the mail server does not take it",
    "unknown": "sent, and no answer came; it may have arrived, and is not sent again by itself",
}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def hours_in_words(hours: Hours) -> str:
    """`Mon–Fri 09:00–17:30 or Sat 10:00–14:00`; empty hours are "at any time"."""
    return " or ".join(_window(window) for window in hours) or "at any time"


def grant_in_words(grant: Grant) -> str:
    """What comes with a label besides its validity."""
    parts = [hours_in_words(grant.hours)] if grant.hours else []
    parts += ["uses a pass"] if grant.uses_pass else []
    parts += ["renews"] if grant.renews else []
    return ", ".join(parts)


def _window(window: Span | Duration) -> str:
    days = _weekdays(window.weekdays)
    if isinstance(window, Duration):
        return f"{days} for {window.minutes} min from the check-in".strip()
    if (window.end + 1) % 1440 == window.start:
        return f"{days} all day from {_clock(window.start)}".strip()
    return f"{days} {_clock(window.start)}–{_clock(window.end)}".strip()


def _weekdays(days: frozenset[int]) -> str:
    """`Mon–Fri`, `Mon, Wed`; nothing for every day."""
    listed = sorted(days)
    if not listed or len(listed) == 7:
        return ""
    first, last = listed[0], listed[-1]
    if len(listed) > 2 and listed == list(range(first, last + 1)):
        return f"{_DAYS[first - 1]}–{_DAYS[last - 1]}"
    return ", ".join(_DAYS[day - 1] for day in listed)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
