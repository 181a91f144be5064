"""The page Now: every door, who came last, what happens, and whether all is well."""

from sync.console.page import Answer, Asked, Page, Shown


def now(asked: Asked) -> Answer:
    """What there is to see at a glance."""
    found = asked.lookout.look()
    return Shown("now.html", {"doors": found["controller"].get("doors", [])})


PAGES = (Page("GET", "/", now),)
